//! What tells one bug from another: a text that cores of the same bug share, whatever build they are of, and its hash.
//! In: a finished survey. Out: a `Signature`, or nothing where there is nothing to tell. `docs/SIGNATURES.md` says what
//! goes in, what does not, and how often cores of one bug were found to agree.

use crate::batch::funcname::plain_function;
use crate::batch::funcname::plain_holder;
use crate::batch::funcname::plain_stack;
use crate::batch::funcname::plain_type;
use crate::check::rule::Severity;
use crate::survey::ending::Blame;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::ending::MapAtCrash;
use crate::survey::ending::PartyRow;
use crate::survey::result::MapRow;
use crate::survey::result::Survey;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeSet;

/// Functions of a stack that count, innermost first.
const MAX_FRAMES: usize = 5;
/// Hex digits of the hash.
const ID_DIGITS: usize = 12;
/// Characters of a line: names of types have no end.
const MAX_LINE: usize = 1000;
/// Writes that met. Source: `runtime/map*.go`, go1.19 to go1.27; `internal/runtime/maps`, go1.24 and later.
const WRITES: &str = "concurrent map writes";
/// The same, noticed in another place. Source: `internal/runtime/maps/map.go`, go1.24 to go1.26.
const SMALL_FULL: &str = "small map with no empty slot";
/// A read and a write that met: what read is a lookup, an iteration, or a clone. Which of the three the runtime says
/// depends on its version and on what of a loop it was in (a loop looks entries up again in a map that has grown).
const READS: [&str; 3] = [
    "concurrent map read and map write",
    "concurrent map iteration and map write",
    "concurrent map clone and map write",
];
/// Memory that ran out, in the words of several places of the allocator.
const NO_MEMORY: [&str; 3] = [
    "out of memory",
    "runtime: out of memory",
    "runtime: cannot allocate memory",
];

/// A bug, as far as a core shows it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Signature {
    /// The first 12 hex digits of the BLAKE3 hash of `text`.
    pub id: String,
    /// The long form, one line a part.
    pub text: String,
}

/// The signature of what a core shows; `None` where no map broke and the crash is not about one.
pub fn signature(survey: &Survey) -> Option<Signature> {
    let text = if survey.crash.kind.about_map() {
        of_crash(survey)
    } else {
        of_damage(survey)?
    };
    let hash = blake3::hash(text.as_bytes()).to_hex();
    Some(Signature {
        id: hash.chars().take(ID_DIGITS).collect(),
        text,
    })
}

/// What a crash is about: the message, the map, who was at work on it, and what is broken.
fn of_crash(survey: &Survey) -> String {
    let crash = &survey.crash;
    let event = event(crash);
    let map = TheMap::of(crash.blame.as_ref());
    let mut text = Text::default();
    text.line("fatal", &event.words());
    text.line("map", map.ty.as_deref().unwrap_or("not known"));
    text.line("owner", map.holder.as_deref().unwrap_or(NOBODY));
    sides(crash, &event, &mut text);
    // What a collision leaves in its map, if anything, is luck; what is broken elsewhere is not.
    let spared = crash.blame.as_ref().and_then(|b| b.map.as_ref());
    let spared = spared.filter(|_| event.is_race()).map(|m| m.addr);
    let broken = survey.maps.iter().filter(|m| m.is_broken());
    text.rules(broken.filter(|m| Some(m.addr) != spared));
    text.0
}

/// What is broken in a process that did not die of it: how it died, and where, is another story.
fn of_damage(survey: &Survey) -> Option<String> {
    let broken = || survey.maps.iter().filter(|m| m.is_broken());
    let name = |m: &MapRow| (held(&m.holder), plain_type(&m.ty));
    // Not the first by address, which is another one in the next core.
    let (holder, ty) = broken()
        .map(name)
        .min_by_key(|(holder, ty)| (holder.is_none(), holder.clone(), ty.clone()))?;
    let mut text = Text::default();
    text.line("map", &ty);
    text.line("owner", holder.as_deref().unwrap_or(NOBODY));
    text.rules(broken());
    Some(text.0)
}

/// What stands for the owner of a map that neither a package variable nor a field leads to.
const NOBODY: &str = "a local variable, or not known";

fn held(holder: &str) -> Option<String> {
    Some(plain_holder(holder)).filter(|h| !h.is_empty())
}

/// How the process ended.
enum Event {
    /// Two writes met.
    Writes,
    /// A write met something that reads.
    ReadWrite,
    /// It hangs in a map.
    Hang,
    /// Anything else, in the runtime's words.
    Other(String),
}

impl Event {
    fn is_race(&self) -> bool {
        matches!(self, Event::Writes | Event::ReadWrite)
    }

    fn words(&self) -> String {
        match self {
            Event::Writes => WRITES.to_owned(),
            Event::ReadWrite => "concurrent map read and map write".to_owned(),
            Event::Hang => "hang".to_owned(),
            Event::Other(text) => text.clone(),
        }
    }
}

fn event(crash: &CrashInfo) -> Event {
    if crash.kind == CrashKind::Hang {
        return Event::Hang;
    }
    let said = crash.plain.as_deref().unwrap_or("not known");
    let words = said.strip_prefix("fatal error: ").unwrap_or(said);
    let begins = |all: &[&str]| all.iter().any(|m| words.starts_with(m));
    if begins(&[WRITES, SMALL_FULL]) {
        Event::Writes
    } else if begins(&READS) {
        Event::ReadWrite
    } else if begins(&NO_MEMORY) {
        Event::Other("out of memory".to_owned())
    } else {
        Event::Other(without_numbers(words))
    }
}

/// A message with `N` for each number, and for each address: they are the next core's no more.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut rest = text.lines().next().unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        let number = c.is_ascii_digit() && !before.is_alphanumeric();
        let end = if number {
            out.push('N');
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
            end.unwrap_or(rest.len())
        } else {
            out.push(c);
            c.len_utf8()
        };
        before = c;
        rest = rest.get(end..).unwrap_or_default();
    }
    out
}

/// What is known of the map of a crash.
struct TheMap {
    ty: Option<String>,
    holder: Option<String>,
}

impl TheMap {
    /// The map, where it is known; else what all candidates have in common.
    fn of(blame: Option<&Blame>) -> TheMap {
        let all: &[MapAtCrash] = match blame {
            Some(b) => b.map.as_ref().map_or(&b.candidates, std::slice::from_ref),
            None => &[],
        };
        let same = |name: &dyn Fn(&MapAtCrash) -> String| {
            let names: BTreeSet<String> = all.iter().map(name).collect();
            let only = names.first().filter(|n| names.len() == 1 && !n.is_empty());
            only.cloned()
        };
        TheMap {
            ty: same(&|m| plain_type(&m.ty)),
            holder: same(&|m| plain_holder(&m.holder)),
        }
    }
}

/// Who was at work. What stands where is decided by what of it is the same in all cores of a bug:
///
/// - Of a read and a write that met it is always what reads that notices: its stack is written out. The other one has
///   gone on by the time the process stands still, and was stopped anywhere in its loop, so that only the function its
///   goroutine began with is the same in the next core.
/// - Of two writes that met it is luck who notices. If both goroutines began with the same function, the stack of
///   either will do. If not, what both began with is all that does not depend on luck.
/// - Everything else is one goroutine's own doing.
fn sides(crash: &CrashInfo, event: &Event, text: &mut Text) {
    let own = plain_stack(&crash.functions);
    let began = |functions: &[String]| functions.iter().rev().find_map(|f| plain_function(f));
    let other = crash.blame.as_ref().and_then(|b| second(&b.parties));
    let other_began = other.and_then(|p| began(&p.functions));
    let alike = other.is_none_or(|p| p.functions.last() == crash.functions.last());
    match (event, other_began) {
        (Event::Writes, Some(theirs)) if !alike => {
            let both: BTreeSet<String> = own.last().cloned().into_iter().chain([theirs]).collect();
            for function in both {
                text.line("goroutine", &function);
            }
        }
        (Event::ReadWrite, Some(theirs)) => {
            text.frames(&own);
            text.line("goroutine", &theirs);
        }
        _ => text.frames(&own),
    }
}

/// The goroutine that collided with the one that noticed, most likely: the first of those that run, or are in an
/// operation on the map. Who waits for something else has the map, and does nothing to it.
fn second(parties: &[PartyRow]) -> Option<&PartyRow> {
    parties.iter().find(|p| {
        let runs = ["running", "runnable", "preempted"].contains(&p.state);
        (runs || p.grade == "in-map-code") && !p.functions.is_empty()
    })
}

/// A text made line by line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, name: &str, words: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(name);
        self.0.push_str(": ");
        let mut chars = words.chars();
        let shown = chars.by_ref().take(MAX_LINE);
        self.0
            .extend(shown.map(|c| if c.is_control() { '?' } else { c }));
        if chars.next().is_some() {
            self.0.push('…');
        }
    }

    fn frames(&mut self, functions: &[String]) {
        let inner: Vec<&str> = functions
            .iter()
            .take(MAX_FRAMES)
            .map(String::as_str)
            .collect();
        if !inner.is_empty() {
            self.line("frames", &inner.join(" < "));
        }
    }

    /// The rules that prove these maps broken.
    fn rules<'m>(&mut self, maps: impl Iterator<Item = &'m MapRow>) {
        let findings = maps
            .filter_map(|m| m.verdict.as_ref())
            .flat_map(|v| &v.findings);
        let errors = findings.filter(|f| f.severity == Severity::Error);
        let ids: BTreeSet<&str> = errors.map(|f| f.rule).collect();
        if !ids.is_empty() {
            self.line("rules", &ids.into_iter().collect::<Vec<_>>().join(" "));
        }
    }
}

#[cfg(test)]
mod tests;
