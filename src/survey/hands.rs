//! Which goroutines are inside an operation on which map, for the rules on the write flag.
//! In: what every goroutine is doing, and the headers of all maps. Out: `Hands` by header.

use crate::base::addr::Addr;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::Left;
use crate::crash::ops::Op;
use crate::crash::parties::Around;
use crate::find::found::Found;
use crate::maps::image::Hand;
use crate::maps::image::Hands;
use crate::maps::image::Hmap;
use crate::maps::image::MapImage;
use crate::survey::session::Session;
use std::collections::BTreeSet;
use std::collections::HashMap;

/// The goroutines at work, by map.
#[derive(Default, Debug)]
pub(crate) struct AllHands {
    by_map: HashMap<Addr, Hands>,
    /// Nobody is left out.
    complete: bool,
}

impl AllHands {
    /// Sorts by map what goroutines are doing.
    pub(crate) fn sort(s: &Session<'_, '_>, found: &Found, around: &Around) -> AllHands {
        let Some(goroutines) = &s.goroutines else {
            return AllHands::default();
        };
        let mut out = AllHands {
            complete: goroutines.unreadable == 0 && around.broken == 0,
            ..AllHands::default()
        };
        if around.works.is_empty() {
            return out;
        }
        // Of a million maps, only those that somebody's words may mean.
        let works = around.works.iter().map(|(_, work)| work);
        let meant = |w: &AtWork| w.innermost().and_then(|t| t.map);
        let mut words: Vec<Addr> = works
            .flat_map(|w| w.words.iter().copied().chain(meant(w)))
            .collect();
        words.sort_unstable();
        words.dedup();
        let headers: BTreeSet<Addr> = found
            .maps
            .iter()
            .map(|m| m.addr)
            .filter(|addr| words.binary_search(addr).is_ok())
            .collect();
        let writing = |addr| {
            let reader = &s.reader;
            reader.hmap(addr).map_or_else(
                || reader.swiss_map(addr).is_some_and(|m| m.writing != 0),
                |h| h.flags & Hmap::HASH_WRITING != 0,
            )
        };
        for (id, work) in &around.works {
            out.add(&headers, *id, work, &writing);
        }
        out
    }

    fn add(
        &mut self,
        headers: &BTreeSet<Addr>,
        id: u64,
        work: &AtWork,
        writing: &impl Fn(Addr) -> bool,
    ) {
        let mut words: BTreeSet<Addr> = work
            .words
            .iter()
            .copied()
            .filter(|w| headers.contains(w))
            .collect();
        if work.touches.iter().any(|t| t.op == Op::Clone) {
            // The copy is filled without its flag being set, and which of the two it is does not matter.
            self.complete &= words.len() > 1; // else one of them is not among the words
            for map in words {
                self.by_map.entry(map).or_default().cloning = true;
            }
            return;
        }
        // What a deferred function does after a panic is no part of the operation that panicked.
        if matches!(work.left, Left::Panicked { .. }) {
            self.complete = false;
            return;
        }
        // A sync.Map keeps its own books; and who has only just called has not changed anything.
        if work.touches.iter().all(|t| t.trie) || !work.begun() {
            return;
        }
        let op = work.op();
        let map = match work.innermost().and_then(|t| t.map) {
            Some(map) if map.is_nil() => return,
            Some(map) if headers.contains(&map) => map,
            Some(_) => {
                self.complete = false; // no map that was found: it may be another that is meant
                return;
            }
            None => {
                // Words left over from before: a writer's own map is one that is being written.
                if words.len() > 1 && op != Op::Write {
                    return;
                }
                if words.len() > 1 {
                    words.retain(|m| writing(*m));
                }
                let (Some(map), 1) = (words.first(), words.len()) else {
                    self.complete = false; // at work, but who knows on which map
                    return;
                };
                *map
            }
        };
        let hands = self.by_map.entry(map).or_default();
        let list = match op {
            Op::Write => &mut hands.writers,
            Op::Read | Op::Iterate | Op::Clone => &mut hands.readers,
        };
        list.push(Hand {
            goroutine: id,
            function: work.function().to_owned(),
            throwing: work.left == Left::Thrown,
        });
    }

    /// Whether anybody is at work on a map, as far as that is known.
    pub(crate) fn are_on(&self, map: Addr) -> bool {
        !self.by_map.is_empty() && self.by_map.contains_key(&map)
    }

    /// Tells an image who is at work on it.
    pub(crate) fn tell(&self, image: &mut MapImage<'_>) {
        image.hands = self.by_map.get(&image.addr).cloned().unwrap_or_default();
        image.hands.complete = self.complete;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::atwork::How;
    use crate::crash::atwork::Touch;

    const MAP: Addr = Addr(0xc000_0100);

    /// A writer, whose frame has this for its map.
    fn writer(map: Addr) -> AtWork {
        AtWork {
            touches: vec![Touch {
                op: Op::Write,
                function: "runtime.mapassign_faststr".to_owned(),
                frame: 0,
                map: Some(map),
                ty: None,
                how: Some(How::Slot),
                trie: false,
            }],
            left: Left::No,
            words: Vec::new(),
        }
    }

    fn sorted(work: &AtWork) -> AllHands {
        let mut all = AllHands {
            complete: true,
            ..AllHands::default()
        };
        all.add(&BTreeSet::from([MAP]), 7, work, &|_| false);
        all
    }

    #[test]
    fn a_writer_is_at_work_on_the_map_of_its_frame() {
        let all = sorted(&writer(MAP));
        assert!(all.complete);
        let writers = all.by_map.get(&MAP).map(|h| &*h.writers);
        assert!(matches!(writers, Some([hand]) if hand.goroutine == 7));
    }

    #[test]
    fn a_word_that_is_no_map_says_that_nobody_knows() {
        let all = sorted(&writer(Addr(63)));
        assert!(!all.complete);
        assert!(all.by_map.is_empty());
    }

    #[test]
    fn who_writes_no_map_hides_nobody() {
        let all = sorted(&writer(Addr(0)));
        assert!(all.complete && all.by_map.is_empty());
    }
}
