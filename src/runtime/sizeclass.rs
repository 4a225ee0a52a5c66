//! The size classes, and the slot that an object of a given size gets.
//! In: the runtime's own table as the process has it. Out: sizes of slots in bytes.

use crate::base::limits::MAX_SIZE_CLASSES;
use crate::runtime::claims::MSPAN;
use crate::runtime::heap::PAGE;
use crate::runtime::program::Program;
use crate::types::graph::Kind;

/// Bytes of the malloc header, on 32-bit machines too. Source: `runtime/malloc.go`,
/// `mallocHeaderSize`, from go1.22 (from go1.25 `internal/runtime/gc`, `MallocHeaderSize`).
pub(crate) const HEADER: u64 = 8;
/// Slots for several pointer-free objects at once, and the size below which they share one.
/// Source: `runtime/malloc.go`, `maxTinySize`, all versions.
const TINY: u64 = 16;

/// The size classes of this process.
#[derive(Clone, Debug)]
pub(crate) struct SizeClasses {
    /// Bytes of a slot by class, ascending; class 0 (large objects) has 0.
    pub(crate) sizes: Vec<u64>,
    /// Slots of objects with pointers begin with a malloc header when the object is larger than this;
    /// `None` before go1.22.
    pub(crate) header_above: Option<u64>,
}

impl SizeClasses {
    /// Reads the table. Source: `runtime/sizeclasses.go`, `class_to_size`, up to go1.24;
    /// `internal/runtime/gc/sizeclasses.go`, `SizeClassToSize`, from go1.25.
    pub(crate) fn bind(program: &Program<'_, '_>) -> Option<SizeClasses> {
        let table = program
            .variable("internal/runtime/gc.SizeClassToSize")
            .or_else(|| program.variable("runtime.class_to_size"))?;
        let Kind::Array { elem, len } = table.kind().kind else {
            return None;
        };
        let stride = program.graph.get(elem).size;
        if len > MAX_SIZE_CLASSES {
            return None;
        }
        let bytes = program
            .mem
            .bytes(table.addr, len.checked_mul(stride)?)
            .ok()?;
        let sizes = bytes
            .chunks_exact(usize::try_from(stride).ok().filter(|s| *s > 0)?)
            .map(|b| program.mem.abi.uint(b, 0, stride))
            .collect::<Option<Vec<u64>>>()?;
        let word = program.mem.abi.word();
        // Source: `runtime/malloc.go`, `heapBitsInSpan`: PtrSize * ptrBits, from go1.22.
        let header_above = MSPAN
            .bind(program)?
            .field("largeType")
            .and_then(|_| word.checked_mul(word)?.checked_mul(8));
        // A table that does not ascend was overwritten.
        sizes.is_sorted_by(|a, b| a < b).then_some(SizeClasses {
            sizes,
            header_above,
        })
    }

    /// Bytes of the slot for an object of `size` bytes. Source: `runtime/malloc.go`, `mallocgc`.
    pub(crate) fn slot_size(&self, size: u64, has_pointers: bool) -> Option<u64> {
        if size == 0 {
            return None;
        }
        if !has_pointers && size < TINY {
            return Some(TINY);
        }
        let small = *self.sizes.last()?;
        // From go1.22 an object is large when a header would not fit, even if it needs none.
        let (largest, header) = match self.header_above {
            None => (small, 0),
            Some(above) if has_pointers && size > above => (small.checked_sub(HEADER)?, HEADER),
            Some(_) => (small.checked_sub(HEADER)?, 0),
        };
        if size > largest {
            return size.checked_next_multiple_of(PAGE);
        }
        let need = size.checked_add(header)?;
        let class = self.sizes.partition_point(|s| *s < need);
        self.sizes.get(class).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(header_above: Option<u64>) -> SizeClasses {
        SizeClasses {
            sizes: vec![0, 8, 16, 24, 32, 48, 512, 576, 640, 28672, 32768],
            header_above,
        }
    }

    #[test]
    fn the_header_counts_above_512_bytes_only_with_pointers() {
        let c = classes(Some(512));
        assert_eq!(c.slot_size(512, true), Some(512));
        assert_eq!(c.slot_size(513, true), Some(576));
        assert_eq!(c.slot_size(569, true), Some(640));
        assert_eq!(c.slot_size(569, false), Some(576));
        assert_eq!(classes(None).slot_size(576, true), Some(576));
    }

    #[test]
    fn an_object_is_large_when_a_header_would_not_fit() {
        let c = classes(Some(512));
        assert_eq!(c.slot_size(32760, true), Some(32768));
        assert_eq!(c.slot_size(32761, false), Some(4 * PAGE));
        assert_eq!(c.slot_size(32769, true), Some(40960));
        let small = SizeClasses {
            sizes: vec![0, 8, 16, 1024],
            ..classes(Some(512))
        };
        assert_eq!(small.slot_size(1016, true), Some(1024));
        assert_eq!(small.slot_size(1017, false), Some(PAGE));
        assert_eq!(classes(None).slot_size(32768, true), Some(32768));
        assert_eq!(classes(None).slot_size(32769, true), Some(40960));
        assert_eq!(c.slot_size(u64::MAX, true), None);
    }

    #[test]
    fn tiny_objects_share_slots_and_empty_ones_have_none() {
        let c = classes(Some(512));
        assert_eq!(c.slot_size(1, false), Some(16));
        assert_eq!(c.slot_size(8, true), Some(8));
        assert_eq!(c.slot_size(17, false), Some(24));
        assert_eq!(c.slot_size(0, false), None);
    }
}
