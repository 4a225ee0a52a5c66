//! Painted Swiss maps.
//! In: how many entries each table holds. Out: the image of a sound map, ready to be damaged.

use super::Layout;
use super::image_of;
use super::object;
use super::put_entry;
use badmap::base::addr::Addr;
use badmap::base::bytes::Endian;
use badmap::maps::image::Body;
use badmap::maps::image::DirEntry;
use badmap::maps::image::Directory;
use badmap::maps::image::MapImage;
use badmap::maps::image::Run;
use badmap::maps::image::Shape;
use badmap::maps::image::Storage;
use badmap::maps::image::SwissImage;
use badmap::maps::image::SwissMap;
use badmap::maps::image::TableHeader;
use badmap::maps::image::TableImage;
use std::borrow::Cow;

const GROUP: u64 = 0x4100_0000;
const DIR: u64 = 0x4004_0000;
const TABLES: u64 = 0x4005_0000;
const GROUPS: u64 = 0x7000_0000;

/// Where the control byte of slot `i` stands in a group: the control word is a native integer.
pub fn ctrl_at(layout: &Layout, i: usize) -> usize {
    match layout.abi.endian {
        Endian::Little => i,
        Endian::Big => 7 - i,
    }
}

/// Groups whose control bytes are given slot by slot; slots below 0x80 get an entry.
fn paint(layout: &Layout, marks: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0u8; layout.slots.size as usize * marks.len() / 8];
    for (n, group) in bytes
        .chunks_exact_mut(layout.slots.size as usize)
        .enumerate()
    {
        for i in 0..8 {
            let mark = marks[n * 8 + i];
            group[ctrl_at(layout, i)] = mark;
            if mark < 0x80 {
                put_entry(layout, group, i, (n * 8 + i) as u64);
            }
        }
    }
    bytes
}

fn storage(layout: &Layout, addr: u64, marks: &[u8]) -> Storage<'static> {
    let groups = marks.len() as u64 / 8;
    Storage {
        addr: Addr(addr),
        stride: layout.slots.size,
        claimed: groups,
        count: groups,
        home: object(addr, groups * layout.slots.size),
        runs: [Run {
            first: 0,
            bytes: Cow::Owned(paint(layout, marks)),
        }]
        .into_iter()
        .collect(),
    }
}

fn header() -> SwissMap {
    SwissMap {
        seed: 0x5eed,
        tombstone_possible: Some(0),
        ..SwissMap::default()
    }
}

/// A small map with `n` entries.
pub fn small(layout: &Layout, n: usize) -> MapImage<'static> {
    let mut marks = [0x80u8; 8];
    for (i, m) in marks.iter_mut().take(n).enumerate() {
        *m = 0x10 + i as u8;
    }
    let map = SwissMap {
        used: n as u64,
        dir_ptr: Addr(GROUP),
        ..header()
    };
    let shape = Shape::Small(storage(layout, GROUP, &marks));
    image_of(layout, Body::Swiss(SwissImage { map, shape }))
}

/// A map that holds nothing and never did.
pub fn empty(layout: &Layout) -> MapImage<'static> {
    image_of(
        layout,
        Body::Swiss(SwissImage {
            map: header(),
            shape: Shape::Empty,
        }),
    )
}

/// One table: its local depth and its control bytes.
#[derive(Clone)]
pub struct Table {
    pub local_depth: u8,
    pub marks: Vec<u8>,
}

/// A table with `n` entries, spread so that no group is full before it must be.
pub fn table(local_depth: u8, capacity: usize, n: usize) -> Table {
    let groups = capacity / 8;
    let mut marks = vec![0x80u8; capacity];
    for i in 0..n {
        marks[(i % groups) * 8 + i / groups] = (i * 37 % 128) as u8;
    }
    Table { local_depth, marks }
}

/// A table whose first group has `deleted` deleted and otherwise full slots.
pub fn table_with_tombstones(local_depth: u8, capacity: usize, deleted: usize) -> Table {
    let mut marks = vec![0x80u8; capacity];
    marks[..8].fill(0x21);
    marks[..deleted].fill(0xfe);
    Table { local_depth, marks }
}

/// A map with a directory of 2^depth entries over these tables, in order.
pub fn map(layout: &Layout, depth: u8, tables: &[Table]) -> MapImage<'static> {
    let mut entries = Vec::new();
    let mut images = Vec::new();
    let mut used = 0;
    for (n, t) in tables.iter().enumerate() {
        let first = entries.len() as u64;
        let seen = 1u64 << (depth - t.local_depth);
        entries.extend(std::iter::repeat_n(
            DirEntry::Table(n as u32),
            seen as usize,
        ));
        let full = t.marks.iter().filter(|m| **m < 0x80).count();
        let deleted = t.marks.iter().filter(|m| **m == 0xfe).count();
        let capacity = t.marks.len();
        used += full as u64;
        let (addr, groups) = (TABLES + n as u64 * 32, GROUPS + n as u64 * 0x10_0000);
        images.push(TableImage {
            addr: Addr(addr),
            home: object(addr, 32),
            first,
            seen,
            header: Some(TableHeader {
                used: full as u16,
                capacity: capacity as u16,
                growth_left: (capacity * 7 / 8).saturating_sub(full + deleted) as u16,
                local_depth: t.local_depth,
                index: first as i64,
                groups_data: Addr(groups),
                length_mask: capacity as u64 / 8 - 1,
            }),
            groups: Some(storage(layout, groups, &t.marks)),
        });
    }
    assert_eq!(entries.len(), 1 << depth, "the tables fill the directory");
    let tombstones = tables.iter().any(|t| t.marks.contains(&0xfe));
    let map = SwissMap {
        used,
        dir_ptr: Addr(DIR),
        dir_len: 1 << depth,
        global_depth: depth,
        global_shift: layout.abi.ptr_size * 8 - depth,
        tombstone_possible: Some(u8::from(tombstones)),
        ..header()
    };
    let size = (entries.len() as u64 * u64::from(layout.abi.ptr_size)).next_multiple_of(8);
    let dir = Directory {
        home: object(DIR, size),
        claimed: 1 << depth,
        entries,
        tables: images,
    };
    image_of(
        layout,
        Body::Swiss(SwissImage {
            map,
            shape: Shape::Tables(dir),
        }),
    )
}

/// The Swiss part of an image, to damage it.
pub fn body<'m>(image: &'m mut MapImage<'static>) -> &'m mut SwissImage<'static> {
    match &mut image.body {
        Body::Swiss(s) => s,
        _ => panic!("not a Swiss map"),
    }
}

/// The directory of an image.
pub fn dir<'m>(image: &'m mut MapImage<'static>) -> &'m mut Directory<'static> {
    match &mut body(image).shape {
        Shape::Tables(d) => d,
        _ => panic!("no directory"),
    }
}

/// The header of one of its tables.
pub fn table_header<'m>(image: &'m mut MapImage<'static>, n: usize) -> &'m mut TableHeader {
    dir(image).tables[n].header.as_mut().unwrap()
}

/// The groups of a small map, or of one of the tables.
pub fn groups<'m>(image: &'m mut MapImage<'static>, n: usize) -> &'m mut Storage<'static> {
    match &mut body(image).shape {
        Shape::Small(g) => g,
        Shape::Tables(d) => d.tables[n].groups.as_mut().unwrap(),
        _ => panic!("no groups"),
    }
}

/// The control byte of a slot on a little-endian machine.
pub fn ctrl<'m>(
    image: &'m mut MapImage<'static>,
    n: usize,
    group: usize,
    slot: usize,
) -> &'m mut u8 {
    let storage = groups(image, n);
    let at = group * storage.stride as usize + slot;
    &mut storage.runs[0].bytes.to_mut()[at]
}
