//! Go's own type descriptors: the type of what an interface holds.
//! In: the address of an `abi.Type`. Out: a type of the graph: the DWARF's where it has one, else
//! one decoded from the descriptor (types made by reflect, types the linker left without a DIE).
//! Over 400 lines: all of it reads the one head that descriptors share.

use crate::base::addr::Addr;
use crate::base::limits::MAX_NAME;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::base::limits::MAX_TYPE_SIZE;
use crate::process::memory::MemoryRun;
use crate::runtime::claims::ABI_TYPE;
use crate::runtime::claims::Bound;
use crate::runtime::claims::ITAB;
use crate::runtime::modules::Modules;
use crate::runtime::program::Program;
use crate::types::graph::Field;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Low bits of `Kind_` that are the kind; up to go1.25 the others are flags.
/// Source: `internal/abi/type.go`, `KindMask`.
const KIND_MASK: u64 = 31;
/// `Kind_` bit up to go1.25: the interface's data word is the value itself. Source: `KindDirectIface`.
const KIND_DIRECT_IFACE: u64 = 32;
/// `TFlag` bit from go1.26 with the same meaning. Source: `TFlagDirectIface`.
const TFLAG_DIRECT_IFACE: u64 = 32;
/// `TFlag` bit: methods and the package's path stand behind the descriptor. Source: `TFlagUncommon`.
const TFLAG_UNCOMMON: u64 = 1;
/// `TFlag` bit: the name has an extra `*` in front. Source: `TFlagExtraStar`.
const TFLAG_EXTRA_STAR: u64 = 2;
/// `TFlag` bit: equal and hash work on the plain bytes. Source: `TFlagRegularMemory`.
const TFLAG_REGULAR_MEMORY: u64 = 8;
/// Kind of a map. Source: `internal/abi/type.go`, `Map`, all versions.
const KIND_MAP: u64 = 21;
/// Fields of one struct that are decoded.
const MAX_FIELDS: u64 = 1 << 16;

/// Decodes descriptors.
#[derive(Debug)]
pub struct TypeMeta<'v, 'a> {
    program: Program<'v, 'a>,
    modules: &'v Modules,
    head: Option<Bound>,
    itab: Option<Bound>,
    by_type: OnceLock<HashMap<TypeId, Addr>>,
}

/// What an interface holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dynamic {
    /// The type of the value.
    pub ty: TypeId,
    /// Whether the data word is the value itself rather than a pointer to it.
    pub direct: bool,
}

impl<'v, 'a> TypeMeta<'v, 'a> {
    /// Binds the descriptors' layout.
    pub fn bind(program: Program<'v, 'a>, modules: &'v Modules) -> TypeMeta<'v, 'a> {
        TypeMeta {
            head: ABI_TYPE.bind(&program),
            itab: ITAB.bind(&program),
            by_type: OnceLock::new(),
            program,
            modules,
        }
    }

    /// The dynamic type behind the first word of an interface: a descriptor for `interface{}`, an
    /// itab for others. `None` for nil, and where the word leads to neither.
    pub fn dynamic(&self, word: Addr, empty: bool) -> Option<Dynamic> {
        let descriptor = if empty { word } else { self.itab_type(word)? };
        let ty = self.type_at(descriptor)?;
        Some(Dynamic {
            ty,
            direct: self.is_direct(descriptor)?,
        })
    }

    /// Whether the first word of an interface could be what it should be: nil, or a descriptor or
    /// itab that reads as one. `None` when its bytes are not in the core.
    pub fn is_plausible(&self, word: Addr, empty: bool) -> Option<bool> {
        if word.is_nil() {
            return Some(true);
        }
        let word_size = self.program.mem.abi.word();
        if !word.0.is_multiple_of(word_size) {
            return Some(false);
        }
        let descriptor = if empty {
            word
        } else {
            let at = self
                .itab
                .as_ref()?
                .off("Type")
                .and_then(|o| word.checked_add(o))?;
            match self.program.mem.read_addr(at) {
                Ok(t) => t,
                Err(f) if f.why.is_the_process() => return Some(false),
                Err(_) => return None,
            }
        };
        if let Some((module, off)) = self.modules.types_at(descriptor) {
            if !descriptor.0.is_multiple_of(word_size) {
                return Some(false);
            }
            // Not every word of the region begins a descriptor.
            if module == 0 && self.program.index.type_by_descriptor(off).is_some() {
                return Some(true);
            }
            return match self.head_of(descriptor) {
                Ok(head) => Some(
                    (1..=26).contains(&head.kind)
                        && head.size <= MAX_TYPE_SIZE
                        && self
                            .name_of(descriptor, &head)
                            .is_some_and(|n| is_type_name(&n)),
                ),
                Err(_) => None,
            };
        }
        // A type made by reflect lies on the heap.
        match self.head_of(descriptor) {
            Ok(head) => Some((1..=26).contains(&head.kind) && head.size <= MAX_TYPE_SIZE),
            Err(true) => Some(false),
            Err(false) => None,
        }
    }

    /// The descriptor of a type, where it has one: what the linker placed, or what reflect made.
    pub fn descriptor_of(&self, ty: TypeId) -> Option<Addr> {
        self.by_type
            .get_or_init(|| {
                let types = self.modules.list.first().map(|m| m.types.start);
                let known = self.program.index.descriptors();
                known
                    .filter_map(|(off, ty)| Some((TypeId(ty), types?.checked_add(off)?)))
                    .collect()
            })
            .get(&ty)
            .copied()
            .or_else(|| self.program.graph.key_of(ty))
    }

    /// Whether the descriptor says that values are compared and hashed as plain memory; `None` where
    /// there is no descriptor. Source: `internal/abi/type.go`, `TFlagRegularMemory`, all versions.
    pub fn is_regular_memory(&self, ty: TypeId) -> Option<bool> {
        let head = self.head_of(self.descriptor_of(ty)?).ok()?;
        Some(head.tflag & TFLAG_REGULAR_MEMORY != 0)
    }

    /// The func value that hashes the keys of the map type whose descriptor lies at `map`.
    /// Source: `internal/abi/map.go`, `MapType.Hasher`: the fourth word behind the head, all versions.
    pub fn map_hasher(&self, map: Addr) -> Option<Addr> {
        self.extra(map, 3)
    }

    fn itab_type(&self, itab: Addr) -> Option<Addr> {
        let off = self.itab.as_ref()?.off("Type")?;
        self.program
            .mem
            .read_addr(itab.checked_add(off)?)
            .ok()
            .filter(|t| !t.is_nil())
    }

    fn is_direct(&self, descriptor: Addr) -> Option<bool> {
        let head = self.head_of(descriptor).ok()?;
        Some(head.raw_kind & KIND_DIRECT_IFACE != 0 || head.tflag & TFLAG_DIRECT_IFACE != 0)
    }

    /// Every map type of the modules, with the address of its descriptor: those too that the debug
    /// information leaves out. Found by looking at each word-aligned place of the types region for
    /// what can only be a map's descriptor. Types that were made at run time are not among them.
    pub fn map_types(&self) -> Vec<(Addr, TypeId)> {
        let mem = self.program.mem;
        let word = mem.abi.word();
        let Some(kind_at) = self.head.as_ref().and_then(|h| h.off("Kind_")) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for module in &self.modules.list {
            for run in mem.runs(module.types.start, module.types.size()) {
                let MemoryRun::Bytes(start, bytes) = run else {
                    continue;
                };
                let step = usize::from(mem.abi.ptr_size).max(1);
                let skip = start.0.wrapping_neg().checked_rem(word).unwrap_or(0);
                let skip = usize::try_from(skip).unwrap_or(0);
                for at in (skip..bytes.len()).step_by(step) {
                    let kind = usize::try_from(kind_at)
                        .ok()
                        .and_then(|k| bytes.get(at.checked_add(k)?));
                    if kind.is_none_or(|k| u64::from(*k) & KIND_MASK != KIND_MAP) {
                        continue;
                    }
                    let addr = start.checked_add(at as u64);
                    out.extend(addr.and_then(|a| Some((a, self.map_type_at(a)?))));
                }
            }
        }
        out
    }

    /// The map type whose descriptor is at `addr`, if one can be there.
    fn map_type_at(&self, addr: Addr) -> Option<TypeId> {
        let ty = self.is_map_type(addr).then(|| self.type_at(addr))??;
        matches!(self.program.graph.get(ty).kind, Kind::Map { .. }).then_some(ty)
    }

    /// Whether the descriptor of a map type lies at `addr`; also where the debug information knows nothing
    /// of it. In a module, what it names as key, elem and storage must be descriptors too; those that were
    /// made at run time lie anywhere. Source: `internal/abi/type.go`, `Map`, all versions.
    pub fn is_map_type(&self, addr: Addr) -> bool {
        let word = self.program.mem.abi.word();
        let head = self.head_of(addr).ok();
        let Some(head) = head.filter(|h| h.kind == KIND_MAP && h.size == word) else {
            return false;
        };
        let part = |i| self.placed_head(self.extra(addr, i)?);
        let is_sound = || {
            self.name_of(addr, &head).is_some_and(|n| !n.is_empty())
                && (0..3).all(|i| part(i).is_some())
        };
        addr.0.is_multiple_of(word) && (self.modules.types_at(addr).is_none() || is_sound())
    }

    /// The name that the descriptor at `addr` carries, e.g. `map[string]*main.T`, if one of a module's
    /// can be there. Needs no DWARF; unlike there, a package goes by its name, not by its path.
    pub fn name_at(&self, addr: Addr) -> Option<String> {
        let head = self.placed_head(addr)?;
        self.name_of(addr, &head).filter(|n| is_type_name(n))
    }

    /// The head at `addr` if that is a place for descriptors, and it reads as one.
    fn placed_head(&self, addr: Addr) -> Option<Head> {
        let aligned = addr.0.is_multiple_of(self.program.mem.abi.word());
        self.modules.types_at(addr).filter(|_| aligned)?;
        let head = self.head_of(addr).ok()?;
        ((1..=26).contains(&head.kind) && head.size <= MAX_TYPE_SIZE).then_some(head)
    }

    /// The descriptor of the buckets or groups of the map type whose descriptor lies at `map`.
    /// Source: `internal/abi/map.go`, `MapType`: the third word behind the common head, all versions.
    pub fn map_storage(&self, map: Addr) -> Option<Addr> {
        self.extra(map, 2).filter(|s| !s.is_nil())
    }

    /// The type whose descriptor lies at `addr`.
    pub fn type_at(&self, addr: Addr) -> Option<TypeId> {
        self.type_within(addr, 0)
    }

    /// Offsets of the pointer words of a value of the type whose descriptor lies at `addr`, ascending, by
    /// the type's structure rather than its mask. `None` unless they come to the size and the end of the
    /// last pointer that the descriptor claims, so never a part of them.
    pub(crate) fn pointer_words(&self, addr: Addr, size: u64, ptr_bytes: u64) -> Option<Vec<u64>> {
        let (ty, graph) = (self.type_at(addr)?, self.program.graph);
        let word = self.program.mem.abi.word();
        let words = graph.pointer_words(ty, word);
        let end = words.last().map_or(Some(0), |w| w.checked_add(word))?;
        (graph.get(ty).size == size && end == ptr_bytes).then_some(words)
    }

    fn type_within(&self, addr: Addr, depth: u32) -> Option<TypeId> {
        if addr.is_nil() || depth > MAX_TYPE_DEPTH {
            return None;
        }
        if let Some((0, off)) = self.modules.types_at(addr)
            && let Some(ty) = self.program.index.type_by_descriptor(off)
        {
            return Some(TypeId(ty));
        }
        let graph = self.program.graph;
        let (id, new) = graph.reserve(addr.0);
        if new && let Some(ty) = self.decode(addr, graph, depth.saturating_add(1)) {
            graph.fill(id, ty);
        }
        Some(id)
    }

    /// `Err(true)` when the process has no such memory, `Err(false)` when the core does not hold it.
    fn head_of(&self, addr: Addr) -> Result<Head, bool> {
        let bound = self.head.as_ref().ok_or(false)?;
        let bytes = self
            .program
            .mem
            .bytes(addr, bound.size)
            .map_err(|f| f.why.is_the_process())?;
        let read = |name: &str| {
            let f = bound.field(name)?;
            self.program
                .mem
                .abi
                .uint(&bytes, usize::try_from(f.off).ok()?, f.size)
        };
        let head = || {
            let raw_kind = read("Kind_")?;
            let str_off = u32::try_from(read("Str")?).ok()?.cast_signed();
            Some(Head {
                size: read("Size_")?,
                tflag: read("TFlag")?,
                raw_kind,
                kind: raw_kind & KIND_MASK,
                str_off,
            })
        };
        head().ok_or(false)
    }

    /// Word `i` behind the common head.
    fn extra(&self, addr: Addr, i: u64) -> Option<Addr> {
        let at = addr
            .checked_add(self.head.as_ref()?.size)?
            .element(i, self.program.mem.abi.word())?;
        self.program.mem.read_addr(at).ok()
    }

    /// Decodes a descriptor that DWARF does not know, and those it refers to.
    /// Source: `internal/abi/type.go`, `ArrayType`, `ChanType`, `PtrType`, `SliceType`, `StructType`,
    /// `MapType` (go1.19: `runtime/type.go`); the words behind the head are the same in all versions.
    fn decode(&self, addr: Addr, graph: &TypeGraph<'_>, depth: u32) -> Option<Type> {
        let head = self.head_of(addr).ok()?;
        if head.size > MAX_TYPE_SIZE {
            return None;
        }
        let word = self.program.mem.abi.word();
        let sub = |i: u64| self.extra(addr, i).and_then(|a| self.type_within(a, depth));
        let name = |id: TypeId| graph.declared(id).name.to_string();
        let (kind, composed) = match head.kind {
            1 => (Kind::Bool, None),
            2..=6 => (Kind::Int { signed: true }, None),
            7..=12 => (Kind::Int { signed: false }, None),
            13 | 14 => (Kind::Float, None),
            15 | 16 => (Kind::Complex, None),
            17 => {
                let (elem, len) = (sub(0)?, self.extra(addr, 2)?.0);
                (
                    Kind::Array { elem, len },
                    Some(format!("[{len}]{}", name(elem))),
                )
            }
            18 => {
                let elem = sub(0)?;
                (Kind::Chan { elem }, Some(format!("chan {}", name(elem))))
            }
            19 => (Kind::Func, None),
            20 => (
                Kind::Interface {
                    empty: self.extra(addr, 2)?.0 == 0,
                },
                None,
            ),
            21 => {
                let (key, elem) = (sub(0)?, sub(1)?);
                // The third word is the bucket or group type. reflect makes bucket types without
                // fields; the layout of a classic bucket follows from its key and elem alone.
                let is_group = |s: &TypeId| {
                    ["ctrl", "Ctrl"]
                        .iter()
                        .any(|f| graph.get(*s).field(f).is_some())
                };
                let storage = sub(2).filter(is_group);
                (
                    Kind::Map { key, elem, storage },
                    Some(format!("map[{}]{}", name(key), name(elem))),
                )
            }
            22 => {
                let elem = sub(0);
                let composed = elem.map(|e| format!("*{}", name(e)));
                (Kind::Pointer { elem }, composed)
            }
            23 => {
                let elem = sub(0)?;
                (Kind::Slice { elem }, Some(format!("[]{}", name(elem))))
            }
            24 => (Kind::String, None),
            25 => {
                let fields = self.struct_fields(addr, depth)?;
                let inner: Vec<String> = fields
                    .iter()
                    .map(|f| format!("{} {}", f.name, name(f.ty)))
                    .collect();
                (
                    Kind::Struct { fields },
                    Some(format!("struct {{ {} }}", inner.join("; "))),
                )
            }
            26 => (Kind::Pointer { elem: None }, None),
            _ => return None,
        };
        let name = self
            .full_name_of(addr, &head)
            .or(composed)
            .unwrap_or_else(|| "?".into());
        let size = if matches!(kind, Kind::Map { .. }) {
            word
        } else {
            head.size
        };
        Some(Type {
            name: name.into(),
            size,
            kind,
        })
    }

    fn struct_fields(&self, addr: Addr, depth: u32) -> Option<Box<[Field]>> {
        let word = self.program.mem.abi.word();
        let (data, len) = (self.extra(addr, 1)?, self.extra(addr, 2)?.0);
        if len > MAX_FIELDS {
            return None;
        }
        (0..len)
            .map(|i| {
                let f = data.element(i, word.checked_mul(3)?)?;
                let name = self.read_name(self.program.mem.read_addr(f).ok()?)?;
                let ty = self.type_within(
                    self.program.mem.read_addr(f.checked_add(word)?).ok()?,
                    depth,
                )?;
                let off = self.program.mem.read_uptr(f.element(2, word)?).ok()?;
                Some(Field {
                    name: name.into(),
                    ty,
                    off,
                    embedded: false,
                })
            })
            .collect()
    }

    /// The name a descriptor of a module carries; those made by reflect keep theirs elsewhere.
    fn name_of(&self, addr: Addr, head: &Head) -> Option<String> {
        let (i, _) = self.modules.types_at(addr)?;
        let start = self.modules.list.get(i)?.types.start;
        let name = self.read_name(start.checked_add(u64::try_from(head.str_off).ok()?)?)?;
        let star = head.tflag & TFLAG_EXTRA_STAR != 0;
        Some(if star {
            name.strip_prefix('*').unwrap_or(&name).to_string()
        } else {
            name
        })
    }

    /// The same with the package's path where the descriptor says it, as DWARF has it: a package
    /// that calls itself `runtime` is not Go's own.
    fn full_name_of(&self, addr: Addr, head: &Head) -> Option<String> {
        let name = self.name_of(addr, head)?;
        let qualified = self.path_of(addr, head).and_then(|path| {
            let stars = name.len().checked_sub(name.trim_start_matches('*').len())?;
            let (stars, rest) = name.split_at_checked(stars)?;
            let (package, own) = rest.split_once('.')?;
            let plain = package.chars().all(|c| c.is_alphanumeric() || c == '_');
            plain.then(|| format!("{stars}{path}.{own}"))
        });
        Some(qualified.unwrap_or(name))
    }

    /// The path of the package of a type with a name of its own, or of what it is a pointer to. It stands
    /// behind what a descriptor of that kind has of its own. Source: `internal/abi/type.go`,
    /// `Type.Uncommon` and `UncommonType.PkgPath` (go1.19: `runtime/type.go`), all versions.
    fn path_of(&self, addr: Addr, head: &Head) -> Option<String> {
        let own_words = match head.kind {
            KIND_MAP => return None,
            17 => 3,
            18 => 2,
            19 | 22 | 23 => 1,
            20 | 25 => 4,
            _ => 0,
        };
        let uncommon = addr
            .checked_add(self.head.as_ref()?.size)?
            .element(own_words, self.program.mem.abi.word())?;
        let off = self.program.mem.read_u32(uncommon).ok()?;
        let has_path = head.tflag & TFLAG_UNCOMMON != 0 && off != 0;
        let (i, _) = self.modules.types_at(addr).filter(|_| has_path)?;
        let start = self.modules.list.get(i)?.types.start;
        self.read_name(start.checked_add(off.into())?)
    }

    /// A name: a byte of flags, a varint length, the bytes. Source: `internal/abi/type.go`, `Name`.
    fn read_name(&self, addr: Addr) -> Option<String> {
        let mem = self.program.mem;
        let mut len = 0u64;
        let mut at = addr.checked_add(1)?;
        for shift in (0..28).step_by(7) {
            let b = mem.read_u8(at).ok()?;
            at = at.checked_add(1)?;
            len |= u64::from(b & 0x7f).checked_shl(shift)?;
            if b & 0x80 == 0 {
                break;
            }
        }
        let bytes = mem.bytes(at, Some(len).filter(|l| *l <= MAX_NAME)?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether a text can be the name of a type as Go prints it.
fn is_type_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| !c.is_control() && c != '\u{fffd}')
}

/// The common head of a descriptor.
struct Head {
    size: u64,
    tflag: u64,
    raw_kind: u64,
    kind: u64,
    str_off: i32,
}
