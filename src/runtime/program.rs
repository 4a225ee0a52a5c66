//! The Go program as a whole: memory, types, and variables by name.
//! In: memory, type graph, DWARF index and slide; without DWARF, what was found by other means. Out:
//! typed views of package variables.

use crate::base::addr::Addr;
use crate::base::addr::LinkAddr;
use crate::base::limits::MAX_NAME;
use crate::dwarf::index::DwarfIndex;
use crate::dwarf::index::Variable;
use crate::file::corefile::Machine;
use crate::process::memory::Memory;
use crate::runtime::globals::Globals;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use crate::types::view::View;

/// Everything that is asked about the program by name.
#[derive(Clone, Copy, Debug)]
pub struct Program<'v, 'a> {
    /// The process's memory.
    pub mem: &'v Memory<'a>,
    /// The types.
    pub graph: &'v TypeGraph<'v>,
    /// The DWARF index.
    pub index: &'v DwarfIndex<'v>,
    /// What to add to link-time addresses.
    pub slide: u64,
    /// The machine.
    pub machine: Machine,
    /// The runtime's variables where no DWARF tells them; `None` where it does. The types are then
    /// those of `known.rs`.
    pub globals: Option<&'v Globals>,
}

impl<'v, 'a> Program<'v, 'a> {
    /// The package variable of this name (`runtime.allgs`), typed.
    pub fn variable(&self, name: &str) -> Option<View<'v, 'a>> {
        match self.globals {
            Some(globals) => globals.get(name).map(|(addr, ty)| self.view(addr, ty)),
            None => self.index.variable(name).map(|v| self.view_of(v)),
        }
    }

    /// A package variable, typed.
    pub fn view_of(&self, v: &Variable) -> View<'v, 'a> {
        self.view(v.addr.slid(self.slide), TypeId(v.ty))
    }

    /// A window on `addr` as type `ty`.
    pub fn view(&self, addr: Addr, ty: TypeId) -> View<'v, 'a> {
        View {
            mem: self.mem,
            graph: self.graph,
            addr,
            ty,
        }
    }

    /// The type of this name, definitions before other names for them.
    pub fn type_named(&self, name: &str) -> Option<TypeId> {
        if self.globals.is_none() {
            return self.index.type_by_name(name).map(TypeId);
        }
        let mut ids = self.graph.known_ids();
        ids.find(|id| &*self.graph.declared(*id).name == name)
    }

    /// The link-time address of a process address.
    pub fn unslid(&self, addr: Addr) -> LinkAddr {
        LinkAddr(addr.0.wrapping_sub(self.slide))
    }

    /// The Go version the process itself carries (`runtime.buildVersion`).
    pub fn build_version(&self) -> Option<String> {
        self.variable("runtime.buildVersion")?
            .string(MAX_NAME)
            .ok()
            .filter(|s| !s.is_empty())
    }
}
