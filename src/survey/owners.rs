//! Owner paths of maps, with keys shown as the request wants them.
//! In: a session and a search's result. Out: what writes paths and shows values, lent to the caller's work.

use crate::base::addr::Addr;
use crate::find::found::Found;
use crate::find::path::Paths;
use crate::survey::redact::Redactor;
use crate::survey::redact::derived_key;
use crate::survey::request::Request;
use crate::survey::session::Session;
use crate::types::graph::TypeId;

/// Runs `work` with what shows keys and names owners.
pub(crate) fn with_paths<R>(
    s: &Session<'_, '_>,
    req: &Request,
    found: &Found,
    work: impl FnOnce(&Paths<'_, '_>, &Redactor<'_, '_, '_>) -> R,
) -> R {
    let key = req
        .digest_key
        .unwrap_or_else(|| derived_key(&s.values, &s.identity.notes, s.threads));
    let redactor = Redactor {
        values: &s.values,
        mode: req.values,
        key,
    };
    let show_key = |ty: TypeId, at: Addr| redactor.show_at(ty, at);
    let program = &s.reader.program;
    let paths = Paths {
        found,
        graph: program.graph,
        variables: program.index.variables(),
        key: &show_key,
        any: program.type_named("interface {}"),
    };
    work(&paths, &redactor)
}
