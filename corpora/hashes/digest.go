package main

// The digest of a map's entries, as the zoo computes it, for machines of either
// byte order.

import (
	"reflect"
	"unsafe"
)

type digester struct{ h uint64 }

func (d *digester) byte(b byte) { d.h = (d.h ^ uint64(b)) * 1099511628211 }

func (d *digester) u64(x uint64) {
	for i := 0; i < 8; i++ {
		d.byte(byte(x >> (8 * i)))
	}
}

func (d *digester) str(s string) {
	d.u64(uint64(len(s)))
	for i := 0; i < len(s); i++ {
		d.byte(s[i])
	}
}

var bigEndian = func() bool { x := uint16(1); return *(*byte)(unsafe.Pointer(&x)) == 0 }()

// number feeds the n bytes of a number, the lowest first.
func (d *digester) number(p unsafe.Pointer, n uintptr) {
	for i := uintptr(0); i < n; i++ {
		at := i
		if bigEndian {
			at = n - 1 - i
		}
		d.byte(*(*byte)(unsafe.Add(p, at)))
	}
}

// value feeds the canonical form of the value of type t at p.
func (d *digester) value(t reflect.Type, p unsafe.Pointer) {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64:
		d.number(p, t.Size())
	case reflect.Complex64, reflect.Complex128:
		half := t.Size() / 2
		d.number(p, half)
		d.number(unsafe.Add(p, half), half)
	case reflect.String:
		d.str(*(*string)(p))
	case reflect.Ptr, reflect.Chan, reflect.UnsafePointer:
		d.u64(uint64(*(*uintptr)(p)))
	case reflect.Interface:
		v := reflect.NewAt(t, p).Elem().Elem()
		if !v.IsValid() {
			d.byte(0)
			return
		}
		d.byte(1)
		d.str(v.Type().String())
		d.value(v.Type(), copyOf(v))
	case reflect.Array:
		e := t.Elem()
		for i := 0; i < t.Len(); i++ {
			d.value(e, unsafe.Add(p, uintptr(i)*e.Size()))
		}
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			d.value(f.Type, unsafe.Add(p, f.Offset))
		}
	default:
		fail("no canonical form for " + t.String())
	}
}

// copyOf gives a value an address. The copy has the same bits.
func copyOf(v reflect.Value) unsafe.Pointer {
	n := reflect.New(v.Type())
	n.Elem().Set(v)
	return unsafe.Pointer(n.Pointer())
}

func wipe(b []byte) {
	for i := range b {
		b[i] = 0
	}
}

// hex16 is the digest's text: 16 hex digits.
func hex16(x uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[x>>(60-4*i)&15]
	}
	return string(b[:])
}

// mapEntries calls f for each entry with the addresses of copies of key and
// elem, which are good until f returns. It leaves the map as it was.
func mapEntries(t reflect.Type, word unsafe.Pointer, f func(kp, ep unsafe.Pointer)) (n int) {
	quietly(word, func() {
		it := reflect.NewAt(t, unsafe.Pointer(&word)).Elem().MapRange()
		k, e := reflect.New(t.Key()), reflect.New(t.Elem())
		for it.Next() {
			k.Elem().SetIterKey(it)
			e.Elem().SetIterValue(it)
			f(unsafe.Pointer(k.Pointer()), unsafe.Pointer(e.Pointer()))
			n++
		}
	})
	return n
}

// digestMap is the digest and the number of entries met.
func digestMap(t reflect.Type, word unsafe.Pointer) (sum uint64, n int) {
	n = mapEntries(t, word, func(kp, ep unsafe.Pointer) {
		d := digester{14695981039346656037}
		d.value(t.Key(), kp)
		d.value(t.Elem(), ep)
		sum += d.h
	})
	return sum, n
}
