//! Tests of the JSON of `diff`: hand-made dumps, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::diff::result::Options;
use crate::diff::result::diff;
use crate::diff::samples;
use insta::assert_snapshot;

fn json(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    text.replace(
        &format!("\"version\": \"{}\"", TOOL.version),
        "\"version\": \"…\"",
    )
}

#[test]
fn a_document_has_the_bones_of_the_contract() {
    let (old, new) = samples::story();
    let options = Options {
        top: Some(3),
        ..Options::default()
    };
    let mut d = diff(&old, &new, &options);
    let wanted = d.entries_wanted().nth(1).map(|w| w.pair);
    d.entries
        .insert(wanted.expect("a map grew"), samples::entry_story());
    assert_snapshot!(json(|out| write_diff(out, &d)));
}

#[test]
fn two_processes_have_groups_that_are_not_taken_apart() {
    let (old, new) = samples::strangers();
    let d = diff(&old, &new, &Options::default());
    let text = json(|out| write_diff(out, &d));
    let at = text.find("\"pairing\"").expect("it is there");
    assert_snapshot!(text.get(at..).unwrap_or_default());
}

#[test]
fn bytes_of_a_sync_map_are_null() {
    let sync = |len| {
        let mut m = samples::map(1, "sync.Map", "main.s");
        m.kind = "syncmap";
        m.len = Some(len);
        m.bytes = 0;
        m
    };
    let (old, new) = (samples::side(vec![sync(1)]), samples::side(vec![sync(2)]));
    let line = json(|out| write_diff_lines(out, &diff(&old, &new, &Options::default())));
    assert_eq!(line.matches("\"bytes\":null").count(), 3, "{line}");
}

#[test]
fn lines_have_one_map_each_and_say_when_builds_are_in_doubt() {
    let (old, new) = samples::story();
    assert_snapshot!(json(|out| write_diff_lines(
        out,
        &diff(&old, &new, &Options::default())
    )));
    let (old, new) = samples::strangers();
    let lines = json(|out| write_diff_lines(out, &diff(&old, &new, &Options::default())));
    let marked = "{\"schema\":\"badmap/1\",\"match\":\"unverified\",";
    assert!(
        !lines.is_empty() && lines.lines().all(|l| l.starts_with(marked)),
        "{lines}"
    );
}
