//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// Wounds of Swiss maps.

import (
	"reflect"
	"strconv"
	"unsafe"
)

// storage is the word that leads to a map's entries.
func storage(m map[string]int) (word *uintptr, where string, rules []string) {
	return (*uintptr)(unsafe.Pointer(&header(wordOfAny(m)).dirPtr)), "dirPtr", []string{"SW-DIROBJ", "SW-USED"}
}

// noEnd leaves no slot of the first table empty: a lookup that does not find its key there
// probes for ever.
func noEnd(s *server) {
	m := header(wordOfAny(s.sessions))
	if m.dirLen == 0 {
		fail("the map is small")
	}
	gt, t := groupsOf(reflect.TypeOf(s.sessions)), m.directory()[0]
	where, word, old := "", (*uint8)(nil), uint8(0)
	for g := uintptr(0); g < t.groupCount(); g++ {
		for i := uintptr(0); i < 8; i++ {
			if c := gt.ctrl(gt.group(t.groups, g), i); *c >= 0x80 {
				where, word, old = "tables[0].groups["+strconv.Itoa(int(g))+"].ctrl["+strconv.Itoa(int(i))+"]", c, *c
				*c = 0x11
			}
		}
	}
	s.wounded("ctrl-full", where, unsafe.Pointer(word), uint64(old), 0x11, 1, "SW-USED", "SW-GROWTH")
}
