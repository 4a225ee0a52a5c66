//! `badmap check`: all rules on all maps, and the first screen.
//! In: paths. Out: crash, verdict and findings as text or JSON; the exit code is the verdict.

use crate::cli::fail::say;
use crate::cli::options::Format;
use crate::cli::options::Input;
use crate::cli::options::Look;
use crate::cli::options::Redaction;
use crate::cli::output::write_out;
use crate::cli::progress::Bar;
use crate::cli::source::Source;
use crate::cli::source::check_values;
use crate::cli::source::source;
use crate::report::check_text;
use crate::report::json;
use crate::report::json::Reapplied;
use crate::snapshot::judge::Again;
use crate::snapshot::judge::load_and_judge;
use crate::snapshot::load::Head;
use crate::survey::exit::check_exit;
use crate::survey::exit::crash_exit;
use crate::survey::exit::totals;
use crate::survey::result::MapRow;
use crate::survey::result::Survey;
use crate::survey::run;
use std::path::Path;

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
With --crash-only they are about the crash and its map alone.

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
    let quiet = args.look.quiet;
    let mut again = None;
    let survey = match source(&args.input, Some(&args.redaction), quiet)? {
        Source::Core(request) if args.crash_only => run::crash(&request, &Bar::new(quiet))?,
        Source::Core(request) => run::check(&request, &Bar::new(quiet))?,
        Source::Snapshot(path) => {
            let (survey, version, done) = from_snapshot(args, &path)?;
            again = Some((version, done));
            survey
        }
    };
    let reapplied = again.as_ref().map(|(version, again)| Reapplied {
        version,
        maps: again.judged,
        changed: again.changed,
        failed: again.failed,
    });
    if args.crash_only {
        let exit = crash_exit(&survey);
        write_out(|out| match args.format {
            Format::Text => check_text::write_crash_only(out, &survey, args.look.style()),
            Format::Json => json::write_crash(out, &survey, exit),
        })?;
        return Ok(exit.code());
    }
    let totals = totals(&survey);
    let exit = check_exit(&totals, &survey.crash, survey.find_gaps_total);
    write_out(|out| match args.format {
        Format::Text => check_text::write_check(out, &survey, &totals, args.look.style()),
        Format::Json => json::write_check(out, &survey, &totals, reapplied, exit),
    })?;
    Ok(exit.code())
}

/// What a snapshot says of its process; the rules are applied again where it holds what they need.
fn from_snapshot(args: &Args, path: &Path) -> anyhow::Result<(Survey, String, Again)> {
    let (head, mut maps, again) = load_and_judge(path)?;
    check_values(&head, args.redaction.mode(), args.look.quiet)?;
    if !args.look.quiet && !args.crash_only {
        say(&rules_applied(&head, &maps, &again));
    }
    if args.crash_only {
        let blame = head.crash.blame.as_ref();
        let of_crash = blame.and_then(|b| b.map.as_ref()).map(|m| m.addr);
        maps.retain(|row| Some(row.addr) == of_crash);
    }
    let version = head.version.clone();
    Ok((head.into_survey(maps), version, again))
}

/// Whether the verdicts are of today's rules or of those that were applied when the snapshot was written.
fn rules_applied(head: &Head, maps: &[MapRow], again: &Again) -> String {
    let judged = maps
        .iter()
        .filter(|m| m.verdict.is_some() && m.kind != "syncmap");
    let all = judged.count() as u64;
    let mut text = match again.judged {
        0 if again.failed > 0 => String::new(),
        0 => format!(
            "badmap: verdicts as badmap {} gave them: the snapshot holds no slots to apply the rules to\n",
            head.version
        ),
        n if n >= all => format!("badmap: rules applied again to all {all} maps\n"),
        n => format!(
            "badmap: rules applied again to {n} of {all} maps, whose slots the snapshot holds\n"
        ),
    };
    if again.changed > 0 {
        let noun = if again.changed == 1 { "map" } else { "maps" };
        text.push_str(&format!(
            "badmap: of {} {noun} they say something else than badmap {} did\n",
            again.changed, head.version
        ));
    }
    if let Some(first) = &again.first_failed {
        text.push_str(&format!(
            "badmap: {} could not be applied again, verdicts as they were: {first}\n",
            again.failed
        ));
    }
    text
}
