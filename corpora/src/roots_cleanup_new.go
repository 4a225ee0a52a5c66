//go:build go1.24

package main

// Maps that only a cleanup keeps: they are its argument.

import "runtime"

//go:noinline
func setCleanups() {
	a := &anchor{tag: 100}
	rootAnchors = append(rootAnchors, a)
	m := fill(11, toLabel, toDay)
	tell(wayCleanup, "cleanup arg", "cleanup", m)
	runtime.AddCleanup(a, func(m map[label]weekday) { sinkInt += len(m) }, m)

	b := *newRootBox(3)
	tell(wayCleanup, "cleanup arg.m", "cleanup,struct", b.m)
	tell(wayCleanup, "cleanup arg.n", "cleanup,struct", b.n)
	runtime.AddCleanup(a, func(b rootBox) { sinkInt += b.tag }, b)

	p := newRootBox(9)
	tell(wayCleanup, "cleanup arg.m", "cleanup,pointer,struct", p.m)
	tell(wayCleanup, "cleanup arg.n", "cleanup,pointer,struct", p.n)
	runtime.AddCleanup(a, func(b *rootBox) { sinkInt += b.tag }, p)

	c := fill(6, toRatio, str)
	tell(wayCleanup, "cleanup (func).c", "cleanup,closure", c)
	runtime.AddCleanup(a, func(n int) { sinkInt += len(c) + n }, 1)
}
