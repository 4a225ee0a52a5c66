//! One map from its header down to its slots or entries, as text.
//! In: `Shown` and what was asked for. Out: aligned lines.

use crate::check::rule::Verdict;
use crate::report::escape::clean;
use crate::report::info_text::write_process;
use crate::report::style::Ink;
use crate::report::style::LABEL;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::columns;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::pad;
use crate::report::style::size;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::survey::request::Window;
use crate::survey::result::EntryText;
use crate::survey::result::Lookup;
use crate::survey::result::MapRow;
use crate::survey::result::Part;
use crate::survey::result::Shown;
use std::io;
use std::io::Write;

/// Types that fit a map of which only the storage tells the type, as many as are named.
const CANDIDATES: usize = 8;

/// Which list stands below the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Below {
    /// Buckets, or directory, tables and groups.
    Parts(Window),
    /// Keys and elems.
    Entries(Window),
    /// What a lookup of one key does.
    Lookup,
}

/// Writes the result of `badmap show`.
pub fn write_show(
    out: &mut dyn Write,
    shown: &Shown,
    below: Below,
    style: Style,
) -> io::Result<()> {
    write_process(out, &shown.process)?;
    writeln!(out)?;
    write_row(out, &shown.row, style)?;
    writeln!(out)?;
    let names = shown
        .header
        .iter()
        .map(|(name, _)| columns(name))
        .max()
        .unwrap_or(0);
    for (i, (name, value)) in shown.header.iter().enumerate() {
        let label = if i == 0 { "header" } else { "" };
        write_field(
            out,
            label,
            label,
            &[format!("{}  {}", pad(name, names), clean(value))],
        )?;
    }
    writeln!(out)?;
    match below {
        Below::Parts(_) if shown.parts_total == 0 && shown.process.snapshot.is_some() => Ok(()),
        Below::Parts(window) => {
            write_span(out, "parts", window, shown.parts.len(), shown.parts_total)?;
            write_parts(out, &shown.parts)
        }
        Below::Entries(window) => {
            write_span(
                out,
                "entries",
                window,
                shown.entries.len(),
                shown.entries_total,
            )?;
            write_entries(out, &shown.entries)
        }
        Below::Lookup => match &shown.lookup {
            Some(lookup) => write_lookup(out, lookup, style),
            None => Ok(()),
        },
    }
}

fn write_lookup(out: &mut dyn Write, l: &Lookup, style: Style) -> io::Result<()> {
    let body = WIDTH.saturating_sub(LABEL);
    let hashes = format!("hashes to {:#x}: mark {:#04x}", l.hash, l.mark);
    write_field(out, "key", "key", &[hashes])?;
    let way = if l.way.is_empty() {
        "nowhere: the map has no storage for it".to_owned()
    } else {
        l.way.join(", then ")
    };
    write_field(out, "looked", "looked", &wrap(&format!("in {way}"), body))?;
    let found = match (&l.found, &l.elsewhere) {
        (Some(e), _) => format!("at {}: {} -> {}", e.place, e.key, e.elem),
        (None, None) => style.ink(Ink::Doubt, "no such key in the map"),
        (None, Some(place)) => format!(
            "{} by a lookup, though {place} holds it",
            style.ink(Ink::Bad, "not found")
        ),
    };
    write_field(out, "found", "found", &wrap(&found, body))
}

fn write_row(out: &mut dyn Write, row: &MapRow, style: Style) -> io::Result<()> {
    let body = WIDTH.saturating_sub(LABEL);
    let field = |out: &mut dyn Write, label: &str, text: &str| {
        write_field(out, label, label, &wrap(text, body))
    };
    field(
        out,
        "map",
        &format!("{} {} ({})", row.addr, row.ty, row.kind),
    )?;
    field(
        out,
        "owner",
        if row.owner.is_empty() {
            "none found"
        } else {
            &row.owner
        },
    )?;
    field(
        out,
        "found",
        &format!("by {}; {}", row.found_by.join(", "), row.reachable),
    )?;
    if row.type_sure != "typed" {
        let names: Vec<&str> = row.type_candidates.iter().map(String::as_str).collect();
        let shown = names.get(..names.len().min(CANDIDATES)).unwrap_or_default();
        let more = names.len().saturating_sub(shown.len());
        let mut text = format!("{}: told by its storage", row.type_sure);
        if !shown.is_empty() {
            text.push_str(&format!("; what fits: {}", shown.join(", ")));
        }
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        field(out, "type", &text)?;
    }
    let or_unknown = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), number);
    let len = match row.len.map(u64::try_from) {
        Some(Ok(n)) => number(n),
        Some(Err(_)) => row.len.unwrap_or_default().to_string(),
        None => "unknown".to_owned(),
    };
    let sizes = format!(
        "len {len}, capacity {}, {}",
        or_unknown(row.capacity),
        size(row.bytes)
    );
    field(
        out,
        "size",
        &format!("{sizes} ({} in empty slots)", size(row.waste)),
    )?;
    if !row.flags.is_empty() {
        field(out, "flags", &row.flags.join(", "))?;
    }
    if let Some(v) = &row.verdict {
        let ink = match v.verdict {
            Verdict::Ok => Ink::Good,
            Verdict::Broken => Ink::Bad,
            Verdict::Unknown => Ink::Doubt,
        };
        write_field(
            out,
            "verdict",
            "verdict",
            &[style.ink(ink, v.verdict.as_str())],
        )?;
        let rules = v
            .findings
            .iter()
            .map(|f| columns(f.rule))
            .max()
            .unwrap_or(0);
        for f in &v.findings {
            let said = format!("{}: claimed {}, found {}", f.place, f.claimed, f.found);
            let room = body.saturating_sub(rules).saturating_sub(2);
            for (i, line) in wrap(&said, room).iter().enumerate() {
                let head = if i == 0 {
                    style.ink_padded(Ink::Rule, f.rule, rules)
                } else {
                    pad("", rules)
                };
                write_field(out, "", "", &[format!("{head}  {line}")])?;
            }
        }
        let kept = u64::try_from(v.findings.len()).unwrap_or(u64::MAX);
        if v.findings_total > kept {
            let more = count(
                v.findings_total.saturating_sub(kept),
                "more finding",
                "more findings",
            );
            field(out, "", &format!("and {more}"))?;
        }
        if !v.unknown_rules.is_empty() {
            field(
                out,
                "",
                &format!("undecided: {}", v.unknown_rules.join(", ")),
            )?;
        }
    }
    for gap in &row.gaps {
        field(out, "gap", gap)?;
    }
    let kept = u64::try_from(row.gaps.len()).unwrap_or(u64::MAX);
    if row.gaps_total > kept {
        let more = count(row.gaps_total.saturating_sub(kept), "more gap", "more gaps");
        field(out, "", &format!("and {more}"))?;
    }
    Ok(())
}

fn write_span(
    out: &mut dyn Write,
    label: &str,
    window: Window,
    shown: usize,
    total: u64,
) -> io::Result<()> {
    let shown = u64::try_from(shown).unwrap_or(u64::MAX);
    let end = window.offset.saturating_add(shown);
    let text = if shown == total {
        format!("{} in all", number(total))
    } else if shown == 0 {
        format!("none of {} from --offset {}", number(total), window.offset)
    } else if end < total {
        let first = number(window.offset.saturating_add(1));
        format!(
            "{first} to {} of {}; the next: --offset {end}",
            number(end),
            number(total)
        )
    } else {
        format!(
            "{} to {} of {}",
            number(window.offset.saturating_add(1)),
            number(end),
            number(total)
        )
    };
    write_field(out, label, label, &[text])
}

fn write_parts(out: &mut dyn Write, parts: &[Part]) -> io::Result<()> {
    let paths = parts.iter().map(|p| columns(&p.path)).max().unwrap_or(0);
    let addrs = parts
        .iter()
        .map(|p| columns(&p.addr.to_string()))
        .max()
        .unwrap_or(0);
    let slots = parts
        .iter()
        .filter_map(|p| p.slots.as_deref())
        .map(columns)
        .max()
        .unwrap_or(0);
    for p in parts {
        let mut line = format!(
            "{}  {}",
            pad(&clean(&p.path), paths),
            pad(&p.addr.to_string(), addrs)
        );
        if slots > 0 {
            line.push_str(&format!(
                "  {}",
                pad(p.slots.as_deref().unwrap_or(""), slots)
            ));
        }
        let fields: Vec<String> = p
            .fields
            .iter()
            .map(|(name, value)| format!("{name} {}", clean(value)))
            .collect();
        line.push_str(&format!("  {}", fields.join(", ")));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_entries(out: &mut dyn Write, entries: &[EntryText]) -> io::Result<()> {
    let places = entries.iter().map(|e| columns(&e.place)).max().unwrap_or(0);
    let keys = entries
        .iter()
        .map(|e| columns(&clean(&e.key)))
        .max()
        .unwrap_or(0)
        .min(40);
    for e in entries {
        let key = pad(&clean(&e.key), keys);
        let line = format!(
            "{}  {:#04x}  {key}  {}",
            pad(&clean(&e.place), places),
            e.mark,
            clean(&e.elem)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::survey::samples::screens;
    use insta::assert_snapshot;

    fn text(shown: &Shown, below: Below) -> String {
        let mut out = Vec::new();
        write_show(&mut out, shown, below, Style::default()).expect("a Vec takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn buckets_stand_below_the_header() {
        assert_snapshot!(text(
            &screens::shown(),
            Below::Parts(Window {
                offset: 0,
                limit: 3
            })
        ));
    }

    #[test]
    fn entries_stand_below_the_header_with_their_marks() {
        assert_snapshot!(text(
            &screens::shown(),
            Below::Entries(Window {
                offset: 8,
                limit: 3
            })
        ));
    }

    #[test]
    fn findings_and_gaps_of_the_map_are_shown() {
        let mut shown = screens::shown();
        shown.row = screens::broken_classic().maps.swap_remove(2);
        shown.row.gaps =
            vec!["buckets: 208 bytes at 0xc000400000: not mapped in the process".into()];
        shown.row.gaps_total = 2;
        assert_snapshot!(text(
            &shown,
            Below::Parts(Window {
                offset: 4,
                limit: 3
            })
        ));
    }
}
