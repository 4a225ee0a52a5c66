//! From a hash to where the entry belongs.
//! In: a hash and the numbers of a header. Out: tophash and bucket, or H2, group and directory index.

use crate::base::bytes::Abi;

/// The tophash of an entry. Source: `runtime/map.go`, `tophash`, up to go1.23.
pub fn tophash(abi: Abi, hash: u64) -> u8 {
    let [_, _, _, narrow, .., wide] = hash.to_le_bytes();
    let top = if abi.ptr_size == 4 { narrow } else { wide };
    // Values below 5 mean something else. Source: `minTopHash`.
    if top < 5 { top + 5 } else { top }
}

/// The bucket of an entry, of `buckets` (a power of two). Source: `runtime/map.go`, `bucketMask`.
pub fn bucket(hash: u64, buckets: u64) -> u64 {
    hash & buckets.wrapping_sub(1)
}

/// The control byte of an entry. Source: `internal/runtime/maps/map.go`, `h2`, from go1.24.
pub fn h2(hash: u64) -> u8 {
    let [low, ..] = hash.to_le_bytes();
    low & 0x7f
}

/// The bits that choose the group. Source: `internal/runtime/maps/map.go`, `h1`, from go1.24.
pub fn h1(hash: u64) -> u64 {
    hash >> 7
}

/// The directory index of an entry in a directory of 2^depth tables.
/// Source: `internal/runtime/maps/map.go`, `directoryIndex`, from go1.24.
pub fn directory_index(abi: Abi, hash: u64, depth: u64) -> u64 {
    let bits = u64::from(abi.ptr_size) * 8;
    let shift = u32::try_from(bits.saturating_sub(depth)).unwrap_or(u32::MAX);
    hash.checked_shr(shift).unwrap_or(0)
}

/// The groups that a lookup visits, in order: triangular steps from where H1 says, each group once.
/// Source: `internal/runtime/maps/table.go`, `probeSeq`, from go1.24.
pub fn probe(hash: u64, length_mask: u64) -> impl Iterator<Item = u64> {
    let mut at = h1(hash) & length_mask;
    let mut step = 0u64;
    (0..=length_mask).map(move |_| {
        let group = at;
        step += 1;
        at = at.wrapping_add(step) & length_mask;
        group
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bytes::Endian;

    #[test]
    fn low_tophashes_are_lifted_over_the_marks() {
        assert_eq!(tophash(Abi::AMD64, 0x04ff_ffff_ffff_ffff), 9);
        assert_eq!(tophash(Abi::AMD64, 0x05ff_ffff_ffff_ffff), 5);
        let mips = Abi {
            endian: Endian::Big,
            ptr_size: 4,
        };
        assert_eq!(tophash(mips, 0xab00_0000), 0xab);
    }

    #[test]
    fn probing_visits_every_group_once() {
        let mut groups: Vec<u64> = probe(0x1234_5678, 15).collect();
        assert_eq!(groups.first(), Some(&(0x1234_5678u64 >> 7 & 15)));
        groups.sort_unstable();
        assert_eq!(groups, (0..16).collect::<Vec<u64>>());
    }

    #[test]
    fn a_directory_of_one_table_has_index_zero() {
        assert_eq!(directory_index(Abi::AMD64, u64::MAX, 0), 0);
        assert_eq!(directory_index(Abi::AMD64, u64::MAX, 3), 7);
    }
}
