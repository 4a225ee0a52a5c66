//! A map in 24 bytes, for those of which there is nothing to say but numbers.
//! In: an image and its verdict. Out: its measures, and these packed; a map that does not fit has a whole row.

use crate::check::rule::MapVerdict;
use crate::check::rule::Verdict;
use crate::find::found::FoundMap;
use crate::maps::image::MapImage;
use crate::survey::result::Totals;

/// The words for a map's state, in the order they are shown. A set of them is a number with a bit for each.
const FLAGS: [&str; 9] = [
    "dead",
    "mid-write",
    "empty",
    "growing",
    "same-size-grow",
    "iterator",
    "old-iterator",
    "small",
    "tombstones",
];

/// A set of words for a map's state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flags(u16);

impl Flags {
    /// Adds a word, which must be one of those above.
    pub(crate) fn add(&mut self, word: &str) {
        for (i, known) in FLAGS.iter().enumerate() {
            if *known == word {
                self.0 |= 1 << i;
            }
        }
    }

    /// Whether a word is among them.
    pub(crate) fn has(self, word: &str) -> bool {
        let mut one = Flags::default();
        one.add(word);
        self.0 & one.0 != 0
    }

    /// The words.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static str> {
        let bits = FLAGS.iter().enumerate();
        bits.filter(move |(i, _)| self.0 & (1 << i) != 0)
            .map(|(_, word)| *word)
    }

    /// The same as a list.
    pub(crate) fn words(self) -> Vec<&'static str> {
        self.iter().collect()
    }
}

/// The numbers of a map's row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Measures {
    /// `len(m)` as the header claims; `None` when unreadable.
    pub(crate) len: Option<i64>,
    /// As in `MapRow`.
    pub(crate) capacity: Option<u64>,
    /// As in `MapRow`.
    pub(crate) bytes: u64,
    /// As in `MapRow`.
    pub(crate) waste: u64,
    /// Words for its state.
    pub(crate) flags: Flags,
}

/// A map that is sound as far as it is judged, read to its end, and of which no rule says anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Brief {
    /// Its position in `Found::maps`.
    pub(crate) number: u32,
    len: u32,
    capacity: u32,
    bytes: u32,
    waste: u32,
    flags: Flags,
}

impl Brief {
    /// `None` for numbers that do not fit, or are not known.
    pub(crate) fn pack(number: u32, m: &Measures) -> Option<Brief> {
        Some(Brief {
            number,
            len: u32::try_from(m.len?).ok()?,
            capacity: u32::try_from(m.capacity?).ok()?,
            bytes: u32::try_from(m.bytes).ok()?,
            waste: u32::try_from(m.waste).ok()?,
            flags: m.flags,
        })
    }

    /// The numbers.
    pub(crate) fn measures(&self) -> Measures {
        Measures {
            len: Some(i64::from(self.len)),
            capacity: Some(u64::from(self.capacity)),
            bytes: u64::from(self.bytes),
            waste: u64::from(self.waste),
            flags: self.flags,
        }
    }

    /// What the rules say of it: nothing, or that it is not judged.
    pub(crate) fn verdict(&self) -> Option<MapVerdict> {
        (!self.flags.has("dead")).then(MapVerdict::default)
    }
}

/// Whether there is nothing to say of a map but its numbers. `verdict`: `None` if it is not judged.
pub(crate) fn is_plain(image: &MapImage<'_>, verdict: Option<&MapVerdict>) -> bool {
    let hands = &image.hands;
    image.gaps.is_empty()
        && !image.mid_write()
        && !hands.cloning
        && hands.writers.is_empty()
        && hands.readers.is_empty()
        && verdict.is_none_or(|v| {
            v.verdict == Verdict::Ok
                && !v.mid_write
                && v.findings_total == 0
                && v.unknown_rules.is_empty()
        })
}

/// Adds a plain map to totals.
pub(crate) fn add_plain(totals: &mut Totals, map: &FoundMap, m: &Measures) {
    if map.dead {
        return; // not judged, and not counted
    }
    let entries = m.len.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    totals.total = totals.total.saturating_add(1);
    totals.sound = totals.sound.saturating_add(1);
    totals.entries = totals.entries.saturating_add(entries);
    totals.bytes = totals.bytes.saturating_add(m.bytes);
}

/// Takes a plain map out of totals again.
pub(crate) fn subtract_plain(totals: &mut Totals, map: &FoundMap, m: &Measures) {
    let mut one = Totals::default();
    add_plain(&mut one, map, m);
    totals.total = totals.total.saturating_sub(one.total);
    totals.sound = totals.sound.saturating_sub(one.sound);
    totals.entries = totals.entries.saturating_sub(one.entries);
    totals.bytes = totals.bytes.saturating_sub(one.bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;

    fn measures() -> Measures {
        let mut flags = Flags::default();
        flags.add("small");
        flags.add("dead");
        Measures {
            len: Some(7),
            capacity: Some(8),
            bytes: 1 << 31,
            waste: 12,
            flags,
        }
    }

    #[test]
    fn what_is_packed_is_the_same_afterwards() {
        let m = measures();
        let brief = Brief::pack(3, &m).expect("all of it fits");
        assert_eq!((brief.number, brief.measures()), (3, m));
        assert_eq!(brief.measures().flags.words(), ["dead", "small"]);
        assert!(brief.verdict().is_none());
        assert_eq!(size_of::<Brief>(), 24);
    }

    #[test]
    fn what_does_not_fit_is_not_packed() {
        let with = |change: &dyn Fn(&mut Measures)| {
            let mut m = measures();
            change(&mut m);
            Brief::pack(0, &m)
        };
        assert!(with(&|m| m.len = Some(-1)).is_none());
        assert!(with(&|m| m.len = None).is_none());
        assert!(with(&|m| m.capacity = None).is_none());
        assert!(with(&|m| m.bytes = 1 << 32).is_none());
        assert!(with(&|m| m.waste = u64::MAX).is_none());
    }
}
