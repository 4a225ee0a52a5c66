package main

// Deaths that are no races: a bad pointer in a map, a lookup that never ends, no memory,
// and panics.

import (
	"reflect"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const nowhere = 0x123456789000 // an address that is never mapped

// wounded tells of the sessions when they are damaged.
func (s *server) wounded(kind, where string, p unsafe.Pointer, old, new uint64, size int, rules ...string) {
	word := wordOfAny(s.sessions)
	truthSeen.add(uintptr(word))
	note(record{
		addr: uintptr(word), kind: "map", typ: reflect.TypeOf(s.sessions), len: noLen, held: "main.srv.sessions", way: wayGlobal,
		through: []string{"var", "pointer", "struct"}, state: []string{"damaged"}, expect: "broken", lenBefore: noLen,
		damage: &damage{kind: kind, where: where, addr: uintptr(p), old: old, new: new, size: size, rules: rules},
	})
}

func (s *server) accuse(kind string) {
	blame(kind, "main.srv.sessions", reflect.TypeOf(s.sessions), at(s.sessions))
}

func runSegv() {
	open(100, 1024)
	hire(func() { srv.lookup(7) })
	srv.crew()
	field, where, rules := storage(srv.sessions)
	old := *field
	*field = nowhere
	srv.wounded(where+"-nowhere", where, unsafe.Pointer(field), uint64(old), nowhere, 8, rules...)
	srv.accuse("map")
	finishTruth()
	close(srv.begin)
	watch()
}

// spin looks for keys that are not there, until it finds no end.
func (s *server) spin() {
	s.join("spinner", "read")
	for i := 0; ; i++ {
		s.hits += s.get(s.key(100+i)) + 1
	}
}

func runHang() {
	open(100, 1024)
	hire(srv.spin)
	srv.crew()
	noEnd(srv)
	srv.accuse("hang")
	finishTruth()
	close(srv.begin)
	for i := 0; i < 50; i++ {
		was := srv.hits
		nap(100)
		if srv.hits == was {
			wait()
		}
	}
	fail("the lookups come back")
}

// grow writes key after key. The keys lie in one string, so that only the map wants memory.
func (s *server) grow(text string) {
	s.join("writer", "write")
	for i := 0; i+8 <= len(text); i += 8 {
		s.put(text[i:i+8], i)
	}
}

var ballast [][]byte

func runOOM() {
	open(8, 1024)
	b := make([]byte, 1<<20)
	for i := 0; i < len(b); i += 8 {
		n := strconv.Itoa(i/8 + 10000000)
		copy(b[i:], n)
	}
	text := string(b)
	hire(func() { srv.grow(text) })
	srv.crew()
	raced(srv.sessions, "main.srv.sessions")
	srv.accuse("map")
	finishTruth()
	size := addressSpace() + 1<<20
	limit := syscall.Rlimit{Cur: size, Max: size}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		fail("no limit of memory: " + err.Error())
	}
	fillArena()
	close(srv.begin)
	watch()
}

// fillArena leaves less than 3 MB of the 64 MB that the runtime has reserved, so that the map soon
// makes it ask for more. Nobody touches the rest, and it takes no room in the core.
func fillArena() {
	const arena, piece = 64 << 20, 1 << 20
	for left := uintptr(arena); left >= 3*piece; {
		b := make([]byte, piece)
		ballast = append(ballast, b)
		left = -(uintptr(unsafe.Pointer(&b[0])) + piece) % arena
	}
}

// addressSpace is the size of all mappings.
func addressSpace() uint64 {
	fd, err := syscall.Open("/proc/self/statm", syscall.O_RDONLY, 0)
	if err != nil {
		fail("cannot open /proc/self/statm: " + err.Error())
	}
	defer syscall.Close(fd)
	b := make([]byte, 200)
	n, _ := syscall.Read(fd, b)
	pages := uint64(0)
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			break
		}
		pages = 10*pages + uint64(c-'0')
	}
	return pages * uint64(syscall.Getpagesize())
}

// The panics. Goroutines say who they are first; the crew is there as always.

func (s *server) die(kind string, f func()) {
	hire(f)
	s.crew()
	sound(s.sessions, "main.srv.sessions")
	if nicknames != nil {
		sound(nicknames, "main.nicknames")
	}
	if kind == "other" {
		blamed.kind = kind
		staff = append(staff, role{goid(), "main", "", ^uintptr(0)})
	}
	finishTruth()
	close(s.begin)
	watch()
}

var (
	nicknames map[any]int
	nobody    map[string]int
)

//go:noinline
func lie() {
	iam("innocent", "", ^uintptr(0))
	<-srv.begin
	println("fatal error: concurrent map writes")
	panic("concurrent map writes in my own words")
}

func runLiar() {
	open(8, 1024)
	srv.die("other", lie)
}

//go:noinline
func panicTwice() {
	iam("writer", "write", at(nobody))
	<-srv.begin
	defer func() { panic("second") }()
	nobody["first"] = 1
}

func runPanicChain() {
	open(8, 1024)
	blame("map", "main.nobody", reflect.TypeOf(nobody), at(nobody))
	srv.die("map", panicTwice)
}

//go:noinline
func nickname(key any) { nicknames[key]++ }

//go:noinline
func workAndLeave() int {
	iam("writer", "write", at(nicknames))
	<-srv.begin
	defer nickname([]string{"no", "key"})
	n := 0
	for i := 0; i < 1000; i++ {
		n += i * len(srv.keys)
	}
	runtime.Gosched()
	return n
}

func runPanicInDefer() {
	open(8, 1024)
	nicknames = map[any]int{"one": 1, 2: 2}
	blame("map", "main.nicknames", reflect.TypeOf(nicknames), at(nicknames))
	srv.die("map", func() { workAndLeave() })
}
