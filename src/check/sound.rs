//! Maps of which no rule has anything to say, told by a few looks: nearly all are such.
//! In: an image with its facts and tallies. Out: whether it is one for sure. Whatever is not is for the rules to judge,
//! which alone say what is wrong: a map that this file lets pass would be called sound by each of them.

use crate::base::bytes::Abi;
use crate::check::fit::have_marks;
use crate::check::fit::is_reached;
use crate::check::rule::Subject;
use crate::check::tally::CellTally;
use crate::check::tally::Stale;
use crate::check::tally::Tallies;
use crate::check::trust::has_table_depth;
use crate::check::trust::is_read;
use crate::check::trust::may_lack_buckets;
use crate::check::trust::misfit;
use crate::check::trust::word_bits;
use crate::hash::hasher::HasherFact;
use crate::hash::place;
use crate::maps::equal::has_equal;
use crate::maps::glance::Glance;
use crate::maps::glance::Header;
use crate::maps::image::Body;
use crate::maps::image::ClassicImage;
use crate::maps::image::HashState;
use crate::maps::image::Hmap;
use crate::maps::image::MIN_B_PREALLOC;
use crate::maps::image::MapImage;
use crate::maps::image::Record;
use crate::maps::image::Shape;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::image::TOPS;
use crate::maps::image::TableHeader;
use crate::maps::image::ctrl;
use crate::maps::image::equal_tops;

/// Whether the map is a small one, at rest, of which all was read, and nothing of it is out of the ordinary.
pub(crate) fn is_sound(s: &Subject<'_, '_>) -> bool {
    let (image, tallies) = (s.image, s.tallies);
    has_no_odd_facts(image)
        && tallies.whole
        && !tallies.stale_elem
        && !tallies.stale_key
        && has_right_keys(image, tallies)
        && match &image.body {
            Body::Classic(c) => is_plain_classic(c, tallies),
            Body::Swiss(m) => is_plain_swiss(image, m, tallies),
            Body::Unreadable => false,
        }
}

/// Nothing that was looked up beside the map's own bytes gives a rule something to say.
fn has_no_odd_facts(image: &MapImage<'_>) -> bool {
    image.home.holds(image.addr, image.header_size) == Some(true)
        && image.gaps.is_empty()
        && image.bad_refs_total == 0
        && image.shared.is_empty()
        && image.heap_types.is_empty()
        && image.misplaced.is_empty()
        && !image.mid_write()
        && !image.hands.cloning
        && image.hands.writers.is_empty()
        && image.hands.readers.is_empty()
}

/// Every live key has a hash that other maps have proven, and fits its mark and its place; no two are equal.
fn has_right_keys(image: &MapImage<'_>, tallies: &Tallies) -> bool {
    let (keys, census) = (&image.keys, &tallies.keys);
    keys.state == HashState::Proven
        && keys.odd.is_empty()
        && keys.duplicates_total == 0
        && keys.wrong_half_total == 0
        && keys.global.is_none()
        && keys.descriptor.wrong.is_empty()
        && matches!(
            keys.descriptor.hasher,
            HasherFact::Unknown | HasherFact::Fits(_)
        )
        && census.complete
        && census.wrong == 0
        && !census.astray
        && !census.unreachable
}

/// A map that does not grow, has no overflow buckets, and is too small to have any preallocated.
fn is_plain_classic(c: &ClassicImage<'_>, tallies: &Tallies) -> bool {
    let h = &c.hmap;
    let at_rest = is_hmap_at_rest(h) && c.extra.is_none() && c.old.is_none();
    let Some(array) = &c.new else {
        return at_rest && h.buckets.is_nil() && h.count == 0 && may_lack_buckets(h);
    };
    at_rest
        && array.main.home.holds(array.main.addr, 0) == Some(true)
        && misfit(array).is_none()
        && array.is_complete()
        && is_read(&array.main)
        && array.prealloc.is_none()
        && array.overflow.is_empty()
        && array.chain_faults.is_empty()
        && !tallies.cells.evacuated
        && !tallies.cells.disordered
        && u64::try_from(h.count) == Ok(tallies.cells.live)
}

/// The header of a map that does not grow, is not written to, and is too small to have `extra`.
fn is_hmap_at_rest(h: &Hmap) -> bool {
    h.flags & !(Hmap::ITERATOR | Hmap::OLD_ITERATOR) == 0
        && !h.growing()
        && h.b < MIN_B_PREALLOC
        && h.noverflow == 0
        && h.extra.is_nil()
}

/// Nobody writes, and each flag is one.
fn is_quiet(h: &SwissMap) -> bool {
    h.writing == 0 && h.tombstone_possible.unwrap_or(0) <= 1 && h.padding.unwrap_or(0) == 0
}

/// The header of a map without a directory that is not written to.
fn is_map_at_rest(abi: Abi, h: &SwissMap) -> bool {
    is_quiet(h)
        && h.dir_len == 0
        && h.global_depth == 0
        && h.global_shift == 0
        && !has_table_depth(abi, h)
}

/// The header of a map with one table that is not written to.
fn is_map_of_one_at_rest(abi: Abi, h: &SwissMap) -> bool {
    is_quiet(h)
        && h.dir_len == 1
        && h.global_depth == 0
        && u64::from(h.global_shift) == word_bits(abi)
}

/// Whether the map is at rest, and has no buckets but those it was looked at with: what its size hangs on.
pub(crate) fn is_plain_shape(g: &Glance<'_, '_>) -> bool {
    match &g.header {
        Header::Classic(h) => {
            is_hmap_at_rest(h)
                && g.records().all(|r| has_no_overflow(g, r.bytes()))
                && (!g.is_bare() || (h.count == 0 && may_lack_buckets(h)))
        }
        Header::Swiss(h) if g.table.is_none() => is_map_at_rest(g.abi, h),
        Header::Swiss(h) => is_map_of_one_at_rest(g.abi, h),
    }
}

/// The same as `is_sound` says of an image, of a map of plain shape that nobody is at work on; and of one with a table from
/// which nothing was deleted.
pub(crate) fn is_sound_at_a_glance(g: &Glance<'_, '_>) -> bool {
    let mut stale = Stale::new(g.abi, g.slots, *g.offsets);
    let (mut hashes, mut entries) = (g.hashes, 0u64);
    let mask = g.table.map_or(0, |t| t.header.length_mask);
    let ends = |at: u64| {
        let word = g.record(at).and_then(|bytes| g.abi.u64(bytes, 0));
        word.is_none_or(|word| equal_tops(word, ctrl::EMPTY) != 0)
    };
    let mut is_right = |record: Record<'_>| {
        let (marks, live) = record.marks(g.abi);
        let n = live.count_ones();
        entries = entries.saturating_add(u64::from(n));
        let own = hashes.split_at_checked(usize::try_from(n).unwrap_or(usize::MAX));
        let Some((own, rest)) = own else {
            return false;
        };
        hashes = rest;
        let free = record.free(g.abi);
        stale.add(record.bytes(), free);
        (live | free) == TOPS
            && have_marks(g.abi, &record, own)
            && match record {
                Record::Bucket { chain, .. } => {
                    let mut cells = CellTally::default();
                    cells.add_chain(std::iter::once(marks));
                    let buckets = g.len();
                    !cells.evacuated
                        && !cells.disordered
                        && own.iter().all(|h| place::bucket(*h, buckets) == chain)
                        && !has_equal(own)
                }
                // No slot of a small map's group is ever deleted: it is empty again.
                Record::Group { group, .. } => {
                    equal_tops(marks, ctrl::EMPTY) == free
                        && own.iter().all(|h| is_reached(*h, mask, group, ends))
                }
            }
    };
    g.records().all(&mut is_right)
        && !stale.is_any()
        && match &g.header {
            Header::Classic(h) => u64::try_from(h.count) == Ok(entries),
            Header::Swiss(h) => {
                h.used == entries
                    && !has_equal(g.hashes)
                    && g.table.is_none_or(|t| is_plain_table(&t.header, entries))
            }
        }
}

/// The fields of a table that is alone, has so many entries, and no deleted slots.
fn is_plain_table(h: &TableHeader, entries: u64) -> bool {
    let most = u64::from(h.capacity / 8).saturating_mul(7);
    u64::from(h.used) == entries
        && most.checked_sub(entries) == Some(u64::from(h.growth_left))
        && h.local_depth == 0
        && h.index == 0
}

fn has_no_overflow(g: &Glance<'_, '_>, bucket: &[u8]) -> bool {
    let at = g
        .slots
        .overflow_off
        .and_then(|off| usize::try_from(off).ok());
    at.and_then(|at| g.abi.uptr(bucket, at)) == Some(0)
}

/// A map of one group, or one without any.
fn is_plain_swiss(image: &MapImage<'_>, m: &SwissImage<'_>, tallies: &Tallies) -> bool {
    let h = &m.map;
    let at_rest = is_map_at_rest(image.abi, h);
    match &m.shape {
        Shape::Empty => at_rest && h.used == 0,
        Shape::Small(group) => {
            at_rest
                && group.home.holds(group.addr, image.slots.size) == Some(true)
                && is_read(group)
                && tallies.small.is_certain()
                && tallies.small.deleted == 0
                && h.used == tallies.small.full
        }
        Shape::Tables(_) | Shape::Nonsense => false,
    }
}

#[cfg(test)]
mod tests;
