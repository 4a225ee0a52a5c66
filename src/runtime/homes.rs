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

/// One arena.
#[derive(Debug)]
struct Arena {
    /// By page: `NO_SPAN`, `ODD`, or `FIRST` and the position of its span.
    pages: Vec<u32>,
    spans: Vec<SpanHome>,
}

/// What of an mspan tells where an address in it lies.
#[derive(Debug)]
struct SpanHome {
    start: Addr,
    bytes: u64,
    limit: Addr,
    kind: SpanKind,
}

#[derive(Debug)]
enum SpanKind {
    /// Freed since, though the page table still names it.
    Free,
    /// Managed by hand.
    Manual,
    /// With objects.
    Objects {
        elem_size: u64,
        header: u32,
        free_index: u32,
        elems: u32,
        /// One for each slot that one of the two bitmaps says is allocated; empty where all are below `free_index`.
        bits: Box<[u8]>,
    },
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
        match *arena.pages.get(page)? {
            NO_SPAN => Some(Home::FreeSpan),
            ODD => None,
            n => {
                let i = usize::try_from(n.checked_sub(FIRST)?).ok()?;
                arena.spans.get(i)?.home(addr)
            }
        }
    }
}

/// Where an arena's position is kept; `room` is a power of two.
#[inline]
fn bucket(number: u64, room: usize) -> usize {
    usize::try_from(number & (room as u64).wrapping_sub(1)).unwrap_or(0)
}

impl Arena {
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
        };
        let mut last = (Addr::NIL, NO_SPAN);
        for entry in table.chunks_exact(usize::from(mem.abi.ptr_size)) {
            let span = Addr(mem.abi.uptr(entry, 0)?);
            if span != last.0 {
                let number = match SpanHome::decode(mem, books, span) {
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
        out.spans.shrink_to_fit();
        Some(out)
    }
}

impl SpanHome {
    /// `None` when anything about the span is odd.
    fn decode(mem: &Memory<'_>, books: &Books, span: Addr) -> Option<SpanHome> {
        let f = &books.span;
        let bytes = mem.slice(span, books.span_size).ok()?;
        let read = |field: FieldAt| {
            let off = usize::try_from(field.off).ok()?;
            mem.abi.uint(bytes, off, field.size)
        };
        let byte = |field: FieldAt| {
            let off = usize::try_from(field.off).ok()?;
            mem.abi.u8(bytes, off)
        };
        let state = byte(f.state)?;
        let kind = match state {
            STATE_MANUAL => SpanKind::Manual,
            STATE_IN_USE => {
                let elem_size = read(f.elemsize).filter(|s| *s > 0)?;
                let elems = read(f.nelems)?;
                let free_index = read(f.freeindex)?;
                let bits = |field: FieldAt| {
                    let at = Addr(read(field)?);
                    if at.is_nil() || free_index >= elems {
                        return Some([].as_slice());
                    }
                    mem.slice(at, elems.div_ceil(8)).ok()
                };
                let (alloc, marks) = (bits(f.alloc_bits)?, bits(f.mark_bits)?);
                let n = alloc.len().max(marks.len());
                let either =
                    |i| alloc.get(i).copied().unwrap_or(0) | marks.get(i).copied().unwrap_or(0);
                SpanKind::Objects {
                    elem_size,
                    header: u32::try_from(books.header_of(byte(f.spanclass)?, elem_size)).ok()?,
                    free_index: u32::try_from(free_index).ok()?,
                    elems: u32::try_from(elems).ok()?,
                    bits: (0..n).map(either).collect(),
                }
            }
            _ => SpanKind::Free,
        };
        Some(SpanHome {
            start: Addr(read(f.start)?),
            bytes: read(f.npages)?.checked_mul(PAGE)?,
            limit: Addr(read(f.limit)?),
            kind,
        })
    }

    /// The same as `Heap::home_in_span` says.
    #[inline]
    fn home(&self, addr: Addr) -> Option<Home> {
        let Some(from_start) = addr.offset_from(self.start).filter(|o| *o < self.bytes) else {
            return Some(Home::FreeSpan);
        };
        match &self.kind {
            SpanKind::Free => Some(Home::FreeSpan),
            SpanKind::Manual => Some(Home::Stack),
            SpanKind::Objects { .. } if addr >= self.limit => Some(Home::FreeSpan),
            SpanKind::Objects {
                elem_size,
                header,
                free_index,
                elems,
                bits,
            } => {
                let idx = from_start.checked_div(*elem_size)?;
                let header = u64::from(*header);
                let byte = usize::try_from(idx / 8).ok().and_then(|i| bits.get(i));
                let has_bit = byte.is_some_and(|b| b & (1 << (idx % 8)) != 0);
                let slot = self.start.element(idx, *elem_size)?;
                Some(Home::Object {
                    start: slot.checked_add(header)?,
                    size: elem_size.checked_sub(header)?,
                    allocated: idx < u64::from(*free_index) || (idx < u64::from(*elems) && has_bit),
                })
            }
        }
    }
}
