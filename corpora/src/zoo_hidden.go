package main

// Maps that no typed path from a package variable leads to: on stacks, behind
// unsafe pointers, beyond a slice's length, and garbage.

import (
	"reflect"
	"runtime"
	"unsafe"
)

type hidden struct {
	beyond   []holder       // maps lie between len and cap
	pointer  unsafe.Pointer // a map
	toVar    unsafe.Pointer // a variable of map type
	word     uintptr        // a map; nothing else keeps it alive
	words    []uintptr      // several
	struct_  unsafe.Pointer // a *holder
	stackVar [8]uintptr     // scratch: where parked goroutines tell their maps
}

func (h *hidden) build() {
	all := []holder{*newHolder(200), *newHolder(201), *newHolder(202)}
	h.beyond = all[:1]
}

// record makes the maps that a garbage collection would not spare, and writes
// all hidden maps down. No collection may follow.
func (h *hidden) record(w *walker, path string) {
	wc := &walker{way: wayCap}
	full := h.beyond[:cap(h.beyond)]
	for i := len(h.beyond); i < len(full); i++ {
		wc.walk(place{
			reflect.TypeOf(holder{}), unsafe.Pointer(&full[i]),
			path + ".beyond[:cap][" + string(rune('0'+i)) + "]", []string{"var", "struct", "slice", "cap"}, nil,
		})
	}
	wu, ww := &walker{way: wayUnsafe}, &walker{way: wayUintptr}
	hide := func(wu *walker, m any, held string) unsafe.Pointer {
		t, word := reflect.TypeOf(m), wordOfAny(m)
		wu.walk(place{t, unsafe.Pointer(&word), held, []string{"var", "struct", "unsafe"}, nil})
		return word
	}
	h.pointer = hide(wu, map[string]int{"unsafe.Pointer": 1}, path+".pointer")
	m := map[int]string{1: "variable behind unsafe.Pointer"}
	p := &m
	h.toVar = unsafe.Pointer(p)
	hide(wu, m, path+".toVar.(*map[int]string)")
	h.word = uintptr(hide(ww, map[uint64]int{1: 1}, path+".word"))
	for i := 0; i < 3; i++ {
		h.words = append(h.words, uintptr(hide(ww, fill(5*i+1, str, same), path+".words["+string(rune('0'+i))+"]")))
	}
	hold := newHolder(203)
	h.struct_ = unsafe.Pointer(hold)
	wu.walk(place{reflect.TypeOf(*hold), h.struct_, path + ".struct_.(*main.holder)", []string{"var", "struct", "unsafe"}, nil})
	makeGarbage()
}

func wordOfAny(m any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1] }

//go:noinline
func makeGarbage() {
	wg := &walker{way: wayGarbage}
	litter := func(m any, name string) {
		word := wordOfAny(m)
		wg.walk(place{reflect.TypeOf(m), unsafe.Pointer(&word), "garbage " + name, []string{"none", "garbage"}, nil})
	}
	litter(fill(1, same, same), "one")
	litter(fill(20, str, same), "twenty")
	litter(fill(300, str, newInt), "three hundred")
	litter(map[int]map[int]int{1: {2: 3}}, "nest")
	litter(map[string]any{"holder": newHolder(300)}, "holder")
}

var parked = make(chan int) // nobody ever sends

// parkStacks starts the goroutines whose stacks alone hold maps. Each writes
// the addresses of its maps into h.stackVar and parks.
func (h *hidden) parkStacks() {
	ready := make(chan bool)
	go onHeap(h, ready)
	<-ready
	go onStack(h, ready)
	<-ready
	go inFrames(h, ready)
	<-ready
	go inSelect(ready)
	<-ready
}

// recordStacks reads the maps of the parked goroutines. Their stacks stay
// where they are as long as no collection runs.
func (h *hidden) recordStacks() {
	ws := &walker{way: wayStack}
	look := func(i int, t reflect.Type, held string) {
		word := *(*unsafe.Pointer)(unsafe.Pointer(&h.stackVar[i]))
		if word == nil {
			fail("no map from " + held)
		}
		ws.walk(place{t, unsafe.Pointer(&word), held, []string{"stack"}, nil})
		h.stackVar[i] = 0
	}
	look(0, reflect.TypeOf(map[string]int(nil)), "stack main.onHeap: m")
	look(1, reflect.TypeOf(map[int]*holder(nil)), "stack main.onHeap: n")
	look(2, reflect.TypeOf(map[int]int(nil)), "stack main.onStack: m")
	look(3, reflect.TypeOf(map[string]string(nil)), "stack main.onStack: n")
	look(4, reflect.TypeOf(map[uint8]string(nil)), "stack main.lowest: m")
	look(5, reflect.TypeOf(map[string]int(nil)), "stack main.inFrames: m")
	look(6, reflect.TypeOf(map[int]int(nil)), "stack main.onStack: grown")
}

// roomy makes the stack large enough for all that follows, so that it does not
// move any more.
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
func onHeap(h *hidden, ready chan bool) {
	roomy(8)
	m := fill(40, str, same)
	n := map[int]*holder{1: newHolder(210)}
	h.stackVar[0] = uintptr(wordOf(m))
	h.stackVar[1] = uintptr(wordOf(n))
	ready <- true
	<-parked
	runtime.KeepAlive(m)
	runtime.KeepAlive(n)
}

// onStack's maps do not escape: header and first bucket or group lie on the
// stack itself.
//
//go:noinline
func onStack(h *hidden, ready chan bool) {
	roomy(8)
	m := make(map[int]int)
	for i := 0; i < 5; i++ {
		m[i] = -i
	}
	n := map[string]string{"on": "stack"}
	grown := make(map[int]int)
	for i := 0; i < 50; i++ {
		grown[i] = i
	}
	h.stackVar[2] = *(*uintptr)(unsafe.Pointer(&m))
	h.stackVar[3] = *(*uintptr)(unsafe.Pointer(&n))
	h.stackVar[6] = *(*uintptr)(unsafe.Pointer(&grown))
	ready <- true
	<-parked
	m[6], n["more"], grown[7] = 1, "x", 2
}

//go:noinline
func inFrames(h *hidden, ready chan bool) {
	roomy(8)
	m := fill(9, str, square)
	h.stackVar[5] = uintptr(wordOf(m))
	middle(h, ready, 3)
	runtime.KeepAlive(m)
}

//go:noinline
func middle(h *hidden, ready chan bool, n int) {
	if n > 0 {
		middle(h, ready, n-1)
		return
	}
	lowest(h, ready)
}

//go:noinline
func lowest(h *hidden, ready chan bool) {
	m := map[uint8]string{1: "lowest"}
	h.stackVar[4] = uintptr(wordOf(m))
	ready <- true
	<-parked
	runtime.KeepAlive(m)
}

func inSelect(ready chan bool) {
	ready <- true
	select {
	case <-parked:
	case parked <- 1:
	}
}
