//! Every goroutine with its hands on one map, with what shows it.
//! In: the stacks of all goroutines, and the map. Out: who is inside an operation on it, who holds its
//! address, and who has something that leads to it; and for every goroutine the map operation it is in.

use crate::base::addr::Addr;
use crate::base::limits::MAX_PARTIES;
use crate::base::limits::MAX_REACH_OBJECT;
use crate::base::progress::Progress;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::How;
use crate::crash::atwork::Left;
use crate::crash::atwork::Touch;
use crate::crash::atwork::at_work;
use crate::crash::callsite;
use crate::crash::ops::Op;
use crate::crash::ops::operation;
use crate::dwarf::locals::Piece;
use crate::dwarf::locals::Place;
use crate::find::search::Grounds;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::liveslots::LiveSlots;
use crate::runtime::liveslots::SlotReader;
use crate::runtime::pclntab::PcTables;
use crate::runtime::pclntab::SourceFrame;
use crate::runtime::spans::SlotState;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Part;
use crate::runtime::unwind::Regs;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;
use std::collections::HashMap;

/// How surely a goroutine has to do with a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Grade {
    /// A frame of a map operation holds this map.
    InMapCode,
    /// A frame or register holds its address.
    HoldsPointer,
    /// A variable in scope leads to it.
    Reaches,
}

impl Grade {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::InMapCode => "in-map-code",
            Grade::HoldsPointer => "holds-pointer",
            Grade::Reaches => "reaches",
        }
    }
}

/// A goroutine that has to do with the map.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its `g`.
    pub g: Addr,
    /// Its number.
    pub goroutine: u64,
    /// How surely.
    pub grade: Grade,
    /// What it does to the map, where that is known.
    pub op: Option<Op>,
    /// The word that shows it is in use by the compiler's own tables, not left from before.
    pub live: bool,
    /// It has only just called the operation.
    pub entering: bool,
    /// What shows it.
    pub evidence: String,
    /// The innermost line of the program's own code.
    pub at: Option<SourceFrame>,
    /// The line of the frame that shows it, if that is the program's own.
    pub holds_at: Option<SourceFrame>,
}

/// How many goroutines have which grade.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct PartyTotals {
    /// Inside an operation on the map.
    pub in_map_code: u64,
    /// Hold its address.
    pub holds_pointer: u64,
    /// Have something that leads to it.
    pub reaches: u64,
}

impl PartyTotals {
    fn count(&mut self, grade: Grade) {
        let n = match grade {
            Grade::InMapCode => &mut self.in_map_code,
            Grade::HoldsPointer => &mut self.holds_pointer,
            Grade::Reaches => &mut self.reaches,
        };
        *n = n.saturating_add(1);
    }
}

/// What a look at all goroutines shows.
#[derive(Clone, Default, Debug)]
pub struct Around {
    /// The map operations that goroutines are in, by the goroutine's number, in the order of the list.
    pub works: Vec<(u64, AtWork)>,
    /// Goroutines other than the one that stopped the program that have to do with the map, those that
    /// may collide first; so many of them.
    pub parties: Vec<Party>,
    /// All of them.
    pub totals: PartyTotals,
    /// Stacks that could not be followed to their end.
    pub broken: u64,
}

/// The map whose parties are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its header.
    pub map: Addr,
    /// The word of a package variable from which the way to it begins, and that variable's name.
    pub variable: Option<(Addr, String)>,
}

/// Looks at all goroutines. `target`: whose parties are wanted; `stopper`: who is none of them.
pub fn look_around(
    grounds: &Grounds<'_, '_, '_>,
    target: Option<Target>,
    stopper: Option<u64>,
    progress: &dyn Progress,
) -> Around {
    let mut out = Around::default();
    let Some(goroutines) = grounds.goroutines else {
        return out;
    };
    let machine = grounds.reader.program.machine;
    let unwinder = Unwinder::new(grounds.tables, goroutines, grounds.threads, machine);
    let target = target.filter(|t| !t.map.is_nil());
    let mut search = target.map(|target| Search {
        grounds,
        map: target.map,
        variable: target.variable,
        users: HashMap::new(),
        slots: SlotReader::new(grounds.tables),
        iterator: iterator_size(grounds),
        leads: HashMap::new(),
    });
    progress.phase("looking at goroutines", Some(goroutines.list.len() as u64));
    for (g, done) in goroutines.list.iter().zip(1u64..) {
        let stack = unwinder.unwind(g);
        out.broken = out.broken.saturating_add(u64::from(stack.broken.is_some()));
        let work = at_work(grounds, &stack);
        if let Some(search) = &mut search
            && stopper != Some(g.id)
            && let Some(party) = search.party(g, &stack, work.as_ref())
        {
            out.totals.count(party.grade);
            out.parties.push(party);
        }
        if let Some(work) = work {
            out.works.push((g.id, work));
        }
        progress.at(done);
    }
    out.parties.sort_by_key(|p| {
        (
            p.grade,
            std::cmp::Reverse(p.op),
            p.entering,
            !p.live,
            p.goroutine,
            p.g,
        )
    });
    out.parties.truncate(MAX_PARTIES);
    out
}

/// Bytes of an iterator; 0 where its type is not known.
fn iterator_size(grounds: &Grounds<'_, '_, '_>) -> u64 {
    let program = &grounds.reader.program;
    let swiss = program.type_named("internal/runtime/maps.Iter");
    swiss
        .or_else(|| program.type_named("runtime.hiter"))
        .map_or(0, |ty| program.graph.get(ty).size)
}

struct Search<'c, 's, 'v, 'a> {
    grounds: &'c Grounds<'s, 'v, 'a>,
    map: Addr,
    variable: Option<(Addr, String)>,
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

impl Search<'_, '_, '_, '_> {
    fn party(&mut self, g: &Goroutine, stack: &Stack, work: Option<&AtWork>) -> Option<Party> {
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
        };
        let under_way = work.filter(|w| !matches!(w.left, Left::Panicked { .. }));
        let party = if let Some(touch) = under_way.and_then(|w| w.on(self.map)) {
            Some(Party {
                entering: !under_way.is_some_and(AtWork::begun),
                ..make(Grade::InMapCode, Some(touch.op), true, in_map_code(touch))
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

    /// Whether the small object that `addr` points into has a pointer to the map.
    fn leads(&mut self, addr: Addr) -> bool {
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
            let map = self.map;
            heap.pointer_words(self.grounds.reader.meta, &object, &mut |at| {
                found |= mem.read_addr(at).is_ok_and(|v| v == map);
            });
        }
        self.leads.insert(object.start, found);
        found
    }
}

fn in_map_code(touch: &Touch) -> String {
    let f = &touch.function;
    match &touch.how {
        Some(How::Entry) => format!("an argument of {f}, which it is about to begin"),
        Some(How::Register) => format!("an argument of {f}, which it has just called"),
        Some(How::Iterator) => format!("the iterator that was passed to {f}"),
        Some(How::Variable(name)) => format!("variable {name} of {f}"),
        Some(How::Slot) | None => format!("an argument of {f}"),
    }
}

/// The lines of the program's own code on a goroutine's stack, innermost first.
pub fn lines_of_program<'l>(
    tables: &'l PcTables<'_, '_>,
    stack: &'l Stack,
) -> impl Iterator<Item = SourceFrame> + 'l {
    stack
        .frames
        .iter()
        .filter(|f| f.part == Part::Goroutine)
        .flat_map(|f| tables.source(&f.func, f.lookup()))
        .filter(|s| !is_plumbing(&s.function))
}
