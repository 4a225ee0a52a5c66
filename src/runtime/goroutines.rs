//! The goroutines, as far as a crash needs them: how many, which one panicked, which thread stopped.
//! In: `runtime.allgs` and `runtime.allm`. Out: counts and panics.

use crate::base::addr::Addr;
use crate::base::limits::MAX_GOROUTINES;
use crate::runtime::claims::Bound;
use crate::runtime::claims::G;
use crate::runtime::claims::M;
use crate::runtime::claims::PANIC;
use crate::runtime::program::Program;

/// `_Gidle`, `_Gdead`, and from go1.26 `_Gdeadextra`. Source: `runtime/runtime2.go`.
const NOT_LIVE: [u64; 3] = [0, 6, 11];
/// `_Gscan`: being scanned; or-ed to the status.
const SCAN: u64 = 0x1000;
/// More threads than any process has.
const MAX_THREADS: usize = 1 << 20;

/// A goroutine with a panic or a fatal signal to its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Panicking {
    /// Its `goid`.
    pub goid: u64,
    /// Address of the `any` that was the argument of `panic`.
    pub arg: Addr,
    /// `g.sig`: the signal that became a panic, 0 for none.
    pub signal: u32,
    /// `g.sigpc`: the instruction that faulted, 0 for none.
    pub sigpc: u64,
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

/// What the goroutine list says.
#[derive(Clone, Default, Debug)]
pub struct Goroutines {
    /// Goroutines that are not dead.
    pub live: u64,
    /// Those with a panic that was not recovered, in the order of `allgs`.
    pub panicking: Vec<Panicking>,
}

/// Passes over `runtime.allgs`. `None` when it cannot be read.
pub fn read_goroutines(program: &Program<'_, '_>) -> Option<Goroutines> {
    let (g, panic) = (G.bind(program)?, PANIC.bind(program)?);
    let (data, len, _) = program.variable("runtime.allgs")?.slice().ok()?;
    if len > MAX_GOROUTINES {
        return None;
    }
    let word = program.mem.abi.word();
    let list = program.mem.bytes(data, len.checked_mul(word)?).ok()?;
    let mut out = Goroutines::default();
    for at in list.chunks_exact(usize::from(program.mem.abi.ptr_size)) {
        let Some(at) = program.mem.abi.uptr(at, 0).map(Addr) else {
            continue;
        };
        let Some(status) = read(program, &g, at, "atomicstatus") else {
            continue;
        };
        if NOT_LIVE.contains(&(status & !SCAN)) {
            continue;
        }
        out.live = out.live.saturating_add(1);
        if let Some(p) = panic_of(program, &g, &panic, at) {
            out.panicking.push(p);
        }
    }
    Some(out)
}

/// The thread with `m.dying` set, if any: the culprit in every version.
pub fn read_dying(program: &Program<'_, '_>) -> Option<Dying> {
    let (m, g) = (M.bind(program)?, G.bind(program)?);
    let mut at = program
        .mem
        .read_addr(program.variable("runtime.allm")?.addr)
        .ok()?;
    for _ in 0..MAX_THREADS {
        if at.is_nil() {
            return None;
        }
        if read(program, &m, at, "dying")? != 0 {
            let curg = Addr(read(program, &m, at, "curg")?);
            let field = |name| {
                if curg.is_nil() {
                    None
                } else {
                    read(program, &g, curg, name)
                }
            };
            return Some(Dying {
                tid: u32::try_from(read(program, &m, at, "procid")?).ok()?,
                goid: field("goid"),
                throwing: u32::try_from(read(program, &m, at, "throwing")?).ok()?,
                signal: field("sig")
                    .and_then(|s| u32::try_from(s).ok())
                    .unwrap_or(0),
            });
        }
        at = Addr(read(program, &m, at, "alllink")?);
    }
    None
}

fn panic_of(program: &Program<'_, '_>, g: &Bound, panic: &Bound, at: Addr) -> Option<Panicking> {
    let p = Addr(read(program, g, at, "_panic")?);
    if p.is_nil()
        || read(program, panic, p, "goexit")? != 0
        || read(program, panic, p, "recovered")? != 0
    {
        return None;
    }
    Some(Panicking {
        goid: read(program, g, at, "goid")?,
        arg: p.checked_add(panic.off("arg")?)?,
        signal: u32::try_from(read(program, g, at, "sig")?).ok()?,
        sigpc: read(program, g, at, "sigpc")?,
    })
}

/// An integer field, of whatever size it has (`atomic.Uint32` and the like included).
fn read(program: &Program<'_, '_>, bound: &Bound, at: Addr, name: &str) -> Option<u64> {
    let f = bound.field(name)?;
    let bytes = program.mem.bytes(at.checked_add(f.off)?, f.size).ok()?;
    program.mem.abi.uint(&bytes, 0, f.size)
}
