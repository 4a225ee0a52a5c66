//! Why a survey cannot be made.
//! In: errors of the rooms above, and what was asked. Out: one error, with a hint where one is known.

use crate::dwarf::error::DwarfError;
use crate::file::error::FileError;
use std::path::PathBuf;

/// badmap cannot do the job.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The binary's types cannot be used.
    #[error(transparent)]
    Dwarf(#[from] DwarfError),
    /// Two cores, or two binaries, or more than two files were given.
    #[error("opening {}: {what}", path.display())]
    Arguments {
        /// The file too many.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// No binary was given, and none could be found.
    #[error("looking for the binary of {}: {tried}", core.display())]
    NoBinary {
        /// The core file.
        core: PathBuf,
        /// What was tried, in words.
        tried: String,
        /// What it would be known by.
        wanted: Box<Wanted>,
    },
    /// The binary is not the one that made the core.
    #[error("pairing {} with {}: {what}", core.display(), binary.display())]
    Mismatch {
        /// The core file.
        core: PathBuf,
        /// The binary.
        binary: PathBuf,
        /// What differs, with both sides.
        what: String,
    },
    /// The binary is no Go program.
    #[error("reading {}: it is not a Go program", path.display())]
    NotGo {
        /// The binary.
        path: PathBuf,
    },
    /// The types show no map header badmap knows.
    #[error("reading types from {}: they describe neither runtime.hmap nor internal/runtime/maps.Map ({go})", path.display())]
    NoMaps {
        /// The binary.
        path: PathBuf,
        /// The Go version.
        go: String,
    },
    /// The core does not hold enough of the process to look for maps at all.
    #[error("reading {}: {what}", core.display())]
    TooLittle {
        /// The core file.
        core: PathBuf,
        /// What is missing.
        what: String,
    },
    /// No goroutine has this number.
    #[error("looking for goroutine {id}: it is not among the {live} that are alive{}", unreadable_words(*.unreadable))]
    NoSuchGoroutine {
        /// The number asked for.
        id: u64,
        /// Goroutines there are.
        live: usize,
        /// Goroutines on the runtime's list that could not be read; `None` when the list could not.
        unreadable: Option<u64>,
    },
    /// The key asked for cannot be one of the map's.
    #[error("looking up the key in {map}: {why}")]
    BadKey {
        /// The map's type.
        map: String,
        /// What is wrong.
        why: String,
    },
    /// No map has this address or owner path.
    #[error("looking for the map {target}: {found}")]
    NoSuchMap {
        /// What was asked for.
        target: String,
        /// What there is instead.
        found: String,
    },
}

/// What a binary would be known by.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Wanted {
    /// Go's build ID.
    pub go: Option<String>,
    /// The GNU build ID, in hex.
    pub gnu: Option<String>,
    /// The path in the core's own notes.
    pub path: Option<PathBuf>,
}

fn unreadable_words(n: Option<u64>) -> String {
    match n {
        Some(0) => String::new(),
        Some(n) => format!("; {n} more could not be read"),
        None => "; the runtime's list of them could not be read".into(),
    }
}

impl SurveyError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            SurveyError::File(e) => e.hint(),
            SurveyError::Dwarf(e) => e.hint(),
            SurveyError::Arguments { .. } => Some("badmap check CORE [BINARY], in either order".into()),
            SurveyError::NoBinary { wanted, .. } if wanted.go.is_none() && wanted.gnu.is_none() => {
                Some("nothing in the core says which binary it is of: name it behind the core, or in the manifest of a batch".into())
            }
            SurveyError::NoBinary { .. } => Some("name the binary that crashed behind the core, or search for it with --binary-dir".into()),
            SurveyError::Mismatch { .. } => {
                Some("name the binary that crashed with --binary; --allow-mismatch goes on all the same and marks every result".into())
            }
            SurveyError::NotGo { .. } => Some("badmap reads processes of Go programs only".into()),
            SurveyError::NoMaps { .. } => Some("badmap knows go1.19 to go1.27".into()),
            SurveyError::TooLittle { .. } => Some("the file may be cut short; compare its size with the original".into()),
            SurveyError::NoSuchGoroutine { .. } => Some("badmap goroutines --all lists every goroutine with its number".into()),
            SurveyError::BadKey { .. } => Some("strings as they are, integers and pointers in decimal or 0x…, true, false, floats; others: --entries lists all keys".into()),
            SurveyError::NoSuchMap { .. } => Some("badmap list shows every map with its address and owner path".into()),
        }
    }
}
