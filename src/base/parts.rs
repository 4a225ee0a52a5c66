//! Work on the parts of something large, on all processors.
//! In: parts, and what to do with one. Out: the results, in the order of the parts.

use rayon::prelude::IntoParallelRefIterator;
use rayon::prelude::ParallelIterator;

/// What `each` makes of every part.
pub fn of_parts<P: Sync, R: Send>(parts: &[P], each: impl Fn(&P) -> R + Send + Sync) -> Vec<R> {
    parts.par_iter().map(each).collect()
}
