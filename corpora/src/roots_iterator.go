package main

// Goroutines in the middle of ranging over a map that only the iterator holds.

func parkIterators() {
	start(iterateSmall)
	start(iterateLarge)
	start(iterateGrowing)
	start(iterateElems)
}

//go:noinline
func smallToRange() map[string]weekday {
	m := fill(5, str, toDay)
	tell(wayIterator, "stack main.iterateSmall: range", "stack,iterator", m)
	return m
}

//go:noinline
func iterateSmall() {
	for k := range smallToRange() {
		told <- true
		<-parked
		sinkInt += len(k)
	}
}

//go:noinline
func largeToRange() map[uint64]*plain {
	m := fill(150, toWide, newPlain)
	tell(wayIterator, "stack main.iterateLarge: range", "stack,iterator", m)
	return m
}

//go:noinline
func iterateLarge() {
	n := 0
	for k, p := range largeToRange() {
		if n++; n == 40 {
			told <- true
			<-parked
		}
		sinkInt += int(k) + int(p.A)
	}
}

// growingToRange makes a map that is growing while it is ranged over; a Swiss
// map is merely of that size.
//
//go:noinline
func growingToRange() map[plain]label {
	m := map[plain]label{}
	growTo(m, 5, 3, putter(m, toPlain, toLabel))
	tell(wayIterator, "stack main.iterateGrowing: range", "stack,iterator", m)
	return m
}

//go:noinline
func iterateGrowing() {
	n := 0
	for k, l := range growingToRange() {
		if n++; n == 10 {
			told <- true
			<-parked
		}
		sinkInt += int(k.A) + len(l)
	}
}

//go:noinline
func nestedToRange() map[weekday]map[string]int {
	m := map[weekday]map[string]int{}
	for i := 0; i < 4; i++ {
		m[toDay(i)] = fill(3*i, str, same)
	}
	tell(wayIterator, "stack main.iterateElems: range", "stack,iterator", m)
	return m
}

// iterateElems holds the elem as well.
//
//go:noinline
func iterateElems() {
	for _, in := range nestedToRange() {
		told <- true
		<-parked
		sinkInt += len(in)
	}
}
