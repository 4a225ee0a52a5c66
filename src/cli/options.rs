//! Options that commands share.
//! In: clap's definitions. Out: a `Request`, a `Style`, and whether to be quiet.

use crate::cli::fail::say;
use crate::cli::output::colored;
use crate::cli::output::colored_stderr;
use crate::cli::units::parse_size;
use crate::file::keyfile::KEY_BYTES;
use crate::file::keyfile::read_or_make;
use crate::file::scratch::Scratch;
use crate::file::scratch::half_of_free;
use crate::report::style::Style;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use crate::survey::run::set_jobs;
use clap::ValueEnum;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;

/// Which process.
#[derive(clap::Args, Debug)]
pub(super) struct Input {
    /// Core file, plain or compressed (zstd, lz4, gzip or xz, told by content); but for goroutines and snapshot, a
    /// snapshot of one will do, too
    core: PathBuf,

    /// Binary of the process, plain or compressed; either order will do
    ///
    /// Without it, the path in the core file's own notes is tried, then --binary-dir. The build IDs
    /// must match.
    #[arg(conflicts_with = "binary_file")]
    binary: Option<PathBuf>,

    /// Binary of the process, named apart
    #[arg(
        long = "binary",
        id = "binary_file",
        value_name = "FILE",
        help_heading = "Input"
    )]
    binary_file: Option<PathBuf>,

    #[command(flatten)]
    opening: Opening,
}

/// How cores and binaries are opened.
#[derive(clap::Args, Debug)]
pub(super) struct Opening {
    /// Directory to search for the binary by its build ID; may be repeated
    #[arg(long = "binary-dir", value_name = "DIR", help_heading = "Input")]
    binary_dirs: Vec<PathBuf>,

    /// Go on although the build IDs differ; all results are marked
    #[arg(long, help_heading = "Input")]
    allow_mismatch: bool,

    /// Where compressed files are unpacked [default: the system's temporary directory]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    tmp_dir: Option<PathBuf>,

    /// Disk space that unpacked files may take, as in 512M or 4G [default: half of what is free there]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Input")]
    tmp_limit: Option<u64>,

    /// Threads to work with [default: one for each processor]
    #[arg(long, value_name = "N", help_heading = "Input")]
    jobs: Option<NonZeroUsize>,
}

impl Input {
    /// The files that were named.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let more = self.binary.iter().chain(&self.binary_file);
        std::iter::once(&self.core)
            .chain(more)
            .map(PathBuf::as_path)
    }

    /// The request; also sets the number of threads.
    pub(super) fn request(&self, values: ValueMode) -> Request {
        let mut files = vec![self.core.clone()];
        files.extend(self.binary.clone());
        let scratch = self.opening.scratch();
        self.opening
            .request(files, self.binary_file.clone(), values, &scratch)
    }
}

impl Opening {
    /// The place for unpacked files: one for all that a run opens, so that the cap is for all of them together.
    pub(super) fn scratch(&self) -> Scratch {
        let dir = self.tmp_dir.clone().unwrap_or_else(std::env::temp_dir);
        let limit = self.tmp_limit.or_else(|| half_of_free(&dir));
        Scratch::new(dir, limit)
    }

    /// The request for these files; also sets the number of threads.
    pub(super) fn request(
        &self,
        files: Vec<PathBuf>,
        binary: Option<PathBuf>,
        values: ValueMode,
        scratch: &Scratch,
    ) -> Request {
        if let Some(n) = self.jobs {
            set_jobs(n.get());
        }
        Request {
            files,
            binary,
            binary_dirs: self.binary_dirs.clone(),
            allow_mismatch: self.allow_mismatch,
            scratch: scratch.clone(),
            values,
            digest_key: None,
            index: None,
        }
    }
}

/// How secrets are treated.
#[derive(clap::Args, Debug)]
pub(super) struct Redaction {
    /// How keys and elems are shown, in owner paths too
    #[arg(long, value_enum, default_value_t = Values::Digest, value_name = "MODE", help_heading = "Output")]
    values: Values,

    /// File with the key of digests, made if it is not there; digests of one key can be compared
    ///
    /// Without it the key is made of secrets inside the core: all dumps of one process have the same.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    digest_key_file: Option<PathBuf>,
}

impl Redaction {
    /// The library's word for it.
    pub(super) fn mode(&self) -> ValueMode {
        self.values.mode()
    }

    /// Whether the key is in a file.
    pub(super) fn has_key_file(&self) -> bool {
        self.digest_key_file.is_some()
    }

    /// The key in the file that was named, if one was.
    pub(super) fn key(&self, quiet: bool) -> anyhow::Result<Option<[u8; KEY_BYTES]>> {
        let Some(path) = &self.digest_key_file else {
            return Ok(None);
        };
        let key = read_or_make(path)?;
        let note = match (key.made, key.exposed) {
            (true, _) => "a new digest key; who has it can tell what digests stand for",
            (false, true) => "others may read this digest key, and tell what digests stand for",
            (false, false) => return Ok(Some(key.bytes)),
        };
        if !quiet {
            say(&format!("badmap: {}: {note}\n", path.display()));
        }
        Ok(Some(key.bytes))
    }
}

impl Values {
    /// The library's word for it.
    pub(super) fn mode(self) -> ValueMode {
        match self {
            Values::None => ValueMode::None,
            Values::Digest => ValueMode::Digest,
            Values::Clear => ValueMode::Clear,
        }
    }
}

/// How keys and elems are shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Values {
    /// Not at all
    None,
    /// As keyed digests: equal values look equal
    Digest,
    /// In clear: cores hold secrets
    Clear,
}

/// How results look.
#[derive(clap::Args, Debug)]
pub(super) struct Look {
    /// Colour verdicts and rule ids: auto, always or never; auto heeds NO_COLOR
    #[arg(
        long,
        value_enum,
        default_value_t = Color::Auto,
        value_name = "WHEN",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    color: Color,

    /// Show everything, shorten nothing
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Output")]
    verbose: bool,

    /// No progress, no notes: only results and errors
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
}

impl Look {
    /// The style of text on stderr.
    pub(super) fn style_of_stderr(&self) -> Style {
        Style {
            color: colored_stderr(self.color),
            verbose: self.verbose,
        }
    }

    /// The style of text.
    pub(super) fn style(&self) -> Style {
        Style {
            color: colored(self.color),
            verbose: self.verbose,
        }
    }
}

/// When to use colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The format of most results.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// For people; may change
    Text,
    /// One document of schema badmap/1 (docs/JSON.md)
    Json,
}
