package main

// The healthy zoo: everything at once, nothing broken.

import (
	"reflect"
	"runtime"
	"sync"
)

type zooType struct {
	keys     keyKinds
	elems    elemKinds
	sizes    sizes
	holders  holders
	closures closures
	growing  growing
	reflect  reflected
	clones   clones
}

var (
	zoo        zooType
	zooHidden  hidden
	plainMap   map[string]int
	nilMap     map[string]map[int]int
	initMap    = map[string]int{"made": 1, "by": 2, "init": 3}
	globals    []holder
	globalPtr  *holder
	globalAny  any
	globalNone any
	globalSync sync.Map
	globalBox  [2]box[weekday]
)

type reflected struct {
	made any // a map whose type exists only since run time
	old  any // a map made by reflect of a type the program has
}

func (r *reflected) build() {
	made := reflect.MakeMap(reflect.MapOf(reflect.TypeOf([3]uint16{}), reflect.TypeOf(plain{})))
	for i := 0; i < 20; i++ {
		made.SetMapIndex(reflect.ValueOf([3]uint16{uint16(i)}), reflect.ValueOf(plain{int32(i), 2}))
	}
	r.made = made.Interface()
	old := reflect.MakeMapWithSize(reflect.TypeOf(map[string]int(nil)), 20)
	old.SetMapIndex(reflect.ValueOf("reflect"), reflect.ValueOf(1))
	r.old = old.Interface()
}

func buildZoo() {
	// Collecting after each stage keeps the core small: GOGC is off.
	zoo.keys = makeKeyKinds()
	runtime.GC()
	zoo.elems = makeElemKinds()
	runtime.GC()
	zoo.sizes = makeSizes()
	runtime.GC()
	zoo.holders.build()
	zoo.closures.build()
	runtime.GC()
	zoo.growing.build()
	runtime.GC()
	zoo.reflect.build()
	zoo.clones.build()
	zooHidden.build()
	plainMap = tiny("plain")
	for i := 0; i < 5; i++ {
		globals = append(globals, *newHolder(400 + i))
	}
	globalPtr = newHolder(410)
	globalAny = map[weekday]*holder{1: newHolder(411)}
	globalSync.Store("global", tiny("sync"))
	globalBox[1].m = map[string]weekday{"box": 1}
	zoo.growing.parkRanges()
}

// recordZoo writes the truth about the maps of the package variables first,
// then about the hidden ones.
func recordZoo() {
	w := &walker{way: wayGlobal, tidy: true}
	w.root("main.plainMap", &plainMap)
	w.root("main.nilMap", &nilMap)
	w.root("main.initMap", &initMap)
	w.root("main.globals", &globals)
	w.root("main.globalPtr", &globalPtr)
	w.root("main.globalAny", &globalAny)
	w.root("main.globalNone", &globalNone)
	w.root("main.globalSync", &globalSync)
	w.root("main.globalBox", &globalBox)
	w.root("main.zooHidden", &zooHidden)
	w.root("main.zoo", &zoo)
	zoo.closures.record(w, "main.zoo.closures")
	// From here on no collection may run: it would take the garbage away and
	// move stacks.
	runtime.GC()
	zooHidden.parkStacks()
	zooHidden.record(w, "main.zooHidden")
	zooHidden.recordStacks()
}

var parkedMutex sync.Mutex

// crowd parks goroutines in various ways of waiting.
func crowd() {
	parkedMutex.Lock()
	go func() { parkedMutex.Lock() }()
	go func() {
		var wg sync.WaitGroup
		wg.Add(1)
		wg.Wait()
	}()
	go func() {
		var mu sync.Mutex
		mu.Lock()
		sync.NewCond(&mu).Wait()
	}()
	go func() { select {} }()
	go func() {
		for {
			nap(1000)
		}
	}()
	for i := 0; i < 20; i++ {
		runtime.Gosched()
	}
	nap(5)
}

func runZoo() {
	buildZoo()
	crowd()
	runtime.GC()
	recordZoo()
	wantStates("nil", "empty", "one", "eight", "nine", "thousands", "after-deletes", "after-clear", "indirect-key",
		"indirect-elem", "zero-elem", "zero-key", "nan", "named", "hinted", "no-storage", "cyclic")
	wantGrowing()
	finishTruth()
	wait()
}
