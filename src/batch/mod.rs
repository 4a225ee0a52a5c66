//! Many cores: which they are, each in a process of its own, one line of results for each, and what the lines of many
//! runs have in common.

pub mod candidate;
pub mod child;
pub mod error;
pub mod expect;
pub mod facts;
pub mod funcname;
pub mod group;
pub mod index;
pub mod inputs;
pub mod line;
pub mod manifest;
pub mod results;
pub mod run;
#[cfg(test)]
pub(crate) mod samples;
pub mod setup;
pub mod shard;
pub mod signature;
pub mod store;
pub mod summary;
pub mod triage;
pub mod work;
