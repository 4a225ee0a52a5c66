//! `badmap triage`: what the results of many cores have in common.
//! In: files of results. Out: cores in groups, by bug or by where they ran, as text or a JSON document.

use crate::base::progress::Progress;
use crate::batch::group::GroupBy;
use crate::batch::line::Line;
use crate::batch::results::Results;
use crate::batch::results::read_results;
use crate::batch::results::read_results_from;
use crate::batch::triage::Collector;
use crate::batch::triage::Read;
use crate::cli::fail::UsageError;
use crate::cli::options::Format;
use crate::cli::options::Look;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::report::json;
use crate::report::triage_text;
use clap::ValueEnum;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Groups that text lists unless told otherwise.
const GROUPS: usize = 20;
/// What stands for standard input.
const STDIN: &str = "-";
/// Lines between two steps of the progress bar.
const STEP: u64 = 256;

/// Group the cores of batches by bug, and say what they share
///
/// Reads what badmap batch wrote, of one run or of many, and groups the cores by bug: cores of one signature, whatever
/// build they are of. Says of each group when it was seen and what all its cores share, and how many others share it
/// too: a bug that all came from one host, which gave few other cores, is that host's hardware. A core that several
/// files name counts once, and its later line is the one that counts.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
STANDS OUT marks what a group would share by chance less than once in a thousand times.

Exit codes:
  0  nothing is new against the baseline, or there is none
  1  there are bugs that the baseline does not have
  2  badmap could not do its job: usage, an unreadable file, no results

Examples:
  badmap triage night.jsonl                          which bugs there are
  badmap triage shard-*.jsonl.zst --group-by host    which hosts have them
  badmap triage today.jsonl --baseline known.jsonl   is any of them new?
  badmap batch /var/crash --format jsonl | badmap triage -
  badmap triage all.jsonl --format json | jq '.groups[].signature.id'")]
pub(super) struct Args {
    /// Files that badmap batch wrote as JSON Lines, plain or packed with zstd; - is standard input, plain
    #[arg(value_name = "RESULTS", required = true)]
    results: Vec<PathBuf>,

    /// File of results whose bugs are known; may be repeated. Bugs it does not have come first, and the exit code says
    /// so
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    baseline: Vec<PathBuf>,

    /// What the cores of a group have in common
    #[arg(long, value_enum, default_value_t = By::Signature, value_name = "WHAT", help_heading = "Selection")]
    group_by: By,

    /// Only the first N groups [default: 20 in text without --verbose, else all]
    #[arg(long, value_name = "N", help_heading = "Selection")]
    top: Option<usize>,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    look: Look,
}

/// The words of `batch::group::GroupBy`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// The bug
    Signature,
    /// The Go version
    Go,
    /// The build ID
    Build,
    /// Where the process ran
    Host,
    /// The kind of CPU
    Cpu,
}

impl By {
    /// The library's word for it.
    pub(super) fn group_by(self) -> GroupBy {
        match self {
            By::Signature => GroupBy::Signature,
            By::Go => GroupBy::Go,
            By::Build => GroupBy::Build,
            By::Host => GroupBy::Host,
            By::Cpu => GroupBy::Cpu,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let all = args.results.iter().chain(&args.baseline);
    if all.filter(|path| is_stdin(path)).count() > 1 {
        return Err(UsageError {
            what: "standard input can be read only once".to_owned(),
            hint: None,
        }
        .into());
    }
    let bar = Bar::new(args.look.quiet);
    let style = args.look.style();
    let mut all = Collector::new();
    bar.phase("reading results", None);
    let mut done = 0;
    for path in &args.baseline {
        let file = read(path, &bar, &mut done, |line| all.add_known(line))?;
        all.end_known(file);
    }
    for path in &args.results {
        let file = read(path, &bar, &mut done, |line| all.add(line))?;
        all.end_file(file);
    }
    let short = args.format == Format::Text && !style.verbose;
    let triage = all.finish(
        args.group_by.group_by(),
        args.top.or(short.then_some(GROUPS)),
    );
    drop(bar);
    if triage.cores == 0 && !triage.files.iter().any(|f| f.cut_off) {
        let names: Vec<String> = args
            .results
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        return Err(UsageError {
            what: format!("there is no result in {}", names.join(", ")),
            hint: Some(
                "did the batch run? its --resume file and its JSON Lines are what triage reads"
                    .to_owned(),
            ),
        }
        .into());
    }
    write_out(|out| match args.format {
        Format::Text => triage_text::write_triage(out, &triage, style),
        Format::Json => json::triage::write_triage(out, &triage),
    })?;
    Ok(triage.exit())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Reads a file to its end.
fn read(
    path: &Path,
    bar: &Bar,
    done: &mut u64,
    mut add: impl FnMut(&Line),
) -> anyhow::Result<Read> {
    let mut results: Results = match is_stdin(path) {
        true => read_results_from(Box::new(io::stdin()), "standard input"),
        false => read_results(path),
    };
    for line in &mut results {
        add(&line?);
        *done = done.saturating_add(1);
        if done.is_multiple_of(STEP) {
            bar.at(*done);
        }
    }
    Ok(Read::of(&results))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_has_the_words_of_the_library() {
        for by in By::value_variants() {
            let word = by.to_possible_value().map(|v| v.get_name().to_owned());
            assert_eq!(word.as_deref(), Some(by.group_by().as_str()));
        }
    }
}
