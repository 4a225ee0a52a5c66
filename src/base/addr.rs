//! Addresses and offsets, each with its own type, and sums that cannot overflow.
//! In: plain integers at the edge of a file. Out: `Addr`, `LinkAddr`, `FileOff`, `AddrRange`.

use std::fmt;

/// An address in the dead process (what Go's own pointers hold). For a position-independent
/// executable this is the link-time address plus the slide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Addr(pub u64);

/// An address as the linker assigned it (what DWARF and the ELF symbol table hold).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct LinkAddr(pub u64);

/// A byte position inside a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct FileOff(pub u64);

impl Addr {
    /// Go's `nil`.
    pub const NIL: Addr = Addr(0);

    /// Whether this is the nil pointer.
    #[inline]
    pub fn is_nil(self) -> bool {
        self.0 == 0
    }

    /// The address `bytes` further on, or `None` when the sum leaves the 64-bit address space.
    #[inline]
    pub fn checked_add(self, bytes: u64) -> Option<Addr> {
        self.0.checked_add(bytes).map(Addr)
    }

    /// The address of element `idx` of an array of `stride`-byte elements that begins here.
    #[inline]
    pub fn element(self, idx: u64, stride: u64) -> Option<Addr> {
        self.checked_add(idx.checked_mul(stride)?)
    }

    /// How many bytes `self` lies behind `base`; `None` when it lies before it.
    #[inline]
    pub fn offset_from(self, base: Addr) -> Option<u64> {
        self.0.checked_sub(base.0)
    }
}

impl LinkAddr {
    /// Where this link-time address lies in a process loaded `slide` bytes higher (modulo 2^64, as
    /// the loader itself counts).
    #[inline]
    pub fn slid(self, slide: u64) -> Addr {
        Addr(self.0.wrapping_add(slide))
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for LinkAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A half-open range of process addresses: `start` is in it, `end` is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct AddrRange {
    /// First address inside.
    pub start: Addr,
    /// First address behind.
    pub end: Addr,
}

impl AddrRange {
    /// The range of `size` bytes at `start`; `None` when it would leave the address space.
    #[inline]
    pub fn of_size(start: Addr, size: u64) -> Option<AddrRange> {
        Some(AddrRange {
            start,
            end: start.checked_add(size)?,
        })
    }

    /// Bytes in the range; 0 when it is empty or turned around.
    #[inline]
    pub fn size(self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether `addr` lies inside.
    #[inline]
    pub fn contains(self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }

    /// Whether all `size` bytes at `addr` lie inside.
    #[inline]
    pub fn contains_run(self, addr: Addr, size: u64) -> bool {
        self.start <= addr && addr.checked_add(size).is_some_and(|end| end <= self.end)
    }
}

impl fmt::Display for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_at_the_top_of_the_address_space_are_refused() {
        assert_eq!(Addr(u64::MAX).checked_add(1), None);
        assert_eq!(Addr(8).element(u64::MAX, 16), None);
        assert!(AddrRange::of_size(Addr(u64::MAX - 3), 8).is_none());
    }

    #[test]
    fn a_range_excludes_its_end() {
        let r = AddrRange {
            start: Addr(16),
            end: Addr(32),
        };
        assert!(r.contains(Addr(16)) && !r.contains(Addr(32)));
        assert!(r.contains_run(Addr(24), 8) && !r.contains_run(Addr(24), 9));
        assert_eq!(r.size(), 16);
    }

    #[test]
    fn a_slide_moves_link_addresses() {
        assert_eq!(
            LinkAddr(0x40_1000).slid(0x5555_0000_0000),
            Addr(0x5555_0040_1000)
        );
    }
}
