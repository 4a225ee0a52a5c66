//! No byte of a key or elem, no name of a thread, no argument and nothing of the environment is in any output, unless it
//! is asked for; the name of the host is the exception (`docs/SNAPSHOT.md`, Secrets). The program plants the word MARKER in all of them.

use crate::arg;
use crate::files::corpora;
use crate::run;
use std::path::Path;

const MARKER: &str = "MARKER";

/// Runs a command: all that can be read of it.
fn output(args: &[&str]) -> String {
    let (stdout, stderr, code) = run(args);
    assert!(matches!(code, 0 | 1 | 3), "{args:?}: {code}: {stderr}");
    format!("{stdout}\n{stderr}")
}

/// Whether the word is in a text, as it is, in hex, or as numbers of bytes.
fn leaks(text: &str) -> bool {
    let hex: String = MARKER.bytes().map(|b| format!("{b:02x}")).collect();
    let numbers: Vec<String> = MARKER.bytes().map(|b| b.to_string()).collect();
    let little: u64 = MARKER.bytes().rev().fold(0, |n, b| n << 8 | u64::from(b));
    text.contains(MARKER)
        || text.to_lowercase().contains(&hex)
        || text.contains(&numbers.join(" "))
        || text.contains(&numbers.join(","))
        || text.contains(&format!("{little:x}"))
}

fn unpacked(path: &Path) -> String {
    crate::files::unpacked(path)
}

#[test]
fn what_a_process_keeps_to_itself_is_in_no_output() {
    let dir = tempfile::tempdir().unwrap();
    let mut outputs = 0;
    // The golden ones will do: each takes a hundred runs.
    for corpus in corpora().into_iter().take(1) {
        for core in corpus.cores.iter().filter(|c| c.scenario == "b") {
            let Some(from) = corpus
                .cores
                .iter()
                .find(|c| Some(&c.name) == core.change_from.as_ref())
            else {
                continue;
            };
            let (Some(old), Some(new)) = (corpus.files_of(from), corpus.files_of(core)) else {
                continue;
            };
            let (a, b, binary) = (arg(&old.core), arg(&new.core), arg(&new.binary_path));
            for values in ["digest", "none"] {
                let with = ["--values", values];
                let mut texts: Vec<(String, String)> = Vec::new();
                let mut say = |args: &[&str]| texts.push((args.join(" "), output(args)));
                let mut files = Vec::new();
                for entries in ["none", "digest"] {
                    for (name, core) in [("a", a), ("b", b)] {
                        let out = dir.path().join(format!("{name}-{entries}"));
                        let args = ["snapshot", core, binary, "-o", arg(&out)];
                        say(&[&args[..], &with, &["--entries", entries]].concat());
                        files.push(out);
                    }
                }
                for format in ["text", "json"] {
                    let f = ["--format", format];
                    say(&[&["info", b, binary][..], &f].concat());
                    say(&[&["goroutines", b, binary, "--all"][..], &f].concat());
                    // Digests that are in a file are not shown under none: that is refused.
                    let snap = arg(&files[if values == "none" { 1 } else { 3 }]);
                    let sources: [&[&str]; 2] = [&[b, binary], &[snap]];
                    for source in sources {
                        let run = |command: &[&'static str], more: &[&'static str]| {
                            [command, source, &f, &with, more].concat()
                        };
                        say(&run(&["check"], &["-v"]));
                        say(&run(&["check", "--crash-only"], &[]));
                        say(&run(&["list"], &["-v"]));
                        say(&run(&["list", "--group-by", "owner"], &[]));
                        for map in ["main.vars.mixedMark", "main.vars.sameBytes"] {
                            say(&run(&["show", "--map", map], &[]));
                            if source.len() > 1 || values == "digest" {
                                say(&run(
                                    &["show", "--map", map, "--entries"],
                                    &["--limit", "999"],
                                ));
                            }
                        }
                    }
                    let pairs = [
                        (a, b),
                        (arg(&files[0]), arg(&files[1])),
                        (arg(&files[if values == "none" { 0 } else { 2 }]), snap),
                    ];
                    for (old, new) in pairs {
                        let args = ["diff", old, new, "--binary", binary, "--keys", "999", "-v"];
                        say(&[&args[..], &f, &with].concat());
                    }
                }
                say(&["info", arg(&files[3])]);
                say(&["explain", "--in", arg(&files[3])]);
                for file in &files {
                    texts.push((file.display().to_string(), unpacked(file)));
                }
                outputs += texts.len();
                for (what, text) in &texts {
                    assert!(text.len() > 20, "{what}: nothing to look at");
                    assert!(
                        !leaks(text),
                        "{} {what} shows it:\n{}",
                        core.name,
                        around(text)
                    );
                }
            }
            // The word is there to be found.
            let show = [
                "show",
                b,
                binary,
                "--map",
                "main.vars.mixedMark",
                "--entries",
            ];
            assert!(leaks(&output(
                &[&show[..], &["--values", "clear"]].concat()
            )));
            let clear = dir.path().join("clear");
            let args = [
                "snapshot",
                b,
                binary,
                "-o",
                arg(&clear),
                "--entries",
                "clear",
            ];
            output(&args);
            assert!(leaks(&unpacked(&clear)));
            // And is not shown to who has not asked for it.
            let (stdout, stderr, code) = run(&["list", arg(&clear)]);
            assert_eq!((stdout.as_str(), code), ("", 2), "{stderr}");
        }
    }
    println!("{outputs} outputs");
    assert!(outputs > 100, "only {outputs} outputs");
}

/// A few lines with the word.
fn around(text: &str) -> String {
    let lines = text.lines().filter(|l| leaks(l)).take(3);
    let cut = |l: &str| l.chars().take(600).collect::<String>();
    lines.map(cut).collect::<Vec<_>>().join("\n")
}
