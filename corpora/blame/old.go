//go:build !go1.21

package main

func newScenarios() []scenario { return nil }

// reset clears the sessions as one did before there was clear.
func (s *server) reset() {
	s.join("writer", "write")
	for {
		for k := range s.sessions {
			delete(s.sessions, k)
		}
	}
}
