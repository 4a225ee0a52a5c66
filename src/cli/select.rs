//! Which maps `list` shows, in which order, or in which groups.
//! In: the rows of a survey. Out: the numbers of those chosen, in order, or totals.

use crate::check::rule::Verdict;
use crate::find::fold_path::Fold;
use crate::find::fold_path::fold_path;
use crate::report::list_text::Group;
use crate::survey::listing::Rows;
use crate::survey::listing::Selected;
use crate::survey::listing::by_address;
use crate::survey::result::MapRow;
use clap::ValueEnum;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The order of a list. Equal maps stay in order of address, equal groups in order of name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    /// Address
    Addr,
    /// Entries, most first
    Len,
    /// Size, largest first
    Bytes,
    /// Size of empty slots, largest first
    Waste,
    /// Owner path
    Owner,
    /// Type
    Type,
}

/// What maps are grouped by.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GroupBy {
    /// Map type
    Type,
    /// Owner path, elements folded to `[*]`
    Owner,
}

impl GroupBy {
    /// The word of the option and of JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            GroupBy::Type => "type",
            GroupBy::Owner => "owner",
        }
    }
}

/// Ways a map is found, as `find::found::Ways` has them.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FoundBy {
    /// From a package variable through typed memory
    Variable,
    /// From a goroutine's stack
    Stack,
    /// From a register
    Register,
    /// From the function of a go statement that was not run yet
    Goroutine,
    /// From a finalizer, or an object that has one
    Finalizer,
    /// From a cleanup
    Cleanup,
    /// By looking at every object of the heap
    Sweep,
}

impl FoundBy {
    /// The word of the option and of JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            FoundBy::Variable => "variable",
            FoundBy::Stack => "stack",
            FoundBy::Register => "register",
            FoundBy::Goroutine => "goroutine",
            FoundBy::Finalizer => "finalizer",
            FoundBy::Cleanup => "cleanup",
            FoundBy::Sweep => "sweep",
        }
    }
}

/// Whether the program could still get at a map, as `find::found::Reach` has it.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// A typed way leads there, or a stack holds it
    #[value(name = "reachable")]
    Known,
    /// Only an unsafe.Pointer or the like leads there
    #[value(name = "reachable-unknown-path")]
    Unknown,
    /// Nothing leads there any more
    Garbage,
}

impl Reach {
    /// The word of the option and of JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Reach::Known => "reachable",
            Reach::Unknown => "reachable-unknown-path",
            Reach::Garbage => "garbage",
        }
    }
}

/// Which maps are wanted.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Filter<'a> {
    /// Part of the type.
    pub(super) ty: Option<&'a str>,
    /// Part of the owner path.
    pub(super) owner: Option<&'a str>,
    /// Entries at least; a map of unreadable length has none.
    pub(super) min_len: Option<u64>,
    /// A way it was found.
    pub(super) found_by: Option<&'a str>,
    /// Whether the program could still get at it.
    pub(super) reachable: Option<&'a str>,
}

impl Filter<'_> {
    /// The numbers of the maps that pass.
    fn choose(&self, rows: &dyn Rows) -> Vec<u32> {
        let count = u32::try_from(rows.count()).unwrap_or(u32::MAX);
        let min = self.min_len.unwrap_or(0);
        let long = |i: &u32| {
            let len = rows.numbers(*i).and_then(|n| n.len);
            min == 0 || len.is_some_and(|_| entries(len) >= min)
        };
        let mut chosen: Vec<u32> = (0..count).filter(long).collect();
        let words = [self.ty, self.owner, self.found_by, self.reachable];
        if words.iter().any(Option::is_some) {
            let mut taken = Vec::new();
            rows.each(&chosen, self.owner.is_some(), &mut |i, row| {
                if self.takes_row(row) {
                    taken.push(i);
                }
            });
            chosen = taken;
        }
        chosen
    }

    fn takes_row(&self, row: &MapRow) -> bool {
        let is_type = |part: &str| {
            row.ty.contains(part) || row.type_candidates.iter().any(|t| t.contains(part))
        };
        self.ty.is_none_or(is_type)
            && self.owner.is_none_or(|part| row.owner.contains(part))
            && self.found_by.is_none_or(|way| row.found_by.contains(&way))
            && self.reachable.is_none_or(|how| row.reachable == how)
    }
}

/// Entries that a length stands for.
fn entries(len: Option<i64>) -> u64 {
    len.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// The numbers of the maps that pass the filter, in order.
pub(super) fn select(rows: &dyn Rows, filter: &Filter<'_>, sort: Sort) -> Vec<u32> {
    let mut chosen = by_address(rows, filter.choose(rows));
    let numbers = |i: &u32| rows.numbers(*i);
    match sort {
        Sort::Addr => {}
        Sort::Len => chosen.sort_by_key(|i| Reverse(numbers(i).map(|n| entries(n.len)))),
        Sort::Bytes => chosen.sort_by_key(|i| Reverse(numbers(i).map(|n| n.bytes))),
        Sort::Waste => chosen.sort_by_key(|i| Reverse(numbers(i).map(|n| n.waste))),
        Sort::Owner => by_name(rows, &mut chosen, true, |row| row.owner.clone()),
        Sort::Type => by_name(rows, &mut chosen, false, |row| row.ty.clone()),
    }
    chosen
}

/// Sorts by a name of each row; `owner`: whether the row's owner is needed for that.
fn by_name(rows: &dyn Rows, chosen: &mut Vec<u32>, owner: bool, name: impl Fn(&MapRow) -> String) {
    let mut named: Vec<(String, u32)> = Vec::with_capacity(chosen.len());
    rows.each(chosen, owner, &mut |i, row| named.push((name(row), i)));
    named.sort_by(|a, b| a.0.cmp(&b.0));
    chosen.clear();
    chosen.extend(named.into_iter().map(|(_, i)| i));
}

/// Totals over the rows by type or owner, in order; by bytes where an order of maps has no meaning
/// for groups.
pub(super) fn group(maps: &Selected<'_>, by: GroupBy, sort: Option<Sort>) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut add = |row: &MapRow| {
        let name = match by {
            GroupBy::Type => Cow::Borrowed(row.ty.as_str()),
            GroupBy::Owner if row.owner.is_empty() => Cow::Borrowed(NO_OWNER),
            GroupBy::Owner => fold_path(&row.owner, Fold::ALL),
        };
        if !groups.contains_key(&*name) {
            let group = Group {
                name: name.to_string(),
                maps: 0,
                entries: 0,
                bytes: 0,
                waste: 0,
                broken: maps.rows.are_judged().then_some(0),
            };
            groups.insert(name.to_string(), group);
        }
        let Some(g) = groups.get_mut(&*name) else {
            return;
        };
        let broken = row
            .verdict
            .as_ref()
            .is_some_and(|v| v.verdict == Verdict::Broken);
        g.maps = g.maps.saturating_add(1);
        g.entries = g.entries.saturating_add(row.entries());
        g.bytes = g.bytes.saturating_add(row.bytes);
        g.waste = g.waste.saturating_add(row.waste);
        g.broken = g.broken.map(|n| n.saturating_add(u64::from(broken)));
    };
    let owner = by == GroupBy::Owner;
    maps.rows.each(maps.order, owner, &mut |_, row| add(row));
    let mut groups: Vec<Group> = groups.into_values().collect();
    match sort {
        Some(Sort::Owner | Sort::Type) => {}
        Some(Sort::Len) => groups.sort_by_key(|g| Reverse(g.entries)),
        Some(Sort::Waste) => groups.sort_by_key(|g| Reverse(g.waste)),
        None | Some(Sort::Addr | Sort::Bytes) => groups.sort_by_key(|g| Reverse(g.bytes)),
    }
    groups
}

/// The owner of maps that nothing leads to.
const NO_OWNER: &str = "(none)";

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::survey::samples::screens::broken_classic;
    use crate::survey::samples::screens::row;

    fn addrs(rows: &Vec<MapRow>, order: &[u32]) -> Vec<u64> {
        let mut out = Vec::new();
        Selected { rows, order }.each(|r| out.push(r.addr.0));
        out
    }

    fn rows() -> Vec<MapRow> {
        let sized = |addr, ty: &str, owner: &str, len, bytes, waste| MapRow {
            len,
            bytes,
            waste,
            ..row(addr, ty, owner)
        };
        vec![
            sized(3, "map[int]int", "main.a", Some(5), 100, 7),
            sized(1, "map[string]int", "main.s[\"x\"].m", Some(9), 50, 9),
            sized(2, "map[string]int", "main.s[\"y\"].m", None, 60, 8),
        ]
    }

    #[test]
    fn numbers_sort_from_large_to_small_and_names_by_letter() {
        let rows = rows();
        let by = |sort| addrs(&rows, &select(&rows, &Filter::default(), sort));
        assert_eq!(by(Sort::Addr), [1, 2, 3]);
        assert_eq!(by(Sort::Len), [1, 3, 2]);
        assert_eq!(by(Sort::Bytes), [3, 2, 1]);
        assert_eq!(by(Sort::Waste), [1, 2, 3]);
        assert_eq!(by(Sort::Owner), [3, 1, 2]);
        assert_eq!(by(Sort::Type), [3, 1, 2]);
    }

    #[test]
    fn filters_hold_together() {
        let rows = rows();
        let with = |filter| addrs(&rows, &select(&rows, &filter, Sort::Addr));
        assert_eq!(
            with(Filter {
                ty: Some("[string]"),
                ..Filter::default()
            }),
            [1, 2]
        );
        assert_eq!(
            with(Filter {
                owner: Some("\"y\""),
                ..Filter::default()
            }),
            [2]
        );
        assert_eq!(
            with(Filter {
                min_len: Some(5),
                ..Filter::default()
            }),
            [1, 3]
        );
        assert_eq!(
            with(Filter {
                min_len: Some(0),
                ..Filter::default()
            }),
            [1, 2, 3]
        );
        assert_eq!(
            with(Filter {
                ty: Some("string"),
                min_len: Some(1),
                ..Filter::default()
            }),
            [1]
        );
    }

    #[test]
    fn owners_are_grouped_with_their_elements_folded() {
        let rows = rows();
        let order = select(&rows, &Filter::default(), Sort::Addr);
        let maps = Selected {
            rows: &rows,
            order: &order,
        };
        let groups = group(&maps, GroupBy::Owner, None);
        let names: Vec<&str> = groups.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["main.s[*].m", "main.a"]);
        let first = groups.first().expect("two groups");
        assert_eq!(
            (first.maps, first.entries, first.bytes, first.waste),
            (2, 9, 110, 17)
        );
    }

    #[test]
    fn broken_maps_are_counted_in_their_group() {
        let survey = broken_classic();
        let order: Vec<u32> = (0..).zip(&survey.maps).map(|(i, _)| i).collect();
        let maps = Selected {
            rows: &survey.maps,
            order: &order,
        };
        assert_eq!(
            group(&maps, GroupBy::Type, None)
                .iter()
                .filter_map(|g| g.broken)
                .sum::<u64>(),
            1
        );
    }
}
