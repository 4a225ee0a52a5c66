package main

// The other deaths whose point is what the runtime prints: a throw, a deadlock,
// and a fault at an address that is not nil.

import (
	"runtime"
	"sync"
	"unsafe"
)

type guarded struct {
	mu    sync.Mutex
	count int
}

func (g *guarded) leave()      { g.mu.Unlock() }
func (g *guarded) leaveTwice() { g.leave(); g.count++; g.leave() }

//go:noinline
func (g *guarded) work(n int) {
	if n > 0 {
		g.work(n - 1)
		return
	}
	g.mu.Lock()
	g.leaveTwice()
}

//go:noinline
func withGuard[T any](x *T, f func(*T)) { f(x) }

func runTraceThrow() {
	parkForTrace()
	prepareCrash()
	withGuard(new(guarded), func(g *guarded) {
		defer func() { recover() }() // which does not help
		g.work(3)
	})
}

// runTraceDeadlock leaves nobody who could wake anybody: no thread may be in a
// system call, and no timer may be set.
func runTraceDeadlock() {
	start(func() { (&waiter{"receiver"}).receive(make(chan string)) })
	start(func() { sinkInt = genericWait(make(chan label), "label", func(l label) int { return len(l) }) })
	start(func() {
		var mu sync.Mutex
		mu.Lock()
		told <- true
		mu.Lock()
	})
	start(func() { sinkInt = descend(120) })
	quiet.build()
	runtime.GC()
	runtime.GC()
	prepareNothing()
	waitForever(make(chan rootBox), 3)
}

func prepareNothing() {
	recordQuiet()
	finishTruth()
}

//go:noinline
func waitForever(c chan rootBox, n int) int {
	if n > 0 {
		return waitForever(c, n-1) + 1
	}
	return waitInlined(c)
}

func waitInlined(c chan rootBox) int {
	b := <-c
	return b.tag
}

func runTraceSegv() {
	parkForTrace()
	prepareCrash()
	sinkInt = readFar(&far, 2)
}

// far is an address that is never mapped.
var far uintptr = nowhere

// load, loadField and loadTwice are inlined.
func load(p unsafe.Pointer) int                 { return *(*int)(p) }
func loadField(p unsafe.Pointer, i int) int     { return load(unsafe.Add(p, i*8)) }
func loadTwice(p *unsafe.Pointer, i int) int    { return loadField(*p, i) + loadField(*p, i+1) }
func (r *rootBox) loadIn(p *unsafe.Pointer) int { return loadTwice(p, r.tag) }

//go:noinline
func readFar(at *uintptr, n int) int {
	if n > 0 {
		return readFar(at, n-1) + n
	}
	b := rootBox{tag: 5}
	return b.loadIn((*unsafe.Pointer)(unsafe.Pointer(at)))
}
