//! The arguments of a function on a stack: where the compiler keeps them, and whether they are there.
//! In: a frame and the function's tables (ArgInfo, ArgLiveInfo). Out: the arguments' words in order, as
//! the runtime's own traceback prints them.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::limits::MAX_ARGUMENTS;
use crate::runtime::pclntab::FUNCDATA_ARG_INFO;
use crate::runtime::pclntab::FUNCDATA_ARG_LIVE_INFO;
use crate::runtime::pclntab::PCDATA_ARG_LIVE;
use crate::runtime::pclntab::PcTables;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Regs;
use crate::runtime::unwind::Stack;

/// Bytes of the stream that are no offset. Source: `cmd/compile/internal/ssagen/ssa.go`, `emitArgInfo`,
/// and `runtime/traceback.go`, `printArgs`, all versions.
const END: u8 = 0xff;
/// The first of them: an offset too large, an ellipsis, the ends of an aggregate.
const FIRST_MARK: u8 = 0xfb;

/// Bytes of a call with a relative target, on amd64.
const CALL: u64 = 5;
/// The first byte of one.
const CALL_OPCODE: u8 = 0xe8;

/// Registers of integer arguments in order, by DWARF number. Source: `cmd/compile/abi-internal.md`,
/// "amd64 architecture", all versions from go1.17.
const ORDER: [usize; 9] = [0, 3, 2, 5, 4, 8, 9, 10, 11];

/// Where the value of an argument was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgPlace {
    /// In its slot on the stack, which the compiler's tables call live.
    Slot,
    /// In its slot: the function has saved its arguments because it had to wait before it began.
    Entry,
    /// In its register: the function has not begun.
    Register,
}

/// One word of the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arg {
    /// The value; `None` where it is not there any more, or not a word.
    pub value: Option<Addr>,
    /// Where it was found.
    pub place: ArgPlace,
}

/// The arguments of a frame, structs and interfaces taken apart. Empty when the tables say nothing.
/// The stack's registers are asked where the function has not begun.
pub fn arguments(tables: &PcTables<'_, '_>, stack: &Stack, frame: &Frame) -> Vec<Arg> {
    let mem = tables.memory();
    let slots = slots(tables, frame);
    let regs = frame
        .regs
        .and_then(|i| stack.regs.get(usize::try_from(i).ok()?));
    let begun = frame.pc != frame.func.entry;
    let waited = !frame.exact && in_prologue(tables, frame);
    let mut number = 0usize;
    let of = |slot: &Slot| {
        let register = slot.in_register.then(|| {
            let n = number;
            number = number.saturating_add(1);
            n
        });
        if slot.size != u64::from(mem.abi.ptr_size) {
            return Arg {
                value: None,
                place: ArgPlace::Slot,
            };
        }
        let read = || mem.read_addr(frame.cfa.checked_add(slot.off)?).ok();
        let (value, place) = match register {
            Some(n) if !begun && frame.exact => (in_register(regs, n), ArgPlace::Register),
            Some(_) if waited => (read(), ArgPlace::Entry),
            _ if slot.live => (read(), ArgPlace::Slot),
            _ => (None, ArgPlace::Slot),
        };
        Arg { value, place }
    };
    slots.iter().map(of).collect()
}

fn in_register(regs: Option<&Regs>, number: usize) -> Option<Addr> {
    let at = *ORDER.get(number)?;
    regs?.general.get(at).copied().map(Addr)
}

/// Whether the frame waits for a larger stack, or for the scheduler, before its function began. Its
/// arguments were saved then, though the tables speak only of the function's own code.
/// Source: `cmd/internal/obj/x86/obj6.go`, `stacksplit`: spill, call of `runtime.morestack`, unspill.
fn in_prologue(tables: &PcTables<'_, '_>, frame: &Frame) -> bool {
    let target = || {
        let call = Addr(frame.pc.0.checked_sub(CALL)?);
        let bytes = tables.memory().bytes(call, CALL).ok()?;
        if bytes.first() != Some(&CALL_OPCODE) {
            return None;
        }
        let distance = i64::from(Abi::AMD64.u32(&bytes, 1)?.cast_signed());
        let target = tables.find(Addr(frame.pc.0.checked_add_signed(distance)?))?;
        Some(tables.name(&target).starts_with("runtime.morestack"))
    };
    target() == Some(true)
}

/// Where one word of the arguments has its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    /// Bytes from the canonical frame address (amd64: where the arguments begin).
    off: u64,
    size: u64,
    /// The place is only for saving it; it comes in a register.
    in_register: bool,
    live: bool,
}

fn slots(tables: &PcTables<'_, '_>, frame: &Frame) -> Vec<Slot> {
    let mem = tables.memory();
    let f = &frame.func;
    let Some(info) = tables.funcdata(f, FUNCDATA_ARG_INFO) else {
        return Vec::new();
    };
    let byte = |at: Addr, off: u64| mem.bytes(at.checked_add(off)?, 1).ok()?.first().copied();
    let index = tables.pcdata(f, PCDATA_ARG_LIVE, frame.lookup());
    let live = tables
        .funcdata(f, FUNCDATA_ARG_LIVE_INFO)
        .and_then(|at| Some((at, byte(at, 0)?)));
    let mut out = Vec::new();
    let (mut at, mut saved) = (0u64, 0u64);
    while out.len() < MAX_ARGUMENTS {
        let Some(off) = byte(info, at).filter(|b| *b != END) else {
            break;
        };
        at = at.saturating_add(1);
        if off >= FIRST_MARK {
            continue;
        }
        let Some(size) = byte(info, at) else { break };
        at = at.saturating_add(1);
        let in_register = live.is_some_and(|(_, first)| off >= first);
        let is_live = match (live, index) {
            (Some((bits, _)), Some(index)) if in_register && index > 0 => u64::try_from(index)
                .ok()
                .and_then(|i| byte(bits, i.checked_add(saved / 8)?))
                .is_some_and(|b| b >> (saved % 8) & 1 == 1),
            // No table at all: everything has its place. No entry for this pc: all of it is there.
            (None, _) | (Some(_), Some(_)) => true,
            (Some(_), None) => !in_register,
        };
        if in_register {
            saved = saved.saturating_add(1);
        }
        out.push(Slot {
            off: u64::from(off),
            size: u64::from(size),
            in_register,
            live: is_live,
        });
    }
    out
}
