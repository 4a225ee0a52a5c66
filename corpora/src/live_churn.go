package main

// As live.go, with every kind of key the runtime has functions of its own for, maps that are made anew all the
// time, and the packages that write maps on somebody's behalf.

import (
	"reflect"
	"runtime"
	"sync"
)

type changedType struct {
	int32s   map[int32]int32
	pointers map[*int]string
	anys     map[any]any
	fats     map[[200]byte]fat
	slices   map[string][]byte
	nested   map[int]map[string]int
	ranged   map[uint64]string
	mirrored map[string]int
	floats   map[float64]struct{}
	fresh    map[int]string // another one all the time
	copied   map[int]int    // likewise, a clone
	synced   sync.Map
}

var changed changedType

func runLiveChurn() {
	runtime.GOMAXPROCS(12)
	makeKeys()
	changed = changedType{
		int32s: map[int32]int32{}, pointers: map[*int]string{}, anys: map[any]any{}, fats: map[[200]byte]fat{},
		slices: map[string][]byte{}, nested: map[int]map[string]int{}, ranged: map[uint64]string{},
		mirrored: map[string]int{}, floats: map[float64]struct{}{},
	}
	prepare()
	for _, b := range []struct {
		m    any
		held string
	}{
		{changed.int32s, "int32s"}, {changed.pointers, "pointers"}, {changed.anys, "anys"}, {changed.fats, "fats"},
		{changed.slices, "slices"}, {changed.nested, "nested"}, {changed.ranged, "ranged"}, {changed.mirrored, "mirrored"},
		{changed.floats, "floats"},
	} {
		noteMap(reflect.TypeOf(b.m), wordOfAny(b.m), "main.changed."+b.held, wayGlobal, []string{"var", "struct"}, []string{"busy"}, "mid-write-possible")
	}
	recordQuiet()
	finishTruth()
	loop := func(f func(i int)) {
		go func() {
			for i := 0; ; i++ {
				f(i)
			}
		}()
	}
	words := make([]int, 512)
	loop(func(i int) {
		changed.int32s[int32(i%5000)] = int32(i)
		if i%5000 == 4999 {
			for k := range changed.int32s {
				delete(changed.int32s, k)
			}
		}
	})
	loop(func(i int) {
		changed.pointers[&words[i&511]] = keys[i&2047]
		delete(changed.pointers, &words[i*7&511])
	})
	loop(func(i int) {
		changed.anys[keys[i&255]] = i
		changed.anys[i&127] = keys[i&2047]
		changed.anys[[2]string{keys[i&63], "pair"}] = &words[i&511]
		delete(changed.anys, i*5&127)
		delete(changed.anys, keys[i*3&255])
	})
	loop(func(i int) {
		key := [200]byte{0: byte(i), 199: byte(i >> 3)}
		changed.fats[key] = fat{}
		key[0] = byte(i * 3)
		delete(changed.fats, key)
	})
	loop(func(i int) {
		key := keys[i&511]
		if changed.slices[key] = append(changed.slices[key], byte(i)); len(changed.slices[key]) > 20 {
			delete(changed.slices, key)
		}
	})
	loop(func(i int) {
		inner := map[string]int{keys[i&2047]: i}
		changed.nested[i&63] = inner
		for j := 0; j < i&31; j++ {
			inner[keys[j]] = j
		}
	})
	loop(func(i int) {
		changed.ranged[uint64(i&1023)] = keys[i&2047]
		if i&255 == 0 {
			for k := range changed.ranged {
				if k&3 == uint64(i>>8&3) {
					delete(changed.ranged, k)
				}
			}
		}
	})
	loop(func(i int) {
		m := reflect.ValueOf(changed.mirrored)
		m.SetMapIndex(reflect.ValueOf(keys[i&511]), reflect.ValueOf(i))
		m.SetMapIndex(reflect.ValueOf(keys[i*3&511]), reflect.Value{})
	})
	loop(func(i int) {
		changed.floats[float64(i%300)] = struct{}{}
		delete(changed.floats, float64(i*7%300))
	})
	loop(func(i int) {
		changed.fresh = map[int]string{}
		for j := 0; j < i%3000; j++ {
			changed.fresh[j] = keys[j&2047]
		}
	})
	loop(func(i int) {
		changed.copied = cloned(changed.copied)
		for j := 0; j < 10; j++ {
			changed.copied[(i+j)&1023] = j
		}
	})
	loop(func(i int) {
		changed.synced.Store(keys[i&255], i)
		changed.synced.LoadOrStore(i&511, keys[i&2047])
		changed.synced.Delete(keys[i*5&255])
		changed.synced.Load(keys[i*7&255])
	})
	nap(200)
	wait()
}
