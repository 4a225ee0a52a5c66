package main

// Deferred calls that hold a map: their frames are parked, so they have yet to
// run.

func parkDefers() {
	start(deferClosure)
	start(deferCall)
	start(func() { deferLoop(3) })
	start(deferMany)
}

//go:noinline
func deferClosure() {
	m := fill(9, toDay, toLabel)
	tell(wayDefer, "stack main.deferClosure: defer.(func).m", "stack,defer,closure", m)
	defer func() { sinkInt += len(m) }()
	rest()
}

//go:noinline
func takeMap(m map[ratio]int) { sinkInt += len(m) }

//go:noinline
func deferCall() {
	m := fill(4, toRatio, same)
	tell(wayDefer, "stack main.deferCall: defer.(func).m", "stack,defer,closure", m)
	defer takeMap(m)
	rest()
}

// deferLoop's records are on the heap, linked from the goroutine.
//
//go:noinline
func deferLoop(n int) {
	for i := 0; i < n; i++ {
		m := fill(2+10*i, str, toPadded)
		tell(wayDefer, "stack main.deferLoop: defer.(func).m", "stack,defer,closure", m)
		defer func() { sinkInt += len(m) }()
	}
	rest()
}

// deferMany has more defers than are compiled in place: its records are on the
// stack, linked from the goroutine.
//
//go:noinline
func deferMany() {
	m := fill(19, toByte, toRatio)
	tell(wayDefer, "stack main.deferMany: defer.(func).m", "stack,defer,closure", m)
	defer func() { sinkInt += len(m) }()
	defer func() { sinkInt += 2 }()
	defer func() { sinkInt += 3 }()
	defer func() { sinkInt += 4 }()
	defer func() { sinkInt += 5 }()
	defer func() { sinkInt += 6 }()
	defer func() { sinkInt += 7 }()
	defer func() { sinkInt += 8 }()
	defer func() { sinkInt += 9 }()
	rest()
}
