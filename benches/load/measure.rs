//! One process and what it took.
//! In: a command, and limits. Out: its exit code, wall time, processor time, and the peak of its anonymous memory.

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitId;
use rustix::process::WaitIdOptions;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use wait4::Wait4;

/// How often memory is looked at.
const TICK: Duration = Duration::from_millis(5);

/// What a program may take before it is ended.
pub struct Limits {
    time: Duration,
    anon: u64,
}

impl Limits {
    pub fn none() -> Limits {
        Limits {
            time: Duration::MAX,
            anon: u64::MAX,
        }
    }

    /// Time as it was asked for, and three quarters of the memory that is free.
    pub fn of_peers(seconds: u64) -> Limits {
        let free = kib("/proc/meminfo", "MemAvailable:").unwrap_or(u64::MAX);
        Limits {
            time: Duration::from_secs(seconds),
            anon: free.saturating_mul(768),
        }
    }
}

/// A program to run, and what it reads on its standard input. Its output goes nowhere.
pub struct Program {
    pub command: Command,
    pub input: &'static str,
}

impl Program {
    pub fn new(command: Command) -> Program {
        let input = "";
        Program { command, input }
    }
}

/// What one process took, and how it ended.
#[derive(Clone, Debug)]
pub struct Measured {
    pub wall: Duration,
    pub cpu: Duration,
    /// Peak of `RssAnon`, in bytes.
    pub anon: u64,
    pub ended: Ended,
    /// The last line of what it complained of.
    pub words: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    Code(i32),
    Signal(i32),
    /// It was ended because of a limit.
    TooLong,
    TooLarge,
    NotStarted,
}

/// Runs a program to its end.
pub fn run(program: Program, limits: Limits) -> Measured {
    let Program { mut command, input } = program;
    let words = tempfile::tempfile().expect("a file for what it says");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(words.try_clone().expect("a file is shared"));
    let started = Instant::now();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => return not_started(&e.to_string()),
    };
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes()); // whether it reads is its own affair
    }
    let pid = Pid::from_child(&child);
    let done = AtomicBool::new(false);
    let (wall, anon, over) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(pid, started, &limits, &done));
        // It stays a zombie, so that the watcher cannot end another process of the same number.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while rustix::process::waitid(WaitId::Pid(pid), options).is_err() {}
        let wall = started.elapsed();
        done.store(true, Ordering::Relaxed);
        let (anon, over) = watcher.join().expect("the watcher ends");
        (wall, anon, over)
    });
    let used = child.wait4().expect("a child can be waited for");
    let ended = over.unwrap_or(match (used.status.code(), used.status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    });
    Measured {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        anon,
        ended,
        words: last_line(words),
    }
}

fn not_started(why: &str) -> Measured {
    Measured {
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        anon: 0,
        ended: Ended::NotStarted,
        words: why.to_owned(),
    }
}

/// Looks at a process's memory until it is done, and ends it when it takes too much.
fn watch(pid: Pid, started: Instant, limits: &Limits, done: &AtomicBool) -> (u64, Option<Ended>) {
    let status = format!("/proc/{}/status", pid.as_raw_nonzero());
    let (mut most, mut over) = (0, None);
    while !done.load(Ordering::Relaxed) {
        let anon = kib(&status, "RssAnon:").unwrap_or_default() * 1024;
        most = most.max(anon);
        if over.is_none() {
            over = match () {
                () if anon > limits.anon => Some(Ended::TooLarge),
                () if started.elapsed() > limits.time => Some(Ended::TooLong),
                () => None,
            };
            if over.is_some() {
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
        std::thread::sleep(TICK);
    }
    (most, over)
}

/// A number of KiB out of a file of `/proc`.
fn kib(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn last_line(mut words: File) -> String {
    let mut text = Vec::new();
    let _ = words.rewind();
    let _ = words.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rfind(|l| !l.trim().is_empty());
    line.unwrap_or_default().trim().to_owned()
}
