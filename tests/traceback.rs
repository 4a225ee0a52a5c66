//! badmap's stacks against the tracebacks that the dying processes printed themselves.
//! In: cores of `corpora/golden` and of the directories in `BADMAP_CORPUS` whose manifest names what
//! the process wrote to stderr. Out: each frame compared by function, file, line, pc and stack
//! pointer. A core without such a text is counted and printed, never passed over in silence.
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
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

#[allow(dead_code)] // other tests want the rest of it
#[path = "corpus/files.rs"]
mod files;
mod traceback {
    pub mod compare;
    pub mod parse;
}

use badmap::base::progress::Silent;
use badmap::file::scratch::Scratch;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::run::goroutines;
use files::CoreFiles;
use files::corpora;
use traceback::compare::Outcome;
use traceback::compare::compare;
use traceback::parse::traces;

/// Goroutines and frames that must be found equal in every core: fewer, and something else is wrong.
/// The zoo has a dozen goroutines that wait, and the runtime has half a dozen more.
const MIN_EQUAL: usize = 10;
const MIN_FRAMES: usize = 40;
/// The program of the hashes has one of its own.
const MIN_EQUAL_HASHES: usize = 5;
const MIN_FRAMES_HASHES: usize = 25;
/// So has that of the bugs: main, two that collide at most, and those of the runtime.
const MIN_EQUAL_BUGS: usize = 4;
const MIN_FRAMES_BUGS: usize = 20;

#[test]
fn stacks_are_those_the_runtime_printed() {
    let mut failures = Vec::new();
    let mut sum = Outcome::default();
    let (mut cores, mut silent, mut missing, mut stackless) = (0, 0, 0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(printed) = &core.stderr else {
                silent += 1;
                continue;
            };
            let (Some(files), Some(text)) = (corpus.files_of(core), corpus.text(printed)) else {
                println!("missing: {} or {printed}", core.file);
                missing += 1;
                continue;
            };
            if !files.binary.has_stacks() {
                println!(
                    "{}: stacks of {} are not walked",
                    core.name, files.binary.goarch
                );
                stackless += 1;
                continue;
            }
            cores += 1;
            let one = core_against(&files, &text);
            println!(
                "{}: {} goroutines equal ({} frames, {} of them inlined), {} went on since, {} not printed",
                core.name, one.equal, one.frames, one.inlined, one.moved, one.unavailable
            );
            failures.extend(one.failures.iter().map(|f| format!("{}: {f}", core.name)));
            let (equal, frames) = if core.scenario.starts_with("hashes") {
                (MIN_EQUAL_HASHES, MIN_FRAMES_HASHES)
            } else if core.bug.is_some() {
                (MIN_EQUAL_BUGS, MIN_FRAMES_BUGS)
            } else {
                (MIN_EQUAL, MIN_FRAMES)
            };
            if one.equal < equal || one.frames < frames || one.moved > one.equal / 10 {
                failures.push(format!("{}: too little was compared", core.name));
            }
            sum.equal += one.equal;
            sum.frames += one.frames;
            sum.inlined += one.inlined;
            sum.moved += one.moved;
            sum.unavailable += one.unavailable;
        }
    }
    println!(
        "{cores} cores ({missing} missing, {stackless} of other machines, {silent} without a text): \
         {} goroutines equal, {} frames, {} of them inlined; {} went on since, {} not printed",
        sum.equal, sum.frames, sum.inlined, sum.moved, sum.unavailable
    );
    assert!(cores > 0, "there should be texts to compare with");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures[..failures.len().min(60)].join("\n")
    );
}

fn core_against(files: &CoreFiles, text: &str) -> Outcome {
    let req = Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::None,
        digest_key: None,
        index: None,
    };
    let list = goroutines(&req, None, &Silent).unwrap();
    let (traces, odd) = traces(text);
    let mut out = compare(&traces, &list);
    out.failures
        .extend(odd.iter().map(|l| format!("not understood: {l:?}")));
    // With GOTRACEBACK=crash the runtime hides no frame, neither wrappers nor its own, and prints the
    // registers of each. Source: `runtime/traceback.go`, `showfuncinfo` (`level > 1`), all versions.
    let hidden = traces
        .iter()
        .any(|t| t.frames.iter().any(|f| f.regs.is_none() && !f.inlined));
    if hidden {
        out.failures
            .push("not printed with GOTRACEBACK=crash: frames may be hidden".into());
    }
    out
}
