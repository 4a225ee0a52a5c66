//! What went wrong once, and must not again.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::golden;
use crate::batch::runner::lines;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

fn copy(core: &str, to: &Path) {
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden(core)), to).unwrap();
}

#[test]
fn names_that_are_no_text_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    let file = results.path().join("r.jsonl");
    for (name, core) in [
        (b"core.\xa0", "go1.27-damage"),
        (b"core.\xb0", "go1.27-panic-other"),
    ] {
        copy(core, &dir.path().join(OsStr::from_bytes(name)));
    }
    let args = [
        arg(dir.path()),
        "--binary-dir",
        BINARIES,
        "--format",
        "jsonl",
        "--resume",
        arg(&file),
    ];
    for _ in 0..2 {
        let (out, err, code) = ended(batch(&args));
        assert_eq!(code, 1, "{err}");
        let lines = lines(&out);
        let mut verdicts: Vec<&str> = lines
            .values()
            .map(|l| l["verdict"].as_str().unwrap())
            .collect();
        verdicts.sort_unstable();
        assert_eq!(verdicts, ["broken", "sound"]);
    }
}

#[test]
fn a_reader_that_has_gone_ends_the_batch_and_is_no_success() {
    let mut command = batch(&[
        "corpora/golden/cores",
        "--binary-dir",
        BINARIES,
        "--format",
        "jsonl",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(141));
    let err = String::from_utf8(out.stderr).unwrap();
    assert!(err.contains("stopped: 1 of "), "{err}");
}

#[test]
fn a_core_that_is_expected_and_not_there_is_not_as_expected() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let cores = ["go1.27-panic-other", "go1.27-change-a"].map(golden);
    let mut args = vec![
        cores[0].as_str(),
        "--binary-dir",
        BINARIES,
        "--format",
        "jsonl",
    ];
    let (out, _, code) = ended(batch(&[&args[..], &[cores[1].as_str()]].concat()));
    assert_eq!(code, 0);
    std::fs::write(at("all.jsonl"), out).unwrap();
    let all = at("all.jsonl");
    args.extend(["--expect", arg(&all)]);
    let (_, err, code) = ended(batch(&args));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("1 core is expected and not there"), "{err}");
}

#[test]
fn in_a_list_a_name_is_a_name_and_no_pattern() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    symlink(at("nowhere"), at("core.[0-9]")).unwrap();
    std::fs::write(at("core.1"), b"").unwrap();
    let gone = at("gone*");
    let mut command = batch(&["-", "--format", "jsonl"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let list = format!("{}\0{}\0", at("core.[0-9]").display(), gone.display());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(list.as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(3));
    let lines = lines(&String::from_utf8(out.stdout).unwrap());
    let cores: Vec<&str> = lines.keys().map(String::as_str).collect();
    assert_eq!(cores, [arg(&at("core.[0-9]")), arg(&gone)]);
}

#[test]
fn what_badmap_has_written_is_no_core_the_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    copy("go1.27-panic-other", &at("core.7"));
    let (snapshots, results) = (at("snapshots"), at("core.jsonl"));
    let args = [
        arg(dir.path()),
        "--binary-dir",
        BINARIES,
        "--snapshot-dir",
        arg(&snapshots),
        "--resume",
        arg(&results),
        "--strict",
        "--format",
        "jsonl",
    ];
    for _ in 0..2 {
        let (out, err, code) = ended(batch(&args));
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(lines(&out).len(), 1);
    }
    // A snapshot that is wanted and not there is made though the core is done; one that cannot be is no success.
    let other = at("other");
    let mut again = args;
    again[4] = arg(&other);
    std::fs::remove_file(&results).unwrap();
    assert_eq!(ended(batch(&args[..3])).2, 0);
    assert_eq!(ended(batch(&again)).2, 0);
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1);
    let blocked = at("blocked");
    std::fs::create_dir(&blocked).unwrap();
    let name = std::fs::read_dir(&other)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    std::fs::create_dir_all(blocked.join(name).join("x")).unwrap();
    let (out, _, code) = ended(batch(&[
        arg(&at("core.7")),
        "--binary-dir",
        BINARIES,
        "--snapshot-dir",
        arg(&blocked),
        "--format",
        "jsonl",
    ]));
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("writing the snapshot"), "{out}");
}

#[test]
fn links_and_other_spellings_are_the_same_core() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("core.1"), b"").unwrap();
    symlink(at("core.1"), at("core.link")).unwrap();
    let dotted = dir.path().join(".").join("core.1");
    let (out, err, _) = ended(batch(&[arg(dir.path()), arg(&dotted), "--format", "jsonl"]));
    assert_eq!(lines(&out).len(), 1, "{err}");
}
