//! Every struct and field of Go's runtime that badmap relies on, in one table.
//! In: the DWARF of a program. Out: offsets and sizes by field. `tests/claims.rs` holds the table
//! against the binaries of every Go version in the corpus.

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
    ],
    optional: &["rodata", "end"],
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

/// The books of one arena.
pub static HEAP_ARENA: Claim = Claim {
    name: "heapArena",
    types: &["runtime.heapArena"],
    fields: &[&["spans"]],
    optional: &[],
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
    ],
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
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/runtime2.go",
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
    ],
    optional: &[],
    since: 19,
    until: 27,
    source: "runtime/chan.go",
};

/// Every claim, for the test that holds them against real binaries.
pub static CLAIMS: &[&Claim] = &[
    &HMAP,
    &MAPEXTRA,
    &SWISS_MAP,
    &SWISS_TABLE,
    &GROUPS_REFERENCE,
    &ABI_TYPE,
    &ITAB,
    &MODULEDATA,
    &MHEAP,
    &HEAP_ARENA,
    &MSPAN,
    &G,
    &M,
    &PANIC,
    &HCHAN,
];

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

    /// The offset of a field; `None` as for `field`.
    pub fn off(&self, name: &str) -> Option<u64> {
        self.field(name).map(|f| f.off)
    }
}
