//! A DIE becomes a `Type`.
//! In: the index and a type's number. Out: an owned type with references to others by number; what
//! cannot be understood is opaque, never an error.

use crate::dwarf::index::DwarfIndex;
use crate::dwarf::index::KIND_MAP;
use crate::dwarf::index::go;
use crate::dwarf::index::number;
use crate::dwarf::index::reference;
use crate::dwarf::sections::Reader;
use crate::types::graph::Field;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeId;
use crate::types::graph::TypeLoader;
use gimli::AttributeValue;
use gimli::DwAt;
use std::sync::Arc;

/// reflect kinds, as `DW_AT_go_kind` gives them. Source: `internal/abi/type.go`, `Kind`, all versions.
mod kind {
    pub(super) const BOOL: u64 = 1;
    pub(super) const INT: u64 = 2;
    pub(super) const INT64: u64 = 6;
    pub(super) const UINT: u64 = 7;
    pub(super) const UINTPTR: u64 = 12;
    pub(super) const FLOAT32: u64 = 13;
    pub(super) const FLOAT64: u64 = 14;
    pub(super) const COMPLEX64: u64 = 15;
    pub(super) const COMPLEX128: u64 = 16;
    pub(super) const CHAN: u64 = 18;
    pub(super) const FUNC: u64 = 19;
    pub(super) const INTERFACE: u64 = 20;
    pub(super) const SLICE: u64 = 23;
    pub(super) const STRING: u64 = 24;
    pub(super) const UNSAFE_POINTER: u64 = 26;
}

/// Builds types from the DWARF index when the type graph asks for them.
#[derive(Debug)]
pub struct DwarfTypes<'d> {
    index: Arc<DwarfIndex<'d>>,
}

/// One entry of the DWARF with what its tag needs.
type Entry<'d> = gimli::DebuggingInformationEntry<Reader<'d>>;

impl<'d> DwarfTypes<'d> {
    /// A loader over `index`.
    pub fn new(index: Arc<DwarfIndex<'d>>) -> DwarfTypes<'d> {
        DwarfTypes { index }
    }

    fn build(&self, idx: u32) -> Option<Type> {
        let index = &*self.index;
        let at = index.types.get(usize::try_from(idx).ok()?)?;
        let die = Die {
            index,
            unit: at.unit,
            entry: index.entry(at.unit, at.off)?,
        };
        let name: Box<str> = String::from_utf8_lossy(at.name).into();
        let word = u64::from(index.ptr_size);
        let declared = die.number(gimli::DW_AT_byte_size);
        let go_kind = die.number(go::KIND).unwrap_or(0);
        let (kind, size) = match die.entry.tag() {
            gimli::DW_TAG_base_type => (basic(go_kind), declared.unwrap_or(0)),
            gimli::DW_TAG_pointer_type => {
                let elem = if go_kind == kind::UNSAFE_POINTER {
                    None
                } else {
                    die.ty(gimli::DW_AT_type)
                };
                (Kind::Pointer { elem }, word)
            }
            gimli::DW_TAG_subroutine_type => (Kind::Func, word),
            gimli::DW_TAG_structure_type => (die.structure(go_kind), declared.unwrap_or(0)),
            gimli::DW_TAG_array_type => {
                let elem = die.ty(gimli::DW_AT_type)?;
                (
                    Kind::Array {
                        elem,
                        len: die.array_len().unwrap_or(0),
                    },
                    declared.unwrap_or(0),
                )
            }
            gimli::DW_TAG_typedef => match go_kind {
                kind::INTERFACE => {
                    let empty = die
                        .follow(gimli::DW_AT_type)
                        .is_some_and(|t| t.name() == b"runtime.eface");
                    (Kind::Interface { empty }, word.saturating_mul(2))
                }
                KIND_MAP => (
                    Kind::Map {
                        key: die.ty(go::KEY)?,
                        elem: die.ty(go::ELEM)?,
                        storage: die.map_storage(),
                    },
                    word,
                ),
                kind::CHAN => (
                    Kind::Chan {
                        elem: die.ty(go::ELEM)?,
                    },
                    word,
                ),
                kind::FUNC => (Kind::Func, word),
                _ => (
                    Kind::Alias {
                        target: die.ty(gimli::DW_AT_type)?,
                    },
                    0,
                ),
            },
            _ => (Kind::Opaque, 0),
        };
        Some(Type { name, size, kind })
    }
}

impl TypeLoader for DwarfTypes<'_> {
    fn len(&self) -> u32 {
        u32::try_from(self.index.types.len()).unwrap_or(u32::MAX)
    }

    fn load(&self, idx: u32) -> Type {
        self.build(idx).unwrap_or_else(|| Type::opaque("?"))
    }
}

fn basic(go_kind: u64) -> Kind {
    match go_kind {
        kind::BOOL => Kind::Bool,
        kind::INT..=kind::INT64 => Kind::Int { signed: true },
        kind::UINT..=kind::UINTPTR => Kind::Int { signed: false },
        kind::FLOAT32 | kind::FLOAT64 => Kind::Float,
        kind::COMPLEX64 | kind::COMPLEX128 => Kind::Complex,
        _ => Kind::Opaque,
    }
}

/// A DIE and where it stands.
struct Die<'i, 'd> {
    index: &'i DwarfIndex<'d>,
    unit: u32,
    entry: Entry<'d>,
}

impl<'i, 'd> Die<'i, 'd> {
    fn number(&self, at: DwAt) -> Option<u64> {
        number(&self.entry.attr_value(at)?)
    }

    fn reference(&self, at: DwAt) -> Option<usize> {
        reference(&self.entry.attr_value(at)?, self.index.unit(self.unit)?)
    }

    fn ty(&self, at: DwAt) -> Option<TypeId> {
        self.index.type_at(self.reference(at)?).map(TypeId)
    }

    /// The DIE of the type that an attribute refers to, typedefs followed.
    fn follow(&self, at: DwAt) -> Option<Die<'i, 'd>> {
        let mut die = self.type_die(self.reference(at)?)?;
        for _ in 0..16 {
            if die.entry.tag() != gimli::DW_TAG_typedef {
                return Some(die);
            }
            die = self.type_die(die.reference(gimli::DW_AT_type)?)?;
        }
        None
    }

    fn type_die(&self, off: usize) -> Option<Die<'i, 'd>> {
        let t = self
            .index
            .types
            .get(usize::try_from(self.index.type_at(off)?).ok()?)?;
        Some(Die {
            index: self.index,
            unit: t.unit,
            entry: self.index.entry(t.unit, t.off)?,
        })
    }

    fn name(&self) -> &'d [u8] {
        match self.entry.attr_value(gimli::DW_AT_name) {
            Some(value) => self
                .index
                .unit(self.unit)
                .and_then(|u| self.index.dwarf.attr_string(u, value).ok())
                .map(|s| s.slice())
                .unwrap_or_default(),
            None => &[],
        }
    }

    /// The children of this DIE with this tag.
    fn children(&self, tag: gimli::DwTag) -> Vec<Die<'i, 'd>> {
        let mut out = Vec::new();
        let Some(unit) = self.index.unit(self.unit) else {
            return out;
        };
        let Ok(mut entries) = unit.entries_raw(Some(self.entry.offset())) else {
            return out;
        };
        let mut entry = Entry::null();
        let mut first = true;
        while !entries.is_empty() {
            let depth = entries.next_depth();
            if !first && depth <= 0 {
                break;
            }
            match entries.read_entry(&mut entry) {
                Ok(true) if !first && depth == 1 && entry.tag() == tag => {
                    out.push(Die {
                        index: self.index,
                        unit: self.unit,
                        entry: entry.clone(),
                    });
                }
                Ok(_) => {}
                Err(_) => break,
            }
            if first && !entry.has_children() {
                break;
            }
            first = false;
        }
        out
    }

    fn array_len(&self) -> Option<u64> {
        let range = self
            .children(gimli::DW_TAG_subrange_type)
            .into_iter()
            .next()?;
        range
            .number(gimli::DW_AT_count)
            .or_else(|| range.number(gimli::DW_AT_upper_bound)?.checked_add(1))
    }

    fn structure(&self, go_kind: u64) -> Kind {
        match go_kind {
            kind::STRING => Kind::String,
            kind::SLICE => match self.ty(go::ELEM) {
                Some(elem) => Kind::Slice { elem },
                None => Kind::Opaque,
            },
            _ => Kind::Struct {
                fields: self.fields(),
            },
        }
    }

    fn fields(&self) -> Box<[Field]> {
        self.children(gimli::DW_TAG_member)
            .iter()
            .filter_map(|m| {
                Some(Field {
                    name: String::from_utf8_lossy(m.name()).into(),
                    ty: m.ty(gimli::DW_AT_type)?,
                    off: m.number(gimli::DW_AT_data_member_location)?,
                    embedded: matches!(
                        m.entry.attr_value(go::EMBEDDED),
                        Some(AttributeValue::Flag(true))
                    ) || m.number(go::EMBEDDED) == Some(1),
                })
            })
            .collect()
    }

    /// The type of a member, typedefs followed.
    fn member(&self, name: &[u8]) -> Option<Die<'i, 'd>> {
        self.children(gimli::DW_TAG_member)
            .iter()
            .find(|m| m.name() == name)?
            .follow(gimli::DW_AT_type)
    }

    fn pointee(&self) -> Option<Die<'i, 'd>> {
        if self.entry.tag() == gimli::DW_TAG_pointer_type {
            self.follow(gimli::DW_AT_type)
        } else {
            None
        }
    }

    /// The bucket or group struct of a map type, through the header the linker made up for it:
    /// `*hash<K,V>` with `buckets *bucket<K,V>`, or `*map<K,V>` with `dirPtr **table<K,V>` with
    /// `groups.data *group`. Source: `cmd/link/internal/ld/dwarf.go`, `synthesizemaptypes*`.
    fn map_storage(&self) -> Option<TypeId> {
        let header = self.follow(gimli::DW_AT_type)?.pointee()?;
        let storage = match header.member(b"buckets") {
            Some(buckets) => buckets.pointee()?,
            None => {
                let table = header.member(b"dirPtr")?.pointee()?.pointee()?;
                table.member(b"groups")?.member(b"data")?.pointee()?
            }
        };
        let off = storage
            .entry
            .offset()
            .to_debug_info_offset(&self.index.unit(storage.unit)?.header)?;
        self.index.type_at(off.0).map(TypeId)
    }
}
