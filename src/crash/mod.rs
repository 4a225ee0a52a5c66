//! How the process ended: the runtime's own words, the map it was about, who else had to do with that map,
//! and what class of causes that speaks for.

pub mod atwork;
mod callsite;
pub mod class;
pub mod clock;
pub mod clues;
pub mod endless;
mod holders;
pub mod known;
pub mod message;
pub mod ops;
mod panics;
pub mod parties;
pub mod signals;
