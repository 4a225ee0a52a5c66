//! Triage as users meet it, over small files of results.
//! In: `tests/cli/data/*.jsonl`. Out: snapshots of sessions.

use crate::assert_session_in;
use crate::badmap_in;
use crate::run_in;
use badmap::file::stream::PackedWriter;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

fn data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/data"))
}

fn say(name: &str, args: &[&str]) {
    assert_session_in(&data(), &format!("triage-{name}"), args);
}

#[test]
fn bugs_are_grouped() {
    say("bugs", &["triage", "fleet.jsonl"]);
    say("top", &["triage", "fleet.jsonl", "--top", "1"]);
    say("verbose", &["triage", "fleet.jsonl", "-v", "--top", "1"]);
    say(
        "host",
        &["triage", "fleet.jsonl", "--group-by", "host", "--top", "2"],
    );
    say(
        "json",
        &["triage", "fleet.jsonl", "--format", "json", "--top", "1"],
    );
    for by in ["go", "build", "cpu"] {
        let (stdout, stderr, code) = run_in(&data(), &["triage", "fleet.jsonl", "--group-by", by]);
        assert_eq!((stderr.as_str(), code), ("", 0));
        assert!(stdout.contains(&format!("  {by} ")), "{stdout}");
    }
}

#[test]
fn one_core_in_several_files_counts_once() {
    say("doubled", &["triage", "fleet.jsonl", "again.jsonl"]);
}

#[test]
fn what_is_new_is_told_by_the_exit_code() {
    let against = |name: &str, baseline: &str| {
        say(
            name,
            &[
                "triage",
                "fleet.jsonl",
                "--baseline",
                baseline,
                "--top",
                "1",
            ],
        );
    };
    against("new", "again.jsonl");
    against("not-new", "fleet.jsonl");
    against("all-new", "empty.jsonl");
    let args = [
        "triage",
        "fleet.jsonl",
        "--baseline",
        "again.jsonl",
        "--group-by",
        "host",
    ];
    assert_eq!(run_in(&data(), &args).2, 1);
    let args = [
        "triage",
        "fleet.jsonl",
        "--baseline",
        "again.jsonl",
        "--baseline",
        "fleet.jsonl",
    ];
    assert_eq!(run_in(&data(), &args).2, 0);
}

#[test]
fn a_line_cut_off_at_the_end_is_a_note() {
    say("cut-off", &["triage", "cut.jsonl"]);
    say("cut-off-json", &["triage", "cut.jsonl", "--format", "json"]);
}

#[test]
fn no_line_at_all_is_said() {
    say("empty", &["triage", "empty.jsonl"]);
    say("empty-json", &["triage", "empty.jsonl", "--format", "json"]);
}

#[test]
fn what_is_no_result_is_an_error() {
    say("foreign", &["triage", "fleet.jsonl", "foreign.jsonl"]);
    say("later", &["triage", "later.jsonl"]);
    say("no-file", &["triage", "no-such.jsonl"]);
    say(
        "no-baseline",
        &["triage", "fleet.jsonl", "--baseline", "foreign.jsonl"],
    );
    say("twice-stdin", &["triage", "-", "--baseline", "-"]);
    say("no-arguments", &["triage"]);
    say("group-by", &["triage", "fleet.jsonl", "--group-by", "moon"]);
}

#[test]
fn standard_input_is_read() {
    let mut child = badmap_in(&data(), &["triage", "-", "fleet.jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let text = std::fs::read(data().join("again.jsonl")).expect("it is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(&text).expect("it is read");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(0));
    let stdout = String::from_utf8_lossy(&done.stdout);
    assert!(stdout.starts_with("cores    30 in 2 files\n"), "{stdout}");
}

#[test]
fn packed_results_are_read_and_may_be_cut_off_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fleet.jsonl.zst");
    let mut out = PackedWriter::create(&path).expect("a file");
    let text = std::fs::read(data().join("fleet.jsonl")).expect("it is there");
    out.write_all(&text).expect("it is packed");
    out.finish().expect("it is written");
    let args = ["triage", "fleet.jsonl.zst"];
    let (stdout, stderr, code) = run_in(dir.path(), &args);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(stdout.starts_with("cores    30 in 1 file\n"), "{stdout}");
    let bytes = std::fs::read(&path).expect("it is there");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("it is written");
    let (stdout, stderr, code) = run_in(dir.path(), &args);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(stdout.contains("its last line is cut off"), "{stdout}");
}
