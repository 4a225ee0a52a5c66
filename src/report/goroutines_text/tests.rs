//! Tests of `goroutines_text`: hand-made input, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::schema::safe::is_unsafe;
use crate::survey::fold::fold;
use crate::survey::result::Match;
use crate::survey::samples::deep;
use crate::survey::samples::screens;
use insta::assert_snapshot;

const ALL: Style = Style {
    color: false,
    verbose: true,
};

fn text(list: &GoroutineList, together: bool, all: bool, style: Style) -> String {
    let folded = fold(&list.goroutines, list.crash.goroutine, together);
    let mut out = Vec::new();
    write_goroutines(&mut out, list, &folded, all, style).expect("a Vec takes everything");
    String::from_utf8(out).expect("text is UTF-8")
}

fn one(list: &GoroutineList, id: u64, style: Style) -> String {
    let row = list.goroutines.iter().find(|r| r.id == id);
    let mut out = Vec::new();
    write_goroutine(&mut out, list, row.expect("a sample has it"), style)
        .expect("a Vec takes everything");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn goroutines_with_equal_stacks_are_one_line() {
    let list = screens::goroutines();
    assert_snapshot!(text(&list, true, false, Style::default()));
    assert_snapshot!(text(&list, false, true, Style::default()));
}

#[test]
fn verbose_shows_the_stack_below_each_line() {
    assert_snapshot!(text(&screens::goroutines(), true, true, ALL));
}

#[test]
fn one_goroutine_has_its_whole_stack() {
    let list = screens::goroutines();
    assert_snapshot!(one(&list, 17, Style::default()));
    assert_snapshot!(one(&list, 31, Style::default()));
}

#[test]
fn what_could_not_be_read_is_said() {
    let mut list = screens::goroutines();
    list.goroutines.clear();
    list.unreadable = 2;
    list.process.matched = Match::Mismatch;
    list.gaps = vec!["the list of goroutines (runtime.allgs) could not be read".into()];
    assert_snapshot!(text(&list, true, false, Style::default()));
}

#[test]
fn running_goroutines_at_one_place_name_how_many_threads() {
    let mut list = screens::goroutines();
    for row in list
        .goroutines
        .iter_mut()
        .filter(|r| (18..=20).contains(&r.id))
    {
        row.thread = u32::try_from(row.id).ok();
    }
    let text = text(&list, true, false, Style::default());
    assert!(
        text.contains("chan receive, 3 threads       #18 #19 #20 #22 …"),
        "{text}"
    );
}

#[test]
fn what_stands_at_the_same_place_is_told_apart_by_a_caller_or_its_depth() {
    let mut list = screens::goroutines();
    let named = |id, names: &[&str]| {
        let mut row = deep(id, names.len());
        let frames = row.frames.iter_mut().skip(1);
        for (f, name) in frames.zip(names) {
            f.source = f
                .source
                .iter()
                .map(|s| SourceFrame {
                    function: format!("main.{name}"),
                    ..s.clone()
                })
                .collect();
        }
        row
    };
    list.goroutines = vec![
        named(5, &["nap", "a", "b"]),
        named(6, &["nap", "a", "c"]),
        named(7, &["nap", "d"]),
        named(8, &["nap"]),
        named(9, &["other"]),
        deep(10, 12),
        deep(11, 13),
    ];
    let text = text(&list, true, false, Style::default());
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|l| l.split_once("main."))
        .map(|(_, l)| l)
        .collect();
    assert_eq!(
        lines,
        [
            "nap session/main.go:7 from main.b session/main.go:7",
            "nap session/main.go:7 from main.c session/main.go:7",
            "nap session/main.go:7 from main.d session/main.go:7",
            "nap session/main.go:7",
            "other session/main.go:7",
            "down session/main.go:7, 14 frames",
            "down session/main.go:7, 15 frames",
        ]
    );
}

#[test]
fn colour_marks_the_one_that_stopped_the_process_and_what_is_doubtful() {
    let style = Style {
        color: true,
        verbose: false,
    };
    let list = screens::goroutines();
    let text = text(&list, true, false, style) + &one(&list, 17, style);
    assert_eq!(
        text.matches("\x1b[1;31mstopped the process\x1b[0m").count(),
        2
    );
    assert_eq!(text.matches("\x1b[33mstack lost\x1b[0m").count(), 1);
    assert_eq!(text.matches("\x1b[33mgaps\x1b[0m").count(), 1);
}

#[test]
fn hostile_text_is_escaped() {
    let mut list = screens::goroutines();
    let bad = "\u{1b}[2J\u{202e}\n";
    list.gaps = vec![bad.into()];
    list.process.command = Some(bad.into());
    list.crash.message = Some(bad.into());
    for row in &mut list.goroutines {
        row.started_with = Some(bad.into());
        row.wait_reason = Some(bad.into());
        row.broken = Some(bad.into());
        row.frames.clear();
    }
    let all = text(&list, true, true, ALL) + &one(&list, 17, ALL);
    assert!(!all.contains(|c| c != '\n' && is_unsafe(c)), "{all:?}");
}
