//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// Swiss maps never rest in the middle of growing; these stand in for the
// functions of growing_classic.go and leave maps of about the same size.

func growTo(_ any, minB uint8, part uintptr, put func(int)) {
	for i := 0; i < 7<<minB+int(part); i++ {
		put(i)
	}
}

// churn slides a window of n keys over the map: a classic map ends growing at
// the same size, a Swiss map full of tombstones.
func churn(_ any, n int, part uintptr, put, del func(int)) {
	for i := 0; i < 4*n+int(part); i++ {
		put(i)
		if i >= n {
			del(i - n)
		}
	}
}

func wantGrowing() {
	wantStates("small", "table", "multi-table", "mixed-depth", "tombstones")
}
