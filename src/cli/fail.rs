//! Bad news on stderr: the error line, the hint, and exit code 2.
//! In: an error of clap, of the library or of the output. Out: text and an exit code.

use crate::batch::error::BatchError;
use crate::cli::output::OutputError;
use crate::cli::output::colored_help;
use crate::cli::output::write_out;
use crate::diff::dump::DumpError;
use crate::file::keyfile::KeyFileError;
use crate::report::escape::clean;
use crate::snapshot::error::SnapshotError;
use crate::survey::error::SurveyError;
use clap::error::ErrorKind;
use std::io;
use std::io::Write;
use std::process::ExitCode;

/// Exit code when badmap could not do what was asked.
const FAILED: u8 = 2;

/// What was asked makes no sense, found behind clap's back.
#[derive(thiserror::Error, Debug)]
#[error("{what}")]
pub(super) struct UsageError {
    /// What is wrong.
    pub(super) what: String,
    /// What to try.
    pub(super) hint: Option<String>,
}

/// Says what went wrong, and returns the exit code. A reader that has gone away is no failure.
pub(super) fn report_failure(err: &anyhow::Error) -> ExitCode {
    if err
        .downcast_ref::<OutputError>()
        .is_some_and(OutputError::is_closed_pipe)
    {
        return ExitCode::SUCCESS;
    }
    let hint = hint_of(err);
    let chain: Vec<String> = err
        .chain()
        .map(|e| clean(&e.to_string()).into_owned())
        .collect();
    let mut text = format!("badmap: {}\n", chain.join(": "));
    if let Some(hint) = hint {
        text.push_str(&format!("hint: {}\n", clean(&hint)));
    }
    say(&text);
    ExitCode::from(FAILED)
}

/// What the user can try, by whichever room the error is from.
fn hint_of(err: &anyhow::Error) -> Option<String> {
    if let Some(e) = err.downcast_ref::<SurveyError>() {
        return e.hint();
    }
    if let Some(e) = err.downcast_ref::<SnapshotError>() {
        return e.hint();
    }
    if let Some(e) = err.downcast_ref::<DumpError>() {
        return e.hint();
    }
    if let Some(e) = err.downcast_ref::<BatchError>() {
        return e.hint();
    }
    if let Some(e) = err.downcast_ref::<KeyFileError>() {
        return e.hint();
    }
    err.downcast_ref::<UsageError>()?.hint.clone()
}

/// Handles what clap returns instead of a command: help and version are results, the rest is misuse.
pub(super) fn report_usage(err: &clap::Error) -> ExitCode {
    match err.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = if colored_help() {
                err.render().ansi().to_string()
            } else {
                err.render().to_string()
            };
            match write_out(|out| out.write_all(text.as_bytes())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(err) => report_failure(&err),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            say(&err.render().to_string());
            ExitCode::from(FAILED)
        }
        _ => {
            // clap's own words, under our own name.
            let text = err.render().to_string();
            let text = text
                .strip_prefix("error: ")
                .unwrap_or(&text)
                .replace("\n  tip: ", "\nhint: ");
            say(&format!("badmap: {text}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Writes to stderr; when even that fails there is nobody left to tell.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
