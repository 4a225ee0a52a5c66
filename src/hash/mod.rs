//! Go's key hashes, done again: what `runtime.memhash` and the compiler's hash functions did in the dead
//! process, on whatever machine badmap runs.
//! In: the process's hash keys and a map's key type. Out: the hash of a stored key.
#![allow(clippy::arithmetic_side_effects)] // hashes are sums modulo the word, and lengths of slices we hold

pub(crate) mod aes;
pub(crate) mod fallback;
pub mod hasher;
mod lanes;
pub mod memhash;
pub mod place;
pub mod plan;
pub mod run;
pub(crate) mod signature;
