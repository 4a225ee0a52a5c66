//! Tests of `json`: hand-made input, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::report::json::goroutines::write_goroutine_lines;
use crate::report::json::goroutines::write_goroutines;
use crate::survey::exit::totals;
use crate::survey::request::Window;
use crate::survey::result::Match;
use crate::survey::samples::screens;
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
fn check_has_the_bones_of_the_contract() {
    let s = screens::broken_classic();
    assert_snapshot!(json(|out| write_check(
        out,
        &s,
        &totals(&s),
        None,
        Exit::Broken
    )));
}

#[test]
fn what_is_unknown_is_listed_with_its_reason() {
    let s = screens::truncated();
    assert_snapshot!(json(|out| write_check(
        out,
        &s,
        &totals(&s),
        None,
        Exit::Unproven
    )));
}

#[test]
fn info_tells_process_and_crash() {
    let s = screens::map_crash_all_sound();
    assert_snapshot!(json(|out| write_info(
        out,
        &s.process,
        &s.crash,
        None,
        Exit::Sound
    )));
}

#[test]
fn a_list_is_a_document_or_lines() {
    let s = screens::broken_classic();
    let order: Vec<u32> = (0..).zip(&s.maps).map(|(i, _)| i).collect();
    let rows = Selected {
        rows: &s.maps,
        order: &order,
    };
    let some = Selected {
        rows: &s.maps,
        order: order.get(2..5).expect("the sample has five maps"),
    };
    assert_snapshot!(json(|out| write_list(
        out,
        &s,
        Listed::Maps(some),
        Exit::Sound
    )));
    assert_snapshot!(json(|out| write_list_lines(
        out,
        Match::Yes,
        Listed::Maps(rows)
    )));
    let group = Group {
        name: "main.m[*]".into(),
        maps: 2,
        entries: 3,
        bytes: 4,
        waste: 5,
        broken: Some(0),
    };
    assert_snapshot!(json(|out| write_list_lines(
        out,
        Match::Mismatch,
        Listed::Groups("owner", &[group])
    )));
}

#[test]
fn show_keeps_entries_by_the_mode_of_values() {
    let below = Below::Entries(Window {
        offset: 0,
        limit: 1,
    });
    let s = screens::shown();
    assert_snapshot!(json(|out| write_show(
        out,
        &s,
        below,
        ValueMode::Clear,
        Exit::Sound
    )));
    let none = json(|out| write_show(out, &s, below, ValueMode::None, Exit::Sound));
    assert!(
        none.contains("\"key\": null") && !none.contains("17\\\""),
        "{none}"
    );
}

#[test]
fn show_lists_parts_with_their_fields() {
    let below = Below::Parts(Window {
        offset: 0,
        limit: 3,
    });
    assert_snapshot!(json(|out| write_show(
        out,
        &screens::shown(),
        below,
        ValueMode::Digest,
        Exit::Sound
    )));
}

#[test]
fn hostile_text_is_escaped_in_json() {
    let s = screens::hostile();
    let text = json(|out| write_check(out, &s, &totals(&s), None, Exit::Broken));
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    let value: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(
        value.pointer("/process/command").and_then(|v| v.as_str()),
        Some("se\u{1b}[2Jd")
    );
}

#[test]
fn goroutines_are_a_document_or_lines() {
    let mut list = screens::goroutines();
    list.goroutines.retain(|r| [1, 17, 31].contains(&r.id));
    assert_snapshot!(json(|out| write_goroutines(out, &list, Exit::Unproven)));
    list.goroutines.retain(|r| r.id != 17);
    list.process.matched = Match::Unverified;
    assert_snapshot!(json(|out| write_goroutine_lines(out, &list)));
}
