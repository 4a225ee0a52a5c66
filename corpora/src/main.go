// Zoo is the program whose core files make up the badmap corpus.
//
// One binary serves every scenario: it fills its memory with maps, writes down
// the truth about each of them (address, type, owner, digest of the entries),
// and then dies in the way the scenario says or waits to be dumped alive.
//
// It must compile with every Go from 1.19 on, and it imports as little as it
// can so that the stored binaries stay small.
package main

import (
	"runtime"
	"strconv"
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
	onlyKind     string
	sizeFlag     int
)

func scenarios() []scenario {
	return append([]scenario{
		{"zoo", runZoo},
		{"zoo-million", runMillion},
		{"fatal-writes", runFatalWrites},
		{"fatal-read-write", runFatalReadWrite},
		{"fatal-iter-write", runFatalIterWrite},
		{"nil-write", runNilWrite},
		{"unhashable", runUnhashable},
		{"panic-other", runPanicOther},
		{"segv-other", runSegvOther},
		{"live-writers", runLiveWriters},
		{"live-churn", runLiveChurn},
		{"damage", runDamage},
		{"roots", runRoots},
		{"roots-panic", runRootsPanic},
		{"million-maps", runManyMaps},
		{"trace-panic", runTracePanic},
		{"trace-throw", runTraceThrow},
		{"trace-deadlock", runTraceDeadlock},
		{"trace-segv", runTraceSegv},
	}, append(kindScenarios(), cgoScenarios()...)...)
}

func main() {
	args := arguments()
	for i := 1; i < len(args); i++ {
		next := func() string {
			i++
			if i >= len(args) {
				usage("a value is missing after " + args[i-1])
			}
			return args[i]
		}
		switch args[i] {
		case "-scenario":
			scenarioName = next()
		case "-truth":
			truthFile = next()
		case "-ready":
			readyFile = next()
		case "-only":
			onlyKind = next()
		case "-n":
			n, err := strconv.Atoi(next())
			if err != nil {
				usage("-n wants a number")
			}
			sizeFlag = n
		case "-selftest":
			selfTestFlag = true
		case "-version":
			say(runtime.Version() + " " + mapKind)
			return
		case "-list":
			for _, s := range scenarios() {
				say(s.name)
			}
			return
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
	complain("zoo: " + why)
	complain("usage: zoo -scenario NAME -truth FILE [-ready FILE] [-only KIND] [-n N] [-selftest] | -list | -version")
	syscall.Exit(2)
}
