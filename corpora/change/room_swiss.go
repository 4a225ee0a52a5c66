//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

import (
	"reflect"
	"unsafe"
)

func seedOf(word unsafe.Pointer) uintptr { return header(word).seed }

// groupsIn calls f for each group of the map, once.
func groupsIn(t reflect.Type, word unsafe.Pointer, f func(groupType, unsafe.Pointer)) {
	m, gt := header(word), groupsOf(t)
	if m.dirPtr != nil && m.dirLen == 0 {
		f(gt, m.dirPtr)
	}
	var last *table // a table that several entries of the directory have has them one after the other
	for _, tab := range m.directory() {
		if tab == last {
			continue
		}
		last = tab
		for g := uintptr(0); g < tab.groupCount(); g++ {
			f(gt, gt.group(tab.groups, g))
		}
	}
}

// roomOf is the number of slots.
func roomOf(t reflect.Type, word unsafe.Pointer) (n int) {
	groupsIn(t, word, func(groupType, unsafe.Pointer) { n += 8 })
	return n
}

func tombstonesOf(t reflect.Type, word unsafe.Pointer) (n int) {
	groupsIn(t, word, func(gt groupType, group unsafe.Pointer) {
		for i := uintptr(0); i < 8; i++ {
			if *gt.ctrl(group, i) == ctrlDeleted {
				n++
			}
		}
	})
	return n
}
