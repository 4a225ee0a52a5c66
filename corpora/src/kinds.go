package main

// The types that serve as keys and elems all over the zoo.

import (
	"strconv"
	"unsafe"
)

type (
	plain  struct{ A, B int32 }
	padded struct {
		A int8
		B int64
		C int16
	}
	blank struct {
		A int32
		_ int32
		S string
	}
	nested struct {
		P padded
		S string
		I any
	}
	mixed struct {
		F float64
		S string
		B bool
		C complex64
	}
	onePtr   struct{ P *int }
	embedded struct {
		plain
		*leaf
		N int
	}
	leaf struct {
		Title string
		M     map[string]int
	}
	fat struct { // 144 bytes, with pointers: an indirect elem
		Title string
		Pad   [13]uint64
		M     map[string]int
		Tail  *leaf
	}
	weekday int
	label   string
	ratio   float64
)

// named is a non-empty interface, and these are its implementations.
type named interface{ Name() string }

type (
	byValue  struct{ N int }
	byString string
	byMap    map[string]int
)

func (v byValue) Name() string  { return "value " + strconv.Itoa(v.N) }
func (s byString) Name() string { return string(s) }
func (m byMap) Name() string    { return "map of " + strconv.Itoa(len(m)) }
func (l *leaf) Name() string    { return l.Title }

// trouble is an error.
type trouble struct{ Code int }

func (t *trouble) Error() string { return "trouble " + strconv.Itoa(t.Code) }

// hiccup is an error that is comparable by value.
type hiccup string

func (h hiccup) Error() string { return string(h) }

// fill makes a map of n entries.
func fill[K comparable, V any](n int, key func(int) K, elem func(int) V) map[K]V {
	m := make(map[K]V)
	for i := 0; i < n; i++ {
		m[key(i)] = elem(i)
	}
	return m
}

// putter inserts entry after entry into m; deleter takes them out again.
func putter[K comparable, V any](m map[K]V, key func(int) K, elem func(int) V) func(int) {
	return func(i int) { m[key(i)] = elem(i) }
}

func deleter[K comparable, V any](m map[K]V, key func(int) K) func(int) {
	return func(i int) { delete(m, key(i)) }
}

func same(i int) int         { return i }
func str(i int) string       { return "key " + strconv.Itoa(i) }
func square(i int) int       { return i * i }
func odd(i int) bool         { return i&1 == 1 }
func nothing(int) struct{}   { return struct{}{} }
func newInt(i int) *int      { p := new(int); *p = i; return p }
func newLeaf(i int) *leaf    { return &leaf{Title: str(i), M: map[string]int{"leaf": i}} }
func bigKey(i int) [200]byte { var b [200]byte; b[0], b[1], b[199] = byte(i), byte(i>>8), 7; return b }

// padText makes strings of every length up to 300, unlike at their ends only.
func padText(i int) string {
	b := make([]byte, i)
	for j := range b {
		b[j] = byte('a' + (i+j)%26)
	}
	return string(b)
}

func wordOf[M any](m M) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m)) }
