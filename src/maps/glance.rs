//! A map read in one look: nearly all maps are small and as they should be, and an image costs more than their bytes.
//! In: a header's address and the map's type. Out: header, buckets or groups, and the hashes of the live keys, if all
//! that is looked up beside these is as it nearly always is. Otherwise nothing, which says only that an image is needed.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::limits::MAX_TABLE_CAPACITY;
use crate::base::recent::Recent;
use crate::hash::hasher::HasherFact;
use crate::hash::plan::Plan;
use crate::hash::run::KeyHasher;
use crate::maps::headers::HeaderFields;
use crate::maps::headers::SwissFields;
use crate::maps::heaptypes::other_type;
use crate::maps::image::Hmap;
use crate::maps::image::MIN_B_PREALLOC;
use crate::maps::image::Record;
use crate::maps::image::SlotLayout;
use crate::maps::image::SlotOffsets;
use crate::maps::image::SwissMap;
use crate::maps::image::TableHeader;
use crate::maps::image::slots_of;
use crate::maps::reader::MapReader;
use crate::maps::refplan::HalfPlan;
use crate::maps::refs;
use crate::runtime::homes::Begun;
use crate::runtime::homes::Near;
use crate::runtime::ptrmask::TypeRecord;
use crate::types::graph::TypeId;
use std::cell::Cell;
use std::sync::Arc;

/// A map with a few buckets, with one group, or with one table: each of its parts is an object of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'g, 'a> {
    pub(crate) abi: Abi,
    pub(crate) slots: &'g SlotLayout,
    pub(crate) offsets: &'g SlotOffsets,
    pub(crate) header: Header,
    /// Bytes of the header type.
    pub(crate) header_size: u64,
    /// The only table of a Swiss map that is not small.
    pub(crate) table: Option<OnlyTable>,
    /// Where buckets or groups begin; nil where there are none.
    storage: Addr,
    /// Buckets or groups, whole records one behind the other.
    bytes: &'a [u8],
    /// The hashes of all live keys, in the order of records and slots. Of a shape, there are none.
    pub(crate) hashes: &'g [u64],
}

/// A header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Header {
    Classic(Hmap),
    Swiss(SwissMap),
}

/// A table that is alone in its directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyTable {
    pub(crate) addr: Addr,
    pub(crate) header: TableHeader,
}

impl Header {
    fn seed(&self) -> u64 {
        match self {
            Header::Classic(h) => u64::from(h.hash0),
            Header::Swiss(m) => m.seed,
        }
    }
}

impl<'a> Glance<'_, 'a> {
    /// Whether the map has no storage.
    pub(crate) fn is_bare(&self) -> bool {
        self.storage.is_nil()
    }

    /// Calls `each` with the address of every piece of storage, as `MapImage::for_each_storage` does.
    pub(crate) fn for_each_storage(&self, mut each: impl FnMut(Addr)) {
        if let (Some(table), Header::Swiss(m)) = (self.table, &self.header) {
            each(m.dir_ptr);
            each(table.addr);
        }
        if !self.is_bare() {
            each(self.storage);
        }
    }

    /// Bytes of one bucket or group by its number.
    pub(crate) fn record(&self, n: u64) -> Option<&'a [u8]> {
        let size = usize::try_from(self.slots.size).ok()?;
        let from = usize::try_from(n).ok()?.checked_mul(size)?;
        self.bytes.get(from..from.checked_add(size)?)
    }

    /// The buckets, or the groups.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> {
        records(&self.header, self.slots.size, self.bytes)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        let n = (self.bytes.len() as u64).checked_div(self.slots.size);
        n.unwrap_or(0)
    }
}

fn records<'a>(
    header: &Header,
    size: u64,
    bytes: &'a [u8],
) -> impl Iterator<Item = Record<'a>> + use<'a> {
    let is_classic = matches!(header, Header::Classic(_));
    let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    (0..).zip(bytes.chunks_exact(size)).map(move |(n, bytes)| {
        if is_classic {
            Record::Bucket {
                old: false,
                chain: n,
                position: 0,
                bytes,
            }
        } else {
            Record::Group {
                dir: None,
                group: n,
                bytes,
            }
        }
    })
}

/// What all maps of a type have in common.
#[derive(Debug)]
struct Common<'v> {
    slots: Arc<SlotLayout>,
    offsets: SlotOffsets,
    /// How keys are hashed, if maps of this type have proven it and nothing is odd about the type.
    plan: Option<&'v Plan>,
    refs: &'v [HalfPlan; 2],
    /// What was last recorded as the type of an array, and can be.
    recorded: Cell<Option<Addr>>,
}

/// Looks at small maps, one after another.
pub(crate) struct Glancer<'v, 'a> {
    reader: MapReader<'v, 'a>,
    hasher: Option<KeyHasher<'v, 'v, 'a>>,
    common: Recent<TypeId, Option<Common<'v>>>,
    /// Where headers lie, and storage.
    near: [Near<'v>; 2],
    refs: refs::Recall<'v>,
    hashes: Vec<u64>,
}

impl<'v, 'a> Glancer<'v, 'a> {
    pub(crate) fn new(reader: &MapReader<'v, 'a>) -> Glancer<'v, 'a> {
        let hasher = KeyHasher::new(reader.hashers, reader.program.mem);
        Glancer {
            reader: *reader,
            hasher: hasher.filter(|_| reader.hashers.fault().is_none()),
            common: Recent::default(),
            near: Default::default(),
            refs: refs::Recall::default(),
            hashes: Vec::new(),
        }
    }

    /// The map at `addr` with the hashes of its keys, all of whose references lead where they should. `is_worth`: whether
    /// it is worth that, by header and storage.
    pub(crate) fn look(
        &mut self,
        addr: Addr,
        ty: TypeId,
        is_worth: impl FnOnce(&Glance<'_, 'a>) -> bool,
    ) -> Option<Glance<'_, 'a>> {
        let reader = &self.reader;
        let common = self.common.get(ty, || common(reader, ty))?.as_ref()?;
        let (plan, hasher) = (common.plan?, self.hasher.as_mut()?);
        let glance = shape(reader, common, addr, &mut self.near, true).filter(is_worth)?;
        let (seed, checker) = (glance.header.seed(), reader.refs());
        self.hashes.clear();
        hasher.start_over();
        let mut hash_some = |keys: &[&[u8]]| match hasher.hash8(plan, keys, seed) {
            Some(hashes) => {
                let hashes = hashes.get(..keys.len()).unwrap_or_default();
                self.hashes.extend_from_slice(hashes);
                true
            }
            None => keys.iter().all(|key| {
                let hash = hasher.hash(plan, key, seed).known();
                self.hashes.extend(hash);
                hash.is_some()
            }),
        };
        let (mut waiting, mut n): ([&[u8]; 8], usize) = ([&[]; 8], 0);
        for record in glance.records() {
            let (_, live) = record.marks(glance.abi);
            let bytes = record.bytes();
            for slot in slots_of(live) {
                *waiting.get_mut(n)? = common.offsets.key(bytes, slot)?;
                n = n.saturating_add(1);
                if n == waiting.len() {
                    hash_some(&waiting).then_some(())?;
                    n = 0;
                }
            }
            let record = (bytes, live);
            checker
                .are_sound(common.refs, &common.offsets, record, &mut self.refs)
                .then_some(())?;
        }
        hash_some(waiting.get(..n)?).then_some(())?;
        Some(Glance {
            hashes: &self.hashes,
            ..glance
        })
    }

    /// The map at `addr`, without a look at its entries.
    pub(crate) fn shape(&mut self, addr: Addr, ty: TypeId) -> Option<Glance<'_, 'a>> {
        let reader = &self.reader;
        let common = self.common.get(ty, || common(reader, ty))?.as_ref()?;
        shape(reader, common, addr, &mut self.near, false)
    }
}

/// `None` for types of which no map is told by a look.
fn common<'v>(reader: &MapReader<'v, '_>, ty: TypeId) -> Option<Common<'v>> {
    let slots = reader
        .slots(ty)
        .filter(|s| !s.indirect_key && !s.indirect_elem)?;
    let key_type = reader.hashers.key_type(slots.map_type);
    let facts = reader.keys().facts(key_type, &slots);
    let is_usual = facts.wrong.is_empty()
        && matches!(facts.hasher, HasherFact::Unknown | HasherFact::Fits(_))
        && reader.hashers.is_proven(slots.map_type);
    Some(Common {
        offsets: slots.offsets(),
        plan: key_type.plan.as_ref().filter(|_| is_usual),
        refs: reader.layouts.refs(reader.program.graph, &slots)?,
        recorded: Cell::new(None),
        slots,
    })
}

/// Header and storage. `with_books`: the allocator's books must agree with what the storage is taken for, too.
fn shape<'g, 'v, 'a>(
    reader: &MapReader<'v, 'a>,
    common: &'g Common<'v>,
    addr: Addr,
    near: &mut [Near<'v>; 2],
    with_books: bool,
) -> Option<Glance<'g, 'a>> {
    let (mem, heap) = (reader.program.mem, reader.heap);
    let [header_near, near] = near;
    let header_size = reader.layouts.family.header_size();
    let bytes = mem.slice(addr, header_size).ok()?;
    let header = match &reader.layouts.header {
        HeaderFields::Classic(fields) => Header::Classic(fields.hmap(mem.abi, bytes)),
        HeaderFields::Swiss(fields) => Header::Swiss(fields.map(mem.abi, bytes)),
    };
    let look = Look {
        reader,
        common,
        with_books,
    };
    let mut table = None;
    let (storage, records) = match (&header, &reader.layouts.header) {
        (Header::Classic(h), _) if h.b < MIN_B_PREALLOC && !h.growing() && h.extra.is_nil() => {
            (h.buckets, h.main_buckets()?)
        }
        (Header::Swiss(m), _) if m.dir_len == 0 => (m.dir_ptr, 1),
        (Header::Swiss(m), HeaderFields::Swiss(fields)) if m.dir_len == 1 => {
            let only = look.only_table(m, fields, near)?;
            (!only.header.groups_data.is_nil()).then_some(())?;
            table = Some(only);
            (
                only.header.groups_data,
                only.header.length_mask.checked_add(1)?,
            )
        }
        _ => return None, // larger, or it grows
    };
    let is_object = |b: &Begun| b.room >= header_size;
    heap.begun(header_near, addr).filter(is_object)?;
    let mut glance = Glance {
        abi: mem.abi,
        slots: &common.slots,
        offsets: &common.offsets,
        header,
        header_size,
        table,
        storage,
        bytes: &[],
        hashes: &[],
    };
    if !glance.is_bare() {
        let size = common.slots.size.checked_mul(records)?;
        glance.bytes = mem.slice(storage, size).ok()?;
        let begun = heap.begun(near, storage)?;
        // The allocator rounds up, but to less than twice as many.
        let most = size.checked_mul(2)?.checked_add(common.slots.size)?;
        let wanted = matches!(glance.header, Header::Swiss(_)).then_some(size);
        let fits = begun.room >= size && begun.room < most;
        (fits && look.is_array(storage, &begun, wanted)).then_some(())?;
    }
    Some(glance)
}

/// How one map is looked at.
struct Look<'l, 'v, 'a> {
    reader: &'l MapReader<'v, 'a>,
    common: &'l Common<'v>,
    with_books: bool,
}

impl<'v> Look<'_, 'v, '_> {
    /// The table of a directory of one.
    fn only_table(
        &self,
        map: &SwissMap,
        fields: &SwissFields,
        near: &mut Near<'v>,
    ) -> Option<OnlyTable> {
        let mem = self.reader.program.mem;
        let directory = mem.slice(map.dir_ptr, mem.abi.word()).ok()?;
        let addr = Addr(mem.abi.uptr(directory, 0)?);
        let bytes = mem.slice(addr, fields.table_size).ok()?;
        let header = fields.table(mem.abi, bytes);
        let is_one = u64::from(header.capacity / 8).checked_sub(1) == Some(header.length_mask)
            && header.capacity.is_power_of_two()
            && header.capacity <= MAX_TABLE_CAPACITY;
        let parts = [(map.dir_ptr, mem.abi.word()), (addr, fields.table_size)];
        let are_objects = parts.into_iter().all(|(addr, size)| {
            let begun = self.reader.heap.begun(near, addr);
            begun.is_some_and(|b| b.room >= size && self.is_pointers(&b, size))
        });
        (is_one && are_objects).then_some(OnlyTable { addr, header })
    }

    /// Whether an object can be one of `size` bytes with pointers, by the allocator's books.
    fn is_pointers(&self, begun: &Begun, size: u64) -> bool {
        let slot = || self.reader.heap.slot_size(size, true);
        !self.with_books || (!begun.noscan && slot() == Some(begun.slot))
    }

    /// Whether an object can be the array that the map takes it for, by the allocator's books. `wanted`: its bytes,
    /// if they are known.
    fn is_array(&self, addr: Addr, begun: &Begun, wanted: Option<u64>) -> bool {
        if !self.with_books {
            return true;
        }
        let (common, reader) = (self.common, self.reader);
        let (heap, slots) = (reader.heap, &common.slots);
        let slot = |size| heap.slot_size(size, slots.has_pointers) == Some(begun.slot);
        if begun.noscan == slots.has_pointers || !wanted.is_none_or(slot) {
            return false;
        }
        match heap.record_of(addr, begun) {
            TypeRecord::Nowhere => true,
            TypeRecord::Elsewhere => false,
            TypeRecord::At(at) => {
                let recorded = reader.program.mem.read_addr(at).ok();
                if recorded.is_some() && common.recorded.get() == recorded {
                    return true;
                }
                let object = heap.spans().object(addr).filter(|o| o.start == addr);
                object.is_some_and(|obj| {
                    let graph = reader.program.graph;
                    let fits = other_type(heap, reader.meta, graph, &obj, slots.size).is_none();
                    if fits && heap.recorded_type(&obj).is_some() {
                        common.recorded.set(recorded);
                    }
                    fits
                })
            }
        }
    }
}
