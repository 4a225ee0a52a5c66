//! The pointer words of types, as their descriptors tell them.
//! In: the address of a descriptor. Out: a mask: that of the descriptor, or one made from the type's structure
//! where the descriptor's is a program, or not made yet. Each is read once.

use crate::base::addr::Addr;
use crate::runtime::heap::Heap;
use crate::runtime::typemeta::TypeMeta;
use std::sync::Arc;

/// `Kind_` bit: the pointer mask is a program that makes it. Source: `internal/abi/type.go`,
/// `KindGCProg`, up to go1.23 (go1.19: `runtime/typekind.go`).
const KIND_GC_PROG: u64 = 64;
/// `TFlag` bit: `GCData` points to a pointer to the mask, nil until the runtime made it.
/// Source: `internal/abi/type.go`, `TFlagGCMaskOnDemand`, from go1.24; before it meant something else.
const TFLAG_MASK_ON_DEMAND: u64 = 16;

/// The pointer words of a type.
#[derive(Debug)]
pub(crate) struct TypeMask {
    /// Bytes of a value: the stride of arrays.
    size: u64,
    /// Bit i of word i/64 is set when word i of a value is a pointer.
    bits: Vec<u64>,
}

impl Heap<'_, '_> {
    /// The mask of a type, read once. `room` is the size of an object that holds such a value: a type
    /// larger than that is no type of the object, so no mask costs more than its object.
    pub(crate) fn type_mask(
        &self,
        types: &TypeMeta<'_, '_>,
        descriptor: Addr,
        room: u64,
    ) -> Option<Arc<TypeMask>> {
        let books = &self.pointers;
        if let Ok(known) = books.known.lock()
            && let Some(mask) = known.get(&descriptor)
        {
            return mask.clone();
        }
        let head = self.mask_head(descriptor)?;
        if head.size == 0 || head.size > room || head.ptr_bytes > head.size {
            return None;
        }
        let mask = self.read_mask(types, descriptor, &head).map(Arc::new);
        if let Ok(mut known) = books.known.lock() {
            known.insert(descriptor, mask.clone());
        }
        mask
    }

    fn mask_head(&self, descriptor: Addr) -> Option<MaskHead> {
        let bound = self.pointers.head.as_ref()?;
        let bytes = self.mem.bytes(descriptor, bound.size).ok()?;
        let read = |name: &str| {
            let f = bound.field(name)?;
            self.mem
                .abi
                .uint(&bytes, usize::try_from(f.off).ok()?, f.size)
        };
        Some(MaskHead {
            size: read("Size_")?,
            ptr_bytes: read("PtrBytes")?,
            program: self.pointers.in_progress.is_none() && read("Kind_")? & KIND_GC_PROG != 0,
            on_demand: self.pointers.in_progress.is_some()
                && read("TFlag")? & TFLAG_MASK_ON_DEMAND != 0,
            data: Addr(read("GCData")?),
        })
    }

    fn read_mask(
        &self,
        types: &TypeMeta<'_, '_>,
        descriptor: Addr,
        head: &MaskHead,
    ) -> Option<TypeMask> {
        let word = self.mem.abi.word();
        let words = head.ptr_bytes.checked_div(word)?;
        let built = match (head.program, head.on_demand) {
            (true, _) => None,
            (_, true) => self
                .mem
                .read_addr(head.data)
                .ok()
                .filter(|at| !at.is_nil() && Some(*at) != self.pointers.in_progress),
            _ => Some(head.data),
        };
        let bits = match built {
            // Bytes, the lowest bit first, whatever the machine's byte order.
            Some(at) => bits_of_bytes(&self.mem.bytes(at, words.div_ceil(8)).ok()?, words),
            None => bits_of_offsets(
                &types.pointer_words(descriptor, head.size, head.ptr_bytes)?,
                word,
                words,
            ),
        };
        Some(TypeMask {
            size: head.size,
            bits,
        })
    }
}

/// What a descriptor says of pointers.
struct MaskHead {
    size: u64,
    ptr_bytes: u64,
    program: bool,
    on_demand: bool,
    data: Addr,
}

impl TypeMask {
    /// Calls `each` with the offset of every pointer word of an array of such values that lies from
    /// `from` to below `to`, both in bytes from the start of the array.
    pub(crate) fn words(&self, word: u64, from: u64, to: u64, each: &mut dyn FnMut(u64)) {
        if self.bits.iter().all(|b| *b == 0) {
            return;
        }
        let first = from.checked_div(self.size).unwrap_or(0);
        let mut elem = first.saturating_mul(self.size);
        while elem < to {
            let skip = from.saturating_sub(elem).div_ceil(word.max(1));
            let whole = usize::try_from(skip / 64).unwrap_or(usize::MAX);
            for (i, bits) in (0u64..).zip(&self.bits).skip(whole) {
                let mut left = *bits;
                while left != 0 {
                    let bit = u64::from(left.trailing_zeros());
                    left &= left.wrapping_sub(1);
                    let idx = i.saturating_mul(64).saturating_add(bit);
                    let off = elem.saturating_add(idx.saturating_mul(word));
                    if off >= to {
                        return;
                    }
                    if idx >= skip {
                        each(off);
                    }
                }
            }
            elem = elem.saturating_add(self.size.max(1));
        }
    }
}

/// The first `n` bits of bytes, lowest first, as words.
fn bits_of_bytes(bytes: &[u8], n: u64) -> Vec<u64> {
    let mut out: Vec<u64> = bytes
        .chunks(8)
        .map(|c| {
            let mut raw = [0; 8];
            raw.iter_mut().zip(c).for_each(|(to, b)| *to = *b);
            u64::from_le_bytes(raw)
        })
        .collect();
    if let (Some(last), rest @ 1..) = (out.last_mut(), n % 64) {
        *last &= u64::MAX
            .checked_shr(u32::try_from(64u64.saturating_sub(rest)).unwrap_or(0))
            .unwrap_or(0);
    }
    out
}

/// The same of byte offsets.
fn bits_of_offsets(offsets: &[u64], word: u64, n: u64) -> Vec<u64> {
    let mut out = vec![0u64; usize::try_from(n.div_ceil(64)).unwrap_or(0)];
    for off in offsets {
        let i = off.checked_div(word).unwrap_or(0);
        if let Some(bits) = usize::try_from(i / 64).ok().and_then(|w| out.get_mut(w)) {
            *bits |= 1u64.wrapping_shl(u32::try_from(i % 64).unwrap_or(0));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mask: &TypeMask, from: u64, to: u64) -> Vec<u64> {
        let mut out = Vec::new();
        mask.words(8, from, to, &mut |off| out.push(off));
        out
    }

    #[test]
    fn a_mask_is_repeated_for_every_element_of_an_array() {
        let mask = TypeMask {
            size: 24,
            bits: vec![0b101],
        };
        assert_eq!(words(&mask, 0, 24), [0, 16]);
        assert_eq!(words(&mask, 0, 64), [0, 16, 24, 40, 48]);
        assert_eq!(words(&mask, 16, 48), [16, 24, 40]);
        assert_eq!(words(&mask, 20, 20), [0; 0]);
    }

    #[test]
    fn a_part_of_a_large_element_begins_in_its_middle() {
        let mask = TypeMask {
            size: 8 * 200,
            bits: vec![u64::MAX, 0, 0b11],
        };
        assert_eq!(
            words(&mask, 8 * 62, 8 * 130),
            [8 * 62, 8 * 63, 8 * 128, 8 * 129]
        );
        assert_eq!(words(&mask, 8 * 129, 8 * 202), [8 * 129, 8 * 200, 8 * 201]);
        let none = TypeMask {
            size: 8,
            bits: vec![0],
        };
        assert_eq!(words(&none, 0, u64::MAX), [0; 0]);
    }

    #[test]
    fn bytes_and_offsets_make_the_same_mask() {
        let bytes = [0b1000_0001, 0, 0, 0, 0, 0, 0, 0x80, 0b10, 0xff];
        let offsets = [0, 56, 504, 520];
        assert_eq!(bits_of_bytes(&bytes, 66), bits_of_offsets(&offsets, 8, 66));
        assert_eq!(bits_of_bytes(&[0xff; 8], 64), [u64::MAX]);
        assert_eq!(bits_of_bytes(&[], 0), [0; 0]);
    }
}
