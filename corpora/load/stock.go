package main

// What lies on the heap, all of it below one package variable.

import (
	"reflect"
	"runtime"
	"strconv"
)

type user struct {
	name   string
	age    int
	seen   int64
	active bool
	tags   []string
}

type place struct {
	street string
	number int
}

type branch struct {
	id     int
	leaves map[string]int
}

type part struct{ pages map[int32]string }

type shelf struct {
	id    int
	books map[string][]part
}

type loadType struct {
	// Two of more than a million entries, at 1g.
	ints  map[int]int
	texts map[string]string
	// A hundred thousand, of which a third is deleted.
	holes map[int]int32
	// 50 to 5,000 entries.
	middle struct {
		ints  []map[int]int
		names []map[string]int
	}
	// Up to 16 entries.
	squares  []map[int]int
	words    []map[string]string
	ranks    map[int]map[string]int
	sets     []map[uint64]struct{}
	halves   []map[uint32]uint32
	users    []map[string]user
	points   []map[[2]int64]int
	ratios   []map[float64]int
	anys     []any // map[any]int
	places   map[string][]map[place]int
	branches []map[int]*branch
	blobs    []map[string][]byte
	grids    map[int]map[int]int
	owners   []*map[*user]bool
	shelves  []shelf
	thinned  []map[int]string
	// Bytes that mean nothing.
	ballast [][]byte
}

var load loadType

// names are the strings that small maps share.
var names [4096]string

func name(i int) string     { return names[i&4095] }
func text(i int) string     { return "a text of " + strconv.Itoa(1000000+i) }
func wide(i int) uint64     { return uint64(i) * 0x9e3779b97f4a7c15 }
func half(i int) uint32     { return uint32(i) * 2654435761 }
func point(i int) [2]int64  { return [2]int64{int64(i), -int64(i)} }
func toRatio(i int) float64 { return float64(i) / 3 }
func toPlace(i int) place   { return place{name(i * 7), i} }
func toBlob(i int) []byte   { return make([]byte, 8+i&31) }
func newUser(i int) *user   { u := toUser(i); return &u }
func toUser(i int) user     { return user{name(i), i & 127, int64(i) << 20, odd(i), names[i&63 : i&63+2]} }
func toAny(i int) any       { return [...]any{i, name(i), toRatio(i), point(i)}[i&3] }
func many(n int, make func(int)) {
	for i := 0; i < n; i++ {
		make(i)
	}
	runtime.GC()
}

// build makes each of the small kinds n times, and the larger ones in proportion to size.
func (l *loadType) build(n, size int) {
	for i := range names {
		names[i] = text(i)
	}
	l.large(size)
	squares := tallyOf[int, int]("main.load.squares")
	many(n, func(i int) { l.squares = append(l.squares, small(squares, i, same, square)) })
	words := tallyOf[string, string]("main.load.words")
	many(n, func(i int) { l.words = append(l.words, small(words, i, name, name)) })
	ranks := tallyOf[string, int]("main.load.ranks")
	l.ranks = map[int]map[string]int{}
	many(n, func(i int) { l.ranks[i] = small(ranks, i, name, same) })
	sets := tallyOf[uint64, struct{}]("main.load.sets")
	many(n, func(i int) { l.sets = append(l.sets, small(sets, i, wide, nothing)) })
	halves := tallyOf[uint32, uint32]("main.load.halves")
	many(n, func(i int) { l.halves = append(l.halves, small(halves, i, half, half)) })
	users := tallyOf[string, user]("main.load.users")
	many(n, func(i int) { l.users = append(l.users, small(users, i, name, toUser)) })
	points := tallyOf[[2]int64, int]("main.load.points")
	many(n, func(i int) { l.points = append(l.points, small(points, i, point, same)) })
	ratios := tallyOf[float64, int]("main.load.ratios")
	many(n, func(i int) { l.ratios = append(l.ratios, small(ratios, i, toRatio, same)) })
	anys := &tally{prefix: "main.load.anys", typ: reflect.TypeOf(map[any]int(nil)).String()}
	tallies = append(tallies, anys)
	many(n, func(i int) { // not by small: until Go 1.20, any did not satisfy comparable
		m := map[any]int{}
		for j := 0; j < sizes[i&15]; j++ {
			m[toAny(j)] = j
		}
		anys.maps, anys.entries = anys.maps+1, anys.entries+len(m)
		l.anys = append(l.anys, m)
	})
	l.nested(n)
}

// nested makes the small kinds that are below others, or have others below them.
func (l *loadType) nested(n int) {
	places := tallyOf[place, int]("main.load.places")
	l.places = map[string][]map[place]int{}
	many(n, func(i int) { l.places[name(i)] = append(l.places[name(i)], small(places, i, toPlace, same)) })
	branches, leaves := tallyOf[int, *branch]("main.load.branches"), tallyOf[string, int]("main.load.branches")
	many((n+3)/4, func(i int) {
		l.branches = append(l.branches, counted(branches, 3, same, func(j int) *branch {
			return &branch{j, small(leaves, 3*i+j, name, same)}
		}))
	})
	blobs := tallyOf[string, []byte]("main.load.blobs")
	many(n, func(i int) { l.blobs = append(l.blobs, small(blobs, i, name, toBlob)) })
	grids := tallyOf[int, int]("main.load.grids")
	l.grids = map[int]map[int]int{}
	many(n, func(i int) { l.grids[i] = small(grids, i, same, square) })
	owners := tallyOf[*user, bool]("main.load.owners")
	many(n, func(i int) {
		m := small(owners, i, newUser, odd)
		l.owners = append(l.owners, &m)
	})
	books, pages := tallyOf[string, []part]("main.load.shelves"), tallyOf[int32, string]("main.load.shelves")
	toPage := func(i int) int32 { return int32(i) }
	many((n+4)/5, func(i int) {
		l.shelves = append(l.shelves, shelf{i, counted(books, 2, name, func(j int) []part {
			return []part{{small(pages, 4*i+2*j, toPage, name)}, {small(pages, 4*i+2*j+1, toPage, name)}}
		})})
	})
	thinned := tallyOf[int, string]("main.load.thinned")
	many(n, func(i int) {
		m := small(thinned, i, same, name)
		thin(thinned, m, 3)
		l.thinned = append(l.thinned, m)
	})
}

// large makes what is not small.
func (l *loadType) large(size int) {
	l.ints = fill(1300*size, same, square)
	runtime.GC()
	l.texts = fill(1100*size, text, func(i int) string { return text(2 * i) })
	runtime.GC()
	l.holes = fill(100*size, same, func(i int) int32 { return int32(i) })
	for i := 0; i < 100*size; i += 3 {
		delete(l.holes, i)
	}
	ints, names := tallyOf[int, int]("main.load.middle"), tallyOf[string, int]("main.load.middle")
	many((size+3)/4, func(i int) {
		n := 50 + i*i*7%4951
		m := counted(ints, n, same, square)
		if odd(i) {
			thin(ints, m, 4)
		}
		l.middle.ints = append(l.middle.ints, m)
		l.middle.names = append(l.middle.names, counted(names, n, text, same))
	})
}

// few makes n more maps.
func (l *loadType) few(n int) {
	for _, t := range tallies {
		if t.prefix == "main.load.squares" {
			many(n, func(i int) { l.squares = append(l.squares, small(t, i, same, square)) })
		}
	}
}

// fillUp takes memory for bytes, none of them zero for long, until the process has as much as it is to have.
func (l *loadType) fillUp(total uint64) {
	x := uint64(88172645463325252)
	for {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		if stats.Sys >= total {
			return
		}
		for n := 0; n < 16; n++ {
			b := make([]byte, 256<<10)
			for i := 0; i < len(b); i += 8 {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				for j := 0; j < 8; j++ {
					b[i+j] = byte(x >> (8 * j))
				}
			}
			l.ballast = append(l.ballast, b)
		}
	}
}

// record lists the maps that are not counted.
func (l *loadType) record() {
	global := func(m any, field string) {
		noteMap(reflect.TypeOf(m), wordOfAny(m), "main.load."+field, wayGlobal, []string{"var", "struct"}, nil, "ok")
	}
	global(l.ints, "ints")
	global(l.texts, "texts")
	global(l.holes, "holes")
	global(l.ranks, "ranks")
	global(l.places, "places")
	global(l.grids, "grids")
}
