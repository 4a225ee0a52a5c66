//! The memory of the dead process: what the core holds, then the binary's read-only pages.
//! In: segments of a core file and of the binary. Out: bytes, or a fault. Never a made-up byte.
//! Over 400 lines in one file: laying the pieces and reading them keep one promise together.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::file::binary::Binary;
use crate::file::corefile::CoreFile;
use crate::process::notes::Notes;
use std::borrow::Cow;

/// The memory of the dead process.
#[derive(Debug)]
pub struct Memory<'a> {
    /// Byte order and word size.
    pub abi: Abi,
    core: &'a [u8],
    /// Ascending, not overlapping, none empty.
    pieces: Vec<Piece<'a>>,
    /// Files that the process had mapped, by the core's own list: gdb leaves out of a core what can be
    /// read from a file, segment and all. Ascending, not overlapping; used while the pieces are laid.
    files: Vec<AddrRange>,
    /// Whole mappings may be missing.
    leaves_out: bool,
    /// The largest piece with bytes, where most reads fall: the heap.
    hot: Hot<'a>,
}

/// The largest piece with bytes.
#[derive(Clone, Copy, Default, Debug)]
struct Hot<'a> {
    start: Addr,
    bytes: &'a [u8],
}

impl<'a> Hot<'a> {
    /// The bytes from `addr` to the end of the piece.
    #[inline]
    fn from(&self, addr: Addr) -> Option<&'a [u8]> {
        let off = usize::try_from(addr.0.wrapping_sub(self.start.0)).ok()?;
        self.bytes.get(off..).filter(|rest| !rest.is_empty())
    }
}

#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    range: AddrRange,
    content: Content<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    /// Bytes of the core file from this position on.
    Core(usize),
    Binary(&'a [u8]),
    Absent(Why),
}

/// A loaded part of the binary at its place in the process.
#[derive(Clone, Copy)]
struct Page<'a> {
    range: AddrRange,
    bytes: &'a [u8],
    writable: bool,
}

/// How much of the process is there, in bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage {
    /// In the core file.
    pub dumped: u64,
    /// Read-only pages taken from the binary.
    pub from_binary: u64,
    /// The core should hold them, but the file ends before.
    pub truncated: u64,
    /// Left out by whoever wrote the core, and no read-only page of the binary.
    pub not_dumped: u64,
    /// The first ranges that were cut off.
    pub truncated_ranges: Vec<AddrRange>,
}

/// A run of memory, readable or not.
#[derive(Clone, Copy, Debug)]
pub enum MemoryRun<'a> {
    /// Bytes that are there.
    Bytes(Addr, &'a [u8]),
    /// Bytes that are not.
    Gap(Fault),
}

impl<'a> Memory<'a> {
    /// Lays the binary's read-only pages under the core's segments. `slide` is what to add to the
    /// binary's link-time addresses.
    pub fn new(core: &CoreFile<'a>, binary: Option<&Binary<'a>>, slide: u64) -> Memory<'a> {
        let mut pages: Vec<Page<'a>> = Vec::new();
        for s in binary.map(|b| b.segments.as_slice()).unwrap_or_default() {
            if let Some(range) = AddrRange::of_size(s.addr.slid(slide), s.bytes.len() as u64) {
                pages.push(Page {
                    range,
                    bytes: s.bytes,
                    writable: s.writable,
                });
            }
        }
        pages.sort_by_key(|p| p.range);
        let mut segments = core.segments.clone();
        segments.sort_by_key(|s| s.range);
        let mut out = Memory {
            abi: core.abi,
            core: core.bytes,
            pieces: Vec::with_capacity(segments.len().saturating_mul(2)),
            files: mapped_files(core),
            leaves_out: false,
            hot: Hot::default(),
        };
        let mut last = Addr(0);
        for s in &segments {
            out.fill_from_binary(
                AddrRange {
                    start: last,
                    end: s.range.start,
                },
                &pages,
                Uncovered::NoSegment,
            );
            // A reservation (PROT_NONE, such as the unused part of the heap's arenas): the process
            // itself could not have read it, so it is no memory at all.
            if !s.readable && s.file_size == 0 {
                last = last.max(s.range.end);
                continue;
            }
            let bytes = core.segment_bytes(s);
            let there = s
                .range
                .start
                .checked_add(bytes.len() as u64)
                .unwrap_or(s.range.end);
            let promised = s
                .range
                .start
                .checked_add(s.file_size)
                .unwrap_or(s.range.end);
            out.push(
                AddrRange {
                    start: s.range.start,
                    end: there,
                },
                Content::Core(usize::try_from(s.file_off).unwrap_or(usize::MAX)),
                last,
            );
            out.push(
                AddrRange {
                    start: there,
                    end: promised,
                },
                Content::Absent(Why::Truncated),
                last,
            );
            let rest = AddrRange {
                start: promised.max(last),
                end: s.range.end,
            };
            let kind = if s.writable {
                Uncovered::Writable
            } else {
                Uncovered::ReadOnly {
                    file_backed: s.executable,
                }
            };
            out.fill_from_binary(rest, &pages, kind);
            last = last.max(s.range.end);
        }
        out.fill_from_binary(
            AddrRange {
                start: last,
                end: Addr(u64::MAX),
            },
            &pages,
            Uncovered::NoSegment,
        );
        out.merge();
        out
    }

    /// Appends a piece, cut so that it begins at `from` or later.
    fn push(&mut self, range: AddrRange, content: Content<'a>, from: Addr) {
        let start = range.start.max(from);
        if start >= range.end {
            return;
        }
        let skip = usize::try_from(start.0.saturating_sub(range.start.0)).unwrap_or(usize::MAX);
        let content = match content {
            Content::Core(off) => Content::Core(off.saturating_add(skip)),
            Content::Binary(b) => Content::Binary(b.get(skip..).unwrap_or_default()),
            absent @ Content::Absent(_) => absent,
        };
        self.pieces.push(Piece {
            range: AddrRange {
                start,
                end: range.end,
            },
            content,
        });
    }

    /// Fills `hole` with pages of the binary where that is right, and says why not elsewhere.
    fn fill_from_binary(&mut self, hole: AddrRange, pages: &[Page<'a>], kind: Uncovered) {
        let mut at = hole.start;
        for page in pages {
            let (start, end) = (page.range.start.max(at), page.range.end.min(hole.end));
            // The file's bytes of a writable segment are the initial state. They stand in for the
            // process's own only where the core says that the process could not write (RELRO pages
            // that needed no relocation).
            let usable = match kind {
                Uncovered::ReadOnly { .. } => true,
                Uncovered::NoSegment => !page.writable,
                Uncovered::Writable => false,
            };
            if !usable || start >= end {
                continue;
            }
            self.absent(
                AddrRange {
                    start: at,
                    end: start,
                },
                kind,
            );
            let from =
                usize::try_from(start.0.saturating_sub(page.range.start.0)).unwrap_or(usize::MAX);
            let to = usize::try_from(end.0.saturating_sub(page.range.start.0)).unwrap_or(0);
            self.push(
                AddrRange { start, end },
                Content::Binary(page.bytes.get(from..to).unwrap_or_default()),
                at,
            );
            at = end;
        }
        self.absent(
            AddrRange {
                start: at,
                end: hole.end,
            },
            kind,
        );
    }

    fn absent(&mut self, range: AddrRange, kind: Uncovered) {
        let why = match kind {
            Uncovered::NoSegment => {
                // Not mapped, which is found by the absence of a piece; unless a file was.
                let first = self.files.partition_point(|f| f.end <= range.start);
                let files: Vec<AddrRange> = self
                    .files
                    .iter()
                    .skip(first)
                    .take_while(|f| f.start < range.end)
                    .copied()
                    .collect();
                for f in files {
                    let part = AddrRange {
                        start: f.start.max(range.start),
                        end: f.end.min(range.end),
                    };
                    self.push(part, Content::Absent(Why::OtherFile), part.start);
                }
                return;
            }
            Uncovered::ReadOnly { file_backed: true } => Why::OtherFile,
            Uncovered::ReadOnly { file_backed: false } | Uncovered::Writable => Why::NotDumped,
        };
        self.push(range, Content::Absent(why), range.start);
    }

    /// Joins neighbours that lie one behind the other in the core file as well.
    fn merge(&mut self) {
        let mut out: Vec<Piece<'a>> = Vec::with_capacity(self.pieces.len());
        for p in self.pieces.drain(..) {
            if let Some(last) = out.last_mut()
                && last.range.end == p.range.start
                && let (Content::Core(a), Content::Core(b)) = (last.content, p.content)
                && usize::try_from(last.range.size())
                    .ok()
                    .and_then(|n| a.checked_add(n))
                    == Some(b)
            {
                last.range.end = p.range.end;
                continue;
            }
            out.push(p);
        }
        self.pieces = out;
        self.hot = self.largest();
    }

    /// The largest piece with bytes; it begins at no nil address.
    fn largest(&self) -> Hot<'a> {
        let with_bytes = self.pieces.iter().filter_map(|p| {
            let bytes = self.content(p).ok()?;
            (!p.range.start.is_nil()).then_some(Hot {
                start: p.range.start,
                bytes,
            })
        });
        with_bytes
            .max_by_key(|hot| hot.bytes.len())
            .unwrap_or_default()
    }

    /// The ranges of memory that the process had, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = AddrRange> + '_ {
        self.pieces.iter().map(|p| p.range)
    }

    /// Says that whoever wrote the core leaves whole mappings out (gdb does, for `MADV_DONTDUMP`): what no
    /// segment holds may have been there.
    pub fn set_leaves_out(&mut self, leaves_out: bool) {
        self.leaves_out = leaves_out;
    }

    /// Whether nothing is known of `addr`: the core has no segment there, and may have left one out.
    pub fn may_be_left_out(&self, addr: Addr) -> bool {
        self.leaves_out && !addr.is_nil() && self.piece(addr).is_none()
    }

    /// The same memory with other bytes at `addr`, for asking what would be if. `None` where the process
    /// has no such bytes, all of them in one piece.
    pub fn patched<'b>(&self, addr: Addr, bytes: &'b [u8]) -> Option<Memory<'b>>
    where
        'a: 'b,
    {
        let i = self.pieces.partition_point(|p| p.range.end <= addr);
        let piece = *self.pieces.get(i).filter(|p| p.range.contains(addr))?;
        let end = addr.checked_add(bytes.len() as u64)?;
        if end > piece.range.end || matches!(piece.content, Content::Absent(_)) {
            return None;
        }
        let mut out = Memory {
            abi: self.abi,
            core: self.core,
            pieces: Vec::with_capacity(self.pieces.len().saturating_add(2)),
            files: self.files.clone(),
            leaves_out: self.leaves_out,
            hot: Hot::default(),
        };
        out.pieces.extend(self.pieces.iter().take(i));
        let before = AddrRange {
            start: piece.range.start,
            end: addr,
        };
        out.push(before, piece.content, before.start);
        let patch = AddrRange { start: addr, end };
        out.push(patch, Content::Binary(bytes), addr);
        out.push(piece.range, piece.content, end);
        out.pieces
            .extend(self.pieces.iter().skip(i.saturating_add(1)));
        out.hot = out.largest();
        Some(out)
    }

    fn content(&self, piece: &Piece<'a>) -> Result<&'a [u8], Why> {
        match piece.content {
            Content::Core(off) => {
                let size = usize::try_from(piece.range.size()).unwrap_or(usize::MAX);
                Ok(self
                    .core
                    .get(off..off.saturating_add(size))
                    .unwrap_or_default())
            }
            Content::Binary(b) => Ok(b),
            Content::Absent(why) => Err(why),
        }
    }

    fn piece(&self, addr: Addr) -> Option<&Piece<'a>> {
        let i = self.pieces.partition_point(|p| p.range.end <= addr);
        self.pieces.get(i).filter(|p| p.range.contains(addr))
    }

    /// The `size` bytes at `addr`, where they lie one behind the other in one file.
    /// # Errors
    /// `Fault` when any of them cannot be had.
    #[inline]
    pub fn slice(&self, addr: Addr, size: u64) -> Result<&'a [u8], Fault> {
        if let Some(rest) = self.hot.from(addr)
            && let Some(bytes) = usize::try_from(size).ok().and_then(|n| rest.get(..n))
        {
            return Ok(bytes);
        }
        self.slice_elsewhere(addr, size)
    }

    /// The same, without the piece that is looked at first.
    fn slice_elsewhere(&self, addr: Addr, size: u64) -> Result<&'a [u8], Fault> {
        let fault = |why| Fault { addr, size, why };
        if addr.is_nil() {
            return Err(fault(Why::Nil));
        }
        let end = addr.checked_add(size).ok_or(fault(Why::Overflow))?;
        let piece = self.piece(addr).ok_or(fault(Why::Unmapped))?;
        let bytes = self.content(piece).map_err(fault)?;
        let off = usize::try_from(addr.0.saturating_sub(piece.range.start.0))
            .map_err(|_| fault(Why::TooLarge))?;
        let len = usize::try_from(size).map_err(|_| fault(Why::TooLarge))?;
        match off.checked_add(len).and_then(|to| bytes.get(off..to)) {
            Some(b) => Ok(b),
            None => Err(self.fault_behind(addr, size, piece.range.end, end)),
        }
    }

    /// Why a read that starts well ends badly.
    fn fault_behind(&self, addr: Addr, size: u64, mut at: Addr, end: Addr) -> Fault {
        while at < end {
            match self.piece(at) {
                None => {
                    return Fault {
                        addr,
                        size,
                        why: Why::Unmapped,
                    };
                }
                Some(Piece {
                    content: Content::Absent(why),
                    ..
                }) => {
                    return Fault {
                        addr,
                        size,
                        why: *why,
                    };
                }
                Some(p) => at = p.range.end,
            }
        }
        Fault {
            addr,
            size,
            why: Why::TooLarge,
        }
    }

    /// The `size` bytes at `addr`, copied together where they lie in several pieces.
    /// # Errors
    /// `Fault` when any of them cannot be had.
    #[inline]
    pub fn bytes(&self, addr: Addr, size: u64) -> Result<Cow<'a, [u8]>, Fault> {
        match self.slice(addr, size) {
            Ok(b) => Ok(Cow::Borrowed(b)),
            Err(Fault {
                why: Why::TooLarge, ..
            }) => {
                let mut out = Vec::new();
                for run in self.runs(addr, size) {
                    match run {
                        MemoryRun::Bytes(_, b) => out.extend_from_slice(b),
                        MemoryRun::Gap(f) => return Err(f),
                    }
                }
                Ok(Cow::Owned(out))
            }
            Err(f) => Err(f),
        }
    }

    /// The `size` bytes at `addr` as runs, readable and not, in order and without a hole between.
    pub fn runs(&self, addr: Addr, size: u64) -> impl Iterator<Item = MemoryRun<'a>> + '_ {
        let end = Addr(addr.0.saturating_add(size));
        let mut at = addr;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let start = at;
            let i = self.pieces.partition_point(|p| p.range.end <= start);
            let next = self.pieces.get(i);
            let gap = |to: Addr, why| {
                MemoryRun::Gap(Fault {
                    addr: start,
                    size: to.0.saturating_sub(start.0),
                    why,
                })
            };
            Some(match next {
                Some(p) if p.range.contains(start) => {
                    at = p.range.end.min(end);
                    match self.content(p) {
                        Err(why) => gap(at, why),
                        Ok(b) => {
                            let from = usize::try_from(start.0.saturating_sub(p.range.start.0))
                                .unwrap_or(usize::MAX);
                            let to =
                                usize::try_from(at.0.saturating_sub(p.range.start.0)).unwrap_or(0);
                            MemoryRun::Bytes(start, b.get(from..to).unwrap_or_default())
                        }
                    }
                }
                other => {
                    at = other.map_or(end, |p| p.range.start.min(end));
                    gap(at, Why::Unmapped)
                }
            })
        })
    }

    /// Whether the process had all of the `size` bytes at `addr` mapped, in the core or not.
    #[inline]
    pub fn is_mapped(&self, addr: Addr, size: u64) -> bool {
        if self
            .hot
            .from(addr)
            .is_some_and(|rest| size > 0 && rest.len() as u64 >= size)
        {
            return true;
        }
        let Some(end) = addr.checked_add(size) else {
            return false;
        };
        let mut at = addr;
        loop {
            match self.piece(at) {
                None => return false,
                Some(p) if p.range.end >= end => return true,
                Some(p) => at = p.range.end,
            }
        }
    }

    /// The byte at `addr`.
    /// # Errors
    /// `Fault` when it cannot be had; the same for all readers below.
    pub fn read_u8(&self, addr: Addr) -> Result<u8, Fault> {
        self.read(addr, 1, |abi, b| abi.u8(b, 0))
    }

    /// The 2-byte integer at `addr`.
    pub fn read_u16(&self, addr: Addr) -> Result<u16, Fault> {
        self.read(addr, 2, |abi, b| abi.u16(b, 0))
    }

    /// The 4-byte integer at `addr`.
    pub fn read_u32(&self, addr: Addr) -> Result<u32, Fault> {
        self.read(addr, 4, |abi, b| abi.u32(b, 0))
    }

    /// The 8-byte integer at `addr`.
    pub fn read_u64(&self, addr: Addr) -> Result<u64, Fault> {
        self.read(addr, 8, |abi, b| abi.u64(b, 0))
    }

    /// The pointer-sized unsigned integer at `addr`.
    #[inline]
    pub fn read_uptr(&self, addr: Addr) -> Result<u64, Fault> {
        self.read(addr, self.abi.word(), |abi, b| abi.uptr(b, 0))
    }

    /// The pointer at `addr`.
    #[inline]
    pub fn read_addr(&self, addr: Addr) -> Result<Addr, Fault> {
        self.read_uptr(addr).map(Addr)
    }

    #[inline]
    fn read<T>(
        &self,
        addr: Addr,
        size: u64,
        decode: impl Fn(Abi, &[u8]) -> Option<T>,
    ) -> Result<T, Fault> {
        let bytes = self.bytes(addr, size)?;
        decode(self.abi, &bytes).ok_or(Fault {
            addr,
            size,
            why: Why::TooLarge,
        })
    }

    /// How much of the process is there.
    pub fn coverage(&self) -> Coverage {
        let mut c = Coverage::default();
        for p in &self.pieces {
            let size = p.range.size();
            let sum = match p.content {
                Content::Core(_) => &mut c.dumped,
                Content::Binary(_) => &mut c.from_binary,
                Content::Absent(Why::Truncated) => {
                    if c.truncated_ranges.len() < 8 {
                        c.truncated_ranges.push(p.range);
                    }
                    &mut c.truncated
                }
                Content::Absent(_) => &mut c.not_dumped,
            };
            *sum = sum.saturating_add(size);
        }
        c
    }
}

/// The ranges of the core's list of mapped files (NT_FILE), joined where they touch.
fn mapped_files(core: &CoreFile<'_>) -> Vec<AddrRange> {
    let mut files: Vec<AddrRange> = Notes::read(core).files.iter().map(|f| f.range).collect();
    files.sort_unstable();
    let mut out: Vec<AddrRange> = Vec::new();
    for f in files {
        match out.last_mut() {
            Some(last) if f.start <= last.end => last.end = last.end.max(f.end),
            _ => out.push(f),
        }
    }
    out
}

/// What is known of memory for which the core holds no bytes.
#[derive(Clone, Copy)]
enum Uncovered {
    /// No segment of the core covers it.
    NoSegment,
    /// A segment the process could not write.
    ReadOnly { file_backed: bool },
    /// A segment the process could write: what the file holds is stale.
    Writable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::corefile::Machine;
    use crate::file::corefile::Note;

    /// gdb leaves out of a core what can be read from a file: no segment is there at all. Seen with the
    /// go command, which keeps strings in index files that it maps.
    #[test]
    fn a_mapped_file_that_the_core_leaves_out_is_memory_all_the_same() {
        let mut files: Vec<u8> = [1u64, 4096, 0x5000, 0x7000, 0]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        files.extend(b"/index\0");
        let core = CoreFile {
            bytes: &[],
            abi: Abi::AMD64,
            machine: Machine::Amd64,
            segments: Vec::new(),
            notes: vec![Note {
                name: "CORE",
                kind: 0x4649_4c45,
                desc: &files,
            }],
            notes_cut: false,
        };
        let mem = Memory::new(&core, None, 0);
        assert!(mem.is_mapped(Addr(0x5ff0), 0x20));
        assert!(!mem.is_mapped(Addr(0x6ff0), 0x20));
        let why = |at| mem.read_u8(Addr(at)).err().map(|f| f.why);
        assert_eq!(why(0x5000), Some(Why::OtherFile));
        assert_eq!(why(0x4fff), Some(Why::Unmapped));
    }
}
