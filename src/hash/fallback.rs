//! `memhash` where AES instructions are not used: multiply and mix.
//! In: `hashkey` of the process, bytes and a seed. Out: the hash, in the process's byte order and word size.
//! Source: `runtime/hash64.go` and `hash32.go`, up to go1.26; `internal/runtime/maps/runtime_hash64.go`
//! and `runtime_hash32.go` in go1.27.

use crate::base::bytes::Abi;

/// The multiplier of the last step.
const M5: u64 = 0x1d8e_4e27_c47d_124f;

/// What up to go1.22 takes the place of `hashkey[1]` to `hashkey[3]`, and is xor-ed to `hashkey[0]`.
const OLD_KEYS: [u64; 4] = [
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
];

/// The 64-bit hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix64 {
    keys: [u64; 4],
    abi: Abi,
}

impl Mix64 {
    /// `old`: go1.22 or before.
    pub(crate) fn new(hashkey: [u64; 4], abi: Abi, old: bool) -> Mix64 {
        let [k0, ..] = hashkey;
        let [o0, o1, o2, o3] = OLD_KEYS;
        Mix64 {
            keys: if old { [k0 ^ o0, o1, o2, o3] } else { hashkey },
            abi,
        }
    }

    fn r8(&self, p: &[u8], off: usize) -> u64 {
        self.abi.u64(p, off).unwrap_or(0)
    }

    fn r4(&self, p: &[u8], off: usize) -> u64 {
        self.abi.u32(p, off).map_or(0, u64::from)
    }

    /// `memhash32` and `memhash64`: the 4 or 8 bytes of `value`.
    pub(crate) fn short(&self, value: &[u8], seed: u64) -> u64 {
        let [k0, k1, ..] = self.keys;
        let n = value.len() as u64;
        let v = self.abi.uint(value, 0, n).unwrap_or(0);
        mix64(M5 ^ n, mix64(v ^ k1, v ^ seed ^ k0))
    }

    /// `memhash`.
    pub(crate) fn memhash(&self, p: &[u8], seed: u64) -> u64 {
        let [k0, k1, k2, k3] = self.keys;
        let n = p.len();
        let mut s = seed ^ k0;
        let (a, b) = match n {
            0 => return s,
            1..=3 => (three(p), 0),
            4 => (self.r4(p, 0), self.r4(p, 0)),
            5..=7 => (self.r4(p, 0), self.r4(p, n - 4)),
            8 => (self.r8(p, 0), self.r8(p, 0)),
            9..=16 => (self.r8(p, 0), self.r8(p, n - 8)),
            _ => {
                let mut rest = p;
                if n > 48 {
                    let (mut s1, mut s2) = (s, s);
                    while rest.len() > 48 {
                        s = mix64(self.r8(rest, 0) ^ k1, self.r8(rest, 8) ^ s);
                        s1 = mix64(self.r8(rest, 16) ^ k2, self.r8(rest, 24) ^ s1);
                        s2 = mix64(self.r8(rest, 32) ^ k3, self.r8(rest, 40) ^ s2);
                        rest = rest.get(48..).unwrap_or_default();
                    }
                    s ^= s1 ^ s2;
                }
                while rest.len() > 16 {
                    s = mix64(self.r8(rest, 0) ^ k1, self.r8(rest, 8) ^ s);
                    rest = rest.get(16..).unwrap_or_default();
                }
                (self.r8(p, n - 16), self.r8(p, n - 8))
            }
        };
        mix64(M5 ^ n as u64, mix64(a ^ k1, b ^ s))
    }
}

/// High and low half of the product, folded.
fn mix64(a: u64, b: u64) -> u64 {
    let [
        l0,
        l1,
        l2,
        l3,
        l4,
        l5,
        l6,
        l7,
        h0,
        h1,
        h2,
        h3,
        h4,
        h5,
        h6,
        h7,
    ] = (u128::from(a) * u128::from(b)).to_le_bytes();
    u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7])
        ^ u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7])
}

/// The first, the middle and the last of 1 to 3 bytes.
fn three(p: &[u8]) -> u64 {
    let at = |i: usize| u64::from(p.get(i).copied().unwrap_or(0));
    at(0) | at(p.len() / 2) << 8 | at(p.len().saturating_sub(1)) << 16
}

/// The 32-bit hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix32 {
    keys: [u32; 4],
    abi: Abi,
    /// From go1.27 `memhash64` begins with the low half of its value, before with the first word.
    low_first: bool,
}

impl Mix32 {
    /// `low_first`: go1.27 or later.
    pub(crate) fn new(hashkey: [u64; 4], abi: Abi, low_first: bool) -> Mix32 {
        Mix32 {
            keys: hashkey.map(word),
            abi,
            low_first,
        }
    }

    fn mix(&self, (a, b): (u32, u32)) -> (u32, u32) {
        let [_, k1, k2, _] = self.keys;
        let c = u64::from(a ^ k1).wrapping_mul(u64::from(b ^ k2));
        (word(c), word(c >> 32))
    }

    fn start(&self, seed: u64, n: usize) -> (u32, u32) {
        let [k0, ..] = self.keys;
        self.mix((word(seed), word(n as u64) ^ k0))
    }

    fn r4(&self, p: &[u8], off: usize) -> u32 {
        self.abi.u32(p, off).unwrap_or(0)
    }

    fn end(&self, state: (u32, u32)) -> u64 {
        let (a, b) = self.mix(self.mix(state));
        u64::from(a ^ b)
    }

    /// `memhash32`.
    pub(crate) fn memhash32(&self, value: &[u8], seed: u64) -> u64 {
        let (a, b) = self.start(seed, 4);
        let v = self.r4(value, 0);
        self.end((a ^ v, b ^ v))
    }

    /// `memhash64`.
    pub(crate) fn memhash64(&self, value: &[u8], seed: u64) -> u64 {
        let (a, b) = self.start(seed, 8);
        let (first, second) = if self.low_first {
            let v = self.abi.u64(value, 0).unwrap_or(0);
            (word(v), word(v >> 32))
        } else {
            (self.r4(value, 0), self.r4(value, 4))
        };
        self.end((a ^ first, b ^ second))
    }

    /// `memhash`.
    pub(crate) fn memhash(&self, p: &[u8], seed: u64) -> u64 {
        let (mut a, mut b) = self.start(seed, p.len());
        if p.is_empty() {
            return u64::from(a ^ b);
        }
        let mut rest = p;
        while rest.len() > 8 {
            (a, b) = self.mix((a ^ self.r4(rest, 0), b ^ self.r4(rest, 4)));
            rest = rest.get(8..).unwrap_or_default();
        }
        if rest.len() >= 4 {
            a ^= self.r4(rest, 0);
            b ^= self.r4(rest, rest.len() - 4);
        } else {
            b ^= word(three(rest));
        }
        self.end((a, b))
    }
}

/// The low 32 bits.
fn word(v: u64) -> u32 {
    let [a, b, c, d, ..] = v.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
