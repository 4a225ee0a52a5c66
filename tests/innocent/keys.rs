//! States of keys and hashes that look broken and are not.
//! In: painted maps with hashes. Out: that no rule says a word about them, or at most that it cannot decide.

use crate::synth;
use crate::synth::again::check_map;
use crate::synth::classic;
use crate::synth::classic::body;
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
use crate::synth::sound::SOUND;
use crate::synth::sound::assert_ok;
use crate::synth::sound::assert_unknown;
use crate::synth::sound::c_growing;
use crate::synth::sound::c_ints;
use crate::synth::sound::c_mips;
use crate::synth::sound::c_strings;
use crate::synth::sound::s_many;
use crate::synth::sound::s_mips;
use crate::synth::sound::s_one;
use crate::synth::sound::s_small;
use crate::synth::sound::show;
use crate::synth::swiss;
use crate::synth::swiss::Table;
use crate::synth::swiss::ctrl;
use crate::synth::swiss::table_header;
use badmap::check::rule::Verdict;
use badmap::hash::memhash::GlobalFault;
use badmap::hash::run::KeyHash;
use badmap::maps::image::Duplicate;
use badmap::maps::image::HashState;

#[test]
fn keys_with_a_nan_stand_anywhere() {
    let mut m = hashed(c_ints());
    m.keys.descriptor.reflexive = Some(false); // as of any type that can hold one
    for place in places(&m) {
        unhash(&mut m, place, KeyHash::Nan);
    }
    rehash_all(&mut m, |_| 0);
    assert_ok("classic, every key", &m);
    let mut m = hashed(s_many());
    for place in [slot(0, 3, 0), slot(1, 5, 0), slot(2, 7, 0)] {
        let known = places(&m);
        if known.contains(&place) {
            rehash(&mut m, place, |_| 0);
            unhash(&mut m, place, KeyHash::Nan);
        }
    }
    assert_ok("swiss, some", &m);
    let mut m = hashed(s_small());
    unhash(&mut m, small_slot(0), KeyHash::Nan);
    rehash(&mut m, small_slot(0), |h| !h);
    assert_ok("small", &m);
}

#[test]
fn a_type_that_may_hold_a_nan_says_so_and_where_nothing_is_said_nothing_is_claimed() {
    for reflexive in [Some(false), None] {
        let mut m = hashed(c_strings());
        m.keys.descriptor.reflexive = reflexive;
        unhash(&mut m, cell(3, 0, 4), KeyHash::Nan);
        assert_ok("NaN", &m);
    }
}

#[test]
fn where_nobody_asked_for_hashes_nothing_is_claimed_or_missed() {
    for (n, image) in SOUND.iter().enumerate() {
        let mut m = image();
        assert_eq!(m.keys.state, HashState::NotAsked);
        m.keys.global = Some(GlobalFault::ZeroKeys("hashkey"));
        assert_ok(&format!("sound image {n}"), &m);
    }
}

#[test]
fn a_hash_that_nothing_confirms_is_not_held_against_a_map_of_which_no_key_fits() {
    for (n, image) in SOUND.iter().enumerate() {
        let mut m = hashed(image());
        m.keys.state = HashState::Doubtful;
        // Another mark for every key: what badmap would see that hashes the type in another way.
        rehash_all(&mut m, |h| h ^ 1 ^ 1 << 31 ^ 1 << 63);
        if m.keys.hashes.is_empty() {
            continue;
        }
        let verdict = check_map(&m);
        assert_eq!(show(&verdict), "", "sound image {n}");
        assert_eq!(verdict.verdict, Verdict::Unknown, "sound image {n}");
    }
}

#[test]
fn a_map_of_one_key_that_nothing_confirms_is_undecided() {
    let one = || {
        hashed(classic::map(
            classic::buckets(synth::ints(), 3).fill(5, 1),
            None,
        ))
    };
    assert_ok("it fits", &one());
    let mut m = one();
    m.keys.state = HashState::Doubtful;
    assert_ok("it fits, and that is all there is", &m);
    rehash(&mut m, cell(5, 0, 0), |h| h ^ 1 << 63);
    assert_unknown("MAP-KEYHASH", &m);
}

#[test]
fn a_map_in_the_middle_of_a_write_is_not_judged_by_hashes() {
    // The fast paths store the mark first and the key behind it.
    let mut m = hashed(c_ints());
    body(&mut m).hmap.flags |= 4;
    rehash(&mut m, cell(3, 0, 1), |h| h ^ 1 << 63);
    rehash(&mut m, cell(3, 0, 2), |h| h ^ 1);
    assert_ok("classic, by a goroutine that is not known", &m);
    m.hands = synth::told(&[synth::hand(7, "runtime.mapassign_fast64")], &[]);
    assert_ok("classic, by one that is", &m);
    let mut m = hashed(s_many());
    swiss::body(&mut m).map.writing = 1;
    rehash_all(&mut m, |h| h ^ 1 << 63 ^ 1 << 9);
    double(&mut m);
    assert_ok("swiss", &m);
}

fn double(m: &mut synth::sound::Image) {
    let all = places(m);
    m.keys.duplicates.push(Duplicate {
        place: all[1],
        other: all[0],
        by_sign_of_zero: false,
    });
    m.keys.duplicates_total += 1;
}

#[test]
fn a_flag_that_nobody_set_does_not_hide_a_key() {
    let mut m = hashed(c_ints());
    body(&mut m).hmap.flags |= 4;
    m.hands = synth::told(&[], &[]);
    rehash(&mut m, cell(3, 0, 1), |h| h ^ 1 << 63);
    let verdict = check_map(&m);
    assert!(!verdict.mid_write);
    let said = show(&verdict);
    let rules: Vec<&str> = said.lines().filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(rules, ["MAP-WRITER", "MAP-KEYHASH"]);
}

#[test]
fn a_small_map_has_no_way_and_no_directory() {
    let mut m = hashed(s_small());
    // Only H2 counts.
    rehash_all(&mut m, |h| h | !0x7f);
    assert_ok("small", &m);
}

#[test]
fn a_directory_of_one_entry_is_led_to_by_every_hash() {
    let mut m = hashed(s_one());
    rehash_all(&mut m, |h| h | 0xffff_ffff << 32);
    assert_ok("one table", &m);
}

#[test]
fn all_entries_of_a_tables_run_lead_to_it() {
    // The first table of `s_many` is shallow: two entries of the directory lead to it.
    let mut m = hashed(s_many());
    for (n, place) in places(&m).into_iter().enumerate() {
        if matches!(place, badmap::maps::image::Place::Slot { dir: Some(0), .. }) {
            m.keys.hashes[n] |= (n as u64 % 2) << 62;
        }
    }
    assert_ok("dir[0] and dir[1]", &m);
}

#[test]
fn deleted_slots_do_not_stop_a_lookup() {
    assert_ok("a deleted slot on the way", &behind_a_tombstone());
    // Nor does a full group.
    let mut m = behind_a_tombstone();
    *ctrl(&mut m, 0, 0, 5) = 0x21;
    let header = table_header(&mut m, 0);
    header.used += 1;
    swiss::body(&mut m).map.used += 1;
    let mut m = hashed(m);
    rehash(&mut m, slot(0, 1, 0), |h| h & !(3 << 7));
    assert_ok("a full group on the way", &m);
}

#[test]
fn only_groups_on_the_way_count() {
    // Of eight groups the way from group 6 is 6, 7, 1, 4, 0, 5, 3, 2: steps of 1, 2, 3 and so on.
    // Source: `internal/runtime/maps/table.go`, `probeSeq`.
    let mut marks = vec![0x80u8; 64];
    for full in [6, 7, 1] {
        marks[full * 8..full * 8 + 8].fill(0x11);
    }
    marks[4 * 8] = 0x2a;
    let local_depth = 0;
    let tables = [Table { local_depth, marks }];
    let begins_at = |start: u64| {
        let mut m = hashed(swiss::map(&synth::swiss_ints(), 0, &tables));
        rehash(&mut m, slot(0, 4, 0), |h| h & !(7 << 7) | start << 7);
        m
    };
    assert_ok("the fourth on its way", &begins_at(6));
    // From group 7 the way is 7, 0, and there it ends; from group 5 at once.
    for (start, stop) in [(7, 0), (5, 5)] {
        assert_eq!(
            show(&check_map(&begins_at(start))),
            format!(
                "SW-REACH at dir[0].table.groups[4].slot[0]: found from group {start} / group {stop} on the way there \
                 has an empty slot\n"
            )
        );
    }
}

#[test]
fn the_bits_in_the_middle_of_a_hash_say_nothing() {
    let mut m = hashed(c_ints()); // 32 buckets
    rehash_all(&mut m, |h| h ^ 0x00ff_ffff_ffff_ffe0);
    assert_ok("classic", &m);
    let mut m = hashed(c_mips()); // 8 buckets
    rehash_all(&mut m, |h| h ^ 0x00ff_fff8);
    assert_ok("classic, 32 bits", &m);
    let mut m = hashed(s_many()); // 128 groups, four entries of the directory
    rehash_all(&mut m, |h| h ^ 0x3fff_ffff_ffff_c000);
    assert_ok("swiss", &m);
    let mut m = hashed(s_mips()); // 8 groups, two entries
    rehash_all(&mut m, |h| h ^ 0x7fff_fc00);
    assert_ok("swiss, 32 bits", &m);
}

#[test]
fn an_old_array_goes_by_one_bit_less() {
    let mut m = hashed(c_growing()); // four old buckets, eight new ones
    for place in places(&m) {
        if let badmap::maps::image::Place::Cell { old: true, .. } = place {
            rehash(&mut m, place, |h| h ^ 4);
        }
    }
    assert_ok("to be moved to the upper half", &m);
}

#[test]
fn an_evacuated_cell_whose_key_is_not_known_to_be_elsewhere_is_sound() {
    let m = hashed(c_growing());
    assert!(!places(&m).contains(&old_cell(0, 0, 0)), "evacuated");
    assert_ok("nothing is held against it", &m);
}

#[test]
fn eight_keys_of_one_group_may_have_h2_zero() {
    assert_ok("by chance", &zeros());
}

#[test]
fn hash_keys_of_zero_do_not_matter_to_a_map_without_keys() {
    for fault in [GlobalFault::ZeroKeys("aeskeysched"), GlobalFault::Flag(2)] {
        for mut m in [
            hashed(classic::empty(&synth::ints())),
            hashed(swiss::empty(&synth::swiss_ints())),
            hashed(swiss::small(&synth::swiss_ints(), 0)),
        ] {
            m.keys.global = Some(fault);
            assert_ok("without keys", &m);
        }
    }
}

#[test]
fn keys_in_storage_that_is_in_doubt_are_not_named() {
    let mut m = hashed(s_many());
    table_header(&mut m, 0).capacity = 12;
    rehash(&mut m, slot(0, 3, 0), |h| h ^ 1);
    rehash(&mut m, slot(0, 4, 0), |h| h ^ 1 << 7);
    double(&mut m); // in the first table, too
    let verdict = check_map(&m);
    let said = show(&verdict);
    assert!(
        said.starts_with("SW-CAP at dir[0].table.capacity: 12"),
        "{said}"
    );
    assert_eq!(verdict.findings.len(), 1, "{said}");
}

#[test]
fn a_misplaced_header_makes_no_claim_on_its_keys() {
    let mut m = hashed(c_ints());
    m.home = synth::object(m.addr.0 - 0x10, 96);
    rehash_all(&mut m, |h| !h);
    m.keys.global = Some(GlobalFault::Flag(9));
    let verdict = check_map(&m);
    let said = show(&verdict);
    assert!(said.starts_with("MAP-PTR at header: "), "{said}");
    assert_eq!(verdict.findings.len(), 1, "{said}");
}
