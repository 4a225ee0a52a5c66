//! Where a command's process is read from: a core with its binary, or a snapshot.
//! In: the shared options. Out: a request for the one, or the path of the other.

use crate::cli::fail::UsageError;
use crate::cli::fail::say;
use crate::cli::options::Input;
use crate::cli::options::Redaction;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::load::Head;
use crate::snapshot::read::is_snapshot;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use std::path::Path;
use std::path::PathBuf;

/// Where the process is read from.
pub(super) enum Source {
    /// A core.
    Core(Request),
    /// A snapshot.
    Snapshot(PathBuf),
}

/// Tells which it is, by the content of the first file.
pub(super) fn source(
    input: &Input,
    redaction: Option<&Redaction>,
    quiet: bool,
) -> anyhow::Result<Source> {
    let Some(path) = input.files().find(|p| is_snapshot(p)) else {
        return Ok(Source::Core(request(input, redaction, quiet)?));
    };
    if let Some(other) = input.files().find(|p| *p != path) {
        return Err(UsageError {
            what: format!(
                "opening {}: {} is a snapshot, which stands alone",
                other.display(),
                path.display()
            ),
            hint: Some("name the snapshot only".to_owned()),
        }
        .into());
    }
    Ok(Source::Snapshot(path.to_path_buf()))
}

/// The request for a core; a digest key that is not there yet is made.
pub(super) fn request(
    input: &Input,
    redaction: Option<&Redaction>,
    quiet: bool,
) -> anyhow::Result<Request> {
    let mut request = input.request(redaction.map(Redaction::mode).unwrap_or_default());
    if let Some(redaction) = redaction {
        request.digest_key = redaction.key(quiet)?;
    }
    Ok(request)
}

/// What a snapshot lacks for a command.
pub(super) fn lacks(path: &Path, what: &str, hint: &str) -> anyhow::Error {
    SnapshotError::Lacks {
        path: path.to_path_buf(),
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
    .into()
}

/// Refuses to show what a snapshot holds in clear to who has not asked for it, and says what it does not hold.
pub(super) fn check_values(head: &Head, wanted: ValueMode, quiet: bool) -> anyhow::Result<()> {
    let path = head.process.snapshot.clone().unwrap_or_default();
    if head.is_clear() && wanted != ValueMode::Clear {
        return Err(lacks(
            &path,
            "it holds keys in clear, and no digests in their place",
            "--values clear shows them",
        ));
    }
    let holds_digests = [&head.values, &head.entries].iter().any(|m| *m == "digest");
    if wanted == ValueMode::None && holds_digests {
        return Err(lacks(
            &path,
            "it holds digests of keys, which cannot be taken out again",
            "leave --values none away, or make the snapshot with it",
        ));
    }
    if wanted == ValueMode::Clear && head.values != ValueMode::Clear.as_str() && !quiet {
        say(&format!(
            "badmap: keys are shown as the snapshot has them: {}\n",
            head.values
        ));
    }
    Ok(())
}
