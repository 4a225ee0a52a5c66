//! Results as JSON, schema `badmap/1`, as `docs/JSON.md` documents it field by field.
//! In: finished results. Out: one document, or one line a map. Addresses and hashes are hex strings,
//! sizes integers in bytes; what is not known is null. One
//! schema, one file: its structs refer to one another, and a reader of the schema wants them together.

use crate::report::list_text::Group;
use crate::report::show_text::Below;
use crate::schema::SCHEMA;
use crate::schema::TOOL;
use crate::schema::Tool;
use crate::schema::causes::Cause;
use crate::schema::check::Check;
use crate::schema::check::Finding;
use crate::schema::check::owner;
use crate::schema::crash::Crash;
use crate::schema::crash::Gc;
use crate::schema::process::Process;
use crate::schema::safe::write_document;
use crate::schema::safe::write_jsonl;
use crate::snapshot::load::Holds;
use crate::survey::ending::CrashInfo;
use crate::survey::exit::Exit;
use crate::survey::listing::Selected;
use crate::survey::request::ValueMode;
use crate::survey::result::EntryText;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::result::Part;
use crate::survey::result::ProcessInfo;
use crate::survey::result::Shown;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde::ser::SerializeSeq;
use std::io;
use std::io::Write;

pub mod diff;
pub mod goroutines;
pub mod triage;

/// The document of `check`.
#[derive(Serialize)]
struct CheckOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    #[serde(flatten)]
    check: Check<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reapplied: Option<Reapplied<'a>>,
    exit: u8,
}

/// How far the rules were applied again to the maps of a snapshot.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct Reapplied<'a> {
    /// Version of the badmap that wrote it, and applied them to the others.
    pub version: &'a str,
    /// Maps to which they were.
    pub maps: u64,
    /// Maps of which they now say something else.
    pub changed: u64,
    /// Maps of which the slots are there but make no sense.
    pub failed: u64,
}

/// Writes the document of `check`. `reapplied`: only of a snapshot.
pub fn write_check(
    out: &mut dyn Write,
    survey: &Survey,
    t: &Totals,
    reapplied: Option<Reapplied<'_>>,
    exit: Exit,
) -> io::Result<()> {
    let doc = CheckOut {
        schema: SCHEMA,
        tool: TOOL,
        check: Check::of(survey, t),
        reapplied,
        exit: exit.code(),
    };
    write_document(out, &doc)
}

/// The document of `check --crash-only`.
#[derive(Serialize)]
struct CrashOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    process: Process<'a>,
    crash: Crash<'a>,
    gc: Option<Gc<'a>>,
    findings: Vec<Finding<'a>>,
    causes: Vec<Cause<'a>>,
    exit: u8,
}

/// Writes the document of `check --crash-only`: that of `check` without what it did not look at.
pub fn write_crash(out: &mut dyn Write, survey: &Survey, exit: Exit) -> io::Result<()> {
    let doc = CrashOut {
        schema: SCHEMA,
        tool: TOOL,
        process: Process::of(&survey.process),
        crash: Crash::of(&survey.crash),
        gc: Gc::of(&survey.crash),
        findings: survey.maps.iter().flat_map(Finding::all).collect(),
        causes: survey.maps.iter().flat_map(Cause::all).collect(),
        exit: exit.code(),
    };
    write_document(out, &doc)
}

#[derive(Serialize)]
struct InfoOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    process: Process<'a>,
    crash: Crash<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<HoldsOut<'a>>,
    exit: u8,
}

/// What a snapshot holds.
#[derive(Serialize)]
struct HoldsOut<'a> {
    version: &'a str,
    values: &'a str,
    entries: &'a str,
    key_id: Option<&'a str>,
    identity: Option<&'a str>,
    maps: u64,
    entries_total: u64,
}

/// Writes the document of `info`. `holds`: only of a snapshot.
pub fn write_info(
    out: &mut dyn Write,
    p: &ProcessInfo,
    crash: &CrashInfo,
    holds: Option<&Holds>,
    exit: Exit,
) -> io::Result<()> {
    let (process, crash) = (Process::of(p), Crash::of(crash));
    write_document(
        out,
        &InfoOut {
            schema: SCHEMA,
            tool: TOOL,
            process,
            crash,
            snapshot: holds.map(|h| HoldsOut {
                version: &h.version,
                values: &h.values,
                entries: &h.entries,
                key_id: h.key_id.as_deref(),
                identity: h.identity.as_deref(),
                maps: h.maps,
                entries_total: h.entries_total,
            }),
            exit: exit.code(),
        },
    )
}

#[derive(Serialize)]
struct Row<'a> {
    addr: String,
    kind: &'a str,
    r#type: &'a str,
    key_type: Option<&'a str>,
    elem_type: Option<&'a str>,
    owner: Option<&'a str>,
    found_by: &'a [&'static str],
    reachable: &'a str,
    type_sure: &'a str,
    type_candidates: Option<&'a [String]>,
    len: Option<i64>,
    capacity: Option<u64>,
    bytes: u64,
    waste: u64,
    flags: &'a [&'static str],
    verdict: Option<&'a str>,
    findings: Option<u64>,
    gaps: u64,
}

impl<'a> Row<'a> {
    fn of(row: &'a MapRow) -> Self {
        let named = |name: &'a str| Some(name).filter(|n| !n.is_empty());
        Row {
            addr: row.addr.to_string(),
            kind: row.kind,
            r#type: &row.ty,
            key_type: named(&row.key_type),
            elem_type: named(&row.elem_type),
            owner: owner(row),
            found_by: &row.found_by,
            reachable: row.reachable,
            type_sure: row.type_sure,
            type_candidates: Some(row.type_candidates.as_slice()).filter(|c| !c.is_empty()),
            len: row.len,
            capacity: row.capacity,
            bytes: row.bytes,
            waste: row.waste,
            flags: &row.flags,
            verdict: row.verdict.as_ref().map(|v| v.verdict.as_str()),
            findings: row.verdict.as_ref().map(|v| v.findings_total),
            gaps: row.gaps_total,
        }
    }
}

#[derive(Serialize)]
struct ListOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    process: Process<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maps: Option<Rows<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupOut<'a>>>,
    gaps: &'a [String],
    gaps_total: u64,
    exit: u8,
}

/// Maps, made as they are written.
struct Rows<'a>(Selected<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(None)?;
        let mut written = Ok(());
        self.0.each(|row| {
            if written.is_ok() {
                written = all.serialize_element(&Row::of(row));
            }
        });
        written?;
        all.end()
    }
}

/// A group; the name of its first field is what was grouped by.
struct GroupOut<'a> {
    by: &'static str,
    group: &'a Group,
}

impl Serialize for GroupOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry(self.by, &self.group.name)?;
        map.serialize_entry("maps", &self.group.maps)?;
        map.serialize_entry("entries", &self.group.entries)?;
        map.serialize_entry("bytes", &self.group.bytes)?;
        map.serialize_entry("waste", &self.group.waste)?;
        map.serialize_entry("broken", &self.group.broken)?;
        map.end()
    }
}

/// What `list` shows.
#[derive(Clone, Copy, Debug)]
pub enum Listed<'a> {
    /// Maps.
    Maps(Selected<'a>),
    /// Groups of maps, by `type` or by `owner`.
    Groups(&'static str, &'a [Group]),
}

/// Writes the document of `list`.
pub fn write_list(
    out: &mut dyn Write,
    survey: &Survey,
    listed: Listed<'_>,
    exit: Exit,
) -> io::Result<()> {
    let (maps, group_by, groups) = match listed {
        Listed::Maps(rows) => (Some(Rows(rows)), None, None),
        Listed::Groups(by, groups) => (
            None,
            Some(by),
            Some(groups.iter().map(|group| GroupOut { by, group }).collect()),
        ),
    };
    let doc = ListOut {
        schema: SCHEMA,
        tool: TOOL,
        process: Process::of(&survey.process),
        maps,
        group_by,
        groups,
        gaps: &survey.find_gaps,
        gaps_total: survey.find_gaps_total,
        exit: exit.code(),
    };
    write_document(out, &doc)
}

#[derive(Serialize)]
struct Line<T> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#match: Option<&'static str>,
    #[serde(flatten)]
    row: T,
}

/// Writes `list` as JSON Lines: one object a map, or one a group.
/// `matched` marks every line of a process whose binary may be the wrong one.
pub fn write_list_lines(out: &mut dyn Write, matched: Match, listed: Listed<'_>) -> io::Result<()> {
    let matched = Some(matched.as_str()).filter(|_| matched != Match::Yes);
    match listed {
        Listed::Maps(rows) => rows.write_lines(out, |out, row| {
            let line = Line {
                schema: SCHEMA,
                r#match: matched,
                row: Row::of(row),
            };
            write_jsonl(out, &line)
        }),
        Listed::Groups(by, groups) => groups.iter().try_for_each(|group| {
            write_jsonl(
                out,
                &Line {
                    schema: SCHEMA,
                    r#match: matched,
                    row: GroupOut { by, group },
                },
            )
        }),
    }
}

/// Fields by Go's names, kept in order.
struct Fields<'a>(&'a [(&'static str, String)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Serialize)]
struct PartOut<'a> {
    path: &'a str,
    addr: String,
    fields: Fields<'a>,
    slots: Option<&'a str>,
}

#[derive(Serialize)]
struct EntryOut<'a> {
    r#where: &'a str,
    mark: String,
    hash: Option<String>,
    key: Option<&'a str>,
    elem: Option<&'a str>,
}

#[derive(Serialize)]
struct LookupOut<'a> {
    hash: String,
    mark: String,
    way: &'a [String],
    found: Option<EntryOut<'a>>,
    elsewhere: Option<&'a str>,
}

#[derive(Serialize)]
struct ShowOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    process: Process<'a>,
    map: Row<'a>,
    findings: Vec<Finding<'a>>,
    unknown_rules: &'a [&'static str],
    gaps: &'a [String],
    gaps_total: u64,
    header: Fields<'a>,
    offset: u64,
    parts: Option<Vec<PartOut<'a>>>,
    parts_total: u64,
    values: &'a str,
    entries: Option<Vec<EntryOut<'a>>>,
    entries_total: Option<u64>,
    lookup: Option<LookupOut<'a>>,
    exit: u8,
}

/// Writes the document of `show`.
pub fn write_show(
    out: &mut dyn Write,
    s: &Shown,
    below: Below,
    values: ValueMode,
    exit: Exit,
) -> io::Result<()> {
    let (offset, with_entries) = match below {
        Below::Parts(window) => (window.offset, false),
        Below::Entries(window) => (window.offset, true),
        Below::Lookup => (0, false),
    };
    let doc = ShowOut {
        schema: SCHEMA,
        tool: TOOL,
        process: Process::of(&s.process),
        map: Row::of(&s.row),
        findings: Finding::all(&s.row).collect(),
        unknown_rules: s
            .row
            .verdict
            .as_ref()
            .map(|v| v.unknown_rules.as_slice())
            .unwrap_or_default(),
        gaps: &s.row.gaps,
        gaps_total: s.row.gaps_total,
        header: Fields(&s.header),
        offset,
        parts: matches!(below, Below::Parts(_)).then(|| s.parts.iter().map(part_out).collect()),
        parts_total: s.parts_total,
        values: values.as_str(),
        entries: with_entries.then(|| s.entries.iter().map(|e| entry_out(e, values)).collect()),
        entries_total: with_entries.then_some(s.entries_total),
        lookup: s.lookup.as_ref().map(|l| LookupOut {
            hash: format!("{:#x}", l.hash),
            mark: format!("{:#04x}", l.mark),
            way: &l.way,
            found: l.found.as_ref().map(|e| entry_out(e, values)),
            elsewhere: l.elsewhere.as_deref(),
        }),
        exit: exit.code(),
    };
    write_document(out, &doc)
}

fn part_out(p: &Part) -> PartOut<'_> {
    PartOut {
        path: &p.path,
        addr: p.addr.to_string(),
        fields: Fields(&p.fields),
        slots: p.slots.as_deref(),
    }
}

fn entry_out(e: &EntryText, values: ValueMode) -> EntryOut<'_> {
    let shown = |text| Some(text).filter(|_| values != ValueMode::None);
    EntryOut {
        r#where: &e.place,
        mark: format!("{:#04x}", e.mark),
        hash: e
            .hash
            .filter(|_| values != ValueMode::None)
            .map(|h| format!("{h:#x}")),
        key: shown(&*e.key),
        elem: shown(&*e.elem),
    }
}

#[cfg(test)]
mod tests;
