//! `show --key`: every key of a sound map is found where it stands, on the way that its hash takes.
//! In: golden cores. Out: what `show` says of keys that are there, that are not, and that are lost.

// A test may stop at the first surprise.
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

use run::Room;
use run::unpacked;
use serde_json::Value;
use std::path::PathBuf;

struct Opened {
    _room: Room,
    core: PathBuf,
    binary: PathBuf,
}

fn open(name: &str) -> Opened {
    let room = Room::new();
    let (core, binary) = unpacked(&room, name).expect("a golden core");
    Opened {
        _room: room,
        core,
        binary,
    }
}

impl Opened {
    fn show(&self, map: &str, more: &[&str]) -> run::Ran {
        let mut args: Vec<PathBuf> = vec!["show".into(), self.core.clone(), self.binary.clone()];
        args.extend(["--map", map, "--format", "json"].map(PathBuf::from));
        args.extend(more.iter().map(PathBuf::from));
        run::run(&args)
    }

    fn lookup(&self, map: &str, key: &str) -> Value {
        let ran = self.show(map, &["--key", key, "--values", "clear"]);
        ran.json()["lookup"].clone()
    }
}

#[test]
fn keys_are_found_where_they_stand() {
    for core in ["go1.19-zoo", "go1.23-zoo", "go1.27-zoo"] {
        let core = open(core);
        for map in [
            "main.zoo.sizes.EightString",
            "main.zoo.sizes.Thousand",
            "main.zoo.growing.stringHalf",
        ] {
            let all = core.show(map, &["--entries", "--limit", "8", "--values", "clear"]);
            let all = all.json();
            let entries = all["entries"].as_array().unwrap();
            assert!(entries.len() >= 4, "{map}");
            for e in entries {
                let key = e["key"].as_str().unwrap();
                let key: String = serde_json::from_str(key).unwrap_or_else(|_| key.into());
                let found = core.lookup(map, &key);
                assert_eq!(
                    found["found"]["where"], e["where"],
                    "{map} {key}: {found:#}"
                );
                assert_eq!(found["hash"], e["hash"]);
                assert_eq!(found["elsewhere"], Value::Null);
                let way = found["way"].as_array().unwrap();
                let last = way.last().unwrap().as_str().unwrap();
                assert!(e["where"].as_str().unwrap().starts_with(last), "{found:#}");
            }
        }
    }
}

#[test]
fn a_key_that_is_not_there_is_not_made_up() {
    let core = open("go1.27-zoo");
    let found = core.lookup("main.zoo.sizes.EightString", "nobody has this key");
    assert_eq!(found["found"], Value::Null);
    assert_eq!(found["elsewhere"], Value::Null);
    assert_eq!(found["way"], serde_json::json!(["group"]));
}

#[test]
fn a_key_on_a_chain_that_is_not_its_own_is_elsewhere() {
    let core = open("go1.23-damage");
    let shown = core.show("main.ward.ints[7]", &["--entries", "--values", "clear"]);
    let shown = shown.json();
    let lost = shown["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["rule"] == "MAP-PLACE")
        .expect("an entry in a bucket that is not its own");
    let entries = shown["entries"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|e| e["where"] == lost["where"])
        .unwrap();
    let found = core.lookup("main.ward.ints[7]", entry["key"].as_str().unwrap());
    // Its own chain still leads to it: found there, and lost where the stray chain shows it.
    assert!(
        found["found"] != Value::Null || found["elsewhere"] == entry["where"],
        "{found:#}"
    );
    assert_eq!(found["hash"], entry["hash"]);
}

#[test]
fn what_is_no_key_of_the_map_is_refused_with_a_hint() {
    let core = open("go1.27-zoo");
    for (map, key, why) in [
        ("main.zoo.sizes.Thousand", "abc", "is no int"),
        ("main.zoo.growing.floatHalf", "1.x", "is no float64"),
        ("main.zoo.growing.anyHalf", "1", "cannot be written"),
    ] {
        let ran = core.show(map, &["--key", key]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}
