//! Help, misuse, and what needs no core file.
//! In: command lines. Out: snapshots and assertions.

use crate::assert_session;
use crate::badmap;
use crate::run;
use std::process::Stdio;

const COMMANDS: [&str; 11] = [
    "info",
    "check",
    "list",
    "show",
    "goroutines",
    "snapshot",
    "diff",
    "triage",
    "explain",
    "completions",
    "man",
];

#[test]
fn help_of_every_command() {
    assert_session("help", &["--help"]);
    assert_session("help-short", &["-h"]);
    for command in COMMANDS {
        assert_session(&format!("help-{command}"), &[command, "--help"]);
    }
}

#[test]
fn without_arguments_the_short_help_is_an_error() {
    assert_session("no-arguments", &[]);
}

#[test]
fn the_version_is_one_line() {
    assert_session("version", &["--version"]);
}

#[test]
fn misuse_names_the_mistake_and_exits_with_2() {
    assert_session("usage-unknown-command", &["chekc", "core"]);
    assert_session("usage-no-core", &["check"]);
    assert_session("usage-values", &["check", "core", "--values", "plain"]);
    assert_session("usage-format", &["check", "core", "--format", "jsonl"]);
    assert_session(
        "usage-binary-twice",
        &["check", "core", "server", "--binary", "server"],
    );
    assert_session("usage-quiet-and-verbose", &["check", "core", "-q", "-v"]);
    assert_session("usage-no-map", &["show", "core"]);
    assert_session("usage-bad-address", &["show", "core", "--map", "0xc00g"]);
    assert_session("usage-top", &["list", "core", "--top", "many"]);
    assert_session("usage-tmp-limit", &["info", "core", "--tmp-limit", "lots"]);
    assert_session("usage-jobs", &["list", "core", "--jobs", "0"]);
    assert_session(
        "usage-goroutine",
        &["goroutines", "core", "--goroutine", "main"],
    );
    assert_session(
        "usage-goroutine-of-all",
        &["goroutines", "core", "--goroutine", "1", "--all"],
    );
    assert_session("usage-shell", &["completions", "cmd.exe"]);
    assert_session("usage-man", &["man", "woman"]);
}

#[test]
fn a_core_that_is_not_there_is_an_error_on_stderr_alone() {
    for command in ["info", "check", "list", "goroutines"] {
        let (stdout, stderr, code) = run(&[command, "no/such/core"]);
        assert_eq!((stdout.as_str(), code), ("", 2), "{stderr}");
        assert!(
            stderr.starts_with("badmap: ") && stderr.contains("no/such/core"),
            "{stderr}"
        );
    }
}

#[test]
fn explain_prints_the_manual_whatever_the_case_of_the_id() {
    let (upper, _, code) = run(&["explain", "MAP-COUNT"]);
    let (lower, _, _) = run(&["explain", "map-count"]);
    assert_eq!(code, 0);
    assert!(upper.contains("MAP-COUNT"), "{upper}");
    assert_eq!(upper, lower);
}

#[test]
fn explain_lists_every_rule_with_its_severity() {
    let (listed, stderr, code) = run(&["explain", "--list"]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert_eq!(run(&["explain"]).0, listed);
    for rule in badmap::check::registry::rules() {
        let line = listed
            .lines()
            .find(|l| l.split_whitespace().next() == Some(rule.id));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", rule.id));
        assert!(line.contains(rule.severity.as_str()), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn an_unknown_rule_is_answered_with_those_that_look_like_it() {
    let (stdout, stderr, code) = run(&["explain", "map-cuont"]);
    assert_eq!((stdout.as_str(), code), ("", 2));
    assert_eq!(
        stderr,
        "badmap: explaining map-cuont: no such rule\nhint: did you mean MAP-COUNT?\n"
    );
    assert_session("explain-unknown", &["explain", "no-such-rule-at-all"]);
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (script, _, code) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(COMMANDS.iter().all(|c| script.contains(c)), "{shell}");
    }
    let (page, _, code) = run(&["man"]);
    assert_eq!(code, 0);
    assert!(
        page.contains(".TH") && COMMANDS.iter().all(|c| page.contains(c)),
        "{page}"
    );
    for command in COMMANDS {
        let (page, _, code) = run(&["man", command]);
        assert_eq!(code, 0);
        assert!(
            page.contains(".TH") && page.contains("Exit codes"),
            "{page}"
        );
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    for args in [
        &["completions", "zsh"][..],
        &["--help"],
        &["explain", "--list"],
        &["man"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let done = badmap(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|c| c.wait_with_output());
        let done = done.expect("the program starts");
        assert_eq!(done.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let done = badmap(&["completions", "bash"])
        .stdout(full)
        .output()
        .expect("the program starts");
    assert_eq!(done.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(
        stderr.starts_with("badmap: writing the result: "),
        "{stderr}"
    );
}

#[test]
fn escapes_in_arguments_do_not_reach_the_terminal() {
    for args in [["explain", "\u{1b}[2J"], ["man", "\u{1b}[2J"]] {
        let (_, stderr, code) = run(&args);
        assert_eq!(code, 2);
        assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
    }
}
