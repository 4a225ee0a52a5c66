//! `badmap snapshot`: a small file that stands for a core from then on.
//! In: paths, whose entries go in and how. Out: the file, and a line on stderr that says what is in it.

use crate::cli::fail::UsageError;
use crate::cli::fail::say;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::options::Values;
use crate::cli::progress::Bar;
use crate::cli::show::parse_target;
use crate::cli::source::Source;
use crate::cli::source::source;
use crate::file::stream::PackedWriter;
use crate::report::style::count;
use crate::report::style::size;
use crate::snapshot::read::is_snapshot;
use crate::snapshot::write::Wish;
use crate::snapshot::write::Written;
use crate::snapshot::write::write_snapshot;
use crate::survey::exit::read_exit;
use crate::survey::inspect::inspect;
use crate::survey::request::ValueMode;
use anyhow::Context;
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;

/// Write a small file that stands for the core from then on
///
/// A snapshot holds what badmap knows of every map: address, type, owner, header, size, how its slots are used, what the
/// rules say, and a keyed digest of its entries, but no byte of a key or elem (docs/SNAPSHOT.md, Secrets). list, show, check and diff read it in
/// place of the core; so do zstdcat and jq, for it is JSON Lines (docs/SNAPSHOT.md). With --entries it also holds the
/// slots of maps, so that diff can name keys and check can apply the rules again.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the snapshot was written
  2  badmap could not do its job: usage, an unreadable file, no Go, IDs differ
  3  it was written, but not all of the process could be read, as it says itself

Examples:
  badmap snapshot core.4711 -o monday.badmap
  badmap snapshot core.4711 ./server -o monday.badmap --digest-key-file ~/.badmap.key
  badmap snapshot core.4711 -o m.badmap --entries digest --owner main.srv.sessions
  badmap snapshot core.4711 -o - | ssh archive 'cat > monday.badmap'
  zstdcat monday.badmap | jq -c 'select(.line == \"map\" and .bytes > 1e6) | [.owner, .len, .bytes]'")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,

    /// The file to write, with mode 0600; - for standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: PathBuf,

    /// Replace the file even if it is no snapshot
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// How the entries of maps go in; their slots go with them
    #[arg(long, value_enum, default_value_t = Values::None, value_name = "MODE", help_heading = "Selection")]
    entries: Values,

    /// Entries of this map only: address of its header in hex, or owner path
    #[arg(long, value_name = "ADDR|PATH", help_heading = "Selection")]
    map: Option<String>,

    /// Entries only of maps whose type contains this text
    #[arg(long = "type", value_name = "TEXT", help_heading = "Selection")]
    ty: Option<String>,

    /// Entries only of maps whose owner path contains this text
    #[arg(long, value_name = "TEXT", help_heading = "Selection")]
    owner: Option<String>,

    #[command(flatten)]
    redaction: Redaction,

    #[command(flatten)]
    look: Look,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let quiet = args.look.quiet;
    let Source::Core(request) = source(&args.input, Some(&args.redaction), quiet)? else {
        return Err(usage(
            "it is a snapshot already",
            "name the core file it was made of",
        ));
    };
    let selects = args.map.is_some() || args.ty.is_some() || args.owner.is_some();
    if selects && args.entries == Values::None {
        return Err(usage(
            "--map, --type and --owner choose whose entries go in, and none do",
            "add --entries digest; without it the snapshot holds every map without its entries",
        ));
    }
    let mut wish = Wish {
        entries: args.entries.mode(),
        map: args.map.as_deref().map(parse_target).transpose()?,
        ty: args.ty.clone(),
        owner: args.owner.clone(),
        key_from_file: request.digest_key.is_some(),
    };
    let to_stdout = args.output == Path::new("-");
    let output = std::fs::canonicalize(&args.output);
    let is_input = |path: &Path| {
        let path = std::fs::canonicalize(path);
        path.is_ok_and(|p| output.as_ref().is_ok_and(|o| *o == p))
    };
    if args.input.files().any(is_input) {
        return Err(usage(
            "it would replace its own input",
            "name another file with -o",
        ));
    }
    let mut out = open(&args.output, to_stdout, args.force)?;
    let writing = || format!("writing {}", args.output.display());
    let bar = Bar::new(quiet);
    let (written, gaps) = inspect(&request, &bar, |all| -> anyhow::Result<(Written, u64)> {
        if let Some(target) = &wish.map {
            wish.map = Some(all.find(target)?);
        }
        let written = write_snapshot(all, &wish, &mut out, &bar).with_context(writing)?;
        Ok((written, all.gaps_total.saturating_add(written.gaps)))
    })??;
    out.finish().with_context(writing)?;
    drop(bar);
    if !quiet && wish.entries != ValueMode::None && written.with_entries == 0 {
        say("badmap: no map is that one: the snapshot holds no entries\n");
    }
    if !quiet {
        say(&summary(&written, &args.output, to_stdout));
    }
    if !quiet && gaps > 0 {
        say("badmap: not all of the process could be read: maps or parts of them may be missing\n");
    }
    Ok(read_exit(gaps, 0).code())
}

fn usage(what: &str, hint: &str) -> anyhow::Error {
    UsageError {
        what: format!("writing a snapshot: {what}"),
        hint: Some(hint.to_owned()),
    }
    .into()
}

/// Opens what is written to; a file that is there and is no snapshot may be the core itself.
fn open(path: &Path, to_stdout: bool, force: bool) -> anyhow::Result<PackedWriter> {
    if to_stdout {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(usage(
                "it would go to the terminal",
                "name a file with -o, or a pipe",
            ));
        }
        return Ok(PackedWriter::to(Box::new(stdout))?);
    }
    let there = std::fs::symlink_metadata(path).ok();
    let is_taken = there.is_some_and(|m| !m.is_file() || m.len() > 0);
    if is_taken && !is_snapshot(path) && !(force && path.is_file()) {
        return Err(usage(
            &format!("{} is there already, and is no snapshot", path.display()),
            "name another file with -o; --force replaces it, if it is a regular file",
        ));
    }
    PackedWriter::create(path).with_context(|| format!("writing {}", path.display()))
}

fn summary(w: &Written, path: &Path, to_stdout: bool) -> String {
    let mut text = format!("badmap: wrote {}", count(w.maps, "map", "maps"));
    if w.broken > 0 {
        text.push_str(&format!(", {} broken", w.broken));
    }
    if w.with_entries > 0 {
        text.push_str(&format!(
            ", {} of {}",
            count(w.entries, "entry", "entries"),
            count(w.with_entries, "map", "maps")
        ));
    }
    if !to_stdout {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        text.push_str(&format!(" to {}, {}", path.display(), size(bytes)));
    }
    text.push('\n');
    text
}
