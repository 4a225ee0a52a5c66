//! The batch: so many cores at a time, each in a process of its own, and what they give in order or as it comes.
//! In: cores, and what their processes are to do. Out: a line for each, lent to the caller one after the other.

use crate::batch::candidate::Candidate;
use crate::batch::child::Ended;
use crate::batch::child::run_child;
use crate::batch::error::BatchError;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::file::stream::remove_parts;
use crate::schema::SCHEMA;
use crate::schema::TOOL;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::UNIX_EPOCH;

/// How far the work may run ahead of the first core that is not done, where order is asked for.
const WINDOW: usize = 256;
/// How often a process that waits for its turn looks whether it is there.
const PAUSE: Duration = Duration::from_millis(5);

/// How a batch is run.
#[derive(Debug)]
pub struct Batch {
    /// The program that looks at one core, and what stands before the core in its arguments.
    pub program: PathBuf,
    /// See `program`.
    pub args: Vec<String>,
    /// What its processes have in common: `Setup` as a file.
    pub setup: File,
    /// Cores at a time.
    pub jobs: usize,
    /// Lines come in the order of the cores.
    pub ordered: bool,
    /// Time for one core.
    pub timeout: Option<Duration>,
    /// Where snapshots are written.
    pub snapshot_dir: Option<PathBuf>,
}

/// Where a line comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It is new.
    Now,
    /// It was there before.
    Before,
}

/// Runs a batch. `before`: the line of a core that is done already. `each` gets every line; what it cannot write ends the
/// batch. `stop` ends it too, and is set when something else does; cores that are not done then have no line.
/// # Errors
/// `Spawn`, and what `each` says.
pub fn run(
    batch: &Batch,
    cores: &[Candidate],
    stop: &AtomicBool,
    before: &(dyn Fn(&Candidate) -> io::Result<Option<Line>> + Sync),
    each: &mut dyn FnMut(Line, Origin) -> io::Result<()>,
) -> Result<io::Result<()>, BatchError> {
    let next = AtomicUsize::new(0);
    let given = AtomicUsize::new(0);
    let (send, receive) = sync_channel(batch.jobs.max(1));
    std::thread::scope(|scope| {
        for _ in 0..batch.jobs.max(1) {
            let (send, next, given) = (send.clone(), &next, &given);
            scope.spawn(move || worker(batch, cores, stop, before, next, given, &send));
        }
        drop(send);
        let mut early = BTreeMap::new();
        let mut result: Result<io::Result<()>, BatchError> = Ok(Ok(()));
        for (i, done) in receive {
            match done {
                Done::Line(line, from) => {
                    early.insert(i, (*line, from));
                }
                Done::Failed(e) => {
                    stop.store(true, Ordering::Relaxed);
                    result = result.and(Err(e));
                }
                Done::Unreadable(e) => {
                    stop.store(true, Ordering::Relaxed);
                    result = result.map(|r| r.and(Err(e)));
                }
            }
            while let Some(entry) = early.first_entry() {
                if batch.ordered && *entry.key() != given.load(Ordering::Relaxed) {
                    break;
                }
                let (line, from) = entry.remove();
                given.fetch_add(1, Ordering::Relaxed);
                if matches!(result, Ok(Ok(())))
                    && let Err(e) = each(line, from)
                {
                    stop.store(true, Ordering::Relaxed);
                    result = Ok(Err(e));
                }
            }
        }
        // Stopped: what was done out of turn is done all the same.
        for (line, from) in early.into_values() {
            if matches!(result, Ok(Ok(())))
                && let Err(e) = each(line, from)
            {
                result = Ok(Err(e));
            }
        }
        result
    })
}

/// What a worker has to say of a core.
enum Done {
    Line(Box<Line>, Origin),
    Failed(BatchError),
    Unreadable(io::Error),
}

fn worker(
    batch: &Batch,
    cores: &[Candidate],
    stop: &AtomicBool,
    before: &(dyn Fn(&Candidate) -> io::Result<Option<Line>> + Sync),
    next: &AtomicUsize,
    given: &AtomicUsize,
    send: &SyncSender<(usize, Done)>,
) {
    let stopped = || stop.load(Ordering::Relaxed);
    while !stopped() {
        let i = next.fetch_add(1, Ordering::Relaxed);
        let Some(core) = cores.get(i) else { return };
        while batch.ordered
            && i >= given.load(Ordering::Relaxed).saturating_add(WINDOW)
            && !stopped()
        {
            std::thread::sleep(PAUSE);
        }
        let done = match before(core) {
            Ok(Some(line)) => Done::Line(Box::new(line), Origin::Before),
            Ok(None) => match look(batch, core, stop) {
                Ok(Some(line)) => Done::Line(line, Origin::Now),
                Ok(None) => return,
                Err(source) => Done::Failed(BatchError::Spawn {
                    core: core.core(),
                    source,
                }),
            },
            Err(e) => Done::Unreadable(e),
        };
        if send.send((i, done)).is_err() {
            return;
        }
    }
}

/// Looks at one core in a process of its own; `None` when the batch is stopped.
fn look(batch: &Batch, core: &Candidate, stop: &AtomicBool) -> io::Result<Option<Box<Line>>> {
    let snapshot = batch
        .snapshot_dir
        .as_deref()
        .map(|d| snapshot_path(d, core));
    let mut command = Command::new(&batch.program);
    command
        .arg0("badmap")
        .args(&batch.args)
        .stdin(batch.setup.try_clone()?);
    if let Some(binary) = &core.binary {
        command.arg("--binary").arg(binary);
    }
    if let Some(path) = &snapshot {
        remove_parts(path); // of a batch that was killed
        command.arg("--snapshot").arg(path);
    }
    command.arg("--").arg(&core.path);
    let ended = run_child(command, batch.timeout, stop)?;
    let killed = match &ended {
        Ended::Line(line) => !matches!(line.status, Status::Ok | Status::Failed),
        Ended::Interrupted => true,
    };
    if let Some(path) = snapshot.filter(|_| killed) {
        remove_parts(&path);
    }
    match ended {
        Ended::Line(line) => Ok(Some(Box::new(complete(*line, core)))),
        Ended::Interrupted => Ok(None),
    }
}

/// Where the snapshot of a core goes: the file's own name, and something that tells it from others of that name.
fn snapshot_path(dir: &Path, core: &Candidate) -> PathBuf {
    let name = core.path.file_name().unwrap_or_default().to_string_lossy();
    let hash = blake3::hash(core.core().as_bytes()).to_hex();
    let few = hash.get(..8).unwrap_or_default();
    dir.join(format!("{name}-{few}.badmap"))
}

/// What tells whether a file is still the one that was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stamp {
    /// Its size in bytes.
    pub file_bytes: Option<u64>,
    /// When it was last written, in seconds since 1970.
    pub time: Option<u64>,
    /// And nanoseconds.
    pub time_ns: Option<u32>,
}

impl Stamp {
    /// Of a file as it is now.
    pub fn of(path: &Path) -> Stamp {
        let Ok(meta) = std::fs::metadata(path) else {
            return Stamp::default();
        };
        let time = meta.modified().ok();
        let time = time.and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Stamp {
            file_bytes: meta.is_file().then_some(meta.len()),
            time: time.map(|t| t.as_secs()),
            time_ns: time.map(|t| t.subsec_nanos()),
        }
    }
}

/// Adds what the core's own process does not know.
fn complete(mut line: Line, core: &Candidate) -> Line {
    line.schema = SCHEMA.to_owned();
    line.version = TOOL.version.to_string();
    line.core = core.core();
    let stamp = Stamp::of(&core.path);
    line.file_bytes = stamp.file_bytes;
    (line.time, line.time_ns) = (stamp.time, stamp.time_ns);
    let process = line.check.as_ref().map(|c| &c.process);
    let host = process.and_then(|p| p.host.as_deref()).map(str::to_owned);
    line.host = core.host.clone().or(host);
    line.cpu = process.and_then(|p| Some(p.cpu.as_ref()?.name.to_string()));
    line.expected = core.expect.as_ref().map(|e| e.judge(&line));
    line
}
