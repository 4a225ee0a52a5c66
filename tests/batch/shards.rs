//! Parts of a batch on many machines are the whole: together they have every core once, and triage does not tell the
//! difference.

use crate::batch::runner::BINARIES;
use crate::batch::runner::arg;
use crate::batch::runner::badmap;
use crate::batch::runner::batch;
use crate::batch::runner::ended;
use crate::batch::runner::few;
use crate::batch::runner::golden;
use crate::batch::runner::lines;
use serde_json::Value;

fn some() -> Vec<String> {
    let mut cores = few();
    cores.extend(["go1.22-segv-other", "go1.23-panic-other"].map(golden));
    cores
}

fn args<'a>(cores: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let mut args: Vec<&str> = cores.iter().map(String::as_str).collect();
    args.extend(["--binary-dir", BINARIES, "-q"]);
    args.extend(more);
    args
}

fn triage(files: &[&str]) -> Value {
    let mut args = vec!["triage", "--format", "json"];
    args.extend(files);
    let (out, err, code) = badmap(&args);
    assert_eq!(code, 0, "{err}");
    let mut doc: Value = serde_json::from_str(&out).unwrap();
    doc.as_object_mut().unwrap().remove("files");
    doc
}

#[test]
fn shards_together_are_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let cores = some();
    let whole = at("whole.jsonl");
    let (out, err, code) = ended(batch(&args(
        &cores,
        &["--resume", arg(&whole), "--format", "jsonl"],
    )));
    assert_eq!(code, 1, "{err}");
    let all = lines(&out);
    assert_eq!(all.len(), cores.len());
    let mut together = std::collections::BTreeMap::new();
    let mut parts = Vec::new();
    for i in 0..3 {
        let part = at(&format!("part-{i}.jsonl"));
        let mut command = batch(&args(
            &cores,
            &[
                "--shard",
                "auto/3",
                "--format",
                "jsonl",
                "--resume",
                arg(&part),
            ],
        ));
        command.env("SLURM_ARRAY_TASK_ID", i.to_string());
        let (out, err, _) = ended(command);
        for (core, line) in lines(&out) {
            assert!(together.insert(core, line).is_none(), "{err}");
        }
        parts.push(part);
    }
    assert_eq!(together, all);
    let parts: Vec<&str> = parts.iter().map(|p| arg(p)).collect();
    assert_eq!(triage(&parts), triage(&[arg(&whole)]));
    let known = |baseline: &str| {
        let mut args = vec!["triage", "--baseline", baseline];
        args.extend(&parts);
        badmap(&args).2
    };
    assert_eq!(known(arg(&whole)), 0, "nothing is new");
    let nothing = at("nothing.jsonl");
    std::fs::write(&nothing, "").unwrap();
    assert_eq!(known(arg(&nothing)), 1, "all is new");
}

#[test]
fn a_shard_without_cores_is_done_at_once_and_one_that_nobody_numbers_is_misuse() {
    let cores = [golden("go1.27-nil-write")];
    let codes: Vec<i32> = ["1/2", "2/2"]
        .map(|shard| ended(batch(&args(&cores, &["--shard", shard]))).2)
        .to_vec();
    assert!(codes == [0, 1] || codes == [1, 0], "{codes:?}");
    let mut command = batch(&args(&cores, &["--shard", "auto/2"]));
    for name in [
        "JOB_COMPLETION_INDEX",
        "AWS_BATCH_JOB_ARRAY_INDEX",
        "SLURM_ARRAY_TASK_ID",
    ] {
        command.env_remove(name);
    }
    let (_, err, code) = ended(command);
    assert_eq!(code, 2);
    assert!(
        err.contains("JOB_COMPLETION_INDEX") && err.contains("hint: "),
        "{err}"
    );
    let (_, err, code) = ended(batch(&args(&cores, &["--shard", "3/2"])));
    assert_eq!(code, 2);
    assert!(err.contains("no shard 3 of 2"), "{err}");
}
