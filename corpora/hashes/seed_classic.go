//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

import "unsafe"

func seedOf(word unsafe.Pointer) uintptr { return uintptr(header(word).hash0) }
