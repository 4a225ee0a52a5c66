//! The same results for people, for CI and for code scanners.

use crate::batch::runner::BINARIES;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::few;
use crate::batch::runner::lines;
use serde_json::Value;

fn run(format: &str, more: &[&str]) -> (String, String) {
    let cores = few();
    let mut args: Vec<&str> = cores.iter().map(String::as_str).collect();
    args.extend(["--binary-dir", BINARIES, "--format", format]);
    args.extend(more);
    let (out, err, code) = ended(batch(&args));
    assert_eq!(code, 1, "{err}");
    (out, err)
}

#[test]
fn every_format_has_every_core() {
    let n = few().len();
    let all = lines(&run("jsonl", &[]).0);
    let (text, summary) = run("text", &["--color", "never"]);
    assert_eq!(text.lines().count(), n);
    assert!(summary.contains(&format!("{n} cores")), "{summary}");
    let (junit, _) = run("junit", &["-q"]);
    assert_eq!(junit.matches("<testcase ").count(), n, "{junit}");
    let broken = all.values().filter(|l| l["exit"] == 1).count();
    assert_eq!(junit.matches("<failure ").count(), broken, "{junit}");
    let sarif: Value = serde_json::from_str(&run("sarif", &["-q"]).0).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    for (core, line) in &all {
        let name = core.rsplit('/').next().unwrap();
        let told = results.iter().any(|r| r.to_string().contains(name));
        assert_eq!(told, line["exit"] == 1, "{core}");
    }
}

#[test]
fn ordered_lines_come_in_the_order_of_the_cores() {
    let (out, _) = run("jsonl", &["--ordered", "--jobs", "3"]);
    let order: Vec<String> = out
        .lines()
        .map(|l| {
            serde_json::from_str::<Value>(l).unwrap()["core"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(order, few());
}

#[test]
fn every_field_of_a_line_is_documented() {
    let docs =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/JSON.md")).unwrap();
    let (_, section) = docs.split_once("## A line of `batch`").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let check = docs.split_once("\n## `check`").unwrap().1;
    let check = check.split_once("\n## ").unwrap().0;
    let documented = |section: &str, field: &str| {
        let name = format!("`{field}`");
        let mut rows = section.lines().filter(|l| l.starts_with("| "));
        rows.any(|row| row.split(" | ").next().unwrap().contains(&name))
    };
    let mut failures = std::collections::BTreeSet::new();
    for line in lines(&run("jsonl", &["-q"]).0).values() {
        for field in line.as_object().unwrap().keys() {
            if !documented(section, field) {
                failures.insert(field.clone());
            }
        }
        for field in line["check"].as_object().unwrap().keys() {
            if !documented(check, field) {
                failures.insert(format!("check.{field}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
