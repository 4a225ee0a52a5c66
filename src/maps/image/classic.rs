//! A classic map's header, buckets, chains and extra, as read.
//! In: what `maps/classic.rs` read. Out: borrowed bytes, chain by chain, with what is wrong with their links.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::maps::image::slots::Storage;
use std::borrow::Cow;

/// The header of a classic map. Source: `runtime/map.go`, `hmap`, up to go1.23
/// (`map_noswiss.go` in go1.24 and go1.25).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hmap {
    /// Live entries, `len(m)`.
    pub count: i64,
    /// 1 iterator, 2 oldIterator, 4 hashWriting, 8 sameSizeGrow.
    pub flags: u8,
    /// log2 of the number of main buckets.
    pub b: u8,
    /// Overflow buckets hung on the new array since the last grow or clear; an estimate from B = 16.
    pub noverflow: u16,
    /// Hash seed.
    pub hash0: u32,
    /// Array of 2^B buckets.
    pub buckets: Addr,
    /// The previous array; not nil exactly while the map grows.
    pub oldbuckets: Addr,
    /// Old buckets below this index are evacuated.
    pub nevacuate: u64,
    /// Optional `mapextra`.
    pub extra: Addr,
    /// Number of clears; only in noswissmap builds.
    pub clear_seq: Option<u64>,
}

impl Hmap {
    /// There may be an iterator using `buckets`.
    pub const ITERATOR: u8 = 1;
    /// There may be an iterator using `oldbuckets`.
    pub const OLD_ITERATOR: u8 = 2;
    /// A goroutine is writing to the map.
    pub const HASH_WRITING: u8 = 4;
    /// The current grow is to an array of the same size.
    pub const SAME_SIZE_GROW: u8 = 8;

    /// Whether the map is in the middle of a grow.
    pub fn growing(&self) -> bool {
        !self.oldbuckets.is_nil()
    }

    /// Number of main buckets, 2^B; `None` when B is absurd.
    pub fn main_buckets(&self) -> Option<u64> {
        1u64.checked_shl(u32::from(self.b))
    }

    /// Number of old buckets of the grow in progress; `None` when B is absurd.
    pub fn old_buckets(&self) -> Option<u64> {
        if self.flags & Self::SAME_SIZE_GROW != 0 {
            self.main_buckets()
        } else {
            1u64.checked_shl(u32::from(self.b).checked_sub(1)?)
        }
    }
}

/// Smallest B with preallocated overflow buckets. Source: `runtime/map.go`, `makeBucketArray`, up to go1.23.
pub const MIN_B_PREALLOC: u8 = 4;

/// Values of a tophash byte. Source: `runtime/map.go`, up to go1.23.
pub mod tophash {
    /// Empty, and so is everything behind it in the chain.
    pub const EMPTY_REST: u8 = 0;
    /// Empty (deleted); something live follows later in the chain.
    pub const EMPTY_ONE: u8 = 1;
    /// Moved to the new bucket of the same index.
    pub const EVACUATED_X: u8 = 2;
    /// Moved to the new bucket of index + old bucket count.
    pub const EVACUATED_Y: u8 = 3;
    /// Was empty when its bucket was evacuated.
    pub const EVACUATED_EMPTY: u8 = 4;
    /// Smallest tophash of a live cell.
    pub const MIN: u8 = 5;

    /// Whether a cell with this tophash holds an entry.
    pub fn is_live(t: u8) -> bool {
        t >= MIN
    }

    /// Whether this tophash says that the cell was evacuated.
    pub fn is_evacuated(t: u8) -> bool {
        (EVACUATED_X..=EVACUATED_EMPTY).contains(&t)
    }
}

/// A classic map's storage.
#[derive(Clone, Debug)]
pub struct ClassicImage<'a> {
    /// The header.
    pub hmap: Hmap,
    /// `buckets`; `None` when nil, or when B is too large to read it.
    pub new: Option<BucketArray<'a>>,
    /// `oldbuckets`; `None` when nil, or when B is too large to read it.
    pub old: Option<BucketArray<'a>>,
    /// `extra`, if there is one and it could be read.
    pub extra: Option<MapExtra>,
}

/// `buckets` or `oldbuckets` with the overflow buckets of its chains.
#[derive(Clone, Debug)]
pub struct BucketArray<'a> {
    /// The main buckets. `claimed` is 2^B, or the number of old buckets.
    pub main: Storage<'a>,
    /// How many buckets fit the array's object, preallocated overflow buckets included; `None`
    /// where the books do not tell.
    pub room: Option<u64>,
    /// The preallocated overflow buckets behind the main ones (index 0 is bucket 2^B); empty for
    /// `oldbuckets`, where nothing is known of them.
    pub prealloc: Option<Storage<'a>>,
    /// Overflow buckets in use, by chain, then by position in the chain.
    pub overflow: Vec<OverflowBucket<'a>>,
    /// Overflow pointers that lead nowhere good; the chain was left there.
    pub chain_faults: Vec<ChainFault>,
}

/// An overflow bucket of a chain.
#[derive(Clone, Debug)]
pub struct OverflowBucket<'a> {
    /// Index of the main bucket whose chain this is.
    pub chain: u64,
    /// 1 for the first overflow bucket of the chain.
    pub position: u32,
    /// Its address.
    pub addr: Addr,
    /// Its bytes.
    pub bytes: Cow<'a, [u8]>,
    /// Where it lies.
    pub seat: Seat,
}

/// Where an overflow bucket was taken from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seat {
    /// A preallocated bucket of the array itself: its index in the array, at least 2^B.
    Prealloc(u64),
    /// Anywhere else.
    Elsewhere(Home),
}

/// An overflow pointer that cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainFault {
    /// Index of the main bucket whose chain this is.
    pub chain: u64,
    /// Position in the chain of the bucket that holds the pointer (0: the main bucket).
    pub position: u32,
    /// Address of the bucket that holds the pointer.
    pub from: Addr,
    /// Where it points.
    pub to: Addr,
    /// What is wrong with it.
    pub what: ChainFaultKind,
}

/// What is wrong with an overflow pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainFaultKind {
    /// It leads back into its own chain.
    Cycle,
    /// It leads to a bucket that belongs to another chain already.
    Shared {
        /// The other chain.
        chain: u64,
    },
    /// It leads to a main bucket, or between two buckets, of an array of this map.
    IntoArray,
    /// It leads into memory that the process does not have, or that no object occupies.
    Nowhere(Home),
    /// The bytes are not in the core: nothing is known.
    Unreadable(Fault),
    /// The chain is longer than badmap follows.
    TooLong,
}

/// One bucket of a chain, main or overflow.
#[derive(Clone, Copy, Debug)]
pub struct BucketRef<'b> {
    /// Index of the chain's main bucket.
    pub chain: u64,
    /// 0 for the main bucket.
    pub position: u32,
    /// Its address.
    pub addr: Addr,
    /// Its bytes.
    pub bytes: &'b [u8],
}

impl BucketRef<'_> {
    /// The tophash bytes, cell 0 first.
    pub fn tophash(&self) -> [u8; 8] {
        self.bytes.first_chunk::<8>().copied().unwrap_or_default()
    }
}

impl<'a> BucketArray<'a> {
    /// Every bucket that could be read, chain by chain, main bucket first. A main bucket that could
    /// not be read leaves out its whole chain.
    pub fn buckets(&self) -> impl Iterator<Item = BucketRef<'_>> {
        let mut rest = self.overflow.as_slice();
        self.main.records().flat_map(move |(chain, bytes)| {
            let skip = rest.partition_point(|o| o.chain < chain);
            let (_, tail) = rest.split_at(skip.min(rest.len()));
            let n = if tail.first().is_some_and(|o| o.chain == chain) {
                tail.partition_point(|o| o.chain == chain)
            } else {
                0
            };
            let (mine, later) = tail.split_at(n.min(tail.len()));
            rest = later;
            let addr = self.main.record_addr(chain).unwrap_or_default();
            std::iter::once(BucketRef {
                chain,
                position: 0,
                addr,
                bytes,
            })
            .chain(mine.iter().map(move |o| BucketRef {
                chain,
                position: o.position,
                addr: o.addr,
                bytes: &o.bytes,
            }))
        })
    }

    /// The overflow buckets of one chain, in order.
    pub fn chain_overflow(&self, chain: u64) -> &[OverflowBucket<'a>] {
        let from = self.overflow.partition_point(|o| o.chain < chain);
        let to = self.overflow.partition_point(|o| o.chain <= chain);
        self.overflow.get(from..to).unwrap_or_default()
    }

    /// Whether every main bucket and every chain could be read to its end.
    pub fn is_complete(&self) -> bool {
        self.main.is_complete()
            && self.main.count == self.main.claimed
            && self.chain_faults.is_empty()
    }

    /// Whether old bucket `chain` is evacuated, as the runtime decides it: by the first tophash of
    /// the main bucket. `None` when it could not be read. Source: `runtime/map.go`, `evacuated`.
    pub fn evacuated(&self, chain: u64) -> Option<bool> {
        self.main
            .record(chain)?
            .first()
            .map(|t| tophash::is_evacuated(*t))
    }
}

/// `mapextra` of a classic map. Source: `runtime/map.go`, `mapextra`, up to go1.23.
#[derive(Clone, Debug)]
pub struct MapExtra {
    /// `overflow`; `None` when nil.
    pub overflow: Option<OverflowList>,
    /// `oldoverflow`; `None` when nil.
    pub oldoverflow: Option<OverflowList>,
    /// The next unused preallocated overflow bucket, or nil.
    pub next_overflow: Addr,
}

/// A `*[]*bmap` of `mapextra`: what keeps pointer-free overflow buckets alive.
#[derive(Clone, Debug)]
pub struct OverflowList {
    /// Address of the slice header.
    pub addr: Addr,
    /// The slice's `len`.
    pub claimed: u64,
    /// Its elements; fewer than `claimed` when they could not all be read.
    pub buckets: Vec<Addr>,
}

impl OverflowList {
    /// Whether all elements could be read.
    pub fn is_complete(&self) -> bool {
        self.buckets.len() as u64 == self.claimed
    }
}
