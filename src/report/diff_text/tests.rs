//! Tests of `diff_text`: hand-made dumps, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::diff::result::Options;
use crate::diff::result::diff;
use crate::diff::samples;
use crate::survey::request::Target;
use insta::assert_snapshot;

const ALL: Style = Style {
    color: false,
    verbose: true,
};

fn text(diff: &Diff<'_>, style: Style) -> String {
    asked(diff, false, &[], style)
}

fn asked(diff: &Diff<'_>, one_map: bool, only: &[Change], style: Style) -> String {
    let mut out = Vec::new();
    write_diff(&mut out, diff, one_map, only, style).expect("a Vec takes everything");
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
fn words_that_nothing_is_are_named() {
    let (old, _) = samples::story();
    let only = vec![Change::Broke, Change::Grew, Change::Went];
    let mut options = Options {
        only: only.clone(),
        ..Options::default()
    };
    let d = diff(&old, &old, &options);
    let said = asked(&d, false, &only, Style::default());
    assert!(
        said.ends_with("\nnone of them is broke, grew or went\n"),
        "{said}"
    );
    options.map = Some(Target::Path("main.limits".into()));
    let d = diff(&old, &old, &options);
    let said = asked(&d, true, &[Change::Broke], Style::default());
    assert!(said.ends_with("\nit is not broke\n"), "{said}");
    options.only = vec![Change::Same];
    let d = diff(&old, &old, &options);
    let said = asked(&d, true, &options.only, Style::default());
    assert!(!said.contains("it is"), "{said}");
}

#[test]
fn one_map_is_shown_alone() {
    let (old, new) = samples::story();
    let one = |old, new, target| {
        let options = Options {
            map: Some(target),
            ..Options::default()
        };
        asked(&diff(old, new, &options), true, &[], Style::default())
    };
    let said = one(&old, &new, Target::Path("main.names".into()));
    let heads = |said: &str| -> Vec<String> {
        let words = said.lines().filter_map(|l| l.split_whitespace().next());
        words.map(str::to_owned).collect()
    };
    for word in ["maps", "changes"] {
        assert!(!heads(&said).contains(&word.to_owned()), "{said}");
    }
    assert!(
        said.contains("main.names") && !said.contains("main.limits"),
        "{said}"
    );
    // What cannot be told of other maps is not said.
    let (old, new) = samples::strangers();
    let said = one(&old, &new, Target::Path("main.a".into()));
    assert!(said.contains("the contents of 1 map could"), "{said}");
    let said = one(&old, &new, Target::Path("main.m[#01].x".into()));
    assert!(said.contains("it is one of several maps"), "{said}");
    assert!(!said.contains("the contents of"), "{said}");
}

#[test]
fn one_of_a_thing_is_no_plural() {
    let old = samples::side(vec![]);
    let many = |of: fn(u64) -> (String, String)| {
        let maps = (1..7).map(|i| {
            let (ty, owner) = of(i);
            samples::map(i, &ty, &owner)
        });
        samples::side(maps.collect())
    };
    let new = many(|i| (format!("map[int][{i}]int"), format!("main.v{i}")));
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    assert!(said.contains("and 1 more type: -v shows all"), "{said}");
    assert!(said.contains("and 1 more owner: -v shows all"), "{said}");
    let mut lone = samples::map(1, "map[int]int", "main.a");
    lone.len = Some(1);
    let lone = samples::side(vec![lone]);
    let said = text(&diff(&lone, &lone, &Options::default()), Style::default());
    assert!(said.contains("1 map, 1 entry\n"), "{said}");
    let lost = |side: fn(Vec<_>) -> _| {
        let maps = (1..7).map(|i| samples::map(i, &format!("map[int][{i}]int"), ""));
        side(maps.collect())
    };
    let (old, new) = (lost(samples::side), lost(samples::other_run));
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    assert!(said.contains("and 1 more group: -v shows all"), "{said}");
}

#[test]
fn bytes_that_are_not_known_are_a_question() {
    let sync = |len| {
        let mut m = samples::map(1, "sync.Map", "main.s");
        m.kind = "syncmap";
        m.len = Some(len);
        m.bytes = 0;
        m
    };
    let (old, new) = (samples::side(vec![sync(1)]), samples::side(vec![sync(2)]));
    let said = text(&diff(&old, &new, &Options::default()), Style::default());
    let row = said
        .lines()
        .find(|l| l.starts_with("grew"))
        .unwrap_or_default();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["grew", "?", "1", "→", "2", "sync.Map", "main.s"]);
    assert!(said.contains("up at least 2.0 h"), "{said}");
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
