//! What is no whole snapshot of this schema is refused, in a moment and in little memory.

use crate::arg;
use crate::run;
use crate::snapshot;
use crate::unpacked;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// Lists a file that has these bytes: stderr, which must come with exit code 2.
fn refused(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    let start = Instant::now();
    let (stdout, stderr, code) = run(&["list", arg(&path)]);
    assert_eq!((stdout.as_str(), code), ("", 2), "{name}: {stderr}");
    assert!(start.elapsed() < Duration::from_secs(60), "{name}");
    stderr
}

fn packed(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

#[test]
fn a_snapshot_that_is_not_whole_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let whole = snapshot(dir.path(), "go1.27-live-writers", "go1.27", &[]);
    let bytes = std::fs::read(&whole).unwrap();
    for part in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 16] {
        let said = refused(dir.path(), "cut.badmap", &bytes[..part]);
        assert!(said.contains("it is not whole"), "{said}");
        assert!(said.contains("hint: "), "{said}");
    }
    let text = unpacked(&whole);
    let lines: Vec<&str> = text.lines().collect();
    let without = |skip: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(i, _)| *i != skip);
        kept.map(|(_, l)| format!("{l}\n")).collect()
    };
    // Without its last line, without any other, with one changed, with more behind its end.
    let said = refused(dir.path(), "a", without(lines.len() - 1).as_bytes());
    assert!(said.contains("it is not whole"), "{said}");
    let said = refused(dir.path(), "b", without(3).as_bytes());
    assert!(said.contains("it says"), "{said}");
    let changed = text.replacen("\"len\":", "\"Len\":", 1);
    let said = refused(dir.path(), "c", &packed(changed.as_bytes()));
    assert!(said.contains("checksum"), "{said}");
    let said = refused(dir.path(), "d", format!("{text}{text}").as_bytes());
    assert!(said.contains("a file holds one"), "{said}");
    let said = refused(dir.path(), "e", without(0).as_bytes());
    assert!(said.contains("not a core file"), "{said}");
    let at = text.len() / 2;
    let said = refused(dir.path(), "f", &text.as_bytes()[..at]);
    assert!(said.contains("it is not whole"), "{said}");
}

#[test]
fn a_plain_snapshot_is_read_like_a_packed_one() {
    let dir = tempfile::tempdir().unwrap();
    let whole = snapshot(dir.path(), "go1.23-panic-other", "go1.23", &[]);
    let plain = dir.path().join("plain.jsonl");
    std::fs::write(&plain, unpacked(&whole)).unwrap();
    let list = |path| run(&["list", arg(path), "--format", "jsonl"]);
    assert_eq!(list(&whole), list(&plain));
    assert!(list(&plain).0.lines().count() > 10);
}

#[test]
fn another_schema_and_nonsense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let said = refused(
        dir.path(),
        "new",
        b"{\"schema\":\"badmap/2\",\"line\":\"header\"}\n",
    );
    assert!(said.contains("it has the schema badmap/2"), "{said}");
    assert!(said.contains("a newer badmap"), "{said}");
    let head = "{\"schema\":\"badmap/1\",\"line\":\"header\"}\n";
    for (line, want) in [
        ("{\"schema\":\"badmap/1\",\"line\":\"map\",\n", "line 2"),
        (
            "{\"schema\":\"badmap/1\",\"line\":\"map\",\"len\":\"x\"}\n",
            "line 2",
        ),
        (
            "{\"schema\":\"other/1\",\"line\":\"map\"}\n",
            "no schema of badmap",
        ),
        ("[]\n", "no schema of badmap"),
        ("\u{0}\u{0}\n", "line 2"),
    ] {
        let said = refused(dir.path(), "line", format!("{head}{line}").as_bytes());
        assert!(said.contains(want), "{line:?}: {said}");
    }
    let said = refused(
        dir.path(),
        "bytes",
        &[head.as_bytes(), b"\xff\xfe\n"].concat(),
    );
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn bombs_and_endless_lines_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let head = "{\"schema\":\"badmap/1\",\"line\":\"header\"}\n".to_owned();
    // One line without an end, of 1 GiB packed to some 30 KB.
    let mut long = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    std::io::Write::write_all(&mut long, head.as_bytes()).unwrap();
    for _ in 0..1024 {
        std::io::Write::write_all(&mut long, &[b' '; 1 << 20]).unwrap();
    }
    let said = refused(dir.path(), "long", &long.finish().unwrap());
    assert!(said.contains("line 2 is longer than"), "{said}");
    // Ever the same map.
    let map = "{\"schema\":\"badmap/1\",\"line\":\"map\",\"addr\":\"0x1\",\"kind\":\"swiss\"}\n";
    let block = map.repeat(1 << 14);
    let mut many = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    std::io::Write::write_all(&mut many, head.as_bytes()).unwrap();
    for _ in 0..1000 {
        std::io::Write::write_all(&mut many, block.as_bytes()).unwrap();
    }
    let said = refused(dir.path(), "many", &many.finish().unwrap());
    assert!(said.contains("it unpacks to more than"), "{said}");
}

#[test]
fn a_snapshot_stands_alone_and_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let whole = snapshot(dir.path(), "go1.27-nil-write", "go1.27", &[]);
    let whole = arg(&whole);
    for (args, want) in [
        (vec!["goroutines", whole], "stacks of goroutines"),
        (
            vec!["list", whole, "--goroutine", "1"],
            "stacks of goroutines",
        ),
        (vec!["check", whole, "Cargo.toml"], "which stands alone"),
        (
            vec!["snapshot", whole, "-o", "x"],
            "it is a snapshot already",
        ),
    ] {
        let (stdout, stderr, code) = run(&args);
        assert_eq!((stdout.as_str(), code), ("", 2), "{args:?}: {stderr}");
        assert!(stderr.contains(want), "{args:?}: {stderr}");
        assert!(stderr.contains("hint: "), "{args:?}: {stderr}");
    }
}

#[test]
fn nothing_but_a_snapshot_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let (core, binary) = crate::golden("go1.27-nil-write", "go1.27");
    let mine = dir.path().join("mine");
    std::fs::write(&mine, "precious").unwrap();
    let args = ["snapshot", &core, &binary, "-o", arg(&mine)];
    let (_, stderr, code) = run(&args);
    assert_eq!(code, 2);
    assert!(stderr.contains("is there already"), "{stderr}");
    assert_eq!(std::fs::read(&mine).unwrap(), b"precious");
    let (_, _, code) = run(&[&args[..], &["--force"]].concat());
    assert_eq!(code, 0);
    let (_, _, code) = run(&args); // it is one by now
    assert_eq!(code, 0);
    let (_, stderr, code) = run(&["snapshot", &core, &binary, "-o", arg(dir.path())]);
    assert_eq!(code, 2, "{stderr}");
    // Least of all its own input.
    let copy = dir.path().join("copy");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(&core), &copy).unwrap();
    for output in [arg(&copy), arg(&dir.path().join("./copy"))] {
        let args = ["snapshot", arg(&copy), &binary, "-o", output, "--force"];
        let (_, stderr, code) = run(&args);
        assert_eq!(code, 2);
        assert!(stderr.contains("its own input"), "{stderr}");
    }
    std::fs::remove_file(&copy).unwrap();
    // Other output of badmap is none either.
    let lines = dir.path().join("lines.jsonl");
    let (text, _, _) = run(&["list", &core, &binary, "--format", "jsonl"]);
    std::fs::write(&lines, &text).unwrap();
    let (_, stderr, code) = run(&["snapshot", &core, &binary, "-o", arg(&lines)]);
    assert_eq!(code, 2, "{stderr}");
    std::fs::remove_file(&lines).unwrap();
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "temporary files are left");
}

#[cfg(unix)]
#[test]
fn a_snapshot_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let whole = snapshot(dir.path(), "go1.27-nil-write", "go1.27", &[]);
    let mode = std::fs::metadata(&whole).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
