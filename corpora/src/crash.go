package main

// Deaths: races the runtime notices, panics, and faults.

import (
	"reflect"
	"runtime"
)

type racedType struct {
	ints    map[int]int
	strings map[string]int
	structs map[padded]string
}

var (
	raced racedType
	keys  [2048]string
)

func makeKeys() {
	for i := range keys {
		keys[i] = str(i)
	}
}

// prepareRace builds everything and writes the truth: what the raced map will
// look like in the end, nobody knows.
func prepareRace() {
	runtime.GOMAXPROCS(4)
	raced.ints, raced.strings, raced.structs = map[int]int{}, map[string]int{}, map[padded]string{}
	makeKeys()
	prepare()
}

// recordRace writes down the quiet maps, the one raced map, and the others.
func recordRace(m any, held string) {
	word := wordOfAny(m)
	noteMap(reflect.TypeOf(m), word, held, wayGlobal, []string{"var", "struct"}, []string{"raced"}, "any")
	recordQuiet()
	w := &walker{way: wayGlobal}
	w.root("main.raced", &raced)
	finishTruth()
}

// race runs the functions until the runtime stops the program.
func race(fs ...func(i int)) {
	for n := range fs {
		f := fs[n]
		go func() {
			for i := 0; ; i++ {
				f(i)
			}
		}()
	}
	for s := 0; s < 100; s++ {
		nap(100)
	}
	fail("ten seconds of racing and nobody noticed")
}

func runFatalWrites() {
	prepareRace()
	recordRace(raced.strings, "main.raced.strings")
	write := func(step int) func(int) {
		return func(i int) { raced.strings[keys[i*step&2047]] = i }
	}
	race(write(1), write(3), write(5), write(7))
}

func runFatalReadWrite() {
	prepareRace()
	recordRace(raced.ints, "main.raced.ints")
	sum := 0
	read := func(i int) { sum += raced.ints[i&1023] }
	race(func(i int) {
		raced.ints[i&4095] = i
		if i&7 == 0 {
			delete(raced.ints, i*5&4095)
		}
	}, read, read, read)
}

func runFatalIterWrite() {
	prepareRace()
	for i := 0; i < 64; i++ {
		raced.structs[padded{B: int64(i)}] = str(i)
	}
	recordRace(raced.structs, "main.raced.structs")
	n := 0
	iterate := func(int) {
		for k := range raced.structs {
			n += int(k.A)
		}
	}
	race(func(i int) { raced.structs[padded{B: int64(i & 1023)}] = keys[i&2047] }, iterate, iterate, iterate)
}

func prepareCrash() {
	prepare()
	recordQuiet()
	finishTruth()
}

func runNilWrite() {
	prepareCrash()
	quiet.none["assignment"] = 1
}

func runUnhashable() {
	prepareCrash()
	quiet.anys[[]int{1, 2, 3}] = "slice as key"
}

func runPanicOther() {
	prepareCrash()
	panic("out of cheese")
}

func runSegvOther() {
	prepareCrash()
	var h *holder
	if len(keys[0]) > 0 {
		h = newHolder(1)
	}
	h.tag++
}
