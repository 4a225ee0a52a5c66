package main

// Maps that do not escape: their headers, and the first bucket or group, lie on
// the stack of a parked goroutine.

import "unsafe"

func parkOnStack() {
	start(func() { roomy(8); onStackSmall(3) })
	start(func() { roomy(8); onStackGrown(50) })
	start(func() { roomy(8); onStackOuter(4) })
}

// tellOnStack is tell, and makes sure that the header lies on this stack.
//
//go:noinline
func tellOnStack(held string, m any) {
	x := *(*[2]uintptr)(unsafe.Pointer(&m))
	if here := uintptr(unsafe.Pointer(&x)); x[1] < here || x[1] > here+32<<10 {
		fail(held + " is not on the stack")
	}
	tellLabeled(wayStack, held, "stack", "header-on-stack", m)
}

//go:noinline
func onStackSmall(n int) {
	ints := make(map[int]int)
	texts := map[string]string{"one": "first", "two": "second"}
	full := make(map[uint8]bool)
	pointers := make(map[label]*plain)
	emptied := make(map[plain]string, 4)
	pointers["only"] = newPlain(n)
	emptied[plain{1, 2}] = "gone"
	delete(emptied, plain{1, 2})
	for i := 0; i < n; i++ {
		ints[i] = -i
	}
	for i := 0; i < 8; i++ {
		full[uint8(i)] = true
	}
	tellOnStack("stack main.onStackSmall: ints", ints)
	tellOnStack("stack main.onStackSmall: texts", texts)
	tellOnStack("stack main.onStackSmall: full", full)
	tellOnStack("stack main.onStackSmall: pointers", pointers)
	tellOnStack("stack main.onStackSmall: emptied", emptied)
	told <- true
	<-parked
	sinkInt += len(ints) + len(texts) + len(full) + len(pointers) + len(emptied)
}

//go:noinline
func onStackGrown(n int) {
	ints := make(map[int]int)
	texts := map[string]int{"literal": 1}
	arrays := make(map[plain][4]int)
	for i := 0; i < n; i++ {
		ints[i] = i
		texts[str(i)] = i
		if i < 9 {
			arrays[toPlain(i)] = toFour(i)
		}
	}
	tellOnStack("stack main.onStackGrown: ints", ints)
	tellOnStack("stack main.onStackGrown: texts", texts)
	tellOnStack("stack main.onStackGrown: arrays", arrays)
	told <- true
	<-parked
	sinkInt += len(ints) + len(texts) + len(arrays)
}

// onStackOuter holds its map below a frame that got it as an argument.
//
//go:noinline
func onStackOuter(n int) {
	m := map[weekday]ratio{1: 0.5}
	for i := 2; i < n; i++ {
		m[weekday(i)] = ratio(i)
	}
	tellOnStack("stack main.onStackOuter: m", m)
	onStackInner(m)
	sinkInt += len(m)
}

//go:noinline
func onStackInner(above map[weekday]ratio) {
	m := make(map[uint16]string)
	m[7] = "inner"
	tellOnStack("stack main.onStackInner: m", m)
	rest()
	sinkInt += len(m) + len(above)
}
