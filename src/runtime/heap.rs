//! The heap by the allocator's own books: what object, if any, lies at an address.
//! In: `runtime.mheap_` and the arenas' span tables. Out: start, size and state of the object; and the
//! door to all spans (`spans.rs`), pointer bitmaps (`ptrmask.rs`) and size classes (`sizeclass.rs`).

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::file::corefile::Machine;
use crate::process::memory::Memory;
use crate::runtime::claims::FieldAt;
use crate::runtime::claims::HEAP_ARENA;
use crate::runtime::claims::MHEAP;
use crate::runtime::claims::MSPAN;
use crate::runtime::homes::Begun;
use crate::runtime::homes::Homes;
use crate::runtime::homes::Near;
use crate::runtime::homes::SpanHome;
use crate::runtime::modules::Modules;
use crate::runtime::mspan::MspanFields;
use crate::runtime::program::Program;
use crate::runtime::ptrmask::PointerBooks;
use crate::runtime::sizeclass::HEADER;
use crate::runtime::sizeclass::SizeClasses;
use crate::runtime::spans::Spans;
use crate::runtime::spantable::SpanBooks;
use crate::runtime::spantable::SpanTable;
use crate::types::graph::Kind;
use std::sync::OnceLock;

/// Bytes of a runtime page. Source: `runtime/sizeclasses.go`, `_PageShift` = 13, all versions.
pub(crate) const PAGE: u64 = 8192;

/// Largest slots with pointers of which the books never say the type.
/// Source: `runtime/mbitmap.go`, `heapBitsInSpan`, from go1.22: up to 512 bytes.
pub(crate) const MAX_UNTYPED: u64 = 512;

/// `mspan.state`: heap objects. Source: `runtime/mheap.go`, `mSpanInUse`, all versions.
pub(crate) const STATE_IN_USE: u8 = 1;
/// `mspan.state`: stacks and other memory the runtime manages by hand. Source: `mSpanManual`.
pub(crate) const STATE_MANUAL: u8 = 2;

/// The allocator's books.
#[derive(Debug)]
pub struct Heap<'v, 'a> {
    pub(crate) mem: &'v Memory<'a>,
    modules: &'v Modules,
    /// From the first address of a module to the last: heaps lie elsewhere.
    module_bounds: AddrRange,
    books: Option<Books>,
    homes: Homes,
    span_books: Option<SpanBooks>,
    /// Decoded when first asked for.
    table: OnceLock<SpanTable>,
    pub(crate) pointers: PointerBooks,
    classes: Option<SizeClasses>,
}

/// Where the allocator keeps its books of addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    /// Address of `mheap_.arenas`, `[L1]*[L2]*heapArena`.
    arenas: Addr,
    l1: u64,
    l2: u64,
    /// What is subtracted from an address before it is divided by the arena size.
    arena_base: u64,
    pub(crate) arena_size: u64,
    /// log2 of it, where it is a power of two.
    arena_shift: Option<u32>,
    pub(crate) spans_off: u64,
    pub(crate) span: MspanFields,
    /// Bytes of an mspan.
    pub(crate) span_size: u64,
    /// Slots larger than this that hold pointers begin with a malloc header; `None` before go1.22.
    header_above: Option<u64>,
}

impl<'v, 'a> Heap<'v, 'a> {
    /// Binds the books. Without them every address is of unknown home.
    pub fn bind(program: &Program<'v, 'a>, modules: &'v Modules) -> Heap<'v, 'a> {
        let classes = SizeClasses::bind(program);
        let books = Books::bind(program);
        let homes = books.as_ref().map(|b| Homes::new(program.mem, b));
        Heap {
            mem: program.mem,
            modules,
            module_bounds: modules.bounds(),
            books,
            homes: homes.unwrap_or_default(),
            span_books: SpanBooks::bind(program, classes.as_ref()),
            table: OnceLock::new(),
            pointers: PointerBooks::bind(program),
            classes,
        }
    }

    /// All spans in use: those with objects, and those the runtime manages by hand (stacks). Decoded
    /// when first asked for. Without the books there are none, and `Spans::is_complete` says so.
    pub fn spans(&self) -> Spans<'_, 'a> {
        let table = self.table.get_or_init(|| match &self.span_books {
            Some(books) => SpanTable::read(self.mem, books, &|addr| self.span_named_at(addr)),
            None => SpanTable::default(),
        });
        Spans::new(self.mem, table)
    }

    /// Bytes of the slot that an object of `size` bytes gets, its malloc header counted; for large
    /// objects the bytes of its pages. Objects below 16 bytes without pointers share slots of 16.
    /// `None` for 0 bytes, which take no slot, and when the size classes cannot be read.
    pub fn slot_size(&self, size: u64, has_pointers: bool) -> Option<u64> {
        self.classes.as_ref()?.slot_size(size, has_pointers)
    }

    /// The address of the mspan that the arenas' page table names for `addr`.
    pub(crate) fn span_named_at(&self, addr: Addr) -> Option<Addr> {
        self.span_at(self.books.as_ref()?, addr).ok().flatten()
    }

    /// The heapArena that keeps the books of `addr`, the offset of `addr` in the arena, and the bytes of
    /// an arena. `None` outside the arenas, and where the table cannot be read.
    pub(crate) fn arena_at(&self, addr: Addr) -> Option<(Addr, u64, u64)> {
        let books = self.books.as_ref()?;
        let (arena, off) = books.arena_of(self.mem, addr).ok().flatten()?;
        Some((arena, off, books.arena_size))
    }

    /// Whether the books could be found at all.
    pub fn is_bound(&self) -> bool {
        self.books.is_some()
    }

    /// Bytes from `addr` to the end of the allocated object that holds it, told in the common case: of `None` only
    /// `home` says what it means.
    #[inline]
    pub(crate) fn room<'h>(&'h self, near: &mut Near<'h>, addr: Addr) -> Option<u64> {
        self.ask(near, addr, SpanHome::room)
    }

    /// The allocated object that begins at `addr`, told in the common case: of `None` only `home` says what it means.
    #[inline]
    pub(crate) fn begun<'h>(&'h self, near: &mut Near<'h>, addr: Addr) -> Option<Begun> {
        self.ask(near, addr, SpanHome::begun)
    }

    /// What the span of an address says of it; no address of a module has one.
    #[inline]
    fn ask<'h, T>(
        &'h self,
        near: &mut Near<'h>,
        addr: Addr,
        what: impl Fn(&SpanHome, &[u8], Addr) -> Option<T>,
    ) -> Option<T> {
        let books = self.books.as_ref();
        let books = books.filter(|_| !self.module_bounds.contains(addr))?;
        self.homes.ask((self.mem, books), near, addr, what)
    }

    /// Whether a slot of `size` bytes, if that is given, with or without pointers, begins at `addr`, and the books say no
    /// more of what it holds. False says nothing: `spans` tells.
    pub(crate) fn is_slot_of(&self, addr: Addr, size: Option<u64>, has_pointers: bool) -> bool {
        let slot = self
            .books
            .as_ref()
            .and_then(|books| self.homes.slot(self.mem, books, addr));
        slot.is_some_and(|(bytes, noscan)| {
            noscan != has_pointers
                && (noscan || bytes <= MAX_UNTYPED)
                && size.is_none_or(|size| self.slot_size(size, has_pointers) == Some(bytes))
        })
    }

    /// Where `addr` lies.
    pub fn home(&self, addr: Addr) -> Home {
        if addr.is_nil() {
            return Home::Unmapped;
        }
        if self.module_bounds.contains(addr) && self.modules.contains(addr) {
            return Home::Module;
        }
        let Some(books) = &self.books else {
            return Home::Unknown;
        };
        if let Some(home) = self.homes.find(self.mem, books, addr) {
            return home;
        }
        match self.span_at(books, addr) {
            Ok(Some(span)) => self
                .home_in_span(books, span, addr)
                .unwrap_or(Home::Unknown),
            Ok(None) if self.mem.is_mapped(addr, 1) => Home::Foreign,
            Ok(None) => Home::Unmapped,
            Err(NoSpan::Free) => Home::FreeSpan,
            Err(NoSpan::Unreadable) => Home::Unknown,
        }
    }

    /// The address of the mspan that has `addr`; `Ok(None)` outside the heap's arenas.
    fn span_at(&self, books: &Books, addr: Addr) -> Result<Option<Addr>, NoSpan> {
        let Some((arena, off)) = books.arena_of(self.mem, addr)? else {
            return Ok(None);
        };
        let spans = arena
            .checked_add(books.spans_off)
            .ok_or(NoSpan::Unreadable)?;
        let span = entry(self.mem, spans, off / PAGE)?;
        if span.is_nil() {
            Err(NoSpan::Free)
        } else {
            Ok(Some(span))
        }
    }

    fn home_in_span(&self, books: &Books, span: Addr, addr: Addr) -> Option<Home> {
        let f = &books.span;
        let read = |field: FieldAt| -> Option<u64> {
            let bytes = self
                .mem
                .bytes(span.checked_add(field.off)?, field.size)
                .ok()?;
            self.mem.abi.uint(&bytes, 0, field.size)
        };
        let start = Addr(read(f.start)?);
        let pages = read(f.npages)?.checked_mul(PAGE)?;
        let limit = Addr(read(f.limit)?);
        let from_start = addr.offset_from(start).filter(|o| *o < pages);
        let state = self.mem.read_u8(span.checked_add(f.state.off)?).ok()?;
        // The span table keeps pointers to spans that were freed since.
        let (Some(from_start), true) = (from_start, state == STATE_IN_USE || state == STATE_MANUAL)
        else {
            return Some(Home::FreeSpan);
        };
        if state == STATE_MANUAL {
            return Some(Home::Stack);
        }
        let elemsize = read(f.elemsize).filter(|s| *s > 0)?;
        if addr >= limit {
            return Some(Home::FreeSpan);
        }
        let idx = from_start.checked_div(elemsize)?;
        let class = self.mem.read_u8(span.checked_add(f.spanclass.off)?).ok()?;
        let header = books.header_of(class, elemsize);
        let slot = start.element(idx, elemsize)?;
        Some(Home::Object {
            start: slot.checked_add(header)?,
            size: elemsize.checked_sub(header)?,
            allocated: idx < read(f.freeindex)?
                || (idx < read(f.nelems)?
                    && (self.bit(span, f.alloc_bits, idx)? || self.bit(span, f.mark_bits, idx)?)),
        })
    }

    /// Bit `idx` of `allocBits` or `gcmarkBits`. A sweep first sets `freeindex` to 0 and then makes the
    /// mark bits the allocation bits; a thread stopped in between leaves live objects that only their
    /// mark shows. Source: `runtime/mgcsweep.go`, `(*sweepLocked).sweep`, all versions.
    fn bit(&self, span: Addr, field: FieldAt, idx: u64) -> Option<bool> {
        let bits = self.mem.read_addr(span.checked_add(field.off)?).ok()?;
        if bits.is_nil() {
            return Some(false); // before the first collection nothing beyond freeindex is allocated
        }
        let byte = self.mem.read_u8(bits.checked_add(idx / 8)?).ok()?;
        let mask = 1u8.checked_shl(u32::try_from(idx % 8).ok()?)?;
        Some(byte & mask != 0)
    }
}

/// Why an address inside the arenas has no span.
pub(crate) enum NoSpan {
    Free,
    Unreadable,
}

fn entry(mem: &Memory<'_>, table: Addr, i: u64) -> Result<Addr, NoSpan> {
    let at = table.element(i, mem.abi.word()).ok_or(NoSpan::Unreadable)?;
    mem.read_addr(at).map_err(|_: Fault| NoSpan::Unreadable)
}

impl Books {
    /// The number of the arena of `addr`, be there one or not.
    pub(crate) fn arena_number(&self, addr: Addr) -> u64 {
        let from_base = addr.0.wrapping_sub(self.arena_base);
        match self.arena_shift {
            Some(shift) => from_base.checked_shr(shift),
            None => from_base.checked_div(self.arena_size),
        }
        .unwrap_or(u64::MAX)
    }

    /// Bytes from the start of its arena to `addr`.
    pub(crate) fn arena_offset(&self, addr: Addr) -> u64 {
        let from_base = addr.0.wrapping_sub(self.arena_base);
        match self.arena_shift {
            Some(_) => from_base & self.arena_size.wrapping_sub(1),
            None => from_base.checked_rem(self.arena_size).unwrap_or(0),
        }
    }

    /// The heapArena of `addr`, and the offset of `addr` in the arena; `Ok(None)` outside the arenas.
    pub(crate) fn arena_of(
        &self,
        mem: &Memory<'_>,
        addr: Addr,
    ) -> Result<Option<(Addr, u64)>, NoSpan> {
        let idx = self.arena_number(addr);
        let (i1, i2) = (
            idx.checked_div(self.l2).unwrap_or(u64::MAX),
            idx.checked_rem(self.l2).unwrap_or(0),
        );
        if i1 >= self.l1 {
            return Ok(None);
        }
        let l2 = entry(mem, self.arenas, i1)?;
        if l2.is_nil() {
            return Ok(None);
        }
        let arena = entry(mem, l2, i2)?;
        if arena.is_nil() {
            return Ok(None);
        }
        Ok(Some((arena, self.arena_offset(addr))))
    }

    /// Bytes of malloc header in a slot of such a span. `class` is `mspan.spanclass`: size class and noscan bit.
    pub(crate) fn header_of(&self, class: u8, elem_size: u64) -> u64 {
        let (large, noscan) = (class < 2, class & 1 == 1);
        match self.header_above {
            Some(above) if !large && !noscan && elem_size > above => HEADER,
            _ => 0,
        }
    }

    fn bind(program: &Program<'_, '_>) -> Option<Books> {
        let graph = program.graph;
        let heap = program.variable("runtime.mheap_")?;
        let arenas = MHEAP.bind(program)?.field("arenas")?;
        let Kind::Array { elem, len: l1 } = graph.get(arenas.ty).kind else {
            return None;
        };
        let Kind::Pointer {
            elem: Some(l2_type),
        } = graph.get(elem).kind
        else {
            return None;
        };
        let Kind::Array { len: l2, .. } = graph.get(l2_type).kind else {
            return None;
        };
        let spans = HEAP_ARENA.bind(program)?.field("spans")?;
        let Kind::Array { len: pages, .. } = graph.get(spans.ty).kind else {
            return None;
        };
        let b = MSPAN.bind(program)?;
        let word = program.mem.abi.word();
        let arena_size = pages.checked_mul(PAGE).filter(|s| *s > 0)?;
        Some(Books {
            arenas: heap.addr.checked_add(arenas.off)?,
            l1,
            l2: Some(l2).filter(|n| *n > 0)?,
            arena_base: arena_base(program.machine),
            arena_size,
            arena_shift: arena_size
                .is_power_of_two()
                .then_some(arena_size.trailing_zeros()),
            spans_off: spans.off,
            // Source: `runtime/malloc.go`, `heapBitsInSpan`: PtrSize * ptrBits, from go1.22.
            header_above: b
                .field("largeType")
                .and_then(|_| word.checked_mul(word)?.checked_mul(8)),
            span: MspanFields::of(&b)?,
            span_size: b.size,
        })
    }
}

/// Source: `runtime/malloc.go`, `arenaBaseOffset`, all versions.
fn arena_base(machine: Machine) -> u64 {
    match machine {
        Machine::Amd64 => 0xffff_8000_0000_0000,
        _ => 0,
    }
}
