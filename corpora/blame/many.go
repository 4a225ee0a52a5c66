package main

// Ten thousand goroutines that wait, a hundred of which hold the sessions.

import (
	"sync"
	"time"
)

type queue struct {
	mu   sync.Mutex
	cond *sync.Cond
	jobs chan int
	done chan struct{}
}

//go:noinline
func (q *queue) receive(id int) int {
	iam("innocent", "", ^uintptr(0))
	return <-q.jobs + id
}

//go:noinline
func (q *queue) choose(id int) int {
	iam("innocent", "", ^uintptr(0))
	select {
	case n := <-q.jobs:
		return n + id
	case <-q.done:
		return id
	}
}

//go:noinline
func (q *queue) lock(id int) int {
	iam("innocent", "", ^uintptr(0))
	q.mu.Lock()
	defer q.mu.Unlock()
	return id
}

//go:noinline
func (q *queue) sleep(id int) int {
	iam("innocent", "", ^uintptr(0))
	time.Sleep(time.Hour)
	return id
}

//go:noinline
func (q *queue) await(mu *sync.Mutex, id int) int {
	iam("innocent", "", ^uintptr(0))
	mu.Lock()
	q.cond.Wait()
	mu.Unlock()
	return id
}

func runMany() {
	open(8, 1024)
	q := &queue{jobs: make(chan int), done: make(chan struct{})}
	var mu sync.Mutex
	q.cond = sync.NewCond(&mu)
	q.mu.Lock()
	for i := 0; i < 9900; i++ {
		id := i
		switch i % 5 {
		case 0:
			hire(func() { q.receive(id) })
		case 1:
			hire(func() { q.choose(id) })
		case 2:
			hire(func() { q.lock(id) })
		case 3:
			hire(func() { q.sleep(id) })
		case 4:
			hire(func() { q.await(&mu, id) })
		}
	}
	never := make(chan int)
	for i := 0; i < 100; i++ {
		hire(func() { hold(srv.sessions, never) })
	}
	nap(100)
	srv.race(func() { srv.login(3) }, func() { srv.login(5) })
}
