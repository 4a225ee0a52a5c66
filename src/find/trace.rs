//! From the package variables through typed memory to every map they lead to.
//! In: the program, its types and memory. Out: the maps, each once, with the chain of places that led
//! there. A worklist, no recursion on what the process holds; breadth first, so that the first way to
//! a map is the shortest.
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
use crate::find::found::Via;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::plan::Plan;
use crate::find::plan::Plans;
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

/// Gaps of the search that are kept in full.
const MAX_KEPT_GAPS: usize = 16;

/// Searches.
pub(crate) struct Tracer<'t, 'v, 'a> {
    reader: MapReader<'v, 'a>,
    graph: &'v TypeGraph<'v>,
    plans: Plans<'v, 'v>,
    closures: Closures<'t, 'v, 'a>,
    hchan: Option<Bound>,
    visited: Visited,
    covered: HashMap<(TypeId, u64), Covered>,
    known_maps: HashMap<Addr, u32>,
    known_sync_maps: HashMap<Addr, u32>,
    max_nodes: u64,
    found: Found,
}

/// Finds every map that the package variables lead to.
pub fn trace(reader: MapReader<'_, '_>, modules: &Modules, progress: &dyn Progress) -> Found {
    let graph = reader.program.graph;
    let mut tracer = Tracer {
        closures: Closures::new(reader.program, modules),
        hchan: HCHAN.bind(&reader.program),
        reader,
        graph,
        plans: Plans::new(graph),
        visited: Visited::default(),
        covered: HashMap::new(),
        known_maps: HashMap::new(),
        known_sync_maps: HashMap::new(),
        max_nodes: (reader.program.mem.coverage().dumped / BYTES_PER_NODE)
            .saturating_add(MIN_NODES),
        found: Found::default(),
    };
    tracer.run(progress);
    tracer.found.capture_names = tracer.closures.into_names();
    tracer.found
}

impl<'t, 'v, 'a> Tracer<'t, 'v, 'a> {
    fn run(&mut self, progress: &dyn Progress) {
        progress.phase("finding maps", None);
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
        let mut next = 0usize;
        while let Some(node) = self.found.nodes.get(next).copied() {
            self.expand(u32::try_from(next).unwrap_or(u32::MAX), node);
            next = next.saturating_add(1);
            if next.is_multiple_of(4096) {
                progress.at(self.found.maps.len() as u64);
            }
        }
    }

    fn push(&mut self, node: Node) {
        if (self.found.nodes.len() as u64) < self.max_nodes {
            self.found.nodes.push(node);
        } else {
            self.found.cut_short = true;
        }
    }

    fn gap(&mut self, fault: Fault) {
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
            && self.known_maps.get(&node.addr) == Some(&idx)
        {
            self.expand_map(idx, node);
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
            // An array or sync.Map is a part of the value, not a word in it.
            let is_word = !matches!(leaf.what, LeafKind::Array { .. } | LeafKind::SyncMap(_));
            if is_word && !self.visited.first(slot) {
                continue;
            }
            self.follow(idx, leaf, slot, base.saturating_add(leaf.off), bytes);
        }
    }

    fn follow(&mut self, idx: u32, leaf: &Leaf, slot: Addr, off: u64, bytes: &[u8]) {
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
                if len > 0 && len <= cap && len <= MAX_ELEMENTS {
                    self.push(node(elem, first, len, Via::At(off)));
                }
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

    fn follow_func(&mut self, idx: u32, closure: Addr, off: u64) {
        let code = match self.reader.program.mem.read_addr(closure) {
            Ok(code) => code,
            Err(fault) => return self.gap(fault),
        };
        for (ty, at, name) in self.closures.captures(code) {
            if let Some(addr) = closure.checked_add(at).filter(|_| self.plans.leads(ty)) {
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
    fn found_map(&mut self, parent: u32, ty: TypeId, header: Addr, via: Via) {
        if header.is_nil() || self.known_maps.contains_key(&header) {
            return;
        }
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        self.known_maps.insert(header, node);
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
        });
    }

    fn found_sync_map(&mut self, parent: u32, ty: TypeId, at: Addr, off: u64) {
        if self.known_sync_maps.contains_key(&at) {
            return;
        }
        let node = u32::try_from(self.found.nodes.len()).unwrap_or(u32::MAX);
        self.known_sync_maps.insert(at, node);
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
        let any = self.any_type(ty);
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
        });
    }

    /// `interface {}` as a type of the graph.
    fn any_type(&self, _sync_map: TypeId) -> Option<TypeId> {
        self.reader.program.type_named("interface {}")
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
