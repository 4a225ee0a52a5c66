//! `badmap diff`: what happened to the maps of a process between two dumps, or between two processes.
//! In: two snapshots or cores. Out: the maps that differ, as text, a JSON document or JSON Lines.

use crate::base::progress::Progress;
use crate::cli::fail::UsageError;
use crate::cli::fail::say;
use crate::cli::options::Look;
use crate::cli::options::Opening;
use crate::cli::options::Redaction;
use crate::cli::options::Values;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::show::parse_target;
use crate::cli::source::lacks;
use crate::diff::change::Change;
use crate::diff::change::Changes;
use crate::diff::dump::Dump;
use crate::diff::dump::both_sides;
use crate::diff::dump::compare_entries;
use crate::diff::result::Options;
use crate::diff::result::diff;
use crate::diff::side::Side;
use crate::file::keyfile::KEY_BYTES;
use crate::file::scratch::Scratch;
use crate::report::diff_text;
use crate::report::json;
use crate::report::style::count;
use crate::snapshot::read::is_snapshot;
use crate::snapshot::write::Wish;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use clap::ValueEnum;
use std::path::Path;
use std::path::PathBuf;

/// Maps that text lists unless told otherwise.
const ROWS: usize = 40;
/// Keys of each change that are listed for a map.
const KEYS: usize = 10;
/// In text that has only their digests.
const DIGESTS: usize = 3;

/// Say what happened to every map between two dumps
///
/// Compares two dumps, each a snapshot or a core: which maps came and went, grew and shrank, broke, and with entries at
/// hand, which keys were added, removed and changed. Maps of one process are paired by address; those of two processes,
/// or of two builds, by owner path and type, and what cannot be told apart is a group. Garbage is not compared.
///
/// A map grew if it takes more bytes, or as many and has more entries. `tombstones` are slots whose entry was deleted;
/// `changed` is whatever differs besides; `unknown` says that nothing differs but contents could not be compared.
/// BYTES is what a map gained or lost, without what keys and elems point to. A pointer or slice in an elem counts as the
/// address it is: what it leads to may change without the map, and is not compared.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  every map was compared, and none differs
  1  something differs
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  nothing differs as far as can be told, but something could not be compared

Examples:
  badmap diff monday.badmap tuesday.badmap           what grew over night
  badmap diff before.badmap core.4711                a snapshot and a core
  badmap diff a.badmap b.badmap --only broke,grew --top 10
  badmap diff a.badmap b.badmap --map main.srv.sessions --keys 50
  badmap diff core.1 core.2 --binary ./server --entries digest
  badmap diff a.badmap b.badmap --format jsonl | jq 'select(.delta.bytes > 1e6) | .new.owner'")]
pub(super) struct Args {
    /// The earlier dump: a snapshot or a core file
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// The later one, likewise
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// Binary of both processes, for cores; snapshots need none
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    binary: Option<PathBuf>,

    #[command(flatten)]
    opening: Opening,

    /// How the entries of cores are compared and shown; a snapshot has what it was written with [default: as
    /// --values]
    #[arg(long, value_enum, value_name = "MODE", help_heading = "Input")]
    entries: Option<Values>,

    /// Only maps that any of these words is true of; same lists those that do not differ. Chooses what is listed, not the
    /// exit code
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "WORDS",
        help_heading = "Selection"
    )]
    only: Vec<Word>,

    /// Only this map: address of its header in hex, or owner path; the exit code is about it alone
    #[arg(long, value_name = "ADDR|PATH", help_heading = "Selection")]
    map: Option<String>,

    /// Only the first N maps [default: 40 in text without --verbose, else all]
    #[arg(long, value_name = "N", help_heading = "Selection")]
    top: Option<usize>,

    /// Keys to list for each map, of those added, of those removed, and so on [default: 10; 3 in text that has only
    /// digests of them]
    #[arg(long, value_name = "N", help_heading = "Selection")]
    keys: Option<usize>,

    /// Form of the result
    #[arg(long, value_enum, default_value_t = DiffFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    format: DiffFormat,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum DiffFormat {
    /// For people; may change
    Text,
    /// One document of schema badmap/1 (docs/JSON.md)
    Json,
    /// One object a line for each map
    Jsonl,
}

/// The words of `diff::change::Change`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    /// In NEW only
    Came,
    /// In OLD only
    Went,
    /// Broken, and was not
    Broke,
    /// Was broken, and is sound
    Healed,
    /// More bytes, or as many and more entries
    Grew,
    /// Fewer bytes, or as many and fewer entries
    Shrank,
    /// More deleted slots
    Tombstones,
    /// Something else differs
    Changed,
    /// Nothing differs, but contents could not be compared
    Unknown,
    /// Nothing differs
    Same,
}

impl Word {
    fn change(self) -> Change {
        match self {
            Word::Came => Change::Came,
            Word::Went => Change::Went,
            Word::Broke => Change::Broke,
            Word::Healed => Change::Healed,
            Word::Grew => Change::Grew,
            Word::Shrank => Change::Shrank,
            Word::Tombstones => Change::Tombstones,
            Word::Changed => Change::Changed,
            Word::Unknown => Change::Unknown,
            Word::Same => Change::Same,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let bar = Bar::new(args.look.quiet);
    let style = args.look.style();
    let short = args.format == DiffFormat::Text && !style.verbose;
    let mut only: Vec<Change> = args.only.iter().map(|w| w.change()).collect();
    if short && only.is_empty() && args.map.is_none() {
        // Maps that could not be compared are counted; of two processes they may be nearly all.
        only = Change::ALL
            .into_iter()
            .filter(|c| Changes::of(&[*c]).differs())
            .collect();
    }
    let asked = if args.only.is_empty() {
        Vec::new()
    } else {
        only.clone()
    };
    let options = Options {
        only,
        map: args.map.as_deref().map(parse_target).transpose()?,
        top: args.top.or(short.then_some(ROWS)),
    };
    let (old_file, new_file) = open(args, &bar)?;
    let (old, new) = both_sides(&old_file, &new_file)?;
    for side in [&old, &new] {
        check_side(side, args)?;
    }
    let mut diff = diff(&old, &new, &options);
    if let Some(map) = args.map.as_ref().filter(|_| !diff.map_found) {
        let (why, hint) = if diff.map_is_garbage {
            (
                "it is garbage, and garbage is not compared",
                "badmap list --reachable garbage names such maps",
            )
        } else {
            ("neither dump has it", "badmap list names the maps of each")
        };
        return Err(UsageError {
            what: format!("looking for --map {map}: {why}"),
            hint: Some(hint.to_owned()),
        }
        .into());
    }
    bar.phase("comparing entries", None);
    let digests = [&old, &new].iter().any(|side| side.entries != "clear");
    let keys = args.keys.unwrap_or(match short && digests {
        true => DIGESTS,
        false => KEYS,
    });
    let entries = compare_entries(&diff, (&old_file, &new_file), keys)?;
    diff.entries = entries;
    drop(bar);
    write_out(|out| match args.format {
        DiffFormat::Text => diff_text::write_diff(out, &diff, args.map.is_some(), &asked, style),
        DiffFormat::Json => json::diff::write_diff(out, &diff),
        DiffFormat::Jsonl => json::diff::write_diff_lines(out, &diff),
    })?;
    if args.format == DiffFormat::Jsonl && !args.look.quiet {
        let groups = diff.pairing.ambiguous.len();
        if groups > 0 {
            let are = if groups == 1 { "is" } else { "are" };
            let groups = u64::try_from(groups).unwrap_or(u64::MAX);
            let groups = count(groups, "group", "groups");
            say(&format!(
                "badmap: {groups} of maps could not be told apart and {are} not among the lines; --format json has them\n"
            ));
        }
        if old.gaps_total > 0 || new.gaps_total > 0 {
            say("badmap: maps may be missing: not all of a process could be searched\n");
        }
    }
    Ok(diff.exit.code())
}

/// Opens both sides. Two cores are compared under one digest key, that of the first.
fn open(args: &Args, bar: &Bar) -> anyhow::Result<(Dump, Dump)> {
    // A snapshot has its digests already.
    let key = match [&args.old, &args.new].iter().any(|p| !is_snapshot(p)) {
        true => args.redaction.key(args.look.quiet)?,
        false => None,
    };
    let scratch = args.opening.scratch();
    let old = open_one(args, &args.old, key, &scratch, bar)?;
    let of_old = match &old {
        Dump::Core { key, .. } => Some(*key),
        Dump::Snapshot(_) => None,
    };
    let new = open_one(args, &args.new, key.or(of_old), &scratch, bar)?;
    Ok((old, new))
}

fn open_one(
    args: &Args,
    path: &Path,
    digest_key: Option<[u8; KEY_BYTES]>,
    scratch: &Scratch,
    bar: &Bar,
) -> anyhow::Result<Dump> {
    if is_snapshot(path) {
        return Ok(Dump::Snapshot(path.to_path_buf()));
    }
    let files = vec![path.to_path_buf()];
    let (binary, values) = (args.binary.clone(), args.redaction.mode());
    let request = Request {
        digest_key,
        ..args.opening.request(files, binary, values, scratch)
    };
    let wish = Wish {
        entries: args.entries.map_or(args.redaction.mode(), Values::mode),
        key_from_file: args.redaction.has_key_file(),
        ..Wish::default()
    };
    Ok(Dump::of_core(path, &request, &wish, bar)?)
}

/// What is in clear is shown only to who asks for it.
fn check_side(side: &Side, args: &Args) -> anyhow::Result<()> {
    let is_clear = [&side.values, &side.entries].iter().any(|m| *m == "clear");
    if side.is_snapshot && is_clear && args.redaction.mode() != ValueMode::Clear {
        return Err(lacks(
            Path::new(&side.file),
            "it holds keys in clear, and no digests in their place",
            "--values clear shows them",
        ));
    }
    if side.is_snapshot && args.redaction.mode() == ValueMode::None && side.values != "none" {
        return Err(lacks(
            Path::new(&side.file),
            "it holds digests of keys, which cannot be taken out again",
            "leave --values none away, or make the snapshot with it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_knows_every_word_of_the_library() {
        let words: Vec<Change> = Word::value_variants().iter().map(|w| w.change()).collect();
        assert_eq!(words, Change::ALL);
        for word in Word::value_variants() {
            let name = word.to_possible_value().map(|v| v.get_name().to_owned());
            assert_eq!(name.as_deref(), Some(word.change().as_str()));
        }
    }
}
