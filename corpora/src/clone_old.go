//go:build !go1.21

package main

type clones struct{ none int }

func (c *clones) build() { c.none = 1 }

// cloned is a copy of a map, entry by entry.
func cloned(m map[int]int) map[int]int {
	out := make(map[int]int, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
