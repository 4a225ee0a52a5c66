//! The table of goroutines, and one goroutine with its whole stack, as text.
//! In: goroutines, folded or not. Out: a head, a line for each fold, and what could not be read.

use crate::report::check_text::files;
use crate::report::escape::clean;
use crate::report::info_text::BODY;
use crate::report::info_text::write_crash;
use crate::report::info_text::write_process;
use crate::report::stack_text::place;
use crate::report::stack_text::state;
use crate::report::stack_text::write_stack;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::pad;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::ending::CrashInfo;
use crate::survey::fold::Fold;
use crate::survey::fold::Folded;
use crate::survey::result::GoroutineList;
use crate::survey::result::GoroutineRow;
use std::collections::HashMap;
use std::io;
use std::io::Write;

/// Columns for the numbers of the goroutines in a fold; at least one is shown.
const NUMBERS: usize = 16;
/// Numbers of goroutines with a lost stack that are listed.
const LOST: usize = 8;

/// Writes the goroutines, one line for each fold. The runtime's own are only counted unless `all` of
/// them are to be shown.
pub fn write_goroutines(
    out: &mut dyn Write,
    list: &GoroutineList,
    folded: &Folded<'_>,
    all: bool,
    style: Style,
) -> io::Result<()> {
    write_process(out, &list.process)?;
    write_crash(out, &list.crash)?;
    write_total(out, list, folded)?;
    let mut shown: Vec<&Fold<'_>> = folded.folds.iter().collect();
    if all {
        shown.extend(&folded.runtimes);
    }
    if !shown.is_empty() {
        writeln!(out)?;
        write_table(out, &shown, stopped(&list.crash), style)?;
    }
    let hidden = folded.runtimes_total();
    if !all && hidden > 0 {
        writeln!(
            out,
            "and {} of the runtime's own: -v shows them",
            number(hidden)
        )?;
    }
    write_gaps(out, list, style)?;
    let Some(first) = shown.first() else {
        return Ok(());
    };
    writeln!(out)?;
    let next = format!(
        "badmap goroutines {} --goroutine {}",
        files(&list.process),
        first.first.id
    );
    write_field(out, "next", "next", &[next])
}

/// Writes one goroutine with its whole stack.
pub fn write_goroutine(
    out: &mut dyn Write,
    list: &GoroutineList,
    row: &GoroutineRow,
    style: Style,
) -> io::Result<()> {
    write_process(out, &list.process)?;
    let mut mark = String::new();
    if list.crash.goroutine == Some(row.id) {
        write_crash(out, &list.crash)?;
        mark = format!(", {}", style.ink(Ink::Bad, stopped(&list.crash)));
    }
    writeln!(out)?;
    let thread = row.thread.map(|t| format!(", thread {t}"));
    writeln!(
        out,
        "goroutine {} [{}]{}{mark}:",
        row.id,
        state(row),
        thread.unwrap_or_default()
    )?;
    write_stack(out, row, "", style.verbose, style)?;
    if !list.gaps.is_empty() {
        writeln!(out)?;
        write_field(
            out,
            "gaps",
            &style.ink(Ink::Doubt, "gaps"),
            &lines(&list.gaps),
        )?;
    }
    Ok(())
}

/// The mark of the goroutine that the process died of. A signal that was sent to the process comes in on
/// whatever thread the kernel picks: what that thread ran has nothing to do with it.
fn stopped(crash: &CrashInfo) -> &'static str {
    match crash.source {
        Some("signal") => "the signal came in here",
        _ => "stopped the process",
    }
}

fn write_total(out: &mut dyn Write, list: &GoroutineList, folded: &Folded<'_>) -> io::Result<()> {
    let n = list.goroutines.len() as u64;
    let kinds = folded.folds.len().saturating_add(folded.runtimes.len()) as u64;
    let mut line = count(n, "goroutine", "goroutines");
    if kinds < n {
        line.push_str(&format!(
            ", {}",
            count(kinds, "different stack", "different stacks")
        ));
    }
    write_field(out, "stacks", "stacks", &[line])
}

fn write_table(
    out: &mut dyn Write,
    folds: &[&Fold<'_>],
    stopped: &str,
    style: Style,
) -> io::Result<()> {
    let head = ["N", "STATE", "GOROUTINES", "WHERE"].map(str::to_owned);
    let from = told_apart(folds, style);
    let lines: Vec<[String; 4]> = folds
        .iter()
        .zip(&from)
        .map(|(fold, from)| cells(fold, from, stopped, style))
        .collect();
    let mut widths = [0; 4];
    for line in lines.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(columns(cell));
        }
    }
    write_line(out, &head, &widths)?;
    for (i, (fold, line)) in folds.iter().zip(&lines).enumerate() {
        if style.verbose && i > 0 {
            writeln!(out)?;
        }
        write_line(out, line, &widths)?;
        if style.verbose {
            write_stack(out, fold.first, "      ", false, style)?;
        }
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, cells: &[String; 4], widths: &[usize; 4]) -> io::Result<()> {
    let [n, state, numbers, place] = cells;
    let [n_width, state_width, numbers_width, _] = widths;
    writeln!(
        out,
        "{}{n}  {}  {}  {place}",
        spaces(n_width.saturating_sub(columns(n))),
        pad(state, *state_width),
        pad(numbers, *numbers_width),
    )
}

/// For each fold what tells it from others that do the same at the same place: the innermost caller
/// that differs, or how deep its recursion is. Empty where there is nothing to tell.
fn told_apart(folds: &[&Fold<'_>], style: Style) -> Vec<String> {
    let mut alike: HashMap<(String, &SourceFrame), Vec<Caller<'_>>> = HashMap::new();
    for (at, fold) in folds.iter().enumerate() {
        let mut frames = fold.first.user_frames();
        if let Some(top) = frames.next() {
            let rest = Box::new(frames.filter(|s| s.function != top.function));
            let group = alike.entry((state(fold.first), top)).or_default();
            group.push(Caller { at, rest });
        }
    }
    let mut out = vec![String::new(); folds.len()];
    let mut groups: Vec<Vec<Caller<'_>>> = alike.into_values().collect();
    while let Some(group) = groups.pop() {
        if group.len() < 2 {
            continue;
        }
        let mut by_caller: HashMap<Option<&SourceFrame>, Vec<Caller<'_>>> = HashMap::new();
        for mut caller in group {
            by_caller
                .entry(caller.rest.next())
                .or_default()
                .push(caller);
        }
        let differ = by_caller.len() > 1;
        let depth = |c: &Caller<'_>| folds.get(c.at).map_or(0, |f| f.first.frames.len());
        for (caller, group) in by_caller {
            let first = group.first().map_or(0, depth);
            let deeper = group.iter().any(|c| depth(c) != first);
            for c in &group {
                let Some(text) = out.get_mut(c.at) else {
                    continue;
                };
                match caller {
                    Some(s) if differ => *text = format!(" from {}", place(s, style)),
                    None if deeper => {
                        text.push_str(&format!(", {} frames", number(depth(c) as u64)));
                    }
                    _ => {}
                }
            }
            if caller.is_some() {
                groups.push(group);
            }
        }
    }
    out
}

/// A fold by its position, and the callers of its innermost frame that were not looked at yet.
struct Caller<'a> {
    at: usize,
    rest: Box<dyn Iterator<Item = &'a SourceFrame> + 'a>,
}

fn cells(fold: &Fold<'_>, from: &str, stopped: &str, style: Style) -> [String; 4] {
    let row = fold.first;
    let mut does = state(row);
    let mut threads = fold.rows.iter().filter_map(|r| r.thread);
    match (threads.next(), threads.count()) {
        (None, _) => {}
        (Some(one), 0) => does.push_str(&format!(", thread {one}")),
        (Some(_), more) => {
            does.push_str(&format!(
                ", {} threads",
                number((more as u64).saturating_add(1))
            ));
        }
    }
    // Of a lost stack the outermost frame known says less than the function it began with.
    let top = row.top_user_frame();
    let lost = row.broken.is_some() && row.user_frames().next().is_none();
    let mut place = match (top.filter(|_| !lost), &row.started_with) {
        (Some(s), _) => place(s, style) + from,
        (None, Some(f)) => format!("began with {}", clean(f)),
        (None, None) => "-".to_owned(),
    };
    if row.broken.is_some() {
        place.push_str(&format!("  [{}]", style.ink(Ink::Doubt, "stack lost")));
    }
    if fold.stopped {
        place.push_str(&format!("  [{}]", style.ink(Ink::Bad, stopped)));
    }
    [number(fold.rows.len() as u64), does, numbers(fold), place]
}

/// The first numbers of a fold.
fn numbers(fold: &Fold<'_>) -> String {
    let mut text = format!("#{}", fold.first.id);
    for row in fold.rows.iter().skip(1) {
        let next = format!(" #{}", row.id);
        if columns(&text).saturating_add(columns(&next)) > NUMBERS {
            text.push_str(" …");
            break;
        }
        text.push_str(&next);
    }
    text
}

/// What could not be read, if anything.
fn write_gaps(out: &mut dyn Write, list: &GoroutineList, style: Style) -> io::Result<()> {
    let mut gaps = Vec::new();
    let lost: Vec<&GoroutineRow> = list
        .goroutines
        .iter()
        .filter(|r| r.broken.is_some())
        .collect();
    if !lost.is_empty() {
        let ids: Vec<String> = lost
            .iter()
            .take(LOST)
            .map(|r| format!("#{}", r.id))
            .collect();
        let more = if lost.len() > LOST { " …" } else { "" };
        gaps.push(format!(
            "{} not be followed to the end: {}{more}; --goroutine N says where and why",
            count(lost.len() as u64, "stack could", "stacks could"),
            ids.join(" ")
        ));
    }
    if list.unreadable > 0 {
        gaps.push(format!(
            "{} on the runtime's list could not be read",
            count(list.unreadable, "goroutine", "goroutines")
        ));
    }
    gaps.extend(list.gaps.iter().cloned());
    if gaps.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    write_field(out, "gaps", &style.ink(Ink::Doubt, "gaps"), &lines(&gaps))
}

fn lines(gaps: &[String]) -> Vec<String> {
    gaps.iter().flat_map(|g| wrap(g, BODY)).collect()
}

#[cfg(test)]
mod tests;
