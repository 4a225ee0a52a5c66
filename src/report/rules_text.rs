//! The list of rules as text.
//! In: rules in the order of the registry. Out: id, severity and statement, one rule after the other.

use crate::check::rule::Rule;
use crate::check::rule::Severity;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::columns;
use crate::report::style::pad;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::survey::result::MapRow;
use std::io;
use std::io::Write;

/// Writes all rules: id, severity, statement.
pub fn write_rules(out: &mut dyn Write, rules: &[&Rule], style: Style) -> io::Result<()> {
    let ids = rules.iter().map(|r| columns(r.id)).max().unwrap_or(0);
    let severities = columns(Severity::Warning.as_str());
    let indent = ids.saturating_add(severities).saturating_add(4);
    for rule in rules {
        let head = format!(
            "{}  {}",
            style.ink_padded(Ink::Rule, rule.id, ids),
            pad(rule.severity.as_str(), severities)
        );
        for (i, line) in wrap(rule.statement, WIDTH.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            if i == 0 {
                writeln!(out, "{head}  {line}")?;
            } else {
                writeln!(out, "{}{line}", spaces(indent))?;
            }
        }
    }
    Ok(())
}

/// Findings of one rule that are listed.
const FINDINGS: usize = 5;

/// Writes where the maps break one rule; whether any does.
pub fn write_findings_of(
    out: &mut dyn Write,
    maps: &[MapRow],
    rule: &Rule,
    style: Style,
) -> io::Result<bool> {
    let mut found = maps.iter().flat_map(|row| {
        let findings = row.verdict.iter().flat_map(|v| &v.findings);
        findings
            .filter(|f| f.rule == rule.id)
            .map(move |f| (row, f))
    });
    let most = if style.verbose { usize::MAX } else { FINDINGS };
    let mut shown = 0usize;
    for (row, f) in found.by_ref().take(most) {
        shown = shown.saturating_add(1);
        let owner = if row.owner.is_empty() {
            &row.ty
        } else {
            &row.owner
        };
        let line = format!(
            "{} at {} of {} {owner}: claimed {}, found {}",
            f.rule, f.place, row.addr, f.claimed, f.found
        );
        for line in wrap(&clean(&line), WIDTH) {
            writeln!(out, "{line}")?;
        }
    }
    let rest = found.count();
    if rest > 0 {
        writeln!(out, "and {rest} more: -v shows all")?;
    }
    Ok(shown > 0)
}
