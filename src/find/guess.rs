//! The type of a map that nothing typed leads to: told by its storage.
//! In: a header, read strictly. Out: the types of the program that fit, and how sure that is. What the
//! allocator recorded decides; else size class, pointer pattern, and every slot must be what the type
//! says it is.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::word_mask;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::find::extent::Extent;
use crate::find::found::Sure;
use crate::find::guard::Guard;
use crate::find::headers::Header;
use crate::find::headers::read_header;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::search::Grounds;
use crate::maps::image::Body;
use crate::maps::image::MapImage;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::runtime::liveslots::StackObject;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

/// Entries of one map whose pointers are followed to what they lead to.
const MAX_FOLLOWED: u64 = 256;
/// Pointers of one key or elem that are followed.
const MAX_REFS: usize = 64;
/// A type a map may have.
struct Candidate {
    ty: TypeId,
    slots: Arc<SlotLayout>,
    /// The descriptor of its buckets or groups, if there is one.
    storage: Option<Addr>,
}

/// Candidates, each with how many of the pointers are evidence for it.
type Scored<'t> = Vec<(u64, &'t Candidate)>;

/// Types whose storage looks alike to the allocator.
struct Group {
    /// Bytes of a bucket or group.
    size: u64,
    has_pointers: bool,
    /// Offsets of the pointers in it.
    words: Vec<u64>,
    types: Vec<usize>,
}

/// Guesses types.
pub(crate) struct Guesser<'c, 'v, 'a> {
    grounds: &'c Grounds<'c, 'v, 'a>,
    types: Vec<Candidate>,
    groups: Vec<Group>,
    guard: Guard<'c, 'v, 'a>,
    by_storage: HashMap<Addr, Vec<usize>>,
}

/// What a header may be of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Guess {
    pub(crate) sure: Sure,
    /// The types that fit, at least one.
    pub(crate) types: Vec<TypeId>,
    /// The first of them was suggested by what leads to the map.
    pub(crate) suggested: bool,
}

impl<'c, 'v, 'a> Guesser<'c, 'v, 'a> {
    pub(crate) fn new(grounds: &'c Grounds<'c, 'v, 'a>) -> Guesser<'c, 'v, 'a> {
        let graph = grounds.reader.program.graph;
        let mut known = grounds.reader.meta.map_types();
        known.extend(graph.added().into_iter().map(|(ty, at)| (at, ty)));
        known.sort_unstable_by_key(|(at, ty)| (*ty, *at));
        known.dedup_by_key(|(_, ty)| *ty);
        let mut out = Guesser {
            grounds,
            types: Vec::new(),
            groups: Vec::new(),
            guard: Guard::new(grounds),
            by_storage: HashMap::new(),
        };
        let mut groups: HashMap<(u64, bool, Vec<u64>), Vec<usize>> = HashMap::new();
        for (descriptor, ty) in known {
            if !matches!(graph.declared(ty).kind, Kind::Map { .. })
                || is_shape(&graph.declared(ty).name)
            {
                continue;
            }
            let Some(slots) = grounds.reader.slots(ty) else {
                continue;
            };
            let storage = grounds.reader.meta.map_storage(descriptor);
            let i = out.types.len();
            if let Some(storage) = storage {
                out.by_storage.entry(storage).or_default().push(i);
            }
            let key = (slots.size, slots.has_pointers, out.record_words(&slots));
            groups.entry(key).or_default().push(i);
            out.types.push(Candidate { ty, slots, storage });
        }
        out.groups = groups
            .into_iter()
            .map(|((size, has_pointers, words), types)| Group {
                size,
                has_pointers,
                words,
                types,
            })
            .collect();
        out.groups
            .sort_by(|a, b| (a.size, &a.types).cmp(&(b.size, &b.types)));
        out
    }

    /// Offsets of the pointers in one bucket or group.
    fn record_words(&self, slots: &SlotLayout) -> Vec<u64> {
        let program = &self.grounds.reader.program;
        let word = program.mem.abi.word();
        if !slots.has_pointers {
            return Vec::new();
        }
        let elem = if slots.indirect_elem {
            vec![0]
        } else {
            program.graph.pointer_words(slots.elem, word)
        };
        let mut out = Vec::new();
        for i in 0..SLOTS {
            let (key_at, elem_at) = (slots.key_off(i), slots.elem_off(i));
            out.extend(slots.key_ptr_words.iter().map(|w| w.saturating_add(key_at)));
            out.extend(elem.iter().map(|w| w.saturating_add(elem_at)));
        }
        out.extend(slots.overflow_off);
        out.sort_unstable();
        out
    }

    /// The types that fit the map at `addr`. `dead`: the collector has given it up, and with it its
    /// storage. `stack`: the memory of the stack that the header lies on, if it does; `objects`: what lies
    /// on that.
    pub(crate) fn guess(
        &self,
        addr: Addr,
        header: &Header,
        dead: bool,
        objects: &[StackObject],
        stack: AddrRange,
    ) -> Option<Guess> {
        let extents: Vec<Extent> = header
            .storage
            .iter()
            .map(|a| Extent::of(self.grounds, a, dead, objects, stack))
            .collect::<Option<_>>()?;
        let recorded = extents.iter().find_map(|e| match e {
            Extent::Heap { recorded, .. } => *recorded,
            Extent::Stack { .. } | Extent::Frame => None,
        });
        let considered: Vec<usize> = match recorded {
            Some(storage) => self.by_storage.get(&storage)?.clone(),
            None => self
                .groups
                .iter()
                .filter(|g| self.fits(g, header, &extents))
                .flat_map(|g| g.types.iter().copied())
                .collect(),
        };
        let scored: Scored<'_> = considered
            .iter()
            .filter_map(|i| self.types.get(*i))
            .filter(|c| recorded.is_none() || c.storage == recorded)
            .filter_map(|c| Some((self.slots_fit(addr, header, c, dead)?, c)))
            .collect();
        let scored = self.hashing(addr, scored);
        // Where pointers lead just to what one type says, the types they merely do not contradict are out.
        let best = scored.iter().map(|(score, _)| *score).max()?;
        let fitting: Vec<&Candidate> = scored
            .into_iter()
            .filter(|(score, _)| *score == best)
            .map(|(_, c)| c)
            .collect();
        let first = fitting.first()?;
        let same =
            |c: &&Candidate| (c.slots.key, c.slots.elem) == (first.slots.key, first.slots.elem);
        let sure = if recorded.is_some() || fitting.iter().all(same) {
            Sure::Inferred
        } else {
            Sure::Ambiguous
        };
        Some(Guess {
            sure,
            types: fitting.iter().map(|c| c.ty).collect(),
            suggested: false,
        })
    }

    /// Of types under which all keys hash to their marks, and others, only the former. A wrong type passes
    /// once in 128 keys or rarer; the right one always does, but a NaN says nothing for or against one.
    fn hashing<'t>(&self, addr: Addr, scored: Scored<'t>) -> Scored<'t> {
        if scored.len() < 2 {
            return scored;
        }
        let reader = &self.grounds.reader;
        let counts: Vec<(u64, u64)> = scored
            .iter()
            .map(|(_, c)| reader.sample_keys(addr, c.slots.clone(), MAX_FOLLOWED))
            .collect();
        if !counts.iter().any(|(right, all)| right == all && *all > 0) {
            return scored;
        }
        scored
            .into_iter()
            .zip(counts)
            .filter(|(_, (right, all))| right == all)
            .map(|(candidate, _)| candidate)
            .collect()
    }

    fn fits(&self, group: &Group, header: &Header, extents: &[Extent]) -> bool {
        let word = self.grounds.reader.program.mem.abi.word();
        header.storage.iter().zip(extents).all(|(array, extent)| {
            let Some(bytes) = array.records.checked_mul(group.size) else {
                return false;
            };
            match extent {
                Extent::Heap {
                    slot,
                    noscan,
                    pattern,
                    ..
                } => {
                    let class = self
                        .grounds
                        .reader
                        .heap
                        .slot_size(bytes, group.has_pointers);
                    *noscan != group.has_pointers
                        && class == Some(*slot)
                        && pattern.as_ref().is_none_or(|p| {
                            let first = p.iter().take_while(|w| **w < group.size);
                            first.eq(group.words.iter())
                        })
                }
                Extent::Frame => !group.has_pointers,
                Extent::Stack { size, mask } => {
                    let want = word_mask(&group.words, word);
                    *size == bytes && mask.is_none_or(|m| m == want)
                }
            }
        })
    }

    /// Whether every slot is what the type says, and there are as many live ones as the header says: how
    /// many of the pointers are evidence for the type.
    fn slots_fit(&self, addr: Addr, header: &Header, c: &Candidate, dead: bool) -> Option<u64> {
        let reader = &self.grounds.reader;
        let image = if dead {
            reader.read(addr, c.slots.clone())
        } else {
            reader.read_for_check(addr, c.slots.clone())
        };
        if !image.gaps.is_empty() || image.bad_refs_total > 0 || !storage_is_whole(&image) {
            return None;
        }
        let (mut live, mut score) = (0u64, 0u64);
        let mut odd = false;
        let bool_at = |ty: TypeId, indirect: bool| {
            !indirect && matches!(reader.program.graph.get(ty).kind, Kind::Bool)
        };
        let (key_bool, elem_bool) = (
            bool_at(c.slots.key, c.slots.indirect_key),
            bool_at(c.slots.elem, c.slots.indirect_elem),
        );
        let refs = |ty: TypeId, indirect: bool| {
            let mut out = Vec::new();
            if !indirect && !dead {
                self.collect_refs(ty, 0, 0, &mut out);
            }
            out
        };
        let (key_refs, elem_refs) = (
            refs(c.slots.key, c.slots.indirect_key),
            refs(c.slots.elem, c.slots.indirect_elem),
        );
        image.for_each_entry(|e| {
            live = live.saturating_add(1);
            let not_bool = |b: &[u8]| b.first().is_some_and(|b| *b > 1);
            odd |= key_bool && not_bool(e.key) || elem_bool && not_bool(e.elem);
            if live <= MAX_FOLLOWED && !odd {
                odd |= !self.refs_lead(e.key, &key_refs) || !self.refs_lead(e.elem, &elem_refs);
                let exact = self
                    .exact(e.key, &key_refs)
                    .saturating_add(self.exact(e.elem, &elem_refs));
                score = score.saturating_add(exact);
            }
        });
        let whole = live.abs_diff(header.len) <= u64::from(header.writing);
        (!odd && whole).then_some(score)
    }

    /// The words of a value that lead somewhere, with what they lead to.
    fn collect_refs(&self, ty: TypeId, base: u64, depth: u32, out: &mut Vec<Leaf>) {
        if depth > MAX_TYPE_DEPTH || out.len() >= MAX_REFS {
            return;
        }
        let graph = self.grounds.reader.program.graph;
        let deeper = depth.saturating_add(1);
        let t = graph.get(ty);
        let mut leaf = |what| out.push(Leaf { off: base, what });
        match &t.kind {
            _ if t.size == 0 => {}
            Kind::Map { .. } => leaf(LeafKind::Map(ty)),
            Kind::Pointer { elem: Some(elem) } => leaf(LeafKind::Pointer(*elem)),
            Kind::Slice { elem } => leaf(LeafKind::Slice(*elem)),
            Kind::Chan { elem } => leaf(LeafKind::Chan(*elem)),
            Kind::Func => leaf(LeafKind::Func),
            Kind::Struct { fields } => {
                for f in fields {
                    self.collect_refs(f.ty, base.saturating_add(f.off), deeper, out);
                }
            }
            Kind::Array { elem, len } => {
                let stride = graph.get(*elem).size;
                for i in 0..(*len).min(MAX_REFS as u64) {
                    let at = base.saturating_add(i.saturating_mul(stride));
                    self.collect_refs(*elem, at, deeper, out);
                }
            }
            // Strings and interfaces were looked at while the map was read.
            _ => {}
        }
    }

    fn exact(&self, bytes: &[u8], refs: &[Leaf]) -> u64 {
        let exact = refs.iter().filter(|leaf| self.guard.is_exact(leaf, bytes));
        exact.count() as u64
    }

    /// What a map is that something of a guessed type leads to; `suggested`: what that says it is.
    pub(crate) fn confirm(&self, addr: Addr, suggested: TypeId) -> Option<Guess> {
        if !self.guard.is_header_at(addr) {
            return None;
        }
        let header = read_header(&self.grounds.reader, addr)?;
        let mut guess = self.guess(addr, &header, false, &[], AddrRange::default())?;
        // The suggestion leads, where it is one of those that fit.
        guess.types.sort_by_key(|ty| *ty != suggested);
        guess.suggested = guess.types.first() == Some(&suggested);
        Some(guess)
    }

    /// Whether these words of a value are nil, or lead to what their types say.
    fn refs_lead(&self, bytes: &[u8], refs: &[Leaf]) -> bool {
        let abi = self.grounds.reader.program.mem.abi;
        refs.iter().all(|leaf| {
            let at = usize::try_from(leaf.off).unwrap_or(usize::MAX);
            abi.uptr(bytes, at) == Some(0)
                || self.guard.agrees(leaf, bytes, AddrRange::default(), &[])
        })
    }
}

/// Types of generic code, which no map has at run time. Source: `cmd/compile/internal/noder`, shapes.
pub(crate) fn is_shape(name: &str) -> bool {
    name.contains("go.shape.")
}

/// Whether all of the storage could be read, and is linked as it must be.
fn storage_is_whole(image: &MapImage<'_>) -> bool {
    match &image.body {
        Body::Classic(c) => [&c.new, &c.old]
            .into_iter()
            .flatten()
            .all(|a| a.is_complete()),
        Body::Swiss(s) => match &s.shape {
            Shape::Small(g) => g.is_complete(),
            Shape::Tables(d) => {
                d.is_complete()
                    && d.tables
                        .iter()
                        .all(|t| t.groups.as_ref().is_some_and(|g| g.is_complete()))
            }
            Shape::Empty | Shape::Nonsense => false,
        },
        Body::Unreadable => false,
    }
}
