//! What was opened and how the process ended, as text.
//! In: `ProcessInfo` and `CrashInfo`. Out: the whole of `badmap info`, and the head of `check` and `show`.

use crate::crash::signals::signal_name;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::LABEL;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::count;
use crate::report::style::size;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::snapshot::load::Holds;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::result::BinaryFrom;
use crate::survey::result::Match;
use crate::survey::result::ProcessInfo;
use std::io;
use std::io::Write;

/// Columns right of the labels.
pub const BODY: usize = WIDTH.saturating_sub(LABEL);

/// Cut-off ranges listed by `info` before the rest is only counted.
const RANGES: usize = 4;

/// Writes everything `badmap info` has to say.
pub fn write_info(
    out: &mut dyn Write,
    p: &ProcessInfo,
    crash: &CrashInfo,
    holds: Option<&Holds>,
    style: Style,
) -> io::Result<()> {
    if let Some(snapshot) = &p.snapshot {
        field(out, "snapshot", &snapshot.display().to_string())?;
    }
    if let Some(holds) = holds {
        write_holds(out, holds)?;
    }
    let mut core = format!("{}: {}", p.core.display(), size(p.core_size));
    if let Some(packed) = p.compressed {
        core.push_str(&format!(" unpacked from {packed}"));
    }
    core.push_str(&dumped_by(p));
    field(out, "core", &core)?;
    let goroutines = match p.goroutines {
        Some(n) => count(n, "goroutine", "goroutines"),
        None => "goroutines could not be listed".to_owned(),
    };
    let threads = count(
        u64::try_from(p.threads).unwrap_or(u64::MAX),
        "thread",
        "threads",
    );
    field(
        out,
        "process",
        &format!(
            "{}{threads}, {goroutines}",
            who(p).map(|w| w + ", ").unwrap_or_default()
        ),
    )?;
    if let Some(host) = &p.host {
        field(out, "host", host)?;
    }
    if let Some(cpu) = &p.cpu {
        field(out, "cpu", &cpu.name)?;
    }
    field(out, "go", &format!("{}, {}", go(p), dwarf(p)))?;
    let from = match p.binary_from {
        BinaryFrom::Given => "as given",
        BinaryFrom::CoreNotes => "named in the core file",
        BinaryFrom::BinaryDir => "found by its build ID",
    };
    field(out, "binary", &format!("{}, {from}", p.binary.display()))?;
    write_build_ids(out, p, style)?;
    if p.slide != 0 {
        field(
            out,
            "",
            &format!("loaded {:#x} above its link address", p.slide),
        )?;
    }
    field(
        out,
        "memory",
        &format!("{} in the core file", size(p.dumped_bytes)),
    )?;
    field(
        out,
        "",
        &format!(
            "{} read-only, taken from the binary",
            size(p.from_binary_bytes)
        ),
    )?;
    if p.not_dumped_bytes > 0 {
        field(
            out,
            "",
            &format!("{} left out by the dump", size(p.not_dumped_bytes)),
        )?;
    }
    if p.missing_bytes > 0 {
        let shown = if style.verbose {
            p.missing.len()
        } else {
            RANGES
        };
        field(out, "", &truncated(p))?;
        for (start, bytes) in p.missing.iter().take(shown) {
            write_field(out, "", "", &[format!("  {} at {start}", size(*bytes))])?;
        }
        if p.missing.len() > shown {
            write_field(out, "", "", &["  and more: -v lists them".to_owned()])?;
        }
    } else {
        field(out, "", "the core file is whole")?;
    }
    write_crash(out, crash)
}

/// What a snapshot holds, and how secrets were treated in it.
fn write_holds(out: &mut dyn Write, h: &Holds) -> io::Result<()> {
    let maps = count(h.maps, "map", "maps");
    let entries = match h.entries_total {
        0 => "no entries".to_owned(),
        n => count(n, "entry", "entries"),
    };
    field(
        out,
        "",
        &format!("{maps}, {entries}, written by badmap {}", h.version),
    )?;
    let shown = |mode: &str| match mode {
        "clear" => "in clear",
        "digest" => "as digests",
        _ => "left out",
    };
    let mut said = format!("keys in owner paths {}", shown(&h.values));
    if h.entries != "none" {
        said.push_str(&format!(", entries {}", shown(&h.entries)));
    }
    if let Some(id) = &h.key_id {
        said.push_str(&format!(", digest key {id}"));
    }
    field(out, "", &said)
}

fn write_build_ids(out: &mut dyn Write, p: &ProcessInfo, style: Style) -> io::Result<()> {
    let none = || "none".to_owned();
    let (core, binary) = (
        p.core_build_id.clone().unwrap_or_else(none),
        p.binary_build_id.clone().unwrap_or_else(none),
    );
    match p.matched {
        Match::Yes => write_field(
            out,
            "",
            "",
            &[format!(
                "build ID {}: {}",
                clean(&core),
                style.ink(Ink::Good, "match")
            )],
        ),
        other => {
            write_field(
                out,
                "",
                "",
                &[format!(
                    "build IDs: {}",
                    style.ink(Ink::Doubt, other.as_str())
                )],
            )?;
            write_field(
                out,
                "",
                "",
                &[
                    format!("  core   {}", clean(&core)),
                    format!("  binary {}", clean(&binary)),
                ],
            )
        }
    }
}

/// Writes what was opened in a few lines: the head of every first screen.
pub fn write_process(out: &mut dyn Write, p: &ProcessInfo) -> io::Result<()> {
    if let Some(snapshot) = &p.snapshot {
        field(out, "snapshot", &snapshot.display().to_string())?;
    }
    let mut core = format!("{}: {}", p.core.display(), go(p));
    if let Some(who) = who(p) {
        core.push_str(&format!(", {who}"));
    }
    field(out, "core", &core)?;
    let matched = match p.matched {
        Match::Yes => "build ID matches",
        Match::Unverified => "build ID NOT VERIFIED",
        Match::Mismatch => "build IDs DIFFER, as allowed: trust nothing below blindly",
    };
    field(
        out,
        "binary",
        &format!("{}: {matched}, {}", p.binary.display(), dwarf(p)),
    )?;
    field(
        out,
        "memory",
        &if p.missing_bytes > 0 {
            truncated(p)
        } else {
            memory(p)
        },
    )
}

/// Writes how the process ended.
pub fn write_crash(out: &mut dyn Write, crash: &CrashInfo) -> io::Result<()> {
    let mut facts = Vec::new();
    // A message that is only the signal's own words names it already.
    if let Some(n) = crash.signal.filter(|_| crash.source != Some("signal")) {
        facts.push(signal_name(n).map_or_else(
            || format!("signal {n}"),
            |name| format!("signal {n} ({name})"),
        ));
    }
    if let Some(g) = crash.goroutine {
        facts.push(format!("goroutine {g}"));
    }
    if let Some(t) = crash.thread {
        facts.push(format!("thread {t}"));
    }
    let facts = facts.join(", ");
    let kind = match crash.kind {
        CrashKind::Map => "in map code".to_owned(),
        CrashKind::Other => "not about a map".to_owned(),
        CrashKind::Hang => "a goroutine never comes back from a map".to_owned(),
        CrashKind::Unknown => "what it was about is not known".to_owned(),
        CrashKind::None => "none: the process was dumped alive".to_owned(),
    };
    let kind = match &crash.map_function {
        Some(f) => format!("{kind}: {}", f.rsplit('/').next().unwrap_or(f)),
        None => kind,
    };
    match (&crash.message, crash.kind) {
        (_, CrashKind::None) | (None, CrashKind::Hang) => field(out, "crash", &join(&kind, &facts)),
        (Some(message), _) => {
            field(out, "crash", message)?;
            field(out, "", &join(&kind, &facts))
        }
        (None, _) => field(
            out,
            "crash",
            &join(&format!("{kind}, without a message"), &facts),
        ),
    }
}

fn join(head: &str, facts: &str) -> String {
    if facts.is_empty() {
        head.to_owned()
    } else {
        format!("{head}, {facts}")
    }
}

/// Go version and platform.
pub(crate) fn go(p: &ProcessInfo) -> String {
    let untested = if p.untested {
        " (UNTESTED: newer than this badmap)"
    } else {
        ""
    };
    format!("{}{untested} {}/{}, {} maps", p.go, p.os, p.arch, p.maps)
}

/// Pid and name, as far as known.
pub(crate) fn who(p: &ProcessInfo) -> Option<String> {
    match (p.pid, &p.command) {
        (Some(pid), Some(name)) => Some(format!("pid {pid} ({name})")),
        (Some(pid), None) => Some(format!("pid {pid}")),
        (None, Some(name)) => Some(name.clone()),
        (None, None) => None,
    }
}

fn dumped_by(p: &ProcessInfo) -> String {
    match p.how_dumped {
        "unknown" => String::new(),
        "kernel" => ", dumped by the kernel".to_owned(),
        other => format!(", dumped by {other}"),
    }
}

fn dwarf(p: &ProcessInfo) -> String {
    if p.dwarf == 0 {
        "no DWARF".to_owned()
    } else {
        format!("DWARF {}", p.dwarf)
    }
}

fn memory(p: &ProcessInfo) -> String {
    let by = match p.how_dumped {
        "unknown" => "in the core".to_owned(),
        "kernel" => "dumped by the kernel".to_owned(),
        other => format!("dumped by {other}"),
    };
    let rest = match p.not_dumped_bytes {
        0 => "nothing missing".to_owned(),
        n => format!("{} left out", size(n)),
    };
    format!(
        "{} {by} + {} of the binary, {rest}",
        size(p.dumped_bytes),
        size(p.from_binary_bytes)
    )
}

fn truncated(p: &ProcessInfo) -> String {
    let all = p.dumped_bytes.saturating_add(p.missing_bytes);
    format!(
        "TRUNCATED: {} of {} are cut off the core file",
        size(p.missing_bytes),
        size(all)
    )
}

fn field(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    write_field(out, label, label, &wrap(text, BODY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::survey::result::Survey;
    use crate::survey::samples::screens;
    use insta::assert_snapshot;

    fn text(survey: &Survey) -> String {
        let mut out = Vec::new();
        write_info(
            &mut out,
            &survey.process,
            &survey.crash,
            None,
            Style::default(),
        )
        .expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("text is UTF-8");
        assert!(text.lines().all(|l| l.chars().count() <= WIDTH), "{text}");
        text
    }

    #[test]
    fn a_whole_core_that_matches() {
        assert_snapshot!(text(&screens::map_crash_all_sound()));
    }

    #[test]
    fn a_core_cut_short() {
        let mut survey = screens::truncated();
        survey.process.compressed = Some("zstd");
        survey.process.slide = 0x5555_5555_4000;
        survey.process.not_dumped_bytes = 4096;
        assert_snapshot!(text(&survey));
    }

    #[test]
    fn a_binary_that_cannot_be_proven_to_belong() {
        let mut survey = screens::broken_swiss();
        survey.process.core_build_id = None;
        assert_snapshot!(text(&survey));
    }

    #[test]
    fn hostile_text_is_escaped() {
        let text = text(&screens::hostile());
        assert!(
            !text.chars().any(|c| c != '\n' && c.is_control()),
            "{text:?}"
        );
    }
}
