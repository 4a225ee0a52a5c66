//! Decodes every span once: the list of them, and what each claims, held against what can be.
//! In: `mheap_.allspans`, mspans, `gcphase`. Out: sound spans in ascending order with an index, and a
//! count of those that are not.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_CLASS_PAGES;
use crate::base::limits::MAX_SPANS;
use crate::process::memory::Memory;
use crate::runtime::claims::FieldAt;
use crate::runtime::claims::MHEAP_SPANS;
use crate::runtime::claims::MSPAN;
use crate::runtime::claims::MSPAN_SWEEP;
use crate::runtime::claims::SPAN_INLINE_MARK_BITS;
use crate::runtime::heap::PAGE;
use crate::runtime::heap::STATE_IN_USE;
use crate::runtime::heap::STATE_MANUAL;
use crate::runtime::mspan::MspanFields;
use crate::runtime::pageindex::PageIndex;
use crate::runtime::program::Program;
use crate::runtime::sizeclass::HEADER;
use crate::runtime::sizeclass::SizeClasses;
use crate::runtime::spans::Span;
use crate::runtime::spans::Sweep;
use std::borrow::Cow;

/// Smallest slot of a span with inline mark bits. Source: `runtime/mgcmark_greenteagc.go`,
/// `gcUsesSpanInlineMarkBits`; the largest is that without a malloc header.
const INLINE_MARKS_FROM: u64 = 16;

/// The decoded spans.
#[derive(Clone, Default, Debug)]
pub(crate) struct SpanTable {
    /// Ascending and disjoint.
    pub(crate) spans: Vec<Span>,
    pub(crate) index: PageIndex,
    /// Entries of `allspans` that could not be read or cannot be true.
    pub(crate) unusable: u64,
    /// Whether `allspans` itself could be read.
    pub(crate) listed: bool,
    /// Whether a collection was marking: then what is not marked is not yet dead.
    pub(crate) marking: bool,
}

/// Where the spans are listed, and how an mspan is laid out here.
#[derive(Clone, Debug)]
pub(crate) struct SpanBooks {
    /// Address of `mheap_.allspans`, a `[]*mspan`.
    allspans: Addr,
    /// `mheap_.sweepgen`; `None` when it could not be read.
    sweepgen: Option<u32>,
    marking: bool,
    /// Bytes of an mspan.
    size: u64,
    /// Bytes of inline mark bits and where the marks begin in them, with Green Tea.
    inline: Option<(u64, u64)>,
    classes: Option<SizeClasses>,
    f: MspanFields,
    more: MoreFields,
}

/// Fields of an mspan that only its whole account needs.
#[derive(Clone, Copy, Debug)]
struct MoreFields {
    sweepgen: FieldAt,
    specials: FieldAt,
    large_type: Option<FieldAt>,
    user_arena: Option<FieldAt>,
}

impl SpanBooks {
    pub(crate) fn bind(
        program: &Program<'_, '_>,
        classes: Option<&SizeClasses>,
    ) -> Option<SpanBooks> {
        let heap = program.variable("runtime.mheap_")?;
        let h = MHEAP_SPANS.bind(program)?;
        let (b, s) = (MSPAN.bind(program)?, MSPAN_SWEEP.bind(program)?);
        let u32_at = |at: Addr| program.mem.read_u32(at).ok();
        let sweepgen = u32_at(heap.addr.checked_add(h.off("sweepgen")?)?);
        // Source: `runtime/mgc.go`, `gcphase`: 0 is off, all versions.
        let phase = program
            .variable("runtime.gcphase")
            .and_then(|v| u32_at(v.addr));
        let inline = SPAN_INLINE_MARK_BITS
            .bind(program)
            .and_then(|m| Some((m.size, m.off("marks")?)));
        Some(SpanBooks {
            allspans: heap.addr.checked_add(h.off("allspans")?)?,
            sweepgen,
            marking: phase != Some(0),
            size: b.size,
            inline,
            classes: classes.cloned(),
            f: MspanFields::of(&b)?,
            more: MoreFields {
                sweepgen: s.field("sweepgen")?,
                specials: s.field("specials")?,
                large_type: b.field("largeType"),
                user_arena: s.field("isUserArenaChunk"),
            },
        })
    }

    /// `Ok(None)` for an mspan that is not in use, `Err` for one that cannot be true.
    fn decode(&self, mem: &Memory<'_>, at: Addr) -> Result<Option<Span>, Unusable> {
        let bytes = mem.bytes(at, self.size).map_err(|_| Unusable)?;
        let read = |f: FieldAt| {
            let off = usize::try_from(f.off).ok()?;
            mem.abi.uint(&bytes, off, f.size)
        };
        let state = read(self.f.state).ok_or(Unusable)?;
        if state != u64::from(STATE_IN_USE) && state != u64::from(STATE_MANUAL) {
            return Ok(None);
        }
        let manual = state == u64::from(STATE_MANUAL);
        self.decode_in_use(at, &read, manual)
            .filter(|s| manual || self.is_sound(s))
            .map(Some)
            .ok_or(Unusable)
    }

    fn decode_in_use(
        &self,
        mspan: Addr,
        read: &impl Fn(FieldAt) -> Option<u64>,
        manual: bool,
    ) -> Option<Span> {
        let start = Addr(read(self.f.start)?);
        let pages = AddrRange::of_size(start, read(self.f.npages)?.checked_mul(PAGE)?)?;
        if pages.size() == 0 || !start.0.is_multiple_of(PAGE) {
            return None;
        }
        let spanclass = u8::try_from(read(self.f.spanclass)?).ok()?;
        let (class, noscan) = (spanclass >> 1, spanclass & 1 == 1);
        let optional = |f: Option<FieldAt>| f.map_or(Some(0), read);
        let elem_size = if manual { 0 } else { read(self.f.elemsize)? };
        let header_above = self.classes.as_ref().and_then(|c| c.header_above);
        let small = !manual && class != 0;
        let header = match header_above {
            Some(above) if small && !noscan && elem_size > above => HEADER,
            _ => 0,
        };
        let inline_marks = match (self.inline, header_above) {
            (Some((size, marks)), Some(above))
                if small && (INLINE_MARKS_FROM..=above).contains(&elem_size) =>
            {
                start.checked_add(PAGE.checked_sub(size)?.checked_add(marks)?)?
            }
            _ => Addr::NIL,
        };
        Some(Span {
            mspan,
            pages,
            limit: Addr(read(self.f.limit)?),
            elem_size,
            elems: if manual { 0 } else { read(self.f.nelems)? },
            noscan,
            class,
            manual,
            header,
            large_type: Addr(optional(self.more.large_type)?),
            sweep: self.sweep_of(u32::try_from(read(self.more.sweepgen)?).ok()?),
            specials: Addr(read(self.more.specials)?),
            user_arena: optional(self.more.user_arena)? != 0,
            inline_marks,
            free_index: read(self.f.freeindex)?,
            alloc_bits: Addr(read(self.f.alloc_bits)?),
            mark_bits: Addr(read(self.f.mark_bits)?),
        })
    }

    /// Whether a span of objects claims what can be.
    fn is_sound(&self, s: &Span) -> bool {
        let of_class = match &self.classes {
            Some(c) => c.sizes.get(usize::from(s.class)) == Some(&s.elem_size),
            None => true,
        };
        let shape = if s.class == 0 {
            s.elems == 1
        } else {
            of_class && s.pages.size() / PAGE <= MAX_CLASS_PAGES
        };
        shape
            && s.elem_size > s.header
            && s.elem_size
                .checked_mul(s.elems)
                .is_some_and(|all| all <= s.pages.size())
            && s.limit > s.pages.start
            && s.limit <= s.pages.end
    }

    /// Relative to `mheap_.sweepgen`: -2 to be swept, -1 being swept, 0 swept, 1 cached by a thread since
    /// before the sweep began and still to be swept, 3 swept and cached since.
    fn sweep_of(&self, sweepgen: u32) -> Sweep {
        let Some(now) = self.sweepgen else {
            return Sweep::Unknown;
        };
        match sweepgen.wrapping_sub(now).cast_signed() {
            -2 | 1 => Sweep::Unswept,
            -1 => Sweep::Sweeping,
            0 | 3 => Sweep::Swept,
            _ => Sweep::Unknown,
        }
    }
}

/// An mspan that cannot be read or cannot be true.
struct Unusable;

impl SpanTable {
    /// Decodes every span. `named` is the mspan that the arenas' page table names for an address: where
    /// two spans claim the same pages, it decides.
    pub(crate) fn read(
        mem: &Memory<'_>,
        books: &SpanBooks,
        named: &dyn Fn(Addr) -> Option<Addr>,
    ) -> SpanTable {
        let mut out = SpanTable {
            marking: books.marking,
            ..SpanTable::default()
        };
        let Some(all) = list_of(mem, books) else {
            return out;
        };
        out.listed = true;
        let word = usize::from(mem.abi.ptr_size);
        let mut found: Vec<Span> = Vec::with_capacity(all.chunks_exact(word).len());
        for at in all.chunks_exact(word) {
            let at = Addr(mem.abi.uptr(at, 0).unwrap_or(0));
            match books.decode(mem, at) {
                Ok(Some(span)) => found.push(span),
                Ok(None) => {}
                Err(Unusable) => out.unusable = out.unusable.saturating_add(1),
            }
        }
        // Hundreds of thousands of them: sorted and thinned out where they are.
        found.sort_unstable_by_key(|s| (s.pages, s.mspan));
        let mut kept = 0usize;
        for i in 0..found.len() {
            let Some(span) = found.get(i).cloned() else {
                break;
            };
            let overlaps = |found: &[Span], kept: usize| {
                let last = kept.checked_sub(1).and_then(|i| found.get(i));
                last.is_some_and(|k| k.pages.end > span.pages.start)
            };
            let wins = !overlaps(&found, kept) || named(span.pages.start) == Some(span.mspan);
            if !wins {
                out.unusable = out.unusable.saturating_add(1);
                continue;
            }
            while overlaps(&found, kept) {
                kept = kept.saturating_sub(1);
                out.unusable = out.unusable.saturating_add(1);
            }
            if let Some(place) = found.get_mut(kept).filter(|_| kept != i) {
                *place = span;
            }
            kept = kept.saturating_add(1);
        }
        found.truncate(kept);
        found.shrink_to_fit();
        out.spans = found;
        let ranges: Vec<AddrRange> = out.spans.iter().map(|s| s.pages).collect();
        out.index = PageIndex::new(&ranges);
        out
    }
}

/// The pointers of `allspans`. Each leads to an mspan of its own, so a list that would need more of
/// them than the core has bytes is none.
fn list_of<'a>(mem: &Memory<'a>, books: &SpanBooks) -> Option<Cow<'a, [u8]>> {
    let word = mem.abi.word();
    let data = mem.read_addr(books.allspans).ok()?;
    let len = mem.read_uptr(books.allspans.checked_add(word)?).ok()?;
    let room = mem.coverage().dumped.checked_div(books.size)?;
    if len > room.min(MAX_SPANS) {
        return None;
    }
    mem.bytes(data, len.checked_mul(word)?).ok()
}
