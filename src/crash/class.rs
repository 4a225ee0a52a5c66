//! The class of causes a crash most likely belongs to, with what speaks for it and what against.
//! In: facts about the crash, gathered elsewhere. Out: one class, how sure, and the evidence. Nothing is read
//! here, so every judgement can be tested alone. Over 400 lines: one judgement, whose parts share their words.

use crate::cause::explain::Cause;
use crate::cause::explain::Class;
use crate::crash::known::KnownIssue;
use crate::crash::known::KnownLibrary;
use crate::crash::known::Sign;
use crate::crash::ops::Op;
use crate::crash::parties::Grade;

/// A class of causes of a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrashClass {
    /// Two goroutines were in one map.
    ConcurrentUse,
    /// A reader saw a map that another goroutine had made, without synchronisation.
    UnsafePublication,
    /// A key no longer hashes to its slot.
    MutatedKey,
    /// Bytes that map code never writes.
    StrayWrite,
    /// One bit is not what it was.
    BitFlip,
    /// A linked module is known to rely on what maps look like inside.
    UnsafeLibrary,
    /// This Go on this machine is known to have the defect.
    RuntimeBug,
    /// The program asked for what no map can do: a write to a nil map, a key without a hash, too much memory.
    ProgramError,
    /// Nothing says enough.
    Unknown,
}

impl CrashClass {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            CrashClass::ConcurrentUse => "concurrent-use",
            CrashClass::UnsafePublication => "unsafe-publication",
            CrashClass::MutatedKey => "mutated-key",
            CrashClass::StrayWrite => "stray-write",
            CrashClass::BitFlip => "bit-flip",
            CrashClass::UnsafeLibrary => "unsafe-library",
            CrashClass::RuntimeBug => "runtime-bug",
            CrashClass::ProgramError => "program-error",
            CrashClass::Unknown => "unknown",
        }
    }

    /// The class of this name; `Unknown` for a name that no class has.
    pub fn named(name: &str) -> CrashClass {
        [
            CrashClass::ConcurrentUse,
            CrashClass::UnsafePublication,
            CrashClass::MutatedKey,
            CrashClass::StrayWrite,
            CrashClass::BitFlip,
            CrashClass::UnsafeLibrary,
            CrashClass::RuntimeBug,
            CrashClass::ProgramError,
        ]
        .into_iter()
        .find(|c| c.as_str() == name)
        .unwrap_or(CrashClass::Unknown)
    }

    fn of(class: Class) -> CrashClass {
        match class {
            Class::BitFlip => CrashClass::BitFlip,
            Class::StrayWrite | Class::OverwrittenHeader => CrashClass::StrayWrite,
            Class::MutatedKey => CrashClass::MutatedKey,
            Class::ConcurrentUse | Class::MidWrite => CrashClass::ConcurrentUse,
            Class::Unknown => CrashClass::Unknown,
        }
    }
}

/// Something that speaks for a class, or against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// It speaks for it.
    pub speaks_for: bool,
    /// What it is.
    pub what: String,
}

/// The likeliest class of a crash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrashCause {
    /// The class.
    pub class: CrashClass,
    /// How sure, in percent; never 100.
    pub confidence: u8,
    /// What speaks for it and what against, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// The other goroutine with the best claim to having been in the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Second {
    /// Its number.
    pub goroutine: u64,
    /// How surely.
    pub grade: Grade,
    /// What it does.
    pub op: Option<Op>,
    /// It has only just called the operation.
    pub entering: bool,
    /// What shows it is in use, not left from before.
    pub live: bool,
}

/// What a class is judged by.
#[derive(Clone, Debug)]
pub struct Facts<'f> {
    /// The message.
    pub message: &'f str,
    /// What the goroutine that stopped the program was doing to the map.
    pub op: Option<Op>,
    /// It stopped over memory that was not there.
    pub faulted: bool,
    /// The write flag of the map now; `None` where that is not known.
    pub writing: Option<bool>,
    /// It is known which map it was.
    pub map_known: bool,
    /// The best other goroutine.
    pub second: Option<Second>,
    /// All stacks were followed to their ends.
    pub stacks_complete: bool,
    /// The machine, in Go's words.
    pub arch: &'f str,
    /// Findings of severity error on this map; `None` when it was not checked.
    pub findings: Option<u64>,
    /// What explains them.
    pub causes: &'f [Cause],
    /// Known defects of this Go on this machine.
    pub issues: &'f [&'static KnownIssue],
    /// Linked modules that rely on what maps look like inside.
    pub libraries: &'f [&'static KnownLibrary],
}

/// Machines on which another processor may see writes out of order, in Go's words.
const WEAKLY_ORDERED: [&str; 9] = [
    "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64",
];

/// Messages of two goroutines at once, as the runtime itself noticed. Source: `internal/runtime/maps`,
/// `runtime/map.go`, all versions.
const RACES: [&str; 4] = [
    "concurrent map writes",
    "concurrent map read and map write",
    "concurrent map iteration and map write",
    "concurrent map clone and map write",
];

/// Messages of a program that asked for too much.
const ASKED: [&str; 4] = [
    "assignment to entry in nil map",
    "hash of unhashable type",
    "comparing uncomparable type",
    "unsupported map key type",
];

/// Messages of a map that contradicts itself, as a second writer leaves it, or an overwritten word.
const CONTRADICTIONS: [&str; 5] = [
    "bad map state",
    "oldoverflow is not nil",
    "small map with no empty slot",
    "invariant failed: growthLeft is unexpectedly 0",
    "table must have positive capacity",
];

/// Whether a message begins with one of these.
fn says(message: &str, list: &[&str]) -> bool {
    let words = ["fatal error: ", "panic: ", "runtime error: ", "runtime: "]
        .iter()
        .fold(message, |m, prefix| m.strip_prefix(prefix).unwrap_or(m));
    list.iter().any(|m| words.starts_with(m))
}

/// Weighs the facts.
pub fn classify(f: &Facts<'_>) -> CrashCause {
    let mut out = if says(f.message, &ASKED) {
        asked(f)
    } else if says(f.message, &RACES) {
        race(f)
    } else if is_out_of_memory(f.message) {
        CrashCause {
            class: CrashClass::ProgramError,
            confidence: 60,
            evidence: vec![yes("the process ran out of memory while the map grew")],
        }
    } else {
        damage(f)
    };
    for issue in f.issues.iter().filter(|i| shows(f, i.sign)) {
        out.evidence.push(yes_for(
            out.class == CrashClass::RuntimeBug,
            format!("this Go is known for {} ({})", issue.symptom, issue.issue),
        ));
    }
    // Code that knows what maps look like inside has no part in what the program itself asked for.
    let damaged = f.findings != Some(0) || f.faulted;
    for library in f
        .libraries
        .iter()
        .filter(|_| damaged && out.class != CrashClass::ProgramError)
    {
        out.evidence.push(yes_for(
            out.class == CrashClass::UnsafeLibrary,
            format!(
                "{} is linked, which {} ({})",
                library.module, library.does, library.reference
            ),
        ));
    }
    out
}

/// Whether the crash looks like what a known defect leads to.
fn shows(f: &Facts<'_>, sign: Sign) -> bool {
    match sign {
        Sign::ReadWrite => says(f.message, &["concurrent map read and map write"]),
        Sign::Clone => f.op == Some(Op::Clone) && f.faulted,
        Sign::Damage => f.findings.is_some_and(|n| n > 0),
    }
}

fn is_out_of_memory(message: &str) -> bool {
    says(message, &["out of memory", "cannot allocate memory"])
}

fn yes(what: impl Into<String>) -> Evidence {
    yes_for(true, what)
}

fn no(what: impl Into<String>) -> Evidence {
    yes_for(false, what)
}

fn yes_for(speaks_for: bool, what: impl Into<String>) -> Evidence {
    Evidence {
        speaks_for,
        what: what.into(),
    }
}

fn asked(f: &Facts<'_>) -> CrashCause {
    let what = if f.message.contains("nil map") {
        "the map is nil: it was never made"
    } else {
        "a value that has no hash or cannot be compared was used as if it had: a slice, a map or a function"
    };
    CrashCause {
        class: CrashClass::ProgramError,
        confidence: 99,
        evidence: vec![yes(what)],
    }
}

/// The runtime says that two were at it; it is hardly ever wrong.
fn race(f: &Facts<'_>) -> CrashCause {
    let mut evidence = vec![yes("the runtime found the write flag where it must not be")];
    let mut confidence = 90;
    match f.second {
        Some(s) if s.grade == Grade::InMapCode => {
            let reads = matches!(
                (f.op, s.op),
                (Some(Op::Write), Some(_)) | (Some(_), Some(Op::Write))
            );
            confidence = match (reads, s.entering) {
                (true, false) => 98,
                (true, true) => 96,
                (false, _) => 90,
            };
            evidence.push(yes(hand(&s)));
        }
        // Only who has the map in hand is named: others can get at it for many a reason.
        Some(s) if s.grade == Grade::HoldsPointer && s.live => {
            confidence = 93;
            evidence.push(yes(hand(&s)));
        }
        Some(_) => {
            confidence = 88;
            evidence.push(yes("others can get at it"));
        }
        None if !f.map_known => {
            confidence = 85;
            evidence.push(no(
                "which map it was is not known, and so not who else was at it",
            ));
        }
        None if f.stacks_complete => {
            confidence = 80;
            evidence.push(no("no other goroutine was found that has to do with it"));
        }
        None => evidence.push(no(
            "no other goroutine was found, but not all stacks could be read",
        )),
    }
    // A reader may see a flag that the maker of the map has long cleared.
    if WEAKLY_ORDERED.contains(&f.arch)
        && matches!(f.op, Some(Op::Read | Op::Iterate))
        && f.writing == Some(false)
        && f.second.is_none_or(|s| s.grade != Grade::InMapCode)
    {
        evidence.push(no(format!(
            "{} may show a reader the flag of a map just made, that was published without synchronisation (unsafe-publication)",
            f.arch
        )));
        confidence = confidence.min(60);
    }
    match f.writing {
        Some(true) => evidence.push(yes("the write flag is still set")),
        Some(false) => evidence.push(yes(
            "the write flag is clear by now: somebody has finished meanwhile",
        )),
        None => {}
    }
    // Damage that another cause explains alone may have set the flag as well.
    let other = f.causes.first().filter(|c| {
        !matches!(
            c.class,
            Class::ConcurrentUse | Class::MidWrite | Class::Unknown
        )
    });
    if let Some(cause) = other {
        let found = f.second.is_some_and(|s| s.grade == Grade::InMapCode);
        evidence.push(no(format!(
            "the findings look like {} ({} %)",
            cause.class.as_str(),
            cause.percent
        )));
        confidence = if found { 90 } else { 60 };
    }
    if f.findings == Some(0) {
        evidence.push(yes(
            "the map is whole, as it mostly is when the runtime stops in time",
        ));
    }
    CrashCause {
        class: CrashClass::ConcurrentUse,
        confidence,
        evidence,
    }
}

/// Map code met with what it cannot go on with.
fn damage(f: &Facts<'_>) -> CrashCause {
    let mut evidence = Vec::new();
    let party = f.second.filter(|s| s.grade != Grade::Reaches);
    if let Some(best) = f.causes.first().filter(|c| c.class != Class::Unknown) {
        evidence.push(yes(format!(
            "it explains {} of {} findings on the map: {}",
            best.explains, best.of, best.text
        )));
        match party {
            Some(s) if CrashClass::of(best.class) == CrashClass::ConcurrentUse => {
                evidence.push(yes(hand(&s)));
            }
            Some(s) => evidence.push(no(hand(&s))),
            None => {}
        }
        return CrashCause {
            class: CrashClass::of(best.class),
            confidence: best.percent.min(99),
            evidence,
        };
    }
    if let Some(s) = party.filter(|s| s.op == Some(Op::Write) || f.op == Some(Op::Write)) {
        evidence.push(yes(hand(&s)));
        evidence.extend((f.writing == Some(true)).then(|| yes("the write flag is set")));
        return CrashCause {
            class: CrashClass::ConcurrentUse,
            confidence: if s.grade == Grade::InMapCode { 85 } else { 60 },
            evidence,
        };
    }
    if says(f.message, &CONTRADICTIONS) {
        evidence.push(yes(
            "the runtime met what a second writer leaves, or an overwritten word",
        ));
        evidence.extend((f.writing == Some(true)).then(|| yes("the write flag is set")));
        if party.is_none() {
            evidence.push(no("no other goroutine was found at it"));
        }
        return CrashCause {
            class: CrashClass::ConcurrentUse,
            confidence: 50,
            evidence,
        };
    }
    let weak = WEAKLY_ORDERED.contains(&f.arch);
    if weak && f.faulted && f.op == Some(Op::Read) && f.findings == Some(0) {
        evidence.push(yes(format!(
            "a reader faulted in a map that is whole now, and {} lets it see writes out of order",
            f.arch
        )));
        return CrashCause {
            class: CrashClass::UnsafePublication,
            confidence: 60,
            evidence,
        };
    }
    if f.issues.iter().any(|i| shows(f, i.sign)) {
        return CrashCause {
            class: CrashClass::RuntimeBug,
            confidence: 50,
            evidence,
        };
    }
    if !f.libraries.is_empty() && f.findings != Some(0) {
        return CrashCause {
            class: CrashClass::UnsafeLibrary,
            confidence: 40,
            evidence,
        };
    }
    evidence.push(match f.findings {
        Some(0) => no("no rule is broken on the map, and nobody else was found at it"),
        Some(_) => no("the findings on the map point to no single cause"),
        None => no("the map was not checked"),
    });
    CrashCause {
        class: CrashClass::Unknown,
        confidence: 0,
        evidence,
    }
}

fn hand(s: &Second) -> String {
    let n = s.goroutine;
    match (s.grade, s.entering, s.op) {
        (Grade::InMapCode, true, Some(op)) => format!("goroutine {n} is about to {} it", verb(op)),
        (Grade::InMapCode, _, Some(Op::Write)) => format!("goroutine {n} is writing it"),
        (Grade::InMapCode, _, Some(Op::Read)) => format!("goroutine {n} is reading it"),
        (Grade::InMapCode, _, Some(Op::Iterate)) => format!("goroutine {n} is iterating over it"),
        (Grade::InMapCode, _, Some(Op::Clone)) => format!("goroutine {n} is cloning it"),
        (Grade::InMapCode, _, None) => format!("goroutine {n} is in map code on it"),
        (Grade::HoldsPointer, _, Some(Op::Iterate)) if s.live => {
            format!("goroutine {n} is in a loop over it")
        }
        (Grade::HoldsPointer, _, _) if s.live => format!("goroutine {n} holds its address"),
        (Grade::HoldsPointer, _, _) => format!("goroutine {n} still has its address on its stack"),
        (Grade::Reaches, _, _) => format!("goroutine {n} can get at it"),
    }
}

fn verb(op: Op) -> &'static str {
    match op {
        Op::Read => "read",
        Op::Iterate => "iterate over",
        Op::Clone => "clone",
        Op::Write => "write",
    }
}

#[cfg(test)]
mod tests;
