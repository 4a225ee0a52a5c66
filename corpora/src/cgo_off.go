//go:build !cgo

package main

func cgoScenarios() []scenario { return nil }
