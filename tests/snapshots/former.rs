//! Snapshots that were written by former versions are read, and judged by today's rules as long as their form is known.
//! `form-1.badmap`: `go1.23-panic-other` with `--entries digest`, when schema `badmap/1` and form 1 of images were new.

use crate::run;

const FORMER: &str = "corpora/former/form-1.badmap";

#[test]
fn a_snapshot_of_the_first_form_is_read_and_judged_again() {
    let (stdout, stderr, code) = run(&["info", FORMER]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(
        stdout.contains("go1.23.9") && stdout.contains(" maps, "),
        "{stdout}"
    );
    let (stdout, stderr, code) = run(&["list", FORMER, "--format", "jsonl"]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(stdout.lines().count() > 20, "{stdout}");
    let (stdout, stderr, code) = run(&["check", FORMER]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("all sound"), "{stdout}");
    assert!(stderr.contains("rules applied again to all"), "{stderr}");
    assert!(!stderr.contains("something else"), "{stderr}");
    let (stdout, _, code) = run(&["diff", FORMER, FORMER]);
    assert_eq!(code, 0, "{stdout}");
}
