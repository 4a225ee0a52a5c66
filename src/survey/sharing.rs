//! Which storage belongs to more than one map.
//! In: the storage of one map after another, from any thread. Out: the maps that share some, told by a bit for each
//! place of the heap where storage begins; maps are looked at again only if a bit was set twice.

use crate::base::addr::Addr;
use crate::find::found::Found;
use crate::runtime::heap::Heap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// The maps that share storage, by number: each with the storage and the other map's header.
pub(crate) type Sharing = HashMap<u32, Vec<(Addr, Addr)>>;

/// log2 of the bytes of memory that one bit stands for: a directory with one table is no larger.
const GRAIN_SHIFT: u32 = 3;
/// log2 of the bytes of memory that a chunk of bits stands for.
const CHUNK_SHIFT: u32 = 16;
/// Words of bits in a chunk.
const CHUNK_WORDS: usize = 1 << (CHUNK_SHIFT - GRAIN_SHIFT - 6);
/// Chunks at most: 256 GiB of addresses from the first span on. Storage elsewhere is kept in a list.
const MAX_CHUNKS: u64 = 1 << 22;

/// What storage was seen.
pub(crate) struct Seen {
    /// Where the first chunk begins.
    start: Addr,
    /// Each is made when something in it is seen.
    chunks: Vec<OnceLock<Box<[AtomicU64; CHUNK_WORDS]>>>,
    rest: Mutex<Rest>,
}

/// What bits do not tell.
#[derive(Default)]
struct Rest {
    /// Bits that were set more than once.
    twice: HashSet<u64>,
    /// Storage where there are no bits, with the number of its map.
    elsewhere: Vec<(Addr, u32)>,
}

impl Seen {
    /// Nothing was seen yet.
    pub(crate) fn new(heap: &Heap<'_, '_>) -> Seen {
        let spans = heap.spans().list();
        let start = spans.first().map_or(Addr::NIL, |s| s.pages.start);
        let end = spans.last().map_or(start, |s| s.pages.end);
        let bytes = end.offset_from(start).unwrap_or(0);
        let n = (bytes >> CHUNK_SHIFT).saturating_add(1).min(MAX_CHUNKS);
        let mut chunks = Vec::new();
        chunks.resize_with(usize::try_from(n).unwrap_or(0), OnceLock::new);
        Seen {
            start,
            chunks,
            rest: Mutex::default(),
        }
    }

    /// The map of this number refers to storage at `addr`.
    pub(crate) fn add(&self, map: u32, addr: Addr) {
        if !self.add_near(addr)
            && let Ok(mut rest) = self.rest.lock()
        {
            rest.elsewhere.push((addr, map));
        }
    }

    /// The same, if there is a bit for it; whether there is. What has none is forgotten.
    pub(crate) fn add_near(&self, addr: Addr) -> bool {
        let Some(grain) = self.grain(addr) else {
            return false;
        };
        let chunk = usize::try_from(grain >> (CHUNK_SHIFT - GRAIN_SHIFT)).ok();
        let Some(chunk) = chunk.and_then(|i| self.chunks.get(i)) else {
            return false;
        };
        let bits = chunk.get_or_init(|| Box::new([const { AtomicU64::new(0) }; CHUNK_WORDS]));
        let word = usize::try_from(grain >> 6).unwrap_or(0) % CHUNK_WORDS;
        let Some(word) = bits.get(word) else {
            return false;
        };
        let bit = 1u64 << (grain & 63);
        if word.fetch_or(bit, Ordering::Relaxed) & bit != 0
            && let Ok(mut rest) = self.rest.lock()
        {
            rest.twice.insert(grain);
        }
        true
    }

    /// The number of the bit for `addr`.
    fn grain(&self, addr: Addr) -> Option<u64> {
        Some(addr.offset_from(self.start)? >> GRAIN_SHIFT)
    }

    /// The maps that share storage. `storages` calls back with the storage of every map again, and the map's number;
    /// it is asked only if there is reason to.
    pub(crate) fn sharing(
        &self,
        found: &Found,
        storages: impl FnOnce(&mut dyn FnMut(u32, Addr)),
    ) -> Sharing {
        let rest = self.rest.lock().map(|mut r| std::mem::take(&mut *r));
        let Rest {
            twice,
            elsewhere: mut all,
        } = rest.unwrap_or_default();
        if !twice.is_empty() {
            storages(&mut |map, addr| {
                if self.grain(addr).is_some_and(|g| twice.contains(&g)) {
                    all.push((addr, map));
                }
            });
        }
        pairs(found, all)
    }
}

/// Maps next to each other among those that have storage at the same address, in order of their numbers.
pub(crate) fn pairs(found: &Found, mut all: Vec<(Addr, u32)>) -> Sharing {
    all.sort_unstable();
    all.dedup();
    let header = |i: u32| {
        usize::try_from(i)
            .ok()
            .and_then(|i| found.maps.get(i))
            .map_or(Addr::NIL, |m| m.addr)
    };
    let mut out = Sharing::new();
    for pair in all.windows(2) {
        if let [(a, i), (b, j)] = pair
            && a == b
        {
            out.entry(*i).or_default().push((*a, header(*j)));
            out.entry(*j).or_default().push((*a, header(*i)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(chunks: usize) -> Seen {
        let mut all = Vec::new();
        all.resize_with(chunks, OnceLock::new);
        Seen {
            start: Addr(0xc0_0000_0000),
            chunks: all,
            rest: Mutex::default(),
        }
    }

    fn of(storage: &[(u32, u64)]) -> Vec<(u32, usize)> {
        let seen = seen(2);
        for (map, addr) in storage {
            seen.add(*map, Addr(*addr));
        }
        let sharing = seen.sharing(&Found::default(), |each| {
            storage.iter().for_each(|(m, addr)| each(*m, Addr(*addr)));
        });
        let mut out: Vec<(u32, usize)> = sharing.iter().map(|(m, all)| (*m, all.len())).collect();
        out.sort_unstable();
        out
    }

    #[test]
    fn storage_of_two_maps_is_noticed_wherever_it_lies() {
        let (heap, behind, before) = (0xc0_0000_1230, 0xc0_0002_0000, 0x1000);
        assert_eq!(of(&[(0, heap), (1, heap)]), [(0, 1), (1, 1)]);
        assert_eq!(of(&[(0, behind), (5, behind)]), [(0, 1), (5, 1)]);
        assert_eq!(of(&[(0, before), (1, heap), (2, before)]), [(0, 1), (2, 1)]);
    }

    #[test]
    fn neighbours_that_share_a_bit_share_no_storage() {
        assert_eq!(of(&[(0, 0xc0_0000_1230), (1, 0xc0_0000_1234)]), []);
        assert_eq!(of(&[(0, 0xc0_0000_1230), (1, 0xc0_0000_1238)]), []);
    }

    #[test]
    fn what_one_map_names_twice_is_not_shared() {
        assert_eq!(of(&[(3, 0xc0_0000_1230), (3, 0xc0_0000_1230)]), []);
    }
}
