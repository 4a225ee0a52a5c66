package main

// Maps that only a finalizer keeps.

import "runtime"

type anchor struct {
	tag  int
	self *anchor
}

var rootAnchors []*anchor

// setFinalizers sets finalizers that hold maps, on objects that stay.
//
//go:noinline
func setFinalizers() {
	for i := 0; i < 3; i++ {
		a := &anchor{tag: i}
		rootAnchors = append(rootAnchors, a)
		m := fill(2+15*i, str, toLabel)
		tell(wayFinalizer, "finalizer (func).m", "finalizer,closure", m)
		runtime.SetFinalizer(a, func(*anchor) { sinkInt += len(m) })
	}
}

// makeDoomed makes objects that nothing but their finalizer leads to: the next
// collection, which never comes, would hand them to it.
//
//go:noinline
func makeDoomed() {
	for i := 1; i < 4; i++ {
		b := newRootBox(5 * i)
		tell(wayFinalizer, "finalizer object.m", "finalizer,pointer,struct", b.m)
		tell(wayFinalizer, "finalizer object.n", "finalizer,pointer,struct", b.n)
		runtime.SetFinalizer(b, func(b *rootBox) { sinkInt += b.tag })
	}
}
