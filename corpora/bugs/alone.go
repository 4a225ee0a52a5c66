package main

// Bugs that need no second goroutine.

import "unsafe"

// settings has labels that nobody made.
type settings struct {
	name   string
	labels map[string]int
}

func (s *settings) label(key string) { s.labels[key] = len(key) }

func (s *settings) labelAll(keys ...string) {
	for _, k := range keys {
		s.label(k)
	}
}

var setup = &settings{name: "default"}

func runNilLabel() {
	finishTruth()
	apply(setup.labelAll)
}

func apply(f func(...string)) { f("secret one", "secret two") }

// tags is a map with keys of any type.
type tags struct {
	byKey map[any]int
}

func (t *tags) set(key any, n int) { t.byKey[key] = n }

var tagged tags

func runUnhashableTag() {
	tagged.byKey = map[any]int{"one": 1}
	sound(word(tagged.byKey), "map[interface {}]int", "main.tagged.byKey")
	finishTruth()
	tagged.set([]int{1, 2}, 3)
}

// index has a key whose bytes are changed behind its back.
type index struct {
	byName map[string]int
}

var names2 index

func (x *index) insert(name []byte, n int) {
	x.byName[*(*string)(unsafe.Pointer(&name))] = n
}

func runChangedKey() {
	names2.byName = map[string]int{}
	buf := make([]byte, 0, 1<<10)
	for i := 0; i < 20; i++ {
		start := len(buf)
		buf = append(buf, "name "+hex(uint64(i))...)
		names2.insert(buf[start:len(buf):len(buf)], i)
	}
	copy(buf, "NAME")
	note(word(names2.byName), "map[string]int", "main.names2.byName", "global", "variable", "broken")
	finishTruth()
	abort()
}

// ledger has a map whose count is written over.
type ledger struct {
	totals map[string]int
}

var book ledger

func (l *ledger) overwrite() { *(*int)(word(l.totals)) += 5 }

func runStrayCount() {
	book.totals = map[string]int{"a": 1, "b": 2, "c": 3}
	book.overwrite()
	note(word(book.totals), "map[string]int", "main.book.totals", "global", "variable", "broken")
	finishTruth()
	abort()
}
