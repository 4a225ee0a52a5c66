//! Owner paths: how a Go program would write the way from a variable to a map.
//! In: the nodes of a search. Out: text in Go's syntax, keys shown as the caller wants them.

use crate::base::addr::Addr;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::dwarf::index::Variable;
use crate::find::found::Found;
use crate::find::found::Node;
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
const HEAD: usize = 32;

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

/// How the elements of the place reached so far are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One value: fields follow directly.
    One,
    /// Elements of a slice or array: an index comes first.
    Indexed,
    /// A variable captured by reference: the pointer to it is not written.
    Captured,
}

impl Paths<'_, '_> {
    /// The owner path of a node: the shortest way from a package variable.
    pub fn owner(&self, node: u32) -> String {
        let mut chain = Vec::new();
        let mut at = node;
        while let Some(n) = usize::try_from(at)
            .ok()
            .and_then(|i| self.found.nodes.get(i))
        {
            chain.push(*n);
            at = n.parent;
        }
        chain.reverse();
        let mut path = String::new();
        let mut shape = Shape::One;
        let mut parent: Option<Node> = None;
        let skipped = chain.len().saturating_sub(MAX_STEPS);
        for (i, n) in chain.iter().enumerate() {
            // Of a long chain (a linked list) the start and the end are written.
            if skipped > 0 && (HEAD..HEAD.saturating_add(skipped)).contains(&i) {
                if i == HEAD {
                    let _ = write!(path, ".…({skipped} more)…");
                }
                (shape, parent) = (self.shape_after(parent.as_ref(), n), Some(*n));
                continue;
            }
            shape = self.step(&mut path, shape, parent.as_ref(), n);
            parent = Some(*n);
        }
        path
    }

    fn step(&self, path: &mut String, shape: Shape, parent: Option<&Node>, n: &Node) -> Shape {
        match n.via {
            Via::Variable(i) => {
                let name = usize::try_from(i)
                    .ok()
                    .and_then(|i| self.variables.get(i))
                    .map(|v| v.name.as_str());
                path.push_str(name.unwrap_or("?"));
                Shape::One
            }
            Via::At(off) => {
                let at = self.descend(path, shape, parent, off);
                let captured = shape == Shape::Captured;
                let shape = self.shape_after(parent, n);
                let is_pointer =
                    at.is_some_and(|t| matches!(self.graph.get(t).kind, Kind::Pointer { .. }));
                let to_struct = matches!(self.graph.get(n.ty).kind, Kind::Struct { .. });
                if is_pointer && !to_struct && !captured {
                    path.insert_str(0, "(*");
                    path.push(')');
                }
                shape
            }
            Via::Iface(off) => {
                self.descend(path, shape, parent, off);
                let _ = write!(path, ".({})", self.graph.declared(n.ty).name);
                Shape::One
            }
            Via::Recv { off, idx } => {
                self.descend(path, shape, parent, off);
                let _ = write!(path, ".recv({idx})");
                Shape::One
            }
            Via::Capture { off, name } => {
                self.descend(path, shape, parent, off);
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
        }
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
            &mut String::new(),
            parent.ty,
            off.checked_rem(stride).unwrap_or(0),
        );
        match self.graph.get(found).kind {
            Kind::Slice { .. } | Kind::Array { .. } => Shape::Indexed,
            _ => Shape::One,
        }
    }

    /// Writes index and fields down to offset `off` of the parent's memory; the type found there.
    fn descend(
        &self,
        path: &mut String,
        shape: Shape,
        parent: Option<&Node>,
        off: u64,
    ) -> Option<TypeId> {
        let parent = parent?;
        let stride = self.graph.get(parent.ty).size.max(1);
        if shape == Shape::Indexed {
            let _ = write!(path, "[{}]", off.checked_div(stride).unwrap_or(0));
        }
        Some(self.fields(path, parent.ty, off.checked_rem(stride).unwrap_or(0)))
    }

    /// Writes the fields and indices that lead to offset `off` inside a value of type `ty`.
    fn fields(&self, path: &mut String, ty: TypeId, mut off: u64) -> TypeId {
        let mut at = self.graph.strip(ty);
        for _ in 0..MAX_TYPE_DEPTH {
            let t = self.graph.get(at);
            match &t.kind {
                Kind::Struct { .. } if is_sync_map(&t.name) => return at,
                Kind::Struct { .. } if atomic_pointer_elem(self.graph, at).is_some() => {
                    path.push_str(".Load()");
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
                    let _ = write!(path, ".{}", f.name);
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
