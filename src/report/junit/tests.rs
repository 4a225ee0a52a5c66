//! Tests of `junit`: hand-made lines, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::batch::line::Status;
use crate::batch::samples;
use insta::assert_snapshot;

fn xml(lines: Vec<Line>) -> String {
    let mut out = Vec::new();
    write_junit(&mut out, lines).expect("a Vec takes everything");
    String::from_utf8(out).expect("XML is UTF-8")
}

/// The characters of XML 1.0.
fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn a_core_is_a_case() {
    let mut lines = samples::fleet();
    lines.drain(1..12);
    lines.drain(2..13);
    for core in ["core", "/core", "a <b> & \"c\"/core]]>"] {
        lines.push(samples::sound(core));
    }
    assert_snapshot!(xml(lines));
}

#[test]
fn no_core_is_an_empty_suite() {
    assert_snapshot!(xml(vec![]));
}

#[test]
fn what_was_expected_passes_and_what_was_not_fails() {
    let met = |line| samples::expecting(line, &[]);
    let missed = |line| samples::expecting(line, &["status: expected ok"]);
    let failed = || samples::failed("f", "failed", "no");
    for (line, case) in [
        (samples::flipped(1), Case::Failure),
        (samples::crashed_in_map(1), Case::Failure),
        (samples::sound("a"), Case::Passed),
        (samples::unproven("a"), Case::Skipped),
        (failed(), Case::Error),
        (samples::failed("f", "memory", "no"), Case::Error),
        (met(samples::flipped(1)), Case::Passed),
        (met(failed()), Case::Passed),
        (met(samples::unproven("a")), Case::Passed),
        (missed(samples::sound("a")), Case::Failure),
        (missed(samples::unproven("a")), Case::Failure),
        (missed(failed()), Case::Error),
    ] {
        assert_eq!(Case::of(&line), case, "{line:?}");
    }
    assert_eq!(Status::default(), Status::Failed);
}

#[test]
fn what_xml_cannot_hold_is_not_in_it() {
    let hostile = || samples::hostile();
    let broken = Line {
        expected: None,
        ..hostile()
    };
    let failed = Line {
        status: Status::Failed,
        ..hostile()
    };
    let text = xml(vec![hostile(), broken, failed]);
    let bad = text.chars().find(|c| !is_legal(*c));
    assert_eq!(bad, None);
    assert!(text.len() < 100_000, "{}", text.len());
    // Nothing of the texts passes for markup.
    assert_eq!(text.matches("<testcase ").count(), 3);
    assert!(!text.contains("<&") && !text.contains("]]>"), "{text}");
}

#[test]
fn many_cores_take_little_room() {
    let lines = (0..100_000).map(|i| samples::sound(&format!("cores/core.{i}")));
    let mut out = Vec::new();
    write_junit(&mut out, lines).expect("a Vec takes everything");
    assert!(out.len() < 10_000_000, "{}", out.len());
}
