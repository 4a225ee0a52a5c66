//! Mark bits for the objects of the heap that hold pointers, and the way from an address to its object.
//! In: the heap's spans, and the headers that are asked for. Out: for each address whether its object is met for the
//! first time, by whichever thread. Objects without pointers lead nowhere and have no marks, unless they are asked for.

use crate::base::addr::Addr;
use crate::runtime::heap::PAGE;
use crate::runtime::spans::Object;
use crate::runtime::spans::Span;
use crate::runtime::spans::Spans;
use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// In the table of pages: no span with marks.
const NONE: u32 = u32::MAX;
/// Pages per span, and pages however few spans there are, of which a table is kept: 4 bytes each.
const PAGES_PER_SPAN: u64 = 64;
const FREE_PAGES: u64 = 1 << 18;

/// An object that was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    /// Position among the spans with marks.
    span: u32,
    slot: u32,
}

/// A span with marks.
#[derive(Debug)]
struct Marked {
    start: Addr,
    limit: Addr,
    elem_size: u64,
    elems: u64,
    /// Where its bits begin in `Marks::bits`.
    bits: usize,
    /// Its position in the list of spans.
    at: usize,
    /// A header that is asked for is in it.
    wanted: bool,
    /// Bits of the slots with an object, once they were looked at; empty where all count as such.
    taken: OnceLock<Box<[u64]>>,
}

/// The marks.
#[derive(Debug)]
pub(crate) struct Marks<'h, 'a> {
    spans: Spans<'h, 'a>,
    marked: Vec<Marked>,
    /// The first page that the table has, and by page the position in `marked`.
    first_page: u64,
    pages: Vec<u32>,
    /// A bit a slot.
    bits: Vec<AtomicU64>,
    wanted_headers: usize,
}

impl<'h, 'a> Marks<'h, 'a> {
    /// None yet. `wanted`: headers, which may lie in objects without pointers.
    pub(crate) fn new(spans: Spans<'h, 'a>, wanted: &HashSet<Addr>) -> Marks<'h, 'a> {
        let (mut with_wanted, mut wanted_headers) = (HashSet::new(), 0usize);
        for obj in wanted.iter().filter_map(|w| spans.object(*w)) {
            with_wanted.insert(obj.span);
            wanted_headers = wanted_headers.saturating_add(1);
        }
        let mut out = Marks {
            spans,
            marked: Vec::new(),
            first_page: 0,
            pages: Vec::new(),
            bits: Vec::new(),
            wanted_headers,
        };
        let mut words = 0usize;
        for (at, s) in spans.list().iter().enumerate() {
            let wanted = with_wanted.contains(&at);
            if s.elems == 0 || (s.noscan && !wanted) || u32::try_from(s.elems).is_err() {
                continue;
            }
            out.marked.push(Marked {
                start: s.pages.start,
                limit: s.limit,
                elem_size: s.elem_size,
                elems: s.elems,
                bits: words,
                at,
                wanted,
                taken: OnceLock::new(),
            });
            let more = usize::try_from(s.elems.div_ceil(64)).unwrap_or(usize::MAX);
            words = words.saturating_add(more);
        }
        out.bits.resize_with(words, AtomicU64::default);
        out.list_pages();
        out
    }

    /// Makes the table of pages, if the spans are whole pages and lie close enough together.
    fn list_pages(&mut self) {
        let list = self.spans.list();
        let range = |m: &Marked| list.get(m.at).map(|s| s.pages);
        let (Some(first), Some(last)) = (
            self.marked.first().and_then(range),
            self.marked.last().and_then(range),
        ) else {
            return;
        };
        let first_page = first.start.0 / PAGE;
        let n = last.end.0.div_ceil(PAGE).saturating_sub(first_page);
        let most = (self.marked.len() as u64).saturating_mul(PAGES_PER_SPAN);
        let Some(n) = usize::try_from(n)
            .ok()
            .filter(|_| n <= most.saturating_add(FREE_PAGES))
        else {
            return;
        };
        let mut pages = vec![NONE; n];
        for (number, m) in (0u32..).zip(&self.marked) {
            let Some(of) = range(m) else { continue };
            if of.start.0 % PAGE != 0 || of.end.0 % PAGE != 0 {
                return; // no span of a sound heap: a page would be of two
            }
            let place = |page: u64| usize::try_from(page.saturating_sub(first_page));
            let (Ok(from), Ok(to)) = (place(of.start.0 / PAGE), place(of.end.0.div_ceil(PAGE)))
            else {
                continue;
            };
            if let Some(of_span) = pages.get_mut(from..to) {
                of_span.fill(number);
            }
        }
        (self.first_page, self.pages) = (first_page, pages);
    }

    /// Whether `value` lies in a page of a span with marks, as far as the table of pages tells.
    #[inline]
    pub(crate) fn may_have(&self, value: Addr) -> bool {
        let page = (value.0 / PAGE).wrapping_sub(self.first_page);
        let number = usize::try_from(page)
            .ok()
            .and_then(|page| self.pages.get(page));
        match number {
            Some(number) => *number != NONE,
            None => self.pages.is_empty(),
        }
    }

    /// The object that holds `value`, if it has marks.
    pub(crate) fn spot(&self, value: Addr) -> Option<Spot> {
        let number = if self.pages.is_empty() {
            let (at, _) = self.spans.find(value)?;
            let number = self.marked.binary_search_by_key(&at, |m| m.at).ok()?;
            u32::try_from(number).ok()?
        } else {
            let page = (value.0 / PAGE).checked_sub(self.first_page)?;
            let number = *self.pages.get(usize::try_from(page).ok()?)?;
            Some(number).filter(|n| *n != NONE)?
        };
        let span = self.marked.get(usize::try_from(number).ok()?)?;
        let slot = value.offset_from(span.start)?.checked_div(span.elem_size)?;
        if slot >= span.elems || value >= span.limit {
            return None;
        }
        Some(Spot {
            span: number,
            slot: u32::try_from(slot).ok()?,
        })
    }

    /// Marks an object; whether it was not marked before.
    pub(crate) fn first(&self, spot: Spot) -> bool {
        let span = usize::try_from(spot.span)
            .ok()
            .and_then(|i| self.marked.get(i));
        let word = span.and_then(|s| {
            let i = s.bits.checked_add(usize::try_from(spot.slot / 64).ok()?)?;
            self.bits.get(i)
        });
        let Some(word) = word else { return false };
        let bit = 1u64 << (spot.slot % 64);
        word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// Takes all marks back.
    pub(crate) fn clear(&mut self) {
        self.bits.iter_mut().for_each(|word| *word.get_mut() = 0);
    }

    /// How many headers that are asked for lie in objects of the heap.
    pub(crate) fn wanted_headers(&self) -> usize {
        self.wanted_headers
    }

    /// The first byte of the object of a spot, if it may be a header that is asked for.
    pub(crate) fn wanted(&self, spot: Spot) -> Option<Addr> {
        let span = self.marked.get(usize::try_from(spot.span).ok()?)?;
        let listed = self.spans.list().get(span.at).filter(|_| span.wanted)?;
        Some(object(listed, span.at, spot.slot).start)
    }

    /// The object of a spot, if there is one and it may hold pointers.
    pub(crate) fn scannable(&self, spot: Spot) -> Option<Object> {
        let span = self.marked.get(usize::try_from(spot.span).ok()?)?;
        let listed = self.spans.list().get(span.at).filter(|s| !s.noscan)?;
        let taken = span
            .taken
            .get_or_init(|| taken(self.spans, span.at, span.elems).unwrap_or_default());
        let word = taken.get(usize::try_from(spot.slot / 64).ok()?);
        let is_taken = word.is_none_or(|w| w & 1u64 << (spot.slot % 64) != 0);
        is_taken.then(|| object(listed, span.at, spot.slot))
    }
}

/// The slots of a span that hold an object, dead or not; `None` when the books do not tell.
fn taken(spans: Spans<'_, '_>, span: usize, elems: u64) -> Option<Box<[u64]>> {
    let mut out = vec![0u64; usize::try_from(elems.div_ceil(64)).ok()?].into_boxed_slice();
    let mut set = |obj: Object| {
        let word = usize::try_from(obj.slot / 64).ok();
        if let Some(word) = word.and_then(|i| out.get_mut(i)) {
            *word |= 1u64 << (obj.slot % 64);
        }
    };
    let known = spans.for_each_allocated(span, &mut set) && spans.for_each_dead(span, &mut set);
    known.then_some(out)
}

fn object(span: &Span, at: usize, slot: u32) -> Object {
    let off = u64::from(slot).saturating_mul(span.elem_size);
    let slot_start = Addr(span.pages.start.0.saturating_add(off));
    Object {
        span: at,
        slot: slot.into(),
        slot_start,
        start: Addr(slot_start.0.saturating_add(span.header)),
        size: span.elem_size.saturating_sub(span.header),
    }
}
