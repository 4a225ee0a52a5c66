//! Why a file cannot be used.
//! In: what a reader stumbled over. Out: one error that names the file, with a hint where one is known.

use crate::base::size::size;
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
    /// Its compressed data is damaged, or wants too much to be unpacked.
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
    /// It cannot be unpacked where files are unpacked.
    #[error("unpacking {} into {}", path.display(), dir.display())]
    Scratch {
        /// The file.
        path: PathBuf,
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Unpacked it would take more disk than unpacked files may.
    #[error("unpacking {} into {}: unpacked files may take no more than {} there", path.display(), dir.display(), size(*allowed))]
    Full {
        /// The file.
        path: PathBuf,
        /// The directory.
        dir: PathBuf,
        /// Bytes that all unpacked files together may take.
        allowed: u64,
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
            FileError::WrongKind { found: Kind::Text, wanted, .. } if !wanted.contains("core") => {
                Some("name the program that crashed, as it was built: the ELF file, not its source or a script".into())
            }
            FileError::WrongKind { found: Kind::Text, .. } => {
                Some("a goroutine traceback is not enough; badmap needs the core file (GOTRACEBACK=crash, ulimit -c unlimited)".into())
            }
            FileError::WrongKind { found: Kind::Executable | Kind::Shared, wanted, .. } if wanted.contains("core") => {
                Some("name the core file first, then the binary: badmap check CORE [BINARY]".into())
            }
            FileError::WrongKind { found: Kind::Compressed(what), .. } => {
                Some(format!("badmap unpacks zstd, lz4, gzip and xz, and once; unpack the {what} file first"))
            }
            FileError::Unpack { source, .. } if source.kind() == io::ErrorKind::OutOfMemory => {
                Some("unpack it first, with what packed it".into())
            }
            FileError::Unpack { .. } => Some("the compressed file may be damaged; compare it with the original".into()),
            FileError::Scratch { source, .. }
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Some("there is no room left; another place can be named with --tmp-dir".into())
            }
            FileError::Scratch { .. } => Some("another place can be named with --tmp-dir".into()),
            FileError::Full { .. } => {
                Some("--tmp-limit lets them take more, and --tmp-dir names another place".into())
            }
            FileError::Changed { .. } => Some("run again when nothing writes to the file any more".into()),
            FileError::Damaged { .. } => Some("the file may be cut short or overwritten; compare its size with the original".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_a_text_file_is_about_what_it_was_given_as() {
        let hint = |wanted| {
            let error = FileError::WrongKind {
                path: PathBuf::from("notes.txt"),
                found: Kind::Text,
                wanted,
            };
            error.hint().unwrap_or_default()
        };
        assert!(hint("a core file").contains("needs the core file"));
        assert!(hint("an ELF executable").contains("the program that crashed"));
    }
}
