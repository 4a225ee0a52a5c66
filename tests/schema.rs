//! The documented format of snapshots against the files and the source: what occurs is documented, and what is
//! documented exists.
//! In: `docs/SNAPSHOT.md`, `docs/JSON.md`, the structs that are written, snapshots of golden cores. Out: every field
//! that is missing on either side.
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

use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Kinds of lines, and the structs that are written.
const KINDS: [(&str, &str); 6] = [
    ("header", "HeadLine"),
    ("map", "MapLine"),
    ("image", "ImageLine"),
    ("facts", "FactsLine"),
    ("slots", "SlotsLine"),
    ("end", "EndLine"),
];

/// Fields of the header that `docs/JSON.md` documents.
const SHARED: [&str; 4] = ["tool", "process", "crash", "gc"];

type Fields = BTreeMap<String, BTreeSet<String>>;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The fields in the tables of `docs/SNAPSHOT.md`, by kind of line: one section each.
fn documented() -> Fields {
    let mut out = Fields::new();
    for section in text("docs/SNAPSHOT.md").split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap();
        let Some((kind, _)) = KINDS.iter().find(|(k, _)| heading == format!("`{k}`")) else {
            continue;
        };
        let rows = section.lines().filter(|l| l.starts_with("| `"));
        let fields = out.entry((*kind).to_owned()).or_default();
        for row in rows {
            for field in quoted(row.split('|').nth(1).unwrap()) {
                assert!(fields.insert(field.to_owned()), "{kind}: {field} twice");
            }
        }
    }
    out
}

/// A struct's fields as serde names them, with their types; by the name of the struct.
type Structs = BTreeMap<String, Vec<(String, String)>>;

fn structs() -> Structs {
    let mut out = Structs::new();
    for file in ["src/snapshot/line.rs", "src/snapshot/image/lines.rs"] {
        let (mut camel, mut rename, mut name) = (false, None, String::new());
        for line in text(file).lines().map(str::trim) {
            if line.starts_with("#[derive(") {
                camel = false;
            } else if line.starts_with("#[serde(") {
                camel |= line.contains("rename_all = \"camelCase\"");
                let new = line.split("rename = \"").nth(1);
                rename = new.map(|n| n.split('"').next().unwrap().to_owned());
            } else if let Some(rest) = line.strip_prefix("pub struct ") {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap();
                name = rest[..end].to_owned();
                rename = None;
            } else if let Some(rest) = line.strip_prefix("pub ")
                && let Some((field, ty)) = rest.split_once(": ")
                && !field.contains([' ', '('])
            {
                let field = field.trim_start_matches("r#");
                let named = rename.take().unwrap_or_else(|| match camel {
                    true => camel_case(field),
                    false => field.to_owned(),
                });
                let fields = out.entry(name.clone()).or_default();
                fields.push((named, ty.trim_end_matches(',').to_owned()));
            }
        }
    }
    out
}

fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |all, word| {
        let (head, tail) = word.split_at(1);
        all + &head.to_uppercase() + tail
    })
}

/// The paths of a struct's fields, those of the structs in it too.
fn paths_of(structs: &Structs, name: &str, before: &str, out: &mut BTreeSet<String>) {
    for (field, ty) in &structs[name] {
        let path = format!("{before}{field}");
        let words = ty.split(|c: char| !c.is_alphanumeric());
        let inner = words.clone().find(|w| structs.contains_key(*w));
        if let Some(inner) = inner {
            let list = if ty.contains("Vec<") { "[]." } else { "." };
            paths_of(structs, inner, &format!("{path}{list}"), out);
        }
        out.insert(path);
    }
}

/// The paths of the fields that occur in a line. Those of `SHARED` are not looked into.
fn paths_in(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let path = match path {
                    "" => field.clone(),
                    _ => format!("{path}.{field}"),
                };
                if !SHARED.contains(&path.as_str()) {
                    paths_in(value, &path, out);
                }
                out.insert(path);
            }
        }
        Value::Array(all) => {
            for value in all {
                paths_in(value, &format!("{path}[]"), out);
            }
        }
        _ => {}
    }
}

/// The lines of a snapshot of a golden core, with all entries.
fn lines(core: &str, binary: &str, more: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("m.badmap");
    let done = Command::new(env!("CARGO_BIN_EXE_badmap"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("snapshot")
        .arg(format!("corpora/golden/cores/{core}.zst"))
        .arg(format!("corpora/golden/bin/{binary}.zst"))
        .arg("-o")
        .arg(&out)
        .args(more)
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(
        matches!(done.status.code(), Some(0 | 3)),
        "{core}: {stderr}"
    );
    let packed = std::fs::read(&out).unwrap();
    let unpacked = String::from_utf8(zstd::stream::decode_all(packed.as_slice()).unwrap()).unwrap();
    let lines = unpacked.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn the_fields_of_the_source_are_those_of_the_documentation() {
    let documented = documented();
    let structs = structs();
    let mut wrong = Vec::new();
    for (kind, name) in KINDS {
        let mut fields = BTreeSet::new();
        paths_of(&structs, name, "", &mut fields);
        assert!(fields.len() > 4, "{name}: only {fields:?}");
        let table = documented.get(kind).cloned().unwrap_or_default();
        let missing = fields.difference(&table);
        wrong.extend(missing.map(|f| format!("{kind}: {f} is not documented")));
        let too_many = table.difference(&fields);
        wrong.extend(too_many.map(|f| format!("{kind}: {f} is documented, and there is none")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_field_of_a_snapshot_is_documented() {
    let documented = documented();
    let json = text("docs/JSON.md");
    let shared: BTreeSet<&str> = json.lines().flat_map(quoted).collect();
    let digest = ["--entries", "digest"];
    let clear = ["--entries", "clear", "--values", "clear"];
    let mut seen = Fields::new();
    let mut wrong = BTreeSet::new();
    for (core, binary, how) in [
        ("go1.23-zoo", "go1.23", digest.as_slice()),
        ("go1.27-zoo", "go1.27", &digest),
        ("go1.23-damage", "go1.23", &digest),
        ("go1.27-damage", "go1.27", &clear),
        ("go1.23-blame-writes", "go1.23-blame", &digest),
    ] {
        for line in lines(core, binary, how) {
            let kind = line["line"].as_str().expect("every line has a kind");
            let fields = seen.entry(kind.to_owned()).or_default();
            paths_in(&line, "", fields);
            if kind == "header" {
                for part in ["process", "crash"] {
                    let all = line[part].as_object().unwrap().keys();
                    let unknown = all.filter(|f| !shared.contains(f.as_str()));
                    wrong.extend(unknown.map(|f| format!("JSON.md: {part}.{f}")));
                }
            }
        }
    }
    for (kind, _) in KINDS {
        assert!(seen.contains_key(kind), "no line of kind {kind}");
    }
    for (kind, fields) in &seen {
        let table = documented.get(kind).cloned().unwrap_or_default();
        let unknown = fields.difference(&table);
        wrong.extend(unknown.map(|f| format!("{kind}: {f} is not documented")));
    }
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
