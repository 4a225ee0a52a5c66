package main

// The server: a map of sessions, and others like it that are none of its business.

import (
	"reflect"
	"runtime"
	"strconv"
)

type server struct {
	sessions map[string]int
	spare    [4]map[string]int
	keys     []string
	begin    chan struct{}
	hits     int
}

var srv *server

func (s *server) put(key string, n int)     { s.sessions[key] = n }
func (s *server) get(key string) int        { return s.sessions[key] }
func (s *server) drop(key string)           { delete(s.sessions, key) }
func (s *server) key(i int) string          { return s.keys[i&(len(s.keys)-1)] }
func (s *server) join(name, op string)      { iam(name, op, at(s.sessions)); <-s.begin }
func (s *server) every(f func(string, int)) { walk(s.sessions, f) }

func walk(m map[string]int, f func(string, int)) {
	for k, n := range m {
		f(k, n)
	}
}

// open makes the server with so many sessions and so many keys, a power of two, that its workers use.
func open(sessions, keys int) {
	runtime.GOMAXPROCS(8)
	s := &server{sessions: map[string]int{}, begin: make(chan struct{})}
	for i := 0; i < keys; i++ {
		s.keys = append(s.keys, "session "+strconv.Itoa(i))
	}
	for i := 0; i < sessions; i++ {
		s.put(s.key(i), i)
	}
	for i := range s.spare {
		s.spare[i] = map[string]int{}
		for j := 0; j < 20*i+20; j++ {
			s.spare[i]["spare "+strconv.Itoa(j)] = j
		}
	}
	srv = s
	runtime.GC()
	runtime.GC()
}

// The decoys. None of them touches the sessions.

func (s *server) refill(i int) {
	m := s.spare[i]
	iam("decoy", "write", at(m))
	for n := 0; ; n++ {
		m[s.key(n)] = n
	}
}

//go:noinline
func hold(m map[string]int, c chan int) {
	n := pause("holder", at(m), c)
	m["held"] = n
}

//go:noinline
func (s *server) idle(c chan int) {
	n := pause("reaches", at(s.sessions), c)
	s.put("idle", n)
}

//go:noinline
func (s *server) report(c chan int) (sum int) {
	for k, n := range s.sessions {
		sum += len(k) + n*pause("ranging", at(s.sessions), c)
	}
	return sum
}

//go:noinline
func listen(c chan int) int { return pause("innocent", ^uintptr(0), c) }

//go:noinline
func crunch(x uint32) uint32 {
	iam("innocent", "", ^uintptr(0))
	for x != 0 {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
	}
	return x
}

// crew hires all of them.
func (s *server) crew() {
	never := make(chan int)
	hire(func() { s.refill(0) })
	hire(func() { s.refill(1) })
	hire(func() { hold(s.sessions, never) })
	hire(func() { s.idle(never) })
	hire(func() { s.report(never) })
	hire(func() { listen(never) })
	hire(func() { crunch(2463534242) })
	busy(s.spare[0], "main.srv.spare[0]")
	busy(s.spare[1], "main.srv.spare[1]")
	sound(s.spare[2], "main.srv.spare[2]")
	sound(s.spare[3], "main.srv.spare[3]")
	nap(20)
}

// race lets the workers collide, and waits until the runtime stops the program.
func (s *server) race(workers ...func()) {
	for _, f := range workers {
		hire(f)
	}
	s.crew()
	raced(s.sessions, "main.srv.sessions")
	blame("map", "main.srv.sessions", reflect.TypeOf(s.sessions), at(s.sessions))
	finishTruth()
	close(s.begin)
	watch()
}

func watch() {
	for i := 0; i < 100; i++ {
		nap(100)
	}
	fail("ten seconds of racing and nobody noticed")
}

// The workers.

func (s *server) login(step int) {
	s.join("writer", "write")
	for i := 0; ; i++ {
		s.put(s.key(i*step), i)
	}
}

// loginLate collects first: its line is the last that the runtime prints before it stops the program.
func (s *server) loginLate(step int) {
	s.join("writer", "write")
	runtime.GC()
	for i := 0; ; i++ {
		s.put(s.key(i*step), i)
	}
}

//go:noinline
func (s *server) visit(notes map[string]int, key string, i int) int {
	notes[key] = i
	return s.sessions[key]
}

func (s *server) tour(notes map[string]int, step int) {
	s.join("reader", "read")
	for i := 0; ; i++ {
		key := s.key(i * step)
		s.hits += s.visit(notes, key, i)
	}
}

func (s *server) logout(step int) {
	s.join("writer", "write")
	for i := 0; ; i++ {
		s.drop(s.key(i * step))
	}
}

// churn keeps the map small: six keys at most.
func (s *server) churn(step int) {
	s.join("writer", "write")
	for i := 0; ; i++ {
		s.put(s.keys[i*step%6], i)
		s.drop(s.keys[(i+2)*step%6])
	}
}

func (s *server) lookup(step int) {
	s.join("reader", "read")
	for i := 0; ; i++ {
		s.hits += s.get(s.key(i * step))
	}
}

func (s *server) count() {
	s.join("iterating", "iterate")
	for {
		n := 0
		s.every(func(k string, _ int) { n += len(k) })
		s.hits = n
	}
}

// assign writes as an RPC package would.
func (s *server) assign(step int) {
	s.join("writer", "write")
	m := reflect.ValueOf(s.sessions)
	for i := 0; ; i++ {
		m.SetMapIndex(reflect.ValueOf(s.key(i*step)), reflect.ValueOf(i))
	}
}

func runWrites() {
	open(8, 1024)
	srv.race(func() { srv.login(3) }, func() { srv.login(5) })
}

func runWritesSmall() {
	open(3, 8)
	srv.race(func() { srv.churn(1) }, func() { srv.churn(5) })
}

func runDeleteWrite() {
	open(100, 1024)
	srv.race(func() { srv.logout(3) }, func() { srv.login(5) })
}

func runReflectWrite() {
	open(8, 1024)
	srv.race(func() { srv.assign(3) }, func() { srv.login(5) })
}

func runReadWrite() {
	open(100, 1024)
	srv.race(func() { srv.login(3) }, func() { srv.lookup(5) })
}

// runNotedRead is a race of a reader that has just written another map of the same type, its own: words of
// that are left where the lookup does not keep its own arguments.
func runNotedRead() {
	open(100, 1024)
	notes := map[string]int{}
	srv.race(func() { srv.login(3) }, func() { srv.tour(notes, 5) })
}

func runIterWrite() {
	open(100, 1024)
	srv.race(func() { srv.login(3) }, func() { srv.count() })
}

// runWaits is runWrites for a process that has run and collected for a while.
func runWaits() {
	open(8, 1024)
	never := make(chan int)
	hire(func() { listen(never) })
	hire(func() { hold(srv.sessions, never) })
	for i := 0; i < 5; i++ {
		runtime.GC()
		nap(500)
	}
	srv.race(func() { srv.loginLate(3) }, func() { srv.login(5) })
}

func runClearWrite() {
	open(100, 1024)
	srv.race(func() { srv.login(3) }, srv.reset)
}
