//! From a map to what its keys and elems lead to.
//! In: a map that was found. Out: places for the search, one per half of an entry that leads on; nothing is read of
//! maps whose types say that they lead nowhere.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::find::found::Node;
use crate::find::found::Via;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::trace::Tracer;
use crate::maps::image::Body;
use crate::maps::image::Half;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// What of a map type leads on.
#[derive(Debug)]
pub(crate) struct MapPlan {
    slots: Arc<SlotLayout>,
    /// Key, elem, both or none.
    halves: Vec<HalfPlan>,
}

/// What of a map's keys, or of its elems, leads on.
#[derive(Clone, Copy, Debug)]
struct HalfPlan {
    half: Half,
    ty: TypeId,
    /// Bytes of a value.
    size: u64,
    indirect: bool,
    /// The type of the map that one word of it holds, when that is all there is.
    only_map: Option<TypeId>,
}

/// Plans of map types, made when first asked for.
#[derive(Default, Debug)]
pub(crate) struct MapPlans {
    known: HashMap<TypeId, Option<Rc<MapPlan>>>,
    last: Option<(TypeId, Option<Rc<MapPlan>>)>,
}

impl Tracer<'_, '_, '_> {
    /// The plan of a map type, if anything of it leads on.
    fn map_plan(&mut self, ty: TypeId) -> Option<Rc<MapPlan>> {
        if let Some((last, plan)) = &self.map_plans.last
            && *last == ty
        {
            return plan.clone();
        }
        let known = self.map_plans.known.get(&ty).cloned();
        let plan = known.unwrap_or_else(|| {
            let plan = self.make_map_plan(ty).filter(|p| !p.halves.is_empty());
            let plan = plan.map(Rc::new);
            self.map_plans.known.insert(ty, plan.clone());
            plan
        });
        self.map_plans.last = Some((ty, plan.clone()));
        plan
    }

    fn make_map_plan(&self, ty: TypeId) -> Option<MapPlan> {
        let slots = self.reader.slots(ty)?;
        let halves = [
            (Half::Key, slots.key, slots.indirect_key),
            (Half::Elem, slots.elem, slots.indirect_elem),
        ];
        let halves = halves
            .into_iter()
            .filter(|(_, ty, _)| self.plans.leads(*ty))
            .map(|(half, ty, indirect)| {
                let size = self.graph.get(ty).size;
                let only_map = match self.plans.plan(ty).leaves.as_slice() {
                    [
                        Leaf {
                            off: 0,
                            what: LeafKind::Map(ty),
                        },
                    ] if !indirect && matches!(self.graph.get(*ty).kind, Kind::Map { .. }) => {
                        Some(*ty)
                    }
                    _ => None,
                };
                HalfPlan {
                    half,
                    ty,
                    size,
                    indirect,
                    only_map,
                }
            })
            .collect();
        Some(MapPlan { slots, halves })
    }

    /// Follows the entries of a map, if its keys or elems lead anywhere.
    pub(crate) fn expand_map(&mut self, idx: u32, node: Node) {
        let Some(plan) = self.map_plan(node.ty) else {
            return;
        };
        let slots = &plan.slots;
        let image = self.reader.read(node.addr, slots.clone());
        for gap in &image.gaps.list {
            self.gap(gap.fault);
        }
        if !storage_is_sound(&image) {
            return; // what lies there is not this map's, so it leads nowhere
        }
        let abi = self.reader.program.mem.abi;
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
            for h in &plan.halves {
                let (stored, place) = match h.half {
                    Half::Key => (e.key, key),
                    Half::Elem => (e.elem, elem),
                };
                let at = if h.indirect { pointee(stored) } else { place };
                let via = Via::Entry {
                    half: h.half,
                    key: key_at,
                };
                if h.indirect && self.reader.heap.home(at).holds(at, h.size) == Some(false) {
                    continue; // a damaged pointer: what it leads to is not this map's
                }
                // A half that is one word holding a map needs no node of its own.
                if let Some(ty) = h.only_map
                    && stored.len() == usize::from(abi.ptr_size)
                {
                    self.found_map(idx, ty, pointee(stored), via);
                    continue;
                }
                self.push(Node {
                    parent: idx,
                    ty: h.ty,
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
