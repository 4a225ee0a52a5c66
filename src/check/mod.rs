//! The check room: an image of a map goes in, a verdict comes out. Rules are pure functions.
//! In: `MapImage`. Out: `MapVerdict`, and the manuals of the rules.

pub mod census;
pub mod classic;
pub mod classic_cells;
pub mod classic_chains;
pub mod classic_extra;
pub mod common;
mod fit;
pub mod hands;
pub mod heap;
pub mod keys;
pub mod manual;
pub mod places;
pub mod registry;
pub mod rule;
pub(crate) mod sound;
pub mod swiss;
pub mod swiss_dir;
pub mod swiss_tables;
pub mod sync;
pub mod tally;
pub mod trust;
