//! Whether a map's header lies at an address, by its fields and by what they lead to.
//! In: an address, nothing typed. Out: the header's storage, or no. It is strict: what it takes for a map
//! that nothing typed leads to must look like a sound one from end to end.

use crate::base::addr::Addr;
use crate::base::limits::MAX_B;
use crate::base::limits::MAX_DIRECTORY;
use crate::maps::image::Hmap;
use crate::maps::image::SLOTS;
use crate::maps::image::SwissMap;
use crate::maps::reader::MapReader;

/// The smallest seed of a Swiss map that is taken for one: it is a random word, and what is smaller is
/// more likely a counter, a length or a 32-bit address.
const MIN_SEED: u64 = 1 << 32;
/// More entries than any map has.
const MAX_LEN: u64 = 1 << 47;

/// A header, as far as it can be told without its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// What `len` would return.
    pub(crate) len: u64,
    /// The write flag.
    pub(crate) writing: bool,
    /// The arrays of buckets or groups, at least one.
    pub(crate) storage: Vec<Array>,
}

/// An array of buckets or groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Array {
    pub(crate) addr: Addr,
    /// Records in it, preallocated overflow buckets included.
    pub(crate) records: u64,
}

/// Reads the header at `addr`, if one is there. A map without storage has nothing that could be told
/// from other memory, and is none here.
pub(crate) fn read_header(reader: &MapReader<'_, '_>, addr: Addr) -> Option<Header> {
    if let Some(h) = reader.hmap(addr) {
        classic(&h)
    } else {
        swiss(reader, &reader.swiss_map(addr)?)
    }
}

/// Source: `runtime/map.go`, `makemap`, `hashGrow`, `makeBucketArray`, up to go1.23.
fn classic(h: &Hmap) -> Option<Header> {
    let sane = h.flags < 16
        && h.b <= MAX_B
        && h.hash0 != 0
        && !h.buckets.is_nil()
        && (h.flags & Hmap::SAME_SIZE_GROW == 0 || h.growing())
        && (h.b > 0 || h.noverflow == 0 || h.growing())
        && (h.b < 4 || !h.extra.is_nil());
    let len = u64::try_from(h.count).ok().filter(|n| *n < MAX_LEN)?;
    if !sane {
        return None;
    }
    let main = h.main_buckets()?;
    let mut storage = vec![Array {
        addr: h.buckets,
        records: with_prealloc(main, h.b)?,
    }];
    if h.growing() {
        let old = h.old_buckets()?;
        if h.nevacuate >= old {
            return None;
        }
        let old_b = u8::try_from(old.trailing_zeros()).ok()?;
        storage.push(Array {
            addr: h.oldbuckets,
            records: with_prealloc(old, old_b)?,
        });
    }
    Some(Header {
        len,
        writing: h.flags & Hmap::HASH_WRITING != 0,
        storage,
    })
}

fn with_prealloc(main: u64, b: u8) -> Option<u64> {
    match b.checked_sub(4) {
        Some(more) => main.checked_add(1u64.checked_shl(u32::from(more))?),
        None => Some(main),
    }
}

/// Source: `internal/runtime/maps/map.go` and `table.go`, from go1.24.
fn swiss(reader: &MapReader<'_, '_>, m: &SwissMap) -> Option<Header> {
    let flags = m.writing <= 1
        && m.tombstone_possible.is_none_or(|t| t <= 1)
        && m.padding.is_none_or(|p| p == 0)
        && m.clear_seq < MAX_LEN;
    let seed = m.seed >= MIN_SEED && !reader.program.mem.is_mapped(Addr(m.seed), 1);
    let len = u64::try_from(m.dir_len).ok()?;
    if !flags || !seed || m.used >= MAX_LEN || m.dir_ptr.is_nil() || len > MAX_DIRECTORY {
        return None;
    }
    let storage = if len == 0 {
        if m.global_depth != 0 || m.global_shift != 0 || m.used > SLOTS {
            return None;
        }
        vec![Array {
            addr: m.dir_ptr,
            records: 1,
        }]
    } else {
        tables(reader, m, len)?
    };
    Some(Header {
        len: m.used,
        writing: m.writing != 0,
        storage,
    })
}

fn tables(reader: &MapReader<'_, '_>, m: &SwissMap, len: u64) -> Option<Vec<Array>> {
    let word = reader.program.mem.abi.word();
    let bits = word.checked_mul(8)?;
    let depth = u64::from(m.global_depth);
    if 1u64.checked_shl(u32::from(m.global_depth)) != Some(len)
        || depth.checked_add(u64::from(m.global_shift)) != Some(bits)
    {
        return None;
    }
    let mut out = Vec::new();
    let (mut used, mut last) = (0u64, Addr::NIL);
    for i in 0..len {
        let at = reader
            .program
            .mem
            .read_addr(m.dir_ptr.element(i, word)?)
            .ok()?;
        if at == last {
            continue; // a table's entries lie side by side
        }
        last = at;
        let t = reader.swiss_table(at)?;
        let groups = u64::from(t.capacity) / SLOTS;
        let sane = t.capacity.is_power_of_two()
            && groups > 0
            && t.length_mask.checked_add(1) == Some(groups)
            && t.used <= t.capacity
            && t.growth_left <= t.capacity
            && t.local_depth <= m.global_depth
            && u64::try_from(t.index).ok() == Some(i);
        if !sane {
            return None;
        }
        used = used.checked_add(u64::from(t.used))?;
        out.push(Array {
            addr: t.groups_data,
            records: groups,
        });
    }
    (used.abs_diff(m.used) <= u64::from(m.writing)).then_some(out)
}
