//! Maps of which no rule has anything to say, told by a few looks: nearly all are such.
//! In: an image with its facts and tallies. Out: whether it is one for sure. Whatever is not is for the rules to judge,
//! which alone say what is wrong: a map that this file lets pass would be called sound by each of them.

use crate::check::rule::Subject;
use crate::check::tally::Tallies;
use crate::check::trust::has_table_depth;
use crate::check::trust::is_read;
use crate::check::trust::may_lack_buckets;
use crate::check::trust::misfit;
use crate::hash::hasher::HasherFact;
use crate::maps::image::Body;
use crate::maps::image::ClassicImage;
use crate::maps::image::HashState;
use crate::maps::image::Hmap;
use crate::maps::image::MIN_B_PREALLOC;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::maps::image::SwissImage;

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
    let at_rest = h.flags & !(Hmap::ITERATOR | Hmap::OLD_ITERATOR) == 0
        && !h.growing()
        && h.b < MIN_B_PREALLOC
        && h.noverflow == 0
        && h.extra.is_nil()
        && c.extra.is_none()
        && c.old.is_none();
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

/// A map of one group, or one without any.
fn is_plain_swiss(image: &MapImage<'_>, m: &SwissImage<'_>, tallies: &Tallies) -> bool {
    let h = &m.map;
    let at_rest = h.writing == 0
        && h.tombstone_possible.unwrap_or(0) <= 1
        && h.padding.unwrap_or(0) == 0
        && h.dir_len == 0
        && h.global_depth == 0
        && h.global_shift == 0
        && !has_table_depth(image.abi, h);
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
