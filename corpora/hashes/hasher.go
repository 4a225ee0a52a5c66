package main

// Hashes as the program itself computes them.

import (
	"reflect"
	"runtime"
	"strconv"
	"unsafe"
)

// mapType is how the descriptor of a map type begins: the same in all versions,
// with words of 32 and of 64 bits.
type mapType struct {
	size, ptrBytes                 uintptr
	hash                           uint32
	tflag, align, fieldAlign, kind uint8
	equal                          func(unsafe.Pointer, unsafe.Pointer) bool
	gcdata                         *byte
	str, ptrToThis                 int32
	key, elem, bucketOrGroup       unsafe.Pointer
	hasher                         func(key unsafe.Pointer, seed uintptr) uintptr
}

func hasherOf(t reflect.Type) func(unsafe.Pointer, uintptr) uintptr {
	d := (*mapType)(unsafe.Pointer(typeWord(t)))
	if d.hasher == nil || d.size != unsafe.Sizeof(d.size) || t.Kind() != reflect.Map {
		fail("this is no map type: " + t.String())
	}
	return d.hasher
}

// aesInUse finds out whether the runtime hashes with AES instructions: only then
// does it hash an uint32 and the same four bytes as a float32 differently.
func aesInUse() bool {
	f := float32(1.5)
	u := *(*uint32)(unsafe.Pointer(&f))
	as32 := hasherOf(reflect.TypeOf(hashed.Uint32))(unsafe.Pointer(&u), 12345)
	as4 := hasherOf(reflect.TypeOf(hashed.Float32))(unsafe.Pointer(&f), 12345)
	if as32 == as4 {
		return false
	}
	switch runtime.GOARCH {
	case "amd64", "386", "arm64":
	default:
		fail("hashes that " + runtime.GOARCH + " cannot have")
	}
	return true
}

// typeWord is the address of t's descriptor.
func typeWord(t reflect.Type) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&t))[1]
}

var hashList = make([]uintptr, 0, 4096) // in one piece, so that it can be wiped

// hashesOf lists the hashes of a map's keys, sorted, and counts the keys that have
// no hash: a NaN in them gets another one every time.
func hashesOf(t reflect.Type, word unsafe.Pointer) (hashes []uintptr, nans int) {
	hasher, seed, kt := hasherOf(t), seedOf(word), t.Key()
	hashes = hashList[:0]
	mapEntries(t, word, func(kp, _ unsafe.Pointer) {
		if hasNaN(kt, kp) {
			nans++
			return
		}
		h := hasher(kp, seed)
		if hasher(kp, seed) != h {
			fail("a key of " + t.String() + " has two hashes")
		}
		hashes = append(hashes, h)
	})
	hashList = hashes
	for gap := len(hashes) / 2; gap > 0; gap /= 2 {
		for i := gap; i < len(hashes); i++ {
			for j := i; j >= gap && hashes[j-gap] > hashes[j]; j -= gap {
				hashes[j-gap], hashes[j] = hashes[j], hashes[j-gap]
			}
		}
	}
	return hashes, nans
}

// hasNaN says whether a NaN goes into the hash of a value.
func hasNaN(t reflect.Type, p unsafe.Pointer) bool {
	switch t.Kind() {
	case reflect.Float32:
		x := *(*float32)(p)
		return x != x
	case reflect.Float64:
		x := *(*float64)(p)
		return x != x
	case reflect.Complex64:
		x := *(*complex64)(p)
		return x != x
	case reflect.Complex128:
		x := *(*complex128)(p)
		return x != x
	case reflect.Interface:
		e := reflect.NewAt(t, p).Elem().Elem()
		return e.IsValid() && hasNaN(e.Type(), copyOf(e))
	case reflect.Array:
		e := t.Elem()
		for i := 0; i < t.Len(); i++ {
			if hasNaN(e, unsafe.Add(p, uintptr(i)*e.Size())) {
				return true
			}
		}
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			if f.Name != "_" && hasNaN(f.Type, unsafe.Add(p, f.Offset)) {
				return true
			}
		}
	}
	return false
}

// recordFields tells of all maps in the struct at p.
func recordFields(name string, t reflect.Type, p unsafe.Pointer) {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		recordMap(f.Type, *(*unsafe.Pointer)(unsafe.Add(p, f.Offset)), name+"."+f.Name, "var", "struct")
	}
}

// recordMap tells of one map: what the zoo would, and the hashes of its keys.
func recordMap(t reflect.Type, word unsafe.Pointer, held string, through ...string) {
	if truthCount%20 == 0 {
		runtime.GC()
	}
	hashes, nans := hashesOf(t, word)
	var labels []string
	if nans > 0 {
		labels = []string{"nan"}
	}
	if len(hashes)+nans == 0 || !noteMap(t, word, held, wayGlobal, through, labels, "ok") {
		fail("no map, or one that was told before, is " + held)
	}
	b := truthText[:len(truthText)-1] // the record goes on
	b = append(b, `,"nans":`...)
	b = strconv.AppendInt(b, int64(nans), 10)
	b = append(b, `,"hashes":[`...)
	for i, h := range hashes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = appendHex(b, uint64(h))
		b = append(b, '"')
		hashes[i] = 0 // the core is not to contain the answers
	}
	truthText = append(b, "]}"...)
}

// tallies makes finishTruth call appendTallies, which tells the rest of the truth.
var tallies = []bool{true}

func appendTallies(b []byte) []byte {
	b = append(b, `,"aes":`...)
	return strconv.AppendBool(b, aesInUse())
}

// hasherCode is the address of the code of a map type's hash function.
func hasherCode(t reflect.Type) uintptr {
	h := hasherOf(t)
	return **(**uintptr)(unsafe.Pointer(&h))
}
