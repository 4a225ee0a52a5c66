//! What a func value holds besides its code: the variables it captured.
//! In: a code address. Out: captured variables by type and place in the closure object, once per function.

use crate::base::addr::Addr;
use crate::runtime::modules::Modules;
use crate::runtime::program::Program;
use crate::runtime::version::minor;
use crate::types::graph::TypeId;
use std::collections::HashMap;

/// A captured variable: its type, its offset in the closure object, the number of its name.
pub(crate) type Captured = (TypeId, u64, u32);

/// Bytes of a function's code that are looked at for loads from the closure object.
const CODE: u64 = 192;

/// Captured variables of all functions met.
pub(crate) struct Closures<'t, 'v, 'a> {
    program: Program<'v, 'a>,
    modules: &'t Modules,
    by_code: HashMap<Addr, Vec<Captured>>,
    names: Vec<String>,
    /// Wrappers of go and defer statements have no names of their own: up to go1.21.
    unnamed: bool,
}

/// The first minor version in which they do.
const WRAPPERS_NAMED: u32 = 22;

impl<'t, 'v, 'a> Closures<'t, 'v, 'a> {
    pub(crate) fn new(program: Program<'v, 'a>, modules: &'t Modules) -> Closures<'t, 'v, 'a> {
        Closures {
            program,
            modules,
            by_code: HashMap::new(),
            names: Vec::new(),
            unnamed: program
                .build_version()
                .and_then(|v| minor(&v))
                .is_some_and(|v| v < WRAPPERS_NAMED),
        }
    }

    /// The variables captured by the function whose code begins at `code`.
    pub(crate) fn captures(&mut self, code: Addr) -> Vec<Captured> {
        if let Some(known) = self.by_code.get(&code) {
            return known.clone();
        }
        let mut out = Vec::new();
        if self.modules.is_text(code) {
            let entry = self.program.unslid(code);
            let first = self.program.mem.bytes(code, CODE).unwrap_or_default();
            for c in self.program.index.captures(entry, &first) {
                out.push((c.ty, c.off, self.name(c.name)));
            }
            if out.is_empty() {
                out.extend(self.receiver(code));
            }
            if out.is_empty() && self.is_wrapper(code) {
                for c in self.program.index.passed_on(entry, &first) {
                    out.push((c.ty, c.off, self.name(c.name)));
                }
            }
        }
        self.by_code.insert(code, out.clone());
        out
    }

    /// Whether a function can be what the compiler makes of a go or defer statement. From go1.22 its name
    /// says so; before, it looks like any function literal.
    /// Source: `cmd/compile/internal/ir/func.go`, `closureName`.
    fn is_wrapper(&self, code: Addr) -> bool {
        let entry = self.program.unslid(code);
        let Some(name) = self.program.index.function_named_at(entry) else {
            return false;
        };
        let is = |kind: &str| {
            name.rsplit_once(kind)
                .is_some_and(|(_, n)| n.chars().all(|c| c.is_ascii_digit()))
        };
        is(".gowrap") || is(".deferwrap") || (self.unnamed && is(".func"))
    }

    /// The receiver of a bound method (`x.Method` as a value), which the closure holds behind the
    /// code address. The wrapper's name is the method's with `-fm` at the end.
    /// Source: `cmd/compile/internal/ir/func.go`, `MethodValueWrapper`, all versions.
    fn receiver(&mut self, code: Addr) -> Option<Captured> {
        let name = self
            .program
            .index
            .function_named_at(self.program.unslid(code))?;
        let ty = self.program.type_named(&receiver_type(&name)?)?;
        let word = self.program.mem.abi.word();
        Some((ty, word, self.name("R".into())))
    }

    /// The same by name: each with its offset in the closure object.
    pub(crate) fn named(&mut self, code: Addr) -> Vec<(String, u64)> {
        let captured = self.captures(code);
        let name = |i: u32| {
            usize::try_from(i)
                .ok()
                .and_then(|i| self.names.get(i).cloned())
        };
        captured
            .iter()
            .filter_map(|(_, off, i)| Some((name(*i)?, *off)))
            .collect()
    }

    fn name(&mut self, name: String) -> u32 {
        self.names.push(name);
        u32::try_from(self.names.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The names of captured variables, by number.
    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// The type of the receiver in the name of a bound method's wrapper: `*main.T` for
/// `main.(*T).Method-fm`, `main.T` for `main.T.Method-fm`.
fn receiver_type(wrapper: &str) -> Option<String> {
    let (receiver, _method) = wrapper.strip_suffix("-fm")?.rsplit_once('.')?;
    match receiver.split_once("(*") {
        Some((package, rest)) => Some(format!("*{package}{}", rest.strip_suffix(')')?)),
        None => Some(receiver.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_names_its_receiver() {
        assert_eq!(
            receiver_type("main.(*holder).theMap-fm").as_deref(),
            Some("*main.holder")
        );
        assert_eq!(
            receiver_type("main.holder.myMap-fm").as_deref(),
            Some("main.holder")
        );
        assert_eq!(
            receiver_type("a.b/c.(*T[int]).M-fm").as_deref(),
            Some("*a.b/c.T[int]")
        );
        assert_eq!(receiver_type("main.plain"), None);
    }
}
