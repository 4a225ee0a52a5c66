// Hashes is a program that tells the hash of every key of its maps before it dies.
//
// It has maps with every kind of key and asks each map's own hash function, with
// the map's own seed. The hashes go into the truth, beside what the zoo tells
// about its maps; nothing is damaged here, and nothing is raced.
//
// It must compile with every Go from 1.19 on, for machines of 32 and 64 bits and
// of both byte orders. The files that it shares with the zoo are links into ../src.
package main

import (
	"reflect"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

var (
	scenarioName string
	truthFile    string
	readyFile    string // sys.go wants it; this program is not dumped alive
)

// The package variables that hold all maps.
var (
	hashed hashedType
	fast   fastType
	made   []any // maps whose types exist only since run time
)

func main() {
	args := arguments()
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "-version":
			say(runtime.Version() + " " + mapKind)
			return
		case args[i] == "-scenario" && i+1 < len(args):
			i++
			scenarioName = args[i]
		case args[i] == "-truth" && i+1 < len(args):
			i++
			truthFile = args[i]
		default:
			usage("unknown argument, or no value: " + args[i])
		}
	}
	if truthFile == "" {
		usage("-truth is missing")
	}
	if scenarioName != "hashes" && scenarioName != "hashes-noaes" {
		usage("unknown scenario " + scenarioName)
	}
	hashed.build()
	fast.build()
	buildMade()
	runtime.GC()
	runtime.GC()
	if aes := aesInUse(); aes && scenarioName == "hashes-noaes" {
		fail("AES is in use all the same")
	}
	recordFields("main.hashed", reflect.TypeOf(hashed), unsafe.Pointer(&hashed))
	recordFields("main.fast", reflect.TypeOf(fast), unsafe.Pointer(&fast))
	for i, m := range made {
		t := reflect.TypeOf(m)
		held := "main.made[" + strconv.Itoa(i) + "].(" + t.String() + ")"
		recordMap(t, wordOfAny(m), held, "var", "slice", "interface")
	}
	wantStates("one", "eight", "thousands", "indirect-key", "zero-key", "nan")
	if truthCount < 200 {
		fail("only " + strconv.Itoa(truthCount) + " maps")
	}
	finishTruth()
	abort()
}

func usage(why string) {
	complain("hashes: " + why)
	complain("usage: hashes -scenario hashes|hashes-noaes -truth FILE | -version")
	syscall.Exit(2)
}

// wordOfAny is the word of the map that an interface holds.
func wordOfAny(m any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1] }
