//! Owner paths of maps, with keys shown as the request wants them.
//! In: a session and a search's result. Out: what writes paths and shows values, lent to the caller's work.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_REACH_OBJECT;
use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::find::owner::find_owner;
use crate::find::path::Paths;
use crate::process::memory::MemoryRun;
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

/// Looks for the owners of single maps.
pub(crate) struct Owners<'o, 's, 'a> {
    pub(crate) s: &'o Session<'s, 'a>,
    pub(crate) req: &'o Request,
    /// All maps, if they were looked for.
    pub(crate) found: Option<&'o Found>,
    pub(crate) progress: &'o dyn Progress,
}

/// The way to a map.
pub(crate) struct Owner {
    /// As text.
    pub(crate) path: String,
    /// Its last stable step: `main.Server.sessions`.
    pub(crate) holder: String,
    /// The word of a package variable where it begins, and the variable's name.
    pub(crate) variable: Option<(Addr, String)>,
    /// The places between: structs, arrays, other maps' entries.
    pub(crate) way: Vec<AddrRange>,
}

impl Owners<'_, '_, '_> {
    /// `goroutine`: whose stack is looked at as well.
    pub(crate) fn of(&self, map: Addr, goroutine: Option<u64>) -> Option<Owner> {
        if map.is_nil() {
            return None;
        }
        match self.found {
            Some(found) => self.within(found, map),
            None => find_owner(&self.s.grounds(), map, goroutine, self.progress)
                .and_then(|found| self.within(&found, map))
                .or_else(|| self.word(map)),
        }
    }

    /// The word among the package variables that holds the map's address, where nobody knows their names.
    fn word(&self, map: Addr) -> Option<Owner> {
        let mem = self.s.reader.program.mem;
        let step = usize::from(mem.abi.ptr_size).max(1);
        for range in self.s.modules.list.iter().flat_map(|m| [m.data, m.bss]) {
            for run in mem.runs(range.start, range.size()) {
                let MemoryRun::Bytes(start, bytes) = run else {
                    continue;
                };
                let mut words = bytes.chunks_exact(step);
                let Some(i) = words.position(|w| mem.abi.uptr(w, 0) == Some(map.0)) else {
                    continue;
                };
                let at = start.element(u64::try_from(i).ok()?, mem.abi.word())?;
                return Some(Owner {
                    path: String::new(),
                    holder: String::new(),
                    variable: Some((at, format!("the package variable at {at}"))),
                    way: Vec::new(),
                });
            }
        }
        None
    }

    fn within(&self, found: &Found, map: Addr) -> Option<Owner> {
        let maps = found.maps.iter().map(|m| (m.addr, m.node));
        let sync = found.sync_maps.iter().map(|m| (m.addr, m.node));
        let (_, node) = maps.chain(sync).find(|(addr, _)| *addr == map)?;
        let program = &self.s.reader.program;
        let variable = found.variable_of(node).and_then(|(i, off)| {
            let v = program.index.variables().get(usize::try_from(i).ok()?)?;
            Some((program.view_of(v).addr.checked_add(off)?, v.name.clone()))
        });
        let (path, holder) = with_paths(self.s, self.req, found, |paths, _| {
            (paths.owner(node), paths.holder(node))
        });
        Some(Owner {
            path,
            holder,
            variable,
            way: found
                .way(node)
                .filter_map(|n| {
                    let each = program.graph.get(n.ty).size;
                    AddrRange::of_size(n.addr, each.saturating_mul(n.count))
                })
                .filter(|r| (1..=MAX_REACH_OBJECT).contains(&r.size()))
                .collect(),
        })
    }
}
