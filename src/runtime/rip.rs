//! What machine code of amd64 says by itself.
//! In: a function's code and its address. Out: every address it refers to relative to the program counter; and
//! what the code in front of a call leaves in the registers, as far as that can be known afterwards.
//! The only user of iced-x86, hence one file, though over 400 lines.

use crate::base::addr::Addr;
use iced_x86::Decoder;
use iced_x86::DecoderOptions;
use iced_x86::FlowControl;
use iced_x86::Instruction;
use iced_x86::InstructionInfoFactory;
use iced_x86::MemorySize;
use iced_x86::Mnemonic;
use iced_x86::OpAccess;
use iced_x86::OpKind;
use iced_x86::Register;
use std::collections::HashMap;

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

/// The general registers by the machine's own numbers: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
pub(crate) type Known = [Option<u64>; 16];
/// Number of rax.
pub(crate) const RAX: usize = 0;
/// Number of rbx.
pub(crate) const RBX: usize = 3;
/// Number of rsp.
const RSP: usize = 4;
/// Number of rsi.
const RSI: usize = 6;
/// Number of rdi.
const RDI: usize = 7;
/// Passes over a function until all ways through it agree; loops in loops need a few.
const MAX_PASSES: u32 = 16;

/// A call that a function is waiting in.
pub(crate) struct Waiting<'w> {
    /// The function's code, all of it.
    pub(crate) code: &'w [u8],
    /// Where it lies.
    pub(crate) entry: Addr,
    /// Where the call returns to.
    pub(crate) ret: Addr,
    /// The stack pointer now, and at the first instruction.
    pub(crate) sp: (Addr, Addr),
    /// The registers at the first instruction, as far as they are known.
    pub(crate) at_entry: Known,
    /// Whether the function at an address leaves registers as they are, but for rdi and rsi.
    pub(crate) keeps: &'w dyn Fn(Addr) -> bool,
    /// Reads a word of the process.
    pub(crate) word: &'w dyn Fn(Addr) -> Option<u64>,
}

impl Waiting<'_> {
    /// The registers at the call, as far as every way there agrees; behind a call nothing is known but the
    /// stack pointer. Memory is read as it is now: the frame of a function that waits does not change, and
    /// other memory is what the caller of this must check.
    pub(crate) fn registers(&self) -> Known {
        let mut decoder = Decoder::with_ip(64, self.code, self.entry.0, DecoderOptions::NONE);
        let all: Vec<Instruction> = decoder.iter().collect();
        // What is known where jumps arrive: less with every pass, until all ways agree.
        let mut arriving: HashMap<u64, State> = HashMap::new();
        for _ in 0..MAX_PASSES {
            let before = arriving.clone();
            let known = self.pass(&all, &mut arriving);
            if arriving == before {
                return known;
            }
        }
        [None; 16]
    }

    fn pass(&self, all: &[Instruction], arriving: &mut HashMap<u64, State>) -> Known {
        let mut found = [None; 16];
        let mut start = State::of(self.at_entry);
        start.set(RSP, Some(self.sp.1.0));
        // `None` where the code before does not run on to here.
        let mut at = Some(start);
        for i in all {
            at = match (at, arriving.get(&i.ip())) {
                // The entry is where a function begins again after its stack was moved, as it came.
                (Some(mut here), Some(other)) if i.ip() != self.entry.0 => {
                    here.meet(other);
                    Some(here)
                }
                (Some(here), _) => Some(here),
                (None, other) => other.cloned(),
            };
            let Some(here) = &mut at else { continue };
            if i.is_invalid() {
                *here = self.nothing();
            }
            if i.next_ip() == self.ret.0 {
                found = here.known;
            }
            if matches!(i.op0_kind(), OpKind::NearBranch64) && !is_call(i) {
                arriving
                    .entry(i.near_branch_target())
                    .and_modify(|other| other.meet(here))
                    .or_insert_with(|| here.clone());
            }
            match i.flow_control() {
                FlowControl::UnconditionalBranch
                | FlowControl::IndirectBranch
                | FlowControl::Return => at = None,
                FlowControl::ConditionalBranch => {}
                FlowControl::Call if (self.keeps)(Addr(i.near_branch_target())) => {
                    here.set(RDI, None);
                    here.set(RSI, None);
                }
                _ if is_call(i) => *here = self.nothing(),
                _ => self.step(i, here),
            }
        }
        found
    }

    fn nothing(&self) -> State {
        let mut out = State::of([None; 16]);
        out.set(RSP, Some(self.sp.0.0));
        out
    }

    fn step(&self, i: &Instruction, at: &mut State) {
        if matches!(i.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Nop) {
            return;
        }
        // A store takes the ground from what was loaded there before.
        if i.op0_kind() == OpKind::Memory {
            at.stored(self.address(i, &at.known));
        }
        let to = (i.op0_kind() == OpKind::Register && i.op0_register().is_gpr())
            .then(|| i.op0_register());
        let value = match (i.mnemonic(), i.op1_kind()) {
            (Mnemonic::Xadd | Mnemonic::Cmpxchg | Mnemonic::Xchg, OpKind::Register) => {
                at.set(i.op1_register().full_register().number(), None);
                at.set(
                    RAX,
                    at.get(RAX).filter(|_| i.mnemonic() != Mnemonic::Cmpxchg),
                );
                None
            }
            (Mnemonic::Push, _) => {
                return at.set(RSP, at.get(RSP).and_then(|s| s.checked_sub(8)));
            }
            (Mnemonic::Sub | Mnemonic::Add, _) if to == Some(Register::RSP) => {
                let by = matches!(
                    i.op1_kind(),
                    OpKind::Immediate8to64 | OpKind::Immediate32to64
                )
                .then(|| i.immediate(1));
                let moved = at.get(RSP).zip(by).map(|(s, by)| match i.mnemonic() {
                    Mnemonic::Sub => s.wrapping_sub(by),
                    _ => s.wrapping_add(by),
                });
                return at.set(RSP, moved);
            }
            (Mnemonic::Mov, OpKind::Register) => {
                let r = i.op1_register();
                r.is_gpr64().then(|| at.get(r.number())).flatten()
            }
            (Mnemonic::Mov, OpKind::Memory) => {
                let source = self
                    .address(i, &at.known)
                    .filter(|_| i.memory_size().size() == 8);
                if let Some(to) = to.filter(|t| t.is_gpr64()) {
                    at.set(to.number(), source.and_then(|a| (self.word)(Addr(a))));
                    if let Some(from) = at.from.get_mut(to.number()) {
                        *from = source;
                    }
                    return;
                }
                None
            }
            (Mnemonic::Lea, _) => self.address(i, &at.known),
            (Mnemonic::Xor, OpKind::Register) if i.op0_register() == i.op1_register() => Some(0),
            (
                Mnemonic::Mov
                | Mnemonic::Movzx
                | Mnemonic::Movsx
                | Mnemonic::Movsxd
                | Mnemonic::Add
                | Mnemonic::Sub
                | Mnemonic::And
                | Mnemonic::Or
                | Mnemonic::Xor
                | Mnemonic::Shl
                | Mnemonic::Shr
                | Mnemonic::Sar
                | Mnemonic::Inc
                | Mnemonic::Dec
                | Mnemonic::Neg
                | Mnemonic::Not
                | Mnemonic::Movups
                | Mnemonic::Movdqu
                | Mnemonic::Movsd
                | Mnemonic::Movss
                | Mnemonic::Xorps
                | Mnemonic::Pop,
                _,
            ) => None,
            _ => return self.other(i, at),
        };
        if let Some(to) = to {
            at.set(to.full_register().number(), value);
        }
    }

    /// An instruction of which only the registers matter that it writes to.
    fn other(&self, i: &Instruction, at: &mut State) {
        let mut factory = InstructionInfoFactory::new();
        let info = factory.info(i);
        let writes = |access| {
            matches!(
                access,
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
        };
        for used in info.used_registers() {
            let whole = used.register().full_register();
            if writes(used.access()) && whole.is_gpr64() {
                at.set(whole.number(), None);
            }
        }
        if info.used_memory().iter().any(|m| writes(m.access())) {
            at.stored(None);
        }
    }

    /// The address of an instruction's operand in memory.
    fn address(&self, i: &Instruction, known: &Known) -> Option<u64> {
        if i.is_ip_rel_memory_operand() {
            return Some(i.ip_rel_memory_address());
        }
        if i.memory_index() != Register::None || i.segment_prefix() != Register::None {
            return None;
        }
        let base = i.memory_base();
        let base = base.is_gpr64().then(|| known.get(base.number()))?;
        Some(
            base.copied()
                .flatten()?
                .wrapping_add(i.memory_displacement64()),
        )
    }
}

/// What is known at a place in the code.
#[derive(Clone, PartialEq, Eq)]
struct State {
    known: Known,
    /// By register: the address its value was loaded from.
    from: Known,
}

impl State {
    fn of(known: Known) -> State {
        State {
            known,
            from: [None; 16],
        }
    }

    fn get(&self, register: usize) -> Option<u64> {
        self.known.get(register).copied().flatten()
    }

    fn set(&mut self, register: usize, value: Option<u64>) {
        if let (Some(k), Some(f)) = (self.known.get_mut(register), self.from.get_mut(register)) {
            (*k, *f) = (value, None);
        }
    }

    /// Keeps what holds on another way as well.
    fn meet(&mut self, other: &State) {
        let theirs = other.known.iter().zip(&other.from);
        let mine = self.known.iter_mut().zip(&mut self.from);
        for ((known, from), (k, f)) in mine.zip(theirs) {
            if (*known, *from) != (*k, *f) {
                (*known, *from) = (None, None);
            }
        }
    }

    /// Something was stored at an address, or who knows where.
    fn stored(&mut self, at: Option<u64>) {
        for (known, from) in self.known.iter_mut().zip(&self.from) {
            if from.is_some() && (at.is_none() || *from == at) {
                *known = None;
            }
        }
    }
}

fn is_call(i: &Instruction) -> bool {
    matches!(
        i.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall | FlowControl::Interrupt
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registers in front of a call at the end of `code`, which lies at 0x1000 with a frame of 32 bytes.
    fn before(code: &[u8], at_entry: Known) -> Known {
        let mut all = code.to_vec();
        all.extend([0xe8, 0, 0, 0, 0]); // call
        let ret = Addr(0x1000)
            .element(all.len() as u64, 1)
            .unwrap_or_default();
        Waiting {
            code: &all,
            entry: Addr(0x1000),
            ret,
            sp: (Addr(0x7000), Addr(0x7020)),
            at_entry,
            // What lies at 0x2000 is kind to its callers.
            keeps: &|a| a == Addr(0x2000),
            // Every word is its own address and one.
            word: &|a| a.0.checked_add(1),
        }
        .registers()
    }

    #[test]
    fn what_straight_code_loads_is_known_at_the_call() {
        // sub rsp, 0x20; mov rbx, [rsp+8]; lea rax, [rip+0x10]
        let code = [
            0x48, 0x83, 0xec, 0x20, 0x48, 0x8b, 0x5c, 0x24, 8, 0x48, 0x8d, 0x05, 0x10, 0, 0, 0,
        ];
        let known = before(&code, [None; 16]);
        assert_eq!(known[RBX], Some(0x7009));
        assert_eq!(known[RAX], Some(0x1020));
        // mov rbx, [rax+0x10], with rax as it came
        let mut entry = [None; 16];
        entry[RAX] = Some(0x5000);
        assert_eq!(before(&[0x48, 0x8b, 0x58, 0x10], entry)[RBX], Some(0x5011));
        assert_eq!(before(&[0x48, 0x8b, 0x58, 0x10], [None; 16])[RBX], None);
    }

    #[test]
    fn behind_a_call_a_join_and_a_store_nothing_is_taken_for_known() {
        let mut entry = [None; 16];
        entry[RBX] = Some(5);
        assert_eq!(before(&[0xe8, 0, 0, 0, 0], entry)[RBX], None); // call
        assert_eq!(before(&[0xe8, 0xfb, 0x0f, 0, 0], entry)[RBX], Some(5)); // call 0x2000
        assert_eq!(before(&[0x90, 0x74, 0xfd], entry)[RBX], Some(5)); // je to the entry
        // A loop that leaves rbx alone, and one that changes it: nop; inc ecx or ebx; je to it.
        assert_eq!(before(&[0x90, 0xff, 0xc1, 0x74, 0xfc], entry)[RBX], Some(5));
        assert_eq!(before(&[0x90, 0xff, 0xc3, 0x74, 0xfc], entry)[RBX], None);
        assert_eq!(before(&[0x74, 0x70, 0x90], entry)[RBX], Some(5)); // je to somewhere else
        // je over mov ebx, 7: two ways that do not agree; je over nop: two that do.
        assert_eq!(
            before(&[0x74, 0x05, 0xbb, 7, 0, 0, 0, 0x90], entry)[RBX],
            None
        );
        assert_eq!(before(&[0x74, 0x01, 0x90, 0x90], entry)[RBX], Some(5));
        assert_eq!(before(&[0x0f, 0xa2], entry)[RBX], None); // cpuid, which writes rbx
        assert_eq!(before(&[0x0f, 0xaf, 0xda], entry)[RBX], None); // imul ebx, edx
        assert_eq!(before(&[0x0f, 0xaf, 0xca], entry)[RBX], Some(5)); // imul ecx, edx
        // sub rsp, 32; mov rbx, [rsp+8]; nop [rax+rax]
        let code = [
            0x48, 0x83, 0xec, 0x20, 0x48, 0x8b, 0x5c, 0x24, 8, 0x0f, 0x1f, 0x44, 0, 0,
        ];
        assert_eq!(before(&code, entry)[RBX], Some(0x7009));
        // sub rsp, 32; mov rbx, [rsp+8]; mov [rsp+8], rcx
        let code = [
            0x48, 0x83, 0xec, 0x20, 0x48, 0x8b, 0x5c, 0x24, 8, 0x48, 0x89, 0x4c, 0x24, 8,
        ];
        assert_eq!(before(&code, entry)[RBX], None);
    }

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
