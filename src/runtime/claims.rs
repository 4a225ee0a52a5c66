//! Every struct and field of Go's runtime that badmap relies on, in one table; and some of its variables.
//! In: the DWARF of a program. Out: offsets and sizes by field. `tests/claims.rs` holds the table
//! against the binaries of every Go version in the corpus. Over 400 lines: one table, one file.

use crate::runtime::program::Program;
use crate::types::graph::TypeId;

/// One struct badmap reads, and the fields it needs of it.
#[derive(Debug)]
pub struct Claim {
    /// Short name, used in messages.
    pub name: &'static str,
    /// Its type's name; several where Go renamed it, newest first.
    pub types: &'static [&'static str],
    /// The fields needed; several spellings where Go renamed one, newest first.
    pub fields: &'static [&'static [&'static str]],
    /// Fields that exist only in some versions.
    pub optional: &'static [&'static str],
    /// First Go minor version that has it.
    pub since: u32,
    /// Last Go minor version that has it, of those known.
    pub until: u32,
    /// The file in the Go tree.
    pub source: &'static str,
}

/// One package variable of the runtime that badmap reads as a plain value.
#[derive(Debug)]
pub struct VariableClaim {
    /// Its name.
    pub name: &'static str,
    /// Its type, as DWARF names it.
    pub ty: &'static str,
    /// Machines in Go's words on which every program has it; empty for all. On others the linker may drop it.
    pub machines: &'static [&'static str],
    /// First Go minor version that has it.
    pub since: u32,
    /// Last Go minor version that has it, of those known.
    pub until: u32,
    /// The file in the Go tree.
    pub source: &'static str,
}

/// A struct's fields as this program lays them out.
#[derive(Clone, Debug)]
pub struct Bound {
    claim: &'static Claim,
    /// Offset and size, in the order of `claim.fields`, then of `claim.optional`.
    fields: Vec<Option<FieldAt>>,
    /// Bytes of the struct.
    pub size: u64,
    /// Its type.
    pub ty: TypeId,
}

/// Where a field lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldAt {
    /// Bytes from the start of the struct.
    pub off: u64,
    /// Bytes of the field.
    pub size: u64,
    /// Its type.
    pub ty: TypeId,
}

/// The header of a classic map.
pub static HMAP: Claim = Claim {
    name: "hmap",
    types: &["runtime.hmap"],
    fields: &[
        &["count"],
        &["flags"],
        &["B"],
        &["noverflow"],
        &["hash0"],
        &["buckets"],
        &["oldbuckets"],
        &["nevacuate"],
        &["extra"],
    ],
    optional: &["clearSeq"],
    since: 19,
    until: 23,
    source: "runtime/map.go (go1.24 and go1.25 with noswissmap: runtime/map_noswiss.go)",
};

/// The optional part of a classic map.
pub static MAPEXTRA: Claim = Claim {
    name: "mapextra",
    types: &["runtime.mapextra"],
    fields: &[&["overflow"], &["oldoverflow"], &["nextOverflow"]],
    optional: &[],
    since: 19,
    until: 23,
    source: "runtime/map.go",
};

/// The header of a Swiss map.
pub static SWISS_MAP: Claim = Claim {
    name: "maps.Map",
    types: &["internal/runtime/maps.Map"],
    fields: &[
        &["used"],
        &["seed"],
        &["dirPtr"],
        &["dirLen"],
        &["globalDepth"],
        &["globalShift"],
        &["writing"],
        &["clearSeq"],
    ],
    optional: &["tombstonePossible"],
    since: 24,
    until: 27,
    source: "internal/runtime/maps/map.go",
};

/// A table of a Swiss map.
pub static SWISS_TABLE: Claim = Claim {
    name: "maps.table",
    types: &["internal/runtime/maps.table"],
    fields: &[
        &["used"],
        &["capacity"],
        &["growthLeft"],
        &["localDepth"],
        &["index"],
        &["groups"],
    ],
    optional: &[],
    since: 24,
    until: 27,
    source: "internal/runtime/maps/table.go",
};

/// A table's reference to its groups.
pub static GROUPS_REFERENCE: Claim = Claim {
    name: "maps.groupsReference",
    types: &["internal/runtime/maps.groupsReference"],
    fields: &[&["data"], &["lengthMask"]],
    optional: &[],
    since: 24,
    until: 27,
    source: "internal/runtime/maps/group.go",
};

/// A type descriptor's common head.
pub static ABI_TYPE: Claim = Claim {
    name: "abi.Type",
    types: &["internal/abi.Type", "runtime._type"],
    fields: &[
        &["Size_", "size"],
        &["TFlag", "tflag"],
        &["Kind_", "kind"],
        &["Str", "str"],
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "internal/abi/type.go (go1.19: runtime/type.go)",
};

/// What a type descriptor says of pointers.
pub static ABI_TYPE_POINTERS: Claim = Claim {
    name: "abi.Type (pointers)",
    types: &["internal/abi.Type", "runtime._type"],
    fields: &[
        &["Size_", "size"],
        &["PtrBytes", "ptrdata"],
        &["TFlag", "tflag"],
        &["Kind_", "kind"],
        &["GCData", "gcdata"],
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "internal/abi/type.go (go1.19: runtime/type.go)",
};

/// The descriptor of a classic map's type, behind the common head.
pub static CLASSIC_MAP_TYPE: Claim = Claim {
    name: "abi.MapType (classic)",
    types: &[
        "internal/abi.OldMapType",
        "internal/abi.MapType",
        "runtime.maptype",
    ],
    fields: &[
        &["KeySize", "keysize"],
        &["ValueSize", "elemsize"],
        &["BucketSize", "bucketsize"],
        &["Flags", "flags"],
    ],
    optional: &[],
    since: 19,
    until: 23,
    source: "internal/abi/map.go (go1.19: runtime/type.go)",
};

/// The descriptor of a Swiss map's type, behind the common head.
pub static SWISS_MAP_TYPE: Claim = Claim {
    name: "abi.MapType (Swiss)",
    types: &["internal/abi.SwissMapType", "internal/abi.MapType"],
    fields: &[&["GroupSize"], &["Flags"]],
    optional: &[],
    since: 24,
    until: 27,
    source: "internal/abi/map.go (go1.24, go1.25: map_swiss.go)",
};

/// The head of an itab.
pub static ITAB: Claim = Claim {
    name: "itab",
    types: &["internal/abi.ITab", "runtime.itab"],
    fields: &[&["Inter", "inter"], &["Type", "_type"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "internal/abi/iface.go (up to go1.22: runtime/runtime2.go)",
};

/// What the linker says of a module.
pub static MODULEDATA: Claim = Claim {
    name: "moduledata",
    types: &["runtime.moduledata"],
    fields: &[
        &["text"],
        &["etext"],
        &["noptrdata"],
        &["enoptrdata"],
        &["data"],
        &["edata"],
        &["bss"],
        &["ebss"],
        &["noptrbss"],
        &["enoptrbss"],
        &["types"],
        &["etypes"],
        &["next"],
        &["pcHeader"],
        &["funcnametab"],
        &["cutab"],
        &["filetab"],
        &["pctab"],
        &["pclntable"],
        &["ftab"],
        &["minpc"],
        &["maxpc"],
        &["gofunc"],
        &["rodata"],
        &["gcdatamask"],
        &["gcbssmask"],
    ],
    optional: &["end"],
    since: 19,
    until: 27,
    source: "runtime/symtab.go",
};

/// The heap.
pub static MHEAP: Claim = Claim {
    name: "mheap",
    types: &["runtime.mheap"],
    fields: &[&["arenas"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// The list of all spans, and how far the sweep is.
pub static MHEAP_SPANS: Claim = Claim {
    name: "mheap (spans)",
    types: &["runtime.mheap"],
    fields: &[&["allspans"], &["sweepgen"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// The books of one arena. `bitmap` was there up to go1.21: bytes with two bits a word in go1.19,
/// words with one bit a word from go1.20.
pub static HEAP_ARENA: Claim = Claim {
    name: "heapArena",
    types: &["runtime.heapArena"],
    fields: &[&["spans"]],
    optional: &["bitmap"],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// A run of pages with objects of one size.
pub static MSPAN: Claim = Claim {
    name: "mspan",
    types: &["runtime.mspan"],
    fields: &[
        &["startAddr"],
        &["npages"],
        &["freeindex"],
        &["nelems"],
        &["allocBits"],
        &["gcmarkBits"],
        &["spanclass"],
        &["state"],
        &["elemsize"],
        &["limit"],
    ],
    optional: &["largeType"],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// A span's part in garbage collection.
pub static MSPAN_SWEEP: Claim = Claim {
    name: "mspan (sweep)",
    types: &["runtime.mspan"],
    fields: &[&["sweepgen"], &["specials"]],
    optional: &["isUserArenaChunk"],
    since: 19,
    until: 27,
    source: "runtime/mheap.go (isUserArenaChunk: from go1.20)",
};

/// Mark bits at the end of a one-page span, only with the Green Tea collector.
pub static SPAN_INLINE_MARK_BITS: Claim = Claim {
    name: "spanInlineMarkBits",
    types: &["runtime.spanInlineMarkBits"],
    fields: &[&["marks"]],
    optional: &[],
    since: 26,
    until: 27,
    source: "runtime/mgcmark_greenteagc.go (go1.25: only with GOEXPERIMENT=greenteagc)",
};

/// What is kept beside an object: the head of every kind of it.
pub static SPECIAL: Claim = Claim {
    name: "special",
    types: &["runtime.special"],
    fields: &[&["next"], &["offset"], &["kind"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// A finalizer.
pub static SPECIAL_FINALIZER: Claim = Claim {
    name: "specialfinalizer",
    types: &["runtime.specialfinalizer"],
    fields: &[&["special"], &["fn"], &["ot"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/mheap.go",
};

/// A cleanup. Up to go1.25 `fn` is a closure; from go1.26 `cleanup` holds function and argument.
/// go1.24 has it only in programs that use it, and not in all of those; from go1.25 all have it.
pub static SPECIAL_CLEANUP: Claim = Claim {
    name: "specialCleanup",
    types: &["runtime.specialCleanup"],
    fields: &[&["special"]],
    optional: &["fn", "cleanup"],
    since: 25,
    until: 27,
    source: "runtime/mheap.go",
};

/// A cleanup's function and argument.
pub static CLEANUP_FN: Claim = Claim {
    name: "cleanupFn",
    types: &["runtime.cleanupFn"],
    fields: &[&["fn"], &["arg"]],
    optional: &[],
    since: 26,
    until: 27,
    source: "runtime/mcleanup.go",
};

/// A goroutine.
pub static G: Claim = Claim {
    name: "g",
    types: &["runtime.g"],
    fields: &[
        &["atomicstatus"],
        &["goid"],
        &["_panic"],
        &["sig"],
        &["sigpc"],
        &["stack"],
        &["sched"],
        &["syscallsp"],
        &["syscallpc"],
        &["m"],
        &["waitreason"],
        &["lockedm"],
        &["gopc"],
        &["startpc"],
        &["waiting"],
    ],
    optional: &["parentGoid", "waitsince", "sigcode0", "sigcode1"],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// The bounds of a stack.
pub static STACK: Claim = Claim {
    name: "stack",
    types: &["runtime.stack"],
    fields: &[&["lo"], &["hi"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// Where a goroutine that does not run goes on.
pub static GOBUF: Claim = Claim {
    name: "gobuf",
    types: &["runtime.gobuf"],
    fields: &[&["sp"], &["pc"], &["ctxt"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// A thread as the scheduler knows it.
pub static M: Claim = Claim {
    name: "m",
    types: &["runtime.m"],
    fields: &[
        &["procid"],
        &["curg"],
        &["dying"],
        &["throwing"],
        &["alllink"],
        &["g0"],
        &["gsignal"],
        &["incgo"],
    ],
    optional: &["vdsoSP", "vdsoPC"],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// A function's record in the function tables. What is read of it is read by the tables' own version
/// (`runtime/pclntab.rs`), so that it serves stripped binaries as well; the claim is for the test.
pub static FUNC: Claim = Claim {
    name: "_func",
    types: &["runtime._func"],
    fields: &[
        &["nameOff", "nameoff"],
        &["args"],
        &["pcsp"],
        &["pcfile"],
        &["pcln"],
        &["npcdata"],
        &["cuOffset"],
        &["flag"],
        &["nfuncdata"],
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// A call that was inlined; read like `FUNC`.
pub static INLINED_CALL: Claim = Claim {
    name: "inlinedCall",
    types: &["runtime.inlinedCall"],
    fields: &[&["nameOff", "func_"], &["parentPc"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/symtabinl.go (go1.19: runtime/symtab.go)",
};

/// What the compiler says of an object in a frame; read by its four 4-byte fields.
pub static STACK_OBJECT: Claim = Claim {
    name: "stackObjectRecord",
    types: &["runtime.stackObjectRecord"],
    fields: &[
        &["off"],
        &["size"],
        &["ptrBytes", "_ptrdata"],
        &["gcdataoff"],
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/stack.go",
};

/// A panic under way.
pub static PANIC: Claim = Claim {
    name: "_panic",
    types: &["runtime._panic"],
    fields: &[&["arg"], &["link"], &["recovered"], &["goexit"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// A channel.
pub static HCHAN: Claim = Claim {
    name: "hchan",
    types: &["runtime.hchan"],
    fields: &[
        &["qcount"],
        &["dataqsiz"],
        &["buf"],
        &["elemsize"],
        &["recvx"],
        &["sendq"],
        &["elemtype"],
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/chan.go",
};

/// A queue of goroutines that wait at a channel.
pub static WAITQ: Claim = Claim {
    name: "waitq",
    types: &["runtime.waitq"],
    fields: &[&["first"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/chan.go",
};

/// A goroutine in such a queue. From go1.26 `elem` is a struct whose first word is the pointer.
pub static SUDOG: Claim = Claim {
    name: "sudog",
    types: &["runtime.sudog"],
    fields: &[&["elem"], &["next"], &["c"], &["waitlink"]],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// Every claim, for the test that holds them against real binaries.
pub static CLAIMS: &[&Claim] = &[
    &HMAP,
    &MAPEXTRA,
    &SWISS_MAP,
    &SWISS_TABLE,
    &GROUPS_REFERENCE,
    &ABI_TYPE,
    &ABI_TYPE_POINTERS,
    &CLASSIC_MAP_TYPE,
    &SWISS_MAP_TYPE,
    &ITAB,
    &MODULEDATA,
    &MHEAP,
    &MHEAP_SPANS,
    &HEAP_ARENA,
    &MSPAN,
    &MSPAN_SWEEP,
    &SPAN_INLINE_MARK_BITS,
    &SPECIAL,
    &SPECIAL_FINALIZER,
    &SPECIAL_CLEANUP,
    &CLEANUP_FN,
    &G,
    &STACK,
    &GOBUF,
    &M,
    &FUNC,
    &INLINED_CALL,
    &STACK_OBJECT,
    &PANIC,
    &HCHAN,
    &WAITQ,
    &SUDOG,
];

/// EAX of CPUID leaf 1. Written by `rt0_go` (`runtime/asm_amd64.s`, `runtime/asm_386.s`).
pub static PROCESSOR_VERSION_INFO: VariableClaim = VariableClaim {
    name: "runtime.processorVersionInfo",
    ty: "uint32",
    machines: &["amd64", "386"],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// Whether CPUID leaf 0 says `GenuineIntel`. Written by `rt0_go` too.
pub static IS_INTEL: VariableClaim = VariableClaim {
    name: "runtime.isIntel",
    ty: "bool",
    machines: &["amd64", "386"],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
};

/// The environment as the process was given it (`goenvs`), which `os.Setenv` does not change.
pub static ENVS: VariableClaim = VariableClaim {
    name: "runtime.envs",
    ty: "[]string",
    machines: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime.go",
};

/// Every claim of a variable, for the same test.
pub static VARIABLES: &[&VariableClaim] = &[&PROCESSOR_VERSION_INFO, &IS_INTEL, &ENVS];

impl Claim {
    /// Binds the claim's fields in this program. `None` when the type or a needed field is not there.
    pub fn bind(&'static self, program: &Program<'_, '_>) -> Option<Bound> {
        self.types
            .iter()
            .find_map(|name| self.bind_as(program, program.type_named(name)?))
    }

    fn bind_as(&'static self, program: &Program<'_, '_>, ty: TypeId) -> Option<Bound> {
        let graph = program.graph;
        let find = |spelling: &str| {
            let f = graph.get(ty).field(spelling)?;
            Some(FieldAt {
                off: f.off,
                size: graph.get(f.ty).size,
                ty: f.ty,
            })
        };
        let mut fields = Vec::new();
        for spellings in self.fields {
            fields.push(Some(spellings.iter().find_map(|s| find(s))?));
        }
        fields.extend(self.optional.iter().map(|s| find(s)));
        Some(Bound {
            claim: self,
            fields,
            size: graph.get(ty).size,
            ty,
        })
    }
}

impl Bound {
    /// Where a field of the claim lies, by its newest spelling. `None` for optional ones that this
    /// program does not have, and for names that are not in the claim.
    pub fn field(&self, name: &str) -> Option<FieldAt> {
        let claim = self.claim;
        let i = claim
            .fields
            .iter()
            .position(|f| f.first() == Some(&name))
            .or_else(|| {
                let i = claim.optional.iter().position(|f| *f == name)?;
                i.checked_add(claim.fields.len())
            })?;
        self.fields.get(i).copied().flatten()
    }

    /// The names of the claim's fields, each by its newest spelling.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let claim = self.claim;
        let needed = claim.fields.iter().filter_map(|f| f.first());
        needed.chain(claim.optional).copied()
    }

    /// The offset of a field; `None` as for `field`.
    pub fn off(&self, name: &str) -> Option<u64> {
        self.field(name).map(|f| f.off)
    }
}
