//! Hashes every key of a map, and finds keys that are there twice.
//! In: an image whose body is read. Out: its `KeyFacts`.
//! Over 400 lines in one file: hashing keys and comparing those of equal hash is one walk.

use crate::base::addr::Addr;
use crate::base::limits::MAX_FINDINGS_PER_RULE;
use crate::base::parts::of_parts;
use crate::hash::hasher::Hashers;
use crate::hash::hasher::KeyType;
use crate::hash::place;
use crate::hash::plan::Plan;
use crate::hash::run::KeyHash;
use crate::hash::run::KeyHasher;
use crate::hash::run::Words;
use crate::maps::equal::FEW;
use crate::maps::equal::MANY;
use crate::maps::equal::has_equal;
use crate::maps::image::Body;
use crate::maps::image::ClassicImage;
use crate::maps::image::Duplicate;
use crate::maps::image::EntryRef;
use crate::maps::image::Gaps;
use crate::maps::image::HashState;
use crate::maps::image::Hmap;
use crate::maps::image::KeyFacts;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::SharedFacts;
use crate::maps::image::SlotLayout;
use crate::maps::image::Stretch;
use crate::maps::image::TypeFacts;
use crate::maps::image::Unit;
use crate::maps::image::slots_of;
use crate::maps::image::tophash;
use crate::maps::layout::MapLayouts;
use crate::process::memory::Memory;
use crate::types::graph::TypeGraph;
use std::borrow::Cow;

/// Chains that are looked at together where only a few keys are wanted.
const FEW_CHAINS: u64 = 64;

/// Hashes the keys of maps.
pub(crate) struct KeyReader<'r, 'v, 'a> {
    pub(crate) mem: &'r Memory<'a>,
    pub(crate) graph: &'r TypeGraph<'v>,
    pub(crate) hashers: &'r Hashers<'v, 'a>,
    pub(crate) layouts: &'r MapLayouts,
}

/// A key that was hashed, kept while its chain or table is looked through.
struct Hashed<'i> {
    hash: u64,
    key: &'i [u8],
    place: Place,
}

impl<'a> KeyReader<'_, '_, 'a> {
    /// Fills the image's `keys`.
    pub(crate) fn read(&self, image: &mut MapImage<'a>, words: &mut Words) {
        let key_type = self.hashers.key_type(image.slots.map_type);
        let mut facts = KeyFacts {
            state: HashState::Unknown,
            descriptor: self.facts(key_type, &image.slots),
            global: self.hashers.fault(),
            ..KeyFacts::default()
        };
        let seed = image.seed();
        if let (Some(plan), Some(seed), Some(mut hasher)) =
            (&key_type.plan, seed, KeyHasher::new(self.hashers, self.mem))
        {
            hasher.swap_words(words);
            let mut gaps = std::mem::take(&mut image.gaps);
            // With impossible hash keys no hash says anything of a map.
            let usable = facts.global.is_none();
            facts.state = if usable && self.hashers.is_proven(image.slots.map_type) {
                HashState::Proven
            } else {
                HashState::Doubtful
            };
            self.hash_all(image, plan, seed, &mut hasher, &mut facts, &mut gaps);
            if let Body::Classic(c) = &image.body {
                self.halves(c, image, plan, &mut hasher, &mut facts);
            }
            image.gaps = gaps;
            facts.work = hasher.work();
            hasher.swap_words(words);
        }
        image.keys = facts;
    }

    /// Counts the live keys that hash to their mark, of the first `most`: (those, all of them). A quick
    /// look, before it is known whether the hash itself can be believed.
    pub(crate) fn sample(&self, image: &MapImage<'a>, most: u64) -> (u64, u64) {
        let key_type = self.hashers.key_type(image.slots.map_type);
        let (Some(plan), Some(seed), Some(mut hasher)) = (
            &key_type.plan,
            image.seed(),
            KeyHasher::new(self.hashers, self.mem),
        ) else {
            return (0, 0);
        };
        let (mut right, mut all) = (0u64, 0u64);
        let slots = image.slots.offsets();
        image.for_each_stretch(FEW_CHAINS, |stretch| {
            if all >= most {
                return; // there may be a million more
            }
            stretch.for_each_unit(|unit| {
                unit.for_each_entry(image.abi, &slots, &mut |e: EntryRef<'_>| {
                    if all >= most {
                        return;
                    }
                    let Ok(key) = self.value(&image.slots, e.key) else {
                        return;
                    };
                    if let KeyHash::Known(hash) = hasher.hash(plan, &key, seed) {
                        all = all.saturating_add(1);
                        right = right.saturating_add(u64::from(image.mark_of(hash) == e.mark));
                    }
                });
            });
        });
        (right, all)
    }

    fn hash_all(
        &self,
        image: &MapImage<'a>,
        plan: &Plan,
        seed: u64,
        hasher: &mut KeyHasher<'_, '_, 'a>,
        facts: &mut KeyFacts,
        gaps: &mut Gaps,
    ) {
        if let Some(pieces) = image.pieces()
            && self.hash_pieces(image, &pieces, (plan, seed), hasher, facts, gaps)
        {
            return;
        }
        let claimed = image.claimed_len().and_then(|n| usize::try_from(n).ok());
        facts.hashes.reserve(claimed.unwrap_or(0).min(MANY));
        image.for_each_stretch(u64::MAX, |stretch| {
            self.hash_stretch(image, &stretch, (plan, seed), hasher, facts, gaps);
        });
    }

    /// Hashes the pieces of a large map on all processors. False, and nothing is said of any key, if together they
    /// have more bytes behind them than one map may have: which keys are given up then hangs on their order.
    fn hash_pieces(
        &self,
        image: &MapImage<'a>,
        pieces: &[Vec<Stretch<'_, 'a>>],
        what: (&Plan, u64),
        hasher: &mut KeyHasher<'_, '_, 'a>,
        facts: &mut KeyFacts,
        gaps: &mut Gaps,
    ) -> bool {
        let done = of_parts(pieces, |piece| {
            let mut hasher = KeyHasher::new(self.hashers, self.mem)?;
            let (mut facts, mut gaps) = (KeyFacts::default(), Gaps::default());
            for stretch in piece {
                self.hash_stretch(image, stretch, what, &mut hasher, &mut facts, &mut gaps);
            }
            Some((facts, gaps, hasher.work()))
        });
        let work = done.iter().flatten().map(|(_, _, work)| *work);
        let work = work.fold(0u64, u64::saturating_add);
        if !hasher.has_room_for(work) {
            return false;
        }
        hasher.add_work(work);
        let keys = done.iter().flatten().map(|(part, _, _)| part.hashes.len());
        facts.hashes.reserve(keys.sum());
        for (part, part_gaps, _) in done.into_iter().flatten() {
            let base = facts.hashes.len() as u64;
            facts.hashes.extend(part.hashes);
            let odd = part.odd.into_iter();
            facts
                .odd
                .extend(odd.map(|(n, why)| (n.saturating_add(base), why)));
            let room = MAX_FINDINGS_PER_RULE.saturating_sub(facts.duplicates.len());
            facts
                .duplicates
                .extend(part.duplicates.into_iter().take(room));
            facts.duplicates_total = facts.duplicates_total.saturating_add(part.duplicates_total);
            gaps.append(part_gaps);
        }
        true
    }

    /// Hashes the keys of a piece of the map, and finds those that are there twice.
    fn hash_stretch(
        &self,
        image: &MapImage<'a>,
        stretch: &Stretch<'_, 'a>,
        (plan, seed): (&Plan, u64),
        hasher: &mut KeyHasher<'_, '_, 'a>,
        facts: &mut KeyFacts,
        gaps: &mut Gaps,
    ) {
        let slots = image.slots.offsets();
        let (first, odd) = (facts.hashes.len(), facts.odd.len());
        let mut hash_some = |keys: &[&[u8]]| match hasher.hash8(plan, keys, seed) {
            Some(hashes) => {
                let some = hashes.get(..keys.len()).unwrap_or_default();
                facts.hashes.extend_from_slice(some);
            }
            None => keys.iter().for_each(|key| {
                let hash = match self.value(&image.slots, key) {
                    Ok(key) => hasher.hash(plan, &key, seed),
                    Err(other) => other,
                };
                facts.add(hash, gaps);
            }),
        };
        let (mut waiting, mut n): ([&[u8]; 8], usize) = ([&[]; 8], 0);
        stretch.for_each_unit(|unit| {
            unit.for_each_record(|record| {
                let (_, live) = record.marks(image.abi);
                for slot in slots_of(live) {
                    let Some(key) = slots.key(record.bytes(), slot) else {
                        continue;
                    };
                    if image.slots.indirect_key {
                        hash_some(&[key]);
                        continue;
                    }
                    if let Some(to) = waiting.get_mut(n) {
                        *to = key;
                    }
                    n = n.saturating_add(1);
                    if n == waiting.len() {
                        hash_some(&waiting);
                        n = 0;
                    }
                }
            });
        });
        hash_some(waiting.get(..n).unwrap_or_default());
        self.find_twice(image, stretch, plan, hasher, (first, odd), facts);
    }

    /// Finds keys that are there twice in a chain or table of a stretch, whose hashes begin at `first` and whose odd
    /// ones at `odd`.
    fn find_twice(
        &self,
        image: &MapImage<'a>,
        stretch: &Stretch<'_, 'a>,
        plan: &Plan,
        hasher: &mut KeyHasher<'_, '_, 'a>,
        (mut first, mut odd): (usize, usize),
        facts: &mut KeyFacts,
    ) {
        let all = facts.hashes.get(first..).unwrap_or_default();
        if all.len() <= FEW && facts.odd.len() == odd && !has_equal(all) {
            return; // in none of them
        }
        stretch.for_each_unit(|unit| {
            let mut n = 0usize;
            unit.for_each_record(|record| {
                let (_, live) = record.marks(image.abi);
                n = n.saturating_add(usize::try_from(live.count_ones()).unwrap_or(0));
            });
            let end = first.saturating_add(n);
            let odd_end = facts.odd.partition_point(|(at, _)| *at < end as u64);
            let hashes = facts.hashes.get(first..end).unwrap_or_default();
            if odd_end > odd || has_equal(hashes) {
                self.find_equal(image, plan, hasher, (&unit, first, odd), facts);
            }
            (first, odd) = (end, odd_end);
        });
    }

    /// Finds equal keys among those of one chain or table, whose hashes begin at `first` and whose odd ones
    /// at `odd`.
    fn find_equal(
        &self,
        image: &MapImage<'a>,
        plan: &Plan,
        hasher: &mut KeyHasher<'_, '_, 'a>,
        (unit, first, odd): (&Unit<'_, 'a>, usize, usize),
        facts: &mut KeyFacts,
    ) {
        let mut together: Vec<Hashed<'_>> = Vec::new();
        let mut hashes = (first..).zip(facts.hashes.get(first..).unwrap_or_default());
        let mut odd = facts.odd.get(odd..).unwrap_or_default().iter().peekable();
        unit.for_each_entry(image.abi, &image.slots.offsets(), &mut |e: EntryRef<'_>| {
            let Some((n, hash)) = hashes.next() else {
                return;
            };
            if odd.next_if(|(o, _)| *o == n as u64).is_none() {
                together.push(Hashed {
                    hash: *hash,
                    key: e.key,
                    place: e.place,
                });
            }
        });
        together.sort_by_key(|h| h.hash);
        for pair in together.windows(2) {
            let [a, b] = pair else { continue };
            if a.hash != b.hash {
                continue;
            }
            let (Ok(x), Ok(y)) = (
                self.value(&image.slots, a.key),
                self.value(&image.slots, b.key),
            ) else {
                continue;
            };
            if !hasher.is_equal(plan, &x, &y) {
                continue;
            }
            facts.duplicates_total = facts.duplicates_total.saturating_add(1);
            if facts.duplicates.len() < MAX_FINDINGS_PER_RULE {
                facts.duplicates.push(Duplicate {
                    place: b.place,
                    other: a.place,
                    by_sign_of_zero: !hasher.is_same(plan, &x, &y),
                });
            }
        }
    }

    /// The key itself: behind the pointer, where the slot holds one.
    fn value<'b>(&self, slots: &SlotLayout, stored: &'b [u8]) -> Result<Cow<'b, [u8]>, KeyHash>
    where
        'a: 'b,
    {
        if !slots.indirect_key {
            return Ok(Cow::Borrowed(stored));
        }
        let ptr = Addr(self.mem.abi.uptr(stored, 0).unwrap_or(0));
        let size = self.graph.get(slots.key).size;
        self.mem.bytes(ptr, size).map_err(KeyHash::Fault)
    }

    /// Looks at the cells of evacuated chains: in a grow to twice the size one bit of the hash tells to
    /// which half an entry was moved. Where buckets hold pointers the keys may be cleared, and nothing can
    /// be said. Source: `runtime/map.go`, `evacuate`, up to go1.23.
    fn halves(
        &self,
        c: &ClassicImage<'_>,
        image: &MapImage<'_>,
        plan: &Plan,
        hasher: &mut KeyHasher<'_, '_, 'a>,
        facts: &mut KeyFacts,
    ) {
        let Some(old) = &c.old else { return };
        if image.slots.has_pointers || c.hmap.flags & Hmap::SAME_SIZE_GROW != 0 {
            return;
        }
        let seed = u64::from(c.hmap.hash0);
        for b in old.buckets() {
            if old.evacuated(b.chain) != Some(true) {
                continue;
            }
            for (cell, mark) in (0u8..).zip(b.tophash()) {
                let upper = match mark {
                    tophash::EVACUATED_X => false,
                    tophash::EVACUATED_Y => true,
                    _ => continue,
                };
                let Some(key) = image.slots.key(b.bytes, u64::from(cell)) else {
                    continue;
                };
                let KeyHash::Known(hash) = hasher.hash(plan, key, seed) else {
                    continue;
                };
                if (hash & old.main.claimed != 0) != upper {
                    facts.wrong_half_total = facts.wrong_half_total.saturating_add(1);
                    if facts.wrong_half.len() < MAX_FINDINGS_PER_RULE {
                        let place = Place::Cell {
                            old: true,
                            chain: b.chain,
                            position: b.position,
                            cell,
                        };
                        facts.wrong_half.push((place, mark));
                    }
                }
            }
        }
    }

    /// What the descriptor says, against the type: the same for all maps of one type, unless somebody asks
    /// what would be if memory were other than it is.
    pub(super) fn facts(&self, key_type: &KeyType, slots: &SlotLayout) -> SharedFacts {
        let make = || SharedFacts::from(self.descriptor(key_type, slots));
        if !self.hashers.is_of(self.mem) {
            return make();
        }
        let number = slots.map_type.0;
        let known = self.layouts.facts.get_or_make(number, make);
        known.cloned().unwrap_or_default()
    }

    /// Holds what the descriptor says against the type.
    fn descriptor(&self, key_type: &KeyType, slots: &SlotLayout) -> TypeFacts {
        let mut out = TypeFacts {
            addr: key_type.descriptor,
            hasher: key_type.hasher.clone(),
            ..TypeFacts::default()
        };
        let (Some(at), Some(bound)) = (key_type.descriptor, self.layouts.map_type.as_ref()) else {
            return out;
        };
        let Ok(bytes) = self.mem.bytes(at, bound.size) else {
            return out;
        };
        let read = |name: &str| {
            let f = bound.field(name)?;
            self.mem
                .abi
                .uint(&bytes, usize::try_from(f.off).ok()?, f.size)
        };
        let classic = bound.field("BucketSize").is_some();
        // Source: `internal/abi/map.go` (`map_noswiss.go`, `map_swiss.go`), the flags of `MapType`.
        let bits: u64 = if classic { 0b11 } else { 0b1100 };
        let (key_bit, elem_bit) = if classic { (1, 2) } else { (4, 8) };
        let flags = read("Flags");
        let indirect = u64::from(slots.indirect_key)
            .saturating_mul(key_bit)
            .saturating_add(u64::from(slots.indirect_elem).saturating_mul(elem_bit));
        for (field, claimed, found) in [
            ("KeySize", read("KeySize"), slots.key_size),
            ("ValueSize", read("ValueSize"), slots.elem_size),
            ("BucketSize", read("BucketSize"), slots.size),
            ("GroupSize", read("GroupSize"), slots.size),
            ("Flags", flags.map(|f| f & bits), indirect),
        ] {
            out.wrong.extend(
                claimed
                    .filter(|c| *c != found)
                    .map(|claimed| (field, claimed, found)),
            );
        }
        // Source: the same, `MapReflexiveKey`.
        out.reflexive = flags.filter(|_| classic).map(|f| f & 4 != 0);
        out
    }
}

impl KeyFacts {
    /// Adds what hashing the next key gave.
    fn add(&mut self, hash: KeyHash, gaps: &mut Gaps) {
        if let KeyHash::Fault(fault) = hash
            && !fault.why.is_the_process()
        {
            gaps.push("key", fault);
        }
        if hash.known().is_none() {
            self.odd.push((self.hashes.len() as u64, hash));
        }
        self.hashes.push(hash.known().unwrap_or(0));
    }
}

impl MapImage<'_> {
    /// The seed of the map's hashes; `None` when the header could not be read.
    pub fn seed(&self) -> Option<u64> {
        match &self.body {
            Body::Classic(c) => Some(u64::from(c.hmap.hash0)),
            Body::Swiss(s) => Some(s.map.seed),
            Body::Unreadable => None,
        }
    }

    /// The tophash or control byte that an entry of this hash has.
    pub fn mark_of(&self, hash: u64) -> u8 {
        match &self.body {
            Body::Classic(_) => place::tophash(self.abi, hash),
            Body::Swiss(_) | Body::Unreadable => place::h2(hash),
        }
    }
}
