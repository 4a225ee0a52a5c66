//! Tests of `batch_text`: hand-made lines, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::batch::line::Status;
use crate::batch::samples;
use insta::assert_snapshot;

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("text is UTF-8");
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    text
}

fn all(lines: &[Line], style: Style) -> String {
    text(|out| lines.iter().try_for_each(|l| write_line(out, l, style)))
}

fn summary(lines: &[Line], by: GroupBy) -> Summary {
    let mut s = Summary::new(by);
    lines.iter().for_each(|l| s.add(l));
    s
}

#[test]
fn each_core_has_a_line() {
    let mut lines = samples::fleet();
    lines.drain(1..12);
    lines.drain(2..13);
    lines.push(samples::failed("web-5/core.odd", "memory", ""));
    for status in [Status::Crashed, Status::Ok] {
        lines.push(Line {
            status,
            verdict: None,
            ..samples::sound("web-5/core.odd")
        });
    }
    lines.push(samples::expecting(samples::flipped(3), &[]));
    lines.push(samples::expecting(
        samples::crashed_in_map(3),
        &[
            "verdict: expected sound, got map-crash",
            "owner: expected main.a",
        ],
    ));
    let mut many = samples::flipped(4);
    for i in 0..5 {
        many.rules.push(crate::batch::line::RuleCount {
            rule: format!("MAP-RULE{i}"),
            ..Default::default()
        });
    }
    lines.push(many);
    assert_snapshot!(all(&lines, Style::default()));
}

#[test]
fn a_batch_ends_with_a_table() {
    let mut s = summary(&samples::fleet(), GroupBy::Signature);
    s.took_ms = Some(61_234);
    assert_snapshot!(text(|out| write_summary(out, &s, Style::default())));
    let s = summary(&samples::fleet(), GroupBy::Host);
    assert_snapshot!(text(|out| write_summary(out, &s, Style::default())));
    let none = summary(&[], GroupBy::Host);
    assert_eq!(
        text(|out| write_summary(out, &none, Style::default())),
        "cores    0\n"
    );
}

#[test]
fn expectations_are_counted() {
    let met = samples::expecting(samples::sound("a"), &[]);
    let s = summary(&[met], GroupBy::Signature);
    assert_snapshot!(text(|out| write_summary(out, &s, Style::default())));
    let missed: Vec<Line> = (0..30)
        .map(|i| {
            samples::expecting(
                samples::sound(&format!("c{i}")),
                &["verdict: expected broken, got sound"],
            )
        })
        .collect();
    let said =
        text(|out| write_summary(out, &summary(&missed, GroupBy::Signature), Style::default()));
    assert!(
        said.contains("30 NOT, 0 as expected") && said.contains("and 20 more cores"),
        "{said}"
    );
}

#[test]
fn colour_does_not_move_columns() {
    let color = Style {
        color: true,
        verbose: false,
    };
    let mut out = Vec::new();
    write_line(&mut out, &samples::sound("a"), color).expect("a Vec takes everything");
    assert_eq!(out, b"\x1b[32msound\x1b[0m      a\n");
}

#[test]
fn hostile_texts_are_escaped_and_kept_short() {
    let lines = [samples::hostile()];
    // Only the path is as long as it is.
    let path = clean(&samples::hostile().core).len();
    assert!(all(&lines, Style::default()).len() < path + 1000);
    let s = summary(&lines, GroupBy::Host);
    let said = text(|out| write_summary(out, &s, Style::default()));
    assert!(said.len() < 10_000, "{}", said.len());
    let verbose = Style {
        verbose: true,
        color: false,
    };
    all(&lines, verbose);
    text(|out| write_summary(out, &s, verbose));
}
