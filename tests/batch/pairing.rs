//! Which cores, and with which binaries.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::files_in;
use crate::batch::runner::golden;
use crate::batch::runner::lines;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_list_on_standard_input_a_pattern_and_a_directory_are_the_same_cores() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["go1.27-nil-write", "go1.27-unhashable"] {
        let to = at(&format!("{name}.zst"));
        std::fs::copy(root().join(golden(name)), to).unwrap();
    }
    // The binary lies beside the cores: that is enough.
    std::fs::copy(root().join(BINARIES).join("go1.27.zst"), at("server")).unwrap();
    std::fs::write(at("README"), "cores of last night\n").unwrap();
    let of = |args: &[&str], list: Option<&str>| {
        let mut command = batch(args);
        command.args(["--format", "jsonl"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(list.unwrap_or("").as_bytes()).unwrap();
        drop(stdin);
        let out = child.wait_with_output().unwrap();
        assert_eq!(
            out.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        lines(&String::from_utf8(out.stdout).unwrap())
    };
    let found = of(&[arg(dir.path())], None);
    assert_eq!(found.len(), 2);
    assert!(
        found
            .values()
            .all(|l| l["status"] == "ok" && l["binary"] == arg(&at("server")))
    );
    let server = at("server");
    let pattern = at("*.zst");
    assert_eq!(of(&[arg(&pattern), arg(&server)], None), found);
    let list: String = found.keys().map(|core| format!("{core}\n")).collect();
    assert_eq!(of(&["-", arg(&server)], Some(&list)), found);
    let list = list.replace('\n', "\0");
    assert_eq!(of(&["-", arg(&server)], Some(&list)), found);
    assert_eq!(
        of(&["-"], Some(&format!("{}\n", dir.path().display()))),
        found
    );
}

#[test]
fn an_index_is_kept_only_if_asked_for_and_never_believed_blindly() {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["go1.27.zst", "go1.23.zst"] {
        std::fs::copy(root().join(BINARIES).join(name), bin.join(name)).unwrap();
    }
    let core = golden("go1.27-nil-write");
    let run = |more: &[&str]| {
        let mut args = vec![
            core.as_str(),
            "--binary-dir",
            arg(&bin),
            "--format",
            "jsonl",
        ];
        args.extend(more);
        let (out, err, code) = ended(batch(&args));
        assert_eq!(code, 1, "{out}{err}");
        lines(&out)
    };
    let without = run(&[]);
    assert_eq!(files_in(&bin).len(), 2);
    let cached = ["--index-cache"];
    assert_eq!(run(&cached), without);
    let cache = bin.join(".badmap-index.jsonl");
    let text = std::fs::read_to_string(&cache).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(run(&cached), without);
    // Lies: each binary has the other's IDs. The core's own process looks at the file itself.
    let swapped: Vec<String> = {
        let mut all: Vec<serde_json::Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let go = all[0]["go"].take();
        all[0]["go"] = all[1]["go"].take();
        all[1]["go"] = go;
        all.iter().map(|e| e.to_string()).collect()
    };
    std::fs::write(&cache, swapped.join("\n")).unwrap();
    let (out, _, code) = ended(batch(&[
        &core,
        "--binary-dir",
        arg(&bin),
        "--index-cache",
        "--format",
        "jsonl",
    ]));
    assert_eq!(code, 3);
    assert!(out.contains("is another build now"), "{out}");
    // Where it cannot be written, that is said, and no more.
    std::fs::remove_file(&cache).unwrap();
    std::fs::create_dir(&cache).unwrap();
    let (_, err, code) = ended(batch(&[&core, "--binary-dir", arg(&bin), "--index-cache"]));
    assert_eq!(code, 1);
    assert!(err.contains("the index could not be kept"), "{err}");
    std::fs::remove_dir(&cache).unwrap();
    // Nonsense is no cache; nor is one of files that have changed since.
    std::fs::write(&cache, "nonsense\n{}\n").unwrap();
    assert_eq!(run(&cached), without);
}

#[test]
fn snapshots_are_written_on_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snapshots");
    let core = golden("go1.27-nil-write");
    let args = [
        &core,
        "--binary-dir",
        BINARIES,
        "--snapshot-dir",
        arg(&out),
        "--format",
        "jsonl",
    ];
    let (text, err, code) = ended(batch(&args));
    assert_eq!(code, 1, "{err}");
    let files = files_in(&out);
    assert_eq!(files.len(), 1);
    assert_eq!(lines(&text)[&core]["snapshot"], arg(&files[0]));
    let (shown, _, code) = crate::batch::runner::badmap(&["check", arg(&files[0]), "-q"]);
    assert_eq!(code, 1);
    assert!(shown.contains("assignment to entry in nil map"), "{shown}");
}

#[test]
fn nothing_to_do_is_said_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), "text").unwrap();
    let (out, err, code) = ended(batch(&[arg(dir.path())]));
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(
        err.contains("there are none among 1 other file") && err.contains("hint: "),
        "{err}"
    );
    let pattern = dir.path().join("*.core");
    let (_, err, code) = ended(batch(&[arg(&pattern)]));
    assert_eq!(code, 2);
    assert!(
        err.contains("nothing fits it") && err.contains("hint: "),
        "{err}"
    );
    let gone = dir.path().join("gone");
    let (out, _, code) = ended(batch(&[arg(&gone)]));
    assert_eq!(code, 3);
    assert!(out.contains("No such file"), "{out}");
}
