//! What the notes of a core say of the process: auxiliary vector, mapped files, name, signal.
//! In: notes as raw bytes. Out: typed values; what does not parse is absent.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::file::corefile::CoreFile;

const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_FILE: u32 = 0x4649_4c45;
const NT_SIGINFO: u32 = 0x5349_4749;
/// delve's own header note. Source: delve `pkg/elfwriter`, `DelveHeaderNoteType`.
const NT_DELVE: u32 = 0x444c_5645;

/// `AT_PHDR`: address of the executable's program headers.
pub const AT_PHDR: u64 = 3;
/// `AT_PHENT`: size of one program header.
pub const AT_PHENT: u64 = 4;
/// `AT_PHNUM`: number of program headers.
pub const AT_PHNUM: u64 = 5;
/// `AT_ENTRY`: address of the executable's entry point.
pub const AT_ENTRY: u64 = 9;
/// `AT_PLATFORM`: address of the kernel's word for the machine.
pub const AT_PLATFORM: u64 = 15;
/// `AT_HWCAP`: what the CPU can, in bits that each machine has of its own.
pub const AT_HWCAP: u64 = 16;
/// `AT_RANDOM`: address of 16 random bytes.
pub const AT_RANDOM: u64 = 25;
/// `AT_HWCAP2`: more bits of `AT_HWCAP`.
pub const AT_HWCAP2: u64 = 26;

/// A file mapped into the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MappedRange {
    /// Where.
    pub range: AddrRange,
    /// Position in the file of the first byte.
    pub file_off: u64,
    /// The file's path, as the process saw it.
    pub path: String,
}

/// What the notes say.
#[derive(Clone, Default, Debug)]
pub struct Notes {
    /// The auxiliary vector.
    pub auxv: Vec<(u64, u64)>,
    /// Files mapped into the process.
    pub files: Vec<MappedRange>,
    /// Process id.
    pub pid: Option<u32>,
    /// Command name (`pr_fname`, up to 15 bytes).
    pub command: Option<String>,
    /// Signal number from NT_SIGINFO.
    pub signal: Option<i32>,
    /// Who wrote the core, as far as the notes betray it: `kernel`, `gcore`, `delve`, `unknown`.
    pub how_dumped: &'static str,
    /// Not all notes are there, so that what is absent may only be missing.
    pub cut: bool,
}

impl Notes {
    /// Reads the process's notes from a core file.
    pub fn read(core: &CoreFile<'_>) -> Notes {
        let abi = core.abi;
        let first = |kind| core.notes_of(kind).next().map(|n| n.desc);
        let psinfo = first(NT_PRPSINFO);
        // elf_prpsinfo: 4 chars, flag (word), uid and gid (4 or 2 bytes each), pid, ppid, pgrp, sid,
        // fname[16], psargs[80]; only the tail has the same shape everywhere.
        let tail = psinfo
            .and_then(|d| d.len().checked_sub(16 + 80 + 16))
            .zip(psinfo);
        let signal = first(NT_SIGINFO)
            .and_then(|d| abi.u32(d, 0))
            .map(u32::cast_signed);
        let names_gdb = core.notes.iter().any(|n| n.name == "GDB");
        let threads_with_siginfo = core.notes_of(NT_SIGINFO).count() > 1;
        let how_dumped = if core.notes_of(NT_DELVE).next().is_some() {
            "delve"
        } else if names_gdb || threads_with_siginfo {
            "gcore"
        } else if first(NT_FILE).is_some() && signal.is_some() {
            "kernel"
        } else {
            "unknown"
        };
        Notes {
            auxv: first(NT_AUXV).map(|d| auxv(abi, d)).unwrap_or_default(),
            files: first(NT_FILE)
                .and_then(|d| files(abi, d))
                .unwrap_or_default(),
            pid: tail.and_then(|(at, d)| abi.u32(d, at)),
            command: tail
                .and_then(|(at, d)| text(d.get(at.checked_add(16)?..at.checked_add(32)?)?)),
            signal,
            how_dumped,
            cut: core.notes_cut,
        }
    }

    /// The value of an entry of the auxiliary vector.
    pub fn aux(&self, tag: u64) -> Option<u64> {
        self.auxv.iter().find(|(t, _)| *t == tag).map(|(_, v)| *v)
    }
}

fn auxv(abi: Abi, desc: &[u8]) -> Vec<(u64, u64)> {
    let word = usize::from(abi.ptr_size);
    desc.chunks_exact(word.saturating_mul(2))
        .filter_map(|pair| Some((abi.uptr(pair, 0)?, abi.uptr(pair, word)?)))
        .take_while(|(tag, _)| *tag != 0)
        .collect()
}

/// NT_FILE: count, page size, then start, end and offset in pages for each, then the names.
fn files(abi: Abi, desc: &[u8]) -> Option<Vec<MappedRange>> {
    let word = usize::from(abi.ptr_size);
    let count = usize::try_from(abi.uptr(desc, 0)?).ok()?;
    let page = abi.uptr(desc, word)?;
    let names_at = count.checked_mul(3)?.checked_add(2)?.checked_mul(word)?;
    let mut names = desc.get(names_at..)?.split(|b| *b == 0);
    let mut out = Vec::new();
    for i in 0..count {
        let at = i.checked_mul(3)?.checked_add(2)?.checked_mul(word)?;
        let start = Addr(abi.uptr(desc, at)?);
        let end = Addr(abi.uptr(desc, at.checked_add(word)?)?);
        let file_off = abi
            .uptr(desc, at.checked_add(word.checked_mul(2)?)?)?
            .saturating_mul(page);
        let path = String::from_utf8_lossy(names.next()?).into_owned();
        out.push(MappedRange {
            range: AddrRange { start, end },
            file_off,
            path,
        });
    }
    Some(out)
}

fn text(raw: &[u8]) -> Option<String> {
    let end = raw.iter().position(|b| *b == 0).unwrap_or(raw.len());
    let s = String::from_utf8_lossy(raw.get(..end)?).into_owned();
    (!s.is_empty()).then_some(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(w: &[u64]) -> Vec<u8> {
        w.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn the_auxiliary_vector_ends_at_its_null_entry() {
        let raw = words(&[9, 0x401000, 3, 0x400040, 0, 0, 7, 7]);
        assert_eq!(auxv(Abi::AMD64, &raw), [(9, 0x0040_1000), (3, 0x0040_0040)]);
    }

    #[test]
    fn mapped_files_count_offsets_in_pages() {
        let mut raw = words(&[1, 4096, 0x1000, 0x3000, 2]);
        raw.extend(b"/bin/zoo\0");
        let got = files(Abi::AMD64, &raw).unwrap_or_default();
        assert_eq!(got.len(), 1);
        assert_eq!(
            got.first().map(|f| (f.file_off, f.path.as_str())),
            Some((8192, "/bin/zoo"))
        );
    }

    #[test]
    fn an_absurd_count_of_mapped_files_is_refused() {
        assert_eq!(files(Abi::AMD64, &words(&[u64::MAX, 4096])), None);
        assert_eq!(files(Abi::AMD64, &words(&[1 << 40, 4096])), None);
    }
}
