//! Every cap on what a hostile file can make badmap do, each with its reason.
//! In: nothing. Out: constants.

/// Segments read from one core. The kernel's own default limit on mappings (`vm.max_map_count`) is
/// 65,530; databases raise it to a few hundred thousand.
pub const MAX_SEGMENTS: u64 = 4_000_000;

/// Bytes of notes read from one core: about 4 KiB a thread with all extended state, for a hundred
/// thousand threads, and the names of all mapped files.
pub const MAX_NOTE_BYTES: u64 = 1 << 30;

/// Bytes a compressed input may unpack to. A core of the largest machines; holes cost nothing.
pub const MAX_UNPACKED: u64 = 16 << 40;

/// Memory that unpacking xz may take. The file itself says how much it wants, up to 4 GiB: `xz -9` asks for 65 MiB, and
/// dictionaries larger than 192 MiB come from nobody but who asked for them by number.
pub const MAX_XZ_MEMORY: u64 = 256 << 20;

/// Largest window of zstd that is unpacked, as a power of two: 128 MiB, what `zstd` itself accepts without being asked
/// and what its highest level writes.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// log2 of the bucket count that `makemap` could ever have allocated: 2^48 bytes of address space.
pub const MAX_B: u8 = 48;

/// Overflow buckets followed in one chain. A chain longer than this with no repeat would need
/// 8 million entries under one bucket; it is a damaged map or a hostile core.
pub const MAX_CHAIN: u32 = 1 << 20;

/// Overflow buckets followed in one map, all chains together.
pub const MAX_OVERFLOW: u64 = 1 << 26;

/// Directory entries of one Swiss map: 2^26 tables of 1,024 slots are more than 2^36 entries.
pub const MAX_DIRECTORY: u64 = 1 << 26;

/// Slots in one Swiss table. Source: `internal/runtime/maps/table.go`, `maxTableCapacity`.
pub const MAX_TABLE_CAPACITY: u16 = 1024;

/// Largest key or elem type: the compiler refuses types above 1 GiB in practice.
pub const MAX_TYPE_SIZE: u64 = 1 << 40;

/// Nesting of types (array in struct in array …) that is followed.
pub const MAX_TYPE_DEPTH: u32 = 200;

/// Types that one type consists of by value (fields of fields …): the largest of the Go runtime,
/// `mheap`, has some thousands.
pub const MAX_TYPE_WEIGHT: u32 = 1 << 18;

/// Variables looked at in one function, those of functions inlined into it too. The largest functions
/// that generators write have some thousands.
pub const MAX_LOCALS: u64 = 1 << 14;

/// Entries of location and range lists looked at for one program counter, all variables and blocks
/// together: 64 for each of the most variables there can be.
pub const MAX_LIST_ENTRIES: u64 = 1 << 20;

/// Operations of one location. A variable in pieces needs two for each word; Go keeps no more than
/// a few dozen words of one in registers and stack slots of their own.
pub const MAX_LOCATION_OPS: u32 = 1024;

/// Elements of one slice, array or channel buffer that are followed in search of maps.
pub const MAX_ELEMENTS: u64 = 1 << 32;

/// Places on the way to maps that are kept, however small the core: 24 bytes each.
pub const MIN_NODES: u64 = 1 << 20;

/// Bytes of the core per place on the way to maps beyond `MIN_NODES`. A place needs a pointer to it
/// and something it points to, so real programs stay far below.
pub const BYTES_PER_NODE: u64 = 32;

/// Places that a type's plan lists before its arrays are left to be walked.
pub const MAX_LEAVES: usize = 4096;

/// Canonical bytes of one value that go into a digest.
pub const MAX_CANON: usize = 1 << 26;

/// Bytes of a Go string that is read as a name (types, functions, messages).
pub const MAX_NAME: u64 = 1 << 20;

/// Bytes of the fatal message that are shown.
pub const MAX_MESSAGE: usize = 4096;

/// Goroutines that are looked at, whatever the list claims; each takes some 400 bytes of the core.
pub const MAX_GOROUTINES: u64 = 50_000_000;

/// Threads that are looked at: the kernel's own limit on process ids is 2^22.
pub const MAX_THREADS: usize = 1 << 22;

/// Frames of one stack that are unwound. The runtime stops a stack at 1 GB (`runtime/proc.go`,
/// `maxstacksize`), and the smallest frame of a recursion has 16 bytes or more.
pub const MAX_FRAMES: usize = 1 << 22;

/// Frames of all stacks together, however small the core.
pub const MIN_ALL_FRAMES: u64 = 1 << 20;

/// Bytes of the core per frame beyond `MIN_ALL_FRAMES`: as many as the smallest frame of a recursion
/// has. More frames than that lie on stacks that share their memory, which no sound process has.
pub const BYTES_PER_FRAME: u64 = 16;

/// Functions inlined into each other at one place.
pub const MAX_INLINE_DEPTH: u32 = 256;

/// Bytes of a function's or file's name in the function tables.
pub const MAX_SYMBOL: usize = 1 << 16;

/// Words of arguments of one function; the compiler's own tables describe no more than ten, aggregates
/// taken apart (`cmd/compile/internal/ssagen/ssa.go`, `emitArgInfo`).
pub const MAX_ARGUMENTS: usize = 64;

/// Words, or stack objects, that the compiler's own tables may describe for one frame.
pub const MAX_FUNCDATA: u64 = 1 << 24;

/// Findings kept in full for one rule on one map; beyond it they are only counted.
pub const MAX_FINDINGS_PER_RULE: usize = 16;

/// Gaps kept in full for one map; beyond it they are only counted.
pub const MAX_GAPS: usize = 16;

/// Bytes of a key shown as clear text.
pub const MAX_KEY_TEXT: usize = 64;

/// Spans of one heap: 2^26 pages of 8 KiB are 512 GiB in the smallest spans there are.
pub const MAX_SPANS: u64 = 1 << 26;

/// Pages of a span of small objects: the largest in any version has 10.
/// Source: `runtime/sizeclasses.go`, `class_to_allocnpages`.
pub const MAX_CLASS_PAGES: u64 = 64;

/// Size classes: 68 in every version; a class has 7 bits.
pub const MAX_SIZE_CLASSES: u64 = 128;

/// Finalizers, cleanups, profile records and the like that are looked at: each takes at least 16
/// bytes, so a core with more has a gigabyte of them.
pub const MAX_SPECIALS: usize = 1 << 26;

/// Steps of one key type's hash. An array of structs counts once.
pub const MAX_HASH_STEPS: usize = 1 << 14;

/// Bytes behind the keys of one map that are hashed, beyond as many as the core and the binary have:
/// programs do share strings, but hostile maps may refer to the same gigabyte a million times.
pub const MIN_HASH_WORK: u64 = 1 << 24;

/// Bytes that are read again in search of the cause of one map's findings: every bit that is tried costs
/// reading the whole map once.
pub const MAX_CAUSE_WORK: u64 = 1 << 28;

/// Broken maps of one process that are explained, in order of address.
pub const MAX_EXPLAINED: usize = 64;

/// Bytes of a map function's frame and arguments that are searched for the map it works on: they have
/// a few hundred.
pub const MAX_OP_FRAME: u64 = 1 << 13;

/// Panics of one goroutine, each raised while the one before unwound.
pub const MAX_PANICS: usize = 64;

/// Goroutines with their hands on one map that are listed; the rest is counted.
pub const MAX_PARTIES: usize = 256;

/// Bytes of an object that is looked through for the address of a map, when it is asked whether a variable
/// leads there: structs of programs are smaller, and large arrays lead to everything.
pub const MAX_REACH_OBJECT: u64 = 1 << 12;

/// Maps that are read in full to see whether a goroutine hangs in one.
pub const MAX_HANG_MAPS: usize = 16;

/// Buckets of one map whose chains are followed for that.
pub const MAX_HANG_BUCKETS: u64 = 1 << 22;

/// Places a search for the owner of one map looks at, when nothing but the crash is asked for.
pub const MAX_OWNER_NODES: usize = 1 << 16;

/// Bytes of a map that is checked though nothing was asked but the crash.
pub const MAX_ALONE: u64 = 16 << 20;

/// Bytes of one line of a snapshot. The longest that badmap writes, a map with 4,096 tables, has half a megabyte.
pub const MAX_LINE: u64 = 4 << 20;

/// Lines of one file of results. A fleet that dumps a core a minute has half a million in a year.
pub const MAX_RESULTS: u64 = 1 << 24;

/// Bytes that are kept of a text of a core's results: a signature, an error, a path.
pub const MAX_KEPT: usize = 4 << 10;

/// Bytes that a snapshot may unpack to, however small it is.
pub const MIN_UNPACKED: u64 = 16 << 20;

/// Bytes that a snapshot may unpack to for each byte it has, beyond that. Real ones pack to a twentieth: every map has
/// an address, a seed and digests of its own.
pub const MAX_PACKING: u64 = 150;

/// Goroutines at work on one map that a line of a snapshot names; the rest is left out.
pub const MAX_HANDS: usize = 1024;

/// Bytes of buckets, groups and directory that one map's image takes when it is made again from a snapshot:
/// a line of a hundred bytes may stand for any number of empty buckets.
pub const MAX_PAINTED: u64 = 1 << 30;

/// Bytes of all images that are made again from one snapshot, one after the other, for each byte that their lines have,
/// and those that they may take in any case: one line may stand for millions of empty buckets.
pub const PAINTED_PER_BYTE: u64 = 16;
/// See `PAINTED_PER_BYTE`.
pub const MIN_PAINTED_ALL: u64 = 1 << 28;

/// Strings of the environment that are looked at for the name of the host. The kernel takes no more than
/// 6 MiB of arguments and environment, pointers included (`fs/exec.c`, `bprm_stack_limits`); who has more has a
/// library for it.
pub const MAX_ENVIRONMENT: u64 = 1 << 16;

/// Bytes of a host's name, as in RFC 1035.
pub const MAX_HOST_NAME: u64 = 253;

/// Bytes of the kernel's word for the machine: the longest has about ten.
pub const MAX_PLATFORM: u64 = 64;

/// Bytes between the start of the auxiliary vector on the first stack and the random bytes behind it: some
/// fifty entries, the words of `AT_PLATFORM`, and what aligns them.
pub const MAX_AUXV_GAP: u64 = 1 << 12;
