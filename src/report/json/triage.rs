//! What the cores of many runs come to, as JSON.
//! In: a triage. Out: one document; `docs/JSON.md` documents it field by field.

use crate::batch::facts::Outcomes;
use crate::batch::group::Common;
use crate::batch::group::Group;
use crate::batch::signature::Signature;
use crate::batch::triage::Read;
use crate::batch::triage::Triage;
use crate::schema::SCHEMA;
use crate::schema::TOOL;
use crate::schema::Tool;
use crate::schema::safe::write_document;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use std::io;
use std::io::Write;

#[derive(Serialize)]
struct TriageOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    group_by: &'a str,
    cores: u64,
    doubled: u64,
    outcomes: OutcomesOut<'a>,
    signatures: u64,
    files: Vec<FileOut<'a>>,
    groups: Vec<GroupOut<'a>>,
    groups_total: u64,
    baseline: Option<BaselineOut<'a>>,
    new_total: Option<u64>,
    exit: u8,
}

/// One field for each outcome that there is.
struct OutcomesOut<'a>(&'a Outcomes);

impl Serialize for OutcomesOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (outcome, n) in self.0.iter() {
            map.serialize_entry(outcome.as_str(), &n)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct FileOut<'a> {
    path: &'a str,
    lines: u64,
    cut_off: bool,
}

impl<'a> FileOut<'a> {
    fn all(files: &'a [Read]) -> Vec<FileOut<'a>> {
        let files = files.iter().map(|f| FileOut {
            path: &f.path,
            lines: f.lines,
            cut_off: f.cut_off,
        });
        files.collect()
    }
}

#[derive(Serialize)]
struct BaselineOut<'a> {
    signatures: u64,
    files: Vec<FileOut<'a>>,
}

#[derive(Serialize)]
struct GroupOut<'a> {
    key: Option<&'a str>,
    signature: Option<&'a Signature>,
    cores: u64,
    outcomes: OutcomesOut<'a>,
    first_seen: Option<u64>,
    last_seen: Option<u64>,
    examples: &'a [String],
    error: Option<&'a str>,
    common: CommonOut<'a>,
    new: Option<bool>,
}

impl<'a> GroupOut<'a> {
    fn of(g: &'a Group) -> GroupOut<'a> {
        GroupOut {
            key: g.key.as_deref(),
            signature: g.signature.as_ref(),
            cores: g.cores,
            outcomes: OutcomesOut(&g.outcomes),
            first_seen: g.first_seen,
            last_seen: g.last_seen,
            examples: &g.examples,
            error: g.error.as_deref(),
            common: CommonOut(&g.common),
            new: g.new,
        }
    }
}

/// One field for each trait that all share.
struct CommonOut<'a>(&'a [Common]);

#[derive(Serialize)]
struct ValueOut<'a> {
    value: &'a str,
    here: u64,
    cores: u64,
    of: u64,
    stands_out: bool,
}

impl Serialize for CommonOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for c in self.0 {
            let value = ValueOut {
                value: &c.value,
                here: c.here,
                cores: c.cores,
                of: c.known,
                stands_out: c.stands_out(),
            };
            map.serialize_entry(c.of.as_str(), &value)?;
        }
        map.end()
    }
}

/// Writes the document of `triage`.
pub fn write_triage(out: &mut dyn Write, t: &Triage) -> io::Result<()> {
    let doc = TriageOut {
        schema: SCHEMA,
        tool: TOOL,
        group_by: t.by.as_str(),
        cores: t.cores,
        doubled: t.doubled,
        outcomes: OutcomesOut(&t.outcomes),
        signatures: t.signatures,
        files: FileOut::all(&t.files),
        groups: t.groups.iter().map(GroupOut::of).collect(),
        groups_total: t.groups_total,
        baseline: t.baseline.as_ref().map(|b| BaselineOut {
            signatures: b.signatures,
            files: FileOut::all(&b.files),
        }),
        new_total: t.new_total,
        exit: t.exit(),
    };
    write_document(out, &doc)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::batch::group::GroupBy;
    use crate::batch::samples;
    use crate::batch::triage::Collector;
    use insta::assert_snapshot;

    fn json(known: bool, by: GroupBy) -> String {
        let mut all = Collector::new();
        samples::fleet().iter().for_each(|l| all.add(l));
        let file = |path: &str, cut_off| Read {
            path: path.into(),
            lines: 30,
            cut_off,
        };
        all.end_file(file("night.jsonl", true));
        if known {
            all.add_known(&samples::flipped(0));
            all.end_known(file("known.jsonl", false));
        }
        let mut out = Vec::new();
        write_triage(&mut out, &all.finish(by, Some(2))).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        let version = format!("\"version\": \"{}\"", TOOL.version);
        text.replace(&version, "\"version\": \"…\"")
    }

    #[test]
    fn a_triage_is_a_document() {
        assert_snapshot!(json(true, GroupBy::Signature));
        assert_snapshot!(json(false, GroupBy::Host));
    }
}
