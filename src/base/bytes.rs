//! Bounded reads of integers from a byte slice, with byte order and word size given.
//! In: `&[u8]` and an offset. Out: integers, or `None` where the slice is too short.

/// The order of bytes in the dead process's integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endian {
    /// Least significant byte first (amd64, arm64, 386, riscv64 …).
    Little,
    /// Most significant byte first (s390x, mips, ppc64).
    Big,
}

/// How the dead process lays out integers: byte order and size of a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abi {
    /// Byte order.
    pub endian: Endian,
    /// Bytes in a pointer, `int`, `uint` and `uintptr`: 4 or 8.
    pub ptr_size: u8,
}

impl Abi {
    /// The ABI of linux/amd64: little-endian, 8-byte pointers.
    pub const AMD64: Abi = Abi {
        endian: Endian::Little,
        ptr_size: 8,
    };

    /// Bytes in a pointer as `u64`, ready for address sums.
    #[inline]
    pub fn word(self) -> u64 {
        u64::from(self.ptr_size)
    }

    /// The byte at `off`.
    #[inline]
    pub fn u8(self, bytes: &[u8], off: usize) -> Option<u8> {
        bytes.get(off).copied()
    }

    /// The 2-byte integer at `off`.
    #[inline]
    pub fn u16(self, bytes: &[u8], off: usize) -> Option<u16> {
        let raw: [u8; 2] = run(bytes, off)?;
        Some(match self.endian {
            Endian::Little => u16::from_le_bytes(raw),
            Endian::Big => u16::from_be_bytes(raw),
        })
    }

    /// The 4-byte integer at `off`.
    #[inline]
    pub fn u32(self, bytes: &[u8], off: usize) -> Option<u32> {
        let raw: [u8; 4] = run(bytes, off)?;
        Some(match self.endian {
            Endian::Little => u32::from_le_bytes(raw),
            Endian::Big => u32::from_be_bytes(raw),
        })
    }

    /// The 8-byte integer at `off`.
    #[inline]
    pub fn u64(self, bytes: &[u8], off: usize) -> Option<u64> {
        let raw: [u8; 8] = run(bytes, off)?;
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(raw),
            Endian::Big => u64::from_be_bytes(raw),
        })
    }

    /// The pointer-sized unsigned integer at `off`, zero-extended to 64 bits.
    #[inline]
    pub fn uptr(self, bytes: &[u8], off: usize) -> Option<u64> {
        if self.ptr_size == 4 {
            self.u32(bytes, off).map(u64::from)
        } else {
            self.u64(bytes, off)
        }
    }

    /// The pointer-sized signed integer (Go's `int`) at `off`, sign-extended to 64 bits.
    #[inline]
    pub fn int(self, bytes: &[u8], off: usize) -> Option<i64> {
        if self.ptr_size == 4 {
            self.u32(bytes, off).map(|v| i64::from(v.cast_signed()))
        } else {
            self.u64(bytes, off).map(u64::cast_signed)
        }
    }

    /// The unsigned integer of `size` bytes (1, 2, 4 or 8) at `off`; `None` for any other size.
    #[inline]
    pub fn uint(self, bytes: &[u8], off: usize, size: u64) -> Option<u64> {
        match size {
            1 => self.u8(bytes, off).map(u64::from),
            2 => self.u16(bytes, off).map(u64::from),
            4 => self.u32(bytes, off).map(u64::from),
            8 => self.u64(bytes, off),
            _ => None,
        }
    }
}

#[inline]
fn run<const N: usize>(bytes: &[u8], off: usize) -> Option<[u8; N]> {
    bytes.get(off..off.checked_add(N)?)?.try_into().ok()
}

/// The words at these byte offsets as bits: bit i is word i. Offsets from word 64 on are left out.
pub fn word_mask<'o>(offsets: impl IntoIterator<Item = &'o u64>, word: u64) -> u64 {
    offsets
        .into_iter()
        .filter_map(|off| 1u64.checked_shl(u32::try_from(off.checked_div(word)?).ok()?))
        .fold(0, |mask, bit| mask | bit)
}

/// Whether every byte is zero; an empty slice is all zero. Looks at blocks as a whole, which compiles
/// to wide instructions, and stops at the first block with a bit in it.
pub fn all_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(256)
        .all(|block| block.iter().fold(0, |bits, b| bits | b) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_and_both_word_sizes_read_back() {
        let raw = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88];
        let le = Abi::AMD64;
        let be32 = Abi {
            endian: Endian::Big,
            ptr_size: 4,
        };
        assert_eq!(le.uptr(&raw, 0), Some(0x8807_0605_0403_0201));
        assert_eq!(le.int(&raw, 0), Some(-0x77f8_f9fa_fbfc_fdff));
        assert_eq!(be32.uptr(&raw, 4), Some(0x0506_0788));
        assert_eq!(be32.u16(&raw, 6), Some(0x0788));
        assert_eq!(le.uint(&raw, 0, 3), None);
    }

    #[test]
    fn reads_beyond_the_end_are_none() {
        assert_eq!(Abi::AMD64.u64(&[0; 7], 0), None);
        assert_eq!(Abi::AMD64.u16(&[0; 7], usize::MAX), None);
    }

    #[test]
    fn words_become_bits() {
        assert_eq!(word_mask(&[16, 24, 40], 8), 0b10_1100);
        assert_eq!(word_mask(&[0, 512, u64::MAX], 8), 1);
        assert_eq!(word_mask(&[8], 0), 0);
    }

    #[test]
    fn all_zero_sees_the_last_odd_byte() {
        assert!(all_zero(&[]));
        assert!(all_zero(&[0; 19]));
        let mut b = [0; 19];
        b[18] = 1;
        assert!(!all_zero(&b));
    }
}
