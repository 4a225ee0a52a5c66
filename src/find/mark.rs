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
use crate::find::marks::Marks;
use crate::find::marks::Spot;
use crate::find::search::Grounds;
use crate::find::stacks::StackRoots;
use crate::find::trace::Tracer;
use crate::runtime::spans::Object;
use crate::runtime::specials::SpecialKind;
use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;

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
        marks: Marks::new(spans, swept),
        todo: Vec::new(),
        patterns: HashMap::new(),
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

/// A word that leads somewhere: in a module, or in the object that begins at an address.
#[derive(Clone, Copy)]
enum From {
    Module(Addr),
    Object(Addr, Addr),
}

struct Marker<'m, 'v, 'a> {
    grounds: &'m Grounds<'m, 'v, 'a>,
    swept: &'m HashSet<Addr>,
    marks: Marks<'m, 'a>,
    todo: Vec<Spot>,
    /// By the descriptor in front of an object, and the object's size: where its pointers are.
    patterns: HashMap<(u64, u64), Rc<[u64]>>,
    /// By header: the first word that leads there.
    held: HashMap<Addr, Option<From>>,
    done: u64,
    progress: &'m dyn Progress,
}

impl Marker<'_, '_, '_> {
    /// A value that may be the address of an object.
    fn pointer(&mut self, value: Addr, from: Option<From>) {
        let Some(spot) = self.marks.first(value) else {
            return;
        };
        if let Some(header) = self.marks.wanted(spot)
            && self.swept.contains(&header)
        {
            self.held.insert(header, from);
        }
        self.todo.push(spot);
    }

    fn drain(&mut self) {
        let mut words = Vec::new();
        while let Some(spot) = self.todo.pop() {
            self.done = self.done.saturating_add(1);
            if self.done.is_multiple_of(4096) {
                self.progress.at(self.done);
            }
            if self.held.len() == self.marks.wanted_headers() {
                return; // whatever else is kept, nobody asks
            }
            if let Some(obj) = self.marks.scannable(spot) {
                self.scan(&obj, &mut words);
            }
        }
    }

    /// Follows the pointers of an object. `words` is room for their offsets.
    fn scan(&mut self, obj: &Object, words: &mut Vec<u64>) {
        let mem = self.grounds.reader.program.mem;
        let word = mem.abi.word();
        let bytes = mem.slice(obj.start, obj.size).ok();
        if let Some(mut mask) = self.grounds.reader.heap.pointer_mask(obj) {
            while mask != 0 {
                let off = u64::from(mask.trailing_zeros()).saturating_mul(word);
                self.word(obj, bytes, off);
                mask &= mask.wrapping_sub(1);
            }
            return;
        }
        let pattern = self.pattern(obj, words);
        for off in pattern.as_deref().unwrap_or(words) {
            self.word(obj, bytes, *off);
        }
    }

    /// Follows the word at an offset of an object. `bytes` are the object's, where they lie in one piece.
    fn word(&mut self, obj: &Object, bytes: Option<&[u8]>, off: u64) {
        let mem = self.grounds.reader.program.mem;
        let at = Addr(obj.start.0.saturating_add(off));
        let value = match (bytes, usize::try_from(off)) {
            (Some(bytes), Ok(off)) => mem.abi.uptr(bytes, off).map(Addr),
            _ => mem.read_addr(at).ok(),
        };
        if let Some(value) = value {
            self.pointer(value, Some(From::Object(obj.start, at)));
        }
    }

    /// Where the pointers of a larger object are: one pattern for all of a size whose headers have the same
    /// descriptor; of others it is put into `words`.
    fn pattern(&mut self, obj: &Object, words: &mut Vec<u64>) -> Option<Rc<[u64]>> {
        let reader = &self.grounds.reader;
        let is_described = obj.start != obj.slot_start;
        let key = is_described
            .then(|| reader.program.mem.read_uptr(obj.slot_start).ok())
            .flatten()
            .map(|descriptor| (descriptor, obj.size));
        if let Some(known) = key.and_then(|key| self.patterns.get(&key)) {
            return Some(known.clone());
        }
        words.clear();
        reader.heap.pointer_words(reader.meta, obj, &mut |at| {
            words.push(at.0.saturating_sub(obj.start.0));
        });
        let pattern: Rc<[u64]> = words.as_slice().into();
        self.patterns.insert(key?, pattern.clone());
        Some(pattern)
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
        for s in &self.grounds.specials.list {
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
                            self.pointer(value, Some(From::Object(obj.start, at)));
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
            From::Object(object, at) => Some(Held::Object {
                object,
                off: at.offset_from(object)?,
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
