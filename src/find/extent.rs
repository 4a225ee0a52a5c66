//! An array of buckets or groups as the allocator, or the compiler, has it in its books.
//! In: where a header says that its storage is. Out: size, pointers, recorded type; or that no array of
//! a map can be there.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::find::headers::Array;
use crate::find::search::Grounds;
use crate::runtime::liveslots::StackObject;
use crate::runtime::spans::SlotState;

/// Bytes of an array whose pointer pattern is compared.
const MAX_PATTERN: u64 = 1 << 16;

/// An array of storage as the allocator has it.
pub(crate) enum Extent {
    Heap {
        slot: u64,
        noscan: bool,
        recorded: Option<Addr>,
        /// Offsets of its pointers, where they are known.
        pattern: Option<Vec<u64>>,
    },
    Stack {
        size: u64,
        mask: Option<u64>,
    },
    /// In a frame, without pointers: the compiler keeps no record of it.
    Frame,
}

impl Extent {
    /// What is at `array`. `dead`: the collector has given the map up, and with it its storage. `stack`: the
    /// memory of the stack that the header lies on, if it does; `objects`: what lies on that.
    pub(crate) fn of(
        grounds: &Grounds<'_, '_, '_>,
        array: &Array,
        dead: bool,
        objects: &[StackObject],
        stack: AddrRange,
    ) -> Option<Extent> {
        let reader = &grounds.reader;
        if let Some(o) = objects.iter().find(|o| o.at.start == array.addr) {
            return Some(Extent::Stack {
                size: o.at.size(),
                mask: o.mask,
            });
        }
        if stack.contains(array.addr) {
            return Some(Extent::Frame);
        }
        let spans = reader.heap.spans();
        let obj = spans.object(array.addr)?;
        let span = spans.list().get(obj.span)?;
        // What the collector gave up may still be held by something else, but not the other way round.
        let kept = match spans.state(&obj)? {
            SlotState::Allocated => !dead,
            SlotState::Dead => dead,
            SlotState::Free => false,
        };
        if obj.start != array.addr || !kept {
            return None;
        }
        let mut pattern = Vec::new();
        let known = obj.size <= MAX_PATTERN
            && !span.noscan
            && reader.heap.pointer_words(reader.meta, &obj, &mut |at| {
                pattern.push(at.0.saturating_sub(obj.start.0));
            });
        Some(Extent::Heap {
            slot: span.elem_size,
            noscan: span.noscan,
            recorded: reader.heap.recorded_type(&obj),
            pattern: known.then_some(pattern),
        })
    }
}
