//go:build !more

package main

import "runtime"

func warmUp() { runtime.GOMAXPROCS(4) }

func runCaptured() { captured(4) }
