//! A corpus as a regression test: what cores gave once, they must give again.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::few;
use crate::batch::runner::lines;

#[test]
fn an_earlier_run_is_what_is_expected_and_a_difference_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let cores = few();
    let mut args: Vec<&str> = cores.iter().map(String::as_str).collect();
    args.extend(["--binary-dir", BINARIES, "--format", "jsonl"]);
    let (out, err, code) = ended(batch(&args));
    assert_eq!(code, 1, "{err}");
    std::fs::write(at("before.jsonl"), &out).unwrap();
    let before = at("before.jsonl");
    args.extend(["--expect", arg(&before)]);
    let (again, err, code) = ended(batch(&args));
    assert_eq!(code, 0, "{err}");
    assert!(lines(&again).values().all(|l| l["expected"]["met"] == true));

    let was = "\"verdict\":\"sound\"";
    assert!(out.contains(was));
    std::fs::write(
        at("before.jsonl"),
        out.replace(was, "\"verdict\":\"unproven\""),
    )
    .unwrap();
    let (again, err, code) = ended(batch(&args));
    assert_eq!(code, 1);
    let missed = "verdict: expected unproven, got sound";
    assert!(again.contains(missed) && err.contains(missed), "{err}");
}

#[test]
fn a_manifest_says_what_its_cores_must_give() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("MANIFEST.toml");
    let root = env!("CARGO_MANIFEST_DIR");
    let text = format!(
        r#"
schema = "badmap-corpus/1"
[[binary]]
name = "b"
file = "{root}/{BINARIES}/go1.27.zst"
[[core]]
file = "{root}/corpora/golden/cores/go1.27-nil-write.zst"
binary = "b"
host = "web-7"
[core.expect]
verdict = "map-crash"
crash = "map"
rules = []
exit = 1
message = "panic: assignment to entry in nil map"
[[core]]
file = "{root}/corpora/golden/cores/go1.27-gone.zst"
binary = "b"
[core.expect]
status = "failed"
"#
    );
    std::fs::write(&manifest, &text).unwrap();
    let args = [arg(&manifest), "--format", "jsonl", "--ordered"];
    let (out, err, code) = ended(batch(&args));
    assert_eq!(code, 0, "{out}{err}");
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["host"], "web-7");
    std::fs::write(
        &manifest,
        text.replace("rules = []", "rules = [\"MAP-COUNT\"]"),
    )
    .unwrap();
    let (out, _, code) = ended(batch(&args));
    assert_eq!(code, 1);
    assert!(out.contains("rules: expected MAP-COUNT, got none"), "{out}");
    std::fs::write(&manifest, text.replace("crash = ", "clash = ")).unwrap();
    let (_, err, code) = ended(batch(&args));
    assert_eq!(code, 2);
    assert!(err.contains("clash") && err.contains("hint: "), "{err}");
}
