//! Tests of `pair`: hand-made sides, and who is taken for whom. Over 400 lines: one rule of pairing, one test.

#![allow(clippy::indexing_slicing)] // a failed expectation is a failed test

use super::*;
use crate::base::addr::Addr;
use crate::diff::samples::garbage;
use crate::diff::samples::map;
use crate::diff::samples::other_run;
use crate::diff::samples::reseeded;
use crate::diff::samples::side;
use crate::diff::samples::swiss;

const TY: &str = "map[string]int";

type Said = (Option<u32>, Option<u32>, Option<How>);

fn said(p: &Pairing) -> Vec<Said> {
    p.pairs.iter().map(|p| (p.old, p.new, p.how)).collect()
}

fn both(o: u32, n: u32, how: How) -> Said {
    (Some(o), Some(n), Some(how))
}

fn here(old: Vec<SideMap>, new: Vec<SideMap>) -> Pairing {
    pair(&side(old), &side(new))
}

fn there(old: Vec<SideMap>, new: Vec<SideMap>) -> Pairing {
    pair(&side(old), &other_run(new))
}

const WENT: Said = (Some(0), None, None);
const CAME: Said = (None, Some(0), None);

#[test]
fn address_type_and_seed_make_a_pair_whatever_the_owner() {
    let p = here(
        vec![map(1, TY, "main.a"), swiss(2, TY, "")],
        vec![map(1, TY, "main.b"), swiss(2, TY, "main.f(goroutine 3).m")],
    );
    assert_eq!(
        said(&p),
        [both(0, 0, How::Address), both(1, 1, How::Address)]
    );
    assert!(p.same_process && p.contents && p.keys);
    assert_eq!(p.notes, ["one process: its identity is the same"]);
}

#[test]
fn a_seed_that_changed_needs_the_same_owner() {
    for m in [map(1, TY, "main.a"), swiss(1, TY, "main.a")] {
        let p = here(vec![m.clone()], vec![reseeded(m.clone())]);
        assert_eq!(said(&p), [both(0, 0, How::AddressOwner)]);
        let mut other = reseeded(m);
        other.owner = "main.b".into();
        let p = here(vec![map(1, TY, "main.a")], vec![other.clone()]);
        assert_eq!(said(&p), [WENT, CAME]);
        assert!(p.pairs.iter().all(|p| p.reused && p.replaced.is_none()));
        other.owner = "".into();
        assert_eq!(said(&here(vec![map(1, TY, "")], vec![other])), [WENT, CAME]);
    }
}

#[test]
fn a_map_that_moved_with_its_stack_is_known_by_its_seed() {
    let moved = |m: SideMap, addr, owner: &str| SideMap {
        addr: Addr(addr),
        owner: owner.into(),
        ..m
    };
    let stack = "main.f(goroutine 1).m";
    let a = swiss(1, TY, stack);
    let p = here(vec![a.clone()], vec![moved(a.clone(), 9, stack)]);
    assert_eq!(said(&p), [both(0, 0, How::Seed)]);
    assert!(!p.pairs[0].keys_ignored && p.pairs[0].replaced.is_none());
    // Passed on to another variable; on the heap, only at the same owner path.
    let p = here(vec![a.clone()], vec![moved(a.clone(), 9, "main.x")]);
    assert_eq!(said(&p), [both(0, 0, How::Seed)]);
    let heap = map(1, TY, "main.a");
    let p = here(vec![heap.clone()], vec![moved(heap.clone(), 9, "main.a")]);
    assert_eq!(said(&p), [both(0, 0, How::Seed)]);
    let p = here(vec![heap.clone()], vec![moved(heap.clone(), 9, "main.b")]);
    assert_eq!(said(&p), [WENT, CAME]);
    let lost = map(1, TY, "");
    let p = here(vec![lost.clone()], vec![moved(lost, 9, "")]);
    assert_eq!(said(&p), [WENT, CAME]);
    // Where there is another with the seed, as a clone has it, nobody can tell.
    let new = || vec![moved(a.clone(), 8, stack), moved(a.clone(), 9, stack)];
    assert_eq!(here(vec![a.clone()], new()).pairs.len(), 3);
    let mut old = vec![a.clone(), moved(a.clone(), 8, stack)];
    assert_eq!(here(old.clone(), new()).pairs.len(), 3);
    old[0].ty = "map[int]int".into();
    assert_eq!(here(old, new()).pairs.len(), 3);
    // No seed is no evidence, and what is garbage in NEW is known already.
    let mut blank = a.clone();
    if let Header::Swiss(s) = &mut blank.header {
        s.seed = 0;
    }
    let p = here(vec![blank.clone()], vec![moved(blank, 9, stack)]);
    assert_eq!(said(&p), [WENT, CAME]);
    let p = here(
        vec![a.clone()],
        vec![garbage(a.clone()), moved(a.clone(), 9, stack)],
    );
    assert_eq!(said(&p), [WENT, (None, Some(1), None)]);
}

#[test]
fn a_nameless_word_of_a_stack_with_another_seed_is_another_map() {
    let word = swiss(1, TY, "main.f(goroutine 1).frame[-0x40]");
    let p = here(vec![word.clone()], vec![reseeded(word.clone())]);
    assert_eq!(said(&p), [WENT, CAME]);
    assert!(p.pairs.iter().all(|p| p.reused && p.replaced == Some(0)));
    let same = here(vec![word.clone()], vec![word]);
    assert_eq!(said(&same), [both(0, 0, How::Address)]);
    // A variable holds a map on the heap as well, which may have been cleared.
    for owner in [
        "main.f(goroutine 1).m",
        "main.f(goroutine 1).frame[-0x40].m",
        "main.f(goroutine 1).x[3]",
    ] {
        let m = swiss(1, TY, owner);
        let p = here(vec![m.clone()], vec![reseeded(m)]);
        assert_eq!(said(&p), [both(0, 0, How::AddressOwner)]);
    }
}

#[test]
fn an_address_with_another_type_is_two_maps() {
    let p = here(
        vec![map(1, TY, "main.a")],
        vec![map(1, "map[int]int", "main.a")],
    );
    assert_eq!(p.pairs.len(), 2);
    assert!(
        p.pairs
            .iter()
            .all(|p| p.how.is_none() && p.reused && p.replaced.is_none())
    );
}

#[test]
fn an_owner_that_has_another_map_now_names_it() {
    let p = here(
        vec![
            map(1, TY, "main.a"),
            map(5, TY, "main.m[#1]"),
            map(6, TY, ""),
        ],
        vec![
            map(2, TY, "main.a"),
            map(7, TY, "main.m[#2]"),
            map(8, TY, ""),
        ],
    );
    assert_eq!(p.pairs.len(), 6);
    let of = |old, new| p.pairs.iter().find(|p| (p.old, p.new) == (old, new));
    assert_eq!(of(Some(0), None).and_then(|p| p.replaced), Some(0));
    assert_eq!(of(None, Some(0)).and_then(|p| p.replaced), Some(0));
    assert_eq!(of(Some(1), None).and_then(|p| p.replaced), None);
    assert_eq!(of(Some(2), None).and_then(|p| p.replaced), None);
}

#[test]
fn of_several_at_one_owner_none_is_replaced() {
    let p = here(
        vec![map(1, TY, "main.a"), map(2, TY, "main.a")],
        vec![map(3, TY, "main.a")],
    );
    assert!(p.pairs.iter().all(|p| p.replaced.is_none()));
}

#[test]
fn sync_maps_have_no_seed() {
    let sync = |addr, owner: &str| {
        let mut m = map(addr, "sync.Map", owner);
        m.kind = "syncmap";
        m.header = Header::None;
        m
    };
    let p = here(
        vec![sync(1, "main.a"), sync(2, ""), sync(3, "main.c")],
        vec![sync(1, "main.a"), sync(2, "main.b"), sync(3, "main.d")],
    );
    assert_eq!(
        said(&p),
        [
            both(0, 0, How::AddressOwner),
            both(1, 1, How::Address),
            (Some(2), None, None),
            (None, Some(2), None),
        ]
    );
    // The memory of one that was garbage may hold another by now.
    let p = here(vec![garbage(sync(1, ""))], vec![sync(1, "main.a")]);
    assert_eq!(said(&p), [CAME]);
    let p = there(vec![sync(1, "main.a")], vec![sync(9, "main.a")]);
    assert_eq!(said(&p), [both(0, 0, How::Owner)]);
}

#[test]
fn garbage_is_left_out_and_told() {
    let (a, b) = (map(1, TY, "main.a"), map(2, TY, "main.b"));
    let p = here(vec![a.clone(), garbage(b.clone())], vec![garbage(a), b]);
    assert_eq!(said(&p), [WENT, both(1, 1, How::Address)]);
    assert!(p.pairs[0].now_garbage && p.pairs[1].was_garbage);
    let p = here(vec![garbage(map(1, TY, ""))], vec![garbage(map(2, TY, ""))]);
    assert!(p.pairs.is_empty());
    let p = there(vec![garbage(map(1, TY, ""))], vec![map(1, TY, "main.a")]);
    assert_eq!(said(&p), [CAME]);
}

#[test]
fn between_processes_paths_pair_and_addresses_do_not() {
    let p = there(
        vec![
            map(1, TY, "main.a"),
            map(2, TY, "main.s[3].m"),
            map(3, TY, "main.x"),
        ],
        vec![
            map(1, TY, "main.s[3].m"),
            map(7, TY, "main.a"),
            map(8, "map[int]int", "main.x"),
        ],
    );
    assert_eq!(
        said(&p),
        [
            both(0, 1, How::Owner),
            both(1, 0, How::Owner),
            (Some(2), None, None),
            (None, Some(2), None),
        ]
    );
    assert!(!p.same_process);
}

#[test]
fn numbers_of_goroutines_are_folded_between_processes() {
    let p = there(
        vec![
            map(1, TY, "main.f(goroutine 18).m"),
            map(2, TY, "main.g(goroutine 7).m"),
        ],
        vec![
            map(1, TY, "main.f(goroutine 20).m"),
            map(2, TY, "main.h(goroutine 7).m"),
        ],
    );
    assert_eq!(p.pairs[0].how, Some(How::OwnerFolded));
    assert!(!p.pairs[0].keys_ignored);
    assert_eq!(p.pairs.len(), 3);
    // An equal number says nothing: which of two is which is not guessed.
    let p = there(
        vec![
            map(1, TY, "main.f(goroutine 18).m"),
            map(2, TY, "main.f(goroutine 19).m"),
        ],
        vec![map(1, TY, "main.f(goroutine 18).m")],
    );
    assert!(p.pairs.is_empty());
    assert_eq!(p.ambiguous.len(), 1);
    assert_eq!(p.ambiguous[0].owner, "main.f(goroutine *).m");
    assert_eq!((p.ambiguous[0].old.maps, p.ambiguous[0].new.maps), (2, 1));
    assert_eq!(
        (p.ambiguous[0].old.bytes, p.ambiguous[0].old.entries),
        (512, 10)
    );
}

#[test]
fn digests_under_one_key_are_names_and_under_two_are_not() {
    let old = vec![
        map(1, TY, "main.m[#1].a"),
        map(2, TY, "main.m[#2].a"),
        map(3, TY, "main.n[#1].a"),
    ];
    let new = vec![
        map(1, TY, "main.m[#2].a"),
        map(2, TY, "main.m[#3].a"),
        map(3, TY, "main.n[#9].a"),
    ];
    let p = there(old.clone(), new.clone());
    assert_eq!(said(&p)[1], both(1, 0, How::Owner));
    assert_eq!(p.pairs.len(), 5);
    assert!(p.ambiguous.is_empty());

    let mut other = other_run(new);
    other.key_id = Some("k2".into());
    let p = pair(&side(old), &other);
    assert_eq!(said(&p), [both(2, 2, How::OwnerFolded)]);
    assert!(p.pairs[0].keys_ignored && !p.keys && !p.contents);
    assert_eq!(p.ambiguous[0].owner, "main.m[*].a");
    assert!(p.notes[1].contains("different keys"), "{:?}", p.notes);
}

#[test]
fn keys_that_are_not_shown_are_folded_and_indices_are_not() {
    let none = |s: Side| Side {
        values: "none".into(),
        ..s
    };
    let old = side(vec![
        map(1, TY, "main.m[…].a"),
        map(2, TY, "main.s[1].a"),
        map(3, TY, "main.s[2].a"),
    ]);
    let new = other_run(vec![
        map(1, TY, "main.m[…].a"),
        map(2, TY, "main.s[1].a"),
        map(3, TY, "main.s[2].a"),
    ]);
    let p = pair(&none(old), &none(new));
    assert_eq!(
        said(&p),
        [
            both(0, 0, How::OwnerFolded),
            both(1, 1, How::Owner),
            both(2, 2, How::Owner)
        ]
    );
    assert!(p.notes[1].contains("not shown"), "{:?}", p.notes);
}

#[test]
fn a_key_in_clear_meets_its_digest() {
    let clear = Side {
        values: "clear".into(),
        ..side(vec![map(1, TY, "main.m[17].a"), map(2, TY, "main.s[1].a")])
    };
    let p = pair(
        &clear,
        &other_run(vec![map(1, TY, "main.m[#17].a"), map(2, TY, "main.s[1].a")]),
    );
    assert_eq!(
        said(&p),
        [both(0, 0, How::OwnerFolded), both(1, 1, How::Owner)]
    );
    assert!(p.notes[1].contains("clear in OLD"), "{:?}", p.notes);
    let mut cleared = clear.clone();
    cleared.identity = None;
    assert!(pair(&clear, &cleared).keys);
}

#[test]
fn in_one_process_keys_of_two_kinds_are_folded_but_goroutines_are_not() {
    let two = |path: &str, other: &str| {
        let mut new = side(vec![reseeded(map(1, TY, other))]);
        new.key_id = Some("k2".into());
        pair(&side(vec![map(1, TY, path)]), &new)
    };
    let p = two("main.m[#1].a", "main.m[#9].a");
    assert_eq!(said(&p), [both(0, 0, How::AddressOwner)]);
    assert!(p.pairs[0].keys_ignored && p.notes.len() == 2);
    let p = two("main.f(goroutine 1).a", "main.f(goroutine 2).a");
    assert_eq!(said(&p), [WENT, CAME]);
}

#[test]
fn duplicates_and_maps_without_owner_are_groups() {
    let p = there(
        vec![
            map(1, TY, "main.a"),
            map(2, TY, "main.a"),
            map(3, TY, ""),
            map(4, "map[int]int", ""),
        ],
        vec![map(1, TY, "main.a"), map(2, TY, "main.a"), map(3, TY, "")],
    );
    assert!(p.pairs.is_empty());
    let groups: Vec<(&str, &str, u64, u64)> = p
        .ambiguous
        .iter()
        .map(|a| (&*a.owner, &*a.ty, a.old.maps, a.new.maps))
        .collect();
    assert_eq!(
        groups,
        [
            (NO_OWNER, "map[int]int", 1, 0),
            (NO_OWNER, TY, 1, 1),
            ("main.a", TY, 2, 2)
        ]
    );
    let p = there(vec![map(1, TY, "main.a"), map(2, TY, "main.a")], vec![]);
    assert_eq!(p.pairs.len(), 2);
    assert!(p.ambiguous.is_empty());
}

#[test]
fn without_identities_pid_build_and_half_of_the_maps_decide() {
    let maps = || {
        vec![
            map(1, TY, "main.a"),
            map(2, TY, "main.b"),
            map(3, TY, "main.c"),
        ]
    };
    let anonymous = |maps| Side {
        identity: None,
        ..side(maps)
    };
    let same = |old: &Side, new: &Side| {
        let p = pair(old, new);
        (p.same_process, p.notes[0].clone())
    };
    let old = anonymous(maps());
    let (is, why) = same(
        &old,
        &anonymous(vec![map(1, TY, "main.x"), reseeded(map(2, TY, "main.b"))]),
    );
    assert!(is && why.contains("1 of 2 maps agrees"), "{why}");
    assert!(same(&old, &side(maps())).0);
    let (is, why) = same(&old, &anonymous(maps().into_iter().map(reseeded).collect()));
    assert!(!is && why.contains("only 0 of 3"), "{why}");
    assert!(!same(&anonymous(vec![]), &anonymous(vec![])).0);
    let mut other = anonymous(maps());
    other.process.pid = Some(1);
    assert!(same(&old, &other).1.contains("the pids differ"));
    other.process.pid = None;
    assert!(same(&old, &other).1.contains("not both pids are known"));
    let mut other = anonymous(maps());
    other.process.core_build_id = Some("else".into());
    assert!(same(&old, &other).1.contains("the build IDs differ"));
    // Equal pids and maps are nothing against two identities.
    assert!(!pair(&side(maps()), &other_run(maps())).same_process);
}

#[test]
fn what_a_reader_has_to_know_is_said() {
    let mut new = side(vec![]);
    new.uptime = Some(1);
    new.process.go = "go1.24.0".into();
    let p = pair(&side(vec![]), &new);
    assert!(p.notes[1].contains("go1.23.9 and go1.24.0"));
    assert!(p.notes[2].contains("the right way round"));
    new.process.core_build_id = Some("else".into());
    let p = pair(&side(vec![]), &new);
    assert!(p.notes[2].starts_with("builds differ"), "{:?}", p.notes);
    new.process.core_build_id = None;
    assert_eq!(pair(&side(vec![]), &new).notes.len(), 3);
}

#[test]
fn equal_addresses_on_one_side_are_kept_apart() {
    let twice = || {
        vec![
            map(1, TY, "main.a"),
            map(1, "sync.Map", "main.s"),
            map(1, TY, "main.a"),
        ]
    };
    let p = here(twice(), twice());
    assert_eq!(p.pairs.len(), 3);
    assert!(
        p.pairs
            .iter()
            .all(|p| p.how == Some(How::Address) && !p.reused)
    );
}

#[test]
fn a_hundred_thousand_maps_are_paired_in_any_order() {
    let maps = |shift: u64| -> Vec<SideMap> {
        let one = |i: u64| {
            map(
                i * 48,
                TY,
                &format!("main.shards[{}].m[#{i:012x}].attrs", i % 64),
            )
        };
        (shift..100_000 + shift).rev().map(one).collect()
    };
    let p = here(maps(0), maps(10));
    assert_eq!(p.pairs.len(), 100_010);
    assert_eq!(p.pairs.iter().filter(|p| p.how.is_some()).count(), 99_990);
    let p = there(maps(0), maps(10));
    assert_eq!(p.pairs.iter().filter(|p| p.how.is_some()).count(), 99_990);
    let mut blind = other_run(maps(10));
    blind.key_id = None;
    let p = pair(&side(maps(0)), &blind);
    assert_eq!((p.pairs.len(), p.ambiguous.len()), (0, 64));
}
