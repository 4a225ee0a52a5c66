//! Sums over maps that no hostile length can overflow.
//! In: maps of a side. Out: totals, and what was gained between two of them.

use crate::check::rule::Verdict;
use crate::diff::side::SideMap;

/// Totals over maps.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sums {
    /// Maps.
    pub maps: u64,
    /// Their entries, by `entries`.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, bytes of empty slots.
    pub waste: u64,
}

impl Sums {
    /// Adds one map of a process whose maps are of this kind.
    pub fn add(&mut self, map: &SideMap, maps: &str) {
        self.maps = self.maps.saturating_add(1);
        // Up to go1.23 the entries of a sync.Map are those of its inner maps, as in the totals of `check`; beside
        // Swiss maps it is a tree and has none.
        if map.kind != "syncmap" || maps == "swiss" {
            self.entries = self.entries.saturating_add(entries(map));
        }
        self.bytes = self.bytes.saturating_add(map.bytes);
        self.waste = self.waste.saturating_add(map.waste);
    }
}

/// Entries for totals: what the header claims, but of a broken map no more than its storage has room for.
pub fn entries(map: &SideMap) -> u64 {
    let claimed = map.len.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    if map.verdict == Some(Verdict::Broken) {
        claimed.min(map.capacity.unwrap_or(0))
    } else {
        claimed
    }
}

/// `new - old`, as far as that can be said in 64 bits.
pub fn gained(old: u64, new: u64) -> i64 {
    match new.checked_sub(old) {
        Some(more) => i64::try_from(more).unwrap_or(i64::MAX),
        None => 0i64.saturating_sub_unsigned(old.saturating_sub(new)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::samples::map;

    #[test]
    fn no_length_is_too_large_or_too_small() {
        assert_eq!(gained(0, u64::MAX), i64::MAX);
        assert_eq!(gained(u64::MAX, 0), i64::MIN);
        assert_eq!(gained(7, 5), -2);
        let mut sums = Sums::default();
        let mut huge = map(1, "map[int]int", "main.a");
        (huge.len, huge.bytes, huge.waste) = (Some(i64::MAX), u64::MAX, u64::MAX);
        let mut below = huge.clone();
        below.len = Some(-1);
        for m in [&huge, &huge, &huge, &below] {
            sums.add(m, "classic");
        }
        assert_eq!(
            (sums.maps, sums.entries, sums.bytes, sums.waste),
            (4, u64::MAX, u64::MAX, u64::MAX)
        );
        huge.verdict = Some(Verdict::Broken);
        huge.capacity = Some(8);
        assert_eq!(entries(&huge), 8);
    }

    #[test]
    fn a_sync_map_counts_where_it_has_no_inner_maps() {
        let mut sync = map(1, "sync.Map", "main.a");
        sync.kind = "syncmap";
        let of = |maps| {
            let mut sums = Sums::default();
            sums.add(&sync, maps);
            (sums.maps, sums.entries)
        };
        assert_eq!((of("classic"), of("swiss")), ((1, 0), (1, 5)));
    }
}
