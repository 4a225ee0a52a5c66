package main

// Functions with ten maps of one type, of which the seventh is the one.

import (
	"reflect"
	"strconv"
)

//go:noinline
func newShard(n int) map[string]int {
	m := map[string]int{}
	for i := 0; i < 5*n; i++ {
		m["shard "+strconv.Itoa(i)] = n
	}
	return m
}

//go:noinline
func newIndex(n int) map[any]int {
	if n < 0 {
		return nil
	}
	m := map[any]int{}
	for i := 0; i < 5*n; i++ {
		m[i] = n
	}
	return m
}

//go:noinline
func total(maps ...map[string]int) (n int) {
	for _, m := range maps {
		n += len(m)
	}
	return n
}

//go:noinline
func totalIndex(maps ...map[any]int) (n int) {
	for _, m := range maps {
		n += len(m)
	}
	return n
}

// merge is the function that two goroutines run at the same time.
//
//go:noinline
func (s *server) merge(a, b, c, d, e, f, g, h, i, j map[string]int, step int) {
	iam("writer", "write", at(g))
	<-s.begin
	for n := 0; n < 1<<40; n++ {
		g[s.key(n*step)] = n
	}
	s.hits = total(a, b, c, d, e, f, g, h, i, j)
}

// shards has ten maps and gives them to two goroutines.
func (s *server) shards(never chan int) {
	a, b, c, d, e := newShard(1), newShard(2), newShard(3), newShard(4), newShard(5)
	f, g, h, i, j := newShard(6), newShard(7), newShard(8), newShard(9), newShard(10)
	for n, m := range [...]map[string]int{a, b, c, d, e, f, nil, h, i, j} {
		if m != nil {
			local(m, "stack main.(*server).shards: "+"abcdefghij"[n:n+1], "ok")
		}
	}
	local(g, "stack main.(*server).shards: g", "any")
	go s.merge(a, b, c, d, e, f, g, h, i, j, 3)
	go s.merge(a, b, c, d, e, f, g, h, i, j, 5)
	s.hits = total(a, b, c, d, e, f, g, h, i, j) + pause("holder", at(g), never)
	s.hits += total(a, b, c, d, e, f, g, h, i, j)
}

func runTenMaps() {
	open(8, 1024)
	go srv.shards(make(chan int))
	for n := 0; n < 3; n++ {
		staff = append(staff, <-joined)
	}
	srv.ten(map[string]int{}, "merge")
	finishTruth()
	close(srv.begin)
	watch()
}

// ten blames the map of the goroutine that came first: g, of that function.
func (s *server) ten(like any, function string) {
	s.crew()
	sound(s.sessions, "main.srv.sessions")
	blame("map", "stack main.(*server)."+function+": g", reflect.TypeOf(like), staff[0].notMap)
}

// find has ten maps, and one goroutine that runs it.
func (s *server) find(key any, seventh int) {
	a, b, c, d, e := newIndex(1), newIndex(2), newIndex(3), newIndex(4), newIndex(5)
	f, g, h, i, j := newIndex(6), newIndex(seventh), newIndex(8), newIndex(9), newIndex(10)
	for n, m := range [...]map[any]int{a, b, c, d, e, f, g, h, i, j} {
		local(m, "stack main.(*server).find: "+"abcdefghij"[n:n+1], "ok")
	}
	iam("writer", "write", at(g))
	<-s.begin
	g[key] = totalIndex(a, b, c, d, e, f, g, h, i, j)
	s.hits = totalIndex(a, b, c, d, e, f, g, h, i, j)
}

func runTen(key any, seventh int) {
	open(8, 1024)
	hire(func() { srv.find(key, seventh) })
	srv.ten(map[any]int{}, "find")
	finishTruth()
	close(srv.begin)
	watch()
}

func runTenUnhashable() { runTen([]int{1, 2, 3}, 7) }
func runTenNil()        { runTen("key", -1) }
