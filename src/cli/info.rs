//! `badmap info`: what is this core, and does the binary belong to it?
//! In: paths. Out: process and crash as text or JSON; 3 when the core is cut short.

use crate::cli::options::Format;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::source::Source;
use crate::cli::source::check_values;
use crate::cli::source::source;
use crate::report::info_text;
use crate::report::json;
use crate::snapshot::load::Holds;
use crate::snapshot::load::read_with_head;
use crate::survey::exit::info_exit;
use crate::survey::run;

/// Tell what a core is, and whether the binary belongs to it
///
/// Probes the files without looking at any map: which Go, system and kind of maps, how the process
/// ended, whether the build IDs match, and how much of the memory is really there.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the core could be opened and is whole
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  the core file is cut short, or the list of goroutines could not be read

Examples:
  badmap info core.4711
  badmap info core.4711.zst ./server --format json
  badmap info monday.badmap                      what a snapshot holds, and of what
  badmap info core.4711 --binary-dir /srv/releases")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let quiet = args.look.quiet;
    let mut holds = None;
    let (process, crash) = match source(&args.input, Some(&args.redaction), quiet)? {
        Source::Core(request) => run::info(&request, &Bar::new(quiet))?,
        Source::Snapshot(path) => {
            let (head, end) = read_with_head(&path, &mut |_, _| Ok(()))?;
            check_values(&head, args.redaction.mode(), quiet)?;
            let (process, crash) = (head.process.clone(), head.crash.clone());
            holds = Some(Holds::of(head, &end));
            (process, crash)
        }
    };
    let holds = holds.as_ref();
    let exit = info_exit(&process);
    write_out(|out| match args.format {
        Format::Text => info_text::write_info(out, &process, &crash, holds, args.look.style()),
        Format::Json => json::write_info(out, &process, &crash, holds, exit),
    })?;
    Ok(exit.code())
}
