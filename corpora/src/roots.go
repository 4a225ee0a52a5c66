package main

// Maps that no package variable leads to through typed memory: each is held in
// one way only, and the truth names the ways of finding it.

import (
	"reflect"
	"runtime"
	"unsafe"
)

// A telling is what a goroutine leaves behind about a map it holds. The map's
// address is inverted, so that the telling does not lead there.
type telling struct {
	way                   *way
	held, through, labels string
	typ, word             uintptr
}

var (
	tellings []telling
	told     = make(chan bool) // a goroutine has told of its maps and is about to park
	sinkInt  int               // keeps results alive
)

// tell notes a map, which is on the heap because of it. Its caller waits for
// told, so that there is only one at a time.
//
//go:noinline
func tell(w *way, held, through string, m any) {
	drop(m)
	tellLabeled(w, held, through, "", m)
}

// tellLabeled is tell with labels for the map's state; it does not let the map
// escape.
//
//go:noinline
func tellLabeled(w *way, held, through, labels string, m any) {
	x := *(*[2]uintptr)(unsafe.Pointer(&m))
	tellings = append(tellings, telling{w, held, through, labels, x[0], ^x[1]})
}

// drop lets its argument escape and forgets it.
//
//go:noinline
func drop(x any) { dropped = x; dropped = nil }

var dropped any

func (t *telling) mapType() reflect.Type {
	var m any
	(*[2]uintptr)(unsafe.Pointer(&m))[0] = t.typ
	return reflect.TypeOf(m)
}

// recordTold writes down what was told since the last time.
func recordTold() {
	for i := range tellings {
		t := &tellings[i]
		w := &walker{way: t.way}
		p := place{typ: t.mapType(), path: t.held, through: splitWords(t.through)}
		if t.labels != "" {
			p.labels = splitWords(t.labels)
		}
		word := ^t.word
		p.at = unsafe.Pointer(&word)
		w.walk(p)
		word = 0
	}
	if selfTestFlag {
		testTellings = append(testTellings, tellings...)
	}
	tellings = nil
}

// start runs f as a goroutine until it has told.
func start(f func()) {
	go f()
	<-told
}

// rest ends the telling, for good.
//
//go:noinline
func rest() {
	told <- true
	<-parked
}

// makeRoots makes everything but the running and the unstarted goroutines, and
// writes the truth about it. No collection may follow.
func makeRoots() {
	runtime.GOMAXPROCS(8)
	innocent.build()
	makeCollected()
	prepare()
	// These survive collections.
	parkHolders()
	parkFrames()
	parkBlocked()
	parkIterators()
	parkDefers()
	setTimers()
	setFinalizers()
	setCleanups()
	hideBehindPointers()
	fillPool(&rootVictims, "main.rootVictims", "pool-victim")
	makeCollected()
	nap(20)
	recordTold()
	runtime.GC() // exactly one: what lies in pools becomes their victims
	// These do not, or would move.
	fillPool(&rootPool, "main.rootPool", "")
	parkOnStack()
	makeDoomed()
	hideAsNumbers()
	makeRootGarbage()
	nap(20)
	recordTold()
	recordQuiet()
	wantStates("header-on-stack", "pool-victim", "some", "one", "empty", "eight")
}

func runRoots() {
	makeRoots()
	if selfTestFlag {
		selfTest()
	}
	startSpinners(wayRegister)
	recordTold()
	finishTruth()
	wait()
}
