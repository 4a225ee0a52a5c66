//! What the cores of many runs come to, as text.
//! In: a triage. Out: how many cores there are and how they ended, then each bug with what its cores have in common, and
//! last what has no signature.

use crate::batch::facts::Outcome;
use crate::batch::facts::Outcomes;
use crate::batch::group::Common;
use crate::batch::group::Group;
use crate::batch::group::GroupBy;
use crate::batch::triage::Read;
use crate::batch::triage::Triage;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::LABEL;
use crate::report::style::Style;
use crate::report::style::WIDTH;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::shorten;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::report::when::rfc3339;
use std::io;
use std::io::Write;

/// Columns of what stands behind a label.
const BODY: usize = WIDTH - LABEL;
/// Lines of a signature before `-v` shows all of it.
const LINES: usize = 8;
/// Columns of an error, a value or a line of a signature before `-v` shows all of it.
const TEXT: usize = 160;

/// Writes the result of `badmap triage`.
pub fn write_triage(out: &mut dyn Write, t: &Triage, style: Style) -> io::Result<()> {
    write_head(out, t, style)?;
    let (with, without): (Vec<&Group>, Vec<&Group>) =
        t.groups.iter().partition(|g| g.key.is_some());
    for group in &with {
        writeln!(out)?;
        write_group(out, group, t.by, style)?;
    }
    let shown = u64::try_from(with.len()).unwrap_or(u64::MAX);
    let rest = t.groups_total.saturating_sub(shown);
    if rest > 0 {
        let rest = count(rest, "more group", "more groups");
        writeln!(out, "\nand {rest}: --top {} shows all", t.groups_total)?;
    }
    write_without(out, &without, t.by, style)
}

fn write_head(out: &mut dyn Write, t: &Triage, style: Style) -> io::Result<()> {
    let files = in_files(&t.files);
    if t.cores == 0 {
        write_field(out, "cores", "cores", &[format!("none in {files}")])?;
    } else {
        let mut lines = vec![format!("{} in {files}", number(t.cores))];
        lines.push(outcomes(&t.outcomes, style));
        if t.doubled > 0 {
            let lines_of = count(t.doubled, "earlier line", "earlier lines");
            let are = if t.doubled == 1 { "is" } else { "are" };
            lines.extend(wrap(
                &format!("{lines_of} of the same cores {are} not counted"),
                BODY,
            ));
        }
        write_field(out, "cores", "cores", &lines)?;
        let mut said = match t.signatures {
            0 => "none".to_owned(),
            n => count(n, "signature", "signatures"),
        };
        if let (Some(baseline), Some(new)) = (&t.baseline, t.new_total) {
            let new = match new {
                0 => style.ink(Ink::Good, "none is new"),
                n => style.ink(Ink::Bad, &format!("{} NEW", number(n))),
            };
            let known = number(baseline.signatures);
            let of = in_files(&baseline.files);
            said.push_str(&format!(", {new} against {known} in {of}"));
        }
        write_field(out, "bugs", "bugs", &[said])?;
    }
    let baseline = t.baseline.iter().flat_map(|b| &b.files);
    let cut = t.files.iter().chain(baseline).filter(|f| f.cut_off);
    let notes: Vec<String> = cut
        .flat_map(|f| {
            let text = "its last line is cut off and not counted: the run was stopped";
            wrap(&format!("{}: {text}", f.path), BODY)
        })
        .collect();
    write_field(out, "note", &style.ink(Ink::Doubt, "note"), &notes)
}

fn in_files(files: &[Read]) -> String {
    let n = u64::try_from(files.len()).unwrap_or(u64::MAX);
    count(n, "file", "files")
}

/// `12 broken, 3 sound`.
pub(crate) fn outcomes(all: &Outcomes, style: Style) -> String {
    let words = all
        .iter()
        .map(|(o, n)| format!("{} {}", number(n), style.ink(ink(o), o.as_str())));
    words.collect::<Vec<_>>().join(", ")
}

/// The colour of an outcome.
pub(crate) fn ink(outcome: Outcome) -> Ink {
    match outcome {
        Outcome::Broken | Outcome::MapCrash => Ink::Bad,
        Outcome::Sound | Outcome::Ok => Ink::Good,
        Outcome::Unproven
        | Outcome::Failed
        | Outcome::Timeout
        | Outcome::OutOfMemory
        | Outcome::Crashed => Ink::Doubt,
    }
}

fn write_group(out: &mut dyn Write, g: &Group, by: GroupBy, style: Style) -> io::Result<()> {
    let cores = count(g.cores, "core", "cores");
    let name = style.ink(Ink::Rule, &style.fit(&g.name(), TEXT));
    let new = match (g.new, by) {
        (Some(true), GroupBy::Signature) => format!("  {}", style.ink(Ink::Bad, "NEW")),
        (Some(true), _) => format!("  {}", style.ink(Ink::Bad, "with NEW bugs")),
        _ => String::new(),
    };
    match by {
        GroupBy::Signature => writeln!(out, "{cores}  {name}{new}")?,
        _ => writeln!(out, "{cores}  {} {name}{new}", by.as_str())?,
    }
    if let Some(signature) = &g.signature {
        write_signature(out, &signature.text, 2, style)?;
    }
    let field =
        |out: &mut dyn Write, label: &str, lines: &[String]| write_field(out, label, label, lines);
    field(out, "  ended", &[outcomes(&g.outcomes, style)])?;
    if let (Some(first), Some(last)) = (g.first_seen, g.last_seen) {
        let seen = match first == last {
            true => rfc3339(first),
            false => format!("{} to {}", rfc3339(first), rfc3339(last)),
        };
        field(out, "  seen", &[seen])?;
    }
    let common: Vec<String> = g
        .common
        .iter()
        .filter(|c| style.verbose || c.is_worth_a_line())
        .flat_map(|c| shared(c, g.cores, style))
        .collect();
    field(out, "  shared", &common)?;
    let paths: Vec<String> = g.examples.iter().map(|p| clean(p).into_owned()).collect();
    field(out, "  cores", &paths)?;
    let shown = u64::try_from(paths.len()).unwrap_or(u64::MAX);
    let rest = g.cores.saturating_sub(shown);
    if rest > 0 {
        writeln!(out, "{}and {}", spaces(LABEL), count(rest, "more", "more"))?;
    }
    Ok(())
}

/// The lines of a signature, each indented.
pub(crate) fn write_signature(
    out: &mut dyn Write,
    text: &str,
    indent: usize,
    style: Style,
) -> io::Result<()> {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let most = if style.verbose { usize::MAX } else { LINES };
    for line in lines.iter().take(most) {
        writeln!(out, "{}{}", spaces(indent), style.fit(line, TEXT))?;
    }
    let rest = lines.len().saturating_sub(most);
    if rest > 0 {
        let rest = count(
            u64::try_from(rest).unwrap_or(u64::MAX),
            "more line",
            "more lines",
        );
        writeln!(out, "{}and {rest}: -v shows all", spaces(indent))?;
    }
    Ok(())
}

/// `host web-7: all 12, and 1 of the other 398`.
fn shared(c: &Common, cores: u64, style: Style) -> Vec<String> {
    let value = style.fit(&c.value, TEXT);
    if cores == 1 {
        return vec![format!("{} {value}", c.of.as_str())];
    }
    let all = match (c.here == cores, c.here) {
        (true, 2) => "both".to_owned(),
        (true, n) => format!("all {}", number(n)),
        (false, 1) => "the one that tells".to_owned(),
        (false, n) => format!("all {} that tell", number(n)),
    };
    let others = match c.known.saturating_sub(c.here) {
        0 => String::new(),
        _ if c.cores == c.here => format!(
            ", and none of the other {}",
            number(c.known.saturating_sub(c.here))
        ),
        n => format!(
            ", and {} of the other {}",
            number(c.cores.saturating_sub(c.here)),
            number(n)
        ),
    };
    let text = format!("{} {value}: {all}{others}", c.of.as_str());
    if !c.stands_out() {
        return vec![text];
    }
    vec![format!("{text}  {}", style.ink(Ink::Doubt, "STANDS OUT"))]
}

fn write_without(
    out: &mut dyn Write,
    groups: &[&Group],
    by: GroupBy,
    style: Style,
) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    match by {
        GroupBy::Signature => writeln!(out, "\nwithout a signature")?,
        _ => writeln!(out, "\nof unknown {}", by.as_str())?,
    }
    for g in groups {
        match g.without {
            Some(outcome) => writeln!(
                out,
                "  {} {}",
                number(g.cores),
                style.ink(ink(outcome), outcome.as_str())
            )?,
            None => writeln!(out, "  {}", outcomes(&g.outcomes, style))?,
        }
        if let Some(error) = &g.error {
            let error = match style.verbose {
                true => error.clone(),
                false => shorten(error, TEXT),
            };
            for line in wrap(&format!("such as: {error}"), WIDTH - 4) {
                writeln!(out, "    {line}")?;
            }
        } else if let Some(first) = g
            .examples
            .first()
            .filter(|_| !matches!(g.without, Some(Outcome::Sound)))
        {
            writeln!(out, "    such as {}", clean(first))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
