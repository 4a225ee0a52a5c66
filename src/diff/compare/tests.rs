//! Tests of `compare`: one map in two states, and the words for it.

use super::*;
use crate::diff::samples;
use crate::diff::samples::map;
use crate::diff::samples::swiss;
use crate::survey::detail::ContentDigest;

const HERE: Basis = Basis {
    same_process: true,
    contents: true,
    owners: true,
};
const THERE: Basis = Basis {
    same_process: false,
    contents: true,
    owners: false,
};
const BLIND: Basis = Basis {
    same_process: true,
    contents: false,
    owners: true,
};

fn one() -> SideMap {
    map(1, "map[string]int", "main.a")
}

fn changed(change: impl FnOnce(&mut SideMap)) -> SideMap {
    let mut m = one();
    change(&mut m);
    m
}

fn words(old: &SideMap, new: &SideMap, basis: Basis) -> Vec<&'static str> {
    compare(old, new, basis)
        .words()
        .map(Change::as_str)
        .collect()
}

fn names(old: &SideMap, new: &SideMap, basis: Basis) -> Vec<&'static str> {
    fields(old, new, basis).iter().map(|f| f.name).collect()
}

fn hmap(m: &mut SideMap) -> &mut Hmap {
    match &mut m.header {
        Header::Classic(h, _) => h,
        _ => unreachable!("samples are classic"),
    }
}

#[test]
fn nothing_happened() {
    assert_eq!(words(&one(), &one(), HERE), ["same"]);
    assert_eq!(contents(&one(), &one(), HERE), Contents::Same);
    assert!(fields(&one(), &one(), HERE).is_empty());
    let s = swiss(1, "map[string]int", "main.a");
    assert_eq!(words(&s, &s, HERE), ["same"]);
}

#[test]
fn bytes_decide_before_entries() {
    let more = changed(|m| (m.bytes, m.len) = (512, Some(3)));
    assert_eq!(words(&one(), &more, HERE), ["grew"]);
    assert_eq!(words(&more, &one(), HERE), ["shrank"]);
    let longer = changed(|m| m.len = Some(6));
    assert_eq!(words(&one(), &longer, HERE), ["grew"]);
    assert_eq!(words(&longer, &one(), HERE), ["shrank"]);
    assert_eq!(names(&one(), &more, HERE), ["len", "bytes"]);
}

#[test]
fn hostile_lengths_do_no_harm() {
    let below = changed(|m| m.len = Some(i64::MIN));
    let above = changed(|m| m.len = Some(i64::MAX));
    assert_eq!(words(&below, &above, HERE), ["grew"]);
    assert_eq!(words(&above, &below, HERE), ["shrank"]);
    let huge = changed(|m| m.bytes = u64::MAX);
    assert_eq!(words(&one(), &huge, HERE), ["grew"]);
    let unread = changed(|m| m.len = None);
    assert_eq!(words(&one(), &unread, HERE), ["changed"]);
}

#[test]
fn what_broke_and_what_healed_is_named() {
    let bad = changed(|m| {
        m.verdict = Some(Verdict::Broken);
        m.broken_rules = vec!["MAP-COUNT", "CL-TOPHASH"];
        m.bytes = 300;
    });
    assert_eq!(words(&one(), &bad, HERE), ["broke", "grew"]);
    assert_eq!(words(&bad, &one(), HERE), ["healed", "shrank"]);
    let half = changed(|m| {
        m.verdict = Some(Verdict::Broken);
        m.broken_rules = vec!["CL-TOPHASH", "MAP-FLAGS"];
    });
    assert_eq!(rules(&bad, &half), (vec!["MAP-FLAGS"], vec!["MAP-COUNT"]));
    let still = changed(|m| {
        m.verdict = Some(Verdict::Broken);
        m.broken_rules = vec!["MAP-COUNT"];
    });
    assert_eq!(words(&half, &still, HERE), ["changed"]);
    for before in [None, Some(Verdict::Unknown)] {
        let unjudged = changed(|m| m.verdict = before);
        assert_eq!(words(&unjudged, &still, HERE), ["broke"]);
        assert_eq!(words(&still, &unjudged, HERE), ["changed"]);
        assert_eq!(rules(&still, &unjudged), (vec![], vec![]));
    }
}

#[test]
fn more_tombstones_are_a_word_of_their_own() {
    let mut holes = one();
    holes.marks.deleted = 2;
    assert_eq!(words(&one(), &holes, HERE), ["tombstones"]);
    assert_eq!(words(&holes, &one(), HERE), ["changed"]);
    holes.len = Some(3);
    assert_eq!(words(&one(), &holes, HERE), ["shrank", "tombstones"]);
}

#[test]
fn elems_and_keys_that_differ_are_a_change() {
    let digest = |keys, entries| {
        changed(|m| {
            m.digest = Some(ContentDigest {
                keys,
                entries,
                ..ContentDigest::default()
            });
        })
    };
    assert_eq!(words(&one(), &digest(7, 78), HERE), ["changed"]);
    assert_eq!(contents(&one(), &digest(7, 78), HERE), Contents::KeysSame);
    assert_eq!(contents(&one(), &digest(7, 78), THERE), Contents::KeysSame);
    assert_eq!(contents(&one(), &digest(8, 78), HERE), Contents::Differ);
    assert_eq!(words(&one(), &digest(8, 78), BLIND), ["unknown"]);
}

#[test]
fn what_cannot_be_compared_is_unknown_and_empty_maps_are_equal() {
    assert_eq!(words(&one(), &one(), BLIND), ["unknown"]);
    let unread = changed(|m| m.digest = None);
    assert_eq!(words(&one(), &unread, HERE), ["unknown"]);
    let longer = changed(|m| m.len = Some(6));
    assert_eq!(contents(&one(), &longer, BLIND), Contents::Differ);
    let empty = changed(|m| (m.len, m.marks.live, m.digest) = (Some(0), 0, None));
    assert_eq!(words(&empty, &empty, BLIND), ["same"]);
    let gaps = changed(|m| (m.len, m.marks.live, m.gaps_total) = (Some(0), 0, 1));
    assert_eq!(words(&empty, &gaps, BLIND), ["unknown"]);
}

#[test]
fn a_count_that_lies_is_told_from_entries_that_came() {
    let flipped = changed(|m| m.len = Some(5 + 4096));
    assert_eq!(contents(&one(), &flipped, HERE), Contents::Differ);
    assert!(only_len_differs(&one(), &flipped, HERE));
    assert!(!only_len_differs(&one(), &flipped, BLIND));
    assert!(!only_len_differs(&one(), &one(), HERE));
}

#[test]
fn pointers_and_seeds_mean_nothing_in_another_process() {
    let mut moved = samples::reseeded(one());
    let h = hmap(&mut moved);
    (h.buckets, h.extra) = (Addr(0x1000), Addr(0x2000));
    assert_eq!(names(&one(), &moved, HERE), ["hash0", "buckets", "extra"]);
    assert_eq!(words(&one(), &moved, HERE), ["changed"]);
    assert_eq!(words(&one(), &moved, THERE), ["same"]);
    let s = swiss(1, "map[string]int", "main.a");
    assert_eq!(names(&s, &samples::reseeded(s.clone()), HERE), ["seed"]);
    assert_eq!(words(&s, &samples::reseeded(s.clone()), THERE), ["same"]);
}

#[test]
fn bits_of_iterators_are_a_change_with_its_field() {
    let mut walked = one();
    hmap(&mut walked).flags = Hmap::ITERATOR;
    hmap(&mut walked).oldbuckets = Addr(0x4000);
    assert_eq!(words(&one(), &walked, HERE), ["changed"]);
    let said: Vec<String> = fields(&one(), &walked, HERE)
        .iter()
        .map(|f| format!("{}: {} → {}", f.name, f.old, f.new))
        .collect();
    assert_eq!(said, ["flags: 0x0 → 0x1", "oldbuckets: nil → 0x4000"]);
    let extra = |m: &mut SideMap, e| m.header = Header::Classic(*hmap(m), Some(Box::new(e)));
    let (mut a, mut b) = (one(), one());
    extra(&mut a, ExtraFields::default());
    let e = ExtraFields {
        overflow: Some((Addr(0x10), 2)),
        ..ExtraFields::default()
    };
    extra(&mut b, e);
    assert_eq!(
        names(&a, &b, HERE),
        ["extra.overflow", "len(extra.overflow)"]
    );
    assert_eq!(names(&a, &b, THERE), ["len(extra.overflow)"]);
}

#[test]
fn another_owner_is_a_change() {
    let other = changed(|m| m.owner = "main.b".into());
    assert_eq!(words(&one(), &other, HERE), ["changed"]);
    let before = one();
    let said = fields(&before, &other, HERE);
    let text = |v: Value<'_>| v.to_string();
    assert_eq!(said.len(), 1);
    assert!(
        said.iter()
            .all(|f| (f.name, text(f.old), text(f.new))
                == ("owner", "main.a".into(), "main.b".into()))
    );
    let blind = Basis {
        owners: false,
        ..HERE
    };
    assert_eq!(words(&one(), &other, blind), ["same"]);
    for owner in ["", "main.f(goroutine 3).m"] {
        let hidden = changed(|m| m.owner = owner.into());
        assert_eq!(words(&one(), &hidden, HERE), ["same"]);
        assert_eq!(words(&hidden, &one(), HERE), ["same"]);
    }
    let grown = changed(|m| (m.bytes, m.owner) = (512, "main.b".into()));
    assert_eq!(words(&one(), &grown, HERE), ["grew"]);
    assert_eq!(names(&one(), &grown, HERE), ["bytes", "owner"]);
}

#[test]
fn storage_that_moved_with_its_header_is_no_change() {
    let mut moved = one();
    moved.addr = Addr(9);
    hmap(&mut moved).buckets = Addr(0x4000);
    assert_eq!(words(&one(), &moved, HERE), ["same"]);
    assert_eq!(names(&one(), &moved, HERE), ["buckets"]);
    hmap(&mut moved).flags = Hmap::ITERATOR;
    assert_eq!(words(&one(), &moved, HERE), ["changed"]);
}

#[test]
fn another_seed_is_explained_by_a_clear_alone() {
    let s = swiss(1, "map[string]int", "main.a");
    assert!(!reseeded(&s, &s));
    let mut other = samples::reseeded(s.clone());
    assert!(reseeded(&s, &other));
    if let Header::Swiss(h) = &mut other.header {
        h.clear_seq = 1;
    }
    assert!(!reseeded(&s, &other) && reseeded(&other, &s));
    assert!(reseeded(&one(), &samples::reseeded(one())));
}

#[test]
fn another_kind_of_map_is_told_by_what_both_have() {
    let s = swiss(1, "map[string]int", "main.a");
    assert_eq!(names(&one(), &s, THERE), ["kind"]);
    let unreadable = {
        let mut m = one();
        m.kind = "unreadable";
        m.header = Header::None;
        m.len = None;
        m
    };
    assert_eq!(names(&one(), &unreadable, HERE), ["kind", "len"]);
}

#[test]
fn addresses_say_nothing_between_processes() {
    let digest = |keys, entries, elem| {
        changed(|m| {
            m.digest = Some(ContentDigest {
                keys,
                entries,
                elem_addresses: elem,
                key_addresses: !elem,
            });
        })
    };
    let elems = (digest(7, 77, true), digest(7, 78, true));
    assert_eq!(contents(&elems.0, &elems.1, HERE), Contents::KeysSame);
    assert_eq!(contents(&elems.0, &elems.1, THERE), Contents::KeysOnly);
    assert_eq!(words(&elems.0, &elems.1, THERE), ["unknown"]);
    assert_eq!(
        contents(&elems.0, &digest(8, 78, true), THERE),
        Contents::Differ
    );
    let keys = (digest(7, 77, false), digest(8, 78, false));
    assert_eq!(contents(&keys.0, &keys.1, THERE), Contents::Unknown);
    assert_eq!(contents(&keys.0, &keys.1, HERE), Contents::Differ);
    assert_eq!(contents(&keys.0, &keys.0, THERE), Contents::Same);
}
