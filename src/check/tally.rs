//! Cells and slots by state: sums that several rules go by.
//! In: an image. Out: a sum for each old chain or table, and the number of live entries.

use crate::base::bytes::Abi;
use crate::base::bytes::all_zero;
use crate::check::census::KeyCensus;
use crate::check::common::is_stale_key;
use crate::check::trust::Part;
use crate::check::trust::each_storage;
use crate::check::trust::is_read;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::BucketRef;
use crate::maps::image::ClassicImage;
use crate::maps::image::MapImage;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::SlotOffsets;
use crate::maps::image::Storage;
use crate::maps::image::TOPS;
use crate::maps::image::Unit;
use crate::maps::image::ctrl;
use crate::maps::image::equal_tops;
use crate::maps::image::live_tops;
use crate::maps::image::slots_of;
use crate::maps::image::tophash;
use std::cell::OnceCell;

/// The slots of some groups by their state.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Slots that hold an entry.
    pub full: u64,
    /// Slots that are empty.
    pub empty: u64,
    /// Slots that are marked as deleted.
    pub deleted: u64,
    /// Slots whose control byte means nothing.
    pub illegal: u64,
    /// Groups with both empty and deleted slots.
    pub mixed: u64,
    /// All groups that the header claims were read.
    pub complete: bool,
}

impl Tally {
    /// The slots of one group. The order of its slots, and so the byte order, does not matter.
    pub fn of_group(abi: Abi, group: &[u8]) -> Tally {
        Tally::of_word(abi.u64(group, 0).unwrap_or_default())
    }

    fn of_word(word: u64) -> Tally {
        let count = |tops: u64| u64::from(tops.count_ones());
        let full = count(!word & TOPS);
        let empty = count(equal_tops(word, ctrl::EMPTY));
        let deleted = count(equal_tops(word, ctrl::DELETED));
        let illegal = SLOTS
            .saturating_sub(full)
            .saturating_sub(empty)
            .saturating_sub(deleted);
        let mixed = u64::from(empty > 0 && deleted > 0);
        Tally {
            full,
            empty,
            deleted,
            illegal,
            mixed,
            complete: true,
        }
    }

    fn add(&mut self, group: Tally) {
        self.full = self.full.saturating_add(group.full);
        self.empty = self.empty.saturating_add(group.empty);
        self.deleted = self.deleted.saturating_add(group.deleted);
        self.illegal = self.illegal.saturating_add(group.illegal);
        self.mixed = self.mixed.saturating_add(group.mixed);
    }

    /// Whether the numbers are those of the process: all was read, and every byte means something.
    pub fn is_certain(&self) -> bool {
        self.complete && self.illegal == 0
    }
}

/// The cells of `buckets` by their state, and whether they are in order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CellTally {
    /// Cells that hold an entry.
    pub live: u64,
    /// Some cell is marked as evacuated.
    pub evacuated: bool,
    /// In some chain a cell in use is behind an emptyRest, or the last cell in use is emptyOne.
    pub disordered: bool,
}

impl CellTally {
    pub(super) fn add_chain(&mut self, words: impl Iterator<Item = u64>) {
        let (mut rest, mut last) = (false, 0u8);
        for word in words {
            let live = live_tops(word);
            self.live = self.live.saturating_add(u64::from(live.count_ones()));
            let empty = equal_tops(word, tophash::EMPTY_REST);
            let marked = TOPS & !live & !empty & !equal_tops(word, tophash::EMPTY_ONE);
            self.evacuated |= marked != 0;
            // Behind the first emptyRest everything is.
            let used = word.checked_shr(empty.trailing_zeros() & !7).unwrap_or(0);
            self.disordered |= used != 0 || (rest && word != 0);
            rest |= empty != 0;
            if word != 0 {
                let [mark, ..] = word.wrapping_shr(word.ilog2() & !7).to_le_bytes();
                last = mark;
            }
        }
        self.disordered |= last == tophash::EMPTY_ONE;
    }
}

/// The tallies of one map.
#[derive(Clone, Default, Debug)]
pub struct Tallies {
    /// All arrays can be believed, and all of their bytes were read.
    pub whole: bool,
    /// That of a small map's group.
    pub small: Tally,
    /// Those of the tables, in the order of `Directory::tables`; zero where the groups are missing.
    pub tables: Vec<Tally>,
    /// The cells of `buckets`.
    pub cells: CellTally,
    /// Some slot without an entry has an elem that is not zero.
    pub stale_elem: bool,
    /// Some slot without an entry has pointers in its key.
    pub stale_key: bool,
    /// The keys by whether their hashes fit.
    pub keys: KeyCensus,
    /// Whether the directory's tables are those of the map, found out when first asked.
    pub directory: OnceCell<bool>,
}

impl Tallies {
    /// Counts the slots of a map and its keys.
    pub fn of(image: &MapImage<'_>) -> Tallies {
        let whole = each_storage(image, |_| {});
        let mut all = Tallies {
            whole,
            keys: KeyCensus::of(image, whole),
            ..Tallies::default()
        };
        let mut stale = Stale::new(image.abi, &image.slots, image.slots.offsets());
        image.for_each_unit(|unit| match unit {
            Unit::Chain {
                old,
                main,
                overflow,
            } => {
                let words = overflow.iter().map(|o| o.bucket().marks());
                if !old {
                    let words = std::iter::once(main.marks()).chain(words);
                    all.cells.add_chain(words);
                }
                stale.add_bucket(&main);
                overflow.iter().for_each(|o| stale.add_bucket(&o.bucket()));
            }
            Unit::Groups { dir: None, groups } => {
                all.small = stale.add_groups(groups);
            }
            Unit::Groups { .. } => {}
        });
        if let Body::Swiss(s) = &image.body
            && let Shape::Tables(dir) = &s.shape
        {
            let mut one = |groups: &Storage<'_>| stale.add_groups(groups);
            let sums = dir
                .tables
                .iter()
                .map(|t| t.groups.as_ref().map(&mut one).unwrap_or_default());
            all.tables = sums.collect();
        }
        all.stale_elem = stale.elem;
        all.stale_key = stale.key && !stale.keyless;
        all
    }
}

/// Looks for what is left in slots without an entry.
pub(super) struct Stale<'i> {
    abi: Abi,
    slots: SlotOffsets,
    layout: &'i SlotLayout,
    elem: bool,
    key: bool,
    /// Keys have no pointers, so that none is stale.
    keyless: bool,
}

/// Whether no key of the map can lead anywhere.
fn has_no_pointers(slots: &SlotLayout) -> bool {
    !slots.indirect_key && slots.key_ptr_words.is_empty()
}

impl<'i> Stale<'i> {
    /// Nothing was looked at yet.
    pub(super) fn new(abi: Abi, layout: &'i SlotLayout, slots: SlotOffsets) -> Stale<'i> {
        let keyless = has_no_pointers(layout);
        Stale {
            abi,
            slots,
            layout,
            elem: false,
            // A key without pointers is never stale: there is nothing to look for.
            key: keyless,
            keyless,
        }
    }

    /// Whether an elem was found that is not zero, or a key with pointers.
    pub(super) fn is_any(&self) -> bool {
        self.elem || (self.key && !self.keyless)
    }

    /// Whether the free slots are the last ones, as in a map that nothing was deleted from, and all of their bytes are
    /// zero.
    fn is_clean_to_the_end(&self, record: &[u8], free: u64) -> bool {
        let first = free.trailing_zeros() / 8;
        let last_ones = TOPS.wrapping_shl(first.wrapping_mul(8));
        let [first, ..] = first.to_le_bytes();
        free == last_ones
            && (self.keyless || self.slots.keys_from(record, first).is_some_and(all_zero))
            && self.slots.elems_from(record, first).is_some_and(all_zero)
    }

    fn add_bucket(&mut self, bucket: &BucketRef<'_>) {
        let marks = bucket.marks();
        let free = equal_tops(marks, tophash::EMPTY_REST) | equal_tops(marks, tophash::EMPTY_ONE);
        self.add(bucket.bytes, free);
    }

    /// The same of all groups of a table, and the sum of their slots.
    fn add_groups(&mut self, groups: &Storage<'_>) -> Tally {
        let mut sum = Tally {
            complete: is_read(groups),
            ..Tally::default()
        };
        groups.records().for_each(|(_, bytes)| {
            let word = self.abi.u64(bytes, 0).unwrap_or_default();
            sum.add(Tally::of_word(word));
            let free = equal_tops(word, ctrl::EMPTY) | equal_tops(word, ctrl::DELETED);
            self.add(bytes, free);
        });
        sum
    }

    /// Looks at the slots of a record that have no entry.
    pub(super) fn add(&mut self, record: &[u8], free: u64) {
        if free == 0 || self.is_clean_to_the_end(record, free) {
            return;
        }
        for i in slots_of(free) {
            if !self.elem {
                let elem = self.slots.elem(record, i);
                self.elem = elem.is_some_and(|elem| !is_zero(elem));
            }
            if !self.key {
                self.key = is_stale_key(self.abi, self.layout, record, u64::from(i));
            }
        }
    }
}

/// Whether every byte is zero; most elems are a word.
fn is_zero(bytes: &[u8]) -> bool {
    match <[u8; 8]>::try_from(bytes) {
        Ok(word) => word == [0; 8],
        Err(_) => all_zero(bytes),
    }
}

/// What the cells of one old chain say together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldChain {
    /// Index of the main bucket.
    pub chain: u64,
    /// Tophash of its first cell, which is what the runtime goes by.
    pub first: u8,
    /// Cells that are marked as evacuated.
    pub evacuated: u64,
    /// Cells that hold an entry.
    pub live: u64,
    /// Cells in all.
    pub cells: u64,
}

impl OldChain {
    /// All cells are evacuated.
    pub fn is_evacuated(&self) -> bool {
        self.evacuated == self.cells
    }

    /// No cell is evacuated.
    pub fn is_untouched(&self) -> bool {
        self.evacuated == 0
    }
}

/// Calls `each` for every chain that could be read, with the sums over its cells.
pub fn each_chain(array: &BucketArray<'_>, mut each: impl FnMut(OldChain)) {
    let mut now: Option<OldChain> = None;
    for bucket in array.buckets() {
        let cells = bucket.tophash();
        if bucket.position == 0
            && let Some(done) = now.take()
        {
            each(done);
        }
        let sum = now.get_or_insert(OldChain {
            chain: bucket.chain,
            first: cells.first().copied().unwrap_or_default(),
            evacuated: 0,
            live: 0,
            cells: 0,
        });
        sum.evacuated = sum
            .evacuated
            .saturating_add(count(cells, tophash::is_evacuated));
        sum.live = sum.live.saturating_add(count(cells, tophash::is_live));
        sum.cells = sum.cells.saturating_add(SLOTS);
    }
    if let Some(done) = now {
        each(done);
    }
}

fn count(cells: [u8; 8], is: impl Fn(u8) -> bool) -> u64 {
    cells
        .iter()
        .fold(0, |n: u64, t| n.saturating_add(u64::from(is(*t))))
}

/// Live entries of a classic map by a full walk; `None` when that number cannot be had, because
/// something was not read or because a more basic rule is broken. `cells`: those of `buckets`.
pub fn count_classic(c: &ClassicImage<'_>, cells: CellTally) -> Option<u64> {
    let mut total = 0u64;
    let mut certain = true;
    match new_buckets(c) {
        Part::Absent => {}
        Part::Doubtful => return None,
        Part::Sound(array) => {
            certain &= array.is_complete();
            certain &= !cells.evacuated;
            total = total.saturating_add(cells.live);
        }
    }
    match old_buckets(c) {
        Part::Absent => {}
        Part::Doubtful => return None,
        Part::Sound(array) => {
            certain &= array.is_complete();
            let mark = c.hmap.nevacuate;
            let below = |chain: u64| mark < array.main.claimed && chain < mark;
            each_chain(array, |sum| {
                if sum.is_untouched() {
                    certain &= !below(sum.chain);
                    total = total.saturating_add(sum.live);
                } else {
                    certain &= sum.is_evacuated();
                }
            });
        }
    }
    certain.then_some(total)
}
