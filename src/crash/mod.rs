//! How the process ended: the runtime's own words, and whether they are about a map.

pub mod message;
pub mod signals;
