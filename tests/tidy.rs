//! The tree itself: who imports whom, which door each outside crate has, what every file must say.
//! In: the sources, as text. Out: every breach of the house style with file and line, all at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// The rooms in the order the data flows. A later version may add rooms, here and in lib.rs alike.
const ROOMS: [&str; 19] = [
    "base", "file", "process", "types", "dwarf", "runtime", "hash", "maps", "find", "check",
    "cause", "crash", "survey", "schema", "snapshot", "diff", "batch", "report", "cli",
];

/// Where each outside crate may be named: a file, or a room when it ends in `/`. `""` is everywhere.
const DOORS: [(&str, &[&str]); 30] = [
    ("memmap2", &["file/mmap.rs"]),
    ("goblin", &["file/corefile.rs"]),
    ("object", &["file/binary.rs"]),
    ("gimli", &["dwarf/"]),
    ("zstd", &["file/unpack/mod.rs", "file/stream.rs"]),
    ("lz4_flex", &["file/unpack/lz4.rs"]),
    ("flate2", &["file/unpack/gzip.rs"]),
    ("liblzma", &["file/unpack/xz.rs"]),
    (
        "tempfile",
        &[
            "file/scratch.rs",
            "file/stream.rs",
            "file/keyfile.rs",
            "batch/inputs.rs",
            "batch/store.rs",
        ],
    ),
    (
        "rustix",
        &[
            "file/scratch.rs",
            "batch/child.rs",
            "batch/store.rs",
            "batch/work.rs",
        ],
    ),
    ("getrandom", &["file/keyfile.rs"]),
    ("serde", &["schema/", "snapshot/", "batch/", "report/"]),
    ("serde_json", &["schema/", "snapshot/", "batch/", "report/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("indicatif", &["cli/"]),
    ("anyhow", &["cli/"]),
    ("aes", &["hash/aes.rs"]),
    ("iced_x86", &["runtime/rip.rs"]),
    ("quick_xml", &["report/junit.rs"]),
    ("blake3", &["survey/redact.rs", "snapshot/", "batch/"]),
    (
        "rayon",
        &[
            "base/parts.rs",
            "dwarf/",
            "find/",
            "survey/",
            "snapshot/read.rs",
            "diff/dump.rs",
            "diff/result.rs",
        ],
    ),
    ("boxcar", &["types/"]),
    ("glob", &["batch/inputs.rs"]),
    ("toml", &["batch/manifest.rs"]),
    ("wait4", &["batch/child.rs"]),
    ("signal_hook", &["cli/signals.rs"]),
    ("thiserror", &[""]),
    ("insta", &[""]), // unit tests of renderers keep their snapshots beside them
];

/// Words that mean the outside world, and where they may stand.
const WORLD: [(&str, &[&str]); 14] = [
    ("std::env", &["cli/", "main.rs"]),
    ("env::", &["cli/", "main.rs"]),
    ("Instant", &["cli/", "batch/child.rs"]),
    ("SystemTime", &["cli/"]),
    ("current_dir", &["cli/"]),
    (
        "std::process",
        &["cli/", "main.rs", "batch/child.rs", "batch/run.rs"],
    ),
    ("println!", &["cli/"]),
    ("print!", &["cli/"]),
    ("eprintln!", &["cli/"]),
    ("eprint!", &["cli/"]),
    ("io::stdout", &["cli/"]),
    ("io::stderr", &["cli/"]),
    ("io::stdin", &["cli/"]),
    ("unsafe", &["file/mmap.rs"]),
];

/// A source file.
struct Source {
    /// Its path from the package's root.
    path: String,
    text: String,
    /// The text with comments and the contents of literals blanked, line for line the same.
    code: String,
    /// `code` without modules that exist in unit tests only.
    shipped: String,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Source {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let code = blanked(&text);
        let path = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Source {
            shipped: without_tests(&code),
            path,
            text,
            code,
        }
    }

    /// The path below `src/`, if it lies there.
    fn in_src(&self) -> Option<&str> {
        self.path.strip_prefix("src/")
    }

    fn room(&self) -> Option<&str> {
        self.in_src()?.split_once('/').map(|(room, _)| room)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `dir` that satisfy `test`, in order; build products and git's own are not looked at.
fn files(dir: &Path, test: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else {
        return out;
    };
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        if name == "target" || name == ".git" {
            continue; // `.git` is a file where the tree is a worktree
        }
        if path.is_dir() {
            out.extend(files(&path, test));
        } else if test(&path) {
            out.push(path);
        }
    }
    out
}

fn sources() -> Vec<Source> {
    let rust = |p: &Path| p.extension().is_some_and(|e| e == "rs");
    let mut all = files(&root().join("src"), &rust);
    all.extend(files(&root().join("tests"), &rust));
    all.extend(files(&root().join("benches"), &rust));
    assert!(all.len() > 50, "only {} sources found", all.len());
    all.iter().map(|p| Source::read(&root(), p)).collect()
}

/// Blanks comments and the contents of string and character literals; keeps every line break.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    while i < chars.len() {
        let word_before = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                out.push(' ');
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => depth += 1,
                    ('*', '/') => depth -= 1,
                    _ => {
                        out.push(keep(at(i)));
                        i += 1;
                        assert!(i < chars.len(), "a comment without an end");
                        continue;
                    }
                }
                out.push_str("  ");
                i += 2;
                if depth == 0 {
                    break;
                }
            }
        } else if at(i) == 'r'
            && !(word_before && at(i - 1) != 'b')
            && raw_hashes(&chars, i).is_some()
        {
            let hashes = raw_hashes(&chars, i).unwrap();
            i += hashes + 2;
            out.push('"');
            while !(at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
                out.push(keep(at(i)));
                i += 1;
                assert!(i < chars.len(), "a raw string without an end");
            }
            out.push('"');
            i += hashes + 1;
        } else if at(i) == '"' {
            out.push('"');
            i += 1;
            while at(i) != '"' {
                let step = if at(i) == '\\' { 2 } else { 1 };
                (i..i + step).for_each(|k| out.push(keep(at(k))));
                i += step;
                assert!(i < chars.len(), "a string without an end");
            }
            out.push('"');
            i += 1;
        } else if at(i) == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            let mut end = i + if at(i + 1) == '\\' { 3 } else { 2 };
            while at(end) != '\'' {
                end += 1;
            }
            out.push_str(&" ".repeat(end + 1 - i));
            i = end + 1;
        } else {
            out.push(at(i));
            i += 1;
        }
    }
    out
}

/// How many `#` a raw string that begins here has; `None` when none begins.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars
        .get(at + 1..)?
        .iter()
        .take_while(|c| **c == '#')
        .count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

/// Blanks what stands under `#[cfg(test)]`: to the `}` at the margin, or to the `;` of a declaration.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in code.lines() {
        inside |= line.trim() == "#[cfg(test)]";
        if !inside {
            out.push_str(line);
        }
        out.push('\n');
        inside &= !(line == "}" || (line.ends_with(';') && !line.starts_with(' ')));
    }
    out
}

/// Line numbers (from 1) on which `word` stands alone: no letter, digit or `_` touches its ends, and
/// it is not the tail of a longer path.
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    for (no, line) in code.lines().enumerate() {
        let alone = line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            let free_end = !word.ends_with(part) || !after.is_some_and(part);
            let free_start = !word.starts_with(part) || !before.is_some_and(part);
            free_start && free_end
        });
        if alone {
            out.push(no + 1);
        }
    }
    out
}

/// Whether a file below `src/` is one of these places.
fn is_at(file: &str, places: &[&str]) -> bool {
    places.iter().any(|p| {
        if p.is_empty() || p.ends_with('/') {
            file.starts_with(p)
        } else {
            file == *p
        }
    })
}

/// Fails with all breaches together.
fn none(what: &str, mut breaches: Vec<String>) {
    breaches.sort();
    breaches.dedup();
    assert!(
        breaches.is_empty(),
        "{what}\n  {}\n{} in all",
        breaches.join("\n  "),
        breaches.len()
    );
}

#[test]
fn lib_lists_the_rooms_in_the_order_of_the_data() {
    let lib = Source::read(&root(), &root().join("src/lib.rs"));
    let listed: Vec<&str> = lib
        .code
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(
        listed, ROOMS,
        "lib.rs is the floor plan: its order is the order of the data"
    );
    let on_disk = files(&root().join("src"), &|p| {
        p.file_name().is_some_and(|n| n == "mod.rs")
    });
    let mut rooms: Vec<String> = on_disk
        .iter()
        .filter_map(|p| {
            Some(
                p.strip_prefix(root().join("src"))
                    .ok()?
                    .parent()?
                    .to_str()?
                    .to_owned(),
            )
        })
        .filter(|p| !p.contains('/'))
        .collect();
    rooms.sort();
    let mut expected = ROOMS.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(rooms, expected, "every folder of src/ is a room of lib.rs");
}

#[test]
fn a_room_uses_itself_and_the_rooms_above_it() {
    let rank: BTreeMap<&str, usize> = ROOMS.iter().copied().zip(0..).collect();
    let (mut breaches, mut paths) = (Vec::new(), 0);
    for s in sources() {
        let Some(file) = s.in_src() else { continue };
        for (no, line) in s.code.lines().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue; // `some_crate::`
                }
                paths += 1;
                let to: String = line[at + "crate::".len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let here = format!("{}:{}: ", s.path, no + 1);
                match (s.room(), rank.get(to.as_str())) {
                    (_, None) => breaches.push(format!("{here}crate::{to} names no room")),
                    (None, _) => breaches.push(format!(
                        "{here}{file} is outside the rooms, yet names crate::{to}"
                    )),
                    (Some(room), Some(there)) if *there > rank[room] => {
                        breaches.push(format!("{here}{room} uses {to}, which lies below it"));
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(
        paths > 300,
        "only {paths} paths found: does this test still see them?"
    );
    none(
        "a room uses itself and the rooms above it (the order of src/lib.rs), never one below:",
        breaches,
    );
}

#[test]
fn imports_stand_one_on_a_line() {
    let mut breaches = Vec::new();
    for s in sources() {
        for (no, line) in s.code.lines().enumerate() {
            let words = line
                .trim()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            let here = format!("{}:{}: {}", s.path, no + 1, line.trim());
            if words.starts_with("use ") && (line.contains('{') || !line.trim_end().ends_with(';'))
            {
                breaches.push(format!("{here} (several imports at once)"));
            }
            if line.contains("super::super") {
                breaches.push(format!("{here} (write crate::…)"));
            }
            if line.contains("crate::{") {
                breaches.push(format!("{here} (braces behind crate::)"));
            }
        }
    }
    none(
        "imports are one per line, without braces, so that tidy can read them:",
        breaches,
    );
}

#[test]
fn outside_crates_come_in_by_their_own_door() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let doors: BTreeMap<String, &[&str]> =
        DOORS.iter().map(|(c, d)| ((*c).to_owned(), *d)).collect();
    let mut breaches = Vec::new();
    let of_systems = manifest.get("target").and_then(toml::Value::as_table);
    let of_systems = of_systems.into_iter().flat_map(toml::Table::values);
    let tables = of_systems.map(|system| &system["dependencies"]);
    let tables = tables.chain([&manifest["dependencies"]]);
    for name in tables.flat_map(|t| t.as_table().unwrap().keys()) {
        if !doors.contains_key(&name.replace('-', "_")) {
            breaches.push(format!(
                "Cargo.toml: {name} has no door: give it one in tests/tidy.rs"
            ));
        }
    }
    for s in sources() {
        let Some(file) = s.in_src() else { continue };
        for (name, places) in DOORS {
            if is_at(file, places) {
                continue;
            }
            for form in [
                format!("{name}::"),
                format!("use {name};"),
                format!("extern crate {name}"),
                format!("#[{name}("),
            ] {
                for no in lines_with(&s.code, &form) {
                    let line = s.code.lines().nth(no - 1).unwrap_or_default();
                    // `badmap::object::…` is no outside crate
                    if !line.contains(&format!("::{form}")) {
                        breaches.push(format!(
                            "{}:{no}: {name} belongs in {}",
                            s.path,
                            places.join(", ")
                        ));
                    }
                }
            }
        }
    }
    none("each outside crate has one door:", breaches);
}

#[test]
fn only_the_command_line_knows_the_world() {
    let mut breaches = Vec::new();
    let test_only = modules_of_tests();
    for s in sources() {
        let Some(file) = s.in_src().filter(|f| !test_only.contains(&(*f).to_owned())) else {
            continue;
        };
        for (word, places) in WORLD {
            if !is_at(file, places) {
                breaches.extend(
                    lines_with(&s.shipped, word)
                        .iter()
                        .map(|no| format!("{}:{no}: {word}", s.path)),
                );
            }
        }
    }
    none(
        "environment, clock, working directory and output are for cli/ alone; unsafe is for file/mmap.rs:",
        breaches,
    );
}

/// Files below `src/` that are modules of unit tests only: declared behind `#[cfg(test)]`.
fn modules_of_tests() -> Vec<String> {
    let mut out = Vec::new();
    for s in sources() {
        let Some(room) = s.room() else { continue };
        let lines: Vec<&str> = s.code.lines().collect();
        for pair in lines.windows(2).filter(|p| p[0].trim() == "#[cfg(test)]") {
            let name = pair[1]
                .trim()
                .trim_start_matches("pub(crate) ")
                .strip_prefix("mod ")
                .and_then(|m| m.strip_suffix(';'));
            out.extend(name.map(|n| format!("{room}/{n}.rs")));
        }
    }
    out
}

#[test]
fn rules_and_renderers_never_see_memory() {
    let mut breaches = Vec::new();
    for s in sources() {
        if matches!(s.room(), Some("check" | "report")) {
            breaches.extend(
                lines_with(&s.code, "Memory")
                    .iter()
                    .map(|no| format!("{}:{no}", s.path)),
            );
        }
    }
    none(
        "check/ and report/ never name Memory: a rule is a pure function of an image:",
        breaches,
    );
}

#[test]
fn every_source_says_what_it_is() {
    let breaches = sources()
        .iter()
        .filter(|s| !s.text.starts_with("//! "))
        .map(|s| s.path.clone())
        .collect();
    none("every source file begins with a `//! ` line:", breaches);
}

#[test]
fn sources_stay_short_or_say_why_not() {
    let mut breaches = Vec::new();
    for s in sources().iter().filter(|s| s.in_src().is_some()) {
        let lines = s.text.lines().count();
        let header: Vec<&str> = s
            .text
            .lines()
            .take(10)
            .filter(|l| l.starts_with("//!"))
            .collect();
        let header = header.join(" ").to_lowercase();
        let says_why = header.contains("lines") || header.contains("one file");
        if lines > 800 {
            breaches.push(format!("{}: {lines} lines, more than 800", s.path));
        } else if lines > 400 && !says_why {
            breaches.push(format!("{}: {lines} lines and no word why", s.path));
        }
    }
    none(
        "files aim at under 400 lines and fail at 800; one over 400 says in its `//!` header, within the first 10 \
         lines, why it is not two, with the words \"lines\" (`Over 400 lines because …`) or \"one file\" (`one \
         schema, one file`):",
        breaches,
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not break its own rule.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!"),
        concat!("unimplemented", "!"),
        concat!("dbg", "!"),
    ];
    let mut breaches = Vec::new();
    for s in sources() {
        for (no, line) in s.text.lines().enumerate() {
            breaches.extend(
                marks
                    .iter()
                    .filter(|m| line.contains(**m))
                    .map(|m| format!("{}:{}: {m}", s.path, no + 1)),
            );
        }
    }
    none("no notes to ourselves in the sources:", breaches);
}

#[test]
fn no_file_betrays_the_machine_it_was_written_on() {
    // Put together here, so that this file does not break its own rule.
    let marks = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("file:", "///"),
        concat!("sparse", "+http"),
        concat!("index", "-url"),
        concat!("local", "host:"),
        concat!("127.", "0.0.1:"),
    ];
    let mut breaches = Vec::new();
    for path in files(&root(), &|_| true) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        }; // not text
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        for (no, line) in text.lines().enumerate() {
            for mark in marks {
                let bare = line.match_indices(mark).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}/~".contains(c))
                });
                if bare {
                    breaches.push(format!("{name}:{}: {mark}", no + 1));
                }
            }
            let foreign = line.starts_with("source = ")
                && !line.ends_with("+https://github.com/rust-lang/crates.io-index\"");
            if name == "Cargo.lock" && foreign {
                breaches.push(format!("{name}:{}: {line}", no + 1));
            }
        }
    }
    none(
        "paths of one machine and hosts of its registries do not belong in the tree:",
        breaches,
    );
}

#[test]
fn where_sources_lie_nothing_is_built() {
    // `go build` leaves its program beside the sources, and what is committed once stays in the history.
    let is_built = |p: &Path| String::from_utf8(std::fs::read(p).unwrap()).is_err();
    let mut seen = 0;
    let mut breaches = Vec::new();
    for dir in [
        "src",
        "benches",
        "corpora/src",
        "corpora/load",
        "docs",
        "tests",
    ] {
        for path in files(&root().join(dir), &|_| true) {
            seen += 1;
            if is_built(&path) {
                breaches.push(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert!(seen > 100, "only {seen} files found");
    none("only text lies among the sources:", breaches);
}

#[test]
fn the_lexer_of_these_tests_sees_code_only() {
    let code = blanked(
        "let a = \"x // y\"; // z\nlet b = r#\"unsafe \" \"#; /* p /* q */ r\n */ let c = '\"'; let d: &'a u8 = b'\\'';",
    );
    assert!(
        !code.contains("unsafe")
            && !code.contains('z')
            && !code.contains('q')
            && !code.contains('y'),
        "{code}"
    );
    assert!(
        code.contains("let c =") && code.contains("&'a u8") && code.ends_with(';'),
        "{code}"
    );
    assert_eq!(code.lines().count(), 3);
    let code = "fn a() {}\n#[cfg(test)]\nmod s;\nfn b() {}\n#[cfg(test)]\nmod t {\n    fn c() {}\n}\nfn d() {}\n";
    let shipped = without_tests(code);
    assert!(
        shipped.contains("b()") && shipped.contains("d()") && !shipped.contains("c()"),
        "{shipped}"
    );
    assert_eq!(
        lines_with("a::object::b\nobject::x\nmyobject::y", "object::"),
        [1, 2]
    );
}
