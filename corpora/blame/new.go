//go:build go1.21

package main

// What came with Go 1.21: clear and maps.Clone.

import "maps"

func newScenarios() []scenario { return []scenario{{"clone-write", runCloneWrite}} }

// backup copies the sessions again and again. The truth knows nothing of the copies, so no header of one stays behind.
func (s *server) backup() {
	s.join("cloner", "clone")
	for {
		m := maps.Clone(s.sessions)
		s.hits = len(m)
		zero(header(wordOfAny(m)))
	}
}

func zero[T any](p *T) {
	var none T
	*p = none
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
