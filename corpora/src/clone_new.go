//go:build go1.21

package main

// maps.Clone copies a map without inserting entry by entry.

import "maps"

type clones struct {
	one     map[string]int    `state:"cloned"`
	bucket  map[int]int       `state:"cloned"`
	many    map[string]string `state:"cloned"`
	big     map[int]int       `state:"cloned"`
	fat     map[[200]byte]fat `state:"cloned"`
	deleted map[string]int    `state:"cloned,after-deletes"`
	grown   map[string]string `state:"cloned"`
	changed map[string]string `state:"cloned"`
}

func (c *clones) build() {
	c.one = maps.Clone(zoo.holders.shared)
	c.bucket = maps.Clone(zoo.sizes.Eight)
	c.many = maps.Clone(zoo.elems.String)
	c.big = maps.Clone(zoo.sizes.Thousand)
	c.fat = maps.Clone(zoo.elems.FatBoth)
	c.deleted = maps.Clone(zoo.growing.tombs)
	c.grown = maps.Clone(zoo.growing.afterDelete)
	c.changed = maps.Clone(zoo.elems.String)
	for i := 0; i < 40; i++ {
		delete(c.changed, str(i))
		c.changed["new "+str(i)] = "after cloning"
	}
}

// cloned is a copy of a map; of nil it makes one.
func cloned(m map[int]int) map[int]int {
	if m == nil {
		return map[int]int{}
	}
	return maps.Clone(m)
}
