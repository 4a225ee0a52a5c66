//! Tests of `entries`: digests in, counts and texts out.

#![allow(clippy::indexing_slicing)] // a failed expectation is a failed test

use super::*;

fn entry(key: u64, elem: Option<u64>) -> Entry<'static> {
    Entry {
        key: Some(key),
        elem,
        ..Entry::default()
    }
}

fn diff(most: usize, old: &[(u64, Option<u64>)], new: &[(u64, Option<u64>)]) -> EntryDiff {
    let mut d = EntryDigests::new(most);
    for (which, items) in [(Which::Old, old), (Which::New, new)] {
        items
            .iter()
            .for_each(|(k, e)| d.feed(which, &entry(*k, *e)));
    }
    d.finish()
}

fn counts(d: &EntryDiff) -> [u64; 5] {
    [d.added, d.removed, d.changed, d.same, d.unknown]
}

#[test]
fn entries_are_told_apart_in_any_order() {
    let old = [(9, Some(1)), (1, Some(1)), (2, Some(2)), (3, None)];
    let new = [(3, Some(3)), (2, Some(5)), (7, Some(1)), (1, Some(1))];
    let d = diff(10, &old, &new);
    assert_eq!(counts(&d), [1, 1, 1, 1, 1]);
    let listed: Vec<(EntryChange, u64)> = d.listed.iter().map(|r| (r.change, r.key)).collect();
    assert_eq!(
        listed,
        [
            (EntryChange::Added, 7),
            (EntryChange::Removed, 9),
            (EntryChange::Changed, 2),
            (EntryChange::Unknown, 3)
        ]
    );
    assert_eq!(counts(&diff(10, &[], &[])), [0; 5]);
    let mut unread = EntryDigests::new(1);
    unread.feed(Which::Old, &Entry::default());
    assert_eq!(counts(&unread.finish()), [0, 0, 0, 0, 1]);
}

#[test]
fn keys_that_are_there_twice_are_multisets() {
    let (a, b, c) = (Some(1), Some(2), Some(3));
    let d = diff(10, &[(5, a), (5, b), (5, b)], &[(5, b), (5, a), (5, b)]);
    assert_eq!(counts(&d), [0, 0, 0, 3, 0]);
    let d = diff(10, &[(5, a), (5, b)], &[(5, b), (5, c), (5, c)]);
    assert_eq!(counts(&d), [1, 0, 1, 1, 0]);
    let d = diff(10, &[(5, None), (5, a), (5, b)], &[(5, a)]);
    assert_eq!(counts(&d), [0, 2, 0, 1, 0]);
    let d = diff(10, &[(5, None)], &[(5, None)]);
    assert_eq!(counts(&d), [0, 0, 0, 0, 1]);
}

#[test]
fn digests_are_numbers() {
    assert_eq!(digest("#00000000000000ff"), Some(255));
    for bad in ["#ff", "00000000000000ff", "#+0000000000000ff", "…", ""] {
        assert_eq!(digest(bad), None);
    }
}

#[test]
fn so_many_are_listed_of_each() {
    let old: Vec<Item> = (0..1000).map(|i| (i, Some(0))).collect();
    let new: Vec<Item> = (500..1500).map(|i| (i, Some(i % 2))).collect();
    let d = diff(3, &old, &new);
    assert_eq!(counts(&d), [500, 500, 250, 250, 0]);
    assert_eq!(d.listed.len(), 9);
    assert_eq!(d.listed[0].key, 1000);
}

#[test]
fn texts_come_in_a_second_pass_and_only_those_that_are_wanted() {
    let mut d = diff(
        1,
        &[(1, Some(1)), (2, Some(2)), (4, Some(4))],
        &[(2, Some(3)), (3, Some(3))],
    );
    assert!(d.wants(Some(2)) && d.wants(Some(1)) && d.wants(Some(3)) && !d.wants(Some(4)));
    let long = "é".repeat(MAX_TEXT);
    let told = |key, elem, place, key_text, elem_text| Entry {
        key: Some(key),
        elem: Some(elem),
        place,
        key_text: Some(key_text),
        elem_text: Some(elem_text),
    };
    d.feed(Which::Old, &told(1, 1, "group.slot[0]", "\"gone\"", "1"));
    d.feed(Which::Old, &told(2, 2, "group.slot[1]", "\"two\"", "2"));
    d.feed(Which::Old, &told(4, 4, "group.slot[2]", "\"four\"", "4"));
    d.feed(Which::New, &told(2, 3, "group.slot[5]", "\"two\"", &long));
    d.feed(Which::New, &told(3, 3, "group.slot[6]", "\"new\"", "3"));
    let text = |r: &EntryRow| {
        (
            r.key_text.clone().unwrap_or_default(),
            r.place.clone().unwrap_or_default(),
        )
    };
    assert_eq!(
        text(&d.listed[0]),
        ("\"new\"".into(), "group.slot[6]".into())
    );
    assert_eq!(
        text(&d.listed[1]),
        ("\"gone\"".into(), "group.slot[0]".into())
    );
    assert_eq!(
        text(&d.listed[2]),
        ("\"two\"".into(), "group.slot[5]".into())
    );
    assert_eq!(d.listed[2].old_text.as_deref(), Some("2"));
    assert!(
        d.listed[2]
            .new_text
            .as_ref()
            .is_some_and(|t| t.len() < MAX_TEXT + 4)
    );
}

#[test]
fn texts_find_their_row_among_many_and_among_equals() {
    // Rows that were looked for one by one would take minutes.
    const MANY: u64 = 200_000;
    // Every fourth key is one and the same, as NaN is, with one elem or another.
    let key = |i: u64| if i.is_multiple_of(4) { 0 } else { i };
    let old: Vec<Item> = (0..MANY).map(|i| (key(i), Some(i % 8))).collect();
    let new: Vec<Item> = (0..MANY).map(|i| (key(i), Some(i % 8 + 8))).collect();
    let mut d = diff(usize::MAX, &old, &new);
    assert_eq!(counts(&d), [0, 0, MANY, 0, 0]);
    for (which, items) in [(Which::Old, &old), (Which::New, &new)] {
        for (i, (k, e)) in items.iter().enumerate() {
            let text = i.to_string();
            let told = Entry {
                place: &text,
                elem_text: Some(&text),
                ..entry(*k, *e)
            };
            assert!(d.wants(Some(*k)));
            d.feed(which, &told);
            d.feed(which, &entry(*k, Some(99))); // of no row
        }
    }
    let all = |text: fn(&EntryRow) -> &Option<String>| {
        let texts = d.listed.iter().filter_map(|r| text(r).clone());
        texts.collect::<std::collections::HashSet<_>>().len()
    };
    let many = usize::try_from(MANY).unwrap_or(0);
    assert_eq!((all(|r| &r.old_text), all(|r| &r.new_text)), (many, many));
    d.sort_by_text();
    d.feed(Which::New, &entry(1, Some(9)));
}
