//! Every rule has a sound image on which no rule fires, and one damaged image on which it does; where
//! the core has a gap it is undecided, and states that only look broken are accepted.

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

mod rules {
    pub mod hands;
    pub mod keys;
    pub mod marks;
    pub mod sync;
}
mod synth;

use crate::synth::again::check_map;
use badmap::base::addr::Addr;
use badmap::base::fault::Fault;
use badmap::base::fault::Why;
use badmap::check::manual::manual;
use badmap::check::manual::rules_markdown;
use badmap::check::registry::find_rule;
use badmap::check::registry::rules as registry;
use badmap::check::rule::Scope;
use badmap::check::rule::Severity;
use badmap::check::rule::Verdict;
use badmap::maps::image::BadRef;
use badmap::maps::image::BadRefKind;
use badmap::maps::image::Body;
use badmap::maps::image::ChainFault;
use badmap::maps::image::ChainFaultKind;
use badmap::maps::image::DirEntry;
use badmap::maps::image::Half;
use badmap::maps::image::Home;
use badmap::maps::image::MapExtra;
use badmap::maps::image::OverflowList;
use badmap::maps::image::Place;
use badmap::maps::image::Seat;
use badmap::maps::image::Shape;
use badmap::maps::image::Shared;
use badmap::maps::image::Storage;
use std::collections::BTreeSet;
use synth::classic;
use synth::classic::body;
use synth::classic::byte;
use synth::gap;
use synth::object;
use synth::sound::Image;
use synth::sound::SOUND;
use synth::sound::assert_ok;
use synth::sound::assert_unknown;
use synth::sound::c_big_keys;
use synth::sound::c_growing;
use synth::sound::c_growing_strings;
use synth::sound::c_ints;
use synth::sound::c_large;
use synth::sound::c_same_size;
use synth::sound::c_strings;
use synth::sound::ids;
use synth::sound::s_many;
use synth::sound::s_mips;
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

/// A rule, a sound image, what damages it, and the rules that then fire besides.
pub type Pair = (
    &'static str,
    fn() -> Image,
    fn(&mut Image),
    &'static [&'static str],
);

/// Another map's header leads to this map's storage as well.
fn share(m: &mut Image, field: &'static str) {
    m.shared.push(Shared {
        place: Place::Header(field),
        addr: Addr(0xc000_0123_4000),
        other: Addr(0xc000_0042_0030),
    });
}

const PAIRS: &[Pair] = &[
    (
        "MAP-PTR",
        c_ints,
        |m| m.home = object(m.addr.0 - 8, 64),
        &[],
    ),
    ("MAP-PTR", s_one, |m| m.home = Home::FreeSpan, &[]),
    (
        "MAP-PTR",
        s_one,
        |m| {
            m.home = Home::Object {
                start: m.addr,
                size: 48,
                allocated: false,
            }
        },
        &[],
    ),
    ("MAP-SHARED", c_ints, |m| share(m, "buckets"), &[]),
    ("MAP-SHARED", s_many, |m| share(m, "dirPtr"), &[]),
    ("MAP-LEN", c_ints, |m| body(m).hmap.count = -1, &[]),
    (
        "MAP-LEN",
        s_many,
        |m| swiss::body(m).map.used |= 1 << 60,
        &[],
    ),
    (
        "MAP-LEN",
        || swiss::empty(&synth::swiss_ints()),
        |m| swiss::body(m).map.used = 1,
        &[],
    ),
    ("MAP-COUNT", c_ints, |m| body(m).hmap.count += 1, &[]),
    (
        "MAP-COUNT",
        c_growing_strings,
        |m| body(m).hmap.count ^= 4,
        &[],
    ),
    ("MAP-COUNT", s_many, |m| swiss::body(m).map.used -= 1, &[]),
    ("MAP-COUNT", s_small, |m| swiss::body(m).map.used ^= 8, &[]),
    (
        "MAP-INDIRECT",
        c_big_keys,
        |m| bad_ref(m, Half::Key, BadRefKind::Indirect { ptr: Addr(0) }),
        &[],
    ),
    (
        "MAP-STRPTR",
        c_strings,
        |m| {
            bad_ref(
                m,
                Half::Key,
                BadRefKind::Str {
                    data: Addr(1),
                    len: 5,
                },
            )
        },
        &[],
    ),
    (
        "MAP-STRPTR",
        c_strings,
        |m| {
            bad_ref(
                m,
                Half::Elem,
                BadRefKind::Str {
                    data: Addr(1),
                    len: -5,
                },
            )
        },
        &[],
    ),
    (
        "MAP-IFACE",
        c_strings,
        |m| bad_ref(m, Half::Elem, BadRefKind::Iface { word: Addr(0x77) }),
        &[],
    ),
    (
        "MAP-FREEELEM",
        c_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 72 + 6 * 8) = 1,
        &[],
    ),
    (
        "MAP-FREEELEM",
        s_one,
        |m| *ctrl(m, 0, 1, 8 + 7 * 16 + 8) = 1,
        &[],
    ),
    (
        "MAP-FREEKEY",
        c_strings,
        |m| *byte(body(m).new.as_mut().unwrap(), 0, 8 + 7 * 16 + 4) = 0xc0,
        &[],
    ),
    (
        "MAP-FREEKEY",
        s_many,
        |m| *ctrl(m, 0, 1, 8 + 7 * 24) = 1,
        &[],
    ),
    ("CL-FLAGS", c_ints, |m| body(m).hmap.flags |= 0x20, &[]),
    ("CL-B", c_strings, |m| claim_b(m, 3), &[]),
    ("CL-B", c_ints, |m| claim_b(m, 4), &[]),
    ("CL-B", c_growing, |m| claim_b(m, 7), &[]),
    (
        "CL-B",
        c_ints,
        |m| (body(m).hmap.b, body(m).new) = (197, None),
        &[],
    ),
    (
        "CL-BUCKETS",
        c_strings,
        |m| new_home(m, |a, n| object(a - 16, n)),
        &[],
    ),
    (
        "CL-BUCKETS",
        c_ints,
        |m| new_home(m, |_, _| Home::FreeSpan),
        &[],
    ),
    (
        "CL-BUCKETS",
        c_ints,
        |m| (body(m).hmap.buckets, body(m).new) = (Addr(0), None),
        &[],
    ),
    (
        "CL-BUCKETS",
        c_growing,
        |m| body(m).old.as_mut().unwrap().main.home = Home::Unmapped,
        &[],
    ),
    ("CL-GROWFLAG", c_ints, |m| body(m).hmap.flags |= 8, &[]),
    (
        "CL-OLDSIZE",
        c_growing,
        |m| {
            (
                body(m).hmap.flags,
                body(m).old.as_mut().unwrap().main.claimed,
            ) = (8, 8)
        },
        &[],
    ),
    ("CL-NEVAC", c_growing, |m| body(m).hmap.nevacuate = 3, &[]),
    (
        "CL-NEVAC",
        c_growing,
        |m| body(m).hmap.nevacuate |= 1 << 40,
        &[],
    ),
    (
        "CL-TOPRANGE",
        c_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 1) = 2,
        &[],
    ),
    (
        "CL-TOPRANGE",
        c_growing,
        |m| *byte(body(m).old.as_mut().unwrap(), 2, 1) = 3,
        &[],
    ),
    (
        "CL-TOPRANGE",
        c_growing,
        |m| *byte(body(m).old.as_mut().unwrap(), 1, 0) |= 0x80,
        &[],
    ),
    (
        "CL-EVACALL",
        c_growing,
        |m| *byte(body(m).old.as_mut().unwrap(), 0, 3) |= 0x40,
        &[],
    ),
    (
        "CL-EVACALL",
        c_growing,
        |m| *byte(body(m).old.as_mut().unwrap(), 3, 0) = 4,
        &[],
    ),
    (
        "CL-EVACSIDE",
        c_same_size,
        |m| *byte(body(m).old.as_mut().unwrap(), 0, 3) = 3,
        &[],
    ),
    (
        "CL-UNEVACDST",
        c_growing,
        |m| *byte(body(m).new.as_mut().unwrap(), 6, 20) = 1,
        &[],
    ),
    (
        "CL-UNEVACDST",
        c_growing,
        |m| *byte(body(m).new.as_mut().unwrap(), 2, 0) = 0x91,
        &["MAP-COUNT"],
    ),
    (
        "CL-REST",
        c_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 7) = 1,
        &[],
    ),
    (
        "CL-REST",
        c_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 1) = 0,
        &["MAP-COUNT", "MAP-FREEELEM"],
    ),
    (
        "CL-ONE",
        c_ints,
        |m| *byte(body(m).new.as_mut().unwrap(), 3, 5) = 1,
        &[],
    ),
    (
        "CL-CHAIN",
        c_ints,
        |m| fault(m, 3, ChainFaultKind::Cycle),
        &[],
    ),
    (
        "CL-CHAIN",
        c_strings,
        |m| fault(m, 3, ChainFaultKind::Nowhere(Home::Unmapped)),
        &[],
    ),
    (
        "CL-CHAIN",
        c_strings,
        |m| body(m).new.as_mut().unwrap().overflow[0].seat = Seat::Elsewhere(Home::Stack),
        &[],
    ),
    (
        "CL-OVFPTR",
        c_ints,
        |m| fault_to(m, 3, classic::NEW, ChainFaultKind::IntoArray),
        &[],
    ),
    ("CL-NOVERFLOW", c_ints, |m| body(m).hmap.noverflow += 1, &[]),
    (
        "CL-NOVERFLOW2",
        c_large,
        |m| body(m).hmap.noverflow = 5000,
        &[],
    ),
    ("CL-EXTRA", c_ints, |m| drop_listed(m), &[]),
    (
        "CL-EXTRA",
        c_ints,
        |m| (body(m).hmap.extra, body(m).extra) = (Addr(0), None),
        &[],
    ),
    ("CL-NEXTOVF", c_ints, |m| extra(m).next_overflow.0 += 8, &[]),
    ("CL-NEXTOVF", c_ints, |m| spare(m)[144 + 30] = 1, &[]),
    ("CL-NEXTOVF", c_ints, |m| spare(m)[144 + 136 + 3] = 0, &[]),
    (
        "CL-NEXTOVF",
        c_ints,
        |m| extra(m).next_overflow.0 -= 144,
        &[],
    ),
    (
        "CL-LOAD",
        c_strings,
        |m| *m = classic::map(classic::buckets(synth::strings(), 0).fill(0, 9), None),
        &[],
    ),
    (
        "CL-OLDEXTRA",
        c_ints,
        |m| extra(m).oldoverflow = list(&[]),
        &[],
    ),
    (
        "SW-WRITING",
        s_one,
        |m| swiss::body(m).map.tombstone_possible = Some(0x40),
        &[],
    ),
    (
        "SW-WRITING",
        s_one,
        |m| swiss::body(m).map.padding = Some(1),
        &[],
    ),
    (
        "SW-WRITING",
        s_one,
        |m| swiss::body(m).map.writing = 0x10,
        &[],
    ),
    (
        "SW-DIRLEN",
        s_many,
        |m| (swiss::body(m).map.dir_len, dir(m).claimed) = (8, 8),
        &[],
    ),
    (
        "SW-DIRLEN",
        s_many,
        |m| swiss::body(m).map.global_depth = 3,
        &[],
    ),
    (
        "SW-DIRLEN",
        s_many,
        |m| (swiss::body(m).map.dir_len, swiss::body(m).shape) = (-4, Shape::Nonsense),
        &[],
    ),
    (
        "SW-DIRLEN",
        s_small,
        |m| {
            (
                swiss::body(m).map.global_depth,
                swiss::body(m).map.global_shift,
            ) = (2, 62)
        },
        &[],
    ),
    (
        "SW-SHIFT",
        s_many,
        |m| swiss::body(m).map.global_shift = 63,
        &[],
    ),
    (
        "SW-SHIFT",
        s_mips,
        |m| swiss::body(m).map.global_shift = 63,
        &[],
    ),
    (
        "SW-SHIFT",
        s_small,
        |m| swiss::body(m).map.global_shift = 1,
        &[],
    ),
    (
        "SW-DIROBJ",
        s_many,
        |m| dir(m).entries[1] = DirEntry::Nil,
        &[],
    ),
    ("SW-DIROBJ", s_many, |m| dir(m).home = Home::Unmapped, &[]),
    (
        "SW-DIROBJ",
        s_many,
        |m| dir(m).tables[1].home = object(0x4005_0018, 32),
        &[],
    ),
    (
        "SW-DIROBJ",
        s_many,
        |m| groups(m, 2).home = Home::FreeSpan,
        &[],
    ),
    (
        "SW-SMALL",
        s_small,
        |m| groups(m, 0).home = object(0x4100_0000, 8),
        &[],
    ),
    ("SW-SMALL", s_small, |m| *ctrl(m, 0, 0, 6) = 0xfe, &[]),
    ("SW-RUN", s_many, |m| table_header(m, 1).index = 3, &[]),
    (
        "SW-RUN",
        s_many,
        |m| table_header(m, 0).local_depth = 0,
        &[],
    ),
    (
        "SW-RUN",
        s_many,
        |m| table_header(m, 0).local_depth = 2,
        &[],
    ),
    (
        "SW-RUN",
        s_many,
        |m| table_header(m, 2).local_depth = 1,
        &[],
    ),
    ("SW-RUN", s_many, |m| stray_entry(m), &[]),
    ("SW-STALE", s_many, |m| table_header(m, 1).index = -1, &[]),
    (
        "SW-DEPTH",
        s_many,
        |m| table_header(m, 2).local_depth = 6,
        &[],
    ),
    ("SW-CAP", s_one, |m| table_header(m, 0).capacity = 18, &[]),
    ("SW-CAP", s_one, |m| table_header(m, 0).capacity = 1024, &[]),
    ("SW-CAP", s_one, |m| table_header(m, 0).length_mask = 5, &[]),
    (
        "SW-CAP",
        s_one,
        |m| groups(m, 0).home = object(0x7000_0000, 136),
        &[],
    ),
    ("SW-CTRL", s_one, |m| *ctrl(m, 0, 0, 7) = 0x81, &[]),
    ("SW-CTRL", s_small, |m| *ctrl(m, 0, 0, 7) = 0xff, &[]),
    ("SW-USED", s_one, |m| table_header(m, 0).used = 11, &[]),
    ("SW-USED", s_one, |m| *ctrl(m, 0, 0, 7) = 0, &["MAP-COUNT"]),
    (
        "SW-GROWTH",
        s_tombstones,
        |m| table_header(m, 1).growth_left += 1,
        &[],
    ),
    (
        "SW-EMPTY",
        s_one,
        |m| *m = swiss::map(&synth::swiss_ints(), 0, &[table(0, 16, 15)]),
        &["SW-GROWTH"],
    ),
    (
        "SW-NOMIX",
        s_tombstones,
        |m| *ctrl(m, 0, 0, 1) = 0x80,
        &["SW-GROWTH"],
    ),
    (
        "SW-TOMB",
        s_tombstones,
        |m| swiss::body(m).map.tombstone_possible = Some(0),
        &[],
    ),
];

pub fn bad_ref(m: &mut Image, half: Half, what: BadRefKind) {
    let place = Place::Cell {
        old: false,
        chain: 0,
        position: 0,
        cell: 0,
    };
    m.bad_refs.push(BadRef {
        place,
        half,
        off: 0,
        what,
    });
    m.bad_refs_total += 1;
}

/// Another B in the header, and what the reader then makes of the same memory.
fn claim_b(m: &mut Image, b: u8) {
    let c = body(m);
    c.hmap.b = b;
    claim(&mut c.new.as_mut().unwrap().main, 1 << b);
    if let Some(old) = &mut c.old {
        claim(&mut old.main, 1 << (b - 1));
    }
}

/// No reader reads more buckets than are claimed.
fn claim(main: &mut Storage<'_>, buckets: u64) {
    main.claimed = buckets;
    main.count = main.count.min(buckets);
    let most = (main.count * main.stride) as usize;
    for run in &mut main.runs {
        run.bytes.to_mut().truncate(most);
    }
}

fn new_home(m: &mut Image, home: fn(u64, u64) -> Home) {
    let array = body(m).new.as_mut().unwrap();
    array.main.home = home(array.main.addr.0, 0x1000);
}

fn fault(m: &mut Image, chain: u64, what: ChainFaultKind) {
    fault_to(m, chain, 0x7777_0000, what);
}

fn fault_to(m: &mut Image, chain: u64, to: u64, what: ChainFaultKind) {
    let from = Addr(classic::NEW + chain * 144);
    let fault = ChainFault {
        chain,
        position: 0,
        from,
        to: Addr(to),
        what,
    };
    body(m).new.as_mut().unwrap().chain_faults.push(fault);
}

pub fn not_dumped() -> Fault {
    Fault {
        addr: Addr(0x7777_0000),
        size: 144,
        why: Why::NotDumped,
    }
}

fn extra(m: &mut Image) -> &mut MapExtra {
    body(m).extra.as_mut().unwrap()
}

fn list(buckets: &[u64]) -> Option<OverflowList> {
    let buckets: Vec<Addr> = buckets.iter().map(|b| Addr(*b)).collect();
    Some(OverflowList {
        addr: Addr(0x4002_0040),
        claimed: buckets.len() as u64,
        buckets,
    })
}

fn drop_listed(m: &mut Image) {
    let overflow = extra(m).overflow.as_mut().unwrap();
    overflow.claimed -= 1;
    overflow.buckets.pop();
}

/// The preallocated buckets; the first of `c_ints` is taken, the second is not.
fn spare(m: &mut Image) -> &mut Vec<u8> {
    let array = body(m).new.as_mut().unwrap();
    array.prealloc.as_mut().unwrap().runs[0].bytes.to_mut()
}

/// Entry 1 leads to the last table, so that the first has one entry less and the last one more.
fn stray_entry(m: &mut Image) {
    let d = dir(m);
    d.tables.swap(1, 2); // in order of first appearance
    d.entries = [0, 1, 2, 1].map(DirEntry::Table).to_vec();
    d.tables[0].seen = 1;
    (d.tables[1].first, d.tables[1].seen) = (1, 2);
}

/// All pairs: those above, and those of the rules that have files of their own.
fn pairs() -> impl Iterator<Item = &'static Pair> {
    [PAIRS, rules::keys::PAIRS, rules::hands::PAIRS]
        .into_iter()
        .flatten()
}

/// All gaps, likewise.
fn gaps() -> impl Iterator<Item = &'static GapCase> {
    [GAPS, rules::keys::GAPS, rules::hands::GAPS]
        .into_iter()
        .flatten()
}

#[test]
fn sound_images_satisfy_every_rule() {
    for (n, image) in SOUND.iter().enumerate() {
        assert_ok(&format!("sound image {n}"), &image());
    }
}

#[test]
fn each_rule_fires_on_its_damaged_image_and_no_other_rule_does() {
    for (n, (rule, clean, damage, also)) in pairs().enumerate() {
        let mut image = clean();
        assert_ok(&format!("{rule}, pair {n}"), &image);
        damage(&mut image);
        let verdict = check_map(&image);
        let wanted: BTreeSet<&str> = also.iter().copied().chain([*rule]).collect();
        assert_eq!(
            ids(&verdict),
            wanted,
            "{rule}, pair {n}:\n{}",
            show(&verdict)
        );
        let broken = wanted
            .iter()
            .any(|id| find_rule(id).unwrap().severity == Severity::Error);
        assert_eq!(
            verdict.verdict == Verdict::Broken,
            broken,
            "{rule}, pair {n}:\n{}",
            show(&verdict)
        );
        for f in &verdict.findings {
            assert!(
                !f.claimed.is_empty() && !f.found.is_empty() && f.claimed != f.found,
                "{f:?}"
            );
        }
        let named = verdict.findings.iter().filter(|f| f.rule == *rule).count();
        assert_eq!(
            named,
            1,
            "{rule}, pair {n}: one damaged field, one finding:\n{}",
            show(&verdict)
        );
    }
}

#[test]
fn each_rule_has_a_pair_of_images() {
    for rule in registry() {
        let has = match rule.scope {
            Scope::Sync => rules::sync::PAIRS.iter().any(|p| p.0 == rule.id),
            _ => pairs().any(|p| p.0 == rule.id),
        };
        assert!(has, "{} has no pair of images", rule.id);
    }
    for pair in pairs() {
        assert!(find_rule(pair.0).is_some(), "{} is no rule", pair.0);
    }
}

#[test]
fn rules_have_unique_ids_and_whole_manuals() {
    let mut seen = BTreeSet::new();
    for rule in registry() {
        assert!(seen.insert(rule.id), "{} twice", rule.id);
        for text in [rule.statement, rule.source, rule.breaks, rule.innocent] {
            assert!(
                text.ends_with('.') && text.len() > 4,
                "{}: {text:?}",
                rule.id
            );
            assert!(
                !text.contains("  ") && !text.contains('\n'),
                "{}: {text:?}",
                rule.id
            );
        }
        assert!(manual(rule).contains(rule.statement), "{}", rule.id);
        let parts = rule.example.split_once(": claimed ");
        let parts = parts.and_then(|(place, said)| Some((place, said.split_once(", found ")?)));
        assert!(
            parts.is_some_and(|(place, (a, b))| !place.is_empty() && a != b),
            "{}: {:?}",
            rule.id,
            rule.example
        );
        assert!(manual(rule).contains(rule.example), "{}", rule.id);
    }
}

#[test]
fn rules_md_is_what_the_registry_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RULES.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, rules_markdown()).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        file == rules_markdown(),
        "docs/RULES.md is out of date: run this test with BLESS=1"
    );
}

/// A rule, a sound image, and what takes away something that the rule needs.
pub type GapCase = (&'static str, fn() -> Image, fn(&mut Image));

const GAPS: &[GapCase] = &[
    ("MAP-PTR", c_ints, |m| m.home = Home::Unknown),
    ("MAP-LEN", c_ints, |m| m.body = Body::Unreadable),
    ("MAP-COUNT", c_ints, |m| lose_buckets(m)),
    ("MAP-COUNT", s_many, |m| groups(m, 1).runs.clear()),
    ("MAP-COUNT", s_many, |m| {
        dir(m).entries[3] = DirEntry::Unread
    }),
    ("MAP-INDIRECT", c_big_keys, |m| lose_buckets(m)),
    ("MAP-STRPTR", c_strings, |m| lose_buckets(m)),
    ("MAP-STRPTR", c_strings, |m| m.bad_refs_total = 3),
    ("MAP-IFACE", s_many, |m| dir(m).tables[0].header = None),
    ("CL-B", c_ints, |m| new_home(m, |_, _| Home::Unknown)),
    ("CL-BUCKETS", c_ints, |m| new_home(m, |_, _| Home::Unknown)),
    ("CL-OLDSIZE", c_growing, |m| {
        body(m).old.as_mut().unwrap().main.home = Home::Unknown
    }),
    ("CL-NEVAC", c_growing, |m| lose_old(m)),
    ("CL-TOPRANGE", c_growing, |m| lose_old(m)),
    ("CL-EVACALL", c_growing, |m| lose_old(m)),
    ("CL-EVACSIDE", c_same_size, |m| lose_old(m)),
    ("CL-UNEVACDST", c_growing, |m| lose_buckets(m)),
    ("CL-REST", c_ints, |m| lose_buckets(m)),
    ("CL-REST", c_ints, |m| {
        fault(m, 3, ChainFaultKind::Unreadable(not_dumped()))
    }),
    ("CL-CHAIN", c_ints, |m| {
        fault(m, 3, ChainFaultKind::Unreadable(not_dumped()))
    }),
    ("CL-CHAIN", c_ints, |m| fault(m, 3, ChainFaultKind::TooLong)),
    ("CL-CHAIN", c_strings, |m| {
        body(m).new.as_mut().unwrap().overflow[0].seat = Seat::Elsewhere(Home::Unknown)
    }),
    ("CL-OVFPTR", c_ints, |m| {
        fault(m, 3, ChainFaultKind::Unreadable(not_dumped()))
    }),
    ("CL-NOVERFLOW", c_ints, |m| {
        fault(m, 3, ChainFaultKind::Unreadable(not_dumped()))
    }),
    ("CL-EXTRA", c_ints, |m| body(m).extra = None),
    ("CL-EXTRA", c_ints, |m| {
        fault(m, 3, ChainFaultKind::Unreadable(not_dumped()))
    }),
    ("CL-NEXTOVF", c_ints, |m| body(m).extra = None),
    ("CL-NEXTOVF", c_ints, |m| {
        body(m)
            .new
            .as_mut()
            .unwrap()
            .prealloc
            .as_mut()
            .unwrap()
            .runs
            .clear()
    }),
    ("CL-OLDEXTRA", c_ints, |m| body(m).extra = None),
    ("SW-DIROBJ", s_many, |m| dir(m).home = Home::Unknown),
    ("SW-DIROBJ", s_many, |m| {
        dir(m).tables[1].home = Home::Unknown
    }),
    ("SW-SMALL", s_small, |m| groups(m, 0).home = Home::Unknown),
    ("SW-RUN", s_many, |m| dir(m).entries[3] = DirEntry::Unread),
    ("SW-STALE", s_many, |m| dir(m).tables[2].header = None),
    ("SW-DEPTH", s_many, |m| dir(m).tables[2].header = None),
    ("SW-CAP", s_many, |m| dir(m).tables[2].header = None),
    ("SW-CTRL", s_many, |m| groups(m, 1).runs.clear()),
    ("SW-USED", s_many, |m| groups(m, 1).runs.clear()),
    ("SW-GROWTH", s_many, |m| groups(m, 1).runs.clear()),
    ("SW-EMPTY", s_many, |m| groups(m, 1).runs.clear()),
    ("SW-NOMIX", s_many, |m| groups(m, 1).runs.clear()),
    ("SW-TOMB", s_many, |m| groups(m, 1).runs.clear()),
];

pub fn lose_buckets(m: &mut Image) {
    body(m).new.as_mut().unwrap().main.runs.clear();
    gap(m, Addr(classic::NEW), 144);
}

pub fn lose_old(m: &mut Image) {
    body(m).old.as_mut().unwrap().main.runs.clear();
}

#[test]
fn a_gap_under_a_rule_makes_it_undecided() {
    for (rule, clean, damage) in gaps() {
        let mut image = clean();
        damage(&mut image);
        assert_unknown(rule, &image);
    }
}

#[test]
fn rules_that_read_more_than_the_header_have_a_gap_case() {
    // What was not read is shared with nobody; of what was not found in books, descriptors, hash keys and stacks
    // nothing is claimed; and where keys are not hashed, a NaN among them is not seen.
    let header_only = [
        "CL-FLAGS",
        "CL-GROWFLAG",
        "SW-WRITING",
        "SW-DIRLEN",
        "SW-SHIFT",
        "MAP-SHARED",
        "MAP-TYPE",
        "MAP-HASHER",
        "MAP-GLOBALKEY",
        "MAP-KEYEQ",
        "MAP-WRITER",
        "MAP-TWOWRITERS",
        "MAP-HEAPTYPE",
    ];
    let exempt = header_only.iter().chain(&rules::sync::FACTS_ONLY);
    let exempt: BTreeSet<&str> = exempt.copied().collect();
    for rule in registry().filter(|r| r.severity == Severity::Error && !exempt.contains(r.id)) {
        let has = gaps().any(|g| g.0 == rule.id) || rules::sync::GAPS.contains(&rule.id);
        assert!(has, "{} has no image in GAPS", rule.id);
    }
}

#[test]
fn a_gap_elsewhere_leaves_a_map_undecided() {
    let mut image = c_ints();
    gap(&mut image, Addr(0x4000_0000), 8);
    assert_eq!(check_map(&image).verdict, Verdict::Unknown);
}

#[test]
fn a_finding_outweighs_a_gap() {
    let mut image = s_many();
    groups(&mut image, 1).runs.clear();
    table_header(&mut image, 0).used += 1;
    let verdict = check_map(&image);
    assert_eq!(verdict.verdict, Verdict::Broken);
    assert_eq!(ids(&verdict), BTreeSet::from(["SW-USED"]));
    assert!(verdict.unknown_rules.contains(&"MAP-COUNT"));
}
