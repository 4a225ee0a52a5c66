//! The allocator's books of real processes, held against what the process's own maps show.
//! In: the cores of the corpora whose maps nobody broke, some of every Go version. Out: every object whose start, size,
//! state, pointers or type the books tell otherwise than the map that holds it.
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

#[allow(dead_code)] // the truth of a core is for tests/corpus.rs
#[path = "corpus/files.rs"]
mod files;
mod heap {
    pub mod damage;
    pub mod objects;
    pub mod spans;
}

use badmap::base::progress::Silent;
use badmap::file::scratch::Scratch;
use badmap::runtime::sizeclass::KNOWN_SIZES;
use badmap::runtime::sizeclass::SizeClasses;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use files::CoreFiles;
use files::corpora;
use std::collections::BTreeMap;

/// What was seen, by what it is, and what was wrong.
#[derive(Default)]
pub struct Seen {
    pub counts: BTreeMap<&'static str, u64>,
    pub failures: Vec<String>,
}

impl Seen {
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Counts `what`, and keeps `why` unless it holds.
    pub fn hold(&mut self, what: &'static str, holds: bool, why: impl FnOnce() -> String) {
        self.count(what);
        if !holds {
            self.failures.push(format!("{what}: {}", why()));
        }
    }
}

/// What at least one core of the whole corpus has to show, lest a test pass that never looked.
const DUE: [&str; 16] = [
    "spans of objects",
    "spans managed by hand",
    "spans with inline marks",
    "allocated objects",
    "large objects",
    "objects with a malloc header",
    "pointers to objects",
    "map headers",
    "tables",
    "pointer-free storages",
    "storages with pointers",
    "bucket arrays",
    "groups of tables",
    "directories",
    "types recorded in a header",
    "types recorded in a span",
];

/// What only cores show in which the collector runs by itself, or that use finalizers and cleanups;
/// said when it is missing.
const WANTED: [&str; 6] = [
    "spans to be swept",
    "dead objects",
    "finalizers",
    "cleanups",
    "cleanups with an argument",
    "finalizers on objects of their type",
];

/// Scenarios that break maps: what the books say of those is no proof.
const BROKEN: [&str; 4] = ["damage", "throw-", "segv", "hang"];

fn request(files: &CoreFiles) -> Request {
    Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::None,
        digest_key: None,
        index: None,
    }
}

fn look(session: &Session<'_, '_>) -> Seen {
    let mut seen = Seen::default();
    // The table that serves where a process's own cannot be found is everybody's.
    let classes = SizeClasses::bind(&session.reader.program);
    let known = classes.is_some_and(|c| c.sizes == KNOWN_SIZES);
    seen.hold("tables of size classes as known", known, || {
        "it is another".into()
    });
    heap::spans::hold_spans(session, &mut seen);
    heap::spans::hold_pointers(session, &mut seen);
    heap::objects::hold_maps(session, &mut seen);
    heap::objects::hold_specials(session, &mut seen);
    seen
}

#[test]
fn the_books_agree_with_the_maps_of_every_sound_core() {
    let mut all = Seen::default();
    let (mut cores, mut missing) = (0, 0);
    let mut machines: BTreeMap<String, u32> = BTreeMap::new();
    for corpus in corpora() {
        let sound = |scenario: &str| !BROKEN.iter().any(|b| scenario.starts_with(b));
        for core in corpus.cores.iter().filter(|c| sound(&c.scenario)) {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                missing += 1;
                continue;
            };
            if files.binary.stripped {
                continue; // without types nothing is bound
            }
            cores += 1;
            let seen = with_session(&request(&files), &Silent, |s| Ok(look(s))).unwrap();
            let told: Vec<String> = seen
                .counts
                .iter()
                .map(|(k, n)| format!("{n} {k}"))
                .collect();
            let arch = &files.binary.goarch;
            *machines.entry(arch.clone()).or_default() += 1;
            println!("{} ({arch}): {}", core.name, told.join(", "));
            for (what, n) in seen.counts {
                *all.counts.entry(what).or_default() += n;
            }
            let named = seen.failures.iter().map(|f| format!("{}: {f}", core.name));
            all.failures.extend(named);
        }
    }
    println!("{cores} cores ({missing} missing) of {machines:?}");
    for (what, n) in &all.counts {
        println!("{n:>12} {what}");
    }
    let shown: Vec<_> = all.failures.iter().take(60).cloned().collect();
    assert!(
        all.failures.is_empty(),
        "{} failures:\n{}",
        all.failures.len(),
        shown.join("\n")
    );
    for what in WANTED.iter().filter(|w| !all.counts.contains_key(*w)) {
        println!("not in these cores: {what}");
    }
    let never: Vec<_> = DUE
        .iter()
        .filter(|d| !all.counts.contains_key(*d))
        .collect();
    assert!(never.is_empty(), "never seen: {never:?}");
}

#[test]
fn damaged_books_are_read_to_an_end_without_a_panic() {
    let mut held = 0;
    for corpus in corpora() {
        let zoos = ["go1.19-zoo", "go1.21-zoo", "go1.23-zoo", "go1.27-zoo"];
        for core in corpus
            .cores
            .iter()
            .filter(|c| zoos.contains(&c.name.as_str()))
        {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                continue;
            };
            println!("{}: {}", core.name, heap::damage::damage(&files, 24));
            held += 1;
        }
    }
    assert!(held > 0, "no core at all");
}
