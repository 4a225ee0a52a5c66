//! Which hash the process used, and with which keys.
//! In: the process's own variables. Out: `memhash`, `memhash32` and `memhash64` as they were there.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::file::corefile::Machine;
use crate::hash::aes::Schedule;
use crate::hash::aes::amd64;
use crate::hash::aes::arm64;
use crate::hash::aes::arm64::Era;
use crate::hash::aes::i386;
use crate::hash::fallback::Mix32;
use crate::hash::fallback::Mix64;
use crate::runtime::program::Program;
use crate::runtime::version::minor;

/// The hash functions of a process, over bytes.
#[derive(Clone, Copy, Debug)]
pub struct MemHash {
    how: How,
    word_bits: u32,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Amd64(Schedule),
    I386(Schedule),
    Arm64(Schedule, Era),
    Mix64(Mix64),
    Mix32(Mix32),
}

/// What the process says of its hash.
#[derive(Clone, Debug)]
pub struct HashSetup {
    /// The hash, if it is known.
    pub memhash: Option<MemHash>,
    /// Its name: `aes` or `fallback`; empty when it is not known.
    pub name: &'static str,
    /// What is impossible about the variables it is made of: a fact for `MAP-GLOBALKEY`.
    pub fault: Option<GlobalFault>,
}

/// What is impossible about the process's hash keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GlobalFault {
    /// `useAeshash` is neither 0 nor 1.
    Flag(u8),
    /// The keys in use are all zero: the name of the variable.
    ZeroKeys(&'static str),
}

/// The variables, under the names of go1.27 and of those before.
const USE_AES: [&str; 2] = ["internal/runtime/maps.UseAeshash", "runtime.useAeshash"];
const SCHEDULE: [&str; 2] = ["internal/runtime/maps.aeskeysched", "runtime.aeskeysched"];
const HASHKEY: [&str; 2] = ["internal/runtime/maps.hashkey", "runtime.hashkey"];

impl HashSetup {
    /// Reads it from the process, which is of the Go version `version`.
    /// Source: `runtime/alg.go`, `alginit`; `internal/runtime/maps/runtime_alg.go` in go1.27. Where an
    /// architecture has no AES hash the linker drops its variables: no variable, not in use.
    pub fn read(program: &Program<'_, '_>, version: &str) -> HashSetup {
        let unknown = || HashSetup {
            memhash: None,
            name: "",
            fault: None,
        };
        let (mem, abi) = (program.mem, program.mem.abi);
        let place = |names: [&str; 2]| {
            let v = names.iter().find_map(|n| program.index.variable(n))?;
            Some(v.addr.slid(program.slide))
        };
        let minor = minor(version).unwrap_or(u32::MAX);
        let flag = match place(USE_AES).map(|at| mem.read_u8(at)) {
            None => 0,
            Some(Ok(flag)) => flag,
            Some(Err(_)) => return unknown(),
        };
        let has_aes = matches!(
            program.machine,
            Machine::Amd64 | Machine::I386 | Machine::Arm64
        );
        let fault = (flag > 1).then_some(GlobalFault::Flag(flag));
        if flag != 0 && program.machine == Machine::Arm64 && minor == 20 {
            return unknown(); // which of its neighbours it agrees with was never seen
        }
        if flag != 0 && has_aes {
            let size = abi.word().saturating_mul(16);
            let Some(bytes) = place(SCHEDULE).and_then(|at| mem.bytes(at, size).ok()) else {
                return unknown();
            };
            let schedule = Schedule::from_bytes(&bytes);
            let zero = bytes.iter().all(|b| *b == 0);
            let how = match program.machine {
                Machine::Amd64 => How::Amd64(schedule),
                Machine::I386 => How::I386(schedule),
                _ => How::Arm64(
                    schedule,
                    Era {
                        whole_seed: minor >= 27,
                        last_mix: minor >= 21,
                    },
                ),
            };
            return HashSetup {
                memhash: Some(MemHash::new(how, abi)),
                name: "aes",
                fault: fault.or(zero.then_some(GlobalFault::ZeroKeys("aeskeysched"))),
            };
        }
        let keys = place(HASHKEY).and_then(|at| read_keys(program, at));
        let Some(keys) = keys else {
            return unknown();
        };
        let how = if abi.ptr_size == 8 {
            How::Mix64(Mix64::new(keys, abi, minor <= 22))
        } else {
            How::Mix32(Mix32::new(keys, abi, minor >= 27))
        };
        let zero = keys == [0; 4];
        HashSetup {
            memhash: Some(MemHash::new(how, abi)),
            name: "fallback",
            fault: fault.or(zero.then_some(GlobalFault::ZeroKeys("hashkey"))),
        }
    }
}

/// Four words.
fn read_keys(program: &Program<'_, '_>, at: Addr) -> Option<[u64; 4]> {
    let word = program.mem.abi.word();
    let mut keys = [0; 4];
    for (key, i) in keys.iter_mut().zip(0u64..) {
        *key = program.mem.read_uptr(at.element(i, word)?).ok()?;
    }
    Some(keys)
}

impl MemHash {
    fn new(how: How, abi: Abi) -> MemHash {
        MemHash {
            how,
            word_bits: u32::from(abi.ptr_size).saturating_mul(8),
        }
    }

    /// `memhash` over `p`.
    pub fn memhash(&self, p: &[u8], seed: u64) -> u64 {
        match &self.how {
            How::Amd64(k) => amd64::memhash(k, p, seed),
            How::I386(k) => i386::memhash(k, p, seed),
            How::Arm64(k, era) => arm64::memhash(k, *era, p, seed),
            How::Mix64(m) => m.memhash(p, seed),
            How::Mix32(m) => m.memhash(p, seed),
        }
    }

    /// `memhash32` over 4 bytes.
    pub fn memhash32(&self, value: &[u8], seed: u64) -> u64 {
        match &self.how {
            How::Amd64(k) => amd64::short(k, value, seed),
            How::I386(k) => i386::memhash32(k, value, seed),
            How::Arm64(k, era) => arm64::memhash32(k, *era, value, seed),
            How::Mix64(m) => m.short(value, seed),
            How::Mix32(m) => m.memhash32(value, seed),
        }
    }

    /// `memhash64` over 8 bytes.
    pub fn memhash64(&self, value: &[u8], seed: u64) -> u64 {
        match &self.how {
            How::Amd64(k) => amd64::short(k, value, seed),
            How::I386(k) => i386::memhash64(k, value, seed),
            How::Arm64(k, _) => arm64::memhash64(k, value, seed),
            How::Mix64(m) => m.short(value, seed),
            How::Mix32(m) => m.memhash64(value, seed),
        }
    }

    /// Whether eight values at once are faster here than one after the other.
    pub(crate) fn has_eight(&self) -> bool {
        matches!(self.how, How::Amd64(_))
    }

    /// `memhash64` of eight words, or `memhash32` of eight half words, each with a seed of its own; `None` where that
    /// is not faster.
    pub(crate) fn words8(&self, values: [u64; 8], seeds: [u64; 8]) -> Option<[u64; 8]> {
        match &self.how {
            How::Amd64(k) => Some(amd64::short8(k, values, seeds)),
            _ => None,
        }
    }

    /// `memhash` of eight values, likewise.
    pub(crate) fn memhash8(&self, values: [&[u8]; 8], seeds: [u64; 8]) -> Option<[u64; 8]> {
        match &self.how {
            How::Amd64(k) => Some(amd64::memhash8(k, values, seeds)),
            _ => None,
        }
    }

    /// `x` modulo the word of the process.
    pub fn wrap(&self, x: u64) -> u64 {
        if self.word_bits == 32 {
            x & 0xffff_ffff
        } else {
            x
        }
    }

    /// The constants `c0` and `c1` of floats and interfaces. Source: `runtime/alg.go`, all versions.
    pub fn constants(&self) -> (u64, u64) {
        if self.word_bits == 32 {
            (2_860_486_313, 3_267_000_013)
        } else {
            (33_054_211_828_000_289, 23_344_194_077_549_503)
        }
    }
}
