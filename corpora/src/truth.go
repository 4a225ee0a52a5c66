package main

// The truth: one JSON object, written before the process dies. Records are
// turned into text at once, so that the list of them holds no pointer to any
// map and does not change who is reachable from where.

import (
	"reflect"
	"runtime"
	"strconv"
	"unsafe"
)

const noLen = -1 // "len": null

type damage struct {
	kind, where string
	addr        uintptr
	old, new    uint64
	size        int // bytes of the clobbered word
	rules       []string
	needsHash   bool
}

type record struct {
	addr         uintptr
	kind         string // "map" or "syncmap"
	typ          reflect.Type
	len          int
	held         string
	way          *way
	through      []string // kinds of the steps of held, "var" first
	digest       string
	state        []string
	expect       string
	lenBefore    int
	digestBefore string
	damage       *damage
}

var (
	truthText  []byte
	truthCount int
	truthSeen  addrSet
	stateSeen  []string // every label that occurred, for the self-check
)

// note adds one record to the truth.
func note(r record) {
	b := truthText
	if b == nil {
		b = make([]byte, 0, 1<<20) // in one piece, so that it can be wiped
	}
	if truthCount > 0 {
		b = append(b, ",\n"...)
	}
	truthCount++
	b = append(b, `{"addr":"`...)
	b = appendHex(b, uint64(r.addr))
	b = append(b, `","kind":`...)
	b = appendQuoted(b, r.kind)
	b = append(b, `,"type":`...)
	b = appendQuoted(b, r.typ.String())
	if r.typ.Kind() == reflect.Map {
		b = append(b, `,"key":`...)
		b = appendQuoted(b, r.typ.Key().String())
		b = append(b, `,"elem":`...)
		b = appendQuoted(b, r.typ.Elem().String())
	}
	b = append(b, `,"len":`...)
	b = appendLen(b, r.len)
	b = append(b, `,"held":`...)
	b = appendQuoted(b, r.held)
	b = append(b, `,"reach":`...)
	b = appendQuoted(b, r.way.reach)
	b = append(b, `,"found_by":`...)
	b = appendStrings(b, foundBy(r.way, r.through, r.state))
	b = append(b, `,"reachable":`...)
	b = appendQuoted(b, r.way.reachable)
	b = append(b, `,"via":`...)
	b = appendQuoted(b, r.through[len(r.through)-1])
	b = append(b, `,"through":`...)
	b = appendStrings(b, r.through)
	b = append(b, `,"digest":`...)
	b = appendDigest(b, r.digest)
	b = append(b, `,"state":`...)
	b = appendStrings(b, r.state)
	b = append(b, `,"expect":`...)
	b = appendQuoted(b, r.expect)
	if d := r.damage; d != nil {
		b = append(b, `,"len_before":`...)
		b = appendLen(b, r.lenBefore)
		b = append(b, `,"digest_before":`...)
		b = appendDigest(b, r.digestBefore)
		b = append(b, `,"damage":{"kind":`...)
		b = appendQuoted(b, d.kind)
		b = append(b, `,"where":`...)
		b = appendQuoted(b, d.where)
		b = append(b, `,"addr":"`...)
		b = appendHex(b, uint64(d.addr))
		b = append(b, `","size":`...)
		b = strconv.AppendInt(b, int64(d.size), 10)
		b = append(b, `,"old":"`...)
		b = appendHex(b, d.old)
		b = append(b, `","new":"`...)
		b = appendHex(b, d.new)
		b = append(b, `","rules":`...)
		b = appendStrings(b, d.rules)
		b = append(b, `,"needs_hash":`...)
		b = strconv.AppendBool(b, d.needsHash)
		b = append(b, '}')
	}
	b = append(b, '}')
	truthText = b
	for _, s := range r.state {
		stateSeen = addWord(stateSeen, s)
	}
}

// noteMap records one map word (nil included) unless its map is known already.
// It says whether the map is new, so that a walker goes on into its entries.
func noteMap(t reflect.Type, word unsafe.Pointer, held string, how *way, through, labels []string, expect string) bool {
	r := record{
		addr: uintptr(word), kind: "map", typ: t, held: held, way: how,
		through: through, expect: expect,
	}
	r.state = append(r.state, labels...)
	if word == nil {
		r.state = addWord(r.state, "nil")
		r.digest = hex16(0)
		note(r)
		return false
	}
	if !truthSeen.add(uintptr(word)) {
		return false
	}
	if expect == "ok" {
		sum, n := digestMap(t, word)
		r.len = reflect.NewAt(t, unsafe.Pointer(&word)).Elem().Len()
		if n != r.len {
			fail("iteration over " + held + " met " + strconv.Itoa(n) + " entries, len is " + strconv.Itoa(r.len))
		}
		r.digest = hex16(sum)
		r.state = addWord(r.state, sizeLabel(n))
		for _, s := range typeLabels(t) {
			r.state = addWord(r.state, s)
		}
		for _, s := range shapeLabels(t, word) {
			r.state = addWord(r.state, s)
		}
	} else {
		r.len = noLen
	}
	note(r)
	return true
}

func sizeLabel(n int) string {
	switch {
	case n == 0:
		return "empty"
	case n == 1:
		return "one"
	case n == 8:
		return "eight"
	case n == 9:
		return "nine"
	case n >= 1000000:
		return "million"
	case n >= 1000:
		return "thousands"
	}
	return "some"
}

func typeLabels(t reflect.Type) (l []string) {
	if t.Name() != "" {
		l = append(l, "named")
	}
	if t.Key().Size() > 128 {
		l = append(l, "indirect-key")
	}
	if t.Elem().Size() > 128 {
		l = append(l, "indirect-elem")
	}
	if t.Key().Size() == 0 {
		l = append(l, "zero-key")
	}
	if t.Elem().Size() == 0 {
		l = append(l, "zero-elem")
	}
	return l
}

// finishTruth writes the file and forgets the bookkeeping.
func finishTruth() {
	b := make([]byte, 0, len(truthText)+4<<10)
	b = append(b, `{"schema":"badmap-truth/1","go":`...)
	b = appendQuoted(b, runtime.Version())
	b = append(b, `,"goos":`...)
	b = appendQuoted(b, runtime.GOOS)
	b = append(b, `,"goarch":`...)
	b = appendQuoted(b, runtime.GOARCH)
	b = append(b, `,"maps_kind":`...)
	b = appendQuoted(b, mapKind)
	b = append(b, `,"scenario":`...)
	b = appendQuoted(b, scenarioName)
	b = append(b, ",\"maps\":[\n"...)
	b = append(b, truthText...)
	b = append(b, "\n]"...)
	if tallies != nil {
		b = appendTallies(b)
	}
	b = append(b, "}\n"...)
	writeFile(truthFile, b)
	wipe(b) // the core is not to contain the answers
	wipe(truthText)
	truthText, stateSeen = nil, nil
	truthSeen = addrSet{}
}

// wantStates fails the scenario if a wanted kind of map did not come about.
func wantStates(labels ...string) {
	for _, l := range labels {
		if !hasWord(stateSeen, l) {
			fail("no map in state " + l)
		}
	}
}

func addWord(list []string, w string) []string {
	if hasWord(list, w) {
		return list
	}
	return append(list[:len(list):len(list)], w)
}

func appendLen(b []byte, n int) []byte {
	if n == noLen {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func appendDigest(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, s)
}

func appendHex(b []byte, x uint64) []byte {
	b = append(b, "0x"...)
	return strconv.AppendUint(b, x, 16)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, s)
	}
	return append(b, ']')
}

// appendQuoted writes a JSON string. Bytes that are not printable ASCII become
// \u00XX: paths quote their keys already, so this hardly ever happens.
func appendQuoted(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c >= 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// addrSet is a set of words, made of a slice: a Go map would be one more map
// in the core. Members are stored inverted, so that they are no addresses.
type addrSet struct {
	slots []uintptr
	n     int
}

func (s *addrSet) add(a uintptr) bool {
	if 2*s.n >= len(s.slots) {
		old := s.slots
		s.slots, s.n = make([]uintptr, 2*len(old)+256), 0
		for _, x := range old {
			if x != 0 {
				s.add(^x)
			}
		}
	}
	x := ^a
	for i := (a * 0x9e3779b1 >> 4) % uintptr(len(s.slots)); ; i = (i + 1) % uintptr(len(s.slots)) {
		if s.slots[i] == x {
			return false
		}
		if s.slots[i] == 0 {
			s.slots[i] = x
			s.n++
			return true
		}
	}
}
