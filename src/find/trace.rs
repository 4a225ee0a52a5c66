//! From roots through typed memory to every map they lead to.
//! In: the program, its types and memory, and roots one after another. Out: the maps, each once, with the
//! chain of places that led there. A worklist, no recursion on what the process holds; breadth first,
//! so that the first way to a map is the shortest from its kind of root.
//! Over 400 lines in one file: following a word is one case distinction over what it can be.

use crate::base::addr::Addr;
use crate::base::bytes::all_zero;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::base::limits::BYTES_PER_NODE;
use crate::base::limits::MAX_ELEMENTS;
use crate::base::limits::MIN_NODES;
use crate::base::progress::Progress;
use crate::base::recent::Recent;
use crate::dwarf::index::Variable;
use crate::find::closure::Closures;
use crate::find::entries::MapPlans;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::FoundSyncMap;
use crate::find::found::Node;
use crate::find::found::Reach;
use crate::find::found::Root;
use crate::find::found::Sure;
use crate::find::found::Via;
use crate::find::found::Ways;
use crate::find::known::Known;
use crate::find::nodes::Role;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::plan::Plan;
use crate::find::plan::Plans;
use crate::find::sudogs::Sudogs;
use crate::find::visited::Covered;
use crate::find::visited::Visited;
use crate::maps::image::Half;
use crate::maps::reader::MapReader;
use crate::maps::syncmap::read_sync_map;
use crate::runtime::claims::Bound;
use crate::runtime::claims::HCHAN;
use crate::runtime::modules::Modules;
use crate::runtime::typemeta::Dynamic;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::collections::HashMap;

/// Slices with fewer elements are looked at again when met again: their words are marked anyway.
const COVER_FROM: u64 = 16;

/// Shards of one pool: one for each P, of which there are at most 2^10 in old versions and as many as
/// processors in new ones.
const MAX_SHARDS: u64 = 1 << 20;

/// Bytes of elements that are passed over together when all of them are zero.
const ZEROS: usize = 1024;

/// Gaps of the search that are kept in full.
const MAX_KEPT_GAPS: usize = 16;

/// The struct of a pool's shard. Source: `sync/pool.go`, `poolLocal`, all versions.
const SHARD: &str = "sync.poolLocal";

/// Searches.
pub(crate) struct Tracer<'t, 'v, 'a> {
    pub(crate) reader: MapReader<'v, 'a>,
    pub(crate) graph: &'v TypeGraph<'v>,
    pub(crate) plans: Plans<'v, 'v>,
    pub(crate) map_plans: MapPlans,
    closures: Closures<'t, 'v, 'a>,
    hchan: Option<Bound>,
    sudogs: Sudogs,
    progress: &'t dyn Progress,
    visited: Visited,
    covered: HashMap<(TypeId, u64), Covered>,
    /// By header, the map's position in `found.maps`.
    pub(crate) known: Known<'v, 'a>,
    known_sync_maps: HashMap<Addr, usize>,
    /// By first word, and whether that is a descriptor: what interfaces hold.
    dynamics: Recent<(Addr, bool), Option<Dynamic>>,
    max_nodes: u64,
    /// The next node to be looked at.
    next: u32,
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
        let dumped = reader.program.mem.coverage().dumped;
        Tracer {
            closures: Closures::new(reader.program, modules),
            hchan: HCHAN.bind(&reader.program),
            sudogs: Sudogs::bind(&reader.program),
            plans: Plans::new(graph, reader.program.type_named(SHARD)),
            map_plans: MapPlans::default(),
            max_nodes: (dumped / BYTES_PER_NODE).saturating_add(MIN_NODES),
            known: Known::new(reader.heap.spans(), dumped),
            visited: Visited::new(reader.program.mem.abi.word()),
            reader,
            graph,
            progress,
            covered: HashMap::new(),
            known_sync_maps: HashMap::new(),
            dynamics: Recent::default(),
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
        let node = self.next_node();
        self.push(Node {
            parent: u32::MAX,
            ty,
            addr,
            count,
            via,
        });
        node
    }

    /// The number that the next node will have.
    fn next_node(&self) -> u32 {
        u32::try_from(self.found.nodes().len()).unwrap_or(u32::MAX)
    }

    /// Follows what lies at a place that was found; ends when nothing new comes up.
    pub(crate) fn drain(&mut self) {
        while self.step() {
            if self.next.is_multiple_of(4096) {
                self.progress.at(self.found.maps.len() as u64);
            }
        }
    }

    /// Looks at the next node; false when there is none.
    fn step(&mut self) -> bool {
        let Some(node) = self.found.nodes().get(self.next) else {
            return false;
        };
        self.expand(self.next, node);
        self.next = self.next.saturating_add(1);
        true
    }

    /// Looks at no more than so many places.
    pub(crate) fn limit(&mut self, nodes: usize) {
        self.max_nodes = self.max_nodes.min(nodes as u64);
    }

    /// The same as `drain`, but it ends when the map at `header` is met; whether it was.
    pub(crate) fn drain_until(&mut self, header: Addr) -> bool {
        while !self.known.has(header) {
            if !self.step() {
                return false;
            }
        }
        true
    }

    /// The result.
    pub(crate) fn finish(mut self) -> Found {
        self.found.capture_names = self.closures.into_names();
        self.found
    }

    pub(crate) fn push(&mut self, node: Node) {
        self.push_as(node, Role::Values);
    }

    fn push_as(&mut self, node: Node, role: Role) {
        if (self.found.nodes().len() as u64) >= self.max_nodes {
            self.found.cut_short = true;
            return;
        }
        self.found.maps.nodes.push_as(node, role);
    }

    /// The role of a node that a map's header of this type is: `Header`, if it is a map's type.
    fn role_of(&self, ty: TypeId, dead: bool) -> Role {
        match (self.plans.outline(ty).is_map, dead) {
            (false, _) => Role::Values,
            (true, false) => Role::Header,
            (true, true) => Role::DeadHeader,
        }
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
        match self.found.nodes().role(idx) {
            Role::Header => return self.expand_map(idx, node),
            Role::DeadHeader => return,
            Role::Values => {}
        }
        let outline = self.plans.outline(node.ty);
        let (plan, stride) = (&*outline.plan, outline.size);
        if plan.leaves.is_empty() || stride == 0 {
            return;
        }
        if node.count < COVER_FROM {
            self.expand_elements(idx, &node, plan, stride, (0, node.count));
            return;
        }
        let phase = node.addr.0.checked_rem(stride).unwrap_or(0);
        let end = node
            .addr
            .0
            .saturating_add(node.count.saturating_mul(stride));
        let fresh = self
            .covered
            .entry((outline.ty, phase))
            .or_default()
            .add(node.addr.0, end);
        for (from, to) in fresh {
            let at = |a: u64| {
                a.saturating_sub(node.addr.0)
                    .checked_div(stride)
                    .unwrap_or(0)
            };
            self.expand_elements(idx, &node, plan, stride, (at(from), at(to)));
        }
    }

    fn expand_elements(
        &mut self,
        idx: u32,
        node: &Node,
        plan: &Plan,
        stride: u64,
        (from, to): (u64, u64),
    ) {
        let mem = self.reader.program.mem;
        let first = node.addr.element(from, stride);
        let size = to.saturating_sub(from).checked_mul(stride);
        if let (Some(first), Some(size), Ok(step)) = (first, size, usize::try_from(stride))
            && let Ok(all) = mem.slice(first, size)
        {
            // All elements lie in one piece, as nearly always. A run of zeros leads nowhere; `runtime.mheap_.arenas`
            // alone is four million pointers, of which a handful is not nil.
            let words_only = plan.leaves.iter().all(Leaf::is_word);
            let together = ZEROS.checked_div(step).unwrap_or(0).max(1);
            let mut i = from;
            for block in all.chunks(step.saturating_mul(together)) {
                if words_only && to.saturating_sub(from) > 1 && all_zero(block) {
                    i = i.saturating_add(together as u64);
                    continue;
                }
                for bytes in block.chunks_exact(step) {
                    let base = i.saturating_mul(stride);
                    let at = Addr(node.addr.0.saturating_add(base));
                    self.follow_leaves(idx, plan, at, base, bytes);
                    i = i.saturating_add(1);
                }
            }
            return;
        }
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
                let Some(dynamic) = self.dynamic(first, empty) else {
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

    fn dynamic(&mut self, word: Addr, empty: bool) -> Option<Dynamic> {
        let meta = self.reader.meta;
        let known = self
            .dynamics
            .get((word, empty), || meta.dynamic(word, empty));
        known.copied().flatten()
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
        let known = match self.doubtful {
            true => self.known.get(header),
            false => self.known.enter(header, self.found.maps.len()),
        };
        if let Some(known) = known {
            self.found.maps.add_way(known, self.way);
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
        let node = self.next_node();
        let place = Node {
            parent,
            ty,
            addr: header,
            count: 1,
            via,
        };
        self.push_as(place, self.role_of(ty, false));
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
        let node = self.next_node();
        let Some(m) = self.found.maps.get(map) else {
            return;
        };
        let Some(old) = self.found.nodes().get(m.node) else {
            return;
        };
        self.way = m.ways.first();
        self.push_as(Node { ty, ..old }, self.role_of(ty, m.dead));
        let change = |m: &mut FoundMap| (m.ty, m.sure, m.node) = (ty, sure, node);
        self.found.maps.change(map, change);
    }

    /// Notes that the collector has given a map up: it is not followed.
    pub(crate) fn give_up(&mut self, map: usize) {
        if let Some(m) = self.found.maps.get(map) {
            let role = self.role_of(m.ty, true);
            self.found.maps.nodes.set_role(m.node, role);
            self.found.maps.change(map, |m| m.dead = true);
        }
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
        let node = self.next_node();
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
}
