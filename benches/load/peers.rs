//! Other programs that read Go cores, if the environment names them.
//! In: VIEWCORE, GRF, DLV. Out: commands that make each look at all of the heap, or print a map of a million entries.

use crate::cores::LoadCore;
use crate::measure::Program;
use std::path::Path;
use std::process::Command;

/// A peer's command with its name for the table.
pub struct Peer {
    pub name: &'static str,
    pub program: Program,
}

/// What delve is told: it prints 64 entries of a map unless it is allowed more.
const TO_DELVE: &str = "config max-array-values 100000000\nprint main.load.ints\nexit\n";

pub fn all(core: &LoadCore, dir: &Path) -> Vec<Peer> {
    let mut out = Vec::new();
    let mut add = |name, variable: &str, build: &dyn Fn(&mut Command), input| {
        if let Some(path) = std::env::var_os(variable).filter(|p| !p.is_empty()) {
            let mut command = Command::new(path);
            build(&mut command);
            let program = Program { command, input };
            out.push(Peer { name, program });
        }
    };
    let viewcore = |c: &mut Command| {
        c.arg(&core.core).arg("--exe").arg(&core.binary);
        c.arg("histogram");
    };
    add("viewcore", "VIEWCORE", &viewcore, "");
    let grf = |c: &mut Command| {
        c.arg("core").arg(&core.binary).arg(&core.core);
        c.arg("-o").arg(dir.join("grf.out"));
    };
    add("grf", "GRF", &grf, "");
    // It refuses to be talked to by anything but a terminal, and Go versions newer than itself, unless told otherwise.
    let delve = |c: &mut Command| {
        c.arg("core").arg(&core.binary).arg(&core.core);
        c.arg("--allow-non-terminal-interactive=true");
        c.arg("--check-go-version=false");
    };
    add("delve", "DLV", &delve, TO_DELVE);
    out
}
