//! Up to eight keys side by side: most keys are integers and short strings, whose hashes do not wait for each other.
//! In: a plan without interfaces, the stored keys, a seed. Out: their hashes, or that they must be hashed one by one.

use crate::hash::plan::Plan;
use crate::hash::plan::Step;
use crate::hash::run::KeyHasher;
use crate::hash::run::part;
use std::borrow::Cow;

/// Fewer keys than that are hashed faster one after the other.
const WORTH: usize = 3;

impl<'a> KeyHasher<'_, '_, 'a> {
    /// The hashes of up to eight keys, as `hash` would give them one after the other, those behind of no meaning.
    /// `None` if that is not faster, or if one of them has no hash; then nothing was counted.
    pub(crate) fn hash8(&mut self, plan: &Plan, keys: &[&[u8]], seed: u64) -> Option<[u64; 8]> {
        if keys.len() < WORTH || !self.memhash.has_eight() {
            return None;
        }
        let before = self.work;
        let hashes = self.side_by_side(plan, keys, seed);
        if hashes.is_none() {
            self.work = before;
        }
        hashes
    }

    fn side_by_side(&mut self, plan: &Plan, keys: &[&[u8]], seed: u64) -> Option<[u64; 8]> {
        let setup = self.memhash;
        let mut h = [seed; 8];
        for step in &plan.steps {
            h = match step {
                // The machines that have the fast way are little-endian.
                Step::Word64 { off } => {
                    let mut words = [0; 8];
                    for (to, key) in words.iter_mut().zip(keys) {
                        let bytes = part(key, 0, *off, 8).ok()?;
                        *to = u64::from_le_bytes(*bytes.first_chunk()?);
                    }
                    setup.words8(words, h)?
                }
                Step::Word32 { off } => {
                    let mut words = [0; 8];
                    for (to, key) in words.iter_mut().zip(keys) {
                        let bytes = part(key, 0, *off, 4).ok()?;
                        *to = u64::from(u32::from_le_bytes(*bytes.first_chunk()?));
                    }
                    setup.words8(words, h)?
                }
                Step::Bytes { off, len } => {
                    let mut values: [&[u8]; 8] = [&[0]; 8];
                    for (to, key) in values.iter_mut().zip(keys) {
                        *to = part(key, 0, *off, *len).ok()?;
                    }
                    setup.memhash8(values, h)?
                }
                Step::Float { off, size } => {
                    let mut values: [&[u8]; 8] = [&[0]; 8];
                    for (to, key) in values.iter_mut().zip(keys) {
                        *to = part(key, 0, *off, *size).ok()?;
                        // Zeros and NaN are hashed by rules of their own.
                        is_plain_float(to).then_some(())?;
                    }
                    setup.memhash8(values, h)?
                }
                Step::Text { off } => {
                    let texts = self.texts(keys, *off)?;
                    setup.memhash8(texts, h)?
                }
                Step::Iface { .. } | Step::Repeat { .. } => return None,
            };
        }
        Some(h)
    }

    /// Up to eight strings: all are found and touched before the first is hashed, so that the waits for memory
    /// overlap.
    fn texts(&mut self, keys: &[&[u8]], off: u64) -> Option<[&'a [u8]; 8]> {
        let mut texts: [&'a [u8]; 8] = [&[0]; 8];
        for (to, key) in texts.iter_mut().zip(keys) {
            let Ok(Cow::Borrowed(text)) = self.text(key, 0, off) else {
                return None;
            };
            *to = text;
        }
        let first = |text: &&[u8]| text.first().copied().unwrap_or(0);
        std::hint::black_box(texts.iter().map(first).fold(0, |all, b| all ^ b));
        Some(texts)
    }
}

/// Whether a float is neither zero nor NaN: the process is little-endian.
fn is_plain_float(bytes: &[u8]) -> bool {
    let value = match *bytes {
        [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
        _ => match bytes.first_chunk() {
            Some(whole) => f64::from_le_bytes(*whole),
            None => return false,
        },
    };
    value != 0.0 && !value.is_nan()
}
