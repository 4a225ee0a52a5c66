//! Who did it: the map of every crash whose culprits are known, and everybody with hands on it.
//! In: cores of `corpora/golden` and of the directories in `BADMAP_CORPUS` whose program wrote down whom it
//! let collide on which map, and who only looks suspicious. Out: the crash part compared with that, as
//! `check` and `check --crash-only` give it.
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

use badmap::base::progress::Silent;
use badmap::file::scratch::Scratch;
use badmap::survey::ending::Blame;
use badmap::survey::ending::CrashInfo;
use badmap::survey::ending::CrashKind;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::run::check;
use badmap::survey::run::crash;
use files::CoreFiles;
use files::corpora;
use serde::Deserialize;

#[derive(Deserialize)]
struct Truth {
    scenario: String,
    blame: Option<Known>,
}

/// What the program knows of its own death.
#[derive(Deserialize)]
struct Known {
    kind: String,
    map: Option<KnownMap>,
    goroutines: Vec<KnownGoroutine>,
}

#[derive(Deserialize)]
struct KnownMap {
    addr: String,
    r#type: String,
    owner: String,
}

#[derive(Deserialize)]
struct KnownGoroutine {
    id: u64,
    role: String,
    map: Option<String>,
}

/// Roles that collide.
const RACING: [&str; 4] = ["writer", "reader", "iterating", "cloner"];
/// Roles that must never be found inside an operation on the map.
const INNOCENT: [&str; 5] = ["decoy", "holder", "reaches", "ranging", "innocent"];

fn request(files: &CoreFiles) -> Request {
    Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::Digest,
        digest_key: None,
        index: None,
    }
}

/// What is wrong with the crash part of one core.
fn compare(known: &Known, crash: &CrashInfo, race: bool, typed: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if crash.kind.as_str() != known.kind {
        wrong.push(format!("kind is {:?}, not {}", crash.kind, known.kind));
        return wrong;
    }
    let (Some(map), Some(blame)) = (&known.map, &crash.blame) else {
        return wrong;
    };
    if !crash.kind.about_map() {
        return wrong;
    }
    match &blame.map {
        Some(m) => {
            if m.addr.to_string() != map.addr {
                wrong.push(format!("the map is {}, not {}", m.addr, map.addr));
            }
            if m.ty != map.r#type && (typed || !m.ty.is_empty()) {
                wrong.push(format!("its type is {:?}, not {}", m.ty, map.r#type));
            }
            // Of a map that only stacks hold, the truth has words of its own for the owner.
            let path = map.owner.starts_with("main.") && !m.addr.is_nil();
            if path && typed && m.owner != map.owner {
                wrong.push(format!("its owner is {:?}, not {}", m.owner, map.owner));
            }
        }
        None if !blame
            .candidates
            .iter()
            .any(|c| c.addr.to_string() == map.addr) =>
        {
            wrong.push(format!("{} is not even a candidate", map.addr));
        }
        None => println!("  only among {} candidates", blame.candidates.len()),
    }
    goroutines(known, map, crash, blame, race, &mut wrong);
    wrong
}

fn goroutines(
    known: &Known,
    map: &KnownMap,
    crash: &CrashInfo,
    blame: &Blame,
    race: bool,
    wrong: &mut Vec<String>,
) {
    let role = |id: u64| known.goroutines.iter().find(|g| g.id == id);
    let at_it = |g: &KnownGoroutine| g.map.as_deref() == Some(&map.addr);
    let stopper = crash.goroutine.and_then(role);
    let culprit =
        |g: &KnownGoroutine| g.role == "main" || (!INNOCENT.contains(&g.role.as_str()) && at_it(g));
    if !stopper.is_some_and(culprit) {
        wrong.push(format!("goroutine {:?} stopped it", crash.goroutine));
    }
    for p in &blame.parties {
        let Some(g) = role(p.goroutine) else { continue };
        if INNOCENT.contains(&g.role.as_str()) && p.grade == "in-map-code" {
            wrong.push(format!("{} {} is accused", g.role, g.id));
        }
    }
    // Who holds it all the while has it in a live word, and who can get at it is found.
    for g in known.goroutines.iter().filter(|g| at_it(g)) {
        let party = blame.parties.iter().find(|p| p.goroutine == g.id);
        let good = match g.role.as_str() {
            "holder" | "ranging" => party.is_none_or(|p| p.grade == "holds-pointer" && p.live),
            _ => true,
        };
        let listed = party.is_some() || blame.parties.len() >= 256 || blame.map.is_none();
        let due = ["holder", "ranging", "reaches"].contains(&g.role.as_str());
        if !good || (due && !listed) {
            wrong.push(format!(
                "{} {} is {:?}",
                g.role,
                g.id,
                party.map(|p| p.grade)
            ));
        }
    }
    let second = blame.parties.iter().any(|p| {
        let racing =
            role(p.goroutine).is_some_and(|g| RACING.contains(&g.role.as_str()) && at_it(g));
        racing && p.grade != "reaches"
    });
    if race && !second {
        wrong.push("the other one is not named".into());
    }
}

#[test]
fn every_known_culprit_is_named_and_nobody_else() {
    let mut failures = Vec::new();
    let (mut cores, mut missing) = (0, 0);
    for corpus in corpora() {
        for core in corpus.cores.iter().filter(|c| c.binary.contains("blame")) {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                missing += 1;
                continue;
            };
            let truth: Truth = serde_json::from_str(&files.truth).unwrap();
            let Some(known) = truth.blame else { continue };
            let race = ["write", "ten-maps", "many", "waits"]
                .iter()
                .any(|r| truth.scenario.contains(r));
            let full = check(&request(&files), &Silent).unwrap();
            let quick = crash(&request(&files), &Silent).unwrap();
            println!("{}: {:?}", core.name, full.crash.message);
            for (how, seen) in [("check", &full.crash), ("--crash-only", &quick.crash)] {
                let wrong = compare(&known, seen, race, !files.binary.stripped);
                failures.extend(wrong.iter().map(|w| format!("{} ({how}): {w}", core.name)));
            }
            cores += 1;
        }
    }
    println!("{cores} cores ({missing} missing)");
    assert!(
        cores >= 18,
        "the golden corpus has more than {cores} of them"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The map of each scenario of the zoo that dies on one: how its owner path ends, and its type.
const ZOO: [(&str, &str, &str); 7] = [
    ("fatal-writes", "main.raced.strings", "map[string]int"),
    ("fatal-read-write", "main.raced.ints", "map[int]int"),
    (
        "fatal-iter-write",
        "main.raced.structs",
        "map[main.padded]string",
    ),
    (
        "unhashable",
        "main.quiet.anys",
        "map[interface {}]interface {}",
    ),
    ("nil-write", "", "map[string]int"),
    ("throw-bad-map-state", "main.ward.ints[0]", "map[int]int"),
    ("throw-small-full", "main.ward.ints[0]", "map[int]int"),
];

#[test]
fn the_map_of_every_crash_of_the_zoo_is_named() {
    let mut failures = Vec::new();
    let mut cores = 0;
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some((_, owner, ty)) = ZOO.iter().find(|(s, ..)| *s == core.scenario) else {
                continue;
            };
            let Some(files) = corpus.files_of(core).filter(|f| !f.binary.stripped) else {
                continue;
            };
            cores += 1;
            for seen in [check, crash] {
                let seen = seen(&request(&files), &Silent).unwrap().crash;
                let blame = seen.blame.unwrap();
                let named = blame.map.as_ref().or(match &blame.candidates[..] {
                    [only] => Some(only),
                    _ => None,
                });
                let right = named.is_some_and(|m| m.owner == *owner && m.ty == *ty);
                if seen.kind != CrashKind::Map || !right {
                    failures.push(format!("{}: {named:?}", core.name));
                }
            }
        }
    }
    println!("{cores} cores");
    assert!(
        cores >= 13,
        "the golden corpus has more than {cores} of them"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
