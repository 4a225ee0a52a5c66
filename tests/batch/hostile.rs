//! Golden cores among files that are none, or worse, in one batch: each line is right, the batch ends by itself, and
//! leaves nothing behind.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::batch;
use crate::batch::runner::files_in;
use crate::batch::runner::golden;
use crate::batch::runner::lines;
use crate::batch::runner::unpacked;
use crate::synthcore::Core;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::io::Write;
use std::os::linux::fs::MetadataExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Disk that unpacked files may take, all processes together.
const DISK: u64 = 192 << 20;

/// What becomes of each file, and what its line says.
const HOSTILE: [(&str, &str, &str); 21] = [
    ("core.empty", "failed", "it is empty"),
    ("core.random", "failed", "it is not an ELF file"),
    ("core.text", "failed", "it is a text file"),
    ("core.head", "failed", "core.head"),
    ("core.lies", "failed", "core.lies"),
    ("core.alone", "failed", "looking for the binary"),
    ("core.other-build", "failed", "build IDs differ"),
    ("core.of-c", "failed", "it is not a Go program"),
    ("core.fifo", "failed", "a pipe, socket or device"),
    ("core.socket", "failed", "a pipe, socket or device"),
    ("core.gone", "failed", "No such file"),
    ("core.circle", "failed", "symbolic links"),
    ("core.garbage.zst", "failed", "core.garbage.zst"),
    ("core.garbage.xz", "failed", "core.garbage.xz"),
    ("core.half.zst", "ok", ""),
    ("core.zeros.zst", "timeout", "not done after"),
    ("core.bomb.gz", "failed", "more than"),
    ("core.hangs", "timeout", "not done after"),
    ("core.eats", "memory", "too much memory"),
    ("core.panics", "crashed", "as the test wishes"),
    ("core.aborts", "crashed", "signal 6"),
];

/// The header of a core that is fine as far as it goes.
fn header() -> Vec<u8> {
    Core::amd64().bytes()
}

/// A zstd file of a core's header and so many times 128 MiB of zeros.
fn zeros(times: usize) -> Vec<u8> {
    let mut out = zstd::stream::encode_all(header().as_slice(), 1).unwrap();
    let frame = zstd::stream::encode_all(std::io::repeat(0).take(128 << 20), 1).unwrap();
    for _ in 0..times {
        out.extend_from_slice(&frame);
    }
    out
}

/// Writes all the hostile files.
fn plant(dir: &Path) {
    let at = |name: &str| dir.join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(at(name), bytes).unwrap();
    write("core.empty", b"");
    let noise: Vec<u8> = (0..60_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    write("core.random", &noise);
    write("core.text", b"fatal error: concurrent map writes\n");
    let sound = unpacked(&golden("go1.27-panic-other"));
    write("core.head", &sound[..100]);
    let mut lies = Core::amd64();
    lies.phnum = Some(60_000);
    lies.phoff = Some(u64::MAX - 64);
    write("core.lies", &lies.bytes());
    let copy = |name: &str, core: &str| {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden(core));
        std::fs::copy(from, at(name)).unwrap();
    };
    copy("core.alone", "go1.25-panic-other");
    copy("core.other-build", "go1.27-panic-other");
    for name in ["core.hangs", "core.eats", "core.panics", "core.aborts"] {
        copy(name, "go1.27-nil-write");
    }
    write("core.of-c", &core_of_c());
    assert!(
        Command::new("mkfifo")
            .arg(at("core.fifo"))
            .status()
            .unwrap()
            .success()
    );
    drop(std::os::unix::net::UnixListener::bind(at("core.socket")).unwrap());
    symlink(at("nowhere"), at("core.gone")).unwrap();
    symlink(at("core.circle"), at("core.circle")).unwrap();
    write(
        "core.garbage.zst",
        &[&[0x28, 0xb5, 0x2f, 0xfd][..], &noise[..]].concat(),
    );
    write("core.garbage.xz", &[b"\xfd7zXZ\0", &noise[..]].concat());
    let packed = std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join(golden("go1.23-fatal-read-write")),
    )
    .unwrap();
    write("core.half.zst", &packed[..packed.len() / 2]);
    write("core.zeros.zst", &zeros(4096)); // 512 GiB
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&header()).unwrap();
    for _ in 0..200 {
        bomb.write_all(&[0x55; 1 << 20]).unwrap();
    }
    write("core.bomb.gz", &bomb.finish().unwrap());
    std::fs::create_dir(at("core")).unwrap();
}

/// The core of a process of a C program: its notes name one, and nothing in it is Go's.
fn core_of_c() -> Vec<u8> {
    let exe = std::fs::canonicalize("/bin/sh").unwrap();
    let core = Core::of_binary(&std::fs::read(&exe).unwrap()).files(
        1,
        4096,
        &[[0x40_0000, 0x40_1000, 0]],
        format!("{}\0", exe.display()).as_bytes(),
    );
    core.bytes()
}

/// Where each line says what became of the core.
struct Run {
    stdout: String,
    stderr: String,
    code: i32,
    peak_disk: u64,
}

/// Runs it, and looks all the time at what its processes have unpacked.
fn watched(mut command: Command, tmp: &Path) -> Run {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(unpacked_by(id, tmp));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let out = child.wait_with_output().unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        Run {
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
            code: out.status.code().expect("it was not killed"),
            peak_disk: watcher.join().unwrap(),
        }
    })
}

/// Bytes on disk of files without a name that the children of a process have open below `tmp`.
fn unpacked_by(parent: u32, tmp: &Path) -> u64 {
    let tasks = format!("/proc/{parent}/task");
    let mut children = String::new();
    for task in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
        let path = task.path().join("children");
        children.push_str(&std::fs::read_to_string(path).unwrap_or_default());
    }
    let mut seen = BTreeMap::new();
    for child in children.split_whitespace() {
        let fds = std::fs::read_dir(format!("/proc/{child}/fd"));
        for fd in fds.into_iter().flatten().flatten().map(|e| e.path()) {
            let below = std::fs::read_link(&fd).is_ok_and(|to| to.starts_with(tmp));
            if let Ok(meta) = std::fs::metadata(&fd)
                && below
            {
                seen.insert(meta.st_ino(), meta.st_blocks() * 512);
            }
        }
    }
    seen.values().sum()
}

#[test]
fn every_hostile_file_has_its_line_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (cores, tmp, binaries) = (
        dir.path().join("cores"),
        dir.path().join("tmp"),
        dir.path().join("bin"),
    );
    for d in [&cores, &tmp, &binaries] {
        std::fs::create_dir(d).unwrap();
    }
    plant(&cores);
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join(BINARIES);
    for name in ["go1.19", "go1.23", "go1.23-cgo", "go1.27"] {
        let file = format!("{name}.zst");
        std::fs::copy(bin.join(&file), binaries.join(&file)).unwrap();
    }
    let manifest = dir.path().join("wrong.toml");
    let text = "schema = \"badmap-corpus/1\"\n[[core]]\nfile = \"cores/core.other-build\"\nbinary = \"bin/go1.23.zst\"\n";
    std::fs::write(&manifest, text).unwrap();
    let mut args = vec![arg(&manifest), arg(&cores), "corpora/golden/MANIFEST.toml"];
    let limit = DISK.to_string();
    args.extend([
        "--binary-dir",
        arg(&binaries),
        "--tmp-dir",
        arg(&tmp),
        "--tmp-limit",
        &limit,
        "--format",
        "jsonl",
        "--timeout",
        "20s",
        "--mem-limit",
        "512M",
        "--jobs",
        "2",
    ]);
    let mut command = batch(&args);
    let hooks = "hang:core.hangs,eat:core.eats,panic:core.panics,abort:core.aborts";
    command.env("BADMAP_TEST_HOOK", hooks);
    let started = Instant::now();
    let run = watched(command, &tmp);
    let took = started.elapsed();
    let lines = lines(&run.stdout);
    for (name, status, what) in HOSTILE {
        let core = cores.join(name);
        let line = lines
            .get(arg(&core))
            .unwrap_or_else(|| panic!("no line for {name}"));
        assert_eq!(line["status"], status, "{name}: {line}");
        let said = line["error"]["what"].as_str().unwrap_or("");
        assert!(said.contains(what), "{name}: {said:?} has no {what:?}");
        assert_eq!(line["exit"] == 2, status != "ok", "{name}");
        assert_eq!(line["verdict"].is_null(), status != "ok", "{name}");
    }
    let alone = &lines[arg(&cores.join("core.alone"))]["error"]["looked_for"];
    assert!(
        alone["go_build_id"]
            .as_str()
            .is_some_and(|id| id.len() > 40),
        "{alone}"
    );
    assert!(
        alone["path"].as_str().is_some_and(|p| p.starts_with('/')),
        "{alone}"
    );
    let golden = lines
        .iter()
        .filter(|(core, _)| core.starts_with("corpora/golden/"));
    let as_expected = golden.filter(|(core, line)| {
        assert_eq!(line["expected"]["met"], true, "{core}: {line}");
        line["status"] == "ok"
    });
    let as_expected = as_expected.count();
    assert!(as_expected > 90, "{as_expected} golden cores");
    let half = &lines[arg(&cores.join("core.half.zst"))];
    assert_ne!(half["verdict"], "sound", "half a core proves nothing");
    assert_eq!(lines.len(), HOSTILE.len() + as_expected);
    // What golden cores give is expected; what gave nothing is not proven.
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(took < Duration::from_secs(300), "{took:?}");
    assert_eq!(files_in(&tmp), Vec::<std::path::PathBuf>::new());
    assert!(
        run.peak_disk > 1 << 20,
        "it was looked at: {}",
        run.peak_disk
    );
    assert!(run.peak_disk <= DISK, "{} bytes of disk", run.peak_disk);
    println!(
        "{} lines in {took:?}, at most {} of {DISK} bytes of disk",
        lines.len(),
        run.peak_disk
    );
}

#[test]
fn a_core_that_gave_nothing_counts_as_unproven_and_with_strict_as_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("core.empty");
    std::fs::write(&file, b"").unwrap();
    for (strict, code) in [(None, 3), (Some("--strict"), 2)] {
        let mut command = batch(&[arg(&file), "--format", "jsonl"]);
        command.args(strict);
        let (stdout, _, got) = crate::batch::runner::ended(command);
        assert_eq!(got, code);
        assert_eq!(lines(&stdout).len(), 1);
    }
}

#[test]
fn a_name_that_is_no_text_is_a_core_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"core.\xff\x1b[31m");
    std::fs::write(dir.path().join(name), b"").unwrap();
    let mut command = batch(&[arg(dir.path())]);
    command.arg("--color").arg("never");
    let (stdout, stderr, code) = crate::batch::runner::ended(command);
    assert_eq!(code, 3);
    assert!(
        !stdout.contains('\x1b') && !stderr.contains('\x1b'),
        "{stdout}{stderr}"
    );
    assert!(stdout.contains("it is empty"), "{stdout}");
}
