//! What a file is, told by its first bytes.
//! In: the start of a file. Out: its kind, in words a user understands.

use std::fmt;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An ELF core dump.
    Core,
    /// An ELF executable at fixed addresses.
    Executable,
    /// An ELF shared object or position-independent executable.
    Shared,
    /// An ELF object file.
    Relocatable,
    /// ELF of some other type.
    OtherElf,
    /// A Mach-O or PE executable.
    ForeignExecutable(&'static str),
    /// Compressed with something.
    Compressed(&'static str),
    /// Text.
    Text,
    /// Nothing at all.
    Empty,
    /// Anything else.
    Unknown,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Core => f.write_str("it is a core file"),
            Kind::Executable | Kind::Shared => f.write_str("it is an executable"),
            Kind::Relocatable => f.write_str("it is an object file"),
            Kind::OtherElf => f.write_str("it is an ELF file of an unknown type"),
            Kind::ForeignExecutable(what) => write!(f, "it is a {what} file"),
            Kind::Compressed(what) => write!(f, "it is compressed with {what}"),
            Kind::Text => f.write_str("it is a text file"),
            Kind::Empty => f.write_str("it is empty"),
            Kind::Unknown => f.write_str("it is not an ELF file"),
        }
    }
}

/// Tells what a file is by its first bytes (the more of them the better; 4 KiB are enough).
pub fn sniff(bytes: &[u8]) -> Kind {
    match bytes {
        [] => Kind::Empty,
        [0x7f, b'E', b'L', b'F', rest @ ..] => elf_kind(rest),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Compressed("zstd"),
        [0x1f, 0x8b, ..] => Kind::Compressed("gzip"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Compressed("xz"),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Kind::Compressed("lz4"),
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] => behind_skippable(rest),
        [b'B', b'Z', b'h', ..] => Kind::Compressed("bzip2"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            Kind::ForeignExecutable("Mach-O")
        }
        [b'M', b'Z', ..] => Kind::ForeignExecutable("Windows PE"),
        [b'M', b'D', b'M', b'P', ..] => Kind::ForeignExecutable("Windows minidump"),
        _ if is_text(bytes) => Kind::Text,
        _ => Kind::Unknown,
    }
}

/// A frame that zstd and lz4 skip alike, where others keep what is theirs: `pzstd` begins its files with one. Given what
/// follows its magic, the kind is that of what stands behind it, or behind as many as there are.
fn behind_skippable(mut rest: &[u8]) -> Kind {
    loop {
        let Some((size, content)) = rest.split_first_chunk() else {
            return Kind::Unknown;
        };
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        match content.get(size..) {
            Some([0x50..=0x5f, 0x2a, 0x4d, 0x18, next @ ..]) => rest = next,
            Some(next) => {
                return match sniff(next) {
                    found @ Kind::Compressed("zstd" | "lz4") => found,
                    _ => Kind::Unknown,
                };
            }
            None => return Kind::Unknown,
        }
    }
}

/// `e_type` of an ELF header, given what follows the magic.
fn elf_kind(rest: &[u8]) -> Kind {
    let (Some(order), Some(raw)) = (rest.get(1), rest.get(12..14)) else {
        return Kind::OtherElf;
    };
    let raw = [
        raw.first().copied().unwrap_or(0),
        raw.last().copied().unwrap_or(0),
    ];
    let e_type = if *order == 2 {
        u16::from_be_bytes(raw)
    } else {
        u16::from_le_bytes(raw)
    };
    match e_type {
        1 => Kind::Relocatable,
        2 => Kind::Executable,
        3 => Kind::Shared,
        4 => Kind::Core,
        _ => Kind::OtherElf,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(), // cut in the middle of a character
    };
    valid
        && !head
            .iter()
            .any(|b| (*b < 0x20 || *b == 0x7f) && !matches!(b, b'\n' | b'\r' | b'\t' | 0x1b | 0x0c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        assert_eq!(sniff(b""), Kind::Empty);
        assert_eq!(sniff(b"fatal error: concurrent map writes\n"), Kind::Text);
        assert_eq!(
            sniff(&[0x28, 0xb5, 0x2f, 0xfd, 0]),
            Kind::Compressed("zstd")
        );
        assert_eq!(sniff(&[0, 1, 2, 3]), Kind::Unknown);
        let skipped = [0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 0xaa, 0xbb];
        assert_eq!(sniff(&skipped), Kind::Unknown);
        for (magic, name) in [
            ([0x28, 0xb5, 0x2f, 0xfd], "zstd"),
            ([4, 0x22, 0x4d, 0x18], "lz4"),
        ] {
            let packed = [&skipped[..], &skipped, &magic].concat();
            assert_eq!(sniff(&packed), Kind::Compressed(name));
        }
        assert_eq!(sniff(&[&skipped[..], b"\x7fELF"].concat()), Kind::Unknown);
        let mut elf = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0";
        assert_eq!(sniff(&elf), Kind::Core);
        elf[16] = 2;
        assert_eq!(sniff(&elf), Kind::Executable);
        elf[5] = 2;
        elf[16] = 0;
        elf[17] = 3;
        assert_eq!(sniff(&elf), Kind::Shared);
        assert_eq!(sniff(b"\x7fELF\x02"), Kind::OtherElf);
    }
}
