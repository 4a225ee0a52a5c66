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

/// The table of all known versions, for processes whose own cannot be found. Source:
/// `runtime/sizeclasses.go`, `class_to_size`, go1.19 to go1.24; `internal/runtime/gc/sizeclasses.go`,
/// `SizeClassToSize`, go1.25 to go1.27. `tests/heap.rs` holds it against the processes of every version.
pub const KNOWN_SIZES: [u64; 68] = [
    0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
    352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792,
    2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
    10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
    32768,
];

/// The size classes of this process.
#[derive(Clone, Debug)]
pub struct SizeClasses {
    /// Bytes of a slot by class, ascending; class 0 (large objects) has 0.
    pub sizes: Vec<u64>,
    /// Slots of objects with pointers begin with a malloc header when the object is larger than this;
    /// `None` before go1.22.
    pub header_above: Option<u64>,
}

impl SizeClasses {
    /// Reads the table. Source: `runtime/sizeclasses.go`, `class_to_size`, up to go1.24;
    /// `internal/runtime/gc/sizeclasses.go`, `SizeClassToSize`, from go1.25.
    pub fn bind(program: &Program<'_, '_>) -> Option<SizeClasses> {
        let sizes = match program.globals {
            Some(_) => KNOWN_SIZES.to_vec(),
            None => read_sizes(program)?,
        };
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

fn read_sizes(program: &Program<'_, '_>) -> Option<Vec<u64>> {
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
    bytes
        .chunks_exact(usize::try_from(stride).ok().filter(|s| *s > 0)?)
        .map(|b| program.mem.abi.uint(b, 0, stride))
        .collect()
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
