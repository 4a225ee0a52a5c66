//! The program `badmap`.
//! In: the command line. Out: the exit code that `badmap::cli` decides on.

use std::process::ExitCode;

fn main() -> ExitCode {
    badmap::cli::run(std::env::args_os())
}
