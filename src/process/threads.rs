//! The registers of each thread at death.
//! In: NT_PRSTATUS notes. Out: thread id, signal and the raw register words per thread, in the core's order.

use crate::base::addr::Addr;
use crate::file::corefile::CoreFile;
use crate::file::corefile::Machine;

const NT_PRSTATUS: u32 = 1;

/// A thread. The kernel writes the one that dumped core first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thread {
    /// Kernel thread id; equals `m.procid`.
    pub tid: u32,
    /// Signal pending on the thread when it was dumped (`pr_cursig`), 0 for none.
    pub signal: u16,
    /// `pr_reg`, word by word, in the kernel's order for the machine.
    pub regs: Vec<u64>,
    /// The machine, which says what each word is.
    pub machine: Machine,
}

impl Thread {
    /// The program counter.
    pub fn pc(&self) -> Option<Addr> {
        self.reg(index(self.machine)?.0)
    }

    /// The stack pointer.
    pub fn sp(&self) -> Option<Addr> {
        self.reg(index(self.machine)?.1)
    }

    /// The general registers by their DWARF numbers, where badmap knows the machine's: rax, rdx, rcx, rbx,
    /// rsi, rdi, rbp, rsp, r8 to r15. Source: the System V ABI for AMD64, figure 3.36.
    pub fn general(&self) -> Option<[u64; 16]> {
        const ORDER: [usize; 16] = [10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0];
        if self.machine != Machine::Amd64 {
            return None;
        }
        let mut out = [0; 16];
        for (to, from) in out.iter_mut().zip(ORDER) {
            *to = *self.regs.get(from)?;
        }
        Some(out)
    }

    fn reg(&self, i: usize) -> Option<Addr> {
        self.regs.get(i).copied().map(Addr)
    }
}

/// Word index of pc and sp in `pr_reg`. Source: the kernel's `arch/*/include/uapi/asm/ptrace.h`
/// and `user_regs_struct`.
fn index(machine: Machine) -> Option<(usize, usize)> {
    match machine {
        Machine::Amd64 => Some((16, 19)),
        Machine::Arm64 => Some((32, 31)),
        Machine::S390x => Some((1, 17)),
        Machine::Arm => Some((15, 13)),
        Machine::I386 => Some((12, 15)),
        Machine::Riscv64 => Some((0, 2)),
        _ => None,
    }
}

/// The threads of a core, in the order of its notes.
pub fn read_threads(core: &CoreFile<'_>) -> Vec<Thread> {
    let abi = core.abi;
    let word = usize::from(abi.ptr_size);
    // elf_prstatus: siginfo (12), cursig (2), two longs, four pids, four timevals, then the registers,
    // then pr_fpvalid padded to a word.
    let (pid_at, reg_at) = if word == 4 {
        (24usize, 72usize)
    } else {
        (32, 112)
    };
    core.notes_of(NT_PRSTATUS)
        .filter_map(|n| {
            let tid = abi.u32(n.desc, pid_at)?;
            let signal = abi.u16(n.desc, 12)?;
            let area = n.desc.get(reg_at..n.desc.len().checked_sub(word)?)?;
            let regs = area
                .chunks_exact(word)
                .filter_map(|w| abi.uptr(w, 0))
                .collect();
            Some(Thread {
                tid,
                signal,
                regs,
                machine: core.machine,
            })
        })
        .collect()
}
