//! States that look broken and are not: no rule may say a word about them, or at most that it cannot
//! decide. Each test is named by the sentence it proves.

// A test may stop at the first surprise, and computes on its own numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)]

mod innocent {
    pub mod hands;
    pub mod keys;
}
mod synth;

use crate::synth::again::check_map;
use badmap::base::addr::Addr;
use badmap::check::rule::Verdict;
use badmap::maps::image::BadRef;
use badmap::maps::image::BadRefKind;
use badmap::maps::image::Body;
use badmap::maps::image::DirEntry;
use badmap::maps::image::Half;
use badmap::maps::image::Home;
use badmap::maps::image::MapExtra;
use badmap::maps::image::OverflowList;
use badmap::maps::image::Place;
use badmap::maps::image::Shape;
use badmap::maps::image::SwissImage;
use synth::classic;
use synth::classic::body;
use synth::classic::byte;
use synth::object;
use synth::sound::Image;
use synth::sound::assert_ok;
use synth::sound::assert_unknown;
use synth::sound::c_growing;
use synth::sound::c_growing_strings;
use synth::sound::c_ints;
use synth::sound::c_strings;
use synth::sound::s_many;
use synth::sound::s_one;
use synth::sound::s_small;
use synth::sound::s_tombstones;
use synth::sound::show;
use synth::swiss;
use synth::swiss::ctrl;
use synth::swiss::dir;
use synth::swiss::groups;
use synth::swiss::table;
use synth::swiss::table_header;

#[test]
fn stale_length_of_a_deleted_string_key_is_no_finding() {
    let mut m = c_strings(); // cell 2 of chain 1 was deleted
    let key = 8 + 2 * 16;
    let array = body(&mut m).new.as_mut().unwrap();
    assert_eq!(*byte(array, 1, 2), 1);
    assert_eq!(*byte(array, 1, key), 0, "the pointer is cleared");
    assert_eq!(*byte(array, 1, key + 8), 5, "the length stays");
    assert_ok("stale length", &m);
}

#[test]
fn stale_integer_keys_are_no_finding() {
    let mut m = c_ints();
    *byte(body(&mut m).new.as_mut().unwrap(), 20, 8) = 7;
    assert_ok("classic", &m);
    let mut m = s_one();
    *ctrl(&mut m, 0, 0, 8 + 7 * 16) = 7;
    assert_ok("swiss", &m);
}

#[test]
fn an_empty_map_without_storage_is_sound() {
    assert_ok("classic", &classic::empty(&synth::ints()));
    assert_ok("swiss", &swiss::empty(&synth::swiss_ints()));
}

#[test]
fn evacuated_cells_may_keep_or_lose_their_bytes() {
    assert_ok("kept: no pointers", &c_growing());
    assert_ok("cleared: pointers", &c_growing_strings());
    let mut m = c_growing_strings(); // oldIterator: nothing is cleared
    body(&mut m).hmap.flags |= 2;
    *byte(body(&mut m).old.as_mut().unwrap(), 1, 40) = 9;
    *byte(body(&mut m).old.as_mut().unwrap(), 1, 150) = 9;
    assert_ok("kept for an iterator", &m);
}

#[test]
fn buckets_above_nevacuate_may_be_evacuated() {
    let old = classic::oldbuckets(synth::ints(), 2)
        .fill(0, 3)
        .fill(1, 4)
        .fill(2, 3)
        .evacuate(2, 3);
    let m = classic::map(classic::buckets(synth::ints(), 3).fill(6, 3), Some(old));
    assert_ok("nevacuate 0", &m);
}

#[test]
fn the_mark_of_a_grow_moves_on_by_a_thousand_at_most() {
    // Source: `runtime/map.go`, `advanceEvacuationMark`: behind that the bucket it names may be evacuated.
    let old = (0..1030).fold(classic::oldbuckets(synth::ints(), 11), |a, chain| {
        a.evacuate(chain, 2)
    });
    let mut m = classic::map(classic::buckets(synth::ints(), 12), Some(old));
    assert_eq!(body(&mut m).hmap.nevacuate, 1030);
    assert_ok("at the first that is not", &m);
    body(&mut m).hmap.nevacuate = 1025;
    assert_ok("where it had to stop", &m);
}

#[test]
fn nevacuate_means_nothing_after_a_grow() {
    let mut m = c_ints();
    body(&mut m).hmap.nevacuate = 1 << 20;
    assert_ok("stale nevacuate", &m);
}

#[test]
fn growing_from_one_bucket_is_sound() {
    let old = classic::oldbuckets(synth::strings(), 0).fill(0, 8);
    let mut m = classic::map(classic::buckets(synth::strings(), 1), Some(old));
    assert_ok("from B = 0", &m);
    body(&mut m).old.as_mut().unwrap().main.home = Home::Stack;
    assert_ok("from a bucket on the stack", &m);
}

#[test]
fn a_map_on_a_stack_is_sound() {
    let mut m = classic::map(classic::buckets(synth::strings(), 0).fill(0, 8), None);
    m.home = Home::Stack;
    body(&mut m).new.as_mut().unwrap().main.home = Home::Stack;
    body(&mut m).new.as_mut().unwrap().room = None;
    assert_ok("classic", &m);
    let mut m = s_small();
    m.home = Home::Stack;
    groups(&mut m, 0).home = Home::Stack;
    assert_ok("swiss", &m);
}

#[test]
fn a_header_in_the_binary_or_in_foreign_memory_is_accepted() {
    for home in [Home::Module, Home::Foreign] {
        let mut m = c_ints();
        m.home = home;
        assert_ok("header", &m);
    }
}

#[test]
fn makemap_sets_b_before_it_allocates_the_array() {
    let mut m = classic::empty(&synth::ints());
    body(&mut m).hmap.b = 20;
    assert_ok("under construction", &m);
}

#[test]
fn makemap_allocates_extra_after_the_array() {
    let mut m = classic::map(classic::buckets(synth::ints(), 6), None);
    extra(&mut m).next_overflow = Addr(0);
    assert_ok("extra still empty", &m);
    (body(&mut m).hmap.extra, body(&mut m).extra) = (Addr(0), None);
    assert_ok("no extra yet", &m);
}

#[test]
fn a_cleared_map_keeps_its_array() {
    let m = classic::map(classic::buckets(synth::ints(), 6), None);
    assert_ok("classic", &m);
    assert_ok(
        "swiss",
        &swiss::map(&synth::swiss_strings(), 0, &[table(0, 64, 0)]),
    );
}

#[test]
fn all_preallocated_buckets_may_be_taken() {
    let m = classic::map(
        classic::buckets(synth::ints(), 5).fill(0, 20).fill(1, 20),
        None,
    );
    assert_eq!(extra(&mut m.clone()).next_overflow, Addr(0));
    assert_ok("all taken", &m);
}

#[test]
fn an_address_sanitizer_redzone_is_no_part_of_the_array() {
    let mut m = classic::map(classic::buckets(synth::ints(), 5), None);
    let array = body(&mut m).new.as_mut().unwrap();
    array.room = Some(35);
    let spare = array.prealloc.as_mut().unwrap();
    spare.claimed += 1;
    spare.count += 1;
    spare.runs[0].bytes.to_mut().extend_from_slice(&[0xaa; 144]);
    assert_ok("redzone", &m);
}

#[test]
fn starting_an_iteration_creates_an_empty_list() {
    let mut m = classic::map(classic::buckets(synth::ints(), 2).fill(0, 3), None);
    let none = OverflowList {
        addr: Addr(0x4002_0000),
        claimed: 0,
        buckets: Vec::new(),
    };
    let extra = MapExtra {
        overflow: Some(none),
        oldoverflow: None,
        next_overflow: Addr(0),
    };
    (body(&mut m).hmap.extra, body(&mut m).extra) = (Addr(0x4003_0000), Some(extra));
    body(&mut m).hmap.flags |= 3;
    assert_ok("empty list", &m);
}

#[test]
fn a_clone_of_an_overloaded_map_is_overloaded() {
    let new = (0..4).fold(classic::buckets(synth::ints(), 2), |a, chain| {
        a.fill(chain, 7 + chain as usize % 2)
    });
    assert_ok("7.5 entries a bucket", &classic::map(new, None));
}

#[test]
fn a_map_in_the_middle_of_a_write_is_not_counted() {
    let mut m = c_ints();
    body(&mut m).hmap.flags |= 4;
    body(&mut m).hmap.count -= 1;
    body(&mut m).hmap.noverflow += 1;
    *byte(body(&mut m).new.as_mut().unwrap(), 3, 6) = 1;
    let verdict = check_map(&m);
    assert!(verdict.mid_write);
    assert_ok("classic", &m);
    let mut m = s_tombstones();
    swiss::body(&mut m).map.writing = 1;
    swiss::body(&mut m).map.used -= 1;
    table_header(&mut m, 0).growth_left += 1;
    *ctrl(&mut m, 0, 0, 1) = 0x80;
    assert_ok("swiss", &m);
}

/// `hashGrow` raises B, then stores `oldbuckets`, then `buckets`; before each of these the write barrier may run.
#[test]
fn a_grow_in_progress_has_the_old_array_yet() {
    for b in [1, 5] {
        let mut m = classic::map(classic::buckets(synth::ints(), b).fill(0, 3), None);
        let c = body(&mut m);
        (c.hmap.flags, c.hmap.b) = (4, b + 1);
        let main = &mut c.new.as_mut().unwrap().main;
        main.claimed *= 2;
        assert_ok("B raised", &m);
        let c = body(&mut m);
        let mut old = c.new.clone().unwrap();
        old.main.claimed /= 2;
        (c.hmap.oldbuckets, c.old) = (c.hmap.buckets, Some(old));
        assert_ok("oldbuckets stored", &m);
    }
}

#[test]
fn a_split_in_progress_is_not_judged_by_its_directory() {
    let mut m = s_many();
    swiss::body(&mut m).map.writing = 1;
    table_header(&mut m, 1).index = -1;
    table_header(&mut m, 0).local_depth = 3;
    assert_ok("split", &m);
}

#[test]
fn a_small_map_may_be_full() {
    assert_ok("eight entries", &swiss::small(&synth::swiss_strings(), 8));
}

#[test]
fn new_map_sets_the_depth_before_the_directory() {
    let mut m = swiss::empty(&synth::swiss_ints());
    (
        swiss::body(&mut m).map.global_depth,
        swiss::body(&mut m).map.global_shift,
    ) = (3, 61);
    assert_ok("no directory yet", &m);
}

#[test]
fn new_map_stopped_before_it_stores_dir_len_is_undecided() {
    let mut m = swiss::small(&synth::swiss_ints(), 0);
    (
        swiss::body(&mut m).map.global_depth,
        swiss::body(&mut m).map.global_shift,
    ) = (3, 61);
    assert_unknown("SW-DIRLEN", &m);
}

#[test]
fn tables_of_a_size_hint_are_smaller_than_a_split_table() {
    let m = swiss::map(
        &synth::swiss_ints(),
        1,
        &[table(1, 512, 3), table(1, 512, 0)],
    );
    assert_ok("512 slots", &m);
    assert_ok(
        "8 slots",
        &swiss::map(&synth::swiss_ints(), 0, &[table(0, 8, 7)]),
    );
}

#[test]
fn tombstones_survive_in_an_emptied_map() {
    let t = swiss::Table {
        local_depth: 0,
        marks: [[0xfe; 8], [0x80; 8], [0xfe; 8], [0x80; 8]].concat(),
    };
    let mut m = swiss::map(&synth::swiss_ints(), 0, &[t]);
    assert_ok("from go1.25", &m);
    swiss::body(&mut m).map.tombstone_possible = None;
    assert_ok("go1.24", &m);
}

#[test]
fn tombstone_possible_outlives_the_tombstones() {
    let mut m = s_one();
    swiss::body(&mut m).map.tombstone_possible = Some(1);
    assert_ok("pruned", &m);
}

#[test]
fn a_map_of_zero_size_elems_is_sound() {
    let mut layout = synth::swiss_ints();
    layout.slots.elem_size = 0; // map[int64]struct{}: the slot keeps 8 bytes of padding
    let mut m = swiss::map(&layout, 0, &[table(0, 16, 5)]);
    *ctrl(&mut m, 0, 0, 8 + 7 * 16 + 8) = 1;
    assert_ok("padding", &m);
}

fn string_elem(m: &mut Image, slot: u8, data: u64, len: i64) {
    let place = Place::Slot {
        dir: Some(0),
        group: 0,
        slot,
    };
    let what = BadRefKind::Str {
        data: Addr(data),
        len,
    };
    m.bad_refs.push(BadRef {
        place,
        half: Half::Elem,
        off: 0,
        what,
    });
    m.bad_refs_total += 1;
}

#[test]
fn one_half_stored_string_elem_is_accepted() {
    let mut m = s_many();
    string_elem(&mut m, 0, 0, 12);
    assert_ok("an elem between its two stores", &m);
    string_elem(&mut m, 1, 0, 12);
    assert_eq!(check_map(&m).verdict, Verdict::Broken);
}

#[test]
fn references_in_storage_that_is_in_doubt_are_not_reported() {
    let mut m = s_many();
    string_elem(&mut m, 0, 1, 12);
    table_header(&mut m, 0).capacity = 12;
    let verdict = check_map(&m);
    assert!(
        show(&verdict).starts_with("SW-CAP at dir[0].table.capacity: 12"),
        "{}",
        show(&verdict)
    );
    assert_eq!(verdict.findings.len(), 1, "{}", show(&verdict));
}

#[test]
fn a_misplaced_header_is_all_that_is_said() {
    let mut m = c_ints();
    m.home = object(m.addr.0 - 0x10, 96);
    body(&mut m).hmap.count = -7;
    body(&mut m).hmap.flags = 0xf0;
    let verdict = check_map(&m);
    assert_eq!(verdict.verdict, Verdict::Broken);
    assert_eq!(
        show(&verdict),
        "MAP-PTR at header: a map header of 48 bytes at 0x40010000 / 16 bytes into an object of 96 bytes at 0x4000fff0\n"
    );
}

#[test]
fn a_pointer_to_nowhere_is_broken_and_one_to_what_was_not_dumped_is_unknown() {
    let mut m = c_ints();
    m.body = Body::Unreadable;
    synth::gap(&mut m, Addr(synth::HEADER), 48);
    assert_eq!(check_map(&m).verdict, Verdict::Unknown);
    m.home = Home::Unmapped;
    assert_eq!(check_map(&m).verdict, Verdict::Broken);
}

#[test]
fn a_directory_that_was_lost_is_named_once() {
    let mut m = s_many();
    let map = swiss::body(&mut m).map;
    m.body = Body::Swiss(SwissImage {
        map: badmap::maps::image::SwissMap {
            dir_ptr: Addr(0),
            ..map
        },
        shape: Shape::Empty,
    });
    assert_eq!(
        show(&check_map(&m)),
        "SW-DIROBJ at dirPtr: nil / dirLen is 4\n"
    );
}

#[test]
fn dir_len_zeroed_is_told_from_a_small_map() {
    let mut m = s_one();
    let map = swiss::body(&mut m).map;
    let group = groups(&mut swiss::small(&synth::swiss_ints(), 0), 0).clone();
    let map = badmap::maps::image::SwissMap { dir_len: 0, ..map };
    m.body = Body::Swiss(SwissImage {
        map,
        shape: Shape::Small(group),
    });
    let said = show(&check_map(&m));
    assert_eq!(
        said,
        "SW-DIRLEN at dirLen: 0: a small map / 10 entries, globalDepth 0 and globalShift 64: a directory\n"
    );
}

#[test]
fn a_directory_entry_that_hides_a_table_is_the_only_finding() {
    let mut m = s_many(); // dir[2] leads to table 1; now table 2 is there twice
    dir(&mut m).entries[2] = DirEntry::Table(2);
    dir(&mut m).tables.remove(1);
    dir(&mut m).entries[2] = DirEntry::Table(1);
    dir(&mut m).entries[3] = DirEntry::Table(1);
    (dir(&mut m).tables[1].first, dir(&mut m).tables[1].seen) = (2, 2);
    let said = show(&check_map(&m));
    assert_eq!(
        said,
        "SW-RUN at dir[2]: the table of dir[3] / that table's run is dir[3..4]\n"
    );
}

fn extra(m: &mut Image) -> &mut MapExtra {
    body(m).extra.as_mut().unwrap()
}
