//go:build go1.21

package main

// What came with Go 1.21: clear and maps.Clone.

import "maps"

func newScenarios() []scenario { return []scenario{{"clone-write", runCloneWrite}} }

// backup copies the sessions again and again.
func (s *server) backup() {
	s.join("cloner", "clone")
	for {
		s.hits = len(maps.Clone(s.sessions))
	}
}

func runCloneWrite() {
	open(100, 1024)
	srv.race(func() { srv.login(3) }, srv.backup)
}

// reset clears the sessions again and again.
func (s *server) reset() {
	s.join("writer", "write")
	for {
		clear(s.sessions)
	}
}
