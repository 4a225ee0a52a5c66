//! From roots through typed memory to every map they lead to.
//! In: the program, its types and memory, and roots one after another. Out: the maps, each once, with the
//! chain of places that led there. A worklist, no recursion on what the process holds; breadth first,
//! so that the first way to a map is the shortest from its kind of root.
//! Over 400 lines in one file: following a word is one case distinction over what it can be.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::base::limits::BYTES_PER_NODE;
use crate::base::limits::MAX_ELEMENTS;
use crate::base::limits::MIN_NODES;
use crate::base::progress::Progress;
use crate::dwarf::index::Variable;
use crate::find::closure::Closures;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::FoundSyncMap;
use crate::find::found::Node;
use crate::find::found::Rank;
use crate::find::found::Reach;
use crate::find::found::Root;
use crate::find::found::Sure;
use crate::find::found::Via;
use crate::find::found::Ways;
use crate::find::path::HEAD;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::plan::Plan;
use crate::find::plan::Plans;
use crate::find::sudogs::Sudogs;
use crate::find::visited::Covered;
use crate::find::visited::Visited;
use crate::maps::image::Body;
use crate::maps::image::Half;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::maps::reader::MapReader;
use crate::maps::syncmap::read_sync_map;
use crate::runtime::claims::Bound;
use crate::runtime::claims::HCHAN;
use crate::runtime::modules::Modules;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::rc::Rc;

/// Slices with fewer elements are looked at again when met again: their words are marked anyway.
const COVER_FROM: u64 = 16;

/// Shards of one pool: one for each P, of which there are at most 2^10 in old versions and as many as
/// processors in new ones.
const MAX_SHARDS: u64 = 1 << 20;

/// Gaps of the search that are kept in full.
const MAX_KEPT_GAPS: usize = 16;

/// The struct of a pool's shard. Source: `sync/pool.go`, `poolLocal`, all versions.
const SHARD: &str = "sync.poolLocal";

/// Searches.
pub(crate) struct Tracer<'t, 'v, 'a> {
    pub(crate) reader: MapReader<'v, 'a>,
    graph: &'v TypeGraph<'v>,
    pub(crate) plans: Plans<'v, 'v>,
    closures: Closures<'t, 'v, 'a>,
    hchan: Option<Bound>,
    sudogs: Sudogs,
    progress: &'t dyn Progress,
    visited: Visited,
    covered: HashMap<(TypeId, u64), Covered>,
    /// By header, the map's position in `found.maps`.
    pub(crate) known_maps: HashMap<Addr, usize>,
    known_sync_maps: HashMap<Addr, usize>,
    max_nodes: u64,
    /// The next node to be looked at.
    next: usize,
    /// How what is found now is found.
    way: Ways,
    /// What is followed now has a type that was guessed: maps it leads to wait in `pending`.
    pub(crate) doubtful: bool,
    pub(crate) pending: Vec<Led>,
    pub(crate) found: Found,
}

/// A map that something of a guessed type leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Led {
    pub(crate) parent: u32,
    pub(crate) ty: TypeId,
    pub(crate) header: Addr,
    pub(crate) via: Via,
}

impl<'t, 'v, 'a> Tracer<'t, 'v, 'a> {
    pub(crate) fn new(
        reader: MapReader<'v, 'a>,
        modules: &'t Modules,
        progress: &'t dyn Progress,
    ) -> Tracer<'t, 'v, 'a> {
        let graph = reader.program.graph;
        Tracer {
            closures: Closures::new(reader.program, modules),
            hchan: HCHAN.bind(&reader.program),
            sudogs: Sudogs::bind(&reader.program),
            plans: Plans::new(graph, reader.program.type_named(SHARD)),
            max_nodes: (reader.program.mem.coverage().dumped / BYTES_PER_NODE)
                .saturating_add(MIN_NODES),
            reader,
            graph,
            progress,
            visited: Visited::default(),
            covered: HashMap::new(),
            known_maps: HashMap::new(),
            known_sync_maps: HashMap::new(),
            next: 0,
            way: Ways::VARIABLE,
            doubtful: false,
            pending: Vec::new(),
            found: Found::default(),
        }
    }

    /// What is found from now on is found this way.
    pub(crate) fn by(&mut self, way: Ways) {
        self.way = way;
    }

    /// Makes every package variable a root.
    pub(crate) fn push_variables(&mut self) {
        let variables: &'v [Variable] = self.reader.program.index.variables();
        for (i, v) in (0u32..).zip(variables) {
            let view = self.reader.program.view_of(v);
            if self.plans.leads(view.ty) {
                self.push(Node {
                    parent: u32::MAX,
                    ty: view.ty,
                    addr: view.addr,
                    count: 1,
                    via: Via::Variable(i),
                });
            }
        }
    }

    /// Makes a value of type `ty` at `addr` a root. With `count` 0 it only stands for the start of a
    /// path. Returns its node.
    pub(crate) fn push_root(&mut self, root: Root, ty: TypeId, addr: Addr, count: u64) -> u32 {
        let via = Via::Root(u32::try_from(self.found.roots.len()).unwrap_or(u32::MAX));
        self.found.roots.push(root);
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        self.push(Node {
            parent: u32::MAX,
            ty,
            addr,
            count,
            via,
        });
        node
    }

    /// Follows what lies at a place that was found; ends when nothing new comes up.
    pub(crate) fn drain(&mut self) {
        while let Some(node) = self.found.nodes.get(self.next).copied() {
            self.expand(u32::try_from(self.next).unwrap_or(u32::MAX), node);
            self.next = self.next.saturating_add(1);
            if self.next.is_multiple_of(4096) {
                self.progress.at(self.found.maps.len() as u64);
            }
        }
    }

    /// Looks at no more than so many places.
    pub(crate) fn limit(&mut self, nodes: usize) {
        self.max_nodes = self.max_nodes.min(nodes as u64);
    }

    /// The same as `drain`, but it ends when the map at `header` is met; whether it was.
    pub(crate) fn drain_until(&mut self, header: Addr) -> bool {
        while !self.known_maps.contains_key(&header) {
            let Some(node) = self.found.nodes.get(self.next).copied() else {
                return false;
            };
            self.expand(u32::try_from(self.next).unwrap_or(u32::MAX), node);
            self.next = self.next.saturating_add(1);
        }
        true
    }

    /// The result.
    pub(crate) fn finish(mut self) -> Found {
        self.found.capture_names = self.closures.into_names();
        self.found
    }

    fn push(&mut self, node: Node) {
        if (self.found.nodes.len() as u64) >= self.max_nodes {
            self.found.cut_short = true;
            return;
        }
        let own = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        let above = usize::try_from(node.parent)
            .ok()
            .and_then(|p| self.found.ranks.get(p).copied());
        let depth = above.map_or(0, |a| a.depth.saturating_add(1));
        let head = above
            .filter(|_| usize::try_from(depth).is_ok_and(|d| d >= HEAD))
            .map_or(own, |a| a.head);
        self.found.ranks.push(Rank { depth, head });
        self.found.nodes.push(node);
    }

    pub(crate) fn gap(&mut self, fault: Fault) {
        // Memory that the process itself did not have holds no maps: nothing is missing.
        if fault.why.is_the_process() {
            return;
        }
        self.found.gaps_total = self.found.gaps_total.saturating_add(1);
        if self.found.gaps.len() < MAX_KEPT_GAPS {
            self.found.gaps.push(fault);
        }
    }

    /// Looks at the elements of a node.
    fn expand(&mut self, idx: u32, node: Node) {
        if let Kind::Map { .. } = self.graph.get(node.ty).kind
            && let Some(map) = self
                .known_maps
                .get(&node.addr)
                .and_then(|i| self.found.maps.get(*i))
            && map.node == idx
        {
            if !map.dead {
                self.expand_map(idx, node);
            }
            return;
        }
        let plan = self.plans.plan(node.ty);
        let stride = self.graph.get(node.ty).size;
        if plan.leaves.is_empty() || stride == 0 {
            return;
        }
        if node.count < COVER_FROM {
            self.expand_elements(idx, &node, &plan, stride, (0, node.count));
            return;
        }
        let phase = node.addr.0.checked_rem(stride).unwrap_or(0);
        let end = node
            .addr
            .0
            .saturating_add(node.count.saturating_mul(stride));
        let fresh = self
            .covered
            .entry((self.graph.strip(node.ty), phase))
            .or_default()
            .add(node.addr.0, end);
        for (from, to) in fresh {
            let at = |a: u64| {
                a.saturating_sub(node.addr.0)
                    .checked_div(stride)
                    .unwrap_or(0)
            };
            self.expand_elements(idx, &node, &plan, stride, (at(from), at(to)));
        }
    }

    fn expand_elements(
        &mut self,
        idx: u32,
        node: &Node,
        plan: &Rc<Plan>,
        stride: u64,
        (from, to): (u64, u64),
    ) {
        // Element by element as far as they lie in one piece; the bytes are borrowed, not copied.
        let mem = self.reader.program.mem;
        for i in from..to {
            let Some(at) = node.addr.element(i, stride) else {
                return;
            };
            match mem.bytes(at, stride) {
                Ok(bytes) => {
                    let base = i.saturating_mul(stride);
                    self.follow_leaves(idx, plan, at, base, &bytes);
                }
                Err(fault) => {
                    self.gap(fault);
                    if fault.why.is_the_process() {
                        return; // a length beyond the mapping: nothing behind it is an element
                    }
                }
            }
        }
    }

    /// Follows every place of one value. `base` is the value's offset in the node's memory.
    fn follow_leaves(&mut self, idx: u32, plan: &Plan, at: Addr, base: u64, bytes: &[u8]) {
        for leaf in &plan.leaves {
            let Some(slot) = at.checked_add(leaf.off) else {
                continue;
            };
            if leaf.is_word() && !self.visited.first(slot) {
                continue;
            }
            self.follow(idx, leaf, slot, base.saturating_add(leaf.off), bytes);
        }
    }

    /// Follows one place of a value: `bytes` are the value's, `slot` is where the place lies (nil for a
    /// value that lies nowhere, in registers), `off` its offset in the node's memory.
    pub(crate) fn follow(&mut self, idx: u32, leaf: &Leaf, slot: Addr, off: u64, bytes: &[u8]) {
        let abi = self.reader.program.mem.abi;
        let word_size = usize::from(abi.ptr_size);
        let at = usize::try_from(leaf.off).unwrap_or(usize::MAX);
        let word = |i: usize| {
            abi.uptr(bytes, at.saturating_add(i.saturating_mul(word_size)))
                .unwrap_or(0)
        };
        let first = Addr(word(0));
        let node = |ty, addr, count, via| Node {
            parent: idx,
            ty,
            addr,
            count,
            via,
        };
        match leaf.what {
            LeafKind::Map(ty) => self.found_map(idx, ty, first, Via::At(off)),
            LeafKind::Pointer(elem) if !first.is_nil() => {
                self.push(node(elem, first, 1, Via::At(off)))
            }
            LeafKind::Slice(elem) if !first.is_nil() => {
                let (len, cap) = (word(1), word(2));
                if len > cap || cap > MAX_ELEMENTS {
                    return;
                }
                if len > 0 {
                    self.push(node(elem, first, len, Via::At(off)));
                }
                let rest = cap.saturating_sub(len);
                if let Some(at) = first
                    .element(len, self.graph.get(elem).size)
                    .filter(|_| rest > 0)
                {
                    self.push(node(elem, at, rest, Via::Beyond { off, len }));
                }
            }
            LeafKind::Shards(shard) if !first.is_nil() && word(1) <= MAX_SHARDS => {
                self.push(node(shard, first, word(1), Via::At(off)))
            }
            LeafKind::Array { elem, len } if len <= MAX_ELEMENTS => {
                self.push(node(elem, slot, len, Via::At(off)))
            }
            LeafKind::Interface { empty } if !first.is_nil() => {
                let Some(dynamic) = self.reader.meta.dynamic(first, empty) else {
                    return;
                };
                if !self.plans.leads(dynamic.ty) {
                    return;
                }
                if dynamic.direct && slot.is_nil() {
                    let value = bytes
                        .get(at.saturating_add(word_size)..)
                        .unwrap_or_default();
                    for inner in &self.plans.plan(dynamic.ty).leaves {
                        self.follow(idx, inner, slot, off, value);
                    }
                    return;
                }
                let data = slot.checked_add(abi.word()).unwrap_or(Addr::NIL);
                let addr = if dynamic.direct { data } else { Addr(word(1)) };
                if !addr.is_nil() {
                    self.push(node(dynamic.ty, addr, 1, Via::Iface(off)));
                }
            }
            LeafKind::Chan(elem) if !first.is_nil() => self.follow_chan(idx, elem, first, off),
            LeafKind::Func if !first.is_nil() => self.follow_func(idx, first, off),
            LeafKind::SyncMap(ty) => self.found_sync_map(idx, ty, slot, off),
            _ => {}
        }
    }

    /// The elements waiting in a channel's buffer, oldest first.
    fn follow_chan(&mut self, idx: u32, elem: TypeId, chan: Addr, off: u64) {
        let mem = self.reader.program.mem;
        let Some(hchan) = &self.hchan else { return };
        let read = |name: &str| -> Result<u64, Fault> {
            let fault = Fault {
                addr: chan,
                size: 0,
                why: crate::base::fault::Why::Overflow,
            };
            let f = hchan.field(name).ok_or(fault)?;
            let bytes = mem.bytes(chan.checked_add(f.off).ok_or(fault)?, f.size)?;
            mem.abi.uint(&bytes, 0, f.size).ok_or(fault)
        };
        let fields = (|| {
            Ok((
                read("qcount")?,
                read("dataqsiz")?,
                Addr(read("buf")?),
                read("recvx")?,
            ))
        })();
        let (qcount, dataqsiz, buf, recvx) = match fields {
            Ok(f) => f,
            Err(fault) => return self.gap(fault),
        };
        if qcount > dataqsiz || recvx >= dataqsiz || dataqsiz > MAX_ELEMENTS {
            return;
        }
        self.follow_senders(idx, elem, chan, off);
        let stride = self.graph.get(elem).size;
        for i in 0..qcount {
            let at = recvx.saturating_add(i).checked_rem(dataqsiz).unwrap_or(0);
            if let Some(addr) = buf.element(at, stride) {
                self.push(Node {
                    parent: idx,
                    ty: elem,
                    addr,
                    count: 1,
                    via: Via::Recv { off, idx: i },
                });
            }
        }
    }

    /// The values that blocked senders wait to hand over.
    fn follow_senders(&mut self, idx: u32, elem: TypeId, chan: Addr, off: u64) {
        let senders = self.sudogs.senders(self.reader.program.mem, chan);
        for (addr, i) in senders.into_iter().zip(0u64..) {
            self.push(Node {
                parent: idx,
                ty: elem,
                addr,
                count: 1,
                via: Via::Send { off, idx: i },
            });
        }
    }

    /// The names of the variables that the function at `code` captured, and their places in its closure.
    pub(crate) fn captures_by_name(&mut self, code: Addr) -> Vec<(String, u64)> {
        self.closures.named(code)
    }

    /// Follows what a func value captured.
    pub(crate) fn follow_func(&mut self, idx: u32, closure: Addr, off: u64) {
        let code = match self.reader.program.mem.read_addr(closure) {
            Ok(code) => code,
            Err(fault) => return self.gap(fault),
        };
        // A closure in the binary itself is a function's code address and nothing else; one on the heap
        // ends with its object.
        let room = match self.reader.heap.home(closure) {
            Home::Module => 0,
            home => home.room_at(closure).unwrap_or(u64::MAX),
        };
        for (ty, at, name) in self.closures.captures(code) {
            let end = at.saturating_add(self.graph.get(ty).size);
            if let Some(addr) = closure
                .checked_add(at)
                .filter(|_| end <= room && self.plans.leads(ty))
            {
                self.push(Node {
                    parent: idx,
                    ty,
                    addr,
                    count: 1,
                    via: Via::Capture { off, name },
                });
            }
        }
    }

    /// A map word: a map the first time its header is met.
    pub(crate) fn found_map(&mut self, parent: u32, ty: TypeId, header: Addr, via: Via) {
        if header.is_nil() {
            return;
        }
        if let Some(known) = self.known_maps.get(&header) {
            if let Some(map) = self.found.maps.get_mut(*known) {
                map.ways.add(self.way);
            }
            return;
        }
        if self.doubtful {
            self.pending.push(Led {
                parent,
                ty,
                header,
                via,
            });
            return;
        }
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        self.known_maps.insert(header, self.found.maps.len());
        self.push(Node {
            parent,
            ty,
            addr: header,
            count: 1,
            via,
        });
        self.found.maps.push(FoundMap {
            addr: header,
            ty,
            node,
            ways: self.way,
            reach: Reach::Reachable,
            sure: Sure::Typed,
            dead: false,
        });
    }

    /// Gives a map that was found another type, and follows it once more.
    pub(crate) fn retype(&mut self, map: usize, ty: TypeId, sure: Sure) {
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        let Some(m) = self.found.maps.get_mut(map) else {
            return;
        };
        let old = usize::try_from(m.node)
            .ok()
            .and_then(|i| self.found.nodes.get(i).copied());
        let Some(old) = old else { return };
        (m.ty, m.sure, m.node, self.way) = (ty, sure, node, m.ways.first());
        self.push(Node { ty, ..old });
    }

    fn found_sync_map(&mut self, parent: u32, ty: TypeId, at: Addr, off: u64) {
        if self.doubtful {
            return; // nothing in its memory could confirm it
        }
        if let Some(known) = self.known_sync_maps.get(&at) {
            if let Some(map) = self.found.sync_maps.get_mut(*known) {
                map.ways.add(self.way);
            }
            return;
        }
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        self.known_sync_maps.insert(at, self.found.sync_maps.len());
        // The node stands for the path only: what it leads to is pushed here.
        self.push(Node {
            parent,
            ty,
            addr: at,
            count: 0,
            via: Via::At(off),
        });
        let view = self.reader.program.view(at, ty);
        let image = read_sync_map(&self.reader, view);
        for gap in &image.gaps.list {
            self.gap(gap.fault);
        }
        let any = self.reader.program.type_named("interface {}");
        for (key, value) in &image.entries {
            for (half, addr) in [(Half::Key, *key), (Half::Elem, *value)] {
                if let Some(any) = any {
                    let via = Via::SyncEntry { half, key: *key };
                    self.push(Node {
                        parent: node,
                        ty: any,
                        addr,
                        count: 1,
                        via,
                    });
                }
            }
        }
        for (name, header, ty) in &image.inner {
            self.found_map(node, *ty, *header, Via::Inner(name));
        }
        self.found.sync_maps.push(FoundSyncMap {
            addr: at,
            node,
            image,
            ways: self.way,
            reach: Reach::Reachable,
        });
    }

    /// Follows the entries of a map, if its keys or elems lead anywhere.
    fn expand_map(&mut self, idx: u32, node: Node) {
        let Some(slots) = self.reader.slots(node.ty) else {
            return;
        };
        let halves = [
            (Half::Key, slots.key, slots.indirect_key),
            (Half::Elem, slots.elem, slots.indirect_elem),
        ];
        let plans: Vec<_> = halves
            .iter()
            .filter(|(_, ty, _)| self.plans.leads(*ty))
            .map(|(half, ty, indirect)| (*half, *ty, *indirect, self.plans.plan(*ty)))
            .collect();
        if plans.is_empty() {
            return;
        }
        let image = self.reader.read(node.addr, slots.clone());
        for gap in &image.gaps.list {
            self.gap(gap.fault);
        }
        if !storage_is_sound(&image) {
            return; // what lies there is not this map's, so it leads nowhere
        }
        let mem = self.reader.program.mem;
        let abi = mem.abi;
        image.for_each_entry(|e| {
            let i = u64::from(e.idx);
            let (Some(key), Some(elem)) = (
                e.record_addr.checked_add(slots.key_off(i)),
                e.record_addr.checked_add(slots.elem_off(i)),
            ) else {
                return;
            };
            let pointee = |at: &[u8]| Addr(abi.uptr(at, 0).unwrap_or(0));
            let key_at = if slots.indirect_key {
                pointee(e.key)
            } else {
                key
            };
            for (half, ty, indirect, plan) in &plans {
                let stored = if *half == Half::Key { e.key } else { e.elem };
                let at = match (indirect, half) {
                    (true, _) => pointee(stored),
                    (false, Half::Key) => key,
                    (false, Half::Elem) => elem,
                };
                let via = Via::Entry {
                    half: *half,
                    key: key_at,
                };
                if *indirect
                    && self
                        .reader
                        .heap
                        .home(at)
                        .holds(at, self.graph.get(*ty).size)
                        == Some(false)
                {
                    continue; // a damaged pointer: what it leads to is not this map's
                }
                // A half that is one word holding a map needs no node of its own.
                if let [
                    Leaf {
                        off: 0,
                        what: LeafKind::Map(ty),
                    },
                ] = plan.leaves.as_slice()
                    && !indirect
                    && matches!(self.graph.get(*ty).kind, Kind::Map { .. })
                    && stored.len() == usize::from(abi.ptr_size)
                {
                    self.found_map(idx, *ty, pointee(stored), via);
                    continue;
                }
                self.push(Node {
                    parent: idx,
                    ty: *ty,
                    addr: at,
                    count: 1,
                    via,
                });
            }
        });
    }
}

/// Whether the allocator's books agree that the map's storage is where the header says. A damaged
/// storage pointer must not make maps of whatever bytes it points to.
fn storage_is_sound(image: &MapImage<'_>) -> bool {
    let is_sound = |home: Home, addr: Addr, size: u64| home.holds(addr, size) != Some(false);
    match &image.body {
        Body::Classic(c) => [&c.new, &c.old].into_iter().flatten().all(|a| {
            is_sound(
                a.main.home,
                a.main.addr,
                a.main.claimed.saturating_mul(a.main.stride),
            )
        }),
        Body::Swiss(s) => match &s.shape {
            Shape::Small(g) => is_sound(g.home, g.addr, g.stride),
            Shape::Tables(d) => d.tables.iter().all(|t| {
                t.groups
                    .as_ref()
                    .is_some_and(|g| is_sound(g.home, g.addr, g.claimed.saturating_mul(g.stride)))
            }),
            Shape::Empty => true,
            Shape::Nonsense => false,
        },
        Body::Unreadable => false,
    }
}
