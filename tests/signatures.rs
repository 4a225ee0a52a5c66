//! Signatures of real cores: those of one bug are equal, those of two bugs differ, and none tells a secret.
//! In: cores of `corpora/golden` and of the directories in `BADMAP_CORPUS`, some of which name the bug that they show.
//! Out: their signatures, compared with one another and between the ways of showing values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

#[allow(dead_code)] // other tests want the rest of it
#[path = "corpus/files.rs"]
mod files;

use badmap::base::progress::Silent;
use badmap::batch::signature::Signature;
use badmap::batch::signature::signature;
use badmap::file::scratch::Scratch;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::run::check;
use files::CoreFiles;
use files::corpora;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

fn signed(files: &CoreFiles, values: ValueMode) -> Option<Signature> {
    let req = Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values,
        digest_key: None,
        index: None,
    };
    signature(&check(&req, &Silent).unwrap())
}

/// Whether a text has a digest of a value (`#0a1b2c3d4e5f`), a string, or the number of a goroutine.
fn tells_too_much(text: &str) -> bool {
    let digest = text.split('#').skip(1).any(|behind| {
        let hex = behind.chars().take_while(char::is_ascii_hexdigit);
        hex.count() >= 8
    });
    let goroutine = text.contains("(goroutine ");
    digest || goroutine || text.contains("0x") || text.contains('"')
}

/// Of so many cores of a bug one may differ, where it is luck what they are like: where they come fresh from
/// `corpora/make.py`. The golden ones are known, and none of them does. `docs/SIGNATURES.md` has how many do.
const ODD_ONE_IN: usize = 10;

#[test]
fn cores_of_one_bug_have_one_signature_and_two_bugs_have_two() {
    let mut ids: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut builds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let golden = corpora()[0].dir.clone();
    let mut golden_ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for corpus in corpora() {
        for core in corpus.cores.iter().filter(|c| c.bug.is_some()) {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                continue;
            };
            let bug = core.bug.clone().unwrap();
            let signed = signed(&files, ValueMode::Digest).expect("a bug has a signature");
            texts.insert(signed.id.clone(), signed.text);
            builds
                .entry(bug.clone())
                .or_default()
                .insert(core.binary.clone());
            if corpus.dir == golden {
                let ids = golden_ids.entry(bug.clone()).or_default();
                ids.insert(signed.id.clone());
            }
            let of_bug = ids.entry(bug).or_default();
            of_bug.entry(signed.id).or_default().push(core.name.clone());
        }
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut failures = Vec::new();
    for (bug, of_bug) in &ids {
        println!("{bug}: {} builds", builds[bug].len());
        for (id, cores) in of_bug {
            println!(
                "  {id}, {} cores\n    {}",
                cores.len(),
                texts[id].replace('\n', "\n    ")
            );
            if let Some(other) = owners.insert(id, bug) {
                failures.push(format!("{bug} and {other} are both {id}"));
            }
        }
        let all: usize = of_bug.values().map(Vec::len).sum();
        let most = of_bug.values().map(Vec::len).max().unwrap_or(0);
        let strict = golden_ids.get(bug).is_some_and(|ids| ids.len() > 1);
        if strict || all - most > all / ODD_ONE_IN {
            failures.push(format!("{bug} has {}: {of_bug:?}", of_bug.len()));
        }
    }
    assert!(
        ids.len() >= 2,
        "the golden corpus has more than {} bugs",
        ids.len()
    );
    assert!(
        builds.values().all(|b| b.len() >= 2),
        "a bug of one build proves nothing: {builds:?}"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn signatures_tell_neither_addresses_nor_values_whatever_may_be_shown() {
    let mut failures = Vec::new();
    let (mut cores, mut with) = (0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                continue;
            };
            cores += 1;
            let clear = signed(&files, ValueMode::Clear);
            // Without DWARF nothing but the map of a crash is checked.
            let checked = !files.binary.stripped || core.expect.crash == "map";
            let due = core.expect.exit == 1 && checked;
            if due && clear.is_none() {
                failures.push(format!("{}: no signature", core.name));
            }
            let Some(clear) = clear else { continue };
            with += 1;
            if tells_too_much(&clear.text) {
                failures.push(format!("{}: {}", core.name, clear.text));
            }
            for mode in [ValueMode::Digest, ValueMode::None] {
                let other = signed(&files, mode);
                if other.as_ref() != Some(&clear) {
                    failures.push(format!("{}: {clear:?}, with {mode:?} {other:?}", core.name));
                }
            }
        }
    }
    println!("{cores} cores, {with} with a signature");
    assert!(with >= 30, "the golden corpus has more than {with} of them");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
