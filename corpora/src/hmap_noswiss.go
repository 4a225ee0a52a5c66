//go:build go1.24 && !go1.26 && !goexperiment.swissmap

package main

import "unsafe"

// With GOEXPERIMENT=noswissmap the header has one word more.
type hmap struct {
	count      int
	flags      uint8
	B          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
	clearSeq   uint64
	extra      *mapextra
}
