//! What a function's own code says of maps.
//! In: the frame that calls a map function, and its instructions. Out: what is passed; whether the code refers
//! to a package variable. Only amd64.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::find::search::Grounds;
use crate::runtime::argslots::arguments;
use crate::runtime::pclntab::Func;
use crate::runtime::rip::Known;
use crate::runtime::rip::RAX;
use crate::runtime::rip::RBX;
use crate::runtime::rip::Waiting;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Stack;

/// Bytes in front of a call in which its first argument is loaded.
const BEFORE: u64 = 96;
/// Bytes of a function that are looked through.
const MAX_CODE: u64 = 1 << 16;
/// `LEA rax, [rip + disp32]`: opcode bytes; the displacement follows.
const LEA_RAX_RIP: [u8; 3] = [0x48, 0x8d, 0x05];
/// The instructions in front of where `caller` waits, and the address of the first.
fn code<'a>(grounds: &Grounds<'_, '_, 'a>, caller: &Frame) -> Option<(Addr, Vec<u8>)> {
    if caller.exact {
        return None;
    }
    let start = Addr(caller.pc.0.saturating_sub(BEFORE)).max(caller.func.entry);
    let size = caller.pc.offset_from(start)?;
    let bytes = grounds.reader.program.mem.bytes(start, size).ok()?;
    Some((start, bytes.into_owned()))
}

/// The descriptor of the map type that `caller` passes: the last address it loads into the first argument
/// register that is one. Source: `cmd/compile/internal/walk`, which passes the type first to every map
/// function, all versions; registers from go1.17.
pub(crate) fn map_type(grounds: &Grounds<'_, '_, '_>, caller: &Frame) -> Option<Addr> {
    let (start, bytes) = code(grounds, caller)?;
    let forms = bytes.windows(LEA_RAX_RIP.len().checked_add(4)?);
    let found = (0u64..).zip(forms).filter_map(|(i, window)| {
        let disp = displacement(window, &LEA_RAX_RIP)?;
        let next = start.checked_add(i)?.checked_add(window.len() as u64)?;
        let target = Addr(next.0.checked_add_signed(disp)?);
        let in_module = grounds.modules.types_at(target).is_some();
        (in_module && grounds.reader.meta.is_map_type(target)).then_some(target)
    });
    found.last()
}

/// What the frame at position `caller` of the stack passes in the first two argument registers, as far as its own
/// code tells.
pub(crate) fn passed(
    grounds: &Grounds<'_, '_, '_>,
    stack: &Stack,
    caller: usize,
) -> [Option<Addr>; 2] {
    let known = at_call(grounds, stack, caller, MAX_CALLERS);
    [RAX, RBX].map(|r| known.get(r).copied().flatten().map(Addr))
}

/// Functions that are asked one after the other for what they passed: a method that looks up a map of its receiver's
/// keeps neither, and its caller still has the receiver.
const MAX_CALLERS: u32 = 3;

/// The registers at the call that the frame at position `number` waits in, as far as its own code tells, and up to
/// `callers` functions that called it for what they passed in turn.
fn at_call(grounds: &Grounds<'_, '_, '_>, stack: &Stack, number: usize, callers: u32) -> Known {
    let Some(caller) = stack.frames.get(number) else {
        return [None; 16];
    };
    let mem = grounds.reader.program.mem;
    let size = caller.func.end.0.saturating_sub(caller.func.entry.0);
    let code = match mem.bytes(caller.func.entry, size) {
        Ok(code) if !caller.exact && size <= MAX_CODE => code,
        _ => return [None; 16],
    };
    let mut at_entry = match callers.checked_sub(1) {
        Some(callers) => at_call(grounds, stack, number.saturating_add(1), callers),
        None => [None; 16],
    };
    for (arg, register) in arguments(grounds.tables, stack, caller)
        .iter()
        .zip(ARGUMENTS)
    {
        if let Some(known) = at_entry.get_mut(register)
            && let Some(value) = arg.value
        {
            *known = Some(value.0);
        }
    }
    let word = mem.abi.word();
    Waiting {
        code: &code,
        entry: caller.func.entry,
        ret: caller.pc,
        sp: (caller.sp, Addr(caller.cfa.0.saturating_sub(word))),
        at_entry,
        // Source: `runtime/duff_amd64.s`; the compiler counts on it in the middle of a function.
        keeps: &|at| {
            let f = grounds.tables.find(at);
            f.is_some_and(|f| grounds.tables.name(&f).starts_with("runtime.duff"))
        },
        word: &|at| mem.read_uptr(at).ok(),
    }
    .registers()
}

/// Registers of integer arguments in order, by the machine's own numbers: rax, rbx, rcx, rdi, rsi, r8 to r11.
/// Source: `cmd/compile/abi-internal.md`, all versions from go1.17.
const ARGUMENTS: [usize; 9] = [0, 3, 1, 7, 6, 8, 9, 10, 11];

/// Whether the code of a function refers to the word at `word` by its distance: a package variable. It looks at
/// every four bytes, which hit just this address by chance once in a billion.
pub(crate) fn uses(grounds: &Grounds<'_, '_, '_>, function: &Func, word: Addr) -> bool {
    let size = function
        .end
        .0
        .saturating_sub(function.entry.0)
        .min(MAX_CODE);
    let Ok(bytes) = grounds.reader.program.mem.bytes(function.entry, size) else {
        return false;
    };
    (0u64..).zip(bytes.windows(4)).any(|(i, window)| {
        let disp = i64::from(Abi::AMD64.u32(window, 0).unwrap_or(0).cast_signed());
        // Behind the distance the instruction may have a constant of one or four bytes.
        [4u64, 5, 8].iter().any(|behind| {
            let next = function.entry.0.wrapping_add(i).wrapping_add(*behind);
            next.wrapping_add_signed(disp) == word.0
        })
    })
}

/// The signed 32 bits behind an opcode.
fn displacement(window: &[u8], opcode: &[u8]) -> Option<i64> {
    let rest = window.strip_prefix(opcode)?;
    Some(i64::from(Abi::AMD64.u32(rest, 0)?.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_are_signed() {
        let back = [0x48, 0x8d, 0x05, 0xfe, 0xff, 0xff, 0xff];
        assert_eq!(displacement(&back, &LEA_RAX_RIP), Some(-2));
        assert_eq!(
            displacement(&[0x48, 0x8d, 0x0d, 1, 0, 0, 0], &LEA_RAX_RIP),
            None
        );
        assert_eq!(displacement(&[0x48, 0x8d, 0x05, 1], &LEA_RAX_RIP), None);
    }
}
