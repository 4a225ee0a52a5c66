//! The runtime's structs by version, for binaries whose DWARF is gone: names, offsets, sizes.
//! In: a Go version and a machine. Out: types for the graph, under the names that `claims.rs` asks for.
//! `tests/claims.rs` holds every row against the DWARF of every version in the corpora. 64-bit machines only.

use crate::base::bytes::Abi;
use crate::file::corefile::Machine;
use crate::runtime::version::minor;
use crate::types::graph::Field;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeId;
use crate::types::graph::TypeLoader;

/// What is known, per minor version of Go. go1.20 was never seen.
const VERSIONS: [u32; 8] = [19, 21, 22, 23, 24, 25, 26, 27];
/// A number for each of `VERSIONS`.
type PerVersion = [u64; 8];
/// In that version there is no such thing.
const NO: u64 = u64::MAX;

/// The type of a field or variable, as far as anyone asks.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// An unsigned integer of so many bytes; bools, and structs of one integer, count as such.
    Uint(u64),
    /// A pointer, wherever to.
    Pointer,
    /// `[]uintptr`, whatever the elements really are.
    Slice,
    /// `string`.
    Text,
    /// `interface {}`.
    Any,
    /// An array.
    Array(u64, &'static Shape),
    /// A pointer to something of this shape.
    To(&'static Shape),
    /// A struct of the table.
    Of(&'static str),
    /// So many bytes.
    Raw(u64),
}

use Shape::Any;
use Shape::Array;
use Shape::Of;
use Shape::Pointer;
use Shape::Raw;
use Shape::Slice;
use Shape::Text;
use Shape::To;
use Shape::Uint;

/// Which programs of a version have a struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    /// All.
    All,
    /// Those with classic maps: up to go1.23, then with `noswissmap`.
    Classic,
    /// Those with Swiss maps.
    Swiss,
    /// Those with the Green Tea collector.
    GreenTea,
    /// Those for amd64: the struct is padded to cache lines, which differ from machine to machine.
    Amd64,
}

/// A struct: name, who has it, bytes, and its fields: name, shape, offset.
type Row = (
    &'static str,
    Who,
    PerVersion,
    &'static [(&'static str, Shape, PerVersion)],
);

const U8: Shape = Uint(1);
const U16: Shape = Uint(2);
const U32: Shape = Uint(4);
const U64: Shape = Uint(8);

#[rustfmt::skip] // a table is read by columns
static STRUCTS: &[Row] = &[
    ("runtime.hmap", Who::Classic, [48, 48, 48, 48, 56, 56, NO, NO], &[
        ("count", U64, [0; 8]), ("flags", U8, [8; 8]), ("B", U8, [9; 8]), ("noverflow", U16, [10; 8]),
        ("hash0", U32, [12; 8]), ("buckets", Pointer, [16; 8]), ("oldbuckets", Pointer, [24; 8]),
        ("nevacuate", U64, [32; 8]),
        ("clearSeq", U64, [NO, NO, NO, NO, 40, 40, NO, NO]),
        ("extra", Pointer, [40, 40, 40, 40, 48, 48, NO, NO]),
    ]),
    ("runtime.mapextra", Who::Classic, [24, 24, 24, 24, 24, 24, NO, NO], &[
        ("overflow", Pointer, [0; 8]), ("oldoverflow", Pointer, [8; 8]), ("nextOverflow", Pointer, [16; 8]),
    ]),
    ("internal/runtime/maps.Map", Who::Swiss, [NO, NO, NO, NO, 48, 48, 48, 48], &[
        ("used", U64, [0; 8]), ("seed", U64, [8; 8]), ("dirPtr", Pointer, [16; 8]), ("dirLen", U64, [24; 8]),
        ("globalDepth", U8, [32; 8]), ("globalShift", U8, [33; 8]), ("writing", U8, [34; 8]),
        ("tombstonePossible", U8, [NO, NO, NO, NO, NO, 35, 35, 35]),
        ("clearSeq", U64, [40; 8]),
    ]),
    ("internal/runtime/maps.table", Who::Swiss, [NO, NO, NO, NO, 32, 32, 32, 32], &[
        ("used", U16, [0; 8]), ("capacity", U16, [2; 8]), ("growthLeft", U16, [4; 8]), ("localDepth", U8, [6; 8]),
        ("index", U64, [8; 8]), ("groups", Of("internal/runtime/maps.groupsReference"), [16; 8]),
    ]),
    ("internal/runtime/maps.groupsReference", Who::Swiss, [NO, NO, NO, NO, 16, 16, 16, 16], &[
        ("data", Pointer, [0; 8]), ("lengthMask", U64, [8; 8]),
    ]),
    ("internal/abi.Type", Who::All, [48; 8], &[
        ("Size_", U64, [0; 8]), ("PtrBytes", U64, [8; 8]), ("TFlag", U8, [20; 8]), ("Kind_", U8, [23; 8]),
        ("GCData", Pointer, [32; 8]), ("Str", U32, [40; 8]),
    ]),
    ("internal/abi.OldMapType", Who::Classic, [88, 88, 88, 88, 88, 88, NO, NO], &[
        ("KeySize", U8, [80; 8]), ("ValueSize", U8, [81; 8]), ("BucketSize", U16, [82; 8]), ("Flags", U32, [84; 8]),
    ]),
    ("internal/abi.SwissMapType", Who::Swiss, [NO, NO, NO, NO, 112, 112, 112, 136], &[
        ("GroupSize", U64, [80; 8]), ("Flags", U32, [NO, NO, NO, NO, 104, 104, 104, 128]),
    ]),
    ("internal/abi.ITab", Who::All, [32; 8], &[("Inter", Pointer, [0; 8]), ("Type", Pointer, [8; 8])]),
    ("runtime.moduledata", Who::All, [552, 592, 592, 584, 584, 584, 592, 568], &[
        ("pcHeader", Pointer, [0; 8]), ("funcnametab", Slice, [8; 8]), ("cutab", Slice, [32; 8]),
        ("filetab", Slice, [56; 8]), ("pctab", Slice, [80; 8]), ("pclntable", Slice, [104; 8]),
        ("ftab", Slice, [128; 8]), ("minpc", U64, [160; 8]), ("maxpc", U64, [168; 8]),
        ("text", U64, [176; 8]), ("etext", U64, [184; 8]),
        ("noptrdata", U64, [192; 8]), ("enoptrdata", U64, [200; 8]), ("data", U64, [208; 8]), ("edata", U64, [216; 8]),
        ("bss", U64, [224; 8]), ("ebss", U64, [232; 8]), ("noptrbss", U64, [240; 8]), ("enoptrbss", U64, [248; 8]),
        ("end", U64, [256, 272, 272, 272, 272, 272, 272, 272]),
        ("types", U64, [280, 296, 296, 296, 296, 296, 296, 296]),
        ("etypes", U64, [288, 304, 304, 304, 304, 304, 304, 312]),
        ("rodata", U64, [296, 312, 312, 312, 312, 312, 312, 336]),
        ("gofunc", U64, [304, 320, 320, 320, 320, 320, 320, 344]),
        ("gcdatamask", Raw(16), [496, 536, 536, 536, 536, 536, 544, 520]),
        ("gcbssmask", Raw(16), [512, 552, 552, 552, 552, 552, 560, 536]),
        ("next", Pointer, [544, 584, 584, 576, 576, 576, 584, 560]),
    ]),
    ("runtime.mheap", Who::Amd64, [92672, 92792, 92856, 92928, 93008, 93320, 93464, 93464], &[
        ("sweepgen", U32, [65848, 65856, 65856, 65856, 65856, 65856, 65856, 65856]),
        ("allspans", Slice, [65856, 65864, 65864, 65864, 65864, 65864, 65864, 65864]),
        ("arenas", Array(1, &To(&Array(1 << 22, &Pointer))), [65936, 65944, 66008, 66008, 66008, 66008, 66008, 66008]),
    ]),
    ("runtime.heapArena", Who::All, [2165776, 1133584, 68624, 68624, 68624, 69648, 69648, 69648], &[
        ("bitmap", Array(1 << 21, &U8), [0, NO, NO, NO, NO, NO, NO, NO]),
        ("bitmap", Array(1 << 17, &U64), [NO, 0, NO, NO, NO, NO, NO, NO]),
        ("spans", Array(8192, &Pointer), [2097152, 1064960, 0, 0, 0, 0, 0, 0]),
    ]),
    ("runtime.mspan", Who::All, [144, 168, 160, 160, 160, 160, 160, 160], &[
        ("startAddr", U64, [24; 8]), ("npages", U64, [32; 8]),
        ("freeindex", U64, [48, 48, NO, NO, NO, NO, NO, NO]), ("freeindex", U16, [NO, NO, 48, 48, 48, 48, 48, 48]),
        ("nelems", U64, [56, 56, NO, NO, NO, NO, NO, NO]), ("nelems", U16, [NO, NO, 50, 50, 50, 50, 50, 50]),
        ("allocBits", Pointer, [72, 72, 64, 64, 64, 64, 64, 64]),
        ("gcmarkBits", Pointer, [80, 80, 72, 72, 72, 72, 72, 72]),
        ("sweepgen", U32, [88, 96, 88, 88, 88, 88, 88, 88]),
        ("spanclass", U8, [98, 106, 98, 98, 98, 98, 98, 98]),
        ("state", U8, [99, 107, 99, 99, 99, 99, 99, 99]),
        ("isUserArenaChunk", U8, [NO, 109, 101, 101, 101, 101, 101, 101]),
        ("elemsize", U64, [104, 112, 104, 104, 104, 104, 104, 104]),
        ("limit", U64, [112, 120, 112, 112, 112, 112, 112, 112]),
        ("specials", Pointer, [128, 136, 128, 128, 128, 128, 128, 128]),
        ("largeType", Pointer, [NO, NO, 152, 152, 152, 152, 152, 152]),
    ]),
    ("runtime.spanInlineMarkBits", Who::GreenTea, [NO, NO, NO, NO, NO, 128, 128, 128], &[
        ("marks", Array(63, &U8), [64; 8]),
    ]),
    ("runtime.g", Who::All, [392, 408, 424, 432, 440, 440, 456, 456], &[
        ("stack", Of("runtime.stack"), [0; 8]), ("_panic", Pointer, [32; 8]), ("m", Pointer, [48; 8]),
        ("sched", Of("runtime.gobuf"), [56; 8]),
        ("syscallsp", U64, [112, 112, 112, 112, 112, 104, 104, 104]),
        ("syscallpc", U64, [120, 120, 120, 120, 120, 112, 112, 112]),
        ("atomicstatus", U32, [144, 144, 144, 152, 152, 144, 144, 144]),
        ("goid", U64, [152, 152, 152, 160, 160, 152, 152, 152]),
        ("waitsince", U64, [168, 168, 168, 176, 176, 168, 168, 168]),
        ("waitreason", U8, [176, 176, 176, 184, 184, 176, 176, 176]),
        ("lockedm", U64, [232, 208, 208, 216, 216, 208, 208, 208]),
        ("sig", U32, [240, 216, 216, 224, 228, 220, 224, 224]),
        ("sigcode0", U64, [272, 248, 248, 256, 256, 248, 256, 256]),
        ("sigcode1", U64, [280, 256, 256, 264, 264, 256, 264, 264]),
        ("sigpc", U64, [288, 264, 264, 272, 272, 264, 272, 272]),
        ("parentGoid", U64, [NO, 272, 272, 280, 280, 272, 280, 280]),
        ("gopc", U64, [296, 280, 280, 288, 288, 280, 288, 288]),
        ("startpc", U64, [312, 296, 296, 304, 304, 296, 304, 304]),
        ("waiting", Pointer, [328, 312, 312, 320, 320, 312, 320, 320]),
    ]),
    ("runtime.stack", Who::All, [16; 8], &[("lo", U64, [0; 8]), ("hi", U64, [8; 8])]),
    ("runtime.gobuf", Who::All, [56, 56, 56, 56, 56, 48, 48, 48], &[
        ("sp", U64, [0; 8]), ("pc", U64, [8; 8]), ("ctxt", Pointer, [24; 8]),
    ]),
    ("runtime.m", Who::All, [1008, 1008, 2024, 1760, 1832, 1816, 1824, 1832], &[
        ("g0", Pointer, [0; 8]), ("procid", U64, [72, 72, 72, 72, 72, 64, 64, 64]),
        ("gsignal", Pointer, [80, 80, 80, 80, 80, 72, 72, 72]),
        ("curg", Pointer, [192, 192, 192, 192, 192, 184, 184, 184]),
        ("throwing", U32, [244, 244, 244, 244, 244, 236, 244, 244]),
        ("dying", U32, [268, 268, 268, 268, 268, 260, 268, 268]),
        ("incgo", U8, [280, 280, 280, 280, 280, 272, 280, 280]),
        ("alllink", Pointer, [336, 336, 328, 328, 352, 344, 352, 352]),
        ("vdsoSP", U64, [800, 808, 1120, 856, 904, 896, 896, 896]),
        ("vdsoPC", U64, [808, 816, 1128, 864, 912, 904, 904, 904]),
    ]),
    ("runtime._panic", Who::All, [56, 56, 104, 104, 104, 104, 104, 96], &[
        ("arg", Any, [8, 8, 8, 8, 8, 8, 0, 0]), ("link", Pointer, [24, 24, 24, 24, 24, 24, 16, 16]),
        ("recovered", U8, [48, 48, 96, 96, 96, 96, 88, 88]), ("goexit", U8, [50, 50, 97, 97, 97, 98, 90, 90]),
    ]),
];

/// The runtime's variables that can be found without symbols (`globals.rs`), and their shapes.
static VARIABLES: &[(&str, Shape)] = &[
    ("runtime.firstmoduledata", Of("runtime.moduledata")),
    ("runtime.allgs", Slice),
    ("runtime.allm", Pointer),
    ("runtime.printBacklog", Array(512, &U8)),
    ("runtime.printBacklogIndex", U64),
    ("runtime.buildVersion", Text),
    ("runtime.mheap_", Of("runtime.mheap")),
    ("runtime.gcphase", U32),
];

/// Elements of `runtime.waitReasonStrings`. Source: `runtime/runtime2.go`.
const WAIT_REASONS: PerVersion = [27, 32, 37, 38, 44, 47, 47, 47];

/// The types of the table in one version, for one machine.
#[derive(Clone, Default, Debug)]
pub struct KnownTypes {
    types: Vec<Type>,
    variables: Vec<(&'static str, TypeId)>,
}

/// Which program it is.
#[derive(Clone, Copy)]
struct Edition {
    /// Its column.
    column: usize,
    classic: bool,
    green_tea: bool,
    amd64: bool,
}

impl Edition {
    fn has(self, who: Who) -> bool {
        match who {
            Who::All => true,
            Who::Classic => self.classic,
            Who::Swiss => !self.classic,
            Who::GreenTea => self.green_tea,
            Who::Amd64 => self.amd64,
        }
    }

    fn of(self, row: &PerVersion) -> Option<u64> {
        row.get(self.column).copied().filter(|n| *n != NO)
    }
}

impl KnownTypes {
    /// The types of programs built with `version`, experiments named in it (` X:noswissmap`). `None` for
    /// versions that were never seen, and for 32-bit machines.
    pub fn of(version: &str, machine: Machine, abi: Abi) -> Option<KnownTypes> {
        let minor = minor(version)?;
        let edition = Edition {
            column: VERSIONS.iter().position(|v| *v == minor)?,
            classic: minor < 24 || version.contains("noswissmap"),
            green_tea: if minor < 26 {
                version.contains("greenteagc") && !version.contains("nogreenteagc")
            } else {
                !version.contains("nogreenteagc")
            },
            amd64: machine == Machine::Amd64,
        };
        if abi.ptr_size != 8 {
            return None;
        }
        let mut out = KnownTypes::default();
        out.id_of(edition, Any);
        for row in STRUCTS {
            out.id_of(edition, Of(row.0));
        }
        for (name, shape) in VARIABLES {
            out.variable(edition, name, *shape);
        }
        let reasons = out.id_of(edition, Text);
        let len = edition.of(&WAIT_REASONS)?;
        let reasons = out.add(Type {
            name: format!("[{len}]string").into(),
            size: len.checked_mul(16)?,
            kind: Kind::Array {
                elem: reasons?,
                len,
            },
        });
        out.variables.push(("runtime.waitReasonStrings", reasons));
        Some(out)
    }

    /// The type of a variable of the runtime, by its index. `None` for those nobody can find.
    pub fn variable_type(&self, name: &str) -> Option<TypeId> {
        let found = self.variables.iter().find(|v| v.0 == name);
        found.map(|(_, ty)| *ty)
    }

    /// The names of the variables that have a type here.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.variables.iter().map(|v| v.0)
    }

    fn variable(&mut self, edition: Edition, name: &'static str, shape: Shape) {
        let ty = self.id_of(edition, shape);
        self.variables.extend(ty.map(|ty| (name, ty)));
    }

    fn add(&mut self, ty: Type) -> TypeId {
        let known = self.types.iter().position(|t| t.name == ty.name);
        let idx = known.unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len().saturating_sub(1)
        });
        TypeId(u32::try_from(idx).unwrap_or(u32::MAX))
    }

    /// `None` for a struct that this edition does not have.
    fn id_of(&mut self, edition: Edition, shape: Shape) -> Option<TypeId> {
        let (name, size, kind) = match shape {
            Uint(size) => (
                format!("uint{}", size.checked_mul(8)?),
                size,
                Kind::Int { signed: false },
            ),
            Pointer => ("unsafe.Pointer".into(), 8, Kind::Pointer { elem: None }),
            Text => ("string".into(), 16, Kind::String),
            Any => ("interface {}".into(), 16, Kind::Interface { empty: true }),
            Raw(size) => (format!("{size} bytes"), size, Kind::Opaque),
            Slice => {
                let elem = self.id_of(edition, U64)?;
                ("[]uint64".into(), 24, Kind::Slice { elem })
            }
            To(inner) => {
                let elem = self.id_of(edition, *inner)?;
                let name = format!("*{}", self.name(elem));
                (name, 8, Kind::Pointer { elem: Some(elem) })
            }
            Array(len, inner) => {
                let elem = self.id_of(edition, *inner)?;
                let size = len.checked_mul(self.size(elem))?;
                let name = format!("[{len}]{}", self.name(elem));
                (name, size, Kind::Array { elem, len })
            }
            Of(name) => {
                let row = STRUCTS.iter().find(|s| s.0 == name && edition.has(s.1))?;
                let size = edition.of(&row.2)?;
                let fields = self.fields(edition, row)?;
                (name.into(), size, Kind::Struct { fields })
            }
        };
        Some(self.add(Type {
            name: name.into(),
            size,
            kind,
        }))
    }

    fn fields(&mut self, edition: Edition, row: &Row) -> Option<Box<[Field]>> {
        let mut out = Vec::new();
        for (name, shape, offs) in row.3 {
            let Some(off) = edition.of(offs) else {
                continue;
            };
            out.push(Field {
                name: (*name).into(),
                ty: self.id_of(edition, *shape)?,
                off,
                embedded: false,
            });
        }
        Some(out.into())
    }

    fn name(&self, id: TypeId) -> &str {
        self.get(id).map_or("?", |t| &t.name)
    }

    fn size(&self, id: TypeId) -> u64 {
        self.get(id).map_or(0, |t| t.size)
    }

    fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get(usize::try_from(id.0).ok()?)
    }
}

impl TypeLoader for KnownTypes {
    fn len(&self) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX)
    }

    fn load(&self, idx: u32) -> Type {
        self.get(TypeId(idx))
            .cloned()
            .unwrap_or_else(|| Type::opaque("?"))
    }
}
