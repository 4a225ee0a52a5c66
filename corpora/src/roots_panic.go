package main

// The roots once more, ended by a panic at the bottom of a chain of calls that
// is inlined in part, while some goroutines have not run yet.

import "runtime"

// Func values that are about to be started, and arguments for them. All are
// nil again when the program dies.
var (
	pendingGo   [3]func()
	pendingBox  *rootBox
	pendingMap  map[label]padded
	pendingText string
)

func ranTooEarly() { fail("a goroutine ran that should not have been started") }

//go:noinline
func prepareUnstarted() {
	m := fill(14, str, toDay)
	tell(wayGoroutine, "goroutine main.prepareUnstarted.func1: m", "goroutine,closure", m)
	pendingGo[0] = func() { ranTooEarly(); sinkInt += len(m) }
	b := newRootBox(5)
	tell(wayGoroutine, "goroutine main.prepareUnstarted.func2: b.m", "goroutine,closure,pointer,struct", b.m)
	tell(wayGoroutine, "goroutine main.prepareUnstarted.func2: b.n", "goroutine,closure,pointer,struct", b.n)
	pendingGo[1] = func() { ranTooEarly(); sinkInt += b.tag }
	few, many := fill(2, toPlain, str), fill(70, toPlain, newInt)
	tell(wayGoroutine, "goroutine main.prepareUnstarted.func3: few", "goroutine,closure", few)
	tell(wayGoroutine, "goroutine main.prepareUnstarted.func3: many", "goroutine,closure", many)
	pendingGo[2] = func() { ranTooEarly(); sinkInt += len(few) + len(many) }
	pendingBox = newRootBox(4)
	tell(wayGoroutine, "goroutine main.(*rootBox).early: r.m", "goroutine,closure,pointer,struct", pendingBox.m)
	tell(wayGoroutine, "goroutine main.(*rootBox).early: r.n", "goroutine,closure,pointer,struct", pendingBox.n)
	pendingMap, pendingText = fill(23, toLabel, toPadded), "early"
	tell(wayGoroutine, "goroutine main.withArguments: m", "goroutine,closure", pendingMap)
}

//go:noinline
func (r *rootBox) early() { ranTooEarly(); sinkInt += r.tag }

//go:noinline
func withArguments(s string, m map[label]padded) { ranTooEarly(); sinkInt += len(s) + len(m) }

// startUnstarted starts goroutines that never get to run: there is one
// processor, and who calls this keeps it.
//
//go:noinline
func startUnstarted() {
	for i := range pendingGo {
		f := pendingGo[i]
		pendingGo[i] = nil
		go f()
	}
	b := pendingBox
	pendingBox = nil
	go b.early()
	m := pendingMap
	pendingMap = nil
	go withArguments(pendingText, m)
}

func runRootsPanic() {
	makeRoots()
	startSpinners(waySpun)
	prepareUnstarted()
	roomy(8)
	fallOuter(fill(15, toRatio, newPlain), 3)
}

//go:noinline
func fallOuter(m map[ratio]*plain, n int) {
	tell(wayStack, "stack main.fallOuter: m", "stack", m)
	own := map[label]int{"on the stack": 1}
	own["of main"] = n
	tellOnStack("stack main.fallOuter: own", own)
	sinkInt += fallInlined(n) + len(m) + len(own)
}

func fallInlined(n int) int { return fallThrough(n*2) + n }
func fallThrough(n int) int { return fallGeneric(n, label("generic")) + 1 }

//go:noinline
func fallGeneric[K comparable](n int, k K) int {
	m := map[K]int{k: n}
	tell(wayStack, "stack main.fallGeneric[...]: m", "stack", m)
	f := func(i int) int {
		b := genericBox[plain]{m: fill(i, str, toPlain)}
		return b.fall(i) + len(m)
	}
	return f(n)
}

//go:noinline
func (b *genericBox[T]) fall(n int) int {
	tell(wayStack, "stack main.(*genericBox[...]).fall: b.m", "stack,pointer,struct", b.m)
	fallRecursive(5, n)
	return len(b.m)
}

//go:noinline
func fallRecursive(n, at int) {
	if n > 0 {
		fallRecursive(n-1, at)
		sinkInt++
		return
	}
	recordTold()
	finishTruth()
	runtime.GOMAXPROCS(1)
	startUnstarted()
	fallLast(at)
}

func fallLast(at int) { fallVeryLast(at + 1) }

func fallVeryLast(at int) {
	if at > 0 {
		panic("the bottom of a deep chain")
	}
	sinkInt = at
}
