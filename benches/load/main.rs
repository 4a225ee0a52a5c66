//! What badmap takes on cores of real size, in units of reading the core once: time, processor time, memory.
//! In: a directory of load cores that `corpora/make.py` has made. Out: tables in Markdown, and which targets are met.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a bench that fails is meant to stop, and its output is for people"
)]

mod commands;
mod cores;
mod measure;
mod options;
mod peers;
mod series;
mod table;
mod targets;
mod yardstick;

use crate::cores::LoadCore;
use crate::measure::Limits;
use crate::options::Options;
use crate::series::Series;
use clap::Parser;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(core) = &options.yardstick {
        println!("{}", yardstick::count(core));
        return ExitCode::SUCCESS;
    }
    let Some(dir) = &options.dir else {
        println!("nothing measured: name a directory of load cores (docs/DEVELOPING.md)");
        return ExitCode::SUCCESS;
    };
    let (found, missing) = cores::find(dir, &options.go, &options.sizes);
    if !missing.is_empty() {
        eprintln!("{}", cores::how_to_make(dir, &missing));
    }
    let mut all = Vec::new();
    for core in &found {
        eprintln!("{}", core.name());
        let series = measure_core(core, &options);
        print!("{}", table::of_core(&series, options.runs));
        all.push(series);
    }
    print!("{}", table::of_scaling(&all));
    let judged = targets::judge(&all);
    print!("{}", table::of_targets(&judged));
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&table::json(&all, &judged)).unwrap();
        std::fs::write(file, text + "\n").expect("the file of --json can be written");
    }
    let failed = all.iter().any(Series::failed);
    let unmet = options.strict && judged.iter().any(|t| t.met == Some(false));
    let nothing = found.is_empty();
    ExitCode::from(u8::from(failed || unmet || nothing))
}

/// Runs every command on one core, one after the other, and that `runs` times; peers only once.
fn measure_core(core: &LoadCore, options: &Options) -> Series {
    let scratch = tempfile::tempdir_in(options.tmp_dir()).expect("a directory for snapshots");
    core.warm();
    let mut series = Series::new(core);
    for run in 0..options.runs {
        for command in commands::all(core, &options.badmap(), scratch.path()) {
            if command.name != commands::YARDSTICK && !options.wants(command.name) {
                continue;
            }
            let measured = measure::run(command.program, Limits::none());
            series.add(command.name, command.expected, measured);
            if command.name == "snapshot" {
                keep_second(scratch.path());
            }
        }
        if run == 0 {
            for peer in peers::all(core, scratch.path()) {
                if options.wants(peer.name) {
                    let limits = Limits::of_peers(options.peer_seconds);
                    series.add(peer.name, 0, measure::run(peer.program, limits));
                }
            }
        }
    }
    series
}

/// A diff wants two snapshots, and one of the same core will do: all of it is paired and compared.
fn keep_second(dir: &Path) {
    let (first, second) = commands::snapshots(dir);
    if first.exists() && !second.exists() {
        std::fs::copy(first, second).expect("a snapshot can be copied");
    }
}
