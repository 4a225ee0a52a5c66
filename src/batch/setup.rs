//! What the processes of a batch have in common, handed to each of them as its standard input.
//! In: options, the index of executables. Out: a file without a name that many processes read at the same time.

use crate::batch::index::Entry;
use crate::batch::index::index_of;
use crate::batch::work::Job;
use crate::batch::work::Limits;
use crate::file::scratch::Scratch;
use crate::file::stream::nameless;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use serde::Deserialize;
use serde::Serialize;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is the same for all cores of a batch. It goes this way, and not by arguments, because arguments can be read by
/// everybody on the machine.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub struct Setup {
    /// Executables with their build IDs.
    pub index: Vec<Entry>,
    /// Go on although build IDs differ.
    pub allow_mismatch: bool,
    /// Where packed files are unpacked.
    pub tmp_dir: OsString,
    /// Bytes on disk that one process may take there.
    pub tmp_limit: Option<u64>,
    /// How keys are shown in owner paths: `none`, `digest`, `clear`.
    pub values: String,
    /// The key of digests.
    pub digest_key: Option<[u8; 32]>,
    /// Findings, causes, parties and the like in a line.
    pub most: usize,
    /// Threads of one process.
    pub threads: usize,
    /// Bytes of memory.
    pub mem_limit: Option<u64>,
    /// Seconds for one core.
    pub timeout: Option<u64>,
    /// Niceness.
    pub nice: i32,
}

impl Setup {
    /// Writes it to a file without a name in the directory for such.
    /// # Errors
    /// When none can be made there.
    pub fn write(&self) -> io::Result<File> {
        let mut file = nameless(Path::new(&self.tmp_dir))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(file)
    }

    /// Reads it, from the start whatever others do with the same file.
    /// # Errors
    /// When it is not what `write` has written.
    pub fn read(file: &File) -> io::Result<Setup> {
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// What one process may use. Should the batch itself be gone, its processor time ends it.
    pub fn limits(&self) -> Limits {
        let threads = u64::try_from(self.threads).unwrap_or(1);
        Limits {
            memory: self.mem_limit,
            processor: self
                .timeout
                .map(|t| Duration::from_secs(t.saturating_mul(threads).saturating_add(60))),
            nice: self.nice,
        }
    }

    /// The job for one core.
    pub fn job(self, core: PathBuf, binary: Option<PathBuf>, snapshot: Option<PathBuf>) -> Job {
        Job {
            most: self.most,
            snapshot,
            request: Request {
                files: vec![core],
                binary,
                binary_dirs: Vec::new(),
                index: Some(Arc::new(index_of(self.index))),
                allow_mismatch: self.allow_mismatch,
                scratch: Scratch::new(PathBuf::from(self.tmp_dir), self.tmp_limit),
                values: match self.values.as_str() {
                    "clear" => ValueMode::Clear,
                    "none" => ValueMode::None,
                    _ => ValueMode::Digest,
                },
                digest_key: self.digest_key,
            },
        }
    }
}
