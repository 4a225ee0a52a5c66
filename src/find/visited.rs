//! Which words of memory were looked at already: one bit per word, in chunks made on demand.
//! In: addresses. Out: whether it was the first time.

use crate::base::addr::Addr;
use crate::find::blocks::Blocks;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

/// log2 of the bytes of memory one chunk of bits stands for.
const CHUNK_SHIFT: u32 = 16;
/// Words of bits in a chunk, where a word of memory has 8 bytes; where it has 4, a chunk stands for half as much.
const CHUNK_WORDS: usize = 1 << (CHUNK_SHIFT - 3 - 6);
/// log2 of the chunks of a region, of which a table is kept.
const REGION_SHIFT: u32 = 10;
const REGION: usize = 1 << REGION_SHIFT;
/// Regions that are found without hashing, by the low bits of their number.
const RECENT_SHIFT: u32 = 6;
const RECENT: usize = 1 << RECENT_SHIFT;
/// In a region: no chunk yet.
const NONE: u32 = u32::MAX;

/// A set of words of memory. An address that is no multiple of the word size is a word of its own.
pub(crate) struct Visited {
    /// log2 of the bytes of a word.
    shift: u32,
    /// By number of the region: its position in `tables`.
    regions: HashMap<u64, usize>,
    /// The region last met with these low bits, and its position.
    recent: [(u64, usize); RECENT],
    tables: Vec<[u32; REGION]>,
    chunks: Blocks<[u64; CHUNK_WORDS]>,
    /// The halves of words that no sound pointer leads to, by multiples of 4 bytes.
    odd: HashSet<u64>,
}

impl Visited {
    /// None yet. `word`: bytes of a word, 4 or 8.
    pub(crate) fn new(word: u64) -> Visited {
        Visited {
            shift: word.trailing_zeros().clamp(2, 3),
            regions: HashMap::new(),
            recent: [(u64::MAX, 0); RECENT],
            tables: Vec::new(),
            chunks: Blocks::default(),
            odd: HashSet::new(),
        }
    }

    /// Marks the word at `addr`; whether it was not marked before.
    pub(crate) fn first(&mut self, addr: Addr) -> bool {
        let quarter = addr.0 >> 2;
        if self.shift == 3 && quarter & 1 == 1 {
            return self.odd.insert(quarter);
        }
        let word = addr.0 >> self.shift;
        let chunk = word >> (CHUNK_SHIFT - 3);
        let bit = word & low_bits(CHUNK_SHIFT - 3);
        let place = self.chunk(chunk).and_then(|words| {
            let i = usize::try_from(bit >> 6).ok()?;
            words.get_mut(i)
        });
        let Some(place) = place else { return false };
        let mask = 1u64 << (bit & 63);
        let first = *place & mask == 0;
        *place |= mask;
        first
    }

    fn chunk(&mut self, chunk: u64) -> Option<&mut [u64; CHUNK_WORDS]> {
        let region = chunk >> REGION_SHIFT;
        let recent = usize::try_from(region & low_bits(RECENT_SHIFT)).ok()?;
        let at = match self.recent.get(recent) {
            Some((number, at)) if *number == region => *at,
            _ => {
                let next = self.tables.len();
                let at = *self.regions.entry(region).or_insert(next);
                if at == next {
                    self.tables.push([NONE; REGION]);
                }
                *self.recent.get_mut(recent)? = (region, at);
                at
            }
        };
        let in_region = usize::try_from(chunk & low_bits(REGION_SHIFT)).ok()?;
        let number = self.tables.get_mut(at)?.get_mut(in_region)?;
        if *number == NONE {
            *number = u32::try_from(self.chunks.len()).ok()?;
            self.chunks.push([0; CHUNK_WORDS]);
        }
        let i = usize::try_from(*number).ok()?;
        self.chunks.get_mut(i)
    }
}

fn low_bits(n: u32) -> u64 {
    (1u64 << n).wrapping_sub(1)
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
        for word in [4, 8] {
            let mut v = Visited::new(word);
            assert!(v.first(Addr(0xc000_0000_1000)));
            assert!(!v.first(Addr(0xc000_0000_1000)));
            assert!(v.first(Addr(0xc000_0000_1008)));
            assert!(v.first(Addr(0xc000_0000_1004)));
            assert!(!v.first(Addr(0xc000_0000_1004)));
            assert!(v.first(Addr(0x1000)));
            assert!(v.first(Addr(u64::MAX)));
            assert!(!v.first(Addr(u64::MAX)));
        }
    }

    #[test]
    fn regions_that_share_a_place_do_not_share_words() {
        let mut v = Visited::new(8);
        let apart = (RECENT as u64) << CHUNK_SHIFT << REGION.trailing_zeros();
        for round in [true, false] {
            for i in 0..5 {
                assert_eq!(v.first(Addr(apart.wrapping_mul(i).wrapping_add(64))), round);
            }
        }
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
