//! Which cores a batch is about, and what they must give.
//! In: the arguments, standard input, a scheduler's variables. Out: candidates, and words for whoever waits.

use crate::batch::candidate::Candidate;
use crate::batch::error::BatchError;
use crate::batch::expect::Expectations;
use crate::batch::inputs::Inputs;
use crate::batch::inputs::MAX_LIST;
use crate::batch::inputs::gather;
use crate::batch::shard;
use crate::cli::batch::Args;
use crate::cli::fail::UsageError;
use crate::cli::fail::say;
use crate::report::escape::clean;
use crate::report::style::count;
use anyhow::Context;
use std::io;
use std::io::Read;
use std::path::Path;

/// What the batch is about.
pub(super) struct Found {
    /// The cores of this shard.
    pub(super) cores: Vec<Candidate>,
    /// What was found besides.
    pub(super) inputs: Inputs,
    /// Cores of which somebody said what they must give, and which are not there.
    pub(super) absent: u64,
}

pub(super) fn find_cores(args: &Args) -> anyhow::Result<Found> {
    let mut list = Vec::new();
    if args.paths.iter().any(|p| p == Path::new("-")) {
        let stdin = io::stdin().lock();
        stdin
            .take(MAX_LIST)
            .read_to_end(&mut list)
            .context("reading the list on standard input")?;
    }
    let shard = args.shard.map(resolve).transpose()?;
    let mut inputs = gather(&args.paths, &list)?;
    let mut cores = std::mem::take(&mut inputs.cores);
    if cores.is_empty() {
        return Err(BatchError::NoCores {
            among: among(&inputs),
        }
        .into());
    }
    let all = cores.len();
    if let Some(shard) = shard {
        cores.retain(|c| shard.has(&c.name));
    }
    let absent = match &args.expect {
        // Another shard has the others.
        Some(path) => Expectations::read(path)?
            .assign(&mut cores)
            .checked_mul(u64::from(shard.is_none()))
            .unwrap_or(0),
        None => 0,
    };
    if !args.look.quiet {
        say(&overture(&inputs, &cores, all, shard, absent));
    }
    Ok(Found {
        cores,
        inputs,
        absent,
    })
}

fn resolve(wanted: shard::Wanted) -> anyhow::Result<shard::Shard> {
    let variable = |name: &str| std::env::var(name).ok();
    wanted.resolve(variable).map_err(|why| {
        UsageError {
            what: format!("finding out which shard this is: {why}"),
            hint: Some(
                "--shard I/N says it outright; docs/FLEET.md says what each scheduler sets".into(),
            ),
        }
        .into()
    })
}

fn among(inputs: &Inputs) -> String {
    let mut what = Vec::new();
    if !inputs.binaries.is_empty() {
        what.push(count(
            inputs.binaries.len() as u64,
            "executable",
            "executables",
        ));
    }
    if inputs.others > 0 {
        what.push(count(inputs.others, "other file", "other files"));
    }
    if let Some((path, why)) = inputs.unreadable.first() {
        what.push(format!("{}, which cannot be read ({why})", path.display()));
    }
    if what.is_empty() {
        String::new()
    } else {
        format!(" among {}", what.join(" and "))
    }
}

/// What is going to be done.
fn overture(
    inputs: &Inputs,
    cores: &[Candidate],
    all: usize,
    shard: Option<shard::Shard>,
    absent: u64,
) -> String {
    let mut text = format!("badmap: {}", count(cores.len() as u64, "core", "cores"));
    if let Some(shard) = shard {
        text.push_str(&format!(", shard {shard} of {all}"));
    }
    if inputs.doubled > 0 {
        text.push_str(&format!(", {} named more than once", inputs.doubled));
    }
    if inputs.others > 0 {
        let others = count(inputs.others, "other file", "other files");
        text.push_str(&format!("; {others} left out"));
    }
    text.push('\n');
    for (path, why) in inputs.unreadable.iter().take(10) {
        let path = path.display().to_string();
        text.push_str(&format!("badmap: reading {}: {why}\n", clean(&path)));
    }
    if absent > 0 {
        let cores = count(absent, "core is", "cores are");
        text.push_str(&format!("badmap: {cores} expected and not there\n"));
    }
    text
}
