//! The list of rules as text.
//! In: rules in the order of the registry. Out: id, severity and statement, one rule after the other.

use crate::check::rule::Rule;
use crate::check::rule::Severity;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::columns;
use crate::report::style::pad;
use crate::report::style::spaces;
use crate::report::style::wrap;
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
