package main

// Maps of every size and in every stage of their life.

import "runtime"

type sizes struct {
	Nil           map[string]int
	NilAny        map[any]any
	Made          map[string]int
	Literal       map[int]int
	Hinted        map[int]string  `state:"hinted"`
	HintedBig     map[string]int  `state:"hinted"`
	HintedFilled  map[int]int     `state:"hinted"`
	HintedStrings map[string]*int `state:"hinted"`
	One           map[int]int
	Seven         map[string]int
	Eight         map[int]int
	EightString   map[string]string
	Nine          map[int]int
	NineAny       map[any]any
	ByCount       []map[int]int    // 0 to 40 entries: every step of the first growths
	ByCountString []map[string]int // the same with strings
	Thousand      map[int]int
	Thousands     map[string]int
	ThousandsAny  map[any]int
	Pointers      map[*int]*int

	DeletedOne  map[string]int    `state:"after-deletes"`
	DeletedHalf map[int]string    `state:"after-deletes"`
	DeletedMost map[string]int    `state:"after-deletes"`
	DeletedAll  map[string]int    `state:"after-deletes"`
	DeletedAll8 map[int]int       `state:"after-deletes"`
	Refilled    map[string]int    `state:"after-deletes"`
	Shuttled    map[int]int       `state:"after-deletes"`
	DeletedFat  map[[200]byte]fat `state:"after-deletes"`
	DeletedPtr  map[*int]string   `state:"after-deletes"`

	Cleared       map[int]int     `state:"after-clear"`
	ClearedSmall  map[string]int  `state:"after-clear"`
	ClearedFilled map[string]int  `state:"after-clear"`
	ClearedBig    map[string]*int `state:"after-clear"`
	ClearedNaN    map[float64]int `state:"after-clear"`
}

func makeSizes() (s sizes) {
	s.Made = make(map[string]int)
	s.Literal = map[int]int{}
	s.Hinted = make(map[int]string, 100)
	s.HintedBig = make(map[string]int, 2500)
	s.HintedFilled = make(map[int]int, 1000)
	for i := 0; i < 900; i++ {
		s.HintedFilled[i] = i
	}
	s.HintedStrings = make(map[string]*int, 40)
	for i := 0; i < 30; i++ {
		s.HintedStrings[str(i)] = newInt(i)
	}
	s.One = fill(1, same, same)
	s.Seven = fill(7, str, same)
	s.Eight = fill(8, same, same)
	s.EightString = fill(8, str, str)
	s.Nine = fill(9, same, same)
	s.NineAny, s.ThousandsAny = map[any]any{}, map[any]int{}
	for i := 0; i < 9; i++ {
		s.NineAny[i] = str(i)
	}
	for i := 0; i < 1000; i++ {
		s.ThousandsAny[anyOf(i)] = i
	}
	for n := 0; n <= 40; n++ {
		s.ByCount = append(s.ByCount, fill(n, square, same))
		if n%3 == 1 {
			s.ByCountString = append(s.ByCountString, fill(n, str, same))
		}
	}
	s.Thousand = fill(1000, same, same)
	s.Thousands = fill(1050, str, same)
	s.Pointers = fill(500, newInt, newInt)

	runtime.GC()
	s.DeletedOne = fill(20, str, same)
	delete(s.DeletedOne, str(10))
	s.DeletedHalf = fill(300, same, str)
	s.DeletedMost = fill(440, str, same)
	s.DeletedAll = fill(300, str, same)
	s.DeletedAll8 = fill(8, same, same)
	s.Refilled = fill(440, str, same)
	s.Shuttled = fill(200, same, same)
	s.DeletedFat = fill(20, bigKey, func(i int) fat { return fat{Title: str(i)} })
	s.DeletedPtr = fill(100, newInt, str)
	for i := 0; i < 300; i++ {
		delete(s.DeletedHalf, 2*i)
		delete(s.DeletedAll, str(i))
		delete(s.DeletedAll8, i)
		delete(s.Refilled, str(3*i))
		delete(s.DeletedFat, bigKey(2*i))
	}
	for i := 0; i < 430; i++ {
		delete(s.DeletedMost, str(i))
	}
	for i := 440; i < 490; i++ {
		s.Refilled[str(i)] = i
	}
	for i := 0; i < 1000; i++ {
		delete(s.Shuttled, i)
		s.Shuttled[i+200] = i
	}
	runtime.GC()
	n := 0
	for k := range s.DeletedPtr {
		if n++; n%2 == 0 {
			delete(s.DeletedPtr, k)
		}
	}

	s.Cleared = fill(500, same, same)
	empty(s.Cleared)
	s.ClearedSmall = fill(5, str, same)
	for k := range s.ClearedSmall {
		delete(s.ClearedSmall, k)
	}
	s.ClearedFilled = fill(400, str, same)
	for k := range s.ClearedFilled {
		delete(s.ClearedFilled, k)
	}
	s.ClearedFilled["after"] = 1
	s.ClearedFilled["clear"] = 2
	s.ClearedBig = fill(600, str, newInt)
	for k := range s.ClearedBig {
		delete(s.ClearedBig, k)
	}
	s.ClearedNaN = fill(100, func(i int) float64 { return float64(i) }, same)
	for k := range s.ClearedNaN {
		delete(s.ClearedNaN, k)
	}
	return s
}

// empty is the loop that compilers turn into one call of mapclear.
func empty(m map[int]int) {
	for k := range m {
		delete(m, k)
	}
}
