//! `badmap batch`: many cores, each in a process of its own, one line of results for each.
//! In: paths, limits, what is expected. Out: lines as text or JSON, JUnit or SARIF; a summary on stderr; the exit code is
//! the worst of its cores. Over 400 lines: one command, half of it its manual.

mod find;
mod tally;

use crate::base::progress::Progress;
use crate::batch::candidate::Candidate;
use crate::batch::error::BatchError;
use crate::batch::index::Listed;
use crate::batch::inputs::Inputs;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::batch::run::Batch;
use crate::batch::run::Origin;
use crate::batch::run::Stamp;
use crate::batch::run::run as run_batch;
use crate::batch::setup::Setup;
use crate::batch::shard;
use crate::batch::store::Store;
use crate::cli::batch::find::Found;
use crate::cli::batch::find::find_cores;
use crate::cli::batch::tally::Tally;
use crate::cli::fail::say;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::OutputError;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::signals::Signals;
use crate::cli::triage::By;
use crate::cli::units::parse_duration;
use crate::cli::units::parse_size;
use crate::file::scratch::half_of_free;
use crate::report::batch_text;
use crate::report::escape::clean;
use crate::report::junit::write_junit;
use crate::report::sarif::write_sarif;
use crate::report::style::count;
use crate::schema::safe::write_jsonl;
use anyhow::Context;
use clap::ValueEnum;
use std::io;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// Check many cores, each in a process of its own
///
/// Looks for cores in files, directories, patterns, manifests and lists, pairs each with its binary by build ID, and
/// checks it as badmap check does, in a process of its own with limits on memory and time. Whatever becomes of that
/// process is a result for that core, one line. A core without its binary says what was looked for. docs/BATCH.md has more.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the maps of all cores are sound, and none died in map code; or all is as expected
  1  a map is broken, a crash is about a map, or something is not as expected
  2  the batch could not be run; with --strict also: a core gave no result
  3  nothing is broken, but something could not be read, or a core gave no result
  130, 143, 129  stopped by Ctrl-C, SIGTERM or SIGHUP; what is done has its lines
  141  stopped because nobody reads its output any more

Examples:
  badmap batch /var/crash --binary-dir /srv/releases
  badmap batch /var/crash --resume crash.jsonl             go on where it was stopped
  badmap batch 'cores/**/*.zst' --format jsonl | jq -r 'select(.exit == 1) | .core'
  find / -name 'core.*' -print0 | badmap batch - --jobs 4 --mem-limit 2G --timeout 5m
  badmap batch corpora/golden/MANIFEST.toml --format junit > junit.xml
  badmap batch cores --shard auto/8 --resume part.jsonl    one task of eight, of a job array
  badmap triage part-*.jsonl                               and all of them together")]
pub(super) struct Args {
    /// Cores, directories, 'patterns', manifests (MANIFEST.toml); - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Directory with binaries, to be found by their build IDs; may be repeated
    #[arg(long = "binary-dir", value_name = "DIR", help_heading = "Input")]
    binary_dirs: Vec<PathBuf>,

    /// Remember the build IDs in each --binary-dir, as .badmap-index.jsonl
    #[arg(long, requires = "binary_dirs", help_heading = "Input")]
    index_cache: bool,

    /// Go on although the build IDs differ; such results are marked
    #[arg(long, help_heading = "Input")]
    allow_mismatch: bool,

    /// Where compressed files are unpacked [default: the system's temporary directory]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    tmp_dir: Option<PathBuf>,

    /// Disk space that unpacked files may take, all jobs together [default: half of what is free there]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Input")]
    tmp_limit: Option<u64>,

    /// Do one part of the work: I/N (1/4 to 4/4), or auto/N for the index that Kubernetes, AWS Batch or Slurm has set
    #[arg(long, value_name = "I/N", value_parser = shard::parse, help_heading = "Input")]
    shard: Option<shard::Wanted>,

    /// Cores at a time [default: one for each processor]
    #[arg(long, value_name = "N", help_heading = "Running")]
    jobs: Option<NonZeroUsize>,

    /// Threads for each core
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Running")]
    threads: u16,

    /// Memory for each core, mapped files apart; 0 is no limit
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = parse_size, help_heading = "Running")]
    mem_limit: u64,

    /// Time for each core; 0 is no limit
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_duration, help_heading = "Running")]
    timeout: Duration,

    /// How far to let other work on the machine go first
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(i32).range(0..=19), help_heading = "Running")]
    nice: i32,

    /// Keep results in this file, one JSON line a core; cores with a line there are not done again
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    resume: Option<PathBuf>,

    /// With --resume: do those again that gave no result
    #[arg(long, requires = "resume", help_heading = "Running")]
    retry_failed: bool,

    /// What the cores must give: a manifest, or the results of an earlier run
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    expect: Option<PathBuf>,

    /// End with 2 if a core gave no result
    #[arg(long, help_heading = "Running")]
    strict: bool,

    /// Write a snapshot of each core into this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    snapshot_dir: Option<PathBuf>,

    /// Form of the results
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    format: Format,

    /// Lines in the order of the cores, not as they are done
    #[arg(long, help_heading = "Output")]
    ordered: bool,

    /// What the summary groups by
    #[arg(long, value_enum, default_value_t = By::Signature, value_name = "KEY", help_heading = "Output")]
    group_by: By,

    /// Findings, causes, parties of each core in its line
    #[arg(long, value_name = "N", default_value = "20", help_heading = "Output")]
    max_findings: usize,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

/// How results look.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// A line of text a core; may change
    Text,
    /// One JSON object a core, of schema badmap/1 (docs/JSON.md)
    Jsonl,
    /// JUnit XML, for CI
    Junit,
    /// SARIF 2.1.0, for code scanners
    Sarif,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let (quiet, started) = (args.look.quiet, Instant::now());
    let Found {
        cores,
        inputs,
        absent,
    } = find_cores(args)?;
    let tmp_dir = args.tmp_dir.clone().unwrap_or_else(std::env::temp_dir);
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(cores.len()).max(1);
    let batch = set_up(args, &inputs, cores.len(), &tmp_dir, jobs)?;
    let store = open_store(args, &tmp_dir)?.map(Mutex::new);
    let rendered = matches!(args.format, Format::Junit | Format::Sarif);
    let bar = Bar::new(quiet || (!rendered && io::stdout().is_terminal()));
    bar.phase("checking cores", Some(cores.len() as u64));
    let signals = Signals::catch().context("catching signals")?;
    let mut tally = Tally::new(args);
    let mut lost = None;
    let ended = run_batch(
        &batch,
        &cores,
        signals.stop(),
        &|core| done_before(args, store.as_ref(), core),
        &mut |mut line, origin| {
            tally.add(&mut line, origin);
            let written = keep(store.as_ref(), &line, origin)
                .context("writing the results")
                .and_then(|()| write_line(args, &line));
            bar.at(tally.summary.cores);
            written.map_err(|e| {
                lost = Some(e);
                io::Error::other("what was found cannot be written")
            })
        },
    )?;
    drop(bar);
    if let Some(e) = lost {
        let closed = e
            .downcast_ref::<OutputError>()
            .is_some_and(OutputError::is_closed_pipe);
        if !closed {
            return Err(e);
        }
        // Nobody reads any more. That is no failure, and no success either.
        if !quiet {
            say(&stopped(args, tally.summary.cores, cores.len()));
        }
        return Ok(CLOSED);
    }
    ended.context("reading the results of before")?;
    if let Some(store) = store.as_ref().filter(|_| rendered) {
        let store = lock(store);
        let lines = cores.iter().filter_map(|c| stored(&store, c).ok()?);
        write_out(|out| match args.format {
            Format::Sarif => write_sarif(out, lines),
            Format::Junit | Format::Text | Format::Jsonl => write_junit(out, lines),
        })?;
    }
    if let (Some(store), Some(path)) = (&store, &args.resume) {
        lock(store).verify(path)?;
    }
    let caught = signals.caught();
    if !quiet {
        tally.summary.took_ms = u64::try_from(started.elapsed().as_millis()).ok();
        say(&tally.text(args)?);
        if caught.is_some() {
            say(&stopped(args, tally.summary.cores, cores.len()));
        }
    }
    Ok(match caught {
        Some(signal) => signal.saturating_add(128),
        None => tally.exit(&inputs, absent),
    })
}

/// Exit code when nobody reads what is written, as the shell has it of SIGPIPE.
const CLOSED: u8 = 141;

fn stopped(args: &Args, done: u64, all: usize) -> String {
    format!(
        "badmap: stopped: {done} of {} done{}\n",
        count(all as u64, "core", "cores"),
        match args.resume {
            Some(_) => "; the same command goes on from here",
            None => "; with --resume FILE it could go on from here",
        }
    )
}

/// Prepares what all processes of the batch have in common.
fn set_up(
    args: &Args,
    inputs: &Inputs,
    cores: usize,
    tmp_dir: &Path,
    jobs: usize,
) -> anyhow::Result<Batch> {
    let mut listed = Listed::default();
    if cores > 0 {
        for dir in &args.binary_dirs {
            let unsaved = listed.add_dir(dir, args.index_cache)?;
            if let Some(e) = unsaved.filter(|_| !args.look.quiet) {
                let dir = dir.display();
                say(&format!(
                    "badmap: {dir}: the index could not be kept: {e}\n"
                ));
            }
        }
        inputs.binaries.iter().for_each(|b| listed.add_file(b));
    }
    if listed.nameless > 0 && !args.look.quiet {
        let n = count(listed.nameless, "executable shows", "executables show");
        say(&format!("badmap: {n} no build ID, and can be no core's\n"));
    }
    if let Some(dir) = &args.snapshot_dir {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("making the directory {}", dir.display()))?;
    }
    let share = |all: u64| all.checked_div(jobs as u64).unwrap_or(all);
    let limit = args.tmp_limit.or_else(|| half_of_free(tmp_dir));
    let timeout = Some(args.timeout).filter(|t| !t.is_zero());
    let setup = Setup {
        index: listed.entries,
        allow_mismatch: args.allow_mismatch,
        tmp_dir: tmp_dir.as_os_str().to_owned(),
        tmp_limit: limit.map(share),
        values: args.redaction.mode().as_str().to_owned(),
        digest_key: args.redaction.key(args.look.quiet)?,
        most: args.max_findings,
        threads: usize::from(args.threads),
        mem_limit: Some(args.mem_limit).filter(|n| *n > 0),
        timeout: timeout.map(|t| t.as_secs().max(1)),
        nice: args.nice,
    };
    Ok(Batch {
        program: program()?,
        args: vec!["batch-child".to_owned()],
        setup: setup.write().map_err(|e| unusable(tmp_dir, e))?,
        jobs,
        ordered: args.ordered,
        timeout,
        snapshot_dir: args.snapshot_dir.clone(),
    })
}

/// This very program: on Linux the one that runs, though its file may have been replaced.
fn program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_path_buf());
    }
    std::env::current_exe().context("finding badmap itself")
}

fn unusable(dir: &Path, source: io::Error) -> anyhow::Error {
    BatchError::File {
        doing: "making a temporary file in",
        path: dir.to_path_buf(),
        source,
    }
    .into()
}

/// Where results are kept: in a file of the user's, else for the time being if they are rendered at the end.
fn open_store(args: &Args, tmp_dir: &Path) -> anyhow::Result<Option<Store>> {
    let Some(path) = &args.resume else {
        let kept = matches!(args.format, Format::Junit | Format::Sarif);
        let store = kept.then(|| Store::temporary(tmp_dir)).transpose();
        return store.map_err(|e| unusable(tmp_dir, e));
    };
    let store = Store::open(path)?;
    if store.mended() > 0 && !args.look.quiet {
        say(&format!(
            "badmap: {}: its last line was not whole, and is gone\n",
            clean(&path.display().to_string())
        ));
    }
    Ok(Some(store))
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line of a core that an earlier run has looked at.
fn done_before(
    args: &Args,
    store: Option<&Mutex<Store>>,
    core: &Candidate,
) -> io::Result<Option<Line>> {
    let Some(store) = store else { return Ok(None) };
    let store = lock(store);
    if !store.is_done(&core.core(), Stamp::of(&core.path), args.retry_failed) {
        return Ok(None);
    }
    let line = stored(&store, core)?;
    // One that has no snapshot yet, though one is wanted, is not done.
    let lacks =
        |l: &Line| args.snapshot_dir.is_some() && l.snapshot.is_none() && l.status == Status::Ok;
    Ok(line.filter(|l| !lacks(l)))
}

/// The line of a core, with what is expected of it now.
fn stored(store: &Store, core: &Candidate) -> io::Result<Option<Line>> {
    let mut line = store.line(&core.core())?;
    if let Some(line) = &mut line {
        line.expected = core.expect.as_ref().map(|e| e.judge(line));
    }
    Ok(line)
}

fn keep(store: Option<&Mutex<Store>>, line: &Line, origin: Origin) -> io::Result<()> {
    match store.filter(|_| origin == Origin::Now) {
        Some(store) => lock(store).add(line),
        None => Ok(()),
    }
}

/// Writes a line at once and whole.
fn write_line(args: &Args, line: &Line) -> anyhow::Result<()> {
    match args.format {
        Format::Text => write_out(|out| batch_text::write_line(out, line, args.look.style())),
        Format::Jsonl => write_out(|out| write_jsonl(out, line)),
        Format::Junit | Format::Sarif => Ok(()),
    }
}
