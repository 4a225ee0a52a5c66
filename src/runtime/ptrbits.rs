//! Bitmaps of pointers as the versions of Go lay them out in memory.
//! In: memory, where a bitmap begins, and which of its bits are asked for. Out: the positions of those set.

use crate::base::addr::Addr;
use crate::process::memory::Memory;

/// Calls `each` with the positions, from `first` on, of the set bits among `n` of a bitmap that is
/// kept in words of the machine. `None` when it cannot be read.
pub(crate) fn one_bit_words(
    mem: &Memory<'_>,
    bitmap: Addr,
    first: u64,
    n: u64,
    each: &mut dyn FnMut(u64),
) -> Option<()> {
    let word = mem.abi.word();
    let per = word.checked_mul(8)?;
    let end = first.checked_add(n)?;
    let from = first.checked_div(per)?;
    let count = end.div_ceil(per).checked_sub(from)?;
    let bytes = mem
        .bytes(bitmap.element(from, word)?, count.checked_mul(word)?)
        .ok()?;
    for (i, chunk) in (from..).zip(bytes.chunks_exact(usize::from(mem.abi.ptr_size))) {
        let mut bits = mem.abi.uptr(chunk, 0)?;
        while bits != 0 {
            let at = i
                .checked_mul(per)?
                .checked_add(u64::from(bits.trailing_zeros()))?;
            bits &= bits.wrapping_sub(1);
            if (first..end).contains(&at) {
                each(at.checked_sub(first)?);
            }
        }
    }
    Some(())
}

/// The same of at most 64 bits of a process with words of 64: bit i is set where bit `first` + i is.
pub(crate) fn one_bit_mask(mem: &Memory<'_>, bitmap: Addr, first: u64, n: u64) -> Option<u64> {
    let (word, shift) = (first / 64, first % 64);
    let count = shift.checked_add(n)?.div_ceil(64);
    let bytes = mem
        .bytes(bitmap.element(word, 8)?, count.checked_mul(8)?)
        .ok()?;
    let low = mem.abi.u64(&bytes, 0)? >> shift;
    let high = match mem.abi.u64(&bytes, 8) {
        Some(high) if shift > 0 => high << 64u64.saturating_sub(shift),
        _ => 0,
    };
    let unused = u32::try_from(64u64.checked_sub(n)?).ok()?;
    Some((low | high) & u64::MAX.checked_shr(unused).unwrap_or(0))
}

/// The same of a bitmap with two bits a word: byte i has words 4 i to 4 i + 3. False when a word
/// said that no pointers follow in the object.
pub(crate) fn two_bit_words(
    mem: &Memory<'_>,
    bitmap: Addr,
    first: u64,
    n: u64,
    each: &mut dyn FnMut(u64),
) -> Option<bool> {
    let end = first.checked_add(n)?;
    let from = first / 4;
    let count = end.div_ceil(4).checked_sub(from)?;
    let bytes = mem.bytes(bitmap.checked_add(from)?, count).ok()?;
    for at in first..end {
        let byte = bytes.get(usize::try_from((at / 4).checked_sub(from)?).ok()?)?;
        let bits = byte.checked_shr(u32::try_from(at % 4).ok()?)?;
        if bits & 0x10 == 0 {
            return Some(false);
        }
        if bits & 1 != 0 {
            each(at.checked_sub(first)?);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::addr::AddrRange;
    use crate::base::bytes::Abi;
    use crate::base::bytes::Endian;
    use crate::file::corefile::CoreFile;
    use crate::file::corefile::Machine;
    use crate::file::corefile::Segment;

    const AT: Addr = Addr(0x1000);

    fn words_of(
        bytes: &[u8],
        endian: Endian,
        ptr_size: u8,
        read: impl Fn(&Memory<'_>, &mut dyn FnMut(u64)) -> Option<bool>,
    ) -> (Option<bool>, Vec<u64>) {
        let core = CoreFile {
            bytes,
            abi: Abi { endian, ptr_size },
            machine: Machine::Amd64,
            segments: vec![Segment {
                range: AddrRange::of_size(AT, bytes.len() as u64).unwrap_or_default(),
                file_off: 0,
                file_size: bytes.len() as u64,
                readable: true,
                writable: true,
                executable: false,
            }],
            notes: Vec::new(),
            notes_cut: false,
        };
        let mut out = Vec::new();
        let whole = read(&Memory::new(&core, None, 0), &mut |i| out.push(i));
        (whole, out)
    }

    fn one_bit(bytes: &[u8], endian: Endian, ptr_size: u8, first: u64, n: u64) -> Vec<u64> {
        let read = |mem: &Memory<'_>, each: &mut dyn FnMut(u64)| {
            one_bit_words(mem, AT, first, n, each).map(|()| true)
        };
        words_of(bytes, endian, ptr_size, read).1
    }

    #[test]
    fn one_bit_words_are_words_of_the_machine() {
        let mut le = [0; 16];
        le[0] = 0b1001; // words 0 and 3
        le[7] = 0x80; // word 63
        le[8] = 0b11; // words 64 and 65
        let mut be = le;
        be[..8].reverse();
        be[8..].reverse();
        for (bytes, endian) in [(&le, Endian::Little), (&be, Endian::Big)] {
            assert_eq!(one_bit(bytes, endian, 8, 0, 128), [0, 3, 63, 64, 65]);
            assert_eq!(one_bit(bytes, endian, 8, 3, 62), [0, 60, 61]);
            assert_eq!(one_bit(bytes, endian, 8, 4, 59), [0; 0]);
        }
        let all = [le, le].concat();
        for (first, n) in [
            (0, 64),
            (0, 4),
            (1, 3),
            (3, 62),
            (63, 64),
            (63, 2),
            (66, 62),
            (127, 1),
        ] {
            let read = |mem: &Memory<'_>, each: &mut dyn FnMut(u64)| {
                let mask = one_bit_mask(mem, AT, first, n)?;
                (0..64).filter(|i| mask & 1 << i != 0).for_each(each);
                Some(true)
            };
            let (whole, fast) = words_of(&all, Endian::Little, 8, read);
            assert_eq!(whole, Some(true));
            assert_eq!(
                fast,
                one_bit(&all, Endian::Little, 8, first, n),
                "{first}, {n}"
            );
        }
        let be32 = [0, 0, 0, 1, 0x80, 0, 0, 0];
        assert_eq!(one_bit(&be32, Endian::Big, 4, 0, 64), [0, 63]);
    }

    #[test]
    fn two_bit_words_end_where_no_more_pointers_follow() {
        // Words 0 to 3: pointer, none, pointer, none, and more follow; word 4 is the last pointer.
        let bytes = [0b1111_0101, 0b0001_0001, 0xff];
        let two = |first, n| {
            words_of(&bytes, Endian::Little, 8, |mem, each| {
                two_bit_words(mem, AT, first, n, each)
            })
        };
        assert_eq!(two(0, 12), (Some(false), vec![0, 2, 4]));
        assert_eq!(two(0, 4), (Some(true), vec![0, 2]));
        assert_eq!(two(2, 2), (Some(true), vec![0]));
        assert_eq!(two(8, 4), (Some(true), vec![0, 1, 2, 3]));
        assert_eq!(two(8, 5).0, None, "beyond what can be read");
    }
}
