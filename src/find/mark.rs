//! What the garbage collector would keep: from its own roots along every pointer word, types or not.
//! In: the heap's books, the modules' pointer bitmaps, the stacks' words. Out: for each map that only the
//! sweep found, whether it would be kept, and the word that leads to it.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_FUNCDATA;
use crate::base::progress::Progress;
use crate::find::found::Held;
use crate::find::found::Reach;
use crate::find::found::Root;
use crate::find::found::Via;
use crate::find::search::Grounds;
use crate::find::stacks::StackRoots;
use crate::find::trace::Tracer;
use crate::runtime::spans::Object;
use crate::runtime::spans::SlotState;
use crate::runtime::specials::SpecialKind;
use std::collections::HashMap;
use std::collections::HashSet;

/// Marks, and notes the outcome in the search's result. `swept`: the headers whose reach is wanted.
pub(crate) fn mark(
    grounds: &Grounds<'_, '_, '_>,
    tracer: &mut Tracer<'_, '_, '_>,
    stacks: &StackRoots,
    swept: &HashSet<Addr>,
    progress: &dyn Progress,
) {
    let spans = grounds.reader.heap.spans();
    let total = spans
        .list()
        .iter()
        .map(|s| s.elems)
        .fold(0u64, u64::saturating_add);
    progress.phase("telling garbage", Some(total));
    let mut marker = Marker {
        grounds,
        swept,
        marks: spans.list().iter().map(|s| bits(s.elems)).collect(),
        todo: Vec::new(),
        held: HashMap::new(),
        done: 0,
        progress,
    };
    marker.modules();
    for word in &stacks.words {
        marker.pointer(*word, None);
    }
    marker.specials();
    marker.drain();
    note(&marker, tracer);
}

/// A word that leads somewhere: in a module, or in an object.
#[derive(Clone, Copy)]
enum From {
    Module(Addr),
    Object(Object, Addr),
}

struct Marker<'m, 'v, 'a> {
    grounds: &'m Grounds<'m, 'v, 'a>,
    swept: &'m HashSet<Addr>,
    /// By span: a bit a slot.
    marks: Vec<Vec<u64>>,
    todo: Vec<Object>,
    /// By header: the first word that leads there.
    held: HashMap<Addr, Option<From>>,
    done: u64,
    progress: &'m dyn Progress,
}

fn bits(n: u64) -> Vec<u64> {
    vec![0; usize::try_from(n.div_ceil(64)).unwrap_or(0)]
}

impl Marker<'_, '_, '_> {
    /// A value that may be the address of an object.
    fn pointer(&mut self, value: Addr, from: Option<From>) {
        let Some(obj) = self.grounds.reader.heap.spans().object(value) else {
            return;
        };
        let word = usize::try_from(obj.slot / 64)
            .ok()
            .and_then(|i| self.marks.get_mut(obj.span)?.get_mut(i));
        let Some(word) = word else { return };
        let bit = 1u64.wrapping_shl(u32::try_from(obj.slot % 64).unwrap_or(0));
        if *word & bit != 0 {
            return;
        }
        *word |= bit;
        if self.swept.contains(&obj.start) {
            self.held.insert(obj.start, from);
        }
        self.todo.push(obj);
    }

    fn drain(&mut self) {
        let reader = &self.grounds.reader;
        let spans = reader.heap.spans();
        let mut words = Vec::new();
        while let Some(obj) = self.todo.pop() {
            self.done = self.done.saturating_add(1);
            if self.done.is_multiple_of(4096) {
                self.progress.at(self.done);
            }
            let noscan = spans.list().get(obj.span).is_none_or(|s| s.noscan);
            if noscan || spans.state(&obj) == Some(SlotState::Free) {
                continue;
            }
            words.clear();
            reader
                .heap
                .pointer_words(reader.meta, &obj, &mut |at| words.push(at));
            for at in &words {
                if let Ok(value) = reader.program.mem.read_addr(*at) {
                    self.pointer(value, Some(From::Object(obj, *at)));
                }
            }
        }
    }

    /// The pointer words of data and bss.
    fn modules(&mut self) {
        for m in &self.grounds.modules.list {
            self.bitmap(m.data, m.data_mask);
            self.bitmap(m.bss, m.bss_mask);
        }
    }

    fn bitmap(&mut self, range: AddrRange, mask: Addr) {
        let mem = self.grounds.reader.program.mem;
        let word = mem.abi.word();
        let words = range.size().checked_div(word).unwrap_or(0);
        if words > MAX_FUNCDATA.saturating_mul(8) {
            return;
        }
        let Ok(bits) = mem.bytes(mask, words.div_ceil(8)) else {
            return;
        };
        for i in 0..words {
            let byte = usize::try_from(i / 8).ok().and_then(|at| bits.get(at));
            if byte.is_none_or(|b| b >> (i % 8) & 1 == 0) {
                continue;
            }
            if let Some(at) = range.start.element(i, word)
                && let Ok(value) = mem.read_addr(at)
            {
                self.pointer(value, Some(From::Module(at)));
            }
        }
    }

    /// Finalizers and cleanups keep their functions and arguments, and what the object leads to.
    fn specials(&mut self) {
        let reader = &self.grounds.reader;
        for s in &self.grounds.specials.get().list {
            self.pointer(s.closure, None);
            match s.kind {
                SpecialKind::Cleanup { arg } => {
                    if let Some(arg) = arg {
                        self.pointer(arg, None);
                    }
                }
                SpecialKind::Finalizer { .. } => {
                    let Some(obj) = reader.heap.spans().object(s.object) else {
                        continue;
                    };
                    let mut words = Vec::new();
                    reader
                        .heap
                        .pointer_words(reader.meta, &obj, &mut |at| words.push(at));
                    for at in words {
                        if let Ok(value) = reader.program.mem.read_addr(at) {
                            self.pointer(value, Some(From::Object(obj, at)));
                        }
                    }
                }
            }
        }
    }
}

/// Writes the outcome into the search's result.
fn note(marker: &Marker<'_, '_, '_>, tracer: &mut Tracer<'_, '_, '_>) {
    let variables = marker.grounds.reader.program.index.variables();
    let slide = marker.grounds.reader.program.slide;
    let graph = marker.grounds.reader.program.graph;
    let mut by_addr: Vec<(Addr, u64, u32)> = variables
        .iter()
        .zip(0u32..)
        .map(|(v, i)| {
            let size = graph.get(crate::types::graph::TypeId(v.ty)).size;
            (v.addr.slid(slide), size, i)
        })
        .collect();
    by_addr.sort_unstable();
    let variable = |at: Addr| {
        let i = by_addr
            .partition_point(|(a, _, _)| *a <= at)
            .checked_sub(1)?;
        let (start, size, variable) = by_addr.get(i)?;
        let off = at.offset_from(*start).filter(|o| o < size)?;
        Some(Held::Variable {
            variable: *variable,
            off,
        })
    };
    let known: Vec<usize> = marker
        .swept
        .iter()
        .filter_map(|header| tracer.known.get(*header))
        .collect();
    let found = &mut tracer.found;
    for i in known {
        let Some(map) = found.maps.get(i) else {
            continue;
        };
        let held = marker.held.get(&map.addr);
        let reach = match held {
            Some(_) if !map.dead => Reach::UnknownPath,
            _ => Reach::Garbage,
        };
        found.maps.change(i, |m| m.reach = reach);
        let from = held.copied().flatten().and_then(|from| match from {
            From::Module(at) => variable(at),
            From::Object(obj, at) => Some(Held::Object {
                object: obj.start,
                off: at.offset_from(obj.start)?,
            }),
        });
        // The node above a map that the sweep began with is its root.
        let parent = found.nodes().get(map.node).map(|n| n.parent);
        let root = parent.and_then(|p| found.nodes().get(p)).map(|n| n.via);
        if let Some(Via::Root(r)) = root
            && let Some(Root::Swept { map: begun, held }) =
                usize::try_from(r).ok().and_then(|r| found.roots.get_mut(r))
            && *begun == map.addr
        {
            *held = from;
        }
    }
    for m in &mut found.sync_maps {
        if m.ways.has(crate::find::found::Ways::SWEEP) && m.ways.names().len() == 1 {
            m.reach = Reach::UnknownPath;
        }
    }
}
