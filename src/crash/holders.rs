//! What shows that a goroutine has to do with one map.
//! In: its stack and the map. Out: the best of it: an operation it is in, a word or register that holds the
//! map's address, or something that leads there.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_REACH_OBJECT;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::Left;
use crate::crash::callsite;
use crate::crash::ops::Op;
use crate::crash::ops::operation;
use crate::crash::parties::Grade;
use crate::crash::parties::Party;
use crate::crash::parties::Target;
use crate::crash::parties::functions_of_program;
use crate::crash::parties::lines_of_program;
use crate::dwarf::locals::Piece;
use crate::dwarf::locals::Place;
use crate::find::search::Grounds;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::liveslots::LiveSlots;
use crate::runtime::liveslots::SlotReader;
use crate::runtime::spans::SlotState;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Part;
use crate::runtime::unwind::Regs;
use crate::runtime::unwind::Stack;
use std::collections::HashMap;

/// Bytes of an iterator; 0 where its type is not known.
fn iterator_size(grounds: &Grounds<'_, '_, '_>) -> u64 {
    let program = &grounds.reader.program;
    let swiss = program.type_named("internal/runtime/maps.Iter");
    swiss
        .or_else(|| program.type_named("runtime.hiter"))
        .map_or(0, |ty| program.graph.get(ty).size)
}

/// Looks at one goroutine after another.
pub(crate) struct Search<'c, 's, 'v, 'a> {
    grounds: &'c Grounds<'s, 'v, 'a>,
    map: Addr,
    variable: Option<(Addr, String)>,
    /// Places on the way from there to the map.
    way: Vec<AddrRange>,
    /// By entry: whether the function uses that variable.
    users: HashMap<Addr, bool>,
    slots: SlotReader<'s, 'v, 'a>,
    iterator: u64,
    /// Whether the object that begins here has a pointer to the map.
    leads: HashMap<Addr, bool>,
}

/// A word or register that holds the map's address.
struct Hold {
    evidence: String,
    /// Its frame, by position.
    frame: usize,
    op: Option<Op>,
    live: bool,
}

impl<'c, 's, 'v, 'a> Search<'c, 's, 'v, 'a> {
    /// A search for all who have to do with this map.
    pub(crate) fn new(grounds: &'c Grounds<'s, 'v, 'a>, target: Target) -> Self {
        Search {
            grounds,
            map: target.map,
            variable: target.variable,
            way: target.way,
            users: HashMap::new(),
            slots: SlotReader::new(grounds.tables),
            iterator: iterator_size(grounds),
            leads: HashMap::new(),
        }
    }
}

impl Search<'_, '_, '_, '_> {
    /// What a goroutine has to do with it; `work` is the map operation it is in.
    pub(crate) fn party(
        &mut self,
        g: &Goroutine,
        stack: &Stack,
        work: Option<&AtWork>,
    ) -> Option<Party> {
        let make = |grade, op, live, evidence| Party {
            g: g.addr,
            goroutine: g.id,
            grade,
            op,
            live,
            entering: false,
            evidence,
            at: None,
            holds_at: None,
            functions: Vec::new(),
        };
        let under_way = work.filter(|w| !matches!(w.left, Left::Panicked { .. }));
        let party = if let Some(touch) = under_way.and_then(|w| w.on(self.map)) {
            Some(Party {
                entering: !under_way.is_some_and(AtWork::begun),
                ..make(Grade::InMapCode, Some(touch.op), true, touch.evidence())
            })
        } else {
            let slots = self.slots.read(stack, g.stack);
            let tables = self.grounds.tables;
            let line = |frame: Option<&Frame>| {
                let f = frame.filter(|f| f.part == Part::Goroutine)?;
                let source = tables.source(&f.func, f.lookup());
                source.into_iter().find(|s| !is_plumbing(&s.function))
            };
            match self.hold(g, stack, &slots) {
                Some(h) => Some(Party {
                    holds_at: line(stack.frames.get(h.frame)),
                    ..make(Grade::HoldsPointer, h.op, h.live, h.evidence)
                }),
                None => self.reach(g, stack, &slots).map(|(why, frame)| Party {
                    holds_at: line(frame.and_then(|f| stack.frames.get(f))),
                    ..make(Grade::Reaches, None, true, why)
                }),
            }
        };
        party.map(|p| Party {
            at: lines_of_program(self.grounds.tables, stack).next(),
            functions: functions_of_program(self.grounds.tables, stack),
            ..p
        })
    }

    /// What holds the map's address; the best of it.
    fn hold(&self, g: &Goroutine, stack: &Stack, slots: &LiveSlots) -> Option<Hold> {
        let mut best: Option<(u32, Hold)> = None;
        let mut note = |rank: u32, hold: Hold| {
            if best.as_ref().is_none_or(|(r, _)| rank > *r) {
                best = Some((rank, hold));
            }
        };
        let mem = self.grounds.reader.program.mem;
        let word = mem.abi.word();
        for (i, frame) in stack.frames.iter().enumerate() {
            let regs = frame
                .regs
                .and_then(|r| stack.regs.get(usize::try_from(r).ok()?));
            for (value, number) in regs.iter().flat_map(|r| r.general).zip(0usize..) {
                if Addr(value) == self.map {
                    let name = self.grounds.tables.name(&frame.func);
                    let evidence = format!("register {} in {name}", Regs::name(number));
                    note(
                        3,
                        Hold {
                            evidence,
                            frame: i,
                            op: None,
                            live: false,
                        },
                    );
                }
            }
            if frame.part != Part::Goroutine {
                continue;
            }
            let size = frame.cfa.0.saturating_sub(frame.sp.0);
            let own = frame.sp <= frame.cfa && g.stack.contains(frame.sp);
            let Ok(bytes) = mem.bytes(frame.sp, if own { size } else { 0 }) else {
                continue;
            };
            let step = usize::from(mem.abi.ptr_size).max(1);
            for (raw, n) in bytes.chunks_exact(step).zip(0u64..) {
                let Some(at) = frame.sp.element(n, word) else {
                    break;
                };
                if mem.abi.uptr(raw, 0) != Some(self.map.0) {
                    continue;
                }
                let name = self.grounds.tables.name(&frame.func);
                if let Some(live) = self.iterator_at(at, slots) {
                    let (rank, evidence) = if live {
                        (6, format!("an iterator over it in {name}"))
                    } else {
                        (
                            2,
                            format!("an iterator over it, left in the frame of {name}"),
                        )
                    };
                    let op = Some(Op::Iterate);
                    note(
                        rank,
                        Hold {
                            evidence,
                            frame: i,
                            op,
                            live,
                        },
                    );
                } else if slots.is_sure(at) {
                    let evidence = format!("a live word of the frame of {name}");
                    note(
                        5,
                        Hold {
                            evidence,
                            frame: i,
                            op: None,
                            live: true,
                        },
                    );
                } else {
                    let evidence = format!("a word left in the frame of {name}");
                    let rank = if operation(&name).is_some() { 4 } else { 1 };
                    note(
                        rank,
                        Hold {
                            evidence,
                            frame: i,
                            op: None,
                            live: false,
                        },
                    );
                }
            }
        }
        best.map(|(_, hold)| hold)
    }

    /// Whether the word at `at` is the map of an iterator, the fourth of its words, which lies on the stack as
    /// an object of its own; and whether the loop goes on: the key is nil when it has ended. Source:
    /// `runtime/map.go`, `hiter`, `mapiternext`; `internal/runtime/maps/table.go`, `Iter`, `Next`.
    fn iterator_at(&self, at: Addr, slots: &LiveSlots) -> Option<bool> {
        let mem = self.grounds.reader.program.mem;
        let back = mem.abi.word().checked_mul(3)?;
        let start = Addr(at.0.checked_sub(back)?);
        let object = slots
            .objects
            .iter()
            .find(|o| o.at.start == start && o.at.size() == self.iterator)?;
        let key = mem.read_addr(start).ok()?;
        Some(object.live && !key.is_nil())
    }

    /// What leads to the map: a live word with the address of an object that holds the map's; or the
    /// closure of a goroutine that has not begun.
    fn reach(
        &mut self,
        g: &Goroutine,
        stack: &Stack,
        slots: &LiveSlots,
    ) -> Option<(String, Option<usize>)> {
        let closure = self.grounds.reader.program.mem.read_addr(g.ctxt);
        if let Ok(closure) = closure
            && !closure.is_nil()
            && self.leads(closure)
        {
            return Some(("the function it is to begin with captured it".into(), None));
        }
        for slot in &slots.sure {
            if !self.leads(slot.value) {
                continue;
            }
            let number = usize::try_from(slot.frame).ok()?;
            let frame = stack.frames.get(number)?;
            let name = self.grounds.tables.name(&frame.func);
            if !is_plumbing(&name) {
                let at = slot.addr.0.wrapping_sub(frame.cfa.0).cast_signed();
                let variable = self.variable_at(frame, at);
                let what =
                    variable.map_or_else(|| "a live word".to_owned(), |v| format!("variable {v}"));
                return Some((format!("{what} of {name} leads to it"), Some(number)));
            }
        }
        self.user(stack)
    }

    /// The function of the program on this stack that uses the package variable.
    fn user(&mut self, stack: &Stack) -> Option<(String, Option<usize>)> {
        let (word, variable) = self.variable.as_ref()?;
        for (i, frame) in stack.frames.iter().enumerate() {
            if frame.part != Part::Goroutine {
                continue;
            }
            let grounds = self.grounds;
            let uses = self.users.entry(frame.func.entry).or_insert_with(|| {
                let name = grounds.tables.name(&frame.func);
                !is_plumbing(&name) && callsite::uses(grounds, &frame.func, *word)
            });
            if *uses {
                let name = grounds.tables.name(&frame.func);
                return Some((
                    format!("{name} uses {variable}, which leads to it"),
                    Some(i),
                ));
            }
        }
        None
    }

    /// The variable whose bytes lie at this distance from the frame's canonical address.
    fn variable_at(&self, frame: &Frame, off: i64) -> Option<String> {
        let program = &self.grounds.reader.program;
        let pc = program.unslid(frame.pc);
        let locals = if frame.exact {
            program.index.locals(pc)
        } else {
            program.index.locals_in_call(pc)
        };
        let holds = |p: &Piece| match p.place {
            Place::Frame(start) => {
                let end = start.saturating_add(i64::try_from(p.size).unwrap_or(i64::MAX));
                start <= off && off < end
            }
            _ => false,
        };
        let local = locals.into_iter().find(|l| l.pieces.iter().any(holds))?;
        Some(local.name)
    }

    /// Whether a word is the map's address, or that of a place on the way to it.
    fn is_near(&self, word: Addr) -> bool {
        word == self.map || self.way.iter().any(|r| r.contains(word))
    }

    /// Whether `addr` is on the way to the map, or points into a small object from which one step leads there.
    fn leads(&mut self, addr: Addr) -> bool {
        if self.is_near(addr) {
            return true;
        }
        let heap = self.grounds.reader.heap;
        let spans = heap.spans();
        let Some(object) = spans.object(addr) else {
            return false;
        };
        if let Some(known) = self.leads.get(&object.start) {
            return *known;
        }
        let mut found = false;
        if object.size <= MAX_REACH_OBJECT && spans.state(&object) != Some(SlotState::Free) {
            let mem = self.grounds.reader.program.mem;
            let near = &*self;
            let meta = self.grounds.reader.meta;
            let known = heap.pointer_words(meta, &object, &mut |at| {
                found |= mem.read_addr(at).is_ok_and(|v| near.is_near(v));
            });
            if !known {
                // Which of its words are pointers cannot be told: any may be.
                let bytes = mem.bytes(object.start, object.size).unwrap_or_default();
                let step = usize::from(mem.abi.ptr_size).max(1);
                let mut words = bytes.chunks_exact(step);
                found |= words.any(|w| mem.abi.uptr(w, 0).is_some_and(|v| near.is_near(Addr(v))));
            }
        }
        self.leads.insert(object.start, found);
        found
    }
}
