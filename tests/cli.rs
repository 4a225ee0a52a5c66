//! The program as users meet it: stdout, stderr and exit code of the built binary.
//! In: command lines. Out: snapshots in `tests/cli/snapshots`, without a version inside.
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
    unreachable_pub,
    reason = "a test that fails is meant to stop, and says so on its own output"
)]

#[path = "cli/golden.rs"]
mod golden;
#[path = "cli/snapshots.rs"]
mod snapshots;
#[path = "cli/triage.rs"]
mod triage;
#[path = "cli/usage.rs"]
mod usage;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// The built program, started in the package's directory with an environment that is always the same.
pub fn badmap(args: &[&str]) -> Command {
    badmap_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

/// The same in another directory.
pub fn badmap_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_badmap"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command
        .env("COLUMNS", "80")
        .env_remove("NO_COLOR")
        .env_remove("LINES");
    command
}

/// Runs the program: stdout, stderr, exit code. Death by a signal fails the test.
pub fn run(args: &[&str]) -> (String, String, i32) {
    run_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

/// The same in another directory.
pub fn run_in(dir: &Path, args: &[&str]) -> (String, String, i32) {
    let done = badmap_in(dir, args).output().expect("the program starts");
    let code = done
        .status
        .code()
        .unwrap_or_else(|| panic!("badmap {args:?} was killed: {}", done.status));
    let text = |bytes| plain(&String::from_utf8(bytes).expect("output is UTF-8"));
    (text(done.stdout), text(done.stderr), code)
}

/// The text without badmap's own version.
fn plain(text: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    text.replace(&format!("\"version\": \"{version}\""), "\"version\": \"…\"")
        .replace(&format!("badmap {version}"), "badmap …")
}

/// Everything a user sees of one run, as one text.
pub fn session(args: &[&str]) -> String {
    session_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

fn session_in(dir: &Path, args: &[&str]) -> String {
    let (stdout, stderr, code) = run_in(dir, args);
    let mut text = format!("$ {}\n", [&["badmap"], args].concat().join(" "));
    for (name, part) in [("stdout", stdout), ("stderr", stderr)] {
        if !part.is_empty() {
            text.push_str(&format!("--- {name}\n{part}"));
        }
    }
    text.push_str(&format!("--- exit code {code}\n"));
    text
}

/// Compares a run with its snapshot.
pub fn assert_session(name: &str, args: &[&str]) {
    assert_text(name, session(args));
}

/// The same of a run in another directory.
pub fn assert_session_in(dir: &Path, name: &str, args: &[&str]) {
    assert_text(name, session_in(dir, args));
}

fn assert_text(name: &str, text: String) {
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name.to_owned(), text);
    });
}

/// Whether the package's file exists.
pub fn has(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}
