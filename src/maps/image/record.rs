//! A bucket or group by itself: its marks as one word, and where its keys and elems are.
//! In: the bytes of one. Out: places, marks, keys and elems. Byte tricks on eight marks at a time are all here.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::maps::image::BucketRef;
use crate::maps::image::EntryRef;
use crate::maps::image::Place;
use crate::maps::image::SlotLayout;
use crate::maps::image::ctrl;
use crate::maps::image::tophash;

/// The highest bit of each byte.
pub const TOPS: u64 = 0x8080_8080_8080_8080;
/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The last cell or slot.
const LAST: u8 = 7;

/// A bucket or a group.
#[derive(Clone, Copy, Debug)]
pub enum Record<'i> {
    /// A bucket of a chain.
    Bucket {
        /// In `oldbuckets` rather than `buckets`.
        old: bool,
        /// Index of the main bucket.
        chain: u64,
        /// Position in the chain, 0 for the main bucket.
        position: u32,
        /// Its bytes.
        bytes: &'i [u8],
    },
    /// A group.
    Group {
        /// First directory index of the table; `None` for a small map.
        dir: Option<u64>,
        /// Its index.
        group: u64,
        /// Its bytes.
        bytes: &'i [u8],
    },
}

impl<'i> Record<'i> {
    /// Its bytes.
    pub fn bytes(&self) -> &'i [u8] {
        match self {
            Record::Bucket { bytes, .. } | Record::Group { bytes, .. } => bytes,
        }
    }

    /// The tophash or control bytes as one word, cell or slot 0 lowest, and the highest bit of each that holds an entry.
    pub fn marks(&self, abi: Abi) -> (u64, u64) {
        match self {
            Record::Bucket { bytes, .. } => {
                let marks = bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
                (marks, live_tops(marks))
            }
            Record::Group { bytes, .. } => {
                let marks = abi.u64(bytes, 0).unwrap_or_default();
                (marks, !marks & TOPS)
            }
        }
    }

    /// The highest bit of each mark whose cell or slot is free: empty, or deleted.
    pub fn free(&self, abi: Abi) -> u64 {
        let (marks, _) = self.marks(abi);
        let (one, other) = match self {
            Record::Bucket { .. } => (tophash::EMPTY_REST, tophash::EMPTY_ONE),
            Record::Group { .. } => (ctrl::EMPTY, ctrl::DELETED),
        };
        equal_tops(marks, one) | equal_tops(marks, other)
    }

    /// The place of its cell or slot `i`.
    pub fn place(&self, i: u8) -> Place {
        match *self {
            Record::Bucket {
                old,
                chain,
                position,
                ..
            } => Place::Cell {
                old,
                chain,
                position,
                cell: i,
            },
            Record::Group { dir, group, .. } => Place::Slot {
                dir,
                group,
                slot: i,
            },
        }
    }
}

/// Where keys and elems lie in a record, in the numbers of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SlotOffsets {
    keys_off: usize,
    key_stride: usize,
    key_size: usize,
    elems_off: usize,
    elem_stride: usize,
    elem_size: usize,
}

impl SlotLayout {
    /// Offsets, strides and sizes for whoever walks over many slots.
    pub fn offsets(&self) -> SlotOffsets {
        let n = |x: u64| usize::try_from(x).unwrap_or(usize::MAX);
        SlotOffsets {
            keys_off: n(self.keys_off),
            key_stride: n(self.key_stride),
            key_size: n(self.key_size),
            elems_off: n(self.elems_off),
            elem_stride: n(self.elem_stride),
            elem_size: n(self.elem_size),
        }
    }
}

impl SlotOffsets {
    /// The stored key `i` of a bucket or group.
    pub fn key<'b>(&self, record: &'b [u8], i: u8) -> Option<&'b [u8]> {
        let off = usize::from(i).saturating_mul(self.key_stride);
        let off = off.saturating_add(self.keys_off);
        record.get(off..off.checked_add(self.key_size)?)
    }

    /// The stored elem `i` of a bucket or group.
    pub fn elem<'b>(&self, record: &'b [u8], i: u8) -> Option<&'b [u8]> {
        let off = usize::from(i).saturating_mul(self.elem_stride);
        let off = off.saturating_add(self.elems_off);
        record.get(off..off.checked_add(self.elem_size)?)
    }

    /// The bytes from the stored key `i` to the end of the last key. In a group elems lie between them.
    pub fn keys_from<'b>(&self, record: &'b [u8], i: u8) -> Option<&'b [u8]> {
        let at = |i: u8| {
            usize::from(i)
                .checked_mul(self.key_stride)?
                .checked_add(self.keys_off)
        };
        record.get(at(i)?..at(LAST)?.checked_add(self.key_size)?)
    }

    /// The bytes from the stored elem `i` to the end of the last elem. In a group keys lie between them.
    pub fn elems_from<'b>(&self, record: &'b [u8], i: u8) -> Option<&'b [u8]> {
        let at = |i: u8| {
            usize::from(i)
                .checked_mul(self.elem_stride)?
                .checked_add(self.elems_off)
        };
        record.get(at(i)?..at(LAST)?.checked_add(self.elem_size)?)
    }

    pub(super) fn live_cells<'i>(
        &self,
        old: bool,
        b: &BucketRef<'i>,
        each: &mut impl FnMut(EntryRef<'i>),
    ) {
        let marks = b.marks();
        let (chain, position) = (b.chain, b.position);
        let place = |cell| Place::Cell {
            old,
            chain,
            position,
            cell,
        };
        self.marked(b.bytes, b.addr, marks, live_tops(marks), place, each);
    }

    /// Calls `each` for every slot whose byte in `tops` has its highest bit set.
    pub(super) fn marked<'i>(
        &self,
        bytes: &'i [u8],
        record_addr: Addr,
        marks: u64,
        tops: u64,
        place: impl Fn(u8) -> Place,
        each: &mut impl FnMut(EntryRef<'i>),
    ) {
        for idx in slots_of(tops) {
            if let (Some(key), Some(elem)) = (self.key(bytes, idx), self.elem(bytes, idx)) {
                let [mark, ..] = marks
                    .wrapping_shr(u32::from(idx).wrapping_mul(8))
                    .to_le_bytes();
                each(EntryRef {
                    place: place(idx),
                    record_addr,
                    idx,
                    mark,
                    key,
                    elem,
                });
            }
        }
    }
}

impl BucketRef<'_> {
    /// The tophash bytes as one word, cell 0 lowest.
    pub fn marks(&self) -> u64 {
        u64::from_le_bytes(self.tophash())
    }
}

/// Of a word of tophash bytes: the highest bit of each that says its cell holds an entry (5 and more).
pub fn live_tops(marks: u64) -> u64 {
    // 0x7f + 0x7b is below 0x100: no sum disturbs its neighbour.
    ((marks & !TOPS).wrapping_add(ONES.wrapping_mul(0x7b)) | marks) & TOPS
}

/// The numbers of the bytes whose highest bit is set, ascending.
pub fn slots_of(tops: u64) -> impl Iterator<Item = u8> {
    let mut rest = tops & TOPS;
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let [slot, ..] = (rest.trailing_zeros() / 8).to_le_bytes();
        rest &= rest.wrapping_sub(1);
        Some(slot)
    })
}

/// The highest bit of each byte of `word` that equals `byte`.
pub fn equal_tops(word: u64, byte: u8) -> u64 {
    let x = word ^ ONES.wrapping_mul(u64::from(byte));
    // The sum inside stays below 0x100 in every byte.
    let not_zero = (x & !TOPS).wrapping_add(!TOPS) | x;
    !not_zero & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_marks_say_what_their_bytes_say() {
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for n in 0..20_000u32 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            // Bytes near the limits are rare by chance.
            let word = if n % 2 == 0 {
                x
            } else {
                x & 0x8787_8787_8787_8787
            };
            let bytes = word.to_le_bytes();
            let by = |is: &dyn Fn(u8) -> bool| -> Vec<u8> {
                (0u8..8)
                    .zip(bytes)
                    .filter(|(_, b)| is(*b))
                    .map(|(i, _)| i)
                    .collect()
            };
            assert_eq!(
                slots_of(live_tops(word)).collect::<Vec<_>>(),
                by(&tophash::is_live)
            );
            assert_eq!(slots_of(!word).collect::<Vec<_>>(), by(&ctrl::is_full));
            for byte in [0u8, 1, 4, 0x80, 0xfe, 0x87] {
                let equal = slots_of(equal_tops(word, byte)).collect::<Vec<_>>();
                assert_eq!(equal, by(&|b| b == byte), "{word:#x} {byte:#x}");
            }
        }
    }

    #[test]
    fn the_end_of_a_record_begins_with_its_key_and_its_elem() {
        // A group of eight slots of a 4-byte key and a 2-byte elem behind it, 8 bytes from slot to slot.
        let slots = SlotOffsets {
            keys_off: 8,
            key_stride: 8,
            key_size: 4,
            elems_off: 12,
            elem_stride: 8,
            elem_size: 2,
        };
        let bytes: Vec<u8> = (0..72).collect();
        for i in 0..8u8 {
            let from = |part: Option<&[u8]>| part.and_then(|p| Some((*p.first()?, *p.last()?)));
            let key = slots.key(&bytes, i).and_then(|k| k.first().copied());
            let elem = slots.elem(&bytes, i).and_then(|e| e.first().copied());
            assert_eq!(from(slots.keys_from(&bytes, i)), key.map(|k| (k, 67)));
            assert_eq!(from(slots.elems_from(&bytes, i)), elem.map(|e| (e, 69)));
        }
        assert_eq!(
            slots.elems_from(bytes.get(..69).unwrap_or_default(), 0),
            None
        );
    }
}
