package main

// One map for every kind of key.

import (
	"math"
	"strconv"
	"unsafe"
)

type keyKinds struct {
	Bool          map[bool]int
	Int           map[int]string
	Int8          map[int8]int64
	Int16         map[int16]bool
	Int32         map[int32]*int
	Int64         map[int64]struct{}
	Uint          map[uint]uint8
	Uint8         map[uint8]int
	Uint16        map[uint16][]int
	Uint32        map[uint32]string
	Uint64        map[uint64]int
	Uintptr       map[uintptr]any
	Float32       map[float32]int
	Float64       map[float64]int
	SignedZero    map[float64]string
	NaN           map[float64]int    `state:"nan"`
	NaNInStruct   map[mixed]int      `state:"nan"`
	NaNInAny      map[any]int        `state:"nan"`
	NaNGrown      map[float32]string `state:"nan"`
	Complex64     map[complex64]int
	Complex128    map[complex128]string
	String        map[string]int
	StringLengths map[string]int
	StringSet     map[string]struct{}
	Array4        map[[4]byte]int
	Array2        map[[2]int32]int
	ArrayString   map[[2]string]int
	ArrayAny      map[[2]any]int
	ArrayNone     map[[0]int]string
	Plain         map[plain]int
	Padded        map[padded]int
	Blank         map[blank]int
	Nested        map[nested]int
	Mixed         map[mixed]string
	OnePtr        map[onePtr]int
	Any           map[any]string
	Error         map[error]int
	Named         map[named]int
	Pointer       map[*int]int
	PointerStruct map[*leaf]string
	Chan          map[chan int]int
	UnsafePointer map[unsafe.Pointer]int
	Empty         map[struct{}]int
	Array128      map[[128]byte]int
	Array129      map[[129]byte]int
	Array200      map[[200]byte]int
	String9       map[[9]string]int
	Weekday       map[weekday]string
	Label         map[label]ratio
	Ratio         map[ratio]label
}

func makeKeyKinds() (k keyKinds) {
	k.Bool = map[bool]int{true: 1, false: 0}
	k.Int = fill(25, func(i int) int { return i*i - 100 }, str)
	k.Int8 = fill(100, func(i int) int8 { return int8(i - 50) }, func(i int) int64 { return int64(i) << 40 })
	k.Int16 = fill(30, func(i int) int16 { return int16(i * 1000) }, odd)
	k.Int32 = fill(60, func(i int) int32 { return int32(i) << 20 }, newInt)
	k.Int64 = fill(40, func(i int) int64 { return int64(i) << 33 }, nothing)
	k.Uint = fill(17, func(i int) uint { return uint(i) }, func(i int) uint8 { return uint8(i) })
	k.Uint8 = fill(200, func(i int) uint8 { return uint8(i) }, same)
	k.Uint16 = fill(12, func(i int) uint16 { return uint16(i * 31) }, func(i int) []int { return make([]int, i, i+3) })
	k.Uint32 = fill(90, func(i int) uint32 { return uint32(i) * 2654435761 }, str)
	k.Uint64 = fill(70, func(i int) uint64 { return uint64(i) << 50 }, square)
	k.Uintptr = fill(9, func(i int) uintptr { return uintptr(i) * 4096 }, func(i int) any { return i })
	k.Float32 = fill(20, func(i int) float32 { return float32(i) / 3 }, same)
	k.Float64 = fill(50, func(i int) float64 { return math.Sqrt(float64(i)) }, same)
	k.SignedZero = map[float64]string{}
	k.SignedZero[0] = "plus"
	k.SignedZero[math.Copysign(0, -1)] = "minus" // overwrites: the same key
	k.SignedZero[math.Inf(1)] = "inf"
	k.SignedZero[math.Inf(-1)] = "-inf"
	k.NaN = map[float64]int{1: 1}
	k.NaNInStruct = map[mixed]int{{F: 1}: 1}
	k.NaNInAny = map[any]int{1: 1}
	for i := 0; i < 5; i++ {
		k.NaN[math.NaN()] = i
		k.NaNInStruct[mixed{F: math.NaN(), S: "nan"}] = i
		k.NaNInAny[math.NaN()] = i
		k.NaNInAny[[1]float32{float32(math.NaN())}] = i
	}
	k.NaNGrown = map[float32]string{}
	for i := 0; i < 100; i++ {
		k.NaNGrown[float32(math.NaN())] = str(i)
		k.NaNGrown[float32(i)] = "number"
	}
	k.Complex64 = fill(10, func(i int) complex64 { return complex(float32(i), -1) }, same)
	k.Complex128 = fill(15, func(i int) complex128 { return complex(0, float64(i)) }, str)
	k.String = fill(120, str, same)
	k.StringLengths = fill(301, padText, same)
	k.StringSet = fill(33, str, nothing)
	k.Array4 = fill(50, func(i int) [4]byte { return [4]byte{byte(i), 1, 2, 3} }, same)
	k.Array2 = fill(30, func(i int) [2]int32 { return [2]int32{int32(i), -1} }, same)
	k.ArrayString = fill(21, func(i int) [2]string { return [2]string{str(i), "second"} }, same)
	k.ArrayAny, k.Nested = map[[2]any]int{}, map[nested]int{}
	for i := 0; i < 21; i++ {
		k.ArrayAny[[2]any{i, str(i)}] = i
		k.Nested[nested{padded{B: int64(i)}, str(i), i}] = i
	}
	k.ArrayNone = map[[0]int]string{{}: "only one"}
	k.Plain = fill(40, func(i int) plain { return plain{int32(i), int32(-i)} }, same)
	k.Padded = fill(40, func(i int) padded { return padded{int8(i), int64(i) << 30, 3} }, same)
	k.Blank = fill(20, func(i int) blank { return blank{A: int32(i), S: str(i)} }, same)
	k.Mixed = fill(20, func(i int) mixed { return mixed{float64(i) / 7, str(i), odd(i), complex(1, float32(i))} }, str)
	k.OnePtr = fill(10, func(i int) onePtr { return onePtr{newInt(i)} }, same)
	k.Any = manyKeys()
	k.Error = map[error]int{&trouble{1}: 1, &trouble{2}: 2, hiccup("again"): 3, nil: 0}
	k.Named = map[named]int{byValue{1}: 1, byString("two"): 2, newLeaf(3): 3}
	k.Pointer = fill(30, newInt, same)
	k.PointerStruct = fill(6, newLeaf, str)
	k.Chan = fill(12, func(i int) chan int { return make(chan int, i) }, same)
	k.UnsafePointer = fill(10, func(i int) unsafe.Pointer { return unsafe.Pointer(newInt(i)) }, same)
	k.Empty = map[struct{}]int{{}: 42}
	k.Array128 = fill(12, func(i int) [128]byte { return [128]byte{0: byte(i), 127: 1} }, same)
	k.Array129 = fill(12, func(i int) [129]byte { return [129]byte{0: byte(i), 128: 1} }, same)
	k.Array200 = fill(30, bigKey, same)
	k.String9 = fill(10, func(i int) [9]string { return [9]string{0: str(i), 8: "last"} }, same)
	k.Weekday = fill(7, func(i int) weekday { return weekday(i) }, str)
	k.Label = fill(10, func(i int) label { return label(str(i)) }, func(i int) ratio { return ratio(i) / 10 })
	k.Ratio = fill(10, func(i int) ratio { return ratio(i) / 10 }, func(i int) label { return label(str(i)) })
	return k
}

// manyKeys has an interface key of every comparable kind.
func manyKeys() map[any]string {
	m := map[any]string{
		nil: "nil", true: "bool", 1: "int", int8(1): "int8", int16(1): "int16", int32(1): "int32", int64(1): "int64",
		uint(1): "uint", uint8(1): "uint8", uint16(1): "uint16", uint32(1): "uint32", uint64(1): "uint64",
		uintptr(1): "uintptr", float32(1.5): "float32", 2.5: "float64", complex64(1): "complex64", 1i: "complex128",
		"text": "string", "": "empty string", [0]int{}: "no ints", [3]int{1, 2, 3}: "array", [2]string{"a", "b"}: "strings",
		plain{1, 2}: "plain", padded{1, 2, 3}: "padded", blank{A: 1, S: "s"}: "blank",
		nested{I: plain{3, 4}}: "nested", mixed{F: 1}: "mixed", struct{}{}: "empty struct",
		weekday(3): "weekday", label("l"): "label", ratio(0.5): "ratio", byValue{9}: "byValue", byString("b"): "byString",
		hiccup("h"): "hiccup", newInt(7): "pointer", onePtr{}: "struct of one pointer", [1]*int{newInt(8)}: "array of one pointer",
		make(chan int): "chan", unsafe.Pointer(newInt(9)): "unsafe pointer", bigKey(1): "200 bytes",
	}
	for i := 0; i < 20; i++ {
		m["text "+strconv.Itoa(i)] = "more"
		m[i+1000] = "more"
	}
	return m
}
