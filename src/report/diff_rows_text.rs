//! The maps that differ between two dumps, as text: a line each, and below it what differs.
//! In: rows of a diff. Out: aligned columns with indented lines; long names lose their middle unless all is to be shown.

use crate::diff::compare::Field;
use crate::diff::compare::Value;
use crate::diff::entries::EntryChange;
use crate::diff::entries::EntryDiff;
use crate::diff::entries::EntryRow;
use crate::diff::row::Row;
use crate::diff::side::SideMap;
use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::number;
use crate::report::style::size;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::report::table::Column;
use crate::report::table::widths;
use crate::report::table::write_heads;
use crate::report::table::write_line;
use std::io;
use std::io::Write;

/// Columns of the whole table.
const TABLE: usize = 100;
/// Widest type. Owner paths are never shortened: they are what `--map` takes.
const TYPE: usize = 22;
/// Columns before what is said of a map.
const INDENT: usize = 12;
/// Widest key or elem.
const VALUE: usize = 40;

const HEAD: [Column; 5] = [
    ("CHANGE", false),
    ("BYTES", true),
    ("LEN", false),
    ("TYPE", false),
    ("OWNER", false),
];

/// Bytes gained or lost.
pub(crate) fn signed_size(n: i64) -> String {
    match n {
        0 => "0".to_owned(),
        n if n > 0 => format!("+{}", size(n.unsigned_abs())),
        n => format!("-{}", size(n.unsigned_abs())),
    }
}

/// `5`, or `5 → 7`.
pub(crate) fn from_to(old: &str, new: &str) -> String {
    if old == new {
        old.to_owned()
    } else {
        format!("{old} → {new}")
    }
}

/// Writes the maps as a table.
pub fn write_rows(out: &mut dyn Write, rows: &[Row<'_>], style: Style) -> io::Result<()> {
    let lines: Vec<Vec<String>> = rows.iter().map(|row| cells(row, style)).collect();
    let widths = widths(&HEAD, lines.iter().map(Vec::as_slice));
    write_heads(out, &HEAD, &widths)?;
    for (row, line) in rows.iter().zip(&lines) {
        write_line(out, &HEAD, &widths, line, style)?;
        write_details(out, row, style)?;
    }
    Ok(())
}

fn cells(row: &Row<'_>, style: Style) -> Vec<String> {
    let len = |m: Option<&SideMap>| match m {
        None => "-".to_owned(),
        Some(m) => m.len.map_or_else(|| "?".to_owned(), |n| n.to_string()),
    };
    let owner = |m: &SideMap| match &*m.owner {
        "" => m.addr.to_string(),
        path => path.to_owned(),
    };
    let map = row.new.filter(|m| !m.owner.is_empty() || row.old.is_none());
    let map = map.or(row.old).or(row.new);
    vec![
        row.changes.primary().as_str().to_owned(),
        row.delta.bytes.map_or_else(|| "?".to_owned(), signed_size),
        from_to(&len(row.old), &len(row.new)),
        style.fit(map.map_or("", |m| &*m.ty), TYPE),
        clean(&map.map(owner).unwrap_or_default()).into_owned(),
    ]
}

fn write_details(out: &mut dyn Write, row: &Row<'_>, style: Style) -> io::Result<()> {
    if style.verbose {
        let addr = |m: Option<&SideMap>| m.map_or("-".to_owned(), |m| m.addr.to_string());
        let how = row
            .how
            .map_or(String::new(), |h| format!(", by {}", h.as_str()));
        let words: Vec<&str> = row.changes.words().map(|c| c.as_str()).collect();
        let at = from_to(&addr(row.old), &addr(row.new));
        say(out, &format!("{at}{how}: {}", words.join(", ")))?;
    }
    for (what, rules, ink) in [
        ("broke", &row.broke, Ink::Bad),
        ("healed", &row.healed, Ink::Good),
    ] {
        if !rules.is_empty() {
            let rules: Vec<String> = rules.iter().map(|r| style.ink(Ink::Rule, r)).collect();
            let what = style.ink(ink, what);
            writeln!(out, "{}{what}: {}", spaces(INDENT), rules.join(", "))?;
        }
    }
    let fields: Vec<String> = worth(&row.fields, style).map(field).collect();
    if !fields.is_empty() {
        say(out, &fields.join(", "))?;
    }
    if let Some(entries) = row.entries {
        write_entries(out, entries, style)?;
    }
    if let Some(addr) = row.replaced_by {
        say(out, &format!("replaced by {addr}"))?;
    }
    if let Some(addr) = row.replaces {
        say(out, &format!("replaces {addr}"))?;
    }
    row.notes.iter().try_for_each(|note| say(out, note))
}

fn say(out: &mut dyn Write, text: &str) -> io::Result<()> {
    for line in wrap(text, TABLE.saturating_sub(INDENT)) {
        writeln!(out, "{}{line}", spaces(INDENT))?;
    }
    Ok(())
}

/// Fields that a reader wants: those with columns of their own are said, and where pointers lead now tells little
/// unless it is all there is.
fn worth<'f>(fields: &'f [Field<'f>], style: Style) -> impl Iterator<Item = &'f Field<'f>> {
    let pointer = |f: &Field<'_>| matches!((f.old, f.new), (Value::Pointer(_), Value::Pointer(_)));
    let said = |f: &Field<'_>| matches!(f.name, "len" | "bytes");
    let only_pointers = !fields.iter().any(|f| !pointer(f) && !said(f));
    fields
        .iter()
        .filter(move |f| style.verbose || (!said(f) && (only_pointers || !pointer(f))))
}

fn field(f: &Field<'_>) -> String {
    let text = |v: Value<'_>| match (f.name, v) {
        ("waste" | "bytes", Value::Number(n)) => size(n),
        (_, Value::Text(path)) => clean(path).into_owned(),
        _ => v.to_string(),
    };
    format!("{}: {} → {}", f.name, text(f.old), text(f.new))
}

fn write_entries(out: &mut dyn Write, e: &EntryDiff, style: Style) -> io::Result<()> {
    let mut parts = Vec::new();
    for (n, word) in [
        (e.added, "added"),
        (e.removed, "removed"),
        (e.changed, "changed"),
        (e.unknown, "not to be compared"),
    ] {
        if n > 0 {
            parts.push(format!("{} {word}", number(n)));
        }
    }
    if parts.is_empty() || style.verbose {
        parts.push(format!("{} same", number(e.same)));
    }
    say(out, &format!("keys: {}", parts.join(", ")))?;
    for row in &e.listed {
        writeln!(
            out,
            "{}{}",
            spaces(INDENT.saturating_add(2)),
            entry(row, style)
        )?;
    }
    let differ = [e.removed, e.changed, e.unknown]
        .into_iter()
        .fold(e.added, u64::saturating_add);
    let listed = u64::try_from(e.listed.len()).unwrap_or(u64::MAX);
    let rest = differ.saturating_sub(listed);
    if rest > 0 {
        writeln!(
            out,
            "{}and {} more",
            spaces(INDENT.saturating_add(2)),
            number(rest)
        )?;
    }
    Ok(())
}

fn entry(row: &EntryRow, style: Style) -> String {
    let shown = |text: &Option<String>, digest: Option<u64>| match (text, digest) {
        (Some(text), _) => style.fit(text, VALUE),
        (None, Some(d)) => format!("#{d:016x}"),
        (None, None) => "?".to_owned(),
    };
    let key = shown(&row.key_text, Some(row.key));
    let old = shown(&row.old_text, row.old_elem);
    let new = shown(&row.new_text, row.new_elem);
    let mut out = match row.change {
        EntryChange::Added => format!("+ {key} = {new}"),
        EntryChange::Removed => format!("- {key}"),
        EntryChange::Changed => format!("~ {key}: {old} → {new}"),
        EntryChange::Unknown => format!("? {key}: {old} → {new}"),
    };
    if let Some(place) = row.place.as_ref().filter(|_| style.verbose) {
        out.push_str(&format!("  at {}", clean(place)));
    }
    out
}
