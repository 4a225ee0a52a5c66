//! What a snapshot says of a process is what its core says.

use crate::arg;
use crate::files::corpora;
use crate::run;
use serde_json::Value;

/// A document without what tells a snapshot from a core.
fn document(args: &[&str]) -> (Value, i32) {
    let args = [args, &["--format", "json", "--quiet"]].concat();
    let (stdout, stderr, code) = run(&args);
    assert!(code != 2, "{args:?}: {stderr}");
    let mut doc: Value = serde_json::from_str(&stdout).expect("a document");
    let process = doc["process"].as_object_mut().expect("a process");
    process.remove("snapshot");
    doc.as_object_mut().unwrap().remove("reapplied");
    (doc, code)
}

#[test]
fn every_golden_core_and_its_snapshot_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    let (mut cores, mut maps) = (0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                continue;
            };
            if files.binary.stripped {
                continue; // no maps are looked for, and no snapshot is made
            }
            cores += 1;
            let out = dir.path().join("x.badmap");
            let (path, binary) = (arg(&files.core), arg(&files.binary_path));
            let (_, stderr, made) = run(&["snapshot", path, binary, "-o", arg(&out)]);
            if made == 2 {
                failures.push(format!("{}: {stderr}", core.name));
                continue;
            }
            for command in ["check", "list"] {
                let of_core = document(&[command, path, binary]);
                let of_snapshot = document(&[command, arg(&out)]);
                if command == "list" {
                    maps += of_core.0["maps"].as_array().map_or(0, Vec::len);
                }
                if of_core != of_snapshot {
                    let what = difference(&of_core.0, &of_snapshot.0, command.to_owned());
                    failures.push(format!("{}: {what}", core.name));
                }
            }
        }
    }
    println!("{cores} cores, {maps} maps");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cores > 50 && maps > 10_000, "{cores} cores, {maps} maps");
}

/// The first place where two documents differ.
fn difference(a: &Value, b: &Value, at: String) -> String {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys = x.keys().chain(y.keys());
            for key in keys {
                let (a, b) = (x.get(key), y.get(key));
                if a != b {
                    let null = Value::Null;
                    return difference(
                        a.unwrap_or(&null),
                        b.unwrap_or(&null),
                        format!("{at}.{key}"),
                    );
                }
            }
            format!("{at}: exit codes differ")
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            let i = (0..x.len()).find(|i| x[*i] != y[*i]).unwrap_or(0);
            difference(&x[i], &y[i], format!("{at}[{i}]"))
        }
        _ => format!("{at}: {a} in the core, {b} in the snapshot"),
    }
}
