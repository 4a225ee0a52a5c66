//! How this program lays out maps: told by the fields its types have, not by its version.
//! In: the program's types. Out: header layouts, and one `SlotLayout` per map type.

use crate::base::dense::Dense;
use crate::maps::headers::HeaderFields;
use crate::maps::image::SLOTS;
use crate::maps::image::SharedFacts;
use crate::maps::image::SlotLayout;
use crate::maps::refplan::HalfPlan;
use crate::maps::refplan::half_plans;
use crate::runtime::claims::Bound;
use crate::runtime::claims::CLASSIC_MAP_TYPE;
use crate::runtime::claims::GROUPS_REFERENCE;
use crate::runtime::claims::HMAP;
use crate::runtime::claims::MAPEXTRA;
use crate::runtime::claims::SWISS_MAP;
use crate::runtime::claims::SWISS_MAP_TYPE;
use crate::runtime::claims::SWISS_TABLE;
use crate::runtime::program::Program;
use crate::types::graph::Field;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::sync::Arc;

/// Largest key or elem that is stored in the slot itself; larger ones are stored by pointer.
/// Source: `internal/abi/map.go`, `MapMaxKeyBytes` and `MapMaxElemBytes`, all versions.
const MAX_INLINE: u64 = 128;

/// The kind of maps this program has; a program has one kind only.
#[derive(Clone, Debug)]
pub enum Family {
    /// hmap and bmap.
    Classic {
        /// `hmap`.
        hmap: Bound,
        /// `mapextra`.
        extra: Bound,
    },
    /// Map, table and groups.
    Swiss {
        /// `maps.Map`.
        map: Bound,
        /// `maps.table`.
        table: Bound,
        /// `maps.groupsReference`.
        groups: Bound,
    },
}

impl Family {
    /// `classic` or `swiss`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Family::Classic { .. } => "classic",
            Family::Swiss { .. } => "swiss",
        }
    }

    /// Bytes of a map's header.
    pub fn header_size(&self) -> u64 {
        match self {
            Family::Classic { hmap, .. } => hmap.size,
            Family::Swiss { map, .. } => map.size,
        }
    }
}

/// Layouts of all maps of the program.
#[derive(Debug)]
pub struct MapLayouts {
    /// Header layouts.
    pub family: Family,
    /// The descriptors of map types, where their layout is known.
    pub map_type: Option<Bound>,
    /// Where the fields of a header are.
    pub(crate) header: HeaderFields,
    word: u64,
    by_type: Dense<Option<Arc<SlotLayout>>>,
    /// What in an entry refers to something, by map type.
    refs: Dense<[HalfPlan; 2]>,
    /// What descriptors say of the map types.
    pub(crate) facts: Dense<SharedFacts>,
}

impl MapLayouts {
    /// Binds the headers. `None` when the program's types show neither kind of map.
    pub fn bind(program: &Program<'_, '_>) -> Option<MapLayouts> {
        let classic = || {
            Some(Family::Classic {
                hmap: HMAP.bind(program)?,
                extra: MAPEXTRA.bind(program)?,
            })
        };
        let swiss = || {
            Some(Family::Swiss {
                map: SWISS_MAP.bind(program)?,
                table: SWISS_TABLE.bind(program)?,
                groups: GROUPS_REFERENCE.bind(program)?,
            })
        };
        // noswissmap builds of go1.24 and go1.25 hold traces of both; hmap decides.
        let family = classic().or_else(swiss)?;
        let map_type = match family {
            Family::Classic { .. } => CLASSIC_MAP_TYPE.bind(program),
            Family::Swiss { .. } => SWISS_MAP_TYPE.bind(program),
        };
        Some(MapLayouts {
            header: HeaderFields::of(&family),
            family,
            map_type,
            word: program.mem.abi.word(),
            by_type: Dense::default(),
            refs: Dense::default(),
            facts: Dense::default(),
        })
    }

    /// The layout of a bucket or group of map type `ty`. `None` when `ty` is no map, or its storage
    /// type makes no sense.
    pub fn slots(&self, graph: &TypeGraph<'_>, ty: TypeId) -> Option<Arc<SlotLayout>> {
        if let Some(known) = self.by_type.get(ty.0) {
            return known.clone();
        }
        // Every name of a type has the same layout.
        let stripped = graph.strip(ty);
        let make = || self.make_slots(graph, stripped).map(Arc::new);
        let slots = self.by_type.get_or_make(stripped.0, make)?.clone();
        self.by_type.get_or_make(ty.0, || slots)?.clone()
    }

    /// What in an entry of a map with these slots refers to something: in its key, and in its elem.
    pub(crate) fn refs(&self, graph: &TypeGraph<'_>, slots: &SlotLayout) -> Option<&[HalfPlan; 2]> {
        let make = || half_plans(graph, slots);
        self.refs.get_or_make(slots.map_type.0, make)
    }

    fn make_slots(&self, graph: &TypeGraph<'_>, ty: TypeId) -> Option<SlotLayout> {
        let Kind::Map { key, elem, storage } = graph.get(ty).kind else {
            return None;
        };
        let (key, elem) = (graph.strip(key), graph.strip(elem));
        let (key_type, elem_type) = (graph.get(key), graph.get(elem));
        let indirect_key = key_type.size > MAX_INLINE;
        let indirect_elem = elem_type.size > MAX_INLINE;
        let key_size = if indirect_key {
            self.word
        } else {
            key_type.size
        };
        let elem_size = if indirect_elem {
            self.word
        } else {
            elem_type.size
        };
        let raw = match (&self.family, storage) {
            (Family::Classic { .. }, Some(s)) => classic_storage(graph, s)?,
            (Family::Classic { .. }, None) => classic_formula(key_size, elem_size, self.word)?,
            (Family::Swiss { .. }, s) => swiss_storage(graph, s?)?,
        };
        let key_words = graph.pointer_words(key, self.word);
        let has_pointers = indirect_key
            || indirect_elem
            || !key_words.is_empty()
            || !graph.pointer_words(elem, self.word).is_empty();
        let layout = SlotLayout {
            map_type: ty,
            key,
            elem,
            key_size,
            elem_size,
            indirect_key,
            indirect_elem,
            size: raw.size,
            keys_off: raw.keys_off,
            key_stride: raw.key_stride,
            elems_off: raw.elems_off,
            elem_stride: raw.elem_stride,
            overflow_off: raw.overflow_off,
            has_pointers,
            key_ptr_words: if indirect_key { vec![0] } else { key_words },
        };
        fits(&layout, self.word).then_some(layout)
    }
}

/// Offsets of a bucket or group.
struct Raw {
    size: u64,
    keys_off: u64,
    key_stride: u64,
    elems_off: u64,
    elem_stride: u64,
    overflow_off: Option<u64>,
}

/// A bucket struct: tophash, keys, elems, overflow. The linker's DWARF says `tophash` and `values`,
/// the compiler's descriptors `topbits` and `elems`.
fn classic_storage(graph: &TypeGraph<'_>, storage: TypeId) -> Option<Raw> {
    let bucket = graph.get(storage);
    let keys = bucket.field("keys")?;
    let elems = bucket.field("values").or_else(|| bucket.field("elems"))?;
    Some(Raw {
        size: bucket.size,
        keys_off: keys.off,
        key_stride: array_stride(graph, keys.ty)?,
        elems_off: elems.off,
        elem_stride: array_stride(graph, elems.ty)?,
        overflow_off: Some(bucket.field("overflow")?.off),
    })
}

/// A classic bucket by the rule of its making: 8 tophashes, 8 keys, 8 elems, the overflow pointer at
/// the end. Source: `cmd/compile/internal/reflectdata/reflect.go`, `MapBucketType`, up to go1.23.
fn classic_formula(key_size: u64, elem_size: u64, word: u64) -> Option<Raw> {
    let elems_off = key_size.checked_mul(SLOTS)?.checked_add(SLOTS)?;
    let overflow_off = elem_size
        .checked_mul(SLOTS)?
        .checked_add(elems_off)?
        .checked_next_multiple_of(word)?;
    Some(Raw {
        size: overflow_off.checked_add(word)?,
        keys_off: SLOTS,
        key_stride: key_size,
        elems_off,
        elem_stride: elem_size,
        overflow_off: Some(overflow_off),
    })
}

/// A group struct: `ctrl` and eight `slots` of key and elem, or `ctrl`, `keys` and `elems`.
fn swiss_storage(graph: &TypeGraph<'_>, storage: TypeId) -> Option<Raw> {
    let group = graph.get(storage);
    let field = |ty: TypeId, name: &str| either_case(graph.get(ty), name).cloned();
    field(storage, "ctrl").filter(|c| c.off == 0)?;
    if let Some(slots) = field(storage, "slots") {
        let Kind::Array { elem: slot, .. } = graph.get(slots.ty).kind else {
            return None;
        };
        let stride = graph.get(slot).size;
        let at = |name| slots.off.checked_add(field(slot, name)?.off);
        return Some(Raw {
            size: group.size,
            keys_off: at("key")?,
            key_stride: stride,
            elems_off: at("elem")?,
            elem_stride: stride,
            overflow_off: None,
        });
    }
    let (keys, elems) = (field(storage, "keys")?, field(storage, "elems")?);
    Some(Raw {
        size: group.size,
        keys_off: keys.off,
        key_stride: array_stride(graph, keys.ty)?,
        elems_off: elems.off,
        elem_stride: array_stride(graph, elems.ty)?,
        overflow_off: None,
    })
}

/// A field by its name, or by the exported form of it: group types made by `reflect.MapOf` can only
/// have exported fields. Source: `reflect/map.go`, `groupAndSlotOf`, from go1.24.
pub(crate) fn either_case<'t>(ty: &'t Type, name: &str) -> Option<&'t Field> {
    ty.field(name).or_else(|| {
        let mut chars = name.chars();
        let first = chars.next()?.to_ascii_uppercase();
        ty.field(&format!("{first}{}", chars.as_str()))
    })
}

fn array_stride(graph: &TypeGraph<'_>, ty: TypeId) -> Option<u64> {
    match graph.get(ty).kind {
        Kind::Array { elem, .. } => Some(graph.get(elem).size),
        _ => None,
    }
}

/// Whether the last key, the last elem and the overflow pointer lie inside the record.
fn fits(l: &SlotLayout, word: u64) -> bool {
    let last = SLOTS.saturating_sub(1);
    let ends = [
        l.key_off(last).saturating_add(l.key_size),
        l.elem_off(last).saturating_add(l.elem_size),
        l.overflow_off.map_or(0, |o| o.saturating_add(word)),
    ];
    l.size >= SLOTS && ends.iter().all(|e| *e <= l.size)
}
