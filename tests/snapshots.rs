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
mod snapshots {
    pub mod damaged;
    pub mod equal;
    pub mod forged;
    pub mod former;
    pub mod keys;
}

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Runs the program: stdout, stderr, exit code. Death by a signal fails the test.
pub fn run(args: &[&str]) -> (String, String, i32) {
    let done = Command::new(env!("CARGO_BIN_EXE_badmap"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let code = done
        .status
        .code()
        .unwrap_or_else(|| panic!("badmap {args:?} was killed: {}", done.status));
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (text(done.stdout), text(done.stderr), code)
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

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
