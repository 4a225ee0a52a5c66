// Change is a program that is dumped alive twice and knows what has changed in between.
//
// It builds its maps (state A), waits to be dumped, changes them by a script (state B), and waits
// again. The truth of B has a key "changes" beside what the zoo tells about maps: what became of
// every map, and which keys were added, removed, or have another elem. It comes from range loops
// over both states, and the script says beforehand what they must find. Another run goes on to
// state B at once: the same maps in another process.
//
// It must compile with every Go from 1.19 on. The files that it shares with the zoo are links
// into ../src.
package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

var (
	scenarioName string
	truthFile    string
	readyFile    string // sys.go wants it
	outDir       string
)

// main keeps the thread that it begins with, so that it can name it.
func init() { runtime.LockOSThread() }

func main() {
	args := arguments()
	restarted := false
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "-version":
			say(runtime.Version() + " " + mapKind)
			return
		case args[i] == "-restart":
			restarted = true
		case args[i] == "-dir" && i+1 < len(args):
			i++
			outDir = args[i]
		case args[i] != "MARKERargv":
			usage("unknown argument, or no value: " + args[i])
		}
	}
	if outDir == "" {
		usage("-dir is missing")
	}
	runtime.GOMAXPROCS(2)
	slim()
	nameThread()
	build()
	crew()
	runtime.GC()
	runtime.GC()
	before := takeStock(!restarted)
	if !restarted {
		ready("a")
	}
	before.putAway()
	if !restarted {
		awaitWord()
	}
	script()
	before.takeOut()
	after := takeStock(true)
	compare(before, after, restarted)
	if restarted {
		ready("restart")
	} else {
		ready("b")
	}
	awaitWord()
	fail("nobody was to say more")
}

// ready writes the truth of a state and says that the process may be dumped.
func ready(scenario string) {
	scenarioName, truthFile = scenario, outDir+"/truth-"+scenario+".json"
	finishTruth()
	truthCount = 0
	readyLater = outDir + "/ready-" + scenario
}

var readyLater string

// awaitWord waits for one byte on standard input. Everybody else is parked by then.
func awaitWord() {
	writeFile(readyLater, []byte("ready\n"))
	for {
		n, err := syscall.Read(0, word[:])
		if n == 1 {
			return
		}
		if err != syscall.EINTR {
			fail("nothing to read on standard input")
		}
	}
}

var word [1]byte

// nameThread names this thread, which the process list and debuggers show.
func nameThread() {
	const setName = 15 // PR_SET_NAME
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, setName, uintptr(unsafe.Pointer(&threadName)), 0); e != 0 {
		fail("cannot name a thread: " + e.Error())
	}
}

var threadName = [16]byte{'M', 'A', 'R', 'K', 'E', 'R', 't', 'h', 'r', 'e', 'a', 'd'}

func usage(why string) {
	complain("change: " + why)
	complain("usage: change [MARKERargv] [-restart] -dir DIR | -version")
	syscall.Exit(2)
}
