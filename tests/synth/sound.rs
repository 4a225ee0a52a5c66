//! Sound maps of all shapes, and what a test expects of a verdict.
//! In: nothing. Out: images that every rule accepts, and assertions.

use super::classic;
use super::classic::body;
use super::swiss;
use super::swiss::table;
use super::swiss::table_with_tombstones;
use crate::synth;
use crate::synth::again::check_map;
use badmap::check::rule::MapVerdict;
use badmap::check::rule::Verdict;
use badmap::maps::image::MapImage;
use std::collections::BTreeSet;

pub type Image = MapImage<'static>;

/// `map[uint64]int` with chains, 32 buckets and a free preallocated one.
pub fn c_ints() -> Image {
    let new = classic::buckets(synth::ints(), 5)
        .fill(0, 9)
        .fill(3, 5)
        .fill(7, 8)
        .fill(31, 2)
        .delete(0, 0, 3);
    classic::map(new, None)
}

/// `map[string]int` with chains of their own objects.
pub fn c_strings() -> Image {
    classic::map(
        classic::buckets(synth::strings(), 2)
            .fill(0, 5)
            .fill(1, 11)
            .fill(3, 8)
            .delete(1, 0, 2),
        None,
    )
}

pub fn c_mips() -> Image {
    classic::map(
        classic::buckets(synth::ints_mips(), 3)
            .fill(0, 5)
            .fill(1, 17)
            .delete(1, 1, 2),
        None,
    )
}

pub fn c_big_keys() -> Image {
    classic::map(
        classic::buckets(synth::big_keys(), 1)
            .fill(0, 3)
            .delete(0, 0, 1),
        None,
    )
}

/// Two of four old buckets are evacuated into the lower half of eight new ones.
pub fn c_growing() -> Image {
    let old = classic::oldbuckets(synth::ints(), 2)
        .fill(0, 10)
        .fill(1, 4)
        .fill(2, 3)
        .fill(3, 9);
    let new = classic::buckets(synth::ints(), 3).fill(0, 10).fill(1, 4);
    classic::map(new, Some(old.evacuate(0, 2).evacuate(1, 2)))
}

pub fn c_growing_strings() -> Image {
    let old = classic::oldbuckets(synth::strings(), 2)
        .fill(0, 10)
        .fill(1, 4)
        .fill(2, 3)
        .fill(3, 9);
    let new = classic::buckets(synth::strings(), 3).fill(4, 10).fill(1, 4);
    classic::map(new, Some(old.evacuate(0, 3).evacuate(1, 2)))
}

/// A grow to the same size.
pub fn c_same_size() -> Image {
    let old = classic::oldbuckets(synth::ints(), 2)
        .fill(0, 17)
        .fill(1, 4)
        .fill(2, 3);
    classic::map(
        classic::buckets(synth::ints(), 2).fill(0, 17),
        Some(old.evacuate(0, 2)),
    )
}

/// 2^16 buckets: `noverflow` is an estimate from here on.
pub fn c_large() -> Image {
    let mut m = classic::map(
        classic::buckets(synth::ints_mips(), 16)
            .fill(0, 30)
            .fill(9, 10),
        None,
    );
    body(&mut m).hmap.noverflow = 1;
    m
}

pub fn s_small() -> Image {
    swiss::small(&synth::swiss_ints(), 5)
}

pub fn s_small_strings() -> Image {
    swiss::small(&synth::swiss_strings(), 5)
}

pub fn s_one() -> Image {
    swiss::map(&synth::swiss_ints(), 0, &[table(0, 16, 10)])
}

pub fn s_many() -> Image {
    swiss::map(
        &synth::swiss_strings(),
        2,
        &[table(1, 1024, 700), table(2, 1024, 896), table(2, 1024, 20)],
    )
}

pub fn s_tombstones() -> Image {
    swiss::map(
        &synth::swiss_ints(),
        1,
        &[table_with_tombstones(1, 64, 3), table(1, 64, 40)],
    )
}

pub fn s_s390x() -> Image {
    swiss::map(
        &synth::swiss_s390x(),
        1,
        &[table_with_tombstones(1, 64, 3), table(1, 64, 40)],
    )
}

pub fn s_mips() -> Image {
    swiss::map(
        &synth::swiss_mips(),
        1,
        &[table(1, 64, 3), table(1, 64, 40)],
    )
}

pub fn s_split() -> Image {
    swiss::map(&synth::swiss_split(), 0, &[table(0, 128, 90)])
}

/// Every sound image.
pub const SOUND: &[fn() -> Image] = &[
    c_ints,
    c_strings,
    c_mips,
    c_big_keys,
    c_growing,
    c_growing_strings,
    c_same_size,
    c_large,
    s_small,
    s_small_strings,
    s_one,
    s_many,
    s_tombstones,
    s_s390x,
    s_mips,
    s_split,
];

pub fn ids(verdict: &MapVerdict) -> BTreeSet<&'static str> {
    verdict.findings.iter().map(|f| f.rule).collect()
}

pub fn show(verdict: &MapVerdict) -> String {
    verdict
        .findings
        .iter()
        .map(|f| format!("{} at {}: {} / {}\n", f.rule, f.place, f.claimed, f.found))
        .collect()
}

#[track_caller]
pub fn assert_ok(what: &str, image: &Image) {
    let verdict = check_map(image);
    assert_eq!(show(&verdict), "", "{what}");
    assert_eq!(verdict.unknown_rules, Vec::<&str>::new(), "{what}");
    assert_eq!(verdict.verdict, Verdict::Ok, "{what}");
}

#[track_caller]
pub fn assert_unknown(rule: &str, image: &Image) {
    let verdict = check_map(image);
    assert_eq!(show(&verdict), "", "{rule}");
    assert_eq!(verdict.verdict, Verdict::Unknown, "{rule}");
    assert!(
        verdict.unknown_rules.contains(&rule),
        "{rule} not in {:?}",
        verdict.unknown_rules
    );
}
