//! The commands on real cores: what they print is compared to the byte.
//! In: a handful of the cores of `corpora/golden`. Out: snapshots; a missing core is counted and printed.

use crate::assert_session;
use crate::has;
use crate::run;
use serde_json::Value;

/// One core of each kind of answer: classic and Swiss, broken and whole, crash about a map or not,
/// dumped alive. `tests/corpus.rs` runs all of them; here the words matter.
const CORES: [&str; 6] = [
    "go1.19-fatal-writes",
    "go1.23-damage",
    "go1.24-noswiss-throw-bad-map-state",
    "go1.27-damage",
    "go1.27-panic-other",
    "go1.27-live-writers",
];

#[test]
fn every_command_on_a_handful_of_real_cores() {
    let manifest = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/corpora/golden/MANIFEST.toml"
    ));
    let Ok(manifest) = manifest else {
        println!(
            "missing: corpora/golden/MANIFEST.toml; {} cores were not tried",
            CORES.len()
        );
        return;
    };
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    let mut missing = 0;
    for name in CORES {
        let Some((core, binary)) = files(&manifest, name) else {
            println!("missing: {name}");
            missing += 1;
            continue;
        };
        every_command(name, &core, &binary);
    }
    println!(
        "{} golden cores compared, {missing} missing",
        CORES.len() - missing
    );
}

/// Paths of a core and its binary, relative to the package, if both are there.
fn files(manifest: &toml::Table, name: &str) -> Option<(String, String)> {
    let entry = |kind: &str, name: &str| {
        let all = manifest.get(kind)?.as_array()?;
        all.iter()
            .find(|e| e.get("name").and_then(toml::Value::as_str) == Some(name))
            .cloned()
    };
    let text = |e: &toml::Value, key: &str| Some(e.get(key)?.as_str()?.to_owned());
    let core = entry("core", name)?;
    let binary = entry("binary", &text(&core, "binary")?)?;
    let paths =
        [text(&core, "file")?, text(&binary, "file")?].map(|file| format!("corpora/golden/{file}"));
    let [core, binary] = paths;
    (has(&core) && has(&binary)).then_some((core, binary))
}

fn every_command(name: &str, core: &str, binary: &str) {
    let session = |what: &str, args: &[&str]| assert_session(&format!("{name}-{what}"), args);
    session("info", &["info", core, binary]);
    session("info-json", &["info", core, binary, "--format", "json"]);
    session("check", &["check", core, binary]);
    session("check-json", &["check", core, binary, "--format", "json"]);
    session(
        "list",
        &["list", core, binary, "--sort", "bytes", "--top", "15"],
    );
    session(
        "list-groups",
        &["list", core, binary, "--group-by", "owner", "--top", "15"],
    );
    session(
        "list-jsonl",
        &[
            "list", core, binary, "--sort", "len", "--top", "5", "--format", "jsonl",
        ],
    );

    // The order of the two files makes no difference.
    let (one, other) = (run(&["check", core, binary]), run(&["check", binary, core]));
    assert_eq!(one, other, "{name}");

    let Some(addr) = remarkable(core, binary) else {
        return;
    };
    let show = ["show", core, binary, "--map", &addr];
    session("show", &[&show[..], &["--limit", "12"]].concat());
    session(
        "show-json",
        &[&show[..], &["--limit", "3", "--format", "json"]].concat(),
    );
    session(
        "show-entries",
        &[&show[..], &["--entries", "--limit", "6"]].concat(),
    );
    session(
        "show-clear",
        &[
            &show[..],
            &["--entries", "--limit", "6", "--values", "clear"],
        ]
        .concat(),
    );
}

/// The address of the first broken map, else of the one with the most entries.
fn remarkable(core: &str, binary: &str) -> Option<String> {
    let (stdout, _, _) = run(&["list", core, binary, "--sort", "len", "--format", "jsonl"]);
    let maps: Vec<Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).expect("a line is JSON"))
        .collect();
    let usual = maps.iter().find(|m| m["kind"] != "syncmap");
    let chosen = maps.iter().find(|m| m["verdict"] == "broken").or(usual)?;
    Some(chosen["addr"].as_str()?.to_owned())
}
