//! From an address to the few spans that may hold it, without a search over all of them.
//! In: disjoint address ranges in ascending order. Out: positions in that order.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::runtime::heap::PAGE;
use std::ops::Range;

/// Pages without a span beyond which a new stretch of the index begins: 1 GiB.
const MAX_GAP: u64 = 1 << 17;
/// Entries of the index per span at most, so that it costs no more than the spans do.
const ENTRIES_PER_SPAN: u64 = 4;

/// An index over ranges. Its size goes with their number, wherever they lie.
#[derive(Clone, Default, Debug)]
pub(crate) struct PageIndex {
    /// By first page.
    stretches: Vec<Stretch>,
}

/// A part of the address space with ranges close to each other.
#[derive(Clone, Debug)]
struct Stretch {
    first_page: u64,
    /// An entry stands for 2^shift pages.
    shift: u32,
    /// Position of the first range that ends behind the entry's first page.
    entries: Vec<u32>,
    /// Position of the last range.
    last: u32,
}

impl PageIndex {
    /// Indexes `ranges`: ascending, disjoint, none empty, fewer than 2^32.
    pub(crate) fn new(ranges: &[AddrRange]) -> PageIndex {
        let mut out = PageIndex::default();
        let mut from = 0usize;
        for i in 1..=ranges.len() {
            let gap = match (ranges.get(i.saturating_sub(1)), ranges.get(i)) {
                (Some(a), Some(b)) => b.start.0.saturating_sub(a.end.0) / PAGE,
                _ => u64::MAX,
            };
            if gap > MAX_GAP {
                out.stretches.extend(Stretch::new(ranges, from..i));
                from = i;
            }
        }
        out
    }

    /// The positions among which the range that holds `addr` is, if there is one.
    pub(crate) fn candidates(&self, addr: Addr) -> Range<usize> {
        self.look_up(addr.0 / PAGE).unwrap_or(0..0)
    }

    fn look_up(&self, page: u64) -> Option<Range<usize>> {
        let i = self.stretches.partition_point(|s| s.first_page <= page);
        let s = self.stretches.get(i.checked_sub(1)?)?;
        let entry = page.checked_sub(s.first_page)?.checked_shr(s.shift)?;
        let entry = usize::try_from(entry).ok()?;
        let from = *s.entries.get(entry)?;
        let to = s.entries.get(entry.checked_add(1)?).unwrap_or(&s.last);
        let to = usize::try_from(*to).ok()?.checked_add(1)?;
        Some(usize::try_from(from).ok()?..to)
    }
}

impl Stretch {
    fn new(ranges: &[AddrRange], which: Range<usize>) -> Option<Stretch> {
        let last = which.end.checked_sub(1)?;
        let first_page = ranges.get(which.start)?.start.0 / PAGE;
        let pages = ranges.get(last)?.end.0.div_ceil(PAGE);
        let pages = pages.checked_sub(first_page)?;
        let room = (which.len() as u64).saturating_mul(ENTRIES_PER_SPAN);
        let shift = (0..64).find(|s| pages.checked_shr(*s).unwrap_or(0) <= room)?;
        let n = pages.checked_shr(shift)?.saturating_add(1);
        let mut entries = Vec::with_capacity(usize::try_from(n).ok()?);
        let mut at = which.start;
        for i in 0..n {
            let page = i.checked_shl(shift)?.saturating_add(first_page);
            while at < last && ranges.get(at)?.end.0.div_ceil(PAGE) <= page {
                at = at.saturating_add(1);
            }
            entries.push(u32::try_from(at).ok()?);
        }
        Some(Stretch {
            first_page,
            shift,
            entries,
            last: u32::try_from(last).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Vec<AddrRange> {
        let range = |(page, n): &(u64, u64)| AddrRange {
            start: Addr(page.saturating_mul(PAGE)),
            end: Addr(page.saturating_add(*n).saturating_mul(PAGE)),
        };
        of.iter().map(range).collect()
    }

    fn found(all: &[AddrRange], index: &PageIndex, addr: u64) -> Option<usize> {
        let r = index.candidates(Addr(addr));
        r.clone()
            .find(|i| all.get(*i).is_some_and(|r| r.contains(Addr(addr))))
    }

    #[test]
    fn every_page_of_every_range_is_found_and_no_other() {
        // One-page ranges close together, one huge range, a gap wider than a stretch, and a lone one.
        let mut of: Vec<(u64, u64)> = (0..300).map(|i| (1000 + i * 2, 1)).collect();
        of.extend([(5000, 100_000), (105_000, 1), (1 << 30, 7), (1 << 50, 1)]);
        let all = ranges(&of);
        let index = PageIndex::new(&all);
        for (i, (page, n)) in of.iter().enumerate() {
            for p in [*page, page + n / 2, page + n - 1] {
                assert_eq!(found(&all, &index, p * PAGE), Some(i), "page {p}");
                assert_eq!(found(&all, &index, p * PAGE + PAGE - 1), Some(i));
            }
        }
        for p in [0, 999, 1001, 1601, 4999, 105_001, (1 << 30) + 7, 1 << 40] {
            assert_eq!(found(&all, &index, p * PAGE), None, "page {p}");
        }
        assert_eq!(found(&all, &index, u64::MAX), None);
        assert_eq!(index.stretches.len(), 3);
    }

    #[test]
    fn the_index_is_no_larger_than_the_ranges_are_many() {
        let all = ranges(&[(1, 1), (100_000, 1 << 40), ((1 << 40) + 100_001, 1)]);
        let index = PageIndex::new(&all);
        let entries: usize = index.stretches.iter().map(|s| s.entries.len()).sum();
        assert!(entries <= 16, "{entries} entries");
        assert_eq!(found(&all, &index, (1 << 40) * PAGE), Some(1));
        assert!(PageIndex::new(&[]).candidates(Addr(8)).is_empty());
    }
}
