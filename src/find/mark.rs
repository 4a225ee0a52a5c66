//! What the garbage collector would keep: from its own roots along every pointer word, types or not.
//! In: the heap's books, the modules' pointer bitmaps, the stacks' words. Out: for each map that only the
//! sweep found, whether it would be kept, and the word that leads to it.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_FUNCDATA;
use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::find::found::Held;
use crate::find::found::Reach;
use crate::find::found::Root;
use crate::find::found::Via;
use crate::find::marks::Marks;
use crate::find::marks::Spot;
use crate::find::search::Grounds;
use crate::find::spread::From;
use crate::find::spread::Hits;
use crate::find::spread::Shared;
use crate::find::spread::Task;
use crate::find::trace::Tracer;
use crate::runtime::specials::SpecialKind;
use rayon::prelude::ParallelIterator;
use rayon::prelude::ParallelSlice;
use std::collections::HashMap;
use std::collections::HashSet;

/// What the mark needs that is known when the search ends. While there are maps that only the sweep found, the
/// search's result does not say whether the collector would keep them, nor what holds them.
#[derive(Default, Debug)]
pub struct Unmarked {
    /// The headers of these maps.
    swept: HashSet<Addr>,
    /// Their numbers.
    numbers: Vec<usize>,
    /// Words of stacks and registers that may be the address of an object of the heap.
    words: Vec<Addr>,
}

impl Unmarked {
    pub(crate) fn new(
        tracer: &Tracer<'_, '_, '_>,
        swept: HashSet<Addr>,
        words: Vec<Addr>,
    ) -> Unmarked {
        let known = |header: &Addr| tracer.known.get(*header);
        Unmarked {
            numbers: swept.iter().filter_map(known).collect(),
            swept,
            words,
        }
    }

    /// Whether this is the header of such a map.
    pub fn has(&self, header: Addr) -> bool {
        self.swept.contains(&header)
    }

    /// The numbers of these maps.
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// Marks, and notes the outcome in the search's result. Nothing to do where the sweep found nothing.
    pub fn mark(&self, grounds: &Grounds<'_, '_, '_>, found: &mut Found, progress: &dyn Progress) {
        if !self.swept.is_empty() {
            mark(grounds, found, self, progress);
        }
    }
}

fn mark(
    grounds: &Grounds<'_, '_, '_>,
    found: &mut Found,
    unmarked: &Unmarked,
    progress: &dyn Progress,
) {
    let swept = &unmarked.swept;
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
        held: HashMap::new(),
        progress,
    };
    marker.roots(&unmarked.words);
    if !marker.all_held() && !marker.spread() {
        // Of two words that lead to one map the first counts, and which that is only one order tells.
        marker.marks.clear();
        marker.held.clear();
        marker.roots(&unmarked.words);
        marker.in_order();
    }
    note(&marker, found, &unmarked.numbers);
}

/// Objects that a task looks at before it hands back what is left, and those it begins with.
const TASK: usize = 1 << 14;
const BEGIN: usize = 1 << 9;

struct Marker<'m, 'v, 'a> {
    grounds: &'m Grounds<'m, 'v, 'a>,
    swept: &'m HashSet<Addr>,
    marks: Marks<'m, 'a>,
    todo: Vec<Spot>,
    /// By header: the first word that leads there.
    held: HashMap<Addr, Option<From>>,
    progress: &'m dyn Progress,
}

impl Marker<'_, '_, '_> {
    /// A value of a root that may be the address of an object.
    fn pointer(&mut self, value: Addr, from: Option<From>) {
        let Some(spot) = self.marks.spot(value) else {
            return;
        };
        if !self.marks.first(spot) {
            return;
        }
        if let Some(header) = self.wanted(spot) {
            self.held.insert(header, from);
        }
        self.todo.push(spot);
    }

    fn wanted(&self, spot: Spot) -> Option<Addr> {
        let header = self.marks.wanted(spot)?;
        self.swept.contains(&header).then_some(header)
    }

    /// Whatever else is kept, nobody asks.
    fn all_held(&self) -> bool {
        self.held.len() == self.marks.wanted_headers()
    }

    fn roots(&mut self, words: &[Addr]) {
        self.todo.clear();
        self.modules();
        for word in words {
            self.pointer(*word, None);
        }
        self.specials();
    }

    /// Marks all that the roots lead to, on all processors. False if a header that no root holds is held by more
    /// than one word.
    fn spread(&mut self) -> bool {
        let mut todo = std::mem::take(&mut self.todo);
        let (mut hits, mut done) = (Hits::new(), 0u64);
        while !todo.is_empty() {
            let marker = self.shared();
            let tasks: Vec<(Vec<Spot>, Hits, u64)> = todo
                .par_chunks(BEGIN)
                .map(|begin| {
                    let mut task = Task {
                        todo: begin.to_vec(),
                        ..Task::default()
                    };
                    marker.run(&mut task, TASK);
                    (task.todo, task.hits, task.done)
                })
                .collect();
            todo.clear();
            for (left, hit, n) in tasks {
                todo.extend(left);
                done = done.saturating_add(n);
                for (header, (from, n)) in hit {
                    let (_, all) = hits.entry(header).or_insert((from, 0));
                    *all = all.saturating_add(n);
                }
            }
            self.progress.at(done);
        }
        let held = &self.held;
        let open: Vec<(Addr, (From, u64))> = hits
            .into_iter()
            .filter(|(header, _)| !held.contains_key(header))
            .collect();
        let one_each = open.iter().all(|(_, (_, n))| *n == 1);
        self.hold(open);
        one_each
    }

    /// The same in one order: what is met last is followed first.
    fn in_order(&mut self) {
        let mut task = Task {
            todo: std::mem::take(&mut self.todo),
            ..Task::default()
        };
        while !task.todo.is_empty() && !self.all_held() {
            self.shared().run(&mut task, TASK);
            self.progress.at(task.done);
            let hits = std::mem::take(&mut task.hits);
            self.hold(hits);
        }
    }

    fn hold(&mut self, hits: impl IntoIterator<Item = (Addr, (From, u64))>) {
        for (header, (from, _)) in hits {
            self.held.entry(header).or_insert(Some(from));
        }
    }

    fn shared(&self) -> Shared<'_, '_, '_> {
        Shared {
            reader: self.grounds.reader,
            swept: self.swept,
            marks: &self.marks,
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
                            self.pointer(value, Some(From::Object(obj.start, at)));
                        }
                    }
                }
            }
        }
    }
}

/// Writes the outcome into the search's result.
fn note(marker: &Marker<'_, '_, '_>, found: &mut Found, numbers: &[usize]) {
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
    for i in numbers.iter().copied() {
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
