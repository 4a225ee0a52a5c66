//! A batch as SARIF 2.1.0, as viewers of the results of analyses read it.
//! In: lines of cores. Out: one document: the rules with their manuals, one result for each rule that is broken in a map
//! and one for each crash that is about a map. Results are written as the lines come; what is kept until the end is the
//! list of cores, and why some have no result.
//!
//! A result about a map lies in the core file, at the map's owner path. One about a crash lies in the program's own source,
//! at the innermost line of the goroutine that stopped the process, and the others that had hands on the map are related to
//! it. Levels are those of the rules; a map crash is an error. Paths from the program are as its compiler wrote them.

use crate::base::limits::MAX_KEPT;
use crate::batch::facts::clip;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::check::registry::rules;
use crate::check::rule::Severity;
use crate::report::escape::clean;
use crate::schema::check::Finding;
use crate::schema::crash;
use crate::schema::safe::write_document;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeSeq;
use serde::ser::SerializeStruct;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::io::Write;

/// The rule of map crashes, beside those of `check`.
const CRASH: &str = "MAP-CRASH";
/// Where the schema of the format is found.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Places that are related to a crash.
const RELATED: usize = 64;
/// Levels of the format.
const ERROR: &str = "error";
const WARNING: &str = "warning";
const NOTE: &str = "note";

#[derive(Serialize)]
struct Log<R> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [R; 1],
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<Physical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Artifact {
    location: ArtifactLocation,
    roles: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    tool_execution_notifications: &'a [Notification],
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
    locations: [Location; 1],
}

/// What is known once all lines have come.
#[derive(Default)]
struct Rest {
    artifacts: Vec<Artifact>,
    notifications: Vec<Notification>,
}

/// The one run. Its lines can be taken once.
struct Run<I> {
    lines: Cell<Option<I>>,
    rest: RefCell<Rest>,
}

impl<I: Iterator<Item = Line>> Serialize for Run<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut run = serializer.serialize_struct("Run", 5)?;
        let tool = Tool { driver: driver() };
        let ids: Vec<&'static str> = tool.driver.rules.iter().map(|r| r.id).collect();
        let results = Results { run: self, ids };
        run.serialize_field("tool", &tool)?;
        run.serialize_field("columnKind", "unicodeCodePoints")?;
        run.serialize_field("results", &results)?;
        let rest = self.rest.borrow();
        run.serialize_field("artifacts", &rest.artifacts)?;
        let looked_at = rest.artifacts.len();
        let invocation = Invocation {
            // Of no core is there a result: that is no clean scan.
            execution_successful: looked_at == 0 || rest.notifications.len() < looked_at,
            tool_execution_notifications: &rest.notifications,
        };
        run.serialize_field("invocations", &[invocation])?;
        run.end()
    }
}

/// The results, made while they are written.
struct Results<'a, I> {
    run: &'a Run<I>,
    ids: Vec<&'static str>,
}

impl<I: Iterator<Item = Line>> Serialize for Results<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for line in self.run.lines.take().into_iter().flatten() {
            let mut rest = self.run.rest.borrow_mut();
            let artifact = rest.artifacts.len();
            rest.artifacts.push(Artifact {
                location: core_uri(&line, None),
                roles: ["analysisTarget"],
                length: line.file_bytes.and_then(|n| i64::try_from(n).ok()),
            });
            if let Some(error) = line.error.as_ref().filter(|_| line.status != Status::Ok) {
                rest.notifications.push(Notification {
                    level: ERROR,
                    message: text(&format!("{}: {}", line.status.as_str(), shown(&error.what))),
                    locations: [in_core(&line, artifact, None)],
                });
            }
            drop(rest); // what is written next borrows nothing of it
            for found in results_of(&line, artifact) {
                let index = self.ids.iter().position(|id| *id == found.rule_id);
                seq.serialize_element(&Found {
                    rule_index: index,
                    ..found
                })?;
            }
        }
        seq.end()
    }
}

/// Writes one document of one run.
pub fn write_sarif(out: &mut dyn Write, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
    let run = Run {
        lines: Cell::new(Some(lines.into_iter())),
        rest: RefCell::default(),
    };
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [run],
    };
    write_document(out, &log)
}

fn level(severity: &str) -> &'static str {
    match severity {
        "error" => ERROR,
        "warning" => WARNING,
        _ => NOTE,
    }
}

/// As much of a text from a file as is kept, safe to be shown.
fn shown(text: &str) -> String {
    clean(clip(text)).into_owned()
}

fn text(text: &str) -> Text {
    Text { text: text.into() }
}

fn driver() -> Driver {
    let crash = Rule {
        id: CRASH,
        short_description: text("The process died, or hangs, in map code."),
        full_description: text(
            "The runtime stopped the process over a map, it died in map code, or a goroutine never comes back from a map.",
        ),
        help: text(
            "The location is the innermost line of the program's own code; related locations are the other goroutines \
             that had hands on the map. Maps that are sound all the same speak for two goroutines in one map.",
        ),
        default_configuration: Configuration { level: ERROR },
    };
    let all = rules().map(|rule| Rule {
        id: rule.id,
        short_description: text(rule.statement),
        full_description: text(&format!("{} {}", rule.statement, rule.breaks)),
        help: text(&format!(
            "{}\n\nSource: {}\n\nInnocent states that look alike: {}\n\nFor example: {}",
            rule.breaks, rule.source, rule.innocent, rule.example
        )),
        default_configuration: Configuration {
            level: match rule.severity {
                Severity::Error => ERROR,
                Severity::Warning => WARNING,
                Severity::Info => NOTE,
            },
        },
    });
    Driver {
        name: "badmap",
        version: env!("CARGO_PKG_VERSION"),
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: all.chain([crash]).collect(),
    }
}

/// What is found in one core.
fn results_of(line: &Line, artifact: usize) -> Vec<Found> {
    let Some(check) = line.check.as_ref().filter(|_| line.status == Status::Ok) else {
        return Vec::new();
    };
    let mut fingerprints = BTreeMap::new();
    if let Some(signature) = &line.signature {
        fingerprints.insert("badmapSignature/v1", shown(&signature.id));
    }
    let mut out = Vec::new();
    if check.crash.kind == "map" || check.crash.kind == "hang" {
        out.push(crash_of(line, &check.crash, artifact, &fingerprints));
    }
    // One result for each rule and map, in the order of the findings.
    let mut seen: BTreeMap<(&str, &str), (usize, u64)> = BTreeMap::new();
    let mut firsts: Vec<&Finding<'_>> = Vec::new();
    for finding in &check.findings {
        let next = firsts.len();
        let entry = seen
            .entry((&finding.map, &finding.rule))
            .or_insert((next, 0));
        entry.1 = entry.1.saturating_add(1);
        if entry.1 == 1 {
            firsts.push(finding);
        }
    }
    let mut more = vec![0; firsts.len()];
    for (at, n) in seen.values() {
        if let Some(more) = more.get_mut(*at) {
            *more = n.saturating_sub(1);
        }
    }
    out.extend(
        firsts
            .into_iter()
            .zip(more)
            .map(|(finding, more)| finding_of(line, finding, more, artifact, &fingerprints)),
    );
    out
}

fn finding_of(
    line: &Line,
    f: &Finding<'_>,
    more: u64,
    artifact: usize,
    fingerprints: &BTreeMap<&'static str, String>,
) -> Found {
    let name = f.owner.as_deref().filter(|o| !o.is_empty());
    let name = name.unwrap_or(&f.map);
    let mut said = format!(
        "{} at {} ({}): {}: claimed {}, found {}",
        shown(&f.r#type),
        shown(&f.map),
        shown(name),
        shown(&f.r#where),
        shown(&f.claimed),
        shown(&f.found)
    );
    if more > 0 {
        said.push_str(&format!(", and {more} more"));
    }
    if let Some(cause) = &f.cause {
        said.push_str(&format!("; likeliest cause: {}", shown(cause)));
    }
    Found {
        rule_id: shown(&f.rule),
        rule_index: None,
        level: level(&f.severity),
        message: text(&said),
        locations: [in_core(line, artifact, Some(name))],
        related_locations: Vec::new(),
        partial_fingerprints: fingerprints.clone(),
    }
}

fn crash_of(
    line: &Line,
    c: &crash::Crash<'_>,
    artifact: usize,
    fingerprints: &BTreeMap<&'static str, String>,
) -> Found {
    let map = c.map.as_ref();
    let owner = map.and_then(|m| m.owner.as_deref());
    let mut said = match (c.message.as_deref(), &*c.kind) {
        (Some(message), _) => shown(message),
        (None, "hang") => "a goroutine never comes back from a map".to_owned(),
        (None, _) => "the process died in map code".to_owned(),
    };
    if let Some(map) = map {
        let name = owner.unwrap_or(&map.addr);
        said.push_str(&format!(" (map {})", shown(name)));
    }
    if let Some(cause) = &c.cause {
        said.push_str(&format!("; likeliest cause: {}", shown(&cause.class)));
    }
    let core = in_core(line, artifact, owner);
    let frame = c.frames.iter().find(|f| !f.file.is_empty());
    let place = match frame {
        Some(f) => Location {
            logical_locations: function(&f.function)
                .into_iter()
                .chain(core.logical_locations)
                .collect(),
            physical_location: Some(in_source(&f.file, f.line)),
            ..Location::default()
        },
        None => core,
    };
    let parties = c.parties.iter().filter_map(|p| {
        let file = p.file.as_deref().filter(|f| !f.is_empty())?;
        let op = p.op.as_deref().unwrap_or("unknown operation");
        let said = format!(
            "goroutine {}: {}, {}",
            p.goroutine,
            shown(&p.grade),
            shown(op)
        );
        Some(Location {
            physical_location: Some(in_source(file, p.line.unwrap_or(0))),
            logical_locations: p
                .function
                .as_deref()
                .and_then(function)
                .into_iter()
                .collect(),
            message: Some(text(&said)),
            ..Location::default()
        })
    });
    // The core that this was seen in, where the place is a line of source.
    let seen_in = frame.map(|_| Location {
        message: Some(text("seen in this core")),
        ..in_core(line, artifact, None)
    });
    let mut related: Vec<Location> = parties.take(RELATED).chain(seen_in).collect();
    for (id, place) in related.iter_mut().enumerate() {
        place.id = Some(id);
    }
    Found {
        rule_id: CRASH.into(),
        rule_index: None,
        level: ERROR,
        message: text(&said),
        locations: [place],
        related_locations: related,
        partial_fingerprints: fingerprints.clone(),
    }
}

fn function(name: &str) -> Option<Logical> {
    Some(name).filter(|n| !n.is_empty()).map(|name| Logical {
        fully_qualified_name: shown(name),
        kind: "function",
    })
}

fn in_core(line: &Line, artifact: usize, owner: Option<&str>) -> Location {
    let owner = owner.map(|owner| Logical {
        fully_qualified_name: shown(owner),
        kind: "variable",
    });
    Location {
        physical_location: Some(Physical {
            artifact_location: core_uri(line, Some(artifact)),
            region: None,
        }),
        logical_locations: owner.into_iter().collect(),
        ..Location::default()
    }
}

fn in_source(file: &str, line: u32) -> Physical {
    Physical {
        artifact_location: ArtifactLocation {
            uri: uri(file),
            index: None,
        },
        // Lines count from 1; 0 is one that is not known.
        region: Some(Region { start_line: line }).filter(|r| r.start_line > 0),
    }
}

fn core_uri(line: &Line, index: Option<usize>) -> ArtifactLocation {
    ArtifactLocation {
        uri: uri(&line.core),
        index,
    }
}

/// A path as a URI: absolute with the scheme of files, else relative; what a URI does not allow is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    if path.starts_with('/') {
        out.push_str("file://");
    } else if path
        .split('/')
        .next()
        .is_some_and(|first| first.contains(':'))
    {
        out.push_str("./"); // else it would pass for a scheme
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&b);
    for byte in path.bytes().take(MAX_KEPT) {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
