//go:build go1.27

package main

import (
	"reflect"
	"unsafe"
)

// groupsOf reads the group layout from the type descriptor: 1.27 has offsets
// and strides, for slots side by side and for split groups alike.
func groupsOf(t reflect.Type) groupType {
	d := unsafe.Pointer(typeWord(t))
	word := func(off uintptr) uintptr { return *(*uintptr)(unsafe.Add(d, off)) }
	return groupType{size: word(80), keys: word(88), keyStride: word(96), elems: word(104), stride: word(112)}
}
