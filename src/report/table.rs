//! Tables: cells in aligned columns.
//! In: heads and cells. Out: lines; the last column is never padded.

use crate::check::rule::Verdict;
use crate::diff::change::Change;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::pad;
use crate::report::style::spaces;
use std::io;
use std::io::Write;

/// The head of a column: true where it holds numbers and is aligned to the right.
pub(crate) type Column = (&'static str, bool);

/// Writes lines of cells below their heads.
pub(crate) fn write_table(
    out: &mut dyn Write,
    head: &[Column],
    lines: &[Vec<String>],
    style: Style,
) -> io::Result<()> {
    let widths = widths(head, lines.iter().map(Vec::as_slice));
    write_heads(out, head, &widths)?;
    for line in lines {
        write_line(out, head, &widths, line, style)?;
    }
    Ok(())
}

/// How wide each column has to be.
pub(crate) fn widths<'l>(head: &[Column], lines: impl Iterator<Item = &'l [String]>) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|(name, _)| columns(name)).collect();
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(columns(cell));
        }
    }
    widths
}

/// Writes the heads of columns.
pub(crate) fn write_heads(
    out: &mut dyn Write,
    head: &[Column],
    widths: &[usize],
) -> io::Result<()> {
    let names: Vec<String> = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    write_line(out, head, widths, &names, Style::default())
}

/// Writes one line of cells. Words for a state are coloured.
pub(crate) fn write_line(
    out: &mut dyn Write,
    head: &[Column],
    widths: &[usize],
    cells: &[String],
    style: Style,
) -> io::Result<()> {
    let last = cells.len().saturating_sub(1);
    let mut text = String::new();
    for (i, ((cell, width), (name, right))) in cells.iter().zip(widths).zip(head).enumerate() {
        if i > 0 {
            text.push_str("  ");
        }
        if *right {
            text.push_str(&spaces(width.saturating_sub(columns(cell))));
            text.push_str(cell);
        } else if matches!(*name, "STATE" | "CHANGE") {
            text.push_str(&match ink(cell) {
                Some(ink) => style.ink_padded(ink, cell, *width),
                None => pad(cell, *width),
            });
        } else if i == last {
            text.push_str(cell);
        } else {
            text.push_str(&pad(cell, *width));
        }
    }
    writeln!(out, "{text}")
}

/// The colour of a word for a state, if it has one.
pub(crate) fn ink(state: &str) -> Option<Ink> {
    let verdicts = [
        (Verdict::Ok.as_str(), Ink::Good),
        (Verdict::Broken.as_str(), Ink::Bad),
        (Verdict::Unknown.as_str(), Ink::Doubt),
    ];
    let changes = [
        (Change::Broke.as_str(), Ink::Bad),
        (Change::Healed.as_str(), Ink::Good),
    ];
    let mut words = verdicts.into_iter().chain(changes);
    words.find(|(word, _)| *word == state).map(|(_, ink)| ink)
}
