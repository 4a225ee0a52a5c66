//! `badmap explain`: the manual of a rule, or the list of rules.
//! In: a rule id in any case. Out: its manual; for an id that is none, those that look like it.

use crate::check::manual::manual;
use crate::check::registry::find_rule;
use crate::check::registry::rules;
use crate::check::rule::Rule;
use crate::cli::fail::UsageError;
use crate::cli::options::Look;
use crate::cli::options::Values;
use crate::cli::output::write_out;
use crate::cli::source::check_values;
use crate::report::rules_text::write_findings_of;
use crate::report::rules_text::write_rules;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::wrap;
use crate::snapshot::load::load;
use crate::survey::result::MapRow;
use std::io;
use std::io::Write;
use std::path::PathBuf;

/// Explain a rule: what must hold, and what breaks it
///
/// Prints the rule's manual, with the innocent states that merely look alike. Without a rule, lists all of them with their severity.
/// With --in, explains what was found in a snapshot: each rule that is broken there, with the places, and its manual.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the rule was explained
  2  there is no such rule, or the snapshot cannot be read

Examples:
  badmap explain MAP-COUNT
  badmap explain --list
  badmap explain --in monday.badmap              every rule that is broken there
  badmap explain MAP-COUNT --in monday.badmap    this one, with the maps that break it")]
pub(super) struct Args {
    /// Id of the rule, as findings name it
    rule: Option<String>,

    /// List all rules
    #[arg(long, conflicts_with = "rule")]
    list: bool,

    /// Snapshot whose findings are explained
    #[arg(long = "in", value_name = "SNAPSHOT", conflicts_with = "list")]
    snapshot: Option<PathBuf>,

    /// Go on although the snapshot holds keys in clear, and show them
    #[arg(long, value_enum, default_value_t = Values::Digest, value_name = "MODE", requires = "snapshot")]
    values: Values,

    #[command(flatten)]
    look: Look,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let rule = match &args.rule {
        Some(id) => Some(find_rule(id).ok_or_else(|| unknown(id))?),
        None => None,
    };
    if let Some(path) = &args.snapshot {
        let (head, maps) = load(path)?;
        check_values(&head, args.values.mode(), args.look.quiet)?;
        write_out(|out| write_broken(out, &maps, rule, args.look.style()))?;
        return Ok(0);
    }
    match rule {
        Some(rule) => write_out(|out| write_manual(out, rule))?,
        None => {
            let all: Vec<&Rule> = rules().collect();
            write_out(|out| write_rules(out, &all, args.look.style()))?;
        }
    }
    Ok(0)
}

fn write_manual(out: &mut dyn Write, rule: &Rule) -> io::Result<()> {
    let text = manual(rule);
    let lines = text.trim_end().lines().flat_map(|line| wrap(line, WIDTH));
    lines
        .into_iter()
        .try_for_each(|line| writeln!(out, "{line}"))
}

/// What the maps of a snapshot break, rule by rule, each with its manual; of one rule only, if it is named.
fn write_broken(
    out: &mut dyn Write,
    maps: &[MapRow],
    only: Option<&Rule>,
    style: Style,
) -> io::Result<()> {
    let mut any = false;
    for rule in rules().filter(|r| only.is_none_or(|o| o.id == r.id)) {
        let broken = write_findings_of(out, maps, rule, style)?;
        if !broken && only.is_none() {
            continue;
        }
        any = true;
        if !broken {
            writeln!(out, "No map of the snapshot breaks {}.", rule.id)?;
        }
        writeln!(out)?;
        write_manual(out, rule)?;
        writeln!(out)?;
    }
    match any {
        true => Ok(()),
        false => writeln!(out, "No map of the snapshot breaks a rule."),
    }
}

fn unknown(id: &str) -> UsageError {
    let ids: Vec<&str> = rules().map(|r| r.id).collect();
    let near = near(id, &ids);
    let hint = if near.is_empty() {
        "badmap explain --list shows all rules".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    UsageError {
        what: format!("explaining {id}: no such rule"),
        hint: Some(hint),
    }
}

/// The ids that look like `id`, best first, at most three.
fn near<'r>(id: &str, ids: &[&'r str]) -> Vec<&'r str> {
    let id = id.to_ascii_uppercase().replace('_', "-");
    let mut scored: Vec<(usize, &str)> = ids
        .iter()
        .filter_map(|known| {
            let tail = known.split_once('-').map_or(*known, |(_, tail)| tail);
            let part = id.len() >= 3 && known.contains(id.as_str());
            let score = if part {
                0
            } else {
                distance(&id, known).min(distance(&id, tail).saturating_add(1))
            };
            (score <= 3.min(id.len().div_ceil(2))).then_some((score, *known))
        })
        .collect();
    scored.sort_by_key(|(score, _)| *score);
    scored.into_iter().take(3).map(|(_, known)| known).collect()
}

/// How many characters must be put in, taken out or replaced to turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for ((y, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(x != y));
            left = replaced
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 5] = [
        "MAP-COUNT",
        "CL-CHAIN",
        "CL-NOVERFLOW",
        "SW-USED",
        "SW-COUNT",
    ];

    #[test]
    fn typing_errors_find_their_rule() {
        assert_eq!(near("MAP-CUONT", &IDS), ["MAP-COUNT"]);
        assert_eq!(near("cl_chain", &IDS), ["CL-CHAIN"]);
        assert_eq!(near("count", &IDS), ["MAP-COUNT", "SW-COUNT"]);
        assert_eq!(near("chian", &IDS), ["CL-CHAIN"]);
        assert!(near("utterly-else", &IDS).is_empty());
        assert!(near("", &IDS).is_empty());
    }

    #[test]
    fn distances_count_single_characters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
