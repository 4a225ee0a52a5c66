//! Finds `runtime.firstmoduledata` in a process without symbols.
//! In: memory, the binary's writable segments, the table of known structs. Out: its address, if there
//! is exactly one that can be it.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::file::binary::Binary;
use crate::process::memory::Memory;
use crate::process::memory::MemoryRun;
use crate::runtime::modules::Modules;
use crate::runtime::pclntab::PcTables;
use crate::runtime::program::Program;

/// Pointers to function tables that are looked at. A binary has one, and perhaps a few words that look
/// like it.
const MAX_TRIED: usize = 64;

/// The module of the binary itself: its first word is the address of the function tables, whose first
/// bytes are a mark. It lies among the initialised data (`.noptrdata`, from go1.26 `.go.module`), and in
/// position-independent binaries that word is right only after relocation, so the process's memory is
/// searched. Source: `runtime/symtab.go`, `moduledata` and `pcHeader`, all versions.
pub(crate) fn find_first_module(program: &Program<'_, '_>, binary: &Binary<'_>) -> Option<Addr> {
    let word = u64::from(program.mem.abi.ptr_size).max(1);
    let whole = whole(program, binary)?;
    let (mut found, mut tried) = (None, 0usize);
    for segment in binary.segments.iter().filter(|s| s.writable) {
        let start = Addr(
            segment
                .addr
                .slid(program.slide)
                .0
                .checked_next_multiple_of(word)?,
        );
        for run in program.mem.runs(start, segment.bytes.len() as u64) {
            let MemoryRun::Bytes(run_at, bytes) = run else {
                continue;
            };
            let words = bytes.chunks_exact(usize::from(program.mem.abi.ptr_size).max(1));
            for (i, chunk) in (0u64..).zip(words) {
                let to = program.mem.abi.uptr(chunk, 0).map_or(Addr::NIL, Addr);
                if !whole.contains(to) || !is_header(program.mem, to) {
                    continue;
                }
                tried = tried.checked_add(1).filter(|n| *n <= MAX_TRIED)?;
                let at = run_at.element(i, word)?;
                match found {
                    _ if !is_module(program, at) => {}
                    None => found = Some(at),
                    // Two that look like it: neither is believed.
                    Some(_) => return None,
                }
            }
        }
    }
    found
}

/// From the binary's first byte in memory to its last.
fn whole(program: &Program<'_, '_>, binary: &Binary<'_>) -> Option<AddrRange> {
    let starts = binary.segments.iter().map(|s| s.addr.slid(program.slide));
    let ends = binary
        .segments
        .iter()
        .filter_map(|s| s.addr.slid(program.slide).checked_add(s.mem_size));
    Some(AddrRange {
        start: starts.min()?,
        end: ends.max()?,
    })
}

/// Whether function tables can begin here: the mark, two zeros, the least size of an instruction, the
/// size of a pointer. Source: `runtime/symtab.go` (later `internal/abi/symtab.go`), `pcHeader`.
fn is_header(mem: &Memory<'_>, at: Addr) -> bool {
    let Ok(head) = mem.bytes(at, 8) else {
        return false;
    };
    let magic = mem.abi.u32(&head, 0).unwrap_or(0);
    matches!(magic, 0xffff_fff0 | 0xffff_fff1)
        && head.get(4..6) == Some(&[0, 0])
        && head.get(7) == Some(&mem.abi.ptr_size)
}

/// Whether what stands at `at` holds together: ranges that do not run backwards, code from the first
/// function on, tables that open, and a function at its beginning.
fn is_module(program: &Program<'_, '_>, at: Addr) -> bool {
    let Some(m) = Modules::read_one(program, at) else {
        return false;
    };
    let ranges = [m.text, m.types, m.tables.pcs];
    let tables = PcTables::open(program.mem, &[m.tables]);
    ranges.iter().all(|r| r.start < r.end)
        && [m.data, m.bss, m.noptrdata, m.noptrbss]
            .iter()
            .all(|r| r.start <= r.end)
        && m.text.contains(m.tables.pcs.start)
        && tables.find(m.tables.pcs.start).is_some()
}
