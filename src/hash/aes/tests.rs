//! Eight blocks at once against one after the other.

use super::*;

#[test]
fn eight_at_once_hash_like_one_after_the_other() {
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    for _ in 0..200 {
        let keys = Schedule(std::array::from_fn(|_| words(next(), next())));
        let seed = next();
        let values: [u64; 8] = std::array::from_fn(|_| next());
        let single = values.map(|v| amd64::short(&keys, &v.to_le_bytes(), seed));
        assert_eq!(amd64::short8(&keys, values, seed), single);
        let narrow = values.map(|v| v & 0xffff_ffff);
        let single = narrow.map(|v| {
            let [a, b, c, d, ..] = v.to_le_bytes();
            amd64::short(&keys, &[a, b, c, d], seed)
        });
        assert_eq!(amd64::short8(&keys, narrow, seed), single);
        let texts: [Block; 8] = std::array::from_fn(|_| words(next(), next()));
        let sizes: [usize; 8] = std::array::from_fn(|_| {
            let [low, ..] = next().to_le_bytes();
            usize::from(low & 15) + 1
        });
        let parts: [&[u8]; 8] = std::array::from_fn(|i| {
            let size = sizes.get(i).copied().unwrap_or(1);
            texts.get(i).and_then(|t| t.get(..size)).unwrap_or(&[1])
        });
        let single = parts.map(|p| amd64::memhash(&keys, p, seed));
        assert_eq!(amd64::memhash8(&keys, parts, seed), Some(single));
    }
    let keys = Schedule([[7; 16]; 8]);
    assert_eq!(amd64::memhash8(&keys, [&[]; 8], 1), None);
    assert_eq!(amd64::memhash8(&keys, [&[1; 17]; 8], 1), None);
}
