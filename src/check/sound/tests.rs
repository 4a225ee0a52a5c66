//! A small map of either kind that is sound, and everything about it that must send it to the rules.

use super::*;
use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::home::Home;
use crate::check::registry::check_map;
use crate::check::rule::Verdict;
use crate::hash::memhash::GlobalFault;
use crate::hash::run::KeyHash;
use crate::maps::image::BucketArray;
use crate::maps::image::Hand;
use crate::maps::image::KeyFacts;
use crate::maps::image::Place;
use crate::maps::image::Run;
use crate::maps::image::Shared;
use crate::maps::image::Storage;
use crate::maps::image::SwissMap;
use crate::maps::image::sample::sample;
use std::borrow::Cow;

const AT: Addr = Addr(0xc0_0000_1000);

fn object(at: Addr, size: u64) -> Home {
    Home::Object {
        start: at,
        size,
        allocated: true,
    }
}

/// One record as `sample` has them.
fn storage(bytes: [u8; 32]) -> Storage<'static> {
    let run = Run {
        first: 0,
        bytes: Cow::Owned(bytes.to_vec()),
    };
    Storage {
        addr: AT,
        stride: 32,
        claimed: 1,
        count: 1,
        home: object(AT, 32),
        runs: [run].into_iter().collect(),
    }
}

/// Two entries, whose marks are 0x11 and 0x12 as Swiss maps have them, or as classic maps do.
fn image(body: Body<'static>, hashes: [u64; 2]) -> MapImage<'static> {
    MapImage {
        addr: AT,
        home: object(AT, 48),
        keys: KeyFacts {
            state: HashState::Proven,
            hashes: hashes.to_vec(),
            ..KeyFacts::default()
        },
        ..sample(body)
    }
}

fn bytes(marks: [u8; 8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(marks.into_iter().chain([1, 2])) {
        *to = from;
    }
    out
}

fn swiss(marks: [u8; 8]) -> MapImage<'static> {
    let map = SwissMap {
        used: 2,
        dir_ptr: AT,
        ..SwissMap::default()
    };
    let shape = Shape::Small(storage(bytes(marks)));
    image(Body::Swiss(SwissImage { map, shape }), [0x11, 0x12])
}

fn classic(marks: [u8; 8]) -> MapImage<'static> {
    let array = BucketArray {
        main: storage(bytes(marks)),
        room: Some(1),
        prealloc: None,
        overflow: Vec::new(),
        chain_faults: Vec::new(),
    };
    let hmap = Hmap {
        count: 2,
        buckets: AT,
        ..Hmap::default()
    };
    let body = ClassicImage {
        hmap,
        new: Some(array),
        old: None,
        extra: None,
    };
    image(Body::Classic(body), [0x11 << 56, 0x12 << 56])
}

const SWISS: [u8; 8] = [0x11, 0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
const CLASSIC: [u8; 8] = [0x11, 0x12, 0, 0, 0, 0, 0, 0];

fn told(image: &MapImage<'_>) -> bool {
    let tallies = Tallies::of(image);
    is_sound(&Subject {
        image,
        tallies: &tallies,
    })
}

type Change = fn(&mut MapImage<'static>);

/// Whatever is beside a map's own bytes.
const FACTS: [(&str, Change); 13] = [
    ("header", |i| i.home = Home::FreeSpan),
    ("header unknown", |i| i.home = Home::Unknown),
    ("gap", |i| {
        i.gaps.push(
            "key",
            Fault {
                addr: AT,
                size: 1,
                why: Why::Truncated,
            },
        );
    }),
    ("reference", |i| i.bad_refs_total = 1),
    ("shared", |i| {
        i.shared.push(Shared {
            place: Place::Header("buckets"),
            addr: AT,
            other: AT,
        });
    }),
    ("writer", |i| {
        i.hands.writers.push(Hand {
            goroutine: 1,
            function: String::new(),
            throwing: false,
        });
    }),
    ("cloning", |i| i.hands.cloning = true),
    ("doubtful hashes", |i| i.keys.state = HashState::Doubtful),
    ("no hashes", |i| i.keys.state = HashState::NotAsked),
    ("wrong hash", |i| {
        i.keys.hashes.iter_mut().for_each(|h| *h = !*h)
    }),
    ("key without a hash", |i| {
        i.keys.odd.push((0, KeyHash::Nan));
    }),
    ("equal keys", |i| i.keys.duplicates_total = 1),
    ("hash keys", |i| {
        i.keys.global = Some(GlobalFault::Flag(2));
    }),
];

fn map(image: &mut MapImage<'static>, change: impl FnOnce(&mut SwissMap)) {
    if let Body::Swiss(s) = &mut image.body {
        change(&mut s.map);
    }
}

fn hmap(image: &mut MapImage<'static>, change: impl FnOnce(&mut Hmap)) {
    if let Body::Classic(c) = &mut image.body {
        change(&mut c.hmap);
    }
}

fn sent_to_the_rules(sound: &MapImage<'static>, changes: &[(&str, Change)]) {
    assert!(told(sound));
    assert_eq!(check_map(sound).verdict, Verdict::Ok);
    for (name, change) in FACTS.iter().chain(changes) {
        let mut changed = sound.clone();
        change(&mut changed);
        assert!(!told(&changed), "{name}");
    }
}

#[test]
fn a_small_swiss_map_is_told_sound_by_nothing_less_than_all() {
    sent_to_the_rules(
        &swiss(SWISS),
        &[
            ("used", |i| map(i, |m| m.used = 3)),
            ("writing", |i| map(i, |m| m.writing = 1)),
            ("tombstones", |i| {
                map(i, |m| m.tombstone_possible = Some(2));
            }),
            ("padding", |i| map(i, |m| m.padding = Some(1))),
            ("dirLen", |i| map(i, |m| m.dir_len = 1)),
            ("globalDepth", |i| map(i, |m| m.global_depth = 1)),
            ("globalShift", |i| map(i, |m| m.global_shift = 64)),
        ],
    );
    let [a, b, ..] = SWISS;
    let rest = [0x80; 4];
    for (c, d) in [(0xfe, 0x80), (0x81, 0x80), (0x13, 0x80)] {
        let marks = [a, b, c, d, rest[0], rest[1], rest[2], rest[3]];
        assert!(!told(&swiss(marks)), "{c:#x}");
    }
}

#[test]
fn a_small_classic_map_is_told_sound_by_nothing_less_than_all() {
    sent_to_the_rules(
        &classic(CLASSIC),
        &[
            ("count", |i| hmap(i, |h| h.count = 1)),
            ("flags", |i| hmap(i, |h| h.flags = Hmap::HASH_WRITING)),
            ("strange flags", |i| hmap(i, |h| h.flags = 0x80)),
            ("B", |i| hmap(i, |h| h.b = MIN_B_PREALLOC)),
            ("noverflow", |i| hmap(i, |h| h.noverflow = 1)),
            ("oldbuckets", |i| hmap(i, |h| h.oldbuckets = AT)),
            ("extra", |i| hmap(i, |h| h.extra = AT)),
        ],
    );
    // An evacuated cell, an entry behind emptyRest, emptyOne as the last one in use.
    for marks in [
        [0x11, 0x12, 2, 0, 0, 0, 0, 0],
        [0x11, 0, 0x12, 0, 0, 0, 0, 0],
        [0x11, 0x12, 1, 0, 0, 0, 0, 0],
    ] {
        assert!(!told(&classic(marks)), "{marks:x?}");
    }
}

#[test]
fn what_is_left_in_a_slot_without_an_entry_is_for_the_rules() {
    let mut left = bytes(SWISS);
    left[20] = 1;
    let mut changed = swiss(SWISS);
    if let Body::Swiss(s) = &mut changed.body {
        s.shape = Shape::Small(storage(left));
    }
    assert!(!told(&changed));
}
