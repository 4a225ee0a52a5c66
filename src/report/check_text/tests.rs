//! Tests of `check_text`: hand-made input, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::survey::exit::totals;
use crate::survey::samples::screens;
use insta::assert_snapshot;

fn screen(survey: &Survey, style: Style) -> String {
    let mut out = Vec::new();
    write_check(&mut out, survey, &totals(survey), style).expect("a Vec takes everything");
    String::from_utf8(out).expect("text is UTF-8")
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(columns(line) <= 80, "wider than 80 columns: {line}");
        assert!(!line.ends_with(' '), "ends in spaces: {line:?}");
    }
}

#[test]
fn a_map_crash_with_whole_maps() {
    let text = screen(&screens::map_crash_all_sound(), Style::default());
    fits(&text);
    assert_snapshot!(text);
}

#[test]
fn one_broken_classic_map() {
    let text = screen(&screens::broken_classic(), Style::default());
    fits(&text);
    assert_snapshot!(text);
}

#[test]
fn one_broken_swiss_map_and_a_warning() {
    let text = screen(&screens::broken_swiss(), Style::default());
    fits(&text);
    assert_snapshot!(text);
}

#[test]
fn a_truncated_core() {
    let text = screen(&screens::truncated(), Style::default());
    fits(&text);
    assert_snapshot!(text);
}

#[test]
fn a_hundred_broken_maps_still_fit_a_screen() {
    let text = screen(&screens::hundred_broken(), Style::default());
    fits(&text);
    assert!(text.lines().count() <= 30, "{} lines", text.lines().count());
    assert_snapshot!(text);
}

#[test]
fn types_lose_their_import_paths_only() {
    assert_eq!(
        without_paths("map[string]*example.com/a-b/c.T"),
        "map[string]*c.T"
    );
    assert_eq!(
        without_paths("map[a/b.K[c/d.E]]func(x/y.Z) int"),
        "map[b.K[d.E]]func(y.Z) int"
    );
    assert_eq!(without_paths("map[string]int"), "map[string]int");
}

#[test]
fn verbose_shows_every_broken_map() {
    let text = screen(
        &screens::hundred_broken(),
        Style {
            verbose: true,
            color: false,
        },
    );
    assert_eq!(
        text.lines().filter(|l| l.starts_with("BROKEN")).count(),
        100
    );
}

#[test]
fn colour_marks_only_verdicts_and_rules() {
    let text = screen(
        &screens::broken_classic(),
        Style {
            verbose: false,
            color: true,
        },
    );
    for part in text.split('\x1b').skip(1) {
        let word = part.split_once('m').map(|(_, w)| w).unwrap_or_default();
        let known = [
            "BROKEN",
            "sound",
            "broken",
            "unknown",
            "MAP-COUNT",
            "CL-CHAIN",
            "CL-NOVERFLOW",
            "CL-TOPHASH",
        ];
        assert!(
            word.is_empty() || part.starts_with("[0m") || known.contains(&word),
            "{word:?}"
        );
    }
}

#[test]
fn text_from_the_process_cannot_reach_the_terminal() {
    let text = screen(&screens::hostile(), Style::default());
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    assert!(text.contains("\\x1b[2J"));
}
