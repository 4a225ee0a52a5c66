//! Tests of `triage_text`: hand-made lines, exact output.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::batch::line::Line;
use crate::batch::samples;
use crate::batch::triage::Collector;
use insta::assert_snapshot;

const ALL: Style = Style {
    color: false,
    verbose: true,
};

fn file(path: &str, lines: u64, cut_off: bool) -> Read {
    let path = path.to_owned();
    Read {
        path,
        lines,
        cut_off,
    }
}

fn triage(lines: &[Line], known: Option<&[Line]>, by: GroupBy, top: Option<usize>) -> Triage {
    let mut all = Collector::new();
    lines.iter().for_each(|l| all.add(l));
    all.end_file(file("night.jsonl", 30, false));
    all.end_file(file("dawn.jsonl", 7, true));
    if let Some(known) = known {
        known.iter().for_each(|l| all.add_known(l));
        all.end_known(file("known.jsonl", 1, false));
    }
    all.finish(by, top)
}

fn text(t: &Triage, style: Style) -> String {
    let mut out = Vec::new();
    write_triage(&mut out, t, style).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("text is UTF-8");
    assert!(
        !text.chars().any(|c| c != '\n' && c.is_control()),
        "{text:?}"
    );
    text
}

#[test]
fn one_bad_host_stands_out() {
    let mut lines = samples::fleet();
    lines.push(samples::sound("web-1/core.3"));
    let t = triage(&lines, None, GroupBy::Signature, None);
    assert_snapshot!(text(&t, Style::default()));
    assert_snapshot!(text(&t, ALL));
}

#[test]
fn what_is_new_is_marked() {
    let known = [samples::flipped(0)];
    let t = triage(&samples::fleet(), Some(&known), GroupBy::Signature, Some(1));
    assert_snapshot!(text(&t, Style::default()));
    let t = triage(&samples::fleet(), Some(&known), GroupBy::Host, None);
    assert_snapshot!(text(&t, Style::default()));
}

#[test]
fn no_core_is_said() {
    let t = triage(&[], Some(&[]), GroupBy::Signature, None);
    assert_eq!(t.exit(), 0);
    assert_snapshot!(text(&t, Style::default()));
}

#[test]
fn hostile_texts_are_escaped_and_kept_short() {
    for by in [GroupBy::Signature, GroupBy::Host, GroupBy::Build] {
        let t = triage(&[samples::hostile()], Some(&[]), by, None);
        let short = text(&t, Style::default());
        assert!(short.len() < 30_000, "{} bytes", short.len());
        assert!(short.contains("second 18446744073709551615"));
        let long = text(&t, ALL);
        assert!(long.len() < 100_000, "{} bytes", long.len());
    }
}
