//! `diff` as JSON: one document, or one line a map.
//! In: a diff. Out: both processes, how maps were paired, what happened to each; addresses are hex strings. One schema,
//! one file.

use crate::diff::change::Change;
use crate::diff::compare::Field;
use crate::diff::compare::Value;
use crate::diff::entries::EntryDiff;
use crate::diff::entries::EntryRow;
use crate::diff::pair::Ambiguous;
use crate::diff::pair::NO_OWNER;
use crate::diff::result::Diff;
use crate::diff::result::Group;
use crate::diff::result::SideTotals;
use crate::diff::row::Delta;
use crate::diff::row::Row;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::diff::sums::Sums;
use crate::report::json::Line;
use crate::schema::SCHEMA;
use crate::schema::TOOL;
use crate::schema::Tool;
use crate::schema::process::Process;
use crate::schema::safe::write_document;
use crate::schema::safe::write_jsonl;
use crate::survey::result::Match;
use serde::Serialize;
use serde::Serializer;
use std::io;
use std::io::Write;

#[derive(Serialize)]
struct CrashOut<'a> {
    kind: &'a str,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct SideOut<'a> {
    file: &'a str,
    is_snapshot: bool,
    process: Process<'a>,
    crash: CrashOut<'a>,
    uptime_ns: Option<u64>,
    identity: Option<&'a str>,
    values: &'a str,
    entries: &'a str,
    key_id: Option<&'a str>,
    gaps_total: u64,
}

impl<'a> SideOut<'a> {
    fn of(side: &'a Side) -> Self {
        SideOut {
            file: &side.file,
            is_snapshot: side.is_snapshot,
            process: Process::of(&side.process),
            crash: CrashOut {
                kind: side.crash.0.as_str(),
                message: side.crash.1.as_deref(),
            },
            uptime_ns: side.uptime,
            identity: side.identity.as_deref(),
            values: &side.values,
            entries: &side.entries,
            key_id: side.key_id.as_deref(),
            gaps_total: side.gaps_total,
        }
    }
}

#[derive(Serialize)]
struct Comparable {
    keys: bool,
    contents: bool,
}

#[derive(Serialize)]
struct PairingOut<'a> {
    by: &'static str,
    same_process: bool,
    comparable: Comparable,
    notes: &'a [String],
}

#[derive(Serialize)]
struct SumsOut {
    maps: u64,
    entries: u64,
    bytes: u64,
}

impl SumsOut {
    fn of(s: &Sums) -> Self {
        SumsOut {
            maps: s.maps,
            entries: s.entries,
            bytes: s.bytes,
        }
    }
}

#[derive(Serialize)]
struct GarbageOut {
    maps: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct TotalsOut {
    #[serde(flatten)]
    live: SumsOut,
    waste: u64,
    garbage: GarbageOut,
}

impl TotalsOut {
    fn of(t: &SideTotals) -> Self {
        TotalsOut {
            live: SumsOut::of(&t.live),
            waste: t.live.waste,
            garbage: GarbageOut {
                maps: t.garbage.maps,
                bytes: t.garbage.bytes,
            },
        }
    }
}

/// Counts by word, in order.
struct CountsOut<'a>(&'a [(Change, u64)]);

impl Serialize for CountsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(c, n)| (c.as_str(), n)))
    }
}

#[derive(Serialize)]
struct AllTotals<'a> {
    old: TotalsOut,
    new: TotalsOut,
    changes: CountsOut<'a>,
}

#[derive(Serialize)]
struct MapOut<'a> {
    addr: String,
    r#type: &'a str,
    owner: Option<&'a str>,
    kind: &'a str,
    len: Option<i64>,
    capacity: Option<u64>,
    bytes: Option<u64>,
    waste: u64,
    tombstones: u64,
    verdict: Option<&'a str>,
}

impl<'a> MapOut<'a> {
    fn of(m: &'a SideMap) -> Self {
        MapOut {
            addr: m.addr.to_string(),
            r#type: &m.ty,
            owner: Some(&*m.owner).filter(|path| !path.is_empty()),
            kind: m.kind,
            len: m.len,
            capacity: m.capacity,
            bytes: m.known_bytes(),
            waste: m.waste,
            tombstones: m.marks.deleted,
            verdict: m.verdict.map(|v| v.as_str()),
        }
    }
}

#[derive(Serialize)]
struct DeltaOut {
    len: i64,
    bytes: Option<i64>,
    waste: i64,
    tombstones: i64,
}

impl DeltaOut {
    fn of(d: &Delta) -> Self {
        DeltaOut {
            len: d.len,
            bytes: d.bytes,
            waste: d.waste,
            tombstones: d.tombstones,
        }
    }
}

/// A field's value: counts as integers, bits and addresses in hex.
struct ValueOut<'a>(Value<'a>);

impl Serialize for ValueOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(n) => serializer.serialize_u64(n),
            Value::Signed(n) => serializer.serialize_i64(n),
            Value::Hex(n) => serializer.collect_str(&format_args!("{n:#x}")),
            Value::Pointer(a) => serializer.collect_str(&a),
            Value::Word(w) | Value::Text(w) => serializer.serialize_str(w),
            Value::None => serializer.serialize_none(),
        }
    }
}

#[derive(Serialize)]
struct OldNew<'a> {
    old: ValueOut<'a>,
    new: ValueOut<'a>,
}

/// Fields by name, in order.
struct FieldsOut<'a>(Vec<Field<'a>>);

impl Serialize for FieldsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|f| {
            let both = OldNew {
                old: ValueOut(f.old),
                new: ValueOut(f.new),
            };
            (f.name, both)
        }))
    }
}

#[derive(Serialize)]
struct RulesOut {
    broke: Vec<&'static str>,
    healed: Vec<&'static str>,
}

#[derive(Serialize)]
struct EntryOut<'a> {
    change: &'a str,
    key: String,
    old_elem: Option<String>,
    new_elem: Option<String>,
    r#where: Option<&'a str>,
}

impl<'a> EntryOut<'a> {
    fn of(e: &'a EntryRow) -> Self {
        let digest = |d: u64| format!("#{d:016x}");
        let shown = |text: &Option<String>, d: Option<u64>| text.clone().or(d.map(digest));
        EntryOut {
            change: e.change.as_str(),
            key: e.key_text.clone().unwrap_or_else(|| digest(e.key)),
            old_elem: shown(&e.old_text, e.old_elem),
            new_elem: shown(&e.new_text, e.new_elem),
            r#where: e.place.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct EntriesOut<'a> {
    added: u64,
    removed: u64,
    changed: u64,
    same: u64,
    unknown: u64,
    listed: Vec<EntryOut<'a>>,
}

impl<'a> EntriesOut<'a> {
    fn of(e: &'a EntryDiff) -> Self {
        EntriesOut {
            added: e.added,
            removed: e.removed,
            changed: e.changed,
            same: e.same,
            unknown: e.unknown,
            listed: e.listed.iter().map(EntryOut::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct RowOut<'a> {
    change: &'static str,
    changes: Vec<&'static str>,
    paired_by: Option<&'static str>,
    old: Option<MapOut<'a>>,
    new: Option<MapOut<'a>>,
    delta: DeltaOut,
    fields: FieldsOut<'a>,
    rules: RulesOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    notes: Vec<String>,
    contents: Option<&'static str>,
    entries: Option<EntriesOut<'a>>,
}

impl<'a> RowOut<'a> {
    fn of(row: Row<'a>) -> Self {
        RowOut {
            change: row.changes.primary().as_str(),
            changes: row.changes.words().map(Change::as_str).collect(),
            paired_by: row.how.map(|h| h.as_str()),
            old: row.old.map(MapOut::of),
            new: row.new.map(MapOut::of),
            delta: DeltaOut::of(&row.delta),
            fields: FieldsOut(row.fields),
            rules: RulesOut {
                broke: row.broke,
                healed: row.healed,
            },
            replaced_by: row.replaced_by.map(|a| a.to_string()),
            replaces: row.replaces.map(|a| a.to_string()),
            notes: row.notes,
            contents: row.contents.map(|c| c.as_str()),
            entries: row.entries.map(EntriesOut::of),
        }
    }
}

/// The rows, each made when it is written.
struct RowsOut<'a>(&'a Diff<'a>);

impl Serialize for RowsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows().map(RowOut::of))
    }
}

#[derive(Serialize)]
struct AmbiguousOut<'a> {
    owner: Option<&'a str>,
    r#type: &'a str,
    old: SumsOut,
    new: SumsOut,
}

impl<'a> AmbiguousOut<'a> {
    fn of(a: &'a Ambiguous) -> Self {
        AmbiguousOut {
            owner: Some(&*a.owner).filter(|path| *path != NO_OWNER),
            r#type: &a.ty,
            old: SumsOut::of(&a.old),
            new: SumsOut::of(&a.new),
        }
    }
}

#[derive(Serialize)]
struct GroupOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    old: SumsOut,
    new: SumsOut,
    bytes: i64,
}

impl<'a> GroupOut<'a> {
    fn of(g: &'a Group, is_type: bool) -> Self {
        GroupOut {
            r#type: is_type.then_some(&*g.name),
            owner: (!is_type).then_some(&*g.name),
            old: SumsOut::of(&g.old),
            new: SumsOut::of(&g.new),
            bytes: g.bytes(),
        }
    }
}

#[derive(Serialize)]
struct DiffOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    old: SideOut<'a>,
    new: SideOut<'a>,
    pairing: PairingOut<'a>,
    totals: AllTotals<'a>,
    maps: RowsOut<'a>,
    maps_total: u64,
    ambiguous: Vec<AmbiguousOut<'a>>,
    by_type: Vec<GroupOut<'a>>,
    by_owner: Vec<GroupOut<'a>>,
    exit: u8,
}

/// Writes the document of `diff`.
pub fn write_diff(out: &mut dyn Write, diff: &Diff<'_>) -> io::Result<()> {
    let p = &diff.pairing;
    let doc = DiffOut {
        schema: SCHEMA,
        tool: TOOL,
        old: SideOut::of(diff.old),
        new: SideOut::of(diff.new),
        pairing: PairingOut {
            by: if p.same_process { "process" } else { "owner" },
            same_process: p.same_process,
            comparable: Comparable {
                keys: p.keys,
                contents: p.contents,
            },
            notes: &p.notes,
        },
        totals: AllTotals {
            old: TotalsOut::of(&diff.old_totals),
            new: TotalsOut::of(&diff.new_totals),
            changes: CountsOut(&diff.counts),
        },
        maps: RowsOut(diff),
        maps_total: diff.maps_total,
        ambiguous: p.ambiguous.iter().map(AmbiguousOut::of).collect(),
        by_type: diff.by_type.iter().map(|g| GroupOut::of(g, true)).collect(),
        by_owner: diff
            .by_owner
            .iter()
            .map(|g| GroupOut::of(g, false))
            .collect(),
        exit: diff.exit.code(),
    };
    write_document(out, &doc)
}

/// Writes `diff` as JSON Lines: one object a map.
pub fn write_diff_lines(out: &mut dyn Write, diff: &Diff<'_>) -> io::Result<()> {
    let matched = |side: &Side| side.process.matched;
    let worst = [Match::Mismatch, Match::Unverified]
        .into_iter()
        .find(|m| [diff.old, diff.new].into_iter().any(|s| matched(s) == *m));
    diff.rows().try_for_each(|row| {
        write_jsonl(
            out,
            &Line {
                schema: SCHEMA,
                r#match: worst.map(Match::as_str),
                row: RowOut::of(row),
            },
        )
    })
}

#[cfg(test)]
mod tests;
