//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

// Classic maps caught while they move from the old to the new buckets.

// growTo calls put until m is growing with at least 2^minB buckets and part/8 of
// the old buckets are evacuated.
func growTo(m any, minB uint8, part uintptr, put func(int)) {
	h := header(wordOfAny(m))
	for i := 0; i < 1<<20; i++ {
		put(i)
		if h.growing() && h.B >= minB && h.nevacuate*8 >= h.oldCount()*part {
			return
		}
	}
	fail("the map never was in the wanted stage of growing")
}

// churn slides a window of n keys until the map grows at the same size, and
// then on until part/8 of the old buckets are evacuated.
func churn(m any, n int, part uintptr, put, del func(int)) {
	h := header(wordOfAny(m))
	for i := 0; i < 1<<20; i++ {
		put(i)
		if h.growing() && h.flags&flagSameSizeGrow != 0 && h.nevacuate*8 >= h.oldCount()*part {
			return
		}
		if i >= n {
			del(i - n)
		}
		if h.growing() && h.flags&flagSameSizeGrow != 0 && h.nevacuate*8 >= h.oldCount()*part {
			return
		}
	}
	fail("the map never grew at the same size")
}

func wantGrowing() {
	wantStates("mid-grow", "same-size-grow", "grow-begun", "grow-halfway", "grow-nearly-done", "old-iterator-flag", "overflow")
}
