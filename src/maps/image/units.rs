//! The storage of a map by units, inside which a lookup stays: a chain of buckets, a table, a small map's group.
//! In: an image's body. Out: units, and the live entries of each, in one order that everybody goes by.

use crate::base::bytes::Abi;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::BucketRef;
use crate::maps::image::EntryRef;
use crate::maps::image::MapImage;
use crate::maps::image::OverflowBucket;
use crate::maps::image::Place;
use crate::maps::image::Record;
use crate::maps::image::Shape;
use crate::maps::image::SlotOffsets;
use crate::maps::image::Storage;
use crate::maps::image::TOPS;
use std::ops::Range;

/// Buckets or groups of a piece of work.
const PIECE: u64 = 4096;
/// Groups of a table that is full grown.
const TABLE: u64 = 128;

/// One chain, one table, or the group of a small map.
#[derive(Clone, Copy, Debug)]
pub enum Unit<'i, 'a> {
    /// A chain of buckets whose main bucket could be read.
    Chain {
        /// In `oldbuckets` rather than `buckets`.
        old: bool,
        /// The main bucket.
        main: BucketRef<'i>,
        /// The overflow buckets, in order.
        overflow: &'i [OverflowBucket<'a>],
    },
    /// Groups that a lookup may pass through.
    Groups {
        /// First directory index of the table; `None` for a small map.
        dir: Option<u64>,
        /// The groups.
        groups: &'i Storage<'a>,
    },
}

/// Units that follow each other: a piece of work.
#[derive(Clone, Debug)]
pub enum Stretch<'i, 'a> {
    /// Chains of an array.
    Chains {
        /// In `oldbuckets` rather than `buckets`.
        old: bool,
        /// The array.
        array: &'i BucketArray<'a>,
        /// Which of its chains, by index.
        range: Range<u64>,
    },
    /// The groups of a table, or of a small map.
    Groups {
        /// First directory index of the table; `None` for a small map.
        dir: Option<u64>,
        /// The groups.
        groups: &'i Storage<'a>,
    },
}

impl<'a> MapImage<'a> {
    /// All storage that holds entries, in the order of the walk; of arrays at most `chains` chains at a time.
    pub fn for_each_stretch<'i>(&'i self, chains: u64, mut each: impl FnMut(Stretch<'i, 'a>)) {
        match &self.body {
            Body::Classic(c) => {
                for (old, array) in [(true, c.old.as_ref()), (false, c.new.as_ref())] {
                    let Some(array) = array else { continue };
                    // By what was read: a damaged header claims billions of buckets, with holes between a few.
                    for read in array.main.ranges() {
                        let mut at = read.start;
                        while at < read.end {
                            let end = at.saturating_add(chains.max(1)).min(read.end);
                            let range = at..end;
                            each(Stretch::Chains { old, array, range });
                            at = end;
                        }
                    }
                }
            }
            Body::Swiss(s) => match &s.shape {
                Shape::Small(groups) => each(Stretch::Groups { dir: None, groups }),
                Shape::Tables(dir) => {
                    for t in &dir.tables {
                        if let Some(groups) = &t.groups {
                            let dir = Some(t.first);
                            each(Stretch::Groups { dir, groups });
                        }
                    }
                }
                Shape::Empty | Shape::Nonsense => {}
            },
            Body::Unreadable => {}
        }
    }

    /// The storage of a large map in pieces that are worth a processor each; `None` for all others.
    pub fn pieces<'i>(&'i self) -> Option<Vec<Vec<Stretch<'i, 'a>>>> {
        let records = match &self.body {
            Body::Classic(c) => {
                let of = |a: &Option<BucketArray<'_>>| a.as_ref().map_or(0, |a| a.main.count);
                of(&c.new).max(of(&c.old))
            }
            Body::Swiss(s) => match &s.shape {
                Shape::Tables(dir) => (dir.tables.len() as u64).saturating_mul(TABLE),
                _ => 0,
            },
            Body::Unreadable => 0,
        };
        if records < PIECE.saturating_mul(4) {
            return None;
        }
        let mut out: Vec<Vec<Stretch<'i, 'a>>> = Vec::new();
        let mut room = 0u64;
        self.for_each_stretch(PIECE, |stretch| {
            let size = stretch.records();
            match out.last_mut().filter(|_| room > 0) {
                Some(piece) => piece.push(stretch),
                None => {
                    out.push(vec![stretch]);
                    room = PIECE;
                }
            }
            room = room.saturating_sub(size);
        });
        Some(out)
    }

    /// Calls `each` for every unit that could be read.
    pub fn for_each_unit<'i>(&'i self, mut each: impl FnMut(Unit<'i, 'a>)) {
        self.for_each_stretch(u64::MAX, |stretch| stretch.for_each_unit(&mut each));
    }

    /// Calls `each` for every live entry that could be read, once: for a growing classic map the
    /// cells of unevacuated old chains and of the new array.
    pub fn for_each_entry<'i>(&'i self, mut each: impl FnMut(EntryRef<'i>)) {
        let slots = self.slots.offsets();
        self.for_each_unit(|unit| unit.for_each_entry(self.abi, &slots, &mut each));
    }
}

impl<'i, 'a> Stretch<'i, 'a> {
    /// Calls `each` for every unit of the stretch that could be read.
    pub fn for_each_unit(&self, mut each: impl FnMut(Unit<'i, 'a>)) {
        match self {
            Stretch::Chains { old, array, range } => {
                let from = array.overflow.partition_point(|o| o.chain < range.start);
                let mut rest = array.overflow.get(from..).unwrap_or_default();
                array
                    .main
                    .records_in(range.clone())
                    .for_each(|(chain, bytes)| {
                        let mut overflow: &[OverflowBucket<'a>] = &[];
                        if !rest.is_empty() {
                            let skip = rest.iter().take_while(|o| o.chain < chain).count();
                            let (_, tail) = rest.split_at(skip.min(rest.len()));
                            let n = tail.iter().take_while(|o| o.chain == chain).count();
                            (overflow, rest) = tail.split_at(n.min(tail.len()));
                        }
                        let main = BucketRef {
                            chain,
                            position: 0,
                            addr: array.main.record_addr(chain).unwrap_or_default(),
                            bytes,
                        };
                        each(Unit::Chain {
                            old: *old,
                            main,
                            overflow,
                        });
                    });
            }
            Stretch::Groups { dir, groups } => each(Unit::Groups { dir: *dir, groups }),
        }
    }

    /// How many buckets or groups there are, at most.
    pub fn records(&self) -> u64 {
        match self {
            Stretch::Chains { range, .. } => range.end.saturating_sub(range.start),
            Stretch::Groups { groups, .. } => groups.count,
        }
    }
}

impl<'i> Unit<'i, '_> {
    /// Calls `each` for every live entry of the unit.
    pub fn for_each_entry(
        &self,
        abi: Abi,
        slots: &SlotOffsets,
        each: &mut impl FnMut(EntryRef<'i>),
    ) {
        match *self {
            Unit::Chain {
                old,
                main,
                overflow,
            } => {
                slots.live_cells(old, &main, each);
                for o in overflow {
                    slots.live_cells(old, &o.bucket(), each);
                }
            }
            Unit::Groups { dir, groups } => {
                groups.records().for_each(|(group, bytes)| {
                    let addr = groups.record_addr(group).unwrap_or_default();
                    let marks = abi.u64(bytes, 0).unwrap_or_default();
                    let place = |slot| Place::Slot { dir, group, slot };
                    slots.marked(bytes, addr, marks, !marks & TOPS, place, each);
                });
            }
        }
    }

    /// Calls `each` for the bytes of every bucket or group, with its place: chain or group, and position.
    pub fn for_each_record(&self, mut each: impl FnMut(Record<'i>)) {
        match *self {
            Unit::Chain {
                old,
                main,
                overflow,
            } => {
                let of = |b: &BucketRef<'i>| Record::Bucket {
                    old,
                    chain: b.chain,
                    position: b.position,
                    bytes: b.bytes,
                };
                each(of(&main));
                overflow.iter().for_each(|o| each(of(&o.bucket())));
            }
            Unit::Groups { dir, groups } => {
                let record = |(group, bytes)| Record::Group { dir, group, bytes };
                groups.records().map(record).for_each(each);
            }
        }
    }
}

impl OverflowBucket<'_> {
    /// As a bucket of its chain.
    pub fn bucket(&self) -> BucketRef<'_> {
        BucketRef {
            chain: self.chain,
            position: self.position,
            addr: self.addr,
            bytes: &self.bytes,
        }
    }
}

#[cfg(test)]
mod tests;
