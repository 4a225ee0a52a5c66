package main

// A small set of healthy maps, for the scenarios that are about something
// else: whatever happens, these have to come out sound.

import (
	"runtime"
	"sync"
)

type quietType struct {
	none     map[string]int
	empty    map[int]string
	ints     map[int]int
	strings  map[string]string
	set      map[string]struct{}
	pointers map[string]*holder
	anys     map[any]any
	structs  map[padded]nested
	big      map[[200]byte]fat
	nested   map[string]map[int]string
	growing  map[int]int
	churned  map[int32]int32 `state:"churned"`
	deleted  map[string]int  `state:"after-deletes"`
	list     *chainLink
	sync     sync.Map
	queue    chan map[string]int
	method   func() map[string]int
}

var quiet quietType

func (q *quietType) build() {
	q.empty = map[int]string{}
	q.ints = fill(100, same, square)
	q.strings = fill(30, str, padText)
	q.set = fill(8, str, nothing)
	q.pointers = fill(3, str, newHolder)
	q.anys = map[any]any{1: "one", "two": 2, plain{3, 3}: tiny("three"), nil: nil}
	q.structs = fill(20, func(i int) padded { return padded{B: int64(i)} }, func(i int) nested { return nested{S: str(i), I: i} })
	q.big = fill(10, bigKey, func(i int) fat { return fat{Title: str(i)} })
	q.nested = map[string]map[int]string{"a": {1: "x"}, "b": {}, "c": nil}
	q.growing, q.churned = map[int]int{}, map[int32]int32{}
	growTo(q.growing, 4, 4, putter(q.growing, same, same))
	narrow := func(i int) int32 { return int32(i) }
	churn(q.churned, 60, 4, putter(q.churned, narrow, narrow), deleter(q.churned, narrow))
	q.deleted = fill(200, str, same)
	for i := 0; i < 150; i++ {
		delete(q.deleted, str(i))
	}
	q.list = &chainLink{map[int]int{1: 1}, &chainLink{map[int]int{2: 2}, nil}}
	q.sync.Store("quiet", tiny("sync"))
	q.sync.Store(1, "one")
	q.queue = make(chan map[string]int, 2)
	q.queue <- tiny("queued")
	q.method = newHolder(500).theMap
}

// prepare builds the quiet maps and collects garbage for the last time.
func prepare() {
	quiet.build()
	crowd()
	runtime.GC()
	runtime.GC()
}

// recordQuiet writes down the quiet maps.
func recordQuiet() {
	w := &walker{way: wayGlobal}
	w.root("main.quiet", &quiet)
	w.root("main.initMap", &initMap)
	recordReceiver(w, quiet.method, "main.quiet.method.(func).R", true)
}
