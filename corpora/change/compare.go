package main

// What has changed: both stocks entry by entry, and whether that is what the script wanted.

import (
	"strconv"
	"unsafe"
)

// tallies makes finishTruth call appendTallies, which tells the rest of the truth.
var tallies []bool

var changesText []byte

func appendTallies(b []byte) []byte {
	all := append(make([]byte, 0, len(b)+len(changesText)+4<<10), b...) // in one piece, so that it can be wiped
	wipe(b)
	all = append(all, ",\"changes\":[\n"...)
	all = append(all, changesText...)
	wipe(changesText)
	return append(all, "\n]"...)
}

// compare tells what became of each map. In another process than the one that was dumped before,
// addresses, seeds and elems that are pointers say nothing.
func compare(before, after *stock, restarted bool) {
	tallies, changesText = []bool{true}, make([]byte, 0, 1<<20)
	for i := range before.items {
		old := &before.items[i]
		become(before, old, after, after.find(old.owner), restarted)
	}
	for i := range after.items {
		if it := &after.items[i]; before.find(it.owner) == nil {
			become(before, nil, after, it, restarted)
		}
	}
	for _, w := range wishes {
		if !w.met {
			fail("no change of " + w.owner)
		}
	}
	before.wipe()
	after.wipe()
	wishes, before.items, after.items = nil, nil, nil
}

func (s *stock) find(owner string) *item {
	for i := range s.items {
		if s.items[i].owner == owner {
			return &s.items[i]
		}
	}
	return nil
}

// A verdict is which entries were added, removed, and changed.
type verdict struct {
	added, removed, changed [][]byte
}

func diff(before *stock, old *item, after *stock, now *item) (v verdict) {
	var a, b []entry
	if old != nil {
		a = before.of(old)
	}
	if now != nil {
		b = after.of(now)
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].key < b[0].key:
			v.removed = append(v.removed, before.text(a[0]))
			a = a[1:]
		case len(a) == 0 || b[0].key < a[0].key:
			v.added = append(v.added, after.text(b[0]))
			b = b[1:]
		default:
			if string(before.text(a[0])) != string(after.text(b[0])) {
				fail("two keys with the same hash")
			}
			if a[0].elem != b[0].elem {
				v.changed = append(v.changed, after.text(b[0]))
			}
			a, b = a[1:], b[1:]
		}
	}
	return v
}

// become writes down what became of one map.
func become(before *stock, old *item, after *stock, now *item, restarted bool) {
	v := diff(before, old, after, now)
	w := wish{change: "same", fate: "kept"}
	owner := now
	if now == nil {
		owner = old
	}
	for i := range wishes {
		if wishes[i].owner == owner.owner {
			w = wishes[i]
			wishes[i].met = true
		}
	}
	change := "same"
	switch differ := len(v.added)+len(v.removed)+len(v.changed) > 0; {
	case old == nil:
		change = "came"
	case now == nil:
		change = "went"
	case old.notAddr != now.notAddr:
		change = "replaced"
	case differ:
		change = "changed"
	}
	if change != w.change || len(v.added) != w.added || len(v.removed) != w.removed || len(v.changed) != w.changed {
		fail(owner.owner + " has " + change + ": added " + strconv.Itoa(len(v.added)) + ", removed " +
			strconv.Itoa(len(v.removed)) + ", changed " + strconv.Itoa(len(v.changed)) + "; the script wants " + w.change)
	}
	if w.scars && now.tombstones == 0 {
		fail(owner.owner + " has no tombstones")
	}
	isPortable := (old == nil || old.portable) && (now == nil || now.portable)
	if restarted && change == "replaced" {
		change = "same"
		if len(v.added)+len(v.removed)+len(v.changed) > 0 {
			change = "changed"
		}
	}
	if restarted && change == "changed" && !isPortable && len(v.added)+len(v.removed) == 0 {
		change = "same" // as far as another process can tell
	}
	b := changesText
	if len(b) > 0 {
		b = append(b, ",\n"...)
	}
	b = append(b, `{"owner":`...)
	b = appendQuoted(b, owner.owner)
	b = append(b, `,"kind":`...)
	b = appendQuoted(b, owner.kind)
	b = append(b, `,"type":`...)
	b = appendQuoted(b, owner.typ.String())
	b = append(b, `,"change":`...)
	b = appendQuoted(b, change)
	b = append(b, `,"portable":`...)
	b = strconv.AppendBool(b, isPortable)
	b = appendItem(b, "old", old, restarted)
	b = appendItem(b, "new", now, false)
	b = append(b, `,"old_map":`...)
	if old == nil || restarted {
		b = append(b, "null"...)
	} else {
		b = appendQuoted(b, w.fate)
	}
	b = append(b, `,"reseeded":`...)
	if old == nil || now == nil || restarted || old.kind != "map" || old.notAddr != now.notAddr {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendBool(b, old.seed != now.seed)
	}
	b = appendKeys(b, "added", v.added, true)
	b = appendKeys(b, "removed", v.removed, true)
	b = appendKeys(b, "changed", v.changed, isPortable || !restarted)
	changesText = append(b, '}')
}

// appendItem tells of the map before or after; of a map of another process only what is the same there.
func appendItem(b []byte, when string, it *item, elsewhere bool) []byte {
	field := func(name string) {
		b = append(append(append(append(append(b, `,"`...), when...), '_'), name...), `":`...)
	}
	number := func(name string, n int, known bool) {
		field(name)
		if known && n >= 0 {
			b = strconv.AppendInt(b, int64(n), 10)
		} else {
			b = append(b, "null"...)
		}
	}
	field("addr")
	if it == nil || elsewhere {
		b = append(b, "null"...)
	} else {
		b = append(appendHex(append(b, '"'), uint64(^it.notAddr)), '"')
	}
	if it == nil {
		it = &item{slots: -1, tombstones: -1}
	}
	number("len", it.len, true)
	number("slots", it.slots, !elsewhere)
	number("tombstones", it.tombstones, !elsewhere)
	return b
}

func appendKeys(b []byte, name string, keys [][]byte, known bool) []byte {
	b = append(append(append(b, `,"`...), name...), `_n":`...)
	if known {
		b = strconv.AppendInt(b, int64(len(keys)), 10)
	} else {
		b = append(b, "null"...)
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	if !known {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, *(*string)(unsafe.Pointer(&k))) // not a copy
	}
	return append(b, ']')
}
