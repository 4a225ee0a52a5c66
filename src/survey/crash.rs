//! The crash part: the message, the map it was about, who else had to do with it, and why.
//! In: a session, and the maps if they were looked for. Out: `CrashInfo`; and what every goroutine was
//! doing to which map, for the rules on the write flag. Over 400 lines: one pass, in the order of the screen.

use crate::base::addr::Addr;
use crate::base::progress::Progress;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::How;
use crate::crash::atwork::Left;
use crate::crash::atwork::Touch;
use crate::crash::atwork::at_work;
use crate::crash::class::Facts;
use crate::crash::class::Second;
use crate::crash::class::classify;
use crate::crash::clock::GcInfo;
use crate::crash::clock::latest;
use crate::crash::clock::read_gc;
use crate::crash::clues::Headers;
use crate::crash::clues::clues;
use crate::crash::known;
use crate::crash::message::Ending;
use crate::crash::message::Evidence;
use crate::crash::message::is_map_message;
use crate::crash::message::read_backlog;
use crate::crash::message::read_ending;
use crate::crash::ops::Op;
use crate::crash::parties::Around;
use crate::crash::parties::Party;
use crate::crash::parties::Target;
use crate::crash::parties::functions_of_program;
use crate::crash::parties::lines_of_program;
use crate::crash::parties::look_around;
use crate::find::found::Found;
use crate::find::search::Grounds;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::goroutines::Status;
use crate::runtime::liveslots::SlotReader;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;
use crate::survey::ending::Blame;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::ending::MapAtCrash;
use crate::survey::ending::PartyRow;
use crate::survey::hang::hanging;
use crate::survey::owners::Owner;
use crate::survey::owners::Owners;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::session::Session;
use crate::types::graph::TypeId;

/// What the runtime says of a write to a nil map. Source: `runtime/map.go`, `internal/runtime/maps/map.go`.
const NIL_MAP: &str = "assignment to entry in nil map";
/// Candidates that are shown.
const MAX_CANDIDATES: usize = 10;

/// The goroutine that stopped the program, and what it was doing.
struct Stopper<'g> {
    g: &'g Goroutine,
    stack: Stack,
    work: Option<AtWork>,
}

fn stopper<'g>(
    s: &'g Session<'_, '_>,
    grounds: &Grounds<'_, '_, '_>,
    id: u64,
) -> Option<Stopper<'g>> {
    let goroutines = s.goroutines.as_ref()?;
    let g = goroutines.list.iter().find(|g| g.id == id)?;
    let machine = s.reader.program.machine;
    let stack = Unwinder::new(s.tables, goroutines, s.threads, machine).unwind(g);
    let work = at_work(grounds, &stack);
    Some(Stopper { g, stack, work })
}

/// How the process ended, by what the goroutine that stopped it shows. No other is looked at.
pub(crate) fn ending(s: &Session<'_, '_>, req: &Request) -> CrashInfo {
    let grounds = s.grounds();
    let stopper = s
        .dying
        .and_then(|d| d.goid)
        .and_then(|id| stopper(s, &grounds, id));
    let read = read(s, req, stopper.as_ref(), &read_backlog(&s.reader.program));
    info(s, &read, stopper.as_ref())
}

/// The stack of the thread that stopped the program, whatever goroutine it ran.
fn thread_stack(s: &Session<'_, '_>) -> Option<Stack> {
    let goroutines = s.goroutines.as_ref()?;
    let dying = s.dying?;
    let m = goroutines
        .machines
        .iter()
        .find(|m| m.tid == u64::from(dying.tid))?;
    let machine = s.reader.program.machine;
    Some(Unwinder::new(s.tables, goroutines, s.threads, machine).unwind_thread(m))
}

fn read(
    s: &Session<'_, '_>,
    req: &Request,
    stopper: Option<&Stopper<'_>>,
    backlog: &str,
) -> Ending {
    let thread = thread_stack(s);
    let panics = stopper
        .zip(s.goroutines.as_ref())
        .map(|(st, gs)| gs.panics_of(&s.reader.program, st.g))
        .unwrap_or_default();
    let evidence = Evidence {
        dying: s.dying,
        stopper: stopper.map(|s| s.g),
        stack: stopper.map(|s| &s.stack).or(thread.as_ref()),
        thread: thread.as_ref(),
        work: stopper.and_then(|s| s.work.as_ref()),
        tables: s.tables,
        panics: &panics,
        signal: s
            .identity
            .notes
            .signal
            .filter(|_| s.process.how_dumped == "kernel"),
        clear: req.values == ValueMode::Clear,
        backlog,
    };
    read_ending(&s.reader.program, &s.values, &evidence)
}

fn info(s: &Session<'_, '_>, ending: &Ending, stopper: Option<&Stopper<'_>>) -> CrashInfo {
    let mut out = CrashInfo {
        kind: match (ending.crashed, ending.about_map) {
            // Which signal it was stands in the notes.
            (false, _) if s.identity.notes.cut => CrashKind::Unknown,
            (false, _) => CrashKind::None,
            (true, true) => CrashKind::Map,
            // Without goroutines and threads a signal is all there is, and it says nothing.
            (true, false) if s.dying.is_none() && s.goroutines_lost() => CrashKind::Unknown,
            (true, false) => CrashKind::Other,
        },
        message: ending.message.clone().filter(|_| ending.crashed),
        plain: ending.plain.clone().filter(|_| ending.crashed),
        source: ending.source.filter(|_| ending.crashed),
        panics: ending.panics.clone(),
        signal: ending.signal,
        fault: ending.fault.clone(),
        goroutine: ending.goid,
        thread: ending.tid,
        ..CrashInfo::default()
    };
    if let Some(stopper) = stopper.filter(|_| ending.crashed && !ending.from_outside) {
        describe(s, &mut out, stopper);
    }
    out
}

/// Where the goroutine stood, and in which map operation if the crash is about that.
fn describe(s: &Session<'_, '_>, out: &mut CrashInfo, stopper: &Stopper<'_>) {
    out.frames = lines_of_program(s.tables, &stopper.stack).collect();
    out.functions = functions_of_program(s.tables, &stopper.stack);
    if let Some(work) = stopper.work.as_ref().filter(|_| out.kind.about_map()) {
        out.map_function = Some(work.function().to_owned());
        out.op = Some(work.op().as_str());
    }
}

/// What a look at the crash gives.
pub(crate) struct Looked {
    /// How the process ended, and all who have to do with it.
    pub(crate) crash: CrashInfo,
    /// What every goroutine was doing to which map.
    pub(crate) around: Around,
    /// Header and type of the map, where both are known.
    pub(crate) map: Option<(Addr, TypeId)>,
}

/// The whole crash part. `found`: all maps, if they were looked for; without them the owner is looked for
/// by itself, within limits. The causes are for `judge`, when the map was checked.
pub(crate) fn look(
    s: &Session<'_, '_>,
    req: &Request,
    found: Option<&Found>,
    progress: &dyn Progress,
) -> Looked {
    let grounds = s.grounds();
    let program = &s.reader.program;
    let backlog = read_backlog(program);
    let mut stopped_by = s
        .dying
        .and_then(|d| d.goid)
        .and_then(|id| stopper(s, &grounds, id));
    let ending = read(s, req, stopped_by.as_ref(), &backlog);
    let mut out = info(s, &ending, stopped_by.as_ref());
    let headers = Headers::new(&grounds, found);
    let owners = Owners {
        s,
        req,
        found,
        progress,
    };
    let mut touch = stopped_by
        .as_ref()
        .filter(|_| out.kind == CrashKind::Map)
        .and_then(|st| touched(st, &ending, &headers));
    let mut owner = touch
        .as_ref()
        .and_then(|t| owners.of(t.map?, out.goroutine));
    let target = |map: Option<Addr>, owner: &Option<Owner>| {
        Some(Target {
            map: map?,
            variable: owner.as_ref().and_then(|o| o.variable.clone()),
            way: owner.as_ref().map(|o| o.way.clone()).unwrap_or_default(),
        })
    };
    let map = touch.as_ref().and_then(|t| t.map);
    let stopper_id = out.goroutine.filter(|_| map.is_some());
    let mut around = look_around(&grounds, target(map, &owner), stopper_id, progress);
    if !out.kind.about_map()
        && (!ending.crashed || ending.from_outside)
        && let Some((id, endless)) = hanging(s, &around, &headers)
    {
        out.kind = CrashKind::Hang;
        out.goroutine = Some(id);
        stopped_by = stopper(s, &grounds, id);
        if let Some(st) = &stopped_by {
            let goroutines = s.goroutines.as_ref();
            let m = goroutines.and_then(|gs| gs.machine_of(st.g));
            out.thread = m.and_then(|m| u32::try_from(m.tid).ok());
            describe(s, &mut out, st);
            touch = touched(st, &ending, &headers);
        }
        owner = owners.of(endless, Some(id));
        around = look_around(&grounds, target(Some(endless), &owner), Some(id), progress);
    }
    let mut blame = Blame {
        totals: around.totals,
        // Of another build, every variable is somewhere else.
        gc: match s.process.matched {
            Match::Mismatch => GcInfo::default(),
            Match::Yes | Match::Unverified => read_gc(program, &backlog),
        },
        gaps: gaps(s, &around),
        ..Blame::default()
    };
    let mut typed = None;
    if let Some(touch) = touch {
        let ty = type_of(s, &headers, &touch);
        let header = touch.map.filter(|m| !m.is_nil() && !touch.trie);
        typed = header.zip(ty);
        let addr = touch.map.unwrap_or(Addr::NIL);
        blame.map = Some(MapAtCrash {
            holder: owner.as_ref().map(|o| o.holder.clone()).unwrap_or_default(),
            owner: owner.map(|o| o.path).unwrap_or_default(),
            ..map_known(s, &headers, addr, ty, vec![touch.evidence()])
        });
        if let Some(map) = blame.map.as_mut().filter(|_| touch.trie) {
            // It has no header of the map's kind.
            (map.len, map.writing, map.ty) = (None, None, "sync.Map".to_owned());
        }
    } else if out.kind.about_map()
        && let Some(st) = &stopped_by
    {
        blame.candidates = candidates(s, &owners, &headers, st, &around);
    }
    let now = latest(program);
    blame.parties = around
        .parties
        .iter()
        .map(|p| party_row(s, p, now))
        .collect();
    out.blame = Some(blame);
    Looked {
        crash: out,
        around,
        map: typed,
    }
}

/// The type of the map that a map function works on.
pub(crate) fn type_of(
    s: &Session<'_, '_>,
    headers: &Headers<'_, '_, '_>,
    touch: &Touch,
) -> Option<TypeId> {
    touch
        .map
        .and_then(|m| headers.type_of(m))
        .or_else(|| s.reader.meta.type_at(touch.ty?))
}

fn type_name(s: &Session<'_, '_>, ty: Option<TypeId>) -> String {
    ty.map_or_else(String::new, |ty| {
        s.reader.program.graph.declared(ty).name.to_string()
    })
}

/// The innermost map function that says which map it works on; or a nil map, where the message says so.
fn touched(st: &Stopper<'_>, ending: &Ending, headers: &Headers<'_, '_, '_>) -> Option<Touch> {
    let work = st.work.as_ref()?;
    // What the code passes is read again from memory that may have changed since.
    let holds = |t: &&Touch| t.how != Some(How::Passed) || t.map.is_some_and(|m| headers.is(m));
    let nil = ending.panics.iter().any(|p| p.contains(NIL_MAP));
    work.innermost().filter(holds).cloned().or_else(|| {
        let call = work.touches.last().filter(|_| nil)?;
        Some(Touch {
            map: Some(Addr::NIL),
            how: None,
            ..call.clone()
        })
    })
}

fn map_known(
    s: &Session<'_, '_>,
    headers: &Headers<'_, '_, '_>,
    addr: Addr,
    ty: Option<TypeId>,
    evidence: Vec<String>,
) -> MapAtCrash {
    let reader = &s.reader;
    let len = reader
        .hmap(addr)
        .map(|h| h.count)
        .or_else(|| i64::try_from(reader.swiss_map(addr)?.used).ok());
    MapAtCrash {
        addr,
        ty: type_name(s, ty),
        owner: String::new(),
        holder: String::new(),
        writing: headers.writing(addr).filter(|_| !addr.is_nil()),
        len: len.filter(|_| !addr.is_nil()),
        evidence,
    }
}

/// The maps it may have been, where the frame does not say.
fn candidates(
    s: &Session<'_, '_>,
    owners: &Owners<'_, '_, '_>,
    headers: &Headers<'_, '_, '_>,
    stopper: &Stopper<'_>,
    around: &Around,
) -> Vec<MapAtCrash> {
    let Some(work) = &stopper.work else {
        return Vec::new();
    };
    let slots = SlotReader::new(s.tables).read(&stopper.stack, stopper.g.stack);
    let writers: Vec<(u64, &AtWork)> = around
        .works
        .iter()
        .filter(|(id, w)| *id != stopper.g.id && w.left == Left::No && w.op() == Op::Write)
        .map(|(id, w)| (*id, w))
        .collect();
    let mut all = clues(headers, &stopper.stack, &slots, work, &writers);
    all.truncate(MAX_CANDIDATES);
    all.into_iter()
        .map(|c| {
            let ty = headers
                .type_of(c.map)
                .or_else(|| s.reader.meta.type_at(c.ty?));
            let owner = owners.of(c.map, Some(stopper.g.id));
            MapAtCrash {
                holder: owner.as_ref().map(|o| o.holder.clone()).unwrap_or_default(),
                owner: owner.map(|o| o.path).unwrap_or_default(),
                ..map_known(s, headers, c.map, ty, c.evidence)
            }
        })
        .collect()
}

fn party_row(s: &Session<'_, '_>, p: &Party, now: Option<u64>) -> PartyRow {
    let goroutines = s.goroutines.as_ref();
    let g = goroutines.and_then(|gs| gs.list.iter().find(|g| g.addr == p.g));
    let waits = g.filter(|g| matches!(g.status, Status::Waiting | Status::Syscall));
    let since = waits.map_or(0, |g| g.waitsince);
    PartyRow {
        goroutine: p.goroutine,
        state: g.map_or("???", |g| g.status.as_str()),
        wait_reason: goroutines
            .zip(g)
            .and_then(|(gs, g)| gs.wait_reason(g))
            .map(str::to_string),
        waiting: now
            .filter(|_| since > 0)
            .and_then(|now| now.checked_sub(since)),
        grade: p.grade.as_str(),
        op: p.op.map(|op| op.as_str()),
        entering: p.entering,
        live: p.live,
        evidence: p.evidence.clone(),
        at: p.at.clone(),
        holds_at: p.holds_at.clone(),
        functions: p.functions.clone(),
    }
}

fn gaps(s: &Session<'_, '_>, around: &Around) -> Vec<String> {
    let mut out = s.missing.clone();
    if !s.typed {
        out.push(
            "the binary has no DWARF: owners, names of variables and most figures of the collector \
             are not known"
                .to_owned(),
        );
    }
    match &s.goroutines {
        None => out.push("the list of goroutines (runtime.allgs) could not be read".to_owned()),
        Some(gs) if gs.unreadable > 0 => {
            out.push(format!("{} goroutines could not be read", gs.unreadable));
        }
        Some(_) => {}
    }
    if around.broken > 0 {
        out.push(format!(
            "{} stacks could not be followed to their end",
            around.broken
        ));
    }
    out
}

/// Says what class of causes the crash belongs to. `rows`: the maps that were checked.
pub(crate) fn judge(s: &Session<'_, '_>, crash: &mut CrashInfo, around: &Around, rows: &[MapRow]) {
    let kind = crash.kind;
    let Some(blame) = crash.blame.as_mut().filter(|_| kind.about_map()) else {
        return;
    };
    let row = blame.map.as_ref().and_then(|m| {
        rows.iter()
            .find(|r| r.addr == m.addr && r.kind != "syncmap")
    });
    let message = crash
        .panics
        .iter()
        .find(|p| is_map_message(p))
        .or(crash.message.as_ref());
    let errors = row.and_then(|r| r.verdict.as_ref()).map(|v| {
        let errors = v.findings.iter();
        errors
            .filter(|f| f.severity >= crate::check::rule::Severity::Error)
            .count() as u64
    });
    let second = around.parties.first().map(|p| Second {
        goroutine: p.goroutine,
        grade: p.grade,
        op: p.op,
        entering: p.entering,
        live: p.live,
    });
    let goid = crash.goroutine;
    let work = around.works.iter().find(|(id, _)| Some(*id) == goid);
    let issues = known::issues(&s.process.go, s.process.arch);
    let libraries = known::libraries(&s.modinfo, &s.process.go);
    blame.cause = Some(classify(&Facts {
        message: message.map(String::as_str).unwrap_or_default(),
        map_known: blame.map.is_some(),
        op: work.map(|(_, w)| w.op()),
        faulted: crash.fault.is_some(),
        writing: blame.map.as_ref().and_then(|m| m.writing),
        second,
        stacks_complete: s.goroutines.as_ref().is_some_and(|g| g.unreadable == 0)
            && around.broken == 0,
        arch: s.process.arch,
        findings: errors,
        causes: row.map(|r| r.causes.as_slice()).unwrap_or_default(),
        issues: &issues,
        libraries: &libraries,
    }));
}
