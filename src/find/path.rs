//! Owner paths: how a Go program would write the way from a variable to a map.
//! In: the nodes of a search. Out: text in Go's syntax, keys shown as the caller wants them.
//! Over 400 lines in one file: a step of the way is one case distinction over what it can be.

use crate::base::addr::Addr;
use crate::base::digits::Digits;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::base::recent::Recent;
use crate::dwarf::index::Variable;
use crate::find::found::Found;
use crate::find::found::Held;
use crate::find::found::Node;
use crate::find::found::Rank;
use crate::find::found::Root;
use crate::find::found::Via;
use crate::find::plan::UNROLL;
use crate::maps::image::Half;
use crate::maps::syncmap::atomic_pointer_elem;
use crate::maps::syncmap::is_sync_map;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::fmt::Write;

/// Longest chain of places that is written out.
const MAX_STEPS: usize = 64;
/// How many of them are the start.
pub(crate) const HEAD: usize = 32;
/// How many are the end.
const TAIL: usize = MAX_STEPS - HEAD;

/// Writes owner paths.
pub struct Paths<'p, 'l> {
    /// The search's result.
    pub found: &'p Found,
    /// The types.
    pub graph: &'p TypeGraph<'l>,
    /// The package variables.
    pub variables: &'p [Variable],
    /// Shows a key of a type, given its address.
    pub key: &'p (dyn Fn(TypeId, Addr) -> String + Sync),
    /// `interface {}`, the key type of a `sync.Map`.
    pub any: Option<TypeId>,
}

/// Takes what is written only to see where it leads.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

/// How the elements of the place reached so far are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One value: fields follow directly.
    One,
    /// Elements of a slice or array: an index comes first.
    Indexed,
    /// The same, but the first of them is not element 0.
    From(u64),
    /// A variable captured by reference: the pointer to it is not written.
    Captured,
}

/// The way to the place whose maps are written one after another, and what was written for it.
#[derive(Default)]
pub struct Above {
    path: String,
    /// From the root: the places on the way.
    steps: Vec<Step>,
    written: Written,
}

/// A place of which the way is written.
struct Step {
    node: u32,
    place: Node,
    shape: Shape,
    /// Bytes of the path up to here; `None` where something was written in front of it since.
    end: Option<usize>,
}

/// The fields that were written last, by type and offset.
type Written = Recent<(TypeId, u64), Fields>;

/// What leads to an offset inside a value.
struct Fields {
    /// As Go writes it.
    text: String,
    /// The type found there.
    ty: TypeId,
}

impl Paths<'_, '_> {
    /// The owner path of a node, written to `out`. What is above it is remembered, as the next map often has the
    /// same places above it.
    pub fn write_owner(&self, node: u32, above: &mut Above, out: &mut String) {
        out.clear();
        let Some(n) = self.node(node).filter(|n| !self.is_lost(n)) else {
            return;
        };
        if n.parent == u32::MAX || self.depth(node).saturating_add(1) > MAX_STEPS {
            out.push_str(&self.way(node));
            return;
        }
        self.go_to(n.parent, above);
        out.push_str(&above.path);
        if let Some(last) = above.steps.last() {
            let (shape, parent) = (last.shape, Some(&last.place));
            self.step((out, &mut above.written), shape, parent, &n);
        }
    }

    /// Writes the way to a place, as far as it is another than the last.
    fn go_to(&self, node: u32, above: &mut Above) {
        let mut fresh: Vec<(u32, Node)> = Vec::new();
        let (mut at, mut common) = (node, 0);
        while let Some(place) = self.node(at).filter(|_| fresh.len() < MAX_STEPS) {
            let depth = self.depth(at);
            let known = above.steps.get(depth);
            if known.is_some_and(|step| step.node == at && step.end.is_some()) {
                common = depth.saturating_add(1);
                break;
            }
            fresh.push((at, place));
            at = place.parent;
        }
        above.steps.truncate(common);
        let end = above.steps.last().and_then(|step| step.end);
        above.path.truncate(end.unwrap_or(0));
        for (node, place) in fresh.into_iter().rev() {
            let last = above.steps.last();
            let (shape, parent) = (last.map_or(Shape::One, |s| s.shape), last.map(|s| &s.place));
            let to = (&mut above.path, &mut above.written);
            let (shape, in_front) = self.step(to, shape, parent, &place);
            if in_front {
                above.steps.iter_mut().for_each(|step| step.end = None);
            }
            above.steps.push(Step {
                node,
                place,
                shape,
                end: Some(above.path.len()),
            });
        }
    }

    /// The owner path of a node: the shortest way from a root. Empty for a map that nothing leads to.
    pub fn owner(&self, node: u32) -> String {
        let lost = self.node(node).is_some_and(|n| self.is_lost(&n));
        if lost { String::new() } else { self.way(node) }
    }

    /// Whether a node is a map that only the sweep found, and that nothing holds.
    fn is_lost(&self, n: &Node) -> bool {
        let Via::At(_) = n.via else { return false };
        let Some(Via::Root(root)) = self.node(n.parent).map(|p| p.via) else {
            return false;
        };
        matches!(self.root(root), Some(Root::Swept { held: None, .. }))
    }

    pub(super) fn root(&self, i: u32) -> Option<&Root> {
        self.found.roots.get(usize::try_from(i).ok()?)
    }

    fn way(&self, node: u32) -> String {
        let long = self.depth(node).saturating_add(1) > MAX_STEPS;
        let mut path = String::new();
        let (mut shape, mut parent) = (Shape::One, None);
        let mut written = Written::default();
        if long {
            // Of a long chain (a linked list) the start and the end are written, and only they are looked at.
            for n in self.chain(self.head(node), HEAD) {
                (shape, _) = self.step((&mut path, &mut written), shape, parent.as_ref(), &n);
                parent = Some(n);
            }
            let skipped = self.depth(node).saturating_add(1).saturating_sub(MAX_STEPS);
            let _ = write!(path, ".…({skipped} more)…");
            let mut end = self.chain(node, TAIL.saturating_add(2)).into_iter();
            let (above, first) = (end.next(), end.next());
            if let Some(first) = first {
                (shape, parent) = (self.shape_after(above.as_ref(), &first), Some(first));
            }
            for n in end {
                (shape, _) = self.step((&mut path, &mut written), shape, parent.as_ref(), &n);
                parent = Some(n);
            }
            return path;
        }
        for n in self.chain(node, MAX_STEPS) {
            (shape, _) = self.step((&mut path, &mut written), shape, parent.as_ref(), &n);
            parent = Some(n);
        }
        path
    }

    /// The last `n` nodes of the way to a node, in order.
    fn chain(&self, node: u32, n: usize) -> Vec<Node> {
        let mut out = Vec::new();
        let mut at = node;
        while let Some(node) = self.node(at).filter(|_| out.len() < n) {
            out.push(node);
            at = node.parent;
        }
        out.reverse();
        out
    }

    pub(super) fn node(&self, i: u32) -> Option<Node> {
        self.found.nodes().get(i)
    }

    fn rank(&self, i: u32) -> Rank {
        self.found.nodes().rank(i).unwrap_or_default()
    }

    /// Nodes above a node.
    fn depth(&self, node: u32) -> usize {
        usize::try_from(self.rank(node).depth).unwrap_or(usize::MAX)
    }

    fn head(&self, node: u32) -> u32 {
        self.rank(node).head
    }

    /// Writes one step. How what comes next is written, and whether something was written in front of the path.
    fn step(
        &self,
        (path, written): (&mut String, &mut Written),
        shape: Shape,
        parent: Option<&Node>,
        n: &Node,
    ) -> (Shape, bool) {
        let mut descend =
            |path: &mut String, off| self.descend((path, written), shape, parent, off);
        let shape = match n.via {
            Via::Variable(i) => {
                let name = usize::try_from(i)
                    .ok()
                    .and_then(|i| self.variables.get(i))
                    .map(|v| v.name.as_str());
                path.push_str(name.unwrap_or("?"));
                Shape::One
            }
            Via::Root(i) => self.begin(path, i, n),
            Via::Beyond { off, len } => {
                descend(path, off);
                path.push_str("[:cap]");
                Shape::From(len)
            }
            Via::At(off) => {
                let at = descend(path, off);
                let captured = shape == Shape::Captured;
                let shape = at.map_or(Shape::One, |t| self.shape_of(t));
                let is_pointer =
                    at.is_some_and(|t| matches!(self.graph.get(t).kind, Kind::Pointer { .. }));
                let to_struct = || matches!(self.graph.get(n.ty).kind, Kind::Struct { .. });
                if is_pointer && !captured && !to_struct() {
                    path.insert_str(0, "(*");
                    path.push(')');
                    return (shape, true);
                }
                shape
            }
            Via::Iface(off) => {
                descend(path, off);
                let _ = write!(path, ".({})", self.graph.declared(n.ty).name);
                Shape::One
            }
            Via::Recv { off, idx } => {
                descend(path, off);
                let _ = write!(path, ".recv({idx})");
                Shape::One
            }
            Via::Send { off, idx } => {
                descend(path, off);
                let _ = write!(path, ".send({idx})");
                Shape::One
            }
            Via::Capture { off, name } => {
                descend(path, off);
                let name = usize::try_from(name)
                    .ok()
                    .and_then(|i| self.found.capture_names.get(i));
                let name = name.map_or("?", String::as_str);
                let by_reference = name.starts_with('&');
                let _ = write!(path, ".(func).{}", name.trim_start_matches('&'));
                if by_reference {
                    Shape::Captured
                } else {
                    Shape::One
                }
            }
            Via::Entry { half, key } => {
                let key_type = parent.and_then(|p| match self.graph.get(p.ty).kind {
                    Kind::Map { key, .. } => Some(key),
                    _ => None,
                });
                let text = key_type.map_or_else(|| "?".into(), |t| (self.key)(t, key));
                let _ = match half {
                    Half::Elem => write!(path, "[{text}]"),
                    Half::Key => write!(path, ".key({text})"),
                };
                Shape::One
            }
            Via::SyncEntry { half, key } => {
                let text = self.any.map_or_else(|| "?".into(), |t| (self.key)(t, key));
                let _ = match half {
                    Half::Elem => write!(path, ".Load({text})"),
                    Half::Key => write!(path, ".key({text})"),
                };
                Shape::One
            }
            Via::Inner(name) => {
                let _ = write!(path, ".{name}");
                Shape::One
            }
        };
        (shape, false)
    }

    /// Whether the elements of `n` are written with an index: it came from a slice, or from an array
    /// that was not unrolled.
    fn shape_after(&self, parent: Option<&Node>, n: &Node) -> Shape {
        let Via::At(off) = n.via else {
            return Shape::One;
        };
        let Some(parent) = parent else {
            return Shape::One;
        };
        let stride = self.graph.get(parent.ty).size.max(1);
        let found = self.fields(
            &mut Nowhere,
            parent.ty,
            off.checked_rem(stride).unwrap_or(0),
        );
        self.shape_of(found)
    }

    /// The same of what lies where the way leads on.
    fn shape_of(&self, found: TypeId) -> Shape {
        match self.graph.get(found).kind {
            Kind::Slice { .. } | Kind::Array { .. } => Shape::Indexed,
            // The shards of a sync.Pool: an array behind an unsafe.Pointer.
            Kind::Pointer { elem: None } => Shape::Indexed,
            _ => Shape::One,
        }
    }

    /// Writes where a path begins.
    fn begin(&self, path: &mut String, root: u32, n: &Node) -> Shape {
        let Some(root) = self.root(root) else {
            path.push('?');
            return Shape::One;
        };
        let _ = match root {
            Root::Local {
                goroutine,
                function,
                name,
            } => {
                let plain = name.trim_start_matches('&');
                let _ = write!(path, "{function}(goroutine {goroutine}).{plain}");
                return if name.starts_with('&') {
                    Shape::Captured
                } else {
                    Shape::One
                };
            }
            Root::Slot {
                goroutine,
                function,
                off,
            } => {
                let sign = if *off < 0 { '-' } else { '+' };
                let off = off.unsigned_abs();
                write!(
                    path,
                    "{function}(goroutine {goroutine}).frame[{sign}{off:#x}]"
                )
            }
            Root::Register {
                goroutine,
                function,
                name,
            } => write!(path, "{function}(goroutine {goroutine}).{name}"),
            Root::Waiting { goroutine } => write!(path, "send(goroutine {goroutine})"),
            Root::Start { goroutine } => write!(path, "go(goroutine {goroutine})"),
            Root::Finalized(at) => {
                let name = &self.graph.declared(n.ty).name;
                write!(path, "finalized({at}).(*{name})")
            }
            Root::Finalizer(at) => write!(path, "finalizer({at})"),
            Root::Cleanup(at) => write!(path, "cleanup({at})"),
            Root::Swept { map, held: None } => write!(path, "({map})"),
            Root::Swept {
                held: Some(Held::Variable { variable, off }),
                ..
            } => {
                let variable = usize::try_from(*variable)
                    .ok()
                    .and_then(|i| self.variables.get(i));
                let name = variable.map_or("?", |v| v.name.as_str());
                path.push_str(name);
                if let Some(v) = variable {
                    self.fields(path, TypeId(v.ty), *off);
                }
                write!(path, ".({})", self.graph.declared(n.ty).name)
            }
            Root::Swept {
                held: Some(Held::Object { object, off }),
                ..
            } => write!(
                path,
                "({object}+{off:#x}).({})",
                self.graph.declared(n.ty).name
            ),
        };
        Shape::One
    }

    /// Writes index and fields down to offset `off` of the parent's memory; the type found there.
    fn descend(
        &self,
        (path, written): (&mut String, &mut Written),
        shape: Shape,
        parent: Option<&Node>,
        off: u64,
    ) -> Option<TypeId> {
        let parent = parent?;
        let stride = self.graph.get(parent.ty).size.max(1);
        let first = match shape {
            Shape::Indexed => Some(0),
            Shape::From(first) => Some(first),
            Shape::One | Shape::Captured => None,
        };
        if let Some(first) = first {
            let i = off.checked_div(stride).unwrap_or(0).saturating_add(first);
            path.push('[');
            path.push_str(Digits::decimal(i).text());
            path.push(']');
        }
        let (ty, off) = (parent.ty, off.checked_rem(stride).unwrap_or(0));
        let fields = written.get((ty, off), || {
            let mut text = String::new();
            let ty = self.fields(&mut text, ty, off);
            Fields { text, ty }
        })?;
        path.push_str(&fields.text);
        Some(fields.ty)
    }

    /// Writes the fields and indices that lead to offset `off` inside a value of type `ty`.
    fn fields(&self, path: &mut impl Write, ty: TypeId, mut off: u64) -> TypeId {
        let mut at = self.graph.strip(ty);
        for _ in 0..MAX_TYPE_DEPTH {
            let t = self.graph.get(at);
            match &t.kind {
                Kind::Struct { .. } if is_sync_map(&t.name) => return at,
                Kind::Struct { .. } if atomic_pointer_elem(self.graph, at).is_some() => {
                    let _ = path.write_str(".Load()");
                    return at;
                }
                Kind::Struct { fields } => {
                    let inside =
                        |f_off: u64, size: u64| f_off <= off && off < f_off.saturating_add(size);
                    let Some(f) = fields
                        .iter()
                        .find(|f| inside(f.off, self.graph.get(f.ty).size))
                    else {
                        return at;
                    };
                    let _ = path.write_char('.').and_then(|()| path.write_str(&f.name));
                    off = off.saturating_sub(f.off);
                    at = self.graph.strip(f.ty);
                }
                Kind::Array { elem, len } if *len <= UNROLL => {
                    let stride = self.graph.get(*elem).size.max(1);
                    let _ = write!(path, "[{}]", off.checked_div(stride).unwrap_or(0));
                    off = off.checked_rem(stride).unwrap_or(0);
                    at = self.graph.strip(*elem);
                }
                _ => return at,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests;
