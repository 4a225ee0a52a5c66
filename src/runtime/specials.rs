//! What the runtime keeps beside objects and calls when they die: finalizers and cleanups.
//! In: the spans' lists of specials. Out: the object, what is called, and what it is called with.

use crate::base::addr::Addr;
use crate::base::limits::MAX_SPECIALS;
use crate::runtime::claims::Bound;
use crate::runtime::claims::CLEANUP_FN;
use crate::runtime::claims::SPECIAL;
use crate::runtime::claims::SPECIAL_CLEANUP;
use crate::runtime::claims::SPECIAL_FINALIZER;
use crate::runtime::heap::Heap;
use crate::runtime::program::Program;
use crate::runtime::spans::Span;
use std::collections::HashSet;
use std::sync::OnceLock;

/// A finalizer or cleanup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Special {
    /// The address it was set on: that of the object, behind its malloc header. For a cleanup it may
    /// lie inside the object.
    pub object: Addr,
    /// Position of the object's span in `Spans::list`.
    pub span: usize,
    /// What it is.
    pub kind: SpecialKind,
    /// The function: a closure object (`*funcval`), a root of the collector.
    pub closure: Addr,
}

/// What a special is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecialKind {
    /// Set by `runtime.SetFinalizer`.
    Finalizer {
        /// Descriptor of the type of the pointer it was set with (`*T` for an object of type `T`).
        pointer_type: Addr,
    },
    /// Set by `runtime.AddCleanup`, from go1.24.
    Cleanup {
        /// What the function is called with, a root of the collector; `None` up to go1.25, where the
        /// closure holds it.
        arg: Option<Addr>,
    },
}

/// The finalizers and cleanups of a process.
#[derive(Clone, Default, Debug)]
pub struct Specials {
    /// By span, then by offset in it, then in the runtime's order.
    pub list: Vec<Special>,
    /// Whether every list of every span could be read to its end.
    pub complete: bool,
}

/// The finalizers and cleanups of a process, read when first asked for: that takes a look at every span.
#[derive(Debug)]
pub struct LateSpecials<'v, 'a> {
    program: Program<'v, 'a>,
    heap: &'v Heap<'v, 'a>,
    read: OnceLock<Specials>,
}

impl<'v, 'a> LateSpecials<'v, 'a> {
    /// Those of this process.
    pub fn new(program: Program<'v, 'a>, heap: &'v Heap<'v, 'a>) -> LateSpecials<'v, 'a> {
        LateSpecials {
            program,
            heap,
            read: OnceLock::new(),
        }
    }

    /// All of them.
    pub fn get(&self) -> &Specials {
        self.read
            .get_or_init(|| read_specials(&self.program, self.heap))
    }
}

/// Numbers of the kinds.
#[derive(Clone, Copy, Debug)]
struct Kinds {
    finalizer: u64,
    cleanup: u64,
}

impl Kinds {
    /// Source: `runtime/mheap.go`, `_KindSpecialFinalizer` and `_KindSpecialCleanup`. Up to go1.24 they
    /// are 1 and (go1.24 only) 6; go1.25 put tiny blocks in front, whose struct tells it apart.
    fn of(program: &Program<'_, '_>) -> Kinds {
        match program.type_named("runtime.specialTinyBlock") {
            None => Kinds {
                finalizer: 1,
                cleanup: 6,
            },
            Some(_) => Kinds {
                finalizer: 2,
                cleanup: 7,
            },
        }
    }
}

/// Layouts of the structs.
struct Layouts {
    head: Bound,
    kinds: Kinds,
    finalizer: Option<Bound>,
    /// Offset of what a cleanup has behind its head: a closure, or function and argument.
    cleanup: u64,
    /// From go1.26.
    cleanup_fn: Option<Bound>,
}

/// Where in a cleanup its function lies. A go1.24 built without inlining uses cleanups and yet has no DWARF
/// of their struct; the function then lies right behind the head, as in all versions seen.
fn cleanup_off(program: &Program<'_, '_>, head: &Bound) -> u64 {
    SPECIAL_CLEANUP
        .bind(program)
        .and_then(|b| b.off("cleanup").or_else(|| b.off("fn")))
        .unwrap_or(head.size)
}

/// Reads the finalizers and cleanups of all spans.
pub fn read_specials(program: &Program<'_, '_>, heap: &Heap<'_, '_>) -> Specials {
    let mut out = Specials::default();
    let Some(head) = SPECIAL.bind(program) else {
        return out;
    };
    let layouts = Layouts {
        cleanup: cleanup_off(program, &head),
        head,
        kinds: Kinds::of(program),
        finalizer: SPECIAL_FINALIZER.bind(program),
        cleanup_fn: CLEANUP_FN.bind(program),
    };
    let spans = heap.spans();
    out.complete = spans.is_complete();
    let mut seen = HashSet::new();
    for (i, span) in spans.list().iter().enumerate() {
        if read_list(program, &layouts, (i, span), &mut seen, &mut out.list).is_none() {
            out.complete = false;
        }
    }
    out
}

/// Follows one span's list. `None` when it cannot be read to its end, or cannot be true: a special
/// belongs to one list, which ascends by offset and stays in its span.
fn read_list(
    program: &Program<'_, '_>,
    layouts: &Layouts,
    (idx, span): (usize, &Span),
    seen: &mut HashSet<Addr>,
    out: &mut Vec<Special>,
) -> Option<()> {
    let mut at = span.specials;
    let mut last = 0;
    while !at.is_nil() {
        if seen.len() >= MAX_SPECIALS || !seen.insert(at) {
            return None;
        }
        let head = |name| read(program, &layouts.head, at, name);
        let off = head("offset")?;
        if off < last || off >= span.pages.size() {
            return None;
        }
        last = off;
        let object = span.pages.start.checked_add(off)?;
        let found = match head("kind")? {
            k if k == layouts.kinds.finalizer => finalizer(program, layouts, at),
            k if k == layouts.kinds.cleanup => cleanup(program, layouts, at),
            _ => {
                at = Addr(head("next")?);
                continue;
            }
        };
        let (kind, closure) = found?;
        out.push(Special {
            object,
            span: idx,
            kind,
            closure,
        });
        at = Addr(head("next")?);
    }
    Some(())
}

fn finalizer(
    program: &Program<'_, '_>,
    layouts: &Layouts,
    at: Addr,
) -> Option<(SpecialKind, Addr)> {
    let b = layouts.finalizer.as_ref()?;
    let pointer_type = Addr(read(program, b, at, "ot")?);
    let closure = Addr(read(program, b, at, "fn")?);
    Some((SpecialKind::Finalizer { pointer_type }, closure))
}

fn cleanup(program: &Program<'_, '_>, layouts: &Layouts, at: Addr) -> Option<(SpecialKind, Addr)> {
    let inner = at.checked_add(layouts.cleanup)?;
    let Some(f) = &layouts.cleanup_fn else {
        let closure = program.mem.read_addr(inner).ok()?;
        return Some((SpecialKind::Cleanup { arg: None }, closure));
    };
    let closure = Addr(read(program, f, inner, "fn")?);
    let arg = Some(Addr(read(program, f, inner, "arg")?));
    Some((SpecialKind::Cleanup { arg }, closure))
}

fn read(program: &Program<'_, '_>, bound: &Bound, at: Addr, name: &str) -> Option<u64> {
    let f = bound.field(name)?;
    let bytes = program.mem.bytes(at.checked_add(f.off)?, f.size).ok()?;
    program.mem.abi.uint(&bytes, 0, f.size)
}
