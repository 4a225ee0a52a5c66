//! The type graph: Go's types, owned, without DWARF words, filled lazily by whoever knows them.
//! In: a loader for the types known from the start, and types added while tracing. Out: `Type`s by id.
//! Over 400 lines in one file: how types are kept and how they are walked by value depend on each other.

use crate::base::addr::Addr;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::base::limits::MAX_TYPE_WEIGHT;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// A type of the graph. Ids are small integers, stable within a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub u32);

/// A Go type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    /// Its name as Go prints it, e.g. `map[string]int` or `main.T`.
    pub name: Box<str>,
    /// Bytes of a value.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
}

/// What a type is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// Integers; `uintptr` counts as unsigned.
    Int {
        /// Whether it has a sign.
        signed: bool,
    },
    /// `float32`, `float64`.
    Float,
    /// `complex64`, `complex128`.
    Complex,
    /// Strings: data pointer, then length.
    String,
    /// Slices: data pointer, length, capacity.
    Slice {
        /// Type of an element.
        elem: TypeId,
    },
    /// Arrays.
    Array {
        /// Type of an element.
        elem: TypeId,
        /// Elements.
        len: u64,
    },
    /// Structs.
    Struct {
        /// Fields in order of declaration.
        fields: Box<[Field]>,
    },
    /// Pointers; `None` for `unsafe.Pointer` and pointers to what is not known.
    Pointer {
        /// Type pointed to.
        elem: Option<TypeId>,
    },
    /// Functions: one word, pointer to a closure object whose first word is the code address.
    Func,
    /// Channels: one word, pointer to an `hchan`.
    Chan {
        /// Type of an element.
        elem: TypeId,
    },
    /// Interfaces: type word (`empty`) or itab word, then data word.
    Interface {
        /// `interface{}`, with no methods.
        empty: bool,
    },
    /// Maps: one word, pointer to the header.
    Map {
        /// Type of a key.
        key: TypeId,
        /// Type of an elem.
        elem: TypeId,
        /// The struct of one bucket (classic) or group (Swiss), if it is known.
        storage: Option<TypeId>,
    },
    /// Another name for a type.
    Alias {
        /// The type it stands for.
        target: TypeId,
    },
    /// Something else; only its size may be known.
    Opaque,
}

/// A field of a struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name; `_` for blank fields.
    pub name: Box<str>,
    /// Its type.
    pub ty: TypeId,
    /// Bytes from the start of the struct.
    pub off: u64,
    /// Whether it is embedded.
    pub embedded: bool,
}

impl Type {
    /// The field of this name, if this is a struct that has one.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match &self.kind {
            Kind::Struct { fields } => fields.iter().find(|f| &*f.name == name),
            _ => None,
        }
    }

    /// A type nothing is known of.
    pub fn opaque(name: &str) -> Type {
        Type {
            name: name.into(),
            size: 0,
            kind: Kind::Opaque,
        }
    }
}

/// Knows the types that exist from the start, by index.
pub trait TypeLoader: Sync + Send {
    /// How many types there are.
    fn len(&self) -> u32;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Builds type `idx`, with references to others by their ids. Never fails: what cannot be
    /// understood is opaque.
    fn load(&self, idx: u32) -> Type;
}

/// A type, once it was asked for, and how many types it consists of by value, once that was asked.
#[derive(Default)]
struct Slot {
    ty: OnceLock<Box<Type>>,
    /// The address of the descriptor it was learned from.
    key: Option<u64>,
    /// 0: not weighed yet; `ENDLESS`: a struct or array that cannot be.
    weight: AtomicU32,
}

/// The weight of a type that contains itself by value, or does not fit into its own size.
const ENDLESS: u32 = u32::MAX;

/// All types of the process, each built when first asked for.
pub struct TypeGraph<'l> {
    loader: Box<dyn TypeLoader + 'l>,
    known: Vec<Slot>,
    added: boxcar::Vec<Slot>,
    added_by_key: Mutex<HashMap<u64, TypeId>>,
}

impl<'l> TypeGraph<'l> {
    /// A graph over what `loader` knows.
    pub fn new(loader: Box<dyn TypeLoader + 'l>) -> TypeGraph<'l> {
        let n = usize::try_from(loader.len()).unwrap_or(0);
        let mut known = Vec::new();
        known.resize_with(n, Slot::default);
        TypeGraph {
            loader,
            known,
            added: boxcar::Vec::new(),
            added_by_key: Mutex::new(HashMap::new()),
        }
    }

    /// Type `id` as it was declared: perhaps an alias.
    pub fn declared(&self, id: TypeId) -> &Type {
        let idx = usize::try_from(id.0).unwrap_or(usize::MAX);
        if let Some(slot) = self.known.get(idx) {
            return slot.ty.get_or_init(|| Box::new(self.loader.load(id.0)));
        }
        self.slot(id)
            .and_then(|slot| slot.ty.get())
            .map_or_else(unknown, Box::as_ref)
    }

    fn slot(&self, id: TypeId) -> Option<&Slot> {
        let idx = usize::try_from(id.0).ok()?;
        match self.known.get(idx) {
            Some(slot) => Some(slot),
            None => self.added.get(idx.checked_sub(self.known.len())?),
        }
    }

    /// Follows aliases to the type that says what it is.
    pub fn strip(&self, mut id: TypeId) -> TypeId {
        if self.weighed(id).is_some() {
            return id;
        }
        for _ in 0..MAX_TYPE_DEPTH {
            match self.declared(id).kind {
                Kind::Alias { target } => id = target,
                _ => return id,
            }
        }
        id
    }

    /// Type `id`, aliases followed. A struct or array that contains itself by value, or whose parts
    /// reach over its end, is opaque: so whoever walks a type by value comes to an end.
    pub fn get(&self, id: TypeId) -> &Type {
        match self.weighed(id) {
            Some(ty) => ty,
            None => self.get_and_weigh(id),
        }
    }

    fn get_and_weigh(&self, id: TypeId) -> &Type {
        let id = self.strip(id);
        let ty = self.declared(id);
        // A type that is still to be filled has no weight yet.
        if self.slot(id).is_none_or(|slot| slot.ty.get().is_none()) {
            return ty;
        }
        match self.weigh(id, &mut Vec::new()) {
            ENDLESS if matches!(ty.kind, Kind::Struct { .. } | Kind::Array { .. }) => unknown(),
            _ => ty,
        }
    }

    /// Type `id`, if it is known to be no alias and to have a weight: the answer of `get` from the second time on.
    fn weighed(&self, id: TypeId) -> Option<&Type> {
        let slot = self.slot(id)?;
        let weight = slot.weight.load(Ordering::Relaxed);
        let ty = slot.ty.get().filter(|_| weight != 0 && weight != ENDLESS)?;
        (!matches!(ty.kind, Kind::Alias { .. })).then_some(ty)
    }

    /// How many types with bytes in them `id` consists of by value, arrays counted once.
    fn weigh(&self, id: TypeId, path: &mut Vec<TypeId>) -> u32 {
        let id = self.strip(id);
        let Some(slot) = self.slot(id) else { return 1 };
        let known = slot.weight.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        if path.contains(&id) || path.len() as u64 > u64::from(MAX_TYPE_DEPTH) {
            return ENDLESS;
        }
        path.push(id);
        let weight = self
            .weigh_parts(self.declared(id), path)
            .filter(|w| *w <= MAX_TYPE_WEIGHT)
            .unwrap_or(ENDLESS);
        path.pop();
        slot.weight.store(weight, Ordering::Relaxed);
        weight
    }

    fn weigh_parts(&self, ty: &Type, path: &mut Vec<TypeId>) -> Option<u32> {
        let size_of = |id: TypeId| self.declared(self.strip(id)).size;
        let mut part = |id: TypeId| Some(self.weigh(id, path)).filter(|w| *w != ENDLESS);
        match &ty.kind {
            Kind::Struct { fields } => fields.iter().try_fold(1u32, |sum, f| {
                let size = size_of(f.ty);
                if size == 0 {
                    return Some(sum);
                }
                f.off.checked_add(size).filter(|end| *end <= ty.size)?;
                sum.checked_add(part(f.ty)?)
            }),
            Kind::Array { elem, len } => {
                let size = size_of(*elem)
                    .checked_mul(*len)
                    .filter(|size| *size == ty.size)?;
                if size == 0 {
                    Some(1)
                } else {
                    part(*elem)?.checked_add(1)
                }
            }
            _ => Some(1),
        }
    }

    /// The id of a type that is learned of while tracing, by `key` (the address of its descriptor).
    /// The flag says that the id is new and that the caller is to `fill` it; until then, and for
    /// ever if nobody does, the type is opaque. So a type may refer to itself while it is decoded.
    pub fn reserve(&self, key: u64) -> (TypeId, bool) {
        let Ok(mut by_key) = self.added_by_key.lock() else {
            return (TypeId(u32::MAX), false);
        };
        if let Some(id) = by_key.get(&key) {
            return (*id, false);
        }
        let idx = self.added.push(Slot {
            key: Some(key),
            ..Slot::default()
        });
        let id = TypeId(u32::try_from(self.known.len().saturating_add(idx)).unwrap_or(u32::MAX));
        by_key.insert(key, id);
        (id, true)
    }

    /// Says what a reserved type is.
    pub fn fill(&self, id: TypeId, ty: Type) {
        if let Some(slot) = self.slot(id) {
            slot.ty.get_or_init(|| Box::new(ty));
        }
    }

    /// The key under which a type was learned of while tracing.
    pub fn key_of(&self, id: TypeId) -> Option<Addr> {
        let idx = usize::try_from(id.0).ok()?.checked_sub(self.known.len())?;
        self.added.get(idx)?.key.map(Addr)
    }

    /// The types that were learned of while tracing, each with its key, in order of their ids.
    pub fn added(&self) -> Vec<(TypeId, Addr)> {
        let by_key = self.added_by_key.lock();
        let mut out: Vec<(TypeId, Addr)> = by_key
            .map(|known| known.iter().map(|(key, id)| (*id, Addr(*key))).collect())
            .unwrap_or_default();
        out.sort_unstable();
        out
    }

    /// Ids of all types the loader knows.
    pub fn known_ids(&self) -> impl Iterator<Item = TypeId> + use<'l> {
        (0..self.loader.len()).map(TypeId)
    }

    /// Offsets of the pointer words of a value of type `id`, ascending, by the rules of Go's own
    /// pointer bitmaps. Empty for pointer-free types.
    pub fn pointer_words(&self, id: TypeId, word: u64) -> Vec<u64> {
        let mut out = Vec::new();
        self.push_pointer_words(id, word, 0, 0, &mut out);
        out
    }

    /// Whether values of this type never lie on the heap, so that pointers to them count as integers:
    /// structs of the runtime that begin with a `sys.NotInHeap`, or with a struct that does (from
    /// go1.20; before, nothing tells). Source: `cmd/compile/internal/types/size.go`, `PtrDataSize`.
    pub(crate) fn is_not_in_heap(&self, id: TypeId) -> bool {
        let mut ty = self.declared(self.strip(id));
        for _ in 0..MAX_TYPE_DEPTH {
            let Kind::Struct { fields } = &ty.kind else {
                return false;
            };
            if ty.name.ends_with("/sys.NotInHeap") {
                return true;
            }
            let Some(first) = fields.first() else {
                return false;
            };
            ty = self.declared(self.strip(first.ty));
        }
        false
    }

    fn push_pointer_words(&self, id: TypeId, word: u64, base: u64, depth: u32, out: &mut Vec<u64>) {
        if depth > MAX_TYPE_DEPTH || out.len() > 1 << 20 {
            return;
        }
        let ty = self.get(id);
        if ty.size == 0 {
            return;
        }
        match &ty.kind {
            Kind::Pointer { elem: Some(elem) } if self.is_not_in_heap(*elem) => {}
            Kind::String
            | Kind::Slice { .. }
            | Kind::Pointer { .. }
            | Kind::Func
            | Kind::Chan { .. }
            | Kind::Map { .. } => {
                out.push(base);
            }
            // The type word leads to a descriptor or itab, which are not collected.
            // Source: `cmd/compile/internal/typebits/typebits.go`, `set`, all versions.
            Kind::Interface { .. } => out.push(base.saturating_add(word)),
            Kind::Array { elem, len } => {
                let stride = self.get(*elem).size;
                let mut one = Vec::new();
                self.push_pointer_words(*elem, word, 0, depth.saturating_add(1), &mut one);
                if one.is_empty() {
                    return;
                }
                for i in 0..(*len).min(1 << 20) {
                    let at = base.saturating_add(i.saturating_mul(stride));
                    out.extend(one.iter().map(|w| at.saturating_add(*w)));
                    if out.len() > 1 << 20 {
                        return;
                    }
                }
            }
            Kind::Struct { fields } => {
                for f in fields {
                    self.push_pointer_words(
                        f.ty,
                        word,
                        base.saturating_add(f.off),
                        depth.saturating_add(1),
                        out,
                    );
                }
            }
            Kind::Bool
            | Kind::Int { .. }
            | Kind::Float
            | Kind::Complex
            | Kind::Opaque
            | Kind::Alias { .. } => {}
        }
    }
}

/// A type nothing is known of.
fn unknown<'s>() -> &'s Type {
    static UNKNOWN: OnceLock<Type> = OnceLock::new();
    UNKNOWN.get_or_init(|| Type::opaque("?"))
}

impl std::fmt::Debug for TypeGraph<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypeGraph")
            .field("known", &self.known.len())
            .field("added", &self.added.count())
            .finish()
    }
}
