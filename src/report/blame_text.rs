//! Who did it, as text: where it stopped, the map, the others, the cause, the collector.
//! In: `CrashInfo`. Out: about ten lines of the first screen; everything with `-v`.

use crate::crash::clock::GcInfo;
use crate::report::info_text::BODY;
use crate::report::style::LABEL;
use crate::report::style::Style;
use crate::report::style::columns;
use crate::report::style::number;
use crate::report::style::pad;
use crate::report::style::size;
use crate::report::style::spaces;
use crate::report::style::wrap;
use crate::report::style::write_field;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::ending::Blame;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::ending::MapAtCrash;
use crate::survey::ending::PartyRow;
use std::io;
use std::io::Write;

/// Lines of the program's own code that are shown of the goroutine that stopped it.
const FRAMES: usize = 2;
/// Other goroutines that are shown.
const PARTIES: usize = 4;
/// Maps it may have been that are shown.
const CANDIDATES: usize = 4;
/// Columns of the grade of a party.
const GRADE: usize = 14;

/// Writes the crash part below the message.
pub fn write_blame(out: &mut dyn Write, crash: &CrashInfo, style: Style) -> io::Result<()> {
    write_at(out, crash, style)?;
    let Some(blame) = &crash.blame else {
        return Ok(());
    };
    if crash.kind.about_map() {
        write_map(out, crash, blame, style)?;
        write_parties(out, blame, style)?;
        write_cause(out, blame, style)?;
    }
    for gap in &blame.gaps {
        write_field(out, "gap", "gap", &wrap(gap, BODY))?;
    }
    write_gc(out, &blame.gc, style)
}

fn write_at(out: &mut dyn Write, crash: &CrashInfo, style: Style) -> io::Result<()> {
    let mut lines: Vec<String> = Vec::new();
    for later in crash.panics.iter().skip(1) {
        lines.extend(wrap(&format!("then {later}"), BODY));
    }
    if let Some(f) = &crash.fault {
        let function = short(&f.function);
        let said = format!("no memory at {}: {function}, pc {}", f.addr, f.pc);
        lines.extend(wrap(&said, BODY));
    }
    let most = if style.verbose { usize::MAX } else { FRAMES };
    let shown = crash.frames.iter().take(most);
    lines.extend(shown.map(|f| style.fit(&place(f, style), BODY)));
    let more = crash.frames.len().saturating_sub(most);
    if let Some(last) = lines.last_mut().filter(|_| more > 0) {
        let rest = format!("  +{more} more");
        if columns(last).saturating_add(columns(&rest)) <= BODY {
            last.push_str(&rest);
        }
    }
    write_field(out, "at", "at", &lines)
}

/// A function without what stands before its package's name.
fn short(function: &str) -> &str {
    function.rsplit('/').next().unwrap_or(function)
}

fn place(f: &SourceFrame, style: Style) -> String {
    let file = if style.verbose {
        f.file.as_str()
    } else {
        short(&f.file)
    };
    let name = if style.verbose {
        f.function.as_str()
    } else {
        short(&f.function)
    };
    format!("{name} {file}:{}", f.line)
}

fn write_map(
    out: &mut dyn Write,
    crash: &CrashInfo,
    blame: &Blame,
    style: Style,
) -> io::Result<()> {
    let mut lines = Vec::new();
    match &blame.map {
        Some(map) => lines.extend(map_lines(map, style)),
        None if blame.candidates.is_empty() => {
            lines.push("no frame says any more which one".to_owned());
        }
        None => {
            let n = blame.candidates.len();
            lines.push(format!(
                "no frame says any more which one; {} may be it:",
                if n == 1 {
                    "this".to_owned()
                } else {
                    format!("one of {n}")
                }
            ));
            let most = if style.verbose {
                usize::MAX
            } else {
                CANDIDATES
            };
            for c in blame.candidates.iter().take(most) {
                lines.extend(map_lines(c, style));
                let why = c.evidence.join("; ");
                lines.extend(wrap(&format!("  {why}"), BODY));
            }
            let rest = n.saturating_sub(most);
            if rest > 0 {
                lines.push(format!("and {rest} more: -v shows all"));
            }
        }
    }
    let label = if crash.kind == CrashKind::Hang {
        "in map"
    } else {
        "map"
    };
    write_field(out, label, label, &lines)
}

fn map_lines(map: &MapAtCrash, style: Style) -> Vec<String> {
    let ty = if map.ty.is_empty() {
        "(type not known)"
    } else {
        &map.ty
    };
    if map.addr.is_nil() {
        return vec![style.fit(&format!("a nil {ty}"), BODY)];
    }
    let owner = if map.owner.is_empty() {
        "(no owner found)"
    } else {
        &map.owner
    };
    let mut state = Vec::new();
    state.extend(map.len.map(|n| format!("len {n}")));
    state.extend(
        map.writing
            .and_then(|w| w.then(|| "being written".to_owned())),
    );
    let state = state.join(", ");
    let one = format!("{}  {ty}  {owner}", map.addr);
    let mut lines = if columns(&one) <= BODY {
        vec![one]
    } else {
        vec![
            style.fit(&format!("{}  {ty}", map.addr), BODY),
            style.fit(owner, BODY),
        ]
    };
    if let Some(last) = lines.last_mut() {
        let with = format!("{last}  ({state})");
        if !state.is_empty() && columns(&with) <= BODY {
            *last = with;
        } else if !state.is_empty() {
            lines.push(state);
        }
    }
    if style.verbose {
        lines.extend(map.evidence.iter().map(|e| format!("  {e}")));
    }
    lines
}

fn write_parties(out: &mut dyn Write, blame: &Blame, style: Style) -> io::Result<()> {
    let most = if style.verbose { usize::MAX } else { PARTIES };
    let mut label = "others";
    let all = &blame.totals;
    if blame.parties.is_empty() {
        if blame.map.as_ref().is_some_and(|m| !m.addr.is_nil()) {
            let none = "no other goroutine was found that has to do with it";
            write_field(out, label, label, &[none.to_owned()])?;
        }
        return Ok(());
    }
    for p in blame.parties.iter().take(most) {
        let body = BODY.saturating_sub(GRADE);
        let [place, state] = party(p, style);
        let lines = if style.verbose {
            wrap(&format!("{place}, {state}"), body)
        } else {
            // The place matters more than what it does there.
            let room = body.saturating_sub(columns(&place)).saturating_sub(2);
            let state = match room {
                0..8 => String::new(),
                _ => format!(", {}", style.fit(&state, room)),
            };
            vec![style.fit(&format!("{place}{state}"), body)]
        };
        for (i, line) in lines.iter().enumerate() {
            let head = if i == 0 { p.grade } else { "" };
            let lead = pad(label, LABEL);
            writeln!(out, "{lead}{}{line}", pad(head, GRADE))?;
            label = "";
        }
        if style.verbose {
            let indent = spaces(LABEL.saturating_add(GRADE));
            writeln!(out, "{indent}{}", p.evidence)?;
        }
    }
    let shown = |grade: &str| {
        let shown = blame.parties.iter().take(most).filter(|p| p.grade == grade);
        shown.count() as u64
    };
    let mut rest = Vec::new();
    for (n, grade, words) in [
        (all.in_map_code, "in-map-code", "in map code on it"),
        (all.holds_pointer, "holds-pointer", "with its address"),
        (all.reaches, "reaches", "that can get at it"),
    ] {
        let n = n.saturating_sub(shown(grade));
        if n > 0 {
            rest.push(format!("{} {words}", number(n)));
        }
    }
    if rest.is_empty() {
        return Ok(());
    }
    let said = format!("and more: {}", rest.join(", "));
    write_field(out, "", "", &wrap(&said, BODY))
}

/// One other goroutine: what it does where, and its state.
fn party(p: &PartyRow, style: Style) -> [String; 2] {
    let mut state = p.wait_reason.clone().unwrap_or_else(|| p.state.to_owned());
    if let Some(ns) = p.waiting {
        state.push_str(&format!(" for {}", duration(ns)));
    }
    let doing = p.op.map_or_else(String::new, |op| format!("{op} "));
    // Of one that only holds the map, what matters is where it has it.
    let line = p.holds_at.as_ref().or(p.at.as_ref());
    let place = line.map_or_else(|| "no line of the program".to_owned(), |f| place(f, style));
    let old = if p.live { "" } else { "left over, " };
    [
        format!("G{} {doing}{place}", p.goroutine),
        format!("{old}{state}"),
    ]
}

fn write_cause(out: &mut dyn Write, blame: &Blame, style: Style) -> io::Result<()> {
    let Some(cause) = &blame.cause else {
        return Ok(());
    };
    let sure = match cause.confidence {
        0 => String::new(),
        n => format!(" ({n} %)"),
    };
    let word = cause.class.as_str();
    if style.verbose {
        let mut lines = vec![format!("{word}{sure}")];
        for e in &cause.evidence {
            let sign = if e.speaks_for { "for" } else { "against" };
            lines.extend(wrap(&format!("{sign}: {}", e.what), BODY));
        }
        return write_field(out, "cause", "cause", &lines);
    }
    let said: Vec<String> = cause
        .evidence
        .iter()
        .map(|e| {
            let after = cause.evidence.first().is_some_and(|first| first.speaks_for);
            if e.speaks_for || !after {
                e.what.clone()
            } else {
                format!("but {}", e.what)
            }
        })
        .collect();
    let lines = wrap(&format!("{word}{sure}: {}", said.join("; ")), BODY);
    write_field(out, "cause", "cause", &lines)
}

/// A length of time, in the unit that fits.
pub(crate) fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let unit = UNITS.iter().find(|(size, _)| ns >= *size);
    let (each, name) = unit.copied().unwrap_or((1_000, "µs"));
    let tenths = ns.saturating_mul(10).checked_div(each).unwrap_or(0);
    match tenths {
        0..100 => format!("{}.{} {name}", tenths / 10, tenths % 10),
        _ => format!("{} {name}", tenths / 10),
    }
}

fn write_gc(out: &mut dyn Write, gc: &GcInfo, style: Style) -> io::Result<()> {
    let mut parts = Vec::new();
    parts.extend(gc.phase.map(|p| match p {
        "off" => "not running".to_owned(),
        other => format!("in {other}"),
    }));
    parts.extend(gc.done.map(|n| format!("{} done", number(n))));
    match (gc.heap_live, gc.heap_goal) {
        (Some(live), Some(goal)) => {
            parts.push(format!("heap {} of {}", size(live), size(goal)));
        }
        (Some(live), None) => parts.push(format!("heap {}", size(live))),
        _ => {}
    }
    parts.extend(
        gc.pauses
            .first()
            .map(|p| format!("last pause {}", duration(*p))),
    );
    // The clock of a process that sleeps stands still.
    let up = gc
        .uptime
        .map(|t| format!("last active {} after its start", duration(t)));
    parts.extend(up);
    if parts.is_empty() {
        return Ok(());
    }
    let mut lines = wrap(&parts.join(", "), BODY);
    if style.verbose {
        lines.extend(gc.trace.iter().cloned());
    }
    write_field(out, "gc", "gc", &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        assert_eq!(duration(0), "0.0 µs");
        assert_eq!(duration(31_500), "31 µs");
        assert_eq!(duration(2_540_000_000), "2.5 s");
        assert_eq!(duration(7_200_000_000_000), "2.0 h");
    }
}
