//! `badmap list`: every map, or the maps by type or owner.
//! In: paths, filters, an order. Out: a table, a JSON document or JSON Lines.

use crate::cli::fail::say;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::select::Filter;
use crate::cli::select::FoundBy;
use crate::cli::select::GroupBy;
use crate::cli::select::Reach;
use crate::cli::select::Sort;
use crate::cli::select::group;
use crate::cli::select::select;
use crate::cli::source::Source;
use crate::cli::source::check_values;
use crate::cli::source::lacks;
use crate::cli::source::source;
use crate::report::json;
use crate::report::json::Listed;
use crate::report::list_text;
use crate::snapshot::load::load;
use crate::survey::exit::read_exit;
use crate::survey::listing::Rows;
use crate::survey::listing::Selected;
use crate::survey::result::Match;
use crate::survey::result::Survey;
use crate::survey::run;
use clap::ValueEnum;

/// List every map: address, length, size, type, owner
///
/// Lists the maps of a process, or totals by type or owner. WASTE is what empty slots take of BYTES;
/// neither counts what keys and elems point to.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the list is complete; broken maps are listed as such and change nothing
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  maps may be missing, or one that is listed could not be read in full

Examples:
  badmap list core.4711 --sort bytes --top 10
  badmap list core.4711 --type 'map[string]' --min-len 1000
  badmap list core.4711 --no-check --group-by type  what takes the memory, soonest
  badmap list core.4711 --group-by owner --sort waste
  badmap list core.4711 --reachable garbage       what the next collection frees
  badmap list core.4711 --goroutine 18            what goroutine 18 holds
  badmap list core.4711 --format jsonl | jq 'select(.verdict != \"ok\")'")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// Order; numbers from large to small [default: addr; with --group-by: bytes]
    #[arg(long, value_enum, value_name = "BY", help_heading = "Selection")]
    sort: Option<Sort>,

    /// Only maps whose type contains this text; where several types fit, any of them
    #[arg(long = "type", value_name = "TEXT", help_heading = "Selection")]
    ty: Option<String>,

    /// Only maps whose owner path contains this text
    #[arg(long, value_name = "TEXT", help_heading = "Selection")]
    owner: Option<String>,

    /// Only maps with at least this many entries
    #[arg(long, value_name = "N", help_heading = "Selection")]
    min_len: Option<u64>,

    /// Only maps that were found this way; they may have been found in others as well
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Selection")]
    found_by: Option<FoundBy>,

    /// Only maps that the program could still get at, or could not
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Selection")]
    reachable: Option<Reach>,

    /// Only maps that this goroutine's stack and registers lead to; OWNER is the way from there
    #[arg(long, value_name = "N", help_heading = "Selection")]
    goroutine: Option<u64>,

    /// Totals by type, or by owner with all elements of a container as one
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Selection")]
    group_by: Option<GroupBy>,

    /// Only the first N of the order
    #[arg(long, value_name = "N", help_heading = "Selection")]
    top: Option<usize>,

    /// Do not judge the maps: no verdicts, in a fraction of the time
    #[arg(long, conflicts_with = "goroutine", help_heading = "Selection")]
    no_check: bool,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    format: ListFormat,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum ListFormat {
    /// For people; may change
    Text,
    /// One document of schema badmap/1 (docs/JSON.md)
    Json,
    /// One object a line for each map or group
    Jsonl,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let quiet = args.look.quiet;
    match source(&args.input, Some(&args.redaction), quiet)? {
        Source::Core(request) => {
            let bar = Bar::new(quiet);
            match args.goroutine {
                Some(id) => {
                    let survey = run::survey_goroutine(&request, id, &bar)?;
                    write(args, &survey, &survey.maps)
                }
                None => run::list(&request, !args.no_check, &bar, |survey, rows| {
                    write(args, survey, rows)
                })?,
            }
        }
        Source::Snapshot(path) if args.goroutine.is_some() => Err(lacks(
            &path,
            "it does not hold the stacks of goroutines",
            "--goroutine needs the core",
        )),
        Source::Snapshot(path) => {
            let (head, maps) = load(&path)?;
            check_values(&head, args.redaction.mode(), quiet)?;
            let survey = head.into_survey(maps);
            write(args, &survey, &survey.maps)
        }
    }
}

/// Writes what was asked for of the maps; the exit code.
fn write(args: &Args, survey: &Survey, rows: &dyn Rows) -> anyhow::Result<u8> {
    let filter = Filter {
        ty: args.ty.as_deref(),
        owner: args.owner.as_deref(),
        min_len: args.min_len,
        found_by: args.found_by.map(FoundBy::as_str),
        reachable: args.reachable.map(Reach::as_str),
    };
    let mut order = select(rows, &filter, args.sort.unwrap_or(Sort::Addr));
    let chosen = Selected {
        rows,
        order: &order,
    };
    let exit = read_exit(survey.find_gaps_total, chosen.gaps_total());
    let top = args.top.unwrap_or(usize::MAX);
    let mut groups = args.group_by.map(|by| group(&chosen, by, args.sort));
    order.truncate(top);
    if let Some(groups) = &mut groups {
        groups.truncate(top);
    }

    if let Some(id) = args.goroutine
        && rows.count() == 0
        && !args.look.quiet
    {
        say(&format!(
            "badmap: goroutine {id} leads to no map: only words that it still uses are followed\n"
        ));
    }
    let style = args.look.style();
    let listed = match (args.group_by, &groups) {
        (Some(by), Some(groups)) => Listed::Groups(by.as_str(), groups),
        _ => Listed::Maps(Selected {
            rows,
            order: &order,
        }),
    };
    write_out(|out| match args.format {
        ListFormat::Text => {
            match listed {
                Listed::Maps(rows) => list_text::write_list(out, rows, style)?,
                Listed::Groups(by, groups) => {
                    let head = if by == "type" { "TYPE" } else { "OWNER" };
                    list_text::write_groups(out, head, groups, style)?;
                }
            }
            list_text::write_list_end(out, survey, style)
        }
        ListFormat::Json => json::write_list(out, survey, listed, exit),
        ListFormat::Jsonl => json::write_list_lines(out, survey.process.matched, listed),
    })?;
    if args.format == ListFormat::Jsonl && survey.find_gaps_total > 0 && !args.look.quiet {
        say("badmap: maps may be missing: not all of the process could be searched\n");
    }
    if args.format == ListFormat::Jsonl
        && survey.process.matched == Match::Mismatch
        && !args.look.quiet
    {
        say("badmap: build IDs differ: every result is doubtful\n");
    }
    Ok(exit.code())
}
