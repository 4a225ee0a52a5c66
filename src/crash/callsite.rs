//! What a function's own code says of maps.
//! In: the frame that calls a map function, and its instructions. Out: the map type that is passed, or where
//! the iterator lies; whether the code refers to a package variable. Only amd64, and of its instructions only
//! the forms in which the compiler loads an address.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::find::search::Grounds;
use crate::runtime::pclntab::Func;
use crate::runtime::unwind::Frame;

/// Bytes in front of a call in which its first argument is loaded.
const BEFORE: u64 = 96;
/// Bytes of a function that are looked through.
const MAX_CODE: u64 = 1 << 16;
/// `LEA rax, [rip + disp32]`: opcode bytes; the displacement follows.
const LEA_RAX_RIP: [u8; 3] = [0x48, 0x8d, 0x05];
/// `LEA rax, [rsp + disp8]`.
const LEA_RAX_RSP8: [u8; 4] = [0x48, 0x8d, 0x44, 0x24];
/// `LEA rax, [rsp + disp32]`.
const LEA_RAX_RSP32: [u8; 4] = [0x48, 0x8d, 0x84, 0x24];

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

/// The address that `caller` passes as its only argument, if it is one of its own frame: an iterator.
pub(crate) fn own_address(grounds: &Grounds<'_, '_, '_>, caller: &Frame) -> Option<Addr> {
    let (_, bytes) = code(grounds, caller)?;
    let long = LEA_RAX_RSP32.len().checked_add(4)?;
    let short = LEA_RAX_RSP8.len().checked_add(1)?;
    let mut last = None;
    for i in 0..bytes.len() {
        let rest = bytes.get(i..)?;
        let disp = rest
            .get(..long)
            .and_then(|w| displacement(w, &LEA_RAX_RSP32))
            .or_else(|| {
                let disp = rest.get(..short)?.strip_prefix(&LEA_RAX_RSP8)?;
                disp.first().map(|b| i64::from(b.cast_signed()))
            });
        last = disp.or(last);
    }
    let at = Addr(caller.sp.0.checked_add_signed(last?)?);
    (caller.sp <= at && at < caller.cfa).then_some(at)
}

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
