//! A batch as text: a line for each core when it is done, and a table at the end.
//! In: a core's line; a summary. Out: text in which the outcome comes first and paths are never shortened.

use crate::batch::facts::Outcome;
use crate::batch::group::Group;
use crate::batch::group::GroupBy;
use crate::batch::line::Line;
use crate::batch::summary::Summary;
use crate::report::blame_text::duration;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::size;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::report::table::Column;
use crate::report::table::write_table;
use crate::report::triage_text::ink;
use crate::report::triage_text::outcomes;
use std::io;
use std::io::Write;

/// Columns of the word that says how a core ended.
const WORD: usize = 10;
/// Columns of what is said of a core before `-v` says all of it.
const DETAIL: usize = 100;
/// The same of an error, which often has two paths in it.
const ERROR: usize = 300;
/// Columns of an owner path among it.
const OWNER: usize = 48;
/// Columns of the gist of a signature.
const BUG: usize = 100;
/// Rules of a core that are named before `-v` names all.
const RULES: usize = 4;
/// Groups of the table at the end before `-v` shows all.
const GROUPS: usize = 5;
/// Columns beside the labels.
const BODY: usize = 71;

/// What matters of a core, in a few words; empty where nothing does.
pub(crate) fn detail(line: &Line, style: Style) -> Vec<String> {
    let mut said = Vec::new();
    let outcome = Outcome::of(line);
    if outcome == Outcome::Broken {
        let findings = line.check.iter().flat_map(|c| &c.findings);
        let first = findings.clone().find(|f| f.severity == "error");
        let owner = first.and_then(|f| f.owner.as_deref());
        let owner = owner.map_or_else(
            || first.map(|f| f.map.clone()),
            |path| Some(path.to_owned()),
        );
        let rules: Vec<&str> = line.rules.iter().map(|r| &*r.rule).collect();
        let most = if style.verbose { rules.len() } else { RULES };
        let mut names = rules
            .iter()
            .take(most)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        let rest = rules.len().saturating_sub(most);
        if rest > 0 {
            names.push_str(&format!(" and {rest} more"));
        }
        let owner = owner.map(|o| style.fit(&o, OWNER));
        let names = style.fit(&names, DETAIL);
        said.push(match owner {
            Some(owner) if names.is_empty() => owner,
            Some(owner) => format!("{owner}: {names}"),
            None => names,
        });
    }
    let in_map = line
        .check
        .as_ref()
        .is_some_and(|c| c.crash.kind == "map" || c.crash.kind == "hang");
    if outcome == Outcome::MapCrash || (outcome == Outcome::Broken && in_map) {
        said.extend(line.message().map(|m| style.fit(m, DETAIL)));
    }
    if outcome == Outcome::Unproven {
        said.extend(unproven(line).map(|why| style.fit(&why, DETAIL)));
    }
    if let Some(error) = &line.error {
        said.push(style.fit(&error.what, ERROR));
    }
    said.retain(|s| !s.is_empty());
    said
}

/// Why nothing is proven of a core: what is cut off, where maps may be missing, or how many could not be read in full.
fn unproven(line: &Line) -> Option<String> {
    let check = line.check.as_ref()?;
    if check.process.missing_bytes > 0 {
        return Some(format!("{} cut off", size(check.process.missing_bytes)));
    }
    if let Some(gap) = check.gaps.first() {
        return Some(gap.clone());
    }
    let n = check.maps.unknown;
    (n > 0).then(|| format!("{} not read in full", count(n, "map", "maps")))
}

/// Writes the line of one core.
pub fn write_line(out: &mut dyn Write, line: &Line, style: Style) -> io::Result<()> {
    let outcome = Outcome::of(line);
    let word = style.ink_padded(ink(outcome), outcome.as_str(), WORD);
    let mut text = format!("{word} {}", clean(&line.core));
    for part in detail(line, style) {
        text.push_str(&format!("  {part}"));
    }
    if let Some(signature) = &line.signature {
        let id = style.ink(Ink::Rule, &style.fit(&signature.id, 16));
        text.push_str(&format!("  [{id}]"));
    }
    if let Some(expected) = line.expected.as_ref().filter(|e| !e.met) {
        let differences = style.fit(&expected.differences.join("; "), DETAIL);
        let word = style.ink(Ink::Bad, "NOT AS EXPECTED");
        text.push_str(&format!("  {word}"));
        if !differences.is_empty() {
            text.push_str(&format!(": {differences}"));
        }
    }
    writeln!(out, "{text}")
}

/// Writes what a batch came to.
pub fn write_summary(out: &mut dyn Write, s: &Summary, style: Style) -> io::Result<()> {
    let mut lines = vec![number(s.cores)];
    if s.cores > 0 {
        lines = vec![format!(
            "{}: {}",
            number(s.cores),
            outcomes(&s.outcomes, style)
        )];
    }
    write_field(out, "cores", "cores", &lines)?;
    if s.expected > 0 {
        write_expected(out, s, style)?;
    }
    let took = [
        s.took_ms.map(|ms| duration(nanoseconds(ms))),
        Some(s.cpu_ms)
            .filter(|ms| *ms > 0)
            .map(|ms| format!("{} of processor time", duration(nanoseconds(ms)))),
        Some(s.peak_rss)
            .filter(|bytes| *bytes > 0)
            .map(|bytes| format!("at most {} for a core", size(bytes))),
    ];
    let took: Vec<String> = took.into_iter().flatten().collect();
    if !took.is_empty() {
        write_field(out, "took", "took", &[took.join(", ")])?;
    }
    let top = Some(GROUPS).filter(|_| !style.verbose);
    let bugs = s.bugs(top);
    write_table_of(out, GroupBy::Signature, &bugs, s.signatures(), style)?;
    if s.group_by() != GroupBy::Signature {
        write_table_of(out, s.group_by(), &s.groups(top), s.group_keys(), style)?;
    }
    Ok(())
}

fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

fn write_expected(out: &mut dyn Write, s: &Summary, style: Style) -> io::Result<()> {
    let met = s.expected.saturating_sub(s.missed);
    let mut lines = vec![match s.missed {
        0 => format!(
            "{} as expected",
            style.ink(Ink::Good, &format!("all {}", number(met)))
        ),
        n => format!(
            "{}, {} as expected",
            style.ink(Ink::Bad, &format!("{} NOT", number(n))),
            number(met)
        ),
    }];
    for missed in &s.missed_first {
        lines.push(clean(&missed.core).into_owned());
        for difference in &missed.differences {
            lines.push(format!("  {}", style.fit(difference, DETAIL)));
        }
    }
    let named = u64::try_from(s.missed_first.len()).unwrap_or(u64::MAX);
    let rest = s.missed.saturating_sub(named);
    if rest > 0 {
        lines.push(format!("and {}", count(rest, "more core", "more cores")));
    }
    write_field(out, "expected", "expected", &lines)
}

fn write_table_of(
    out: &mut dyn Write,
    by: GroupBy,
    groups: &[Group],
    total: u64,
    style: Style,
) -> io::Result<()> {
    let with = groups
        .iter()
        .filter(|g| by != GroupBy::Signature || g.key.is_some());
    let lines: Vec<Vec<String>> = with
        .map(|g| {
            let mut line = vec![number(g.cores), style.fit(&g.name(), 40)];
            line.push(match &g.signature {
                Some(s) => style.fit(&s.gist(), BUG),
                None => outcomes(&g.outcomes, style),
            });
            line
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let (one, head): (&str, Column) = match by {
        GroupBy::Signature => ("signature", ("SIGNATURE", false)),
        GroupBy::Host => ("host", ("HOST", false)),
        GroupBy::Cpu => ("kind of CPU", ("CPU", false)),
        GroupBy::Go => ("version", ("GO", false)),
        GroupBy::Build => ("build", ("BUILD", false)),
    };
    let what = if by == GroupBy::Signature {
        "BUG"
    } else {
        "ENDED"
    };
    writeln!(out)?;
    write_table(out, &[("CORES", true), head, (what, false)], &lines, style)?;
    let shown = u64::try_from(groups.iter().filter(|g| g.key.is_some()).count());
    let rest = total.saturating_sub(shown.unwrap_or(u64::MAX));
    if rest > 0 {
        let one = format!("more {one}");
        let many = if by == GroupBy::Cpu {
            "more kinds of CPU".to_owned()
        } else {
            format!("{one}s")
        };
        for line in wrap(
            &format!(
                "and {}: badmap triage RESULTS, of a run with --resume RESULTS",
                count(rest, &one, &many)
            ),
            BODY,
        ) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
