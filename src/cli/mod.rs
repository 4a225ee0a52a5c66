//! The command line: what is asked, in; results on stdout, bad news on stderr, an exit code out.
//! This is the edge: only here are the environment, the terminal and the working directory known.

mod batch;
mod batch_child;
mod check;
mod diff;
mod explain;
mod fail;
mod generate;
mod goroutines;
mod info;
mod list;
mod options;
mod output;
mod progress;
mod select;
mod show;
mod signals;
mod snapshot;
mod source;
mod triage;
mod units;

use crate::cli::fail::report_failure;
use crate::cli::fail::report_usage;
use clap::Parser;
use clap::Subcommand;
use std::ffi::OsString;
use std::process::ExitCode;

/// Checks the maps of dead Go processes
///
/// badmap reads the core file of a Go process, and its binary, and proves or refutes the soundness of
/// every map in it: which map broke, where, and how. It never runs the program and never writes to
/// its inputs. Keys and elems are shown as digests unless asked for in clear.
#[derive(Parser, Debug)]
#[command(
    name = "badmap",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
#[command(after_long_help = "\
Exit codes:
  0  all maps are sound, and the process did not die in map code
  1  at least one map is broken, or the crash is about a map
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  nothing is broken, but something could not be read: not proven sound

Examples:
  badmap check core.4711                 the first screen: crash and verdict
  badmap check core.4711 ./server        with the binary named
  badmap list core.4711 --sort bytes     which map eats the memory
  badmap snapshot core.4711 -o m.badmap  a small file that stands for the core
  badmap diff m.badmap t.badmap          what happened between two dumps
  badmap triage night.jsonl              which bugs the cores of a batch have
  badmap batch /var/crash                every core there is
  badmap goroutines core.4711            what every goroutine was doing
  badmap explain MAP-COUNT               what a finding means")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Info(info::Args),
    Check(check::Args),
    List(list::Args),
    Show(show::Args),
    Goroutines(goroutines::Args),
    Snapshot(snapshot::Args),
    Diff(diff::Args),
    Batch(batch::Args),
    Triage(triage::Args),
    Explain(explain::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
    #[command(hide = true)]
    BatchChild(batch_child::Args),
}

/// Runs one command line, program name first, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(err) => return report_usage(&err),
    };
    let done = match cli.command {
        Command::Info(args) => info::run(&args),
        Command::Check(args) => check::run(&args),
        Command::List(args) => list::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Goroutines(args) => goroutines::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Batch(args) => batch::run(&args),
        Command::BatchChild(args) => batch_child::run(&args),
        Command::Triage(args) => triage::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(err) => report_failure(&err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_exit_codes_in_its_help() {
        let shown = |c: &&clap::Command| !c.is_hide_set();
        for mut command in Cli::command().get_subcommands().filter(shown).cloned() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:"), "{}", command.get_name());
            assert!(help.contains("Exit codes:"), "{}", command.get_name());
        }
    }
}
