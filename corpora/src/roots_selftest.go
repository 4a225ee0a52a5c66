package main

// With -selftest the program tries the truth: it has the collector say which of
// the maps it would free.

import (
	"runtime"
	"strconv"
	"unsafe"
)

var (
	selfTestFlag bool
	testTellings []telling
	testFreed    []bool
)

// selfTest puts a finalizer on each map's header, collects once, and compares.
func selfTest() {
	testFreed = make([]bool, len(testTellings))
	for i := range testTellings {
		testOne(i)
	}
	runtime.GC()
	nap(100)
	wrong, n := 0, 0
	for i := range testTellings {
		t := &testTellings[i]
		if t.labels == "header-on-stack" {
			continue
		}
		n++
		freed := t.way.reachable == "garbage" || t.labels == "pool-victim"
		if testFreed[i] != freed {
			wrong++
			say("WRONG " + t.held + ": freed is " + strconv.FormatBool(testFreed[i]) + ", " + t.way.reachable)
		}
	}
	say(strconv.Itoa(n) + " maps tried, " + strconv.Itoa(wrong) + " wrong")
	finishTruth()
	runtime.KeepAlive(&testFreed)
	exit(wrong)
}

//go:noinline
func testOne(i int) {
	if testTellings[i].labels == "header-on-stack" {
		return
	}
	word := ^testTellings[i].word
	runtime.SetFinalizer(header(*(*unsafe.Pointer)(unsafe.Pointer(&word))), func(any) { testFreed[i] = true })
}
