package main

// How a map is reached, and which ways of finding it a checker must report at
// least one of.

type way struct {
	reach     string
	reachable string // what the garbage collector would say
	foundBy   []string
}

var (
	wayGlobal    = &way{"global", "reachable", []string{"variable"}}
	wayStack     = &way{"stack", "reachable", []string{"stack"}}
	wayRegister  = &way{"register", "reachable", []string{"register"}}
	waySpun      = &way{"register", "reachable", []string{"stack", "register"}} // preempted, its registers saved
	wayIterator  = &way{"iterator", "reachable", []string{"stack"}}
	wayDefer     = &way{"defer", "reachable", []string{"stack", "variable"}}
	wayGoroutine = &way{"goroutine", "reachable", []string{"goroutine"}}
	wayPool      = &way{"pool", "reachable", []string{"variable"}}
	wayTimer     = &way{"timer", "reachable", []string{"variable"}}
	wayFinalizer = &way{"finalizer", "reachable", []string{"finalizer"}}
	wayCleanup   = &way{"cleanup", "reachable", []string{"cleanup"}}
	wayUnsafe    = &way{"unsafe", "reachable-unknown-path", []string{"sweep"}}
	wayUintptr   = &way{"unsafe", "garbage", []string{"sweep"}} // no pointer, nothing keeps it alive
	wayCap       = &way{"cap", "any", []string{"variable", "sweep"}}
	wayGarbage   = &way{"garbage", "garbage", []string{"sweep"}}
)

// onlySweep says whether nothing but a sweep over the heap finds such maps.
func (w *way) onlySweep() bool { return len(w.foundBy) == 1 && w.foundBy[0] == "sweep" }

// foundBy is what a record says. A map that never had an entry has no storage,
// and its header cannot be told from other memory: a sweep does not find it.
func foundBy(w *way, through, state []string) []string {
	if w.onlySweep() && hasWord(state, "no-storage") && !hasWord(through, "mapkey") && !hasWord(through, "mapelem") {
		return nil
	}
	return w.foundBy
}

func hasWord(list []string, w string) bool {
	for _, s := range list {
		if s == w {
			return true
		}
	}
	return false
}
