//! Which storage belongs to more than one map.
//! In: the storage of one map after another, from any thread. Out: the maps that share some, told by a bit for each
//! slot of the heap that is storage; maps are looked at again only if a bit was there twice.

use crate::base::addr::Addr;
use crate::find::found::Found;
use crate::runtime::heap::Heap;
use crate::runtime::spans::Span;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// The maps that share storage, by number: each with the storage and the other map's header.
pub(crate) type Sharing = HashMap<u32, Vec<(Addr, Addr)>>;

/// What storage was seen.
pub(crate) struct Seen<'h, 'v, 'a> {
    heap: &'h Heap<'v, 'a>,
    /// By span, a bit for each slot; made when its first slot is seen.
    slots: Vec<OnceLock<Box<[AtomicU64]>>>,
    rest: Mutex<Rest>,
}

/// What bits do not tell.
#[derive(Default)]
struct Rest {
    /// Slots that were seen more than once: position of the span, number of the slot.
    twice: HashSet<(usize, u64)>,
    /// Storage outside of the heap, with the number of its map.
    elsewhere: Vec<(Addr, u32)>,
}

impl<'h, 'v, 'a> Seen<'h, 'v, 'a> {
    /// Nothing was seen yet.
    pub(crate) fn new(heap: &'h Heap<'v, 'a>) -> Seen<'h, 'v, 'a> {
        let mut slots = Vec::new();
        slots.resize_with(heap.spans().list().len(), OnceLock::new);
        Seen {
            heap,
            slots,
            rest: Mutex::default(),
        }
    }

    /// The map of this number refers to storage at `addr`.
    pub(crate) fn add(&self, map: u32, addr: Addr) {
        if !self.add_object(addr)
            && let Ok(mut rest) = self.rest.lock()
        {
            rest.elsewhere.push((addr, map));
        }
    }

    /// The same, if it lies on the heap; whether it does. What does not lie there is forgotten.
    pub(crate) fn add_object(&self, addr: Addr) -> bool {
        let Some((i, slot, span)) = self.slot(addr) else {
            return false;
        };
        let bits = self
            .slots
            .get(i)
            .map(|s| s.get_or_init(|| (0..=span.elems / 64).map(|_| AtomicU64::new(0)).collect()));
        let word = usize::try_from(slot / 64).ok();
        let Some(word) = bits.zip(word).and_then(|(bits, at)| bits.get(at)) else {
            return false;
        };
        let bit = 1u64 << (slot % 64);
        if word.fetch_or(bit, Ordering::Relaxed) & bit != 0
            && let Ok(mut rest) = self.rest.lock()
        {
            rest.twice.insert((i, slot));
        }
        true
    }

    /// The slot of `addr`: position of its span, number, and the span. `None` where the books keep no objects.
    fn slot(&self, addr: Addr) -> Option<(usize, u64, &'h Span)> {
        let (i, span) = self.heap.spans().find(addr)?;
        let off = addr.offset_from(span.pages.start)?;
        let slot = off.checked_div(span.elem_size)?;
        (slot < span.elems).then_some((i, slot, span))
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
                let slot = self.slot(addr);
                if slot.is_some_and(|(i, slot, _)| twice.contains(&(i, slot))) {
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
