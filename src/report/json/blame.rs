//! The crash part as JSON: `crash` and `gc` of the documents of `check`, `info` and `goroutines`.
//! In: `CrashInfo`. Out: structs that serde writes.

use crate::crash::class::CrashCause;
use crate::crash::clock::GcInfo;
use crate::crash::signals::signal_name;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::MapAtCrash;
use crate::survey::ending::PartyRow;
use serde::Serialize;

/// How the process ended.
#[derive(Serialize)]
pub(crate) struct Crash<'a> {
    kind: &'a str,
    message: Option<&'a str>,
    source: Option<&'a str>,
    panics: &'a [String],
    signal: Option<i32>,
    signal_name: Option<&'a str>,
    fault: Option<Fault<'a>>,
    goroutine: Option<u64>,
    thread: Option<u32>,
    map_function: Option<&'a str>,
    op: Option<&'a str>,
    frames: Vec<Line<'a>>,
    cause: Option<Cause<'a>>,
    map: Option<Map<'a>>,
    candidates: Vec<Map<'a>>,
    parties: Vec<Party<'a>>,
    parties_total: Option<Totals>,
    gaps: &'a [String],
}

#[derive(Serialize)]
struct Fault<'a> {
    addr: String,
    pc: String,
    function: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    function: &'a str,
    file: &'a str,
    line: u32,
    inlined: bool,
}

#[derive(Serialize)]
struct Cause<'a> {
    class: &'a str,
    confidence: f64,
    evidence: Vec<Evidence<'a>>,
}

#[derive(Serialize)]
struct Evidence<'a> {
    says: &'a str,
    what: &'a str,
}

#[derive(Serialize)]
struct Map<'a> {
    addr: String,
    r#type: Option<&'a str>,
    owner: Option<&'a str>,
    len: Option<i64>,
    writing: Option<bool>,
    evidence: &'a [String],
}

#[derive(Serialize)]
struct Party<'a> {
    goroutine: u64,
    state: &'a str,
    wait_reason: Option<&'a str>,
    waiting_ns: Option<u64>,
    grade: &'a str,
    op: Option<&'a str>,
    entering: bool,
    live: bool,
    function: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<u32>,
    evidence: &'a str,
    holds_at: Option<Line<'a>>,
}

#[derive(Serialize)]
struct Totals {
    in_map_code: u64,
    holds_pointer: u64,
    reaches: u64,
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

impl<'a> Crash<'a> {
    pub(crate) fn of(c: &'a CrashInfo) -> Self {
        let blame = c.blame.as_ref();
        Crash {
            kind: c.kind.as_str(),
            message: c.message.as_deref(),
            source: c.source,
            panics: &c.panics,
            signal: c.signal,
            signal_name: c.signal.and_then(signal_name),
            fault: c.fault.as_ref().map(|f| Fault {
                addr: f.addr.to_string(),
                pc: f.pc.to_string(),
                function: &f.function,
            }),
            goroutine: c.goroutine,
            thread: c.thread,
            map_function: c.map_function.as_deref(),
            op: c.op,
            frames: c.frames.iter().map(Line::of).collect(),
            cause: blame.and_then(|b| b.cause.as_ref()).map(Cause::of),
            map: blame.and_then(|b| b.map.as_ref()).map(Map::of),
            candidates: blame
                .iter()
                .flat_map(|b| &b.candidates)
                .map(Map::of)
                .collect(),
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
            gaps: blame.map(|b| b.gaps.as_slice()).unwrap_or_default(),
        }
    }
}

impl<'a> Line<'a> {
    fn of(f: &'a SourceFrame) -> Self {
        Line {
            function: &f.function,
            file: &f.file,
            line: f.line,
            inlined: f.inlined,
        }
    }
}

impl<'a> Cause<'a> {
    fn of(c: &'a CrashCause) -> Self {
        let evidence = c.evidence.iter().map(|e| Evidence {
            says: if e.speaks_for { "for" } else { "against" },
            what: &e.what,
        });
        Cause {
            class: c.class.as_str(),
            confidence: f64::from(c.confidence) / 100.0,
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
            evidence: &m.evidence,
        }
    }
}

impl<'a> Party<'a> {
    fn of(p: &'a PartyRow) -> Self {
        let at = p.at.as_ref();
        Party {
            goroutine: p.goroutine,
            state: p.state,
            wait_reason: p.wait_reason.as_deref(),
            waiting_ns: p.waiting,
            grade: p.grade,
            op: p.op,
            entering: p.entering,
            live: p.live,
            function: at.map(|f| f.function.as_str()),
            file: at.map(|f| f.file.as_str()),
            line: at.map(|f| f.line),
            evidence: &p.evidence,
            holds_at: p.holds_at.as_ref().map(Line::of),
        }
    }
}

/// The garbage collector and the clock.
#[derive(Serialize)]
pub(crate) struct Gc<'a> {
    phase: Option<&'a str>,
    cycle: Option<u64>,
    done: Option<u64>,
    heap_live: Option<u64>,
    heap_marked: Option<u64>,
    heap_goal: Option<u64>,
    percent: Option<i64>,
    memory_limit: Option<u64>,
    pauses_ns: &'a [u64],
    pause_total_ns: Option<u64>,
    last_end_unix_ns: Option<u64>,
    uptime_ns: Option<u64>,
    trace: &'a [String],
}

impl<'a> Gc<'a> {
    /// `None` where nothing is known.
    pub(crate) fn of(c: &'a CrashInfo) -> Option<Self> {
        let gc: &GcInfo = &c.blame.as_ref()?.gc;
        (!gc.is_empty()).then(|| Gc {
            phase: gc.phase,
            cycle: gc.cycle,
            done: gc.done,
            heap_live: gc.heap_live,
            heap_marked: gc.heap_marked,
            heap_goal: gc.heap_goal,
            percent: gc.percent,
            memory_limit: gc.memory_limit,
            pauses_ns: &gc.pauses,
            pause_total_ns: gc.pause_total,
            last_end_unix_ns: gc.last_end_unix,
            uptime_ns: gc.uptime,
            trace: &gc.trace,
        })
    }
}
