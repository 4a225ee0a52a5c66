package main

// Bugs of the kind that two goroutines use a map at the same time.

import "unsafe"

// word is a map's word.
func word[M any](m M) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m)) }

// A store of items, used through an interface.
type store struct {
	items map[string]int
	keys  []string
	hits  int
}

type cache interface {
	Put(key string, n int)
	Get(key string) int
	Drop(key string)
}

func (s *store) Put(key string, n int) { s.items[key] = n }
func (s *store) Get(key string) int    { return s.items[key] }
func (s *store) Drop(key string)       { delete(s.items, key) }
func (s *store) key(i int) string      { return s.keys[i&(len(s.keys)-1)] }

var shop *store

func open() cache {
	s := &store{items: map[string]int{}}
	for i := 0; i < 64; i++ {
		s.keys = append(s.keys, "item "+hex(uint64(i)))
		s.items[s.keys[i]] = i
	}
	shop = s
	raced(word(s.items), "map[string]int", "main.shop.items")
	return s
}

// fill and look are what the goroutines do; the store is behind an interface.
func fill(c cache, key func(int) string) {
	for i := 0; ; i++ {
		c.Put(key(i), i)
	}
}

func look(c cache, key func(int) string) (sum int) {
	for i := 0; ; i++ {
		sum += c.Get(key(3 * i))
	}
}

func runPutGet() {
	c := open()
	finishTruth()
	go func() { fill(c, shop.key) }()
	go func() { shop.hits = look(c, shop.key) }()
	watch()
}

// clean drops what is old: the same map, another bug.
func clean(c cache, key func(int) string) {
	for i := 0; ; i++ {
		c.Drop(key(5 * i))
	}
}

func runPutDrop() {
	c := open()
	finishTruth()
	go fill(c, shop.key)
	go clean(c, shop.key)
	watch()
}

// stats has a map of the same type as the store's, and generic code around it.
type stats[K comparable] struct {
	counts map[K]int
}

func (s *stats[K]) bump(k K) int {
	s.counts[k]++
	return s.counts[k]
}

type number interface{ ~int | ~string }

func bumpAll[K number](s *stats[K], keys []K) (sum int) {
	each(keys, func(k K) { sum += s.bump(k) })
	return sum
}

func each[K any](keys []K, f func(K)) {
	for _, k := range keys {
		f(k)
	}
}

var board stats[string]

func runBumpBump() {
	board.counts = map[string]int{}
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}
	raced(word(board.counts), "map[string]int", "main.board.counts")
	finishTruth()
	bump := func() {
		for {
			bumpAll(&board, keys)
		}
	}
	go bump()
	go func() {
		for i := 0; ; i++ {
			board.reset(keys[i&15])
		}
	}()
	watch()
}

func (s *stats[K]) reset(k K) { s.counts[k] = 0 }

// registry is iterated by a function that is given one.
type registry[K comparable, V any] struct {
	byID map[K]V
}

func (r *registry[K, V]) all(yield func(K, V) bool) {
	for k, v := range r.byID {
		if !yield(k, v) {
			return
		}
	}
}

func (r *registry[K, V]) add(k K, v V) { r.byID[k] = v }

type user struct{ id, logins int }

var users registry[int, user]

func report() (sum int) {
	users.all(func(id int, u user) bool {
		sum += id + u.logins
		return true
	})
	return sum
}

var reports int

func runRangePut() {
	users.byID = map[int]user{}
	for i := 0; i < 100; i++ {
		users.add(i, user{i, 0})
	}
	raced(word(users.byID), "map[int]main.user", "main.users.byID")
	finishTruth()
	go func() {
		for {
			reports += report()
		}
	}()
	go func() {
		for i := 0; ; i++ {
			users.add(i&127, user{i & 127, i})
		}
	}()
	watch()
}

// names is a package variable.
var names map[string]int

func rename(i int) { names["name "+hex(uint64(i&63))] = i }

func lookUp(i int) int { return names["name "+hex(uint64(i&63))] }

func runGlobal() {
	names = map[string]int{}
	raced(word(names), "map[string]int", "main.names")
	finishTruth()
	go func() {
		for i := 0; ; i++ {
			rename(i)
		}
	}()
	for i := 0; ; i++ {
		reports += lookUp(i)
	}
}

// captured has a map that only closures hold.
func captured(workers int) {
	seen := map[string]int{}
	keys := []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14", "k15"}
	note(word(seen), "map[string]int", "seen in main.captured", "stack", "stack", "any")
	finishTruth()
	for w := 0; w < workers; w++ {
		w := w
		go func() {
			for i := 0; ; i++ {
				seen[keys[(i*w+w)&15]] = i
			}
		}()
	}
	watch()
}

// A server whose handlers work on one map; most goroutines wait.
type server struct {
	sessions map[string]int
	requests chan string
	routes   map[string]handler
}

type handler func(s *server, key string) int

func (s *server) login(key string) int  { s.sessions[key]++; return 1 }
func (s *server) logout(key string) int { delete(s.sessions, key); return 2 }
func (s *server) whoami(key string) int { return s.sessions[key] }

func (s *server) handle(route, key string) int {
	return s.routes[route](s, key)
}

func (s *server) serve(route string, n int) {
	for i := n; ; i++ {
		key := "session " + hex(uint64(i&31))
		if s.handle(route, key) < 0 {
			return
		}
	}
}

func (s *server) idle() {
	for key := range s.requests {
		s.handle("login", key)
	}
}

var srv *server

func runHandlers() {
	srv = &server{
		sessions: map[string]int{},
		requests: make(chan string),
		routes: map[string]handler{
			"login":  (*server).login,
			"whoami": (*server).whoami,
		},
	}
	raced(word(srv.sessions), "map[string]int", "main.srv.sessions")
	sound(word(srv.routes), "map[string]main.handler", "main.srv.routes")
	finishTruth()
	for i := 0; i < 20; i++ {
		go srv.idle()
	}
	go srv.serve("login", 0)
	go srv.serve("whoami", 7)
	watch()
}
