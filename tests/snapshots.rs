//! Snapshots as users make and read them: what a snapshot says is what the core says; what is no whole snapshot is
//! refused; and no secret of the process is in either.
//! In: the built program, golden cores. Out: every difference.
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
mod snapshots {
    pub mod damaged;
    pub mod equal;
    pub mod forged;
    pub mod former;
    pub mod keys;
}

pub use runner::arg;
pub use runner::run;
use std::path::Path;

/// Golden core and binary by name.
pub fn golden(core: &str, binary: &str) -> (String, String) {
    (
        format!("corpora/golden/cores/{core}.zst"),
        format!("corpora/golden/bin/{binary}.zst"),
    )
}

/// A snapshot's lines, unpacked.
pub fn unpacked(path: &Path) -> String {
    let packed = std::fs::read(path).unwrap();
    String::from_utf8(zstd::stream::decode_all(packed.as_slice()).unwrap()).unwrap()
}

/// Makes a snapshot of a golden core in `dir`.
pub fn snapshot(dir: &Path, core: &str, binary: &str, more: &[&str]) -> std::path::PathBuf {
    let out = dir.join(format!("{core}.badmap"));
    let (core, binary) = golden(core, binary);
    let args = [&["snapshot", &core, &binary, "-o", arg(&out)], more].concat();
    let (_, stderr, code) = run(&args);
    assert!(matches!(code, 0 | 3), "{args:?}: {code}\n{stderr}");
    out
}
