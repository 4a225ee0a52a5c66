//! The process as the loader made it: where the binary lies, and which build it is.
//! In: a core file, its notes and perhaps the binary. Out: the slide, and the build IDs the process carried.

use crate::base::addr::Addr;
use crate::base::addr::LinkAddr;
use crate::base::bytes::Abi;
use crate::file::binary::Binary;
use crate::file::binary::BuildIds;
use crate::file::binary::NT_GNU_BUILD_ID;
use crate::file::binary::NT_GO_BUILD_ID;
use crate::file::binary::notes;
use crate::process::memory::Memory;
use crate::process::notes::AT_ENTRY;
use crate::process::notes::AT_PHDR;
use crate::process::notes::AT_PHENT;
use crate::process::notes::AT_PHNUM;
use crate::process::notes::Notes;

/// Smallest page of any machine Go runs on; a loader moves by multiples of it.
const PAGE: u64 = 4096;
const PT_NOTE: u32 = 4;
const PT_PHDR: u32 = 6;
/// More program headers than any linker writes; a larger count is a damaged auxiliary vector.
const MAX_HEADERS: u64 = 256;

/// What to add to the binary's link-time addresses: 0 unless it is position-independent.
/// Taken from AT_ENTRY; without an auxiliary vector, and where the entry point moved by no multiple of
/// a page (another build's binary), it is assumed to lie where it was linked.
pub fn slide(notes: &Notes, binary: &Binary<'_>) -> u64 {
    entry_moved(notes, binary)
        .filter(|by| binary.position_independent && by.is_multiple_of(PAGE))
        .unwrap_or(0)
}

/// Whether the process's entry point can be this binary's; true where the core does not say.
pub fn entry_fits(notes: &Notes, binary: &Binary<'_>) -> bool {
    match entry_moved(notes, binary) {
        Some(by) if binary.position_independent => by.is_multiple_of(PAGE),
        Some(by) => by == 0,
        None => true,
    }
}

fn entry_moved(notes: &Notes, binary: &Binary<'_>) -> Option<u64> {
    Some(notes.aux(AT_ENTRY)?.wrapping_sub(binary.entry.0))
}

/// The build IDs that the process itself carried, read from the note pages of its executable as
/// they stand in the core (the kernel dumps the first page of the text for this).
pub fn build_ids(memory: &Memory<'_>, notes_: &Notes) -> BuildIds {
    let mut out = BuildIds::default();
    let Some(headers) = program_headers(memory, notes_) else {
        return out;
    };
    let slide = headers
        .iter()
        .find(|h| h.kind == PT_PHDR)
        .zip(notes_.aux(AT_PHDR))
        .map_or(0, |(h, at)| at.wrapping_sub(h.vaddr.0));
    for h in headers.iter().filter(|h| h.kind == PT_NOTE) {
        let Ok(bytes) = memory.bytes(h.vaddr.slid(slide), h.size.min(1 << 16)) else {
            continue;
        };
        for (name, kind, desc) in notes(memory.abi, &bytes) {
            match (name, kind) {
                ("GNU", NT_GNU_BUILD_ID) => out.gnu = Some(desc.to_vec()),
                ("Go", NT_GO_BUILD_ID) => out.go = Some(String::from_utf8_lossy(desc).into_owned()),
                _ => {}
            }
        }
    }
    out
}

struct Header {
    kind: u32,
    vaddr: LinkAddr,
    size: u64,
}

/// The executable's program headers, read from the process's memory.
fn program_headers(memory: &Memory<'_>, notes: &Notes) -> Option<Vec<Header>> {
    let at = Addr(notes.aux(AT_PHDR)?);
    let size = notes.aux(AT_PHENT)?;
    let count = notes.aux(AT_PHNUM)?.min(MAX_HEADERS);
    let bytes = memory.bytes(at, size.checked_mul(count)?).ok()?;
    let each = usize::try_from(size).ok().filter(|s| *s > 0)?;
    Some(
        bytes
            .chunks_exact(each)
            .filter_map(|raw| header(memory.abi, raw))
            .collect(),
    )
}

/// `Elf64_Phdr` has p_flags second, `Elf32_Phdr` seventh. Source: the ELF gABI.
fn header(abi: Abi, raw: &[u8]) -> Option<Header> {
    let kind = abi.u32(raw, 0)?;
    let (vaddr, size) = if abi.ptr_size == 8 {
        (abi.u64(raw, 16)?, abi.u64(raw, 32)?)
    } else {
        (abi.u32(raw, 8)?.into(), abi.u32(raw, 16)?.into())
    };
    Some(Header {
        kind,
        vaddr: LinkAddr(vaddr),
        size,
    })
}
