//! Stacks: from where a goroutine stands, frame by frame, to the function it began with.
//! In: function tables, goroutines, threads. Out: frames, and why there are no more. It needs no DWARF.
//! One walk, one file: each way from one stack to another is a step of the same loop.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::base::fault::Fault;
use crate::base::limits::MAX_FRAMES;
use crate::file::corefile::Machine as Arch;
use crate::process::threads::Thread;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::goroutines::Goroutines;
use crate::runtime::goroutines::Machine;
use crate::runtime::goroutines::Saved;
use crate::runtime::goroutines::Status;
use crate::runtime::pclntab::Func;
use crate::runtime::pclntab::PcTables;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// Changes from one stack to another in one walk: a signal on a signal on a system stack is three.
const MAX_SWITCHES: u32 = 16;
/// DWARF number of rsp.
const RSP: usize = 7;
/// DWARF number of rbp.
const RBP: usize = 6;

/// Which of a thread's stacks a frame lies on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The goroutine's own.
    Goroutine,
    /// The thread's system stack (`g0`).
    System,
    /// The thread's signal stack (`gsignal`).
    Signal,
}

impl Part {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Goroutine => "goroutine",
            Part::System => "system",
            Part::Signal => "signal",
        }
    }
}

/// The registers of an interrupted frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Regs {
    /// The general registers by their DWARF numbers (`process/threads.rs`, `Thread::general`).
    pub general: [u64; 16],
    /// The program counter.
    pub pc: Addr,
}

impl Regs {
    /// The stack pointer.
    pub fn sp(&self) -> Addr {
        Addr(self.general.get(RSP).copied().unwrap_or(0))
    }

    /// The names of the registers, by number.
    pub fn name(number: usize) -> &'static str {
        const NAMES: [&str; 16] = [
            "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11",
            "r12", "r13", "r14", "r15",
        ];
        NAMES.get(number).copied().unwrap_or("?")
    }
}

/// A frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The function.
    pub func: Func,
    /// The program counter: a return address, unless `exact`.
    pub pc: Addr,
    /// The stack pointer: the lowest word of the frame.
    pub sp: Addr,
    /// The canonical frame address: behind the return address.
    pub cfa: Addr,
    /// `pc` is the instruction that comes next (innermost frames, frames that a signal interrupted),
    /// not one behind a call.
    pub exact: bool,
    /// Which stack it lies on.
    pub part: Part,
    /// The registers of this frame, by position in `Stack::regs`; only exact frames have them.
    pub regs: Option<u32>,
}

impl Frame {
    /// The frame was interrupted where the compiler did not expect it: its tables of live pointers
    /// do not hold there.
    pub fn is_interrupted(&self) -> bool {
        self.exact && self.pc != self.func.entry
    }

    /// The pc to look things up with: that of the call, where `pc` is a return address.
    pub fn lookup(&self) -> Addr {
        lookup(self.pc, self.exact)
    }
}

fn lookup(pc: Addr, exact: bool) -> Addr {
    if exact {
        pc
    } else {
        Addr(pc.0.saturating_sub(1))
    }
}

/// A signal that was delivered: what the kernel told the handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// `si_code`: above 0 the kernel's own doing, else somebody sent it.
    pub code: i32,
    /// `si_addr`: of a fault, the address that could not be had.
    pub addr: Addr,
    /// What it interrupted.
    pub pc: Addr,
}

/// A goroutine's stack, innermost frame first.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// The frames.
    pub frames: Vec<Frame>,
    /// Registers of exact frames.
    pub regs: Vec<Regs>,
    /// The signals whose handlers are on it, the last one first.
    pub signals: Vec<Signal>,
    /// Why it ends before its outermost function; `None` when it was unwound to its end.
    pub broken: Option<Broken>,
}

/// Why a stack cannot be unwound further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// No function tables could be read, or the machine is one badmap cannot unwind.
    Unsupported,
    /// It runs, but no thread in the core runs it.
    NoThread,
    /// The core does not say where it stands.
    NoStart,
    /// It stands in code that is not Go's (C, a vDSO), and nothing says where Go's ends.
    NotGo(Addr),
    /// A word of the stack cannot be had.
    Unreadable(Fault),
    /// The next frame would not lie on the stack, or not above the one before.
    OffStack(Addr),
    /// The tables say nothing of the frame of this function at this pc.
    NoFrame(Addr),
    /// The function at this pc moves the stack pointer as no table says.
    WritesSp(Addr),
    /// More frames than badmap follows.
    TooDeep,
    /// Together with the stacks before, more frames than the core has room for.
    TooMany,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Unsupported => f.write_str("stacks of this process cannot be unwound"),
            Broken::NoThread => f.write_str("it runs, but the core has no registers of its thread"),
            Broken::NoStart => f.write_str("the process does not say where it stands"),
            Broken::NotGo(pc) => write!(f, "{pc} is no Go code"),
            Broken::Unreadable(fault) => write!(f, "{fault}"),
            Broken::OffStack(sp) => write!(f, "the next frame, at {sp}, is not on the stack"),
            Broken::NoFrame(pc) => write!(f, "nothing says how large the frame at pc {pc} is"),
            Broken::WritesSp(pc) => {
                write!(f, "the function at pc {pc} changes stacks")
            }
            Broken::TooDeep => f.write_str("it has more frames than badmap follows"),
            Broken::TooMany => {
                f.write_str("the stacks have more frames than the core has room for")
            }
        }
    }
}

/// What is known of a pc, however often it is met.
#[derive(Clone, Copy)]
struct Step {
    func: Func,
    delta: Option<u64>,
    special: Special,
}

/// Functions at which unwinding is not as usual. Told by name, since their numbers differ from
/// version to version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    /// Runs a function on the system stack and comes back.
    SystemStack,
    /// Leaves the goroutine for the scheduler, or for a larger stack.
    Leaves,
    /// The handler that the kernel calls: above its frame lies what was interrupted.
    SigTramp,
    /// Called as if by the instruction it interrupted.
    Injected,
    /// The same, and it keeps that instruction's registers in its frame.
    Preempt,
    /// C calls Go. It changes stacks, but has laid its frame so that the goroutine's stack goes on
    /// behind it as if where Go had called C were its caller. Source: `runtime/asm_amd64.s`.
    CgoCallback,
}

fn special(name: &str) -> Special {
    match name {
        "runtime.systemstack" => Special::SystemStack,
        "runtime.mcall" | "runtime.morestack" => Special::Leaves,
        "runtime.sigtramp" => Special::SigTramp,
        "runtime.asyncPreempt" => Special::Preempt,
        "runtime.sigpanic" | "runtime.sigpanic0" | "runtime.debugCallV2" => Special::Injected,
        "runtime.cgocallback" => Special::CgoCallback,
        _ => Special::None,
    }
}

/// Unwinds stacks.
pub struct Unwinder<'u, 'v, 'a> {
    tables: &'u PcTables<'v, 'a>,
    goroutines: &'u Goroutines,
    threads: HashMap<u64, &'u Thread>,
    arch: Arch,
    steps: RefCell<HashMap<(Addr, bool), Option<Step>>>,
}

/// Where a walk stands.
#[derive(Clone, Copy)]
struct At {
    pc: Addr,
    sp: Addr,
    exact: bool,
    regs: Option<u32>,
}

impl<'u, 'v, 'a> Unwinder<'u, 'v, 'a> {
    /// An unwinder for the stacks of a process.
    pub fn new(
        tables: &'u PcTables<'v, 'a>,
        goroutines: &'u Goroutines,
        threads: &'u [Thread],
        arch: Arch,
    ) -> Unwinder<'u, 'v, 'a> {
        Unwinder {
            tables,
            goroutines,
            threads: threads.iter().map(|t| (u64::from(t.tid), t)).collect(),
            arch,
            steps: RefCell::default(),
        }
    }

    /// The function tables.
    pub fn tables(&self) -> &'u PcTables<'v, 'a> {
        self.tables
    }

    /// The stack of a thread that runs no goroutine: its signal and its system stack.
    pub fn unwind_thread(&self, m: &Machine) -> Stack {
        let nobody = Goroutine::nobody();
        let mut walk = Walk {
            u: self,
            g: &nobody,
            m: Some(m),
            out: Stack::default(),
            switches: 0,
            on_own: false,
        };
        walk.out.broken = walk.run().err();
        walk.out
    }

    /// The stack of a goroutine.
    pub fn unwind(&self, g: &Goroutine) -> Stack {
        let mut walk = Walk {
            u: self,
            g,
            m: self.goroutines.machine_of(g),
            out: Stack::default(),
            switches: 0,
            on_own: false,
        };
        walk.out.broken = walk.run().err();
        walk.out
    }

    fn step(&self, pc: Addr, exact: bool) -> Option<Step> {
        *self
            .steps
            .borrow_mut()
            .entry((pc, exact))
            .or_insert_with(|| {
                let at = lookup(pc, exact);
                let func = self.tables.find(at)?;
                Some(Step {
                    func,
                    delta: self.tables.sp_delta(&func, at),
                    special: special(&self.tables.name(&func)),
                })
            })
    }
}

/// One walk up one stack.
struct Walk<'w, 'u, 'v, 'a> {
    u: &'w Unwinder<'u, 'v, 'a>,
    g: &'w Goroutine,
    m: Option<&'w Machine>,
    out: Stack,
    switches: u32,
    /// The goroutine's own stack was reached.
    on_own: bool,
}

impl Walk<'_, '_, '_, '_> {
    fn run(&mut self) -> Result<(), Broken> {
        if self.u.arch != Arch::Amd64 || self.u.tables.is_empty() {
            return Err(Broken::Unsupported);
        }
        let mut at = self.start()?;
        let mut below = Addr::NIL;
        loop {
            if self.out.frames.len() >= MAX_FRAMES {
                return Err(Broken::TooDeep);
            }
            let Some(step) = self.u.step(at.pc, at.exact) else {
                at = self.leave_foreign(at.pc)?;
                below = Addr::NIL;
                continue;
            };
            let part = self.part(at.sp);
            self.on_own |= part == Part::Goroutine;
            let word = self.u.tables.memory().abi.word();
            let size = step.delta.and_then(|d| d.checked_add(word));
            let cfa = size.and_then(|s| at.sp.checked_add(s));
            let cfa = cfa.ok_or(Broken::NoFrame(at.pc))?;
            let in_bounds = part != Part::Goroutine || cfa <= self.g.stack.end;
            if at.sp < below || !in_bounds {
                return Err(Broken::OffStack(at.sp));
            }
            self.out.frames.push(Frame {
                func: step.func,
                pc: at.pc,
                sp: at.sp,
                cfa,
                exact: at.exact,
                part,
                regs: at.regs,
            });
            // Stopped in there before it left the goroutine's stack, or when it was back: the frame is as any other.
            let is_yet = at.exact
                && part == Part::Goroutine
                && matches!(step.special, Special::SystemStack | Special::Leaves);
            let next = match step.special {
                Special::SigTramp => self.interrupted(cfa)?,
                Special::SystemStack | Special::Leaves if part != Part::Goroutine => {
                    self.left_own().ok_or(Broken::WritesSp(at.pc))?
                }
                _ if step.func.is_top() => return Ok(()),
                _ if step.func.writes_sp() && part != Part::Goroutine => {
                    self.left_own().ok_or(Broken::WritesSp(at.pc))?
                }
                _ if step.func.writes_sp() && step.special != Special::CgoCallback && !is_yet => {
                    return Err(Broken::WritesSp(at.pc));
                }
                special => {
                    let slot = Addr(cfa.0.saturating_sub(word));
                    let pc = self.u.tables.memory().read_addr(slot);
                    let pc = pc.map_err(Broken::Unreadable)?;
                    let regs = match special {
                        Special::Preempt if !at.exact => self.kept_regs(at.sp, cfa, pc),
                        _ => None,
                    };
                    below = cfa;
                    at = At {
                        pc,
                        sp: cfa,
                        // What cgocallback returns to is a place that was saved.
                        exact: matches!(special, Special::Injected | Special::Preempt)
                            || (special == Special::CgoCallback && self.is_entry(pc)),
                        regs,
                    };
                    continue;
                }
            };
            (at, below) = (next, Addr::NIL);
        }
    }

    /// Where the goroutine stands.
    fn start(&mut self) -> Result<At, Broken> {
        let saved = match self.g.status {
            Status::Running => {
                let Some(m) = self.m else {
                    return Err(Broken::NoThread);
                };
                let thread = self.u.threads.get(&m.tid);
                let regs = thread.and_then(|t| {
                    Some(Regs {
                        general: t.general()?,
                        pc: t.pc()?,
                    })
                });
                return Ok(self.at_regs(regs.ok_or(Broken::NoThread)?));
            }
            Status::Syscall if !self.g.syscall.sp.is_nil() => self.g.syscall,
            _ => self.g.sched,
        };
        self.saved_at(saved).ok_or(Broken::NoStart)
    }

    /// A place that was saved: behind a call, or the first instruction of a function that has not
    /// begun (a goroutine that never ran; `systemstack_switch`, which only stands for a place).
    fn saved_at(&self, saved: Saved) -> Option<At> {
        (!saved.pc.is_nil() && !saved.sp.is_nil()).then(|| At {
            pc: saved.pc,
            sp: saved.sp,
            exact: self.is_entry(saved.pc),
            regs: None,
        })
    }

    fn is_entry(&self, pc: Addr) -> bool {
        self.u.step(pc, true).is_some_and(|s| s.func.entry == pc)
    }

    fn at_regs(&mut self, regs: Regs) -> At {
        At {
            pc: regs.pc,
            sp: regs.sp(),
            exact: true,
            regs: self.keep(regs),
        }
    }

    fn keep(&mut self, regs: Regs) -> Option<u32> {
        let number = u32::try_from(self.out.regs.len()).ok();
        self.out.regs.push(regs);
        number
    }

    /// The registers that `asyncPreempt` keeps at the bottom of its frame (rax, rcx, rdx, rbx, rsi, rdi, r8
    /// to r15), and rbp, which it pushes first. Source: `runtime/preempt_amd64.s`, all versions.
    fn kept_regs(&mut self, sp: Addr, cfa: Addr, pc: Addr) -> Option<u32> {
        // DWARF number of each, in this order.
        const ORDER: [usize; 14] = [0, 2, 1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
        let mem = self.u.tables.memory();
        let mut general = [0; 16];
        for (to, i) in ORDER.into_iter().zip(0u64..) {
            *general.get_mut(to)? = mem.read_u64(sp.element(i, 8)?).ok()?;
        }
        let rbp = Addr(cfa.0.checked_sub(16)?);
        *general.get_mut(RBP)? = mem.read_u64(rbp).ok()?;
        *general.get_mut(RSP)? = cfa.0;
        self.keep(Regs { general, pc })
    }

    fn part(&self, sp: Addr) -> Part {
        let on = |stack: AddrRange| stack.start <= sp && sp <= stack.end && stack.size() > 0;
        if on(self.g.stack) {
            Part::Goroutine
        } else if self.m.is_some_and(|m| on(m.signal)) {
            Part::Signal
        } else {
            Part::System
        }
    }

    /// Counts a change of stacks.
    fn switch(&mut self, to: At) -> Option<At> {
        self.switches = self.switches.saturating_add(1);
        (self.switches <= MAX_SWITCHES).then_some(to)
    }

    /// The goroutine left its own stack for another; it has kept where. Source: `runtime/asm_amd64.s`,
    /// `systemstack`, `mcall`, `morestack`, `asmcgocall`: all save `g.sched`.
    fn left_own(&mut self) -> Option<At> {
        if self.on_own {
            return None;
        }
        let at = self.saved_at(self.g.sched)?;
        self.switch(at)
    }

    /// At a pc that is no Go code: a vDSO call and a call into C leave word of where Go's ends.
    /// Source: `runtime/sys_linux_amd64.s`, `nanotime1` (`m.vdsoPC`); `runtime/proc.go`, `entersyscall`.
    fn leave_foreign(&mut self, pc: Addr) -> Result<At, Broken> {
        let vdso = self.m.and_then(|m| self.saved_at(m.vdso));
        let saved = match vdso {
            Some(at) => Some(at),
            None if self.on_own => None,
            None => self
                .saved_at(self.g.syscall)
                .or_else(|| self.saved_at(self.g.sched)),
        };
        saved
            .and_then(|at| self.switch(at))
            .ok_or(Broken::NotGo(pc))
    }

    fn siginfo(&self, context: Addr, pc: Addr) -> Option<Signal> {
        let mem = self.u.tables.memory();
        let bytes = mem
            .bytes(context.checked_add(SIGINFO)?, SIGINFO_SIZE)
            .ok()?;
        Some(Signal {
            number: mem.abi.u32(&bytes, 0)?.cast_signed(),
            code: mem.abi.u32(&bytes, 8)?.cast_signed(),
            addr: Addr(mem.abi.u64(&bytes, 16)?),
            pc,
        })
    }

    /// What a signal interrupted: `sigtramp`'s frame ends where the kernel put the `ucontext`.
    fn interrupted(&mut self, context: Addr) -> Result<At, Broken> {
        let mem = self.u.tables.memory();
        let bytes = mem
            .bytes(context, UCONTEXT_SIZE)
            .map_err(Broken::Unreadable)?;
        let regs = ucontext_regs(mem.abi, &bytes).ok_or(Broken::NoFrame(context))?;
        if let Some(signal) = self.siginfo(context, regs.pc) {
            self.out.signals.push(signal);
        }
        let at = self.at_regs(regs);
        self.switch(at).ok_or(Broken::OffStack(at.sp))
    }
}

/// Bytes of a whole `ucontext`, behind which the kernel puts the `siginfo`. Source: the kernel's
/// `arch/x86/include/asm/sigframe.h`, `rt_sigframe`, and `include/uapi/asm-generic/ucontext.h`.
const SIGINFO: u64 = 304;
/// Bytes of a `siginfo` that are read: number, errno, code, address.
const SIGINFO_SIZE: u64 = 24;
/// Bytes of a `ucontext` up to rip.
const UCONTEXT_SIZE: u64 = 176;
/// Where its general registers begin.
const GREGS: usize = 40;

/// The registers in a `ucontext` of linux/amd64: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
/// Source: the kernel's `arch/x86/include/uapi/asm/sigcontext.h`; `runtime/defs_linux_amd64.go`,
/// `sigcontext`, all versions.
fn ucontext_regs(abi: Abi, bytes: &[u8]) -> Option<Regs> {
    // DWARF number of each, in this order.
    const ORDER: [usize; 16] = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7];
    let word = |i: usize| abi.u64(bytes, i.checked_mul(8)?.checked_add(GREGS)?);
    let mut general = [0; 16];
    for (i, to) in ORDER.into_iter().enumerate() {
        *general.get_mut(to)? = word(i)?;
    }
    Some(Regs {
        general,
        pc: Addr(word(ORDER.len())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_registers_come_by_their_dwarf_numbers() {
        let mut bytes = vec![0; 176];
        for i in 0..17u8 {
            let at = 40 + usize::from(i) * 8;
            if let Some(b) = bytes.get_mut(at) {
                *b = i + 1;
            }
        }
        let regs = ucontext_regs(Abi::AMD64, &bytes);
        let regs = regs.map(|r| (r.general, r.pc, r.sp()));
        // rax is the 14th, rdx the 13th, rcx the 15th …
        let want = [14, 13, 15, 12, 10, 9, 11, 16, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(regs, Some((want, Addr(17), Addr(16))));
        assert!(ucontext_regs(Abi::AMD64, &[0; 100]).is_none());
    }

    #[test]
    fn a_return_address_is_looked_up_before_it() {
        assert_eq!(lookup(Addr(0x1005), false), Addr(0x1004));
        assert_eq!(lookup(Addr(0x1005), true), Addr(0x1005));
    }
}
