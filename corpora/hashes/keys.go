package main

// Every kind of key: what the compiler hashes as plain memory, what it has a
// function of the runtime for, and what it generates a function for.

import "unsafe"

type (
	// Structs whose parts are hashed apart, up to padding, blanks or what is no plain memory.
	padEnd struct {
		A int64
		B int8
	}
	padMiddle struct {
		A int8
		B int64
	}
	padBoth struct {
		A int8
		B int32
		C int16
	}
	padInside struct {
		A, B padEnd
		C    int16
	}
	padTail struct {
		A int64
		B struct{}
	} // one byte more, lest &B be another object
	padString struct {
		A int32
		S string
	}
	wordText struct {
		A int64
		S string
	}
	texts    struct{ S, T string }
	textWord struct {
		S string
		A int32
	}
	floatInt struct {
		F float64
		A int64
	}
	smallMix struct {
		A uint8
		B float32
		C uint16
		_ uint8
		D string
	}
	intsText struct {
		A, B int32
		S    string
	}
	threeText struct {
		A, B, C int32
		S       string
		D       int16
	}
	bytesText struct {
		A [3]byte
		B [5]byte
		S string
		C [11]byte
	}
	withAny struct {
		A int32
		I any
		B int8
	}
	withNamed struct {
		N named
		A int16
		E error
	}
	complexes struct {
		A complex64
		B int8
		C complex128
	}
	words struct {
		A uint16
		B uint16
		C uint32
		D uint64
	}
	bytes struct {
		A byte
		B [7]byte
		C int64
		D [2]byte
	}
	pointers struct {
		P *int
		C chan int
		U unsafe.Pointer
		A uintptr
	}
	flags struct {
		A, B bool
		C    int8
		F    float32
	}
	deep struct {
		A  int16
		In struct {
			B  int32
			In struct {
				C int8
				S string
			}
			D int64
		}
		E bool
	}

	blankFirst struct {
		_ int32
		A int32
	}
	blankMiddle struct {
		A int32
		_ int32
		B int32
	}
	blankLast struct {
		A int32
		_ int32
	}
	blankOnly struct{ _ int32 }
	blankText struct {
		_ int64
		S string
		_ [3]byte
		T string
		_ float64
	}
	blankFloat struct {
		_ float32
		F float32
		_ any
		A int64
	}
	blankInside struct {
		A blankMiddle
		B int64
		C blankLast
	}

	// Structs that are hashed like their only field.
	oneInt   struct{ A int32 }
	oneLong  struct{ A int64 }
	oneText  struct{ S string }
	oneFloat struct{ F float64 }
	oneAny   struct{ I any }
	oneArray struct{ A [3]int16 }
	oneInOne struct{ In oneText }
	oneChan  struct{ C chan int }
	oneBlank struct {
		_ struct{}
		S string
		_ [0]int32
	}
	noneAndP struct {
		E struct{}
		P *int
	}
	onePtrRcv struct{ P *int }

	long200 struct {
		A [100]byte
		B int32
		C [90]byte
		S string
	} // indirect keys
	long136 struct {
		A [16]int64
		F float64
	}

	pair[K, V any] struct {
		First  K
		Second V
	}
	grade    int8
	path     string
	triple   [3]float32
	noneRcv  struct{}
	ratioRcv float64
	chanRcv  chan int
	arrayRcv [1]*int
	mixRcv   struct {
		A int8
		S string
	}
)

// Values of these types, and pointers to one of them, are in named.
func (onePtrRcv) Name() string { return "struct of one pointer" }
func (noneRcv) Name() string   { return "nothing" }
func (ratioRcv) Name() string  { return "ratio" }
func (chanRcv) Name() string   { return "chan" }
func (arrayRcv) Name() string  { return "array of one pointer" }
func (mixRcv) Name() string    { return "mix" }
func (*padEnd) Name() string   { return "pointer" }

// contents are of the types that interface keys hold, the simple ones first.
var contents = []any{
	false, int8(0), int16(0), int32(0), int64(0), int(0), uint8(0), uint16(0), uint32(0), uint64(0), uint(0), uintptr(0),
	float32(0), float64(0), complex64(0), complex128(0), "", (*int)(nil), (chan int)(nil), unsafe.Pointer(nil),
	weekday(0), label(""), ratio(0), byValue{}, byString(""), hiccup(""), (*trouble)(nil), (*padEnd)(nil),
	onePtrRcv{}, noneRcv{}, ratioRcv(0), chanRcv(nil), arrayRcv{}, mixRcv{}, struct{}{}, [0]string{}, plain{}, [4]byte{}, [2]int32{},
	// not simple
	[1]byte{}, [3]int64{}, [5]int16{}, [129]byte{}, [200]byte{}, [1]*int{}, [1]string{}, [2]string{}, [3]float32{}, [2]any{}, [40]float64{},
	padEnd{}, padMiddle{}, padBoth{}, padInside{}, padTail{}, padString{}, wordText{}, smallMix{}, intsText{}, bytesText{}, withAny{},
	withNamed{}, complexes{}, words{}, bytes{}, pointers{}, deep{}, blankFirst{}, blankMiddle{}, blankLast{}, blankText{}, blankFloat{},
	blankInside{}, oneInt{}, oneLong{}, oneText{}, oneFloat{}, oneAny{}, onePtr{}, oneChan{}, oneBlank{}, noneAndP{}, long200{},
	nested{}, mixed{}, pair[int32, string]{}, pair[float64, any]{}, [2]padString{}, [3]blankLast{}, triple{}, [0]padEnd{},
	struct{ A, B int8 }{}, struct {
		A int8
		B float32
	}{},
}

const simpleContents = 39

// hashedType has a map for every type of key. See keyCount for their sizes.
type hashedType struct {
	Bool    map[bool]int
	Int8    map[int8]int
	Int16   map[int16]int
	Int32   map[int32]int
	Int64   map[int64]int
	Int     map[int]int
	Uint8   map[uint8]int
	Uint16  map[uint16]int
	Uint32  map[uint32]int
	Uint64  map[uint64]int
	Uint    map[uint]int
	Uintptr map[uintptr]int

	Float32    map[float32]int
	Float64    map[float64]int
	Complex64  map[complex64]int
	Complex128 map[complex128]int

	String  map[string]int
	Pointer map[*int]int
	ToPlace map[*padEnd]int
	ToWord  map[**int]int
	Chan    map[chan int]int
	Unsafe  map[unsafe.Pointer]int
	Any     map[any]int
	Named   map[named]int
	Error   map[error]int

	Bytes0   map[[0]byte]int
	Bytes1   map[[1]byte]int
	Bytes2   map[[2]byte]int
	Bytes3   map[[3]byte]int
	Bytes4   map[[4]byte]int
	Bytes5   map[[5]byte]int
	Bytes6   map[[6]byte]int
	Bytes7   map[[7]byte]int
	Bytes8   map[[8]byte]int
	Bytes9   map[[9]byte]int
	Bytes12  map[[12]byte]int
	Bytes15  map[[15]byte]int
	Bytes16  map[[16]byte]int
	Bytes17  map[[17]byte]int
	Bytes20  map[[20]byte]int
	Bytes24  map[[24]byte]int
	Bytes32  map[[32]byte]int
	Bytes33  map[[33]byte]int
	Bytes48  map[[48]byte]int
	Bytes49  map[[49]byte]int
	Bytes64  map[[64]byte]int
	Bytes65  map[[65]byte]int
	Bytes100 map[[100]byte]int
	Bytes128 map[[128]byte]int
	Bytes129 map[[129]byte]int
	Bytes200 map[[200]byte]int
	Bytes257 map[[257]byte]int
	Bytes500 map[[500]byte]int

	Bools3    map[[3]bool]int
	Shorts1   map[[1]int16]int
	Shorts2   map[[2]int16]int
	Shorts3   map[[3]int16]int
	Shorts4   map[[4]uint16]int
	Words1    map[[1]int32]int
	Words2    map[[2]int32]int
	Words3    map[[3]uint32]int
	Words4    map[[4]int32]int
	Words5    map[[5]int32]int
	Longs1    map[[1]int64]int
	Longs2    map[[2]int64]int
	Longs3    map[[3]uint64]int
	Longs16   map[[16]int64]int
	Longs17   map[[17]int64]int
	Longs25   map[[25]int64]int
	Pointers1 map[[1]*int]int
	Pointers2 map[[2]*int]int
	Matrix    map[[3][5]int16]int

	Strings0   map[[0]string]int
	Strings1   map[[1]string]int
	Strings2   map[[2]string]int
	Strings3   map[[3]string]int
	Strings9   map[[9]string]int
	Strings40  map[[40]string]int
	Floats0    map[[0]float64]int
	Floats1    map[[1]float64]int
	Floats2    map[[2]float64]int
	Floats2of4 map[[2]float32]int
	Floats5    map[[5]float32]int
	Floats33   map[[33]float32]int
	Floats40   map[[40]float64]int
	Floats65   map[[65]float64]int
	Complex3   map[[3]complex64]int
	Complex35  map[[35]complex128]int
	Anys0      map[[0]any]int
	Anys1      map[[1]any]int
	Anys2      map[[2]any]int
	Anys35     map[[35]any]int
	Nameds2    map[[2]named]int
	Empties    map[[7]struct{}]int
	TextGrid   map[[2][3]string]int

	OfPadEnd     map[[3]padEnd]int
	OfPadMiddle  map[[2]padMiddle]int
	OfPadBoth    map[[40]padBoth]int
	OfPlain      map[[3]plain]int
	OfBlankLast  map[[4]blankLast]int
	OfBlankMid   map[[40]blankMiddle]int
	OfBlankFirst map[[3]blankFirst]int
	OfPadString  map[[3]padString]int
	OfSmallMix   map[[35]smallMix]int
	OfOneText    map[[2]oneText]int
	OfFloatInts  map[[4]struct {
		A int32
		F float32
		B int32
	}]int
	OfFlags map[[33]flags]int

	Plain     map[plain]int
	Padded    map[padded]int
	PadEnd    map[padEnd]int
	PadMiddle map[padMiddle]int
	PadBoth   map[padBoth]int
	PadInside map[padInside]int
	PadTail   map[padTail]int
	PadString map[padString]int
	WordText  map[wordText]int
	Texts     map[texts]int
	TextWord  map[textWord]int
	FloatInt  map[floatInt]int
	SmallMix  map[smallMix]int
	IntsText  map[intsText]int
	ThreeText map[threeText]int
	BytesText map[bytesText]int
	WithAny   map[withAny]int
	WithNamed map[withNamed]int
	Complexes map[complexes]int
	Words     map[words]int
	Bytes     map[bytes]int
	Pointers  map[pointers]int
	Flags     map[flags]int
	Deep      map[deep]int
	Mixed     map[mixed]int
	Nested    map[nested]int
	Unnamed   map[struct {
		A int8
		B int64
	}]int
	UnnamedToo map[struct {
		A int64
		S string
		F float32
	}]int

	Blank       map[blank]int
	BlankFirst  map[blankFirst]int
	BlankMiddle map[blankMiddle]int
	BlankLast   map[blankLast]int
	BlankOnly   map[blankOnly]int
	BlankText   map[blankText]int
	BlankFloat  map[blankFloat]int
	BlankInside map[blankInside]int

	Empty    map[struct{}]int
	OneInt   map[oneInt]int
	OneLong  map[oneLong]int
	OneText  map[oneText]int
	OneFloat map[oneFloat]int
	OneAny   map[oneAny]int
	OneArray map[oneArray]int
	OneInOne map[oneInOne]int
	OnePtr   map[onePtr]int
	OneChan  map[oneChan]int
	OneBlank map[oneBlank]int
	NoneAndP map[noneAndP]int

	Long200 map[long200]int
	Long136 map[long136]int

	Pair      map[pair[int32, string]]int
	PairAny   map[pair[float64, any]]int
	PairPlain map[pair[int8, int8]]int
	PairPair  map[pair[pair[int16, int32], pair[string, bool]]]int
	Grade     map[grade]int
	Path      map[path]int
	Triple    map[triple]int
	Weekday   map[weekday]string
	Ratio     map[ratio]label

	BigFloat  map[float64]bool
	BigAny    map[any]bool
	BigStruct map[padString]bool
}
