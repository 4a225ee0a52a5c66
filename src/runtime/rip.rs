//! Which variables a function of amd64 names in its code.
//! In: machine code and its address. Out: every address it refers to relative to the program counter.
//! The only user of iced-x86.

use crate::base::addr::Addr;
use iced_x86::Decoder;
use iced_x86::DecoderOptions;
use iced_x86::MemorySize;
use iced_x86::Mnemonic;

/// A reference of an instruction to memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Reference {
    /// What it refers to.
    pub(crate) addr: Addr,
    /// What it does there.
    pub(crate) access: Access,
}

/// What an instruction does with an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Access {
    /// It only takes it (LEA).
    Taken,
    /// It reads or writes 8 bytes there.
    Word,
    /// It reads or writes 4 bytes there.
    Half,
    /// It reads or writes something else.
    Other,
}

/// The references of `code`, which lies at `at`, in the order of its instructions. What is no
/// instruction is stepped over byte by byte.
pub(crate) fn references(code: &[u8], at: Addr) -> Vec<Reference> {
    let decoder = Decoder::with_ip(64, code, at.0, DecoderOptions::NONE);
    decoder
        .into_iter()
        .filter(|i| !i.is_invalid() && i.is_ip_rel_memory_operand())
        .map(|i| Reference {
            addr: Addr(i.ip_rel_memory_address()),
            access: match i.memory_size() {
                _ if i.mnemonic() == Mnemonic::Lea => Access::Taken,
                MemorySize::UInt64 | MemorySize::Int64 => Access::Word,
                MemorySize::UInt32 | MemorySize::Int32 => Access::Half,
                _ => Access::Other,
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_writes_and_addresses_are_told_apart() {
        // mov rax, [rip+0x10]; lea rcx, [rip+0x20]; cmp dword [rip+0x30], 0; nop; ret
        let code = [
            0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x48, 0x8d, 0x0d, 0x20, 0, 0, 0, 0x83, 0x3d, 0x30, 0,
            0, 0, 0, 0x90, 0xc3,
        ];
        let at = |addr, access| Reference {
            addr: Addr(addr),
            access,
        };
        assert_eq!(
            references(&code, Addr(0x1000)),
            [
                at(0x1017, Access::Word),
                at(0x102e, Access::Taken),
                at(0x1045, Access::Half)
            ]
        );
    }

    #[test]
    fn what_is_no_code_gives_nothing() {
        assert_eq!(references(&[0xff; 40], Addr(u64::MAX)), []);
        assert_eq!(references(&[0x48, 0x8b, 0x05], Addr(0)), []);
    }
}
