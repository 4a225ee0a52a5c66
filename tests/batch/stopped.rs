//! A batch that was stopped in the middle, in good order or not, and goes on: in the end it is as if it never had been.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::few;
use crate::batch::runner::lines;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

fn command(file: &Path, cores: &[String]) -> Command {
    let mut args: Vec<&str> = cores.iter().map(String::as_str).collect();
    args.extend([
        "--binary-dir",
        BINARIES,
        "--resume",
        arg(file),
        "--format",
        "jsonl",
    ]);
    args.extend(["--jobs", "1", "--ordered"]);
    let mut command = batch(&args);
    command.env("BADMAP_TEST_HOOK", "slow:.zst");
    command
}

/// Starts it, and sends a signal when two lines are there: its exit code, or the signal it died of.
fn stopped(mut command: Command, file: &Path, signal: &str) -> Result<i32, i32> {
    use std::os::unix::process::ExitStatusExt;
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let done = || {
        std::fs::read_to_string(file)
            .unwrap_or_default()
            .lines()
            .count()
    };
    while done() < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "it comes to nothing"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    status.code().ok_or_else(|| status.signal().unwrap())
}

/// Waits until no process looks at these cores any more.
fn nobody_is_left(cores: &[String]) {
    let started = Instant::now();
    loop {
        let left = children_at(cores);
        if left.is_empty() {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{left:?} are left"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes of batches that look at the last of these cores.
fn children_at(cores: &[String]) -> Vec<u32> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains("batch-child") && cores.iter().any(|c| line.contains(c.as_str())) {
            out.push(pid);
        }
    }
    out
}

#[test]
fn what_was_stopped_goes_on_and_nothing_is_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // Cores of this test's own, so that nobody else's processes look at them.
    let cores: Vec<String> = few()
        .iter()
        .map(|core| {
            let to = at(Path::new(core).file_name().unwrap().to_str().unwrap());
            std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(core), &to).unwrap();
            arg(&to).to_owned()
        })
        .collect();
    let whole = ended(command(&at("whole"), &cores));
    assert_eq!(whole.2, 1, "{}", whole.1);
    let all = lines(&whole.0);
    assert_eq!(all.len(), cores.len());

    for (signal, expected) in [("-TERM", Ok(143)), ("-INT", Ok(130)), ("-KILL", Err(9))] {
        let file = at(&format!("results{signal}"));
        assert_eq!(stopped(command(&file, &cores), &file, signal), expected);
        nobody_is_left(&cores);
        let half = std::fs::read_to_string(&file).unwrap();
        assert!(half.ends_with('\n'), "whole lines only: {signal}");
        let n = lines(&half).len();
        assert!((2..cores.len()).contains(&n), "{n} lines: {signal}");
        // A machine that lost its power leaves half a line.
        let broken = format!("{half}{}", &half[..150]);
        std::fs::write(&file, broken).unwrap();
        let (out, err, code) = ended(command(&file, &cores));
        assert_eq!(code, 1);
        assert!(err.contains("its last line was not whole"), "{err}");
        assert_eq!(lines(&out), all, "{signal}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&half), "what was there stays as it was");
        assert_eq!(lines(&text), all, "{signal}");
        // And once more: there is nothing left to do.
        let started = Instant::now();
        assert_eq!(lines(&ended(command(&file, &cores)).0), all);
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

/// Schedulers send the signal that ends a task to all of its processes, and the processes of cores may get it first.
#[test]
fn a_signal_for_all_processes_makes_no_core_a_crashed_one() {
    let dir = tempfile::tempdir().unwrap();
    let core = dir.path().join("core.1");
    let golden = few().remove(0);
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden), &core).unwrap();
    let cores = [arg(&core).to_owned()];
    for (i, hook) in ["hang:core.1", "slow:core.1"].into_iter().enumerate() {
        let file = dir.path().join(format!("results-{i}"));
        let mut command = command(&file, &cores);
        command.env("BADMAP_TEST_HOOK", hook);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let of_core = loop {
            if let Some(pid) = children_at(&cores).first() {
                break *pid;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "no process for the core"
            );
            std::thread::sleep(Duration::from_millis(1));
        };
        let kill = |pid: u32| {
            Command::new("kill")
                .args(["-TERM", &pid.to_string()])
                .status()
        };
        assert!(kill(of_core).unwrap().success());
        std::thread::sleep(Duration::from_millis(50));
        assert!(kill(child.id()).unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(143));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "", "{hook}");
        nobody_is_left(&cores);
    }
}

#[test]
fn a_core_that_changed_or_gave_nothing_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("core.1"), b"").unwrap();
    let run = |more: &[&str]| {
        let (core, results) = (at("core.1"), at("results"));
        let mut args = vec![arg(&core), "--resume", arg(&results), "-q"];
        args.extend(more);
        let code = ended(batch(&args)).2;
        assert_eq!(code, 3);
        std::fs::read_to_string(at("results"))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!(run(&[]), 1);
    assert_eq!(run(&[]), 1);
    assert_eq!(run(&["--retry-failed"]), 2);
    std::fs::write(at("core.1"), b"now a text").unwrap();
    assert_eq!(run(&[]), 3);
    assert_eq!(run(&[]), 3);
}

#[test]
fn a_file_of_other_contents_is_never_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes.txt");
    std::fs::write(&notes, "my notes\n").unwrap();
    let (_, err, code) = ended(batch(&["corpora/golden/cores", "--resume", arg(&notes)]));
    assert_eq!(code, 2);
    assert!(err.contains("line 1 is no result of a batch"), "{err}");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "my notes\n");
}
