//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

// Wounds of classic maps.

import (
	"reflect"
	"strconv"
	"unsafe"
)

// storage is the word that leads to a map's entries.
func storage(m map[string]int) (word *uintptr, where string, rules []string) {
	return (*uintptr)(unsafe.Pointer(&header(wordOfAny(m)).buckets)), "buckets", []string{"CL-BUCKETS", "MAP-COUNT"}
}

// noEnd bends a chain of full buckets into a ring: a lookup that does not find its key there
// goes round for ever.
func noEnd(s *server) {
	m := s.sessions
	h, bt := header(wordOfAny(m)), bucketsOf(reflect.TypeOf(m))
	for n := 0; ; n++ {
		if n == 1000 {
			fail("no chain of full buckets")
		}
		for i := uintptr(0); i < 1<<h.B && !h.growing(); i++ {
			first := bt.bucket(h.buckets, i)
			last, full := first, isFull(bt, first)
			at := "buckets[" + strconv.Itoa(int(i)) + "]"
			for next := *bt.overflowWord(last); next != nil && full; next = *bt.overflowWord(last) {
				last, full = next, isFull(bt, next)
				at += ".overflow"
			}
			if w := bt.overflowWord(last); full {
				*w = first
				s.wounded("overflow-cycle", at+".overflow", unsafe.Pointer(w), 0, uint64(uintptr(first)), 8, "CL-CHAIN", "CL-OVFPTR")
				return
			}
		}
		m["more "+strconv.Itoa(n)] = n
	}
}

func isFull(bt bucketType, b unsafe.Pointer) bool {
	for i := uintptr(0); i < 8; i++ {
		if *bt.top(b, i) < 5 {
			return false
		}
	}
	return true
}
