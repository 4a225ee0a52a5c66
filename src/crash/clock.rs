//! The garbage collector and the clock when the process died.
//! In: the runtime's own counters. Out: `GcInfo`; every part of it may be missing.

use crate::base::limits::MAX_THREADS;
use crate::runtime::program::Program;
use crate::types::view::View;

/// Pauses that are kept.
const PAUSES: u64 = 5;
/// Elements of `memstats.pause_ns`, a ring. Source: `runtime/mstats.go`, all versions.
const PAUSE_RING: u64 = 256;
/// With `GOGC=off` the goal is about as large as it can be.
const NO_GOAL: u64 = 1 << 48;
/// Longer than any process has run, in nanoseconds: 50 years.
const MAX_UPTIME: u64 = 50 * 365 * 86_400 * 1_000_000_000;

/// The collector's state and figures. Sizes are in bytes, times in nanoseconds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct GcInfo {
    /// `off`, `mark` or `mark termination`.
    pub phase: Option<&'static str>,
    /// Collections begun (`work.cycles`).
    pub cycle: Option<u64>,
    /// Collections done (`memstats.numgc`).
    pub done: Option<u64>,
    /// Bytes allocated and not yet swept.
    pub heap_live: Option<u64>,
    /// Bytes that the last mark left.
    pub heap_marked: Option<u64>,
    /// Size at which the next collection is to be done; `None` with the collector turned off.
    pub heap_goal: Option<u64>,
    /// `GOGC`; negative for off.
    pub percent: Option<i64>,
    /// `GOMEMLIMIT`; `None` without one.
    pub memory_limit: Option<u64>,
    /// The last pauses, newest first.
    pub pauses: Vec<u64>,
    /// All pauses together.
    pub pause_total: Option<u64>,
    /// When the last collection ended, in nanoseconds since 1970.
    pub last_end_unix: Option<u64>,
    /// How long the process had been running at least: up to the last time its runtime looked at the clock.
    pub uptime: Option<u64>,
    /// Lines of `GODEBUG=gctrace=1` that are still in the print backlog, oldest first.
    pub trace: Vec<String>,
}

impl GcInfo {
    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        *self == GcInfo::default()
    }
}

/// Reads the collector's figures. `backlog`: what the runtime printed last.
/// Source: `runtime/mgc.go` (`gcphase`, `work`), `runtime/mstats.go`, `runtime/mgcpacer.go` (`gcController`),
/// go1.19 to go1.27.
pub fn read_gc(program: &Program<'_, '_>, backlog: &str) -> GcInfo {
    let figure = |variable: &str, path: &[&str]| uint(program.variable(variable)?.path(path)?);
    let done = figure("runtime.memstats", &["numgc"]);
    let percent = figure("runtime.gcController", &["gcPercent"]).map(|p| {
        // An int32, in a struct of its own.
        i64::from(u32::try_from(p).unwrap_or(u32::MAX).cast_signed())
    });
    let controller = |field: &str| figure("runtime.gcController", &[field]);
    GcInfo {
        phase: figure("runtime.gcphase", &[]).and_then(|p| match p {
            0 => Some("off"),
            1 => Some("mark"),
            2 => Some("mark termination"),
            _ => None,
        }),
        cycle: figure("runtime.work", &["cycles"]),
        done,
        heap_live: controller("heapLive"),
        heap_marked: controller("heapMarked"),
        // What GOGC asks for now; `lastHeapGoal` is that of the collection before.
        heap_goal: controller("gcPercentHeapGoal")
            .or_else(|| controller("heapGoal"))
            .filter(|g| *g < NO_GOAL && *g > 0),
        percent,
        memory_limit: controller("memoryLimit").filter(|l| *l < NO_GOAL),
        pauses: pauses(program, done.unwrap_or(0)),
        pause_total: figure("runtime.memstats", &["pause_total_ns"]),
        last_end_unix: figure("runtime.memstats", &["last_gc_unix"]).filter(|t| *t > 0),
        uptime: uptime(program),
        trace: trace_lines(backlog),
    }
}

fn uint(view: View<'_, '_>) -> Option<u64> {
    view.uint().ok()
}

/// The last pauses. Source: `runtime/mgc.go`, `gcMarkTermination`: `pause_ns[numgc % len]` is written, then
/// `numgc` goes up.
fn pauses(program: &Program<'_, '_>, done: u64) -> Vec<u64> {
    let ring = program
        .variable("runtime.memstats")
        .and_then(|m| m.field("pause_ns"));
    let Some(ring) = ring else { return Vec::new() };
    (1..=PAUSES.min(done))
        .filter_map(|back| uint(ring.index(done.checked_sub(back)?.checked_rem(PAUSE_RING)?)?))
        .collect()
}

/// The runtime's clock now: the latest time it noted anywhere, in nanoseconds of its own clock. Source:
/// `runtime/proc.go`, `sysmon` and `retake` (which look every 10 ms at the least while anything runs, and
/// note when they last saw something move), `runtime/mgc.go`, `work`; all versions.
pub fn latest(program: &Program<'_, '_>) -> Option<u64> {
    let of = |variable: &str, path: &[&str]| uint(program.variable(variable)?.path(path)?);
    let mut latest = [
        of("runtime.sched", &["lastpoll"]),
        of("runtime.work", &["tSweepTerm"]),
        of("runtime.work", &["tMark"]),
        of("runtime.work", &["tMarkTerm"]),
        of("runtime.work", &["tEnd"]),
    ]
    .into_iter()
    .flatten()
    .max();
    let ps = program.variable("runtime.allp")?;
    let (data, len, _) = ps.slice().ok()?;
    let word = program.mem.abi.word();
    let p_type = program.type_named("runtime.p");
    for i in 0..len.min(MAX_THREADS as u64) {
        let Some(at) = data
            .element(i, word)
            .and_then(|a| program.mem.read_addr(a).ok())
        else {
            break;
        };
        let Some(ty) = p_type else { break };
        let tick = program.view(at, ty).field("sysmontick");
        for field in ["schedwhen", "syscallwhen"] {
            let when = tick.and_then(|t| uint(t.field(field)?));
            latest = latest.max(when);
        }
    }
    latest
}

/// How long the process had run at least. Source: `runtime/proc.go`, `runtimeInitTime`, all versions.
fn uptime(program: &Program<'_, '_>) -> Option<u64> {
    let start = uint(program.variable("runtime.runtimeInitTime")?)?;
    latest(program)?
        .checked_sub(start)
        .filter(|t| start > 0 && *t < MAX_UPTIME)
}

/// Lines such as `gc 7 @0.5s 1%: …`. Source: `runtime/mgc.go`, `gcMarkTermination`.
fn trace_lines(backlog: &str) -> Vec<String> {
    let is_trace = |line: &&str| {
        let number = line.strip_prefix("gc ").and_then(|l| l.split_once(" @"));
        number.is_some_and(|(n, rest)| n.bytes().all(|b| b.is_ascii_digit()) && rest.contains("s "))
    };
    backlog
        .lines()
        .filter(is_trace)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_gctrace_are_taken_for_them() {
        let text = "ms clock\ngc 7 @0.512s 1%: 0.01+0.5+0.02 ms clock, 4->4->2 MB, 4 MB goal\n\
                    gc is not mentioned @ here\nfatal error: concurrent map writes\n";
        assert_eq!(trace_lines(text).len(), 1);
        assert!(trace_lines("").is_empty());
    }
}
