//! What a snapshot says of a process is what its core says.

use crate::arg;
use crate::files::corpora;
use crate::run;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

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

/// A core and its binary.
struct Job {
    name: String,
    core: PathBuf,
    binary: PathBuf,
}

/// What differs between a core and its snapshot, without entries and with them, and how many maps it has.
fn compare(job: &Job, dir: &Path) -> (Vec<String>, usize) {
    let mut failures = Vec::new();
    let (core, binary) = (arg(&job.core), arg(&job.binary));
    let of_core = [
        document(&["check", core, binary]),
        document(&["list", core, binary]),
    ];
    let maps = of_core[1].0["maps"].as_array().map_or(0, Vec::len);
    for entries in ["none", "digest"] {
        let out = dir.join(format!("{}-{entries}", job.name));
        let args = [
            "snapshot",
            core,
            binary,
            "-o",
            arg(&out),
            "--entries",
            entries,
        ];
        let (_, stderr, made) = run(&args);
        if made == 2 {
            return (vec![format!("{}: {stderr}", job.name)], maps);
        }
        let of_snapshot = [
            document(&["check", arg(&out)]),
            document(&["list", arg(&out)]),
        ];
        for (a, b) in of_core.iter().zip(&of_snapshot) {
            if a != b {
                let what = difference(&a.0, &b.0, String::new());
                failures.push(format!("{} with entries {entries}: {what}", job.name));
            }
        }
        std::fs::remove_file(out).unwrap();
    }
    (failures, maps)
}

#[test]
fn every_golden_core_and_its_snapshot_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut jobs = Vec::new();
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                continue;
            };
            if files.binary.stripped {
                continue; // no maps are looked for, and no snapshot is made
            }
            jobs.push(Job {
                name: core.name.clone(),
                core: files.core,
                binary: files.binary_path,
            });
        }
    }
    let (next, sum) = (AtomicUsize::new(0), Mutex::new((Vec::new(), 0)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (failures, maps) = compare(job, dir.path());
                    let mut sum = sum.lock().unwrap();
                    sum.0.extend(failures);
                    sum.1 += maps;
                }
            });
        }
    });
    let (failures, maps) = sum.into_inner().unwrap();
    println!("{} cores, {maps} maps", jobs.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        jobs.len() > 50 && maps > 10_000,
        "{} cores, {maps} maps",
        jobs.len()
    );
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
