package main

// Writers in the middle of a comparison.

import (
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

var compared [8]map[string]int

// longKey is a key of zeros, in memory that nothing else is in.
func longKey() string {
	text, err := syscall.Mmap(-1, 0, 16<<20, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		fail("no room for a key: " + err.Error())
	}
	return *(*string)(unsafe.Pointer(&text))
}

// runCompare is a healthy process most of whose goroutines stand, whenever it is dumped, in the assembly that
// hashes or compares the keys of the maps they write: functions whose names have no package.
func runCompare() {
	one, other := longKey(), longKey() // who assigns leaves its own key in the map: the next is other memory
	runtime.GOMAXPROCS(len(compared))
	for i := range compared {
		m := map[string]int{one: i, "short": i}
		compared[i] = m
		busy(m, "main.compared["+strconv.Itoa(i)+"]")
		hire(func() {
			iam("decoy", "write", at(m))
			for n := 0; ; n++ {
				m[other] = n
				m[one] = n
			}
		})
	}
	blamed.kind = "none"
	staff = append(staff, role{goid(), "main", "", ^uintptr(0)})
	finishTruth()
	nap(200)
	wait()
}
