//! Runs the program under a time limit and a memory limit, and looks at what no run may ever do.
//! In: arguments. Out: stdout, stderr, exit code; or in words why the run itself is a failure.

use serde_json::Value;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

/// No run on a small core may take longer, however damaged the core is.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Address space in KiB: a length from a hostile file must not become an allocation of that size.
const MEMORY_LIMIT: &str = "6000000";

/// What a run left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON: {e}\n{}{}", self.stdout, self.stderr))
    }
}

/// Runs badmap. `Err` when it was killed, panicked, took too long, or wrote what could act on a terminal.
pub fn try_run<S: AsRef<OsStr>>(args: &[S]) -> Result<Ran, String> {
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v {MEMORY_LIMIT} && ulimit -c 0 && exec \"$@\""),
        "sh",
        env!("CARGO_BIN_EXE_badmap"),
    ]);
    command
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap());
    let shown: Vec<_> = args
        .iter()
        .map(|a| a.as_ref().to_string_lossy().into_owned())
        .collect();
    let shown = format!("badmap {}", shown.join(" "));
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > TIME_LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(format!("{shown}: still running after {TIME_LIMIT:?}"));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |file: &mut File| {
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).map_err(|e| format!("{shown}: output is not UTF-8: {e}"))
    };
    let (stdout, stderr) = (text(&mut out)?, text(&mut err)?);
    let Some(code) = status.code() else {
        return Err(format!("{shown}: killed: {status}\n{stderr}"));
    };
    if stderr.contains("panicked") || !(0..=3).contains(&code) {
        return Err(format!("{shown}: exit code {code}\n{stderr}"));
    }
    let acts = |c: char| c.is_control() && c != '\n';
    if let Some(line) = stdout
        .lines()
        .chain(stderr.lines())
        .find(|l| l.contains(acts))
    {
        return Err(format!("{shown}: control characters in {line:?}"));
    }
    if code == 2 && !stdout.is_empty() {
        return Err(format!(
            "{shown}: exit code 2, yet there is a result:\n{stdout}"
        ));
    }
    if code == 2 {
        says_it_well(&stderr).map_err(|why| format!("{shown}: {why}\n{stderr}"))?;
    }
    Ok(Ran {
        stdout,
        stderr,
        code,
    })
}

/// One line `badmap: …`, perhaps one `hint: …`, nothing else.
fn says_it_well(stderr: &str) -> Result<(), &'static str> {
    let mut lines = stderr.lines();
    let first = lines.next().unwrap_or_default();
    match first.strip_prefix("badmap: ") {
        None | Some("") => return Err("bad news does not begin with `badmap: `"),
        Some(_) => {}
    }
    match lines.next() {
        None => return Ok(()),
        Some(hint) if hint.starts_with("hint: ") && hint.len() > 12 => {}
        Some(_) => return Err("behind the first line there is something that is no hint"),
    }
    if lines.next().is_some() {
        Err("more than two lines of bad news")
    } else {
        Ok(())
    }
}

/// Runs badmap; whatever no run may do fails the test.
pub fn run<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    try_run(args).unwrap_or_else(|why| panic!("{why}"))
}

/// The commands that read cores.
pub const COMMANDS: [&[&str]; 6] = [
    &["info"],
    &["check"],
    &["check", "--crash-only"],
    &["list"],
    &["goroutines"],
    &["show", "--map", "0xc000012340"],
];

/// Every command refuses these files: exit code 2, nothing on stdout, and every part of `words` in
/// what is said. Returns what `check` says.
pub fn refused(files: &[&Path], words: &[&str]) -> String {
    let mut said = String::new();
    for command in COMMANDS {
        let mut args: Vec<OsString> = command.iter().map(OsString::from).collect();
        args.extend(files.iter().map(|f| f.as_os_str().to_owned()));
        let ran = run(&args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        for word in words {
            assert!(
                ran.stderr.contains(word),
                "{args:?}: {word:?} is not in\n{}",
                ran.stderr
            );
        }
        if command[0] == "check" {
            said = ran.stderr;
        }
    }
    said
}

/// A directory of its own for one test, with what the test puts there.
pub struct Room {
    pub dir: TempDir,
}

impl Room {
    pub fn new() -> Room {
        Room {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }
}

/// A golden core and its binary, packed as they are in the corpus. `None` is said aloud.
pub fn golden(core: &str) -> Option<(PathBuf, PathBuf)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/golden");
    let manifest = std::fs::read_to_string(dir.join("MANIFEST.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let file = |kind: &str, name: &str, key: &str| {
        let entries = manifest.get(kind)?.as_array()?;
        let entry = entries
            .iter()
            .find(|e| e.get("name").and_then(toml::Value::as_str) == Some(name))?;
        Some(entry.get(key)?.as_str()?.to_owned())
    };
    let path = |file: Option<String>| file.map(|f| dir.join(f)).filter(|p| p.exists());
    let binary = file("core", core, "binary").and_then(|b| file("binary", &b, "file"));
    let found = path(file("core", core, "file")).zip(path(binary));
    if found.is_none() {
        println!("missing: {core}");
    }
    found
}

/// The unpacked bytes of a golden file.
pub fn bytes_of(path: &Path) -> Vec<u8> {
    zstd::stream::decode_all(File::open(path).unwrap()).unwrap()
}

/// A golden core and its binary, unpacked into files of this room.
pub fn unpacked(room: &Room, core: &str) -> Option<(PathBuf, PathBuf)> {
    let (core, binary) = golden(core)?;
    Some((
        room.write("core", &bytes_of(&core)),
        room.write("binary", &bytes_of(&binary)),
    ))
}

/// Random numbers that are the same in every run (Marsaglia's xorshift64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            dice.next();
        }
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
