package main

// Keys of any type, made up from a number.

import (
	"math"
	"reflect"
	"runtime"
	"unsafe"
)

// hasNaNs says whether the key being made may have a NaN: one key in eight.
var hasNaNs bool

// makeUp writes the i-th value of type t to p. Deep inside of interfaces there are
// simple values only.
func makeUp(t reflect.Type, p unsafe.Pointer, i, depth int) {
	switch t.Kind() {
	case reflect.Bool:
		*(*bool)(p) = i&1 == 0
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		makeUpInt(p, t.Size(), i)
	case reflect.Float32:
		*(*float32)(p) = float32(float(i))
	case reflect.Float64:
		*(*float64)(p) = float(i)
	case reflect.Complex64:
		*(*complex64)(p) = complex(float32(float(i)), float32(float(i+3)))
	case reflect.Complex128:
		*(*complex128)(p) = complex(float(i), float(i+3))
	case reflect.String:
		*(*string)(p) = text(i)
	case reflect.Ptr:
		*(*unsafe.Pointer)(p) = unsafe.Pointer(reflect.New(t.Elem()).Pointer())
	case reflect.UnsafePointer:
		*(*unsafe.Pointer)(p) = unsafe.Pointer(newInt(i))
	case reflect.Chan:
		*(*chan int)(p) = make(chan int, i%3) // its elements are ints everywhere in this program
	case reflect.Interface:
		makeUpInterface(t, p, i, depth)
	case reflect.Array:
		e := t.Elem()
		for j := 0; j < t.Len(); j++ {
			makeUp(e, unsafe.Add(p, uintptr(j)*e.Size()), i+5*j, depth)
		}
	case reflect.Struct:
		for j := 0; j < t.NumField(); j++ {
			f := t.Field(j)
			makeUp(f.Type, unsafe.Add(p, f.Offset), i+3*j, depth)
		}
	default:
		fail("no values of type " + t.String())
	}
}

// makeUpInt makes small integers, large ones, and negative ones. Few of their bits
// are set or clear, which keeps the core small.
func makeUpInt(p unsafe.Pointer, size uintptr, i int) {
	x := uint64(i)
	switch {
	case i%3 == 1 && size > 1:
		x <<= uint(i) % uint(8*size-7)
	case i%3 == 2:
		x = ^x
	}
	switch size {
	case 1:
		*(*uint8)(p) = uint8(x)
	case 2:
		*(*uint16)(p) = uint16(x)
	case 4:
		*(*uint32)(p) = uint32(x)
	default:
		*(*uint64)(p) = x
	}
}

// float makes the special values first, and some of them again.
func float(i int) float64 {
	if i >= 48 {
		return float64(i) / 8
	}
	switch i % 16 {
	case 1:
		return math.Copysign(0, -1)
	case 2:
		return 0
	case 4:
		return math.Inf(1)
	case 5:
		if hasNaNs {
			return math.NaN()
		}
	case 6:
		return math.Inf(-1)
	case 7:
		return 1e-40 // a denormal float32
	}
	return float64(i-48) / 8
}

var textLengths = [...]int{5, 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 127, 128, 129, 200, 257}

func text(i int) string { return letters(textLengths[i%len(textLengths)], i) }

// makeUpInterface goes round all types that the interface can hold; nil comes last.
func makeUpInterface(t reflect.Type, p unsafe.Pointer, i, depth int) {
	from := contents
	if depth >= 2 {
		from = contents[:simpleContents]
	}
	n := 0
	for _, c := range from {
		if reflect.TypeOf(c).Implements(t) {
			n++
		}
	}
	v := reflect.NewAt(t, p).Elem()
	n = i % (n + 1)
	for _, c := range from {
		if d := reflect.TypeOf(c); d.Implements(t) {
			if n == 0 {
				e := reflect.New(d)
				scribble(d, unsafe.Pointer(e.Pointer()), i)
				makeUp(d, unsafe.Pointer(e.Pointer()), i, depth+1)
				v.Set(e.Elem())
				return
			}
			n--
		}
	}
	v.Set(reflect.Zero(t))
}

// scribble fills a value before it is made, so that its padding is not zero. No
// collection runs meanwhile.
func scribble(t reflect.Type, p unsafe.Pointer, i int) {
	for j := uintptr(0); j < t.Size(); j++ {
		*(*byte)(unsafe.Add(p, j)) = byte(0x50 + i%16)
	}
}

// newMap makes a map of n keys, or of fewer where some are equal.
func newMap(t reflect.Type, n int) reflect.Value {
	m := reflect.MakeMap(t)
	kt, et := t.Key(), t.Elem()
	k, e := reflect.New(kt), reflect.New(et)
	kp, ep := unsafe.Pointer(k.Pointer()), unsafe.Pointer(e.Pointer())
	for i := 0; i < n; i++ {
		hasNaNs = i%8 == 5
		scribble(kt, kp, i)
		makeUp(kt, kp, i, 0)
		makeUp(et, ep, i, 0)
		m.SetMapIndex(k.Elem(), e.Elem())
	}
	return m
}

// build makes every map of the struct.
func (h *hashedType) build() {
	t := reflect.TypeOf(*h)
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		m := newMap(f.Type, keyCount(f.Type))
		reflect.NewAt(f.Type, unsafe.Add(unsafe.Pointer(h), f.Offset)).Elem().Set(m)
		if i%20 == 0 {
			runtime.GC() // keeps the core small: GOGC is off
		}
	}
}

// keyCount is how many keys a map of this type gets.
func keyCount(t reflect.Type) int {
	switch k := t.Key(); {
	case t.Elem().Kind() == reflect.Bool:
		return 200
	case k.Kind() == reflect.Interface:
		return 100
	case k.Kind() <= reflect.Complex128 || k.Kind() == reflect.String:
		return 25
	case k.Size() > 128:
		return 9
	}
	return 16
}

// letters makes a string of n bytes. The alphabet has a prime number of letters: no two
// blocks that a hash function takes are alike.
func letters(n, i int) string {
	b := make([]byte, n)
	for j := range b {
		b[j] = byte('A' + (5*i+j)%29)
	}
	return string(b)
}
