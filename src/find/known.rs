//! Which headers are in the list of maps already, by the allocator's slots: nothing is hashed, and a slot takes 4 bytes.
//! In: headers, each with the map's number. Out: the number again.

use crate::base::addr::Addr;
use crate::runtime::spans::Object;
use crate::runtime::spans::Span;
use crate::runtime::spans::Spans;
use std::collections::HashMap;

/// In a table: no map.
const NONE: u32 = u32::MAX;
/// Smaller slots hold no header, and get no table.
const MIN_SLOT: u64 = 24;
/// Bytes of the core per slot in tables, and slots that there may be however small the core: spans that claim to
/// be huge must not make tables larger than the core.
const BYTES_PER_SLOT: u64 = 16;
const FREE_SLOTS: u64 = 1 << 16;

/// Numbers of maps by header.
#[derive(Debug)]
pub(crate) struct Known<'v, 'a> {
    spans: Spans<'v, 'a>,
    /// By span: the numbers of the maps in its slots, if there are any.
    tables: Vec<Option<Box<[u32]>>>,
    /// Slots that new tables may have.
    room: u64,
    /// Headers that are no slots: on stacks, in modules, or nowhere at all.
    others: HashMap<Addr, u32>,
}

impl<'v, 'a> Known<'v, 'a> {
    /// None yet. `dumped`: bytes of the core.
    pub(crate) fn new(spans: Spans<'v, 'a>, dumped: u64) -> Known<'v, 'a> {
        Known {
            spans,
            tables: Vec::new(),
            room: (dumped / BYTES_PER_SLOT).saturating_add(FREE_SLOTS),
            others: HashMap::new(),
        }
    }

    /// The number of the map at `header`.
    pub(crate) fn get(&self, header: Addr) -> Option<usize> {
        let in_table = self.slot(header).and_then(|(i, _, slot)| {
            let table = self.tables.get(i)?.as_ref()?;
            Some(table.get(slot).copied().unwrap_or(NONE))
        });
        let number = match in_table {
            Some(number) => number,
            None if self.others.is_empty() => return None,
            None => *self.others.get(&header)?,
        };
        usize::try_from(number).ok().filter(|_| number != NONE)
    }

    /// Whether there is a map at `header`.
    pub(crate) fn has(&self, header: Addr) -> bool {
        self.get(header).is_some()
    }

    /// Whether an object is the header of one.
    pub(crate) fn has_object(&self, obj: &Object) -> bool {
        match self.tables.get(obj.span) {
            Some(Some(table)) => {
                let slot = usize::try_from(obj.slot).unwrap_or(usize::MAX);
                table.get(slot).is_some_and(|n| *n != NONE)
            }
            _ => !self.others.is_empty() && self.others.contains_key(&obj.start),
        }
    }

    /// The number of the map at `header`; if there is none yet, it is `map` from now on.
    pub(crate) fn enter(&mut self, header: Addr, map: usize) -> Option<usize> {
        let number = u32::try_from(map).unwrap_or(NONE);
        let place = match self.slot(header) {
            Some((i, span, slot)) => self.table(i, span).and_then(|t| t.get_mut(slot)),
            None => None,
        };
        let place = match place {
            Some(place) => place,
            None => self.others.entry(header).or_insert(NONE),
        };
        if *place == NONE {
            *place = number;
            return None;
        }
        usize::try_from(*place).ok()
    }

    /// The table of a span. Once there was no room for it there never is.
    fn table(&mut self, i: usize, span: &Span) -> Option<&mut Box<[u32]>> {
        if self.tables.is_empty() {
            self.tables.resize(self.spans.list().len(), None);
        }
        let table = self.tables.get_mut(i)?;
        if table.is_none() {
            self.room = self.room.checked_sub(span.elems)?;
            let n = usize::try_from(span.elems).ok()?;
            *table = Some(vec![NONE; n].into_boxed_slice());
        }
        table.as_mut()
    }

    /// Span and slot of which `header` is the first byte of the object.
    fn slot(&self, header: Addr) -> Option<(usize, &'v Span, usize)> {
        let (i, span) = self.spans.find(header)?;
        if span.elem_size < MIN_SLOT {
            return None;
        }
        let off = header
            .offset_from(span.pages.start)?
            .checked_sub(span.header)?;
        let slot = off.checked_div(span.elem_size)?;
        let begins = off == slot.saturating_mul(span.elem_size) && slot < span.elems;
        begins.then_some((i, span, usize::try_from(slot).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::addr::AddrRange;
    use crate::base::bytes::Abi;
    use crate::file::corefile::CoreFile;
    use crate::file::corefile::Machine;
    use crate::process::memory::Memory;
    use crate::runtime::pageindex::PageIndex;
    use crate::runtime::spans::Sweep;
    use crate::runtime::spantable::SpanTable;

    const CORE: CoreFile<'static> = CoreFile {
        bytes: &[],
        abi: Abi::AMD64,
        machine: Machine::Amd64,
        segments: Vec::new(),
        notes: Vec::new(),
        notes_cut: false,
    };

    /// One span with slots of 48 bytes behind a header of 8, and one with slots too small for a map.
    fn table() -> SpanTable {
        let span = |start: u64, elem_size, elems, header| Span {
            mspan: Addr::NIL,
            pages: AddrRange::of_size(Addr(start), 8192).unwrap_or_default(),
            limit: Addr(start.saturating_add(8192)),
            elem_size,
            elems,
            noscan: false,
            class: 4,
            manual: false,
            header,
            large_type: Addr::NIL,
            sweep: Sweep::Swept,
            specials: Addr::NIL,
            user_arena: false,
            inline_marks: Addr::NIL,
            free_index: 0,
            alloc_bits: Addr::NIL,
            mark_bits: Addr::NIL,
        };
        let spans = vec![span(0x2000, 48, 170, 8), span(0x6000, 16, 512, 0)];
        let ranges: Vec<AddrRange> = spans.iter().map(|s| s.pages).collect();
        SpanTable {
            index: PageIndex::new(&ranges),
            spans,
            ..SpanTable::default()
        }
    }

    #[test]
    fn a_header_is_known_by_its_slot_and_any_other_address_by_itself() {
        let (mem, table) = (Memory::new(&CORE, None, 0), table());
        let spans = Spans::new(&mem, &table);
        // With room for tables, and without any.
        for dumped in [1 << 20, 0] {
            let mut known = Known::new(spans, dumped);
            if dumped == 0 {
                known.room = 100;
            }
            // Slots, the middle of one, a slot behind the last, one too small, and what is in no span.
            let slot = |i: u64| 0x2008u64.saturating_add(i.saturating_mul(48));
            let headers = [
                slot(0),
                slot(169),
                slot(1) + 8,
                slot(170),
                0x6010,
                0x9000,
                1,
            ];
            assert!(headers.iter().all(|at| !known.has(Addr(*at))));
            for (at, i) in headers.iter().zip(0usize..) {
                assert_eq!(known.enter(Addr(*at), i), None, "{at:#x}");
            }
            for (at, i) in headers.iter().zip(0usize..) {
                assert_eq!(known.get(Addr(*at)), Some(i), "{at:#x}");
            }
            assert_eq!(known.enter(Addr(slot(0)), 9), Some(0));
            assert_eq!(known.enter(Addr(0x9000), 9), Some(5));
            assert!(!known.has(Addr(slot(2))) && !known.has(Addr(0x2000)));
            let by_slot = |at| spans.object(Addr(at)).map(|o| known.has_object(&o));
            assert_eq!(by_slot(slot(169)), Some(true));
            assert_eq!(by_slot(slot(5)), Some(false));
            assert_eq!(
                known.tables.iter().flatten().count(),
                usize::from(dumped > 0)
            );
        }
    }
}
