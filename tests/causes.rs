//! Damage of known kinds in copies of golden cores: what breaks, and what badmap believes was the cause.
//! In: a sound core, and bytes written over one of its maps. Out: the causes of the document of `check`.

// A test may stop at the first surprise, and computes on its own numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)]

#[allow(dead_code, reason = "only how cores are opened is used here")]
#[path = "hostile/run.rs"]
mod run;
#[allow(dead_code, reason = "only how cores are read is used here")]
mod synthcore;

use run::Room;
use run::unpacked;
use serde_json::Value;
use std::path::PathBuf;
use synthcore::program_headers;

/// A copy of a core, to be damaged.
struct Copy {
    room: Room,
    core: PathBuf,
    binary: PathBuf,
    bytes: Vec<u8>,
}

impl Copy {
    fn of(name: &str) -> Copy {
        let room = Room::new();
        let (core, binary) = unpacked(&room, name).expect("a golden core");
        let bytes = std::fs::read(&core).unwrap();
        Copy {
            room,
            core,
            binary,
            bytes,
        }
    }

    fn run(&self, args: &[&str]) -> Value {
        let mut all = vec![args[0].into(), self.core.clone(), self.binary.clone()];
        all.extend(args[1..].iter().map(PathBuf::from));
        all.extend(["--format".into(), "json".into()]);
        run::run(&all).json()
    }

    /// Address of the header of the map with this owner.
    fn map(&self, owner: &str) -> String {
        let listed = self.run(&["list", "--owner", owner]);
        let maps = listed["maps"].as_array().unwrap();
        let found = maps.iter().find(|m| m["owner"] == owner);
        found.unwrap_or_else(|| panic!("no {owner}"))["addr"]
            .as_str()
            .unwrap()
            .to_string()
    }

    /// Address of a part of a map.
    fn part(&self, map: &str, path: &str) -> u64 {
        let shown = self.run(&["show", "--map", map]);
        let parts = shown["parts"].as_array().unwrap();
        let part = parts.iter().find(|p| p["path"] == path);
        number(&part.unwrap_or_else(|| panic!("no {path} in {parts:?}"))["addr"])
    }

    fn offset(&self, addr: u64) -> usize {
        let h = program_headers(&self.bytes)
            .into_iter()
            .find(|h| h.kind == 1 && (h.vaddr..h.vaddr + h.file_size).contains(&addr))
            .unwrap_or_else(|| panic!("{addr:#x} is not in the core"));
        (h.offset + addr - h.vaddr) as usize
    }

    fn word(&self, addr: u64) -> u64 {
        let at = self.offset(addr);
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    fn write(&mut self, addr: u64, bytes: &[u8]) {
        let at = self.offset(addr);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn flip(&mut self, addr: u64, bit: u32) {
        let at = self.offset(addr);
        self.bytes[at] ^= 1 << bit;
    }

    /// What `check` says of the damaged copy.
    fn check(&mut self) -> Value {
        self.core = self.room.write("damaged", &self.bytes);
        self.run(&["check"])
    }
}

fn number(v: &Value) -> u64 {
    u64::from_str_radix(v.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn rules_of(doc: &Value, map: &str) -> Vec<String> {
    let all = doc["findings"].as_array().unwrap();
    all.iter()
        .filter(|f| f["map"] == map)
        .map(|f| {
            format!(
                "{}@{}",
                f["rule"].as_str().unwrap(),
                f["where"].as_str().unwrap()
            )
        })
        .collect()
}

/// The causes of one map, likeliest first.
fn causes_of<'d>(doc: &'d Value, map: &str) -> Vec<&'d Value> {
    let all = doc["causes"].as_array().unwrap();
    all.iter().filter(|c| c["map"] == map).collect()
}

/// The likeliest cause is one flipped bit, and it is this one.
#[track_caller]
fn assert_flip(doc: &Value, map: &str, addr: u64, bit: u64) {
    let causes = causes_of(doc, map);
    let best = causes
        .first()
        .unwrap_or_else(|| panic!("no cause: {doc:#}"));
    assert_eq!(best["class"], "bit-flip", "{causes:#?}");
    assert_eq!(best["explains"], best["of"], "{best:#}");
    let words = best["words"].as_array().unwrap();
    let hit = words.iter().any(|w| {
        let start = number(&w["addr"]);
        start * 8 + w["bit"].as_u64().unwrap() == addr * 8 + bit
    });
    assert!(hit, "{addr:#x} bit {bit} is not in {words:#?}");
}

const SMALL: &str = "main.zoo.sizes.EightString";

#[test]
fn a_flipped_bit_of_a_counter_is_found_again() {
    let mut copy = Copy::of("go1.27-zoo");
    let map = copy.map(SMALL);
    let used = u64::from_str_radix(&map[2..], 16).unwrap();
    copy.flip(used + 3, 5); // bit 29
    let doc = copy.check();
    assert_eq!(rules_of(&doc, &map), ["MAP-COUNT@used"]);
    assert_flip(&doc, &map, used, 29);
    assert_eq!(doc["findings"][0]["cause"], "bit-flip");
}

#[test]
fn a_flipped_bit_of_a_control_byte_is_found_again() {
    let mut copy = Copy::of("go1.27-zoo");
    let map = copy.map(SMALL);
    let group = copy.part(&map, "group");
    copy.flip(group + 3, 7);
    let doc = copy.check();
    assert_flip(&doc, &map, group + 3, 7);
}

#[test]
fn a_flipped_bit_of_the_seed_is_found_again_and_named_once() {
    let mut copy = Copy::of("go1.23-zoo");
    let map = copy.map(SMALL);
    let hash0 = u64::from_str_radix(&map[2..], 16).unwrap() + 12;
    copy.flip(hash0 + 1, 2); // bit 10
    let doc = copy.check();
    assert_eq!(rules_of(&doc, &map), ["MAP-KEYHASH@hash0"]);
    assert_flip(&doc, &map, hash0, 10);
}

#[test]
fn no_flip_is_believed_that_only_hides_the_rules() {
    // With the write flag set most rules are not applied: that heals nothing.
    let mut copy = Copy::of("go1.23-zoo");
    let map = copy.map(SMALL);
    let header = u64::from_str_radix(&map[2..], 16).unwrap();
    copy.write(header, &77u64.to_le_bytes());
    let doc = copy.check();
    assert_eq!(rules_of(&doc, &map), ["MAP-COUNT@count"]);
    for cause in causes_of(&doc, &map) {
        for word in cause["words"].as_array().unwrap() {
            assert_ne!(word["what"], "flags", "{cause:#}");
        }
    }
}

#[test]
fn text_over_a_group_is_a_stray_write() {
    let mut copy = Copy::of("go1.27-zoo");
    let map = copy.map(SMALL);
    let group = copy.part(&map, "group");
    copy.write(group, b"GET /index.html HTTP/1.1");
    let doc = copy.check();
    let causes = causes_of(&doc, &map);
    assert_eq!(causes[0]["class"], "stray-write", "{causes:#?}");
    let word = &causes[0]["words"][0];
    assert_eq!(
        (number(&word["addr"]), &word["looks_like"]),
        (group, &Value::from("ascii"))
    );
    assert!(
        causes[0]["text"].as_str().unwrap().contains("24 bytes"),
        "{causes:#?}"
    );
}

#[test]
fn text_over_a_header_is_an_overwritten_header() {
    let mut copy = Copy::of("go1.23-zoo");
    let map = copy.map(SMALL);
    let header = u64::from_str_radix(&map[2..], 16).unwrap();
    copy.write(header, b"Content-Type: text/plain");
    let doc = copy.check();
    let causes = causes_of(&doc, &map);
    assert_eq!(causes[0]["class"], "overwritten-header", "{causes:#?}");
}

#[test]
fn a_string_key_whose_bytes_changed_is_a_mutated_key() {
    let mut copy = Copy::of("go1.23-zoo");
    let map = copy.map(SMALL);
    let bucket = copy.part(&map, "buckets[0]");
    let (data, len) = (copy.word(bucket + 8), copy.word(bucket + 16) as usize);
    copy.write(data, &b"zzzzzzzzzzzzzzzz"[..len]);
    let doc = copy.check();
    assert_eq!(rules_of(&doc, &map), ["MAP-KEYHASH@buckets[0].cell[0]"]);
    let causes = causes_of(&doc, &map);
    let mutated = causes.iter().find(|c| c["class"] == "mutated-key");
    let mutated = mutated.unwrap_or_else(|| panic!("{causes:#?}"));
    assert_eq!(number(&mutated["words"][0]["addr"]), data);
    assert_eq!(
        mutated["words"][0]["claimed"],
        Value::Null,
        "keys are secrets"
    );
}

#[test]
fn a_write_flag_that_nobody_set_is_a_finding_and_hides_nothing() {
    for (core, flag, bit) in [("go1.23-zoo", 8, 2), ("go1.27-zoo", 34, 0)] {
        let mut copy = Copy::of(core);
        let map = copy.map(SMALL);
        let header = u64::from_str_radix(&map[2..], 16).unwrap();
        copy.flip(header + flag, bit);
        let doc = copy.check();
        let rules = rules_of(&doc, &map);
        assert_eq!(rules.len(), 1, "{core}: {rules:?}");
        assert!(rules[0].starts_with("MAP-WRITER@"), "{core}: {rules:?}");
        // A counter that is wrong besides is still found.
        copy.flip(header + 5, 1);
        let doc = copy.check();
        assert_eq!(rules_of(&doc, &map).len(), 2, "{core}: {doc:#}");
    }
}

#[test]
fn a_key_of_a_sync_map_whose_bytes_changed_is_off_its_path() {
    let mut copy = Copy::of("go1.27-zoo");
    let map = copy.map("reflect.ptrMap");
    // root, at word 1 behind `inited` and `initMu`; the first child that is an entry; its key.
    let header = u64::from_str_radix(&map[2..], 16).unwrap();
    let (root, at) = (0..8)
        .map(|i| copy.word(header + 8 * i))
        .filter(|p| *p > 0xc0_0000)
        .find_map(|root| {
            let children = (0..24).map(|i| root + 8 * i);
            let entry = children
                .map(|c| if c < root + 24 { 0 } else { copy.word(c) })
                .find(|e| *e > 0xc0_0000 && copy.word(*e) & 0xff == 1)?;
            Some((root, entry))
        })
        .expect("an entry right below the root");
    assert_ne!(root, at);
    let data = at + 3 * 8; // the data word of the key
    copy.flip(data, 4);
    let doc = copy.check();
    assert_eq!(
        rules_of(&doc, &map),
        [format!("SY-TRIE@node {at:#x}")],
        "{doc:#}"
    );
}
