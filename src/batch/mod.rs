//! Many cores: which they are, each in a process of its own, one line of results for each, and what the lines of many
//! runs have in common.

pub mod funcname;
pub mod line;
pub mod signature;
