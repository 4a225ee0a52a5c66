//! What is run on every core: the yardstick and badmap's commands.
//! In: a core, the program, a directory for snapshots. Out: commands in the order of the table, with the exit code
//! that each must have.

use crate::cores::LoadCore;
use crate::measure::Program;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The command that everything else is measured by.
pub const YARDSTICK: &str = "yardstick";
/// The map in which `show` looks a key up: more than a million entries in a core of 1g.
const LARGE_MAP: &str = "main.load.ints";

/// A command with a name for the table.
pub struct Named {
    pub name: &'static str,
    pub program: Program,
    pub expected: i32,
}

/// The two snapshots that a diff compares.
pub fn snapshots(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("old.badmap"), dir.join("new.badmap"))
}

pub fn all(core: &LoadCore, badmap: &Path, dir: &Path) -> Vec<Named> {
    let (old, new) = snapshots(dir);
    let on_core = |first: &[&str]| {
        let mut command = Command::new(badmap);
        command.args(first).arg(&core.core).arg(&core.binary);
        command.arg("--quiet");
        command
    };
    let mut yardstick = Command::new(std::env::current_exe().expect("this program has a path"));
    yardstick.arg("--yardstick").arg(&core.core);
    let mut snapshot = on_core(&["snapshot"]);
    snapshot.arg("--output").arg(&old);
    let mut diff = Command::new(badmap);
    diff.arg("diff").arg(&old).arg(&new).arg("--quiet");
    let named = |name, command| Named {
        name,
        program: Program::new(command),
        expected: 0,
    };
    vec![
        named(YARDSTICK, yardstick),
        named("info", on_core(&["info"])),
        named("crash-only", on_core(&["check", "--crash-only"])),
        named("list", on_core(&["list"])),
        named("list-no-check", on_core(&["list", "--no-check"])),
        named("list-json", on_core(&["list", "--format", "json"])),
        named("check", on_core(&["check"])),
        named("snapshot", snapshot),
        named("diff", diff),
        named(
            "show-key",
            on_core(&["show", "--map", LARGE_MAP, "--key", "77"]),
        ),
    ]
}
