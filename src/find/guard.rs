//! Whether a word of a stack can be what the debug information says it is.
//! In: a word and the type it is said to lead to. Out: yes or no, by the allocator's books: the object
//! must be allocated, and its pointers must be where the type has them.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::word_mask;
use crate::find::plan::Leaf;
use crate::find::plan::LeafKind;
use crate::find::search::Grounds;
use crate::find::stacks::Held;
use crate::maps::layout::Family;
use crate::runtime::claims::HCHAN;
use crate::runtime::liveslots::StackObject;
use crate::runtime::spans::Object;
use crate::runtime::spans::SlotState;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;

/// Objects larger than this are not compared word by word.
const MAX_COMPARED: u64 = 1 << 16;

/// Bytes below which objects without pointers share a block, which is also the block's size. Source:
/// `runtime/malloc.go`, `maxTinySize` and `tinySizeClass`, all versions.
const TINY: u64 = 16;

/// Compares words with the allocator's books.
pub(crate) struct Guard<'c, 'v, 'a> {
    grounds: &'c Grounds<'c, 'v, 'a>,
    /// Bytes of a channel's own struct.
    channel: u64,
    header: HeaderShape,
}

/// What the heap object of a map's header looks like to the allocator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderShape {
    /// Bytes of the header.
    pub(crate) size: u64,
    /// Bytes of its slot; 0 when the size classes are not known.
    pub(crate) slot: u64,
    /// Bit i: word i is a pointer.
    pub(crate) mask: u64,
}

impl HeaderShape {
    /// Of this program's kind of map.
    pub(crate) fn of(grounds: &Grounds<'_, '_, '_>) -> HeaderShape {
        let reader = &grounds.reader;
        let word = reader.program.mem.abi.word();
        let bound = match &reader.layouts.family {
            Family::Classic { hmap, .. } => hmap,
            Family::Swiss { map, .. } => map,
        };
        let words = reader.program.graph.pointer_words(bound.ty, word);
        HeaderShape {
            size: bound.size,
            slot: reader.heap.slot_size(bound.size, true).unwrap_or(0),
            mask: word_mask(&words, word),
        }
    }
}

impl<'c, 'v, 'a> Guard<'c, 'v, 'a> {
    pub(crate) fn new(grounds: &'c Grounds<'c, 'v, 'a>) -> Guard<'c, 'v, 'a> {
        Guard {
            grounds,
            channel: HCHAN
                .bind(&grounds.reader.program)
                .map_or(0, |chan| chan.size),
            header: HeaderShape::of(grounds),
        }
    }

    /// What a word may be the address of; `None` when no allocated object of the heap is there.
    pub(crate) fn held(&self, value: Addr) -> Option<Held> {
        let (obj, state) = self.object(value)?;
        if state == SlotState::Free {
            return None;
        }
        Some(if self.is_header(value, &obj) {
            Held::Header
        } else {
            Held::Other
        })
    }

    fn object(&self, value: Addr) -> Option<(Object, SlotState)> {
        let spans = self.grounds.reader.heap.spans();
        let obj = spans.object(value)?;
        let state = spans.state(&obj)?;
        Some((obj, state))
    }

    fn is_header(&self, addr: Addr, obj: &Object) -> bool {
        let heap = self.grounds.reader.heap;
        let span = heap.spans().list().get(obj.span);
        obj.start == addr
            && span.is_some_and(|s| s.elem_size == self.header.slot && !s.noscan)
            && heap.pointer_mask(obj) == Some(self.header.mask)
    }

    /// Whether an allocated object of the size and pointers of a map's header begins at `addr`.
    pub(crate) fn is_header_at(&self, addr: Addr) -> bool {
        self.object(addr)
            .is_some_and(|(obj, s)| s == SlotState::Allocated && self.is_header(addr, &obj))
    }

    /// Whether a stack object has the size and the pointers of a map's header.
    pub(crate) fn is_header_object(&self, o: &StackObject) -> bool {
        o.at.size() == self.header.size && o.mask == Some(self.header.mask)
    }

    /// The map type whose descriptor is at `addr`, if one of the program's is.
    pub(crate) fn map_type(&self, addr: Addr) -> Option<TypeId> {
        let reader = &self.grounds.reader;
        self.grounds.modules.types_at(addr)?;
        let ty = reader.meta.type_at(addr)?;
        matches!(reader.program.graph.get(ty).kind, Kind::Map { .. }).then_some(ty)
    }

    /// Whether the word of a leaf can lead where the leaf says. `bytes` are the value's; `stack` is the
    /// memory of the stack it stands on, `objects` what lies on that.
    pub(crate) fn agrees(
        &self,
        leaf: &Leaf,
        bytes: &[u8],
        stack: AddrRange,
        objects: &[StackObject],
    ) -> bool {
        let abi = self.grounds.reader.program.mem.abi;
        let word = |i: usize| {
            let size = usize::from(abi.ptr_size);
            let at = usize::try_from(leaf.off).ok()?;
            abi.uptr(bytes, at.checked_add(i.checked_mul(size)?)?)
        };
        let Some(first) = word(0).map(Addr) else {
            return false;
        };
        match leaf.what {
            LeafKind::Array { .. } | LeafKind::SyncMap(_) => return true,
            _ if first.is_nil() => return false,
            LeafKind::Map(_) if stack.contains(first) => {
                return objects
                    .iter()
                    .any(|o| o.at.start == first && self.is_header_object(o));
            }
            _ => {}
        }
        let graph = self.grounds.reader.program.graph;
        match leaf.what {
            LeafKind::Map(_) => self.is_header_at(first),
            _ if stack.contains(first) && !matches!(leaf.what, LeafKind::Interface { .. }) => {
                // What lies on the stack itself is one of its objects.
                let size = match leaf.what {
                    LeafKind::Pointer(elem) => graph.get(elem).size,
                    LeafKind::Slice(elem) => {
                        let cap = word(2).unwrap_or(u64::MAX);
                        graph.get(elem).size.saturating_mul(cap)
                    }
                    _ => abi.word(),
                };
                objects.iter().any(|o| o.at.contains_run(first, size))
            }
            LeafKind::Pointer(elem) => self.leads_to(first, elem),
            LeafKind::Slice(elem) => word(1) == Some(0) || self.leads_to(first, elem),
            LeafKind::Chan(_) => self.is_object(first, self.channel),
            LeafKind::Shards(_) => self.is_object(first, 0),
            LeafKind::Func => {
                let code = self.grounds.reader.program.mem.read_addr(first);
                let known = self.grounds.modules.has_values_at(first) || self.is_object(first, 0);
                known && code.is_ok_and(|c| self.grounds.modules.is_text(c))
            }
            LeafKind::Interface { empty } => {
                let meta = self.grounds.reader.meta;
                let Some(dynamic) = meta.dynamic(first, empty) else {
                    return false;
                };
                let data = word(1).map_or(Addr::NIL, Addr);
                match &graph.get(dynamic.ty).kind {
                    Kind::Map { .. } => self.agrees(
                        &Leaf {
                            off: leaf.off.saturating_add(abi.word()),
                            what: LeafKind::Map(dynamic.ty),
                        },
                        bytes,
                        stack,
                        objects,
                    ),
                    _ if dynamic.direct => self.is_kept(data),
                    _ => {
                        let size = graph.get(dynamic.ty).size;
                        objects.iter().any(|o| o.at.contains_run(data, size))
                            || self.leads_to(data, dynamic.ty)
                    }
                }
            }
            LeafKind::Array { .. } | LeafKind::SyncMap(_) => true,
        }
    }

    /// Whether an allocated object of at least `size` bytes begins at `addr`.
    fn is_object(&self, addr: Addr, size: u64) -> bool {
        self.object(addr).is_some_and(|(obj, s)| {
            s == SlotState::Allocated && obj.start == addr && obj.size >= size
        })
    }

    /// Whether what the word of a leaf leads to has just the size and the pointers that the leaf says:
    /// evidence that it is that, where `agrees` only finds nothing against it.
    pub(crate) fn is_exact(&self, leaf: &Leaf, bytes: &[u8]) -> bool {
        let abi = self.grounds.reader.program.mem.abi;
        let word = |i: usize| {
            let at = usize::try_from(leaf.off).ok()?;
            abi.uptr(
                bytes,
                at.checked_add(i.checked_mul(usize::from(abi.ptr_size))?)?,
            )
        };
        let Some(first) = word(0).map(Addr) else {
            return false;
        };
        match leaf.what {
            LeafKind::Map(_) | LeafKind::Chan(_) | LeafKind::Func => true,
            LeafKind::Pointer(elem) => self.is_one_of(first, elem, 1),
            LeafKind::Slice(elem) => self.is_one_of(first, elem, word(2).unwrap_or(0)),
            _ => false,
        }
    }

    /// Whether the object at `addr` is what `make` of `n` values of type `ty` gives.
    fn is_one_of(&self, addr: Addr, ty: TypeId, n: u64) -> bool {
        let reader = &self.grounds.reader;
        let graph = reader.program.graph;
        let word = reader.program.mem.abi.word();
        let spans = reader.heap.spans();
        let Some(obj) = spans.object(addr).filter(|o| o.start == addr) else {
            return false;
        };
        let Some(span) = spans.list().get(obj.span) else {
            return false;
        };
        let want = graph.pointer_words(ty, word);
        let Some(size) = graph.get(ty).size.checked_mul(n) else {
            return false;
        };
        // Small objects without pointers share a block. Source: `runtime/malloc.go`, `maxTinySize`.
        let slot = if want.is_empty() && size < TINY {
            Some(TINY)
        } else {
            reader.heap.slot_size(size, !want.is_empty())
        };
        if slot != Some(span.elem_size) || span.noscan != want.is_empty() {
            return false;
        }
        n != 1 || span.noscan || obj.size > MAX_COMPARED || {
            let mut have = Vec::new();
            let known = reader.heap.pointer_words(reader.meta, &obj, &mut |at| {
                have.push(at.0.saturating_sub(addr.0));
            });
            known && want == have
        }
    }

    fn is_kept(&self, addr: Addr) -> bool {
        self.grounds.modules.has_values_at(addr)
            || self
                .object(addr)
                .is_some_and(|(_, s)| s == SlotState::Allocated)
    }

    /// Whether a value of type `ty` can lie at `addr`: in a module, or in an allocated object that is
    /// large enough and has its pointers where the type has them.
    pub(crate) fn leads_to(&self, addr: Addr, ty: TypeId) -> bool {
        if self.grounds.modules.has_values_at(addr) {
            return true;
        }
        let Some((obj, SlotState::Allocated)) = self.object(addr) else {
            return false;
        };
        let reader = &self.grounds.reader;
        let graph = reader.program.graph;
        let word = reader.program.mem.abi.word();
        let size = graph.get(ty).size;
        let fits = addr
            .offset_from(obj.start)
            .and_then(|o| o.checked_add(size))
            .is_some_and(|end| end <= obj.size);
        if !fits || obj.size > MAX_COMPARED {
            return fits;
        }
        let want = graph.pointer_words(ty, word);
        let mut have = Vec::new();
        let end = addr.0.saturating_add(size);
        let known = reader.heap.pointer_words(reader.meta, &obj, &mut |at| {
            if addr <= at && at.0 < end {
                have.push(at.0.saturating_sub(addr.0));
            }
        });
        !known || want == have
    }
}
