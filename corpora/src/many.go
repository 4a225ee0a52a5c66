package main

// A million small maps of a dozen types. The truth does not list them: it says
// how many of each type hang below which package variable.

import (
	"reflect"
	"runtime"
	"strconv"
)

type manyPair struct {
	days  map[label]weekday
	ratio map[weekday]ratio
}

type manyNode struct {
	id    int
	texts map[string]string
	next  *manyNode
}

var (
	manyInts     []map[int]int
	manyNested   map[int]map[string]int
	manyPairs    []manyPair
	manyList     *manyNode
	manyPlain    [4][]map[int]*plain
	manySets     []map[uint64]struct{}
	manyPointers []*map[plain]string
	manyAnys     []any // map[string]any
	manySlices   map[string][]map[string][]int
	manyArrays   chan map[[2]int32]float64
	manyFlags    struct{ inner []map[uint32]bool }
)

// A tally counts the maps of one type below one package variable.
type tally struct {
	prefix, typ   string
	maps, entries int
}

var tallies []*tally

func tallyOf[K comparable, V any](prefix string) *tally {
	t := &tally{prefix: prefix, typ: reflect.TypeOf(map[K]V(nil)).String()}
	tallies = append(tallies, t)
	return t
}

// counted makes the i-th map: mostly up to five entries, sometimes more than a
// bucket or group holds.
func counted[K comparable, V any](t *tally, i int, key func(int) K, elem func(int) V) map[K]V {
	n := i % 6
	if i%64 == 0 {
		n = 9 + i%23
	}
	t.maps++
	t.entries += n
	return fill(n, key, elem)
}

func manyKey(i int) string { return keys[i&2047] }

func makeMany(n int) {
	each := n / 12
	ints := tallyOf[int, int]("main.manyInts")
	for i := 0; i < each; i++ {
		manyInts = append(manyInts, counted(ints, i, same, square))
	}
	nested := tallyOf[string, int]("main.manyNested")
	manyNested = map[int]map[string]int{}
	for i := 0; i < each; i++ {
		manyNested[i] = counted(nested, i, manyKey, same)
	}
	runtime.GC()
	days, ratios := tallyOf[label, weekday]("main.manyPairs"), tallyOf[weekday, ratio]("main.manyPairs")
	for i := 0; i < each; i++ {
		manyPairs = append(manyPairs, manyPair{
			counted(days, i, func(i int) label { return label(manyKey(i)) }, toDay),
			counted(ratios, i, toDay, toRatio),
		})
	}
	texts := tallyOf[string, string]("main.manyList")
	for i := 0; i < each; i++ {
		manyList = &manyNode{i, counted(texts, i, manyKey, manyKey), manyList}
	}
	runtime.GC()
	plains := tallyOf[int, *plain]("main.manyPlain")
	for i := 0; i < each; i++ {
		manyPlain[i&3] = append(manyPlain[i&3], counted(plains, i, same, newPlain))
	}
	sets := tallyOf[uint64, struct{}]("main.manySets")
	for i := 0; i < each; i++ {
		manySets = append(manySets, counted(sets, i, toWide, nothing))
	}
	ks := tallyOf[plain, string]("main.manyPointers")
	for i := 0; i < each; i++ {
		m := counted(ks, i, toPlain, manyKey)
		manyPointers = append(manyPointers, &m)
	}
	runtime.GC()
	anys := tallyOf[string, any]("main.manyAnys")
	for i := 0; i < each; i++ {
		manyAnys = append(manyAnys, counted(anys, i, manyKey, func(i int) any { return i }))
	}
	slices := tallyOf[string, []int]("main.manySlices")
	manySlices = map[string][]map[string][]int{}
	for i := 0; i < each; i++ {
		k := keys[i&255]
		manySlices[k] = append(manySlices[k], counted(slices, i, manyKey, func(i int) []int { return make([]int, i&3) }))
	}
	arrays := tallyOf[[2]int32, float64]("main.manyArrays")
	manyArrays = make(chan map[[2]int32]float64, each)
	for i := 0; i < each; i++ {
		manyArrays <- counted(arrays, i, func(i int) [2]int32 { return [2]int32{int32(i)} }, func(i int) float64 { return float64(i) })
	}
	flags := tallyOf[uint32, bool]("main.manyFlags")
	for i := 0; i < each; i++ {
		manyFlags.inner = append(manyFlags.inner, counted(flags, i, func(i int) uint32 { return uint32(i) }, odd))
	}
}

// appendTallies writes the truth's "counts".
func appendTallies(b []byte) []byte {
	b = append(b, ",\"counts\":[\n"...)
	for i, t := range tallies {
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(b, `{"prefix":`...)
		b = appendQuoted(b, t.prefix)
		b = append(b, `,"type":`...)
		b = appendQuoted(b, t.typ)
		b = append(b, `,"maps":`...)
		b = strconv.AppendInt(b, int64(t.maps), 10)
		b = append(b, `,"entries":`...)
		b = strconv.AppendInt(b, int64(t.entries), 10)
		b = append(b, '}')
	}
	return append(b, "\n]"...)
}

//go:noinline
func oneOfMany(i int) {
	heap := fill(i%40, str, toDay)
	tell(wayStack, "stack main.oneOfMany: heap", "stack", heap)
	onStack := map[int]label{i: "on the stack"}
	for j := 1; j < i%12; j++ {
		onStack[i+j] = "more"
	}
	tellOnStack("stack main.oneOfMany: onStack", onStack)
	told <- true
	<-parked
	sinkInt += len(heap) + len(onStack)
}

func runManyMaps() {
	n := 1000000
	if sizeFlag > 0 {
		n = sizeFlag
	}
	makeKeys()
	makeMany(n)
	prepare()
	for i := 0; i < 100; i++ {
		n := i
		start(func() { roomy(8); oneOfMany(n) })
	}
	nap(20)
	holder := func(m any, held string) {
		noteMap(reflect.TypeOf(m), wordOfAny(m), held, wayGlobal, []string{"var"}, nil, "ok")
	}
	holder(manyNested, "main.manyNested")
	holder(manySlices, "main.manySlices")
	recordTold()
	recordQuiet()
	finishTruth()
	wait()
}
