//! Painted classic maps.
//! In: how many entries each chain holds. Out: the image of a sound map, ready to be damaged.

use super::Layout;
use super::clear_entry;
use super::image_of;
use super::object;
use super::put_entry;
use super::put_word;
use badmap::base::addr::Addr;
use badmap::maps::image::Body;
use badmap::maps::image::BucketArray;
use badmap::maps::image::ClassicImage;
use badmap::maps::image::Hmap;
use badmap::maps::image::MapExtra;
use badmap::maps::image::MapImage;
use badmap::maps::image::OverflowBucket;
use badmap::maps::image::OverflowList;
use badmap::maps::image::Run;
use badmap::maps::image::Seat;
use badmap::maps::image::Storage;
use std::borrow::Cow;

/// Where the current array of every painted map lies, the old one, and overflow buckets of their own.
pub const NEW: u64 = 0x4100_0000;
pub const OLD: u64 = 0x5000_0000;
pub const HEAP: u64 = 0x6000_0000;

/// A bucket array in the making.
#[derive(Clone)]
pub struct Array {
    layout: Layout,
    addr: u64,
    main: Vec<Vec<u8>>,
    /// Preallocated overflow buckets, and how many of them are taken.
    prealloc: Vec<Vec<u8>>,
    taken: usize,
    overflow: Vec<(u64, u32, u64, Seat, Vec<u8>)>,
    live: i64,
}

impl Array {
    /// 2^b empty buckets, with `prealloc` overflow buckets behind them.
    fn new(layout: Layout, addr: u64, b: u8, prealloc: usize) -> Array {
        let empty = vec![0u8; layout.slots.size as usize];
        let mut spare = vec![empty.clone(); prealloc];
        if let Some(last) = spare.last_mut() {
            let off = layout.slots.overflow_off.unwrap() as usize;
            put_word(layout.abi, last, off, addr); // the end mark
        }
        let main = vec![empty; 1 << b];
        Array {
            layout,
            addr,
            main,
            prealloc: spare,
            taken: 0,
            overflow: Vec::new(),
            live: 0,
        }
    }

    fn bucket(&mut self, chain: u64, position: u32) -> &mut Vec<u8> {
        if position == 0 {
            return &mut self.main[chain as usize];
        }
        let found = self
            .overflow
            .iter_mut()
            .find(|o| o.0 == chain && o.1 == position);
        &mut found.unwrap().4
    }

    /// Hangs one more overflow bucket on a chain, preallocated while there are any.
    fn extend(&mut self, chain: u64) -> u32 {
        let position = self.overflow.iter().filter(|o| o.0 == chain).count() as u32 + 1;
        let size = self.layout.slots.size;
        let (addr, seat) = if self.taken < self.prealloc.len() {
            let idx = (self.main.len() + self.taken) as u64;
            self.taken += 1;
            (self.addr + idx * size, Seat::Prealloc(idx))
        } else {
            let own = if self.addr == OLD {
                HEAP + 0x80_0000
            } else {
                HEAP
            };
            let addr = own + (chain * 64 + u64::from(position)) * 0x1000;
            (
                addr,
                Seat::Elsewhere(object(addr, size.next_multiple_of(16))),
            )
        };
        let off = self.layout.slots.overflow_off.unwrap() as usize;
        let abi = self.layout.abi;
        put_word(abi, self.bucket(chain, position - 1), off, addr);
        let bytes = vec![0u8; size as usize];
        self.overflow.push((chain, position, addr, seat, bytes));
        self.overflow.sort_by_key(|o| (o.0, o.1));
        position
    }

    /// Puts `n` entries into a chain, cell by cell.
    pub fn fill(mut self, chain: u64, n: usize) -> Array {
        for i in 0..n {
            let position = (i / 8) as u32;
            if position > 0 && i % 8 == 0 {
                assert_eq!(self.extend(chain), position);
            }
            let layout = self.layout.clone();
            let bytes = self.bucket(chain, position);
            bytes[i % 8] = 0x40 + i as u8 % 64;
            put_entry(&layout, bytes, i % 8, chain * 100 + i as u64);
            self.live += 1;
        }
        self
    }

    /// Deletes one entry that something live follows.
    pub fn delete(mut self, chain: u64, position: u32, cell: usize) -> Array {
        let layout = self.layout.clone();
        let bytes = self.bucket(chain, position);
        bytes[cell] = 1;
        clear_entry(&layout, bytes, cell);
        self.live -= 1;
        self
    }

    /// Marks a chain as evacuated, all entries to `mark`; keys and elems are cleared where the
    /// collector looks at buckets.
    pub fn evacuate(mut self, chain: u64, mark: u8) -> Array {
        let layout = self.layout.clone();
        let n = self.overflow.iter().filter(|o| o.0 == chain).count() as u32;
        for position in 0..=n {
            let bytes = self.bucket(chain, position);
            for t in &mut bytes[..8] {
                *t = if *t > 4 { mark } else { 4 };
            }
        }
        self.live -= self.main[chain as usize][..8]
            .iter()
            .filter(|t| **t == mark)
            .count() as i64;
        for o in self.overflow.iter().filter(|o| o.0 == chain) {
            self.live -= o.4[..8].iter().filter(|t| **t == mark).count() as i64;
        }
        if layout.slots.has_pointers {
            self.main[chain as usize][8..].fill(0);
            self.overflow.retain(|o| o.0 != chain);
        }
        self
    }

    fn image(&self) -> BucketArray<'static> {
        let size = self.layout.slots.size;
        let all = (self.main.len() + self.prealloc.len()) as u64;
        let home = object(self.addr, all * size);
        let storage = |addr, records: &[Vec<u8>]| Storage {
            addr: Addr(addr),
            stride: size,
            claimed: records.len() as u64,
            count: records.len() as u64,
            home,
            runs: [Run {
                first: 0,
                bytes: Cow::Owned(records.concat()),
            }]
            .into_iter()
            .collect(),
        };
        // The preallocated buckets show what the chains did to them.
        let mut spare = self.prealloc.clone();
        for o in &self.overflow {
            if let Seat::Prealloc(i) = o.3 {
                spare[i as usize - self.main.len()] = o.4.clone();
            }
        }
        BucketArray {
            main: storage(self.addr, &self.main),
            room: Some(all),
            prealloc: (self.addr == NEW)
                .then(|| storage(self.addr + self.main.len() as u64 * size, &spare)),
            overflow: self
                .overflow
                .iter()
                .map(|o| OverflowBucket {
                    chain: o.0,
                    position: o.1,
                    addr: Addr(o.2),
                    bytes: Cow::Owned(o.4.clone()),
                    seat: o.3,
                })
                .collect(),
            chain_faults: Vec::new(),
        }
    }

    fn list(&self, addr: u64) -> Option<OverflowList> {
        let wanted = !self.layout.slots.has_pointers && !self.overflow.is_empty();
        wanted.then(|| OverflowList {
            addr: Addr(addr),
            claimed: self.overflow.len() as u64,
            buckets: self.overflow.iter().map(|o| Addr(o.2)).collect(),
        })
    }
}

/// The current array of a map with this B.
pub fn buckets(layout: Layout, b: u8) -> Array {
    let prealloc = if b < 4 { 0 } else { 1 << (b - 4) };
    Array::new(layout, NEW, b, prealloc)
}

/// The old array of a growing map, with 2^b buckets.
pub fn oldbuckets(layout: Layout, b: u8) -> Array {
    let prealloc = if b < 4 { 0 } else { 1 << (b - 4) };
    Array::new(layout, OLD, b, prealloc)
}

/// The map with these arrays.
pub fn map(new: Array, old: Option<Array>) -> MapImage<'static> {
    let b = new.main.len().trailing_zeros() as u8;
    let same = old.as_ref().is_some_and(|o| o.main.len() == new.main.len());
    let nevacuate = old.as_ref().map_or(0, |o| {
        o.main
            .iter()
            .take_while(|m| (2..=4).contains(&m[0]))
            .count()
    });
    let next = match new.prealloc.len() {
        n if n > new.taken => {
            new.addr + (new.main.len() + new.taken) as u64 * new.layout.slots.size
        }
        _ => 0,
    };
    let extra = MapExtra {
        overflow: new.list(0x4002_0000),
        oldoverflow: old.as_ref().and_then(|o| o.list(0x4002_0020)),
        next_overflow: Addr(next),
    };
    let has_extra = extra.overflow.is_some() || extra.oldoverflow.is_some() || next != 0;
    let hmap = Hmap {
        count: new.live + old.as_ref().map_or(0, |o| o.live),
        flags: if same { 8 } else { 0 },
        b,
        noverflow: new.overflow.len() as u16,
        hash0: 0x1234_5678,
        buckets: Addr(new.addr),
        oldbuckets: Addr(old.as_ref().map_or(0, |o| o.addr)),
        nevacuate: nevacuate as u64,
        extra: Addr(if has_extra { 0x4003_0000 } else { 0 }),
        clear_seq: None,
    };
    let body = ClassicImage {
        hmap,
        new: Some(new.image()),
        old: old.as_ref().map(Array::image),
        extra: has_extra.then_some(extra),
    };
    image_of(&new.layout, Body::Classic(body))
}

/// A map that holds nothing and never did.
pub fn empty(layout: &Layout) -> MapImage<'static> {
    let body = ClassicImage {
        hmap: Hmap::default(),
        new: None,
        old: None,
        extra: None,
    };
    image_of(layout, Body::Classic(body))
}

/// The classic part of an image, to damage it.
pub fn body<'m>(image: &'m mut MapImage<'static>) -> &'m mut ClassicImage<'static> {
    match &mut image.body {
        Body::Classic(c) => c,
        _ => panic!("not a classic map"),
    }
}

/// A byte of a main bucket.
pub fn byte<'m>(array: &'m mut BucketArray<'static>, chain: usize, off: usize) -> &'m mut u8 {
    let at = chain * array.main.stride as usize + off;
    &mut array.main.runs[0].bytes.to_mut()[at]
}
