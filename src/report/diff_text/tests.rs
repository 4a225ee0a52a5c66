//! Tests of `diff_text`: hand-made dumps, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::diff::result::Options;
use crate::diff::result::diff;
use crate::diff::samples;
use insta::assert_snapshot;

const ALL: Style = Style {
    color: false,
    verbose: true,
};

fn text(diff: &Diff<'_>, style: Style) -> String {
    let mut out = Vec::new();
    write_diff(&mut out, diff, false, style).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("text is UTF-8");
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    text
}

#[test]
fn one_process_before_and_after() {
    let (old, new) = samples::story();
    let mut d = diff(&old, &new, &Options::default());
    let wanted = d.entries_wanted().nth(1).map(|w| w.pair);
    d.entries
        .insert(wanted.expect("a map grew"), samples::entry_story());
    let short = text(&d, Style::default());
    assert!(short.lines().all(|l| l.chars().count() <= 100), "{short}");
    assert_snapshot!(short);
    assert_snapshot!(text(&d, ALL));
}

#[test]
fn two_processes_of_which_much_cannot_be_told() {
    let (old, new) = samples::strangers();
    let d = diff(&old, &new, &Options::default());
    let short = text(&d, Style::default());
    assert!(short.lines().all(|l| l.chars().count() <= 100), "{short}");
    assert_snapshot!(short);
}

#[test]
fn nothing_differs() {
    let (old, _) = samples::story();
    assert_snapshot!(text(
        &diff(&old, &old, &Options::default()),
        Style::default()
    ));
    let none = samples::side(vec![]);
    let said = text(&diff(&none, &none, &Options::default()), Style::default());
    assert!(said.ends_with("changes  no map on either side\n"), "{said}");
}

#[test]
fn what_is_not_listed_is_counted() {
    let (old, new) = samples::story();
    let options = Options {
        top: Some(1),
        ..Options::default()
    };
    let said = text(&diff(&old, &new, &options), Style::default());
    assert!(
        said.contains("more maps: --top 8 or -v shows all"),
        "{said}"
    );
    assert!(said.contains("broke"), "{said}");
}

#[test]
fn hostile_names_are_escaped() {
    let evil = "main.m[\"\u{1b}[2J\u{202e}\"]";
    let mut old = samples::side(vec![samples::map(1, "map[\u{9b}1m]int", evil)]);
    old.file = "a\u{1b}b".into();
    old.process.command = Some("x\u{7}".into());
    let mut new = samples::other_run(vec![samples::map(2, "map[\u{9b}1m]int", "")]);
    new.crash = (CrashKind::Other, Some("panic: \u{1b}]0;t".into()));
    let d = diff(&old, &new, &Options::default());
    text(&d, ALL);
    text(&diff(&new, &old, &Options::default()), Style::default());
}

#[test]
fn another_owner_is_shown_and_escaped() {
    let old = samples::side(vec![samples::map(1, "map[int]int", "main.a")]);
    let mut new = samples::side(vec![samples::map(
        1,
        "map[int]int",
        "main.b[\"\u{1b}[2J\"]",
    )]);
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    assert!(said.contains("owner: main.a → main.b["), "{said}");
    if let crate::survey::detail::Header::Classic(h, _) =
        &mut new.maps.first_mut().expect("one").header
    {
        h.b = 7;
    }
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    assert!(said.contains("B: 0 → 7, owner: main.a → main.b["), "{said}");
}

#[test]
fn what_cannot_be_compared_says_what_would_help() {
    let maps = || vec![samples::map(1, "map[int]int", "main.a")];
    let mut old = samples::side(maps());
    old.key_id = None;
    old.entries = "none".into();
    let new = samples::side(maps());
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    assert!(
        said.contains("changes  1 that could not be compared, nothing else differs"),
        "{said}"
    );
    assert!(said.contains("snapshots with --entries digest"), "{said}");
}
