//! Snapshots and diffs as users meet them, in a directory of their own, so that no path is in the way.
//! In: golden cores under short names. Out: snapshots of sessions.

use crate::assert_session_in;
use crate::has;
use crate::run_in;
use std::path::Path;

/// Links a golden file into a directory; whether it is there.
fn link(dir: &Path, file: &str, name: &str) -> bool {
    let golden = format!("corpora/golden/{file}.zst");
    let there = has(&golden);
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    if there && !dir.join(name).exists() {
        std::os::unix::fs::symlink(target, dir.join(name)).unwrap();
    }
    there
}

#[test]
fn a_snapshot_is_made_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (go, core) in [("go1.23", "damage"), ("go1.27", "live-writers")] {
        let (c, b) = (format!("{go}-{core}.core"), format!("{go}.bin"));
        if !link(dir, &format!("cores/{go}-{core}"), &c) || !link(dir, &format!("bin/{go}"), &b) {
            println!("missing: {c}");
            return;
        }
        let say = |name: &str, args: &[&str]| {
            assert_session_in(dir, &format!("snapshot-{go}-{core}-{name}"), args);
        };
        let maps = &["snapshot", &c, &b, "-o", "maps.badmap"];
        let all = &[
            "snapshot",
            &c,
            &b,
            "-o",
            "all.badmap",
            "--entries",
            "digest",
        ];
        let sizes = [maps.as_slice(), all.as_slice()].map(|args| run_in(dir, args));
        assert!(sizes.iter().all(|(_, _, code)| *code == 0), "{sizes:?}");
        say("info", &["info", "maps.badmap"]);
        say("check", &["check", "maps.badmap"]);
        say("check-again", &["check", "all.badmap"]);
        say(
            "list",
            &["list", "all.badmap", "--top", "5", "--sort", "bytes"],
        );
        say("explain", &["explain", "MAP-COUNT", "--in", "all.badmap"]);
        let map = if go == "go1.23" {
            "main.damaged.headerCount"
        } else {
            "main.live.writers"
        };
        say("no-map", &["show", "all.badmap", "--map", map]);
        say("goroutines", &["goroutines", "maps.badmap"]);
    }
}

#[test]
fn a_map_of_a_snapshot_is_shown_as_far_as_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let is_there = [("a", "cores/go1.27-change-a"), ("bin", "bin/go1.27-change")]
        .map(|(name, file)| link(dir, file, name));
    if is_there != [true, true] {
        println!("missing: go1.27-change-a");
        return;
    }
    let make = |name: &str, more: &[&str]| {
        let args = [&["snapshot", "a", "bin", "-q", "-o", name], more].concat();
        let (_, stderr, code) = run_in(dir, &args);
        assert_eq!((stderr.as_str(), code), ("", 0));
    };
    make("maps", &[]);
    make("clear", &["--entries", "clear", "--owner", "mixedStruct"]);
    let map = ["--map", "main.vars.mixedStruct"];
    let show = |name: &str, args: &[&str]| {
        let args = [&["show"], args, &map].concat();
        assert_session_in(dir, &format!("snapshot-show-{name}"), &args);
    };
    show("no-slots", &["maps"]);
    show("no-entries", &["maps", "--entries"]);
    show("no-key", &["maps", "--key", "5"]);
    show("unasked", &["clear"]);
    show("slots", &["clear", "--values", "clear"]);
    show("entries", &["clear", "--values", "clear", "--entries"]);
    let say = |name: &str, args: &[&str]| assert_session_in(dir, name, args);
    say(
        "snapshot-select-nothing",
        &["snapshot", "a", "bin", "-o", "x", "--owner", "m"],
    );
    say(
        "snapshot-no-such-map",
        &[
            "snapshot",
            "a",
            "bin",
            "-o",
            "x",
            "--entries",
            "digest",
            "--map",
            "0x10",
        ],
    );
    say("snapshot-of-a-snapshot", &["snapshot", "maps", "-o", "x"]);
    say(
        "snapshot-over-a-file",
        &["snapshot", "a", "bin", "-o", "bin"],
    );
    say(
        "snapshot-no-directory",
        &["snapshot", "a", "bin", "-o", "no/x"],
    );
}

#[test]
fn two_dumps_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for go in ["go1.23", "go1.27"] {
        let files = [("a", "a"), ("b", "b"), ("restart", "r")];
        let cores = files.map(|(s, name)| {
            link(
                dir,
                &format!("cores/{go}-change-{s}"),
                &format!("{go}-{name}"),
            )
        });
        let bin = format!("{go}-bin");
        if cores.contains(&false) || !link(dir, &format!("bin/{go}-change"), &bin) {
            println!("missing: {go}-change");
            return;
        }
        for (_, name) in files {
            let core = format!("{go}-{name}");
            let out = format!("{go}-{name}.badmap");
            let args = [
                "snapshot",
                &core,
                &bin,
                "-q",
                "-o",
                &out,
                "--entries",
                "digest",
            ];
            assert_eq!(run_in(dir, &args).2, 0);
        }
        let snap = |name: &str| format!("{go}-{name}.badmap");
        let (a, b, r) = (snap("a"), snap("b"), snap("r"));
        let say = |name: &str, args: &[&str]| {
            assert_session_in(
                dir,
                &format!("diff-{go}-{name}"),
                &[&["diff"], args].concat(),
            );
        };
        say("process", &[&a, &b]);
        say("restart", &[&b, &r]);
        say("same", &[&b, &b]);
        say("map", &[&a, &b, "--map", "main.vars.mixed", "--keys", "2"]);
        say("only", &[&a, &b, "--only", "went,tombstones", "--top", "3"]);
        say(
            "map-json",
            &[
                &a,
                &b,
                "--map",
                "main.vars.mixed",
                "--keys",
                "1",
                "--format",
                "json",
            ],
        );
        say("no-map", &[&a, &b, "--map", "main.vars.nothing"]);
    }
    let say = |name: &str, args: &[&str]| assert_session_in(dir, name, args);
    say(
        "diff-two-builds",
        &["diff", "go1.23-b.badmap", "go1.27-b.badmap", "--top", "8"],
    );
    let two = ["diff", "go1.23-a.badmap", "go1.23-b.badmap"];
    say(
        "diff-garbage-map",
        &[&two[..], &["--map", "0xc000091200"]].concat(),
    );
    say(
        "diff-only-none",
        &[&two[..], &["--only", "broke,healed"]].concat(),
    );
    say("diff-no-core", &["diff", "go1.23-b.badmap", "no"]);
    say("diff-no-binary", &["diff", "go1.23-a", "go1.23-b.badmap"]);
}
