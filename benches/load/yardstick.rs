//! The yardstick: one thread reads a core once and tests every word of it.
//! In: a core file. Out: how many of its words lie in the address range of its largest segment.
//! Whatever looks at all of a core cannot do with less, whatever machine it runs on.

use memmap2::Mmap;
use std::fs::File;
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;

/// Counts the 8-byte words of a file that look like pointers into the heap.
pub fn count(core: &Path) -> u64 {
    let bytes = map(core);
    let range = largest_segment(&bytes);
    let mut found = 0u64;
    for word in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes(word.try_into().unwrap());
        found += u64::from(range.contains(&word));
    }
    black_box(found)
}

#[allow(unsafe_code)] // as in file/mmap.rs: mapping is what is measured
fn map(core: &Path) -> Mmap {
    let file = File::open(core).expect("the core can be opened");
    // SAFETY: the bytes are compared and never trusted; nobody writes to a core while it is measured.
    unsafe { Mmap::map(&file).expect("the core can be mapped") }
}

/// The addresses of the largest segment of a 64-bit little-endian core: its heap, or most of it.
fn largest_segment(bytes: &[u8]) -> Range<u64> {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let (table, size, count) = (word(32) as usize, half(54), half(56));
    let entry = |i: u16| table + usize::from(i) * usize::from(size);
    let segments = (0..count).map(|i| (word(entry(i) + 32), word(entry(i) + 16))); // p_filesz, p_vaddr
    let (size, at) = segments.max().unwrap_or_default();
    at..at.saturating_add(size)
}
