//! Images for the rules on keys, on their hashes and on where these lead.
//! In: painted maps with hashes. Out: pairs and gaps, for the tests that all rules share; and what cannot be said of
//! one damaged fact: how many misfits it takes until not the keys are blamed but the seed, or nobody.

use crate::GapCase;
use crate::Pair;
use crate::lose_buckets;
use crate::lose_old;
use crate::not_dumped;
use crate::synth;
use crate::synth::again::check_map;
use crate::synth::classic::body;
use crate::synth::classic::byte;
use crate::synth::hashed::behind_a_tombstone;
use crate::synth::hashed::cell;
use crate::synth::hashed::hashed;
use crate::synth::hashed::old_cell;
use crate::synth::hashed::places;
use crate::synth::hashed::rehash;
use crate::synth::hashed::rehash_all;
use crate::synth::hashed::slot;
use crate::synth::hashed::small_slot;
use crate::synth::hashed::unhash;
use crate::synth::hashed::zeros;
use crate::synth::sound::Image;
use crate::synth::sound::SOUND;
use crate::synth::sound::assert_ok;
use crate::synth::sound::assert_unknown;
use crate::synth::sound::c_growing;
use crate::synth::sound::c_growing_strings;
use crate::synth::sound::c_ints;
use crate::synth::sound::c_mips;
use crate::synth::sound::c_strings;
use crate::synth::sound::ids;
use crate::synth::sound::s_many;
use crate::synth::sound::s_mips;
use crate::synth::sound::s_one;
use crate::synth::sound::s_s390x;
use crate::synth::sound::s_small;
use crate::synth::sound::show;
use crate::synth::swiss;
use crate::synth::swiss::ctrl;
use crate::synth::swiss::groups;
use crate::synth::swiss::table_header;
use badmap::base::addr::Addr;
use badmap::hash::hasher::HasherFact;
use badmap::hash::memhash::GlobalFault;
use badmap::hash::run::KeyHash;
use badmap::maps::image::Duplicate;
use badmap::maps::image::HashState;
use badmap::maps::image::Place;
use std::collections::BTreeSet;

fn h_ints() -> Image {
    hashed(c_ints())
}

fn h_strings() -> Image {
    hashed(c_strings())
}

fn h_mips() -> Image {
    hashed(c_mips())
}

fn h_growing() -> Image {
    hashed(c_growing())
}

fn h_small() -> Image {
    hashed(s_small())
}

fn h_one() -> Image {
    hashed(s_one())
}

fn h_many() -> Image {
    hashed(s_many())
}

fn h_swiss_mips() -> Image {
    hashed(s_mips())
}

fn h_s390x() -> Image {
    hashed(s_s390x())
}

fn double(m: &mut Image, place: Place, other: Place, by_sign_of_zero: bool) {
    m.keys.duplicates.push(Duplicate {
        place,
        other,
        by_sign_of_zero,
    });
    m.keys.duplicates_total += 1;
}

pub const PAIRS: &[Pair] = &[
    (
        "MAP-TYPE",
        h_ints,
        |m| m.keys.descriptor.wrong.push(("KeySize", 16, 8)),
        &[],
    ),
    (
        "MAP-TYPE",
        s_many, // without any hash
        |m| m.keys.descriptor.wrong.push(("Flags", 4, 0)),
        &[],
    ),
    (
        "MAP-HASHER",
        h_ints,
        |m| m.keys.descriptor.hasher = HasherFact::NoCode { to: Addr(0x77) },
        &[],
    ),
    (
        "MAP-HASHER",
        h_many,
        |m| m.keys.descriptor.hasher = HasherFact::Foreign("runtime.memhash64".into()),
        &[],
    ),
    (
        "MAP-GLOBALKEY",
        h_ints,
        |m| m.keys.global = Some(GlobalFault::ZeroKeys("aeskeysched")),
        &[],
    ),
    (
        "MAP-GLOBALKEY",
        h_one,
        |m| m.keys.global = Some(GlobalFault::Flag(7)),
        &[],
    ),
    (
        "MAP-KEYHASH",
        h_ints,
        |m| rehash(m, cell(3, 0, 1), |h| h ^ 1 << 63),
        &[],
    ),
    (
        "MAP-KEYHASH",
        h_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 1) ^= 0x20,
        &[],
    ),
    (
        "MAP-KEYHASH",
        h_growing,
        |m| rehash(m, old_cell(2, 0, 1), |h| h ^ 1 << 60),
        &[],
    ),
    (
        "MAP-KEYHASH", // the top byte of a 32-bit hash
        h_mips,
        |m| rehash(m, cell(1, 2, 0), |h| h ^ 1 << 31),
        &[],
    ),
    (
        "MAP-KEYHASH",
        h_many,
        |m| rehash(m, slot(0, 3, 0), |h| h ^ 0x10),
        &[],
    ),
    ("MAP-KEYHASH", h_small, |m| *ctrl(m, 0, 0, 2) ^= 0x40, &[]),
    (
        "MAP-KEYHASH", // the seed: all keys, one finding
        h_ints,
        |m| rehash_all(m, |h| h ^ 1 << 63),
        &[],
    ),
    ("MAP-KEYHASH", h_one, |m| rehash_all(m, |h| h ^ 0x7f), &[]),
    (
        "MAP-KEYHASH", // a table of another map: all of its keys, one finding
        h_many,
        |m| rehash_table(m, 3, |h| h ^ 1),
        &[],
    ),
    (
        "MAP-DUP",
        h_strings,
        |m| double(m, cell(3, 0, 4), cell(3, 0, 1), false),
        &[],
    ),
    (
        "MAP-DUP",
        h_many,
        |m| double(m, slot(2, 9, 1), slot(2, 4, 0), false),
        &[],
    ),
    (
        "MAP-NEGZERO",
        h_ints,
        |m| double(m, cell(7, 0, 4), cell(7, 0, 1), true),
        &[],
    ),
    (
        "MAP-NEGZERO",
        h_small,
        |m| double(m, small_slot(3), small_slot(0), true),
        &[],
    ),
    (
        "MAP-KEYEQ",
        h_ints,
        |m| unhash(m, cell(31, 0, 1), KeyHash::Nan),
        &[],
    ),
    (
        "MAP-IFACE",
        h_strings,
        |m| {
            let word = Addr(0x4a_0100);
            unhash(m, cell(0, 0, 2), KeyHash::Unhashable { word });
        },
        &[],
    ),
    (
        "MAP-PLACE",
        h_ints,
        |m| rehash(m, cell(3, 0, 2), |h| h ^ 4),
        &[],
    ),
    (
        "MAP-PLACE",
        h_mips,
        |m| rehash(m, cell(1, 1, 0), |h| h ^ 1),
        &[],
    ),
    (
        "MAP-PLACE", // of four old buckets
        h_growing,
        |m| rehash(m, old_cell(3, 1, 0), |h| h ^ 2),
        &[],
    ),
    (
        "MAP-PLACE", // of eight new ones
        h_growing,
        |m| rehash(m, cell(1, 0, 3), |h| h ^ 4),
        &[],
    ),
    (
        "CL-EVACSIDE",
        h_growing,
        |m| {
            m.keys.wrong_half.push((old_cell(1, 0, 2), 2));
            m.keys.wrong_half_total = 1;
        },
        &[],
    ),
    (
        "SW-DIRBITS",
        h_many,
        |m| rehash(m, slot(2, 1, 0), |h| h ^ 1 << 62),
        &[],
    ),
    (
        "SW-DIRBITS",
        h_swiss_mips,
        |m| rehash(m, slot(1, 1, 0), |h| h ^ 1 << 31),
        &[],
    ),
    (
        "SW-REACH",
        h_one,
        |m| rehash(m, slot(0, 1, 0), |h| h ^ 1 << 7),
        &[],
    ),
    (
        "SW-REACH", // a control byte that was made empty, and the books with it
        behind_a_tombstone,
        |m| {
            *ctrl(m, 0, 0, 5) = 0x80;
            table_header(m, 0).growth_left += 1;
        },
        &[],
    ),
    (
        "SW-REACH",
        h_s390x,
        |m| rehash(m, slot(1, 1, 0), |h| h ^ 1 << 9),
        &[],
    ),
    (
        "SW-CTRLZERO",
        zeros,
        |m| (0..8).for_each(|i| rehash(m, slot(0, 0, i), |h| h | 0x15)),
        &[],
    ),
    (
        "SW-CTRLZERO", // seven of them do not fit, one does by chance
        zeros,
        |m| (1..8).for_each(|i| rehash(m, slot(0, 0, i), |h| h | 0x40)),
        &[],
    ),
    (
        "SW-CTRLZERO",
        || {
            let mut m = swiss::small(&synth::swiss_ints(), 8);
            groups(&mut m, 0).runs[0].bytes.to_mut()[..8].fill(0);
            hashed(m)
        },
        |m| rehash_all(m, |h| h | 0x11),
        &[],
    ),
];

/// Another hash for every entry of the table that begins at this index of the directory.
fn rehash_table(m: &mut Image, first: u64, change: impl Fn(u64) -> u64) {
    for (n, place) in places(m).into_iter().enumerate() {
        if matches!(place, Place::Slot { dir: Some(d), .. } if d == first) {
            m.keys.hashes[n] = change(m.keys.hashes[n]);
        }
    }
}

/// Nobody knows how such keys are hashed.
fn forget(m: &mut Image) {
    m.keys.state = HashState::Unknown;
    m.keys.hashes.clear();
}

/// It is believed to be known, but nothing else in the process confirms it, and no key fits.
fn doubt(m: &mut Image, bit: u32) {
    m.keys.state = HashState::Doubtful;
    rehash_all(m, |h| h ^ 1 << bit);
}

/// Loses something and reads the keys again.
fn without(m: &mut Image, lose: impl Fn(&mut Image)) {
    lose(m);
    *m = hashed(m.clone());
}

pub const GAPS: &[GapCase] = &[
    ("MAP-KEYHASH", h_ints, forget),
    ("MAP-KEYHASH", h_ints, |m| doubt(m, 63)),
    ("MAP-KEYHASH", h_many, |m| doubt(m, 3)),
    ("MAP-KEYHASH", h_ints, |m| {
        unhash(m, cell(3, 0, 1), KeyHash::Fault(not_dumped()))
    }),
    ("MAP-KEYHASH", h_many, |m| {
        without(m, |m| groups(m, 1).runs.clear())
    }),
    ("MAP-DUP", h_ints, forget),
    ("MAP-DUP", h_ints, |m| doubt(m, 63)),
    ("MAP-DUP", h_ints, |m| without(m, lose_buckets)),
    ("MAP-NEGZERO", h_ints, forget),
    ("MAP-NEGZERO", h_small, |m| {
        unhash(m, small_slot(1), KeyHash::Fault(not_dumped()))
    }),
    ("MAP-PLACE", h_ints, forget),
    ("MAP-PLACE", h_mips, |m| doubt(m, 31)),
    ("MAP-PLACE", h_growing, |m| without(m, lose_old)),
    ("CL-EVACSIDE", h_growing, forget),
    ("CL-EVACSIDE", h_growing, |m| doubt(m, 63)),
    ("SW-DIRBITS", h_many, forget),
    ("SW-DIRBITS", h_many, |m| doubt(m, 2)),
    ("SW-DIRBITS", h_many, |m| {
        without(m, |m| synth::swiss::dir(m).tables[0].header = None)
    }),
    ("SW-REACH", h_one, forget),
    ("SW-REACH", h_one, |m| doubt(m, 2)),
    ("SW-CTRLZERO", zeros, forget),
    ("SW-CTRLZERO", zeros, |m| doubt(m, 2)),
];

#[test]
fn sound_images_with_hashes_satisfy_every_rule() {
    for (n, image) in SOUND.iter().enumerate() {
        assert_ok(&format!("sound image {n}"), &hashed(image()));
    }
    assert_ok("strings while growing", &hashed(c_growing_strings()));
    assert_ok("behind a tombstone", &behind_a_tombstone());
    assert_ok("zeros", &zeros());
}

/// The same maps without one key that is known to fit: nothing confirms the hash but the map itself.
#[test]
fn keys_that_fit_confirm_their_own_hash() {
    for (n, image) in SOUND.iter().enumerate() {
        let mut m = hashed(image());
        m.keys.state = HashState::Doubtful;
        assert_ok(&format!("sound image {n}"), &m);
    }
}

#[test]
fn one_misfit_among_many_is_the_keys_own_whoever_confirms_the_hash() {
    for state in [HashState::Proven, HashState::Doubtful] {
        let mut m = h_one(); // ten keys
        m.keys.state = state;
        rehash(&mut m, slot(0, 1, 2), |h| h ^ 1);
        let said = show(&check_map(&m));
        assert!(
            said.starts_with("MAP-KEYHASH at dir[0].table.groups[1].slot[2]: control byte 0x"),
            "{state:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{state:?}: {said}");
    }
}

#[test]
fn two_misfits_of_ten_keys_are_too_many_for_a_hash_that_nothing_confirms() {
    let mut m = h_one();
    m.keys.state = HashState::Doubtful;
    rehash(&mut m, slot(0, 1, 2), |h| h ^ 1);
    rehash(&mut m, slot(0, 0, 2), |h| h ^ 1);
    assert_unknown("MAP-KEYHASH", &m);
    m.keys.state = HashState::Proven;
    assert_eq!(check_map(&m).findings.len(), 2);
}

#[test]
fn if_no_key_fits_the_seed_is_named_once() {
    let mut m = h_ints();
    let n = m.keys.hashes.len();
    rehash_all(&mut m, |h| h.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63);
    assert_eq!(
        show(&check_map(&m)),
        format!(
            "MAP-KEYHASH at hash0: the seed of the {n} hashes of the map's keys / 0 of the {n} keys hash to their marks\n"
        )
    );
    let mut m = h_many();
    let n = m.keys.hashes.len();
    rehash_all(&mut m, |h| h ^ 0x7f);
    // One in 128 fits by chance.
    for n in (0..n).step_by(128) {
        m.keys.hashes[n] ^= 0x7f;
    }
    let right = n.div_ceil(128);
    assert_eq!(
        show(&check_map(&m)),
        format!(
            "MAP-KEYHASH at seed: the seed of the {n} hashes of the map's keys / {right} of the {n} keys hash to their marks\n"
        )
    );
}

#[test]
fn a_table_of_which_no_key_fits_is_named_as_a_whole() {
    let said = "MAP-KEYHASH at dir[3].table: a table of this map, with 20 keys / none of them hashes to its control \
                byte: another map's, or overwritten\n";
    let mut m = h_many();
    rehash_table(&mut m, 3, |h| h ^ 1 << 63 ^ 1 << 9 ^ 1);
    assert_eq!(show(&check_map(&m)), said);
    // One of twenty may fit by luck; wherever it then should stand.
    let first = places(&m).iter().position(|p| *p == slot(3, 0, 0)).unwrap();
    m.keys.hashes[first] ^= 1;
    assert_eq!(show(&check_map(&m)), said);
    // Two of twenty are no luck.
    m.keys.hashes[first + 1] ^= 1;
    assert!(check_map(&m).findings_total > 18);
    // The only table of a map is the map.
    let mut m = h_one();
    rehash_table(&mut m, 0, |h| h ^ 1);
    assert!(show(&check_map(&m)).starts_with("MAP-KEYHASH at seed: "));
}

#[test]
fn a_map_of_one_key_that_does_not_fit_blames_the_key() {
    let one = || hashed(swiss::small(&synth::swiss_ints(), 1));
    assert_ok("one key", &one());
    let mut m = one();
    rehash_all(&mut m, |h| h ^ 2);
    assert_eq!(
        show(&check_map(&m)),
        "MAP-KEYHASH at group.slot[0]: control byte 0x10 / its key hashes to 0x12\n"
    );
    m.keys.state = HashState::Doubtful;
    assert_unknown("MAP-KEYHASH", &m);
}

#[test]
fn two_keys_that_both_do_not_fit_blame_the_seed() {
    let mut m = hashed(swiss::small(&synth::swiss_ints(), 2));
    rehash_all(&mut m, |h| h ^ 2);
    assert!(show(&check_map(&m)).starts_with("MAP-KEYHASH at seed: "));
}

#[test]
fn a_finding_says_where_the_key_belongs() {
    let mut m = h_ints();
    rehash(&mut m, cell(3, 0, 1), |_| 0x9300_0000_0000_0044);
    assert_eq!(
        show(&check_map(&m)),
        "MAP-KEYHASH at buckets[3].cell[1]: tophash 0x41 / its key hashes to 0x93, bucket 4\n"
    );
    // A top byte below 5 is lifted over the marks of empty and moved cells.
    rehash(&mut m, cell(3, 0, 1), |_| 0x0400_0000_0000_0023);
    assert_eq!(
        show(&check_map(&m)),
        "MAP-KEYHASH at buckets[3].cell[1]: tophash 0x41 / its key hashes to 0x09, bucket 3\n"
    );
    let mut m = h_many();
    rehash(&mut m, slot(0, 3, 0), |h| h ^ 0x10 ^ 3 << 62);
    let said = show(&check_map(&m));
    assert!(said.ends_with(", dir[3]\n"), "{said}");
    let mut m = h_many();
    rehash(&mut m, slot(2, 3, 0), |h| h & !(1 << 63));
    assert_eq!(
        show(&check_map(&m)),
        "SW-DIRBITS at dir[2].table.groups[3].slot[0]: the table of dir[2] / its key hashes to dir[0]\n"
    );
    let mut m = h_one();
    rehash(&mut m, slot(0, 1, 0), |h| h ^ 1 << 7);
    assert_eq!(
        show(&check_map(&m)),
        "SW-REACH at dir[0].table.groups[1].slot[0]: found from group 0 / group 0 on the way there has an empty slot\n"
    );
    let mut m = h_growing();
    m.keys.wrong_half.push((old_cell(1, 0, 2), 2));
    assert_eq!(
        show(&check_map(&m)),
        "CL-EVACSIDE at oldbuckets[1].cell[2]: 0x02: moved to the lower half / its key hashes to the upper half\n"
    );
}

#[test]
fn a_key_that_fits_neither_mark_nor_place_is_named_once() {
    let mut m = h_ints();
    rehash(&mut m, cell(3, 0, 1), |h| h ^ 1 << 63 ^ 8);
    assert_eq!(ids(&check_map(&m)), BTreeSet::from(["MAP-KEYHASH"]));
    let mut m = h_many();
    rehash(&mut m, slot(2, 5, 0), |h| h ^ 1 << 63 ^ 1 << 8 ^ 1);
    assert_eq!(ids(&check_map(&m)), BTreeSet::from(["MAP-KEYHASH"]));
}

#[test]
fn one_misfit_in_a_group_of_zeros_is_the_keys_own() {
    let mut m = zeros();
    rehash(&mut m, slot(0, 0, 6), |h| h | 0x15);
    assert_eq!(
        show(&check_map(&m)),
        "MAP-KEYHASH at dir[0].table.groups[0].slot[6]: control byte 0x00 / its key hashes to 0x15, dir[0]\n"
    );
}
