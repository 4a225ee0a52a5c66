//! The hash of every key against what the dead program itself noted: its own map types' hash functions, run on
//! its own keys with each map's own seed.
//! In: the cores of the program "hashes" in `corpora/golden` and in the directories of `BADMAP_CORPUS`. Out: every
//! map whose hashes are others than the truth's, that has keys without a hash, or whose keys do not fit their slots.
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

use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::file::scratch::Scratch;
use badmap::find::search::find_maps;
use badmap::hash::hasher::HasherFact;
use badmap::hash::run::KeyHash;
use badmap::maps::image::Body;
use badmap::maps::image::MapImage;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use badmap::types::graph::TypeId;
use files::CoreFiles;
use files::corpora;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Truth {
    /// Whether the process hashed with AES instructions; only these cores' truth says so.
    aes: Option<bool>,
    maps: Vec<TrueMap>,
}

#[derive(Deserialize)]
struct TrueMap {
    addr: String,
    #[serde(rename = "type")]
    ty: String,
    held: String,
    len: Option<u64>,
    hashes: Option<Vec<String>>,
    nans: Option<u64>,
}

/// What was held against the truth, and what was wrong.
#[derive(Default)]
struct Outcome {
    maps: u64,
    hashes: u64,
    nans: u64,
    /// Maps by how badmap knows the hash of their keys: the name of the hash function.
    by_function: BTreeMap<String, u64>,
    failures: Vec<String>,
}

impl Outcome {
    fn add(&mut self, name: &str, other: Outcome) {
        self.maps += other.maps;
        self.hashes += other.hashes;
        self.nans += other.nans;
        for (function, n) in other.by_function {
            *self.by_function.entry(function).or_default() += n;
        }
        let named = other.failures.iter().map(|f| format!("{name}: {f}"));
        self.failures.extend(named);
    }
}

fn number(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

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

/// Holds every map that the truth has hashes of against what badmap computes.
fn look(s: &Session<'_, '_>, truth: &Truth) -> Outcome {
    let mut out = Outcome::default();
    let found: HashMap<Addr, TypeId> = find_maps(&s.grounds(), &Silent)
        .maps
        .iter()
        .map(|m| (m.addr, m.ty))
        .collect();
    let setup = s.reader.hashers.setup();
    let aes = truth
        .aes
        .expect("the truth of hashes says whether AES was used");
    if (setup.name == "aes") != aes || setup.fault.is_some() {
        out.failures.push(format!("AES is {aes}, not {setup:?}"));
    }
    for t in &truth.maps {
        let (Some(hashes), Some(nans)) = (&t.hashes, t.nans) else {
            continue;
        };
        let addr = Addr(number(&t.addr));
        if addr.is_nil() {
            continue; // a nil map has no keys and no header
        }
        let Some(slots) = found.get(&addr).and_then(|ty| s.reader.slots(*ty)) else {
            out.failures.push(format!("not found: {}", t.held));
            continue;
        };
        let image = s.reader.read_for_check(addr, slots);
        let function = match &image.keys.descriptor.hasher {
            HasherFact::Fits(name) => name.clone(),
            other => {
                out.failures.push(format!("{}: hasher {other:?}", t.held));
                continue;
            }
        };
        *out.by_function.entry(kind_of(&function)).or_default() += 1;
        if let Err(why) = compare(&image, t, hashes, nans) {
            out.failures.push(format!("{} ({function}): {why}", t.held));
        }
        out.maps += 1;
        out.hashes += hashes.len() as u64;
        out.nans += nans;
    }
    out
}

/// One map against its truth.
fn compare(image: &MapImage<'_>, t: &TrueMap, hashes: &[String], nans: u64) -> Result<(), String> {
    let told: Vec<u64> = hashes.iter().map(|h| number(h)).collect();
    assert!(told.is_sorted(), "{}: sorted by value", t.held);
    let (mut ours, mut odd, mut misfits) = (Vec::new(), 0, 0);
    let mut strange = None;
    image.for_each_key(|e, hash| match hash {
        KeyHash::Known(hash) => {
            misfits += u64::from(mark(image, hash) != e.mark);
            ours.push(hash);
        }
        KeyHash::Nan => odd += 1,
        other => strange = Some(format!("{}: {other:?}", e.place)),
    });
    ours.sort_unstable();
    let keys = &image.keys;
    if let Some(strange) = strange {
        return Err(format!("no hash at {strange}"));
    }
    if ours != told {
        let common = ours
            .iter()
            .filter(|h| told.binary_search(h).is_ok())
            .count();
        return Err(format!(
            "{}: {} hashes, {} in the truth, {common} of ours are there",
            t.ty,
            ours.len(),
            told.len()
        ));
    }
    if odd != nans || t.len != Some(ours.len() as u64 + odd) {
        return Err(format!("{odd} NaN, not {nans}, of {:?} keys", t.len));
    }
    if misfits > 0 {
        return Err(format!("{misfits} keys whose slot has another mark"));
    }
    if !keys.duplicates.is_empty() || !keys.wrong_half.is_empty() {
        let (d, w) = (&keys.duplicates, &keys.wrong_half);
        return Err(format!("duplicates {d:?}, in the wrong half {w:?}"));
    }
    if !keys.descriptor.wrong.is_empty() {
        return Err(format!("descriptor {:?}", keys.descriptor));
    }
    Ok(())
}

/// The tophash or control byte of a hash. Source: `runtime/map.go`, `tophash`, up to go1.23, where the marks of
/// empty and moved cells are below 5; `internal/runtime/maps/map.go`, `h2`, from go1.24.
fn mark(image: &MapImage<'_>, hash: u64) -> u8 {
    if let Body::Swiss(_) = image.body {
        return (hash % 128) as u8;
    }
    let top = (hash >> (u32::from(image.abi.ptr_size) * 8 - 8)) as u8;
    if top < 5 { top + 5 } else { top }
}

/// A name for functions of one kind: those that the compiler made are as many as there are key types.
fn kind_of(function: &str) -> String {
    let made = ["type..hash.", "type:.hash.", "reflect.MapOf.func"];
    let prefix = made.iter().find(|p| function.starts_with(*p));
    prefix
        .map_or(function, |p| p)
        .replace("internal/runtime/maps.", "runtime.")
}

#[test]
fn every_key_hashes_as_it_did_in_the_process() {
    let mut sum = Outcome::default();
    let (mut cores, mut missing, mut other) = (0, 0, 0);
    for corpus in corpora() {
        for core in &corpus.cores {
            if !core.scenario.starts_with("hashes") {
                other += 1; // the truth of the zoo tells no hashes
                continue;
            }
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                missing += 1;
                continue;
            };
            let truth: Truth = serde_json::from_str(&files.truth).unwrap();
            let one = with_session(&request(&files), &Silent, |s| Ok(look(s, &truth)))
                .unwrap_or_else(|e| panic!("{}: {e}", core.name));
            let Outcome {
                maps, hashes, nans, ..
            } = &one;
            println!(
                "{}: {maps} maps, {hashes} hashes, {nans} NaN keys",
                core.name
            );
            if *maps < 200 || *hashes < 4000 || *nans == 0 {
                sum.failures
                    .push(format!("{}: too little was compared", core.name));
            }
            sum.add(&core.name, one);
            cores += 1;
        }
    }
    for (function, n) in &sum.by_function {
        println!("{n:>8} maps by {function}");
    }
    println!(
        "{cores} cores ({missing} missing, {other} of other programs), {} maps, {} hashes, {} NaN keys",
        sum.maps, sum.hashes, sum.nans
    );
    let shown: Vec<_> = sum.failures.iter().take(60).cloned().collect();
    assert!(
        sum.failures.is_empty(),
        "{} failures:\n{}",
        sum.failures.len(),
        shown.join("\n")
    );
    assert!(cores > 0, "no core with hashes at all");
}
