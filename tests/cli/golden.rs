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

#[test]
fn a_goroutine_that_is_not_there_is_an_error_with_a_hint() {
    let [core, binary] =
        ["cores/go1.27-damage.zst", "bin/go1.27.zst"].map(|file| format!("corpora/golden/{file}"));
    if !has(&core) || !has(&binary) {
        println!("missing: {core}");
        return;
    }
    assert_session(
        "no-such-goroutine",
        &["goroutines", &core, &binary, "--goroutine", "999999"],
    );
    let lines = |args: &[&str]| {
        let (stdout, stderr, code) = run(&[&["goroutines", &core, &binary], args].concat());
        assert_eq!((stderr.as_str(), code), ("", 0), "{args:?}");
        stdout.lines().count()
    };
    let (folded, all, verbose) = (lines(&[]), lines(&["--all"]), lines(&["-v"]));
    assert!(folded < all && all < verbose, "{folded} {all} {verbose}");
    // One goroutine a line, and each line is an object of the schema.
    let (jsonl, _, _) = run(&["goroutines", &core, &binary, "--format", "jsonl"]);
    let rows = jsonl.lines().map(serde_json::from_str::<Value>);
    let rows: Vec<Value> = rows.map(|r| r.expect("a line is JSON")).collect();
    assert!(rows.iter().all(|r| r["schema"] == "badmap/1"), "{jsonl}");
    let ids: Vec<_> = rows.iter().map(|r| r["id"].as_u64()).collect();
    assert!(ids.is_sorted() && ids.len() > 10, "{ids:?}");
}

#[test]
fn of_a_stripped_binary_what_needs_no_types_works() {
    let name = "go1.27-stripped-fatal-writes";
    let core = format!("corpora/golden/cores/{name}.zst");
    let binary = "corpora/golden/bin/go1.27-stripped.zst";
    if !has(&core) || !has(binary) {
        println!("missing: {core}");
        return;
    }
    let session = |what: &str, args: &[&str]| assert_session(&format!("{name}-{what}"), args);
    session("info", &["info", &core, binary]);
    session("info-json", &["info", &core, binary, "--format", "json"]);
    session("goroutines", &["goroutines", &core, binary]);
    let id = stopper(&core, binary).expect("one of them stopped the process");
    session(
        "goroutine",
        &["goroutines", &core, binary, "--goroutine", &id],
    );
    session("check", &["check", &core, binary]);
    session("list", &["list", &core, binary]);
    session("show", &["show", &core, binary, "--map", "0xc000000000"]);
}

/// Deaths of each kind, told by the crash part alone.
const DEATHS: [&str; 8] = [
    "go1.19-blame-writes",
    "go1.23-blame-ten-maps",
    "go1.23-blame-segv",
    "go1.23-blame-hang",
    "go1.27-blame-many",
    "go1.27-blame-ten-nil",
    "go1.27-blame-waits",
    "go1.27-blame-liar",
];

#[test]
fn who_did_it_fits_on_a_screen() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/corpora/golden/MANIFEST.toml");
    let Ok(manifest) = std::fs::read_to_string(manifest) else {
        println!("missing: {manifest}");
        return;
    };
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    for name in DEATHS {
        let Some((core, binary)) = files(&manifest, name) else {
            println!("missing: {name}");
            continue;
        };
        let args = ["check", &core, &binary, "--crash-only"];
        assert_session(&format!("{name}-crash"), &args);
        // However many goroutines there are.
        let (text, _, _) = run(&args);
        assert!(text.lines().count() <= 30, "{name}: {text}");
        if name == "go1.27-blame-waits" {
            let json = [&args[..], &["--format", "json"]].concat();
            assert_session(&format!("{name}-crash-json"), &json);
            let all = [&args[..], &["-v"]].concat();
            assert_session(&format!("{name}-crash-all"), &all);
        }
    }
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

    let unjudged = [
        "list",
        core,
        binary,
        "--no-check",
        "--sort",
        "len",
        "--top",
        "5",
    ];
    session("list-no-check", &unjudged);
    let groups = ["list", core, binary, "--no-check", "--group-by", "type"];
    session(
        "list-no-check-groups",
        &[&groups[..], &["--top", "5"]].concat(),
    );
    let lines = |args: &[&str]| {
        let (out, _, _) = run(args);
        out.lines().count()
    };
    let each = ["list", core, binary, "--format", "jsonl"];
    let without = [&each[..], &["--no-check"]].concat();
    assert_eq!(
        lines(&each),
        lines(&without),
        "{name}: the same maps, judged or not"
    );

    session("goroutines", &["goroutines", core, binary]);
    if let Some(id) = stopper(core, binary) {
        let goroutine = ["goroutines", core, binary, "--goroutine", &id];
        session("goroutine", &goroutine);
        session(
            "goroutine-json",
            &[&goroutine[..], &["--format", "json"]].concat(),
        );
    }

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

/// The number of the goroutine that stopped the process.
fn stopper(core: &str, binary: &str) -> Option<String> {
    let (stdout, _, _) = run(&["info", core, binary, "--format", "json"]);
    let info: Value = serde_json::from_str(&stdout).expect("info is JSON");
    Some(info["crash"]["goroutine"].as_u64()?.to_string())
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
