//! Where an address of the heap lies, told in a few loads: each arena's page table is decoded once, when first asked.
//! In: the arenas that the process's memory covers, and the allocator's books. Out: the home of an address, or
//! that the books must be read field by field (`heap.rs`), as something about them is odd.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::process::memory::Memory;
use crate::runtime::claims::FieldAt;
use crate::runtime::heap::Books;
use crate::runtime::heap::PAGE;
use crate::runtime::heap::STATE_IN_USE;
use crate::runtime::heap::STATE_MANUAL;
use std::ops::Range;
use std::sync::OnceLock;

/// Most arenas that are remembered: 4 TiB of heap in arenas of 64 MiB. Others are looked up as they come.
const MAX_ARENAS: u64 = 1 << 16;

/// A page of no span.
const NO_SPAN: u32 = 0;
/// A page whose books are odd.
const ODD: u32 = 1;
/// Number of the first span.
const FIRST: u32 = 2;

/// The arenas, each decoded when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    /// By number, ascending.
    arenas: Vec<(u64, OnceLock<Option<Box<Arena>>>)>,
    /// By the low bits of an arena's number, its position: right nearly always.
    near: Vec<u32>,
}

/// The span that was asked for last: what is asked for next often lies in it too.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Near<'h>(Option<(&'h Arena, &'h SpanHome)>);

/// An allocated object, told by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Begun {
    /// Usable bytes.
    pub(crate) room: u64,
    /// Bytes of its slot, malloc header included.
    pub(crate) slot: u64,
    /// Whether it is without pointers.
    pub(crate) noscan: bool,
}

/// One arena.
#[derive(Debug)]
struct Arena {
    /// By page: `NO_SPAN`, `ODD`, or `FIRST` and the position of its span.
    pages: Vec<u32>,
    spans: Vec<SpanHome>,
    /// The bits of all spans, one behind the other: whether a slot is allocated that is not below the span's
    /// `free_index`, by one of its two bitmaps.
    bits: Vec<u8>,
}

/// What of an mspan tells where an address in it lies. There are hundreds of thousands, looked at in no order, so it is
/// small: a span with larger numbers counts as odd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanHome {
    start: Addr,
    bytes: u32,
    /// Of these, those that hold slots: from `start` to `mspan.limit`.
    used: u32,
    elem_size: u32,
    free_index: u32,
    /// Slots that have a bit.
    elems: u32,
    /// Where its bits begin in the arena's.
    bits: u32,
    header: u8,
    kind: SpanKind,
    noscan: bool,
    /// The page table names it for all of its pages, so that an address in it is in no other span.
    whole: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SpanKind {
    /// Freed since, though the page table still names it.
    Free,
    /// Managed by hand.
    Manual,
    /// With objects.
    Objects,
}

impl Homes {
    /// The arenas that memory covers; none is decoded yet.
    pub(crate) fn new(mem: &Memory<'_>, books: &Books) -> Homes {
        let mut numbers: Vec<u64> = Vec::new();
        for range in mem.ranges() {
            let last = books.arena_number(Addr(range.end.0.saturating_sub(1)));
            let first = books.arena_number(range.start);
            // The high half of the address space has the low numbers; a range over its end is nobody's heap.
            if last.checked_sub(first).is_some_and(|n| n < MAX_ARENAS) {
                let seen = numbers.last().map_or(first, |n| n.saturating_add(1));
                numbers.extend(if seen > last { first } else { first.max(seen) }..=last);
            }
            if numbers.len() as u64 > MAX_ARENAS {
                break;
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let room = numbers.len().saturating_mul(4).next_power_of_two();
        let mut near = vec![0u32; room];
        for (i, n) in (0u32..).zip(&numbers) {
            if let Some(slot) = near.get_mut(bucket(*n, room)) {
                *slot = i;
            }
        }
        Homes {
            arenas: numbers.into_iter().map(|n| (n, OnceLock::new())).collect(),
            near,
        }
    }

    /// Where `addr` lies, if it is in a span and the span's books are whole, or in an arena's page without a
    /// span. `None`: the books must be read field by field.
    pub(crate) fn find(&self, mem: &Memory<'_>, books: &Books, addr: Addr) -> Option<Home> {
        let (arena, number) = self.page(mem, books, addr)?;
        match number {
            NO_SPAN => Some(Home::FreeSpan),
            _ => arena.span(number)?.home(&arena.bits, addr),
        }
    }

    /// What the span of an address says of it: first that which was asked last, then that of its page.
    #[inline]
    pub(crate) fn ask<'h, T>(
        &'h self,
        (mem, books): (&Memory<'_>, &Books),
        near: &mut Near<'h>,
        addr: Addr,
        what: impl Fn(&SpanHome, &[u8], Addr) -> Option<T>,
    ) -> Option<T> {
        if let Some((arena, span)) = near.0
            && let Some(said) = what(span, &arena.bits, addr)
        {
            return Some(said);
        }
        let (arena, number) = self.page(mem, books, addr)?;
        let span = arena.span(number)?;
        near.0 = span.whole.then_some((arena, span));
        what(span, &arena.bits, addr)
    }

    /// The slot that begins at `addr`, be it allocated or not, if nothing stands in front of objects there: its bytes,
    /// and whether it is without pointers.
    pub(crate) fn slot(&self, mem: &Memory<'_>, books: &Books, addr: Addr) -> Option<(u64, bool)> {
        let (arena, number) = self.page(mem, books, addr)?;
        let span = arena.span(number)?;
        let off = u32::try_from(addr.0.wrapping_sub(span.start.0)).ok()?;
        let is_one = span.kind == SpanKind::Objects
            && span.header == 0
            && off < span.used.min(span.bytes)
            && off.checked_rem(span.elem_size) == Some(0);
        is_one.then_some((u64::from(span.elem_size), span.noscan))
    }

    /// The arena of `addr`, and what its page table says.
    #[inline]
    fn page(&self, mem: &Memory<'_>, books: &Books, addr: Addr) -> Option<(&Arena, u32)> {
        let number = books.arena_number(addr);
        let guess = *self.near.get(bucket(number, self.near.len()))?;
        let guess = usize::try_from(guess).ok()?;
        let (_, cell) = match self.arenas.get(guess) {
            Some(arena) if arena.0 == number => arena,
            _ => {
                let i = self.arenas.binary_search_by_key(&number, |a| a.0).ok()?;
                self.arenas.get(i)?
            }
        };
        let arena = cell
            .get_or_init(|| Arena::decode(mem, books, addr).map(Box::new))
            .as_ref()?;
        let page = usize::try_from(books.arena_offset(addr) / PAGE).ok()?;
        Some((arena, *arena.pages.get(page)?))
    }
}

/// Where an arena's position is kept; `room` is a power of two.
#[inline]
fn bucket(number: u64, room: usize) -> usize {
    usize::try_from(number & (room as u64).wrapping_sub(1)).unwrap_or(0)
}

impl Arena {
    /// The span of a number; `None` for `NO_SPAN` and `ODD`.
    #[inline]
    fn span(&self, number: u32) -> Option<&SpanHome> {
        self.spans
            .get(usize::try_from(number.checked_sub(FIRST)?).ok()?)
    }

    /// `None` when there are no books of the arena of `addr`, or when they cannot be read.
    fn decode(mem: &Memory<'_>, books: &Books, addr: Addr) -> Option<Arena> {
        let (arena, _) = books.arena_of(mem, addr).ok().flatten()?;
        let pages = books.arena_size / PAGE;
        let word = mem.abi.word();
        let table = mem
            .slice(
                arena.checked_add(books.spans_off)?,
                pages.checked_mul(word)?,
            )
            .ok()?;
        let mut out = Arena {
            pages: Vec::with_capacity(usize::try_from(pages).ok()?),
            spans: Vec::new(),
            bits: Vec::new(),
        };
        let mut last = (Addr::NIL, NO_SPAN);
        for entry in table.chunks_exact(usize::from(mem.abi.ptr_size)) {
            let span = Addr(mem.abi.uptr(entry, 0)?);
            if span != last.0 {
                let number = match SpanHome::decode(mem, books, span, &mut out.bits) {
                    _ if span.is_nil() => NO_SPAN,
                    Some(home) => {
                        let n = u32::try_from(out.spans.len()).ok()?.checked_add(FIRST)?;
                        out.spans.push(home);
                        n
                    }
                    None => ODD,
                };
                last = (span, number);
            }
            out.pages.push(last.1);
        }
        let base = addr.0.saturating_sub(books.arena_offset(addr));
        for (number, span) in (FIRST..).zip(&mut out.spans) {
            let pages = span.pages(base).and_then(|range| out.pages.get(range));
            span.whole = pages.is_some_and(|pages| pages.iter().all(|page| *page == number));
        }
        out.spans.shrink_to_fit();
        out.bits.shrink_to_fit();
        Some(out)
    }
}

impl SpanHome {
    /// Its pages by number in the arena that begins at `base`.
    fn pages(&self, base: u64) -> Option<Range<usize>> {
        let from = self.start.0.checked_sub(base)? / PAGE;
        let to = from.checked_add(u64::from(self.bytes) / PAGE)?;
        Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    /// `None` when anything about the span is odd. Its bits are added to `bits`.
    fn decode(mem: &Memory<'_>, books: &Books, span: Addr, bits: &mut Vec<u8>) -> Option<SpanHome> {
        let f = &books.span;
        let bytes = mem.slice(span, books.span_size).ok()?;
        let read = |field: FieldAt| {
            let off = usize::try_from(field.off).ok()?;
            mem.abi.uint(bytes, off, field.size)
        };
        let small = |field: FieldAt| u32::try_from(read(field)?).ok();
        let start = Addr(read(f.start)?);
        let mut out = SpanHome {
            start,
            bytes: u32::try_from(read(f.npages)?.checked_mul(PAGE)?).ok()?,
            used: 0,
            elem_size: 0,
            free_index: 0,
            elems: 0,
            bits: 0,
            header: 0,
            kind: SpanKind::Free,
            noscan: false,
            whole: false,
        };
        let state = mem.abi.u8(bytes, usize::try_from(f.state.off).ok()?)?;
        if state == STATE_MANUAL {
            out.kind = SpanKind::Manual;
        }
        if state != STATE_IN_USE {
            return Some(out);
        }
        let class = mem.abi.u8(bytes, usize::try_from(f.spanclass.off).ok()?)?;
        out.kind = SpanKind::Objects;
        out.noscan = class & 1 != 0;
        out.used = u32::try_from(read(f.limit)?.checked_sub(start.0)?).ok()?;
        out.elem_size = small(f.elemsize).filter(|s| *s > 0)?;
        out.header = u8::try_from(books.header_of(class, u64::from(out.elem_size))).ok()?;
        (out.free_index, out.elems) = (small(f.freeindex)?, small(f.nelems)?);
        if out.free_index >= out.elems {
            out.elems = 0; // no bit is asked for
            return Some(out);
        }
        let map = |field: FieldAt| {
            let at = Addr(read(field)?);
            if at.is_nil() {
                return Some([].as_slice()); // before the first collection
            }
            mem.slice(at, u64::from(out.elems).div_ceil(8)).ok()
        };
        let (alloc, marks) = (map(f.alloc_bits)?, map(f.mark_bits)?);
        out.bits = u32::try_from(bits.len()).ok()?;
        let byte = |map: &[u8], i: usize| map.get(i).copied().unwrap_or(0);
        let n = usize::try_from(out.elems.div_ceil(8)).ok()?;
        bits.extend((0..n).map(|i| byte(alloc, i) | byte(marks, i)));
        Some(out)
    }

    /// The number of the slot that an address is in, and how far in it.
    #[inline]
    fn slot_of(&self, addr: Addr) -> Option<(u32, u32)> {
        let off = u32::try_from(addr.0.wrapping_sub(self.start.0)).ok()?;
        if self.kind != SpanKind::Objects || off >= self.used.min(self.bytes) {
            return None;
        }
        let idx = off.checked_div(self.elem_size)?;
        Some((idx, off.checked_sub(idx.checked_mul(self.elem_size)?)?))
    }

    /// Bytes from `addr` to the end of the allocated object that holds it. `None` if it lies elsewhere, or in its malloc
    /// header: `home` tells. `bits`: those of the arena.
    #[inline]
    pub(crate) fn room(&self, bits: &[u8], addr: Addr) -> Option<u64> {
        let (idx, inside) = self.slot_of(addr)?;
        let room = self.elem_size.checked_sub(inside)?;
        let is_there = inside >= u32::from(self.header) && self.is_allocated(bits, idx);
        is_there.then_some(u64::from(room))
    }

    /// The allocated object that begins at `addr`.
    #[inline]
    pub(crate) fn begun(&self, bits: &[u8], addr: Addr) -> Option<Begun> {
        let (idx, inside) = self.slot_of(addr)?;
        let begins = inside == u32::from(self.header) && self.is_allocated(bits, idx);
        let slot = u64::from(self.elem_size);
        begins.then_some(Begun {
            room: slot.checked_sub(u64::from(self.header))?,
            slot,
            noscan: self.noscan,
        })
    }

    #[inline]
    fn is_allocated(&self, bits: &[u8], idx: u32) -> bool {
        let has_bit = || {
            let at = usize::try_from(self.bits).ok()?;
            let byte = bits.get(at.checked_add(usize::try_from(idx / 8).ok()?)?)?;
            Some(byte & (1 << (idx % 8)) != 0)
        };
        idx < self.free_index || (idx < self.elems && has_bit().unwrap_or(false))
    }

    /// The same as `Heap::home_in_span` says. `bits`: those of the arena.
    #[inline]
    fn home(&self, bits: &[u8], addr: Addr) -> Option<Home> {
        let from_start = addr.offset_from(self.start);
        let from_start = from_start.and_then(|o| u32::try_from(o).ok());
        let Some(from_start) = from_start.filter(|o| *o < self.bytes) else {
            return Some(Home::FreeSpan);
        };
        match self.kind {
            SpanKind::Free => return Some(Home::FreeSpan),
            SpanKind::Manual => return Some(Home::Stack),
            SpanKind::Objects if from_start >= self.used => return Some(Home::FreeSpan),
            SpanKind::Objects => {}
        }
        let idx = from_start.checked_div(self.elem_size)?;
        let slot = u64::from(idx).checked_mul(u64::from(self.elem_size))?;
        let header = u64::from(self.header);
        Some(Home::Object {
            start: self.start.checked_add(slot)?.checked_add(header)?,
            size: u64::from(self.elem_size).checked_sub(header)?,
            allocated: self.is_allocated(bits, idx),
        })
    }
}

#[cfg(test)]
mod tests;
