//! What the rules see of a bucket or group, taken from its bytes, and painted into bytes again.
//! In: the bytes of the process, or what a line says. Out: a `Sight`, or bytes in which the rules see the same.
//!
//! **Painted bytes are for the rules alone.** Marks and overflow pointer are those of the process. Keys and elems
//! are all zero, also those of entries, but for single bytes of 1: the last byte of an elem, or of the last pointer
//! of a key, where a slot without an entry has left-overs; and the first byte that was not zero, where `CL-UNEVACDST`
//! or `CL-NEXTOVF` wants a bucket all of zeros. Nothing else is looked at by any rule: `check/common.rs` tells what
//! left-overs are, `check_unevacdst` and `check_unused` look for zeros, and the others read marks and pointers.

use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::base::bytes::all_zero;
use crate::check::common::is_stale_elem;
use crate::check::common::is_stale_key;
use crate::maps::image::SlotLayout;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;
use crate::maps::image::tophash;

/// Bytes of the marks, which come first.
const MARKS: usize = 8;

/// What the rules see of a bucket or group, beside keys' hashes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sight {
    /// Tophash or control bytes, slot 0 first.
    pub(super) marks: [u8; MARKS],
    /// The overflow pointer of a bucket.
    pub(super) overflow: u64,
    /// Bit i: slot i holds no entry, and its key has left-overs.
    pub(super) stale_keys: u8,
    /// Bit i: the same of its elem.
    pub(super) stale_elems: u8,
    /// Offset of the first byte behind the marks that is not zero, where that matters.
    pub(super) rest: Option<u64>,
}

/// How buckets or groups of one map are looked at and painted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eye<'l> {
    pub(super) abi: Abi,
    pub(super) slots: &'l SlotLayout,
    pub(super) is_swiss: bool,
}

impl Eye<'_> {
    /// Tophash or control bytes, slot 0 first.
    pub(super) fn marks(&self, record: &[u8]) -> [u8; MARKS] {
        if self.is_swiss {
            return group_ctrls(self.abi, record);
        }
        record.first_chunk::<MARKS>().copied().unwrap_or_default()
    }

    /// Whether a slot with this mark holds an entry.
    pub(super) fn is_live(&self, mark: u8) -> bool {
        match self.is_swiss {
            true => ctrl::is_full(mark),
            false => tophash::is_live(mark),
        }
    }

    /// Whether the rules look for left-overs in a slot with this mark.
    fn is_free(&self, mark: u8) -> bool {
        match self.is_swiss {
            true => mark == ctrl::EMPTY || mark == ctrl::DELETED,
            false => mark <= tophash::EMPTY_ONE,
        }
    }

    /// The overflow pointer; 0 where there is none.
    pub(super) fn overflow(&self, record: &[u8]) -> u64 {
        let off = self.slots.overflow_off.filter(|_| !self.is_swiss);
        off.and_then(|off| usize::try_from(off).ok())
            .and_then(|off| self.abi.uptr(record, off))
            .unwrap_or(0)
    }

    /// Everything that is seen of a bucket or group but `rest`.
    pub(super) fn look(&self, record: &[u8]) -> Sight {
        let marks = self.marks(record);
        let mut out = Sight {
            marks,
            overflow: self.overflow(record),
            ..Sight::default()
        };
        if record.get(MARKS..).is_none_or(all_zero) {
            return out;
        }
        for (i, mark) in (0u8..).zip(marks) {
            if self.is_free(mark) {
                let slot = u64::from(i);
                let key = is_stale_key(self.abi, self.slots, record, slot);
                let elem = is_stale_elem(self.slots, record, slot);
                out.stale_keys |= u8::from(key).unbounded_shl(u32::from(i));
                out.stale_elems |= u8::from(elem).unbounded_shl(u32::from(i));
            }
        }
        out
    }

    /// Writes into `record`, which is all zero.
    pub(super) fn paint(&self, record: &mut [u8], sight: &Sight) {
        for i in 0..8u8 {
            let slot = u64::from(i);
            let has = |mask: u8| mask.unbounded_shr(u32::from(i)) & 1 != 0;
            if has(sight.stale_keys) {
                let word = self.slots.key_ptr_words.iter().max();
                let end = match (self.slots.indirect_key, word) {
                    (false, Some(off)) => off.saturating_add(self.abi.word()),
                    _ => self.slots.key_size,
                };
                touch(record, self.slots.key_off(slot), end);
            }
            if has(sight.stale_elems) {
                touch(record, self.slots.elem_off(slot), self.slots.elem_size);
            }
        }
        if let Some(rest) = sight.rest {
            touch(record, rest, 1);
        }
        // The pointer last: what stands in it is exact.
        if let Some(off) = self.slots.overflow_off.filter(|_| !self.is_swiss) {
            put(self.abi, record, off, self.abi.word(), sight.overflow);
        }
        if self.is_swiss {
            put(self.abi, record, 0, 8, u64::from_le_bytes(sight.marks));
        } else if let Some(marks) = record.first_chunk_mut::<MARKS>() {
            *marks = sight.marks;
        }
    }
}

/// The first byte behind the marks that is not zero.
pub(super) fn first_rest(record: &[u8]) -> Option<u64> {
    let at = record.iter().skip(MARKS).position(|b| *b != 0)?;
    u64::try_from(at.saturating_add(MARKS)).ok()
}

/// Sets the last of `size` bytes at `off` to 1.
fn touch(record: &mut [u8], off: u64, size: u64) {
    let at = off.saturating_add(size).checked_sub(1);
    let at = at.and_then(|at| usize::try_from(at).ok());
    if let Some(byte) = at.and_then(|at| record.get_mut(at)) {
        *byte = 1;
    }
}

/// Writes an integer of `size` bytes, 4 or 8.
fn put(abi: Abi, record: &mut [u8], off: u64, size: u64, value: u64) {
    let Some(room) = usize::try_from(off)
        .ok()
        .and_then(|off| record.get_mut(off..))
    else {
        return;
    };
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default();
    match (size, abi.endian) {
        (4, Endian::Little) => fill(room, low.to_le_bytes()),
        (4, Endian::Big) => fill(room, low.to_be_bytes()),
        (_, Endian::Little) => fill(room, value.to_le_bytes()),
        (_, Endian::Big) => fill(room, value.to_be_bytes()),
    }
}

fn fill<const N: usize>(room: &mut [u8], bytes: [u8; N]) {
    if let Some(room) = room.first_chunk_mut::<N>() {
        *room = bytes;
    }
}
