//! Runs batches, and compares what they wrote.

pub use crate::runner::arg;
pub use crate::runner::run as badmap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// Where binaries of golden cores lie.
pub const BINARIES: &str = "corpora/golden/bin";

/// A batch that is yet to be run, from the root of the package.
pub fn batch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_badmap"));
    command
        .arg("batch")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end: stdout, stderr, exit code.
pub fn ended(mut command: Command) -> (String, String, i32) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    let code = status
        .code()
        .unwrap_or_else(|| panic!("{command:?} was killed: {status}"));
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (text(stdout), text(stderr), code)
}

/// The lines of results by core, without what no two runs have in common.
pub fn lines(text: &str) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(line["schema"], "badmap/1");
        line.as_object_mut().unwrap().remove("resources");
        let core = line["core"].as_str().unwrap().to_owned();
        assert!(out.insert(core, line).is_none(), "one line a core");
    }
    out
}

/// A golden core.
pub fn golden(name: &str) -> String {
    format!("corpora/golden/cores/{name}.zst")
}

/// A few golden cores: both kinds of maps, crashes and none, a broken map.
pub fn few() -> Vec<String> {
    [
        "go1.19-nil-write",
        "go1.23-damage",
        "go1.23-fatal-read-write",
        "go1.27-damage",
        "go1.27-fatal-writes",
        "go1.27-panic-other",
    ]
    .map(golden)
    .to_vec()
}

/// The bytes of a golden core, unpacked.
pub fn unpacked(core: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(core);
    zstd::stream::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

/// Files in a directory.
pub fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|e| e.unwrap().path()).collect()
}
