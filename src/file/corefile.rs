//! ELF core files: segments and notes, as they stand.
//! In: the mapped bytes of a core. Out: `CoreFile`, which borrows them. The only user of goblin.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::base::limits::MAX_NOTE_BYTES;
use crate::base::limits::MAX_SEGMENTS;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use goblin::container::Container;
use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::header::Header;
use goblin::elf::note::NoteDataIterator;
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::program_header::PT_NOTE;
use goblin::elf::program_header::ProgramHeader;
use goblin::elf::section_header::SectionHeader;
use std::path::Path;

/// The machine a process ran on, by ELF's `e_machine`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Machine {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
    /// 32-bit x86.
    I386,
    /// 32-bit ARM.
    Arm,
    /// s390x.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit LoongArch.
    Loong64,
    /// 64-bit PowerPC, either byte order.
    Ppc64,
    /// MIPS, any.
    Mips,
    /// Anything else, by number.
    Other(u16),
}

impl Machine {
    /// The machine of an `e_machine` number. Source: the ELF gABI's registry.
    pub fn from_elf(e_machine: u16) -> Machine {
        match e_machine {
            62 => Machine::Amd64,
            183 => Machine::Arm64,
            3 => Machine::I386,
            40 => Machine::Arm,
            22 => Machine::S390x,
            243 => Machine::Riscv64,
            258 => Machine::Loong64,
            21 => Machine::Ppc64,
            8 => Machine::Mips,
            other => Machine::Other(other),
        }
    }

    /// Its name in Go's words (`GOARCH`), byte order and size included where Go's names have them.
    pub fn goarch(self, abi: Abi) -> &'static str {
        let little = abi.endian == Endian::Little;
        match self {
            Machine::Amd64 => "amd64",
            Machine::Arm64 => "arm64",
            Machine::I386 => "386",
            Machine::Arm => "arm",
            Machine::S390x => "s390x",
            Machine::Riscv64 => "riscv64",
            Machine::Loong64 => "loong64",
            Machine::Ppc64 if little => "ppc64le",
            Machine::Ppc64 => "ppc64",
            Machine::Mips => match (abi.ptr_size, little) {
                (4, true) => "mipsle",
                (4, false) => "mips",
                (_, true) => "mips64le",
                (_, false) => "mips64",
            },
            Machine::Other(_) => "unknown",
        }
    }
}

/// A core file's parts.
#[derive(Debug)]
pub struct CoreFile<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// Byte order and word size.
    pub abi: Abi,
    /// The machine.
    pub machine: Machine,
    /// What was mapped in the process (PT_LOAD), in the file's order.
    pub segments: Vec<Segment>,
    /// The notes that could be read, in order.
    pub notes: Vec<Note<'a>>,
    /// The notes could not all be read: cut off or damaged.
    pub notes_cut: bool,
}

/// A mapping of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The addresses it occupied.
    pub range: AddrRange,
    /// Where its bytes begin in the core file.
    pub file_off: u64,
    /// How many of its bytes the core should hold (`p_filesz`); the rest was not dumped.
    pub file_size: u64,
    /// Whether the process could read it.
    pub readable: bool,
    /// Whether the process could write it.
    pub writable: bool,
    /// Whether the process could execute it.
    pub executable: bool,
}

/// A note.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// The owner's name: `CORE`, `LINUX`, `GDB`, or empty.
    pub name: &'a str,
    /// Its type number.
    pub kind: u32,
    /// Its content.
    pub desc: &'a [u8],
}

impl<'a> CoreFile<'a> {
    /// Reads the structure of a core file. A file that was cut short is accepted as long as its
    /// program headers are there.
    /// # Errors
    /// `WrongKind` when it is no core file, `Damaged` when its headers make no sense.
    pub fn parse(bytes: &'a [u8], path: &Path) -> Result<CoreFile<'a>, FileError> {
        let found = sniff(bytes);
        if found != Kind::Core {
            return Err(FileError::WrongKind {
                path: path.to_path_buf(),
                found,
                wanted: "a core file",
            });
        }
        let damaged = |what, detail: String| FileError::Damaged {
            path: path.to_path_buf(),
            what,
            detail,
        };
        let header =
            Elf::parse_header(bytes).map_err(|e| damaged("the ELF header", e.to_string()))?;
        let (abi, ctx) = abi_of(&header)
            .ok_or_else(|| damaged("the ELF header", "unknown class or byte order".into()))?;
        let count = program_header_count(bytes, &header, ctx).ok_or_else(|| {
            damaged(
                "the program headers",
                "their number is missing or absurd".into(),
            )
        })?;
        let off = usize::try_from(header.e_phoff)
            .map_err(|e| damaged("the program headers", e.to_string()))?;
        let headers = ProgramHeader::parse(bytes, off, count, ctx)
            .map_err(|e| damaged("the program headers", e.to_string()))?;
        let mut out = CoreFile {
            bytes,
            abi,
            machine: Machine::from_elf(header.e_machine),
            segments: Vec::new(),
            notes: Vec::new(),
            notes_cut: false,
        };
        for ph in &headers {
            match ph.p_type {
                PT_LOAD => out.push_segment(ph),
                PT_NOTE => out.push_notes(ph, ctx),
                _ => {}
            }
        }
        if out.segments.is_empty() {
            return Err(damaged("the program headers", "no memory segment".into()));
        }
        Ok(out)
    }

    fn push_segment(&mut self, ph: &ProgramHeader) {
        // A segment that would wrap around the address space is cut at its end.
        let size = ph
            .p_memsz
            .max(ph.p_filesz)
            .min(u64::MAX.saturating_sub(ph.p_vaddr));
        let Some(range) = AddrRange::of_size(Addr(ph.p_vaddr), size) else {
            return;
        };
        self.segments.push(Segment {
            range,
            file_off: ph.p_offset,
            file_size: ph.p_filesz.min(size),
            readable: ph.is_read(),
            writable: ph.is_write(),
            executable: ph.is_executable(),
        });
    }

    fn push_notes(&mut self, ph: &ProgramHeader, ctx: Ctx) {
        let end = ph.p_offset.saturating_add(ph.p_filesz.min(MAX_NOTE_BYTES));
        let here = end.min(self.bytes.len() as u64);
        self.notes_cut |= here < ph.p_offset.saturating_add(ph.p_filesz);
        let (Ok(start), Ok(here)) = (usize::try_from(ph.p_offset), usize::try_from(here)) else {
            return;
        };
        let Some(data) = self.bytes.get(..here).filter(|_| start < here) else {
            return;
        };
        // The kernel and gdb align notes to 4 bytes whatever p_align says.
        let notes = NoteDataIterator {
            data,
            size: here,
            offset: start,
            ctx: (4, ctx),
        };
        for note in notes {
            match note {
                Ok(n) => self.notes.push(Note {
                    name: n.name,
                    kind: n.n_type,
                    desc: n.desc,
                }),
                Err(_) => {
                    self.notes_cut = true;
                    break;
                }
            }
        }
    }

    /// The bytes of a segment that are really in the file.
    pub fn segment_bytes(&self, s: &Segment) -> &'a [u8] {
        let (Ok(start), Ok(end)) = (
            usize::try_from(s.file_off.min(self.bytes.len() as u64)),
            usize::try_from(
                s.file_off
                    .saturating_add(s.file_size)
                    .min(self.bytes.len() as u64),
            ),
        ) else {
            return &[];
        };
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The notes of one type.
    pub fn notes_of(&self, kind: u32) -> impl Iterator<Item = &Note<'a>> {
        self.notes.iter().filter(move |n| n.kind == kind)
    }
}

fn abi_of(header: &Header) -> Option<(Abi, Ctx)> {
    let container = header.container().ok()?;
    let le = header.endianness().ok()?;
    let endian = if le.is_little() {
        Endian::Little
    } else {
        Endian::Big
    };
    let ptr_size = match container {
        Container::Little => 4,
        Container::Big => 8,
    };
    Some((Abi { endian, ptr_size }, Ctx::new(container, le)))
}

/// The number of program headers; above 65,534 it stands in section header 0 (PN_XNUM).
fn program_header_count(bytes: &[u8], header: &Header, ctx: Ctx) -> Option<usize> {
    let count = if header.e_phnum == 0xffff {
        let off = usize::try_from(header.e_shoff).ok()?;
        let sections = SectionHeader::parse(bytes, off, 1, ctx).ok()?;
        u64::from(sections.first()?.sh_info)
    } else {
        u64::from(header.e_phnum)
    };
    (count <= MAX_SEGMENTS).then(|| usize::try_from(count).ok())?
}
