package main

// One map for every kind of elem.

import "unsafe"

type elemKinds struct {
	Bool          map[int]bool
	Int8          map[uint64]int8
	Int16         map[uint32]int16
	Int32         map[string]int32
	Int64         map[int]int64
	Uint          map[string]uint
	Uint8         map[[3]byte]uint8
	Uint16        map[string]uint16
	Uint32        map[string]uint32
	Uint64        map[int8]uint64
	Uintptr       map[int]uintptr
	Float32       map[string]float32
	Float64       map[uint16]float64
	Complex64     map[string]complex64
	Complex128    map[int]complex128
	String        map[string]string
	Array         map[string][3]int
	ArrayNone     map[string][0]int
	Plain         map[int]plain
	Padded        map[string]padded
	Blank         map[string]blank
	Nested        map[string]nested
	Mixed         map[int]mixed
	Embedded      map[string]embedded
	Any           map[string]any
	Error         map[string]error
	Named         map[string]named
	Pointer       map[string]*int
	PointerStruct map[string]*leaf
	Chan          map[string]chan int
	RecvChan      map[string]<-chan int
	Func          map[string]func(int) int
	Slice         map[string][]int
	SliceOfSlice  map[int][][]string
	Map           map[string]map[string]int
	MapOfMap      map[int]map[string]map[bool]int
	UnsafePointer map[string]unsafe.Pointer
	Empty         map[string]struct{}
	Empty32       map[int32]struct{}
	EmptyEmpty    map[struct{}]struct{}
	Array128      map[int][128]byte
	Array129      map[int][129]byte
	Array200      map[string][200]byte
	Fat           map[string]fat
	FatBoth       map[[200]byte]fat
	Leaf          map[string]leaf
}

func makeElemKinds() (e elemKinds) {
	e.Bool = fill(40, same, odd)
	e.Int8 = fill(20, func(i int) uint64 { return uint64(i) }, func(i int) int8 { return int8(i) })
	e.Int16 = fill(20, func(i int) uint32 { return uint32(i) }, func(i int) int16 { return int16(-i) })
	e.Int32 = fill(20, str, func(i int) int32 { return int32(i) })
	e.Int64 = fill(20, same, func(i int) int64 { return int64(i) << 35 })
	e.Uint = fill(7, str, func(i int) uint { return uint(i) })
	e.Uint8 = fill(20, func(i int) [3]byte { return [3]byte{byte(i), 2, 1} }, func(i int) uint8 { return uint8(i) })
	e.Uint16 = fill(20, str, func(i int) uint16 { return uint16(i) })
	e.Uint32 = fill(20, str, func(i int) uint32 { return uint32(i) })
	e.Uint64 = fill(20, func(i int) int8 { return int8(i) }, func(i int) uint64 { return 1 << i })
	e.Uintptr = fill(20, same, func(i int) uintptr { return uintptr(i) })
	e.Float32 = fill(20, str, func(i int) float32 { return float32(i) / 2 })
	e.Float64 = fill(20, func(i int) uint16 { return uint16(i) }, func(i int) float64 { return 1 / float64(i+1) })
	e.Complex64 = fill(5, str, func(i int) complex64 { return complex(float32(i), 1) })
	e.Complex128 = fill(20, same, func(i int) complex128 { return complex(1, float64(i)) })
	e.String = fill(150, str, padText)
	e.Array = fill(20, str, func(i int) [3]int { return [3]int{i, i, i} })
	e.ArrayNone = fill(20, str, func(int) [0]int { return [0]int{} })
	e.Plain = fill(20, same, func(i int) plain { return plain{int32(i), 1} })
	e.Padded = fill(20, str, func(i int) padded { return padded{B: int64(i)} })
	e.Blank = fill(20, str, func(i int) blank { return blank{S: str(i)} })
	e.Nested = fill(20, str, func(i int) nested { return nested{S: str(i), I: i} })
	e.Mixed = fill(20, same, func(i int) mixed { return mixed{S: str(i)} })
	e.Embedded = fill(3, str, func(i int) embedded { return embedded{plain{1, 2}, newLeaf(i), i} })
	e.Any = map[string]any{
		"nil": nil, "int": 1, "text": "t", "bool": false, "slice": []int{1, 2}, "map": map[string]int{"in": 1},
		"pointer": newLeaf(1), "leaf": *newLeaf(2), "func": func() {}, "named": byMap{"n": 1}, "array": [1]map[int]int{{1: 1}},
	}
	e.Error = map[string]error{"none": nil, "trouble": &trouble{5}, "hiccup": hiccup("h")}
	e.Named = map[string]named{"value": byValue{1}, "map": byMap{"x": 1}, "leaf": newLeaf(1), "nil": nil}
	e.Pointer = fill(20, str, newInt)
	e.PointerStruct = fill(5, str, newLeaf)
	e.Chan = fill(9, str, func(i int) chan int { return make(chan int, i) })
	e.RecvChan = fill(2, str, func(i int) <-chan int { return make(chan int, i) })
	e.Func = fill(20, str, func(i int) func(int) int { return func(x int) int { return x + i } })
	e.Func["nil"] = nil
	e.Slice = fill(20, str, func(i int) []int { return make([]int, i) })
	e.Slice["nil"] = nil
	e.SliceOfSlice = fill(5, same, func(i int) [][]string { return [][]string{{str(i)}, nil} })
	e.Map = fill(12, str, func(i int) map[string]int { return fill(i, str, same) })
	e.Map["nil"] = nil
	e.MapOfMap = fill(3, same, func(i int) map[string]map[bool]int {
		return fill(2, str, func(j int) map[bool]int { return map[bool]int{odd(i): j} })
	})
	e.UnsafePointer = fill(20, str, func(i int) unsafe.Pointer { return unsafe.Pointer(newInt(i)) })
	e.Empty = fill(100, str, nothing)
	e.Empty32 = fill(100, func(i int) int32 { return int32(i) }, nothing)
	e.EmptyEmpty = map[struct{}]struct{}{{}: {}}
	e.Array128 = fill(12, same, func(i int) [128]byte { return [128]byte{127: byte(i)} })
	e.Array129 = fill(12, same, func(i int) [129]byte { return [129]byte{128: byte(i)} })
	e.Array200 = fill(20, str, bigKey)
	e.Fat = fill(4, str, func(i int) fat { return fat{Title: str(i), M: map[string]int{"fat": i}, Tail: newLeaf(i)} })
	e.FatBoth = fill(12, bigKey, func(i int) fat { return fat{Title: str(i)} })
	e.Leaf = fill(5, str, func(i int) leaf { return *newLeaf(i) })
	return e
}
