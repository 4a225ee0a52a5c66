//! The table of maps, or of groups of maps, as text.
//! In: rows already chosen and sorted. Out: aligned columns; owner paths last and never shortened.

use crate::base::digits::Digits;
use crate::base::digits::decimal_width;
use crate::base::digits::hex_width;
use crate::base::size::push_size;
use crate::base::size::size_width;
use crate::report::escape::clean;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::size;
use crate::report::style::wrap;
use crate::report::table::Column;
use crate::report::table::ink;
use crate::report::table::write_heads;
use crate::report::table::write_table;
use crate::survey::listing::Selected;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::result::Survey;
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
    let wider = |mut a: Columns, b: Columns| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = (*a).max(b));
        a
    };
    // The last column is not padded, so nobody needs to know how wide it is.
    let heads = || std::array::from_fn(|i| MAPS.get(i).map_or(0, |(name, _)| columns(name)));
    let widths = maps.fold(
        heads,
        |widths, row| *widths = wider(*widths, columns_of(row, style)),
        wider,
    );
    let all: Vec<usize> = widths.into_iter().chain([0]).collect();
    write_heads(out, &MAPS, &all)?;
    maps.write_lines(out, |out, row| write_map(out, row, widths, style))
}

/// Columns of the cells of a map, but for the last.
type Columns = [usize; 7];

/// How many columns each cell of a map takes, without writing it: there may be millions of maps.
fn columns_of(row: &MapRow, style: Style) -> Columns {
    let number = |n: Option<u64>| n.map_or(1, decimal_width);
    let sign = usize::from(row.len.is_some_and(i64::is_negative));
    [
        hex_width(row.addr.0).saturating_add(2),
        number(row.len.map(i64::unsigned_abs)).saturating_add(sign),
        number(row.capacity),
        size_width(row.bytes),
        size_width(row.waste),
        columns(state_of(row)),
        columns(&style.fitted(&row.ty, TYPE)),
    ]
}

fn state_of(row: &MapRow) -> &'static str {
    row.verdict.as_ref().map_or("-", |v| v.verdict.as_str())
}

/// Writes the line of a map.
fn write_map(out: &mut Vec<u8>, row: &MapRow, widths: Columns, style: Style) -> io::Result<()> {
    const GAP: usize = 2;
    let mut rooms = widths;
    let takes = columns_of(row, style);
    rooms
        .iter_mut()
        .zip(takes)
        .for_each(|(room, takes)| *room = room.saturating_sub(takes));
    let [addr, len, capacity, bytes, waste, state, ty] = rooms;
    let number = |out: &mut Vec<u8>, n: Option<u64>| match n {
        Some(n) => out.extend_from_slice(Digits::decimal(n).bytes()),
        None => out.push(b'?'),
    };

    out.extend_from_slice(b"0x");
    out.extend_from_slice(Digits::hex(row.addr.0).bytes());
    skip(out, [addr, GAP, len]);
    if row.len.is_some_and(i64::is_negative) {
        out.push(b'-');
    }
    number(out, row.len.map(i64::unsigned_abs));
    skip(out, [GAP, capacity]);
    number(out, row.capacity);
    skip(out, [GAP, bytes]);
    push_size(out, row.bytes);
    skip(out, [GAP, waste]);
    push_size(out, row.waste);
    skip(out, [GAP]);
    match ink(state_of(row)) {
        Some(ink) if style.color => out.extend_from_slice(style.ink(ink, state_of(row)).as_bytes()),
        _ => out.extend_from_slice(state_of(row).as_bytes()),
    }
    skip(out, [state, GAP]);
    out.extend_from_slice(style.fitted(&row.ty, TYPE).as_bytes());
    skip(out, [ty, GAP]);
    write_owner(out, row, style)?;
    out.write_all(b"\n")
}

/// Writes so many spaces.
fn skip<const N: usize>(out: &mut Vec<u8>, parts: [usize; N]) {
    let n = parts.into_iter().fold(0, usize::saturating_add);
    out.resize(out.len().saturating_add(n), b' ');
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
