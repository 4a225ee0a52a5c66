package main

// The walker finds the maps of package variables by reflection: through typed
// memory, the way the language sees it. What reflection cannot enter (closures,
// stacks, unsafe pointers) is recorded by hand where it is made.

import (
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"unsafe"
)

type walker struct {
	way     *way
	tidy    bool // collect garbage on the way, to keep the core small
	visited addrSet
}

// A place is a value in memory and the way to it.
type place struct {
	typ     reflect.Type
	at      unsafe.Pointer
	path    string
	through []string
	labels  []string
}

func (p place) step(t reflect.Type, at unsafe.Pointer, path, via string) place {
	return place{t, at, path, addWordLast(p.through, via), p.labels}
}

// addWordLast keeps each kind of step once, the newest last.
func addWordLast(list []string, w string) []string {
	out := make([]string, 0, len(list)+1)
	for _, s := range list {
		if s != w {
			out = append(out, s)
		}
	}
	return append(out, w)
}

// root walks the package variable that v points to.
func (w *walker) root(name string, v any) {
	pv := reflect.ValueOf(v)
	w.walk(place{
		typ: pv.Type().Elem(), at: unsafe.Pointer(pv.Pointer()), path: name,
		through: []string{"var"},
	})
}

var syncMapType = reflect.TypeOf((*sync.Map)(nil)).Elem()

func (w *walker) walk(p place) {
	if !leads(p.typ, 0) {
		return
	}
	v := reflect.NewAt(p.typ, p.at).Elem()
	switch p.typ.Kind() {
	case reflect.Map:
		w.walkMap(p)
	case reflect.Ptr:
		if v.IsNil() {
			return
		}
		to := *(*unsafe.Pointer)(p.at)
		// A struct and its first field share an address: the type counts too.
		if !w.visited.add(uintptr(to) ^ typeWord(p.typ.Elem())<<20) {
			return
		}
		path := p.path
		if k := p.typ.Elem().Kind(); k != reflect.Struct && k != reflect.Array {
			path = "(*" + path + ")"
		}
		w.walk(p.step(p.typ.Elem(), to, path, "pointer"))
	case reflect.Interface:
		e := v.Elem()
		if e.IsValid() {
			w.walk(p.step(e.Type(), copyOf(e), p.path+".("+e.Type().String()+")", "interface"))
		}
	case reflect.Struct:
		if p.typ == syncMapType {
			w.walkSyncMap(p)
			return
		}
		for i := 0; i < p.typ.NumField(); i++ {
			f := p.typ.Field(i)
			q := p.step(f.Type, unsafe.Add(p.at, f.Offset), p.path+"."+f.Name, "struct")
			if tag := f.Tag.Get("state"); tag != "" {
				q.labels = append(q.labels[:len(q.labels):len(q.labels)], splitWords(tag)...)
			}
			w.walk(q)
		}
	case reflect.Array:
		w.walkElems(p, p.at, p.typ.Len(), "array")
	case reflect.Slice:
		if v.Len() > 0 {
			w.walkElems(p, unsafe.Pointer(v.Pointer()), v.Len(), "slice")
		}
	case reflect.Chan:
		w.walkChan(p, v)
	}
}

func (w *walker) walkElems(p place, base unsafe.Pointer, n int, via string) {
	e := p.typ.Elem()
	for i := 0; i < n; i++ {
		w.walk(p.step(e, unsafe.Add(base, uintptr(i)*e.Size()), p.path+"["+strconv.Itoa(i)+"]", via))
	}
}

func (w *walker) walkMap(p place) {
	word := *(*unsafe.Pointer)(p.at)
	if w.tidy && truthCount%50 == 0 {
		runtime.GC()
	}
	if !noteMap(p.typ, word, p.path, w.way, p.through, p.labels, "ok") {
		return
	}
	w.walkEntries(p, word)
}

func (w *walker) walkEntries(p place, word unsafe.Pointer) {
	kt, et := p.typ.Key(), p.typ.Elem()
	if !leads(kt, 0) && !leads(et, 0) {
		return
	}
	p.labels = nil
	mapEntries(p.typ, word, func(kp, ep unsafe.Pointer) {
		key := keyText(kt, kp)
		w.walk(p.step(kt, kp, p.path+".key("+key+")", "mapkey"))
		w.walk(p.step(et, ep, p.path+"["+key+"]", "mapelem"))
	})
}

func (w *walker) walkSyncMap(p place) {
	m := (*sync.Map)(p.at)
	if !truthSeen.add(uintptr(p.at)) {
		return
	}
	anyType := reflect.TypeOf((*any)(nil)).Elem()
	var sum uint64
	n := 0
	m.Range(func(k, e any) bool {
		sum += hashEntry(anyType, unsafe.Pointer(&k), anyType, unsafe.Pointer(&e))
		n++
		return true
	})
	note(record{
		addr: uintptr(p.at), kind: "syncmap", typ: p.typ, len: n, held: p.path, way: w.way,
		through: p.through, digest: hex16(sum), state: append(append([]string{}, p.labels...), sizeLabel(n)), expect: "ok",
	})
	p.labels = nil
	m.Range(func(k, e any) bool {
		key := keyText(anyType, unsafe.Pointer(&k))
		w.walk(p.step(anyType, unsafe.Pointer(&k), p.path+".key("+key+")", "syncmap"))
		w.walk(p.step(anyType, unsafe.Pointer(&e), p.path+".Load("+key+")", "syncmap"))
		return true
	})
}

// walkChan takes every buffered value out and puts it back until the ring has
// turned whole rounds: afterwards each value lies where it was.
func (w *walker) walkChan(p place, v reflect.Value) {
	if v.IsNil() || v.Len() == 0 || p.typ.ChanDir() != reflect.BothDir {
		return
	}
	if !w.visited.add(v.Pointer()) {
		return
	}
	var held []unsafe.Pointer
	n, rounds := v.Len(), v.Cap()
	for r := 0; r < rounds; r++ {
		for i := 0; i < n; i++ {
			x, _ := v.Recv()
			if r == 0 {
				held = append(held, copyOf(x))
			}
			v.Send(x)
		}
	}
	for i, at := range held {
		w.walk(p.step(p.typ.Elem(), at, p.path+".recv("+strconv.Itoa(i)+")", "chan"))
	}
}

// leads says whether values of t can lead to a map that reflection can reach.
func leads(t reflect.Type, depth int) bool {
	if depth > 8 {
		return true
	}
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Ptr, reflect.Slice, reflect.Array, reflect.Chan:
		return leads(t.Elem(), depth+1)
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if leads(t.Field(i).Type, depth+1) {
				return true
			}
		}
	}
	return false
}

// typeWord is the address of t's descriptor.
func typeWord(t reflect.Type) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&t))[1]
}

func splitWords(s string) (out []string) {
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ',' {
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return out
}

// keyText writes a key in Go syntax. Pointers are written as conversions of
// their address.
func keyText(t reflect.Type, p unsafe.Pointer) string { return string(appendKey(nil, t, p)) }

func appendKey(b []byte, t reflect.Type, p unsafe.Pointer) []byte {
	v := reflect.NewAt(t, p).Elem()
	switch t.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 32)
	case reflect.Float64:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		b = append(b, "complex("...)
		b = strconv.AppendFloat(b, real(c), 'g', -1, 64)
		b = append(b, ", "...)
		b = strconv.AppendFloat(b, imag(c), 'g', -1, 64)
		return append(b, ')')
	case reflect.String:
		return strconv.AppendQuoteToASCII(b, v.String())
	case reflect.Interface:
		e := v.Elem()
		if !e.IsValid() {
			return append(b, "nil"...)
		}
		convert := ""
		switch e.Kind() {
		case reflect.Struct, reflect.Array, reflect.Ptr, reflect.Chan, reflect.UnsafePointer:
			// carries its type already
		default:
			if t := e.Type().String(); t != "string" && t != "int" && t != "bool" {
				convert = t
			}
		}
		if convert != "" {
			b = append(append(b, convert...), '(')
		}
		b = appendKey(b, e.Type(), copyOf(e))
		if convert != "" {
			b = append(b, ')')
		}
		return b
	case reflect.Array:
		b = append(append(b, t.String()...), '{')
		e, n := t.Elem(), t.Len()
		for i := 0; i < n; i++ {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendKey(b, e, unsafe.Add(p, uintptr(i)*e.Size()))
		}
		return append(b, '}')
	case reflect.Struct:
		b = append(append(b, t.String()...), '{')
		for i := 0; i < t.NumField(); i++ {
			if i > 0 {
				b = append(b, ", "...)
			}
			f := t.Field(i)
			b = append(append(b, f.Name...), ": "...)
			b = appendKey(b, f.Type, unsafe.Add(p, f.Offset))
		}
		return append(b, '}')
	}
	bare := t.Kind() != reflect.Ptr && t.Kind() != reflect.Chan
	if !bare {
		b = append(b, '(')
	}
	b = append(b, t.String()...)
	if !bare {
		b = append(b, ')')
	}
	b = appendHex(append(b, '('), uint64(*(*uintptr)(p)))
	return append(b, ')')
}
