//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

import (
	"reflect"
	"unsafe"
)

func seedOf(word unsafe.Pointer) uintptr { return uintptr(header(word).hash0) }

// roomOf is the number of slots, without those of overflow buckets and of old ones.
func roomOf(_ reflect.Type, word unsafe.Pointer) int {
	if header(word).buckets == nil {
		return 0
	}
	return 8 << header(word).B
}

// tombstonesOf: a classic map has none.
func tombstonesOf(reflect.Type, unsafe.Pointer) int { return -1 }
