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
mod difftests {
    pub mod script;
    pub mod secrets;
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
