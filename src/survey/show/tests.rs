//! Tests of `show`: hand-made input, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::maps::image::ChainFaultKind;
use crate::maps::image::ClassicImage;
use crate::maps::image::Home;
use crate::maps::image::OverflowBucket;
use crate::maps::image::Run;
use crate::maps::image::Seat;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::image::TableHeader;
use crate::maps::image::sample::sample;
use crate::survey::detail::MapDetail;

const ALL: Window = Window {
    offset: 0,
    limit: u64::MAX,
};

fn record(marks: [u8; 8], overflow: u64) -> Vec<u8> {
    let fill: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap_or(0));
    [&marks[..], &fill, &overflow.to_le_bytes()].concat()
}

fn storage(addr: u64, claimed: u64, runs: Vec<(u64, Vec<u8>)>) -> Storage<'static> {
    let runs = runs
        .into_iter()
        .map(|(first, bytes)| Run {
            first,
            bytes: bytes.into(),
        })
        .collect();
    Storage {
        addr: Addr(addr),
        stride: 32,
        claimed,
        count: claimed,
        home: Home::Unknown,
        runs,
    }
}

fn classic() -> MapImage<'static> {
    let main = storage(
        0x1000,
        4,
        vec![(1, record([9, 1, 5, 0, 0, 0, 0, 2], 0x2000))],
    );
    let overflow = OverflowBucket {
        chain: 1,
        position: 1,
        addr: Addr(0x2000),
        bytes: record([7, 0, 0, 0, 0, 0, 0, 0], 0x1020).into(),
        seat: Seat::Elsewhere(Home::Unknown),
    };
    let fault = ChainFault {
        chain: 1,
        position: 1,
        from: Addr(0x2000),
        to: Addr(0x1020),
        what: ChainFaultKind::IntoArray,
    };
    let new = BucketArray {
        main,
        room: None,
        prealloc: None,
        overflow: vec![overflow],
        chain_faults: vec![fault],
    };
    let old = BucketArray {
        main: storage(0x3000, 1, vec![(0, record([2, 3, 4, 4, 4, 4, 4, 4], 0))]),
        room: None,
        prealloc: None,
        overflow: Vec::new(),
        chain_faults: Vec::new(),
    };
    let hmap = Hmap {
        count: 3,
        flags: 0x24,
        b: 2,
        hash0: 0xbeef,
        buckets: Addr(0x1000),
        ..Hmap::default()
    };
    sample(Body::Classic(ClassicImage {
        hmap,
        new: Some(new),
        old: Some(old),
        extra: None,
    }))
}

fn text(parts: &[Part]) -> Vec<String> {
    let fields = |p: &Part| {
        p.fields
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    parts
        .iter()
        .map(|p| {
            format!(
                "{} {} {} {}",
                p.path,
                p.addr,
                p.slots.as_deref().unwrap_or("_"),
                fields(p)
            )
        })
        .collect()
}

#[test]
fn classic_buckets_stand_chain_by_chain_with_their_gaps() {
    let (all, total) = parts(&classic(), ALL);
    assert_eq!(
        text(&all),
        [
            "oldbuckets[0] 0x3000 >>>>>>>> overflow=nil",
            "buckets[0] 0x1000 _ unread=1",
            "buckets[1] 0x1020 #-#....? overflow=0x2000",
            "buckets[1].overflow[1] 0x2000 #....... overflow=0x1020 (into a bucket array)",
            "buckets[2..4] 0x1040 _ unread=2",
        ]
    );
    assert_eq!(total, 5);
}

#[test]
fn a_window_cuts_the_list_but_not_the_total() {
    let (some, total) = parts(
        &classic(),
        Window {
            offset: 2,
            limit: 2,
        },
    );
    assert_eq!((some.len(), total), (2, 5));
    assert_eq!(some.first().map(|p| p.path.as_str()), Some("buckets[1]"));
    assert_eq!(
        parts(
            &classic(),
            Window {
                offset: 0,
                limit: 0
            }
        )
        .1,
        5
    );
    assert!(
        parts(
            &classic(),
            Window {
                offset: u64::MAX,
                limit: u64::MAX
            }
        )
        .0
        .is_empty()
    );
}

#[test]
fn only_entries_of_the_window_are_rendered() {
    let mut rendered = 0;
    let mut render = |e: &EntryRef<'_>| {
        rendered += 1;
        (format!("{:?}", e.key), format!("{:?}", e.elem))
    };
    let (some, total) = entries(
        &classic(),
        Window {
            offset: 1,
            limit: 1,
        },
        &mut render,
    );
    assert_eq!((some.len(), total, rendered), (1, 3, 1));
    let only = some.first().expect("one entry");
    assert_eq!((only.place.as_str(), only.mark), ("buckets[1].cell[2]", 5));
    assert_eq!((only.key.as_str(), only.elem.as_str()), ("[2]", "[10]"));
}

#[test]
fn flags_are_named_in_the_header() {
    let fields = header(&MapDetail::of(&classic()).header);
    let flags = fields
        .iter()
        .find(|(name, _)| *name == "flags")
        .map(|(_, v)| v.as_str());
    assert_eq!(
        flags,
        Some("0x24 hashWriting (and bits that Go never sets)")
    );
    assert!(fields.contains(&("hash0", "0x0000beef".to_owned())));
    assert!(fields.contains(&("oldbuckets", "nil".to_owned())));
}

fn swiss(shape: Shape<'static>) -> MapImage<'static> {
    let map = SwissMap {
        used: 2,
        dir_ptr: Addr(0x5000),
        tombstone_possible: Some(1),
        ..SwissMap::default()
    };
    sample(Body::Swiss(SwissImage { map, shape }))
}

#[test]
fn a_small_swiss_map_is_one_group() {
    let group = storage(
        0x5000,
        1,
        vec![(
            0,
            record([0x11, 0x80, 0xfe, 0x81, 0x80, 0x80, 0x80, 0x22], 0),
        )],
    );
    let map = swiss(Shape::Small(group));
    assert_eq!(text(&parts(&map, ALL).0), ["group 0x5000 #.-?...# "]);
    assert!(header(&MapDetail::of(&map).header).contains(&("tombstonePossible", "1".to_owned())));
}

#[test]
fn a_table_stands_once_at_its_first_directory_index() {
    let table = TableImage {
        addr: Addr(0x6000),
        home: Home::Unknown,
        first: 0,
        seen: 2,
        header: Some(TableHeader {
            used: 1,
            capacity: 16,
            groups_data: Addr(0x7000),
            ..TableHeader::default()
        }),
        groups: Some(storage(0x7000, 2, vec![(0, record([0x80; 8], 0))])),
    };
    let lost = TableImage {
        addr: Addr(0x6100),
        first: 2,
        seen: 1,
        header: None,
        groups: None,
        ..table.clone()
    };
    let dir = Directory {
        home: Home::Unknown,
        claimed: 4,
        entries: vec![
            DirEntry::Table(0),
            DirEntry::Table(0),
            DirEntry::Table(1),
            DirEntry::Nil,
        ],
        tables: vec![table, lost],
    };
    let (all, total) = parts(&swiss(Shape::Tables(dir)), ALL);
    assert_eq!(total, 6);
    let lines = text(&all);
    let starts = [
        "dir 0x5000 _ len=4 read=4 tables=2",
        "dir[0].table 0x6000 _ used=1 capacity=16",
        "dir[0].table.groups[0] 0x7000 ........",
        "dir[0].table.groups[1] 0x7020 _ unread=1",
        "dir[2].table 0x6100 _ header=unread entries in dir=1",
        "dir[3] 0x5018 _ table=nil",
    ];
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}
