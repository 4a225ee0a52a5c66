//! Runs the built program, for the tests of snapshots and diffs.
//! In: arguments. Out: stdout, stderr, exit code.

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
