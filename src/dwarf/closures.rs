//! What a closure's function says of the variables it captured.
//! In: the address of a function's first instruction, and for older compilers its code. Out: captured
//! variables with their place in the closure object.

use crate::base::addr::LinkAddr;
use crate::dwarf::index::DwarfIndex;
use crate::dwarf::index::FunctionDie;
use crate::dwarf::index::go;
use crate::dwarf::index::number;
use crate::dwarf::index::reference;
use crate::dwarf::location::Place;
use crate::dwarf::sections::Reader;
use crate::types::graph::TypeId;
use gimli::AttributeValue;
use gimli::Operation;
use gimli::Unit;

/// A captured variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// Its name; `&x` where the closure holds the address of `x`.
    pub name: String,
    /// Its type (a pointer where the closure holds the address).
    pub ty: TypeId,
    /// Bytes from the start of the closure object, whose first word is the code address.
    pub off: u64,
}

/// `call rel32` of amd64. Source: the Intel SDM, volume 2, `CALL`.
const CALL: u8 = 0xe8;
/// Bytes at the start of a function in which the context register still holds the closure object.
const ENTRY: u64 = 128;

impl DwarfIndex<'_> {
    /// The variables captured by the function whose code begins at `entry`; empty for functions that
    /// capture nothing, and when no function begins there.
    ///
    /// From go1.23 the compiler writes `DW_AT_go_closure_offset`. Before, a captured variable is an
    /// ordinary one that comes to life in a register right after the instruction that loads it from
    /// the closure object; on amd64 that instruction is recognised in `code`, the function's first bytes.
    pub fn captures(&self, entry: LinkAddr, code: &[u8]) -> Vec<Capture> {
        let Some(function) = self
            .functions
            .binary_search_by_key(&entry, |f| f.entry)
            .ok()
            .and_then(|i| self.functions.get(i))
        else {
            return Vec::new();
        };
        let mut out = self.variables_of(function, |die, unit| {
            let off = number(&die.attr_value(go::CLOSURE_OFFSET)?)?;
            self.capture(die, unit, off)
        });
        if out.is_empty() {
            out = self.variables_of(function, |die, unit| {
                let (live_from, register) = self.first_register(die, unit)?;
                let at = live_from.checked_sub(entry.0).filter(|a| *a <= ENTRY)?;
                let off = loaded_from_context(code.get(..usize::try_from(at).ok()?)?, register)?;
                self.capture(die, unit, off)
            });
        }
        out.sort_by_key(|c| c.off);
        out.dedup_by_key(|c| c.off);
        out
    }

    /// What the wrapper of a go or defer statement, whose code begins at `entry`, captured to pass it on:
    /// the compiler makes a closure of `go f(x)` and gives its variables no names. What it loads from the
    /// closure object into argument registers is what the function that it calls gets as arguments.
    /// Source: `cmd/compile/internal/walk/order.go`, `wrapGoDefer` (later `typecheck`, `tryWrapCall`), from
    /// go1.17; amd64. The caller must know that there is a closure object, and how large it is.
    pub fn passed_on(&self, entry: LinkAddr, code: &[u8]) -> Vec<Capture> {
        let call = |at: usize| {
            let rest = code.get(at..)?.strip_prefix(&[CALL])?;
            let by = i64::from(i32::from_le_bytes(*rest.first_chunk()?));
            let behind = entry
                .0
                .checked_add(u64::try_from(at).ok()?)?
                .checked_add(5)?;
            let callee = LinkAddr(behind.checked_add_signed(by)?);
            let name = self.function_named_at(callee)?;
            (!name.starts_with("runtime.")).then_some((at, callee))
        };
        let Some((at, callee)) = (0..code.len()).find_map(call) else {
            return Vec::new();
        };
        let before = code.get(..at).unwrap_or_default();
        let mut out: Vec<Capture> = self
            .locals(callee)
            .into_iter()
            .filter(|l| l.parameter)
            .filter_map(|l| {
                let first = l.pieces.first().filter(|p| p.off == 0)?;
                let Place::Register(register) = first.place else {
                    return None;
                };
                Some(Capture {
                    name: l.name,
                    ty: l.ty,
                    off: loaded_from_context(before, register)?,
                })
            })
            .collect();
        out.sort_by_key(|c| c.off);
        out.dedup_by_key(|c| c.off);
        out
    }

    fn capture(&self, die: &Die<'_>, unit: &Unit<Reader<'_>>, off: u64) -> Option<Capture> {
        let name = self
            .dwarf
            .attr_string(unit, die.attr_value(gimli::DW_AT_name)?)
            .ok()?;
        let ty = self.type_at(reference(&die.attr_value(gimli::DW_AT_type)?, unit)?)?;
        Some(Capture {
            name: String::from_utf8_lossy(name.slice()).into_owned(),
            ty: TypeId(ty),
            off,
        })
    }

    /// What `pick` makes of each variable of a function.
    fn variables_of<'d>(
        &'d self,
        function: &FunctionDie,
        pick: impl Fn(&Die<'d>, &'d Unit<Reader<'d>>) -> Option<Capture>,
    ) -> Vec<Capture> {
        let mut out = Vec::new();
        let _: Option<()> = (|| {
            let unit = self.unit(function.unit)?;
            let at = gimli::DebugInfoOffset(function.off).to_unit_offset(&unit.header)?;
            let mut entries = unit.entries_raw(Some(at)).ok()?;
            let mut die = gimli::DebuggingInformationEntry::null();
            let mut first = true;
            while !entries.is_empty() && (first || entries.next_depth() > 0) {
                first = false;
                if entries.read_entry(&mut die).ok()? && die.tag() == gimli::DW_TAG_variable {
                    out.extend(pick(&die, unit));
                }
            }
            Some(())
        })();
        out
    }

    /// Where a variable first lives, if that is a register: the address from which it does (link-time)
    /// and the register's DWARF number. Of a value in pieces, the first piece counts.
    fn first_register(&self, die: &Die<'_>, unit: &Unit<Reader<'_>>) -> Option<(u64, u16)> {
        let lists = match die.attr_value(gimli::DW_AT_location)? {
            AttributeValue::Exprloc(_) => return None,
            other => self.dwarf.attr_locations(unit, other).ok()??,
        };
        let mut lists = lists;
        let first = lists.next().ok()??;
        match first.data.operations(unit.encoding()).next().ok()?? {
            Operation::Register { register } => Some((first.range.begin, register.0)),
            _ => None,
        }
    }
}

type Die<'d> = gimli::DebuggingInformationEntry<Reader<'d>>;

/// The offset from the context register (rdx) of the last 8-byte load into `register` in `code`: `mov
/// disp(%rdx), %reg`, which is REX.W 8B with a ModRM of base rdx and an 8- or 32-bit displacement.
/// Source: the Intel SDM, volume 2, `MOV`; the context register: `cmd/compile/internal/amd64`, all
/// versions. DWARF numbers rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 … r15 from 0.
fn loaded_from_context(code: &[u8], register: u16) -> Option<u64> {
    let hardware: u8 = match register {
        0 => 0,
        1 => 2,
        2 => 1,
        3 => 3,
        4 => 6,
        5 => 7,
        6 => 5,
        7 => 4,
        8..=15 => u8::try_from(register).ok()?,
        _ => return None,
    };
    let rex = if hardware >= 8 { 0x4c } else { 0x48 };
    let modrm = (hardware & 7) << 3 | 2;
    let short = [rex, 0x8b, 0x40 | modrm];
    let long = [rex, 0x8b, 0x80 | modrm];
    (0..code.len()).rev().find_map(|at| {
        let rest = code.get(at..)?;
        let off = if rest.starts_with(&short) {
            u64::from(*rest.get(3)?)
        } else if rest.starts_with(&long) {
            u64::from(u32::from_le_bytes(*rest.get(3..)?.first_chunk()?))
        } else {
            return None;
        };
        // A closure object begins with its code address, and its words are aligned.
        (off >= 8 && off.is_multiple_of(8) && off < 0x8000_0000).then_some(off)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_from_the_closure_object_is_recognised() {
        assert_eq!(loaded_from_context(&[0x48, 0x8b, 0x42, 0x08], 0), Some(8)); // mov 0x8(%rdx),%rax
        assert_eq!(
            loaded_from_context(&[0x48, 0x8b, 0x4a, 0x30], 2),
            Some(0x30)
        ); // mov 0x30(%rdx),%rcx
        assert_eq!(
            loaded_from_context(&[0x4c, 0x8b, 0x42, 0x10], 8),
            Some(0x10)
        ); // mov 0x10(%rdx),%r8
        assert_eq!(
            loaded_from_context(&[0x48, 0x8b, 0x82, 0x90, 1, 0, 0], 0),
            Some(0x190)
        ); // mov 0x190(%rdx),%rax
        assert_eq!(loaded_from_context(&[0x48, 0x8b, 0x42, 0x08], 3), None);
        assert_eq!(loaded_from_context(&[0x48, 0x8b, 0x42], 0), None);
        assert_eq!(loaded_from_context(&[], 0), None);
    }
}
