//! Many cores: which they are, each in a process of its own, one line of results for each, and what the lines of many
//! runs have in common.

pub mod error;
pub mod facts;
pub mod group;
pub mod line;
pub mod results;
#[cfg(test)]
pub(crate) mod samples;
pub mod signature;
pub mod summary;
pub mod triage;
