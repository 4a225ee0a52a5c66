//! `badmap check`: all rules on all maps, and the first screen.
//! In: paths. Out: crash, verdict and findings as text or JSON; the exit code is the verdict.

use crate::cli::options::Format;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::report::check_text;
use crate::report::json;
use crate::survey::exit::check_exit;
use crate::survey::exit::crash_exit;
use crate::survey::exit::totals;
use crate::survey::run;

/// Check every map: the crash, the verdict, what is broken
///
/// Finds every map in the core, applies all rules to each, and says on one screen how the process
/// ended, which map it was about and who else had hands on it, how many maps are sound, and where and how
/// the others are broken. With --crash-only it stops after the crash, and checks no other map.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  all maps are sound, and the process did not die in map code
  1  at least one map is broken, or the crash is about a map
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  nothing is broken, but something could not be read: not proven sound

Examples:
  badmap check core.4711
  badmap check core.4711 ./server -v
  badmap check core.4711 --crash-only        who did it, at once
  badmap check core.4711.zst --binary-dir /srv/releases --format json")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// Stop after the crash: message, map, goroutines with hands on it
    #[arg(long)]
    crash_only: bool,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let bar = Bar::new(args.look.quiet);
    let request = args.input.request(args.redaction.mode());
    if args.crash_only {
        let survey = run::crash(&request, &bar)?;
        drop(bar);
        let exit = crash_exit(&survey);
        write_out(|out| match args.format {
            Format::Text => check_text::write_crash_only(out, &survey, args.look.style()),
            Format::Json => json::write_crash(out, &survey, exit),
        })?;
        return Ok(exit.code());
    }
    let survey = run::check(&request, &bar)?;
    drop(bar);
    let totals = totals(&survey);
    let exit = check_exit(&totals, &survey.crash, survey.find_gaps_total);
    write_out(|out| match args.format {
        Format::Text => check_text::write_check(out, &survey, &totals, args.look.style()),
        Format::Json => json::write_check(out, &survey, &totals, exit),
    })?;
    Ok(exit.code())
}
