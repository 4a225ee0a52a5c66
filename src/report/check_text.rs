//! The first screen: what was opened, the crash, the verdict, what to do next.
//! In: a survey and its totals. Out: about 20 lines, however large the core; everything with `-v`.
//! One screen, one file: its parts share the budget of lines.

use crate::base::addr::Addr;
use crate::cause::explain::Class;
use crate::cause::explain::Clobbered;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::check::rule::Severity;
use crate::check::rule::Verdict;
use crate::report::blame_text::write_blame;
use crate::report::escape::clean;
use crate::report::info_text::BODY;
use crate::report::info_text::write_crash;
use crate::report::info_text::write_process;
use crate::report::style::Ink;
use crate::report::style::LABEL;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::count;
use crate::report::style::number;
use crate::report::style::pad;
use crate::report::style::shell_word;
use crate::report::style::shorten;
use crate::report::style::size;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::survey::ending::CrashInfo;
use crate::survey::result::BinaryFrom;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::result::ProcessInfo;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use std::io;
use std::io::Write;

/// Broken maps shown before the rest is only counted.
const BROKEN: usize = 8;

/// Maps with warnings, maps of unknown verdict and gaps in the search, shown likewise.
const OTHERS: usize = 3;

/// Columns of a rule's id in the list of findings.
const RULE: usize = 15;

/// A map and what the rules say of it.
type Judged<'s> = (&'s MapRow, &'s MapVerdict);

/// Writes the result of `badmap check`.
pub fn write_check(
    out: &mut dyn Write,
    survey: &Survey,
    totals: &Totals,
    style: Style,
) -> io::Result<()> {
    write_process(out, &survey.process)?;
    write_crash(out, &survey.crash)?;
    write_blame(out, &survey.crash, style)?;
    write_totals(out, survey, totals, style)?;

    let judged = || {
        survey
            .maps
            .iter()
            .filter_map(|row| Some((row, row.verdict.as_ref()?)))
    };
    let broken: Vec<Judged<'_>> = judged()
        .filter(|(_, v)| v.verdict == Verdict::Broken)
        .collect();
    let unknown: Vec<Judged<'_>> = judged()
        .filter(|(_, v)| v.verdict == Verdict::Unknown)
        .collect();
    let warned: Vec<Judged<'_>> = judged()
        .filter(|(_, v)| v.verdict != Verdict::Broken && suspicious(v))
        .collect();

    let of_crash = named(&survey.crash);
    write_findings(out, ("BROKEN", Ink::Bad), &broken, BROKEN, of_crash, style)?;
    write_findings(
        out,
        ("warning", Ink::Doubt),
        &warned,
        OTHERS,
        of_crash,
        style,
    )?;
    write_unknown(out, &unknown, style)?;
    write_find_gaps(out, survey, style)?;
    write_next(out, survey, &broken, &warned)
}

/// Writes the result of `badmap check --crash-only`.
pub fn write_crash_only(out: &mut dyn Write, survey: &Survey, style: Style) -> io::Result<()> {
    let (process, crash) = (&survey.process, &survey.crash);
    write_process(out, process)?;
    write_crash(out, crash)?;
    write_blame(out, crash, style)?;
    let broken: Vec<Judged<'_>> = survey
        .maps
        .iter()
        .filter_map(|row| Some((row, row.verdict.as_ref()?)))
        .filter(|(_, v)| v.verdict == Verdict::Broken)
        .collect();
    write_findings(
        out,
        ("BROKEN", Ink::Bad),
        &broken,
        BROKEN,
        named(crash),
        style,
    )?;
    if process.dwarf == 0 {
        return write_unstripped(out);
    }
    let rest = "the others were not looked for (--crash-only)";
    write_field(out, "maps", "maps", &[rest.to_owned()])?;
    writeln!(out)?;
    let mut lines = vec![format!("badmap check {}", files(process))];
    let map = crash.blame.as_ref().and_then(|b| b.map.as_ref());
    if let Some(m) = map.filter(|m| !m.addr.is_nil()) {
        lines.push(show_command(process, m.addr));
    }
    write_field(out, "next", "next", &lines)
}

/// The map that the crash part has named already.
fn named(crash: &CrashInfo) -> Option<Addr> {
    let blame = crash.blame.as_ref().filter(|_| crash.kind.about_map())?;
    blame.map.as_ref().map(|m| m.addr)
}

fn suspicious(v: &MapVerdict) -> bool {
    v.findings.iter().any(|f| f.severity >= Severity::Warning)
}

fn write_totals(out: &mut dyn Write, survey: &Survey, t: &Totals, style: Style) -> io::Result<()> {
    let line = if t.total == 0 {
        "none found".to_owned()
    } else if t.sound == t.total {
        format!(
            "{} checked, all {}",
            number(t.total),
            style.ink(Ink::Good, "sound")
        )
    } else {
        let part = |n: u64, ink: Ink, word: &str| {
            let word = if n == 0 {
                word.to_owned()
            } else {
                style.ink(ink, word)
            };
            format!("{} {word}", number(n))
        };
        format!(
            "{} checked: {}, {}, {}",
            number(t.total),
            part(t.sound, Ink::Good, "sound"),
            part(t.broken, Ink::Bad, "broken"),
            part(t.unknown, Ink::Doubt, "unknown"),
        )
    };
    let mut more = format!(
        "{}, {}",
        count(t.entries, "entry", "entries"),
        size(t.bytes)
    );
    if t.mid_write > 0 {
        more.push_str(&format!(", {} mid-write", number(t.mid_write)));
    }
    write_field(out, "maps", "maps", &[line, more])?;
    write_writers(out, survey, style)?;
    if survey.crash.kind.about_map() && t.broken == 0 && t.total > 0 {
        write_field(
            out,
            "",
            "",
            &wrap(
                "no damage found, but the crash is about a map: exit code 1",
                BODY,
            ),
        )?;
    }
    Ok(())
}

/// The maps that are being written, and by whom if that is known: a few, all of them with `-v`.
fn write_writers(out: &mut dyn Write, survey: &Survey, style: Style) -> io::Result<()> {
    // The map of the crash has its lines already.
    let of_crash = named(&survey.crash);
    let writing = || {
        let maps = survey.maps.iter();
        maps.filter(|m| m.flags.contains(&"mid-write") && Some(m.addr) != of_crash)
    };
    let most = if style.verbose { usize::MAX } else { OTHERS };
    for row in writing().take(most) {
        let hands = &row.hands;
        let who = match hands.writers.first() {
            Some(h) => {
                let op = h.function.rsplit('.').next().unwrap_or(&h.function);
                format!("goroutine {} is in {op}", h.goroutine)
            }
            None if hands.is_nobody_writing() => "write flag set, but by nobody".to_owned(),
            None if hands.cloning => "written by maps.Clone".to_owned(),
            None => "written, not known by whom".to_owned(),
        };
        let owner = if row.owner.is_empty() {
            &row.ty
        } else {
            &row.owner
        };
        let line = format!("{who}: {} {owner}", row.addr);
        write_field(out, "", "", &[style.fit(&line, BODY)])?;
    }
    let rest = writing().count().saturating_sub(most);
    if rest > 0 {
        let rest = number(u64::try_from(rest).unwrap_or(u64::MAX));
        write_field(out, "", "", &[format!("and {rest} more are being written")])?;
    }
    Ok(())
}

/// How many findings of each map fit, so that the whole stays about one screen.
fn lines_each(maps: usize, style: Style) -> usize {
    match maps {
        _ if style.verbose => usize::MAX,
        0 | 1 => 5,
        2 => 3,
        3 | 4 => 2,
        _ => 1,
    }
}

fn write_findings(
    out: &mut dyn Write,
    (label, ink): (&str, Ink),
    maps: &[Judged<'_>],
    most: usize,
    of_crash: Option<Addr>,
    style: Style,
) -> io::Result<()> {
    if maps.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let shown = if style.verbose {
        maps.len()
    } else {
        maps.len().min(most)
    };
    let each = lines_each(maps.len(), style);
    for (row, verdict) in maps.iter().take(shown) {
        write_field(
            out,
            label,
            &style.ink(ink, label),
            &title(row, each > 1, style),
        )?;
        write_map_findings(out, verdict, each, style)?;
        // The cause of the crash has been said.
        if Some(row.addr) != of_crash || style.verbose {
            write_causes(out, row, each, style)?;
        }
    }
    write_rest(
        out,
        maps.len().saturating_sub(shown),
        if ink == Ink::Bad {
            "broken"
        } else {
            "suspicious"
        },
    )
}

fn write_rest(out: &mut dyn Write, rest: usize, word: &str) -> io::Result<()> {
    if rest == 0 {
        return Ok(());
    }
    let noun = if rest == 1 { "map" } else { "maps" };
    let rest = number(u64::try_from(rest).unwrap_or(u64::MAX));
    write_field(
        out,
        "",
        "",
        &[format!("and {rest} more {word} {noun}: -v shows all")],
    )
}

/// Address, type and owner: in one line, or with the owner in a second one where there is room for it.
fn title(row: &MapRow, roomy: bool, style: Style) -> Vec<String> {
    let addr = row.addr.to_string();
    let mark = if row.flags.contains(&"mid-write") {
        "  [mid-write]"
    } else {
        ""
    };
    let owner = if row.owner.is_empty() {
        "(no owner found)"
    } else {
        &row.owner
    };
    let ty = if style.verbose {
        row.ty.clone()
    } else {
        without_paths(&row.ty)
    };
    let room = BODY
        .saturating_sub(columns(&addr))
        .saturating_sub(columns(mark))
        .saturating_sub(4);
    let fits = columns(&ty).saturating_add(columns(owner)) <= room;
    if roomy && !fits {
        let first = format!("{addr}  {}{mark}", style.fit(&ty, room.saturating_add(2)));
        return vec![first, style.fit(owner, BODY)];
    }
    let ty = style.fit(
        &ty,
        room.saturating_sub(columns(owner))
            .max(room.saturating_mul(2) / 5),
    );
    let owner = style.fit(owner, room.saturating_sub(columns(&ty)));
    vec![format!("{addr}  {ty}  {owner}{mark}")]
}

/// A type's name with packages by their last element, as Go source says them.
fn without_paths(ty: &str) -> String {
    let mut out = String::with_capacity(ty.len());
    let mut word = 0;
    for c in ty.chars() {
        if c == '/' {
            out.truncate(word);
            continue;
        }
        out.push(c);
        if !c.is_alphanumeric() && !"._-~%".contains(c) {
            word = out.len();
        }
    }
    out
}

/// The findings worth the room: one of each rule before a second of any, errors before warnings.
fn choose(verdict: &MapVerdict) -> Vec<&Finding> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let mut ranked: Vec<(usize, std::cmp::Reverse<Severity>, &Finding)> = Vec::new();
    for f in &verdict.findings {
        let nth = match seen.iter_mut().find(|(rule, _)| *rule == f.rule) {
            Some((_, n)) => {
                *n = n.saturating_add(1);
                *n
            }
            None => {
                seen.push((f.rule, 0));
                0
            }
        };
        ranked.push((nth, std::cmp::Reverse(f.severity), f));
    }
    ranked.sort_by_key(|(nth, severity, _)| (*nth, *severity));
    ranked.into_iter().map(|(_, _, f)| f).collect()
}

fn write_map_findings(
    out: &mut dyn Write,
    verdict: &MapVerdict,
    each: usize,
    style: Style,
) -> io::Result<()> {
    let chosen = choose(verdict);
    let shown = chosen.len().min(each);
    let hidden = verdict
        .findings_total
        .saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    let room = BODY.saturating_sub(RULE);
    for f in chosen.iter().take(shown) {
        let said = format!("{}: claimed {}, found {}", f.place, f.claimed, f.found);
        let rule = style.ink_padded(Ink::Rule, f.rule, RULE);
        if each == 1 {
            let more = if hidden > 0 {
                format!("  +{} more", number(hidden))
            } else {
                String::new()
            };
            let said = brief(f, &said, room.saturating_sub(columns(&more)));
            writeln!(out, "{}{rule}{said}{more}", spaces(LABEL))?;
            continue;
        }
        for (i, line) in wrap(&said, room).iter().enumerate() {
            let head = if i == 0 { rule.clone() } else { spaces(RULE) };
            writeln!(out, "{}{head}{line}", spaces(LABEL))?;
        }
    }
    if hidden > 0 && each != 1 {
        let mut rules: Vec<&str> = Vec::new();
        for f in chosen.iter().skip(shown) {
            if !rules.contains(&f.rule) {
                rules.push(f.rule);
            }
        }
        let more = pad(&format!("+{} more", number(hidden)), RULE);
        writeln!(
            out,
            "{}{more}{}",
            spaces(LABEL),
            shorten(&rules.join(", "), room)
        )?;
    }
    Ok(())
}

/// What probably broke the map: one line, all that was weighed with `-v`; nothing where maps are many.
fn write_causes(out: &mut dyn Write, row: &MapRow, each: usize, style: Style) -> io::Result<()> {
    let most = match (style.verbose, each) {
        (true, _) => usize::MAX,
        (false, 1) => 0,
        (false, _) => 1,
    };
    for (i, c) in row.causes.iter().take(most).enumerate() {
        let how = match c.class {
            Class::Unknown => String::new(),
            _ => format!("{} %, explains {} of {}: ", c.percent, c.explains, c.of),
        };
        let head = if i == 0 { "cause" } else { "or" };
        let said = format!("{} ({how}{})", c.class.as_str(), c.text);
        for (n, line) in wrap(&said, BODY.saturating_sub(RULE)).iter().enumerate() {
            let head = if n == 0 { head } else { "" };
            writeln!(out, "{}{}{line}", spaces(LABEL), pad(head, RULE))?;
        }
        if style.verbose {
            for w in &c.words {
                writeln!(out, "{}{}", spaces(LABEL.saturating_add(RULE)), Told(w))?;
            }
        }
    }
    Ok(())
}

/// Says what a clobbered word is.
struct Told<'w>(&'w Clobbered);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let w = self.0;
        write!(f, "{} {} at {}", w.looks.as_str(), w.what, w.addr)?;
        if let Some(claimed) = w.claimed {
            write!(f, ": {claimed:#x}")?;
        }
        if let Some(would_be) = w.would_be {
            write!(f, ", would be {would_be:#x}")?;
        } else if let Some(bit) = w.bit {
            write!(f, ", bit {bit}")?;
        }
        Ok(())
    }
}

/// A finding on one line: all of it where it fits, else the place and what was found there; the
/// place is always whole.
fn brief(f: &Finding, said: &str, room: usize) -> String {
    let said = clean(said);
    if columns(&said) <= room {
        return said.into_owned();
    }
    let short = format!("{}: {}", f.place, f.found);
    let short = clean(&short);
    if columns(&short) <= room {
        return short.into_owned();
    }
    let kept: String = short.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn write_unknown(out: &mut dyn Write, maps: &[Judged<'_>], style: Style) -> io::Result<()> {
    if maps.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let shown = if style.verbose {
        maps.len()
    } else {
        maps.len().min(OTHERS)
    };
    for (row, verdict) in maps.iter().take(shown) {
        let lines = title(row, style.verbose, style);
        write_field(out, "unknown", &style.ink(Ink::Doubt, "unknown"), &lines)?;
        if style.verbose {
            row.gaps
                .iter()
                .try_for_each(|gap| write_field(out, "", "", &wrap(gap, BODY)))?;
            let rest = row
                .gaps_total
                .saturating_sub(u64::try_from(row.gaps.len()).unwrap_or(u64::MAX));
            if rest > 0 {
                write_field(
                    out,
                    "",
                    "",
                    &[format!("and {}", count(rest, "more gap", "more gaps"))],
                )?;
            }
        } else if let Some(gap) = row.gaps.first() {
            let rest = row.gaps_total.saturating_sub(1);
            let more = if rest > 0 {
                format!("  +{} more", number(rest))
            } else {
                String::new()
            };
            let gap = shorten(gap, BODY.saturating_sub(columns(&more)));
            write_field(out, "", "", &[gap + &more])?;
        }
        if (row.gaps.is_empty() || style.verbose) && !verdict.unknown_rules.is_empty() {
            write_field(
                out,
                "",
                "",
                &wrap(
                    &format!("undecided: {}", verdict.unknown_rules.join(", ")),
                    BODY,
                ),
            )?;
        }
    }
    write_rest(out, maps.len().saturating_sub(shown), "unknown")
}

fn write_find_gaps(out: &mut dyn Write, survey: &Survey, style: Style) -> io::Result<()> {
    if survey.find_gaps_total == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let all = survey.find_gaps.len();
    let shown = if style.verbose { all } else { all.min(OTHERS) };
    let mut lines = vec!["maps may be missing: the search could not look everywhere".to_owned()];
    lines.extend(
        survey
            .find_gaps
            .iter()
            .take(shown)
            .flat_map(|gap| wrap(gap, BODY)),
    );
    let more = survey
        .find_gaps_total
        .saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    if more > 0 {
        lines.push(format!("and {}", count(more, "more place", "more places")));
    }
    write_field(out, "gaps", &style.ink(Ink::Doubt, "gaps"), &lines)
}

fn write_next(
    out: &mut dyn Write,
    survey: &Survey,
    broken: &[Judged<'_>],
    warned: &[Judged<'_>],
) -> io::Result<()> {
    let p = &survey.process;
    if p.dwarf == 0 {
        return write_unstripped(out);
    }
    writeln!(out)?;
    let mut lines = Vec::new();
    if let Some((row, verdict)) = broken.first().or(warned.first()) {
        if let Some(f) = choose(verdict).first() {
            lines.push(format!("badmap explain {}", f.rule));
        }
        lines.push(show_command(p, row.addr));
    } else if survey.crash.kind.about_map() {
        // The map is whole, as the runtime stopped in time: who was at work on it is what there is to know.
        if let Some(id) = survey.crash.goroutine {
            lines.push(format!("badmap goroutines {} --goroutine {id}", files(p)));
        }
        let blame = survey.crash.blame.as_ref();
        if let Some(other) = blame.and_then(|b| b.parties.first()) {
            lines.push(format!(
                "badmap goroutines {} --goroutine {}",
                files(p),
                other.goroutine
            ));
        }
        let map = blame
            .and_then(|b| b.map.as_ref())
            .filter(|m| !m.addr.is_nil());
        if let Some(m) = map {
            lines.push(show_command(p, m.addr));
        }
    } else {
        lines.push(format!("badmap list {} --sort bytes --top 10", files(p)));
    }
    if p.missing_bytes > 0 {
        lines.push(
            "a whole core would prove more: ulimit -c unlimited, room on the disk".to_owned(),
        );
    }
    write_field(out, "next", "next", &lines)
}

/// What to do about a binary without DWARF.
fn write_unstripped(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    let said =
        "name an unstripped build of the same source with --binary: then every map is checked";
    write_field(out, "next", "next", &wrap(said, BODY))
}

fn show_command(p: &ProcessInfo, addr: Addr) -> String {
    format!("badmap show {} --map {addr}", files(p))
}

/// The files as they go behind a suggested command; the core's own notes need no repeating.
pub fn files(p: &ProcessInfo) -> String {
    if let Some(snapshot) = &p.snapshot {
        return shell_word(&snapshot.display().to_string());
    }
    let core = shell_word(&p.core.display().to_string());
    let allow = match p.matched {
        Match::Mismatch => " --allow-mismatch",
        Match::Yes | Match::Unverified => "",
    };
    match p.binary_from {
        BinaryFrom::CoreNotes => format!("{core}{allow}"),
        BinaryFrom::Given | BinaryFrom::BinaryDir => {
            let binary = shell_word(&p.binary.display().to_string());
            format!("{core} {binary}{allow}")
        }
    }
}

#[cfg(test)]
mod tests;
