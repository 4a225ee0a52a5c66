//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// The header of Swiss maps. The zoo's view of them is for 64 bits only.

import (
	"reflect"
	"unsafe"
)

const mapKind = "swiss"

type swissMap struct {
	used   uint64
	seed   uintptr
	dirPtr unsafe.Pointer
	dirLen int
}

func header(word unsafe.Pointer) *swissMap { return (*swissMap)(word) }

func seedOf(word unsafe.Pointer) uintptr { return header(word).seed }

// quietly: reading a Swiss map leaves no trace.
func quietly(_ unsafe.Pointer, f func()) { f() }

func shapeLabels(_ reflect.Type, word unsafe.Pointer) []string {
	switch m := header(word); {
	case m.dirPtr == nil:
		return []string{"no-storage"}
	case m.dirLen == 0:
		return []string{"small"}
	case m.dirLen == 1:
		return []string{"table"}
	}
	return []string{"table", "multi-table"}
}
