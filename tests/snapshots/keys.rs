//! Digest keys: what can be compared with what.

use crate::arg;
use crate::run;
use crate::snapshot;
use crate::unpacked;
use serde_json::Value;
use std::path::Path;

fn head(path: &Path) -> Value {
    serde_json::from_str(unpacked(path).lines().next().unwrap()).unwrap()
}

/// Digest of the entries of each map, by owner.
fn digests(path: &Path) -> Vec<(String, String)> {
    let text = unpacked(path);
    let lines = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines
        .filter(|l| l["line"] == "map" && l["len"].as_i64() > Some(0))
        .filter_map(|l| {
            let word = |v: &Value| v.as_str().map(str::to_owned);
            Some((word(&l["owner"])?, word(&l["digest"]["keys"])?))
        })
        .collect()
}

#[test]
fn a_key_file_is_made_once_and_named_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let with = ["--digest-key-file", arg(&key)];
    let one = snapshot(dir.path(), "go1.27-panic-other", "go1.27", &with);
    let made = std::fs::read_to_string(&key).unwrap();
    assert_eq!(made.trim().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let two = snapshot(dir.path(), "go1.27-nil-write", "go1.27", &with);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), made);
    let (a, b) = (head(&one), head(&two));
    assert_eq!(a["redaction"]["key_id"], b["redaction"]["key_id"]);
    assert_eq!(a["redaction"]["key_from"], "file");
    assert_ne!(a["identity"], b["identity"]);
    for path in [&one, &two] {
        assert!(!unpacked(path).contains(made.trim()), "the key itself");
    }
    // The two processes have maps in common that hold the same.
    let (a, b) = (digests(&one), digests(&two));
    let same = a.iter().filter(|x| b.contains(x)).count();
    assert!(same > 10, "{same} of {}", a.len());
    let without = snapshot(dir.path(), "go1.27-nil-write", "go1.27", &[]);
    assert_eq!(head(&without)["redaction"]["key_from"], "core");
    let c = digests(&without);
    assert!(
        a.iter().all(|x| !c.contains(x)),
        "without the key nothing can be compared"
    );
}

#[test]
fn a_file_that_holds_no_key_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "my notes").unwrap();
    let (core, binary) = crate::golden("go1.27-nil-write", "go1.27");
    let (_, stderr, code) = run(&["list", &core, &binary, "--digest-key-file", arg(&key)]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("does not hold a key") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "my notes");
}

#[test]
fn without_digests_there_is_no_key_and_nothing_to_compare() {
    let dir = tempfile::tempdir().unwrap();
    let none = snapshot(
        dir.path(),
        "go1.27-nil-write",
        "go1.27",
        &["--values", "none"],
    );
    assert_eq!(head(&none)["redaction"]["key_id"], Value::Null);
    assert!(digests(&none).is_empty());
}
