//! Why a batch cannot be run, or its results not be read. What keeps badmap from reading one core is no error of the
//! batch, but that core's result.
//! In: what went wrong. Out: one error that names the file, and the line where there is one; with a hint where one is known.

use crate::base::limits::MAX_LINE;
use crate::base::limits::MAX_RESULTS;
use crate::schema::SCHEMA;
use std::io;
use std::path::PathBuf;

/// A batch, or its results, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A pattern is none, or fits nothing.
    #[error("expanding {}: {why}", pattern.display())]
    Pattern {
        /// The pattern.
        pattern: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A manifest cannot be read.
    #[error("reading the manifest {}: {why}", path.display())]
    Manifest {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing to do.
    #[error("looking for cores: there are none{among}")]
    NoCores {
        /// Among what, in words.
        among: String,
    },
    /// A file that the batch keeps for itself cannot be used.
    #[error("{doing} {}", path.display())]
    File {
        /// What was to be done with it.
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another batch writes to the same results.
    #[error("writing results to {}: another batch is doing so", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No process can be started for a core.
    #[error("starting a process for {core}")]
    Spawn {
        /// The core.
        core: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
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
        let text = match self {
            BatchError::Pattern { .. } => {
                "quote patterns, so that they come here as they are; ** is for directories"
            }
            BatchError::Manifest { .. } => "docs/BATCH.md describes manifests",
            BatchError::NoCores { .. } => {
                "cores are told by content, in directories too; a list of paths may come on standard input, as -"
            }
            BatchError::Busy { .. } => {
                "give each shard a file of its own; badmap triage merges them"
            }
            BatchError::NotOne { .. } => "badmap batch PATH --format jsonl writes such lines",
            BatchError::Version { .. } => "a newer badmap may read it",
            BatchError::TooMany { .. } => "name fewer at a time",
            BatchError::File { .. }
            | BatchError::Spawn { .. }
            | BatchError::Io { .. }
            | BatchError::LongLine { .. }
            | BatchError::Bomb { .. } => return None,
        };
        Some(text.to_owned())
    }
}
