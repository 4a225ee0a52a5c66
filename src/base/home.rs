//! Where an address lies, by the allocator's own books.
//! In: what `runtime/heap.rs` looked up. Out: a fact that images and rules carry along.

use crate::base::addr::Addr;

/// Where an address lies, by the allocator's own books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// Inside a slot of a heap span.
    Object {
        /// First byte of the object as Go code sees it (behind the malloc header where there is one).
        start: Addr,
        /// Usable bytes from `start`; the size class may be larger than what was asked for.
        size: u64,
        /// Whether the slot is allocated (or not swept yet, which the books do not tell apart).
        allocated: bool,
    },
    /// In a span used for stacks.
    Stack,
    /// In the data, bss or read-only part of the binary.
    Module,
    /// Inside the heap's arenas, but in no span that is in use.
    FreeSpan,
    /// Mapped, but neither heap, stack nor binary (C memory, mmap).
    Foreign,
    /// Not mapped in the process, or nil.
    Unmapped,
    /// The books could not be read.
    Unknown,
}

impl Home {
    /// Usable bytes from `addr` to the end of its object, where the books tell.
    pub fn room_at(self, addr: Addr) -> Option<u64> {
        match self {
            Home::Object { start, size, .. } => size.checked_sub(addr.offset_from(start)?),
            _ => None,
        }
    }

    /// Whether `addr` is the first byte of an allocated object of at least `size` bytes, or lies
    /// where the books keep no objects (stacks, data, C memory). `None` when it is not known.
    pub fn holds(self, addr: Addr, size: u64) -> Option<bool> {
        match self {
            Home::Object {
                start,
                size: room,
                allocated,
            } => Some(allocated && start == addr && room >= size),
            Home::Stack | Home::Module | Home::Foreign => Some(true),
            Home::FreeSpan | Home::Unmapped => Some(false),
            Home::Unknown => None,
        }
    }
}
