//! Two dumps compared, as text.
//! In: a diff. Out: what was compared and how, the maps that differ, where the memory went, and what nobody can tell.

use crate::diff::change::Change;
use crate::diff::change::Changes;
use crate::diff::pair::Ambiguous;
use crate::diff::result::Diff;
use crate::diff::result::Exit;
use crate::diff::result::Group;
use crate::diff::result::SideTotals;
use crate::diff::row::Row;
use crate::diff::side::Side;
use crate::diff::sums::gained;
use crate::report::blame_text::duration;
use crate::report::diff_rows_text::from_to;
use crate::report::diff_rows_text::signed_size;
use crate::report::diff_rows_text::write_rows;
use crate::report::info_text::BODY;
use crate::report::info_text::go;
use crate::report::info_text::who;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::size;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::report::table::Column;
use crate::report::table::write_table;
use crate::survey::ending::CrashKind;
use crate::survey::result::Match;
use std::cmp::Reverse;
use std::io;
use std::io::Write;

/// Groups of each kind that are shown before `-v` shows all.
const GROUPS: usize = 5;
/// Columns of a build ID before `-v` shows all of it.
const BUILD_ID: usize = 22;
/// Widest owner path and type among groups.
const NAME: usize = 52;

/// Writes the result of `badmap diff`; of one map only, where that was asked for. `only`: the words that were.
pub fn write_diff(
    out: &mut dyn Write,
    diff: &Diff<'_>,
    one_map: bool,
    only: &[Change],
    style: Style,
) -> io::Result<()> {
    write_side(out, "old", diff.old, style)?;
    write_side(out, "new", diff.new, style)?;
    let notes = &diff.pairing.notes;
    for (i, note) in notes.iter().enumerate() {
        let label = if i == 0 { "paired" } else { "" };
        write_field(out, label, label, &wrap(note, BODY))?;
    }
    if !one_map {
        write_totals(out, diff, style)?;
    }
    let rows: Vec<Row<'_>> = diff.rows().collect();
    if rows.is_empty() {
        if !only.is_empty() && diff.maps_total == 0 && !diff.map_in_group {
            let which = if one_map { "it" } else { "none of them" };
            writeln!(
                out,
                "\n{which} is {}{}",
                if one_map { "not " } else { "" },
                any_of(only)
            )?;
        }
    } else {
        writeln!(out)?;
        write_rows(out, &rows, style)?;
        let listed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let rest = diff.maps_total.saturating_sub(listed);
        if rest > 0 {
            writeln!(
                out,
                "and {}: --top {} or -v shows all",
                count(rest, "more map", "more maps"),
                diff.maps_total
            )?;
        }
    }
    if one_map {
        return write_unknown(out, diff, one_map, style);
    }
    write_memory(out, ("TYPE", "type"), &diff.by_type, style)?;
    write_memory(out, ("OWNER", "owner"), &diff.by_owner, style)?;
    write_ambiguous(out, &diff.pairing.ambiguous, style)?;
    write_unknown(out, diff, one_map, style)
}

fn write_side(out: &mut dyn Write, label: &str, side: &Side, style: Style) -> io::Result<()> {
    let p = &side.process;
    let mut first = format!("{}: {}", side.file, go(p));
    if let Some(who) = who(p) {
        first.push_str(&format!(", {who}"));
    }
    if let Some(ns) = side.uptime {
        first.push_str(&format!(", up at least {}", duration(ns)));
    }
    write_field(out, label, label, &wrap(&first, BODY))?;
    let build = p.core_build_id.as_deref().unwrap_or("not known");
    let build = style.fit(build, BUILD_ID);
    let form = if side.is_snapshot { "snapshot" } else { "core" };
    let entries = match &*side.entries {
        "none" | "" => "no entries",
        "clear" => "entries in clear",
        _ => "entries as digests",
    };
    let doubt = match p.matched {
        Match::Yes => "",
        Match::Unverified => ", NOT VERIFIED",
        Match::Mismatch => ", NOT THE BINARY'S: trust nothing below blindly",
    };
    let second = format!("build ID {build}{doubt}, {form}, {entries}");
    write_field(out, "", "", &wrap(&second, BODY))?;
    let ending = match &side.crash {
        (CrashKind::None, _) => "dumped alive".to_owned(),
        (kind, Some(message)) => format!("crash ({}): {message}", kind.as_str()),
        (kind, None) => format!("crash ({})", kind.as_str()),
    };
    write_field(out, "", "", &wrap(&ending, BODY))
}

fn write_totals(out: &mut dyn Write, diff: &Diff<'_>, style: Style) -> io::Result<()> {
    let (old, new) = (&diff.old_totals, &diff.new_totals);
    let both = |get: fn(&SideTotals) -> u64| from_to(&number(get(old)), &number(get(new)));
    let things = |get: fn(&SideTotals) -> u64, one: &str, many: &str| {
        let word = if get(old) == 1 && get(new) == 1 {
            one
        } else {
            many
        };
        format!("{} {word}", both(get))
    };
    let bytes = |get: fn(&SideTotals) -> u64| {
        let (o, n) = (get(old), get(new));
        let sizes = from_to(&size(o), &size(n));
        match gained(o, n) {
            0 => sizes,
            more => format!("{sizes} ({})", signed_size(more)),
        }
    };
    let mut lines = vec![
        format!(
            "{}, {}",
            things(|t| t.live.maps, "map", "maps"),
            things(|t| t.live.entries, "entry", "entries")
        ),
        bytes(|t| t.live.bytes),
        format!("of these empty: {}", bytes(|t| t.live.waste)),
    ];
    if old.garbage.maps > 0 || new.garbage.maps > 0 {
        lines.push(format!(
            "garbage maps, which are not compared: {}, {}",
            both(|t| t.garbage.maps),
            bytes(|t| t.garbage.bytes)
        ));
    }
    write_field(out, "maps", "maps", &lines)?;
    let words: Vec<String> = diff
        .counts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(c, n)| format!("{} {}", number(*n), inked(*c, style)))
        .collect();
    let mut said = words.join(", ");
    let groups = u64::try_from(diff.pairing.ambiguous.len()).unwrap_or(u64::MAX);
    if groups > 0 {
        let groups = count(groups, "group", "groups");
        said = format!("{}{groups} not told apart", joined(&said));
    }
    let same = diff.count(Change::Same);
    match diff.exit {
        Exit::Same if said.is_empty() => said = "no map on either side".to_owned(),
        Exit::Same if diff.listed.is_empty() => {
            let all = count(same, "map is", "maps are");
            said = format!("none: {all} {}", style.ink(Ink::Good, "the same"));
        }
        Exit::Unsure => said = format!("{}nothing else differs", joined(&said)),
        Exit::Same | Exit::Differs => {}
    }
    write_field(out, "changes", "changes", &[said])
}

/// `broke`, `broke or grew`, `broke, grew or shrank`.
fn any_of(words: &[Change]) -> String {
    let words: Vec<&str> = words.iter().map(|c| c.as_str()).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn joined(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!("{said}, ")
    }
}

fn inked(change: Change, style: Style) -> String {
    match change {
        Change::Broke => style.ink(Ink::Bad, change.as_str()),
        Change::Healed => style.ink(Ink::Good, change.as_str()),
        Change::Unknown => style.ink(Ink::Doubt, "that could not be compared"),
        Change::Tombstones => "filled with tombstones".to_owned(),
        _ => change.as_str().to_owned(),
    }
}

fn write_memory(
    out: &mut dyn Write,
    (head, one): (&'static str, &str),
    groups: &[Group],
    style: Style,
) -> io::Result<()> {
    let moved = groups.iter().filter(|g| g.bytes() != 0).count();
    if moved == 0 {
        return Ok(());
    }
    let mut shown: Vec<&Group> = groups.iter().filter(|g| g.bytes() != 0).collect();
    if !style.verbose {
        shown.sort_by_key(|g| Reverse(g.bytes().unsigned_abs()));
        shown.truncate(GROUPS);
        shown.sort_by_key(|g| Reverse(g.bytes()));
    }
    let lines: Vec<Vec<String>> = shown
        .iter()
        .map(|g| {
            vec![
                signed_size(g.bytes()),
                from_to(&number(g.old.maps), &number(g.new.maps)),
                from_to(&number(g.old.entries), &number(g.new.entries)),
                style.fit(&g.name, NAME),
            ]
        })
        .collect();
    let heads: [Column; 4] = [
        ("BYTES", true),
        ("MAPS", false),
        ("ENTRIES", false),
        (head, false),
    ];
    writeln!(out)?;
    write_table(out, &heads, &lines, style)?;
    let rest = moved.saturating_sub(shown.len());
    if rest > 0 {
        let one = format!("more {one}");
        let rest = count(
            u64::try_from(rest).unwrap_or(u64::MAX),
            &one,
            &format!("{one}s"),
        );
        writeln!(out, "and {rest}: -v shows all")?;
    }
    Ok(())
}

fn write_ambiguous(out: &mut dyn Write, groups: &[Ambiguous], style: Style) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<&Ambiguous> = groups.iter().collect();
    if !style.verbose {
        let moved = |a: &Ambiguous| gained(a.old.bytes, a.new.bytes).unsigned_abs();
        shown.sort_by_key(|a| (Reverse(moved(a)), Reverse(a.new.bytes.max(a.old.bytes))));
        shown.truncate(GROUPS);
    }
    let lines: Vec<Vec<String>> = shown
        .iter()
        .map(|a| {
            vec![
                from_to(&number(a.old.maps), &number(a.new.maps)),
                from_to(&number(a.old.entries), &number(a.new.entries)),
                from_to(&size(a.old.bytes), &size(a.new.bytes)),
                style.fit(&a.owner, 32),
                style.fit(&a.ty, 24),
            ]
        })
        .collect();
    let heads: [Column; 5] = [
        ("MAPS", false),
        ("ENTRIES", false),
        ("BYTES", false),
        ("OWNER", false),
        ("TYPE", false),
    ];
    writeln!(out)?;
    writeln!(
        out,
        "not told apart: maps of one owner path and type between two processes"
    )?;
    write_table(out, &heads, &lines, style)?;
    let rest = groups.len().saturating_sub(shown.len());
    if rest > 0 {
        let rest = u64::try_from(rest).unwrap_or(u64::MAX);
        let rest = count(rest, "more group", "more groups");
        writeln!(out, "and {rest}: -v shows all")?;
    }
    Ok(())
}

/// What could not be compared, and what would help.
fn write_unknown(
    out: &mut dyn Write,
    diff: &Diff<'_>,
    one_map: bool,
    style: Style,
) -> io::Result<()> {
    let mut lines = Vec::new();
    let mut add = |text: &str| lines.extend(wrap(text, BODY));
    // Of one map, what is said is of that alone.
    let listed = |c| diff.listed.iter().filter(|l| l.changes.has(c)).count();
    let of = |c| match one_map {
        true => u64::try_from(listed(c)).unwrap_or(u64::MAX),
        false => diff.count(c),
    };
    if diff.map_in_group {
        add(
            "it is one of several maps that cannot be told apart: the diff of all maps has their sums",
        );
    }
    let unknown = of(Change::Unknown);
    if unknown > 0 {
        let maps = count(unknown, "map", "maps");
        add(&format!(
            "the contents of {maps} could not be compared: len and header are the same"
        ));
    }
    for (which, side) in [("OLD", diff.old), ("NEW", diff.new)] {
        if side.gaps_total > 0 {
            let places = count(side.gaps_total, "place", "places");
            add(&format!(
                "maps may be missing in {which}: the search could not look at {places}"
            ));
        }
    }
    let content_differs = Changes::of(&[
        Change::Grew,
        Change::Shrank,
        Change::Tombstones,
        Change::Changed,
        Change::Broke,
        Change::Unknown,
    ]);
    let would_help = content_differs.words().any(|c| of(c) > 0);
    let (a, b) = (&diff.old.key_id, &diff.new.key_id);
    let entries = |side: &Side| !matches!(&*side.entries, "none" | "");
    if would_help && a.is_some() && b.is_some() && a != b {
        add(
            "the digests were made with different keys: make both with one --digest-key-file, and contents can be \
             compared",
        );
    } else if would_help && !(entries(diff.old) && entries(diff.new)) {
        add("snapshots with --entries digest name the keys that came and went");
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    write_field(out, "unknown", &style.ink(Ink::Doubt, "unknown"), &lines)
}

#[cfg(test)]
mod tests;
