//! Where the fields of a map's header, of its tables and of `mapextra` are: looked up by name once, not once a map.
//! In: bound structs of the runtime. Out: the fields read from a header's bytes.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::maps::image::TableHeader;
use crate::maps::layout::Family;
use crate::runtime::claims::Bound;

/// Where a field is; `None` for one that this program does not have.
#[derive(Clone, Copy, Default, Debug)]
struct At(Option<Field>);

/// A field by its offset and size in bytes.
#[derive(Clone, Copy, Debug)]
struct Field {
    off: usize,
    size: u64,
    /// As `mask_of` its size.
    mask: u64,
}

/// The bytes of a field in the low bytes of a word; 0 for sizes that are no integer's.
fn mask_of(size: u64) -> u64 {
    match size {
        1 => 0xff,
        2 => 0xffff,
        4 => 0xffff_ffff,
        8 => u64::MAX,
        _ => 0,
    }
}

impl At {
    fn of(bound: &Bound, name: &str) -> At {
        let at = || {
            let f = bound.field(name)?;
            Some(Field {
                off: usize::try_from(f.off).ok()?,
                size: f.size,
                mask: mask_of(f.size),
            })
        };
        At(at())
    }

    /// The field of a struct that begins at `base`.
    fn behind(self, base: Option<usize>) -> At {
        let at = || {
            let field = self.0?;
            let off = base?.checked_add(field.off)?;
            Some(Field { off, ..field })
        };
        At(at())
    }

    #[inline]
    fn uint(self, abi: Abi, bytes: &[u8]) -> Option<u64> {
        let Field { off, size, mask } = self.0?;
        // One load for any size, where eight bytes are there.
        match bytes.get(off..).and_then(|rest| rest.first_chunk()) {
            Some(word) if abi.endian == Endian::Little && mask != 0 => {
                Some(u64::from_le_bytes(*word) & mask)
            }
            _ => abi.uint(bytes, off, size),
        }
    }

    fn get(self, abi: Abi, bytes: &[u8]) -> u64 {
        self.uint(abi, bytes).unwrap_or(0)
    }

    fn addr(self, abi: Abi, bytes: &[u8]) -> Addr {
        Addr(self.get(abi, bytes))
    }

    /// As a byte; one that is no byte is the largest.
    fn byte(self, abi: Abi, bytes: &[u8]) -> u8 {
        u8::try_from(self.get(abi, bytes)).unwrap_or(u8::MAX)
    }

    fn short(self, abi: Abi, bytes: &[u8]) -> u16 {
        u16::try_from(self.get(abi, bytes)).unwrap_or(u16::MAX)
    }

    /// A Go `int` that begins there, whatever the field's size.
    fn int(self, abi: Abi, bytes: &[u8]) -> Option<i64> {
        abi.int(bytes, self.0?.off)
    }
}

/// The fields of the headers of one family.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeaderFields {
    Classic(ClassicFields),
    Swiss(SwissFields),
}

impl HeaderFields {
    pub(crate) fn of(family: &Family) -> HeaderFields {
        match family {
            Family::Classic { hmap, extra } => HeaderFields::Classic(ClassicFields {
                size: hmap.size,
                count: At::of(hmap, "count"),
                flags: At::of(hmap, "flags"),
                b: At::of(hmap, "B"),
                noverflow: At::of(hmap, "noverflow"),
                hash0: At::of(hmap, "hash0"),
                buckets: At::of(hmap, "buckets"),
                oldbuckets: At::of(hmap, "oldbuckets"),
                nevacuate: At::of(hmap, "nevacuate"),
                extra: At::of(hmap, "extra"),
                clear_seq: At::of(hmap, "clearSeq"),
                extra_size: extra.size,
                extra_overflow: At::of(extra, "overflow"),
                extra_oldoverflow: At::of(extra, "oldoverflow"),
                extra_next_overflow: At::of(extra, "nextOverflow"),
            }),
            Family::Swiss { map, table, groups } => {
                let base = At::of(table, "groups").0.map(|field| field.off);
                HeaderFields::Swiss(SwissFields {
                    size: map.size,
                    used: At::of(map, "used"),
                    seed: At::of(map, "seed"),
                    dir_ptr: At::of(map, "dirPtr"),
                    dir_len: At::of(map, "dirLen"),
                    global_depth: At::of(map, "globalDepth"),
                    global_shift: At::of(map, "globalShift"),
                    writing: At::of(map, "writing"),
                    tombstone_possible: At::of(map, "tombstonePossible"),
                    clear_seq: At::of(map, "clearSeq"),
                    table_size: table.size,
                    table_used: At::of(table, "used"),
                    capacity: At::of(table, "capacity"),
                    growth_left: At::of(table, "growthLeft"),
                    local_depth: At::of(table, "localDepth"),
                    index: At::of(table, "index"),
                    groups_data: At::of(groups, "data").behind(base),
                    length_mask: At::of(groups, "lengthMask").behind(base),
                })
            }
        }
    }
}

/// The fields of `hmap` and `mapextra`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassicFields {
    /// Bytes of an `hmap`.
    pub(crate) size: u64,
    count: At,
    flags: At,
    b: At,
    noverflow: At,
    hash0: At,
    buckets: At,
    oldbuckets: At,
    nevacuate: At,
    extra: At,
    clear_seq: At,
    /// Bytes of a `mapextra`.
    pub(crate) extra_size: u64,
    extra_overflow: At,
    extra_oldoverflow: At,
    extra_next_overflow: At,
}

impl ClassicFields {
    /// The header in these bytes.
    pub(crate) fn hmap(&self, abi: Abi, bytes: &[u8]) -> Hmap {
        Hmap {
            count: self.count.int(abi, bytes).unwrap_or(0),
            flags: self.flags.byte(abi, bytes),
            b: self.b.byte(abi, bytes),
            noverflow: self.noverflow.short(abi, bytes),
            hash0: u32::try_from(self.hash0.get(abi, bytes)).unwrap_or(u32::MAX),
            buckets: self.buckets.addr(abi, bytes),
            oldbuckets: self.oldbuckets.addr(abi, bytes),
            nevacuate: self.nevacuate.get(abi, bytes),
            extra: self.extra.addr(abi, bytes),
            clear_seq: self.clear_seq.uint(abi, bytes),
        }
    }

    /// The pointers of a `mapextra`: `overflow`, `oldoverflow`, `nextOverflow`.
    pub(crate) fn extra(&self, abi: Abi, bytes: &[u8]) -> [Addr; 3] {
        [
            self.extra_overflow,
            self.extra_oldoverflow,
            self.extra_next_overflow,
        ]
        .map(|at| {
            Addr(
                at.0.and_then(|field| abi.uptr(bytes, field.off))
                    .unwrap_or(0),
            )
        })
    }
}

/// The fields of `maps.Map`, and of its tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SwissFields {
    /// Bytes of a `maps.Map`.
    pub(crate) size: u64,
    used: At,
    seed: At,
    dir_ptr: At,
    dir_len: At,
    global_depth: At,
    global_shift: At,
    writing: At,
    tombstone_possible: At,
    clear_seq: At,
    /// Bytes of a `maps.table`.
    pub(crate) table_size: u64,
    table_used: At,
    capacity: At,
    growth_left: At,
    local_depth: At,
    index: At,
    groups_data: At,
    length_mask: At,
}

impl SwissFields {
    /// The header in these bytes.
    pub(crate) fn map(&self, abi: Abi, bytes: &[u8]) -> SwissMap {
        let tombstone_possible = self
            .tombstone_possible
            .uint(abi, bytes)
            .and_then(|v| u8::try_from(v).ok());
        let behind_writing = || self.writing.0?.off.checked_add(1);
        SwissMap {
            used: self.used.get(abi, bytes),
            seed: self.seed.get(abi, bytes),
            dir_ptr: self.dir_ptr.addr(abi, bytes),
            dir_len: self.dir_len.int(abi, bytes).unwrap_or(-1),
            global_depth: self.global_depth.byte(abi, bytes),
            global_shift: self.global_shift.byte(abi, bytes),
            writing: self.writing.byte(abi, bytes),
            tombstone_possible,
            padding: behind_writing()
                .filter(|_| tombstone_possible.is_none())
                .and_then(|at| bytes.get(at).copied()),
            clear_seq: self.clear_seq.get(abi, bytes),
        }
    }

    /// The fields of the table in these bytes.
    pub(crate) fn table(&self, abi: Abi, bytes: &[u8]) -> TableHeader {
        TableHeader {
            used: self.table_used.short(abi, bytes),
            capacity: self.capacity.short(abi, bytes),
            growth_left: self.growth_left.short(abi, bytes),
            local_depth: self.local_depth.byte(abi, bytes),
            index: self.index.int(abi, bytes).unwrap_or(i64::MIN),
            groups_data: self.groups_data.addr(abi, bytes),
            length_mask: self.length_mask.uint(abi, bytes).unwrap_or(u64::MAX),
        }
    }
}
