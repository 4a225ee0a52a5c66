package main

// Running goroutines that hold a map in a register only: they got it as an
// argument or as a result, and spin without calling anything.

import "sync/atomic"

var spinning, enough uint32

// startSpinners starts them one after the other. From then on nothing may stop
// the world, unless goroutines can be preempted.
func startSpinners(w *way) {
	spinWay = w
	spin := func(f func()) {
		n := atomic.LoadUint32(&spinning)
		go f()
		for atomic.LoadUint32(&spinning) == n {
			nap(1)
		}
	}
	spin(func() { sinkInt = spinArgument(spinInts(), &spinning, &enough) })
	spin(func() { sinkInt = spinSecond(1, spinHolders(), &spinning, &enough) })
	spin(spinLocal)
	spin(func() { sinkInt = spinPointer(spinBox(), &spinning, &enough) })
	spin(spinUnder)
}

var spinWay *way

//go:noinline
func spinInts() map[int32]int64 {
	m := fill(30, func(i int) int32 { return int32(i) }, func(i int) int64 { return int64(i) << 32 })
	tell(spinWay, "register main.spinArgument: m", "register", m)
	return m
}

//go:noinline
func spinArgument(m map[int32]int64, on, off *uint32) int {
	atomic.AddUint32(on, 1)
	for atomic.LoadUint32(off) == 0 {
	}
	return len(m)
}

//go:noinline
func spinHolders() map[string]*rootBox {
	m := map[string]*rootBox{"in a register": newRootBox(2)}
	tell(spinWay, "register main.spinSecond: m", "register", m)
	return m
}

//go:noinline
func spinSecond(n int, m map[string]*rootBox, on, off *uint32) int {
	atomic.AddUint32(on, 1)
	for atomic.LoadUint32(off) == 0 {
		n++
	}
	return len(m) + n
}

//go:noinline
func spinLabels() map[label]mixed {
	m := fill(20, toLabel, func(i int) mixed { return mixed{F: float64(i), S: str(i)} })
	tell(spinWay, "register main.spinLocal: m", "register", m)
	return m
}

//go:noinline
func spinLocal() {
	m := spinLabels()
	atomic.AddUint32(&spinning, 1)
	for atomic.LoadUint32(&enough) == 0 {
	}
	sinkInt = len(m)
}

//go:noinline
func spinBox() *rootBox {
	b := newRootBox(4)
	tell(spinWay, "register main.spinPointer: b.m", "register,pointer,struct", b.m)
	tell(spinWay, "register main.spinPointer: b.n", "register,pointer,struct", b.n)
	return b
}

//go:noinline
func spinPointer(b *rootBox, on, off *uint32) int {
	atomic.AddUint32(on, 1)
	for atomic.LoadUint32(off) == 0 {
	}
	return len(b.m)
}

//go:noinline
func spinBytes() map[uint8]string {
	m := fill(5, toByte, str)
	tell(spinWay, "register main.spinUnderneath: m", "register", m)
	return m
}

// spinUnder holds a map in its frame, and calls one that holds another in a
// register.
//
//go:noinline
func spinUnder() {
	m := fill(22, str, toByte)
	tell(wayStack, "stack main.spinUnder: m", "stack", m)
	sinkInt = spinUnderneath(spinBytes(), &spinning, &enough)
	sinkInt += len(m)
}

//go:noinline
func spinUnderneath(m map[uint8]string, on, off *uint32) int {
	atomic.AddUint32(on, 1)
	for atomic.LoadUint32(off) == 0 {
	}
	return len(m)
}
