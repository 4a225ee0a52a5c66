package main

// The maps of state A that package variables hold directly. Their names say what the script does
// with them; what begins with "same" it leaves alone.

import (
	"strconv"
	"unsafe"
)

type point struct{ X, Y int }

// A block is longer than 128 bytes: as an elem it lies outside of the map's storage.
type block struct {
	Title string
	Pad   [15]uint64
}

type varsType struct {
	sameOne     map[int]string
	sameSmall   map[string]int
	sameEight   map[int]int
	sameLarge   map[string]int
	sameGrowing map[int]int // classic: halfway
	sameEmpty   map[string]int
	sameHinted  map[int]int // has room and never had an entry
	sameNil     map[string]int
	sameNilFat  map[[16]byte]block
	sameFat     map[string]block
	sameFloats  map[float64]float64
	sameNaNs    map[float64]int
	sameGrid    map[[2]int]string
	sameAny     map[any]any
	sameSet     map[string]struct{}
	sameMarked  map[string]string
	sameBytes   map[[16]byte][16]byte
	sameBoxed   any

	insertedFew   map[string]int // storage stays
	insertedMany  map[int]string // small to several tables
	insertedTable map[string]*point
	insertedFat   map[string]block
	insertedGrid  map[[2]int]int
	insertedAny   map[any]any
	insertedEmpty map[string]string // had room only

	deletedSmall map[int]string
	deletedSome  map[string]int // full groups: tombstones
	deletedMost  map[int]point
	deletedMark  map[string]string
	emptied      map[string]int // by delete, key by key
	emptiedSmall map[int]string
	cleared      map[int]string
	clearedFat   map[string]block
	refilled     map[string]int // emptied, and filled with the same again

	churned      map[int]int // as many as before, and tombstones
	churnedSmall map[string]string

	rescored   map[string]int
	renamed    map[int]string
	relocated  map[int]point
	repointed  map[string]*point // to equal points
	patchedFat map[string]block
	rewritten  map[any]any
	rebytes    map[[16]byte][16]byte
	refloated  map[float64]float64

	mixed       map[string]int
	mixedStruct map[int]point
	mixedMark   map[string]string

	replaced      map[string]int
	replacedEqual map[string]int
	replacedLate  map[int]string // no collection since
	swappedLeft   map[string]int
	swappedRight  map[string]int
	handedFrom    map[int]int
	handedTo      map[int]int
	fresh         map[string]int
	freshEmpty    map[int]int
	dropped       map[string]int
	reborn        map[string]int // where dropped was, with luck
	droppedLate   map[string]string
	emptyDropped  map[int]point
}

var vars varsType

func at(i int) point { return point{i, -i} }

func newPoint(i int) *point { return &point{i, -i} }

func grid(i int) [2]int { return [2]int{i % 7, i / 7} }

func float(i int) float64 { return float64(i) / 8 }

func half(i int) float64 { return float64(i) / -2 }

func nan(payload uint64) float64 {
	bits := 0x7ff8000000000000 | payload
	return *(*float64)(unsafe.Pointer(&bits))
}

func newBlock(i int) block {
	b := block{Title: "block " + strconv.Itoa(i)}
	for j := range b.Pad {
		b.Pad[j] = uint64(i)
	}
	return b
}

// marked makes strings of three lengths that begin with MARKER: at most 15 bytes, 30, and more than 64.
func marked(what string, i int) string {
	s := "MARKER" + what + strconv.Itoa(i)
	for want := []int{0, 30, 70}[i%3]; len(s) < want; {
		s += "."
	}
	return s
}

func markKey(i int) string  { return marked("key", i) }
func markElem(i int) string { return marked("elem", i) }

func keyBytes(i int) (b [16]byte)  { copy(b[:], "MARKERkey"+strconv.Itoa(i)); return b }
func elemBytes(i int) (b [16]byte) { copy(b[:], "MARKERelem"+strconv.Itoa(i)); return b }

func anything(i int) any {
	switch i % 4 {
	case 0:
		return i
	case 1:
		return str(i)
	case 2:
		return at(i)
	}
	return float(i)
}

// putAny is put for keys that are interfaces: before Go 1.20 they do for no type parameter.
func putAny(m map[any]any, from, to int, elem func(int) any) map[any]any {
	for i := from; i < to; i++ {
		m[anything(i)] = elem(i)
	}
	return m
}

func (v *varsType) build() {
	v.sameOne, v.sameSmall, v.sameEight = fill(1, same, str), fill(5, str, same), fill(8, same, square)
	v.sameLarge, v.sameGrowing = fill(1000, str, same), map[int]int{}
	growTo(v.sameGrowing, 6, 4, putter(v.sameGrowing, same, square))
	v.sameEmpty, v.sameHinted = map[string]int{}, make(map[int]int, 100)
	v.sameFat, v.sameFloats = fill(20, str, newBlock), fill(30, float, half)
	v.sameNaNs = map[float64]int{nan(1): 1, nan(2): 2, nan(3): 3, 1.5: 4}
	v.sameGrid, v.sameAny = fill(30, grid, str), putAny(map[any]any{}, 0, 20, anything)
	v.sameSet, v.sameMarked = fill(12, str, nothing), fill(12, markKey, markElem)
	v.sameBytes, v.sameBoxed = fill(9, keyBytes, elemBytes), fill(6, markKey, same)

	v.insertedFew, v.insertedMany, v.insertedTable = fill(20, str, same), fill(8, same, str), fill(8, str, newPoint)
	v.insertedFat, v.insertedGrid = fill(6, markKey, newBlock), fill(25, grid, same)
	v.insertedAny = putAny(map[any]any{}, 0, 11, anything)
	v.insertedEmpty = make(map[string]string, 40)

	v.deletedSmall, v.deletedSome, v.deletedMost = fill(8, same, str), fill(445, str, same), fill(200, same, at)
	v.deletedMark = fill(15, markKey, markElem)
	v.emptied, v.emptiedSmall, v.refilled = fill(30, str, same), fill(5, same, str), fill(7, str, same)
	v.cleared, v.clearedFat = fill(100, same, str), fill(10, str, newBlock)

	v.churned, v.churnedSmall = fill(410, same, square), fill(8, str, str)

	v.rescored, v.renamed, v.relocated = fill(50, str, same), fill(20, same, str), fill(300, same, at)
	v.repointed, v.patchedFat = fill(9, str, newPoint), fill(12, str, newBlock)
	v.rewritten, v.rebytes = putAny(map[any]any{}, 0, 16, anything), fill(6, keyBytes, elemBytes)
	v.refloated = fill(25, float, half)

	v.mixed, v.mixedStruct, v.mixedMark = fill(100, str, same), fill(8, same, at), fill(18, markKey, markElem)

	v.replaced, v.replacedEqual, v.replacedLate = fill(12, str, same), fill(12, str, same), fill(40, same, str)
	v.swappedLeft, v.swappedRight = fill(4, str, same), fill(6, str, square)
	v.handedFrom, v.dropped, v.droppedLate = fill(10, same, same), fill(9, str, same), fill(30, markKey, markElem)
	v.emptyDropped = map[int]point{}
}
