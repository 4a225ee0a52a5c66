//! Which parts of an image can be believed, so that one damaged field is named once, by its own rule.
//! In: an image. Out: its storage, or the word that a more basic rule already speaks of it.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::limits::MAX_B;
use crate::base::limits::MAX_TABLE_CAPACITY;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::Directory;
use crate::maps::image::Hmap;
use crate::maps::image::Home;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::image::TableHeader;
use crate::maps::image::TableImage;
use std::fmt;

/// A part of a map, as far as the basic rules vouch for it.
#[derive(Clone, Copy, Debug)]
pub enum Part<T> {
    /// There is none, and none is needed.
    Absent,
    /// A basic rule (its address, its size) is broken or cannot be decided: what is read there says
    /// nothing about the map.
    Doubtful,
    /// It is where it should be and as large as it should be.
    Sound(T),
}

impl<T> Part<T> {
    /// The part, unless it is absent or in doubt.
    pub fn sound(self) -> Option<T> {
        match self {
            Part::Sound(part) => Some(part),
            Part::Absent | Part::Doubtful => None,
        }
    }

    /// Whether a basic rule is broken.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Part::Doubtful)
    }
}

/// Says in words where `addr` lies.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// The address.
    pub addr: Addr,
    /// Where it lies by the allocator's books.
    pub home: Home,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.home {
            Home::Object {
                start,
                size,
                allocated: false,
            } => write!(f, "in a free slot of {size} bytes at {start}"),
            Home::Object { start, size, .. } if start == self.addr => {
                write!(f, "an object of {size} bytes")
            }
            Home::Object { start, size, .. } => match self.addr.offset_from(start) {
                Some(off) => write!(f, "{off} bytes into an object of {size} bytes at {start}"),
                None => write!(f, "in front of the object at {start}"),
            },
            Home::Stack => f.write_str("on a stack"),
            Home::Module => f.write_str("in the binary's own data"),
            Home::FreeSpan => f.write_str("in a part of the heap that is not in use"),
            Home::Foreign => f.write_str("in memory that is not Go's"),
            Home::Unmapped if self.addr.is_nil() => f.write_str("nil"),
            Home::Unmapped => f.write_str("not mapped in the process"),
            Home::Unknown => f.write_str("in an unknown place"),
        }
    }
}

/// Whether `addr` is the first byte of an allocated object, for things that only the runtime itself
/// allocates, which therefore are never on a stack or in the binary. `None` when it is not known.
pub fn is_heap_start(home: Home, addr: Addr) -> Option<bool> {
    match home {
        Home::Stack | Home::Module => Some(false),
        _ => home.holds(addr, 0),
    }
}

/// Whether the header itself is misplaced, so that none of its fields can be believed.
pub fn header_is_misplaced(image: &MapImage<'_>) -> bool {
    image.home.holds(image.addr, image.header_size) == Some(false)
}

/// How many buckets an array has room for, where that is known. On a stack there is only ever the one
/// bucket that the compiler put there. Source: `cmd/compile/internal/walk/builtin.go`, `walkMakeMap`.
pub fn known_room(array: &BucketArray<'_>) -> Option<u64> {
    match array.main.home {
        Home::Stack => Some(1),
        Home::Object { .. } => array.room.or_else(|| {
            array
                .main
                .home
                .room_at(array.main.addr)?
                .checked_div(array.main.stride)
        }),
        _ => None,
    }
}

/// The room of an array that can hold fewer buckets than the header claims, or more than twice as
/// many: no rounding of the allocator explains that.
pub fn misfit(array: &BucketArray<'_>) -> Option<u64> {
    let claimed = array.main.claimed;
    known_room(array).filter(|room| *room < claimed || *room > claimed.saturating_mul(2))
}

/// Whether a writer may be about to store an array of twice the size: `B` counts its buckets already, and those
/// of the one that `buckets` still leads to are half as many. Source: `runtime/map.go`, `hashGrow`, up to go1.23.
pub fn is_about_to_grow(c: &ClassicImage<'_>) -> bool {
    let Some(array) = c.new.as_ref() else {
        return false;
    };
    let claimed = array.main.claimed;
    known_room(array).is_some_and(|room| room < claimed && room >= claimed / 2)
}

fn array_part<'i, 'a>(
    pointer: Addr,
    array: Option<&'i BucketArray<'a>>,
) -> Part<&'i BucketArray<'a>> {
    match array {
        _ if pointer.is_nil() => Part::Absent,
        Some(a) if a.main.home.holds(a.main.addr, 0) != Some(false) && misfit(a).is_none() => {
            Part::Sound(a)
        }
        _ => Part::Doubtful,
    }
}

/// Whether nil `buckets` are innocent: nothing was inserted yet, or `makemap` is about to allocate them
/// and has set nothing but `B` and the seed.
pub fn may_lack_buckets(h: &Hmap) -> bool {
    let untouched =
        h.count == 0 && h.flags == 0 && h.noverflow == 0 && h.nevacuate == 0 && h.extra.is_nil();
    !h.growing() && (h.b == 0 || untouched)
}

/// `buckets`, if `CL-B` and `CL-BUCKETS` have nothing against it.
pub fn new_buckets<'i, 'a>(c: &'i ClassicImage<'a>) -> Part<&'i BucketArray<'a>> {
    if c.hmap.b > MAX_B || (c.hmap.buckets.is_nil() && !may_lack_buckets(&c.hmap)) {
        return Part::Doubtful;
    }
    array_part(c.hmap.buckets, c.new.as_ref())
}

/// `oldbuckets`, if `CL-B`, `CL-BUCKETS` and `CL-OLDSIZE` have nothing against it.
pub fn old_buckets<'i, 'a>(c: &'i ClassicImage<'a>) -> Part<&'i BucketArray<'a>> {
    if !c.hmap.growing() {
        return Part::Absent;
    }
    if c.hmap.old_buckets().is_none() || new_buckets(c).is_doubtful() {
        return Part::Doubtful;
    }
    array_part(c.hmap.oldbuckets, c.old.as_ref())
}

/// Bits in a word of the process.
pub fn word_bits(abi: Abi) -> u64 {
    abi.word().saturating_mul(8)
}

/// log2 of `dirLen`, when it is a power of two.
pub fn dir_log(map: &SwissMap) -> Option<u64> {
    let len = u64::try_from(map.dir_len).ok()?;
    len.is_power_of_two()
        .then(|| u64::from(len.trailing_zeros()))
}

/// The depth of the directory by the majority of `dirLen`, `globalDepth` and `globalShift`; `None`
/// when `dirLen` is not part of a majority, so that the directory cannot be read with it.
pub fn dir_depth(abi: Abi, map: &SwissMap) -> Option<u64> {
    let log = dir_log(map)?;
    (log == u64::from(map.global_depth) || Some(log) == shift_depth(abi, map)).then_some(log)
}

/// The depth that `globalShift` stands for.
pub fn shift_depth(abi: Abi, map: &SwissMap) -> Option<u64> {
    word_bits(abi).checked_sub(u64::from(map.global_shift))
}

/// The depth fields are those of a map with a directory. While there is none, that is so only inside
/// `NewMap`, which fills them in before it makes the directory.
pub fn has_table_depth(abi: Abi, map: &SwissMap) -> bool {
    map.global_shift != 0 && shift_depth(abi, map) == Some(u64::from(map.global_depth))
}

/// The group of a small map, if `SW-DIRLEN` and `SW-SMALL` have nothing against it.
pub fn small_group<'i, 'a>(
    image: &'i MapImage<'a>,
    s: &'i SwissImage<'a>,
) -> Part<&'i Storage<'a>> {
    match &s.shape {
        Shape::Small(_) if has_table_depth(image.abi, &s.map) => Part::Doubtful,
        Shape::Small(g) if g.home.holds(g.addr, image.slots.size) == Some(false) => Part::Doubtful,
        Shape::Small(g) => Part::Sound(g),
        Shape::Empty | Shape::Tables(_) => Part::Absent,
        Shape::Nonsense => Part::Doubtful,
    }
}

/// The directory and its depth, if `SW-DIRLEN` and `SW-DIROBJ` have nothing against it.
pub fn directory<'i, 'a>(
    image: &'i MapImage<'a>,
    s: &'i SwissImage<'a>,
) -> Part<(&'i Directory<'a>, u64)> {
    let Shape::Tables(dir) = &s.shape else {
        let missing = matches!(s.shape, Shape::Nonsense)
            || (matches!(s.shape, Shape::Empty) && s.map.dir_len != 0);
        return if missing {
            Part::Doubtful
        } else {
            Part::Absent
        };
    };
    let size = dir.claimed.saturating_mul(image.abi.word());
    match dir_depth(image.abi, &s.map) {
        Some(depth) if dir.home.holds(s.map.dir_ptr, size) != Some(false) => {
            Part::Sound((dir, depth))
        }
        _ => Part::Doubtful,
    }
}

/// What is wrong with the capacity of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CapFault {
    /// `capacity` is not a power of two from 8 to 1024.
    Capacity,
    /// `capacity` is one, but `lengthMask` says another number of groups.
    Disagree,
    /// `lengthMask` is not one less than a power of two.
    Mask,
    /// The group array has room for only so many groups.
    Room(u64),
}

/// The first thing that is wrong with a table's capacity, if anything is.
pub fn cap_fault(t: &TableImage<'_>, header: &TableHeader, group_size: u64) -> Option<CapFault> {
    let capacity = u64::from(header.capacity);
    if !capacity.is_power_of_two() || !(SLOTS..=u64::from(MAX_TABLE_CAPACITY)).contains(&capacity) {
        return Some(CapFault::Capacity);
    }
    let groups = header.length_mask.checked_add(1);
    if groups.and_then(|n| n.checked_mul(SLOTS)) != Some(capacity) {
        let sane = groups
            .is_some_and(|n| n.is_power_of_two() && n <= u64::from(MAX_TABLE_CAPACITY) / SLOTS);
        return Some(if sane {
            CapFault::Disagree
        } else {
            CapFault::Mask
        });
    }
    let home = t.groups.as_ref()?.home;
    home.holds(header.groups_data, 0).filter(|starts| *starts)?; // else SW-DIROBJ speaks
    let room = home.room_at(header.groups_data)?.checked_div(group_size)?;
    (room < capacity / SLOTS).then_some(CapFault::Room(room))
}

/// The header and groups of a table, if `SW-DIROBJ` and `SW-CAP` have nothing against them.
pub fn sound_table<'i, 'a>(
    image: &MapImage<'_>,
    t: &'i TableImage<'a>,
) -> Option<(&'i TableHeader, &'i Storage<'a>)> {
    let (header, groups) = (t.header.as_ref()?, t.groups.as_ref()?);
    let misplaced = is_heap_start(t.home, t.addr) == Some(false)
        || is_heap_start(groups.home, header.groups_data) == Some(false)
        || cap_fault(t, header, image.slots.size).is_some();
    (!misplaced).then_some((header, groups))
}

/// Whether what was read at `place` counts as part of the map.
pub fn is_sound_place(image: &MapImage<'_>, place: Place) -> bool {
    match (&image.body, place) {
        (Body::Classic(c), Place::Cell { old, .. } | Place::Bucket { old, .. }) => {
            let part = if old { old_buckets(c) } else { new_buckets(c) };
            part.sound().is_some()
        }
        (Body::Swiss(s), Place::Slot { dir: None, .. }) => small_group(image, s).sound().is_some(),
        (
            Body::Swiss(s),
            Place::Slot {
                dir: Some(first), ..
            },
        ) => directory(image, s)
            .sound()
            .and_then(|(dir, _)| dir.tables.get(dir.table_of(first)?))
            .is_some_and(|t| sound_table(image, t).is_some()),
        _ => true,
    }
}

/// One array of buckets or groups.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'i, 'a> {
    /// `buckets` or `oldbuckets` with their chains.
    Buckets {
        /// It is `oldbuckets`.
        old: bool,
        /// The array.
        array: &'i BucketArray<'a>,
    },
    /// The groups of a table, or of a small map.
    Groups {
        /// First directory index of the table; `None` for a small map.
        dir: Option<u64>,
        /// The groups.
        groups: &'i Storage<'a>,
    },
}

/// Calls `each` for every array that can be believed. Returns whether those are all the map has, and
/// all of their bytes were read.
pub fn each_storage<'i, 'a>(image: &'i MapImage<'a>, mut each: impl FnMut(Stored<'i, 'a>)) -> bool {
    let mut all = true;
    match &image.body {
        Body::Unreadable => return false,
        Body::Classic(c) => {
            for (old, part) in [(true, old_buckets(c)), (false, new_buckets(c))] {
                all &= !part.is_doubtful();
                if let Part::Sound(array) = part {
                    all &= array.is_complete();
                    each(Stored::Buckets { old, array });
                }
            }
        }
        Body::Swiss(s) => {
            match small_group(image, s) {
                Part::Absent => {}
                Part::Doubtful => all = false,
                Part::Sound(groups) => {
                    all &= is_read(groups);
                    each(Stored::Groups { dir: None, groups });
                }
            }
            match directory(image, s) {
                Part::Absent => {}
                Part::Doubtful => all = false,
                Part::Sound((dir, _)) => {
                    all &= dir.is_complete();
                    for t in &dir.tables {
                        let Some((_, groups)) = sound_table(image, t) else {
                            all = false;
                            continue;
                        };
                        all &= is_read(groups);
                        each(Stored::Groups {
                            dir: Some(t.first),
                            groups,
                        });
                    }
                }
            }
        }
    }
    all
}

/// Whether all records that the header claims were read.
pub fn is_read(storage: &Storage<'_>) -> bool {
    storage.is_complete() && storage.count == storage.claimed
}
