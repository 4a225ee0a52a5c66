//! Runs a plan over the bytes of a key.
//! In: a plan, the stored key, a seed, the process's memory. Out: its hash, or why there is none.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::base::recent::Recent;
use crate::hash::hasher::Hashers;
use crate::hash::hasher::Held;
use crate::hash::memhash::MemHash;
use crate::hash::plan::Plan;
use crate::hash::plan::Step;
use crate::process::memory::Memory;
use std::borrow::Cow;
use std::rc::Rc;

/// What hashing one key gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyHash {
    /// The hash.
    Known(u64),
    /// A NaN is in it: Go hashes it by chance, differently each time.
    Nan,
    /// An interface in it holds a value of a type that has no hash: no insert can have put it there.
    Unhashable {
        /// The interface's type word.
        word: Addr,
    },
    /// Bytes it needs could not be had.
    Fault(Fault),
}

impl KeyHash {
    /// The hash, if there is one.
    pub fn known(self) -> Option<u64> {
        match self {
            KeyHash::Known(h) => Some(h),
            _ => None,
        }
    }
}

/// Hashes keys of one map: counts the bytes, so that hostile strings cannot keep us busy for ever.
#[derive(Debug)]
pub struct KeyHasher<'h, 'v, 'a> {
    hashers: &'h Hashers<'v, 'a>,
    pub(super) memhash: &'h MemHash,
    mem: &'h Memory<'a>,
    pub(super) work: u64,
    most: u64,
    words: Words,
}

/// What interfaces hold, by first word and whether that is a descriptor.
pub(crate) type Words = Recent<(Addr, bool), Option<Rc<Held>>>;

impl<'h, 'v, 'a> KeyHasher<'h, 'v, 'a> {
    /// For one map; `None` when the process's hash is not known.
    pub fn new(hashers: &'h Hashers<'v, 'a>, mem: &'h Memory<'a>) -> Option<KeyHasher<'h, 'v, 'a>> {
        Some(KeyHasher {
            hashers,
            memhash: hashers.memhash()?,
            mem,
            work: 0,
            most: hashers.most_work(),
            words: Words::default(),
        })
    }

    /// Goes on with what another hasher of the same process has learned, which is left in its place.
    pub(crate) fn swap_words(&mut self, words: &mut Words) {
        std::mem::swap(&mut self.words, words);
    }

    /// Bytes behind the keys that were hashed so far.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Goes on with another map: nothing was hashed of it yet.
    pub(crate) fn start_over(&mut self) {
        self.work = 0;
    }

    /// The hash of `key`, whose first byte is offset 0 of the plan.
    pub fn hash(&mut self, plan: &Plan, key: &[u8], seed: u64) -> KeyHash {
        match self.run(&plan.steps, key, 0, seed, 0) {
            Ok(h) => KeyHash::Known(h),
            Err(other) => other,
        }
    }

    /// Counts bytes that others have hashed for the same map.
    pub(crate) fn add_work(&mut self, work: u64) {
        self.work = self.work.saturating_add(work);
    }

    /// Whether so many more bytes may be hashed without any key being given up.
    pub(crate) fn has_room_for(&self, work: u64) -> bool {
        self.work.saturating_add(work) <= self.most
    }

    fn run(
        &mut self,
        steps: &[Step],
        key: &[u8],
        base: u64,
        seed: u64,
        depth: u32,
    ) -> Result<u64, KeyHash> {
        let setup = self.memhash;
        let mut h = seed;
        for step in steps {
            h = match step {
                Step::Bytes { off, len } => setup.memhash(part(key, base, *off, *len)?, h),
                Step::Word32 { off } => setup.memhash32(part(key, base, *off, 4)?, h),
                Step::Word64 { off } => setup.memhash64(part(key, base, *off, 8)?, h),
                Step::Float { off, size } => self
                    .float(part(key, base, *off, *size)?, h)
                    .ok_or(KeyHash::Nan)?,
                Step::Text { off } => {
                    let bytes = self.text(key, base, *off)?;
                    setup.memhash(&bytes, h)
                }
                Step::Iface { off, empty } => self.iface(key, base, (*off, *empty), h, depth)?,
                Step::Repeat {
                    off,
                    stride,
                    count,
                    steps,
                } => {
                    let mut at = base.wrapping_add(*off);
                    for _ in 0..*count {
                        h = self.run(steps, key, at, h, depth)?;
                        at = at.wrapping_add(*stride);
                    }
                    h
                }
            };
        }
        Ok(h)
    }

    /// `None` for NaN. Source: `runtime/alg.go`, `f32hash` and `f64hash`, all versions.
    fn float(&self, bytes: &[u8], h: u64) -> Option<u64> {
        let setup = self.memhash;
        let abi = self.hashers.abi();
        let value = if bytes.len() == 4 {
            f64::from(f32::from_bits(abi.u32(bytes, 0)?))
        } else {
            f64::from_bits(abi.u64(bytes, 0)?)
        };
        if value.is_nan() {
            return None;
        }
        if value == 0.0 {
            let (c0, c1) = setup.constants();
            return Some(setup.wrap(c1.wrapping_mul(c0 ^ h)));
        }
        Some(setup.memhash(bytes, h))
    }

    /// The bytes of a string.
    pub(super) fn text(
        &mut self,
        key: &[u8],
        base: u64,
        off: u64,
    ) -> Result<Cow<'a, [u8]>, KeyHash> {
        let abi = self.hashers.abi();
        let words = part(key, base, off, abi.word().wrapping_mul(2))?;
        let data = Addr(abi.uptr(words, 0).unwrap_or(0));
        let len = abi.int(words, usize::from(abi.ptr_size)).unwrap_or(-1);
        if len == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let fault = |why| {
            KeyHash::Fault(Fault {
                addr: data,
                size: len.unsigned_abs(),
                why,
            })
        };
        let size = u64::try_from(len).map_err(|_| fault(Why::Unmapped))?;
        // A length that leads out of memory must not use up what the other keys need.
        let bytes = self.mem.bytes(data, size);
        if bytes.is_err() && !self.mem.is_mapped(data, size) {
            return Err(fault(Why::Unmapped));
        }
        self.work = self.work.saturating_add(size);
        if self.work > self.most {
            return Err(fault(Why::TooLarge));
        }
        bytes.map_err(KeyHash::Fault)
    }

    /// What an interface of this first word holds.
    fn held(&mut self, word: Addr, empty: bool) -> Option<Rc<Held>> {
        let hashers = self.hashers;
        let make = || {
            let held = hashers.dynamic(word, empty)?;
            Some(Rc::new(held.as_ref().clone()))
        };
        self.words.get((word, empty), make).cloned().flatten()
    }

    /// Source: `runtime/alg.go`, `interhash` and `nilinterhash`, all versions.
    fn iface(
        &mut self,
        key: &[u8],
        base: u64,
        (off, empty): (u64, bool),
        h: u64,
        depth: u32,
    ) -> Result<u64, KeyHash> {
        let hashers = self.hashers;
        let (setup, abi) = (self.memhash, hashers.abi());
        let words = part(key, base, off, abi.word().wrapping_mul(2))?;
        let word = Addr(abi.uptr(words, 0).unwrap_or(0));
        if word.is_nil() {
            return Ok(h);
        }
        let fault = KeyHash::Fault(Fault {
            addr: word,
            size: abi.word(),
            why: Why::Unmapped,
        });
        if depth > MAX_TYPE_DEPTH {
            return Err(fault);
        }
        let held = self.held(word, empty).ok_or(fault)?;
        let Some(plan) = &held.plan else {
            return Err(if held.is_unhashable {
                KeyHash::Unhashable { word }
            } else {
                fault
            });
        };
        let (c0, c1) = setup.constants();
        let data = words.get(usize::from(abi.ptr_size)..).unwrap_or_default();
        let value = if held.direct {
            Cow::Borrowed(data)
        } else {
            self.work = self.work.saturating_add(held.size);
            let at = Addr(abi.uptr(data, 0).unwrap_or(0));
            if self.work > self.most {
                return Err(fault);
            }
            self.mem.bytes(at, held.size).map_err(KeyHash::Fault)?
        };
        let inner = self.run(&plan.steps, &value, 0, setup.wrap(h ^ c0), depth + 1)?;
        Ok(setup.wrap(c1.wrapping_mul(inner)))
    }
}

impl KeyHasher<'_, '_, '_> {
    /// Whether Go's `==` holds between two keys without NaN.
    pub fn is_equal(&mut self, plan: &Plan, a: &[u8], b: &[u8]) -> bool {
        self.compare(&plan.steps, (a, 0), (b, 0), true, 0)
    }

    /// The same, but +0 and -0 differ.
    pub fn is_same(&mut self, plan: &Plan, a: &[u8], b: &[u8]) -> bool {
        self.compare(&plan.steps, (a, 0), (b, 0), false, 0)
    }

    fn compare(
        &mut self,
        steps: &[Step],
        (a, a_base): (&[u8], u64),
        (b, b_base): (&[u8], u64),
        zeros_equal: bool,
        depth: u32,
    ) -> bool {
        let abi = self.hashers.abi();
        let pair = abi.word().wrapping_mul(2);
        steps.iter().all(|step| {
            let both = |off: u64, len: u64| {
                Some((
                    part(a, a_base, off, len).ok()?,
                    part(b, b_base, off, len).ok()?,
                ))
            };
            match step {
                Step::Bytes { off, len } => both(*off, *len).is_some_and(|(x, y)| x == y),
                Step::Word32 { off } => both(*off, 4).is_some_and(|(x, y)| x == y),
                Step::Word64 { off } => both(*off, 8).is_some_and(|(x, y)| x == y),
                Step::Float { off, size } => both(*off, *size).is_some_and(|(x, y)| {
                    let zero = |v: &[u8]| {
                        let bits = abi.uint(v, 0, *size).unwrap_or(1);
                        bits << 1 == 0 || (*size == 4 && bits << 33 == 0)
                    };
                    x == y || (zeros_equal && zero(x) && zero(y))
                }),
                Step::Text { off } => {
                    let (x, y) = (self.text(a, a_base, *off), self.text(b, b_base, *off));
                    matches!((x, y), (Ok(x), Ok(y)) if x == y)
                }
                Step::Iface { off, empty } => {
                    let Some((x, y)) = both(*off, pair) else {
                        return false;
                    };
                    let word = |v: &[u8]| Addr(abi.uptr(v, 0).unwrap_or(0));
                    if word(x) != word(y) || depth > MAX_TYPE_DEPTH {
                        return false;
                    }
                    if word(x).is_nil() {
                        return true;
                    }
                    let Some(held) = self.hashers.dynamic(word(x), *empty) else {
                        return false;
                    };
                    let Some(plan) = &held.plan else { return false };
                    let value = |v: &[u8]| {
                        let data = v.get(usize::from(abi.ptr_size)..).unwrap_or_default();
                        if held.direct {
                            return Some(Cow::Owned(data.to_vec()));
                        }
                        let at = Addr(abi.uptr(data, 0).unwrap_or(0));
                        self.mem.bytes(at, held.size).ok()
                    };
                    let (Some(x), Some(y)) = (value(x), value(y)) else {
                        return false;
                    };
                    self.compare(&plan.steps, (&x, 0), (&y, 0), zeros_equal, depth + 1)
                }
                Step::Repeat {
                    off,
                    stride,
                    count,
                    steps,
                } => (0..*count).all(|i| {
                    let at = off.wrapping_add(i.wrapping_mul(*stride));
                    let (a_at, b_at) = (a_base.wrapping_add(at), b_base.wrapping_add(at));
                    self.compare(steps, (a, a_at), (b, b_at), zeros_equal, depth)
                }),
            }
        })
    }
}

/// A part of the key. It is only missing where a type lies about its size.
pub(super) fn part(key: &[u8], base: u64, off: u64, len: u64) -> Result<&[u8], KeyHash> {
    let get = || {
        let from = usize::try_from(base.checked_add(off)?).ok()?;
        key.get(from..from.checked_add(usize::try_from(len).ok()?)?)
    };
    get().ok_or(KeyHash::Fault(Fault {
        addr: Addr::NIL,
        size: len,
        why: Why::TooLarge,
    }))
}
