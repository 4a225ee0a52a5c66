//! One map of the process as a neutral image: header, storage and what could not be read.
//! In: what `classic.rs` and `swiss.rs` read. Out: borrowed bytes and facts, on which the rules are
//! pure functions. Nothing in here reads memory, and nothing is allocated per entry.

mod classic;
mod hands;
mod keys;
mod place;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod slots;
mod swiss;
mod units;

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
pub use crate::base::home::Home;
pub use crate::maps::image::classic::*;
pub use crate::maps::image::hands::*;
pub use crate::maps::image::keys::*;
pub use crate::maps::image::place::*;
pub use crate::maps::image::record::*;
pub use crate::maps::image::slots::*;
pub use crate::maps::image::swiss::*;
pub use crate::maps::image::units::*;
use std::sync::Arc;

/// One map, read as far as it could be.
#[derive(Clone, Debug)]
pub struct MapImage<'a> {
    /// Address of the header (`hmap` or `maps.Map`): what a Go variable of map type holds.
    pub addr: Addr,
    /// Byte order and word size of the process.
    pub abi: Abi,
    /// How keys and elems are laid out in a bucket or group of this map's type.
    pub slots: Arc<SlotLayout>,
    /// Where the header itself lies.
    pub home: Home,
    /// Size in bytes of the header type.
    pub header_size: u64,
    /// Header fields and storage.
    pub body: Body<'a>,
    /// References in live entries that lead nowhere: facts for `MAP-STRPTR`, `MAP-IFACE`, `MAP-INDIRECT`.
    pub bad_refs: Vec<BadRef>,
    /// How many there were in all; `bad_refs` keeps only the first ones.
    pub bad_refs_total: u64,
    /// Storage that another map's header leads to as well.
    pub shared: Vec<Shared>,
    /// The hashes of its keys, if they were asked for.
    pub keys: KeyFacts,
    /// Who is at work on it.
    pub hands: Hands,
    /// Storage that the allocator has in its books as something else: facts for `MAP-HEAPTYPE`.
    pub heap_types: Vec<HeapType>,
    /// `mapextra` and its lists, where they are not what they should be: facts for `CL-EXTRA`.
    pub misplaced: Vec<Misplaced>,
    /// What could not be read.
    pub gaps: Gaps,
}

/// Header and storage by kind of map.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // one image at a time lives on the stack; a box would be one allocation per map
pub enum Body<'a> {
    /// hmap and buckets: Go up to 1.23, and `GOEXPERIMENT=noswissmap`.
    Classic(ClassicImage<'a>),
    /// Map, directory, tables and groups: Go from 1.24.
    Swiss(SwissImage<'a>),
    /// Not even the header could be read; `gaps` says why.
    Unreadable,
}

/// A live entry's place and bytes.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'b> {
    /// Where it stands.
    pub place: Place,
    /// Address of its bucket or group.
    pub record_addr: Addr,
    /// Index of its cell or slot, 0 to 7.
    pub idx: u8,
    /// The tophash or control byte.
    pub mark: u8,
    /// The key as stored (a pointer where the layout says indirect).
    pub key: &'b [u8],
    /// The elem as stored (a pointer where the layout says indirect).
    pub elem: &'b [u8],
}

impl<'a> MapImage<'a> {
    /// Whether the header says that a goroutine is writing.
    pub fn mid_write(&self) -> bool {
        match &self.body {
            Body::Classic(c) => c.hmap.flags & Hmap::HASH_WRITING != 0,
            Body::Swiss(s) => s.map.writing != 0,
            Body::Unreadable => false,
        }
    }

    /// Whether somebody changes the map: its flag says so, and not that alone if it is known who is at work; or a
    /// copy of it is made, which no flag tells.
    pub fn is_changing(&self) -> bool {
        (self.mid_write() && !self.hands.is_nobody_writing()) || self.hands.cloning
    }

    /// What `len(m)` would return; `None` when the header could not be read.
    pub fn claimed_len(&self) -> Option<i64> {
        match &self.body {
            Body::Classic(c) => Some(c.hmap.count),
            Body::Swiss(s) => Some(s.map.used.cast_signed()),
            Body::Unreadable => None,
        }
    }

    /// Calls `each` with the place and address of every piece of storage the map refers to that can be there: bucket
    /// arrays, or the small group, the directory, its tables and their groups.
    pub fn for_each_storage(&self, mut each: impl FnMut(Place, Addr)) {
        match &self.body {
            Body::Classic(c) => {
                for (field, array) in [("buckets", &c.new), ("oldbuckets", &c.old)] {
                    if let Some(a) = array.as_ref().filter(|a| a.main.is_somewhere()) {
                        each(Place::Header(field), a.main.addr);
                    }
                }
            }
            Body::Swiss(s) => match &s.shape {
                Shape::Small(g) if g.is_somewhere() => each(Place::Header("dirPtr"), g.addr),
                Shape::Tables(d) if d.home.holds(s.map.dir_ptr, 0) != Some(false) => {
                    each(Place::Header("dirPtr"), s.map.dir_ptr);
                    for t in &d.tables {
                        if t.home.holds(t.addr, 0) == Some(false) {
                            continue;
                        }
                        each(Place::Dir(t.first), t.addr);
                        if let Some(g) = t.groups.as_ref().filter(|g| g.is_somewhere()) {
                            each(
                                Place::Table {
                                    dir: t.first,
                                    field: "groups",
                                },
                                g.addr,
                            );
                        }
                    }
                }
                _ => {}
            },
            Body::Unreadable => {}
        }
    }
}
