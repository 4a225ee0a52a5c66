//! The script that the program itself wrote down, held against the diff of its dumps.

use crate::arg;
use crate::files::CoreEntry;
use crate::files::Corpus;
use crate::files::corpora;
use crate::run;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Truth {
    changes: Vec<Row>,
}

/// What became of one map, as the program knows it.
#[derive(Deserialize, Debug)]
struct Row {
    owner: String,
    kind: String,
    r#type: String,
    change: String,
    portable: bool,
    old_map: Option<String>,
    old_addr: Option<String>,
    new_addr: Option<String>,
    old_len: u64,
    new_len: u64,
    reseeded: Option<bool>,
    added_n: u64,
    removed_n: u64,
    changed_n: Option<u64>,
    added: Option<Vec<String>>,
    removed: Option<Vec<String>>,
    changed: Option<Vec<String>>,
}

/// Every word, so that every map is listed.
const ALL: &str = "came,went,broke,healed,grew,shrank,tombstones,changed,unknown,same";

fn diff(args: &[&str]) -> (Value, i32) {
    let more = [
        "--format", "json", "--quiet", "--keys", "100000", "--only", ALL,
    ];
    let args = [&["diff"], args, &more].concat();
    let (stdout, stderr, code) = run(&args);
    assert!(code != 2, "{args:?}: {stderr}");
    (serde_json::from_str(&stdout).unwrap(), code)
}

/// Cores that have changed from another one, with that one.
fn changed(corpus: &Corpus, restart: bool) -> Vec<(CoreEntry, CoreEntry)> {
    let named = |name: &str| corpus.cores.iter().find(|c| c.name == name).cloned();
    let all = corpus.cores.iter().filter_map(|c| {
        let from = named(c.change_from.as_deref()?)?;
        Some((from, c.clone()))
    });
    all.filter(|(_, c)| (c.scenario == "restart") == restart)
        .collect()
}

/// The keys of one change of a row, as text.
fn keys(row: &Value, change: &str) -> BTreeSet<String> {
    let listed = row["entries"]["listed"].as_array();
    let of = listed
        .into_iter()
        .flatten()
        .filter(|e| e["change"] == change);
    of.map(|e| e["key"].as_str().unwrap_or("?").to_owned())
        .collect()
}

/// The owner as the program writes it: without goroutine numbers, and without the digest behind a key that is cut.
fn owner(side: &Value) -> String {
    let path = side["owner"].as_str().unwrap_or_default();
    match path.split_once("(goroutine ") {
        Some((function, rest)) => {
            let variable = rest
                .split_once(")")
                .map_or("", |(_, v)| v.trim_start_matches('.'));
            format!("stack {function}: {variable}")
        }
        None => path.to_owned(),
    }
}

/// Whether a path is the one the program names, which may be cut in a long key.
fn is_owner(shown: &str, truth: &str) -> bool {
    match shown.split_once('…') {
        None => shown == truth,
        Some((head, rest)) => {
            let tail = rest.split_once(']').map_or("", |(_, tail)| tail);
            truth.starts_with(head) && truth.ends_with(tail)
        }
    }
}

/// Keys that the program and badmap write the same way.
fn are_plain(ty: &str) -> bool {
    ty.starts_with("map[string]") || ty.starts_with("map[int]")
}

/// What is wrong with the entries of a row. `portable`: elems can be compared.
fn entries(row: &Value, truth: &Row, portable: bool) -> Vec<String> {
    let mut out = Vec::new();
    let e = &row["entries"];
    let mut hold = |what: &str, found: u64, wanted: u64| {
        if found != wanted {
            out.push(format!("{wanted} keys {what}, said {found}"));
        }
    };
    let n = |what: &str| e[what].as_u64().unwrap_or(0);
    hold("added", n("added"), truth.added_n);
    hold("removed", n("removed"), truth.removed_n);
    if portable {
        hold("changed", n("changed"), truth.changed_n.unwrap_or(0));
        hold("unknown", n("unknown"), 0);
    } else {
        // Elems made of addresses: of those that are in both, nobody can say anything.
        hold("changed", n("changed"), 0);
        let both = truth.old_len.saturating_sub(truth.removed_n);
        hold("unknown", n("unknown"), both);
    }
    if are_plain(&truth.r#type) {
        for (word, wanted) in [
            ("added", &truth.added),
            ("removed", &truth.removed),
            ("changed", &truth.changed),
        ] {
            let Some(wanted) = wanted.as_ref().filter(|_| portable || word != "changed") else {
                continue;
            };
            let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
            let found = keys(row, word);
            // A long key is shown cut; its number is held above.
            let cut = |keys: &BTreeSet<String>| keys.iter().any(|k| k.len() > 190);
            if !cut(&wanted) && found != wanted {
                let odd: Vec<&String> = found.symmetric_difference(&wanted).take(4).collect();
                out.push(format!("{word}: {odd:?} differ"));
            }
        }
    }
    out
}

fn differs(row: &Value) -> bool {
    row["change"] != "same"
}

/// Two cores of one process, or snapshots of them: every row of the script, and no other.
fn one_process(doc: &Value, truth: &Truth) -> Vec<String> {
    let rows = doc["maps"].as_array().unwrap();
    let mut failures = Vec::new();
    assert_eq!(doc["pairing"]["same_process"], true);
    let by = |side: &str| -> BTreeMap<&str, &Value> {
        let all = rows.iter().filter(|r| !r[side].is_null());
        all.map(|r| (r[side]["addr"].as_str().unwrap(), r))
            .collect()
    };
    let (by_old, by_new) = (by("old"), by("new"));
    let mut told: BTreeSet<*const Value> = BTreeSet::new();
    // A map that another variable has now is the same map.
    let moved: BTreeSet<&str> = truth
        .changes
        .iter()
        .filter(|t| matches!(t.old_map.as_deref(), Some("moved" | "cap")))
        .filter_map(|t| t.old_addr.as_deref())
        .collect();
    for t in &truth.changes {
        let old = t.old_addr.as_deref().and_then(|a| by_old.get(a)).copied();
        let new = t.new_addr.as_deref().and_then(|a| by_new.get(a)).copied();
        let mut fail = |what: String| failures.push(format!("{}: {what}", t.owner));
        let kept = t.old_map.as_deref() == Some("kept") && t.old_addr == t.new_addr;
        if kept {
            let Some(row) = old.filter(|o| new.is_some_and(|n| std::ptr::eq(*o, n))) else {
                fail("is one map, and is not paired".to_owned());
                continue;
            };
            told.insert(row);
            for side in ["old", "new"] {
                if !is_owner(&owner(&row[side]), &t.owner) {
                    fail(format!("shown as {}", row[side]["owner"]));
                }
            }
            let lens = (row["old"]["len"].as_u64(), row["new"]["len"].as_u64());
            if lens != (Some(t.old_len), Some(t.new_len)) {
                fail(format!("len is {lens:?}"));
            }
            let wanted = t.change != "same" || t.reseeded == Some(true);
            if differs(row) != wanted {
                fail(format!("it is {}, said {}", t.change, row["change"]));
            }
            if t.change == "same" && row["contents"] != "same" {
                fail(format!(
                    "its contents are the same, said {}",
                    row["contents"]
                ));
            }
            if t.change != "same" {
                for what in entries(row, t, true) {
                    fail(what);
                }
            }
            continue;
        }
        if let Some(addr) = t
            .old_addr
            .as_deref()
            .filter(|_| t.old_len > 0 || old.is_some())
        {
            let Some(row) = old else {
                fail(format!("was at {addr}, and is not there"));
                continue;
            };
            told.insert(row);
            if moved.contains(addr) {
                if row["new"]["addr"] != row["old"]["addr"] {
                    fail("is another variable's now, and is not paired".to_owned());
                }
            } else if row["change"] != "went" {
                fail(format!("went, said {}", row["change"]));
            }
        }
        if let Some(addr) = t.new_addr.as_deref() {
            let Some(row) = new else {
                fail(format!("is at {addr}, and is not there"));
                continue;
            };
            told.insert(row);
            if moved.contains(addr) {
                continue;
            }
            if row["change"] != "came" {
                fail(format!("came, said {}", row["change"]));
            }
            let replaces = &row["replaces"];
            let was = t.old_addr.as_deref().filter(|a| !moved.contains(a));
            if t.change == "replaced" && replaces.as_str() != was {
                fail(format!("replaces {was:?}, said {replaces}"));
            }
        }
    }
    // Nothing else of the program has changed. The parts of a sync.Map up to go1.23 come and go with it.
    for row in rows.iter().filter(|r| differs(r)) {
        let side = if row["new"].is_null() {
            &row["old"]
        } else {
            &row["new"]
        };
        let part = side["type"]
            .as_str()
            .is_some_and(|t| t.contains("*sync.entry"));
        if !told.contains(&std::ptr::from_ref(row)) && !part {
            failures.push(format!(
                "{}: {} and should not",
                side["owner"], row["change"]
            ));
        }
    }
    failures
}

/// Dumps of two processes: paired by owner.
fn two_processes(doc: &Value, truth: &Truth) -> Vec<String> {
    let rows = doc["maps"].as_array().unwrap();
    let mut failures = Vec::new();
    let mut lucky = 0;
    assert_eq!(doc["pairing"]["same_process"], false);
    for t in &truth.changes {
        let mut fail = |what: String| failures.push(format!("{}: {what}", t.owner));
        let is_it =
            |side: &Value| is_owner(&owner(side), &t.owner) && side["type"] == t.r#type.as_str();
        let mine: Vec<&Value> = rows
            .iter()
            .filter(|r| is_it(&r["old"]) || is_it(&r["new"]))
            .collect();
        let row = match mine.as_slice() {
            [row] => *row,
            [] => {
                fail("not there".to_owned());
                continue;
            }
            // Keys that are cut are told apart by their digests, which the program does not know.
            many => {
                let same = |r: &&&Value| {
                    let len = |side: &str| r[side]["len"].as_u64();
                    (len("old"), len("new")) == (Some(t.old_len), Some(t.new_len))
                };
                match many.iter().find(same) {
                    Some(row) => row,
                    None => {
                        fail(format!("{} rows", many.len()));
                        continue;
                    }
                }
            }
        };
        match t.change.as_str() {
            "came" | "went" => {
                if row["change"] != t.change.as_str() {
                    fail(format!("{}, said {}", t.change, row["change"]));
                }
            }
            _ if row["old"].is_null() || row["new"].is_null() => {
                fail(format!("is in both, said {}", row["change"]));
            }
            // How far a map is filled until it grows is a matter of luck, and was another one in the first process.
            _ if row["old"]["len"].as_u64() != Some(t.old_len) => lucky += 1,
            change => {
                if t.portable && change == "same" && row["contents"] != "same" {
                    fail(format!(
                        "its contents are the same, said {}",
                        row["contents"]
                    ));
                }
                // Tables are split, and tombstones left, by the luck of the seed; the same in the same room is the same.
                let room = row["old"]["bytes"] == row["new"]["bytes"];
                if t.portable && change == "same" && room && row["change"] != "same" {
                    fail(format!("is the same, said {}", row["change"]));
                }
                // What is the same in every byte has no entries to be compared.
                if change != "same" || !row["entries"].is_null() {
                    for what in entries(row, t, t.portable) {
                        fail(what);
                    }
                }
            }
        }
        assert!(matches!(t.kind.as_str(), "map" | "syncmap"));
    }
    if lucky > 3 {
        failures.push(format!("{lucky} maps had another length before"));
    }
    failures
}

fn hold(restart: bool, check: fn(&Value, &Truth) -> Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    let mut pairs = 0;
    for corpus in corpora() {
        for (from, core) in changed(&corpus, restart) {
            let (Some(old), Some(new)) = (corpus.files_of(&from), corpus.files_of(&core)) else {
                println!("missing: {} or {}", from.file, core.file);
                continue;
            };
            pairs += 1;
            let truth: Truth = serde_json::from_str(&new.truth).unwrap();
            assert!(truth.changes.len() > 50);
            let binary = arg(&new.binary_path);
            let clear = ["--values", "clear"];
            let snap = |name: &str, core: &PathBuf| {
                let out = dir.path().join(name);
                let key = dir.path().join("key");
                let args = ["snapshot", arg(core), binary, "-o", arg(&out)];
                let more = ["--entries", "clear", "--digest-key-file", arg(&key)];
                let (_, stderr, code) = run(&[&args[..], &clear, &more].concat());
                assert_eq!(code, 0, "{stderr}");
                out
            };
            let snaps = (snap("old", &old.core), snap("new", &new.core));
            let snaps = diff(&[&[arg(&snaps.0), arg(&snaps.1)], &clear[..]].concat());
            let cores = [arg(&old.core), arg(&new.core), "--binary", binary];
            let cores = diff(&[&cores[..], &clear, &["--entries", "clear"]].concat());
            for (what, (doc, code)) in [("snapshots", snaps), ("cores", cores)] {
                assert_eq!(code, 1);
                let told = check(&doc, &truth);
                println!("{} {what}: {} failures", core.name, told.len());
                failures.extend(told.iter().map(|f| format!("{} {what}: {f}", core.name)));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(pairs >= 2, "only {pairs} pairs of cores");
}

#[test]
fn the_diff_of_two_dumps_of_a_process_is_its_script() {
    hold(false, one_process);
}

#[test]
fn the_diff_across_a_restart_is_the_script() {
    hold(true, two_processes);
}

#[test]
fn a_dump_does_not_differ_from_itself() {
    let dir = tempfile::tempdir().unwrap();
    for corpus in corpora() {
        for (_, core) in changed(&corpus, true) {
            let files = corpus.files_of(&core).unwrap();
            let out = dir.path().join("x");
            let made = run(&[
                "snapshot",
                arg(&files.core),
                arg(&files.binary_path),
                "-o",
                arg(&out),
            ]);
            assert_eq!(made.2, 0, "{}", made.1);
            let (doc, code) = diff(&[arg(&out), arg(&out)]);
            let rows = doc["maps"].as_array().unwrap();
            assert!(rows.len() > 50 && rows.iter().all(|r| r["change"] == "same"));
            assert_eq!(code, 0);
        }
    }
}
