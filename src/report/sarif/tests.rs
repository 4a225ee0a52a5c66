//! Tests of `sarif`: hand-made lines; the shape that the format asks for.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::batch::samples;
use insta::assert_snapshot;
use serde_json::Value;

fn sarif(lines: Vec<Line>) -> String {
    let mut out = Vec::new();
    write_sarif(&mut out, lines).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    text
}

fn value(lines: Vec<Line>) -> Value {
    serde_json::from_str(&sarif(lines)).expect("valid JSON")
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

fn some_of_all() -> Vec<Line> {
    let mut lines = samples::fleet();
    lines.drain(1..12);
    lines.drain(2..13);
    let mut alone = samples::crashed_in_map(9);
    if let Some(check) = &mut alone.check {
        check.crash.frames.clear();
        check.crash.kind = "hang".into();
        check.crash.message = None;
    }
    lines.push(alone);
    lines
}

#[test]
fn results_have_places_and_fingerprints() {
    let mut log = value(some_of_all());
    // The manuals have tests of their own.
    if let Some(rules) = log.pointer_mut("/runs/0/tool/driver/rules") {
        let all = rules.as_array_mut().expect("a list");
        let first = all.first().cloned().into_iter();
        *rules = first.chain(all.last().cloned()).collect();
    }
    let text = serde_json::to_string_pretty(&log).expect("JSON");
    let version = format!("ersion\": \"{}\"", env!("CARGO_PKG_VERSION"));
    // No tree has absolute paths in it.
    let text = text.replace(&version, "ersion\": \"…\"");
    assert_snapshot!(text.replace("file:/", "FILE:/"));
}

/// What the schema of the format demands of the parts that are used.
#[test]
fn the_shape_is_that_of_the_format() {
    let log = value(some_of_all());
    assert_eq!(at(&log, "/version"), "2.1.0");
    assert_eq!(list(&log, "/runs").len(), 1);
    let rules = list(&log, "/runs/0/tool/driver/rules");
    assert_eq!(rules.len(), crate::check::registry::rules().count() + 1);
    let ids: std::collections::BTreeSet<&str> =
        rules.iter().filter_map(|r| at(r, "/id").as_str()).collect();
    assert_eq!(ids.len(), rules.len(), "an id twice");
    let artifacts = list(&log, "/runs/0/artifacts");
    let results = list(&log, "/runs/0/results");
    assert_eq!((results.len(), artifacts.len()), (4, 9));
    for result in results {
        let index = at(result, "/ruleIndex").as_u64().expect("a known rule");
        let rule = rules.get(usize::try_from(index).expect("small"));
        assert_eq!(rule.map(|r| at(r, "/id")), Some(at(result, "/ruleId")));
        assert!(
            ["error", "warning", "note"]
                .iter()
                .any(|l| at(result, "/level") == l)
        );
        assert!(at(result, "/message/text").is_string());
        let places = list(result, "/locations")
            .iter()
            .chain(list(result, "/relatedLocations"));
        for place in places {
            let artifact = at(place, "/physicalLocation/artifactLocation");
            let uri = at(artifact, "/uri").as_str().expect("a place has a URI");
            if let Some(index) = at(artifact, "/index").as_u64() {
                let core = artifacts.get(usize::try_from(index).expect("small"));
                assert_eq!(
                    core.map(|a| at(a, "/location/uri")),
                    Some(&Value::from(uri))
                );
            }
            let line = at(place, "/physicalLocation/region/startLine");
            assert!(line.is_null() || line.as_u64() > Some(0));
        }
        let fingerprint = at(result, "/partialFingerprints/badmapSignature~1v1");
        assert!(fingerprint.is_string());
    }
    let untold = list(&log, "/runs/0/invocations/0/toolExecutionNotifications");
    assert_eq!(untold.len(), 2);
}

#[test]
fn findings_of_one_rule_and_map_are_one_result() {
    let log = value(vec![samples::flipped(1)]);
    let rules: Vec<&Value> = list(&log, "/runs/0/results")
        .iter()
        .map(|r| at(r, "/ruleId"))
        .collect();
    assert_eq!(rules, ["SW-USED", "MAP-COUNT"]);
    let said = at(&log, "/runs/0/results/1/message/text")
        .as_str()
        .unwrap_or_default();
    assert!(said.contains(", and 1 more"), "{said}");
}

#[test]
fn a_run_without_any_result_is_no_clean_scan() {
    let lost = || some_of_all().into_iter().filter(|l| l.status != Status::Ok);
    let was_successful = |lines: Vec<Line>| {
        let log = value(lines);
        at(&log, "/runs/0/invocations/0/executionSuccessful").clone()
    };
    assert!(lost().count() > 0);
    assert_eq!(was_successful(lost().collect()), false);
    assert_eq!(was_successful(some_of_all()), true);
    assert_eq!(was_successful(Vec::new()), true);
}

#[test]
fn paths_become_uris() {
    assert_eq!(uri("a b/c%d.go"), "a%20b/c%25d.go");
    assert_eq!(uri("c:/x"), "./c:/x");
    assert_eq!(uri("a/c:x"), "a/c:x");
    assert_eq!(uri("/é\n#?"), ["file:", "//", "/%C3%A9%0A%23%3F"].concat());
}

#[test]
fn hostile_texts_are_escaped_and_kept_short() {
    let text = sarif(vec![samples::hostile()]);
    assert!(text.len() < 300_000, "{}", text.len());
    let log = value(vec![samples::hostile()]);
    assert_eq!(list(&log, "/runs/0/results").len(), 2);
}
