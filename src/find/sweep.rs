//! The maps that nothing typed leads to: held by a bare word of a stack or register, lying on a stack, or
//! found by looking at every object of the header's size that the allocator has.
//! In: the heap's spans, the stacks' words. Out: maps, each with its type as sure as it can be; and those
//! of them that no stack holds, for the mark to judge.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::progress::Progress;
use crate::find::found::Root;
use crate::find::found::Sure;
use crate::find::found::Via;
use crate::find::found::Ways;
use crate::find::guard::HeaderShape;
use crate::find::guess::Guess;
use crate::find::guess::Guesser;
use crate::find::guess::is_shape;
use crate::find::headers::read_header;
use crate::find::mapset::Maps;
use crate::find::search::Grounds;
use crate::find::stacks::Holder;
use crate::find::stacks::StackRoots;
use crate::find::taken::taken_by_known;
use crate::find::trace::Tracer;
use crate::runtime::spans::Object;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A map that only the sweep found.
#[derive(Clone, Debug)]
struct Swept {
    header: Addr,
    storage: Vec<Addr>,
    guess: Guess,
    dead: bool,
}

/// Finds them, and follows them through `tracer`. Returns the headers of those whose reach is not known.
pub(crate) fn sweep<'t, 'v, 'a>(
    grounds: &Grounds<'_, 'v, 'a>,
    tracer: &mut Tracer<'t, 'v, 'a>,
    stacks: &StackRoots,
    progress: &dyn Progress,
) -> HashSet<Addr> {
    let mut sweep = Sweep {
        grounds,
        guesser: Guesser::new(grounds),
        often: Frequency::of(&tracer.found.maps),
        tracer,
    };
    sweep.retype_shapes();
    sweep.on_stacks(stacks);
    sweep.held_by_stacks(&stacks.holders);
    sweep.on_the_heap(progress)
}

struct Sweep<'s, 't, 'v, 'a> {
    grounds: &'s Grounds<'s, 'v, 'a>,
    guesser: Guesser<'s, 'v, 'a>,
    often: Frequency,
    tracer: &'s mut Tracer<'t, 'v, 'a>,
}

impl Sweep<'_, '_, '_, '_> {
    /// Maps that generic code leads to have the shape of a type for a type: their storage tells the type.
    fn retype_shapes(&mut self) {
        let graph = self.grounds.reader.program.graph;
        let is_shape = |ty: TypeId| is_shape(&graph.declared(ty).name);
        if !self.often.seen.keys().any(|ty| is_shape(*ty)) {
            return;
        }
        let mut shapes: HashMap<TypeId, bool> = HashMap::new();
        let mut last = None;
        for i in 0..self.tracer.found.maps.len() {
            let Some(map) = self.tracer.found.maps.get(i) else {
                break;
            };
            let is_shape = match last {
                Some((ty, known)) if ty == map.ty => known,
                _ => *shapes.entry(map.ty).or_insert_with(|| is_shape(map.ty)),
            };
            last = Some((map.ty, is_shape));
            if !is_shape {
                continue;
            }
            let guess = read_header(&self.grounds.reader, map.addr)
                .and_then(|h| self.guesser.guess(map.addr, &h, false, &[], NO_STACK));
            let Some((ty, sure, types)) = guess.and_then(|g| self.often.choose(self.grounds, g))
            else {
                continue;
            };
            self.tracer.retype(i, ty, sure);
            self.note_alternatives(map.addr, types);
            self.follow(true);
        }
    }

    /// Headers that lie in a frame, and that no variable's name led to.
    fn on_stacks(&mut self, stacks: &StackRoots) {
        self.tracer.by(Ways::STACK);
        for h in &stacks.headers {
            if self.tracer.known.has(h.header) {
                continue;
            }
            let guess = read_header(&self.grounds.reader, h.header).and_then(|read| {
                self.guesser
                    .guess(h.header, &read, false, &h.objects, h.stack)
            });
            if let Some(guess) = guess {
                self.add(h.header, h.root.clone(), guess, false);
            }
        }
    }

    /// Headers of the heap that a word of a stack or a register holds.
    fn held_by_stacks(&mut self, holders: &[Holder]) {
        // Words with a type beside them first: what they lead to is typed.
        let mut order: Vec<&Holder> = holders.iter().collect();
        order.sort_by_key(|h| h.ty.is_none());
        for h in order {
            self.tracer.by(h.way);
            if let Some(known) = self.tracer.known.get(h.header) {
                self.tracer.found.maps.add_way(known, h.way);
                continue;
            }
            let Some(read) = read_header(&self.grounds.reader, h.header) else {
                continue;
            };
            let typed = h.ty.filter(|ty| self.grounds.reader.slots(*ty).is_some());
            let guess = self.guesser.guess(h.header, &read, false, &[], NO_STACK);
            let fits = |ty: &TypeId| guess.as_ref().is_some_and(|g| g.types.contains(ty));
            let guess = match typed.filter(|ty| h.live || fits(ty)) {
                Some(ty) => Some(Guess {
                    sure: Sure::Typed,
                    types: vec![ty],
                    suggested: false,
                }),
                None => guess,
            };
            if let Some(guess) = guess {
                self.add(h.header, h.root.clone(), guess, false);
            }
        }
    }

    /// Every allocated object of the header's size and pattern that looks like a map, and was not found.
    fn on_the_heap(&mut self, progress: &dyn Progress) -> HashSet<Addr> {
        self.tracer.by(Ways::SWEEP);
        let mut swept = look(&self.guesser, self.grounds, self.tracer, progress);
        if swept.is_empty() {
            return HashSet::new();
        }
        let mut claims: HashMap<Addr, u32> = HashMap::new();
        for addr in swept.iter().flat_map(|s| &s.storage) {
            let n = claims.entry(*addr).or_default();
            *n = n.saturating_add(1);
        }
        let taken = taken_by_known(self.grounds, &self.tracer.found.maps, &claims);
        // Of two that claim the same storage one is left over from before, or a copy that is just being made.
        swept.retain(|s| {
            s.storage
                .iter()
                .all(|a| !taken.contains(a) && claims.get(a) == Some(&1))
        });
        // What is sure and leads to other maps first: they are then found with a type and a way to them.
        swept.sort_by_cached_key(|s| {
            let vague = s.guess.sure == Sure::Ambiguous;
            (s.dead, vague, !self.leads(s), s.header)
        });
        let mut out = HashSet::new();
        for s in swept {
            if self.tracer.known.has(s.header) {
                continue;
            }
            let before = self.tracer.found.maps.len();
            let root = Root::Swept {
                map: s.header,
                held: None,
            };
            self.add(s.header, root, s.guess, s.dead);
            let maps = &self.tracer.found.maps;
            let new = (before..maps.len()).filter_map(|i| maps.get(i));
            out.extend(new.map(|m| m.addr));
        }
        out
    }

    /// Whether the first type that fits leads to other maps.
    fn leads(&self, s: &Swept) -> bool {
        let first = s.guess.types.first();
        let slots = first.and_then(|ty| self.grounds.reader.slots(*ty));
        let plans = &self.tracer.plans;
        slots.is_some_and(|l| plans.leads(l.key) || plans.leads(l.elem))
    }

    /// Adds a map that was guessed, and follows it unless the collector has given it up.
    fn add(&mut self, header: Addr, root: Root, guess: Guess, dead: bool) {
        let Some((ty, sure, types)) = self.often.choose(self.grounds, guess) else {
            return;
        };
        let idx = self.tracer.push_root(root, ty, Addr::NIL, 0);
        self.tracer.found_map(idx, ty, header, Via::At(0));
        let last = self.tracer.found.maps.len().saturating_sub(1);
        let added = self.tracer.found.maps.get(last);
        if added.is_some_and(|m| m.addr == header) {
            self.tracer.found.maps.change(last, |m| m.sure = sure);
            if dead {
                self.tracer.give_up(last);
            }
        }
        self.note_alternatives(header, types);
        self.follow(sure != Sure::Typed);
    }

    /// Follows what was added. What a guessed type leads to is itself confirmed before it counts.
    fn follow(&mut self, doubtful: bool) {
        self.tracer.doubtful = doubtful;
        self.tracer.drain();
        while let Some(led) = self.tracer.pending.pop() {
            let known = self.tracer.known.has(led.header);
            let guess = if known {
                None
            } else {
                self.guesser.confirm(led.header, led.ty)
            };
            let chosen = guess.and_then(|g| self.often.choose(self.grounds, g));
            self.tracer.doubtful = false;
            if let Some((ty, sure, types)) = chosen {
                self.tracer.found_map(led.parent, ty, led.header, led.via);
                let last = self.tracer.found.maps.len().saturating_sub(1);
                self.tracer.found.maps.change(last, |m| m.sure = sure);
                self.note_alternatives(led.header, types);
            } else if known {
                self.tracer
                    .found_map(led.parent, led.ty, led.header, led.via);
            }
            self.tracer.doubtful = doubtful;
            self.tracer.drain();
        }
        self.tracer.doubtful = false;
    }

    fn note_alternatives(&mut self, header: Addr, types: Vec<TypeId>) {
        if types.len() > 1 {
            self.tracer.found.alternatives.insert(header, types);
        }
    }
}

/// Types with larger numbers are counted one by one.
const MAX_COUNTED: usize = 1 << 22;

/// For headers that lie on no stack.
const NO_STACK: AddrRange = AddrRange {
    start: Addr::NIL,
    end: Addr::NIL,
};

/// Looks at the heap, on all processors.
fn look(
    guesser: &Guesser<'_, '_, '_>,
    grounds: &Grounds<'_, '_, '_>,
    tracer: &Tracer<'_, '_, '_>,
    progress: &dyn Progress,
) -> Vec<Swept> {
    let shape = HeaderShape::of(grounds);
    let reader = &grounds.reader;
    let spans = reader.heap.spans();
    let known = &tracer.known;
    let wanted: Vec<usize> = spans
        .list()
        .iter()
        .enumerate()
        .filter(|(_, s)| !s.manual && !s.noscan && s.elem_size == shape.slot && shape.slot > 0)
        .map(|(i, _)| i)
        .collect();
    progress.phase("sweeping the heap", Some(wanted.len() as u64));
    let done = AtomicU64::new(0);
    let lists: Vec<Vec<Swept>> = wanted
        .into_par_iter()
        .map(|i| {
            let mut out = Vec::new();
            let mut one = |obj: Object, dead: bool| {
                if known.has_object(&obj) || reader.heap.pointer_mask(&obj) != Some(shape.mask) {
                    return;
                }
                let swept = read_header(reader, obj.start).and_then(|read| {
                    Some(Swept {
                        header: obj.start,
                        storage: read.storage.iter().map(|a| a.addr).collect(),
                        guess: guesser.guess(obj.start, &read, dead, &[], NO_STACK)?,
                        dead,
                    })
                });
                out.extend(swept);
            };
            spans.for_each_allocated(i, |obj| one(obj, false));
            spans.for_each_dead(i, |obj| one(obj, true));
            progress.at(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
            out
        })
        .collect();
    lists.into_iter().flatten().collect()
}

/// How many maps of each type were found with a type of their own: of several that fit, the most
/// frequent one is shown.
struct Frequency {
    seen: HashMap<TypeId, u64>,
}

impl Frequency {
    fn of(maps: &Maps) -> Frequency {
        let mut seen: HashMap<TypeId, u64> = HashMap::new();
        let mut dense: Vec<u64> = Vec::new();
        for m in maps {
            let i = usize::try_from(m.ty.0).unwrap_or(usize::MAX);
            if i < MAX_COUNTED && dense.len() <= i {
                dense.resize(i.saturating_add(1), 0);
            }
            let n = match dense.get_mut(i) {
                Some(n) => n,
                None => seen.entry(m.ty).or_default(),
            };
            *n = n.saturating_add(1);
        }
        let counted = (0u32..).map(TypeId).zip(dense);
        seen.extend(counted.filter(|(_, n)| *n > 0));
        Frequency { seen }
    }

    /// The type to show, how sure it is, and all that fit, that one first.
    fn choose(
        &self,
        grounds: &Grounds<'_, '_, '_>,
        guess: Guess,
    ) -> Option<(TypeId, Sure, Vec<TypeId>)> {
        let graph = grounds.reader.program.graph;
        let mut types = guess.types;
        let suggested = types.first().copied().filter(|_| guess.suggested);
        types.sort_by_key(|ty| {
            let n = self.seen.get(ty).copied().unwrap_or(0);
            let name = &graph.declared(*ty).name;
            // Of types that differ in name only, the one without a name of its own.
            let named = guess.sure != Sure::Ambiguous && !name.starts_with("map[");
            (Some(*ty) != suggested, named, Reverse(n), name.clone())
        });
        let first = *types.first()?;
        Some((first, guess.sure, types))
    }
}
