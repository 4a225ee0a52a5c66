//! Which hash function a map type uses, told by the function that its descriptor names.
//! In: a map type. Out: the plan for its keys, and facts on its descriptor.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::dense::Dense;
use crate::base::limits::MIN_HASH_WORK;
use crate::file::corefile::Machine;
use crate::hash::memhash::GlobalFault;
use crate::hash::memhash::HashSetup;
use crate::hash::memhash::MemHash;
use crate::hash::plan::Alg;
use crate::hash::plan::Plan;
use crate::hash::plan::Planner;
use crate::hash::plan::Step;
use crate::hash::signature;
use crate::process::memory::Memory;
use crate::runtime::pclntab::PcTables;
use crate::runtime::program::Program;
use crate::runtime::typemeta::TypeMeta;
use crate::runtime::version::is_untested;
use crate::runtime::version::minor;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

/// The first word of an interface, and whether that is a descriptor rather than an itab.
type TypeWord = (Addr, bool);

/// Knows how the keys of every map type are hashed.
#[derive(Debug)]
pub struct Hashers<'v, 'a> {
    program: Program<'v, 'a>,
    meta: &'v TypeMeta<'v, 'a>,
    tables: &'v PcTables<'v, 'a>,
    setup: HashSetup,
    /// From go1.27 hash functions are shared by signature.
    by_signature: bool,
    untested: bool,
    /// Bytes behind the keys of one map that are hashed at most.
    most_work: u64,
    /// go1.19 or before: nothing tells which types never lie on the heap.
    before_not_in_heap: bool,
    by_map: Dense<KeyType>,
    held: Mutex<HashMap<TypeWord, Option<Arc<Held>>>>,
    /// Ascending: maps ask each for itself.
    proven: OnceLock<Vec<TypeId>>,
}

/// How the keys of one map type are hashed.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct KeyType {
    /// What to do; `None` when it is not known.
    pub plan: Option<Plan>,
    /// The map type's descriptor, where it has one.
    pub descriptor: Option<Addr>,
    /// What the descriptor's `Hasher` is.
    pub hasher: HasherFact,
}

/// That of what is no map.
static NO_KEY_TYPE: KeyType = KeyType {
    plan: None,
    descriptor: None,
    hasher: HasherFact::Unknown,
};

/// What a map type's `Hasher` leads to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum HasherFact {
    #[default]
    /// There is no descriptor, or it or the function tables could not be read.
    Unknown,
    /// A hash function that fits the key type, by name.
    Fits(String),
    /// No function of the program.
    NoCode {
        /// Where it leads.
        to: Addr,
    },
    /// A function that does not hash such keys.
    Foreign(String),
}

/// What an interface holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// How it is hashed; `None` when it cannot be.
    pub(crate) plan: Option<Plan>,
    /// It cannot be, by Go's rules.
    pub(crate) is_unhashable: bool,
    /// The data word is the value itself.
    pub(crate) direct: bool,
    /// Bytes of a value.
    pub(crate) size: u64,
}

impl<'v, 'a> Hashers<'v, 'a> {
    /// For a process of the Go version `version`.
    pub fn new(
        program: Program<'v, 'a>,
        meta: &'v TypeMeta<'v, 'a>,
        tables: &'v PcTables<'v, 'a>,
        version: &str,
    ) -> Hashers<'v, 'a> {
        Hashers {
            setup: HashSetup::read(&program, version),
            program,
            meta,
            tables,
            by_signature: minor(version).is_none_or(|m| m >= 27),
            untested: is_untested(version),
            most_work: {
                let there = program.mem.coverage();
                let bytes = there.dumped.saturating_add(there.from_binary);
                bytes.saturating_add(MIN_HASH_WORK)
            },
            before_not_in_heap: minor(version).is_some_and(|m| m < 20),
            by_map: Dense::default(),
            held: Mutex::new(HashMap::new()),
            proven: OnceLock::new(),
        }
    }

    /// The process's hash functions; `None` when they are not known.
    pub fn memhash(&self) -> Option<&MemHash> {
        self.setup.memhash.as_ref()
    }

    /// What is impossible about the process's hash keys.
    pub fn fault(&self) -> Option<GlobalFault> {
        self.setup.fault
    }

    /// Which hash is in use.
    pub fn setup(&self) -> &HashSetup {
        &self.setup
    }

    /// Whether the keys of this map type were seen to hash as badmap believes they do.
    pub fn is_proven(&self, map: TypeId) -> bool {
        let types = self.proven.get();
        types.is_some_and(|types| types.binary_search(&map).is_ok())
    }

    /// Says of which map types that is so; the first word counts.
    pub fn set_proven(&self, types: HashSet<TypeId>) {
        self.proven.get_or_init(|| {
            let mut types: Vec<TypeId> = types.into_iter().collect();
            types.sort_unstable();
            types
        });
    }

    /// Bytes behind the keys of one map that are hashed at most: keys of a sane map do not share their
    /// bytes, so that they are fewer than the process has.
    pub(crate) fn most_work(&self) -> u64 {
        self.most_work
    }

    /// Whether the process's types do not say which of them never lie on the heap (`//go:notinheap`), so that
    /// only the allocator knows whether a bucket holds pointers.
    pub fn is_before_not_in_heap(&self) -> bool {
        self.before_not_in_heap
    }

    /// Whether the plans of compiled functions were held against this kind of machine: those that demand
    /// alignment have rules of their own.
    pub fn is_plain_machine(&self) -> bool {
        self.planner().alignment == 1
    }

    /// Whether no version of Go is known that hashes as this one does.
    pub fn is_untested(&self) -> bool {
        self.untested
    }

    /// Whether that is the memory all of this was read from, and not one with other bytes in it.
    pub(crate) fn is_of(&self, mem: &Memory<'_>) -> bool {
        let own: *const Memory<'_> = self.program.mem;
        std::ptr::addr_eq(own, mem)
    }

    pub(crate) fn abi(&self) -> Abi {
        self.program.mem.abi
    }

    fn planner(&self) -> Planner<'_, 'v, 'a> {
        Planner {
            graph: self.program.graph,
            meta: self.meta,
            // Source: `cmd/internal/sys/arch.go`, `Arch.Alignment`: 1 where any load may be unaligned.
            alignment: match self.program.machine {
                Machine::Arm => 4,
                Machine::Mips => self.abi().word(),
                Machine::Riscv64 | Machine::Loong64 => 8,
                _ => 1,
            },
        }
    }

    /// How the keys of map type `ty` are hashed.
    pub fn key_type(&self, ty: TypeId) -> &KeyType {
        let make = || match self.program.graph.get(ty).kind {
            Kind::Map { key, .. } => self.make_key_type(ty, key),
            _ => KeyType::default(),
        };
        let known = self.by_map.get_or_make(ty.0, make);
        known.unwrap_or(&NO_KEY_TYPE)
    }

    fn make_key_type(&self, map: TypeId, key: TypeId) -> KeyType {
        let planner = self.planner();
        let descriptor = self
            .meta
            .descriptor_of(map)
            .or_else(|| self.meta.descriptor_of(self.program.graph.strip(map)));
        let by_type = || {
            if self.by_signature {
                signature::of_type(&planner, key, self.abi().word())
            } else {
                planner.compiled(key)
            }
        };
        let function = descriptor.and_then(|d| self.hasher_of(d));
        let (plan, hasher) = match function {
            None => (by_type(), HasherFact::Unknown),
            Some(Err(to)) => (by_type(), HasherFact::NoCode { to }),
            Some(Ok((name, closure))) => {
                let plan = self.named_plan(&planner, &name, closure, key);
                let fits = self.fits(&planner, &name, key);
                match plan {
                    Some(plan) if fits != Some(false) => (Some(plan), HasherFact::Fits(name)),
                    // A Go nobody has seen may have functions nobody has heard of.
                    _ if self.untested => (by_type(), HasherFact::Unknown),
                    _ => (by_type(), HasherFact::Foreign(name)),
                }
            }
        };
        KeyType {
            plan,
            descriptor,
            hasher,
        }
    }

    /// The name of the function behind the `Hasher` of the map type at `descriptor`, and the func
    /// value; `Err` with the address where there is no function.
    fn hasher_of(&self, descriptor: Addr) -> Option<Result<(String, Addr), Addr>> {
        if self.tables.is_empty() {
            return None;
        }
        let closure = self.meta.map_hasher(descriptor)?;
        let code = match self.program.mem.read_addr(closure) {
            Ok(code) => code,
            Err(f) if f.why.is_the_process() => return Some(Err(closure)),
            Err(_) => return None,
        };
        let found = self.tables.find(code).filter(|f| f.entry == code);
        Some(match found {
            Some(f) => Ok((self.tables.name(&f).into_owned(), closure)),
            // A jump into another file, as a plugin has it, is nothing that the tables know.
            None if self.tables.is_code(code) || !self.program.mem.is_mapped(code, 1) => Err(code),
            None => return None,
        })
    }

    /// The plan of a hash function by its name.
    fn named_plan(
        &self,
        planner: &Planner<'_, '_, '_>,
        name: &str,
        closure: Addr,
        key: TypeId,
    ) -> Option<Plan> {
        let one = |step| {
            Some(Plan {
                steps: Box::new([step]),
            })
        };
        let float = |size| one(Step::Float { off: 0, size });
        if let Some(generated) = generated(name) {
            return if self.by_signature {
                signature::parse(generated, self.abi().word())
            } else {
                planner.compiled(key)
            };
        }
        if name.starts_with("reflect.MapOf.func") {
            return planner.dynamic(key);
        }
        match name.rsplit('.').next()? {
            "memhash0" => Some(Plan::default()),
            "memhash8" => one(Step::Bytes { off: 0, len: 1 }),
            "memhash16" => one(Step::Bytes { off: 0, len: 2 }),
            "memhash32" => one(Step::Word32 { off: 0 }),
            "memhash64" => one(Step::Word64 { off: 0 }),
            "memhash128" => one(Step::Bytes { off: 0, len: 16 }),
            "memhash_varlen" => {
                let at = closure.checked_add(self.abi().word())?;
                let len = self.program.mem.read_uptr(at).ok()?;
                // Up to go1.26 it is for whole keys; by signature, bytes at the end may be skipped.
                let size = self.program.graph.get(key).size;
                (len == size || (self.by_signature && len < size)).then_some(())?;
                one(Step::Bytes { off: 0, len })
            }
            "strhash" => one(Step::Text { off: 0 }),
            "f32hash" => float(4),
            "f64hash" => float(8),
            "c64hash" | "c128hash" => planner.dynamic(key),
            "interhash" => one(Step::Iface {
                off: 0,
                empty: false,
            }),
            "nilinterhash" => one(Step::Iface {
                off: 0,
                empty: true,
            }),
            _ => None,
        }
    }

    /// Whether the function of this name can hash such keys; `None` where only its body would tell.
    fn fits(&self, planner: &Planner<'_, '_, '_>, name: &str, key: TypeId) -> Option<bool> {
        if generated(name).is_some() || name.starts_with("reflect.MapOf.func") {
            return None;
        }
        let short = name.rsplit('.').next()?;
        let size = self.program.graph.get(key).size;
        let expect = match planner.alg(key)? {
            Alg::Special => return None, // from go1.27 a signature of one part uses any of these
            Alg::Memory => {
                return Some(match short {
                    "memhash0" => size == 0,
                    "memhash8" => size == 1,
                    "memhash16" => size == 2,
                    "memhash32" => size == 4,
                    "memhash64" => size == 8,
                    "memhash128" => size == 16,
                    "memhash_varlen" => true, // its length was compared
                    _ => false,
                });
            }
            Alg::Text => "strhash",
            Alg::Float(4) => "f32hash",
            Alg::Float(_) => "f64hash",
            Alg::Complex(8) => "c64hash",
            Alg::Complex(_) => "c128hash",
            Alg::Iface(true) => "nilinterhash",
            Alg::Iface(false) => "interhash",
        };
        Some(short == expect)
    }

    /// What an interface of this type word holds; `None` when the word leads to no type.
    pub(crate) fn dynamic(&self, word: Addr, empty: bool) -> Option<Arc<Held>> {
        if let Ok(known) = self.held.lock()
            && let Some(held) = known.get(&(word, empty))
        {
            return held.clone();
        }
        let made = self.meta.dynamic(word, empty).map(|d| {
            let ty = self.program.graph.get(d.ty);
            Arc::new(Held {
                plan: self.planner().dynamic(d.ty),
                is_unhashable: self.planner().is_unhashable(d.ty, 0),
                direct: d.direct,
                size: ty.size,
            })
        });
        if let Ok(mut known) = self.held.lock() {
            known.insert((word, empty), made.clone());
        }
        made
    }
}

/// What stands behind the prefix of a hash function that the compiler generated.
fn generated(name: &str) -> Option<&str> {
    // Two dots up to go1.19, a colon and a dot from go1.20.
    name.strip_prefix("type:.hash.")
        .or_else(|| name.strip_prefix("type..hash."))
}
