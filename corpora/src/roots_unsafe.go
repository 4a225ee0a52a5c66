package main

// Maps behind unsafe pointers and numbers, beyond a slice's length, and
// garbage.

import "unsafe"

type hideout struct {
	tag    int
	m      unsafe.Pointer // a map
	box    unsafe.Pointer // a *rootBox
	toVar  unsafe.Pointer // a variable of map type
	word   uintptr        // a map; nothing else keeps it alive
	words  []uintptr      // several
	beyond []map[string]plain
	boxes  []rootBox
}

var (
	rootPointer unsafe.Pointer // a map
	rootWord    uintptr        // a map
	rootHideout *hideout
)

func isBehind(held string, m any) unsafe.Pointer {
	tell(wayUnsafe, held, "var,unsafe", m)
	return wordOfAny(m)
}

//go:noinline
func hideBehindPointers() {
	h := new(hideout)
	rootHideout = h
	rootPointer = isBehind("main.rootPointer", fill(44, str, toPlain))
	h.m = isBehind("main.rootHideout.m", fill(3, toPlain, toDay))
	b := newRootBox(8)
	h.box = unsafe.Pointer(b)
	tell(wayUnsafe, "main.rootHideout.box.(*main.rootBox).m", "var,unsafe,struct", b.m)
	tell(wayUnsafe, "main.rootHideout.box.(*main.rootBox).n", "var,unsafe,struct", b.n)
	p := newMapVar(4)
	h.toVar = unsafe.Pointer(p)
	tell(wayUnsafe, "main.rootHideout.toVar.(*map[main.ratio]string)", "var,unsafe", *p)
	h.beyond = make([]map[string]plain, 1, 4)
	for i, full := 1, h.beyond[:4]; i < 4; i++ {
		full[i] = fill(7*i, str, toPlain)
		tell(wayCap, "main.rootHideout.beyond[:cap]["+string(rune('0'+i))+"]", "var,struct,cap", full[i])
	}
	h.boxes = make([]rootBox, 0, 3)
	full := h.boxes[:3]
	full[1] = *newRootBox(2)
	tell(wayCap, "main.rootHideout.boxes[:cap][1].m", "var,struct,cap", full[1].m)
	tell(wayCap, "main.rootHideout.boxes[:cap][1].n", "var,struct,cap", full[1].n)
}

// isNumber hides a map where no collection would see it.
func isNumber(held string, m any) uintptr {
	tell(wayUintptr, held, "var,unsafe", m)
	return uintptr(wordOfAny(m))
}

//go:noinline
func hideAsNumbers() {
	rootWord = isNumber("main.rootWord", fill(26, toLabel, str))
	rootHideout.word = isNumber("main.rootHideout.word", fill(2, toWide, toRatio))
	for i := 0; i < 4; i++ {
		held := "main.rootHideout.words[" + string(rune('0'+i)) + "]"
		rootHideout.words = append(rootHideout.words, isNumber(held, fill(1+6*i, toPadded, newPlain)))
	}
}

//go:noinline
func makeRootGarbage() {
	litter := func(m any, name string) { tell(wayGarbage, "garbage "+name, "none,garbage", m) }
	litter(fill(1, toLabel, toRatio), "one")
	litter(fill(8, same, str), "eight")
	litter(fill(30, str, toFour), "thirty")
	litter(fill(200, toWide, newPlain), "two hundred")
	litter(map[string]*rootBox{"nested": newRootBox(5), "more": newRootBox(12)}, "boxes")
	litter(map[weekday]map[label]map[string]int{1: {"a": fill(3, str, same), "b": fill(15, str, same)}, 2: {}}, "nest")
	litter(map[string]any{"map": fill(10, same, toDay), "box": newRootBox(3), "number": 7}, "anys")
	emptied := fill(5, toPlain, str)
	for i := 0; i < 5; i++ {
		delete(emptied, toPlain(i))
	}
	litter(emptied, "emptied")
	litter(make(map[toByteKey]string, 30), "hinted")
	litter(newBare(), "bare")
	b := newRootBox(10)
	tell(wayGarbage, "garbage box.m", "none,garbage,struct", b.m)
	tell(wayGarbage, "garbage box.n", "none,garbage,struct", b.n)
}

type toByteKey uint8

// newBare makes a map that never had an entry.
//
//go:noinline
func newBare() map[weekday]string { return make(map[weekday]string) }
