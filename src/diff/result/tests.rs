//! Tests of `result`: whole diffs of hand-made sides.

#![allow(clippy::indexing_slicing)] // a failed expectation is a failed test

use super::*;
use crate::diff::samples::garbage;
use crate::diff::samples::map;
use crate::diff::samples::other_run;
use crate::diff::samples::reseeded;
use crate::diff::samples::side;

const TY: &str = "map[string]int";

fn sized(addr: u64, owner: &str, bytes: u64, len: i64) -> SideMap {
    let mut m = map(addr, TY, owner);
    m.bytes = bytes;
    m.len = Some(len);
    m
}

fn broken(m: SideMap) -> SideMap {
    let mut m = m;
    m.verdict = Some(Verdict::Broken);
    m.broken_rules = vec!["MAP-COUNT"];
    m
}

fn all(old: &Side, new: &Side) -> Exit {
    diff(old, new, &Options::default()).exit
}

fn addrs(d: &Diff<'_>) -> Vec<u64> {
    d.rows()
        .filter_map(|r| r.new.or(r.old).map(|m| m.addr.0))
        .collect()
}

/// Maps 1 to 9, each with another fate.
fn fates() -> (Side, Side) {
    let old = side(vec![
        sized(1, "main.same", 100, 5),
        sized(2, "main.longer", 100, 5),
        sized(3, "main.grew", 100, 5),
        sized(4, "main.shrank", 900, 5),
        sized(5, "main.went", 100, 5),
        sized(6, "main.broke", 100, 5),
        sized(7, "main.elems", 100, 5),
        garbage(sized(9, "", 5000, 5)),
    ]);
    let new = side(vec![
        sized(1, "main.same", 100, 5),
        sized(2, "main.longer", 100, 7),
        sized(3, "main.grew", 300, 9),
        sized(4, "main.shrank", 200, 1),
        broken(sized(6, "main.broke", 100, 5)),
        SideMap {
            digest: None,
            ..sized(7, "main.elems", 100, 5)
        },
        sized(8, "main.came", 250, 5),
    ]);
    (old, new)
}

#[test]
fn rows_stand_in_the_order_of_what_matters() {
    let (old, new) = fates();
    let d = diff(&old, &new, &Options::default());
    assert_eq!(addrs(&d), [6, 8, 3, 4, 5, 2, 7]);
    assert_eq!(d.maps_total, 7);
    let counted: Vec<(&str, u64)> = d
        .counts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(c, n)| (c.as_str(), *n))
        .collect();
    assert_eq!(
        counted,
        [
            ("came", 1),
            ("went", 1),
            ("broke", 1),
            ("grew", 2),
            ("shrank", 1),
            ("unknown", 1),
            ("same", 1)
        ]
    );
    assert_eq!(d.exit.code(), 1);
    let rows: Vec<Row<'_>> = d.rows().collect();
    assert_eq!(rows[0].broke, ["MAP-COUNT"]);
    assert_eq!(rows[1].delta.bytes, Some(250));
    assert_eq!((rows[3].delta.bytes, rows[3].delta.len), (Some(-700), -4));
    assert_eq!((rows[4].contents, rows[4].how), (None, None));
    assert_eq!(rows[6].contents, Some(Contents::Unknown));
}

#[test]
fn rows_whose_bytes_are_not_known_stand_before_those_that_lost() {
    let sync = |addr, len| {
        let mut m = sized(addr, "main.sync", 0, len);
        m.kind = "syncmap";
        m.header = crate::survey::detail::Header::None;
        m
    };
    let (mut old, mut new) = fates();
    old.maps.extend([sync(10, 5), sync(11, 5), sync(12, 900)]);
    new.maps.extend([sync(10, 7), sync(11, 90), sync(12, 1)]);
    let d = diff(&old, &new, &Options::default());
    assert_eq!(addrs(&d), [6, 8, 3, 11, 10, 12, 4, 5, 2, 7]);
    let unknown = d.rows().filter(|r| r.delta.bytes.is_none());
    assert_eq!(unknown.count(), 3);
    assert_eq!(d.old_totals.live.entries, 35);
    (old.process.maps, new.process.maps) = ("swiss", "swiss");
    let d = diff(&old, &new, &Options::default());
    assert_eq!(d.old_totals.live.entries, 35 + 910);
    let group = d.by_owner.iter().find(|g| g.name == "main.sync");
    assert_eq!(
        group.map(|g| (g.old.entries, g.new.entries)),
        Some((910, 98))
    );
}

#[test]
fn totals_leave_garbage_apart() {
    let (old, new) = fates();
    let d = diff(&old, &new, &Options::default());
    assert_eq!((d.old_totals.live.maps, d.old_totals.live.bytes), (7, 1500));
    assert_eq!(
        (d.old_totals.garbage.maps, d.old_totals.garbage.bytes),
        (1, 5000)
    );
    assert_eq!((d.new_totals.live.maps, d.new_totals.live.bytes), (7, 1150));
    assert_eq!(d.by_type.len(), 1);
    assert_eq!(d.by_type[0].bytes(), -350);
    let owners: Vec<&str> = d.by_owner.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(
        owners,
        [
            "main.came",
            "main.grew",
            "main.longer",
            "main.went",
            "main.shrank"
        ]
    );
}

#[test]
fn a_selection_lists_and_does_not_count() {
    let (old, new) = fates();
    let with = |only: &[Change], map: Option<Target>, top| {
        let options = Options {
            only: only.to_vec(),
            map,
            top,
        };
        let d = diff(&old, &new, &options);
        (
            addrs(&d),
            d.maps_total,
            d.exit.code(),
            d.count(Change::Grew),
        )
    };
    assert_eq!(with(&[Change::Same], None, None), (vec![1], 1, 1, 2));
    assert_eq!(
        with(&[Change::Went, Change::Broke], None, None),
        (vec![6, 5], 2, 1, 2)
    );
    assert_eq!(with(&[], None, Some(2)), (vec![6, 8], 7, 1, 2));
    let path = |p: &str| Some(Target::Path(p.into()));
    assert_eq!(with(&[], path("main.same"), None), (vec![1], 1, 0, 2));
    assert_eq!(with(&[], path("main.elems"), None), (vec![7], 1, 3, 2));
    assert_eq!(with(&[], path("main.none"), None), (vec![], 0, 3, 2));
    let addr = Some(Target::Addr(Addr(5)));
    assert_eq!(with(&[], addr, None), (vec![5], 1, 1, 2));
}

#[test]
fn the_exit_says_same_differs_or_unsure() {
    let maps = || vec![map(1, TY, "main.a"), map(2, TY, "main.b")];
    assert_eq!(all(&side(maps()), &side(maps())), Exit::Same);
    assert_eq!(all(&side(vec![]), &side(vec![])), Exit::Same);
    assert_eq!(all(&side(maps()), &side(vec![])), Exit::Differs);
    assert_eq!(all(&side(vec![]), &side(maps())), Exit::Differs);
    assert_eq!(all(&side(maps()), &other_run(maps())), Exit::Same);
    let mut gaps = side(maps());
    gaps.gaps_total = 1;
    assert_eq!(all(&gaps, &side(maps())), Exit::Unsure);
    assert_eq!(all(&side(maps()), &gaps), Exit::Unsure);
    let mut blind = side(maps());
    blind.key_id = None;
    assert_eq!(all(&side(maps()), &blind), Exit::Unsure);
    let lost = || vec![map(1, TY, ""), map(2, TY, "")];
    assert_eq!(all(&side(lost()), &other_run(lost())), Exit::Unsure);
    let mut fewer = lost();
    fewer.pop();
    assert_eq!(all(&side(lost()), &other_run(fewer)), Exit::Differs);
    // Garbage is no part of it.
    let mut more = maps();
    more.push(garbage(map(9, TY, "")));
    assert_eq!(all(&side(maps()), &side(more)), Exit::Same);
}

#[test]
fn a_map_that_came_broken_stands_first() {
    let new = side(vec![map(1, TY, "main.a"), broken(map(2, TY, "main.b"))]);
    let old = side(vec![]);
    let d = diff(&old, &new, &Options::default());
    let rows: Vec<Row<'_>> = d.rows().collect();
    assert_eq!(addrs(&d), [2, 1]);
    assert_eq!(rows[0].changes.primary(), Change::Came);
    assert_eq!(rows[0].broke, ["MAP-COUNT"]);
    assert_eq!(d.count(Change::Broke), 1);
}

#[test]
fn rows_name_who_took_their_place_and_what_else_is_known() {
    let mut held = map(1, "map[int]int", "main.x");
    held.bytes = 10;
    let old = side(vec![map(1, TY, "main.a"), map(4, TY, "main.g")]);
    let new = side(vec![held, map(3, TY, "main.a"), garbage(map(4, TY, ""))]);
    let d = diff(&old, &new, &Options::default());
    let find = |is_new: bool, addr| {
        d.rows()
            .find(|r| if is_new { r.new } else { r.old }.is_some_and(|m| m.addr == Addr(addr)))
    };
    let went = find(false, 1);
    assert_eq!(went.as_ref().and_then(|r| r.replaced_by), Some(Addr(3)));
    assert_eq!(
        went.map(|r| r.notes),
        Some(vec![
            "the memory of its header holds another map now".into()
        ])
    );
    assert_eq!(find(true, 3).and_then(|r| r.replaces), Some(Addr(1)));
    assert_eq!(
        find(false, 4).map(|r| r.notes),
        Some(vec!["still in memory as garbage".into()])
    );
}

#[test]
fn rows_say_how_a_map_that_moved_or_has_another_seed_was_known() {
    let stack = "main.f(goroutine 1).m";
    let mut moved = map(2, TY, stack);
    moved.addr = Addr(9);
    let heap = map(1, TY, "main.a");
    let old = side(vec![heap.clone(), map(2, TY, stack)]);
    let new = side(vec![reseeded(heap), moved]);
    let options = Options {
        only: Change::ALL.to_vec(),
        ..Options::default()
    };
    let d = diff(&old, &new, &options);
    let notes: Vec<String> = d.rows().flat_map(|r| r.notes).collect();
    assert_eq!(notes.len(), 2);
    assert!(notes[0].starts_with("its seed is another: it was emptied"));
    assert!(notes[1].starts_with("its header is at another address"));
    let words: Vec<&str> = d.rows().map(|r| r.changes.primary().as_str()).collect();
    assert_eq!(words, ["changed", "same"]);
}

#[test]
fn entries_are_wanted_where_they_may_differ() {
    let (old, mut new) = fates();
    new.maps[2].digest = None;
    new.maps[3].has_entries = false;
    let d = diff(&old, &new, &Options::default());
    let wanted: Vec<u64> = d.entries_wanted().map(|w| w.old.addr.0).collect();
    assert_eq!(wanted, [3, 2, 7]);
    new.key_id = Some("k2".into());
    let d = diff(&old, &new, &Options::default());
    assert_eq!(d.entries_wanted().count(), 0);
}

#[test]
fn sums_and_rows_of_absurd_sizes_do_not_overflow() {
    let huge = |addr| sized(addr, "main.h[1]", u64::MAX, i64::MAX);
    let old = side(vec![]);
    let new = side(vec![
        huge(1),
        huge(2),
        sized(3, "main.h[2]", u64::MAX, i64::MIN),
    ]);
    let d = diff(&old, &new, &Options::default());
    assert_eq!(d.new_totals.live.bytes, u64::MAX);
    assert_eq!(d.by_owner[0].name, "main.h[*]");
    assert_eq!(d.by_owner[0].bytes(), i64::MAX);
    assert_eq!(d.rows().map(|r| r.delta.len).min(), Some(i64::MIN));
    let back = diff(&new, &old, &Options::default());
    assert_eq!(back.by_owner[0].bytes(), i64::MIN);
}

#[test]
fn a_hundred_thousand_maps_are_compared_quickly() {
    let maps = |extra: u64| -> Vec<SideMap> {
        (0..100_000u64)
            .map(|i| {
                sized(
                    i * 48,
                    &format!("main.m[#{i:012x}].a"),
                    256 + extra * (i % 2),
                    5,
                )
            })
            .collect()
    };
    let (old, new) = (side(maps(0)), side(maps(8)));
    let d = diff(&old, &new, &Options::default());
    assert_eq!(
        (d.count(Change::Grew), d.count(Change::Same)),
        (50_000, 50_000)
    );
    assert_eq!(d.rows().count(), 50_000);
    assert_eq!(d.by_owner.len(), 1);
}

#[test]
fn a_map_that_was_asked_for_is_found_or_not() {
    let (old, new) = (
        side(vec![map(1, TY, ""), garbage(map(2, TY, ""))]),
        other_run(vec![map(5, TY, "")]),
    );
    let found = |addr| {
        let options = Options {
            map: Some(Target::Addr(Addr(addr))),
            ..Options::default()
        };
        let d = diff(&old, &new, &options);
        let kind = (d.map_found, d.map_is_garbage, d.map_in_group);
        (kind, d.exit.code())
    };
    assert_eq!(found(1), ((true, false, true), 3));
    assert_eq!(found(5), ((true, false, true), 3));
    assert_eq!(found(2), ((false, true, false), 3));
    assert_eq!(found(9), ((false, false, false), 3));
}
