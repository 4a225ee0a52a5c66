// Blame is a program that knows who had its hands on a map when it died.
//
// It is a small server whose goroutines play roles: some race on a map, some work
// on other maps of the same type, some hold the map and do not touch it, some know
// nothing of it. Each tells its id, its role and its map before the race begins,
// and the truth has a key "blame" for that, beside what the zoo tells about maps.
//
// It must compile with every Go from 1.19 on. The files that it shares with the zoo
// are links into ../src.
package main

import (
	"runtime"
	"syscall"
)

// A scenario prepares memory, writes the truth, and ends the process.
type scenario struct {
	name string
	run  func()
}

var (
	scenarioName string
	truthFile    string
	readyFile    string
)

func scenarios() []scenario {
	return append([]scenario{
		{"writes", runWrites},
		{"writes-int", runWritesInt},
		{"writes-struct", runWritesStruct},
		{"writes-small", runWritesSmall},
		{"delete-write", runDeleteWrite},
		{"clear-write", runClearWrite},
		{"reflect-write", runReflectWrite},
		{"read-write", runReadWrite},
		{"noted-read", runNotedRead},
		{"iter-write", runIterWrite},
		{"ten-maps", runTenMaps},
		{"ten-unhashable", runTenUnhashable},
		{"ten-nil", runTenNil},
		{"many", runMany},
		{"compare", runCompare},
		{"segv", runSegv},
		{"hang", runHang},
		{"oom", runOOM},
		{"liar", runLiar},
		{"panic-chain", runPanicChain},
		{"panic-in-defer", runPanicInDefer},
		{"waits", runWaits},
	}, newScenarios()...)
}

func main() {
	args := arguments()
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "-version":
			say(runtime.Version() + " " + mapKind)
			return
		case args[i] == "-list":
			for _, s := range scenarios() {
				say(s.name)
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
	for _, s := range scenarios() {
		if s.name == scenarioName {
			s.run()
			fail("scenario " + s.name + " came back")
		}
	}
	usage("unknown scenario " + scenarioName)
}

func usage(why string) {
	complain("blame: " + why)
	complain("usage: blame -scenario NAME -truth FILE [-ready FILE] | -list | -version")
	syscall.Exit(2)
}
