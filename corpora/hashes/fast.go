package main

// Maps that compiled code fills: it has variants for keys of 4 and 8 bytes and for
// strings. And maps that code with types cannot make.

import (
	"math"
	"reflect"
)

type fastType struct {
	Small32     map[int32]int
	SmallU32    map[uint32]int
	Small64     map[int64]int
	SmallU64    map[uint64]int
	SmallText   map[string]int
	SmallPtr    map[*int]int
	SmallFloat  map[float64]int
	SmallStruct map[padString]int
	Eight       map[uint64]int
	EightTexts  map[string]int
	Zero        map[float64]int
	MinusZero   map[float64]int
	MinusZero32 map[float32]int
	MinusZeros  map[complex128]int
	MinusZerosC map[complex64]int
	NaNs        map[float64]int
	NaNs32      map[float32]string
	NaNInAny    map[any]int
	Lengths     map[string]int // a key of every length to 300
	Ints32      map[int32]bool
	Ints64      map[uint64]bool
	Ptrs        map[*int]bool
	Many        map[int]int
	ManyTexts   map[string]bool
	Growing     map[int]bool // classic ones are caught while they grow
	GrowingText map[string]string
}

func (f *fastType) build() {
	f.Small32 = map[int32]int{1: 1, -2: 2, math.MinInt32: 3}
	f.SmallU32 = map[uint32]int{0: 0, 1 << 31: 1, math.MaxUint32: 2, 77: 3}
	f.Small64 = map[int64]int{1: 1, -2: 2, math.MinInt64: 3}
	f.SmallU64 = map[uint64]int{0: 0, 1 << 63: 1, math.MaxUint64: 2, 1 << 32: 3, 5: 4}
	f.SmallText = map[string]int{"": 0, "a": 1, "bc": 2, "a longer key than the others": 3}
	f.SmallPtr = map[*int]int{nil: 0, newInt(1): 1, newInt(2): 2}
	f.SmallFloat = map[float64]int{0.5: 1, -3: 2, math.MaxFloat64: 3}
	f.SmallStruct = map[padString]int{{1, "one"}: 1, {2, ""}: 2}
	f.Eight, f.EightTexts = map[uint64]int{}, map[string]int{}
	for i := 0; i < 8; i++ {
		f.Eight[uint64(i)<<40] = i
		f.EightTexts[letters(i+10, i)] = i
	}
	f.Zero = map[float64]int{0: 1}
	f.MinusZero = map[float64]int{math.Copysign(0, -1): 1}
	f.MinusZero32 = map[float32]int{float32(math.Copysign(0, -1)): 1}
	f.MinusZeros = map[complex128]int{complex(math.Copysign(0, -1), math.Copysign(0, -1)): 1, complex(1, math.Copysign(0, -1)): 2}
	f.MinusZerosC = map[complex64]int{complex(0, float32(math.Copysign(0, -1))): 1, complex(float32(math.Copysign(0, -1)), 2): 2}
	f.NaNs, f.NaNs32, f.NaNInAny = map[float64]int{0: 0}, map[float32]string{}, map[any]int{}
	for i := 0; i < 5; i++ {
		f.NaNs[math.NaN()] = i
		f.NaNs32[float32(math.NaN())] = "NaN"
		f.NaNInAny[math.NaN()] = i
		f.NaNInAny[[1]complex64{complex(1, float32(math.NaN()))}] = i
		f.NaNInAny[mixed{F: math.NaN(), S: "NaN"}] = i
		f.NaNInAny[i] = i
	}
	f.Lengths = map[string]int{}
	for i := 0; i <= 300; i++ {
		f.Lengths[letters(i, 3)] = i
	}
	f.Ints32, f.Ints64, f.Ptrs = map[int32]bool{}, map[uint64]bool{}, map[*int]bool{}
	for i := 0; i < 100; i++ {
		f.Ints32[int32(i)<<20] = true
		f.Ints64[uint64(i)<<(uint(i)%57)] = true
		f.Ptrs[newInt(i)] = true
	}
	f.Many, f.ManyTexts = map[int]int{}, map[string]bool{}
	for i := 0; i < 1200; i++ {
		f.Many[i*7-300] = i & 7
	}
	for i := 0; i < 300; i++ {
		f.ManyTexts[str(i)] = true
	}
	f.Growing, f.GrowingText = map[int]bool{}, map[string]string{}
	growTo(f.Growing, 5, 4, putter(f.Growing, square, odd))
	growTo(f.GrowingText, 4, 3, putter(f.GrowingText, str, text))
}

// late is the elem of maps that only reflect makes: no compiled code has their types.
type late uint16

func buildMade() {
	field := func(name string, v any) reflect.StructField {
		f := reflect.StructField{Name: name, Type: reflect.TypeOf(v)}
		if name == "_" {
			f.PkgPath = "main"
		}
		return f
	}
	var keys []reflect.Type
	for _, v := range []any{
		false, int8(0), int32(0), int64(0), "", float32(0), float64(0), complex64(0), complex128(0), (*int)(nil), (chan int)(nil),
		struct{}{}, [3]byte{}, [4]byte{}, [8]byte{}, [16]byte{}, [100]byte{}, [200]byte{}, [2]string{}, [5]float32{}, [2]any{}, [1]*int{},
		[40]padBoth{}, [3]plain{}, [3]blankLast{},
		plain{}, padded{}, blank{}, nested{}, mixed{}, onePtr{}, padTail{}, padString{}, smallMix{}, words{}, bytesText{}, withNamed{},
		blankFirst{}, blankMiddle{}, blankOnly{}, blankFloat{}, oneText{}, deep{}, long200{}, pair[int32, string]{}, weekday(0), path(""),
	} {
		keys = append(keys, reflect.TypeOf(v))
	}
	keys = append(keys,
		reflect.TypeOf(&contents).Elem().Elem(), // any
		reflect.TypeOf((*named)(nil)).Elem(),
		reflect.ArrayOf(5, reflect.TypeOf("")),
		reflect.ArrayOf(11, reflect.TypeOf(int16(0))),
		reflect.ArrayOf(3, reflect.TypeOf(complex64(0))),
		reflect.ArrayOf(2, reflect.TypeOf(smallMix{})),
		reflect.StructOf([]reflect.StructField{field("A", int8(0)), field("B", int64(0)), field("S", "")}),
		reflect.StructOf([]reflect.StructField{field("A", int32(0)), field("B", int32(0))}),
		reflect.StructOf([]reflect.StructField{field("F", float32(0)), field("_", int32(0)), field("G", 0.5), field("P", padEnd{})}),
		reflect.StructOf([]reflect.StructField{field("S", "")}),
	)
	first := hasherCode(reflect.MapOf(keys[0], reflect.TypeOf(late(0))))
	for _, k := range keys {
		t := reflect.MapOf(k, reflect.TypeOf(late(0)))
		if hasherCode(t) != first {
			fail("compiled code has the type " + t.String())
		}
		made = append(made, newMap(t, keyCount(t)).Interface())
	}
}
