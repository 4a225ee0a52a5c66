//! The pieces of a large map against the whole.

use super::*;
use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hmap;
use crate::maps::image::Run;
use crate::maps::image::Seat;
use crate::maps::image::SlotLayout;
use crate::maps::image::sample::sample;
use crate::maps::image::tophash;
use std::borrow::Cow;
use std::sync::Arc;

/// Buckets of one-byte keys without elems, every third chain with an overflow bucket, and a hole.
fn large() -> MapImage<'static> {
    const N: u64 = 20_000;
    let bucket = |n: u64| -> Vec<u8> {
        let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x ^= x >> 29;
        [x.to_le_bytes(), n.to_le_bytes(), [0; 8]].concat()
    };
    let run = |first: u64, end: u64| Run {
        first,
        bytes: Cow::Owned((first..end).flat_map(bucket).collect()),
    };
    let array = BucketArray {
        main: Storage {
            addr: Addr(0x1000),
            stride: 24,
            claimed: N,
            count: N,
            home: Home::Unknown,
            runs: [run(0, 9_000), run(9_010, N)].into_iter().collect(),
        },
        room: None,
        prealloc: None,
        overflow: (0..N)
            .step_by(3)
            .map(|chain| OverflowBucket {
                chain,
                position: 1,
                addr: Addr(0x9000_0000 | chain),
                bytes: Cow::Owned(bucket(!chain)),
                seat: Seat::Elsewhere(Home::Unknown),
            })
            .collect(),
        chain_faults: Vec::new(),
    };
    let body = Body::Classic(ClassicImage {
        hmap: Hmap::default(),
        new: Some(array),
        old: None,
        extra: None,
    });
    let image = sample(body);
    let slots = SlotLayout {
        elem_size: 0,
        elem_stride: 0,
        size: 24,
        overflow_off: Some(16),
        ..image.slots.as_ref().clone()
    };
    MapImage {
        slots: Arc::new(slots),
        ..image
    }
}

#[test]
fn pieces_one_after_the_other_are_the_whole_map() {
    let image = large();
    let (mut whole, mut pieced, mut by_bucket) = (Vec::new(), Vec::new(), Vec::new());
    image.for_each_entry(|e| whole.push((e.place, e.record_addr, e.mark, e.key)));
    let slots = image.slots.offsets();
    let pieces = image.pieces().unwrap_or_default();
    assert!(pieces.len() > 2);
    for stretch in pieces.iter().flatten() {
        stretch.for_each_unit(|unit| {
            unit.for_each_entry(image.abi, &slots, &mut |e| {
                pieced.push((e.place, e.record_addr, e.mark, e.key));
            });
        });
    }
    let Body::Classic(c) = &image.body else {
        return;
    };
    for b in c.new.iter().flat_map(|a| a.buckets()) {
        for (cell, mark) in (0u8..).zip(b.tophash()) {
            let place = Place::Cell {
                old: false,
                chain: b.chain,
                position: b.position,
                cell,
            };
            let key = image.slots.key(b.bytes, cell.into());
            if let Some(key) = key.filter(|_| tophash::is_live(mark)) {
                by_bucket.push((place, b.addr, mark, key));
            }
        }
    }
    assert!(whole.len() > 100_000);
    assert!(whole == by_bucket);
    assert!(pieced == whole);
}

/// A damaged header may claim billions of buckets, of which a few are there, far from each other. Seen when a flipped
/// bit made a map of another's middle: the pieces took 33 GB.
#[test]
fn holes_make_no_pieces() {
    let mut image = large();
    let Body::Classic(c) = &mut image.body else {
        return;
    };
    let Some(array) = &mut c.new else { return };
    array.main.claimed = 1 << 40;
    array.main.count = 1 << 40;
    for run in &mut array.main.runs {
        if run.first > 0 {
            run.first = 1 << 39;
        }
    }
    array.overflow.clear();
    let mut whole = 0u64;
    image.for_each_unit(|_| whole = whole.saturating_add(1));
    let pieces = image.pieces().unwrap_or_default();
    let records: u64 = pieces.iter().flatten().map(Stretch::records).sum();
    assert_eq!((whole, records), (19_990, 19_990));
    assert!(pieces.len() < 20, "{} pieces", pieces.len());
}
