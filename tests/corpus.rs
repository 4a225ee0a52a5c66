//! Every core of the corpus against the truth that the dead program itself wrote down.
//! In: `corpora/golden` and the directories in `BADMAP_CORPUS` (separated by colons), each with a
//! MANIFEST.toml. A core that is missing is counted and printed, never passed over in silence.
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

mod corpus {
    pub mod compare;
    #[allow(dead_code)] // other tests want the rest of it
    pub mod files;
    pub mod glance;
}

use corpus::compare::Outcome;
use corpus::compare::compare;
use corpus::files::corpora;
use corpus::glance::glance_at;

#[test]
fn every_core_tells_the_truth() {
    let mut failures = Vec::new();
    let mut sum = Outcome::default();
    let (mut cores, mut missing, mut stackless) = (0, 0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                missing += 1;
                continue;
            };
            if files.binary.stripped {
                continue; // tests/hostile.rs shows what is said of stripped binaries
            }
            cores += 1;
            let one = compare(core, &files);
            println!(
                "{}: {} maps, {} of the truth's found, {} wounds seen ({} by hashes), {} for other rules",
                core.name, one.maps, one.found, one.wounds, one.by_hash, one.later
            );
            failures.extend(one.failures.iter().map(|f| format!("{}: {f}", core.name)));
            sum.maps += one.maps;
            sum.found += one.found;
            sum.wounds += one.wounds;
            sum.by_hash += one.by_hash;
            stackless += u32::from(!files.binary.has_stacks());
            sum.later += one.later;
        }
    }
    println!(
        "{cores} cores ({missing} missing, {stackless} of machines whose stacks are not walked), {} maps, {} of \
         the truth's found, {} wounds seen ({} by hashes), {} for other rules",
        sum.maps, sum.found, sum.wounds, sum.by_hash, sum.later
    );
    let shown: Vec<_> = failures.iter().take(400).cloned().collect();
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        shown.join("\n")
    );
    assert!(cores > 0, "no core at all");
}

#[test]
fn a_glance_says_of_every_map_what_its_image_says() {
    let mut failures = Vec::new();
    let (mut cores, mut maps) = (0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core).filter(|f| !f.binary.stripped) else {
                continue;
            };
            let one = glance_at(&files);
            cores += 1;
            maps += one.maps;
            failures.extend(one.failures.iter().map(|f| format!("{}: {f}", core.name)));
        }
    }
    println!("{cores} cores, {maps} maps");
    let shown: Vec<_> = failures.iter().take(40).cloned().collect();
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        shown.join("\n")
    );
    assert!(maps > 10_000, "{maps} maps");
}
