//! The keys of a map by whether their hash fits their mark: a sum that all rules on hashes go by.
//! In: an image with hashes. Out: how many fit, and whether misfits are to be blamed on the keys, on the seed
//! or on badmap.

use crate::base::bytes::Abi;
use crate::base::limits::MAX_TABLE_CAPACITY;
use crate::check::fit::have_marks;
use crate::check::fit::is_reached;
use crate::check::trust::dir_log;
use crate::check::trust::is_sound_place;
use crate::hash::place;
use crate::hash::run::KeyHash;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::HashState;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Record;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::ctrl;
use crate::maps::image::equal_tops;
use crate::maps::image::slots_of;

/// Whom misfits are blamed on.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Judged {
    /// Nobody asked for hashes.
    #[default]
    NotAsked,
    /// It cannot be said.
    Unknown,
    /// No key fits, though the hash is right: the seed.
    Seed,
    /// Each key on its own.
    Keys,
}

/// The keys of a map.
#[derive(Clone, Default, Debug)]
pub struct KeyCensus {
    /// Keys with a hash.
    pub known: u64,
    /// Those of them that do not hash to their mark.
    pub wrong: u64,
    /// Whom that is blamed on.
    pub judged: Judged,
    /// Every entry was read, and none lacks a hash for want of bytes.
    pub complete: bool,
    /// Groups whose control word is zero, and in which keys do not fit: (first directory index, group), ascending as
    /// the walk meets them.
    pub zero_words: Vec<(Option<u64>, u64)>,
    /// Tables of which no key fits, though others of the map do: first directory index, ascending, and how many keys.
    pub foreign: Vec<(u64, u64)>,
    /// Some key that fits may stand in another chain or table than its hash leads to.
    pub astray: bool,
    /// Some key that fits may stand where a lookup in its table does not come.
    pub unreachable: bool,
}

/// Of so many keys of a foreign table one may fit, and it is foreign all the same.
const FOREIGN_LUCK: u64 = 16;

/// Keys of a map that speak for a hash that nothing else has proven.
const ENOUGH: u64 = 8;

impl KeyCensus {
    /// Counts. `all`: every array can be believed, and was read.
    pub fn of(image: &MapImage<'_>, all: bool) -> KeyCensus {
        let mut out = KeyCensus::default();
        if image.keys.state == HashState::NotAsked {
            return out;
        }
        out.complete = all;
        let mut count = Count {
            zero: ZeroWords::default(),
            tables: ForeignTables::default(),
            ways: Ways::of(image),
            classic: matches!(image.body, Body::Classic(_)),
            out: &mut out,
        };
        if !image.for_each_hashed_record(|record, hashes| count.add_record(image, &record, hashes))
        {
            image.for_each_key(|e, hash| match hash {
                KeyHash::Known(hash) => count.add(image, e.place, e.mark, hash),
                KeyHash::Nan => {}
                KeyHash::Unhashable { .. } | KeyHash::Fault(_) => count.out.complete = false,
            });
        }
        let Count {
            zero, tables, ways, ..
        } = count;
        out.astray = ways.astray;
        out.unreachable = ways.unreachable;
        out.zero_words = zero.end();
        out.zero_words.retain(|(dir, group)| {
            is_sound_place(
                image,
                Place::Slot {
                    dir: *dir,
                    group: *group,
                    slot: 0,
                },
            )
        });
        // One that is in doubt, or has a group that is named already, is not named for its keys as well.
        out.foreign = tables.end();
        out.foreign.retain(|(first, _)| {
            let at = out
                .zero_words
                .partition_point(|(dir, _)| *dir < Some(*first));
            let named = out
                .zero_words
                .get(at)
                .is_some_and(|(dir, _)| *dir == Some(*first));
            let slot = Place::Slot {
                dir: Some(*first),
                group: 0,
                slot: 0,
            };
            !named && is_sound_place(image, slot)
        });
        let none_fits = (out.known >= 2 && out.wrong == out.known)
            || (out.known >= ENOUGH.saturating_mul(2)
                && out.wrong >= out.known.saturating_sub(out.known / 8));
        out.judged = match image.keys.state {
            // Where the storage itself is in doubt, so is whatever was taken for keys in it.
            HashState::Proven if none_fits && !all => Judged::Unknown,
            HashState::Proven if none_fits && out.zero_words.is_empty() => Judged::Seed,
            HashState::Proven => Judged::Keys,
            HashState::Doubtful if out.wrong == 0 => Judged::Keys,
            HashState::Doubtful if out.known >= ENOUGH && out.wrong <= out.known / ENOUGH => {
                Judged::Keys
            }
            _ => Judged::Unknown,
        };
        if out.judged != Judged::Keys {
            out.foreign.clear();
        }
        out
    }

    /// Whether the entry belongs to a table that is named as a whole.
    pub fn is_foreign(&self, place: Place) -> bool {
        matches!(place, Place::Slot { dir: Some(first), .. }
            if self.foreign.binary_search_by_key(&first, |(f, _)| *f).is_ok())
    }

    /// Whether the slot belongs to a group that `SW-CTRLZERO` names as a whole.
    pub fn is_zero_word(&self, place: Place) -> bool {
        matches!(place, Place::Slot { dir, group, .. } if self.zero_words.binary_search(&(dir, group)).is_ok())
    }
}

/// The census while it is taken.
struct Count<'c, 'i, 'a> {
    zero: ZeroWords,
    tables: ForeignTables,
    ways: Ways<'i, 'a>,
    classic: bool,
    out: &'c mut KeyCensus,
}

impl Count<'_, '_, '_> {
    /// Counts one key.
    fn add(&mut self, image: &MapImage<'_>, place: Place, mark: u8, hash: u64) {
        self.out.known = self.out.known.saturating_add(1);
        let fits = image.mark_of(hash) == mark;
        self.out.wrong = self.out.wrong.saturating_add(u64::from(!fits));
        if !self.classic {
            self.zero.add(place, mark, fits);
            self.tables.add(place, 1, fits);
        }
        if fits {
            self.ways.add(image, place, hash);
        }
    }

    /// Counts the keys of a bucket or group by one comparison of all their marks: nearly always all fit.
    fn add_record(&mut self, image: &MapImage<'_>, record: &Record<'_>, hashes: &[u64]) {
        let (marks, live) = record.marks(image.abi);
        if !have_marks(image.abi, record, hashes) {
            for (slot, hash) in slots_of(live).zip(hashes) {
                let [mark, ..] = marks
                    .wrapping_shr(u32::from(slot).wrapping_mul(8))
                    .to_le_bytes();
                self.add(image, record.place(slot), mark, *hash);
            }
            return;
        }
        let keys = hashes.len() as u64;
        self.out.known = self.out.known.saturating_add(keys);
        match *record {
            // Nothing leads to the one group of a small map but its header.
            Record::Group { dir: None, .. } => return,
            Record::Group { .. } if keys > 0 => self.tables.add(record.place(0), keys, true),
            _ => {}
        }
        for hash in hashes {
            self.ways.add(image, record.place(0), *hash);
        }
    }
}

/// Sees whether any key stands elsewhere than where its hash leads. The rules on that look closer: at what can be
/// believed of the storage, and at each key.
struct Ways<'i, 'a> {
    /// The table at hand: first directory index, number, groups, `lengthMask`.
    table: Option<(u64, usize, &'i Storage<'a>, u64)>,
    astray: bool,
    unreachable: bool,
    /// log2 of the directory's length.
    depth: u64,
    new: u64,
    old: u64,
    dir: Option<&'i Directory<'a>>,
}

impl<'i, 'a> Ways<'i, 'a> {
    fn of(image: &'i MapImage<'a>) -> Ways<'i, 'a> {
        let mut out = Ways {
            table: None,
            astray: false,
            unreachable: false,
            depth: 0,
            new: 0,
            old: 0,
            dir: None,
        };
        match &image.body {
            Body::Classic(c) => {
                let claimed = |array: &Option<BucketArray<'_>>| {
                    array.as_ref().map_or(0, |array| array.main.claimed)
                };
                (out.new, out.old) = (claimed(&c.new), claimed(&c.old));
            }
            Body::Swiss(s) => {
                if let Shape::Tables(dir) = &s.shape {
                    out.dir = Some(dir);
                    out.depth = dir_log(&s.map).unwrap_or_default();
                }
            }
            Body::Unreadable => {}
        }
        out
    }

    fn add(&mut self, image: &MapImage<'_>, place: Place, hash: u64) {
        match place {
            Place::Cell { old, chain, .. } => {
                let buckets = if old { self.old } else { self.new };
                self.astray |= place::bucket(hash, buckets) != chain;
            }
            Place::Slot {
                dir: Some(first),
                group,
                ..
            } => self.add_slot(image, first, group, hash),
            _ => {}
        }
    }

    fn add_slot(&mut self, image: &MapImage<'_>, first: u64, group: u64, hash: u64) {
        let Some(dir) = self.dir else { return };
        if self.table.is_none_or(|(at, ..)| at != first) {
            self.table = dir.table_of(first).and_then(|number| {
                let table = dir.tables.get(number)?;
                let mask = table.header.as_ref()?.length_mask;
                Some((first, number, table.groups.as_ref()?, mask))
            });
        }
        let Some((_, number, groups, mask)) = self.table else {
            self.astray = true;
            self.unreachable = true;
            return;
        };
        let index = place::directory_index(image.abi, hash, self.depth);
        let entry = usize::try_from(index).ok().and_then(|i| dir.entries.get(i));
        self.astray |=
            !matches!(entry, Some(DirEntry::Table(t)) if usize::try_from(*t) == Ok(number));
        // A mask that no table has is for the rule to judge, not to be followed.
        let is_sane = || mask <= u64::from(MAX_TABLE_CAPACITY);
        let ends = |g| stops(image.abi, groups, g);
        self.unreachable |= place::h1(hash) & mask != group
            && !self.unreachable
            && !(is_sane() && is_reached(hash, mask, group, ends));
    }
}

/// Whether a lookup that comes to the group ends there: it has an empty slot.
pub fn stops(abi: Abi, groups: &Storage<'_>, group: u64) -> bool {
    let word = groups.record(group).and_then(|bytes| abi.u64(bytes, 0));
    word.is_some_and(|word| equal_tops(word, ctrl::EMPTY) != 0)
}

/// Finds groups of eight full slots with control byte 0 of which most keys do not fit.
#[derive(Default)]
struct ZeroWords {
    at: Option<(Option<u64>, u64)>,
    zeros: u32,
    misfits: u32,
    found: Vec<(Option<u64>, u64)>,
}

impl ZeroWords {
    fn add(&mut self, place: Place, mark: u8, fits: bool) {
        let Place::Slot { dir, group, .. } = place else {
            return;
        };
        if self.at != Some((dir, group)) {
            self.close();
            self.at = Some((dir, group));
        }
        self.zeros = self.zeros.saturating_add(u32::from(mark == 0));
        self.misfits = self.misfits.saturating_add(u32::from(mark == 0 && !fits));
    }

    fn close(&mut self) {
        if let Some(at) = self.at
            && self.zeros == 8
            && self.misfits > 1
        {
            self.found.push(at);
        }
        self.zeros = 0;
        self.misfits = 0;
    }

    fn end(mut self) -> Vec<(Option<u64>, u64)> {
        self.close();
        self.found
    }
}

/// Finds tables of which no key fits.
#[derive(Default)]
struct ForeignTables {
    at: Option<u64>,
    keys: u64,
    fitting: u64,
    found: Vec<(u64, u64)>,
}

impl ForeignTables {
    fn add(&mut self, place: Place, keys: u64, fit: bool) {
        let Place::Slot {
            dir: Some(first), ..
        } = place
        else {
            return;
        };
        if self.at != Some(first) {
            self.close();
            self.at = Some(first);
        }
        self.keys = self.keys.saturating_add(keys);
        self.fitting = self.fitting.saturating_add(if fit { keys } else { 0 });
    }

    fn close(&mut self) {
        // By luck one key in 128 fits.
        if let Some(first) = self.at
            && self.keys >= ENOUGH
            && self.fitting <= self.keys / FOREIGN_LUCK
        {
            self.found.push((first, self.keys));
        }
        self.keys = 0;
        self.fitting = 0;
    }

    fn end(mut self) -> Vec<(u64, u64)> {
        self.close();
        self.found
    }
}
