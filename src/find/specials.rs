//! Finalizers and cleanups as roots: the functions, what they are called with, and everything that an
//! object with a finalizer leads to (the object itself they do not keep).
//! In: the runtime's list of them. Out: what they lead to, in a search.

use crate::base::addr::Addr;
use crate::find::found::Root;
use crate::find::found::Ways;
use crate::find::search::Grounds;
use crate::find::trace::Tracer;
use crate::runtime::specials::SpecialKind;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;

/// Follows every special through `tracer`.
pub(crate) fn push_specials(grounds: &Grounds<'_, '_, '_>, tracer: &mut Tracer<'_, '_, '_>) {
    for special in &grounds.specials.get().list {
        match special.kind {
            SpecialKind::Finalizer { pointer_type } => {
                tracer.by(Ways::FINALIZER);
                follow_closure(tracer, Root::Finalizer(special.object), special.closure);
                let object = grounds.reader.meta.type_at(pointer_type);
                let graph = grounds.reader.program.graph;
                if let Some(ty) = object
                    && let Kind::Pointer { elem: Some(elem) } = graph.get(ty).kind
                    && tracer.plans.leads(elem)
                {
                    tracer.push_root(Root::Finalized(special.object), elem, special.object, 1);
                }
            }
            SpecialKind::Cleanup { arg } => {
                tracer.by(Ways::CLEANUP);
                follow_closure(tracer, Root::Cleanup(special.object), special.closure);
                let called = match arg {
                    Some(arg) => Some((special.closure, arg)),
                    None => in_closure(grounds, tracer, special.closure),
                };
                if let Some((function, arg)) = called.filter(|(_, arg)| !arg.is_nil())
                    && let Some(ty) = parameter(grounds, function)
                    && tracer.plans.leads(ty)
                {
                    tracer.push_root(Root::Cleanup(special.object), ty, arg, 1);
                }
            }
        }
        tracer.drain();
    }
}

/// Up to go1.25 a cleanup is a closure of `AddCleanup` around the function and its argument, whose
/// own type in there is that of generic code: the function has the true one. Source:
/// `runtime/mcleanup.go`, `AddCleanup`.
fn in_closure(
    grounds: &Grounds<'_, '_, '_>,
    tracer: &mut Tracer<'_, '_, '_>,
    closure: Addr,
) -> Option<(Addr, Addr)> {
    let mem = grounds.reader.program.mem;
    let code = mem.read_addr(closure).ok()?;
    let captured = tracer.captures_by_name(code);
    // A variable is captured by reference (`&x`), or itself where the compiler sees that it does not change.
    let at = |name: &str| {
        let (captured, off) = captured
            .iter()
            .find(|(n, _)| n.trim_start_matches('&') == name)?;
        let at = closure.checked_add(*off)?;
        if captured.starts_with('&') {
            mem.read_addr(at).ok()
        } else {
            Some(at)
        }
    };
    Some((mem.read_addr(at("cleanup")?).ok()?, at("arg")?))
}

fn follow_closure(tracer: &mut Tracer<'_, '_, '_>, root: Root, closure: Addr) {
    if !closure.is_nil() {
        let idx = tracer.push_root(root, TypeId(u32::MAX), Addr::NIL, 0);
        tracer.follow_func(idx, closure, 0);
    }
}

/// The type of the first argument of the function behind a closure.
fn parameter(grounds: &Grounds<'_, '_, '_>, closure: Addr) -> Option<TypeId> {
    let program = &grounds.reader.program;
    let code = program.mem.read_addr(closure).ok()?;
    let locals = program.index.locals(program.unslid(code));
    locals.iter().find(|l| l.parameter).map(|l| l.ty)
}
