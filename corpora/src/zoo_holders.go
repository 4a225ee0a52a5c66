package main

// Maps held in every way one value can hold another.

import "sync"

type counter map[string]int

type box[T any] struct {
	m    map[string]T
	next *box[T]
}

type pairOf[K comparable, V any] struct {
	forth map[K]V
	back  map[*V]K
}

type holder struct {
	tag   int
	m     map[string]int
	inner struct {
		m map[int]string
		p *map[string]bool
	}
}

type chainLink struct {
	m    map[int]int
	next *chainLink
}

type tree struct {
	kids map[string]*tree
	up   *tree
	any  any
}

type selfMap map[string]any

type carrier struct {
	head  [3]int
	where map[string]int
	tail  [5]int
}

type holders struct {
	slice       []holder
	array       [3]map[string]int
	arrays      [2][2]map[int]bool
	sliceOfMap  []map[string]string
	sliceOfPtr  []*holder
	pointer     *holder
	ptrToMap    *map[string]int
	ptrPtr      **map[string]int
	ptrPtrPtr   ***holder
	ptrToSlice  *[]map[int]int
	ptrToArray  *[2]map[int]int
	list        *chainLink
	ring        *chainLink `state:"cyclic"`
	tree        *tree      `state:"cyclic"`
	nested      map[string]map[string]map[int]string
	inElem      map[string]holder
	inElemPtr   map[int]*holder
	anyMap      any
	anyPtr      any
	anyStruct   any
	anyPtrMap   any
	anySlice    any
	anyAny      any
	iface       named
	ifacePtr    named
	err         error
	chanOfMap   chan map[string]int
	chanOfPtr   chan *holder
	chanOfBox   chan holder
	chanWrapped chan map[int]int `state:"ring-wrapped"`
	chanOfChan  chan chan map[string]bool
	keyPtr      map[*holder]int
	keyAny      map[any]int
	keyChan     map[chan map[string]int]string
	named       counter
	namedPtr    *counter
	boxInt      box[int]
	boxLeaf     *box[leaf]
	boxMap      box[map[int]bool]
	pair        pairOf[string, leaf]
	embedded    embedded
	shared      map[string]int `state:"shared"`
	sharedToo   []map[string]int
	self        selfMap         `state:"cyclic"`
	anySelf     map[any]any     `state:"cyclic"`
	middle      *map[string]int // points into whole, and comes first
	whole       *carrier
	overlapA    []map[int]int
	overlapB    []map[int]int
	unexported  struct {
		deep struct{ deeper [1]struct{ m map[string]int } }
	}
	syncEmpty   sync.Map
	syncSome    sync.Map
	syncDeleted sync.Map `state:"after-deletes"`
	syncPtr     *sync.Map
	syncStruct  *struct {
		mu sync.Mutex
		m  sync.Map
	}
}

func tiny(s string) map[string]int { return map[string]int{s: len(s)} }

func newHolder(i int) *holder {
	h := &holder{tag: i, m: map[string]int{"holder": i}}
	h.inner.m = map[int]string{i: "inner"}
	h.inner.p = &map[string]bool{str(i): true}
	return h
}

// build fills in place: the rings and sync.Maps must not be copied.
func (h *holders) build() {
	for i := 0; i < 4; i++ {
		h.slice = append(h.slice, *newHolder(i))
		h.sliceOfMap = append(h.sliceOfMap, map[string]string{str(i): "slice"})
		h.sliceOfPtr = append(h.sliceOfPtr, newHolder(10+i))
	}
	h.sliceOfMap = append(h.sliceOfMap, nil)
	h.array = [3]map[string]int{tiny("array"), nil, tiny("third")}
	h.arrays[1][0] = map[int]bool{1: true}
	h.arrays[0][1] = map[int]bool{2: true}
	h.pointer = newHolder(20)
	m := tiny("pointer to map")
	h.ptrToMap = &m
	m2 := tiny("pointer to pointer")
	pm2 := &m2
	h.ptrPtr = &pm2
	p := newHolder(21)
	pp := &p
	h.ptrPtrPtr = &pp
	h.ptrToSlice = &[]map[int]int{{1: 1}, {2: 2}}
	h.ptrToArray = &[2]map[int]int{{3: 3}, {4: 4}}
	for i := 0; i < 12; i++ {
		h.list = &chainLink{map[int]int{i: i}, h.list}
	}
	a, b := &chainLink{m: map[int]int{1: 1}}, &chainLink{m: map[int]int{2: 2}}
	a.next, b.next = b, a
	h.ring = a
	h.tree = &tree{kids: map[string]*tree{}}
	for i := 0; i < 3; i++ {
		kid := &tree{up: h.tree, kids: map[string]*tree{"root": h.tree}}
		kid.any = kid
		h.tree.kids[str(i)] = kid
	}
	h.tree.any = h.tree.kids
	h.nested = map[string]map[string]map[int]string{
		"a": {"b": {1: "c"}, "d": {2: "e", 3: "f"}}, "g": {}, "h": nil,
	}
	h.inElem = map[string]holder{"x": *newHolder(30), "y": *newHolder(31)}
	h.inElemPtr = map[int]*holder{1: newHolder(32), 2: nil}
	h.anyMap = map[string]int{"in": 1, "interface": 2}
	h.anyPtr = newHolder(33)
	h.anyStruct = *newHolder(34)
	pm := map[int]int{5: 5}
	h.anyPtrMap = &pm
	h.anySlice = []map[string]int{tiny("any slice")}
	h.anyAny = []any{map[any]any{"deep": []any{map[bool]int{true: 1}}}}
	h.iface = byMap{"method": 1}
	h.ifacePtr = newLeaf(40)
	h.err = &wrapped{why: "because", notes: tiny("error")}
	h.chanOfMap = make(chan map[string]int, 3)
	h.chanOfMap <- tiny("first")
	h.chanOfMap <- tiny("second")
	h.chanOfPtr = make(chan *holder, 2)
	h.chanOfPtr <- newHolder(50)
	h.chanOfBox = make(chan holder, 2)
	h.chanOfBox <- *newHolder(51)
	h.chanOfBox <- *newHolder(52)
	h.chanWrapped = make(chan map[int]int, 4)
	for i := 0; i < 7; i++ { // three in the ring, the last two of them wrapped around
		if i >= 3 {
			<-h.chanWrapped
		}
		h.chanWrapped <- map[int]int{i: i}
	}
	inner := make(chan map[string]bool, 1)
	inner <- map[string]bool{"in a channel in a channel": true}
	h.chanOfChan = make(chan chan map[string]bool, 1)
	h.chanOfChan <- inner
	h.keyPtr = map[*holder]int{newHolder(60): 60}
	h.keyAny = map[any]int{newHolder(61): 61, [1]*holder{newHolder(62)}: 62, "plain": 0}
	held := make(chan map[string]int, 1)
	held <- tiny("held in a key")
	h.keyChan = map[chan map[string]int]string{held: "channel"}
	h.named = counter{"named": 1}
	c := counter{"by pointer": 1}
	h.namedPtr = &c
	h.boxInt = box[int]{map[string]int{"generic": 1}, &box[int]{m: tiny("next box")}}
	h.boxLeaf = &box[leaf]{m: map[string]leaf{"leaf": *newLeaf(70)}}
	h.boxMap = box[map[int]bool]{m: map[string]map[int]bool{"map": {1: true}}}
	h.pair = pairOf[string, leaf]{map[string]leaf{"forth": *newLeaf(71)}, map[*leaf]string{newLeaf(72): "back"}}
	h.embedded = embedded{plain{1, 2}, newLeaf(73), 3}
	h.shared = tiny("shared")
	h.sharedToo = []map[string]int{h.shared, h.shared}
	h.self = selfMap{}
	h.self["me"] = h.self
	h.self["also"] = map[string]any(h.self)
	h.anySelf = map[any]any{}
	h.anySelf[&h.anySelf] = h.anySelf
	h.whole = &carrier{where: tiny("in the middle")}
	h.middle = &h.whole.where
	all := []map[int]int{{0: 0}, {1: 1}, {2: 2}, {3: 3}}
	h.overlapA, h.overlapB = all[:3:3], all[2:]
	h.unexported.deep.deeper[0].m = tiny("deep")
	h.buildSync()
}

type wrapped struct {
	why   string
	notes map[string]int
}

func (w *wrapped) Error() string { return w.why }

func (h *holders) buildSync() {
	for i := 0; i < 30; i++ {
		h.syncSome.Store(i, str(i))
		h.syncDeleted.Store(str(i), i)
	}
	h.syncSome.Store("map", tiny("in a sync.Map"))
	h.syncSome.Store("holder", newHolder(80))
	h.syncSome.Store(newHolder(81), "key")
	h.syncSome.Range(func(_, _ any) bool { return true }) // classic: promotes dirty
	h.syncDeleted.Range(func(_, _ any) bool { return true })
	for i := 0; i < 20; i++ {
		h.syncDeleted.Delete(str(i))
	}
	h.syncDeleted.Store("new", tiny("after deletes")) // classic: expunges the deleted ones
	h.syncPtr = new(sync.Map)
	for i := 0; i < 300; i++ {
		h.syncPtr.Store(i, map[int]int{i: i})
		if i >= 10 {
			h.syncPtr.Delete(i)
		}
	}
	h.syncStruct = &struct {
		mu sync.Mutex
		m  sync.Map
	}{}
	h.syncStruct.m.Store("in", tiny("struct"))
}
