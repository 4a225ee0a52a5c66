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
        let seeds: [u64; 8] = std::array::from_fn(|_| next());
        let values: [u64; 8] = std::array::from_fn(|_| next());
        let eight = amd64::short8(&keys, values, seeds);
        let narrow = values.map(|v| v & 0xffff_ffff);
        let eight_narrow = amd64::short8(&keys, narrow, seeds);
        for (i, (value, seed)) in values.into_iter().zip(seeds).enumerate() {
            let bytes = value.to_le_bytes();
            let [a, b, c, d, ..] = bytes;
            let one = amd64::short(&keys, &bytes, seed);
            assert_eq!(eight.get(i), Some(&one));
            let one = amd64::short(&keys, &[a, b, c, d], seed);
            assert_eq!(eight_narrow.get(i), Some(&one));
        }
        // From 0 to 63 bytes: those that go side by side, and those that do not.
        let texts: [Vec<u8>; 8] = std::array::from_fn(|_| {
            let size = usize::try_from(next() & 63).unwrap_or(0);
            let long = std::iter::repeat_with(|| next().to_le_bytes()).take(8);
            long.flatten().take(size).collect()
        });
        let parts: [&[u8]; 8] = std::array::from_fn(|i| texts.get(i).map_or(&[][..], |t| t));
        let eight = amd64::memhash8(&keys, parts, seeds);
        for ((part, seed), hash) in parts.into_iter().zip(seeds).zip(eight) {
            assert_eq!(
                hash,
                amd64::memhash(&keys, part, seed),
                "{} bytes",
                part.len()
            );
        }
    }
}
