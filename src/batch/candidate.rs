//! A core of a batch before it is looked at.
//! In: what the command line, a list or a manifest says of it. Out: plain data.

use crate::batch::expect::Expectation;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// A file that is to be looked at.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Candidate {
    /// Its path.
    pub path: PathBuf,
    /// What tells which shard it belongs to: the path below the directory it was found in, or as it was listed. So it
    /// does not matter where a machine has mounted the directory.
    pub name: String,
    /// Its binary, where a manifest says which.
    pub binary: Option<PathBuf>,
    /// Where its process ran, where a manifest says so.
    pub host: Option<String>,
    /// What it must give.
    pub expect: Option<Expectation>,
}

impl Candidate {
    /// A file that was listed as it is.
    pub fn listed(path: &Path) -> Candidate {
        Candidate {
            path: path.to_path_buf(),
            name: text_of(path),
            ..Candidate::default()
        }
    }

    /// The path as results have it.
    pub fn core(&self) -> String {
        text_of(&self.path)
    }
}

/// A path as text that no other path has: what is not UTF-8 is followed by a hash of its bytes.
pub fn text_of(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => {
            let hash = blake3::hash(path.as_os_str().as_bytes()).to_hex();
            let few = hash.get(..12).unwrap_or_default();
            format!("{} ({few})", path.to_string_lossy())
        }
    }
}
