package main

// Maps that wait in a sync.Pool: in its private place, in its shared queue, and
// among the victims of the last collection.

import "sync"

var rootPool, rootVictims sync.Pool

//go:noinline
func fillPool(p *sync.Pool, name, labels string) {
	put := func(held string, m any) {
		tellLabeled(wayPool, held, "var,pool", labels, m)
		p.Put(m)
	}
	get := name + ".Get()"
	put(get+".(map[string]int)", fill(3, str, same))
	put(get+".(map[string]int)", fill(40, str, same))
	put(get+".(map[main.label]*main.plain)", fill(12, toLabel, newPlain))
	put(get+".(main.byMap)", byMap(fill(5, str, same)))
	b := newRootBox(4)
	tellLabeled(wayPool, get+".(*main.rootBox).m", "var,pool,pointer,struct", labels, b.m)
	tellLabeled(wayPool, get+".(*main.rootBox).n", "var,pool,pointer,struct", labels, b.n)
	p.Put(b)
}
