//! `badmap show`: one map from its header down to its slots.
//! In: paths, a map, a window. Out: header and parts, or header and entries.

use crate::base::addr::Addr;
use crate::cli::fail::UsageError;
use crate::cli::fail::say;
use crate::cli::options::Format;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::source::Source;
use crate::cli::source::check_values;
use crate::cli::source::lacks;
use crate::cli::source::source;
use crate::report::json;
use crate::report::show_text;
use crate::report::show_text::Below;
use crate::snapshot::show::show_map;
use crate::survey::exit::read_exit;
use crate::survey::request::Target;
use crate::survey::request::Window;
use crate::survey::result::Shown;
use crate::survey::run;
use std::path::Path;

/// Show one map: header, buckets or tables, slots, entries
///
/// Prints the header by Go's own field names, then buckets and chains, or directory, tables and
/// groups. Slots are one character each: # live, . empty, - deleted, > evacuated, ? impossible.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the map was found and read in full, sound or not
  2  badmap could not do its job: usage, an unreadable file, no such map
  3  some of the map could not be read

Examples:
  badmap show core.4711 --map 0xc000012345
  badmap show core.4711 --map main.srv.sessions --offset 40
  badmap show core.4711 --map main.srv.sessions --entries --values clear
  badmap show core.4711 --map main.srv.sessions --key u-17")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// The map: address of its header in hex, or owner path as `list` prints it
    #[arg(long, value_name = "ADDR|PATH", help_heading = "Selection")]
    map: String,

    /// List keys and elems in place of buckets or groups
    #[arg(long, help_heading = "Selection")]
    entries: bool,

    /// Look one key up as the process would, and say where it is or would be: a string as it is,
    /// a number in decimal or 0x…, true, false
    #[arg(
        long,
        value_name = "K",
        allow_hyphen_values = true,
        conflicts_with = "entries",
        help_heading = "Selection"
    )]
    key: Option<String>,

    /// Buckets, groups or entries to list at most
    #[arg(
        long,
        value_name = "N",
        default_value_t = 40,
        help_heading = "Selection"
    )]
    limit: u64,

    /// Buckets, groups or entries to leave out first
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Selection"
    )]
    offset: u64,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

/// A window on nothing.
const NOTHING: Window = Window {
    offset: 0,
    limit: 0,
};

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let target = parse_target(&args.map)?;
    let window = Window {
        offset: args.offset,
        limit: args.limit,
    };
    let below = if args.key.is_some() {
        Below::Lookup
    } else if args.entries {
        Below::Entries(window)
    } else {
        Below::Parts(window)
    };
    let (parts, entries) = match below {
        Below::Parts(window) => (window, None),
        Below::Entries(window) => (NOTHING, Some(window)),
        Below::Lookup => (NOTHING, None),
    };
    let quiet = args.look.quiet;
    let shown = match source(&args.input, Some(&args.redaction), quiet)? {
        Source::Core(request) => {
            let bar = Bar::new(quiet);
            let key = args.key.as_deref();
            run::show(&request, &target, parts, entries, key, &bar)?
        }
        Source::Snapshot(path) => from_snapshot(args, &path, &target, (parts, entries))?,
    };
    let exit = read_exit(0, shown.row.gaps_total);
    write_out(|out| match args.format {
        Format::Text => show_text::write_show(out, &shown, below, args.look.style()),
        Format::Json => json::write_show(out, &shown, below, args.redaction.mode(), exit),
    })?;
    Ok(exit.code())
}

/// What a snapshot has of the map.
fn from_snapshot(
    args: &Args,
    path: &Path,
    target: &Target,
    (parts, entries): (Window, Option<Window>),
) -> anyhow::Result<Shown> {
    if args.key.is_some() {
        return Err(lacks(
            path,
            "it does not hold what hashes a key, nor keys as they were",
            "--key needs the core",
        ));
    }
    let map = show_map(path, target, parts, entries)?;
    check_values(&map.head, args.redaction.mode(), args.look.quiet)?;
    let hint = "badmap snapshot CORE -o FILE --entries digest puts them in";
    if !map.has_slots && args.entries {
        return Err(lacks(
            path,
            "it does not hold the entries of this map",
            hint,
        ));
    }
    if !map.has_slots && !args.look.quiet {
        say(&format!(
            "badmap: the snapshot does not hold the slots of this map\nhint: {hint}\n"
        ));
    }
    Ok(map.shown)
}

pub(super) fn parse_target(text: &str) -> Result<Target, UsageError> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        return Ok(Target::Path(text.to_owned()));
    };
    u64::from_str_radix(digits, 16)
        .map(|addr| Target::Addr(Addr(addr)))
        .map_err(|err| UsageError {
            what: format!("reading --map {text}: {err}"),
            hint: Some(
                "an address looks like 0xc000012345, an owner path like main.srv.sessions"
                    .to_owned(),
            ),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_named_by_address_or_path() {
        assert_eq!(
            parse_target("0xc000012345").ok(),
            Some(Target::Addr(Addr(0xc0_0001_2345)))
        );
        assert_eq!(
            parse_target("main.m[0x5]").ok(),
            Some(Target::Path("main.m[0x5]".into()))
        );
        assert!(parse_target("0xc00g").is_err());
        assert!(parse_target("0x").is_err());
        assert!(parse_target("0x12345678901234567").is_err());
    }
}
