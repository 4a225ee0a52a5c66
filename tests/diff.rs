//! What `badmap diff` says of two dumps of a process whose script of changes is known: per map and per key, nothing
//! more and nothing less; and the same of a dump of another process that has come to the same state.
//! In: the cores of the corpora that say which core they have changed from. Out: every difference from the script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

#[allow(dead_code)] // other tests want the rest of it
#[path = "corpus/files.rs"]
mod files;
#[path = "snapshots/runner.rs"]
mod runner;
mod difftests {
    pub mod script;
    pub mod secrets;
}

pub use runner::arg;
pub use runner::run;
