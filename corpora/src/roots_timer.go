package main

// Maps that only a timer still waits to use.

import "time"

//go:noinline
func setTimers() {
	m := fill(10, str, toFour)
	tell(wayTimer, "timer (func).m", "timer,closure", m)
	time.AfterFunc(time.Hour, func() { sinkInt += len(m) })
	b := newRootBox(6)
	tell(wayTimer, "timer (func).R.m", "timer,closure,pointer,struct", b.m)
	tell(wayTimer, "timer (func).R.n", "timer,closure,pointer,struct", b.n)
	time.AfterFunc(2*time.Hour, b.count)
}

func (r *rootBox) count() { sinkInt += len(r.m) }

// sleepLong parks in the runtime, unlike nap.
func sleepLong() { time.Sleep(time.Hour) }
