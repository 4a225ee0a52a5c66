//! Batches as users run them: golden cores among hostile files, shards, runs that were stopped, expectations, formats.
//! In: the built program, golden cores, files that are none. Out: every line that is not as it should be.
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

#[path = "snapshots/runner.rs"]
mod runner;
#[allow(dead_code)] // other tests want the rest of it
mod synthcore;
mod batch {
    pub mod expected;
    pub mod formats;
    pub mod hostile;
    pub mod pairing;
    pub mod review;
    pub mod runner;
    pub mod shards;
    pub mod stopped;
}
