//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

// A view into classic maps (hmap and buckets), to tell in the truth which state
// a map is in and to leave no trace when reading it.

import (
	"reflect"
	"unsafe"
)

const mapKind = "classic"

const (
	flagIterator     = 1
	flagOldIterator  = 2
	flagHashWriting  = 4
	flagSameSizeGrow = 8
)

type mapextra struct {
	overflow     *[]unsafe.Pointer
	oldoverflow  *[]unsafe.Pointer
	nextOverflow unsafe.Pointer
}

func header(word unsafe.Pointer) *hmap { return (*hmap)(word) }

// quietly undoes what starting an iteration does to the header.
func quietly(word unsafe.Pointer, f func()) {
	h := header(word)
	flags, extra := h.flags, h.extra
	var lists mapextra
	if extra != nil {
		lists = *extra
	}
	f()
	h.flags, h.extra = flags, extra
	if extra != nil {
		*extra = lists
	}
}

// A bucketType is the part of a map's type descriptor that places cells.
type bucketType struct {
	keySize, elemSize, bucketSize uintptr
}

func bucketsOf(t reflect.Type) bucketType {
	d := unsafe.Pointer(typeWord(t))
	return bucketType{
		keySize:    uintptr(*(*uint8)(unsafe.Add(d, 80))),
		elemSize:   uintptr(*(*uint8)(unsafe.Add(d, 81))),
		bucketSize: uintptr(*(*uint16)(unsafe.Add(d, 82))),
	}
}

func (bt bucketType) bucket(array unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(array, i*bt.bucketSize)
}

func (bt bucketType) overflowWord(bucket unsafe.Pointer) *unsafe.Pointer {
	return (*unsafe.Pointer)(unsafe.Add(bucket, bt.bucketSize-unsafe.Sizeof(uintptr(0))))
}

func (bt bucketType) top(bucket unsafe.Pointer, i uintptr) *uint8 {
	return (*uint8)(unsafe.Add(bucket, i))
}

func (bt bucketType) key(bucket unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(bucket, 8+i*bt.keySize)
}

func (bt bucketType) elem(bucket unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(bucket, 8+8*bt.keySize+i*bt.elemSize)
}

func (h *hmap) growing() bool { return h.oldbuckets != nil }

func (h *hmap) oldCount() uintptr {
	if h.flags&flagSameSizeGrow != 0 {
		return 1 << h.B
	}
	return 1 << (h.B - 1)
}

func shapeLabels(t reflect.Type, word unsafe.Pointer) (l []string) {
	h := header(word)
	if h.buckets == nil {
		return append(l, "no-storage")
	}
	if h.growing() {
		if h.flags&flagSameSizeGrow != 0 {
			l = append(l, "same-size-grow")
		} else {
			l = append(l, "mid-grow")
		}
		switch n := h.oldCount(); {
		case h.nevacuate*4 <= n:
			l = append(l, "grow-begun")
		case h.nevacuate*4 >= n*3:
			l = append(l, "grow-nearly-done")
		default:
			l = append(l, "grow-halfway")
		}
	}
	if h.flags&flagIterator != 0 {
		l = append(l, "iterator-flag")
	}
	if h.flags&flagOldIterator != 0 {
		l = append(l, "old-iterator-flag")
	}
	if h.noverflow > 0 {
		l = append(l, "overflow")
	}
	if h.noverflow > 50 {
		l = append(l, "many-overflow")
	}
	return l
}
