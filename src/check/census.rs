//! The keys of a map by whether their hash fits their mark: a sum that all rules on hashes go by.
//! In: an image with hashes. Out: how many fit, and whether misfits are to be blamed on the keys, on the seed
//! or on badmap.

use crate::check::trust::each_storage;
use crate::check::trust::is_sound_place;
use crate::hash::run::KeyHash;
use crate::maps::image::HashState;
use crate::maps::image::MapImage;
use crate::maps::image::Place;

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
}

/// Of so many keys of a foreign table one may fit, and it is foreign all the same.
const FOREIGN_LUCK: u64 = 16;

/// Keys of a map that speak for a hash that nothing else has proven.
const ENOUGH: u64 = 8;

impl KeyCensus {
    /// Counts.
    pub fn of(image: &MapImage<'_>) -> KeyCensus {
        let mut out = KeyCensus::default();
        if image.keys.state == HashState::NotAsked {
            return out;
        }
        let all = each_storage(image, |_| {});
        out.complete = all;
        let mut zero = ZeroWords::default();
        let mut tables = ForeignTables::default();
        image.for_each_key(|e, hash| {
            match hash {
                KeyHash::Known(hash) => {
                    out.known = out.known.saturating_add(1);
                    let fits = image.mark_of(hash) == e.mark;
                    out.wrong = out.wrong.saturating_add(u64::from(!fits));
                    zero.add(e.place, e.mark, fits);
                    tables.add(e.place, fits);
                }
                KeyHash::Nan => {}
                KeyHash::Unhashable { .. } | KeyHash::Fault(_) => out.complete = false,
            };
        });
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
    fn add(&mut self, place: Place, fits: bool) {
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
        self.keys = self.keys.saturating_add(1);
        self.fitting = self.fitting.saturating_add(u64::from(fits));
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
