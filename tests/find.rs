//! The search for maps: what is found how, and what is not there. `tests/corpus.rs` holds every map of every
//! core against its truth; here are the sentences that need a look of their own.
//! In: the roots cores of the golden corpus. Out: what was found, per root and per goroutine.
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
    dead_code
)] // in a test a failed unwrap is a failed test, and its output is for people

mod corpus {
    pub mod compare;
    pub mod files;
}

use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::check::rule::Verdict;
use badmap::find::found::Ways;
use badmap::survey::request::Request;
use badmap::survey::result::MapRow;
use badmap::survey::result::Survey;
use badmap::survey::run::check;
use badmap::survey::run::goroutines;
use badmap::survey::run::survey;
use badmap::survey::run::survey_goroutine;
use badmap::survey::session::with_session;
use corpus::compare::Truth;
use corpus::compare::request;
use corpus::files::CoreFiles;
use corpus::files::Corpus;
use corpus::files::corpora;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::io::Write;

/// The cores of a scenario, with a word for each that is missing.
fn cores_of(scenario: &str) -> Vec<(String, CoreFiles)> {
    let mut out = Vec::new();
    for corpus in corpora() {
        let of: &Corpus = &corpus;
        for core in of.cores.iter().filter(|c| c.scenario == scenario) {
            match of.files_of(core) {
                Some(files) if !files.binary.stripped => out.push((core.name.clone(), files)),
                Some(_) => {}
                None => println!("missing: {}", core.file),
            }
        }
    }
    assert!(!out.is_empty(), "no core of {scenario}");
    out
}

fn truth(files: &CoreFiles) -> Truth {
    serde_json::from_str(&files.truth).unwrap()
}

fn addr(text: &str) -> Addr {
    Addr(u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap())
}

fn find(req: &Request) -> Survey {
    survey(req, &Silent).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_way_and_every_reach_is_met() {
    let mut ways = BTreeSet::new();
    let mut reach = BTreeSet::new();
    let mut sure = BTreeSet::new();
    for scenario in ["roots", "roots-panic"] {
        for (_, files) in cores_of(scenario) {
            for row in find(&request(&files)).maps {
                ways.extend(row.found_by.iter().copied());
                reach.insert(row.reachable);
                sure.insert(row.type_sure);
                let first = row.type_candidates.first();
                assert!(first.is_none_or(|t| *t == row.ty), "{row:?}");
            }
        }
    }
    let all: BTreeSet<_> = Ways::ALL.iter().map(|(_, name)| *name).collect();
    assert_eq!(ways, all);
    let every = ["garbage", "reachable", "reachable-unknown-path"];
    assert_eq!(reach, BTreeSet::from(every));
    assert_eq!(sure, BTreeSet::from(["ambiguous", "inferred", "typed"]));
}

/// `check` marks the heap only where it says something of a map that nothing typed leads to; `survey`, which has a row
/// for every map, always does. What both say of a map is the same.
#[test]
fn what_check_says_of_a_map_is_what_is_said_when_all_are_told() {
    let (mut all, mut swept) = (0, 0);
    for scenario in ["zoo", "damage", "roots", "throw-bad-map-state"] {
        for (name, files) in cores_of(scenario) {
            let told = find(&request(&files));
            let told: HashMap<(Addr, &str), &MapRow> =
                told.maps.iter().map(|r| ((r.addr, r.kind), r)).collect();
            let checked = check(&request(&files), &Silent).unwrap();
            for row in &checked.maps {
                let other = told[&(row.addr, row.kind)];
                assert_eq!(format!("{row:?}"), format!("{other:?}"), "{name}");
                all += 1;
                swept += usize::from(row.found_by == ["sweep"]);
            }
        }
    }
    println!("{all} rows, {swept} of maps that only the sweep found");
    assert!(all > 500 && swept > 20, "{all} rows, {swept} swept");
}

#[test]
fn a_goroutine_leads_to_what_its_frames_hold_and_to_nothing_of_others() {
    for (name, files) in cores_of("roots") {
        let req = request(&files);
        let truth = truth(&files);
        let list = goroutines(&req, None, &Silent).unwrap_or_else(|e| panic!("{e}"));
        let mut looked_at = 0;
        for function in ["main.asLocal", "main.onStackSmall", "main.inClosure"] {
            let holds = |g: &&badmap::survey::result::GoroutineRow| {
                let mut all = g.frames.iter().flat_map(|f| f.source.iter());
                all.any(|s| s.function == function)
            };
            let of: Vec<_> = list.goroutines.iter().filter(holds).collect();
            let [g] = of.as_slice() else {
                panic!("{name}: {} goroutines in {function}", of.len());
            };
            let held = survey_goroutine(&req, g.id, &Silent).unwrap_or_else(|e| panic!("{e}"));
            let found: BTreeSet<Addr> = held.maps.iter().map(|r| r.addr).collect();
            let prefix = format!("stack {function}: ");
            for t in truth
                .maps
                .iter()
                .filter(|t| t.reach == "stack" && t.addr != "0x0")
            {
                let mine = t.held.starts_with(&prefix);
                let there = found.contains(&addr(&t.addr));
                if mine && t.state.iter().any(|s| s == "header-on-stack") {
                    continue; // those without a name are in the whole list only
                }
                if there && !mine {
                    panic!("{name}: goroutine {} holds {}", g.id, t.held);
                }
                looked_at += usize::from(mine && there);
            }
            for row in &held.maps {
                let from = format!("(goroutine {})", g.id);
                assert!(row.owner.contains(&from), "{name}: {row:?}");
            }
        }
        println!("{name}: {looked_at} maps of three goroutines");
        assert!(looked_at >= 3, "{name}: only {looked_at}");
    }
}

#[test]
fn objects_that_look_like_headers_are_no_maps() {
    // The scenario keeps thousands of objects of a header's size and pointers, filled with small numbers.
    for (name, files) in cores_of("roots") {
        let known: BTreeSet<Addr> = truth(&files).maps.iter().map(|t| addr(&t.addr)).collect();
        let found = find(&request(&files));
        let strangers: Vec<&MapRow> = found
            .maps
            .iter()
            .filter(|r| r.found_by == ["sweep"] && !known.contains(&r.addr))
            .filter(|r| !r.flags.contains(&"dead") && r.ty != "map[interface {}]*sync.entry")
            .collect();
        println!("{name}: {} maps", found.maps.len());
        assert!(strangers.is_empty(), "{name}: {strangers:?}");
    }
}

#[test]
fn equal_runs_find_the_same_in_the_same_order() {
    let (_, files) = cores_of("roots").pop().unwrap();
    let once = format!("{:?}", find(&request(&files)).maps);
    for _ in 0..3 {
        assert_eq!(once, format!("{:?}", find(&request(&files)).maps));
    }
}

#[test]
fn a_core_without_stacks_still_has_the_maps_of_the_heap() {
    for (name, files) in cores_of("roots") {
        let req = request(&files);
        let stacks = with_session(&req, &Silent, |s| {
            let list = &s.goroutines.as_ref().unwrap().list;
            Ok(list
                .iter()
                .map(|g| (g.stack.start.0, g.stack.end.0))
                .collect::<Vec<_>>())
        });
        let mut bytes =
            zstd::stream::decode_all(std::fs::File::open(&files.core).unwrap()).unwrap();
        leave_out(&mut bytes, &stacks.unwrap_or_else(|e| panic!("{e}")));
        let mut cut = tempfile::NamedTempFile::new().unwrap();
        cut.write_all(&bytes).unwrap();
        let cut_req = Request {
            files: vec![cut.path().to_path_buf(), files.binary_path.clone()],
            ..req.clone()
        };

        let list = goroutines(&cut_req, None, &Silent).unwrap_or_else(|e| panic!("{e}"));
        let broken = list
            .goroutines
            .iter()
            .filter(|g| g.broken.is_some())
            .count();
        assert!(
            broken > list.goroutines.len() / 2,
            "{name}: {broken} stacks broken"
        );
        let why = list
            .goroutines
            .iter()
            .find_map(|g| g.broken.clone())
            .unwrap();
        assert!(why.contains("not dumped"), "{name}: {why}");

        let found = find(&cut_req);
        assert!(
            found.find_gaps_total > 0,
            "{name}: nothing is said to be missing"
        );
        let by_addr: HashMap<Addr, &MapRow> = found.maps.iter().map(|r| (r.addr, r)).collect();
        let mut seen = 0;
        for t in truth(&files)
            .maps
            .iter()
            .filter(|t| t.reach == "global" && t.addr != "0x0")
        {
            let row = by_addr.get(&addr(&t.addr));
            let row = row.unwrap_or_else(|| panic!("{name}: lost {}", t.held));
            if let Some(v) = &row.verdict {
                assert_eq!(v.verdict, Verdict::Ok, "{name}: {}", t.held);
            }
            seen += 1;
        }
        let broken = found.maps.iter().filter_map(|r| r.verdict.as_ref());
        assert_eq!(
            broken.filter(|v| v.verdict == Verdict::Broken).count(),
            0,
            "{name}"
        );
        println!("{name}: {seen} maps of the heap without stacks");
        assert!(seen > 20);
    }
}

/// Rewrites an ELF64 core so that it does not hold the bytes of these ranges of memory: each segment that
/// has some of them is split, and the part in between has no bytes in the file.
fn leave_out(core: &mut Vec<u8>, ranges: &[(u64, u64)]) {
    let u64_at = |b: &[u8], at: usize| u64::from_le_bytes(b[at..at + 8].try_into().unwrap());
    let (phoff, n) = (
        u64_at(core, 32) as usize,
        u16::from_le_bytes([core[56], core[57]]) as usize,
    );
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    let mut table: Vec<[u8; 56]> = Vec::new();
    let part = |header: &[u8; 56], from: u64, to: u64, dumped: bool| {
        let (off, vaddr) = (u64_at(header, 8), u64_at(header, 16));
        let mut h = *header;
        h[8..16].copy_from_slice(&(off + (from - vaddr)).to_le_bytes());
        h[16..24].copy_from_slice(&from.to_le_bytes());
        let size = if dumped { to - from } else { 0 };
        h[32..40].copy_from_slice(&size.to_le_bytes());
        h[40..48].copy_from_slice(&(to - from).to_le_bytes());
        h
    };
    for i in 0..n {
        let header: [u8; 56] = core[phoff + i * 56..phoff + (i + 1) * 56]
            .try_into()
            .unwrap();
        let (kind, vaddr, filesz) = (
            u32::from_le_bytes(header[..4].try_into().unwrap()),
            u64_at(&header, 16),
            u64_at(&header, 32),
        );
        if kind != 1 || filesz == 0 || filesz != u64_at(&header, 40) {
            table.push(header);
            continue;
        }
        let end = vaddr + filesz;
        let mut at = vaddr;
        for (from, to) in &ranges {
            let (from, to) = ((*from).max(at), (*to).min(end));
            if from >= to {
                continue;
            }
            if at < from {
                table.push(part(&header, at, from, true));
            }
            table.push(part(&header, from, to, false));
            at = to;
        }
        if at < end {
            table.push(part(&header, at, end, true));
        }
    }
    let (off, count) = (core.len() as u64, u16::try_from(table.len()).unwrap());
    core[32..40].copy_from_slice(&off.to_le_bytes());
    core[56..58].copy_from_slice(&count.to_le_bytes());
    core.extend(table.iter().flatten());
}
