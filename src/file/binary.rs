//! The executable of the dead process: sections, symbols' absence, build IDs, what Go wrote into it.
//! In: the mapped bytes of an ELF executable. Out: `Binary`, which borrows them. The only user of object.

use crate::base::addr::LinkAddr;
use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::file::corefile::Machine;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use object::Object;
use object::ObjectSection;
use object::ObjectSegment;
use object::elf::FileHeader32;
use object::elf::FileHeader64;
use object::elf::PT_NOTE;
use object::read::elf::FileHeader;
use object::read::elf::ProgramHeader;
use std::borrow::Cow;
use std::path::Path;
use std::path::PathBuf;

/// Largest section that is unpacked: more DWARF than any Go program has.
const MAX_SECTION: u64 = 8 << 30;

/// An executable.
#[derive(Debug)]
pub struct Binary<'a> {
    path: PathBuf,
    file: object::File<'a>,
    /// Byte order and word size.
    pub abi: Abi,
    /// The machine.
    pub machine: Machine,
    /// Link-time address of the entry point.
    pub entry: LinkAddr,
    /// Whether the loader may put it anywhere (ET_DYN).
    pub position_independent: bool,
    /// What the loader maps (PT_LOAD), in the file's order.
    pub segments: Vec<LoadSegment<'a>>,
    /// Build IDs.
    pub build_ids: BuildIds,
    /// What `.go.buildinfo` says; `None` when the section is missing: not a Go program.
    pub go: Option<GoBuildInfo>,
}

/// A part of the executable that the loader maps.
#[derive(Clone, Copy, Debug)]
pub struct LoadSegment<'a> {
    /// Where it is linked to.
    pub addr: LinkAddr,
    /// Its bytes in the file; memory beyond them is zero at start.
    pub bytes: &'a [u8],
    /// Its size in memory.
    pub mem_size: u64,
    /// Whether it is mapped writable (then its bytes are only the initial state).
    pub writable: bool,
}

/// The identities of a build.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BuildIds {
    /// The GNU build ID, raw bytes.
    pub gnu: Option<Vec<u8>>,
    /// Go's own build ID: four hashes as text.
    pub go: Option<String>,
}

/// What the Go toolchain wrote about the build.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GoBuildInfo {
    /// Version of Go, e.g. `go1.27.3-X:mapsplitgroup`.
    pub version: String,
    /// Module information: lines of `path`, `mod`, `dep`, `build key=value`.
    pub modinfo: String,
}

impl<'a> Binary<'a> {
    /// Reads the structure of an executable.
    /// # Errors
    /// `WrongKind` when it is no ELF executable, `Damaged` when its headers make no sense.
    pub fn parse(bytes: &'a [u8], path: &Path) -> Result<Binary<'a>, FileError> {
        let found = sniff(bytes);
        if !matches!(found, Kind::Executable | Kind::Shared) {
            return Err(FileError::WrongKind {
                path: path.to_path_buf(),
                found,
                wanted: "an ELF executable",
            });
        }
        let damaged = |what, detail: String| FileError::Damaged {
            path: path.to_path_buf(),
            what,
            detail,
        };
        let file =
            object::File::parse(bytes).map_err(|e| damaged("the ELF headers", e.to_string()))?;
        let abi = Abi {
            endian: if file.is_little_endian() {
                Endian::Little
            } else {
                Endian::Big
            },
            ptr_size: if file.is_64() { 8 } else { 4 },
        };
        let mut segments = Vec::new();
        for s in file.segments() {
            let data = s.data().map_err(|e| damaged("a segment", e.to_string()))?;
            let writable = s.permissions().writable();
            segments.push(LoadSegment {
                addr: LinkAddr(s.address()),
                bytes: data,
                mem_size: s.size(),
                writable,
            });
        }
        let mut out = Binary {
            path: path.to_path_buf(),
            abi,
            machine: machine_of(bytes, abi),
            entry: LinkAddr(file.entry()),
            position_independent: found == Kind::Shared,
            segments,
            build_ids: BuildIds::default(),
            go: None,
            file,
        };
        out.build_ids.gnu = out.file.build_id().ok().flatten().map(<[u8]>::to_vec);
        out.build_ids.go = out.go_build_id();
        out.go = out
            .section(".go.buildinfo")?
            .and_then(|s| parse_build_info(&s));
        Ok(out)
    }

    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a section, unpacked where it is compressed (`SHF_COMPRESSED`, or the older
    /// `.zdebug_*` name). `None` when there is no such section.
    /// # Errors
    /// `Damaged` when it cannot be read or unpacked, or claims an absurd size.
    pub fn section(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, FileError> {
        let damaged = |detail: String| FileError::Damaged {
            path: self.path.clone(),
            what: "a section",
            detail: format!("{name}: {detail}"),
        };
        let Some(section) = self.file.section_by_name(name) else {
            return Ok(None);
        };
        let packed = section
            .compressed_data()
            .map_err(|e| damaged(e.to_string()))?;
        if packed.uncompressed_size > MAX_SECTION
            || packed.uncompressed_size / 2000 > packed.data.len() as u64
        {
            return Err(damaged("it claims an absurd size".into()));
        }
        packed
            .decompress()
            .map(Some)
            .map_err(|e| damaged(e.to_string()))
    }

    /// Whether it holds DWARF type information.
    pub fn has_dwarf(&self) -> bool {
        self.file.section_by_name(".debug_info").is_some()
    }

    /// Go's build ID from `.note.go.buildid`. Source: `cmd/link/internal/ld/elf.go`,
    /// `ELF_NOTE_GOBUILDID_TAG`, all versions.
    fn go_build_id(&self) -> Option<String> {
        let note = self.section(".note.go.buildid").ok()??;
        notes(self.abi, &note)
            .find(|n| n.0 == "Go" && n.1 == NT_GO_BUILD_ID)
            .map(|n| String::from_utf8_lossy(n.2).into_owned())
    }
}

/// Note type of Go's build ID. Source: `cmd/link/internal/ld/elf.go`, `ELF_NOTE_GOBUILDID_TAG`.
pub const NT_GO_BUILD_ID: u32 = 4;
/// Note type of the GNU build ID. Source: binutils' `elf/common.h`, `NT_GNU_BUILD_ID`.
pub const NT_GNU_BUILD_ID: u32 = 3;

/// The notes in a run of bytes: owner, type, content; ends at the first that does not fit.
pub fn notes(abi: Abi, bytes: &[u8]) -> impl Iterator<Item = (&str, u32, &[u8])> {
    let mut at = 0usize;
    std::iter::from_fn(move || {
        let name_size = usize::try_from(abi.u32(bytes, at)?).ok()?;
        let desc_size = usize::try_from(abi.u32(bytes, at.checked_add(4)?)?).ok()?;
        let kind = abi.u32(bytes, at.checked_add(8)?)?;
        let name_at = at.checked_add(12)?;
        let desc_at = name_at.checked_add(name_size.checked_next_multiple_of(4)?)?;
        let name = bytes.get(name_at..name_at.checked_add(name_size)?)?;
        let desc = bytes.get(desc_at..desc_at.checked_add(desc_size)?)?;
        at = desc_at.checked_add(desc_size.checked_next_multiple_of(4)?)?;
        let name = std::str::from_utf8(name)
            .unwrap_or("")
            .trim_end_matches('\0');
        Some((name, kind, desc))
    })
}

/// The build IDs of an executable of which only the first bytes are at hand: linkers put its program headers and its notes
/// there. `None` when not all of its notes lie inside, or none of them is a build ID; then only the whole file can tell.
/// One that is absent here may be in a section: Go's own linker leaves the GNU build ID out of the segment of notes
/// (`cmd/link/internal/ld/elf.go`, `asmbElf`, go1.24 to go1.27).
pub fn ids_from_start(bytes: &[u8]) -> Option<BuildIds> {
    if !matches!(sniff(bytes), Kind::Executable | Kind::Shared) {
        return None;
    }
    // EI_CLASS
    match bytes.get(4)? {
        1 => ids_in_notes::<FileHeader32<object::Endianness>>(bytes, 4),
        2 => ids_in_notes::<FileHeader64<object::Endianness>>(bytes, 8),
        _ => None,
    }
}

fn ids_in_notes<H: FileHeader<Endian = object::Endianness>>(
    bytes: &[u8],
    ptr_size: u8,
) -> Option<BuildIds> {
    let header = H::parse(bytes).ok()?;
    let order = header.endian().ok()?;
    let endian = match order {
        object::Endianness::Little => Endian::Little,
        object::Endianness::Big => Endian::Big,
    };
    let abi = Abi { endian, ptr_size };
    let mut ids = BuildIds::default();
    for segment in header.program_headers(order, bytes).ok()? {
        if segment.p_type(order) != PT_NOTE {
            continue;
        }
        let (offset, size) = segment.file_range(order);
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(size).ok()?)?;
        for (name, kind, content) in notes(abi, bytes.get(from..to)?) {
            match (name, kind) {
                ("GNU", NT_GNU_BUILD_ID) => {
                    ids.gnu.get_or_insert_with(|| content.to_vec());
                }
                ("Go", NT_GO_BUILD_ID) => {
                    ids.go
                        .get_or_insert_with(|| String::from_utf8_lossy(content).into_owned());
                }
                _ => {}
            }
        }
    }
    (ids != BuildIds::default()).then_some(ids)
}

fn machine_of(bytes: &[u8], abi: Abi) -> Machine {
    Machine::from_elf(abi.u16(bytes, 18).unwrap_or(0))
}

/// The inline form of go1.18 and later: magic, pointer size, flags, and at 32 two strings with
/// varint lengths. Source: `debug/buildinfo/buildinfo.go` and `cmd/link/internal/ld/data.go`.
fn parse_build_info(section: &[u8]) -> Option<GoBuildInfo> {
    if !section.starts_with(b"\xff Go buildinf:") || section.get(15)? & 2 == 0 {
        return Some(GoBuildInfo::default());
    }
    let (version, rest) = varint_string(section.get(32..)?)?;
    let modinfo = varint_string(rest).map(|(m, _)| m).unwrap_or_default();
    // The module information is framed by two 16-byte marks.
    let inner = modinfo
        .get(16..modinfo.len().saturating_sub(16))
        .unwrap_or_default();
    Some(GoBuildInfo {
        version: String::from_utf8_lossy(version).into_owned(),
        modinfo: String::from_utf8_lossy(inner).into_owned(),
    })
}

fn varint_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0u64;
    for (i, b) in bytes.iter().enumerate().take(5) {
        len |= u64::from(b & 0x7f).checked_shl(u32::try_from(i.checked_mul(7)?).ok()?)?;
        if b & 0x80 == 0 {
            let rest = bytes.get(i.checked_add(1)?..)?;
            return rest.split_at_checked(usize::try_from(len).ok()?);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)] // a failed unwrap is a failed test
    use super::*;
    use crate::base::progress::Silent;
    use crate::file::mmap::MappedFile;
    use crate::file::scratch::Scratch;

    #[test]
    fn notes_end_at_the_first_that_does_not_fit() {
        let mut raw = Vec::new();
        for part in [3u32, 5, 4] {
            raw.extend(part.to_le_bytes());
        }
        raw.extend(b"Go\0\0");
        raw.extend(b"abcde\0\0\0");
        raw.extend([4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
        let got: Vec<_> = notes(Abi::AMD64, &raw).collect();
        assert_eq!(got, [("Go", 4, b"abcde".as_slice())]);
    }

    #[test]
    fn the_start_of_an_executable_gives_the_ids_that_all_of_it_gives() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/corpora/golden/bin");
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        let scratch = Scratch::new(std::env::temp_dir(), None);
        let (mut seen, mut with_gnu) = (0, 0);
        for entry in entries {
            let path = entry.unwrap().path();
            let start = MappedFile::peek_start(&path).unwrap();
            let all = MappedFile::open(&path, &scratch, &Silent).unwrap();
            let ids = Binary::parse(all.bytes(), &path).unwrap().build_ids;
            let shown = ids_from_start(&start).unwrap();
            assert!(shown.go.is_some());
            assert_eq!(shown.go, ids.go, "{}", path.display());
            assert!(
                shown.gnu.is_none() || shown.gnu == ids.gnu,
                "{}",
                path.display()
            );
            with_gnu += u32::from(shown.gnu.is_some());
            seen += 1;
            // Where the notes are cut off nothing is known.
            let cut = start.get(..0x400).unwrap();
            assert_eq!(ids_from_start(cut), None, "{}", path.display());
            for n in 0..0x100 {
                assert_eq!(ids_from_start(start.get(..n).unwrap()), None);
            }
        }
        assert!(
            seen > 20 && with_gnu > 1,
            "{seen} binaries, {with_gnu} with both"
        );
    }

    #[test]
    fn a_varint_string_that_runs_over_the_end_is_none() {
        assert_eq!(
            varint_string(&[2, b'a', b'b', 9]),
            Some((b"ab".as_slice(), [9].as_slice()))
        );
        assert_eq!(varint_string(&[3, b'a', b'b']), None);
        assert_eq!(varint_string(&[0xff; 9]), None);
    }
}
