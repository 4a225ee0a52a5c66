//! The runtime's own words about the end of the process.
//! In: print backlog, panics, dying thread, signal, and the stack that stopped the program. Out: one
//! message, where it stood, and whether it is about a map.

use crate::base::addr::Addr;
use crate::base::limits::MAX_MESSAGE;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::THROWS;
use crate::crash::ops::operation;
use crate::crash::panics::read_panics;
use crate::crash::signals::signal_words;
use crate::maps::value::Values;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::goroutines::Dying;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::goroutines::Panic;
use crate::runtime::pclntab::Func;
use crate::runtime::pclntab::PcTables;
use crate::runtime::program::Program;
use crate::runtime::unwind::Stack;

/// An access to memory that was not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultAt {
    /// The address that could not be had.
    pub addr: Addr,
    /// The instruction.
    pub pc: Addr,
    /// The function it belongs to.
    pub function: String,
}

/// How the process ended.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The message, if there is one.
    pub message: Option<String>,
    /// The same as whoever may see no values is shown it: of a panic that the program raised itself, only what kind
    /// of value it was. Of several panics the first one about a map.
    pub plain: Option<String>,
    /// Where it stood: `print-backlog`, `panic`, `signal`.
    pub source: Option<&'static str>,
    /// The panics that were not recovered, oldest first, as the runtime prints them.
    pub panics: Vec<String>,
    /// Whether it is about a map.
    pub about_map: bool,
    /// Whether anything stopped the process at all (a live dump has no crash).
    pub crashed: bool,
    /// It was stopped from outside: by a signal that nothing of the program's doing brings.
    pub from_outside: bool,
    /// Goroutine that panicked, or that the dying thread was running.
    pub goid: Option<u64>,
    /// Thread that stopped the process.
    pub tid: Option<u32>,
    /// The signal that began it, where a signal did (not the SIGABRT the runtime ends with).
    pub signal: Option<i32>,
    /// The access that failed, where one did.
    pub fault: Option<FaultAt>,
}

/// Messages of `throw`, `fatal` and `panic` that only map code produces.
/// Source: `runtime/map*.go`, `internal/runtime/maps/*.go`, `internal/sync/hashtriemap.go`, go1.19 to go1.27.
const MAP_MESSAGES: &[&str] = &[
    "concurrent map writes",
    "concurrent map read and map write",
    "concurrent map iteration and map write",
    "concurrent map clone and map write",
    "small map with no empty slot",
    "bad map state",
    "oldoverflow is not nil",
    "bad evacuatedN",
    "hash_iter size incorrect",
    "key size wrong",
    "elem size wrong",
    "unsupported map key type",
    "assignment to entry in nil map",
    "hash of unhashable type",
    "invariant failed: growthLeft is unexpectedly 0",
    "initial table capacity too large",
    "rounded-up capacity overflows uint64",
    "table must have positive capacity",
    "internal/sync.HashTrieMap:",
    "called entry on non-entry node",
    "called indirect on entry node",
];

/// Messages that any code may bring about, and that are about a map if map code did. Source:
/// `runtime/malloc.go`, `mheap.go`, `mem_linux.go`, `alg.go`, all versions.
pub(crate) const MAP_IF_IN_MAP_CODE: &[&str] = &[
    "out of memory",
    "runtime: out of memory",
    "runtime: cannot allocate memory",
    "cannot allocate memory",
    "runtime: cannot map pages in arena address space",
    "comparing uncomparable type",
    "makeslice",
    "mallocgc",
];

/// Functions that map code calls to hash, compare and move keys and elems: a fault there is a fault of
/// the map's memory. Source: `runtime/alg.go`, `runtime/mbarrier.go`, `internal/bytealg`, all versions.
const HELPERS: &[&str] = &[
    "runtime.memhash",
    "runtime.strhash",
    "runtime.aeshash",
    "runtime.typehash",
    "runtime.nilinterhash",
    "runtime.interhash",
    "runtime.f32hash",
    "runtime.f64hash",
    "runtime.c64hash",
    "runtime.c128hash",
    "runtime.memequal",
    "runtime.strequal",
    "runtime.interequal",
    "runtime.nilinterequal",
    "runtime.efaceeq",
    "runtime.ifaceeq",
    "runtime.memmove",
    "runtime.memclr",
    "runtime.typedmemmove",
    "runtime.typedmemclr",
    "runtime.bulkBarrierPreWrite",
    "runtime.tophash",
    "internal/runtime/maps.",
    "internal/bytealg.",
    "internal/abi.",
    "memeqbody",
    "aeshashbody",
    "type:.",
    "type..",
];

/// What else is known of the process's end.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'e> {
    /// The dying thread, if any.
    pub dying: Option<Dying>,
    /// The goroutine it was running.
    pub stopper: Option<&'e Goroutine>,
    /// The stack that stopped the program: that goroutine's, or its thread's if it ran none.
    pub stack: Option<&'e Stack>,
    /// The signal and system stack of its thread.
    pub thread: Option<&'e Stack>,
    /// The map operation it was in.
    pub work: Option<&'e AtWork>,
    /// The function tables.
    pub tables: &'e PcTables<'e, 'e>,
    /// Its panics, innermost first.
    pub panics: &'e [Panic],
    /// The signal in the core's notes.
    pub signal: Option<i32>,
    /// Whether values of the program may be shown.
    pub clear: bool,
    /// What the runtime printed last.
    pub backlog: &'e str,
}

/// Reads the message.
pub fn read_ending(
    program: &Program<'_, '_>,
    values: &Values<'_, '_>,
    evidence: &Evidence<'_>,
) -> Ending {
    let dying = evidence.dying;
    let mut out = Ending {
        crashed: dying.is_some() || evidence.signal.is_some(),
        goid: dying.and_then(|d| d.goid),
        tid: dying.map(|d| d.tid),
        ..Ending::default()
    };
    let faulting = evidence.stack.and_then(|s| faulting(evidence.tables, s));
    if let (Some(g), Some(at)) = (evidence.stopper, faulting) {
        out.signal = (g.signal != 0).then_some(g.signal.cast_signed());
        out.fault = Some(FaultAt {
            addr: g.fault,
            pc: g.sigpc,
            function: evidence.tables.name(&at).into_owned(),
        });
    }
    // A fault in what map code does itself or has done for it; not in the allocator, say.
    let fault_in_map = out.fault.as_ref().is_some_and(|f| {
        evidence.work.is_some()
            && (operation(&f.function).is_some()
                || HELPERS.iter().any(|h| f.function.starts_with(h)))
    });
    let in_map_code = evidence.work.is_some();
    let lost = |s: &Stack| s.frames.is_empty();
    // A program may print such a line itself: only a stack that threw proves it. Where none can be had, the
    // words that only map code has are still believed.
    let threw = |text: &str| match (evidence.stack, dying) {
        (Some(s), Some(d)) if d.throwing != 0 => {
            let mut names = s.frames.iter().map(|f| evidence.tables.name(&f.func));
            names.any(|n| THROWS.contains(&&*n)) || (lost(s) && is_map_message(text))
        }
        (Some(_), Some(_)) => false,
        _ => is_map_message(text),
    };
    if let Some(text) = fatal_in(evidence.backlog).filter(|text| threw(text)) {
        out.source = Some("print-backlog");
        out.about_map = is_map_message(&text)
            || fault_in_map
            || (in_map_code && begins(&text, MAP_IF_IN_MAP_CODE));
        out.message = Some(text);
    } else if dying.is_some() && evidence.panics.iter().any(|p| !p.recovered) {
        read_panics(program, values, evidence, fault_in_map, &mut out);
    } else if let Some(signal) = evidence.signal {
        read_signal(evidence, signal, &mut out);
        out.about_map = fault_in_map;
    }
    if out.plain.is_none() {
        out.plain.clone_from(&out.message);
    }
    out
}

/// The signal that ended the program: the one whose handler was called first, not the SIGABRT by which the
/// runtime ends itself.
fn read_signal(evidence: &Evidence<'_>, noted: i32, out: &mut Ending) {
    // A goroutine in C has its stack end where it went there; its thread's goes on.
    let stacks = [evidence.stack, evidence.thread];
    let first = stacks.into_iter().flatten().find_map(|s| s.signals.last());
    let signal = first.map_or(noted, |s| s.number);
    out.source = Some("signal");
    out.signal = Some(signal);
    out.message = Some(signal_words(signal));
    out.from_outside = match first {
        Some(s) => s.code <= 0,
        None => matches!(signal, SIGQUIT | SIGABRT | SIGTRAP),
    };
    if let Some(s) = first.filter(|s| s.code > 0 && FAULTS.contains(&s.number)) {
        let function = evidence.tables.find(s.pc);
        out.fault = Some(FaultAt {
            addr: s.addr,
            pc: s.pc,
            function: function.map_or_else(
                || "code that is not Go's".to_owned(),
                |f| evidence.tables.name(&f).into_owned(),
            ),
        });
    }
}

const SIGQUIT: i32 = 3;
const SIGTRAP: i32 = 5;
const SIGABRT: i32 = 6;
/// SIGBUS and SIGSEGV: an address could not be had.
const FAULTS: [i32; 2] = [7, 11];

/// The function whose instruction faulted, where a fault became a panic or a throw and no function of the
/// program has run since.
fn faulting(tables: &PcTables<'_, '_>, stack: &Stack) -> Option<Func> {
    let mut frames = stack.frames.iter();
    for frame in frames.by_ref() {
        let name = tables.name(&frame.func);
        if name == "runtime.sigpanic" {
            return frames.next().map(|f| f.func);
        }
        if !is_plumbing(&name) {
            return None;
        }
    }
    None
}

/// Whether only map code says so: the words must begin the message, since a program may well panic
/// with a sentence about maps of its own.
pub fn is_map_message(text: &str) -> bool {
    begins(text, MAP_MESSAGES)
}

pub(crate) fn begins(text: &str, starts: &[&str]) -> bool {
    let words = text
        .strip_prefix("fatal error: ")
        .or_else(|| text.strip_prefix("panic: "))
        .unwrap_or(text);
    let words = words.strip_prefix("runtime error: ").unwrap_or(words);
    starts.iter().any(|m| words.starts_with(m))
}

/// What the runtime printed last: `runtime.printBacklog`, a ring.
/// Source: `runtime/print.go`, `printBacklog` and `printBacklogIndex`, all versions.
pub fn read_backlog(program: &Program<'_, '_>) -> String {
    let read = || {
        let ring = program.variable("runtime.printBacklog")?;
        let bytes = program.mem.bytes(ring.addr, ring.kind().size).ok()?;
        let next = program.variable("runtime.printBacklogIndex")?.word().ok()?;
        let (newer, older) = bytes.split_at_checked(usize::try_from(next).ok()?)?;
        let mut text = [older, newer].concat();
        text.retain(|b| *b != 0);
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    read().unwrap_or_default()
}

/// How the message of a throw begins. Source: `runtime/panic.go`, `throw` and `fatal`, all versions.
const FATAL: &str = "fatal error: ";

/// The last `fatal error: …` line of the backlog that says anything.
fn fatal_in(backlog: &str) -> Option<String> {
    // A second thread may have got as far as the first words only.
    let said = backlog
        .rmatch_indices(FATAL)
        .filter_map(|(at, _)| backlog.get(at..)?.lines().next())
        .find(|line| line.len() > FATAL.len())?;
    Some(said.chars().take(MAX_MESSAGE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_that_says_anything_counts() {
        let said = |text| fatal_in(text);
        assert_eq!(
            said("fatal error: a\nfatal error: b\n").as_deref(),
            Some("fatal error: b")
        );
        assert_eq!(
            said("fatal error: a\nfatal error: ").as_deref(),
            Some("fatal error: a")
        );
        assert_eq!(said("nothing"), None);
    }

    #[test]
    fn map_messages_are_known_with_what_surrounds_them() {
        assert!(is_map_message("fatal error: concurrent map writes"));
        assert!(is_map_message(
            "fatal error: small map with no empty slot (concurrent map writes?)"
        ));
        assert!(is_map_message("panic: assignment to entry in nil map"));
        assert!(is_map_message(
            "panic: runtime error: hash of unhashable type []int"
        ));
        assert!(!is_map_message(
            "panic: our own: concurrent map writes are not supported"
        ));
        assert!(!is_map_message(
            "fatal error: all goroutines are asleep - deadlock!"
        ));
        assert!(!is_map_message(
            "panic: runtime error: index out of range [3] with length 2"
        ));
    }
}
