//go:build more

package main

// What another version of the program has more: other closures, other lines, other functions around the bugs.

import "runtime"

type counters[K comparable] struct {
	first, last K
	seen        int
}

func (c *counters[K]) see(k K) func() int {
	if c.seen == 0 {
		c.first = k
	}
	c.last = k
	c.seen++
	return func() int { return c.seen }
}

var warm = func() int { return 1 }

var warmer = func(n int) func() int { return func() int { return n + warm() } }

func init() {
	f := func() int { return warmer(2)() }
	warm = func() int { return 0 }
	_ = f()
}

func warmUp() {
	runtime.GOMAXPROCS(4)
	var c counters[string]
	steps := []func(){
		func() { c.see("a") },
		func() { func() { c.see("b")() }() },
	}
	for _, step := range steps {
		step()
	}
}

func runCaptured() {
	never := func(n int) bool { return n < 0 }
	if never(len(told)) {
		return
	}
	captured(4)
}
