//! What holds a map in every run of a program: a package variable, or a field of a type that has a name.
//! In: the nodes of a search. Out: `main.sessions`, `main.Server.sessions`; nothing for what only stacks and closures
//! hold. Where `path.rs` writes the whole way, which is another one in the next core, this is its last stable step.

use crate::base::limits::MAX_TYPE_DEPTH;
use crate::find::found::Held;
use crate::find::found::Root;
use crate::find::found::Via;
use crate::find::path::Paths;
use crate::find::plan::UNROLL;
use crate::maps::syncmap::is_sync_map;
use crate::runtime::funcnames::is_plumbing_type;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;

/// Most steps from a map up to what holds it: through containers and structs without names.
const MAX_UP: usize = 64;

impl Paths<'_, '_> {
    /// The innermost field of a named struct type on the way to a node, with the type's name; else the package
    /// variable. Elements of maps, slices and channels are held by what holds the container; a field of a struct
    /// without a name is written behind what holds that. Empty where the way begins on a stack, in a closure or
    /// nowhere: what a local variable is called, or whether it still has a name, depends on the build.
    pub fn holder(&self, node: u32) -> String {
        let mut below = String::new();
        let mut at = node;
        for _ in 0..MAX_UP {
            let Some(n) = self.node(at) else { break };
            match n.via {
                Via::Variable(i) => return self.variable(i, &below),
                Via::Root(i) => return self.swept(i, &below),
                Via::Capture { .. } => break,
                Via::Entry { .. } | Via::SyncEntry { .. } | Via::Inner(_) => {}
                Via::At(off)
                | Via::Iface(off)
                | Via::Recv { off, .. }
                | Via::Send { off, .. }
                | Via::Beyond { off, .. } => {
                    let Some(parent) = self.node(n.parent) else {
                        break;
                    };
                    let stride = self.graph.get(parent.ty).size.max(1);
                    let off = off.checked_rem(stride).unwrap_or(0);
                    let (owner, fields) = self.named_field(parent.ty, off);
                    below.insert_str(0, &fields);
                    if let Some(owner) = owner {
                        return format!("{owner}{below}");
                    }
                }
            }
            at = n.parent;
        }
        String::new()
    }

    fn variable(&self, i: u32, below: &str) -> String {
        let variable = usize::try_from(i).ok().and_then(|i| self.variables.get(i));
        variable.map_or_else(String::new, |v| format!("{}{below}", v.name))
    }

    /// The package variable that has a word which no type says to be a map.
    fn swept(&self, root: u32, below: &str) -> String {
        let Some(Root::Swept {
            held: Some(Held::Variable { variable, off }),
            ..
        }) = self.root(root)
        else {
            return String::new();
        };
        let i = usize::try_from(*variable).ok();
        let ty = i.and_then(|i| self.variables.get(i)).map(|v| TypeId(v.ty));
        match ty.map(|ty| self.named_field(ty, *off)) {
            Some((Some(owner), fields)) => format!("{owner}{fields}{below}"),
            Some((None, fields)) => self.variable(*variable, &format!("{fields}{below}")),
            None => String::new(),
        }
    }

    /// The innermost struct type with a name inside a value of type `ty` that offset `off` belongs to, and the fields
    /// below it, or below the value if there is none. Types of the runtime's and of the packages around it, an
    /// `atomic.Pointer` say, are no holders: what holds them is.
    fn named_field(&self, ty: TypeId, mut off: u64) -> (Option<&str>, String) {
        let (mut owner, mut fields) = (None, String::new());
        let mut at = ty;
        for _ in 0..MAX_TYPE_DEPTH {
            let name = &*self.graph.declared(at).name;
            at = self.graph.strip(at);
            let t = self.graph.get(at);
            match &t.kind {
                Kind::Struct { .. } if is_sync_map(&t.name) => break,
                Kind::Struct { .. } if is_plumbing_type(name) => break,
                Kind::Struct { fields: all } => {
                    let inside = |start: u64, size: u64| {
                        start <= off && off < start.saturating_add(size.max(1))
                    };
                    let field = all
                        .iter()
                        .find(|f| inside(f.off, self.graph.get(f.ty).size));
                    let Some(field) = field else { break };
                    if name.contains('.') && !name.starts_with("struct {") {
                        (owner, fields) = (Some(name), String::new());
                    }
                    fields.push('.');
                    fields.push_str(&field.name);
                    off = off.saturating_sub(field.off);
                    at = field.ty;
                }
                Kind::Array { elem, len } if *len <= UNROLL => {
                    let stride = self.graph.get(*elem).size.max(1);
                    off = off.checked_rem(stride).unwrap_or(0);
                    at = *elem;
                }
                _ => break,
            }
        }
        (owner, fields)
    }
}
