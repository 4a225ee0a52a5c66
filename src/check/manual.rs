//! The manuals of the rules, as `explain` prints them and as `docs/RULES.md` holds them.
//! In: the registry. Out: text.

use crate::check::registry::rules;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use std::fmt::Write;

const PREFACE: &str = "\
# Rules

Every rule that `badmap check` applies to a map, as `badmap explain RULE` prints it. This file is made from
the rules themselves; a test compares the two.

An *error* cannot happen in a correct program on good hardware and makes the map broken. A *warning* is
suspicious but has a legal explanation that cannot be excluded, and an *info* proves nothing; neither makes a
map broken. A rule that needs something the core does not hold, or that builds on a more basic rule that is
broken, is *undecided*: the map cannot be called sound then.
";

/// The manual of one rule: a headline, then one paragraph each for what must hold, where that follows
/// from, what a breach means and what looks like one, and an example. Markdown; lines are not wrapped.
pub fn manual(rule: &Rule) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_manual(&mut text, rule);
    text
}

fn write_manual(text: &mut String, rule: &Rule) -> std::fmt::Result {
    writeln!(
        text,
        "{}: {}, {}",
        rule.id,
        rule.severity.as_str(),
        scope(rule.scope)
    )?;
    writeln!(text, "\n{}", rule.statement)?;
    writeln!(text, "\nSource: {}", rule.source)?;
    writeln!(text, "\nWhen broken: {}", rule.breaks)?;
    writeln!(text, "\nInnocent states: {}", rule.innocent)?;
    writeln!(text, "\nDuring a write: {}", during_write(rule))?;
    writeln!(text, "\nExample of a finding: `{}`", rule.example)
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all maps",
        Scope::Classic => "classic maps (up to go1.23, and noswissmap builds of go1.24 and go1.25)",
        Scope::Sync => "sync.Map",
        Scope::Swiss | Scope::Tables => "Swiss maps (from go1.24)",
    }
}

fn during_write(rule: &Rule) -> &'static str {
    if rule.holds_mid_write {
        "the rule must hold even then, and is always applied."
    } else {
        "the rule need not hold then, and is not applied while the map's write flag is set."
    }
}

/// The whole of `docs/RULES.md`: a table of all rules, then their manuals.
pub fn rules_markdown() -> String {
    let mut text = String::from(PREFACE);
    // Writing to a String cannot fail.
    let _ = write_markdown(&mut text);
    text
}

fn write_markdown(text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n| rule | severity | statement |\n|---|---|---|")?;
    for rule in rules() {
        let statement = rule.statement.replace('|', "\\|");
        writeln!(
            text,
            "| [{0}](#{1}) | {2} | {statement} |",
            rule.id,
            anchor(rule.id),
            rule.severity.as_str()
        )?;
    }
    for rule in rules() {
        let (_, body) = manual(rule)
            .split_once('\n')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap_or_default();
        let what = severity(rule.severity);
        writeln!(
            text,
            "\n## {}\n\n*{what}, {}.*\n{}",
            rule.id,
            scope(rule.scope),
            body.trim_end()
        )?;
    }
    Ok(())
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
    }
}

fn anchor(id: &str) -> String {
    id.to_ascii_lowercase()
}
