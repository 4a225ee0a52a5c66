//! Why a snapshot cannot be read.
//! In: what the reader stumbled over. Out: one error that names the file and the line, with a hint where one is known.

use crate::base::limits::MAX_LINE;
use crate::schema::SCHEMA;
use std::io;
use std::path::PathBuf;

/// A snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be opened, read or unpacked.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the unpacker said.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("reading {}: it is not a snapshot: {what}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// It is of a schema that is not known here.
    #[error("reading {}: it has the schema {found}, and this badmap reads {SCHEMA}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The schema it names.
        found: String,
    },
    /// A line is not what it should be.
    #[error("reading {}: line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A line is longer than any that badmap writes.
    #[error("reading {}: line {line} is longer than {} MiB", path.display(), MAX_LINE >> 20)]
    LongLine {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
    },
    /// It unpacks to far more than snapshots of its size do.
    #[error("reading {}: it unpacks to more than a snapshot of its size can hold", path.display())]
    Bomb {
        /// The file.
        path: PathBuf,
    },
    /// It ends without its last line.
    #[error("reading {}: it is not whole: it ends after {lines} lines, without the line that ends a snapshot", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Lines there are.
        lines: u64,
    },
    /// Its last line says something else than the lines before it.
    #[error("reading {}: its last line does not fit the others: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// Something was asked for that is not in it.
    #[error("reading {}: {what}", path.display())]
    Lacks {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: String,
        /// What to do about it.
        hint: String,
    },
}

impl SnapshotError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            SnapshotError::NotOne { .. } => Some("badmap snapshot CORE -o FILE makes one".into()),
            SnapshotError::Version { .. } => Some("a newer badmap may read it".into()),
            SnapshotError::CutShort { .. } | SnapshotError::Damaged { .. } => {
                Some("it was not written or copied to its end; make it again from the core".into())
            }
            SnapshotError::Lacks { hint, .. } => Some(hint.clone()),
            _ => None,
        }
    }
}
