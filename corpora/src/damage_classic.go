//go:build !go1.24 || (!go1.26 && !goexperiment.swissmap)

package main

// Wounds of classic maps, and deaths by them.

import (
	"reflect"
	"strconv"
	"unsafe"
)

func kindScenarios() []scenario {
	return []scenario{{"throw-bad-map-state", runBadMapState}}
}

// chains calls f for every bucket of an array, with the bucket before it in its
// chain (nil for main buckets) and its name.
//
// What comes next is looked up before f is called: f may cut or bend the chain.
func chains(t reflect.Type, array unsafe.Pointer, n uintptr, name string, f func(b, before unsafe.Pointer, main uintptr, name string)) {
	bt := bucketsOf(t)
	for i := uintptr(0); i < n; i++ {
		b, before := bt.bucket(array, i), unsafe.Pointer(nil)
		at := name + "[" + strconv.Itoa(int(i)) + "]"
		for b != nil {
			next := *bt.overflowWord(b)
			f(b, before, i, at)
			b, before = next, b
			at += ".overflow"
		}
	}
}

func cellsOf(t reflect.Type, array unsafe.Pointer, n uintptr, name string) (all []cell) {
	bt := bucketsOf(t)
	chains(t, array, n, name, func(b, _ unsafe.Pointer, _ uintptr, at string) {
		for i := uintptr(0); i < 8; i++ {
			s := "[" + strconv.Itoa(int(i)) + "]"
			top := bt.top(b, i)
			all = append(all, cell{top, bt.key(b, i), bt.elem(b, i), at + ".tophash" + s, at + ".keys" + s, at + ".elems" + s, *top >= 5, int(i)})
		}
	})
	return all
}

func cells(t reflect.Type, word unsafe.Pointer) []cell {
	h := header(word)
	return cellsOf(t, h.buckets, 1<<h.B, "buckets")
}

func kindWounds() []wound {
	type T = reflect.Type
	type P = unsafe.Pointer
	head := func(name string, size int, field func(h *hmap) (P, uint64), rules ...string) func(T, P) *damage {
		return func(t T, m P) *damage {
			p, v := field(header(m))
			return poke("", name, p, size, v, rules...)
		}
	}
	list := []wound{
		{kind: "buckets-nowhere", field: "ints", n: 50, harm: head("buckets", 8, func(h *hmap) (P, uint64) {
			return P(&h.buckets), nowhere
		}, "CL-BUCKETS", "MAP-COUNT")},
		{kind: "buckets-nil", field: "strings", n: 50, harm: head("buckets", 8, func(h *hmap) (P, uint64) {
			return P(&h.buckets), 0
		}, "CL-BUCKETS", "MAP-LEN", "MAP-COUNT")},
		{kind: "buckets-inner", field: "ints", n: 150, harm: func(t T, m P) *damage {
			h := header(m)
			return poke("", "buckets", P(&h.buckets), 8, uint64(uintptr(h.buckets)+bucketsOf(t).bucketSize), "CL-BUCKETS", "CL-B", "MAP-COUNT")
		}},
		{kind: "buckets-shared", field: "ints", n: 40, harm: func(t T, m P) *damage {
			h := header(m)
			_, other := donor(41)
			return poke("", "buckets", P(&h.buckets), 8, uint64(uintptr(header(other).buckets)), "MAP-SHARED", "MAP-COUNT")
		}},
		{kind: "overflow-cycle", field: "ints", n: 375, harm: overflowCycle},
		{kind: "overflow-cycle-pointers", field: "pointers", n: 375, harm: overflowCycle},
		{kind: "overflow-shared", field: "ints", n: 375, harm: func(t T, m P) *damage {
			h, bt := header(m), bucketsOf(t)
			var target P
			var d *damage
			chains(t, h.buckets, 1<<h.B, "buckets", func(b, before P, _ uintptr, _ string) {
				if before != nil && target == nil {
					target = b
				}
			})
			chains(t, h.buckets, 1<<h.B, "buckets", func(b, before P, _ uintptr, at string) {
				w := bt.overflowWord(b)
				if d == nil && target != nil && before == nil && *w == nil {
					d = poke("", at+".overflow", P(w), 8, uint64(uintptr(target)), "CL-CHAIN", "CL-NOVERFLOW", "MAP-COUNT")
				}
			})
			return d
		}},
		{kind: "overflow-lost", field: "ints", n: 760, harm: func(t T, m P) *damage {
			h, bt := header(m), bucketsOf(t)
			var d *damage
			chains(t, h.buckets, 1<<h.B, "buckets", func(b, before P, _ uintptr, at string) {
				if d == nil && before != nil && *bt.top(b, 0) >= 5 {
					d = poke("", at, P(bt.overflowWord(before)), 8, 0, "MAP-COUNT", "CL-NOVERFLOW", "CL-EXTRA")
				}
			})
			return d
		}},
		{kind: "overflow-nowhere", field: "pointers", n: 60, harm: func(t T, m P) *damage {
			h := header(m)
			return poke("", "buckets[1].overflow", P(bucketsOf(t).overflowWord(bucketsOf(t).bucket(h.buckets, 1))), 8, nowhere, "CL-CHAIN", "MAP-COUNT")
		}},
		{kind: "count-more", field: "ints", n: 30, harm: head("count", 8, func(h *hmap) (P, uint64) {
			return P(&h.count), uint64(h.count + 1)
		}, "MAP-COUNT")},
		{kind: "count-less", field: "strings", n: 8, harm: head("count", 8, func(h *hmap) (P, uint64) {
			return P(&h.count), uint64(h.count - 1)
		}, "MAP-COUNT")},
		{kind: "count-huge", field: "ints", n: 31, harm: head("count", 8, func(h *hmap) (P, uint64) {
			return P(&h.count), 1 << 50
		}, "MAP-LEN", "MAP-COUNT")},
		{kind: "count-negative", field: "ints", n: 3, harm: head("count", 8, func(h *hmap) (P, uint64) {
			return P(&h.count), ^uint64(0)
		}, "MAP-LEN", "MAP-COUNT")},
		{kind: "tophash-moved", field: "ints", n: 60, harm: markLive(3, "CL-TOPRANGE", "MAP-COUNT")},
		{kind: "tophash-moved-2", field: "strings", n: 6, harm: markLive(2, "CL-TOPRANGE", "MAP-COUNT")},
		{kind: "tophash-moved-empty", field: "pointers", n: 60, harm: markLive(4, "CL-TOPRANGE", "MAP-COUNT")},
		{kind: "tophash-rest", field: "ints", n: 61, harm: func(t T, m P) *damage {
			all := cells(t, m)
			for i := 1; i < len(all); i++ {
				if a, b := all[i-1], all[i]; a.live && b.live && b.index == a.index+1 {
					return poke("", a.where, P(a.mark), 1, 0, "CL-REST", "MAP-COUNT")
				}
			}
			return nil
		}},
		{kind: "tophash-born", field: "ints", n: 62, harm: func(t T, m P) *damage {
			all := cells(t, m)
			for i := 1; i < len(all); i++ {
				if a, b := all[i-1], all[i]; *a.mark == 0 && *b.mark == 0 && b.index == a.index+1 {
					return poke("", b.where, P(b.mark), 1, 0x55, "CL-REST", "MAP-COUNT")
				}
			}
			return nil
		}},
		{kind: "tophash-one-at-end", field: "ints", n: 63, soft: true, harm: func(t T, m P) *damage {
			all := cells(t, m)
			for i := 1; i < len(all); i++ {
				if a, b := all[i-1], all[i]; a.live && *b.mark == 0 && b.index == a.index+1 {
					return poke("", b.where, P(b.mark), 1, 1, "CL-ONE")
				}
			}
			return nil
		}},
		{kind: "tophash-bit", field: "ints", n: 64, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 3)
			d := poke("", c.where, P(c.mark), 1, uint64(*c.mark^0x80|0x10), "MAP-KEYHASH")
			d.needsHash = true
			return d
		}},
		{kind: "seed", field: "ints", n: 65, harm: func(t T, m P) *damage {
			h := header(m)
			d := poke("", "hash0", P(&h.hash0), 4, uint64(h.hash0^0x5a5a5a5a), "MAP-KEYHASH", "MAP-PLACE")
			d.needsHash = true
			return d
		}},
		{kind: "flags-unknown", field: "ints", n: 12, harm: head("flags", 1, func(h *hmap) (P, uint64) {
			return P(&h.flags), uint64(h.flags | 0x40)
		}, "CL-FLAGS")},
		{kind: "flags-writing", field: "ints", n: 13, soft: true, harm: head("flags", 1, func(h *hmap) (P, uint64) {
			return P(&h.flags), uint64(h.flags | flagHashWriting)
		}, "MAP-WRITER")},
		{kind: "flags-same-size", field: "ints", n: 14, harm: head("flags", 1, func(h *hmap) (P, uint64) {
			return P(&h.flags), uint64(h.flags | flagSameSizeGrow)
		}, "CL-GROWFLAG")},
		{kind: "B-up", field: "ints", n: 90, harm: head("B", 1, func(h *hmap) (P, uint64) {
			return P(&h.B), uint64(h.B + 1)
		}, "CL-B")},
		{kind: "B-huge", field: "ints", n: 91, harm: head("B", 1, func(h *hmap) (P, uint64) {
			return P(&h.B), 63
		}, "CL-B")},
		{kind: "B-down", field: "ints", n: 92, harm: head("B", 1, func(h *hmap) (P, uint64) {
			return P(&h.B), uint64(h.B - 1)
		}, "CL-B", "MAP-COUNT")},
		{kind: "noverflow", field: "ints", n: 93, harm: head("noverflow", 2, func(h *hmap) (P, uint64) {
			return P(&h.noverflow), uint64(h.noverflow + 2)
		}, "CL-NOVERFLOW")},
		{kind: "oldbuckets-nowhere", field: "ints", n: 94, harm: head("oldbuckets", 8, func(h *hmap) (P, uint64) {
			return P(&h.oldbuckets), nowhere
		}, "CL-BUCKETS", "CL-OLDSIZE", "CL-NEVAC")},
		{kind: "nevacuate-ahead", field: "ints", prep: "grow", harm: func(t T, m P) *damage {
			h, bt := header(m), bucketsOf(t)
			last := h.oldCount() - 1
			for i := uintptr(0); i < last; i++ {
				if top := *bt.top(bt.bucket(h.oldbuckets, i), 0); top < 2 || top > 4 { // not evacuated yet
					return poke("", "nevacuate", P(&h.nevacuate), 8, uint64(last), "CL-NEVAC")
				}
			}
			return nil
		}},
		{kind: "nevacuate-huge", field: "strings", prep: "grow", harm: head("nevacuate", 8, func(h *hmap) (P, uint64) {
			return P(&h.nevacuate), 1 << 40
		}, "CL-NEVAC")},
		{kind: "evacuated-live", field: "ints", prep: "grow", harm: func(t T, m P) *damage {
			h := header(m)
			for _, c := range cellsOf(t, h.oldbuckets, h.oldCount(), "oldbuckets") {
				if c.index > 0 && (*c.mark == 2 || *c.mark == 3) {
					return poke("", c.where, P(c.mark), 1, 0x77, "CL-EVACALL")
				}
			}
			return nil
		}},
		{kind: "unevacuated-moved", field: "strings", prep: "grow", harm: func(t T, m P) *damage {
			h := header(m)
			for _, c := range cellsOf(t, h.oldbuckets, h.oldCount(), "oldbuckets") {
				if c.index > 0 && c.live {
					return poke("", c.where, P(c.mark), 1, 3, "CL-TOPRANGE", "MAP-COUNT")
				}
			}
			return nil
		}},
		{kind: "unevacuated-new", field: "ints", prep: "grow", harm: func(t T, m P) *damage {
			h, bt := header(m), bucketsOf(t)
			for i := h.oldCount(); i > 0; i-- {
				if old := bt.bucket(h.oldbuckets, i-1); *bt.top(old, 0) >= 5 {
					p := bt.top(bt.bucket(h.buckets, i-1), 0)
					return poke("", "buckets["+strconv.Itoa(int(i-1))+"].tophash[0]", P(p), 1, 0x99, "CL-UNEVACDST")
				}
			}
			return nil
		}},
		{kind: "nextOverflow", field: "ints", n: 300, harm: func(t T, m P) *damage {
			x := header(m).extra
			return poke("", "extra.nextOverflow", P(&x.nextOverflow), 8, uint64(uintptr(x.nextOverflow)+8), "CL-NEXTOVF")
		}},
		{kind: "extra-overflow-short", field: "ints", n: 761, harm: func(t T, m P) *damage {
			x := header(m).extra
			n := (*int)(unsafe.Add(P(x.overflow), 8)) // the slice's length
			return poke("", "extra.overflow len", P(n), 8, uint64(*n-1), "CL-EXTRA")
		}},
		{kind: "extra-nil", field: "ints", n: 762, harm: func(t T, m P) *damage {
			h := header(m)
			return poke("", "extra", P(&h.extra), 8, 0, "CL-EXTRA")
		}},
	}
	return list
}

func markLive(v uint64, rules ...string) func(reflect.Type, unsafe.Pointer) *damage {
	return func(t reflect.Type, m unsafe.Pointer) *damage {
		c := firstLive(t, m, 4)
		return poke("", c.where, unsafe.Pointer(c.mark), 1, v, rules...)
	}
}

// overflowCycle makes the last bucket of a chain lead back to the first.
func overflowCycle(t reflect.Type, m unsafe.Pointer) *damage {
	h, bt := header(m), bucketsOf(t)
	var d *damage
	chains(t, h.buckets, 1<<h.B, "buckets", func(b, before unsafe.Pointer, i uintptr, at string) {
		if d == nil && before != nil && *bt.overflowWord(b) == nil {
			first := bt.bucket(h.buckets, i)
			d = poke("", at+".overflow", unsafe.Pointer(bt.overflowWord(b)), 8, uint64(uintptr(first)), "CL-CHAIN", "CL-OVFPTR")
		}
	})
	return d
}

// runBadMapState puts a stray "evacuated" mark into an old bucket that is still
// to be evacuated, and writes until the runtime trips over it.
func runBadMapState() {
	prepareWard()
	prepare()
	t, word, held := admit(wound{field: "ints", prep: "grow"})
	sum, n := digestMap(t, word)
	h := header(word)
	var d *damage
	old := cellsOf(t, h.oldbuckets, h.oldCount(), "oldbuckets")
	for i := len(old) - 1; i > 0 && d == nil; i-- {
		if c := old[i]; c.index > 0 && c.live {
			d = poke("tophash-moved", c.where, unsafe.Pointer(c.mark), 1, 3, "CL-TOPRANGE", "MAP-COUNT")
		}
	}
	if d == nil {
		fail("no bucket left to evacuate")
	}
	truthSeen.add(uintptr(word))
	note(record{
		addr: uintptr(word), kind: "map", typ: t, len: noLen, held: held, way: wayGlobal,
		through: []string{"var", "struct", "slice"}, state: []string{"damaged", "mid-grow"}, expect: "any",
		lenBefore: n, digestBefore: hex16(sum), damage: d,
	})
	recordQuiet()
	finishTruth()
	m := ward.ints[0]
	for i := 0; i < 1<<20; i++ {
		m[-1-i] = i
	}
	fail("the map took it")
}
