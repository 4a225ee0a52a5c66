//! Goroutines at work, and what pointers lead to, where all is well.
//! In: painted maps, and who is at work on them. Out: that no rule says a word.

use crate::synth;
use crate::synth::again::check_map;
use crate::synth::classic::body;
use crate::synth::hand;
use crate::synth::hashed::hashed;
use crate::synth::hashed::rehash_all;
use crate::synth::sound::Image;
use crate::synth::sound::assert_ok;
use crate::synth::sound::c_growing;
use crate::synth::sound::c_ints;
use crate::synth::sound::s_many;
use crate::synth::sound::s_one;
use crate::synth::sound::show;
use crate::synth::swiss;
use crate::synth::swiss::table_header;
use crate::synth::throwing;
use crate::synth::told;
use badmap::base::addr::Addr;
use badmap::check::rule::Verdict;
use badmap::maps::image::BadRef;
use badmap::maps::image::BadRefKind;
use badmap::maps::image::Half;
use badmap::maps::image::Hands;
use badmap::maps::image::Home;
use badmap::maps::image::Place;

const ASSIGN: &str = "runtime.mapassign_fast64";
const ACCESS: &str = "runtime.mapaccess2_fast64";

fn written() -> [Image; 2] {
    let mut classic = c_growing();
    body(&mut classic).hmap.flags |= 4;
    let mut swiss = s_one();
    swiss::body(&mut swiss).map.writing = 1;
    [classic, swiss]
}

#[test]
fn one_that_writes_is_expected_while_the_flag_is_set() {
    for mut m in written() {
        m.hands = told(&[hand(7, ASSIGN)], &[]);
        let verdict = check_map(&m);
        assert!(verdict.mid_write);
        assert_ok("written", &m);
    }
}

#[test]
fn one_that_writes_may_not_have_set_the_flag_yet_or_has_cleared_it() {
    for mut m in [c_ints(), s_one()] {
        m.hands = told(&[hand(7, ASSIGN)], &[]);
        assert_ok("before and after", &m);
        assert!(!check_map(&m).mid_write);
    }
}

#[test]
fn a_copy_is_written_by_who_clones() {
    for mut m in written() {
        m.hands = told(&[], &[]);
        m.hands.cloning = true;
        assert!(check_map(&m).mid_write);
        assert_ok("a copy", &m);
    }
}

#[test]
fn where_a_stack_is_lost_a_flag_is_believed() {
    for m in written() {
        assert_eq!(m.hands, Hands::default());
        assert_ok("nobody known", &m);
    }
    for mut m in written() {
        m.hands.readers.push(hand(3, ACCESS));
        assert!(check_map(&m).mid_write);
        assert_ok("only a reader known", &m);
    }
}

#[test]
fn readers_do_not_disturb_each_other() {
    for mut m in [c_ints(), s_many()] {
        m.hands = told(&[], &[hand(3, ACCESS), hand(4, ACCESS), hand(5, ACCESS)]);
        assert_ok("three readers", &m);
    }
}

#[test]
fn a_goroutine_does_not_disturb_itself() {
    // One operation is several frames.
    for mut m in written() {
        let writers = [throwing(7, ASSIGN), hand(7, "runtime.growWork")];
        m.hands = told(&writers, &[hand(7, ACCESS)]);
        assert_ok("one goroutine", &m);
    }
}

#[test]
fn words_left_over_on_a_stack_make_no_second_writer() {
    // Unless the runtime itself has caught somebody on this map.
    for mut m in written() {
        m.hands = told(&[hand(7, ASSIGN), hand(8, ASSIGN)], &[hand(9, ACCESS)]);
        assert_ok("nobody throws", &m);
    }
}

#[test]
fn one_that_throws_over_a_map_alone_makes_no_second_writer() {
    for mut m in written() {
        m.hands = told(&[throwing(7, ASSIGN)], &[]);
        assert_ok("bad map state, say", &m);
        m.hands = told(&[], &[throwing(7, ACCESS), hand(8, ACCESS)]);
        let said = show(&check_map(&m));
        assert!(!said.contains("MAP-TWOWRITERS"), "{said}");
    }
}

#[test]
fn a_map_that_is_being_cloned_is_not_judged_though_no_flag_tells() {
    let mut m = hashed(c_ints());
    m.hands.cloning = true;
    body(&mut m).hmap.count += 3;
    rehash_all(&mut m, |h| h ^ 1 << 63);
    assert_ok("half a copy", &m);
}

fn bad(m: &mut Image, slot: u8, half: Half, what: BadRefKind) {
    let place = Place::Slot {
        dir: Some(0),
        group: 0,
        slot,
    };
    m.bad_refs.push(BadRef {
        place,
        half,
        off: 0,
        what,
    });
    m.bad_refs_total += 1;
}

#[test]
fn one_half_stored_interface_elem_is_accepted() {
    let data = Addr(0);
    let mut m = s_many();
    bad(&mut m, 0, Half::Elem, BadRefKind::IfaceData { data });
    assert_ok("between the two stores of an elem", &m);
    bad(&mut m, 1, Half::Elem, BadRefKind::IfaceData { data });
    assert_eq!(check_map(&m).verdict, Verdict::Broken);
    let mut m = s_many();
    bad(&mut m, 0, Half::Key, BadRefKind::IfaceData { data });
    assert_eq!(
        check_map(&m).verdict,
        Verdict::Broken,
        "a key is stored whole"
    );
}

#[test]
fn a_wild_pointer_is_suspicious_and_no_more() {
    let mut m = s_many();
    let ptr = Addr(0x1234_5678_9000);
    bad(&mut m, 0, Half::Elem, BadRefKind::Wild { ptr });
    let verdict = check_map(&m);
    assert_eq!(verdict.verdict, Verdict::Ok);
    assert_eq!(
        show(&verdict),
        "MAP-PTRWILD at dir[0].table.groups[0].slot[0]: a pointer to 0x123456789000 (byte 0 of the elem) / memory \
         that is not mapped\n"
    );
}

#[test]
fn pointers_in_storage_that_is_in_doubt_are_not_reported() {
    let mut m = s_many();
    let (ptr, home) = (Addr(0x4300_0010), Home::FreeSpan);
    bad(&mut m, 0, Half::Elem, BadRefKind::Freed { ptr, home });
    table_header(&mut m, 0).capacity = 12;
    let verdict = check_map(&m);
    let said = show(&verdict);
    assert!(
        said.starts_with("SW-CAP at dir[0].table.capacity: 12"),
        "{said}"
    );
    assert_eq!(verdict.findings.len(), 1, "{said}");
}

#[test]
fn a_header_that_holds_no_pointers_is_not_asked_for_them() {
    let mut m = c_ints();
    let (ptr, home) = (Addr(0x4300_0010), Home::FreeSpan);
    let place = synth::hashed::cell(3, 0, 1);
    m.bad_refs.push(BadRef {
        place,
        half: Half::Elem,
        off: 0,
        what: BadRefKind::Freed { ptr, home },
    });
    m.bad_refs_total = 1;
    assert_ok("map[uint64]int", &m);
}
