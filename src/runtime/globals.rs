//! The runtime's variables in a process without symbols: where they are, by the code that uses them.
//! In: the function tables, memory, the threads' ids. Out: addresses, each tested by what stands there;
//! what fails its test, or is not alone in passing it, is absent. The code is amd64's; elsewhere only the
//! module itself is found.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_NAME;
use crate::file::binary::Binary;
use crate::file::corefile::Machine;
use crate::process::threads::Thread;
use crate::runtime::claims::Bound;
use crate::runtime::claims::G;
use crate::runtime::claims::M;
use crate::runtime::claims::MHEAP;
use crate::runtime::claims::MHEAP_SPANS;
use crate::runtime::claims::MSPAN;
use crate::runtime::claims::STACK;
use crate::runtime::firstmodule::find_first_module;
use crate::runtime::heap::Heap;
use crate::runtime::heap::STATE_IN_USE;
use crate::runtime::heap::STATE_MANUAL;
use crate::runtime::known::KnownTypes;
use crate::runtime::modules::Module;
use crate::runtime::modules::Modules;
use crate::runtime::pclntab::PcTables;
use crate::runtime::program::Program;
use crate::runtime::rip::Access;
use crate::runtime::rip::Reference;
use crate::runtime::rip::references;
use crate::runtime::version::is_version;
use crate::types::graph::TypeId;
use crate::types::view::View;
use std::collections::HashSet;

/// Bytes of one function that are decoded; the longest that is asked for has some thousands.
const MAX_CODE: u64 = 1 << 16;
/// Variables of one function that are looked at; those that are asked for use some dozen.
const MAX_REFERENCES: usize = 256;
/// Threads of the runtime's own list that the kernel does not know: those kept for C's threads.
const MAX_SPARE: usize = 1 << 16;
/// Goroutines whose records must make sense before a list is believed.
const SAMPLE: u64 = 256;
/// Bytes of `runtime.printBacklog`. Source: `runtime/print.go`, all versions.
const BACKLOG: u64 = 512;
/// All of a status but `_Gscan`. Source: `runtime/runtime2.go`, all versions; the same below.
const STATUS_MASK: u64 = 0xfff;
/// `_Gdead`.
const STATUS_DEAD: u64 = 6;
/// The highest there is (`_Gdeadextra`, from go1.26).
const STATUS_LAST: u64 = 11;

/// Variables of the runtime and their types.
#[derive(Clone, Default, Debug)]
pub struct Globals {
    list: Vec<(&'static str, Addr, TypeId)>,
}

impl Globals {
    /// A variable's address and type, if it was found.
    pub fn get(&self, name: &str) -> Option<(Addr, TypeId)> {
        let found = self.list.iter().find(|g| g.0 == name);
        found.map(|(_, addr, ty)| (*addr, *ty))
    }

    /// The names of the variables that were looked for in vain.
    pub fn lacks(&self, known: &KnownTypes) -> impl Iterator<Item = &'static str> {
        let names = known.variables();
        names.filter(|name| self.get(name).is_none())
    }

    /// Looks for all of them. `known` are the types of the program's graph.
    pub fn find(
        program: Program<'_, '_>,
        known: &KnownTypes,
        binary: &Binary<'_>,
        threads: &[Thread],
    ) -> Globals {
        let none = Globals::default();
        let program = &Program {
            globals: Some(&none),
            ..program
        };
        let mut out = Globals::default();
        let mut keep = |name, addr: Option<Addr>| {
            let found = addr.zip(known.variable_type(name));
            out.list.extend(found.map(|(addr, ty)| (name, addr, ty)));
        };
        let first = find_first_module(program, binary);
        keep("runtime.firstmoduledata", first);
        let modules = first.map(|at| Modules::read_from(program, at));
        let Some((modules, module)) = modules.as_ref().and_then(|m| Some((m, m.list.first()?)))
        else {
            return out;
        };
        if program.machine != Machine::Amd64 {
            return out;
        }
        let finder = Finder {
            program,
            known,
            tables: PcTables::open(program.mem, &[module.tables]),
            modules,
            module,
            threads,
        };
        keep("runtime.allgs", finder.allgs());
        keep("runtime.allm", finder.allm());
        keep("runtime.printBacklog", finder.backlog());
        keep("runtime.printBacklogIndex", finder.backlog_index());
        keep("runtime.buildVersion", finder.build_version());
        keep("runtime.waitReasonStrings", finder.wait_reasons());
        keep("runtime.mheap_", finder.heap());
        keep("runtime.gcphase", finder.gcphase());
        out
    }
}

struct Finder<'f, 'v, 'a> {
    program: &'f Program<'v, 'a>,
    known: &'f KnownTypes,
    tables: PcTables<'v, 'a>,
    modules: &'f Modules,
    module: &'f Module,
    threads: &'f [Thread],
}

impl<'v, 'a> Finder<'_, 'v, 'a> {
    /// What a function refers to in the module's variables, ascending, each once.
    fn references(&self, function: &str) -> Vec<Reference> {
        let code = || {
            let f = self.tables.named(function)?;
            let size = f.end.offset_from(f.entry)?.min(MAX_CODE);
            let code = self.program.mem.bytes(f.entry, size).ok()?;
            Some(references(&code, f.entry))
        };
        let m = self.module;
        let in_data = |addr: Addr| {
            let ranges = [m.data, m.bss, m.noptrdata, m.noptrbss];
            ranges.iter().any(|r| r.contains(addr))
        };
        let mut out = code().unwrap_or_default();
        out.retain(|r| in_data(r.addr));
        out.sort_unstable();
        out.dedup();
        out.truncate(MAX_REFERENCES);
        out
    }

    /// The one variable that a function refers to and that passes the test.
    fn only(&self, function: &str, test: impl Fn(&Reference) -> bool) -> Option<Addr> {
        let mut passed: Vec<Addr> = self
            .references(function)
            .iter()
            .filter(|r| test(r))
            .map(|r| r.addr)
            .collect();
        passed.dedup();
        match passed.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    fn view(&self, name: &str, addr: Addr) -> Option<View<'v, 'a>> {
        Some(self.program.view(addr, self.known.variable_type(name)?))
    }

    /// A list whose first members are goroutines: a stack that does not run backwards, a number of its
    /// own, a status. Source: `runtime/proc.go`, `forEachG`, all versions.
    fn allgs(&self) -> Option<Addr> {
        let (g, stack) = (G.bind(self.program)?, STACK.bind(self.program)?);
        self.only("runtime.forEachG", |r| {
            self.is_list_of_gs(r.addr, &g, &stack).is_some()
        })
    }

    fn is_list_of_gs(&self, at: Addr, g: &Bound, stack: &Bound) -> Option<()> {
        let mem = self.program.mem;
        let (data, len, cap) = self.view("runtime.allgs", at)?.slice().ok()?;
        if len == 0 || len > cap || !mem.is_mapped(data, cap.checked_mul(mem.abi.word())?) {
            return None;
        }
        let mut ids = HashSet::new();
        let mut is_g = |i: u64| {
            let at = mem.read_addr(data.element(i, mem.abi.word())?).ok()?;
            let field = |bound: &Bound, base: Addr, name: &str| {
                let f = bound.field(name)?;
                let bytes = mem.bytes(base.checked_add(f.off)?, f.size).ok()?;
                mem.abi.uint(&bytes, 0, f.size)
            };
            let status = field(g, at, "atomicstatus")? & STATUS_MASK;
            let bounds = at.checked_add(g.off("stack")?)?;
            let (lo, hi) = (field(stack, bounds, "lo")?, field(stack, bounds, "hi")?);
            let id = field(g, at, "goid")?;
            // Dead ones may have given their stacks away, and those never used have no number.
            let has_stack = lo < hi || (lo == hi && (status == STATUS_DEAD || status == 0));
            (status <= STATUS_LAST && has_stack && (id == 0 || ids.insert(id))).then_some(())
        };
        mostly(len.min(SAMPLE), |i| is_g(i).is_some()).then_some(())
    }

    /// The longest chain of threads that the kernel knows too. Other variables may lead into the midst
    /// of it. Source: `runtime/proc.go`, `mcommoninit`, all versions.
    fn allm(&self) -> Option<Addr> {
        let m = M.bind(self.program)?;
        let mut best: Option<(usize, Addr)> = None;
        for r in self.references("runtime.mcommoninit") {
            let Some(len) = self.chain_of_ms(r.addr, &m) else {
                continue;
            };
            if best.is_none_or(|(longest, _)| len > longest) {
                best = Some((len, r.addr));
            }
        }
        best.map(|(_, addr)| addr)
    }

    /// How many threads hang on the word at `at`; `None` when what hangs there is none, unless more than
    /// half of the kernel's threads were met before: then the chain itself is damaged.
    fn chain_of_ms(&self, at: Addr, m: &Bound) -> Option<usize> {
        let mem = self.program.mem;
        let mut next = mem.read_addr(at).ok()?;
        let mut unseen: HashSet<u64> = self.threads.iter().map(|t| t.tid.into()).collect();
        let (mut seen, mut spare) = (HashSet::new(), 0usize);
        let mut step = |at: Addr| {
            seen.insert(at).then_some(())?;
            let word = |name| mem.read_uptr(at.checked_add(m.off(name)?)?).ok();
            match word("procid")? {
                // It has no thread now, or it is one for a thread that C will make.
                0 => spare = spare.checked_add(1).filter(|n| *n <= MAX_SPARE)?,
                tid => unseen.remove(&tid).then_some(())?,
            }
            word("alllink").map(Addr)
        };
        let mut whole = true;
        while !next.is_nil() && whole {
            match step(next) {
                Some(following) => next = following,
                None => whole = false,
            }
        }
        let met = self.threads.len().saturating_sub(unseen.len());
        let enough = if whole { met > 0 } else { met > unseen.len() };
        enough.then_some(seen.len())
    }

    /// The address that is taken, of 512 bytes without pointers. Those of the lock and of `panicking` may
    /// be taken too, depending on what is inlined; others use these as well. Source: `runtime/print.go`,
    /// `recordForPanic`, all versions; the same for its index.
    fn backlog(&self) -> Option<Addr> {
        let room = self.module.noptrbss;
        let others = ["runtime.printlock", "runtime.startpanic_m"].map(|f| self.references(f));
        self.only("runtime.recordForPanic", |r| {
            r.access == Access::Taken
                && !others.iter().flatten().any(|o| o.addr == r.addr)
                && room.contains_run(r.addr, BACKLOG)
                && self.program.mem.bytes(r.addr, BACKLOG).is_ok()
        })
    }

    /// The word that is read and written, and can be a position in the ring.
    fn backlog_index(&self) -> Option<Addr> {
        let ring = AddrRange::of_size(self.backlog()?, BACKLOG)?;
        let mem = self.program.mem;
        self.only("runtime.recordForPanic", |r| {
            r.access == Access::Word
                && self.module.noptrbss.contains_run(r.addr, 8)
                && !ring.contains(r.addr)
                && mem.read_uptr(r.addr).is_ok_and(|at| at < BACKLOG)
        })
    }

    /// The heap that ends up with the arenas where the code looks for them, and whose first spans are
    /// those that the arenas name for their own beginnings. Source: `runtime/mheap.go`, `spanOfHeap`,
    /// all versions.
    fn heap(&self) -> Option<Addr> {
        let arenas = MHEAP.bind(self.program)?.off("arenas")?;
        let word = |r: &Reference| r.access == Access::Word;
        // Where nothing is inlined, the one calls the other.
        let at = self.only("runtime.spanOfHeap", word);
        let at = at.or_else(|| self.only("runtime.spanOf", word))?;
        let heap = Addr(at.0.checked_sub(arenas)?);
        self.is_heap(heap).map(|()| heap)
    }

    fn is_heap(&self, heap: Addr) -> Option<()> {
        let mem = self.program.mem;
        let alone = Globals {
            list: vec![(
                "runtime.mheap_",
                heap,
                self.known.variable_type("runtime.mheap_")?,
            )],
        };
        let program = Program {
            globals: Some(&alone),
            ..*self.program
        };
        let books = Heap::bind(&program, self.modules);
        let (h, span) = (MHEAP_SPANS.bind(&program)?, MSPAN.bind(&program)?);
        let list = heap.checked_add(h.off("allspans")?)?;
        let (data, len) = (
            mem.read_addr(list).ok()?,
            mem.read_uptr(list.element(1, mem.abi.word())?).ok()?,
        );
        let mut in_use = 0u64;
        let mut is_span = |i: u64| {
            let at = mem.read_addr(data.element(i, mem.abi.word())?).ok()?;
            let start = mem.read_addr(at.checked_add(span.off("startAddr")?)?);
            let state = mem.read_u8(at.checked_add(span.off("state")?)?).ok()?;
            if state != STATE_IN_USE && state != STATE_MANUAL {
                return Some(());
            }
            in_use = in_use.checked_add(1)?;
            (books.span_named_at(start.ok()?)? == at).then_some(())
        };
        let sound = mostly(len.min(SAMPLE), |i| is_span(i).is_some());
        (sound && in_use > 0).then_some(())
    }

    /// The 4 bytes that both functions read, and that can be a phase. Source: `runtime/mgc.go`,
    /// `gcSweep`, and `runtime/stack.go`, `stackfree`, all versions.
    fn gcphase(&self) -> Option<Addr> {
        let swept = self.references("runtime.gcSweep");
        self.only("runtime.stackfree", |r| {
            r.access == Access::Half
                && swept.contains(r)
                && self.program.mem.read_u32(r.addr).is_ok_and(|p| p <= 2)
        })
    }

    /// A string that is a version. Source: `runtime/proc.go`, `schedinit`, all versions.
    fn build_version(&self) -> Option<Addr> {
        self.only("runtime.schedinit", |r| {
            let text = self.view("runtime.buildVersion", r.addr);
            text.and_then(|v| v.string(MAX_NAME).ok())
                .is_some_and(|t| is_version(&t))
        })
    }

    /// As many strings as this version has, of which the first is empty and the second known.
    /// Source: `runtime/runtime2.go`, `waitReason.String`, all versions.
    fn wait_reasons(&self) -> Option<Addr> {
        let is_table = |at: Addr| {
            let texts = self.view("runtime.waitReasonStrings", at)?;
            let text = |i| texts.index(i)?.string(MAX_NAME).ok();
            let known = text(0)?.is_empty() && text(1)? == "GC assist marking";
            let mut all = (1..texts.kind().size.checked_div(16)?).map(text);
            (known && all.all(|t| t.is_some_and(|t| is_reason(&t)))).then_some(())
        };
        self.only("runtime.waitReason.String", |r| is_table(r.addr).is_some())
    }
}

/// Whether at least three of four hold: a dead process may have damage anywhere.
fn mostly(len: u64, mut holds: impl FnMut(u64) -> bool) -> bool {
    let found = (0..len).filter(|i| holds(*i)).count() as u64;
    len > 0 && found.saturating_mul(4) >= len.saturating_mul(3)
}

fn is_reason(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}
