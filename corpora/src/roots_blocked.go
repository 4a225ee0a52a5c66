package main

// Goroutines that wait for somebody to take their map.

func parkBlocked() {
	start(sendAlone)
	c := make(chan map[label]bool)
	start(func() { sendTogether(c, 3) })
	start(func() { sendTogether(c, 17) })
	start(sendInSelect)
	start(sendStruct)
}

//go:noinline
func mapToSend(held string, n int) map[label]bool {
	m := fill(n, toLabel, odd)
	tell(wayStack, held, "stack,send", m)
	return m
}

//go:noinline
func sendAlone() {
	c := make(chan map[label]bool)
	m := mapToSend("stack main.sendAlone: c <-", 6)
	told <- true
	c <- m
}

//go:noinline
func sendTogether(c chan map[label]bool, n int) {
	m := mapToSend("stack main.sendTogether: c <-", n)
	told <- true
	c <- m
}

//go:noinline
func sendInSelect() {
	c := make(chan map[label]bool)
	m := mapToSend("stack main.sendInSelect: c <-", 21)
	told <- true
	select {
	case c <- m:
	case sinkInt = <-parked:
	}
}

//go:noinline
func sendStruct() {
	c := make(chan rootBox)
	b := newRootBox(7)
	tell(wayStack, "stack main.sendStruct: c <- .m", "stack,send,struct", b.m)
	tell(wayStack, "stack main.sendStruct: c <- .n", "stack,send,struct", b.n)
	told <- true
	c <- *b
}
