//! `badmap goroutines`: what every goroutine was doing when the process was dumped.
//! In: paths, perhaps a number. Out: a table, one whole stack, a JSON document or JSON Lines.

use crate::cli::fail::say;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::source::Source;
use crate::cli::source::lacks;
use crate::cli::source::source;
use crate::report::goroutines_text;
use crate::report::json::goroutines;
use crate::survey::exit::goroutines_exit;
use crate::survey::fold::fold;
use crate::survey::result::GoroutineList;
use crate::survey::result::Match;
use crate::survey::run;
use clap::ValueEnum;
use std::io;
use std::io::Write;

/// List the goroutines and their stacks
///
/// Goroutines with equal stacks are one line: how many, what they do, their numbers, and the
/// innermost frame of the program's own code. First comes the one that stopped the process, if one did.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  every stack was followed to its end
  2  badmap could not do its job: usage, an unreadable file, no such goroutine
  3  a stack or a goroutine could not be read, or the core is cut short

Examples:
  badmap goroutines core.4711
  badmap goroutines core.4711 --goroutine 18
  badmap goroutines core.4711 -v | less
  badmap goroutines core.4711 --format jsonl | jq 'select(.locked)'")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// Only this one, with its whole stack
    #[arg(long, value_name = "N", help_heading = "Selection")]
    goroutine: Option<u64>,

    /// One line for each goroutine, none folded, the runtime's own too
    #[arg(long, conflicts_with = "goroutine", help_heading = "Selection")]
    all: bool,

    /// Form of the result; json and jsonl always hold every goroutine and frame
    #[arg(long, value_enum, default_value_t = GoroutinesFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    format: GoroutinesFormat,

    #[command(flatten)]
    look: Look,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum GoroutinesFormat {
    /// For people; may change
    Text,
    /// One document of schema badmap/1 (docs/JSON.md)
    Json,
    /// One object a line for each goroutine
    Jsonl,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let request = match source(&args.input, None, args.look.quiet)? {
        Source::Core(request) => request,
        Source::Snapshot(path) => {
            return Err(lacks(
                &path,
                "it does not hold the stacks of goroutines",
                "name the core; of the crash, badmap check tells what the snapshot knows",
            ));
        }
    };
    let bar = Bar::new(args.look.quiet);
    let list = run::goroutines(&request, args.goroutine, &bar)?;
    drop(bar);
    let exit = goroutines_exit(&list);
    write_out(|out| match args.format {
        GoroutinesFormat::Text => write_text(out, &list, args),
        GoroutinesFormat::Json => goroutines::write_goroutines(out, &list, exit),
        GoroutinesFormat::Jsonl => goroutines::write_goroutine_lines(out, &list),
    })?;
    if args.format == GoroutinesFormat::Jsonl && !args.look.quiet {
        if list.unreadable > 0 || !list.gaps.is_empty() {
            say(
                "badmap: goroutines or frames may be missing: not all of the process could be read\n",
            );
        }
        if list.process.matched == Match::Mismatch {
            say("badmap: build IDs differ: every result is doubtful\n");
        }
    }
    Ok(exit.code())
}

fn write_text(out: &mut dyn Write, list: &GoroutineList, args: &Args) -> io::Result<()> {
    let style = args.look.style();
    if args.goroutine.is_some() {
        return list
            .goroutines
            .iter()
            .try_for_each(|row| goroutines_text::write_goroutine(out, list, row, style));
    }
    let folded = fold(&list.goroutines, list.crash.goroutine, !args.all);
    let all = args.all || style.verbose;
    goroutines_text::write_goroutines(out, list, &folded, all, style)
}
