package main

// Parked goroutines whose innermost user frame holds a map: in an argument, in
// a local, or behind one.

import (
	"runtime"
	"sync"
)

type rootBox struct {
	tag int
	m   map[label]weekday
	n   map[weekday]*plain
}

func toLabel(i int) label     { return label(str(i)) }
func toDay(i int) weekday     { return weekday(i) }
func toRatio(i int) ratio     { return ratio(i) / 4 }
func toPlain(i int) plain     { return plain{int32(i), -1} }
func newPlain(i int) *plain   { return &plain{int32(i), int32(-i)} }
func toPadded(i int) padded   { return padded{B: int64(i)} }
func toWide(i int) uint64     { return uint64(i) * 0x9e3779b97f4a7c15 }
func toByte(i int) uint8      { return uint8(i) }
func toFour(i int) (a [4]int) { a[i&3] = i; return a }

func newRootBox(i int) *rootBox {
	return &rootBox{i, fill(i, toLabel, toDay), fill(2*i, toDay, newPlain)}
}

func parkHolders() {
	start(func() { asArgument(fill(40, str, same)) })
	start(func() { asArguments(1, fill(3, same, str), "x", fill(60, toPadded, str), fill(5, str, newInt)) })
	start(asLocal)
	start(inLocalStruct)
	start(inStackSlice)
	start(func() { inHeapSlice(4) })
	start(func() { inLocalArray(1) })
	start(inInterface)
	start(behindPointer)
	start(behindMapPointer)
	start(inClosure)
	start(inChannel)
	start(inMap)
	start(inSyscall)
	start(inMutex)
	start(inSelectWait)
	start(lockedToThread)
}

//go:noinline
func asArgument(m map[string]int) {
	tell(wayStack, "stack main.asArgument: m", "stack", m)
	told <- true
	<-parked
	runtime.KeepAlive(m)
}

//go:noinline
func asArguments(n int, a map[int]string, s string, b map[padded]string, c map[string]*int) {
	tell(wayStack, "stack main.asArguments: a", "stack", a)
	tell(wayStack, "stack main.asArguments: b", "stack", b)
	tell(wayStack, "stack main.asArguments: c", "stack", c)
	told <- true
	<-parked
	sinkInt += n + len(a) + len(s) + len(b) + len(c)
}

//go:noinline
func asLocal() {
	few := fill(2, toLabel, toRatio)
	many := fill(100, same, newRootLeaf)
	emptied := fill(6, toDay, str)
	for i := 0; i < 6; i++ {
		delete(emptied, weekday(i))
	}
	tell(wayStack, "stack main.asLocal: few", "stack", few)
	tell(wayStack, "stack main.asLocal: many", "stack", many)
	tell(wayStack, "stack main.asLocal: emptied", "stack", emptied)
	told <- true
	<-parked
	sinkInt += len(few) + len(many) + len(emptied)
}

// newRootLeaf makes a struct that holds one more map.
func newRootLeaf(i int) *leaf {
	if i%30 != 0 {
		return nil
	}
	return newLeaf(i)
}

//go:noinline
func inLocalStruct() {
	var s struct {
		n   int
		m   map[plain]string
		pad [3]int
		in  struct{ o map[uint8]bool }
	}
	s.m = fill(3, toPlain, str)
	s.in.o = fill(20, toByte, odd)
	tell(wayStack, "stack main.inLocalStruct: s.m", "stack,struct", s.m)
	tell(wayStack, "stack main.inLocalStruct: s.in.o", "stack,struct", s.in.o)
	told <- true
	i := <-parked
	s.pad[i&1] = i
	sinkInt += s.pad[1-i&1] + len(s.m) + len(s.in.o)
}

//go:noinline
func inStackSlice() {
	s := []map[int8]string{
		fill(1, func(i int) int8 { return int8(i) }, str),
		fill(70, func(i int) int8 { return int8(i) }, str),
	}
	tell(wayStack, "stack main.inStackSlice: s[0]", "stack,slice", s[0])
	tell(wayStack, "stack main.inStackSlice: s[1]", "stack,slice", s[1])
	told <- true
	sinkInt += len(s[<-parked])
}

//go:noinline
func inHeapSlice(n int) {
	s := make([]map[string]ratio, n)
	s[1] = fill(4, str, toRatio)
	s[n-1] = fill(33, str, toRatio)
	tell(wayStack, "stack main.inHeapSlice: s[1]", "stack,slice", s[1])
	tell(wayStack, "stack main.inHeapSlice: s[3]", "stack,slice", s[n-1])
	told <- true
	sinkInt += len(s[<-parked])
}

//go:noinline
func inLocalArray(i int) {
	var a [3]map[string]bool
	a[i] = fill(12, str, odd)
	a[i+1] = fill(3, str, odd)
	tell(wayStack, "stack main.inLocalArray: a[1]", "stack,array", a[i])
	tell(wayStack, "stack main.inLocalArray: a[2]", "stack,array", a[i+1])
	told <- true
	sinkInt += len(a[<-parked])
}

//go:noinline
func inInterface() {
	var x any = fill(9, toPlain, toPlain)
	var y named = byMap(fill(2, str, same))
	tell(wayStack, "stack main.inInterface: x.(map[main.plain]main.plain)", "stack,interface", x)
	tell(wayStack, "stack main.inInterface: y.(main.byMap)", "stack,interface", any(y))
	told <- true
	<-parked
	runtime.KeepAlive(x)
	runtime.KeepAlive(y)
}

//go:noinline
func behindPointer() {
	p := newRootBox(5)
	tell(wayStack, "stack main.behindPointer: p.m", "stack,pointer,struct", p.m)
	tell(wayStack, "stack main.behindPointer: p.n", "stack,pointer,struct", p.n)
	told <- true
	<-parked
	runtime.KeepAlive(p)
}

//go:noinline
func newMapVar(n int) *map[ratio]string {
	m := fill(n, toRatio, str)
	return &m
}

//go:noinline
func behindMapPointer() {
	p := newMapVar(11)
	tell(wayStack, "stack main.behindMapPointer: (*p)", "stack,pointer", *p)
	told <- true
	<-parked
	runtime.KeepAlive(p)
}

//go:noinline
func counterOf(m map[uint64]string, n int) func() int {
	return func() int { return len(m) + n }
}

//go:noinline
func inClosure() {
	m := fill(25, toWide, str)
	tell(wayStack, "stack main.inClosure: f.(func).m", "stack,closure", m)
	f := counterOf(m, 3)
	told <- true
	<-parked
	sinkInt += f()
}

//go:noinline
func inChannel() {
	c := make(chan map[string][]int, 3)
	toInts := func(i int) []int { return make([]int, i) }
	for i := 0; i < 2; i++ {
		m := fill(4+20*i, str, toInts)
		tell(wayStack, "stack main.inChannel: c.recv("+string(rune('0'+i))+")", "stack,chan", m)
		c <- m
	}
	told <- true
	<-parked
	sinkInt += len(<-c)
}

//go:noinline
func inMap() {
	m := map[string]map[weekday]bool{}
	for i := 0; i < 12; i++ {
		m[str(i)] = fill(i, toDay, odd)
	}
	tell(wayStack, "stack main.inMap: m", "stack", m)
	told <- true
	<-parked
	sinkInt += len(m)
}

//go:noinline
func inSyscall() {
	m := fill(14, str, toPadded)
	tell(wayStack, "stack main.inSyscall: m", "stack", m)
	told <- true
	nap(1000 * 3600)
	sinkInt += len(m)
}

//go:noinline
func inMutex() {
	m := fill(7, toByte, str)
	tell(wayStack, "stack main.inMutex: m", "stack", m)
	var mu sync.Mutex
	mu.Lock()
	told <- true
	mu.Lock()
	sinkInt += len(m)
}

//go:noinline
func inSelectWait() {
	m := fill(5, toRatio, toDay)
	tell(wayStack, "stack main.inSelectWait: m", "stack", m)
	other := make(chan string)
	told <- true
	select {
	case sinkInt = <-parked:
	case s := <-other:
		sinkInt = len(s)
	}
	sinkInt += len(m)
}

//go:noinline
func lockedToThread() {
	runtime.LockOSThread()
	m := fill(18, toLabel, newPlain)
	tell(wayStack, "stack main.lockedToThread: m", "stack", m)
	told <- true
	<-parked
	sinkInt += len(m)
}
