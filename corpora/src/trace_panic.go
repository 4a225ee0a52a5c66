package main

// A panic whose traceback has everything in it: inlined functions, a method, a
// generic function, a closure, deferred functions that panic again, and
// goroutines that wait in every way there is.

import (
	"runtime"
	"sync"
)

type traceNode struct {
	value int
	next  *traceNode
}

type tracer[T any] struct {
	item T
	node *traceNode
}

// readNode and readNext are inlined; the fault is in the first.
func readNode(n *traceNode) int { return n.value }
func readNext(n *traceNode) int { return readNode(n.next) + 1 }

//go:noinline
func (t *tracer[T]) read(depth int) int {
	if depth > 0 {
		return t.read(depth-1) + 1
	}
	return readNext(t.node)
}

//go:noinline
func readThrough[T any](item T, depth int) int {
	t := &tracer[T]{item, &traceNode{value: depth}}
	f := func(d int) int { return t.read(d) * 2 }
	return f(depth) + 1
}

func runTracePanic() {
	parkForTrace()
	prepareCrash()
	panicAgain()
}

//go:noinline
func panicAgain() {
	defer panicThird([]int{1, 2, 3})
	defer func() {
		if r := recover(); r != nil {
			defer func() { panic(hiccup("and again while deferred")) }()
			panic(&trouble{len(quiet.ints)})
		}
	}()
	sinkInt = readThrough("generic", 2) + readThrough(1.5, 1)
}

func panicThird(x []int) {
	if len(x) > 0 {
		panic(stringer{"the third panic"})
	}
}

// stringer is an error with a method on a struct.
type stringer struct{ text string }

func (s stringer) Error() string { return s.text }

// descend is deep enough for the runtime to leave out frames.
//
//go:noinline
func descend(n int) int {
	if n == 0 {
		told <- true
		return <-parked
	}
	return descend(n-1) + n
}

type waiter struct{ name string }

//go:noinline
func (w *waiter) receive(c chan string) int {
	told <- true
	return len(<-c) + len(w.name)
}

//go:noinline
func (w waiter) send(c chan<- waiter, _ int, _ []byte) {
	told <- true
	c <- w
}

//go:noinline
func genericWait[T any](c chan T, x T, f func(T) int) int {
	told <- true
	select {
	case c <- x:
	case y := <-c:
		return f(y)
	case sinkInt = <-parked:
	}
	return f(x)
}

func parkForTrace() {
	start(func() { (&waiter{"receiver"}).receive(make(chan string)) })
	start(func() { waiter{"sender"}.send(make(chan waiter), 3, []byte("bytes")) })
	start(func() { sinkInt = genericWait(make(chan label), "label", func(l label) int { return len(l) }) })
	start(func() {
		var nothing chan int
		told <- true
		<-nothing
	})
	start(func() {
		told <- true
		select {}
	})
	start(func() {
		var mu sync.Mutex
		mu.Lock()
		told <- true
		mu.Lock()
	})
	start(func() {
		var mu sync.RWMutex
		mu.Lock()
		told <- true
		mu.RLock()
	})
	start(func() {
		var wg sync.WaitGroup
		wg.Add(1)
		told <- true
		wg.Wait()
	})
	start(func() {
		var mu sync.Mutex
		mu.Lock()
		c := sync.NewCond(&mu)
		told <- true
		c.Wait()
	})
	start(func() {
		told <- true
		sleepLong()
	})
	start(func() {
		told <- true
		nap(3600 * 1000)
	})
	start(func() {
		runtime.LockOSThread()
		told <- true
		<-parked
	})
	start(func() { sinkInt = descend(230) })
	start(func() { sinkInt = sumUp(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, [2]string{"a", "b"}, plain{1, 2}) })
	nap(20)
}

// sumUp has more arguments than a traceback shows.
//
//go:noinline
func sumUp(a, b, c, d, e, f, g, h, i, j, k int, s [2]string, p plain) int {
	told <- true
	return a + b + c + d + e + f + g + h + i + j + k + len(s[<-parked&1]) + int(p.A)
}
