//! What is asked of a survey.
//! In: paths and choices, as the caller wants them. Out: plain structs.

use crate::base::addr::Addr;
use crate::file::scratch::Scratch;
use crate::survey::binaries::BinaryIndex;
use std::path::PathBuf;
use std::sync::Arc;

/// Which process, and how its secrets are treated.
#[derive(Clone, Debug)]
pub struct Request {
    /// One or two files: the core, and perhaps the binary, in either order.
    pub files: Vec<PathBuf>,
    /// The binary, where it was named apart.
    pub binary: Option<PathBuf>,
    /// Directories searched for a binary with the core's build ID.
    pub binary_dirs: Vec<PathBuf>,
    /// Executables by build ID, where somebody has listed them beforehand.
    pub index: Option<Arc<BinaryIndex>>,
    /// Go on although the build IDs differ.
    pub allow_mismatch: bool,
    /// Where compressed files are unpacked (into files without a name), and how much room they may take.
    pub scratch: Scratch,
    /// How keys and elems are shown.
    pub values: ValueMode,
    /// The key of digests; by default one is derived from secrets inside the core itself, so that
    /// equal runs give equal digests and nobody without the core can guess at keys.
    pub digest_key: Option<[u8; 32]>,
}

/// How keys and elems are shown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ValueMode {
    /// Not at all.
    None,
    /// As a keyed digest: equal values have equal digests.
    #[default]
    Digest,
    /// In clear text.
    Clear,
}

impl ValueMode {
    /// The word of the `--values` option and of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueMode::None => "none",
            ValueMode::Digest => "digest",
            ValueMode::Clear => "clear",
        }
    }
}

/// Which map to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The map whose header is at this address.
    Addr(Addr),
    /// The map with this owner path, as `list` prints it in the same redaction mode or in clear.
    Path(String),
}

/// Which part of a long listing is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Items left out at the start.
    pub offset: u64,
    /// Items at most.
    pub limit: u64,
}
