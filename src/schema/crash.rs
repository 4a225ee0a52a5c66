//! The crash part as JSON: `crash` and `gc` of documents and of a snapshot's header.
//! In: `CrashInfo`. Out: structs that serde writes and reads, and `CrashInfo` again. Over 400 lines: one file of
//! one part of the schema, both ways.

use crate::base::addr::Addr;
use crate::crash::class;
use crate::crash::class::CrashCause;
use crate::crash::class::CrashClass;
use crate::crash::clock::GcInfo;
use crate::crash::message::FaultAt;
use crate::crash::parties::PartyTotals;
use crate::crash::signals::signal_name;
use crate::runtime::pclntab::SourceFrame;
use crate::schema::number;
use crate::schema::percent;
use crate::schema::words::known;
use crate::survey::ending::Blame;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::ending::MapAtCrash;
use crate::survey::ending::PartyRow;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;

/// What says that evidence speaks for a class, and what against.
const FOR: &str = "for";
const AGAINST: &str = "against";

/// How the process ended.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Crash<'a> {
    pub(crate) kind: Cow<'a, str>,
    pub(crate) message: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    panics: Cow<'a, [String]>,
    signal: Option<i32>,
    signal_name: Option<Cow<'a, str>>,
    fault: Option<Fault<'a>>,
    pub(crate) goroutine: Option<u64>,
    thread: Option<u32>,
    pub(crate) map_function: Option<Cow<'a, str>>,
    pub(crate) op: Option<Cow<'a, str>>,
    pub(crate) frames: Vec<Line<'a>>,
    pub(crate) cause: Option<Cause<'a>>,
    pub(crate) map: Option<Map<'a>>,
    pub(crate) candidates: Vec<Map<'a>>,
    pub(crate) parties: Vec<Party<'a>>,
    parties_total: Option<Totals>,
    gaps: Cow<'a, [String]>,
}

#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
struct Fault<'a> {
    addr: String,
    pc: String,
    function: Cow<'a, str>,
}

/// A line of the program's source.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Line<'a> {
    pub(crate) function: Cow<'a, str>,
    pub(crate) file: Cow<'a, str>,
    pub(crate) line: u32,
    pub(crate) inlined: bool,
}

/// The likeliest class of causes.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Cause<'a> {
    pub(crate) class: Cow<'a, str>,
    pub(crate) confidence: f64,
    pub(crate) evidence: Vec<Evidence<'a>>,
}

#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub(crate) struct Evidence<'a> {
    says: Cow<'a, str>,
    what: Cow<'a, str>,
}

/// A map a crash is about.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Map<'a> {
    pub(crate) addr: String,
    pub(crate) r#type: Option<Cow<'a, str>>,
    pub(crate) owner: Option<Cow<'a, str>>,
    pub(crate) len: Option<i64>,
    pub(crate) writing: Option<bool>,
    pub(crate) evidence: Cow<'a, [String]>,
}

#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub(crate) struct Party<'a> {
    pub(crate) goroutine: u64,
    state: Cow<'a, str>,
    wait_reason: Option<Cow<'a, str>>,
    waiting_ns: Option<u64>,
    pub(crate) grade: Cow<'a, str>,
    pub(crate) op: Option<Cow<'a, str>>,
    entering: bool,
    live: bool,
    pub(crate) function: Option<Cow<'a, str>>,
    pub(crate) file: Option<Cow<'a, str>>,
    pub(crate) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inlined: Option<bool>,
    evidence: Cow<'a, str>,
    holds_at: Option<Line<'a>>,
}

#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
struct Totals {
    in_map_code: u64,
    holds_pointer: u64,
    reaches: u64,
}

fn some(text: &str) -> Option<Cow<'_, str>> {
    Some(text).filter(|t| !t.is_empty()).map(Cow::Borrowed)
}

fn owned(text: Option<Cow<'_, str>>) -> String {
    text.map(Cow::into_owned).unwrap_or_default()
}

fn addr(text: &str) -> Addr {
    Addr(number(text).unwrap_or(0))
}

impl<'a> Crash<'a> {
    /// As it was found.
    pub fn of(c: &'a CrashInfo) -> Self {
        let blame = c.blame.as_ref();
        let maps = |all: &'a [MapAtCrash]| all.iter().map(Map::of).collect();
        Crash {
            kind: c.kind.as_str().into(),
            message: c.message.as_deref().map(Cow::Borrowed),
            source: c.source.map(Cow::Borrowed),
            panics: Cow::Borrowed(&c.panics),
            signal: c.signal,
            signal_name: c.signal.and_then(signal_name).map(Cow::Borrowed),
            fault: c.fault.as_ref().map(|f| Fault {
                addr: f.addr.to_string(),
                pc: f.pc.to_string(),
                function: Cow::Borrowed(&f.function),
            }),
            goroutine: c.goroutine,
            thread: c.thread,
            map_function: c.map_function.as_deref().map(Cow::Borrowed),
            op: c.op.map(Cow::Borrowed),
            frames: c.frames.iter().map(Line::of).collect(),
            cause: blame.and_then(|b| b.cause.as_ref()).map(Cause::of),
            map: blame.and_then(|b| b.map.as_ref()).map(Map::of),
            candidates: blame.map(|b| maps(&b.candidates)).unwrap_or_default(),
            parties: blame
                .iter()
                .flat_map(|b| &b.parties)
                .map(Party::of)
                .collect(),
            parties_total: blame.map(|b| Totals {
                in_map_code: b.totals.in_map_code,
                holds_pointer: b.totals.holds_pointer,
                reaches: b.totals.reaches,
            }),
            gaps: Cow::Borrowed(blame.map(|b| b.gaps.as_slice()).unwrap_or_default()),
        }
    }

    /// What was found, as it was; `gc` is what a document has beside it.
    pub fn into_info(self, gc: Option<Gc<'_>>) -> CrashInfo {
        let kinds = [
            CrashKind::Map,
            CrashKind::Other,
            CrashKind::Hang,
            CrashKind::None,
        ];
        let blame = self.parties_total.map(|totals| Blame {
            map: self.map.map(Map::into_map),
            candidates: self.candidates.into_iter().map(Map::into_map).collect(),
            parties: self.parties.into_iter().map(Party::into_row).collect(),
            totals: PartyTotals {
                in_map_code: totals.in_map_code,
                holds_pointer: totals.holds_pointer,
                reaches: totals.reaches,
            },
            cause: self.cause.map(Cause::into_cause),
            gc: gc.map(Gc::into_info).unwrap_or_default(),
            gaps: self.gaps.into_owned(),
        });
        CrashInfo {
            kind: kinds
                .into_iter()
                .find(|k| k.as_str() == self.kind)
                .unwrap_or(CrashKind::Unknown),
            message: self.message.map(Cow::into_owned),
            plain: None,
            source: self.source.as_deref().map(known),
            panics: self.panics.into_owned(),
            signal: self.signal,
            fault: self.fault.map(|f| FaultAt {
                addr: addr(&f.addr),
                pc: addr(&f.pc),
                function: f.function.into_owned(),
            }),
            goroutine: self.goroutine,
            thread: self.thread,
            map_function: self.map_function.map(Cow::into_owned),
            op: self.op.as_deref().map(known),
            frames: self.frames.into_iter().map(Line::into_frame).collect(),
            functions: Vec::new(),
            blame,
        }
    }
}

impl<'a> Line<'a> {
    /// As a stack shows it.
    pub fn of(f: &'a SourceFrame) -> Self {
        Line {
            function: Cow::Borrowed(&f.function),
            file: Cow::Borrowed(&f.file),
            line: f.line,
            inlined: f.inlined,
        }
    }

    fn into_frame(self) -> SourceFrame {
        SourceFrame {
            function: self.function.into_owned(),
            file: self.file.into_owned(),
            line: self.line,
            inlined: self.inlined,
        }
    }
}

impl<'a> Cause<'a> {
    fn of(c: &'a CrashCause) -> Self {
        let evidence = c.evidence.iter().map(|e| Evidence {
            says: if e.speaks_for { FOR } else { AGAINST }.into(),
            what: Cow::Borrowed(&e.what),
        });
        Cause {
            class: c.class.as_str().into(),
            confidence: f64::from(c.confidence) / 100.0,
            evidence: evidence.collect(),
        }
    }

    fn into_cause(self) -> CrashCause {
        let evidence = self.evidence.into_iter().map(|e| class::Evidence {
            speaks_for: e.says == FOR,
            what: e.what.into_owned(),
        });
        CrashCause {
            class: CrashClass::named(&self.class),
            confidence: percent(self.confidence),
            evidence: evidence.collect(),
        }
    }
}

impl<'a> Map<'a> {
    fn of(m: &'a MapAtCrash) -> Self {
        Map {
            addr: m.addr.to_string(),
            r#type: some(&m.ty),
            owner: some(&m.owner),
            len: m.len,
            writing: m.writing,
            evidence: Cow::Borrowed(&m.evidence),
        }
    }

    fn into_map(self) -> MapAtCrash {
        MapAtCrash {
            addr: addr(&self.addr),
            ty: owned(self.r#type),
            owner: owned(self.owner),
            holder: String::new(),
            len: self.len,
            writing: self.writing,
            evidence: self.evidence.into_owned(),
        }
    }
}

impl<'a> Party<'a> {
    fn of(p: &'a PartyRow) -> Self {
        let at = p.at.as_ref();
        Party {
            goroutine: p.goroutine,
            state: p.state.into(),
            wait_reason: p.wait_reason.as_deref().map(Cow::Borrowed),
            waiting_ns: p.waiting,
            grade: p.grade.into(),
            op: p.op.map(Cow::Borrowed),
            entering: p.entering,
            live: p.live,
            function: at.map(|f| Cow::Borrowed(f.function.as_str())),
            file: at.map(|f| Cow::Borrowed(f.file.as_str())),
            line: at.map(|f| f.line),
            inlined: at.map(|f| f.inlined).filter(|inlined| *inlined),
            evidence: Cow::Borrowed(&p.evidence),
            holds_at: p.holds_at.as_ref().map(Line::of),
        }
    }

    fn into_row(self) -> PartyRow {
        PartyRow {
            goroutine: self.goroutine,
            state: known(&self.state),
            wait_reason: self.wait_reason.map(Cow::into_owned),
            waiting: self.waiting_ns,
            grade: known(&self.grade),
            op: self.op.as_deref().map(known),
            entering: self.entering,
            live: self.live,
            evidence: self.evidence.into_owned(),
            at: self.function.map(|function| SourceFrame {
                function: function.into_owned(),
                file: owned(self.file),
                line: self.line.unwrap_or(0),
                inlined: self.inlined.unwrap_or(false),
            }),
            holds_at: self.holds_at.map(Line::into_frame),
            functions: Vec::new(),
        }
    }
}

/// The garbage collector and the clock.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Gc<'a> {
    phase: Option<Cow<'a, str>>,
    cycle: Option<u64>,
    done: Option<u64>,
    heap_live: Option<u64>,
    heap_marked: Option<u64>,
    heap_goal: Option<u64>,
    percent: Option<i64>,
    memory_limit: Option<u64>,
    pauses_ns: Cow<'a, [u64]>,
    pause_total_ns: Option<u64>,
    last_end_unix_ns: Option<u64>,
    uptime_ns: Option<u64>,
    trace: Cow<'a, [String]>,
}

impl<'a> Gc<'a> {
    /// `None` where nothing is known.
    pub fn of(c: &'a CrashInfo) -> Option<Self> {
        let gc: &GcInfo = &c.blame.as_ref()?.gc;
        (!gc.is_empty()).then(|| Gc {
            phase: gc.phase.map(Cow::Borrowed),
            cycle: gc.cycle,
            done: gc.done,
            heap_live: gc.heap_live,
            heap_marked: gc.heap_marked,
            heap_goal: gc.heap_goal,
            percent: gc.percent,
            memory_limit: gc.memory_limit,
            pauses_ns: Cow::Borrowed(&gc.pauses),
            pause_total_ns: gc.pause_total,
            last_end_unix_ns: gc.last_end_unix,
            uptime_ns: gc.uptime,
            trace: Cow::Borrowed(&gc.trace),
        })
    }

    fn into_info(self) -> GcInfo {
        GcInfo {
            phase: self.phase.as_deref().map(known),
            cycle: self.cycle,
            done: self.done,
            heap_live: self.heap_live,
            heap_marked: self.heap_marked,
            heap_goal: self.heap_goal,
            percent: self.percent,
            memory_limit: self.memory_limit,
            pauses: self.pauses_ns.into_owned(),
            pause_total: self.pause_total_ns,
            last_end_unix: self.last_end_unix_ns,
            uptime: self.uptime_ns,
            trace: self.trace.into_owned(),
        }
    }
}
