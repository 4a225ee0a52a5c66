//! The spans of the heap: which objects there are, where they start, whether they live.
//! In: spans as `spantable.rs` decoded them, and their bitmaps. Out: spans by address, objects, their state.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::process::memory::Memory;
use crate::runtime::spantable::SpanTable;
use std::borrow::Cow;

/// A run of pages with objects of one size, or with memory that the runtime manages by hand.
/// Source: `runtime/mheap.go`, `mspan`, all versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// Where the runtime keeps its books of it: its `mspan`.
    pub mspan: Addr,
    /// Its pages, in the process.
    pub pages: AddrRange,
    /// First address behind its last object; behind it may lie bitmaps. For a large object it tells what
    /// was asked for: `limit - pages.start` bytes.
    pub limit: Addr,
    /// Bytes of a slot (`elemsize`), malloc header included; of all pages for a large object.
    pub elem_size: u64,
    /// Slots (`nelems`); 0 in a span managed by hand.
    pub elems: u64,
    /// Its objects hold no pointers.
    pub noscan: bool,
    /// Size class; 0 for one large object.
    pub class: u8,
    /// Managed by hand: stacks, and memory of the runtime itself. It has no objects.
    pub manual: bool,
    /// Bytes of malloc header at the start of each slot: 0 or 8.
    pub header: u64,
    /// The type descriptor recorded for a large object with pointers; nil before go1.22.
    pub large_type: Addr,
    /// How far the sweep is with it.
    pub sweep: Sweep,
    /// The first of its finalizers, cleanups and the like; nil for none.
    pub specials: Addr,
    /// A chunk of a user arena (`GOEXPERIMENT=arenas`): its inner layout is not known.
    pub user_arena: bool,
    /// Mark bits at the end of its page (Green Tea); nil for none.
    pub(crate) inline_marks: Addr,
    pub(crate) free_index: u64,
    pub(crate) alloc_bits: Addr,
    pub(crate) mark_bits: Addr,
}

/// How far the sweep is with a span. Source: `runtime/mheap.go`, the comment at `mspan.sweepgen`,
/// all versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sweep {
    /// Done: what the last collection found dead is free.
    Swept,
    /// Still to come: what is not marked is dead.
    Unswept,
    /// Under way as the process died.
    Sweeping,
    /// The number says nothing, or could not be read.
    Unknown,
}

/// An object's slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object {
    /// Position of its span in `Spans::list`.
    pub span: usize,
    /// Index of the slot in the span.
    pub slot: u64,
    /// First byte of the slot.
    pub slot_start: Addr,
    /// First byte of the object as Go code sees it: behind the malloc header where there is one.
    pub start: Addr,
    /// Usable bytes from `start` to the end of the slot; the object may be smaller.
    pub size: u64,
}

/// Whether a slot holds an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotState {
    /// An object, as far as the allocator and the collector know alive.
    Allocated,
    /// No object.
    Free,
    /// An object that the last collection found unreachable, not swept yet. One with a finalizer
    /// will be revived once by the sweep.
    Dead,
}

/// All spans in use, and the memory their bitmaps lie in.
#[derive(Clone, Copy, Debug)]
pub struct Spans<'h, 'a> {
    mem: &'h Memory<'a>,
    table: &'h SpanTable,
}

impl<'h, 'a> Spans<'h, 'a> {
    pub(crate) fn new(mem: &'h Memory<'a>, table: &'h SpanTable) -> Spans<'h, 'a> {
        Spans { mem, table }
    }

    /// The spans, ascending and disjoint.
    pub fn list(&self) -> &'h [Span] {
        &self.table.spans
    }

    /// Whether all spans of the process are here: the list could be read, and every span in it.
    pub fn is_complete(&self) -> bool {
        self.table.listed && self.table.unusable == 0
    }

    /// Spans that are left out because they could not be read, or claim what cannot be (slots beyond
    /// their pages, pages of another span, a size that is not their class's).
    pub fn unusable(&self) -> u64 {
        self.table.unusable
    }

    /// The span whose pages hold `addr`, and its position. Takes no search over all spans.
    pub fn find(&self, addr: Addr) -> Option<(usize, &'h Span)> {
        let near = self.table.index.candidates(addr);
        let spans = self.table.spans.get(near.clone())?;
        let i = spans
            .partition_point(|s| s.pages.start <= addr)
            .checked_sub(1)?;
        let span = spans.get(i).filter(|s| s.pages.contains(addr))?;
        Some((near.start.checked_add(i)?, span))
    }

    /// The slot that holds `addr`, be it allocated or not. `None` where the books keep no objects.
    pub fn object(&self, addr: Addr) -> Option<Object> {
        let (i, span) = self.find(addr)?;
        let off = addr.offset_from(span.pages.start)?;
        let slot = off.checked_div(span.elem_size)?; // 0 in a span managed by hand
        (slot < span.elems && addr < span.limit).then(|| span.object(i, slot))
    }

    /// Whether a slot holds an object. Source: `runtime/mbitmap.go`, `(*mspan).isFree`, all versions.
    /// An object that only its mark bit shows counts as allocated (see `heap.rs`). `None` when the bitmaps
    /// cannot be read.
    pub fn state(&self, obj: &Object) -> Option<SlotState> {
        let span = self.list().get(obj.span)?;
        let states = self.bits(span)?.states(obj.slot / 64);
        let bit = 1u64.checked_shl(u32::try_from(obj.slot % 64).ok()?)?;
        Some(if states.allocated & bit != 0 {
            SlotState::Allocated
        } else if states.dead & bit != 0 {
            SlotState::Dead
        } else {
            SlotState::Free
        })
    }

    /// Calls `each` with every allocated object of the span at position `span`, ascending; false when
    /// its bitmaps cannot be read. Costs a look at each 64 slots, and nothing is kept.
    pub fn for_each_allocated(&self, span: usize, each: impl FnMut(Object)) -> bool {
        self.for_each(span, SlotState::Allocated, each).is_some()
    }

    /// The same for the objects that are dead but not swept.
    pub fn for_each_dead(&self, span: usize, each: impl FnMut(Object)) -> bool {
        self.for_each(span, SlotState::Dead, each).is_some()
    }

    fn for_each(&self, idx: usize, want: SlotState, mut each: impl FnMut(Object)) -> Option<()> {
        let span = self.list().get(idx)?;
        let bits = self.bits(span)?;
        for i in 0..span.elems.div_ceil(64) {
            let states = bits.states(i);
            let mut word = match want {
                SlotState::Allocated => states.allocated,
                SlotState::Dead => states.dead,
                SlotState::Free => !(states.allocated | states.dead),
            };
            while word != 0 {
                let slot = i
                    .saturating_mul(64)
                    .saturating_add(u64::from(word.trailing_zeros()));
                if slot < span.elems {
                    each(span.object(idx, slot));
                }
                word &= word.wrapping_sub(1);
            }
        }
        Some(())
    }

    fn bits(&self, span: &Span) -> Option<SlotBits<'a>> {
        // During the swap of a sweep the mark bits become the allocation bits and are replaced by
        // clear ones; `freeindex` is set to 0 before. Source: `runtime/mgcsweep.go`,
        // `(*sweepLocked).sweep`, all versions.
        let condemns = !self.table.marking
            && match span.sweep {
                Sweep::Unswept => true,
                Sweep::Sweeping => span.free_index != 0 && span.alloc_bits != span.mark_bits,
                Sweep::Swept | Sweep::Unknown => false,
            };
        let all_below = span.free_index >= span.elems;
        let read = |at: Addr, wanted: bool| {
            if at.is_nil() || !wanted {
                return Some(Cow::Borrowed([].as_slice()));
            }
            self.mem.bytes(at, span.elems.div_ceil(8)).ok()
        };
        Some(SlotBits {
            alloc: read(span.alloc_bits, !all_below)?,
            marks: read(span.mark_bits, condemns || !all_below)?,
            inline_marks: read(span.inline_marks, condemns || !all_below)?,
            free_index: span.free_index,
            elems: span.elems,
            condemns,
        })
    }
}

impl Span {
    /// The object in slot `slot`, which is below `elems`: decoding made sure that it lies in the pages.
    fn object(&self, span: usize, slot: u64) -> Object {
        let off = slot.saturating_mul(self.elem_size);
        let slot_start = Addr(self.pages.start.0.saturating_add(off));
        Object {
            span,
            slot,
            slot_start,
            start: Addr(slot_start.0.saturating_add(self.header)),
            size: self.elem_size.saturating_sub(self.header),
        }
    }
}

/// The bitmaps of one span; bit i of byte i/8 is slot i, whatever the machine's byte order.
struct SlotBits<'a> {
    alloc: Cow<'a, [u8]>,
    marks: Cow<'a, [u8]>,
    inline_marks: Cow<'a, [u8]>,
    free_index: u64,
    elems: u64,
    /// Whether what is not marked is dead.
    condemns: bool,
}

/// 64 slots, the first in the lowest bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct States {
    allocated: u64,
    dead: u64,
}

impl SlotBits<'_> {
    fn states(&self, i: u64) -> States {
        let inside = below(self.elems, i);
        let claimed = below(self.free_index, i) | word(&self.alloc, i);
        let marked = word(&self.marks, i) | word(&self.inline_marks, i);
        if self.condemns {
            States {
                allocated: marked & inside,
                dead: claimed & !marked & inside,
            }
        } else {
            States {
                allocated: (claimed | marked) & inside,
                dead: 0,
            }
        }
    }
}

/// Bits `64 i` to `64 i + 63` of a bitmap kept in bytes; what it does not have is 0.
fn word(bytes: &[u8], i: u64) -> u64 {
    let from = usize::try_from(i).unwrap_or(usize::MAX).saturating_mul(8);
    let rest = bytes.get(from..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*whole);
    }
    let mut out = [0; 8];
    for (to, b) in out.iter_mut().zip(rest) {
        *to = *b;
    }
    u64::from_le_bytes(out)
}

/// Of the slots `64 i` to `64 i + 63`, those below `n`.
fn below(n: u64, i: u64) -> u64 {
    match n.saturating_sub(i.saturating_mul(64)) {
        0 => 0,
        left => u64::MAX
            .checked_shr(u32::try_from(64u64.saturating_sub(left)).unwrap_or(0))
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(free_index: u64, alloc: &[u8], marks: &[u8], condemns: bool) -> SlotBits<'static> {
        SlotBits {
            alloc: Cow::Owned(alloc.to_vec()),
            marks: Cow::Owned(marks.to_vec()),
            inline_marks: Cow::Owned(Vec::new()),
            free_index,
            elems: 70,
            condemns,
        }
    }

    #[test]
    fn below_the_free_index_or_with_a_bit_is_allocated() {
        let b = bits(3, &[0b1100_0001, 0, 0, 0, 0, 0, 0, 0, 0xff], &[], false);
        assert_eq!(b.states(0).allocated, 0b1100_0111);
        assert_eq!(b.states(1).allocated, 0b11_1111); // 70 slots: no more than six in the second word
        assert_eq!(b.states(2).allocated, 0);
        assert_eq!(b.states(u64::MAX).allocated, 0);
    }

    #[test]
    fn what_only_a_mark_shows_is_allocated() {
        let b = bits(0, &[], &[0b10], false);
        assert_eq!(b.states(0).allocated, 0b10);
    }

    #[test]
    fn in_an_unswept_span_what_is_not_marked_is_dead() {
        let b = bits(3, &[0b1_0000], &[0b10_0010], true);
        let states = States {
            allocated: 0b10_0010,
            dead: 0b1_0101,
        };
        assert_eq!(b.states(0), states);
    }

    #[test]
    fn words_of_a_bitmap_end_where_it_ends() {
        assert_eq!(word(&[1, 2, 3], 0), 0x03_0201);
        assert_eq!(word(&[0; 8], 1), 0);
        assert_eq!(word(&[9; 17], 2), 9);
        assert_eq!(
            [below(0, 0), below(64, 0), below(65, 1), below(63, 0)],
            [0, u64::MAX, 1, u64::MAX >> 1]
        );
    }
}
