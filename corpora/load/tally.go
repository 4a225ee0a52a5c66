package main

// The truth does not list a million maps: it says how many of each type hang
// below which package variable.

import (
	"reflect"
	"strconv"
)

// A tally counts the maps of one type below one package variable.
type tally struct {
	prefix, typ   string
	maps, entries int
}

var tallies []*tally

func tallyOf[K comparable, V any](prefix string) *tally {
	t := &tally{prefix: prefix, typ: reflect.TypeOf(map[K]V(nil)).String()}
	tallies = append(tallies, t)
	return t
}

// sizes are the numbers of entries of small maps.
var sizes = [16]int{3, 1, 8, 0, 5, 2, 12, 4, 1, 7, 3, 16, 2, 8, 6, 10}

// small makes the i-th small map of a tally.
func small[K comparable, V any](t *tally, i int, key func(int) K, elem func(int) V) map[K]V {
	return counted(t, sizes[i&15], key, elem)
}

// counted makes a map of n entries.
func counted[K comparable, V any](t *tally, n int, key func(int) K, elem func(int) V) map[K]V {
	m := fill(n, key, elem)
	t.maps++
	t.entries += len(m)
	return m
}

// thin takes every k-th entry out of a map of keys 0, 1, 2, … again.
func thin[V any](t *tally, m map[int]V, k int) {
	n := len(m)
	for i := 0; i < n; i += k {
		delete(m, i)
	}
	t.entries -= n - len(m)
}

func mapsTold() (n int) {
	for _, t := range tallies {
		n += t.maps
	}
	return n
}

// appendTallies writes the truth's "counts".
func appendTallies(b []byte) []byte {
	b = append(b, ",\"counts\":[\n"...)
	for i, t := range tallies {
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(b, `{"prefix":`...)
		b = appendQuoted(b, t.prefix)
		b = append(b, `,"type":`...)
		b = appendQuoted(b, t.typ)
		b = append(b, `,"maps":`...)
		b = strconv.AppendInt(b, int64(t.maps), 10)
		b = append(b, `,"entries":`...)
		b = strconv.AppendInt(b, int64(t.entries), 10)
		b = append(b, '}')
	}
	return append(b, "\n]"...)
}
