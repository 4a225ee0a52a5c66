//! The process that looks at one core, seen from the one that runs the batch.
//! In: a command, limits, and a flag that says when to stop. Out: the line it wrote, or what became of it; and what it
//! took. This is the one place outside of the command line that starts processes and looks at a clock: time is what
//! isolation is about.

use crate::batch::line::Line;
use crate::batch::line::Resources;
use crate::batch::line::Status;
use crate::batch::line::Trouble;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::process::ChildStderr;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use wait4::ResourceUsage;
use wait4::Wait4;

/// How long a wait for a child lasts before the flag is looked at again.
const TICK: Duration = Duration::from_millis(100);
/// How long after a child's death by a signal the batch may still learn that it was meant too.
const GRACE: Duration = Duration::from_secs(1);
/// Bytes of the line that are read; a child that says more is stopped.
const MAX_OUTPUT: usize = 64 << 20;
/// Bytes of its last words that are kept.
const MAX_WORDS: usize = 16 << 10;
/// How Rust's own words begin when there is no more memory. Source: `library/std/src/alloc.rs`,
/// `default_alloc_error_hook`.
const NO_MEMORY: &str = "memory allocation of ";
/// Signals that say something.
const SIGKILL: i32 = 9;
const SIGBUS: i32 = 7;
const SIGXCPU: i32 = 24;

/// What became of a child.
#[derive(Debug)]
pub enum Ended {
    /// It is done, one way or the other.
    Line(Box<Line>),
    /// It was stopped because the whole batch is.
    Interrupted,
}

/// Runs one child to its end.
/// # Errors
/// When it cannot be started, or not be waited for.
pub fn run_child(
    mut command: Command,
    timeout: Option<Duration>,
    stop: &AtomicBool,
) -> io::Result<Ended> {
    let started = Instant::now();
    let deadline = timeout.and_then(|t| started.checked_add(t));
    // A group of its own: what the terminal sends to stop the batch goes to the batch, which ends its children.
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (out, words, why) = listen(&mut child, deadline, stop);
    if why != Stopped::Not {
        let _ = child.kill(); // it may have ended just now
    }
    let (status, usage, late) = wait(&mut child, deadline)?;
    let why = if late { Stopped::TooLong } else { why };
    if why == Stopped::Interrupted || (ends_tasks(status) && is_stopped_soon(stop)) {
        return Ok(Ended::Interrupted);
    }
    let mut line = match why {
        Stopped::TooLong => trouble(
            Status::Timeout,
            match timeout {
                Some(t) => format!("it was not done after {}, and was stopped", seconds(t)),
                None => "it was stopped".into(),
            },
        ),
        Stopped::TooMuch => trouble(
            Status::Crashed,
            "its process wrote without end, and was stopped".into(),
        ),
        Stopped::Not | Stopped::Interrupted => judge(status, &out, &words),
    };
    line.resources = Some(Resources {
        wall_ms: millis(started.elapsed()),
        cpu_ms: millis(usage.utime.saturating_add(usage.stime)),
        peak_rss: usage.maxrss,
    });
    Ok(Ended::Line(Box::new(line)))
}

/// Why a child was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stopped {
    Not,
    TooLong,
    TooMuch,
    Interrupted,
}

/// Reads what a child writes until it closes both ends, or has to be stopped.
fn listen(
    child: &mut Child,
    deadline: Option<Instant>,
    stop: &AtomicBool,
) -> (Vec<u8>, Vec<u8>, Stopped) {
    let mut stdout: Option<ChildStdout> = child.stdout.take();
    let mut stderr: Option<ChildStderr> = child.stderr.take();
    let (mut out, mut words) = (Vec::new(), Vec::new());
    while stdout.is_some() || stderr.is_some() {
        if stop.load(Ordering::Relaxed) {
            return (out, words, Stopped::Interrupted);
        }
        let left = deadline.map_or(TICK, |d| d.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return (out, words, Stopped::TooLong);
        }
        wait_for(stdout.as_ref(), stderr.as_ref(), left.min(TICK));
        read_some(&mut stdout, &mut out, MAX_OUTPUT);
        read_some(&mut stderr, &mut words, MAX_WORDS);
        if out.len() >= MAX_OUTPUT {
            return (out, words, Stopped::TooMuch);
        }
    }
    (out, words, Stopped::Not)
}

/// Waits until there is something to read from one of them, or the time is over.
fn wait_for(out: Option<&ChildStdout>, err: Option<&ChildStderr>, time: Duration) {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(2);
    fds.extend(out.map(|f| PollFd::from_borrowed_fd(f.as_fd(), PollFlags::IN)));
    fds.extend(err.map(|f| PollFd::from_borrowed_fd(f.as_fd(), PollFlags::IN)));
    let time = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    let _ = poll(&mut fds, Some(&time)); // interrupted: the caller asks again
}

/// Reads what is there; one that has been closed becomes `None`. Beyond `most` bytes nothing is kept.
fn read_some<F: Read + AsFd>(from: &mut Option<F>, into: &mut Vec<u8>, most: usize) {
    let mut buf = [0u8; 1 << 16];
    while let Some(file) = from {
        let mut fds = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if !matches!(poll(&mut fds, Some(&now)), Ok(n) if n > 0) {
            return;
        }
        match file.read(&mut buf) {
            Ok(0) => *from = None,
            Ok(n) => {
                let room = most.saturating_sub(into.len());
                into.extend(buf.iter().take(n.min(room)));
                if n > room {
                    return;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => *from = None,
        }
    }
}

/// Waits for the end of a child that has closed its output or was killed; one that lingers is killed at the deadline,
/// which the flag says.
fn wait(
    child: &mut Child,
    deadline: Option<Instant>,
) -> io::Result<(ExitStatus, ResourceUsage, bool)> {
    let pid = rustix::process::Pid::from_child(child);
    let options = rustix::process::WaitIdOptions::EXITED
        | rustix::process::WaitIdOptions::NOHANG
        | rustix::process::WaitIdOptions::NOWAIT;
    let mut late = false;
    let mut pause = Duration::from_micros(200);
    while let Ok(None) = rustix::process::waitid(rustix::process::WaitId::Pid(pid), options) {
        if deadline.is_some_and(|d| Instant::now() >= d) {
            let _ = child.kill();
            late = true;
            break;
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(TICK);
    }
    let used = child.wait4()?;
    Ok((used.status, used.rusage, late))
}

/// Whether a child died of a signal by which whole tasks are ended: SIGHUP, SIGINT, SIGTERM.
fn ends_tasks(status: ExitStatus) -> bool {
    matches!(status.signal(), Some(1 | 2 | 15))
}

/// Whether the batch is being stopped too: a signal for all of its processes may reach this child first, before it can
/// ignore it.
fn is_stopped_soon(stop: &AtomicBool) -> bool {
    let started = Instant::now();
    while started.elapsed() < GRACE {
        if stop.load(Ordering::Relaxed) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// What a child that ended by itself has to say.
fn judge(status: ExitStatus, out: &[u8], words: &[u8]) -> Line {
    let words = String::from_utf8_lossy(words);
    if status.success() {
        return match serde_json::from_slice::<Line>(out) {
            Ok(line) => line,
            Err(e) => trouble(
                Status::Crashed,
                format!("its process wrote something else than a line: {e}"),
            ),
        };
    }
    let said = last_words(&words);
    if let Some(line) = words.lines().find(|l| l.contains(NO_MEMORY)) {
        return trouble(Status::Memory, format!("it took too much memory: {line}"));
    }
    match status.signal() {
        Some(SIGXCPU) => trouble(
            Status::Timeout,
            "it used more processor time than it may".into(),
        ),
        Some(SIGBUS) => trouble(
            Status::Crashed,
            "a file was cut short while it was read (SIGBUS)".into(),
        ),
        Some(SIGKILL) => trouble(
            Status::Crashed,
            "somebody killed its process; the system does so when it runs out of memory (SIGKILL)"
                .into(),
        ),
        Some(n) => trouble(
            Status::Crashed,
            format!("its process died of signal {n}{}", behind(&said)),
        ),
        None => trouble(
            Status::Crashed,
            format!(
                "its process ended with exit code {}{}",
                status.code().unwrap_or(-1),
                behind(&said)
            ),
        ),
    }
}

fn behind(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

/// The lines on stderr that say what happened: those of a panic, else the last one.
fn last_words(words: &str) -> String {
    let lines: Vec<&str> = words.lines().filter(|l| !l.trim().is_empty()).collect();
    let panic = lines.iter().position(|l| l.contains(" panicked at "));
    match panic {
        Some(at) => lines
            .iter()
            .skip(at)
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join(" "),
        None => (*lines.last().unwrap_or(&"")).to_owned(),
    }
}

fn trouble(status: Status, what: String) -> Line {
    let hint = match status {
        Status::Timeout => Some("--timeout gives it more time"),
        Status::Memory => Some("--mem-limit gives it more memory"),
        Status::Ok | Status::Failed | Status::Crashed => None,
    };
    Line {
        status,
        exit: 2,
        error: Some(Trouble {
            what,
            hint: hint.map(str::to_owned),
            looked_for: None,
        }),
        ..Line::default()
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(d: Duration) -> String {
    if d.subsec_nanos() == 0 {
        format!("{} s", d.as_secs())
    } else {
        format!("{:.1} s", d.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // a failed unwrap is a failed test
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    fn ended(script: &str, timeout: u64) -> Line {
        let go_on = AtomicBool::new(false);
        match run_child(sh(script), Some(Duration::from_millis(timeout)), &go_on).unwrap() {
            Ended::Line(line) => *line,
            Ended::Interrupted => panic!("nobody stopped it"),
        }
    }

    fn what(line: &Line) -> &str {
        line.error.as_ref().map_or("", |e| e.what.as_str())
    }

    #[test]
    fn a_line_comes_through_with_what_it_took() {
        let line = ended(r#"echo '{"core":"x","status":"ok","exit":1}'"#, 10_000);
        assert_eq!(
            (line.status, line.exit, line.core.as_str()),
            (Status::Ok, 1, "x")
        );
        assert!(line.resources.unwrap().peak_rss > 0);
    }

    #[test]
    fn every_other_end_is_a_result_too() {
        let line = ended("sleep 100", 200);
        assert_eq!(line.status, Status::Timeout);
        assert_eq!(what(&line), "it was not done after 0.2 s, and was stopped");
        let line = ended("exec 1>&- 2>&-; sleep 100", 200);
        assert_eq!(line.status, Status::Timeout);
        let line = ended("kill -SEGV $$", 10_000);
        assert_eq!(line.status, Status::Crashed);
        assert_eq!(what(&line), "its process died of signal 11");
        let line = ended(
            "echo 'memory allocation of 7 bytes failed' >&2; kill -ABRT $$",
            10_000,
        );
        assert_eq!(line.status, Status::Memory);
        let line = ended(
            "echo \"thread 'main' panicked at src/x.rs:1:\nboo\" >&2; exit 101",
            10_000,
        );
        assert_eq!(line.status, Status::Crashed);
        assert!(what(&line).ends_with("boo"), "{}", what(&line));
        let line = ended("echo nothing", 10_000);
        assert_eq!(line.status, Status::Crashed);
        let line = ended("kill -KILL $$", 10_000);
        assert_eq!(line.status, Status::Crashed);
    }

    #[test]
    fn one_that_writes_without_end_is_stopped() {
        let line = ended("cat /dev/zero", 60_000);
        assert_eq!(line.status, Status::Crashed);
        let line = ended(
            "cat /dev/zero >&2 & sleep 0.2; kill $!; wait; exit 3",
            60_000,
        );
        assert!(what(&line).contains("exit code 3"), "{}", what(&line));
    }

    #[test]
    fn a_flag_stops_it() {
        let stop = AtomicBool::new(true);
        let ended = run_child(sh("sleep 100"), None, &stop).unwrap();
        assert!(matches!(ended, Ended::Interrupted));
    }
}
