//! What of a type leads to maps: a flat list of places per type, made once.
//! In: the type graph. Out: a `Plan` per type; types that can never lead to a map have empty ones.

use crate::base::limits::MAX_LEAVES;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::maps::syncmap::atomic_pointer_elem;
use crate::maps::syncmap::is_sync_map;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Arrays of at most this many elements are unrolled into their parent's plan.
pub(crate) const UNROLL: u64 = 16;

/// A place inside a value that leads on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leaf {
    /// Bytes from the start of the value.
    pub(crate) off: u64,
    /// What stands there.
    pub(crate) what: LeafKind,
}

impl Leaf {
    /// Whether a word stands there; an array and a `sync.Map` are parts of the value themselves.
    pub(crate) fn is_word(&self) -> bool {
        !matches!(self.what, LeafKind::Array { .. } | LeafKind::SyncMap(_))
    }
}

/// What stands at a place that leads on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LeafKind {
    /// A map of this type.
    Map(TypeId),
    /// A pointer to this type.
    Pointer(TypeId),
    /// A slice of this type.
    Slice(TypeId),
    /// An interface.
    Interface { empty: bool },
    /// A channel of this type.
    Chan(TypeId),
    /// A func value.
    Func,
    /// A `sync.Map` itself, of this type.
    SyncMap(TypeId),
    /// An array that was not unrolled.
    Array { elem: TypeId, len: u64 },
    /// The shards of a `sync.Pool`: an `unsafe.Pointer` to an array of this type, then its length.
    Shards(TypeId),
}

/// What of a type leads on.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// Ascending by offset.
    pub(crate) leaves: Vec<Leaf>,
}

/// A type as the search looks at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outline {
    /// The type, aliases followed.
    pub(crate) ty: TypeId,
    /// Bytes of a value.
    pub(crate) size: u64,
    /// Whether values are maps: their elements are not what a plan leads to, but what lies in the map.
    pub(crate) is_map: bool,
    pub(crate) plan: Rc<Plan>,
}

/// Plans of all types, made when first asked for.
pub(crate) struct Plans<'g, 'l> {
    graph: &'g TypeGraph<'l>,
    /// By the number of a type, aliases not followed.
    outlines: RefCell<Vec<Option<Rc<Outline>>>>,
    plans: RefCell<HashMap<TypeId, Rc<Plan>>>,
    /// The answers that were given, by the number of a type, aliases not followed.
    answers: RefCell<Vec<Option<bool>>>,
    leads: RefCell<HashMap<TypeId, bool>>,
    atomic_elems: RefCell<HashMap<TypeId, Option<TypeId>>>,
    /// `sync.poolLocal`, if the program has pools.
    shard: Option<TypeId>,
}

/// The struct of a closure as the runtime itself calls it; a pointer to one is a func value.
/// Source: `runtime/runtime2.go`, `funcval`, all versions.
const FUNCVAL: &str = "runtime.funcval";
/// A pool. Source: `sync/pool.go`, all versions: `local` and `victim` are arrays of `poolLocal`, each
/// followed by its length.
const POOL: &str = "sync.Pool";
/// An interface in the queue of a pool: two words, as the runtime has them.
/// Source: `sync/poolqueue.go`, `eface`, all versions.
const EFACE: &str = "sync.eface";

impl<'g, 'l> Plans<'g, 'l> {
    /// `shard`: the type `sync.poolLocal`, if the program has it.
    pub(crate) fn new(graph: &'g TypeGraph<'l>, shard: Option<TypeId>) -> Plans<'g, 'l> {
        Plans {
            graph,
            shard,
            outlines: RefCell::default(),
            answers: RefCell::default(),
            plans: RefCell::default(),
            leads: RefCell::default(),
            atomic_elems: RefCell::default(),
        }
    }

    /// A type with its plan.
    pub(crate) fn outline(&self, ty: TypeId) -> Rc<Outline> {
        if let Some(Some(known)) = at(&self.outlines.borrow(), ty) {
            return known.clone();
        }
        let t = self.graph.get(ty);
        let outline = Rc::new(Outline {
            ty: self.graph.strip(ty),
            size: t.size,
            is_map: matches!(t.kind, Kind::Map { .. }),
            plan: self.plan(ty),
        });
        keep(&mut self.outlines.borrow_mut(), ty, Some(outline.clone()));
        outline
    }

    /// The plan of a type.
    pub(crate) fn plan(&self, ty: TypeId) -> Rc<Plan> {
        let ty = self.graph.strip(ty);
        if let Some(plan) = self.plans.borrow().get(&ty) {
            return plan.clone();
        }
        let mut plan = Plan::default();
        if self.leads(ty) {
            self.collect(ty, 0, 0, &mut plan);
            plan.leaves.sort_by_key(|l| l.off);
        }
        let plan = Rc::new(plan);
        self.plans.borrow_mut().insert(ty, plan.clone());
        plan
    }

    fn collect(&self, ty: TypeId, base: u64, depth: u32, plan: &mut Plan) {
        if depth > MAX_TYPE_DEPTH {
            return;
        }
        let deeper = depth.saturating_add(1);
        let t = self.graph.get(ty);
        if t.size == 0 {
            return;
        }
        let full = plan.leaves.len() > MAX_LEAVES;
        let mut leaf = |what| plan.leaves.push(Leaf { off: base, what });
        match &t.kind {
            Kind::Map { .. } => leaf(LeafKind::Map(self.graph.strip(ty))),
            Kind::Interface { empty } => leaf(LeafKind::Interface { empty: *empty }),
            Kind::Func => leaf(LeafKind::Func),
            Kind::Pointer { elem: Some(elem) } if self.is_funcval(*elem) => leaf(LeafKind::Func),
            Kind::Pointer { elem: Some(elem) } if self.leads(*elem) => {
                leaf(LeafKind::Pointer(*elem))
            }
            Kind::Slice { elem } if self.leads(*elem) => leaf(LeafKind::Slice(*elem)),
            Kind::Chan { elem } if self.leads(*elem) => leaf(LeafKind::Chan(*elem)),
            Kind::Array { elem, len } if self.leads(*elem) => {
                if *len > UNROLL || full {
                    leaf(LeafKind::Array {
                        elem: *elem,
                        len: *len,
                    });
                    return;
                }
                let stride = self.graph.get(*elem).size;
                for i in 0..*len {
                    self.collect(
                        *elem,
                        base.saturating_add(i.saturating_mul(stride)),
                        deeper,
                        plan,
                    );
                }
            }
            Kind::Struct { .. } if is_sync_map(&t.name) => {
                leaf(LeafKind::SyncMap(self.graph.strip(ty)))
            }
            Kind::Struct { .. } if &*t.name == EFACE => leaf(LeafKind::Interface { empty: true }),
            Kind::Struct { fields } => {
                if let (POOL, Some(shard)) = (&*t.name, self.shard) {
                    for f in ["local", "victim"].iter().filter_map(|name| t.field(name)) {
                        plan.leaves.push(Leaf {
                            off: base.saturating_add(f.off),
                            what: LeafKind::Shards(shard),
                        });
                    }
                }
                if let Some(elem) = self.atomic_elem(ty) {
                    let off = t.field("v").map_or(0, |f| f.off);
                    if self.leads(elem) {
                        plan.leaves.push(Leaf {
                            off: base.saturating_add(off),
                            what: LeafKind::Pointer(elem),
                        });
                    }
                    return;
                }
                for f in fields {
                    self.collect(f.ty, base.saturating_add(f.off), deeper, plan);
                }
            }
            _ => {}
        }
    }

    /// Whether a value of this type can lead to a map. Types refer to each other in circles, so the
    /// whole of what is reachable is looked at before the answer is no.
    pub(crate) fn leads(&self, ty: TypeId) -> bool {
        if let Some(Some(known)) = at(&self.answers.borrow(), ty) {
            return *known;
        }
        let answer = self.look_ahead(ty);
        keep(&mut self.answers.borrow_mut(), ty, Some(answer));
        answer
    }

    fn look_ahead(&self, ty: TypeId) -> bool {
        let ty = self.graph.strip(ty);
        if let Some(known) = self.leads.borrow().get(&ty) {
            return *known;
        }
        let mut seen = vec![ty];
        let mut known = self.leads.borrow_mut();
        let mut visited: HashMap<TypeId, ()> = HashMap::from([(ty, ())]);
        let mut next = 0usize;
        let mut answer = false;
        while let Some(at) = seen.get(next).copied() {
            next = next.saturating_add(1);
            match known.get(&at) {
                Some(true) => {
                    answer = true;
                    break;
                }
                Some(false) => continue,
                None => {}
            }
            let mut push = |t: TypeId| {
                let t = self.graph.strip(t);
                if visited.insert(t, ()).is_none() {
                    seen.push(t);
                }
            };
            let t = self.graph.get(at);
            match &t.kind {
                Kind::Map { .. } | Kind::Interface { .. } | Kind::Func => {
                    answer = true;
                    break;
                }
                Kind::Pointer { elem: Some(elem) } if self.is_funcval(*elem) => {
                    answer = true;
                    break;
                }
                Kind::Pointer { elem: Some(elem) } | Kind::Slice { elem } | Kind::Chan { elem } => {
                    push(*elem)
                }
                Kind::Array { elem, len } if *len > 0 => push(*elem),
                Kind::Struct { .. } if is_sync_map(&t.name) || is_holder(&t.name) => {
                    answer = true;
                    break;
                }
                Kind::Struct { fields } => {
                    if let Some(elem) = self.atomic_elem(at) {
                        push(elem);
                    }
                    fields.iter().for_each(|f| push(f.ty));
                }
                _ => {}
            }
        }
        if answer {
            known.insert(ty, true);
        } else {
            // Nothing that was looked at leads anywhere.
            known.extend(seen.into_iter().map(|t| (t, false)));
        }
        answer
    }

    fn is_funcval(&self, ty: TypeId) -> bool {
        &*self.graph.get(ty).name == FUNCVAL
    }

    fn atomic_elem(&self, ty: TypeId) -> Option<TypeId> {
        *self
            .atomic_elems
            .borrow_mut()
            .entry(ty)
            .or_insert_with(|| atomic_pointer_elem(self.graph, ty))
    }
}

/// Types with larger numbers are looked up in the slow way.
const MAX_DENSE: usize = 1 << 22;

/// What is kept of a type.
fn at<T>(list: &[T], ty: TypeId) -> Option<&T> {
    list.get(usize::try_from(ty.0).ok()?)
}

/// Keeps something of a type.
fn keep<T: Clone + Default>(list: &mut Vec<T>, ty: TypeId, what: T) {
    let i = usize::try_from(ty.0).unwrap_or(usize::MAX);
    if i >= MAX_DENSE {
        return;
    }
    if list.len() <= i {
        list.resize(i.saturating_add(1), T::default());
    }
    if let Some(place) = list.get_mut(i) {
        *place = what;
    }
}

/// Structs that hold values of any type, and hide it from the types of their fields.
fn is_holder(name: &str) -> bool {
    name == POOL || name == EFACE
}
