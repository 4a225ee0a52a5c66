//! Why a batch cannot be run. What keeps badmap from reading one core is no error of the batch, but that core's result.
//! In: what went wrong. Out: one error, with a hint where one is known.

use std::io;
use std::path::PathBuf;

/// The batch as a whole cannot be run.
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
}

impl BatchError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            BatchError::Pattern { .. } => "quote patterns, so that they come here as they are; ** is for directories",
            BatchError::Manifest { .. } => "docs/BATCH.md describes manifests",
            BatchError::NoCores { .. } => "cores are told by content, in directories too; a list of paths may come on standard input, as -",
            BatchError::Busy { .. } => "give each shard a file of its own; badmap triage merges them",
            BatchError::File { .. } | BatchError::Spawn { .. } => return None,
        };
        Some(text.to_owned())
    }
}
