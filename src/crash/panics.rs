//! The panics that ended a program, as the runtime would print them.
//! In: their values, and the stack they came up. Out: texts, redacted or not, and whether they are about a map.

use crate::base::addr::Addr;
use crate::base::limits::MAX_MESSAGE;
use crate::crash::atwork::Left;
use crate::crash::message::Ending;
use crate::crash::message::Evidence;
use crate::crash::message::MAP_IF_IN_MAP_CODE;
use crate::crash::message::begins;
use crate::crash::message::is_map_message;
use crate::maps::value::Values;
use crate::runtime::funcnames::is_runtime;
use crate::runtime::program::Program;
use crate::runtime::unwind::Frame;
use crate::types::graph::Kind;

/// The panics that ended the program, the recovered ones among them that others came out of.
pub(crate) fn read_panics(
    program: &Program<'_, '_>,
    values: &Values<'_, '_>,
    evidence: &Evidence<'_>,
    fault_in_map: bool,
    out: &mut Ending,
) {
    let raised = raised_by_runtime(evidence);
    let known = raised.len() == evidence.panics.len();
    let texts: Vec<(PanicText, bool)> = evidence
        .panics
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let by_runtime = if known {
                raised.get(i).copied().unwrap_or(false)
            } else {
                !raised.is_empty() && raised.iter().all(|r| *r)
            };
            let text = panic_text(program, values, p.arg, by_runtime, evidence.clear);
            (text, p.recovered)
        })
        .collect();
    let in_map_code = evidence.work.is_some();
    out.source = Some("panic");
    let says_map = texts.iter().any(|(t, _)| {
        t.by_runtime
            && (is_map_message(&t.full) || (in_map_code && begins(&t.full, MAP_IF_IN_MAP_CODE)))
            || t.full == NIL_MAP
    });
    let plain = texts
        .iter()
        .rev()
        .map(|(t, _)| t)
        .find(|t| is_map_message(&t.plain))
        .or(texts.last().map(|(t, _)| t));
    out.plain = plain.map(|t| t.plain.clone());
    let deferred = evidence
        .work
        .is_some_and(|w| w.left == Left::Panicked { deferred: true });
    out.about_map = says_map || (fault_in_map && !deferred);
    // The runtime prints the oldest first.
    out.panics = texts
        .into_iter()
        .rev()
        .map(|(t, recovered)| match recovered {
            true => format!("{} [recovered]", t.shown),
            false => t.shown,
        })
        .collect();
    out.message = out.panics.first().cloned();
}

/// The one message of the runtime that is a sentence without parts, so that it says the same if the program
/// has caught it and panics with it once more.
const NIL_MAP: &str = "panic: assignment to entry in nil map";

/// For each panic on the stack, innermost first: whether the runtime raised it, not the program.
fn raised_by_runtime(evidence: &Evidence<'_>) -> Vec<bool> {
    let Some(stack) = evidence.stack else {
        return Vec::new();
    };
    let name = |f: &Frame| evidence.tables.name(&f.func);
    stack
        .frames
        .windows(2)
        .filter_map(|pair| match pair {
            [f, caller] if name(f) == "runtime.gopanic" => Some(name(caller)),
            _ => None,
        })
        .map(|caller| is_runtime(&caller) || caller.starts_with("internal/sync."))
        .collect()
}

/// `panic: ` and the value as the runtime would print it, redacted or not.
struct PanicText {
    /// All of it; only looked at, never shown.
    full: String,
    /// What may be shown.
    shown: String,
    /// What anybody may be shown.
    plain: String,
    /// The runtime raised it, not the program.
    by_runtime: bool,
}

impl PanicText {
    fn open(text: &str, by_runtime: bool) -> PanicText {
        PanicText {
            full: text.to_owned(),
            shown: text.to_owned(),
            plain: text.to_owned(),
            by_runtime,
        }
    }
}

/// Reads the value of a panic. Before it prints, the runtime replaces an error by its text
/// (`runtime/panic.go`, `preprintpanics`, all versions), so errors mostly stand there as strings, the
/// runtime's own too. Text of a panic that the runtime did not raise is shown only where values may be.
fn panic_text(
    program: &Program<'_, '_>,
    values: &Values<'_, '_>,
    arg: Addr,
    by_runtime: bool,
    clear: bool,
) -> PanicText {
    let word = program.mem.abi.word();
    let unreadable = || PanicText::open("panic (its value cannot be read)", by_runtime);
    let Some(any) = program.type_named("interface {}") else {
        return match plain_string(program, values, arg) {
            Some(text) => told(text, "string", by_runtime, clear),
            None => unreadable(),
        };
    };
    let (Ok(bytes), Ok(first)) = (
        program.mem.bytes(arg, word.saturating_mul(2)),
        program.mem.read_addr(arg),
    ) else {
        return unreadable();
    };
    if first.is_nil() {
        return PanicText::open("panic: nil", by_runtime);
    }
    let Some(dynamic) = values.meta.dynamic(first, true) else {
        return unreadable();
    };
    let name = program.graph.declared(dynamic.ty).name.clone();
    let text = match plain_string(program, values, arg) {
        Some(s) => s,
        None => values.text(any, &bytes, MAX_MESSAGE),
    };
    told(text, &name, by_runtime, clear)
}

fn told(text: String, ty: &str, by_runtime: bool, clear: bool) -> PanicText {
    let prefix = match ty {
        "runtime.errorString" | "runtime.errorAddressString" | "runtime.boundsError" => {
            "runtime error: "
        }
        _ => "",
    };
    let full = format!("panic: {prefix}{text}");
    let of_runtime = ty.trim_start_matches('*').starts_with("runtime.");
    let plain = if by_runtime || of_runtime || full == NIL_MAP {
        full.clone()
    } else if ty == "string" {
        "panic: a string or an error's text (shown with --values clear)".to_owned()
    } else {
        format!("panic: a value of type {ty} (shown with --values clear)")
    };
    PanicText {
        shown: if clear { full.clone() } else { plain.clone() },
        full,
        plain,
        by_runtime: by_runtime || of_runtime,
    }
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
