//! Many cores: which they are, each in a process of its own, one line of results for each, and what the lines of many
//! runs have in common.

pub mod candidate;
pub mod error;
pub mod expect;
pub mod inputs;
pub mod line;
pub mod manifest;
pub mod signature;
