//! Files that are not what they should be: badmap says so and ends; it never panics, hangs or lies.
//! In: the built program, damaged golden cores, cores written by hand. Out: exit codes and words.
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

mod hostile {
    pub mod cuts;
    pub mod flips;
    pub mod glance;
    pub mod goroutines;
    pub mod headers;
    pub mod inputs;
    pub mod keys;
    pub mod packed;
    pub mod pairing;
    pub mod run;
    pub mod types;
}
mod synthcore;
