//! What in a key or elem refers to something: strings, interfaces, pointers and slices, by offset.
//! In: a map type. Out: one plan for its keys and one for its elems, run for every entry.

use crate::base::limits::MAX_TYPE_DEPTH;
use crate::maps::image::Half;
use crate::maps::image::SlotLayout;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;

/// References looked at in one key or elem; arrays beyond are sampled from their start.
const MAX_REFS: usize = 4096;

/// A reference inside a type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ref {
    Str {
        off: u64,
    },
    Iface {
        off: u64,
        empty: bool,
    },
    /// `typed`: what it points to is known.
    Pointer {
        off: u64,
        typed: bool,
    },
    Slice {
        off: u64,
    },
}

/// One half of an entry: where its value is, and what in it refers to something.
#[derive(Debug)]
pub(crate) struct HalfPlan {
    pub(crate) half: Half,
    pub(crate) indirect: bool,
    pub(crate) size: u64,
    pub(crate) refs: Vec<Ref>,
}

/// The plans of a map type.
pub(crate) fn half_plans(graph: &TypeGraph<'_>, slots: &SlotLayout) -> [HalfPlan; 2] {
    let plan = |half, ty: TypeId, indirect| HalfPlan {
        half,
        indirect,
        size: graph.get(ty).size,
        refs: refs_of(graph, ty),
    };
    [
        plan(Half::Key, slots.key, slots.indirect_key),
        plan(Half::Elem, slots.elem, slots.indirect_elem),
    ]
}

/// The references in a value of a type.
pub(crate) fn refs_of(graph: &TypeGraph<'_>, ty: TypeId) -> Vec<Ref> {
    let mut refs = Vec::new();
    collect(graph, ty, 0, 0, &mut refs);
    refs
}

fn collect(graph: &TypeGraph<'_>, ty: TypeId, base: u64, depth: u32, out: &mut Vec<Ref>) {
    if depth > MAX_TYPE_DEPTH || out.len() >= MAX_REFS {
        return;
    }
    let deeper = depth.saturating_add(1);
    let ty = graph.get(ty);
    if ty.size == 0 {
        return;
    }
    match &ty.kind {
        Kind::String => out.push(Ref::Str { off: base }),
        Kind::Interface { empty } => out.push(Ref::Iface {
            off: base,
            empty: *empty,
        }),
        Kind::Pointer { elem: Some(elem) } if graph.is_not_in_heap(*elem) => {}
        Kind::Pointer { elem } => out.push(Ref::Pointer {
            off: base,
            typed: elem.is_some(),
        }),
        Kind::Map { .. } | Kind::Chan { .. } | Kind::Func => out.push(Ref::Pointer {
            off: base,
            typed: true,
        }),
        Kind::Slice { .. } => out.push(Ref::Slice { off: base }),
        Kind::Struct { fields } => {
            for f in fields {
                collect(graph, f.ty, base.saturating_add(f.off), deeper, out);
            }
        }
        Kind::Array { elem, len } => {
            let stride = graph.get(*elem).size;
            for i in 0..*len {
                let before = out.len();
                collect(
                    graph,
                    *elem,
                    base.saturating_add(i.saturating_mul(stride)),
                    deeper,
                    out,
                );
                if out.len() == before || out.len() >= MAX_REFS {
                    break;
                }
            }
        }
        _ => {}
    }
}
