//! One core's stacks against the tracebacks of the same process.
//! In: what the process printed, and what badmap unwound. Out: counts, and every difference.

use crate::traceback::parse::Printed;
use crate::traceback::parse::Trace;
use badmap::runtime::pclntab::SourceFrame;
use badmap::survey::result::FrameRow;
use badmap::survey::result::GoroutineList;
use badmap::survey::result::GoroutineRow;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Outcome {
    /// Goroutines whose printed frames are badmap's.
    pub equal: usize,
    /// Frames compared in them.
    pub frames: usize,
    /// Of these, inlined ones.
    pub inlined: usize,
    /// Goroutines that went on after they were printed.
    pub moved: usize,
    /// Goroutines that the runtime could not print, for another thread ran them.
    pub unavailable: usize,
    pub failures: Vec<String>,
}

/// A frame as a debugger shows it: one function at one place, perhaps inlined into the next.
type Logical<'a> = (&'a FrameRow, &'a SourceFrame);

pub fn compare(traces: &[Trace], list: &GoroutineList) -> Outcome {
    let mut out = Outcome::default();
    let before_1_21 = ["go1.19", "go1.20"]
        .iter()
        .any(|v| list.process.go.starts_with(v));
    let rows: BTreeMap<u64, &GoroutineRow> = list.goroutines.iter().map(|r| (r.id, r)).collect();
    // What was printed last is nearest to the dump.
    let mut last: BTreeMap<u64, &Trace> = BTreeMap::new();
    for t in traces {
        let better = !t.frames.is_empty() || !last.contains_key(&t.id);
        if better {
            last.insert(t.id, t);
        }
    }
    for (id, trace) in &last {
        let Some(row) = rows.get(id) else {
            out.failures.push(format!("goroutine {id} is missing"));
            continue;
        };
        if trace.frames.is_empty() {
            out.unavailable += 1;
            continue;
        }
        match differences(trace, row, before_1_21) {
            Ok((frames, inlined)) => {
                out.equal += 1;
                out.frames += frames;
                out.inlined += inlined;
            }
            Err(_) if may_have_moved(trace, row) => out.moved += 1,
            Err(why) => out.failures.push(format!("goroutine {id}: {why}")),
        }
    }
    for id in rows.keys().filter(|id| !last.contains_key(id)) {
        out.failures
            .push(format!("goroutine {id} is there, but was not printed"));
    }
    out
}

/// A goroutine that a thread may have run between its being printed and the dump: not printed by that
/// thread itself, and ready to run or running then. One that was waiting may have been woken, but then
/// its state is another one now.
fn may_have_moved(trace: &Trace, row: &GoroutineRow) -> bool {
    let ready = ["running", "runnable", "syscall"];
    !trace.own && (ready.contains(&trace.state.as_str()) || state(row) != trace.state)
}

fn state(row: &GoroutineRow) -> &str {
    row.wait_reason.as_deref().unwrap_or(row.state)
}

/// The frames that were compared, and how many of them inlined; or what differs.
fn differences(
    trace: &Trace,
    row: &GoroutineRow,
    before_1_21: bool,
) -> Result<(usize, usize), String> {
    if let Some(why) = &row.broken {
        return Err(format!("its stack is lost: {why}"));
    }
    if (state(row), row.locked) != (trace.state.as_str(), trace.locked) {
        return Err(format!(
            "it is {} (locked: {}), not {} ({})",
            state(row),
            row.locked,
            trace.state,
            trace.locked
        ));
    }
    let created_by = row.created_by.as_ref().map(|by| {
        let parent = row.parent;
        (plain(&by.function), parent, by.file.as_str(), by.line)
    });
    let printed = trace
        .created_by
        .as_ref()
        .map(|by| (plain(&by.function), by.parent, by.file.as_str(), by.line));
    if created_by != printed {
        return Err(format!("created by {created_by:?}, not {printed:?}"));
    }
    let (inner, outer) = match trace.elided {
        Some((at, _)) => trace.frames.split_at(at),
        None => (trace.frames.as_slice(), [].as_slice()),
    };
    // Before go1.21 the runtime looks for the line of a preempted function one byte before the
    // instruction it was stopped at, as if that were a return address; the instruction before may have
    // another line, or be inlined from elsewhere. Such stacks are compared without inlined frames.
    // Source: `runtime/traceback.go`, `gentraceback` (`tracepc`), against `unwinder.next` (`injectedCall`).
    let preempted = before_1_21 && inner.iter().any(is_preempt);
    let wanted = |inlined: bool| !(preempted && inlined);
    let inner: Vec<&Printed> = inner.iter().filter(|f| wanted(f.inlined)).collect();
    let outer: Vec<&Printed> = outer.iter().filter(|f| wanted(f.inlined)).collect();
    let own: Vec<Logical<'_>> = row
        .frames
        .iter()
        .filter(|f| f.part == "goroutine")
        .flat_map(|f| f.source.iter().map(move |s| (f, s)))
        .filter(|(_, s)| wanted(s.inlined))
        .collect();
    let fail = |what: String| Err(what + &shown(&own, &trace.frames));
    let printed = inner.len() + outer.len();
    // How many of badmap's frames lie further in than the first one printed.
    let extra = match trace.elided {
        // go1.19 prints the first hundred and does not say how many more there are.
        Some((_, None)) => own.iter().position(|f| same(inner[0], f)),
        Some((_, Some(n))) => own.len().checked_sub(printed + n),
        None => own.len().checked_sub(printed),
    };
    let Some(extra) = extra.filter(|extra| own.len() - extra >= printed) else {
        return fail(format!("{} frames, and {printed} printed", own.len()));
    };
    // The traceback begins where the runtime was called to print it; what lies further in is its own.
    let mut further_in = own[..extra].iter().map(|(_, s)| &s.function);
    if let Some(f) = further_in.find(|f| !f.starts_with("runtime.")) {
        return fail(format!("{f} lies further in than the first frame printed"));
    }
    let tail = own.len() - outer.len();
    let ours = own[extra..][..inner.len()].iter().chain(&own[tail..]);
    let mut after_preempt = false;
    for (theirs, ours) in inner.iter().chain(&outer).zip(ours) {
        let place_counts = !(preempted && after_preempt);
        if !(same(theirs, ours) || !place_counts && same_function(theirs, ours)) {
            let (row, s) = ours;
            return fail(format!(
                "{} {}:{} at pc {} sp {} (inlined: {}) is not {theirs:x?}",
                s.function, s.file, s.line, row.pc, row.sp, s.inlined
            ));
        }
        after_preempt = is_preempt(theirs);
    }
    let inlined = inner.iter().chain(&outer).filter(|f| f.inlined).count();
    Ok((printed, inlined))
}

fn is_preempt(f: &Printed) -> bool {
    f.function == "runtime.asyncPreempt"
}

/// Function, pc and stack pointer are equal.
fn same_function(printed: &Printed, (row, source): &Logical<'_>) -> bool {
    plain(&printed.function) == plain(&source.function)
        && printed.inlined == source.inlined
        && printed
            .regs
            .is_none_or(|r| (r.pc, r.sp) == (row.pc.0, row.sp.0))
}

fn same(printed: &Printed, ours: &Logical<'_>) -> bool {
    let (_, source) = ours;
    same_function(printed, ours)
        && (printed.file.as_str(), printed.line) == (source.file.as_str(), source.line)
}

/// The name with all type arguments as `[...]`. Source: `runtime/symtab.go`, `funcNameForPrint`: from
/// the first bracket to the last.
fn plain(name: &str) -> String {
    match (name.find('['), name.rfind(']')) {
        (Some(i), Some(j)) if i < j => format!("{}[...]{}", &name[..i], &name[j + 1..]),
        _ => name.to_owned(),
    }
}

/// Both sides of a difference, shortened.
fn shown(own: &[Logical<'_>], printed: &[Printed]) -> String {
    let mut text = String::new();
    for (f, s) in own.iter().take(12) {
        text.push_str(&format!(
            "\n    badmap  {} {}:{} {}",
            s.function, s.file, s.line, f.sp
        ));
    }
    for f in printed.iter().take(12) {
        let sp = f.regs.map_or(0, |r| r.sp);
        text.push_str(&format!(
            "\n    printed {} {}:{} {sp:#x}",
            f.function, f.file, f.line
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceback::parse::traces;
    use badmap::base::addr::Addr;

    const TEXT: &str = "\
goroutine 7 [chan receive, locked to thread]:
runtime.gopark(0x0?)
	runtime/proc.go:424 +0xce fp=0x3020 sp=0x3000 pc=0x1001
main.inner[...](...)
	zoo/a.go:5
main.outer({0x1, 0x2})
	zoo/a.go:9 +0x12 fp=0x3060 sp=0x3020 pc=0x1002
created by main.main in goroutine 1
	zoo/main.go:3 +0x1
";

    fn source(function: &str, file: &str, line: u32, inlined: bool) -> SourceFrame {
        SourceFrame {
            function: function.into(),
            file: file.into(),
            line,
            inlined,
        }
    }

    fn frame(pc: u64, sp: u64, source: Vec<SourceFrame>) -> FrameRow {
        FrameRow {
            pc: Addr(pc),
            sp: Addr(sp),
            part: "goroutine",
            source: source.into(),
        }
    }

    fn row() -> GoroutineRow {
        let inner = source("main.inner[go.shape.int]", "zoo/a.go", 5, true);
        let outer = source("main.outer", "zoo/a.go", 9, false);
        GoroutineRow {
            id: 7,
            state: "waiting",
            wait_reason: Some("chan receive".into()),
            thread: None,
            locked: true,
            created_by: Some(source("main.main", "zoo/main.go", 3, false)),
            parent: Some(1),
            started_with: None,
            frames: vec![
                frame(
                    0x900,
                    0x2f00,
                    vec![source("runtime.mcall", "x.s", 1, false)],
                ),
                frame(
                    0x1001,
                    0x3000,
                    vec![source("runtime.gopark", "runtime/proc.go", 424, false)],
                ),
                frame(0x1002, 0x3020, vec![inner, outer]),
            ],
            broken: None,
        }
    }

    #[test]
    fn whatever_differs_is_a_difference() {
        let (traces, _) = traces(TEXT);
        let differs = |change: &dyn Fn(&mut GoroutineRow)| {
            let mut row = row();
            change(&mut row);
            differences(&traces[0], &row, false)
        };
        assert_eq!(differs(&|_| {}), Ok((3, 1)));
        let with = |change: fn(&mut SourceFrame)| {
            differs(&|r| {
                let mut source = r.frames[2].source.to_vec();
                change(&mut source[0]);
                r.frames[2].source = source.into();
            })
        };
        assert_eq!(with(|_| {}), Ok((3, 1)));
        assert!(with(|s| s.function = "main.other[...]".into()).is_err());
        assert!(with(|s| s.file = "zoo/b.go".into()).is_err());
        assert!(with(|s| s.line = 6).is_err());
        assert!(with(|s| s.inlined = false).is_err());
        assert!(differs(&|r| r.frames[2].pc = Addr(0x1003)).is_err());
        assert!(differs(&|r| r.frames[2].sp = Addr(0x3028)).is_err());
        assert!(differs(&|r| r.frames.truncate(2)).is_err());
        assert!(differs(&|r| drop(r.frames.remove(1))).is_err());
        assert!(differs(&|r| r.frames.push(frame(1, 2, row().frames[0].source.to_vec()))).is_err());
        let user = source("main.hidden", "x.go", 1, false);
        assert!(differs(&|r| r.frames[0].source = vec![user.clone()].into()).is_err());
        assert!(differs(&|r| r.locked = false).is_err());
        assert!(differs(&|r| r.wait_reason = None).is_err());
        assert!(differs(&|r| r.parent = None).is_err());
        assert!(differs(&|r| r.created_by = None).is_err());
        assert!(differs(&|r| r.broken = Some("lost".into())).is_err());
    }
}
