package main

// Parked goroutines whose outer frames hold maps: callers, recursion, methods,
// generic functions, and functions that are inlined.

import "runtime"

func parkFrames() {
	start(outerFrame)
	start(func() { recursive(5, nil) })
	start(func() { newRootBox(3).restWith(fill(4, str, toDay)) })
	start(func() { newRootBox(6).restCopied() })
	start(func() { generic(fill(13, toLabel, toFour), "generic") })
	start(func() { generic(fill(2, toPlain, newRootLeaf), plain{}) })
	start(func() { sinkInt = genericBox[weekday]{m: fill(10, str, toDay)}.restIn(1) })
	start(callsInlined)
	start(callsInlinedDeep)
}

//go:noinline
func outerFrame() {
	m := fill(16, str, newPlain)
	tell(wayStack, "stack main.outerFrame: m", "stack", m)
	middleFrame(fill(3, same, toRatio), 7)
	sinkInt += len(m)
}

//go:noinline
func middleFrame(m map[int]ratio, n int) {
	tell(wayStack, "stack main.middleFrame: m", "stack", m)
	x := fill(n, toLabel, str)
	tell(wayStack, "stack main.middleFrame: x", "stack", x)
	passFrame(n)
	sinkInt += len(m) + len(x)
}

// passFrame holds nothing.
//
//go:noinline
func passFrame(n int) {
	innerFrame(fill(n, toWide, odd), "inner")
}

//go:noinline
func innerFrame(m map[uint64]bool, s string) {
	tell(wayStack, "stack main.innerFrame: m", "stack", m)
	rest()
	sinkInt += len(m) + len(s)
}

// recursive holds a map of its own on each level; the caller's is one more way
// to it.
//
//go:noinline
func recursive(n int, above map[int]string) int {
	m := fill(6*n, same, str)
	tell(wayStack, "stack main.recursive: m", "stack", m)
	if n == 0 {
		rest()
	} else {
		sinkInt += recursive(n-1, m)
	}
	return len(m) + len(above)
}

//go:noinline
func (r *rootBox) restWith(arg map[string]weekday) {
	tell(wayStack, "stack main.(*rootBox).restWith: r.m", "stack,pointer,struct", r.m)
	tell(wayStack, "stack main.(*rootBox).restWith: r.n", "stack,pointer,struct", r.n)
	tell(wayStack, "stack main.(*rootBox).restWith: arg", "stack", arg)
	rest()
	sinkInt += len(arg) + r.tag
}

//go:noinline
func (r rootBox) restCopied() {
	tell(wayStack, "stack main.rootBox.restCopied: r.m", "stack,struct", r.m)
	tell(wayStack, "stack main.rootBox.restCopied: r.n", "stack,struct", r.n)
	rest()
	sinkInt += len(r.m) + len(r.n) + r.tag
}

//go:noinline
func generic[K comparable, V any](m map[K]V, k K) {
	tell(wayStack, "stack main.generic[...]: m", "stack", m)
	rest()
	if _, ok := m[k]; ok {
		sinkInt++
	}
}

type genericBox[T any] struct {
	m    map[string]T
	none []T
}

//go:noinline
func (b genericBox[T]) restIn(n int) int {
	own := fill(n, toDay, func(int) T { var t T; return t })
	tell(wayStack, "stack main.genericBox[...].restIn: b.m", "stack,struct", b.m)
	tell(wayStack, "stack main.genericBox[...].restIn: own", "stack", own)
	rest()
	return len(b.m) + len(own) + len(b.none)
}

// tellAndRest is small on the caller's side, so that the caller is inlined.
//
//go:noinline
func tellAndRest(held string, m any) {
	tell(wayStack, held, "stack", m)
	rest()
}

// inlinedArg and inlinedLocal are inlined where they are called.
func inlinedArg(m map[padded]int) int {
	tellAndRest("stack main.inlinedArg: m", m)
	return len(m)
}

func inlinedLocal(n int) int {
	m := make(map[label]int, 40)
	m["inlined"] = n
	tellAndRest("stack main.inlinedLocal: m", m)
	return len(m)
}

//go:noinline
func callsInlined() {
	sinkInt += inlinedArg(fill(8, toPadded, same))
}

// A chain of inlined calls: the map is a local of one of them.
func inlinedOne(n int) int { return inlinedTwo(n+1) + 1 }
func inlinedTwo(n int) int { return inlinedLocal(n*2) + n }

//go:noinline
func callsInlinedDeep() {
	outer := fill(4, str, str)
	tell(wayStack, "stack main.callsInlinedDeep: outer", "stack", outer)
	sinkInt += inlinedOne(3)
	runtime.KeepAlive(outer)
}
