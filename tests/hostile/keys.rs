//! Keys and hash keys that a hostile core makes up: strings that are long beyond reason, and hash keys that are gone.
//! In: copies of golden cores with words of their memory changed. Out: a verdict in time, and the rule that names it.

use crate::hostile::run::Ran;
use crate::hostile::run::Room;
use crate::hostile::run::run;
use crate::hostile::run::try_run;
use crate::hostile::run::unpacked;
use crate::synthcore::program_headers;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::file::scratch::Scratch;
use badmap::find::search::find_maps;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use badmap::types::graph::Kind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

/// A core that is to be changed, and its binary.
struct Victim {
    room: Room,
    core: PathBuf,
    binary: PathBuf,
    bytes: Vec<u8>,
}

impl Victim {
    fn of(name: &str) -> Option<Victim> {
        let room = Room::new();
        let (core, binary) = unpacked(&room, name)?;
        let bytes = std::fs::read(&core).unwrap();
        Some(Victim {
            room,
            core,
            binary,
            bytes,
        })
    }

    /// Asks the library of the core as it was.
    fn ask<R>(&self, question: impl FnOnce(&Session<'_, '_>) -> R) -> R {
        let request = Request {
            files: vec![self.core.clone(), self.binary.clone()],
            binary: None,
            binary_dirs: Vec::new(),
            allow_mismatch: false,
            scratch: Scratch::new(std::env::temp_dir(), None),
            values: ValueMode::None,
            digest_key: None,
            index: None,
        };
        with_session(&request, &Silent, |s| Ok(question(s))).unwrap_or_else(|e| panic!("{e}"))
    }

    fn write(&mut self, addr: Addr, new: &[u8]) {
        let segment = program_headers(&self.bytes)
            .into_iter()
            .find(|h| h.kind == 1 && (h.vaddr..h.vaddr + h.file_size).contains(&addr.0));
        let segment = segment.unwrap_or_else(|| panic!("{addr} is not in the core"));
        let at = (segment.offset + (addr.0 - segment.vaddr)) as usize;
        self.bytes[at..at + new.len()].copy_from_slice(new);
    }

    /// Where the largest piece of the process's memory begins that is in the core.
    fn largest_piece(&self) -> u64 {
        let loads = program_headers(&self.bytes);
        let largest = loads
            .iter()
            .filter(|h| h.kind == 1)
            .max_by_key(|h| h.file_size);
        largest.unwrap().vaddr
    }

    /// Runs `check` on the changed copy.
    fn check(&self) -> Result<Ran, String> {
        let changed = self.room.write("changed", &self.bytes);
        let files = [changed.to_str().unwrap(), self.binary.to_str().unwrap()];
        try_run(&["check", files[0], files[1], "--format", "json"])
    }
}

/// Where the string keys lie, map by map, those of the map with the most of them first.
fn string_keys(s: &Session<'_, '_>) -> Vec<Vec<Addr>> {
    let mut out = Vec::new();
    for m in &find_maps(&s.grounds(), &Silent).maps {
        let slots = s.reader.slots(m.ty).unwrap();
        if s.reader.program.graph.get(slots.key).kind != Kind::String || slots.indirect_key {
            continue;
        }
        let mut keys = Vec::new();
        s.reader.read(m.addr, slots.clone()).for_each_entry(|e| {
            keys.extend(e.record_addr.checked_add(slots.key_off(e.idx.into())));
        });
        out.push(keys);
    }
    out.sort_by_key(|keys| std::cmp::Reverse(keys.len()));
    out
}

/// Every string key of so many maps is made the same string, of so many bytes.
fn with_keys(name: &str, maps: usize, len: u64) -> Option<Ran> {
    let mut victim = Victim::of(name)?;
    let keys = victim.ask(string_keys);
    let data = victim.largest_piece();
    let mut changed = 0;
    for key in keys.iter().take(maps).flatten() {
        let mut words = data.to_le_bytes().to_vec();
        words.extend(len.to_le_bytes());
        victim.write(*key, &words);
        changed += 1;
    }
    let started = Instant::now();
    let ran = victim.check().unwrap_or_else(|why| panic!("{name}: {why}"));
    println!(
        "{name}: {changed} keys of {len} bytes at {data:#x}: {:?}",
        started.elapsed()
    );
    assert!(changed > 1000, "{name}: only {changed} keys");
    Some(ran)
}

fn verdicts(ran: &Ran) -> (u64, u64) {
    let maps = &ran.json()["maps"];
    let n = |what: &str| maps[what].as_u64().unwrap();
    (n("broken"), n("unknown"))
}

#[test]
fn string_keys_of_a_terabyte_are_refused_at_once() {
    for name in ["go1.23-zoo", "go1.27-zoo"] {
        let Some(ran) = with_keys(name, usize::MAX, 1 << 40) else {
            continue;
        };
        let (broken, _) = verdicts(&ran);
        assert!(ran.code == 1 && broken > 10, "{name}: {ran:?}");
    }
}

#[test]
fn string_keys_that_are_all_one_piece_of_memory_are_found_out() {
    for name in ["go1.23-zoo", "go1.27-zoo"] {
        let Some(ran) = with_keys(name, 1, 64 << 10) else {
            continue;
        };
        assert_eq!((ran.code, verdicts(&ran).0), (1, 1), "{name}: {ran:?}");
        let doc = ran.json();
        let (rules, _) = fired(&doc);
        assert!(rules.contains("MAP-KEYHASH"), "{name}: {rules:?}");
    }
}

/// The rules that fired, and the maps that have findings of the rule `MAP-GLOBALKEY`.
fn fired(doc: &Value) -> (BTreeSet<&str>, usize) {
    let all = doc["findings"].as_array().unwrap();
    let rule = |f: &Value| f["rule"].as_str().map(|r| r == "MAP-GLOBALKEY");
    let named = all.iter().filter(|f| rule(f) == Some(true)).count();
    let rules = all.iter().filter_map(|f| f["rule"].as_str());
    (rules.collect(), named)
}

/// The address of a variable of the runtime: its name in go1.27, and before.
fn variable(s: &Session<'_, '_>, names: [&str; 2]) -> Addr {
    let found = names.iter().find_map(|n| s.reader.program.variable(n));
    found.unwrap_or_else(|| panic!("no {names:?}")).addr
}

#[test]
fn hash_keys_of_zero_are_named_at_every_map_with_keys() {
    let aes = ["internal/runtime/maps.aeskeysched", "runtime.aeskeysched"];
    let other = ["internal/runtime/maps.hashkey", "runtime.hashkey"];
    for (name, names, size, field) in [
        ("go1.27-hashes-hashes", aes, 128, "aeskeysched"),
        ("go1.27-hashes-hashes-noaes", other, 32, "hashkey"),
        ("go1.23-hashes-hashes-noaes", other, 32, "hashkey"),
        ("go1.23-zoo", aes, 128, "aeskeysched"),
    ] {
        let Some(mut victim) = Victim::of(name) else {
            continue;
        };
        let at = victim.ask(|s| variable(s, names));
        victim.write(at, &vec![0; size]);
        let ran = victim.check().unwrap_or_else(|why| panic!("{name}: {why}"));
        let doc = ran.json();
        let (rules, named) = fired(&doc);
        println!("{name}: {named} maps, {rules:?}");
        assert_eq!(ran.code, 1, "{name}");
        assert!(named > 200, "{name}: only {named} maps are named");
        let places: BTreeSet<_> = doc["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["rule"] == "MAP-GLOBALKEY")
            .map(|f| f["where"].as_str().unwrap())
            .collect();
        assert_eq!(places, BTreeSet::from([field]), "{name}");
        // A few keys hash as before (no bytes, zeros), which speaks for a hash that then fits nothing else.
        let follow = ["MAP-GLOBALKEY", "MAP-KEYHASH", "SY-TRIE"];
        let more = rules.iter().find(|r| !follow.contains(*r));
        assert_eq!(more, None, "{name}");
    }
}

#[test]
fn a_flag_that_is_neither_on_nor_off_is_named() {
    let names = ["internal/runtime/maps.UseAeshash", "runtime.useAeshash"];
    let Some(mut victim) = Victim::of("go1.27-hashes-hashes") else {
        return;
    };
    let at = victim.ask(|s| variable(s, names));
    victim.write(at, &[7]);
    let ran = victim.check().unwrap_or_else(|why| panic!("{why}"));
    let doc = ran.json();
    let (rules, named) = fired(&doc);
    assert_eq!(ran.code, 1);
    assert_eq!(rules, BTreeSet::from(["MAP-GLOBALKEY"]), "{named} maps");
    assert!(named > 200, "only {named} maps are named");
    // The text stays a screen.
    let text = run(&[
        "check",
        victim.room.dir.path().join("changed").to_str().unwrap(),
        victim.binary.to_str().unwrap(),
    ]);
    assert!(text.stdout.lines().count() < 60, "{}", text.stdout);
}
