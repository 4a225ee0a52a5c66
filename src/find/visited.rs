//! Which words of memory were looked at already: one bit per word, in chunks made on demand.
//! In: addresses. Out: whether it was the first time.

use crate::base::addr::Addr;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// log2 of the bytes of memory one chunk stands for.
const CHUNK_SHIFT: u32 = 20;
/// Words of bits in a chunk: one bit per 4 bytes of memory, the smallest pointer.
const CHUNK_WORDS: usize = 1 << (CHUNK_SHIFT - 2 - 6);

/// A set of words of memory.
#[derive(Default)]
pub(crate) struct Visited {
    chunks: HashMap<u64, Box<[u64; CHUNK_WORDS]>>,
}

impl Visited {
    /// Marks the word at `addr`; whether it was not marked before.
    pub(crate) fn first(&mut self, addr: Addr) -> bool {
        let chunk = self
            .chunks
            .entry(addr.0 >> CHUNK_SHIFT)
            .or_insert_with(|| Box::new([0; CHUNK_WORDS]));
        let bit = (addr.0 >> 2) & ((1 << (CHUNK_SHIFT - 2)) - 1);
        let Some(word) = usize::try_from(bit >> 6)
            .ok()
            .and_then(|i| chunk.get_mut(i))
        else {
            return false;
        };
        let mask = 1u64 << (bit & 63);
        let first = *word & mask == 0;
        *word |= mask;
        first
    }
}

/// Ranges of addresses that were looked at as arrays of one element type.
#[derive(Default)]
pub(crate) struct Covered {
    /// start -> end, not overlapping.
    ranges: BTreeMap<u64, u64>,
}

impl Covered {
    /// Adds `[start, end)` and returns the parts of it that were not covered before. Overlapping
    /// slices of one array cost what the array costs, not what their lengths add up to.
    pub(crate) fn add(&mut self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut fresh = Vec::new();
        let mut at = start;
        let (mut from, mut to) = (start, end);
        let mut swallowed = Vec::new();
        let before = self
            .ranges
            .range(..=start)
            .next_back()
            .map(|(s, e)| (*s, *e))
            .filter(|(_, e)| *e >= start);
        let inside = self
            .ranges
            .range(start.saturating_add(1)..=end)
            .map(|(s, e)| (*s, *e));
        for (s, e) in before.into_iter().chain(inside) {
            if s > at {
                fresh.push((at, s.min(end)));
            }
            at = at.max(e);
            (from, to) = (from.min(s), to.max(e));
            swallowed.push(s);
        }
        if at < end {
            fresh.push((at, end));
        }
        for s in swallowed {
            self.ranges.remove(&s);
        }
        self.ranges.insert(from, to);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_new_once() {
        let mut v = Visited::default();
        assert!(v.first(Addr(0xc000_0000_1000)));
        assert!(!v.first(Addr(0xc000_0000_1000)));
        assert!(v.first(Addr(0xc000_0000_1008)));
        assert!(v.first(Addr(0x1000)));
    }

    #[test]
    fn overlapping_slices_are_covered_once() {
        let mut c = Covered::default();
        assert_eq!(c.add(10, 20), [(10, 20)]);
        assert_eq!(c.add(12, 18), []);
        assert_eq!(c.add(30, 40), [(30, 40)]);
        assert_eq!(c.add(5, 35), [(5, 10), (20, 30)]);
        assert_eq!(c.add(0, 50), [(0, 5), (40, 50)]);
        assert_eq!(c.add(0, 50), []);
        assert_eq!(c.ranges.len(), 1);
    }
}
