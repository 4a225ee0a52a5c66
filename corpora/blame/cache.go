package main

// Races on maps with other keys than strings, in generic code.

import (
	"reflect"
	"runtime"
	"strconv"
)

type cache[K comparable] struct {
	entries map[K]int
	spare   [2]map[K]int
	keys    []K
	begin   chan struct{}
}

type visitor struct {
	name string
	id   int64
}

var (
	counters *cache[int]
	visits   *cache[visitor]
)

func newCache[K comparable](key func(i int) K) *cache[K] {
	runtime.GOMAXPROCS(8)
	c := &cache[K]{entries: map[K]int{}, begin: make(chan struct{})}
	for i := 0; i < 1024; i++ {
		c.keys = append(c.keys, key(i))
	}
	for i := range c.spare {
		c.spare[i] = map[K]int{}
	}
	for i := 0; i < 8; i++ {
		c.put(c.keys[i], i)
	}
	runtime.GC()
	return c
}

func (c *cache[K]) put(key K, n int) { c.entries[key] = n }

func (c *cache[K]) fill(step int) {
	iam("writer", "write", at(c.entries))
	<-c.begin
	for i := 0; ; i++ {
		c.put(c.keys[i*step&1023], i)
	}
}

func (c *cache[K]) refill(i int) {
	m := c.spare[i]
	iam("decoy", "write", at(m))
	for n := 0; ; n++ {
		m[c.keys[n&1023]] = n
	}
}

//go:noinline
func holdAny[K comparable](m map[K]int, key K, c chan int) {
	n := pause("holder", at(m), c)
	m[key] = n
}

//go:noinline
func (c *cache[K]) idle(key K, never chan int) {
	n := pause("reaches", at(c.entries), never)
	c.put(key, n)
}

//go:noinline
func (c *cache[K]) report(never chan int) (sum int) {
	for _, n := range c.entries {
		sum += n * pause("ranging", at(c.entries), never)
	}
	return sum
}

func (c *cache[K]) race(held string) {
	never := make(chan int)
	hire(func() { c.fill(3) })
	hire(func() { c.fill(5) })
	hire(func() { c.refill(0) })
	hire(func() { c.refill(1) })
	hire(func() { holdAny(c.entries, c.keys[9], never) })
	hire(func() { c.idle(c.keys[9], never) })
	hire(func() { c.report(never) })
	hire(func() { listen(never) })
	hire(func() { crunch(2463534242) })
	busy(c.spare[0], held+".spare[0]")
	busy(c.spare[1], held+".spare[1]")
	raced(c.entries, held+".entries")
	blame("map", held+".entries", reflect.TypeOf(c.entries), at(c.entries))
	finishTruth()
	nap(20)
	close(c.begin)
	watch()
}

func runWritesInt() {
	counters = newCache(func(i int) int { return i * i })
	counters.race("main.counters")
}

func runWritesStruct() {
	visits = newCache(func(i int) visitor { return visitor{"visitor " + strconv.Itoa(i&7), int64(i)} })
	visits.race("main.visits")
}
