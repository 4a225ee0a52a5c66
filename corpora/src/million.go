package main

// The large zoo: maps with a million entries among many of middling size.

import "runtime"

type millionType struct {
	ints    map[int]int
	strings map[string]string
	sets    map[uint64]struct{}
	deleted map[int]int32 `state:"after-deletes"`
	growing map[uint32]uint32
	middle  []map[string]int
	small   map[int]map[int]int
}

var million millionType

func runMillion() {
	n := 1000000
	if sizeFlag > 0 {
		n = sizeFlag
	}
	makeKeys()
	million.ints = fill(n, same, square)
	runtime.GC()
	million.strings = fill(n, str, func(i int) string { return keys[i&2047] })
	runtime.GC()
	million.sets = make(map[uint64]struct{}, n/2)
	for i := 0; i < n/2; i++ {
		million.sets[uint64(i)*0x9e3779b97f4a7c15] = struct{}{}
	}
	million.deleted = fill(n/4, same, func(i int) int32 { return int32(i) })
	for i := 0; i < n/4; i += 3 {
		delete(million.deleted, i)
	}
	million.growing = map[uint32]uint32{}
	wide := func(i int) uint32 { return uint32(i) * 2654435761 }
	growTo(million.growing, 15, 4, putter(million.growing, wide, wide))
	for i := 0; i < 50; i++ {
		million.middle = append(million.middle, fill(i*100, str, same))
	}
	million.small = map[int]map[int]int{}
	for i := 0; i < 20000; i++ {
		million.small[i] = map[int]int{i: i}
	}
	prepare()
	w := &walker{way: wayGlobal}
	w.root("main.million", &million)
	recordQuiet()
	finishTruth()
	wait()
}
