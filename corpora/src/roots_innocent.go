package main

// Memory that looks like maps and holds none: objects of a header's size and
// with a header's pointers, and headers of maps that were collected.

import (
	"runtime"
	"unsafe"
)

// The pointers of a classic header are words 2, 3 and 5, or 2, 3 and 6 of the
// longer one; a Swiss header has one, word 2.
type (
	likeClassic struct {
		count, flags int
		buckets, old unsafe.Pointer
		evacuated    int
		extra        *[3]unsafe.Pointer
	}
	likeLonger struct {
		count, flags     int
		buckets, old     unsafe.Pointer
		evacuated, clear int
		extra            *[3]unsafe.Pointer
	}
	likeSwiss struct {
		used, seed   uint64
		dir          *[26]uint64
		length       int
		depth, clear uint64
	}
	// The same, innocently.
	employee struct {
		id, grade  int
		boss, peer *employee
		salary     int
		office     *[18]uint64
	}
	invoice struct {
		number, total uint64
		lines         *[25]uint64
		days          int
		paid, sent    uint64
		more          [2]int
	}
)

type innocents struct {
	classic  []*likeClassic
	longer   []*likeLonger
	swiss    []*likeSwiss
	staff    []*employee
	invoices []*invoice
	untyped  []unsafe.Pointer // of all kinds
	targets  []*[26]uint64    // 208 bytes, as a bucket or group of map[int]int
	smaller  []*[25]uint64    // 200 bytes
	tiny     []*[18]uint64    // 144 bytes, as a bucket or group of map[string]bool or so
	extras   []*[3]unsafe.Pointer
}

var innocent innocents

func (n *innocents) build() {
	seed := uint64(88172645463325252)
	random := func() uint64 { // xorshift: the same in every run
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return seed
	}
	for i := 0; i < 60; i++ {
		a, b, c := new([26]uint64), new([25]uint64), new([18]uint64)
		for j := range a {
			switch i % 4 {
			case 0: // all zero
			case 1:
				a[j] = uint64(j * i)
			case 2:
				a[j] = random()
			case 3:
				a[j] = uint64(j & 7)
			}
			if j < len(b) {
				b[j] = a[j]
			}
			if j < len(c) {
				c[j] = a[j]
			}
		}
		n.targets, n.smaller, n.tiny = append(n.targets, a), append(n.smaller, b), append(n.tiny, c)
		n.extras = append(n.extras, new([3]unsafe.Pointer))
	}
	target := func(i int) unsafe.Pointer {
		switch i % 3 {
		case 0:
			return unsafe.Pointer(n.targets[i%len(n.targets)])
		case 1:
			return unsafe.Pointer(n.smaller[i%len(n.smaller)])
		}
		return unsafe.Pointer(n.tiny[i%len(n.tiny)])
	}
	for i := 0; i < 600; i++ {
		c := &likeClassic{count: i % 9, flags: i % 16, buckets: target(i)}
		l := &likeLonger{count: i % 9, flags: i % 16, buckets: target(i)}
		s := &likeSwiss{used: uint64(i % 9), seed: uint64(i), dir: n.targets[i%len(n.targets)]}
		e := &employee{id: i, grade: i % 7, salary: i % 3, office: n.tiny[i%len(n.tiny)]}
		v := &invoice{number: uint64(i % 8), total: uint64(i * 7), lines: n.smaller[i%len(n.smaller)]}
		if i%5 == 0 {
			c.old, c.extra = target(i+1), n.extras[i%len(n.extras)]
			l.old, l.extra = target(i+1), n.extras[i%len(n.extras)]
			l.clear, c.evacuated = 1, i%3
		}
		if i%4 == 1 && i%9 != 0 { // a good seed, and a count that the entries do not bear out
			c.flags = int(random() << 32 & (1<<62 - 1))
			l.flags = c.flags
			s.seed = random()
		}
		if i%6 == 2 { // a directory of one table that is none
			s.length, s.depth = 1, 64<<8
		}
		if i > 0 {
			e.boss, e.peer = n.staff[i/2], n.staff[i-1]
		}
		n.staff = append(n.staff, e)
		if i%2 == 0 {
			n.classic, n.longer, n.swiss = append(n.classic, c), append(n.longer, l), append(n.swiss, s)
			n.invoices = append(n.invoices, v)
		} else {
			n.untyped = append(n.untyped, unsafe.Pointer(c), unsafe.Pointer(l), unsafe.Pointer(s), unsafe.Pointer(v))
		}
	}
	runtime.GC()
}

// makeCollected makes maps that the next collection takes away. Their headers
// stay in memory as they were, in places that are free, and none is a map.
//
//go:noinline
func makeCollected() {
	for i := 0; i < 120; i++ {
		drop(fill(i%12, str, same))
		drop(fill(i%30, toLabel, newPlain))
		drop(fill(i%5, toWide, toRatio))
		drop(newRootBox(i % 10))
	}
}
