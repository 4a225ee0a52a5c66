//go:build !go1.27 && (go1.26 || (go1.24 && goexperiment.swissmap))

package main

import (
	"reflect"
	"unsafe"
)

// groupsOf reads the group layout from the type descriptor: 1.24 to 1.26 keep
// key and elem side by side in a slot.
func groupsOf(t reflect.Type) groupType {
	d := unsafe.Pointer(typeWord(t))
	word := func(off uintptr) uintptr { return *(*uintptr)(unsafe.Add(d, off)) }
	slot := word(88)
	return groupType{size: word(80), keys: 8, keyStride: slot, elems: 8 + word(96), stride: slot}
}
