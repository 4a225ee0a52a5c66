//! Which words of an object are pointers, and which type the allocator recorded for it.
//! In: the heap's bitmaps (in the arena, or at the end of the span), malloc headers, and masks of types
//! (`typemask.rs`). Out: addresses of pointer words, masks of small objects, descriptors.

use crate::base::addr::Addr;
use crate::process::memory::MemoryRun;
use crate::runtime::claims::ABI_TYPE_POINTERS;
use crate::runtime::claims::Bound;
use crate::runtime::claims::HEAP_ARENA;
use crate::runtime::claims::MSPAN;
use crate::runtime::claims::SPAN_INLINE_MARK_BITS;
use crate::runtime::heap::Heap;
use crate::runtime::heap::MAX_UNTYPED;
use crate::runtime::homes::Begun;
use crate::runtime::program::Program;
use crate::runtime::ptrbits::one_bit_mask;
use crate::runtime::ptrbits::one_bit_words;
use crate::runtime::ptrbits::two_bit_words;
use crate::runtime::spans::Object;
use crate::runtime::spans::Span;
use crate::runtime::typemask::TypeMask;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::Kind;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

/// Words of the objects that `pointer_mask` is for.
const MASK_WORDS: u64 = 64;
/// Low bits of `Kind_` that are the kind.
const KIND_MASK: u64 = 31;

/// Where this Go keeps pointer bitmaps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bitmap {
    /// In the arena, two bits a word: the low half of a byte says pointer, the high half that more
    /// pointers follow in the object. Source: `runtime/mbitmap.go`, go1.19.
    TwoBits {
        /// Offset in heapArena.
        off: u64,
    },
    /// In the arena, words of the machine with one bit a word. Source: `runtime/mbitmap.go`,
    /// go1.20 and go1.21.
    OneBit {
        /// Offset in heapArena.
        off: u64,
    },
    /// At the end of spans with small slots; larger objects have a recorded type.
    /// Source: `runtime/mbitmap.go`, `spanHeapBitsRange` and `typePointersOf`, from go1.22.
    InSpan {
        /// Bytes of inline mark bits behind it, in spans that have them.
        inline: u64,
    },
}

/// Where the type of an object is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TypeRecord {
    /// It is not.
    Nowhere,
    /// In its malloc header, which lies there.
    At(Addr),
    /// In its span.
    Elsewhere,
}

/// How pointers are recorded in this process, and the masks that were read so far.
#[derive(Debug)]
pub(crate) struct PointerBooks {
    bitmap: Option<Bitmap>,
    pub(crate) head: Option<Bound>,
    /// Masks may be made on demand; while one is made, this address stands for it.
    pub(crate) in_progress: Option<Addr>,
    pub(crate) known: Mutex<HashMap<Addr, Option<Arc<TypeMask>>>>,
}

impl PointerBooks {
    pub(crate) fn bind(program: &Program<'_, '_>) -> PointerBooks {
        PointerBooks {
            bitmap: Bitmap::bind(program),
            head: ABI_TYPE_POINTERS.bind(program),
            // Source: `runtime/type.go`, `inProgress`, from go1.24.
            in_progress: program.variable("runtime.inProgress").map(|v| v.addr),
            known: Mutex::new(HashMap::new()),
        }
    }
}

impl Bitmap {
    fn bind(program: &Program<'_, '_>) -> Option<Bitmap> {
        if let Some(map) = HEAP_ARENA.bind(program)?.field("bitmap") {
            let Kind::Array { elem, .. } = program.graph.get(map.ty).kind else {
                return None;
            };
            let off = map.off;
            return Some(if program.graph.get(elem).size == 1 {
                Bitmap::TwoBits { off }
            } else {
                Bitmap::OneBit { off }
            });
        }
        MSPAN.bind(program)?.field("largeType")?;
        Some(Bitmap::InSpan {
            inline: SPAN_INLINE_MARK_BITS.bind(program).map_or(0, |m| m.size),
        })
    }
}

impl Heap<'_, '_> {
    /// The pointer words of an object of at most 64 words: bit i is set when the word `8 i` bytes behind
    /// `obj.start` (`4 i` on 32-bit machines) is a pointer. `None` for larger objects, for those whose
    /// layout is only known by their type, and when the bitmap cannot be read. Of use for allocated
    /// objects; what it says of others is what was there before.
    pub fn pointer_mask(&self, obj: &Object) -> Option<u64> {
        let span = self.spans().list().get(obj.span)?;
        let words = obj.size.checked_div(self.mem.abi.word())?;
        if words > MASK_WORDS || span.user_arena {
            return None;
        }
        if let Some(Bitmap::InSpan { inline }) = self.pointers.bitmap
            && !span.noscan
            && words > 1
            && self.mem.abi.ptr_size == 8
        {
            let (bitmap, first) = self.bitmap_in_span(span, obj, inline)?;
            return one_bit_mask(self.mem, bitmap, first, words);
        }
        let mut mask = 0u64;
        self.bitmap_words(span, obj, words, &mut |i| {
            mask |= 1u64.wrapping_shl(u32::try_from(i).unwrap_or(0));
        })?;
        Some(mask)
    }

    /// Calls `each` with the address of every pointer word of an object, ascending. False when they
    /// are not all known: the layout cannot be read, or bytes of the object are not in the core (those
    /// words are left out). Behind the last element of an array the pattern of its type goes on to the
    /// end of the slot, as for the collector itself; the words there are zero.
    /// `types` is asked where the runtime keeps no mask that could be read.
    pub fn pointer_words(
        &self,
        types: &TypeMeta<'_, '_>,
        obj: &Object,
        each: &mut dyn FnMut(Addr),
    ) -> bool {
        self.try_pointer_words(types, obj, each).unwrap_or(false)
    }

    /// The type descriptor that the allocator recorded for an object, in the process: that of its
    /// elements where an array was allocated. Source: `runtime/malloc.go`, malloc headers, and
    /// `mspan.largeType`, from go1.22. `None` for objects of at most 512 bytes or without pointers, and where
    /// what is recorded is no type: for a large object whose type has a GC program, go1.22 and go1.23
    /// record a stand-in that has a mask only (`runtime/mbitmap.go`, `heapSetType`).
    pub fn recorded_type(&self, obj: &Object) -> Option<Addr> {
        let span = self.spans().list().get(obj.span)?;
        let descriptor = self.recorded(span, obj)?;
        let kind = self.pointers.head.as_ref()?.field("Kind_")?;
        let raw = self.mem.read_u8(descriptor.checked_add(kind.off)?).ok()?;
        (1..=26)
            .contains(&(u64::from(raw) & KIND_MASK))
            .then_some(descriptor)
    }

    /// Where the allocator has recorded the type of the object that begins at `addr`.
    #[inline]
    pub(crate) fn record_of(&self, addr: Addr, begun: &Begun) -> TypeRecord {
        let header = begun.slot.saturating_sub(begun.room);
        if begun.noscan || !matches!(self.pointers.bitmap, Some(Bitmap::InSpan { .. })) {
            return TypeRecord::Nowhere;
        }
        match addr.0.checked_sub(header) {
            // In a process of 32 bits smaller slots have headers, too.
            Some(at) if header > 0 => TypeRecord::At(Addr(at)),
            Some(_) if begun.slot <= MAX_UNTYPED => TypeRecord::Nowhere,
            _ => TypeRecord::Elsewhere,
        }
    }

    /// What the allocator recorded as an object's type, be it one or a stand-in.
    fn recorded(&self, span: &Span, obj: &Object) -> Option<Addr> {
        if !matches!(self.pointers.bitmap?, Bitmap::InSpan { .. }) || span.noscan || span.user_arena
        {
            return None;
        }
        let descriptor = match (span.class, span.header) {
            (0, _) => span.large_type,
            (_, 0) => return None,
            _ => self.mem.read_addr(obj.slot_start).ok()?,
        };
        (!descriptor.is_nil()).then_some(descriptor)
    }

    fn try_pointer_words(
        &self,
        types: &TypeMeta<'_, '_>,
        obj: &Object,
        each: &mut dyn FnMut(Addr),
    ) -> Option<bool> {
        let span = self.spans().list().get(obj.span)?;
        if span.user_arena {
            return None;
        }
        let word = self.mem.abi.word();
        let words = obj.size.checked_div(word)?;
        if let Some(descriptor) = self.recorded(span, obj) {
            let mask = self.type_mask(types, descriptor, obj.size)?;
            // The slots of a class are in few pages; a large object may be as large as a damaged
            // span claims, so only words that are there are named.
            if span.class != 0 {
                mask.words(word, 0, obj.size, &mut |off| {
                    each(Addr(obj.start.0.saturating_add(off)));
                });
                return Some(true);
            }
            let mut whole = true;
            for run in self.mem.runs(obj.start, obj.size) {
                let MemoryRun::Bytes(at, bytes) = run else {
                    whole = false;
                    continue;
                };
                let from = at.offset_from(obj.start)?;
                let to = from.checked_add(bytes.len() as u64)?;
                mask.words(word, from, to, &mut |off| {
                    each(Addr(obj.start.0.saturating_add(off)));
                });
            }
            return Some(whole);
        }
        self.bitmap_words(span, obj, words, &mut |i| {
            each(Addr(obj.start.0.saturating_add(i.saturating_mul(word))));
        })?;
        Some(true)
    }

    /// Calls `each` with the index of every pointer word, by the bitmaps of the heap.
    fn bitmap_words(
        &self,
        span: &Span,
        obj: &Object,
        words: u64,
        each: &mut dyn FnMut(u64),
    ) -> Option<()> {
        if span.noscan {
            return Some(());
        }
        if words == 1 {
            each(0); // what has no pointers is noscan
            return Some(());
        }
        match self.pointers.bitmap? {
            Bitmap::InSpan { inline } => {
                let (bitmap, first) = self.bitmap_in_span(span, obj, inline)?;
                one_bit_words(self.mem, bitmap, first, words, each)
            }
            kind => self.arena_words(kind, obj.start, words, each),
        }
    }

    /// The bitmap at the end of a span of small objects, and the bit of an object's first word. `None` where only the
    /// type tells. `inline`: bytes of the mark bits behind it, where there are such.
    fn bitmap_in_span(&self, span: &Span, obj: &Object, inline: u64) -> Option<(Addr, u64)> {
        if span.class == 0 || span.header != 0 {
            return None;
        }
        let word = self.mem.abi.word();
        let bytes = span.pages.size().checked_div(word.checked_mul(8)?)?;
        let behind = if span.inline_marks.is_nil() {
            0
        } else {
            inline
        };
        let at = span.pages.size().checked_sub(bytes)?.checked_sub(behind)?;
        let bitmap = span.pages.start.checked_add(at)?;
        let first = obj.start.offset_from(span.pages.start)?;
        Some((bitmap, first.checked_div(word)?))
    }

    /// The same by the bitmaps of the arenas; a large object may lie in several.
    fn arena_words(
        &self,
        kind: Bitmap,
        start: Addr,
        words: u64,
        each: &mut dyn FnMut(u64),
    ) -> Option<()> {
        let word = self.mem.abi.word();
        let mut done = 0u64;
        while done < words {
            let at = start.element(done, word)?;
            let (arena, off, arena_size) = self.arena_at(at)?;
            let first = off.checked_div(word)?;
            let here = arena_size.checked_sub(off)?.checked_div(word)?;
            let n = here.min(words.checked_sub(done)?);
            let mut behind = |i: u64| each(done.saturating_add(i));
            match kind {
                Bitmap::OneBit { off } => {
                    one_bit_words(self.mem, arena.checked_add(off)?, first, n, &mut behind)?;
                }
                Bitmap::TwoBits { off } => {
                    let bitmap = arena.checked_add(off)?;
                    if !two_bit_words(self.mem, bitmap, first, n, &mut behind)? {
                        return Some(());
                    }
                }
                Bitmap::InSpan { .. } => return None,
            }
            done = done.checked_add(n).filter(|_| n > 0)?;
        }
        Some(())
    }
}
