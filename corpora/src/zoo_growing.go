package main

// Maps in the middle of growing (classic), with tombstones and several tables
// (Swiss), and maps that a goroutine is ranging over.

import (
	"reflect"
	"runtime"
)

type growing struct {
	intBegun    map[int]int
	intHalf     map[int]int
	intNearly   map[int]int
	stringBegun map[string]int
	stringHalf  map[string]*int
	fatHalf     map[[200]byte]fat
	anyHalf     map[any]any
	floatHalf   map[float64]string
	emptyHalf   map[string]struct{}
	afterDelete map[string]string `state:"after-deletes"`
	sameInt     map[int]int       `state:"churned"`
	sameString  map[string]*int   `state:"churned"`
	sameStruct  map[padded]string `state:"churned"`
	sameBig     map[int32]int32   `state:"churned"`
	ranged      map[int]string    `state:"iterated"`
	rangedGrew  map[string]int    `state:"iterated"`
	rangedTwice map[int]*int      `state:"iterated"`
	rangedSmall map[string]string `state:"iterated"`
	reflected   map[string]bool   `state:"iterated"`
	iterator    *reflect.MapIter
	several     map[int]int
	uneven      []map[int]int  // enough tables to have several depths
	tombs       map[string]int `state:"after-deletes"`
	tombsPart   map[int]int    `state:"after-deletes"`
	tombsMany   map[int]string `state:"after-deletes"`
}

func anyOf(i int) any {
	switch i % 4 {
	case 0:
		return i
	case 1:
		return str(i)
	case 2:
		return plain{int32(i), 0}
	}
	return float64(i) / 8
}

func (g *growing) build() {
	g.intBegun, g.intHalf, g.intNearly = map[int]int{}, map[int]int{}, map[int]int{}
	growTo(g.intBegun, 6, 0, putter(g.intBegun, same, same))
	growTo(g.intHalf, 6, 4, putter(g.intHalf, same, same))
	growTo(g.intNearly, 6, 7, putter(g.intNearly, same, same))
	g.stringBegun, g.stringHalf = map[string]int{}, map[string]*int{}
	growTo(g.stringBegun, 3, 1, putter(g.stringBegun, str, same))
	growTo(g.stringHalf, 6, 4, putter(g.stringHalf, str, newInt))
	g.fatHalf = map[[200]byte]fat{}
	growTo(g.fatHalf, 4, 4, putter(g.fatHalf, bigKey, func(i int) fat { return fat{Title: str(i)} }))
	g.anyHalf, g.floatHalf = map[any]any{}, map[float64]string{}
	growTo(g.anyHalf, 5, 5, func(i int) { g.anyHalf[anyOf(i)] = anyOf(i + 1) })
	growTo(g.floatHalf, 5, 3, putter(g.floatHalf, func(i int) float64 { return float64(i) / 3 }, str))
	g.emptyHalf, g.afterDelete = map[string]struct{}{}, map[string]string{}
	growTo(g.emptyHalf, 5, 4, putter(g.emptyHalf, str, nothing))
	growTo(g.afterDelete, 7, 0, putter(g.afterDelete, str, str))
	for i := 0; i < 20; i++ { // deletes evacuate as well
		delete(g.afterDelete, str(i*3))
	}
	runtime.GC()
	g.sameInt, g.sameString = map[int]int{}, map[string]*int{}
	g.sameStruct, g.sameBig = map[padded]string{}, map[int32]int32{}
	churn(g.sameInt, 40, 3, putter(g.sameInt, same, same), deleter(g.sameInt, same))
	churn(g.sameString, 100, 5, putter(g.sameString, str, newInt), deleter(g.sameString, str))
	churn(g.sameStruct, 60, 0, putter(g.sameStruct, func(i int) padded { return padded{B: int64(i)} }, str), deleter(g.sameStruct, func(i int) padded { return padded{B: int64(i)} }))
	churn(g.sameBig, 400, 4, putter(g.sameBig, func(i int) int32 { return int32(i) }, func(i int) int32 { return int32(i) }), deleter(g.sameBig, func(i int) int32 { return int32(i) }))

	runtime.GC()
	g.several = fill(2000, same, same)
	for _, n := range []int{1000, 1770, 1800} {
		g.uneven = append(g.uneven, fill(n, func(i int) int { return i * 7 }, same))
	}
	g.tombs, g.tombsPart, g.tombsMany = fill(440, str, same), fill(445, same, same), fill(890, same, str)
	for i := 0; i < 380; i++ {
		delete(g.tombs, str(i))
		if i%5 == 0 {
			delete(g.tombsPart, i)
		}
	}
	for i := 0; i < 890; i += 2 {
		delete(g.tombsMany, i)
	}

	runtime.GC()
	g.ranged = fill(60, same, str)
	g.rangedGrew = fill(50, str, same)
	g.rangedTwice = fill(200, same, newInt)
	g.rangedSmall = fill(6, str, str)
	g.reflected = map[string]bool{"a": true, "b": false, "c": true}
	g.iterator = reflect.ValueOf(g.reflected).MapRange()
	g.iterator.Next()
}

// parkRanges starts goroutines that stop in the middle of a range loop.
func (g *growing) parkRanges() {
	ready := make(chan bool)
	go func() {
		for range g.ranged {
			ready <- true
			<-parked
		}
	}()
	<-ready
	go func() { // the map grows under the iterator, which keeps the old storage
		n := 0
		for k := range g.rangedGrew {
			if n++; n == 5 {
				growTo(g.rangedGrew, 5, 3, func(i int) { g.rangedGrew[k+str(i)] = i })
				ready <- true
				<-parked
			}
		}
	}()
	<-ready
	go func() { // and twice, so that the iterator's storage belongs to nobody else
		n := 0
		for range g.rangedTwice {
			if n++; n == 100 {
				for i := 0; i < 1000; i++ {
					g.rangedTwice[i] = nil
				}
				ready <- true
				<-parked
			}
		}
	}()
	<-ready
	go func() {
		for range g.rangedSmall {
			ready <- true
			<-parked
		}
	}()
	<-ready
	runtime.Gosched()
}
