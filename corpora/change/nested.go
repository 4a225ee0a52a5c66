package main

// The maps of state A that hang on something else: on elems of other maps, in a slice, in a
// sync.Map, on a stack. And the goroutines that wait.

import (
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"unsafe"
)

type tenant struct {
	Name  string
	attrs map[string]string
	quota map[int]int
}

type shard struct {
	Name string
	m    map[int]string
}

type server struct {
	tenants map[string]*tenant
	regions map[string]map[string]int
	boards  map[string]board          // structs, not pointers to them
	twins   map[string]map[string]int // under keys that are the same for a long while
	shards  []shard
	next    *server
	cache   sync.Map
	idle    sync.Map
}

type board struct {
	Title  string
	scores map[string]int
}

var srv *server

func newTenant(i int) *tenant {
	return &tenant{str(i), fill(4+i, markKey, markElem), fill(3*i, same, square)}
}

func newShard(i int) shard { return shard{str(i), fill(6*i, same, str)} }

func newBoard(i int) board { return board{str(i), fill(2+i, str, same)} }

// twin makes keys that differ in the 84th byte.
func twin(i int) string { return marked("path", 2) + "and on and on" + strconv.Itoa(i) }

func path(i int) string { return marked("path", i) }

func build() {
	vars.build()
	s := &server{next: &server{}}
	s.tenants = fill(6, path, newTenant)
	s.regions = fill(5, path, func(i int) map[string]int { return fill(i, str, same) })
	s.boards = fill(4, path, newBoard)
	s.twins = fill(3, twin, func(i int) map[string]int { return fill(5, str, same) })
	s.next.shards = []shard{newShard(1), newShard(2)}
	for i := 0; i < 3; i++ {
		s.shards = append(s.shards, newShard(i))
	}
	for i := 0; i < 10; i++ {
		s.cache.Store(markKey(i), i)
		s.idle.Store(i, markElem(i))
	}
	srv = s
}

// The goroutines. Each says when it has come to where it waits.

var (
	arrived = make(chan uintptr)
	turn    = make(chan bool)
	never   = make(chan bool)
)

// keep has a map that nobody else has, and tells its word, inverted.
//
//go:noinline
func keep(notes map[string]int) {
	for {
		arrived <- tell(notes)
		<-turn
		annotate(notes)
	}
}

//go:noinline
func tell(notes map[string]int) uintptr { return ^uintptr(wordOf(notes)) }

//go:noinline
func annotate(notes map[string]int) {
	for i := 0; i < 3; i++ {
		delete(notes, markKey(i))
		notes[markKey(20+i)] = i
		notes[markKey(3+i)] = -1
	}
	notes[markKey(30)] = 30
}

// thread has a thread of its own, with a name.
func thread() {
	runtime.LockOSThread()
	nameThread()
	arrived <- 0
	<-never
}

var lastWords any // of the panic that was survived

// survivor has panicked and gone on.
func survivor() {
	stumble(marked("panic", 2))
	arrived <- 0
	<-never
}

func stumble(why string) {
	defer func() { lastWords = recover() }()
	panic(why)
}

var notNotes uintptr // the word of keep's map, inverted

func crew() {
	go thread()
	<-arrived
	go survivor()
	<-arrived
	go keep(fill(10, markKey, same))
	notNotes = <-arrived
	settle()
}

// settle gives everybody the time to park.
func settle() {
	runtime.Gosched()
	nap(50)
}

var notesType = reflect.TypeOf(map[string]int(nil))

func notesWord() unsafe.Pointer {
	word := ^notNotes
	return *(*unsafe.Pointer)(unsafe.Pointer(&word))
}
