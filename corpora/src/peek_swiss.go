//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// A view into Swiss maps (Map, directory, table, group), to tell in the truth
// which state a map is in.

import (
	"reflect"
	"unsafe"
)

const mapKind = "swiss"

const (
	ctrlEmpty   = 0x80
	ctrlDeleted = 0xFE
)

type swissMap struct {
	used              uint64
	seed              uintptr
	dirPtr            unsafe.Pointer
	dirLen            int
	globalDepth       uint8
	globalShift       uint8
	writing           uint8
	tombstonePossible uint8
	clearSeq          uint64
}

type table struct {
	used       uint16
	capacity   uint16
	growthLeft uint16
	localDepth uint8
	index      int
	groups     unsafe.Pointer
	lengthMask uint64
}

// A groupType is the part of a map's type descriptor that places slots.
type groupType struct {
	size                           uintptr
	keys, keyStride, elems, stride uintptr
}

func (gt groupType) group(array unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(array, i*gt.size)
}

func (gt groupType) ctrl(group unsafe.Pointer, i uintptr) *uint8 {
	return (*uint8)(unsafe.Add(group, i)) // little-endian machines only
}

func (gt groupType) key(group unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(group, gt.keys+i*gt.keyStride)
}

func (gt groupType) elem(group unsafe.Pointer, i uintptr) unsafe.Pointer {
	return unsafe.Add(group, gt.elems+i*gt.stride)
}

func header(word unsafe.Pointer) *swissMap { return (*swissMap)(word) }

// quietly: reading a Swiss map leaves no trace.
func quietly(_ unsafe.Pointer, f func()) { f() }

// directory lists the directory's entries.
func (m *swissMap) directory() []*table {
	if m.dirLen == 0 {
		return nil
	}
	return unsafe.Slice((**table)(m.dirPtr), m.dirLen)
}

func (t *table) groupCount() uintptr { return uintptr(t.lengthMask) + 1 }

func shapeLabels(t reflect.Type, word unsafe.Pointer) (l []string) {
	m := header(word)
	gt := groupsOf(t)
	if m.dirPtr == nil {
		return append(l, "no-storage")
	}
	if m.dirLen == 0 {
		return append(l, "small")
	}
	l = append(l, "table")
	if m.dirLen > 1 {
		l = append(l, "multi-table")
	}
	for _, tab := range m.directory() {
		if tab.localDepth != m.globalDepth {
			l = addWord(l, "mixed-depth")
		}
		for g := uintptr(0); g < tab.groupCount(); g++ {
			for i := uintptr(0); i < 8; i++ {
				if *gt.ctrl(gt.group(tab.groups, g), i) == ctrlDeleted {
					l = addWord(l, "tombstones")
				}
			}
		}
	}
	return l
}
