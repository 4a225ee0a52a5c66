//go:build cgo

package main

// Goroutines that hold maps beneath calls to and from C.

/*
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

extern int goCalledBack(int depth);
extern void goOnThread(int n);

static void stayInC(void) {
	for (;;)
		pause();
}

static int callBack(int depth) {
	return goCalledBack(depth) + 1;
}

static void *threadMain(void *n) {
	goOnThread((int)(intptr_t)n);
	return NULL;
}

static int startThread(int n) {
	pthread_t t;
	return pthread_create(&t, NULL, threadMain, (void *)(intptr_t)n);
}

static int abortInC(int depth) {
	if (depth > 0)
		return abortInC(depth - 1) + 1;
	abort();
}
*/
import "C"

import (
	"reflect"
	"runtime"
	"runtime/cgo"
	"strconv"
)

func cgoScenarios() []scenario {
	return []scenario{
		{"cgo-calls", runCgoCalls},
		{"cgo-abort", runCgoAbort},
	}
}

//go:noinline
func callsC(arg map[string]weekday) {
	own := fill(17, toLabel, newPlain)
	tell(wayStack, "stack main.callsC: arg", "stack", arg)
	tell(wayStack, "stack main.callsC: own", "stack", own)
	staysInC(3)
	sinkInt += len(arg) + len(own)
}

//go:noinline
func staysInC(n int) {
	m := fill(n, toPlain, str)
	tell(wayStack, "stack main.staysInC: m", "stack", m)
	told <- true
	C.stayInC()
	sinkInt += len(m)
}

// callsBack calls C, which calls goCalledBack, and so on while depth is left.
//
//go:noinline
func callsBack(depth int) int {
	m := fill(6+10*depth, str, toRatio)
	tell(wayStack, "stack main.callsBack: m", "stack", m)
	n := int(C.callBack(C.int(depth)))
	return n + len(m)
}

//export goCalledBack
func goCalledBack(depth C.int) C.int {
	m := fill(4+9*int(depth), toDay, str)
	tell(wayStack, "stack main.goCalledBack: m", "stack", m)
	if depth > 0 {
		return C.int(callsBack(int(depth)-1) + len(m))
	}
	rest()
	return C.int(len(m))
}

// goOnThread runs on a thread that C made.
//
//export goOnThread
func goOnThread(n C.int) {
	m := fill(int(n), toRatio, toLabel)
	tell(wayStack, "stack main.goOnThread: m", "stack", m)
	rest()
	sinkInt += len(m)
}

// handled gives maps to runtime/cgo, which keeps them in a sync.Map.
//
//go:noinline
func handled() {
	for _, m := range []any{fill(3, str, same), fill(30, toLabel, toDay)} {
		h := cgo.NewHandle(m)
		held := "runtime/cgo.handles.Load(uintptr(" + strconv.Itoa(int(h)) + ")).(" + reflect.TypeOf(m).String() + ")"
		tell(wayGlobal, held, "var,syncmap,interface", m)
	}
}

func runCgoCalls() {
	runtime.GOMAXPROCS(4)
	prepare()
	start(func() { callsC(fill(5, str, toDay)) })
	start(func() { sinkInt = callsBack(0) })
	start(func() { sinkInt = callsBack(2) })
	for _, n := range []int{2, 25} {
		if C.startThread(C.int(n)) != 0 {
			fail("no thread")
		}
		<-told
	}
	handled()
	nap(20)
	recordTold()
	recordQuiet()
	finishTruth()
	wait()
}

//go:noinline
func (r *rootBox) abort(arg map[plain]int) int {
	tell(wayStack, "stack main.(*rootBox).abort: r.m", "stack,pointer,struct", r.m)
	tell(wayStack, "stack main.(*rootBox).abort: r.n", "stack,pointer,struct", r.n)
	tell(wayStack, "stack main.(*rootBox).abort: arg", "stack", arg)
	recordTold()
	finishTruth()
	n := int(C.abortInC(3))
	return n + len(arg) + r.tag
}

func runCgoAbort() {
	prepare()
	recordQuiet()
	m := fill(12, str, toFour)
	tell(wayStack, "stack main.runCgoAbort: m", "stack", m)
	sinkInt = newRootBox(4).abort(fill(9, toPlain, same))
	sinkInt += len(m)
}
