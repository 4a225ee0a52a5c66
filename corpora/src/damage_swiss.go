//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// Wounds of Swiss maps, and deaths by them.

import (
	"reflect"
	"strconv"
	"unsafe"
)

func kindScenarios() []scenario {
	return []scenario{{"throw-small-full", runSmallFull}}
}

func groupCells(gt groupType, array unsafe.Pointer, n uintptr, name string) (all []cell) {
	for g := uintptr(0); g < n; g++ {
		group := gt.group(array, g)
		at := name + ".groups[" + strconv.Itoa(int(g)) + "]"
		for i := uintptr(0); i < 8; i++ {
			s := "[" + strconv.Itoa(int(i)) + "]"
			c := gt.ctrl(group, i)
			all = append(all, cell{c, gt.key(group, i), gt.elem(group, i), at + ".ctrl" + s, at + ".slots" + s + ".key", at + ".slots" + s + ".elem", *c < 0x80, int(i)})
		}
	}
	return all
}

func cells(t reflect.Type, word unsafe.Pointer) (all []cell) {
	m, gt := header(word), groupsOf(t)
	if m.dirLen == 0 {
		return groupCells(gt, m.dirPtr, 1, "small")
	}
	for i, tab := range m.directory() {
		if i == 0 || m.directory()[i-1] != tab {
			all = append(all, groupCells(gt, tab.groups, tab.groupCount(), "tables["+strconv.Itoa(i)+"]")...)
		}
	}
	return all
}

func kindWounds() []wound {
	type T = reflect.Type
	type P = unsafe.Pointer
	head := func(name string, size int, field func(m *swissMap) (P, uint64), rules ...string) func(T, P) *damage {
		return func(t T, m P) *damage {
			p, v := field(header(m))
			return poke("", name, p, size, v, rules...)
		}
	}
	// tab hurts the first table.
	tab := func(name string, size int, field func(t *table) (P, uint64), rules ...string) func(T, P) *damage {
		return func(t T, m P) *damage {
			p, v := field(header(m).directory()[0])
			return poke("", "tables[0]."+name, p, size, v, rules...)
		}
	}
	// mark hurts the first control byte that pick likes.
	mark := func(v uint64, pick func(c cell, group []cell) bool, rules ...string) func(T, P) *damage {
		return func(t T, m P) *damage {
			all := cells(t, m)
			for i, c := range all {
				if pick(c, all[i-c.index:i-c.index+8]) {
					return poke("", c.where, P(c.mark), 1, v, rules...)
				}
			}
			return nil
		}
	}
	live := func(c cell, _ []cell) bool { return c.live }
	liveNotFirst := func(c cell, _ []cell) bool { return c.live && c.index > 0 }
	mixed := func(c cell, group []cell) bool {
		n := 0
		for _, g := range group {
			if *g.mark == ctrlEmpty {
				n++
			}
		}
		return *c.mark == ctrlEmpty && n >= 2
	}
	const deep = 1200 // entries for several tables
	list := []wound{
		{kind: "dirPtr-nowhere", field: "ints", n: 50, harm: head("dirPtr", 8, func(m *swissMap) (P, uint64) {
			return P(&m.dirPtr), nowhere
		}, "SW-DIROBJ", "SW-USED")},
		{kind: "dirPtr-nil", field: "strings", n: 50, harm: head("dirPtr", 8, func(m *swissMap) (P, uint64) {
			return P(&m.dirPtr), 0
		}, "SW-DIROBJ", "MAP-LEN", "SW-USED")},
		{kind: "dirPtr-shared", field: "ints", n: 40, harm: head("dirPtr", 8, func(m *swissMap) (P, uint64) {
			_, other := donor(41)
			return P(&m.dirPtr), uint64(uintptr(header(other).dirPtr))
		}, "MAP-SHARED", "SW-USED")},
		{kind: "dirPtr-shared-small", field: "ints", n: 4, harm: head("dirPtr", 8, func(m *swissMap) (P, uint64) {
			_, other := donor(5)
			return P(&m.dirPtr), uint64(uintptr(header(other).dirPtr))
		}, "MAP-SHARED", "SW-SMALL")},
		{kind: "dirPtr-small-nil", field: "ints", n: 3, harm: head("dirPtr", 8, func(m *swissMap) (P, uint64) {
			return P(&m.dirPtr), 0
		}, "MAP-LEN", "SW-SMALL")},
		{kind: "dirLen", field: "ints", n: 51, harm: head("dirLen", 8, func(m *swissMap) (P, uint64) {
			return P(&m.dirLen), 3
		}, "SW-DIRLEN")},
		{kind: "dirLen-zero", field: "ints", n: 52, harm: head("dirLen", 8, func(m *swissMap) (P, uint64) {
			return P(&m.dirLen), 0
		}, "SW-DIRLEN", "SW-SMALL", "SW-SHIFT")},
		{kind: "globalDepth", field: "ints", n: 53, harm: head("globalDepth", 1, func(m *swissMap) (P, uint64) {
			return P(&m.globalDepth), uint64(m.globalDepth + 1)
		}, "SW-DIRLEN", "SW-SHIFT")},
		{kind: "globalShift", field: "ints", n: 54, harm: head("globalShift", 1, func(m *swissMap) (P, uint64) {
			return P(&m.globalShift), uint64(m.globalShift - 1)
		}, "SW-SHIFT")},
		{kind: "directory-nil", field: "ints", n: deep, harm: directory(func(d []*table) (int, uintptr) {
			return len(d) - 1, 0
		}, "SW-DIROBJ")},
		{kind: "directory-nowhere", field: "ints", n: deep + 1, harm: directory(func(d []*table) (int, uintptr) {
			return len(d) - 1, nowhere
		}, "SW-DIROBJ")},
		{kind: "directory-twice", field: "ints", n: deep + 2, harm: directory(func(d []*table) (int, uintptr) {
			return len(d) - 1, uintptr(unsafe.Pointer(d[0]))
		}, "SW-RUN", "SW-USED")},
		{kind: "directory-other", field: "ints", n: deep + 3, harm: directory(func(d []*table) (int, uintptr) {
			_, other := donor(20)
			return len(d) - 1, uintptr(unsafe.Pointer(header(other).directory()[0]))
		}, "MAP-SHARED", "SW-RUN", "SW-USED")},
		{kind: "ctrl-illegal", field: "ints", n: 60, harm: mark(0x90, live, "SW-CTRL", "SW-USED")},
		{kind: "ctrl-illegal-empty", field: "ints", n: 61, harm: mark(0x81, mixed, "SW-CTRL")},
		{kind: "ctrl-illegal-small", field: "strings", n: 6, harm: mark(0xff, live, "SW-CTRL", "SW-SMALL")},
		{kind: "ctrl-lost", field: "ints", n: 62, harm: mark(ctrlEmpty, liveNotFirst, "SW-USED", "SW-GROWTH")},
		{kind: "ctrl-born", field: "ints", n: 63, harm: mark(0x11, mixed, "SW-USED", "SW-GROWTH")},
		{kind: "ctrl-tombstone", field: "ints", n: 64, harm: mark(ctrlDeleted, mixed, "SW-NOMIX", "SW-GROWTH")},
		{kind: "ctrl-died", field: "pointers", n: 65, harm: mark(ctrlDeleted, live, "SW-USED")},
		{kind: "ctrl-zero", field: "ints", n: 66, harm: func(t T, m P) *damage {
			for _, c := range cells(t, m) {
				if c.index == 7 && !c.live {
					p := P(uintptr(P(c.mark)) - 7)
					return poke("", c.where[:len(c.where)-3], p, 8, 0, "SW-CTRLZERO", "SW-USED", "SW-GROWTH")
				}
			}
			return nil
		}},
		{kind: "ctrl-bit", field: "ints", n: 67, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 3)
			d := poke("", c.where, P(c.mark), 1, uint64(*c.mark^0x04), "MAP-KEYHASH")
			d.needsHash = true
			return d
		}},
		{kind: "seed", field: "ints", n: 68, harm: func(t T, m P) *damage {
			h := header(m)
			d := poke("", "seed", P(&h.seed), 8, uint64(h.seed^0x5a5a5a5a5a5a), "MAP-KEYHASH", "MAP-PLACE", "SW-DIRBITS", "SW-REACH")
			d.needsHash = true
			return d
		}},
		{kind: "used", field: "ints", n: 30, harm: head("used", 8, func(m *swissMap) (P, uint64) {
			return P(&m.used), m.used + 1
		}, "SW-USED", "MAP-COUNT")},
		{kind: "used-less", field: "strings", n: deep, harm: head("used", 8, func(m *swissMap) (P, uint64) {
			return P(&m.used), m.used - 1
		}, "SW-USED", "MAP-COUNT")},
		{kind: "used-huge", field: "ints", n: 31, harm: head("used", 8, func(m *swissMap) (P, uint64) {
			return P(&m.used), 1 << 50
		}, "MAP-LEN", "SW-USED", "MAP-COUNT")},
		{kind: "used-small", field: "ints", n: 5, harm: head("used", 8, func(m *swissMap) (P, uint64) {
			return P(&m.used), m.used - 1
		}, "SW-SMALL", "MAP-COUNT")},
		{kind: "small-tombstone", field: "ints", n: 6, harm: mark(ctrlDeleted, mixed, "SW-SMALL")},
		{kind: "small-depth", field: "ints", n: 7, harm: head("globalDepth", 1, func(m *swissMap) (P, uint64) {
			return P(&m.globalDepth), 2
		}, "SW-SHIFT", "SW-SMALL", "SW-DIRLEN")},
		{kind: "table-used", field: "ints", n: 32, harm: tab("used", 2, func(t *table) (P, uint64) {
			return P(&t.used), uint64(t.used + 1)
		}, "SW-USED", "SW-GROWTH")},
		{kind: "growthLeft", field: "ints", n: 33, harm: tab("growthLeft", 2, func(t *table) (P, uint64) {
			return P(&t.growthLeft), uint64(t.growthLeft + 1)
		}, "SW-GROWTH")},
		{kind: "growthLeft-huge", field: "strings", n: 34, harm: tab("growthLeft", 2, func(t *table) (P, uint64) {
			return P(&t.growthLeft), 0xffff
		}, "SW-GROWTH")},
		{kind: "capacity", field: "ints", n: 35, harm: tab("capacity", 2, func(t *table) (P, uint64) {
			return P(&t.capacity), uint64(t.capacity + 8)
		}, "SW-CAP")},
		{kind: "capacity-double", field: "ints", n: 36, harm: tab("capacity", 2, func(t *table) (P, uint64) {
			return P(&t.capacity), uint64(t.capacity * 2)
		}, "SW-CAP", "SW-GROWTH")},
		{kind: "lengthMask", field: "ints", n: 37, harm: tab("lengthMask", 8, func(t *table) (P, uint64) {
			return P(&t.lengthMask), t.lengthMask >> 1
		}, "SW-CAP")},
		{kind: "lengthMask-huge", field: "ints", n: 38, harm: tab("lengthMask", 8, func(t *table) (P, uint64) {
			return P(&t.lengthMask), 1<<40 - 1
		}, "SW-CAP")},
		{kind: "localDepth", field: "ints", n: 39, harm: tab("localDepth", 1, func(t *table) (P, uint64) {
			return P(&t.localDepth), uint64(t.localDepth + 5)
		}, "SW-DEPTH", "SW-RUN")},
		{kind: "index", field: "ints", n: deep + 4, harm: tab("index", 8, func(t *table) (P, uint64) {
			return P(&t.index), 1
		}, "SW-RUN")},
		{kind: "index-stale", field: "ints", n: 41, harm: tab("index", 8, func(t *table) (P, uint64) {
			return P(&t.index), ^uint64(0)
		}, "SW-STALE", "SW-RUN")},
		{kind: "groups-nowhere", field: "ints", n: 42, harm: tab("groups", 8, func(t *table) (P, uint64) {
			return P(&t.groups), nowhere
		}, "SW-DIROBJ", "SW-CAP", "SW-USED", "MAP-HEAPTYPE")},
		{kind: "groups-inner", field: "ints", n: 43, harm: func(t T, m P) *damage {
			tab := header(m).directory()[0]
			return poke("", "tables[0].groups", P(&tab.groups), 8, uint64(uintptr(tab.groups)+groupsOf(t).size), "SW-DIROBJ", "SW-CAP", "MAP-HEAPTYPE", "SW-USED")
		}},
		{kind: "groups-shared", field: "ints", n: 44, harm: tab("groups", 8, func(t *table) (P, uint64) {
			_, other := donor(45)
			return P(&t.groups), uint64(uintptr(header(other).directory()[0].groups))
		}, "MAP-SHARED", "SW-USED")},
		{kind: "writing-illegal", field: "ints", n: 12, harm: head("writing", 1, func(m *swissMap) (P, uint64) {
			return P(&m.writing), 2
		}, "SW-WRITING")},
		{kind: "writing-stuck", field: "ints", n: 13, soft: true, harm: head("writing", 1, func(m *swissMap) (P, uint64) {
			return P(&m.writing), 1
		}, "MAP-WRITER")},
		{kind: "tombstonePossible", field: "ints", n: 14, harm: head("tombstonePossible", 1, func(m *swissMap) (P, uint64) {
			return P(&m.tombstonePossible), 7
		}, "SW-WRITING")},
	}
	return list
}

// directory changes one entry of the directory.
func directory(f func(d []*table) (int, uintptr), rules ...string) func(reflect.Type, unsafe.Pointer) *damage {
	return func(t reflect.Type, m unsafe.Pointer) *damage {
		d := header(m).directory()
		i, v := f(d)
		return poke("", "directory["+strconv.Itoa(i)+"]", unsafe.Pointer(&d[i]), 8, uint64(v), rules...)
	}
}

// runSmallFull fills the control bytes of a small map's free slots and inserts:
// the runtime finds no slot although the count says there is room.
func runSmallFull() {
	prepareWard()
	prepare()
	t, word, held := admit(wound{field: "ints", n: 5})
	sum, n := digestMap(t, word)
	var d *damage
	for _, c := range cells(t, word) {
		if !c.live {
			d = poke("ctrl-born", c.where, unsafe.Pointer(c.mark), 1, 0x11, "SW-SMALL", "MAP-COUNT")
		}
	}
	truthSeen.add(uintptr(word))
	note(record{
		addr: uintptr(word), kind: "map", typ: t, len: noLen, held: held, way: wayGlobal,
		through: []string{"var", "struct", "slice"}, state: []string{"damaged", "small"}, expect: "any",
		lenBefore: n, digestBefore: hex16(sum), damage: d,
	})
	recordQuiet()
	finishTruth()
	m := ward.ints[0]
	for i := 0; i < 10; i++ {
		m[-1-i] = i
	}
	fail("the map took it")
}
