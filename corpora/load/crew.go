package main

// A hundred goroutines that wait for a message that never comes, each with two
// maps: one on the heap, one on its stack.

import (
	"reflect"
	"unsafe"
)

// A telling is what a goroutine says about its map. The address is inverted, so that the telling does not lead there.
type telling struct{ typ, word uintptr }

var (
	parked  = make(chan int) // nobody ever sends
	told    = make(chan telling)
	sinkInt int // keeps results alive
	dropped any
)

// crew starts the goroutines, one after the other, and records their maps.
func crew() {
	tellings := make([]telling, 0, 200)
	for i := 0; i < 100; i++ {
		n := i
		go func() { roomy(8); waiting(n) }()
		tellings = append(tellings, <-told, <-told)
	}
	nap(20) // until the last one waits, too
	for i, t := range tellings {
		var m any
		(*[2]uintptr)(unsafe.Pointer(&m))[0] = t.typ
		held := [2]string{"heap", "onStack"}[i&1]
		noteMap(reflect.TypeOf(m), unsafe.Pointer(^t.word), "stack main.waiting: "+held, wayStack, []string{"stack"}, nil, "ok")
	}
}

// roomy makes the stack as large as it will ever be needed: it is not to move later.
//
//go:noinline
func roomy(n int) byte {
	var room [2048]byte
	room[n&2047] = byte(n)
	if n > 0 {
		return roomy(n-1) + room[(n*7)&2047]
	}
	return room[5]
}

//go:noinline
func waiting(i int) {
	heap := fill(i%40, text, toRatio)
	dropped = heap // it is on the heap because of that
	dropped = nil
	tell(heap)
	onStack := map[int]string{i: "on the stack"}
	for j := 1; j < i%8; j++ {
		onStack[i+j] = "more"
	}
	tell(onStack)
	<-parked
	sinkInt += len(heap) + len(onStack)
}

// tell does not let the map escape.
//
//go:noinline
func tell(m any) {
	x := *(*[2]uintptr)(unsafe.Pointer(&m))
	told <- telling{x[0], ^x[1]}
}

func wordOfAny(m any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1] }

// typeWord is the address of t's descriptor.
func typeWord(t reflect.Type) uintptr { return (*[2]uintptr)(unsafe.Pointer(&t))[1] }
