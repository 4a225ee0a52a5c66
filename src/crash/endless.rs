//! Whether an operation on a map can go on for ever.
//! In: a map. Out: yes, if a lookup in it never comes to an end.

use crate::base::addr::Addr;
use crate::base::limits::MAX_CHAIN;
use crate::base::limits::MAX_HANG_BUCKETS;
use crate::check::registry::check_map;
use crate::maps::image::Hmap;
use crate::maps::image::SlotLayout;
use crate::maps::reader::MapReader;
use crate::types::graph::TypeId;

/// The rule that a table breaks which has no empty slot: a lookup of what is not there finds no end.
/// Source: `internal/runtime/maps/table.go`, `getWithoutKey`, from go1.24.
const NO_EMPTY_SLOT: &str = "SW-EMPTY";

/// Whether some lookup in the map of type `ty` at `addr` has no end: a chain of overflow buckets is a
/// circle, or a table is full to the last slot.
pub fn is_endless(reader: &MapReader<'_, '_>, addr: Addr, ty: TypeId) -> bool {
    let Some(slots) = reader.slots(ty) else {
        return false;
    };
    match reader.hmap(addr) {
        Some(h) => has_circle(reader, &h, &slots),
        None => {
            let verdict = check_map(&reader.read(addr, slots));
            verdict.findings.iter().any(|f| f.rule == NO_EMPTY_SLOT)
        }
    }
}

/// Source: `runtime/map.go`, `bmap.overflow`: the last word of a bucket, all versions.
fn has_circle(reader: &MapReader<'_, '_>, h: &Hmap, slots: &SlotLayout) -> bool {
    let Some(off) = slots.overflow_off else {
        return false;
    };
    let old = h.old_buckets().filter(|_| !h.oldbuckets.is_nil());
    let arrays = [(h.buckets, h.main_buckets()), (h.oldbuckets, old)];
    for (start, len) in arrays {
        for i in 0..len.unwrap_or(0).min(MAX_HANG_BUCKETS) {
            let bucket = start.element(i, slots.size);
            if bucket.is_some_and(|b| is_circle(reader, b, off)) {
                return true;
            }
        }
    }
    false
}

/// Follows a chain with two fingers, one twice as fast.
fn is_circle(reader: &MapReader<'_, '_>, bucket: Addr, off: u64) -> bool {
    let mem = reader.program.mem;
    let next = |at: Addr| {
        let to = mem.read_addr(at.checked_add(off)?).ok()?;
        (!to.is_nil()).then_some(to)
    };
    let (mut slow, mut fast) = (bucket, bucket);
    for _ in 0..MAX_CHAIN {
        let Some(two) = next(fast).and_then(next) else {
            return false;
        };
        let Some(one) = next(slow) else { return false };
        (slow, fast) = (one, two);
        if slow == fast {
            return true;
        }
    }
    false
}
