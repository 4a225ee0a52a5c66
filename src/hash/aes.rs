//! `memhash` where the processor has AES instructions: amd64, 386 and arm64.
//! In: the key schedule of the process, bytes and a seed. Out: the hash. The only user of the aes crate.
//! Over 400 lines in one file: three machines' variants of one hash share its rounds.
//! Source: `runtime/asm_amd64.s`, `asm_386.s`, `asm_arm64.s`, up to go1.26;
//! `internal/runtime/maps/memhash_<arch>.s` in go1.27.

use aes::Block as CrateBlock;
use aes::hazmat::Block8;
use aes::hazmat::cipher_round;
use aes::hazmat::cipher_round_par;
use aes::hazmat::inv_mix_columns;

/// 16 bytes in memory order.
type Block = [u8; 16];

/// One AESENC: MixColumns(ShiftRows(SubBytes(x))) xor k.
fn round(x: Block, k: Block) -> Block {
    let mut block = CrateBlock::from(x);
    cipher_round(&mut block, &CrateBlock::from(k));
    block.into()
}

/// AESE then AESMC: MixColumns(ShiftRows(SubBytes(x xor k))).
fn mixed(x: Block, k: Block) -> Block {
    round(xor(x, k), [0; 16])
}

/// AESE alone: ShiftRows(SubBytes(x xor k)).
fn unmixed(x: Block, k: Block) -> Block {
    let mut block = CrateBlock::from(mixed(x, k));
    inv_mix_columns(&mut block);
    block.into()
}

fn xor(a: Block, b: Block) -> Block {
    (u128::from_le_bytes(a) ^ u128::from_le_bytes(b)).to_le_bytes()
}

fn xor_all(blocks: impl IntoIterator<Item = Block>) -> Block {
    blocks.into_iter().fold([0; 16], xor)
}

/// The parts one behind the other, zeros behind them.
fn joined(parts: &[&[u8]]) -> Block {
    let mut out = [0; 16];
    let mut rest = out.as_mut_slice();
    for part in parts {
        let n = part.len().min(rest.len());
        let (to, behind) = rest.split_at_mut(n);
        to.copy_from_slice(part.get(..n).unwrap_or_default());
        rest = behind;
    }
    out
}

/// Two words, the first one in front.
fn words(first: u64, second: u64) -> Block {
    (u128::from(first) | u128::from(second) << 64).to_le_bytes()
}

/// 16 bytes at `off`, with zeros where `p` has none.
fn block_at(p: &[u8], off: usize) -> Block {
    let rest = p.get(off..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<16>() {
        return *whole;
    }
    // Two loads that overlap, the second moved to where its bytes belong.
    let two = |first: u64, last: u64, width: usize| {
        let shift = u32::try_from(rest.len().saturating_sub(width)).unwrap_or(0) * 8;
        (u128::from(first) | u128::from(last) << shift).to_le_bytes()
    };
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        return two(u64::from_le_bytes(*first), u64::from_le_bytes(*last), 8);
    }
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        let word = |bytes: [u8; 4]| u64::from(u32::from_le_bytes(bytes));
        return two(word(*first), word(*last), 4);
    }
    joined(&[rest])
}

/// Eight blocks that go through the same rounds side by side, as the crate has them: nothing is copied for a round.
type Eight = Block8;

/// One round of each block with its key.
fn rounds8(x: &mut Eight, k: &Eight) {
    cipher_round_par(x, k);
}

/// Each block xored with the other's block of the same number.
fn xor8(x: &mut Eight, other: &Eight) {
    for (x, other) in x.iter_mut().zip(other) {
        x.0 = xor(x.0, other.0);
    }
}

/// The same block eight times.
fn all8(block: Block) -> Eight {
    Block8::from([CrateBlock::from(block); 8])
}

fn low(x: Block) -> u64 {
    x.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b))
}

fn low32(x: Block) -> u64 {
    low(x) & 0xffff_ffff
}

/// Offsets of `blocks` blocks that cover `n` bytes: the first half from the start, the others to the end.
fn covering(n: usize, blocks: usize) -> impl Iterator<Item = usize> {
    let half = blocks / 2;
    (0..blocks).map(move |j| {
        if j < half {
            16 * j
        } else {
            (n + 16 * j).saturating_sub(16 * blocks)
        }
    })
}

/// Blocks that hash `n` bytes at once, for 17 to 128 bytes.
fn block_count(n: usize) -> usize {
    match n {
        0..=32 => 2,
        33..=64 => 4,
        _ => 8,
    }
}

/// The key schedule: 8 blocks, of which 386 has and uses only the first 4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule(pub(crate) [Block; 8]);

impl Schedule {
    /// From `aeskeysched`: 128 bytes, or 64 in a 32-bit process.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Schedule {
        let mut keys = [[0; 16]; 8];
        for (key, chunk) in keys.iter_mut().zip(bytes.chunks_exact(16)) {
            *key = joined(&[chunk]);
        }
        Schedule(keys)
    }

    fn first(&self) -> Block {
        self.0.first().copied().unwrap_or_default()
    }
}

/// Three rounds with the block itself as the key.
fn finish(x: Block) -> Block {
    (0..3).fold(x, |x, _| round(x, x))
}

/// The lowest 16 bits of the length, four times.
fn len16x4(n: usize) -> [u8; 8] {
    let [a, b, ..] = n.to_le_bytes();
    [a, b, a, b, a, b, a, b]
}

/// linux/amd64.
pub(crate) mod amd64 {
    use super::*;

    /// `memhash32` and `memhash64`: 4 or 8 bytes.
    pub(crate) fn short(k: &Schedule, value: &[u8], seed: u64) -> u64 {
        let x = joined(&[&seed.to_le_bytes(), value]);
        low(k.0.iter().take(3).fold(x, |x, key| round(x, *key)))
    }

    /// The same for eight words, each with a seed of its own.
    pub(crate) fn short8(k: &Schedule, values: [u64; 8], seeds: [u64; 8]) -> [u64; 8] {
        let mut x = Eight::default();
        for (x, (value, seed)) in x.iter_mut().zip(values.into_iter().zip(seeds)) {
            x.0 = words(seed, value);
        }
        for key in k.0.iter().take(3) {
            rounds8(&mut x, &all8(*key));
        }
        x.0.map(|x| low(x.0))
    }

    /// `memhash` of eight values, each with a seed of its own: those of up to 32 bytes side by side.
    pub(crate) fn memhash8(k: &Schedule, values: [&[u8]; 8], seeds: [u64; 8]) -> [u64; 8] {
        let (mut raw, mut out) = (Eight::default(), Eight::default());
        for ((raw, out), (p, seed)) in raw.iter_mut().zip(&mut out).zip(values.iter().zip(seeds)) {
            raw.0 = words(seed, u64::from_le_bytes(len16x4(p.len())));
            out.0 = block_at(p, 0);
        }
        let [first, second, ..] = k.0;
        finish8(&mut out, &raw, first);
        if values.iter().any(|p| (17..=32).contains(&p.len())) {
            let mut ends = Eight::default();
            for (end, p) in ends.iter_mut().zip(values) {
                end.0 = block_at(p, p.len().saturating_sub(16));
            }
            finish8(&mut ends, &raw, second);
            for (out, (p, end)) in out.iter_mut().zip(values.into_iter().zip(ends)) {
                if p.len() > 16 {
                    out.0 = xor(out.0, end.0);
                }
            }
        }
        let mut hashes = out.0.map(|x| low(x.0));
        for (hash, (p, seed)) in hashes.iter_mut().zip(values.into_iter().zip(seeds)) {
            if !(1..=32).contains(&p.len()) {
                *hash = memhash(k, p, seed);
            }
        }
        hashes
    }

    /// One block of each of eight values, hashed to the end with one key of the schedule. `raw`: seed and length.
    fn finish8(x: &mut Eight, raw: &Eight, key: Block) {
        let mut keys = all8(key);
        xor8(&mut keys, raw);
        let mut seeds = keys;
        rounds8(&mut seeds, &keys);
        xor8(x, &seeds);
        for _ in 0..3 {
            keys = *x;
            rounds8(x, &keys);
        }
    }

    /// `memhash`.
    pub(crate) fn memhash(k: &Schedule, p: &[u8], seed: u64) -> u64 {
        let n = p.len();
        let raw = joined(&[&seed.to_le_bytes(), &len16x4(n)]);
        let seeds = |keys: usize| {
            k.0.iter().take(keys).map(move |key| {
                let t = xor(raw, *key);
                round(t, t)
            })
        };
        match n {
            0 => low(xor_all(seeds(1).map(|s| round(s, s)))),
            1..=16 => low(xor_all(seeds(1).map(|s| finish(xor(block_at(p, 0), s))))),
            17..=128 => {
                let blocks = block_count(n);
                low(xor_all(
                    seeds(blocks)
                        .zip(covering(n, blocks))
                        .map(|(s, off)| finish(xor(block_at(p, off), s))),
                ))
            }
            _ => {
                let tail = n - 128;
                let states = seeds(8).zip(0..).map(|(s, j)| {
                    let mut state = xor(block_at(p, tail + 16 * j), s);
                    for piece in 0..(n - 1) / 128 {
                        state = round(state, state);
                        state = round(state, block_at(p, 128 * piece + 16 * j));
                    }
                    finish(state)
                });
                low(xor_all(states))
            }
        }
    }
}

/// linux/386: results of 32 bits.
pub(crate) mod i386 {
    use super::*;

    fn seed4(seed: u64) -> [u8; 4] {
        let [a, b, c, d, ..] = seed.to_le_bytes();
        [a, b, c, d]
    }

    fn rounds(k: &Schedule, x: Block) -> u64 {
        low32(k.0.iter().take(3).fold(x, |x, key| round(x, *key)))
    }

    /// `memhash32`: seed, then value.
    pub(crate) fn memhash32(k: &Schedule, value: &[u8], seed: u64) -> u64 {
        rounds(k, joined(&[&seed4(seed), value]))
    }

    /// `memhash64`: value, then seed.
    pub(crate) fn memhash64(k: &Schedule, value: &[u8], seed: u64) -> u64 {
        rounds(k, joined(&[value, &seed4(seed)]))
    }

    /// `memhash`.
    pub(crate) fn memhash(k: &Schedule, p: &[u8], seed: u64) -> u64 {
        let n = p.len();
        let raw = joined(&[&seed4(seed), &[0; 4], &len16x4(n)]);
        let seeds = |keys: usize| {
            k.0.iter().take(keys).map(move |key| {
                let t = xor(raw, *key);
                round(t, t)
            })
        };
        match n {
            0 => low32(xor_all(seeds(1).map(|s| round(s, s)))),
            1..=16 => low32(xor_all(seeds(1).map(|s| finish(xor(block_at(p, 0), s))))),
            17..=64 => {
                let blocks = block_count(n);
                low32(xor_all(
                    seeds(blocks)
                        .zip(covering(n, blocks))
                        .map(|(s, off)| finish(xor(block_at(p, off), s))),
                ))
            }
            _ => {
                let tail = n - 64;
                let states = seeds(4).zip(0..).map(|(s, j)| {
                    let mut state = round(block_at(p, tail + 16 * j), s);
                    for piece in 0..(n - 1) / 64 {
                        state = round(state, block_at(p, 64 * piece + 16 * j));
                        state = round(state, state);
                    }
                    finish(state)
                });
                low32(xor_all(states))
            }
        }
    }
}

/// linux/arm64.
pub(crate) mod arm64 {
    use super::*;

    /// What changed between versions.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Era {
        /// From go1.27: `memhash32` takes the whole seed.
        pub(crate) whole_seed: bool,
        /// From go1.21 (go1.20 is not known): one more MixColumns for 1 to 16 bytes.
        pub(crate) last_mix: bool,
    }

    fn rounds(k: &Schedule, x: Block) -> u64 {
        let k = k.first();
        low(unmixed(mixed(mixed(x, k), k), k))
    }

    /// `memhash64`.
    pub(crate) fn memhash64(k: &Schedule, value: &[u8], seed: u64) -> u64 {
        rounds(k, joined(&[&seed.to_le_bytes(), value]))
    }

    /// `memhash32`.
    pub(crate) fn memhash32(k: &Schedule, era: Era, value: &[u8], seed: u64) -> u64 {
        let seed = seed.to_le_bytes();
        let used = if era.whole_seed { 8 } else { 4 };
        rounds(k, joined(&[seed.get(..used).unwrap_or_default(), value]))
    }

    /// 1 to 15 bytes as the assembly gathers them: by the bits of the length, each to its own place.
    fn gathered(p: &[u8]) -> Block {
        let mut out = [0; 16];
        let mut rest = p;
        for (size, at) in [(8, 0), (4, 8), (2, 12), (1, 14)] {
            if p.len() & size == 0 {
                continue;
            }
            let (piece, after) = rest.split_at(size.min(rest.len()));
            if let Some(to) = out.get_mut(at..at + piece.len()) {
                to.copy_from_slice(piece);
            }
            rest = after;
        }
        out
    }

    /// `memhash`.
    pub(crate) fn memhash(k: &Schedule, era: Era, p: &[u8], seed: u64) -> u64 {
        let n = p.len();
        let raw = joined(&[&seed.to_le_bytes(), &(n as u64).to_le_bytes()]);
        let seeds = |keys: usize| k.0.iter().take(keys).map(move |key| mixed(*key, raw));
        let ended = |x: Block, s: Block| unmixed(mixed(mixed(x, s), s), s);
        match n {
            0 => low(xor_all(seeds(1))),
            1..=16 => {
                let data = if n == 16 { block_at(p, 0) } else { gathered(p) };
                let x = xor_all(seeds(1).map(|s| {
                    if era.last_mix {
                        mixed(mixed(mixed(data, s), s), s)
                    } else {
                        ended(data, s)
                    }
                }));
                low(x)
            }
            17..=128 => {
                let blocks = block_count(n);
                low(xor_all(
                    seeds(blocks)
                        .zip(covering(n, blocks))
                        .map(|(s, off)| ended(block_at(p, off), s)),
                ))
            }
            _ => {
                let tail = n - 128;
                let states = seeds(8).zip(0..).map(|(s, j)| {
                    let mut data = block_at(p, tail + 16 * j);
                    let mut state = s;
                    for piece in 0..(n - 1) / 128 {
                        state = mixed(state, data);
                        data = block_at(p, 128 * piece + 16 * j);
                        state = mixed(state, data);
                    }
                    unmixed(mixed(mixed(state, data), data), data)
                });
                low(xor_all(states))
            }
        }
    }
}

#[cfg(test)]
mod tests;
