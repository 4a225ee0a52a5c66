//! Whether keys fit the slots they stand in: by their marks, and by the way of a lookup.
//! In: a bucket or group with the hashes of its keys; a hash and a table. Out: yes or no.

use crate::base::bytes::Abi;
use crate::hash::place;
use crate::maps::image::Record;
use crate::maps::image::slots_of;

/// Whether the live slots of a bucket or group have the marks of these hashes: one comparison of all of them.
pub(super) fn have_marks(abi: Abi, record: &Record<'_>, hashes: &[u64]) -> bool {
    let (marks, live) = record.marks(abi);
    let mut expected = 0u64;
    let mut add = |mark: fn(Abi, u64) -> u8| {
        for (slot, hash) in slots_of(live).zip(hashes) {
            let mark = u64::from(mark(abi, *hash));
            expected |= mark.wrapping_shl(u32::from(slot).wrapping_mul(8));
        }
    };
    match record {
        Record::Bucket { .. } => add(place::tophash),
        Record::Group { .. } => add(|_, hash| place::h2(hash)),
    }
    // The highest bits of some bytes become all bits of them.
    expected == marks & (live >> 7).wrapping_mul(0xff)
}

/// Whether a lookup of a key of this hash, in a table of `mask` + 1 groups, comes to the group: it ends at none before.
pub(super) fn is_reached(hash: u64, mask: u64, group: u64, ends: impl Fn(u64) -> bool) -> bool {
    place::h1(hash) & mask == group
        || !place::probe(hash, mask)
            .take_while(|at| *at != group)
            .any(ends)
}
