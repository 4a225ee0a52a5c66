//go:build !go1.21

package main

type clones struct{ none int }

func (c *clones) build() { c.none = 1 }
