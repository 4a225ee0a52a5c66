//! Every bit of every mark byte: one that changes is noticed, by what it makes of the slot or by the key's hash.
//! In: the sound images. Out: that each of them, with one bit of one mark changed, is broken.

use crate::synth::again::check_map;
use crate::synth::classic::body;
use crate::synth::classic::byte;
use crate::synth::hashed::hashed;
use crate::synth::hashed::places;
use crate::synth::sound::Image;
use crate::synth::sound::SOUND;
use crate::synth::sound::ids;
use crate::synth::sound::show;
use crate::synth::swiss;
use crate::synth::swiss::ctrl;
use crate::synth::swiss::groups;
use badmap::base::bytes::Endian;
use badmap::check::rule::Verdict;
use badmap::maps::image::Body;
use badmap::maps::image::Place;
use std::collections::BTreeSet;

#[test]
fn a_mark_byte_that_changes_its_kind_never_goes_unnoticed() {
    let kind_c = |t: u8| t.min(5);
    let kind_s = |c: u8| if c < 0x80 { 0 } else { c };
    for make in SOUND {
        let sound = make();
        if matches!(&sound.body, Body::Classic(c) if c.hmap.b > 8) {
            continue; // too large to be copied for every bit
        }
        let classic = matches!(sound.body, Body::Classic(_));
        let records: Vec<u64> = match &sound.body {
            Body::Classic(c) => (0..c.new.as_ref().unwrap().main.count.min(8)).collect(),
            Body::Swiss(_) => (0..groups(&mut make(), 0).count.min(3)).collect(),
            Body::Unreadable => panic!(),
        };
        for (n, bit, slot) in records
            .iter()
            .flat_map(|n| (0..64).map(move |b| (*n as usize, b % 8, b / 8)))
        {
            let mut image = make();
            let mark = if classic {
                byte(body(&mut image).new.as_mut().unwrap(), n, slot)
            } else {
                ctrl(&mut image, 0, n, slot)
            };
            let before = *mark;
            *mark ^= 1 << bit;
            let after = *mark;
            let changed = if classic {
                kind_c(before) != kind_c(after)
            } else {
                kind_s(before) != kind_s(after)
            };
            let verdict = check_map(&image);
            let harmless = classic && before.min(after) == 0 && before.max(after) == 1; // CL-ONE at most
            if changed && !harmless {
                assert_eq!(
                    verdict.verdict,
                    Verdict::Broken,
                    "{before:#x} -> {after:#x} at {n}.{slot}\n{}",
                    show(&verdict)
                );
            } else if !changed {
                assert_eq!(show(&verdict), "");
            }
        }
    }
}

/// The mark of the entry at this place; `None` in overflow buckets.
fn mark_at(m: &mut Image, place: Place) -> Option<&mut u8> {
    match place {
        Place::Cell {
            old,
            chain,
            position: 0,
            cell,
        } => {
            let c = body(m);
            let array = if old { &mut c.old } else { &mut c.new };
            Some(byte(array.as_mut()?, chain as usize, cell.into()))
        }
        Place::Slot { dir, group, slot } => {
            let n = dir.map_or(0, |first| {
                let tables = &swiss::dir(m).tables;
                tables.iter().position(|t| t.first == first).unwrap()
            });
            let mirrored = m.abi.endian == Endian::Big;
            let slot = usize::from(if mirrored { 7 - slot } else { slot });
            Some(ctrl(m, n, group as usize, slot))
        }
        _ => None,
    }
}

#[test]
fn a_mark_byte_that_turns_into_another_live_one_never_goes_unnoticed() {
    let mut tried = 0;
    for make in SOUND {
        let sound = hashed(make());
        if places(&sound).len() > 1000 || matches!(&sound.body, Body::Classic(c) if c.hmap.b > 8) {
            continue; // too large to be copied for every bit
        }
        let classic = matches!(sound.body, Body::Classic(_));
        for (place, bit) in places(&sound)
            .iter()
            .flat_map(|p| (0..8).map(move |b| (*p, b)))
        {
            let mut m = sound.clone();
            let Some(mark) = mark_at(&mut m, place) else {
                continue;
            };
            *mark ^= 1 << bit;
            if (classic && *mark < 5) || (!classic && *mark >= 0x80) {
                continue; // no live one: the test in rules.rs
            }
            let verdict = check_map(&m);
            let said = show(&verdict);
            assert_eq!(ids(&verdict), BTreeSet::from(["MAP-KEYHASH"]), "{said}");
            assert_eq!(verdict.findings[0].place, place, "{said}");
            assert_eq!(verdict.findings_total, 1, "{said}");
            tried += 1;
        }
    }
    assert!(tried > 2000, "only {tried} marks changed");
}
