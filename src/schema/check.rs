//! What `check` found, as JSON: the body of its document, and the field `check` of a batch's lines.
//! In: a finished survey. Out: a struct that serde writes and reads; `docs/JSON.md` documents it field by field.

use crate::check::rule;
use crate::schema::causes::Cause;
use crate::schema::causes::Writer;
use crate::schema::crash::Crash;
use crate::schema::crash::Gc;
use crate::schema::process::Process;
use crate::survey::result::MapRow;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;

/// What `check` found.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Check<'a> {
    pub(crate) process: Process<'a>,
    pub(crate) crash: Crash<'a>,
    pub(crate) gc: Option<Gc<'a>>,
    pub(crate) maps: Maps,
    pub(crate) findings: Vec<Finding<'a>>,
    pub(crate) findings_total: u64,
    pub(crate) causes: Vec<Cause<'a>>,
    pub(crate) writers: Vec<Writer<'a>>,
    pub(crate) unknown: Vec<Unknown<'a>>,
    pub(crate) gaps: Cow<'a, [String]>,
    pub(crate) gaps_total: u64,
}

/// How many maps there are, and what the rules say of them.
#[derive(Clone, Copy, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Maps {
    pub(crate) total: u64,
    pub(crate) sound: u64,
    pub(crate) broken: u64,
    pub(crate) unknown: u64,
    pub(crate) mid_write: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// One broken rule at one place of one map.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Finding<'a> {
    pub(crate) rule: Cow<'a, str>,
    pub(crate) severity: Cow<'a, str>,
    pub(crate) map: String,
    pub(crate) r#type: Cow<'a, str>,
    pub(crate) owner: Option<Cow<'a, str>>,
    pub(crate) r#where: String,
    pub(crate) claimed: Cow<'a, str>,
    pub(crate) found: Cow<'a, str>,
    pub(crate) cause: Option<Cow<'a, str>>,
}

/// A map of which not everything could be decided.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Unknown<'a> {
    map: String,
    r#type: Cow<'a, str>,
    owner: Option<Cow<'a, str>>,
    rules: Vec<Cow<'a, str>>,
    gaps: Cow<'a, [String]>,
    gaps_total: u64,
}

/// The owner path, where there is one.
pub fn owner(row: &MapRow) -> Option<&str> {
    Some(row.owner.as_str()).filter(|path| !path.is_empty())
}

impl<'a> Finding<'a> {
    /// The findings of a map, in the order of the rules.
    pub fn all(row: &'a MapRow) -> impl Iterator<Item = Finding<'a>> {
        let findings = row.verdict.iter().flat_map(|v| &v.findings);
        findings.map(move |f| Finding::of(row, f))
    }

    fn of(row: &'a MapRow, f: &'a rule::Finding) -> Self {
        Finding {
            rule: f.rule.into(),
            severity: f.severity.as_str().into(),
            map: row.addr.to_string(),
            r#type: Cow::Borrowed(&row.ty),
            owner: owner(row).map(Cow::Borrowed),
            r#where: f.place.to_string(),
            claimed: Cow::Borrowed(&f.claimed),
            found: Cow::Borrowed(&f.found),
            cause: row.causes.first().map(|c| c.class.as_str().into()),
        }
    }
}

impl<'a> Unknown<'a> {
    /// `None` where all was decided, and the map could be read in full.
    pub fn of(row: &'a MapRow) -> Option<Self> {
        let verdict = row.verdict.as_ref()?;
        if verdict.unknown_rules.is_empty() && row.gaps_total == 0 {
            return None;
        }
        let rules = verdict.unknown_rules.iter();
        Some(Unknown {
            map: row.addr.to_string(),
            r#type: Cow::Borrowed(&row.ty),
            owner: owner(row).map(Cow::Borrowed),
            rules: rules.map(|r| Cow::Borrowed(*r)).collect(),
            gaps: Cow::Borrowed(&row.gaps),
            gaps_total: row.gaps_total,
        })
    }
}

impl<'a> Check<'a> {
    /// Everything that was found.
    pub fn of(survey: &'a Survey, t: &Totals) -> Self {
        let maps = &survey.maps;
        Check {
            process: Process::of(&survey.process),
            crash: Crash::of(&survey.crash),
            gc: Gc::of(&survey.crash),
            maps: Maps {
                total: t.total,
                sound: t.sound,
                broken: t.broken,
                unknown: t.unknown,
                mid_write: t.mid_write,
                entries: t.entries,
                bytes: t.bytes,
            },
            findings: maps.iter().flat_map(Finding::all).collect(),
            findings_total: t.findings,
            causes: maps.iter().flat_map(Cause::all).collect(),
            writers: maps.iter().flat_map(Writer::all).collect(),
            unknown: maps.iter().filter_map(Unknown::of).collect(),
            gaps: Cow::Borrowed(&survey.find_gaps),
            gaps_total: survey.find_gaps_total,
        }
    }
}
