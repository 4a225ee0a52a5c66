//! `badmap batch-child`: the process in which a batch looks at one core. Nobody else calls it, and it has no manual.
//! In: a core, and on standard input what the batch has set up for all of them. Out: one line.

use crate::batch::setup::Setup;
use crate::batch::work::limit;
use crate::batch::work::work;
use crate::cli::output::write_out;
use crate::cli::signals::Signals;
use crate::schema::safe::write_jsonl;
use crate::survey::run::set_jobs;
use anyhow::Context;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Look at one core of a batch
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The core
    core: PathBuf,

    /// Its binary, where a manifest says which
    #[arg(long)]
    binary: Option<PathBuf>,

    /// Where a snapshot is to be written
    #[arg(long)]
    snapshot: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    // Schedulers send what ends a task to all of its processes.
    Signals::ignore().context("catching signals")?;
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let setup = Setup::read(&stdin).context("reading what the batch has set up")?;
    set_jobs(setup.threads);
    limit(&setup.limits()).context("limiting this process")?;
    #[cfg(debug_assertions)]
    hook(&args.core);
    let (core, binary) = (args.core.clone(), args.binary.clone());
    let line = work(&setup.job(core, binary, args.snapshot.clone()));
    write_out(|out| write_jsonl(out, &line))?;
    Ok(0)
}

/// What tests make of this process. Release builds do not have it: `BADMAP_TEST_HOOK=hang:NAME,eat:NAME` lets the
/// processes of cores whose path ends so hang, eat memory, panic or abort.
#[cfg(debug_assertions)]
#[allow(clippy::panic)] // that is what it is for
fn hook(core: &std::path::Path) {
    let hooks = std::env::var("BADMAP_TEST_HOOK").unwrap_or_default();
    let path = core.to_string_lossy();
    let wanted = hooks.split(',').find_map(|hook| {
        let (what, name) = hook.split_once(':')?;
        path.ends_with(name).then_some(what)
    });
    match wanted {
        Some("hang") => loop {
            std::thread::park();
        },
        Some("eat") => {
            let mut eaten = Vec::new();
            loop {
                eaten.push(vec![1u8; 1 << 20]);
            }
        }
        Some("panic") => panic!("as the test wishes"),
        Some("abort") => std::process::abort(),
        Some("slow") => std::thread::sleep(std::time::Duration::from_millis(300)),
        _ => {}
    }
}
