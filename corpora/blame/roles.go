package main

// Who is who: every goroutine tells its id, its role and its map before the truth
// is written. What stands here is inverted: no goroutine is to hold a map because
// it said so.

import (
	"reflect"
	"runtime"
	"strconv"
	"unsafe"
)

type role struct {
	id     int
	name   string // writer, reader, iterating, cloner, spinner, decoy, holder, reaches, ranging, innocent, main
	op     string // write, read, iterate, clone, or nothing
	notMap uintptr
}

// A culprit is the map that it is all about.
type culprit struct {
	notAddr uintptr
	typ     reflect.Type
	owner   string
	kind    string // "map", "other" or "hang"
}

var (
	joined = make(chan role)
	staff  []role
	blamed culprit
)

// at is a map's word, inverted.
func at[M any](m M) uintptr { return ^*(*uintptr)(unsafe.Pointer(&m)) }

// goid reads the number of this goroutine where the runtime prints it.
func goid() int {
	b := make([]byte, 64)
	b = b[:runtime.Stack(b, false)]
	n := 0
	for _, c := range b[len("goroutine "):] {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	wipe(b)
	return n
}

// iam tells main who this goroutine is.
//
//go:noinline
func iam(name, op string, notMap uintptr) { joined <- role{goid(), name, op, notMap} }

// pause tells who this goroutine is and parks it.
//
//go:noinline
func pause(name string, notMap uintptr, c chan int) int {
	iam(name, "", notMap)
	return <-c
}

// hire starts a goroutine and waits until it has said who it is.
func hire(f func()) {
	go f()
	staff = append(staff, <-joined)
}

// blame says which map it is about, and the role of main.
func blame(kind, owner string, t reflect.Type, notMap uintptr) {
	blamed = culprit{notMap, t, owner, kind}
	staff = append(staff, role{goid(), "main", "", ^uintptr(0)})
}

// tallies makes finishTruth call appendTallies, which tells the rest of the truth.
var tallies = []bool{true}

func appendTallies(b []byte) []byte {
	b = append(make([]byte, 0, len(b)+80*len(staff)+4<<10), b...) // in one piece, so that it can be wiped
	b = append(b, ",\"blame\":{\"kind\":"...)
	b = appendQuoted(b, blamed.kind)
	b = append(b, ",\"map\":"...)
	if blamed.typ == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, "{\"addr\":\""...)
		b = appendHex(b, uint64(^blamed.notAddr))
		b = append(b, "\",\"type\":"...)
		b = appendQuoted(b, blamed.typ.String())
		b = append(b, ",\"owner\":"...)
		b = appendQuoted(b, blamed.owner)
		b = append(b, '}')
	}
	b = append(b, ",\"goroutines\":[\n"...)
	for i, r := range staff {
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(b, `{"id":`...)
		b = strconv.AppendInt(b, int64(r.id), 10)
		b = append(b, `,"role":`...)
		b = appendQuoted(b, r.name)
		if r.op != "" {
			b = append(b, `,"op":`...)
			b = appendQuoted(b, r.op)
		}
		if r.notMap != ^uintptr(0) || r.op != "" {
			b = append(b, `,"map":"`...)
			b = appendHex(b, uint64(^r.notMap))
			b = append(b, '"')
		}
		b = append(b, '}')
		staff[i] = role{}
	}
	staff, blamed = nil, culprit{}
	return append(b, "\n]}"...)
}

// busy, sound and local tell of a map that somebody writes, of one that nobody does, and of
// one that only stacks have.
func busy(m any, held string) {
	noteMap(reflect.TypeOf(m), wordOfAny(m), held, wayGlobal, []string{"var", "pointer", "struct"}, []string{"busy"}, "mid-write-possible")
}

func sound(m any, held string) {
	noteMap(reflect.TypeOf(m), wordOfAny(m), held, wayGlobal, []string{"var", "pointer", "struct"}, nil, "ok")
}

func local(m any, held, expect string) {
	noteMap(reflect.TypeOf(m), wordOfAny(m), held, wayStack, []string{"stack"}, nil, expect)
}

// raced tells of the map that it is all about.
func raced(m any, held string) {
	noteMap(reflect.TypeOf(m), wordOfAny(m), held, wayGlobal, []string{"var", "pointer", "struct"}, []string{"raced"}, "any")
}

// wordOfAny is the word of the map that an interface holds.
func wordOfAny(m any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1] }

// typeWord is the address of a type's descriptor.
func typeWord(t reflect.Type) uintptr { return (*[2]uintptr)(unsafe.Pointer(&t))[1] }
