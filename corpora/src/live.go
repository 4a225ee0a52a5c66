package main

// A healthy process that is dumped alive while goroutines write their own maps:
// any of these maps may be caught in the middle of an operation.

import (
	"reflect"
	"runtime"
)

type busyType struct {
	ints    map[int]int
	strings map[string]*int
	structs map[padded]string
	small   map[int]int
	cleared map[string]int
}

var busy busyType

func runLiveWriters() {
	runtime.GOMAXPROCS(4)
	makeKeys()
	busy = busyType{map[int]int{}, map[string]*int{}, map[padded]string{}, map[int]int{}, map[string]int{}}
	prepare()
	for _, b := range []struct {
		m    any
		held string
	}{
		{busy.ints, "ints"}, {busy.strings, "strings"}, {busy.structs, "structs"}, {busy.small, "small"}, {busy.cleared, "cleared"},
	} {
		noteMap(reflect.TypeOf(b.m), wordOfAny(b.m), "main.busy."+b.held, wayGlobal, []string{"var", "struct"}, []string{"busy"}, "mid-write-possible")
	}
	recordQuiet()
	finishTruth()
	one := new(int)
	loop := func(f func(i int)) {
		go func() {
			for i := 0; ; i++ {
				f(i)
			}
		}()
	}
	loop(func(i int) { busy.ints[i%3000] = i; delete(busy.ints, i*7%3000) })
	loop(func(i int) { busy.strings[keys[i&2047]] = one; delete(busy.strings, keys[i*5&2047]) })
	loop(func(i int) {
		k := padded{B: int64(i % 500)}
		if i%1000 < 500 {
			busy.structs[k] = keys[i&2047]
		} else {
			delete(busy.structs, k)
		}
	})
	loop(func(i int) { busy.small[i&7] = i; delete(busy.small, i*3&7) })
	loop(func(i int) {
		busy.cleared[keys[i&2047]] = i
		if i%300 == 299 {
			for k := range busy.cleared {
				delete(busy.cleared, k)
			}
		}
	})
	nap(200)
	wait()
}
