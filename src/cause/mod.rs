//! What single cause explains the findings of one map best.
//! In: a broken map, its verdict, and the memory it was read from. Out: causes with a probability each.
#![allow(clippy::arithmetic_side_effects)] // counts of findings and bits, all of them small

pub mod explain;
pub(crate) mod flips;
mod hypotheses;
pub mod looks;
mod stray;
pub(crate) mod words;
