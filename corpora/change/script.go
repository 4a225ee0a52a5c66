package main

// The script: how state B comes out of state A, and what has to be found of it. What it does not
// name has to be the same.

import "runtime"

// A wish is what has to become of a map.
type wish struct {
	owner                   string
	change                  string // came, went, replaced, changed
	added, removed, changed int
	fate                    string // of the map that A had: kept, moved, collected, cap, garbage
	scars                   bool   // Swiss: there have to be tombstones
	met                     bool
}

var wishes []wish

func changed(owner string, added, removed, changed int) {
	wishes = append(wishes, wish{"main." + owner, "changed", added, removed, changed, "kept", false, false})
}

func scarred(owner string, added, removed, changed int) {
	wishes = append(wishes, wish{"main." + owner, "changed", added, removed, changed, "kept", true, false})
}

func replaced(owner, fate string, added, removed, changed int) {
	wishes = append(wishes, wish{"main." + owner, "replaced", added, removed, changed, fate, false, false})
}

func came(owner string, n int) {
	wishes = append(wishes, wish{"main." + owner, "came", n, 0, 0, "", false, false})
}

func went(owner, fate string, n int) {
	wishes = append(wishes, wish{"main." + owner, "went", 0, n, 0, fate, false, false})
}

func put[K comparable, V any](m map[K]V, from, to int, key func(int) K, elem func(int) V) {
	for i := from; i < to; i++ {
		m[key(i)] = elem(i)
	}
}

func remove[K comparable, V any](m map[K]V, from, to, step int, key func(int) K) {
	for i := from; i < to; i += step {
		delete(m, key(i))
	}
}

func minus(i int) int { return -i - 1 }

func (v *varsType) insert() {
	put(v.insertedFew, 20, 23, str, same)
	changed("vars.insertedFew", 3, 0, 0)
	put(v.insertedMany, 8, 3000, same, str)
	changed("vars.insertedMany", 2992, 0, 0)
	put(v.insertedTable, 8, 100, str, newPoint)
	changed("vars.insertedTable", 92, 0, 0)
	put(v.insertedFat, 6, 14, markKey, newBlock)
	changed("vars.insertedFat", 8, 0, 0)
	put(v.insertedGrid, 25, 60, grid, same)
	changed("vars.insertedGrid", 35, 0, 0)
	putAny(v.insertedAny, 11, 13, anything)
	changed("vars.insertedAny", 2, 0, 0)
	put(v.insertedEmpty, 0, 5, markKey, markElem)
	changed("vars.insertedEmpty", 5, 0, 0)
}

func (v *varsType) remove() {
	remove(v.deletedSmall, 0, 3, 1, same)
	changed("vars.deletedSmall", 0, 3, 0)
	remove(v.deletedSome, 0, 300, 5, str)
	scarred("vars.deletedSome", 0, 60, 0)
	remove(v.deletedMost, 7, 200, 1, same)
	changed("vars.deletedMost", 0, 193, 0)
	remove(v.deletedMark, 2, 15, 3, markKey)
	changed("vars.deletedMark", 0, 5, 0)
	remove(v.emptied, 0, 30, 1, str)
	changed("vars.emptied", 0, 30, 0)
	remove(v.emptiedSmall, 0, 5, 1, same)
	changed("vars.emptiedSmall", 0, 5, 0)
	remove(v.refilled, 0, 7, 1, str)
	put(v.refilled, 0, 7, str, same)
	for k := range v.cleared { // the compiler makes one call of this, as of clear
		delete(v.cleared, k)
	}
	changed("vars.cleared", 0, 100, 0)
	for k := range v.clearedFat {
		delete(v.clearedFat, k)
	}
	changed("vars.clearedFat", 0, 10, 0)

	remove(v.churned, 0, 350, 7, same)
	put(v.churned, 1000, 1050, same, same)
	scarred("vars.churned", 50, 50, 0)
	remove(v.churnedSmall, 0, 3, 1, str)
	put(v.churnedSmall, 8, 11, str, str)
	changed("vars.churnedSmall", 3, 3, 0)
}

func (v *varsType) rewrite() {
	put(v.rescored, 10, 17, str, minus)
	changed("vars.rescored", 0, 0, 7)
	put(v.renamed, 0, 4, same, markElem)
	changed("vars.renamed", 0, 0, 4)
	put(v.relocated, 100, 130, same, func(i int) point { return point{i, i} })
	changed("vars.relocated", 0, 0, 30)
	put(v.repointed, 0, 2, str, newPoint)
	v.repointed[str(5)].X = 555 // the pointer is the same, so the elem is
	changed("vars.repointed", 0, 0, 2)
	put(v.patchedFat, 3, 6, str, func(i int) block { b := newBlock(i); b.Pad[14]++; return b })
	changed("vars.patchedFat", 0, 0, 3)
	putAny(v.rewritten, 0, 5, func(i int) any { return str(i) })
	changed("vars.rewritten", 0, 0, 4) // 1 had that string already
	put(v.rebytes, 0, 2, keyBytes, func(i int) [16]byte { return elemBytes(i + 100) })
	changed("vars.rebytes", 0, 0, 2)
	put(v.refloated, 20, 23, float, float)
	v.refloated[0] = 0 // it was -0: equal, and yet not the same
	changed("vars.refloated", 0, 0, 4)

	remove(v.mixed, 0, 7, 1, str)
	put(v.mixed, 100, 110, str, same)
	put(v.mixed, 50, 55, str, minus)
	changed("vars.mixed", 10, 7, 5)
	remove(v.mixedStruct, 0, 4, 1, same)
	put(v.mixedStruct, 8, 20, same, at)
	put(v.mixedStruct, 5, 7, same, func(i int) point { return point{0, i} })
	changed("vars.mixedStruct", 12, 4, 2)
	remove(v.mixedMark, 0, 3, 1, markKey)
	put(v.mixedMark, 18, 21, markKey, markElem)
	put(v.mixedMark, 9, 12, markKey, str)
	changed("vars.mixedMark", 3, 3, 3)
}

func (v *varsType) replace() {
	v.replaced = fill(14, str, func(i int) int { return i / 6 * i })
	replaced("vars.replaced", "collected", 2, 0, 5)
	v.replacedEqual = fill(12, str, same)
	replaced("vars.replacedEqual", "collected", 0, 0, 0)
	v.swappedLeft, v.swappedRight = v.swappedRight, v.swappedLeft
	replaced("vars.swappedLeft", "moved", 2, 0, 2)
	replaced("vars.swappedRight", "moved", 0, 2, 2)
	v.handedTo, v.handedFrom = v.handedFrom, nil
	went("vars.handedFrom", "moved", 10)
	came("vars.handedTo", 10)
	v.fresh, v.freshEmpty = fill(11, str, same), map[int]int{}
	came("vars.fresh", 11)
	came("vars.freshEmpty", 0)
	v.emptyDropped = nil
	went("vars.emptyDropped", "collected", 0)
}

func (s *server) change() {
	s.tenants[path(7)] = newTenant(7)
	came(`srv.tenants["`+path(7)+`"].attrs`, 11)
	came(`srv.tenants["`+path(7)+`"].quota`, 21)
	delete(s.tenants, path(2))
	went(`srv.tenants["`+path(2)+`"].attrs`, "collected", 6)
	went(`srv.tenants["`+path(2)+`"].quota`, "collected", 6)
	changed("srv.tenants", 1, 1, 0)
	t := s.tenants[path(4)]
	t.attrs[markKey(2)] = "another"
	t.attrs["MARKERkey new"] = "new"
	changed(`srv.tenants["`+path(4)+`"].attrs`, 1, 0, 1)
	t.quota = fill(12, same, square) // another map, so the tenant is the same and its map is not
	replaced(`srv.tenants["`+path(4)+`"].quota`, "collected", 0, 0, 0)

	s.regions[path(3)] = fill(3, str, same)
	replaced(`srv.regions["`+path(3)+`"]`, "collected", 0, 0, 0)
	s.regions[path(4)]["more"] = 1
	changed(`srv.regions["`+path(4)+`"]`, 1, 0, 0)
	changed("srv.regions", 0, 0, 1)

	b := s.boards[path(1)]
	b.Title = "another"
	b.scores["MARKERkey best"] = 99
	s.boards[path(1)] = b
	changed(`srv.boards["`+path(1)+`"].scores`, 1, 0, 0)
	changed("srv.boards", 0, 0, 1)

	s.twins[twin(1)]["MARKERkey twin"] = 1
	changed(`srv.twins["`+twin(1)+`"]`, 1, 0, 0)

	s.shards = append(s.shards, newShard(3))
	came("srv.shards[3].m", 18)
	s.shards[1].m[0] = "another"
	changed("srv.shards[1].m", 0, 0, 1)
	bury("main.srv.next.shards[:cap][1].m", wayCap, s.next.shards[1].m)
	s.next.shards = s.next.shards[:1]
	went("srv.next.shards[1].m", "cap", 12)

	s.cache.Delete(markKey(0))
	s.cache.Delete(markKey(1))
	s.cache.Store(markKey(2), -2)
	for i := 10; i < 15; i++ {
		s.cache.Store(markKey(i), i)
	}
	changed("srv.cache", 5, 2, 1)
}

var notDropped uintptr // the words of maps that are dropped, inverted

// script leads from A to B. The last maps go when no collection comes any more.
func script() {
	vars.insert()
	vars.remove()
	vars.rewrite()
	vars.replace()
	srv.change()
	turn <- true
	notNotes = <-arrived
	settle()
	wishes = append(wishes, wish{"stack main.keep: notes", "changed", 4, 3, 3, "kept", false, false})

	notDropped = ^uintptr(wordOf(vars.dropped))
	vars.dropped = nil
	went("vars.dropped", "collected", 9)
	runtime.GC()
	runtime.GC()
	vars.reborn = bear(notDropped)
	put(vars.reborn, 0, 4, str, minus)
	came("vars.reborn", 4)
	runtime.GC()
	runtime.GC()

	bury("garbage droppedLate", wayGarbage, vars.droppedLate)
	vars.droppedLate = nil
	went("vars.droppedLate", "garbage", 30)
	bury("garbage replacedLate", wayGarbage, vars.replacedLate)
	vars.replacedLate = fill(30, same, str)
	replaced("vars.replacedLate", "garbage", 0, 10, 0)
}

// bear makes a map, if it can where another one was.
//
//go:noinline
func bear(notThere uintptr) (m map[string]int) {
	for i := 0; i < 20000; i++ {
		m = newMap()
		if ^uintptr(wordOf(m)) == notThere {
			break
		}
	}
	return m
}

//go:noinline
func newMap() map[string]int { return map[string]int{} }
