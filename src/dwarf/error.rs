//! Why a binary's DWARF cannot be used.
//! In: what gimli or the sections said. Out: one error with a hint.

use crate::file::error::FileError;
use std::path::PathBuf;

/// badmap cannot use a binary's DWARF.
#[derive(Debug, thiserror::Error)]
pub enum DwarfError {
    /// There is none: the binary was linked with `-s` or `-w`, or stripped.
    #[error("reading types from {}: it has no DWARF (stripped, or linked with -s or -w)", path.display())]
    Stripped {
        /// The binary.
        path: PathBuf,
    },
    /// There is none, and it is not a program whose runtime badmap knows without it.
    #[error("reading types from {}: it has no DWARF (stripped, or linked with -s or -w), and nothing is known of {go} without it", path.display())]
    StrippedUnknown {
        /// The binary.
        path: PathBuf,
        /// Version of Go and machine.
        go: String,
    },
    /// A section cannot be read or unpacked.
    #[error("reading DWARF")]
    Section(#[source] FileError),
    /// It cannot be understood.
    #[error("reading DWARF of {}: {what}", path.display())]
    Damaged {
        /// The binary.
        path: PathBuf,
        /// What is damaged, in words.
        what: String,
    },
    /// It holds no unit of Go code.
    #[error("reading DWARF of {}: it describes no Go code", path.display())]
    NotGo {
        /// The binary.
        path: PathBuf,
    },
}

impl DwarfError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            DwarfError::Stripped { .. } => {
                Some("name an unstripped build of the same source with --binary; check tells the crash, and info and goroutines work, without".into())
            }
            DwarfError::StrippedUnknown { .. } => {
                Some("name an unstripped build of the same source with --binary".into())
            }
            DwarfError::Section(e) => e.hint(),
            DwarfError::Damaged { .. } | DwarfError::NotGo { .. } => None,
        }
    }
}
