//! Goroutines and threads as the scheduler's own lists have them.
//! In: `runtime.allgs` and `runtime.allm`. Out: one record each: state, stack, where it goes on.
//! Goroutines and threads point to each other, hence one file.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::base::limits::MAX_GOROUTINES;
use crate::base::limits::MAX_NAME;
use crate::base::limits::MAX_PANICS;
use crate::base::limits::MAX_THREADS;
use crate::runtime::claims::Bound;
use crate::runtime::claims::G;
use crate::runtime::claims::GOBUF;
use crate::runtime::claims::M;
use crate::runtime::claims::PANIC;
use crate::runtime::claims::STACK;
use crate::runtime::program::Program;
use std::borrow::Cow;
use std::collections::HashSet;

/// `_Gscan`: being scanned; or-ed to the status. Source: `runtime/runtime2.go`, all versions.
const SCAN: u64 = 0x1000;

/// What a goroutine is doing. Source: `runtime/runtime2.go`, `_Gidle` and its neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Not initialised yet.
    Idle,
    /// On a queue, to be run.
    Runnable,
    /// A thread runs it.
    Running,
    /// In a system call, or in C.
    Syscall,
    /// Parked.
    Waiting,
    /// Its record is kept for the next one.
    Dead,
    /// Its stack is being moved.
    CopyStack,
    /// Stopped by the scheduler for a scan.
    Preempted,
    /// Parked for ever, as the garbage collector found out; from go1.26.
    Leaked,
    /// Dead, and kept on a thread that C made; from go1.26.
    DeadExtra,
    /// A number no known Go gives.
    Unknown,
}

impl Status {
    fn of(raw: u64) -> Status {
        match raw & !SCAN {
            0 => Status::Idle,
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            6 => Status::Dead,
            8 => Status::CopyStack,
            9 => Status::Preempted,
            10 => Status::Leaked,
            11 => Status::DeadExtra,
            _ => Status::Unknown,
        }
    }

    /// The runtime's own word for it. Source: `runtime/traceback.go`, `gStatusStrings`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Idle => "idle",
            Status::Runnable => "runnable",
            Status::Running => "running",
            Status::Syscall => "syscall",
            Status::Waiting => "waiting",
            Status::Dead | Status::DeadExtra => "dead",
            Status::CopyStack => "copystack",
            Status::Preempted => "preempted",
            Status::Leaked => "leaked",
            Status::Unknown => "???",
        }
    }

    /// Whether there is a goroutine at all.
    pub fn is_live(self) -> bool {
        !matches!(self, Status::Idle | Status::Dead | Status::DeadExtra)
    }
}

/// A program counter and the stack pointer that belongs to it; nil for none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Saved {
    /// Program counter.
    pub pc: Addr,
    /// Stack pointer.
    pub sp: Addr,
}

/// A goroutine.
#[derive(Clone, Copy, Debug)]
pub struct Goroutine {
    /// Its `g`.
    pub addr: Addr,
    /// Its number, as tracebacks print it.
    pub id: u64,
    /// What it is doing.
    pub status: Status,
    /// Why it waits: an index into the runtime's own texts; means something while it waits.
    pub wait_reason: u64,
    /// Its stack's memory.
    pub stack: AddrRange,
    /// Where it goes on when it is run again; of a running one, where it last left its stack.
    pub sched: Saved,
    /// Address of the word that holds the closure of one that never ran yet (`sched.ctxt`).
    pub ctxt: Addr,
    /// Where it went into a system call or into C.
    pub syscall: Saved,
    /// Its thread's `m`, or nil.
    pub m: Addr,
    /// The go statement that made it: a return address.
    pub gopc: Addr,
    /// The function it began with.
    pub startpc: Addr,
    /// The goroutine that made it; from go1.21.
    pub parent: Option<u64>,
    /// The first `sudog` of the channels it waits at, or nil.
    pub waiting: Addr,
    /// Whether it is locked to a thread.
    pub locked: bool,
    /// Its innermost panic (`_panic`), or nil.
    pub panic: Addr,
    /// The signal that became a panic, 0 for none.
    pub signal: u32,
    /// The instruction that faulted, nil for none.
    pub sigpc: Addr,
    /// The address that could not be had, where a fault became a panic.
    pub fault: Addr,
    /// When it began to wait, by the runtime's clock, in nanoseconds; 0 where that was not noted: the
    /// collector does so, at its next look at the goroutine's stack.
    pub waitsince: u64,
}

impl Goroutine {
    /// What stands for the goroutine of a thread that runs none.
    pub(crate) fn nobody() -> Goroutine {
        Goroutine {
            addr: Addr::NIL,
            id: 0,
            status: Status::Running,
            wait_reason: 0,
            stack: AddrRange::default(),
            sched: Saved::default(),
            ctxt: Addr::NIL,
            syscall: Saved::default(),
            m: Addr::NIL,
            gopc: Addr::NIL,
            startpc: Addr::NIL,
            parent: None,
            waiting: Addr::NIL,
            locked: false,
            panic: Addr::NIL,
            signal: 0,
            sigpc: Addr::NIL,
            fault: Addr::NIL,
            waitsince: 0,
        }
    }
}

/// A thread as the scheduler knows it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Its `m`.
    pub addr: Addr,
    /// Its thread id; 0 for one that has no thread now.
    pub tid: u64,
    /// The `g` it runs, or nil.
    pub curg: Addr,
    /// Its system stack.
    pub system: AddrRange,
    /// Its signal stack; empty where it has none.
    pub signal: AddrRange,
    /// `m.dying`: not 0 once it stops the program.
    pub dying: u64,
    /// `m.throwing`: 0 none, 1 a user's error, 2 the runtime's or a fatal signal.
    pub throwing: u64,
    /// Whether it runs C code.
    pub in_c: bool,
    /// The Go code that called into the vDSO; nil outside of such a call.
    pub vdso: Saved,
}

/// A panic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Panic {
    /// Address of the `any` that was the argument of `panic`.
    pub arg: Addr,
    /// A deferred function has recovered it, and has not returned yet.
    pub recovered: bool,
}

/// The thread that stopped the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dying {
    /// Its tid (`m.procid`).
    pub tid: u32,
    /// `goid` of the goroutine it was running, if any.
    pub goid: Option<u64>,
    /// `m.throwing`: 0 none, 1 a user's error, 2 the runtime's or a fatal signal.
    pub throwing: u32,
    /// `g.sig` of that goroutine.
    pub signal: u32,
}

/// All goroutines and threads.
#[derive(Clone, Default, Debug)]
pub struct Goroutines {
    /// The goroutines that are not dead, in the order of `allgs`.
    pub list: Vec<Goroutine>,
    /// Goroutines on the list whose record could not be read.
    pub unreadable: u64,
    /// The threads, newest first.
    pub machines: Vec<Machine>,
    /// The runtime's texts for `wait_reason`.
    reasons: Vec<String>,
}

impl Goroutines {
    /// Why a goroutine waits, in the runtime's words.
    pub fn wait_reason(&self, g: &Goroutine) -> Option<&str> {
        let at = usize::try_from(g.wait_reason).ok()?;
        Some(self.reasons.get(at)?.as_str())
            .filter(|r| matches!(g.status, Status::Waiting | Status::Leaked) && !r.is_empty())
    }

    /// A goroutine's panics, innermost first. Source: `runtime/runtime2.go`, `_panic`, all versions.
    pub fn panics_of(&self, program: &Program<'_, '_>, g: &Goroutine) -> Vec<Panic> {
        let mut out = Vec::new();
        let Some(bound) = PANIC.bind(program) else {
            return out;
        };
        let (mut at, mut seen) = (g.panic, HashSet::new());
        while !at.is_nil() && seen.len() < MAX_PANICS && seen.insert(at) {
            let Some(record) = Record::read(program, &bound, at) else {
                break;
            };
            let flag = |name| record.uint(name).unwrap_or(1) != 0;
            if !flag("goexit")
                && let Some(arg) = bound.off("arg").and_then(|off| at.checked_add(off))
            {
                let recovered = flag("recovered");
                out.push(Panic { arg, recovered });
            }
            at = record.uint("link").map_or(Addr::NIL, Addr);
        }
        out
    }

    /// The thread that runs a goroutine.
    pub fn machine_of(&self, g: &Goroutine) -> Option<&Machine> {
        self.machines
            .iter()
            .find(|m| m.addr == g.m && m.curg == g.addr)
    }

    /// The thread with `m.dying` set, if any: the culprit in every version.
    pub fn dying(&self) -> Option<Dying> {
        let m = self.machines.iter().find(|m| m.dying != 0)?;
        let g = self.list.iter().find(|g| g.addr == m.curg);
        Some(Dying {
            tid: u32::try_from(m.tid).ok()?,
            goid: g.map(|g| g.id),
            throwing: u32::try_from(m.throwing).ok()?,
            signal: g.map_or(0, |g| g.signal),
        })
    }
}

/// Reads both lists. `None` when the list of goroutines cannot be read at all.
pub fn read_goroutines(program: &Program<'_, '_>) -> Option<Goroutines> {
    let reader = Reader {
        program,
        g: G.bind(program)?,
        m: M.bind(program)?,
        stack: STACK.bind(program)?,
        gobuf: GOBUF.bind(program)?,
    };
    let (data, len, _) = program.variable("runtime.allgs")?.slice().ok()?;
    if len > MAX_GOROUTINES {
        return None;
    }
    let word = program.mem.abi.word();
    let list = program.mem.bytes(data, len.checked_mul(word)?).ok()?;
    let mut out = Goroutines::default();
    let mut seen = HashSet::new();
    for at in list.chunks_exact(usize::from(program.mem.abi.ptr_size)) {
        let Some(at) = program.mem.abi.uptr(at, 0).map(Addr) else {
            continue;
        };
        if !seen.insert(at) {
            continue;
        }
        match reader.goroutine(at) {
            Some(g) if g.status.is_live() => {
                out.list.push(g);
            }
            Some(_) => {}
            None => out.unreadable = out.unreadable.saturating_add(1),
        }
    }
    out.machines = reader.machines();
    out.reasons = reasons(program).unwrap_or_default();
    Some(out)
}

struct Reader<'r, 'v, 'a> {
    program: &'r Program<'v, 'a>,
    g: Bound,
    m: Bound,
    stack: Bound,
    gobuf: Bound,
}

impl Reader<'_, '_, '_> {
    fn goroutine(&self, at: Addr) -> Option<Goroutine> {
        let record = Record::read(self.program, &self.g, at)?;
        let word = |name| record.uint(name).map(Addr);
        let sched = self.g.off("sched")?;
        let in_sched = |name| record.word(sched.checked_add(self.gobuf.off(name)?)?);
        Some(Goroutine {
            addr: at,
            id: record.uint("goid")?,
            status: Status::of(record.uint("atomicstatus")?),
            wait_reason: record.uint("waitreason")?,
            stack: self.bounds(&record)?,
            sched: Saved {
                pc: in_sched("pc")?,
                sp: in_sched("sp")?,
            },
            ctxt: at.checked_add(sched.checked_add(self.gobuf.off("ctxt")?)?)?,
            syscall: Saved {
                pc: word("syscallpc")?,
                sp: word("syscallsp")?,
            },
            m: word("m")?,
            gopc: word("gopc")?,
            startpc: word("startpc")?,
            parent: record.uint("parentGoid"),
            waiting: word("waiting")?,
            locked: record.uint("lockedm")? != 0,
            panic: word("_panic")?,
            signal: u32::try_from(record.uint("sig")?).ok()?,
            sigpc: word("sigpc")?,
            fault: word("sigcode1").unwrap_or_default(),
            waitsince: record.uint("waitsince").unwrap_or(0),
        })
    }

    fn bounds(&self, g: &Record<'_>) -> Option<AddrRange> {
        let stack = self.g.off("stack")?;
        let word = |name| g.word(stack.checked_add(self.stack.off(name)?)?);
        Some(AddrRange {
            start: word("lo")?,
            end: word("hi")?,
        })
    }

    fn machines(&self) -> Vec<Machine> {
        let mut out = Vec::new();
        let first = self.program.variable("runtime.allm");
        let mut at = first.and_then(|v| v.word().ok()).map_or(Addr::NIL, Addr);
        let mut seen = HashSet::new();
        while !at.is_nil() && out.len() < MAX_THREADS && seen.insert(at) {
            let Some((m, next)) = self.machine(at) else {
                break;
            };
            out.push(m);
            at = next;
        }
        out
    }

    fn machine(&self, at: Addr) -> Option<(Machine, Addr)> {
        let record = Record::read(self.program, &self.m, at)?;
        let word = |name| record.uint(name).map(Addr);
        let stack_of = |name| {
            word(name)
                .filter(|g| !g.is_nil())
                .and_then(|g| Record::read(self.program, &self.g, g))
                .and_then(|g| self.bounds(&g))
                .unwrap_or_default()
        };
        let m = Machine {
            addr: at,
            tid: record.uint("procid")?,
            curg: word("curg")?,
            system: stack_of("g0"),
            signal: stack_of("gsignal"),
            dying: record.uint("dying")?,
            throwing: record.uint("throwing")?,
            in_c: record.uint("incgo")? != 0,
            vdso: Saved {
                pc: word("vdsoPC").unwrap_or_default(),
                sp: word("vdsoSP").unwrap_or_default(),
            },
        };
        Some((m, word("alllink")?))
    }
}

/// A struct of the runtime, read in one piece.
struct Record<'r> {
    bound: &'r Bound,
    abi: Abi,
    bytes: Cow<'r, [u8]>,
}

impl<'r> Record<'r> {
    fn read(program: &Program<'_, 'r>, bound: &'r Bound, at: Addr) -> Option<Record<'r>> {
        Some(Record {
            bound,
            abi: program.mem.abi,
            bytes: program.mem.bytes(at, bound.size).ok()?,
        })
    }

    /// An integer field, of whatever size it has (`atomic.Uint32` and the like included).
    fn uint(&self, name: &str) -> Option<u64> {
        let f = self.bound.field(name)?;
        self.abi
            .uint(&self.bytes, usize::try_from(f.off).ok()?, f.size)
    }

    /// The word at an offset.
    fn word(&self, off: u64) -> Option<Addr> {
        self.abi
            .uptr(&self.bytes, usize::try_from(off).ok()?)
            .map(Addr)
    }
}

/// `runtime.waitReasonStrings`. Source: `runtime/runtime2.go`, all versions.
fn reasons(program: &Program<'_, '_>) -> Option<Vec<String>> {
    let texts = program.variable("runtime.waitReasonStrings")?;
    let mut out = Vec::new();
    while let Some(text) = texts.index(out.len() as u64).filter(|_| out.len() < 256) {
        out.push(text.string(MAX_NAME).unwrap_or_default());
    }
    Some(out)
}
