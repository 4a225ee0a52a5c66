//! The goroutines of a process, each with its stack as text.
//! In: a session. Out: rows by goroutine number; frames of equal pc share their source.

use crate::base::addr::Addr;
use crate::base::limits::BYTES_PER_FRAME;
use crate::base::limits::MIN_ALL_FRAMES;
use crate::base::progress::Progress;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::goroutines::Goroutines;
use crate::runtime::pclntab::PcTables;
use crate::runtime::pclntab::SourceFrame;
use crate::runtime::unwind::Broken;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;
use crate::survey::result::FrameRow;
use crate::survey::result::GoroutineRow;
use crate::survey::session::Session;
use std::collections::HashMap;
use std::sync::Arc;

/// The goroutines that are wanted, by number.
pub(crate) fn goroutine_rows(
    s: &Session<'_, '_>,
    only: Option<u64>,
    progress: &dyn Progress,
) -> Vec<GoroutineRow> {
    let Some(goroutines) = &s.goroutines else {
        return Vec::new();
    };
    let mut wanted: Vec<&Goroutine> = goroutines
        .list
        .iter()
        .filter(|g| only.is_none_or(|id| g.id == id))
        .collect();
    wanted.sort_by_key(|g| (g.id, g.addr));
    progress.phase("unwinding stacks", Some(wanted.len() as u64));
    let unwinder = Unwinder::new(s.tables, goroutines, s.threads, s.reader.program.machine);
    let mut sources = Sources {
        tables: s.tables,
        known: HashMap::new(),
    };
    let room = MIN_ALL_FRAMES.max(s.process.dumped_bytes / BYTES_PER_FRAME);
    let mut room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(wanted.len());
    for (g, done) in wanted.into_iter().zip(1u64..) {
        let stack = within(&mut room, || unwinder.unwind(g));
        out.push(row(goroutines, g, &stack, &mut sources));
        progress.at(done);
    }
    out
}

/// A stack, as far as there is room for its frames. Stacks of a damaged process may share their memory,
/// and then many of them are as long as all of it.
fn within(room: &mut usize, unwind: impl FnOnce() -> Stack) -> Stack {
    let mut stack = match *room {
        0 => Stack::default(),
        _ => unwind(),
    };
    if *room == 0 || stack.frames.len() > *room {
        stack.frames.truncate(*room);
        stack.broken = Some(Broken::TooMany);
    }
    *room = room.saturating_sub(stack.frames.len());
    stack
}

fn row(
    goroutines: &Goroutines,
    g: &Goroutine,
    stack: &Stack,
    sources: &mut Sources<'_, '_, '_>,
) -> GoroutineRow {
    let frames = stack.frames.iter().map(|f| FrameRow {
        pc: f.pc,
        sp: f.sp,
        part: f.part.as_str(),
        source: sources.at(f.lookup()),
    });
    GoroutineRow {
        id: g.id,
        state: g.status.as_str(),
        wait_reason: goroutines.wait_reason(g).map(str::to_string),
        thread: goroutines
            .machine_of(g)
            .and_then(|m| u32::try_from(m.tid).ok()),
        locked: g.locked,
        frames: frames.collect(),
        broken: stack.broken.map(|b| b.to_string()),
        // The runtime makes the first one itself, and does not say so either.
        created_by: sources.creation(g).filter(|_| g.id != 1),
        parent: g.parent.filter(|p| *p != 0),
        started_with: sources.function(g.startpc),
    }
}

/// Functions and lines by pc, each looked up once.
struct Sources<'s, 'v, 'a> {
    tables: &'s PcTables<'v, 'a>,
    known: HashMap<Addr, Arc<[SourceFrame]>>,
}

impl Sources<'_, '_, '_> {
    fn at(&mut self, pc: Addr) -> Arc<[SourceFrame]> {
        let tables = self.tables;
        self.known
            .entry(pc)
            .or_insert_with(|| match tables.find(pc) {
                Some(f) => tables.source(&f, pc).into(),
                None => Vec::new().into(),
            })
            .clone()
    }

    /// The go statement: the runtime prints the function that holds it, whatever was inlined there.
    /// Source: `runtime/traceback.go`, `printcreatedby`, all versions.
    fn creation(&mut self, g: &Goroutine) -> Option<SourceFrame> {
        let f = self.tables.find(g.gopc)?;
        let before = Addr(g.gopc.0.checked_sub(1)?).max(f.entry);
        let innermost = self.at(before).first()?.clone();
        Some(SourceFrame {
            function: self.tables.name(&f).into_owned(),
            inlined: false,
            ..innermost
        })
    }

    fn function(&self, entry: Addr) -> Option<String> {
        let f = self.tables.find(entry)?;
        Some(self.tables.name(&f).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::pclntab::Func;
    use crate::runtime::unwind::Frame;
    use crate::runtime::unwind::Part;

    #[test]
    fn all_stacks_together_have_room_for_so_many_frames() {
        let frame = Frame {
            func: Func::default(),
            pc: Addr(1),
            sp: Addr(2),
            cfa: Addr(3),
            exact: false,
            part: Part::Goroutine,
            regs: None,
        };
        let of = |n| Stack {
            frames: vec![frame; n],
            ..Stack::default()
        };
        let mut room = 10;
        let mut next = |n| {
            let stack = within(&mut room, || of(n));
            (stack.frames.len(), stack.broken)
        };
        assert_eq!(next(7), (7, None));
        assert_eq!(next(3), (3, None));
        assert_eq!(next(1), (0, Some(Broken::TooMany)));
        let mut room = 5;
        let stack = within(&mut room, || of(6));
        assert_eq!((stack.frames.len(), room), (5, 0));
        assert_eq!(stack.broken, Some(Broken::TooMany));
    }
}
