//! The command line of the bench.
//! In: arguments. Out: what to measure, on what, how often.

use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// What `--only` takes: the names of `commands.rs` and `peers.rs`.
const NAMES: [&str; 12] = [
    "info",
    "crash-only",
    "list",
    "list-no-check",
    "list-json",
    "check",
    "snapshot",
    "diff",
    "show-key",
    "viewcore",
    "grf",
    "delve",
];

/// Measures badmap on cores of real size, in units of reading the core once.
///
/// `cargo bench --bench load -- DIR`; VIEWCORE, GRF and DLV in the environment name other programs to run on the
/// same cores.
#[derive(Parser)]
pub struct Options {
    /// Directory that `corpora/make.py --out` has filled
    pub dir: Option<PathBuf>,
    /// Sizes of cores
    #[arg(long, value_delimiter = ',', default_value = "100m,1g,4g,plain-4g")]
    pub sizes: Vec<String>,
    /// Versions of Go
    #[arg(long, value_delimiter = ',', default_value = "1.23,1.27")]
    pub go: Vec<String>,
    /// How often each command is run on each core
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Only these commands, by their names in the table; the yardstick always is
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES))]
    pub only: Vec<String>,
    /// Also write everything that was measured to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Fail if a target is not met
    #[arg(long)]
    pub strict: bool,
    /// Another build of badmap to measure
    #[arg(long)]
    pub badmap: Option<PathBuf>,
    /// Where snapshots are written [default: the directory of the cores]
    #[arg(long)]
    pub tmp_dir: Option<PathBuf>,
    /// When another program is given up
    #[arg(long, default_value_t = 900)]
    pub peer_seconds: u64,
    /// Be the yardstick: read this file once
    #[arg(long, hide = true)]
    pub yardstick: Option<PathBuf>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether to run a command. A diff compares what a snapshot has written.
    pub fn wants(&self, name: &str) -> bool {
        let asked = |name: &str| self.only.iter().any(|o| o == name);
        self.only.is_empty() || asked(name) || (name == "snapshot" && asked("diff"))
    }

    pub fn badmap(&self) -> PathBuf {
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_badmap"));
        self.badmap.clone().unwrap_or_else(built)
    }

    pub fn tmp_dir(&self) -> PathBuf {
        let beside = self.tmp_dir.as_ref().or(self.dir.as_ref());
        beside.cloned().unwrap_or_default()
    }
}
