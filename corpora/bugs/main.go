// Bugs is a small program with several bugs in its maps, of which it dies one at a time.
//
// It is there to be built in many ways: the same bug is to be known again in every build of it, and no two bugs
// are to be taken for one. With the build tag more it has lines, functions and closures that move all others.
//
// It must compile with every Go from 1.19 on. The file that it shares with the zoo is a link into ../src.
package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

// A bug ends the process, by itself or with its help.
type bug struct {
	name string
	run  func()
}

var (
	scenarioName string
	truthFile    string
	readyFile    string
)

var bugs = []bug{
	{"put-get", runPutGet},
	{"put-drop", runPutDrop},
	{"bump-bump", runBumpBump},
	{"range-put", runRangePut},
	{"global", runGlobal},
	{"captured", runCaptured},
	{"handlers", runHandlers},
	{"nil-label", runNilLabel},
	{"unhashable-tag", runUnhashableTag},
	{"changed-key", runChangedKey},
	{"stray-count", runStrayCount},
}

func main() {
	args := arguments()
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "-version":
			say(runtime.Version() + " " + mapKind)
			return
		case args[i] == "-list":
			for _, b := range bugs {
				say(b.name)
			}
			return
		case i+1 == len(args):
			usage("unknown argument, or no value: " + args[i])
		case args[i] == "-scenario":
			i++
			scenarioName = args[i]
		case args[i] == "-truth":
			i++
			truthFile = args[i]
		case args[i] == "-ready":
			i++
			readyFile = args[i]
		default:
			usage("unknown argument " + args[i])
		}
	}
	if truthFile == "" {
		usage("-truth is missing")
	}
	for _, b := range bugs {
		if b.name == scenarioName {
			warmUp()
			b.run()
			fail("bug " + b.name + " came back")
		}
	}
	usage("unknown bug " + scenarioName)
}

func usage(why string) {
	complain("bugs: " + why)
	complain("usage: bugs -scenario NAME -truth FILE [-ready FILE] | -list | -version")
	syscall.Exit(2)
}

// The truth, see ../README.md: the few maps that there are. It is told without package reflect, which would
// make most of the binary.

var told []byte

// note tells of one map: its word, its type, what holds it, how it is found, and what a checker must find.
func note(word unsafe.Pointer, typ, held, reach, foundBy, expect string) {
	if len(told) > 0 {
		told = append(told, ",\n"...)
	}
	told = append(told, `{"addr":"0x`+hex(uint64(uintptr(word)))+`","kind":"map","type":"`+typ+`","len":null,"held":"`+
		held+`","reach":"`+reach+`","found_by":["`+foundBy+`"],"reachable":"reachable","digest":null,"state":[],"expect":"`+
		expect+`"}`...)
}

// raced and broken tell of the map that it is all about.
func raced(word unsafe.Pointer, typ, held string) { note(word, typ, held, "global", "variable", "any") }

// sound tells of one that is as it should be.
func sound(word unsafe.Pointer, typ, held string) { note(word, typ, held, "global", "variable", "ok") }

func finishTruth() {
	b := []byte(`{"schema":"badmap-truth/1","go":"` + runtime.Version() + `","goos":"` + runtime.GOOS + `","goarch":"` +
		runtime.GOARCH + `","maps_kind":"` + mapKind + `","scenario":"` + scenarioName + `","maps":[` + "\n")
	b = append(append(b, told...), "\n]}\n"...)
	writeFile(truthFile, b)
	for _, text := range [][]byte{b, told} { // the core is not to contain the answers
		for i := range text {
			text[i] = 0
		}
	}
	told = nil
}

func hex(x uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[len(b)-1-i] = digits[x&15]
		x >>= 4
	}
	return string(b[:])
}

// watch waits until the runtime stops the program.
func watch() {
	for i := 0; i < 100; i++ {
		nap(100)
	}
	fail("ten seconds of racing and nobody noticed")
}
