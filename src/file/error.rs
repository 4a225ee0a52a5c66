//! Why a file cannot be used.
//! In: what a reader stumbled over. Out: one error that names the file, with a hint where one is known.

use crate::file::kind::Kind;
use std::io;
use std::path::PathBuf;

/// badmap cannot use a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("opening {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is a directory, a pipe, a socket or a device.
    #[error("opening {}: it is {what}, not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        what: &'static str,
    },
    /// It is not what it was given as.
    #[error("opening {}: {found}, not {wanted}", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Kind,
        /// What was wanted.
        wanted: &'static str,
    },
    /// It is a compression that cannot be unpacked, or its data is damaged.
    #[error("unpacking {} ({format})", path.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// The compression.
        format: &'static str,
        /// What the unpacker said.
        #[source]
        source: io::Error,
    },
    /// Its ELF structure cannot be understood.
    #[error("reading {}: {what}: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part that is damaged.
        what: &'static str,
        /// What the reader said.
        detail: String,
    },
    /// It changed while it was being read.
    #[error("reading {}: the file changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            FileError::WrongKind { found: Kind::Text, .. } => {
                Some("a goroutine traceback is not enough; badmap needs the core file (GOTRACEBACK=crash, ulimit -c unlimited)".into())
            }
            FileError::WrongKind { found: Kind::Executable | Kind::Shared, wanted, .. } if wanted.contains("core") => {
                Some("name the core file first, then the binary: badmap check CORE [BINARY]".into())
            }
            FileError::WrongKind { found: Kind::Compressed(what), .. } => {
                Some(format!("this version opens .zst; unpack the {what} file first"))
            }
            FileError::Unpack { .. } => {
                Some("the compressed file may be damaged, or $TMPDIR full; another place can be named with --tmp-dir".into())
            }
            FileError::Changed { .. } => Some("run again when nothing writes to the file any more".into()),
            FileError::Damaged { .. } => Some("the file may be cut short or overwritten; compare its size with the original".into()),
            _ => None,
        }
    }
}
