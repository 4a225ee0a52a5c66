package main

// Taking stock: every map of a state with the hashes of its keys and elems and the text of its
// keys. What is taken lies outside of the process while that is dumped.

import (
	"reflect"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// An entry is hashes, and where the key's text is.
type entry struct {
	key, elem uint64
	at, n     uint32
}

type item struct {
	owner, kind string
	typ         reflect.Type
	notAddr     uintptr
	len         int
	slots       int // or -1
	tombstones  int // or -1
	seed        uintptr
	portable    bool // no elem is an address, or leads to what has one
	first       int  // of its entries
}

type stock struct {
	items   []item
	entries []entry
	texts   []byte
	tell    bool // in the truth, too
}

const (
	maxEntries = 16 << 10
	maxTexts   = 1 << 20
)

// takeStock goes through all that is held, in a fixed order but for the keys of maps.
func takeStock(tell bool) *stock {
	s := &stock{entries: make([]entry, 0, maxEntries), texts: make([]byte, 0, maxTexts), tell: tell}
	s.root("main.vars", &vars)
	s.root("main.srv", &srv)
	s.take(notesType, notesWord(), "stack main.keep: notes", wayStack, []string{"stack"})
	if tell {
		for _, b := range buried {
			word := ^b.notAddr
			noteMap(b.typ, *(*unsafe.Pointer)(unsafe.Pointer(&word)), b.held, b.way, b.through, nil, "ok")
		}
	}
	return s
}

// Maps that no variable leads to any more.
type grave struct {
	held    string
	way     *way
	through []string
	typ     reflect.Type
	notAddr uintptr
}

var buried []grave

func bury(held string, how *way, m any) {
	through := []string{"garbage"}
	if how == wayCap {
		through = []string{"var", "pointer", "struct", "cap"}
	}
	buried = append(buried, grave{held, how, through, reflect.TypeOf(m), ^uintptr(wordOfAny(m))})
}

func (s *stock) root(name string, v any) {
	pv := reflect.ValueOf(v)
	s.walk(pv.Type().Elem(), unsafe.Pointer(pv.Pointer()), name, []string{"var"})
}

func (s *stock) walk(t reflect.Type, p unsafe.Pointer, path string, through []string) {
	if !leads(t, 0) {
		return
	}
	v := reflect.NewAt(t, p).Elem()
	switch t.Kind() {
	case reflect.Map:
		word := *(*unsafe.Pointer)(p)
		s.take(t, word, path, wayGlobal, through)
		if word != nil && leads(t.Elem(), 0) {
			mapEntries(t, word, func(kp, ep unsafe.Pointer) {
				s.walk(t.Elem(), ep, path+"["+keyText(t.Key(), kp)+"]", addWordLast(through, "mapelem"))
			})
		}
	case reflect.Ptr:
		if !v.IsNil() {
			s.walk(t.Elem(), *(*unsafe.Pointer)(p), path, addWordLast(through, "pointer"))
		}
	case reflect.Interface:
		if e := v.Elem(); e.IsValid() && leads(e.Type(), 0) {
			s.walk(e.Type(), copyOf(e), path+".("+e.Type().String()+")", addWordLast(through, "interface"))
		}
	case reflect.Struct:
		if t == syncMapType {
			s.takeSync((*sync.Map)(p), path, through)
			return
		}
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			s.walk(f.Type, unsafe.Add(p, f.Offset), path+"."+f.Name, addWordLast(through, "struct"))
		}
	case reflect.Slice:
		for i := 0; i < v.Len(); i++ {
			e := unsafe.Add(unsafe.Pointer(v.Pointer()), uintptr(i)*t.Elem().Size())
			s.walk(t.Elem(), e, path+"["+strconv.Itoa(i)+"]", addWordLast(through, "slice"))
		}
	}
}

// take takes one map. It has one owner only: not even a nil map's path occurs twice.
func (s *stock) take(t reflect.Type, word unsafe.Pointer, owner string, how *way, through []string) {
	if s.tell {
		if isNew := noteMap(t, word, owner, how, through, nil, "ok"); !isNew && word != nil {
			fail(owner + " has a second owner")
		}
	}
	if word == nil {
		return
	}
	it := item{owner: owner, kind: "map", typ: t, notAddr: ^uintptr(word), first: len(s.entries)}
	it.slots, it.tombstones, it.seed = roomOf(t, word), tombstonesOf(t, word), seedOf(word)
	it.portable = portable(t.Elem(), nil)
	it.len = mapEntries(t, word, func(kp, ep unsafe.Pointer) {
		it.portable = it.portable && portable(t.Elem(), ep)
		s.add(t.Key(), kp, t.Elem(), ep)
	})
	s.finish(it)
}

var anyType = reflect.TypeOf((*any)(nil)).Elem()

func (s *stock) takeSync(m *sync.Map, owner string, through []string) {
	it := item{owner: owner, kind: "syncmap", typ: syncMapType, notAddr: ^uintptr(unsafe.Pointer(m)), first: len(s.entries)}
	it.slots, it.tombstones, it.portable = -1, -1, true
	var sum uint64
	m.Range(func(k, e any) bool {
		it.portable = it.portable && portable(anyType, unsafe.Pointer(&e))
		s.add(anyType, unsafe.Pointer(&k), anyType, unsafe.Pointer(&e))
		sum += hashEntry(anyType, unsafe.Pointer(&k), anyType, unsafe.Pointer(&e))
		it.len++
		return true
	})
	if s.tell {
		note(record{
			addr: uintptr(unsafe.Pointer(m)), kind: "syncmap", typ: syncMapType, len: it.len, held: owner, way: wayGlobal,
			through: through, digest: hex16(sum), state: []string{sizeLabel(it.len)}, expect: "ok",
		})
	}
	s.finish(it)
}

func (s *stock) add(kt reflect.Type, kp unsafe.Pointer, et reflect.Type, ep unsafe.Pointer) {
	if len(s.entries) == maxEntries || len(s.texts) > maxTexts-1<<10 {
		fail("too many entries")
	}
	from := len(s.texts)
	s.texts = appendKey(s.texts, kt, kp)
	k, e := digester{fnvStart}, digester{fnvStart}
	k.value(kt, kp)
	e.value(et, ep)
	s.entries = append(s.entries, entry{k.h, e.h, uint32(from), uint32(len(s.texts) - from)})
}

// finish orders the entries by their keys' hashes.
func (s *stock) finish(it item) {
	e := s.entries[it.first:]
	for gap := len(e) / 2; gap > 0; gap /= 2 {
		for i := gap; i < len(e); i++ {
			for j := i; j >= gap && e[j-gap].key > e[j].key; j -= gap {
				e[j-gap], e[j] = e[j], e[j-gap]
			}
		}
	}
	s.items = append(s.items, it)
}

func (s *stock) of(it *item) []entry { return s.entries[it.first : it.first+it.len] }

func (s *stock) text(e entry) []byte { return s.texts[e.at : e.at+e.n] }

// portable says whether values of t mean the same in another process; with a value, whether this one does.
func portable(t reflect.Type, p unsafe.Pointer) bool {
	switch t.Kind() {
	case reflect.Ptr, reflect.Chan, reflect.Func, reflect.Map, reflect.Slice, reflect.UnsafePointer:
		return false
	case reflect.Interface:
		if p == nil {
			return true
		}
		e := reflect.NewAt(t, p).Elem().Elem()
		return !e.IsValid() || portable(e.Type(), copyOf(e))
	case reflect.Array:
		return portable(t.Elem(), nil)
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if !portable(t.Field(i).Type, nil) {
				return false
			}
		}
	}
	return true
}

// putAway writes entries and texts to a file and wipes them; takeOut reads them again.
func (s *stock) putAway() {
	writeFile(outDir+"/entries", s.entryBytes())
	writeFile(outDir+"/texts", s.texts)
	s.wipe()
}

func (s *stock) takeOut() {
	readFile(outDir+"/entries", s.entryBytes())
	readFile(outDir+"/texts", s.texts)
}

func (s *stock) wipe() {
	wipe(s.entryBytes())
	wipe(s.texts)
}

func (s *stock) entryBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&s.entries[0])), uintptr(len(s.entries))*unsafe.Sizeof(entry{}))
}

func readFile(name string, into []byte) {
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		fail("cannot open " + name + ": " + err.Error())
	}
	for len(into) > 0 {
		n, err := syscall.Read(fd, into)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			fail("cannot read " + name)
		}
		into = into[n:]
	}
	syscall.Close(fd)
}

// wordOfAny is the word of the map that an interface holds.
func wordOfAny(m any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1] }
