//! The table of maps, or of groups of maps, as text.
//! In: rows already chosen and sorted. Out: aligned columns; owner paths last and never shortened.

use crate::check::rule::Verdict;
use crate::diff::change::Change;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::pad;
use crate::report::style::size;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::survey::listing::Selected;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::result::Survey;
use std::borrow::Cow;
use std::io;
use std::io::Write;

/// Widest column of types; longer ones lose their middle.
const TYPE: usize = 32;

/// Totals over the maps of one type, or of one owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The type, or the owner path with elements folded to `[*]`.
    pub name: String,
    /// Maps in the group.
    pub maps: u64,
    /// Their entries, as the headers claim.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, bytes of slots that hold no entry.
    pub waste: u64,
    /// How many of them are broken; `None` if they were not judged.
    pub broken: Option<u64>,
}

/// The head of a column: true where it holds numbers and is aligned to the right.
pub(crate) type Column = (&'static str, bool);

/// The columns of a list of maps.
const MAPS: [Column; 8] = [
    ("ADDR", false),
    ("LEN", true),
    ("CAP", true),
    ("BYTES", true),
    ("WASTE", true),
    ("STATE", false),
    ("TYPE", false),
    ("OWNER", false),
];

/// Writes the maps as a table.
pub fn write_list(out: &mut dyn Write, maps: Selected<'_>, style: Style) -> io::Result<()> {
    let wider = |a: Vec<usize>, b: Vec<usize>| a.iter().zip(&b).map(|(a, b)| *a.max(b)).collect();
    // The last column is not padded, so nobody needs to know how wide it is.
    let widths = maps.fold(
        || widths(&MAPS, std::iter::empty()),
        |widths, row| {
            for (width, cell) in widths.iter_mut().zip(numbers_of(row, style)) {
                *width = (*width).max(columns(&cell));
            }
        },
        wider,
    );
    write_heads(out, &MAPS, &widths)?;
    maps.write_lines(out, |out, row| write_map(out, row, &widths, style))
}

/// Writes the line of a map. There may be millions of them, so nothing is put together first that can be written.
fn write_map(out: &mut Vec<u8>, row: &MapRow, widths: &[usize], style: Style) -> io::Result<()> {
    for (((name, right), cell), width) in MAPS.iter().zip(numbers_of(row, style)).zip(widths) {
        let room = width.saturating_sub(columns(&cell));
        if *right {
            out.resize(out.len().saturating_add(room), b' ');
        }
        match ink(&cell).filter(|_| *name == "STATE") {
            Some(ink) => out.extend_from_slice(style.ink(ink, &cell).as_bytes()),
            None => out.extend_from_slice(cell.as_bytes()),
        }
        let room = if *right { 0 } else { room };
        out.resize(out.len().saturating_add(room).saturating_add(2), b' ');
    }
    write_owner(out, row, style)?;
    out.write_all(b"\n")
}

/// The cells of a map, but for the last.
fn numbers_of(row: &MapRow, style: Style) -> [Cow<'_, str>; 7] {
    let number = |n: Option<u64>| n.map_or(Cow::Borrowed("?"), |n| n.to_string().into());
    [
        row.addr.to_string().into(),
        row.len.map_or(Cow::Borrowed("?"), |n| n.to_string().into()),
        number(row.capacity),
        size(row.bytes).into(),
        size(row.waste).into(),
        row.verdict
            .as_ref()
            .map_or("-", |v| v.verdict.as_str())
            .into(),
        style.fitted(&row.ty, TYPE),
    ]
}

/// Writes the last cell: the owner, and what is to be known beside the numbers.
fn write_owner(out: &mut Vec<u8>, row: &MapRow, style: Style) -> io::Result<()> {
    match row.owner.as_str() {
        "" => out.push(b'-'),
        owner => out.extend_from_slice(clean(owner).as_bytes()),
    }
    let mut begin = "  [";
    marks(row, |mark| {
        out.extend_from_slice(begin.as_bytes());
        out.extend_from_slice(mark.as_bytes());
        begin = ", ";
    });
    if begin != "  [" {
        out.push(b']');
    }
    if style.verbose {
        let ways = row.found_by.join("+");
        write!(out, "  {} by {ways}, {}", row.kind, row.reachable)?;
    }
    Ok(())
}

/// What a reader has to know of a row beside its columns: its flags, and how it was found where that is
/// anything but a package variable with a type.
fn marks(row: &MapRow, mut each: impl FnMut(&str)) {
    row.flags.iter().for_each(|flag| each(flag));
    if row.reachable != "reachable" {
        each(row.reachable);
    }
    match row.type_candidates.len() {
        0 if row.type_sure != "typed" => each(&format!("type {}", row.type_sure)),
        0 => {}
        n => each(&format!("type {}: one of {n}", row.type_sure)),
    }
}

/// Writes the groups as a table; `what` heads the column of names.
pub fn write_groups(
    out: &mut dyn Write,
    what: &'static str,
    groups: &[Group],
    style: Style,
) -> io::Result<()> {
    let head = [
        ("MAPS", true),
        ("ENTRIES", true),
        ("BYTES", true),
        ("WASTE", true),
        ("BROKEN", true),
        (what, false),
    ];
    let lines: Vec<Vec<String>> = groups
        .iter()
        .map(|g| {
            vec![
                number(g.maps),
                number(g.entries),
                size(g.bytes),
                size(g.waste),
                g.broken.map_or_else(|| "-".to_owned(), number),
                clean(&g.name).into_owned(),
            ]
        })
        .collect();
    write_table(out, &head, &lines, style)
}

/// Says behind the table what of the core it does not cover.
pub fn write_list_end(out: &mut dyn Write, survey: &Survey, style: Style) -> io::Result<()> {
    if survey.process.matched == Match::Mismatch {
        writeln!(out)?;
        writeln!(
            out,
            "DOUBTFUL: the binary is another build than the core's (--allow-mismatch)"
        )?;
    }
    if survey.find_gaps_total == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let places = count(survey.find_gaps_total, "place", "places");
    writeln!(
        out,
        "maps may be missing: the search could not look at {places}"
    )?;
    let shown = if style.verbose {
        survey.find_gaps.len()
    } else {
        3
    };
    for gap in survey.find_gaps.iter().take(shown) {
        for line in wrap(gap, 78) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

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

fn ink(state: &str) -> Option<Ink> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::survey::samples::screens;
    use insta::assert_snapshot;

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("a Vec takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    fn all(survey: &Survey) -> Vec<u32> {
        (0..).zip(&survey.maps).map(|(i, _)| i).collect()
    }

    #[test]
    fn maps_stand_in_columns() {
        let survey = screens::broken_classic();
        let order = all(&survey);
        let rows = Selected {
            rows: &survey.maps,
            order: &order,
        };
        assert_snapshot!(text(|out| write_list(out, rows, Style::default())));
        assert_snapshot!(text(|out| write_list(
            out,
            rows,
            Style {
                verbose: true,
                color: false
            }
        )));
    }

    #[test]
    fn groups_stand_in_columns() {
        let groups = [
            Group {
                name: "map[string]int".into(),
                maps: 1_234,
                entries: 5,
                bytes: 1 << 21,
                waste: 99,
                broken: Some(1),
            },
            Group {
                name: "map[a\u{1b}]int".into(),
                maps: 1,
                entries: 12_345,
                bytes: 48,
                waste: 0,
                broken: Some(0),
            },
        ];
        assert_snapshot!(text(|out| write_groups(
            out,
            "TYPE",
            &groups,
            Style::default()
        )));
    }

    #[test]
    fn an_incomplete_list_says_so() {
        assert_snapshot!(text(|out| write_list_end(
            out,
            &screens::truncated(),
            Style::default()
        )));
        assert_eq!(
            text(|out| write_list_end(out, &screens::broken_classic(), Style::default())),
            ""
        );
    }

    #[test]
    fn hostile_names_are_escaped() {
        let survey = screens::hostile();
        let order = all(&survey);
        let rows = Selected {
            rows: &survey.maps,
            order: &order,
        };
        let text = text(|out| {
            write_list(
                out,
                rows,
                Style {
                    verbose: true,
                    color: false,
                },
            )
        });
        assert!(
            !text.chars().any(|c| c != '\n' && c.is_control()),
            "{text:?}"
        );
    }
}
