//! Cells and slots by state: sums that several rules go by.
//! In: an image. Out: a sum for each old chain or table, and the number of live entries.

use crate::base::bytes::Abi;
use crate::check::census::KeyCensus;
use crate::check::trust::Part;
use crate::check::trust::is_read;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::MapImage;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::ctrl;
use crate::maps::image::tophash;

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// How many bytes of `word` equal `byte`. The sum inside stays below 0x100 in every byte, so none
/// disturbs its neighbour.
fn count_bytes(word: u64, byte: u8) -> u64 {
    let x = word ^ ONES.wrapping_mul(u64::from(byte));
    let not_zero = (x & !TOPS).wrapping_add(!TOPS) | x;
    u64::from((!not_zero & TOPS).count_ones())
}

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
        let word = abi.u64(group, 0).unwrap_or_default();
        let full = SLOTS.saturating_sub(u64::from((word & TOPS).count_ones()));
        let (empty, deleted) = (
            count_bytes(word, ctrl::EMPTY),
            count_bytes(word, ctrl::DELETED),
        );
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

    fn of_groups(abi: Abi, groups: &Storage<'_>) -> Tally {
        let mut sum = Tally {
            complete: is_read(groups),
            ..Tally::default()
        };
        for (_, bytes) in groups.records() {
            let group = Tally::of_group(abi, bytes);
            sum.full = sum.full.saturating_add(group.full);
            sum.empty = sum.empty.saturating_add(group.empty);
            sum.deleted = sum.deleted.saturating_add(group.deleted);
            sum.illegal = sum.illegal.saturating_add(group.illegal);
            sum.mixed = sum.mixed.saturating_add(group.mixed);
        }
        sum
    }

    /// Whether the numbers are those of the process: all was read, and every byte means something.
    pub fn is_certain(&self) -> bool {
        self.complete && self.illegal == 0
    }
}

/// The tallies of one map.
#[derive(Clone, Default, Debug)]
pub struct Tallies {
    /// That of a small map's group.
    pub small: Tally,
    /// Those of the tables, in the order of `Directory::tables`; zero where the groups are missing.
    pub tables: Vec<Tally>,
    /// The keys by whether their hashes fit.
    pub keys: KeyCensus,
}

impl Tallies {
    /// Counts the slots of a map, of which classic maps have none, and the keys.
    pub fn of(image: &MapImage<'_>) -> Tallies {
        let mut all = Tallies {
            keys: KeyCensus::of(image),
            ..Tallies::default()
        };
        let Body::Swiss(s) = &image.body else {
            return all;
        };
        match &s.shape {
            Shape::Small(group) => all.small = Tally::of_groups(image.abi, group),
            Shape::Tables(dir) => {
                let one = |groups: &Storage<'_>| Tally::of_groups(image.abi, groups);
                all.tables = dir
                    .tables
                    .iter()
                    .map(|t| t.groups.as_ref().map(one).unwrap_or_default())
                    .collect();
            }
            Shape::Empty | Shape::Nonsense => {}
        }
        all
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
/// something was not read or because a more basic rule is broken.
pub fn count_classic(c: &ClassicImage<'_>) -> Option<u64> {
    let mut total = 0u64;
    let mut certain = true;
    match new_buckets(c) {
        Part::Absent => {}
        Part::Doubtful => return None,
        Part::Sound(array) => {
            certain &= array.is_complete();
            each_chain(array, |sum| {
                certain &= sum.is_untouched();
                total = total.saturating_add(sum.live);
            });
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
