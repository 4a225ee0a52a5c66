//! Core and binary: the wrong one, the wrong order, and what is said of it in every format.
//! In: golden cores and binaries. Out: exit codes and words.

use crate::hostile::run::Room;
use crate::hostile::run::golden;
use crate::hostile::run::refused;
use crate::hostile::run::run;
use serde_json::Value;
use std::path::PathBuf;

fn wrong_pair() -> Option<(PathBuf, PathBuf, PathBuf)> {
    let (core, right) = golden("go1.23-panic-other")?;
    let (_, wrong) = golden("go1.22-zoo")?;
    Some((core, right, wrong))
}

#[test]
fn a_binary_of_another_build_is_refused_with_both_ids() {
    let Some((core, right, wrong)) = wrong_pair() else {
        return;
    };
    let info = |binary: &PathBuf, more: &[&str]| {
        let args = [
            &[
                "info",
                core.to_str().unwrap(),
                binary.to_str().unwrap(),
                "--format",
                "json",
            ],
            more,
        ]
        .concat();
        run(&args).json()
    };
    let process = info(&right, &[])["process"].clone();
    assert_eq!(process["match"], "match");
    let ids = info(&wrong, &["--allow-mismatch"])["process"].clone();
    assert_eq!(ids["match"], "mismatch");
    let id = |v: &Value| v.as_str().unwrap().to_owned();
    let (of_core, of_binary) = (id(&ids["build_id"]), id(&ids["binary_build_id"]));
    assert_eq!(
        of_core,
        id(&process["build_id"]),
        "the core's ID does not depend on the binary"
    );
    assert_ne!(of_core, of_binary);
    let said = refused(&[&core, &wrong], &[&of_core, &of_binary]);
    assert!(
        said.contains("hint: ") && said.contains("--allow-mismatch"),
        "{said}"
    );
    refused(&[&wrong, &core], &[&of_core, &of_binary]);
}

#[test]
fn allow_mismatch_goes_on_and_every_result_is_marked() {
    let Some((core, _, wrong)) = wrong_pair() else {
        return;
    };
    let (core, wrong) = (core.to_str().unwrap(), wrong.to_str().unwrap());
    let Some((swiss_core, swiss)) = golden("go1.25-panic-other") else {
        return;
    };
    let (swiss_core, swiss) = (swiss_core.to_str().unwrap(), swiss.to_str().unwrap());
    let mut bare = Vec::new();
    // Classic with the classic of another version, with a Swiss binary, and the other way round.
    for (core, wrong) in [(core, wrong), (core, swiss), (swiss_core, wrong)] {
        for command in [
            &["info"][..],
            &["check"],
            &["list"],
            &["list", "--group-by", "type"],
            &["list", "--format", "jsonl"],
        ] {
            let args = [command, &[core, wrong, "--allow-mismatch"]].concat();
            let ran = run(&args);
            let said = format!("{}{}", ran.stdout, ran.stderr).to_lowercase();
            if ran.code != 2 && !said.contains("mismatch") && !said.contains("differ") {
                bare.push(format!("{args:?}"));
            }
            // What it says to try next must not fail for the lack of the option.
            for next in ran.stdout.lines().filter(|l| l.contains("badmap list ")) {
                if !next.contains("--allow-mismatch") {
                    bare.push(format!("{args:?} says: {}", next.trim()));
                }
            }
            if ran.code != 2 && !args.contains(&"--format") {
                let json = run(&[&args[..], &["--format", "json"]].concat()).json();
                assert_eq!(json["process"]["match"], "mismatch", "{args:?}");
            }
        }
    }
    assert!(
        bare.is_empty(),
        "{} results do not show that core and binary differ:\n{}",
        bare.len(),
        bare.join("\n")
    );
}

#[test]
fn the_order_of_core_and_binary_makes_no_difference() {
    for name in [
        "go1.23-panic-other",
        "go1.25-panic-other",
        "go1.19-fatal-writes",
    ] {
        let Some((core, binary)) = golden(name) else {
            continue;
        };
        let (core, binary) = (core.to_str().unwrap(), binary.to_str().unwrap());
        for command in ["info", "check", "list"] {
            for format in ["text", "json"] {
                let with =
                    |files: &[&str]| run(&[&[command], files, &["--format", format]].concat());
                let straight = with(&[core, binary]);
                assert_eq!(straight, with(&[binary, core]), "{name} {command}");
                assert_eq!(
                    straight,
                    with(&[core, "--binary", binary]),
                    "{name} {command}"
                );
            }
        }
    }
}

#[test]
fn a_binary_is_found_by_its_build_id_among_others() {
    let Some((core, right, wrong)) = wrong_pair() else {
        return;
    };
    let room = Room::new();
    let deep = room.dir.path().join("releases/2");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::copy(&wrong, deep.join("a")).unwrap();
    std::fs::copy(&right, deep.join("b.zst")).unwrap();
    room.write("noise", b"text");
    std::os::unix::fs::symlink(room.dir.path(), deep.join("loop")).unwrap();
    let ran = run(&[
        "info",
        core.to_str().unwrap(),
        "--binary-dir",
        room.dir.path().to_str().unwrap(),
        "--format",
        "json",
    ]);
    let process = ran.json()["process"].clone();
    assert_eq!(
        (&process["binary_from"], &process["match"]),
        (&"binary-dir".into(), &"match".into()),
        "{ran:?}"
    );
    std::fs::remove_file(deep.join("b.zst")).unwrap();
    let ran = run(&[
        "info",
        core.to_str().unwrap(),
        "--binary-dir",
        room.dir.path().to_str().unwrap(),
    ]);
    assert!(
        ran.code == 2 && ran.stderr.contains("none of 1 executables"),
        "{ran:?}"
    );
}
