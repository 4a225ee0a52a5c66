//! The rules on a `sync.Map` as a whole.
//! In: what a reader would have seen of one. Out: that each rule fires on its own fault, and no other does.

use badmap::base::addr::Addr;
use badmap::base::fault::Fault;
use badmap::base::fault::Why;
use badmap::check::registry::check_sync_map;
use badmap::check::registry::find_rule;
use badmap::check::rule::MapVerdict;
use badmap::check::rule::Scope;
use badmap::check::rule::Verdict;
use badmap::maps::syncmap::SyncFault;
use badmap::maps::syncmap::SyncFaultKind;
use badmap::maps::syncmap::SyncMapImage;

/// A rule, what is wrong, and what is then said.
type SyncPair = (&'static str, SyncFaultKind, &'static str);

const AT: Addr = Addr(0xc0_0001_0040);

pub const PAIRS: &[SyncPair] = &[
    (
        "SY-READ",
        SyncFaultKind::AmendedAlone,
        "amended: the dirty map has more / there is no dirty map",
    ),
    (
        "SY-READ",
        SyncFaultKind::NotAmended,
        "not amended: read has every entry / in the dirty map only",
    ),
    (
        "SY-READ",
        SyncFaultKind::NotInDirty,
        "an entry of the dirty map as well / not in it",
    ),
    (
        "SY-ENTRY",
        SyncFaultKind::BadEntry { p: Addr(0x7700) },
        "a value at 0x7700 / no live object",
    ),
    (
        "SY-TRIE",
        SyncFaultKind::OffPath {
            hash: 0x9f3b_0000_0000_0000,
            depth: 2,
        },
        "an entry below 2 inner nodes / its key hashes to 0x9f3b000000000000, another way",
    ),
    (
        "SY-TRIE",
        SyncFaultKind::Parent {
            claimed: Addr(0xc0_0001_0080),
            right: Addr(0xc0_0001_00c0),
        },
        "a child of 0xc000010080 / it hangs on 0xc0000100c0",
    ),
    (
        "SY-TRIE",
        SyncFaultKind::Dead,
        "an inner node in use / it is marked as removed",
    ),
];

/// Rules of which something that was not read makes no more than silence: a gap says so for them.
pub const FACTS_ONLY: [&str; 2] = ["SY-READ", "SY-ENTRY"];
/// Rules that have a gap case below.
pub const GAPS: [&str; 1] = ["SY-TRIE"];

/// A `sync.Map` of nine entries, all of which stand where they should.
fn sound() -> SyncMapImage {
    SyncMapImage {
        entries: (0..9)
            .map(|i| (Addr(0xc0_0002_0000 + 32 * i), Addr(0xc0_0002_0010 + 32 * i)))
            .collect(),
        hashed: (9, 0),
        ..SyncMapImage::default()
    }
}

fn faulty(what: &[SyncFaultKind]) -> SyncMapImage {
    let faults: Vec<_> = what
        .iter()
        .map(|what| SyncFault {
            at: AT,
            what: *what,
        })
        .collect();
    let off = |w: &&SyncFaultKind| matches!(w, SyncFaultKind::OffPath { .. });
    SyncMapImage {
        faults_total: faults.len() as u64,
        faults,
        hashed: (9, what.iter().filter(off).count() as u64),
        ..sound()
    }
}

fn show(verdict: &MapVerdict) -> String {
    let line = |f: &badmap::check::rule::Finding| {
        format!("{} at {}: {} / {}\n", f.rule, f.place, f.claimed, f.found)
    };
    verdict.findings.iter().map(line).collect()
}

#[test]
fn a_sound_sync_map_satisfies_every_rule() {
    for image in [sound(), SyncMapImage::default()] {
        let verdict = check_sync_map(&image);
        assert_eq!(
            (show(&verdict).as_str(), verdict.verdict),
            ("", Verdict::Ok)
        );
    }
}

#[test]
fn each_rule_on_sync_maps_fires_on_its_own_fault() {
    for (rule, what, said) in PAIRS {
        assert_eq!(
            find_rule(rule).map(|r| r.scope),
            Some(Scope::Sync),
            "{rule}"
        );
        let verdict = check_sync_map(&faulty(&[*what]));
        assert_eq!(show(&verdict), format!("{rule} at node {AT}: {said}\n"));
        assert_eq!(verdict.verdict, Verdict::Broken);
        assert_eq!(verdict.unknown_rules, Vec::<&str>::new());
    }
}

#[test]
fn if_no_key_stands_where_its_hash_leads_the_seed_is_named_once() {
    let off = |n: u64| SyncFaultKind::OffPath { hash: n, depth: 1 };
    let mut image = faulty(&[off(1), off(2), off(3)]);
    image.hashed = (3, 3);
    assert_eq!(
        show(&check_sync_map(&image)),
        "SY-TRIE at m.seed: the seed of the 3 hashes of the map's keys / none of the keys stands where its hash leads\n"
    );
    // One key alone tells nothing of the seed.
    let mut image = faulty(&[off(1)]);
    image.hashed = (1, 1);
    assert!(show(&check_sync_map(&image)).starts_with(&format!("SY-TRIE at node {AT}: ")));
}

#[test]
fn keys_without_a_hash_leave_the_trie_undecided() {
    let mut image = sound();
    image.unhashed = 1;
    let verdict = check_sync_map(&image);
    assert_eq!(
        (show(&verdict).as_str(), verdict.verdict),
        ("", Verdict::Unknown)
    );
    assert_eq!(verdict.unknown_rules, GAPS);
    // What is broken all the same is said.
    let mut image = faulty(&[SyncFaultKind::Dead]);
    image.unhashed = 1;
    let verdict = check_sync_map(&image);
    assert_eq!(verdict.verdict, Verdict::Broken);
    assert_eq!(verdict.unknown_rules, GAPS);
}

#[test]
fn what_of_a_sync_map_was_not_read_leaves_it_undecided() {
    let mut image = sound();
    image.gaps.push(
        "sync.Map",
        Fault {
            addr: AT,
            size: 8,
            why: Why::NotDumped,
        },
    );
    assert_eq!(check_sync_map(&image).verdict, Verdict::Unknown);
}
