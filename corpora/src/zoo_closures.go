package main

// Maps that only a func value leads to. Reflection does not see into closures,
// so each is recorded by hand.

import (
	"reflect"
	"unsafe"
)

type mapFunc func() map[string]int

type closures struct {
	value   mapFunc                  // captures the map
	ref     mapFunc                  // captures the variable, which it assigns
	nested  func() mapFunc           // captures another closure
	method  func() map[string]int    // a bound method: holds the receiver's pointer
	methodV func() map[string]int    // a bound method: holds a copy of the receiver
	inElem  map[string]mapFunc       // a func as elem
	inAny   any                      // a func in an interface
	several func(int) map[string]int // captures three things
	deep    func() map[string]int    // captures a pointer to a struct
}

var globalFunc mapFunc

func (h *holder) theMap() map[string]int { return h.m }
func (h holder) myMap() map[string]int   { return h.m }

func (c *closures) build() {
	g := tiny("global func")
	globalFunc = func() map[string]int { return g }
	v := tiny("by value")
	c.value = func() map[string]int { return v }
	r := tiny("by reference")
	c.ref = func() map[string]int {
		if r == nil {
			r = tiny("again")
		}
		return r
	}
	inner := tiny("inner closure")
	in := func() map[string]int { return inner }
	c.nested = func() mapFunc { return in }
	c.method = newHolder(100).theMap
	c.methodV = newHolder(101).myMap
	e := tiny("elem closure")
	c.inElem = map[string]mapFunc{"f": func() map[string]int { return e }}
	a := tiny("any closure")
	c.inAny = mapFunc(func() map[string]int { return a })
	m1, m2, pad := tiny("several one"), tiny("several two"), [4]int{1, 2, 3, 4}
	c.several = func(i int) map[string]int {
		if pad[i&3] == 1 {
			return m1
		}
		return m2
	}
	h := newHolder(102)
	c.deep = func() map[string]int { return h.m }
}

// record walks what the closures hold. path.(func).name means the variable
// name captured by the func value.
func (c *closures) record(w *walker, path string) {
	one := func(m map[string]int, held string) {
		w.walk(place{reflect.TypeOf(m), unsafe.Pointer(&m), held, []string{"var", "struct", "closure"}, nil})
	}
	one(globalFunc(), "main.globalFunc.(func).g")
	one(c.value(), path+".value.(func).v")
	one(c.ref(), path+".ref.(func).r")
	one(c.nested()(), path+".nested.(func).in.(func).inner")
	recordReceiver(w, c.method, path+".method.(func).R", true)
	recordReceiver(w, c.methodV, path+".methodV.(func).R", false)
	one(c.inElem["f"](), path+`.inElem["f"].(func).e`)
	one(c.inAny.(mapFunc)(), path+".inAny.(main.mapFunc).(func).a")
	one(c.several(0), path+".several.(func).m1")
	one(c.several(1), path+".several.(func).m2")
	h := c.deep()
	one(h, path+".deep.(func).h.m")
	// The captured *holder of deep has more maps than m.
	at := unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&c.deep)), unsafe.Sizeof(uintptr(0)))
	w.walk(place{reflect.TypeOf((*holder)(nil)), at, path + ".deep.(func).h", []string{"var", "struct", "closure"}, nil})
}

// recordReceiver walks the *holder or holder that a bound method value holds:
// such a value is {code, receiver}.
func recordReceiver(w *walker, f func() map[string]int, held string, byPointer bool) {
	at := unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&f)), unsafe.Sizeof(uintptr(0)))
	if byPointer {
		at = *(*unsafe.Pointer)(at)
	}
	w.walk(place{reflect.TypeOf(holder{}), at, held, []string{"var", "struct", "closure"}, nil})
}
