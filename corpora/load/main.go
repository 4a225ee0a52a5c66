// Load is a process of the size of a real one: what the benches measure badmap on.
//
// It fills its memory with maps of many types, most of them small, some of middling size, and
// two of more than a million entries, and with plain bytes until its core has the size that the
// scenario names: "100m", "1g", "4g", or any other number of m and g. With "plain-" in front
// there are a thousand maps and else nothing but bytes. All but the goroutines grows with the
// size, in step. The truth counts the maps; only the largest and those on stacks are listed.
//
// It must compile with every Go from 1.19 on. The files that it shares with the zoo are links
// into ../src.
package main

import (
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

var (
	scenarioName string
	truthFile    string
	readyFile    string // sys.go wants it
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
	plain, size := strings.HasPrefix(scenarioName, "plain-"), megabytes(strings.TrimPrefix(scenarioName, "plain-"))
	if plain {
		load.build(1, 1)
		load.few(1000 - mapsTold())
	} else {
		load.build(size*65, size)
	}
	runtime.GC()
	runtime.GC()
	load.fillUp(uint64(size) * 1100000)
	// From here on no collection may run: it would move stacks.
	crew()
	load.record()
	finishTruth()
	wait()
}

// megabytes reads a size such as 100m or 4g; a g is a thousand m.
func megabytes(s string) int {
	unit := 1
	switch {
	case strings.HasSuffix(s, "m"):
	case strings.HasSuffix(s, "g"):
		unit = 1000
	default:
		usage("no such scenario: " + scenarioName)
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n < 1 {
		usage("no such scenario: " + scenarioName)
	}
	return n * unit
}

func usage(why string) {
	complain("load: " + why)
	complain("usage: load -scenario [plain-]SIZE -truth FILE | -version; SIZE is a number and m or g")
	syscall.Exit(2)
}
