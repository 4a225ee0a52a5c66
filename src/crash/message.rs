//! The runtime's own words about the end of the process.
//! In: print backlog, panics, dying thread, signal. Out: one message, where it stood, and whether it
//! is about a map.

use crate::base::addr::Addr;
use crate::base::limits::MAX_MESSAGE;
use crate::crash::signals::signal_words;
use crate::maps::value::Values;
use crate::runtime::goroutines::Dying;
use crate::runtime::goroutines::Goroutines;
use crate::runtime::program::Program;
use crate::types::graph::Kind;

/// How the process ended.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The message, if there is one.
    pub message: Option<String>,
    /// Where it stood: `print-backlog`, `panic`, `signal`.
    pub source: Option<&'static str>,
    /// Whether it is about a map.
    pub about_map: bool,
    /// Whether anything stopped the process at all (a live dump has no crash).
    pub crashed: bool,
    /// Goroutine that panicked, or that the dying thread was running.
    pub goid: Option<u64>,
    /// Thread that stopped the process.
    pub tid: Option<u32>,
    /// The signal that began it, where a signal did (not the SIGABRT the runtime ends with).
    pub signal: Option<i32>,
}

/// Messages of `throw`, `fatal` and `panic` that only map code produces.
/// Source: `runtime/map*.go`, `internal/runtime/maps/*.go`, go1.19 to go1.27.
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
    "assignment to entry in nil map",
    "hash of unhashable type",
    "invariant failed: growthLeft is unexpectedly 0",
    "initial table capacity too large",
    "rounded-up capacity overflows uint64",
    "table must have positive capacity",
    "internal/sync.HashTrieMap:",
];

/// Functions of map code; a fault inside one of them is a map crash.
const MAP_FUNCTIONS: &[&str] = &[
    "runtime.map",
    "runtime.evacuate",
    "runtime.growWork",
    "runtime.hashGrow",
    "runtime.advanceEvacuationMark",
    "runtime.bucketEvacuated",
    "runtime.tophash",
    "runtime.makeBucketArray",
    "runtime.(*hmap).",
    "runtime.(*bmap).",
    "internal/runtime/maps.",
];

/// What else is known of the process's end.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'e> {
    /// What the goroutine list says, if it could be read.
    pub goroutines: Option<&'e Goroutines>,
    /// The dying thread, if any.
    pub dying: Option<Dying>,
    /// The signal in the core's notes.
    pub signal: Option<i32>,
    /// Whether values of the program may be shown.
    pub clear: bool,
}

/// Reads the message.
pub fn read_ending(
    program: &Program<'_, '_>,
    values: &Values<'_, '_>,
    evidence: Evidence<'_>,
) -> Ending {
    let dying = evidence.dying;
    let mut out = Ending {
        crashed: dying.is_some() || evidence.signal.is_some(),
        goid: dying.and_then(|d| d.goid),
        tid: dying.map(|d| d.tid),
        signal: dying.map(|d| d.signal.cast_signed()).filter(|s| *s != 0),
        ..Ending::default()
    };
    let panicking = evidence
        .goroutines
        .map(|g| g.panicking.as_slice())
        .unwrap_or_default();
    // A panic that ended the process is the dying thread's; others are being recovered or deferred.
    let panic = panicking
        .iter()
        .find(|p| out.goid.is_none() || Some(p.goid) == out.goid)
        .filter(|_| dying.is_some());
    if let Some(text) = fatal_in_backlog(program) {
        out.source = Some("print-backlog");
        out.about_map = is_map_message(&text);
        out.message = Some(text);
    } else if let Some(p) = panic {
        let text = panic_text(program, values, p.arg, evidence.clear);
        out.source = Some("panic");
        out.goid = Some(p.goid);
        out.signal = (p.signal != 0).then_some(p.signal.cast_signed());
        out.about_map =
            is_map_message(&text.full) || (p.signal != 0 && faulted_in_map_code(program, p.sigpc));
        out.message = Some(text.shown);
    } else if let Some(signal) = evidence.signal {
        out.source = Some("signal");
        out.signal = Some(signal);
        out.message = Some(signal_words(signal));
    }
    out
}

/// Whether only map code says so: the words must begin the message, since a program may well panic
/// with a sentence about maps of its own.
pub fn is_map_message(text: &str) -> bool {
    let words = text
        .strip_prefix("fatal error: ")
        .or_else(|| text.strip_prefix("panic: "))
        .unwrap_or(text);
    let words = words.strip_prefix("runtime error: ").unwrap_or(words);
    MAP_MESSAGES.iter().any(|m| words.starts_with(m))
}

fn faulted_in_map_code(program: &Program<'_, '_>, pc: u64) -> bool {
    let at = program.unslid(Addr(pc));
    program
        .index
        .function_at(at)
        .is_some_and(|name| MAP_FUNCTIONS.iter().any(|m| name.starts_with(m)))
}

/// The last `fatal error: …` line of `runtime.printBacklog`, a ring of what the runtime printed.
/// Source: `runtime/print.go`, `printBacklog` and `printBacklogIndex`, all versions.
fn fatal_in_backlog(program: &Program<'_, '_>) -> Option<String> {
    let ring = program.variable("runtime.printBacklog")?;
    let size = ring.kind().size;
    let bytes = program.mem.bytes(ring.addr, size).ok()?;
    let next = usize::try_from(program.variable("runtime.printBacklogIndex")?.word().ok()?).ok()?;
    let (newer, older) = bytes.split_at_checked(next)?;
    let mut text = [older, newer].concat();
    text.retain(|b| *b != 0);
    let text = String::from_utf8_lossy(&text);
    let at = text.rfind("fatal error: ")?;
    let line = text.get(at..)?.lines().next()?;
    Some(line.chars().take(MAX_MESSAGE).collect())
}

/// `panic: ` and the value as the runtime would print it, redacted or not.
struct PanicText {
    /// All of it; only looked at, never shown.
    full: String,
    /// What may be shown.
    shown: String,
}

impl PanicText {
    fn open(text: String) -> PanicText {
        PanicText {
            full: text.clone(),
            shown: text,
        }
    }
}

/// Reads the value of a panic. Before it prints, the runtime replaces an error by its text
/// (`runtime/panic.go`, `preprintpanics`, all versions), so the runtime's own errors mostly stand
/// there as strings. Text that is not the runtime's is shown only where values may be.
fn panic_text(
    program: &Program<'_, '_>,
    values: &Values<'_, '_>,
    arg: Addr,
    clear: bool,
) -> PanicText {
    let word = program.mem.abi.word();
    let unreadable = || PanicText::open("panic (its value cannot be read)".into());
    let Some(any) = program.type_named("interface {}") else {
        return unreadable();
    };
    let (Ok(bytes), Ok(first)) = (
        program.mem.bytes(arg, word.saturating_mul(2)),
        program.mem.read_addr(arg),
    ) else {
        return unreadable();
    };
    if first.is_nil() {
        return PanicText::open("panic: nil".into());
    }
    let Some(dynamic) = values.meta.dynamic(first, true) else {
        return unreadable();
    };
    let name = &program.graph.declared(dynamic.ty).name;
    let prefix = match &**name {
        "runtime.errorString" | "runtime.errorAddressString" | "runtime.boundsError" => {
            "runtime error: "
        }
        _ => "",
    };
    let text = match plain_string(program, values, arg) {
        Some(s) => s,
        None => values.text(any, &bytes, MAX_MESSAGE),
    };
    let full = format!("panic: {prefix}{text}");
    let of_runtime = name.trim_start_matches('*').starts_with("runtime.")
        || name.starts_with("internal/")
        || full.starts_with("panic: runtime error: ")
        || is_map_message(&full);
    if of_runtime || clear {
        return PanicText::open(full);
    }
    let shown = format!("panic: a value of type {name} (shown with --values clear)");
    PanicText { full, shown }
}

/// The string an error of the runtime consists of, or begins with.
fn plain_string(program: &Program<'_, '_>, values: &Values<'_, '_>, arg: Addr) -> Option<String> {
    let first = program.mem.read_addr(arg).ok()?;
    let data = program
        .mem
        .read_addr(arg.checked_add(program.mem.abi.word())?)
        .ok()?;
    let dynamic = values.meta.dynamic(first, true)?;
    let view = program.view(data, dynamic.ty);
    let text = match &view.kind().kind {
        Kind::String => view,
        Kind::Struct { .. } => view.field("msg")?,
        _ => return None,
    };
    text.string(MAX_MESSAGE as u64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
