//! Snapshots whose last line fits, with lies before it.

use crate::arg;
use crate::run;
use crate::snapshot;
use crate::unpacked;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// Lines with a last one that fits them.
fn sealed(lines: &[String]) -> String {
    let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
    let maps = lines.iter().filter(|l| l.contains("\"line\":\"map\""));
    format!(
        "{text}{{\"schema\":\"badmap/1\",\"line\":\"end\",\"maps\":{},\"entries\":0,\"lines\":{},\"bytes\":{},\"checksum\":\"{}\"}}\n",
        maps.count(),
        lines.len(),
        text.len(),
        blake3::hash(text.as_bytes()).to_hex()
    )
}

/// The lines of a real snapshot with entries, but the last.
fn lines(dir: &Path) -> Vec<String> {
    let real = snapshot(
        dir,
        "go1.23-panic-other",
        "go1.23",
        &["--entries", "digest"],
    );
    let text = unpacked(&real);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    lines
}

fn write(dir: &Path, name: &str, lines: &[String]) -> PathBuf {
    let path = dir.join(name);
    let packed = zstd::stream::encode_all(sealed(lines).as_bytes(), 3).unwrap();
    std::fs::write(&path, packed).unwrap();
    path
}

/// Runs a command in so much memory, in KiB: stdout, stderr, exit code.
fn within(kib: u64, args: &[&str]) -> (String, String, i32) {
    let words = [&[env!("CARGO_BIN_EXE_badmap")], args].concat().join(" ");
    let done = std::process::Command::new("sh")
        .args(["-c", &format!("ulimit -v {kib}; exec {words}")])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = done.status.code().expect("it ends by itself");
    (text(done.stdout), text(done.stderr), code)
}

#[test]
fn a_forged_end_is_believed_and_what_it_ends_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let lines = lines(dir.path());
    let same = write(dir.path(), "same", &lines);
    let (_, stderr, code) = run(&["check", arg(&same)]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("rules applied again to all"), "{stderr}");
}

#[test]
fn slots_of_another_map_judge_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = lines(dir.path());
    let images: Vec<usize> = (0..lines.len())
        .filter(|i| lines[*i].contains("\"line\":\"image\""))
        .collect();
    lines.swap(images[0], images[1]);
    let swapped = write(dir.path(), "swapped", &lines);
    let (_, stderr, code) = run(&["check", arg(&swapped)]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("2 could not be applied again"), "{stderr}");
    assert!(!stderr.contains("something else"), "{stderr}");
}

#[test]
fn words_that_would_act_on_a_terminal_do_not_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let esc = "\\u001b[2J\\u0007";
    let forged: Vec<String> = lines(dir.path())
        .into_iter()
        .map(|l| {
            let l = l.replace(
                "\"reachable\":\"reachable\"",
                &format!("\"reachable\":\"{esc}\""),
            );
            let l = l.replace(
                "\"type_sure\":\"typed\"",
                &format!("\"type_sure\":\"{esc}\""),
            );
            let l = l.replace("\"found_by\":[", &format!("\"found_by\":[\"{esc}\","));
            l.replace("\"owner\":\"", &format!("\"owner\":\"{esc}"))
        })
        .collect();
    let path = write(dir.path(), "escapes", &forged);
    let map = forged
        .iter()
        .find(|l| l.contains("\"kind\":\"classic\""))
        .unwrap();
    let map: serde_json::Value = serde_json::from_str(map).unwrap();
    let addr = map["addr"].as_str().unwrap();
    for args in [
        vec!["list", arg(&path), "-v"],
        vec!["list", arg(&path), "--group-by", "owner"],
        vec!["show", arg(&path), "--map", addr],
        vec!["check", arg(&path), "-v"],
        vec!["diff", arg(&path), arg(&path), "--only", "same"],
    ] {
        let (stdout, stderr, code) = run(&args);
        assert!(code != 2, "{args:?}: {stderr}");
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(!stdout.contains(bad) && !stderr.contains(bad), "{args:?}");
    }
}

#[test]
fn a_small_file_takes_no_large_memory_and_little_time() {
    let dir = tempfile::tempdir().unwrap();
    let real = lines(dir.path());
    let head = real[0].clone();
    let map = real
        .iter()
        .find(|l| l.contains("\"line\":\"map\""))
        .unwrap();
    let tiny = "{\"schema\":\"badmap/1\",\"line\":\"map\"}".to_owned();
    let list = |field: &str, item: &str| {
        let items = vec![item; 1_000_000].join(",");
        map.replacen(
            "\"found_by\":",
            &format!("\"{field}\":[{items}],\"found_by\":"),
            1,
        )
    };
    let mut many = vec![head.clone()];
    many.extend(vec![tiny; 430_000]);
    let image = real
        .iter()
        .position(|l| l.contains("\"line\":\"image\""))
        .unwrap();
    let at = |from: usize| {
        real[from..]
            .iter()
            .position(|l| l.contains("\"line\":\"slots\""))
    };
    let slots = image + at(image).unwrap();
    let empty = "{\"schema\":\"badmap/1\",\"line\":\"slots\",\"map\":\"MAP\",\"part\":\"buckets[0]\",\"addr\":\"0x10\",\"count\":4000000,\"marks\":\"0000000000000000\"}";
    let owner: serde_json::Value = serde_json::from_str(&real[image]).unwrap();
    let empty = empty.replace("MAP", owner["map"].as_str().unwrap());
    let mut painted = vec![head.clone()];
    for _ in 0..200 {
        painted.extend(real[image - 1..slots].iter().cloned());
        painted.push(empty.clone());
    }
    for (name, lines) in [
        ("many", many),
        ("hands", vec![head.clone(), list("hands", "{}")]),
        ("findings", vec![head.clone(), list("findings", "{}")]),
        ("painted", painted),
    ] {
        let path = write(dir.path(), name, &lines);
        for command in ["list", "check"] {
            let start = Instant::now();
            let (_, stderr, code) = within(1_500_000, &[command, arg(&path)]);
            let took = start.elapsed();
            assert!(
                code <= 3 && !stderr.contains("memory"),
                "{command} {name}: {stderr}"
            );
            assert!(took < Duration::from_secs(30), "{command} {name}: {took:?}");
        }
    }
}
