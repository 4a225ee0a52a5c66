//! Something made once for each of many small numbers, and then had without a lock.
//! In: a number and how its thing is made. Out: a reference to it.

use std::sync::OnceLock;

/// Numbers in the first chunk; each further chunk has as many as all before it.
const FIRST: u64 = 64;
/// Enough chunks for every number of 32 bits.
const CHUNKS: usize = 27;

/// Things by number. Meant for numbers that are dense: a chunk's places are made as soon as one of its
/// numbers is asked for.
#[derive(Debug)]
pub struct Dense<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
}

impl<T> Default for Dense<T> {
    fn default() -> Dense<T> {
        Dense {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }
}

impl<T> Dense<T> {
    /// The thing of number `n`, if it was made.
    pub fn get(&self, n: u32) -> Option<&T> {
        let (chunk, _, at) = place(n)?;
        self.chunks.get(chunk)?.get()?.get(at)?.get()
    }

    /// The thing of number `n`, made now if it was not before. `make` must not ask for the same number.
    pub fn get_or_make(&self, n: u32, make: impl FnOnce() -> T) -> Option<&T> {
        let (chunk, size, at) = place(n)?;
        let places = self.chunks.get(chunk)?.get_or_init(|| {
            std::iter::repeat_with(OnceLock::new)
                .take(size)
                .collect::<Vec<_>>()
                .into_boxed_slice()
        });
        Some(places.get(at)?.get_or_init(make))
    }
}

/// Number of the chunk, how many places it has, and the place in it.
fn place(n: u32) -> Option<(usize, usize, usize)> {
    let shifted = u64::from(n).checked_add(FIRST)?;
    let log = shifted.checked_ilog2()?;
    let chunk = log.checked_sub(FIRST.ilog2())?;
    let begin = 1u64.checked_shl(log)?;
    Some((
        usize::try_from(chunk).ok()?,
        usize::try_from(begin).ok()?,
        usize::try_from(shifted.checked_sub(begin)?).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own_and_is_made_once() {
        let dense = Dense::default();
        for n in 0..1000u32 {
            assert_eq!(dense.get(n), None);
            assert_eq!(dense.get_or_make(n, || n), Some(&n));
        }
        for n in 0..1000u32 {
            assert_eq!(dense.get_or_make(n, || 0), Some(&n));
            assert_eq!(dense.get(n), Some(&n));
        }
        assert_eq!(place(0), Some((0, 64, 0)));
        assert_eq!(place(63), Some((0, 64, 63)));
        assert_eq!(place(64), Some((1, 128, 0)));
        assert_eq!(place(u32::MAX).map(|(chunk, ..)| chunk), Some(CHUNKS - 1));
    }
}
