//! What a goroutine was doing to which map.
//! In: its stack. Out: the map operations it is in, each with the map where the frame still has it. Only
//! what the compiler's tables or the debug information vouch for counts; other words are for `clues.rs`.
//! Over 400 lines: one walk over a stack.

use crate::base::addr::Addr;
use crate::base::limits::MAX_OP_FRAME;
use crate::crash::callsite;
use crate::crash::ops::Leads;
use crate::crash::ops::Op;
use crate::crash::ops::operation;
use crate::dwarf::locals::Local;
use crate::find::search::Grounds;
use crate::find::variable::gather;
use crate::maps::layout::Family;
use crate::runtime::argslots::Arg;
use crate::runtime::argslots::ArgPlace;
use crate::runtime::argslots::arguments;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::funcnames::is_runtime;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Stack;

/// Where the map of an operation was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// An argument's slot, which the compiler's tables call live.
    Slot,
    /// An argument's slot; the function has not begun: it had to wait at its entry.
    Entry,
    /// An argument's register; the function has not begun.
    Register,
    /// A variable of the function, of this name, by its location list.
    Variable(&'static str),
    /// What the caller's own code passes, read again from where it takes it.
    Passed,
}

/// One map function of a stack, and the map it works on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touch {
    /// What it does.
    pub op: Op,
    /// The function.
    pub function: String,
    /// Its frame, by position in the stack.
    pub frame: usize,
    /// The map's header; nil for a nil map, `None` where the frame does not have it any more.
    pub map: Option<Addr>,
    /// The map type's descriptor, where the frame has it.
    pub ty: Option<Addr>,
    /// Where the header was read from.
    pub how: Option<How>,
    /// It is a `HashTrieMap`, which `sync.Map` is from go1.24.
    pub trie: bool,
}

impl Touch {
    /// What says that it is this map, for people.
    pub fn evidence(&self) -> String {
        let f = &self.function;
        match &self.how {
            Some(How::Slot) => format!("an argument of {f}, which is live there"),
            Some(How::Entry) => format!("an argument of {f}, which had not begun"),
            Some(How::Register) => format!("an argument of {f}, still in its register"),
            Some(How::Variable(name)) => format!("variable {name} of {f}"),
            Some(How::Passed) => format!("what the caller's code passes to {f}"),
            None => "the message: nothing but a nil map brings it about".to_owned(),
        }
    }
}

/// How an operation was left, if it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// It is under way.
    No,
    /// The runtime stopped the program in it.
    Thrown,
    /// A panic came out of it. `deferred` if functions of the program run on top of it.
    Panicked {
        /// A deferred function runs.
        deferred: bool,
    },
}

/// The map operation a goroutine is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtWork {
    /// Its functions, innermost first; never empty.
    pub touches: Vec<Touch>,
    /// How it was left.
    pub left: Left,
    /// The words of these functions' frames and registers, where no frame says which map it is, or where
    /// there is another that nothing says: what `maps.Clone` makes.
    pub words: Vec<Addr>,
}

impl AtWork {
    /// The worst that it does: a clone reads one map and writes another.
    pub fn op(&self) -> Op {
        self.touches.iter().map(|t| t.op).max().unwrap_or(Op::Read)
    }

    /// The function that the program called.
    pub fn function(&self) -> &str {
        self.touches.last().map_or("?", |t| t.function.as_str())
    }

    /// Whether it has begun: a goroutine may have been stopped at the very call.
    pub fn begun(&self) -> bool {
        let call = self.touches.last().and_then(|t| t.how.as_ref());
        !matches!(call, Some(How::Entry | How::Register))
    }

    /// The innermost function that still has its map.
    pub fn innermost(&self) -> Option<&Touch> {
        self.touches.iter().find(|t| t.map.is_some())
    }

    /// What it does to this map; the worst of it.
    pub fn on(&self, map: Addr) -> Option<&Touch> {
        self.touches
            .iter()
            .filter(|t| t.map == Some(map))
            .max_by_key(|t| t.op)
    }

    /// Whether all of its functions that say so work on one map.
    pub fn map(&self) -> Option<Addr> {
        let mut maps = self.touches.iter().filter_map(|t| t.map);
        let first = maps.next()?;
        maps.all(|m| m == first).then_some(first)
    }
}

/// Functions by which the runtime stops the program for good. Source: `runtime/panic.go`, all versions;
/// `internal/runtime/maps/runtime.go`, from go1.24.
pub(crate) const THROWS: [&str; 3] = [
    "runtime.fatal",
    "runtime.throw",
    "internal/runtime/maps.fatal",
];
/// Functions by which a panic begins. Source: `runtime/panic.go`, `runtime/signal_unix.go`.
const PANICS: [&str; 2] = ["runtime.gopanic", "runtime.sigpanic"];

/// What the goroutine of this stack is doing to a map; `None` if nothing. Up to the first function of the
/// program, what stands before a map function is on its behalf: the allocator, a signal, a panic.
pub fn at_work(grounds: &Grounds<'_, '_, '_>, stack: &Stack) -> Option<AtWork> {
    let mut touches: Vec<Touch> = Vec::new();
    let mut left = Left::No;
    let mut of_program = false;
    for (i, frame) in stack.frames.iter().enumerate() {
        let name = grounds.tables.name(&frame.func);
        let Some(known) = operation(&name) else {
            if !touches.is_empty() {
                if is_runtime(&name) {
                    continue; // between two map functions: newTable, mapKeyError
                }
                break; // the caller of the outermost map function
            }
            if PANICS.contains(&&*name) {
                left = Left::Panicked {
                    deferred: of_program,
                };
            } else if THROWS.contains(&&*name) && left == Left::No {
                left = Left::Thrown;
            } else if !is_plumbing(&name) {
                of_program = true;
            }
            continue;
        };
        // The program cannot be called from a map function, but by way of a panic.
        if of_program && !matches!(left, Left::Panicked { .. }) {
            return None;
        }
        touches.push(touch(
            grounds,
            stack,
            (i, frame),
            &name,
            known.op,
            known.leads,
        ));
    }
    let (first, last) = (touches.first()?.frame, touches.last()?.frame);
    if let Some(touch) = touches.last_mut() {
        ask_caller(grounds, stack, last.saturating_add(1), touch);
    }
    let said = touches.iter().any(|t| t.map.is_some());
    let copies = touches.iter().any(|t| t.op == Op::Clone);
    let words = if said && !copies {
        Vec::new()
    } else {
        let frames = stack.frames.get(first..=last).unwrap_or_default();
        let all = frames.iter().flat_map(|f| words(grounds, stack, f));
        all.collect()
    };
    Some(AtWork {
        touches,
        left,
        words,
    })
}

/// The words of a frame, its arguments' places and its registers.
fn words(grounds: &Grounds<'_, '_, '_>, stack: &Stack, f: &Frame) -> Vec<Addr> {
    let mem = grounds.reader.program.mem;
    let args = grounds.tables.args_size(&f.func).unwrap_or(0);
    let size = f.cfa.offset_from(f.sp).unwrap_or(0).saturating_add(args);
    let mut out = Vec::new();
    if let Ok(bytes) = mem.bytes(f.sp, size.min(MAX_OP_FRAME)) {
        let step = usize::from(mem.abi.ptr_size).max(1);
        out.extend(bytes.chunks_exact(step).filter_map(|w| mem.abi.uptr(w, 0)));
    }
    let regs = f
        .regs
        .and_then(|i| stack.regs.get(usize::try_from(i).ok()?));
    out.extend(regs.iter().flat_map(|r| r.general));
    out.into_iter().map(Addr).collect()
}

/// Asks the caller of the outermost map function for what that does not have any more.
fn ask_caller(grounds: &Grounds<'_, '_, '_>, stack: &Stack, number: usize, touch: &mut Touch) {
    let caller = stack.frames.get(number);
    let Some(caller) = caller.filter(|_| touch.map.is_none() || touch.ty.is_none()) else {
        return;
    };
    let meta = grounds.reader.meta;
    let leads = operation(&touch.function).map(|o| o.leads);
    let [first, second] = callsite::passed(grounds, stack, number);
    let (ty, map) = match leads {
        Some(Leads::Map {
            ty: Some(0),
            map: 1,
        }) => {
            let ty = first.filter(|t| meta.is_map_type(*t));
            (ty.or_else(|| callsite::map_type(grounds, caller)), second)
        }
        Some(Leads::Iterator(0)) => match first.and_then(|it| iterated(grounds, it)) {
            Some((ty, map)) => (Some(ty), Some(map)),
            None => return,
        },
        _ => return,
    };
    touch.ty = touch.ty.or(ty);
    // A map is passed with its type; without it, the second argument is something else.
    if touch.map.is_none() && touch.ty.is_some() && map.is_some_and(|m| !m.is_nil()) {
        (touch.map, touch.how) = (map, Some(How::Passed));
    }
}

fn touch(
    grounds: &Grounds<'_, '_, '_>,
    stack: &Stack,
    (i, frame): (usize, &Frame),
    name: &str,
    op: Op,
    leads: Leads,
) -> Touch {
    let mut out = Touch {
        op,
        function: name.to_owned(),
        frame: i,
        map: None,
        ty: None,
        how: None,
        trie: matches!(leads, Leads::Trie(_)),
    };
    let call = Call {
        grounds,
        stack,
        frame,
        args: arguments(grounds.tables, stack, frame),
        locals: None,
    };
    resolve(call, leads, &mut out);
    out
}

/// A call of a map function, and what is left of its arguments.
struct Call<'c, 's, 'v, 'a> {
    grounds: &'c Grounds<'s, 'v, 'a>,
    stack: &'c Stack,
    frame: &'c Frame,
    args: Vec<Arg>,
    /// Its variables, once they were asked for.
    locals: Option<Vec<Local>>,
}

/// The names of the arguments. Source: the map functions of go1.19 to go1.27.
const TYPE_NAMES: [&str; 2] = ["t", "typ"];
const MAP_NAMES: [&str; 3] = ["h", "m", "src"];
const ITER_NAMES: [&str; 1] = ["it"];

fn resolve(mut call: Call<'_, '_, '_, '_>, leads: Leads, out: &mut Touch) {
    match leads {
        Leads::Map { ty, map } => {
            let ty = ty.and_then(|ty| Some(call.get(ty, &TYPE_NAMES)?.0));
            let Some((map, how)) = call.get(map, &MAP_NAMES) else {
                out.ty = ty.filter(|t| call.is_map_type(*t));
                return;
            };
            // What stands in the type's place and is none says that these are not the arguments.
            if ty.is_some_and(|t| !call.is_map_type(t)) {
                return;
            }
            (out.map, out.ty, out.how) = (Some(map), ty, Some(how));
        }
        Leads::Iterator(number) => {
            let Some((it, how)) = call.get(number, &ITER_NAMES) else {
                return;
            };
            if let Some((ty, map)) = iterated(call.grounds, it) {
                (out.map, out.ty, out.how) = (Some(map), Some(ty), Some(how));
            }
        }
        Leads::Trie(number) => {
            // Beside the receiver a function of a type parameter gets a dictionary, which is read-only.
            let writable = |a: Addr| {
                let modules = &call.grounds.modules.list;
                let data = modules
                    .iter()
                    .flat_map(|m| [m.data, m.bss, m.noptrdata, m.noptrbss]);
                let on_heap = call.grounds.reader.heap.spans().object(a).is_some();
                on_heap || data.into_iter().any(|r| r.contains(a))
            };
            let args = [number, number.saturating_add(1)];
            let found = args.iter().find_map(|n| {
                let arg = call.args.get(*n)?;
                Some((arg.value.filter(|v| writable(*v))?, How::Slot))
            });
            if let Some((map, how)) = found {
                (out.map, out.how) = (Some(map), Some(how));
            }
        }
        Leads::None => {}
    }
}

impl Call<'_, '_, '_, '_> {
    /// An argument by its number, else by its names.
    fn get(&mut self, number: usize, names: &[&'static str]) -> Option<(Addr, How)> {
        let arg = self.args.get(number).copied();
        if let Some(value) = arg.and_then(|a| a.value) {
            let how = match arg.map(|a| a.place) {
                Some(ArgPlace::Entry) => How::Entry,
                Some(ArgPlace::Register) => How::Register,
                _ => How::Slot,
            };
            return Some((value, how));
        }
        self.variable(names)
    }

    /// A variable of one of these names that is one word, by its location list.
    fn variable(&mut self, names: &[&'static str]) -> Option<(Addr, How)> {
        let program = &self.grounds.reader.program;
        let frame = self.frame;
        let locals = self.locals.get_or_insert_with(|| {
            let pc = program.unslid(frame.pc);
            if frame.exact {
                program.index.locals(pc)
            } else {
                program.index.locals_in_call(pc)
            }
        });
        let word = program.mem.abi.word();
        names.iter().find_map(|name| {
            let local = locals
                .iter()
                .find(|l| l.parameter && l.inlined.is_none() && l.name == *name)?;
            let (bytes, _) = gather(program.mem, self.stack, frame, local, word)?;
            let whole = local.pieces.iter().all(|p| p.size == word);
            let value = program.mem.abi.uptr(&bytes, 0).filter(|_| whole)?;
            Some((Addr(value), How::Variable(name)))
        })
    }

    fn is_map_type(&self, ty: Addr) -> bool {
        self.grounds.reader.meta.is_map_type(ty)
    }
}

/// Type and map of an iterator. Source: `runtime/map.go`, `hiter`, and `internal/runtime/maps/table.go`,
/// `Iter`: key, elem, type, map; and `runtime/linkname_swiss.go`, `linknameIter` (go1.24 to go1.26), which
/// has an `Iter` in the map's place.
fn iterated(grounds: &Grounds<'_, '_, '_>, it: Addr) -> Option<(Addr, Addr)> {
    let mem = grounds.reader.program.mem;
    let word = mem.abi.word();
    let field = |at: Addr, i: u64| mem.read_addr(at.element(i, word)?).ok();
    let (ty, map) = (field(it, 2)?, field(it, 3)?);
    if !grounds.reader.meta.is_map_type(ty) {
        return None;
    }
    let swiss = matches!(grounds.reader.layouts.family, Family::Swiss { .. });
    if swiss && field(map, 2) == Some(ty) {
        return Some((ty, field(map, 3)?));
    }
    Some((ty, map))
}
