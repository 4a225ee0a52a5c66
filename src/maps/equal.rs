//! Whether hashes are all different, as they nearly always are.
//! In: the hashes of one chain or table. Out: yes or no, quickly.

/// Most keys that are compared pair by pair.
pub(crate) const FEW: usize = 16;
/// Most keys whose hashes are sorted into a field of bits first.
pub(crate) const MANY: usize = 4096;
/// Words of that field: for a full table, 16 bits a key.
const FIELD: usize = 256;
/// Most keys for which a smaller field is enough, and its words: 64 bits a key.
const SOME: usize = 64;
const SMALL_FIELD: usize = 64;

/// Whether two of the hashes are the same.
pub(crate) fn has_equal(hashes: &[u64]) -> bool {
    if hashes.len() <= FEW {
        let mut rest = hashes;
        while let Some((one, others)) = rest.split_first() {
            if others.iter().fold(false, |same, h| same | (h == one)) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut doubtful = match hashes.len() {
        n if n <= SOME => meeting::<SMALL_FIELD>(hashes),
        n if n <= MANY => meeting::<FIELD>(hashes),
        _ => hashes.to_vec(),
    };
    doubtful.sort_unstable();
    doubtful
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}

/// Those that share a bit of a field of so many words with another. Two meet there by chance, now and then.
fn meeting<const WORDS: usize>(hashes: &[u64]) -> Vec<u64> {
    let (mut once, mut twice) = ([0u64; WORDS], [0u64; WORDS]);
    for hash in hashes {
        let (word, bit) = in_field(*hash, WORDS);
        if let (Some(once), Some(twice)) = (once.get_mut(word), twice.get_mut(word)) {
            *twice |= *once & bit;
            *once |= bit;
        }
    }
    let meets = |hash: &&u64| {
        let (word, bit) = in_field(**hash, WORDS);
        twice.get(word).is_some_and(|w| w & bit != 0)
    };
    hashes.iter().filter(meets).copied().collect()
}

/// The word and bit of a hash. Hashes of one table have their highest bits in common.
fn in_field(hash: u64, words: usize) -> (usize, u64) {
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [.., low, high] = mixed.to_le_bytes();
    let word = usize::from(high).checked_rem(words).unwrap_or(0);
    (word, 1u64 << (low & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_are_seen_however_many_there_are() {
        for n in [2usize, 8, 16, 17, 63, SOME, SOME + 1, 900, MANY, MANY + 1] {
            let mut x = 0x2545_f491_4f6c_dd1du64;
            let mut hashes: Vec<u64> = (0..n)
                .map(|_| {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    x
                })
                .collect();
            assert!(!has_equal(&hashes), "{n}");
            if let (Some(first), Some(last)) = (hashes.first().copied(), hashes.last_mut()) {
                *last = first;
            }
            assert!(has_equal(&hashes), "{n}");
        }
        assert!(!has_equal(&[]) && !has_equal(&[0]));
    }
}
