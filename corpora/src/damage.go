package main

// Deliberate damage: each patient is a map of its own that gets one wound, done
// through unsafe, after which the program never touches it again. The truth
// tells what was changed and which rule of a checker must see it.

import (
	"reflect"
	"runtime"
	"strconv"
	"unsafe"
)

// The ward holds the patients, by type, so that each has an owner path.
type wardType struct {
	ints     []map[int]int
	strings  []map[string]int
	texts    []map[string]string
	pointers []map[string]*int
	anys     []map[any]int
	big      []map[[200]byte]fat
	donors   []map[int]int // healthy maps whose storage a patient shares
}

var ward wardType

// A wound says which map it wants and how it is done. harm gets the map's type
// and address; it returns nil if the map has no fitting place.
type wound struct {
	kind  string
	field string // the ward's field
	n     int    // entries
	harm  func(t reflect.Type, word unsafe.Pointer) *damage
	soft  bool   // only a warning, or legal in some program: "expect" is "any"
	prep  string // "", "deletes", "grow", "overflow"
}

// A cell is one place for an entry: a cell of a bucket or a slot of a group.
type cell struct {
	mark      *uint8 // tophash or control byte
	key, elem unsafe.Pointer
	where     string // of the mark
	keyAt     string
	elemAt    string
	live      bool
	index     int // within its bucket or group
}

func poke(kind, where string, p unsafe.Pointer, size int, value uint64, rules ...string) *damage {
	d := &damage{kind: kind, where: where, addr: uintptr(p), size: size, new: value, rules: rules}
	switch size {
	case 1:
		d.old = uint64(*(*uint8)(p))
		*(*uint8)(p) = uint8(value)
		d.new = uint64(uint8(value))
	case 2:
		d.old = uint64(*(*uint16)(p))
		*(*uint16)(p) = uint16(value)
		d.new = uint64(uint16(value))
	case 4:
		d.old = uint64(*(*uint32)(p))
		*(*uint32)(p) = uint32(value)
		d.new = uint64(uint32(value))
	case 8:
		d.old = *(*uint64)(p)
		*(*uint64)(p) = value
	}
	if d.old == d.new {
		fail("wound " + kind + " changes nothing")
	}
	return d
}

const nowhere = 0x123456789000 // an address that is never mapped

func firstLive(t reflect.Type, word unsafe.Pointer, skip int) *cell {
	for _, c := range cells(t, word) {
		if c.live {
			if skip == 0 {
				return &c
			}
			skip--
		}
	}
	return nil
}

func firstFree(t reflect.Type, word unsafe.Pointer) *cell {
	for _, c := range cells(t, word) {
		if !c.live {
			return &c
		}
	}
	return nil
}

// displaced is what may see that a key is not the one that was stored in its place: its hash differs in the
// bits of the mark, in those of the bucket or the table, or only in those that choose the group.
var displaced = []string{"MAP-KEYHASH", "MAP-PLACE", "SW-DIRBITS", "SW-REACH"}

// commonWounds are those that hurt keys and elems, whatever the kind of map.
func commonWounds() []wound {
	type T = reflect.Type
	type P = unsafe.Pointer
	return []wound{
		{kind: "key-bit-int", field: "ints", n: 100, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 7)
			for bit := 0; bit < 64; bit++ {
				k := *(*int)(c.key)
				d := poke("key-bit-int", c.keyAt, c.key, 8, uint64(k)^1<<bit, displaced...)
				d.needsHash = true
				// A lookup must miss both the old and the new key, else the
				// place happens to fit and nobody could tell.
				mm := *(*map[int]int)(unsafe.Pointer(&m))
				_, old := mm[k]
				_, new_ := mm[k^1<<bit]
				if !old && !new_ {
					return d
				}
				*(*int)(c.key) = k
			}
			return nil
		}},
		{kind: "key-bit-string", field: "strings", n: 60, harm: func(t T, m P) *damage {
			for skip := 0; ; skip++ {
				c := firstLive(t, m, skip)
				if c == nil {
					return nil
				}
				s := *(*string)(c.key)
				p := (*(*[2]unsafe.Pointer)(c.key))[0]
				d := poke("key-bit-string", c.keyAt+" text", p, 1, uint64(s[0]^0x20), displaced...)
				d.needsHash = true
				mm := *(*map[string]int)(unsafe.Pointer(&m))
				if _, ok := mm[*(*string)(c.key)]; !ok {
					return d
				}
				*(*uint8)(p) = uint8(d.old)
			}
		}},
		{kind: "key-twice", field: "ints", n: 200, harm: func(t T, m P) *damage {
			// Two live cells of one bucket or group with one key and mark.
			all := cells(t, m)
			for i := 1; i < len(all); i++ {
				a, b := all[i-1], all[i]
				if a.live && b.live && b.index == a.index+1 && *(*int)(a.key) != *(*int)(b.key) {
					*b.mark = *a.mark
					return poke("key-twice", b.keyAt, b.key, 8, *(*uint64)(a.key), "MAP-DUP")
				}
			}
			return nil
		}},
		{kind: "key-string-length", field: "strings", n: 20, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 3)
			return poke("key-string-length", c.keyAt+" len", unsafe.Add(c.key, 8), 8, 1<<60, "MAP-STRPTR")
		}},
		{kind: "key-string-negative", field: "strings", n: 5, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 1)
			return poke("key-string-negative", c.keyAt+" len", unsafe.Add(c.key, 8), 8, 1<<63|5, "MAP-STRPTR")
		}},
		{kind: "key-string-pointer", field: "strings", n: 40, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 9)
			return poke("key-string-pointer", c.keyAt+" ptr", c.key, 8, nowhere, "MAP-STRPTR", "MAP-PTRVALID")
		}},
		{kind: "elem-string-pointer", field: "texts", n: 40, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 9)
			return poke("elem-string-pointer", c.elemAt+" ptr", c.elem, 8, nowhere, "MAP-STRPTR", "MAP-PTRVALID")
		}},
		{kind: "elem-string-length", field: "texts", n: 6, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 2)
			return poke("elem-string-length", c.elemAt+" len", unsafe.Add(c.elem, 8), 8, 1<<62, "MAP-STRPTR")
		}},
		{kind: "elem-pointer", field: "pointers", n: 40, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 5)
			return poke("elem-pointer", c.elemAt, c.elem, 8, nowhere, "MAP-PTRVALID")
		}},
		{kind: "key-interface-type", field: "anys", n: 20, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 5)
			return poke("key-interface-type", c.keyAt+" type", c.key, 8, nowhere, "MAP-IFACE")
		}},
		{kind: "key-interface-data", field: "anys", n: 7, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 2)
			return poke("key-interface-data", c.keyAt+" data", unsafe.Add(c.key, 8), 8, nowhere, "MAP-IFACE", "MAP-PTRVALID")
		}},
		{kind: "key-indirect-nil", field: "big", n: 20, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 5)
			return poke("key-indirect-nil", c.keyAt, c.key, 8, 0, "MAP-INDIRECT")
		}},
		{kind: "key-indirect-pointer", field: "big", n: 5, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 2)
			return poke("key-indirect-pointer", c.keyAt, c.key, 8, nowhere, "MAP-INDIRECT", "MAP-PTRVALID")
		}},
		{kind: "elem-indirect-inner", field: "big", n: 30, harm: func(t T, m P) *damage {
			c := firstLive(t, m, 4)
			return poke("elem-indirect-inner", c.elemAt, c.elem, 8, *(*uint64)(c.elem)+24, "MAP-INDIRECT")
		}},
		{kind: "free-elem", field: "ints", n: 21, soft: true, prep: "deletes", harm: func(t T, m P) *damage {
			c := firstFree(t, m)
			return poke("free-elem", c.elemAt, c.elem, 8, 0xdead, "MAP-FREEELEM")
		}},
		{kind: "free-key", field: "pointers", n: 21, soft: true, prep: "deletes", harm: func(t T, m P) *damage {
			c, l := firstFree(t, m), firstLive(t, m, 0)
			return poke("free-key", c.keyAt+" ptr", c.key, 8, *(*uint64)(l.key), "MAP-FREEKEY")
		}},
	}
}

// admit makes the map a wound wants, in the ward, and returns where it is.
func admit(w wound) (t reflect.Type, word unsafe.Pointer, held string) {
	at := func(i int) string { return "main.ward." + w.field + "[" + strconv.Itoa(i) + "]" }
	var m any
	switch w.field {
	case "ints":
		x := map[int]int{}
		m = x
		grown(m, w, putter(x, same, func(i int) int { return i + 1 }), func(i int) { delete(x, i) })
		ward.ints = append(ward.ints, x)
		held = at(len(ward.ints) - 1)
	case "strings":
		x := map[string]int{}
		m = x
		grown(m, w, putter(x, heapStr, func(i int) int { return i + 1 }), deleter(x, str))
		ward.strings = append(ward.strings, x)
		held = at(len(ward.strings) - 1)
	case "texts":
		x := map[string]string{}
		m = x
		grown(m, w, putter(x, str, heapStr), deleter(x, str))
		ward.texts = append(ward.texts, x)
		held = at(len(ward.texts) - 1)
	case "pointers":
		x := map[string]*int{}
		m = x
		grown(m, w, putter(x, str, newInt), deleter(x, str))
		ward.pointers = append(ward.pointers, x)
		held = at(len(ward.pointers) - 1)
	case "anys":
		x := map[any]int{}
		m = x
		grown(m, w, func(i int) { x[heapStr(i)] = i }, func(i int) { delete(x, str(i)) })
		ward.anys = append(ward.anys, x)
		held = at(len(ward.anys) - 1)
	case "big":
		x := map[[200]byte]fat{}
		m = x
		grown(m, w, putter(x, bigKey, func(i int) fat { return fat{Title: str(i)} }), deleter(x, bigKey))
		ward.big = append(ward.big, x)
		held = at(len(ward.big) - 1)
	default:
		fail("no field " + w.field)
	}
	return reflect.TypeOf(m), wordOfAny(m), held
}

// heapStr never returns a string constant.
func heapStr(i int) string { return string(append([]byte("key "), strconv.Itoa(i)...)) }

func grown(m any, w wound, put, del func(int)) {
	switch w.prep {
	case "grow":
		growTo(m, 5, 4, put)
		return
	}
	for i := 0; i < w.n; i++ {
		put(i)
	}
	if w.prep == "deletes" {
		for i := 0; i < w.n; i += 2 {
			del(i)
		}
	}
}

func runDamage() {
	wounds := append(commonWounds(), kindWounds()...)
	type patient struct {
		w wound
		r record
	}
	var patients []patient
	prepareWard()
	quiet.build()
	for _, w := range wounds {
		if onlyKind != "" && w.kind != onlyKind {
			continue
		}
		t, word, held := admit(w)
		sum, n := digestMap(t, word)
		patients = append(patients, patient{w, record{
			addr: uintptr(word), kind: "map", typ: t, len: noLen, held: held, way: wayGlobal,
			through: []string{"var", "struct", "slice"}, state: []string{"damaged"}, expect: "broken",
			lenBefore: n, digestBefore: hex16(sum),
		}})
	}
	crowd()
	runtime.GC()
	runtime.GC()
	for i := range patients {
		p := &patients[i]
		word := *(*unsafe.Pointer)(unsafe.Pointer(&p.r.addr))
		p.r.damage = p.w.harm(p.r.typ, word)
		if p.r.damage == nil {
			fail("no place for wound " + p.w.kind)
		}
		p.r.damage.kind = p.w.kind
		if p.w.soft {
			p.r.expect = "any"
		}
		truthSeen.add(p.r.addr)
		note(p.r)
	}
	recordDonors()
	recordQuiet()
	w := &walker{way: wayGlobal}
	w.root("main.ward", &ward)
	finishTruth()
	wait()
}

// donor makes a healthy map of n entries for a patient to share storage with.
// Which of the two is at fault cannot be told, so the truth expects any verdict.
func donor(n int) (reflect.Type, unsafe.Pointer) {
	m := fill(n, func(i int) int { return i + 5000 }, same)
	ward.donors = append(ward.donors, m)
	return reflect.TypeOf(m), wordOf(m)
}

func recordDonors() {
	for i, m := range ward.donors {
		noteMap(reflect.TypeOf(m), wordOf(m), "main.ward.donors["+strconv.Itoa(i)+"]", wayGlobal,
			[]string{"var", "struct", "slice"}, []string{"donor"}, "any")
	}
}

// prepareWard makes room, so that no slice moves later on.
func prepareWard() {
	ward.ints = make([]map[int]int, 0, 80)
	ward.strings = make([]map[string]int, 0, 20)
	ward.texts = make([]map[string]string, 0, 20)
	ward.pointers = make([]map[string]*int, 0, 40)
	ward.anys = make([]map[any]int, 0, 20)
	ward.big = make([]map[[200]byte]fat, 0, 20)
	ward.donors = make([]map[int]int, 0, 20)
}
