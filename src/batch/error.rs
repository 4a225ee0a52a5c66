//! Why results of a batch cannot be read.
//! In: what the reader stumbled over. Out: one error that names the file and the line, with a hint where one is known.

use crate::base::limits::MAX_LINE;
use crate::base::limits::MAX_RESULTS;
use crate::schema::SCHEMA;
use std::io;
use std::path::PathBuf;

/// A batch, or its results, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The file cannot be opened, read or unpacked.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the unpacker said.
        #[source]
        source: io::Error,
    },
    /// A line is none of ours.
    #[error("reading {}: line {line} is no result of a batch: {what}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What it is instead.
        what: String,
    },
    /// A line is of a schema that is not known here.
    #[error("reading {}: line {line} has the schema {found}, and this badmap reads {SCHEMA}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// The schema it names.
        found: String,
    },
    /// A line is longer than any that badmap writes.
    #[error("reading {}: line {line} is longer than {} MiB", path.display(), MAX_LINE >> 20)]
    LongLine {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
    },
    /// It unpacks to far more than results of its size do.
    #[error("reading {}: it unpacks to more than results of its size can hold", path.display())]
    Bomb {
        /// The file.
        path: PathBuf,
    },
    /// There are more lines than are looked at.
    #[error("reading {}: it has more than {MAX_RESULTS} lines", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

impl BatchError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            BatchError::NotOne { .. } => {
                Some("badmap batch PATH --format jsonl writes such lines".into())
            }
            BatchError::Version { .. } => Some("a newer badmap may read it".into()),
            BatchError::TooMany { .. } => Some("name fewer at a time".into()),
            BatchError::Io { .. } | BatchError::LongLine { .. } | BatchError::Bomb { .. } => None,
        }
    }
}
