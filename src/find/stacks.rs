//! Goroutines as roots: named variables by the debug information, every other word by the compiler's
//! stack maps, registers of frames that were interrupted, and functions that were not begun yet.
//! In: goroutines and their stacks. Out: what they lead to, in a search; and the words that hold heap
//! addresses, for the sweep and the mark. Over 400 lines: every kind of word is one step of one pass.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::progress::Progress;
use crate::dwarf::locals::Local;
use crate::find::found::Root;
use crate::find::found::Ways;
use crate::find::guard::Guard;
use crate::find::search::Grounds;
use crate::find::sudogs::Sudogs;
use crate::find::trace::Tracer;
use crate::find::variable::gather;
use crate::runtime::funcnames::is_runtime;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::liveslots::LiveSlots;
use crate::runtime::liveslots::Slot;
use crate::runtime::liveslots::SlotReader;
use crate::runtime::liveslots::StackObject;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Part;
use crate::runtime::unwind::Regs;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

/// Largest variable that is looked at: the compiler puts larger ones on the heap
/// (`cmd/compile/internal/ir/cfg.go`, `MaxStackVarSize`, 10 MB up to go1.22).
const MAX_VARIABLE: u64 = 16 << 20;

/// A word of a stack or register that holds the address of what may be a map's header.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The header.
    pub(crate) header: Addr,
    /// Where it is held.
    pub(crate) root: Root,
    /// Stack or register.
    pub(crate) way: Ways,
    /// The type of the map, where a descriptor of it stands beside the word.
    pub(crate) ty: Option<TypeId>,
    /// The compiler says that the word is in use. Others may be left from before, and not belong to
    /// what stands beside them.
    pub(crate) live: bool,
}

/// A map header that lies on a stack, and what lies beside it.
#[derive(Clone, Debug)]
pub(crate) struct StackHeader {
    pub(crate) header: Addr,
    pub(crate) root: Root,
    /// The memory of that stack.
    pub(crate) stack: AddrRange,
    /// The live objects of the same stack, by address: storage may be one of them.
    pub(crate) objects: Arc<[StackObject]>,
}

/// What the stacks hold beside what typed memory leads to.
#[derive(Default, Debug)]
pub(crate) struct StackRoots {
    /// Words with the address of what may be a header on the heap.
    pub(crate) holders: Vec<Holder>,
    /// Headers on stacks.
    pub(crate) headers: Vec<StackHeader>,
    /// Everything on a stack or in a register that may be the address of an object of the heap.
    pub(crate) words: Vec<Addr>,
}

/// Functions in whose frames a map may be half made: a header that is still a copy of another's.
/// Source: `internal/runtime/maps/map.go`, `(*Map).Clone`, from go1.25.
const HALF_MADE: [&str; 1] = ["internal/runtime/maps.(*Map).Clone"];

impl StackRoots {
    /// Follows the named variables of every goroutine (or of one) through `tracer`, and collects the
    /// other words.
    pub(crate) fn follow<'v, 'a>(
        grounds: &Grounds<'_, 'v, 'a>,
        tracer: &mut Tracer<'_, 'v, 'a>,
        only: Option<u64>,
        progress: &dyn Progress,
    ) -> StackRoots {
        let Some(goroutines) = grounds.goroutines else {
            return StackRoots::default();
        };
        let arch = grounds.reader.program.machine;
        let unwinder = Unwinder::new(grounds.tables, goroutines, grounds.threads, arch);
        let mut scan = Scan {
            grounds,
            tracer,
            guard: Guard::new(grounds),
            slots: SlotReader::new(grounds.tables),
            locals: HashMap::new(),
            names: HashMap::new(),
            left: (grounds
                .reader
                .program
                .mem
                .coverage()
                .dumped
                .saturating_mul(8))
            .saturating_add(MAX_VARIABLE),
            sudogs: Sudogs::bind(&grounds.reader.program),
            out: StackRoots::default(),
        };
        progress.phase("reading stacks", Some(goroutines.list.len() as u64));
        for (g, done) in goroutines.list.iter().zip(1u64..) {
            if only.is_none_or(|id| id == g.id) {
                let stack = unwinder.unwind(g);
                scan.goroutine(g, &stack);
            }
            progress.at(done);
        }
        scan.out.words.sort_unstable();
        scan.out.words.dedup();
        scan.out
    }
}

struct Scan<'c, 's, 't, 'v, 'a> {
    grounds: &'c Grounds<'s, 'v, 'a>,
    tracer: &'c mut Tracer<'t, 'v, 'a>,
    guard: Guard<'c, 'v, 'a>,
    slots: SlotReader<'s, 'v, 'a>,
    /// By pc: the variables that can lead to a map, each with the function it belongs to.
    locals: HashMap<(Addr, bool), Locals>,
    /// By entry: function names.
    names: HashMap<Addr, Arc<str>>,
    /// Bytes of variables that may still be read.
    left: u64,
    sudogs: Sudogs,
    out: StackRoots,
}

/// Variables at one pc, each with the function it belongs to.
type Locals = Arc<[(Local, Arc<str>)]>;

/// Where a goroutine is in the scan.
struct At<'g> {
    g: &'g Goroutine,
    stack: &'g Stack,
    slots: &'g LiveSlots,
}

impl<'v> Scan<'_, '_, '_, 'v, '_> {
    fn goroutine(&mut self, g: &Goroutine, stack: &Stack) {
        let slots = self.slots.read(stack, g.stack);
        let unread =
            (slots.unread > 0).then(|| format!("{} words of it are missing", slots.unread));
        if let Some(why) = stack.broken.map(|b| b.to_string()).or(unread) {
            self.note_broken(g.id, why);
        }
        let at = At {
            g,
            stack,
            slots: &slots,
        };
        for frame in &stack.frames {
            let name = self.name_of(frame);
            // The runtime's own variables are not followed: it takes liberties with types that no program may
            // (`selectgo` has a pointer to an array of 65,536 cases, whatever there is).
            if frame.part == Part::Goroutine && !is_runtime(&name) {
                for (local, function) in self.locals_at(frame).iter() {
                    self.local(&at, frame, local, function);
                }
            }
            if let Some(regs) = frame
                .regs
                .and_then(|r| stack.regs.get(usize::try_from(r).ok()?))
            {
                self.registers(&at, regs, &name);
            }
        }
        self.tracer.by(Ways::STACK);
        self.waiting(g);
        self.tracer.drain();
        for slot in &slots.sure {
            self.word(&at, slot, true);
        }
        for slot in &slots.doubtful {
            self.word(&at, slot, false);
        }
        self.stack_headers(&at);
        self.tracer.by(Ways::GOROUTINE);
        self.start(g);
        self.tracer.drain();
    }

    fn note_broken(&mut self, goroutine: u64, why: String) {
        let found = &mut self.tracer.found;
        found.broken_stacks = found.broken_stacks.saturating_add(1);
        found.broken_stack.get_or_insert((goroutine, why));
    }

    /// A named variable.
    fn local(&mut self, at: &At<'_>, frame: &Frame, local: &Local, function: &Arc<str>) {
        let graph = self.grounds.reader.program.graph;
        let size = graph.get(local.ty).size;
        if size == 0 || size > MAX_VARIABLE {
            return;
        }
        // Variables do not overlap either, but for inlined ones, which are few.
        let Some(left) = self.left.checked_sub(size) else {
            self.tracer.found.cut_short = true;
            return;
        };
        self.left = left;
        let mem = self.grounds.reader.program.mem;
        let Some((bytes, spots)) = gather(mem, at.stack, frame, local, size) else {
            return;
        };
        let root = Root::Local {
            goroutine: at.g.id,
            function: function.clone(),
            name: local.name.clone(),
        };
        let mut node = None;
        let plan = self.tracer.plans.plan(local.ty);
        for leaf in &plan.leaves {
            let Some(spot) = spots.iter().find(|s| s.holds(leaf.off)) else {
                continue;
            };
            if !spot.is_live(leaf, at.slots, frame)
                || !self
                    .guard
                    .agrees(leaf, &bytes, at.g.stack, &at.slots.objects)
            {
                continue;
            }
            let idx = *node
                .get_or_insert_with(|| self.tracer.push_root(root.clone(), local.ty, Addr::NIL, 0));
            let slot = spot.addr_of(leaf.off).unwrap_or(Addr::NIL);
            self.tracer.by(if slot.is_nil() {
                Ways::REGISTER
            } else {
                Ways::STACK
            });
            self.tracer.follow(idx, leaf, slot, leaf.off, &bytes);
            self.tracer.drain();
        }
    }

    /// What a goroutine that waits at channels has there: the values it would send. Those that lie on
    /// its stack are among its words; of others the channel tells the type.
    fn waiting(&mut self, g: &Goroutine) {
        let reader = &self.grounds.reader;
        for (elem, descriptor) in self.sudogs.of(reader.program.mem, g.waiting) {
            let Some(ty) = reader.meta.type_at(descriptor) else {
                continue;
            };
            if self.tracer.plans.leads(ty) && self.guard.leads_to(elem, ty) {
                let root = Root::Waiting { goroutine: g.id };
                self.tracer.push_root(root, ty, elem, 1);
            }
        }
    }

    fn registers(&mut self, at: &At<'_>, regs: &Regs, function: &Arc<str>) {
        const RAX: usize = 0;
        const RBX: usize = 3;
        for (value, number) in regs.general.iter().zip(0usize..) {
            let value = Addr(*value);
            if self.hold(value) != Some(Held::Header) || self.is_known(value, Ways::REGISTER) {
                continue;
            }
            // Map functions get the map's type in the first argument register, the map in the second.
            let ty = regs
                .general
                .get(RAX)
                .filter(|_| number == RBX)
                .and_then(|w| self.guard.map_type(Addr(*w)));
            self.out.holders.push(Holder {
                header: value,
                root: Root::Register {
                    goroutine: at.g.id,
                    function: function.clone(),
                    name: Regs::name(number),
                },
                way: Ways::REGISTER,
                ty,
                live: false,
            });
        }
    }

    /// A word of the stack, whatever its name.
    fn word(&mut self, at: &At<'_>, slot: &Slot, live: bool) {
        if self.hold(slot.value) != Some(Held::Header) || self.is_known(slot.value, Ways::STACK) {
            return;
        }
        let frame = usize::try_from(slot.frame)
            .ok()
            .and_then(|i| at.stack.frames.get(i));
        let Some(frame) = frame else { return };
        let function = self.name_of(frame);
        if HALF_MADE.contains(&&*function) {
            return;
        }
        let word = self.grounds.reader.program.mem.abi.word();
        // An iterator, and the arguments of a map function, have the map's type in front of the map.
        let before = slot.addr.0.checked_sub(word).map(Addr);
        let ty = before
            .and_then(|at| self.grounds.reader.program.mem.read_addr(at).ok())
            .and_then(|w| self.guard.map_type(w));
        self.out.holders.push(Holder {
            header: slot.value,
            root: Root::Slot {
                goroutine: at.g.id,
                function,
                off: slot.addr.0.wrapping_sub(frame.cfa.0).cast_signed(),
            },
            way: Ways::STACK,
            ty,
            live,
        });
    }

    /// Whether this is a map that was found before; notes that it was found this way as well.
    fn is_known(&mut self, header: Addr, way: Ways) -> bool {
        let known = self.tracer.known.get(header);
        if let Some(i) = known {
            self.tracer.found.maps.add_way(i, way);
        }
        known.is_some()
    }

    /// Keeps a value that may be the address of an object; what it may be the address of.
    fn hold(&mut self, value: Addr) -> Option<Held> {
        let kind = self.guard.held(value)?;
        self.out.words.push(value);
        Some(kind)
    }

    fn stack_headers(&mut self, at: &At<'_>) {
        let mut shared: Option<Arc<[StackObject]>> = None;
        for o in at.slots.objects.iter().filter(|o| o.live) {
            let frame = usize::try_from(o.frame)
                .ok()
                .and_then(|i| at.stack.frames.get(i));
            let (true, Some(frame)) = (self.guard.is_header_object(o), frame) else {
                continue;
            };
            let objects = shared
                .get_or_insert_with(|| at.slots.objects.clone().into())
                .clone();
            let function = self.name_of(frame);
            self.out.headers.push(StackHeader {
                header: o.at.start,
                root: Root::Slot {
                    goroutine: at.g.id,
                    function,
                    off: o.at.start.0.wrapping_sub(frame.cfa.0).cast_signed(),
                },
                stack: at.g.stack,
                objects,
            });
        }
    }

    /// The function of a goroutine that has not begun.
    fn start(&mut self, g: &Goroutine) {
        let mem = self.grounds.reader.program.mem;
        let Ok(closure) = mem.read_addr(g.ctxt) else {
            return;
        };
        if closure.is_nil() || self.hold(closure).is_none() {
            return;
        }
        let root = Root::Start { goroutine: g.id };
        let idx = self.tracer.push_root(root, TypeId(u32::MAX), Addr::NIL, 0);
        self.tracer.follow_func(idx, closure, 0);
    }

    fn locals_at(&mut self, frame: &Frame) -> Locals {
        let key = (frame.pc, frame.exact);
        if let Some(known) = self.locals.get(&key) {
            return known.clone();
        }
        let program = &self.grounds.reader.program;
        let found = if frame.exact {
            program.index.locals(program.unslid(frame.pc))
        } else {
            program.index.locals_in_call(program.unslid(frame.pc))
        };
        let own = self.name_of(frame);
        let leading: Vec<(Local, Arc<str>)> = found
            .into_iter()
            .filter(|l| self.tracer.plans.leads(l.ty))
            .map(|l| {
                let function = l.inlined.as_deref().map_or_else(|| own.clone(), Arc::from);
                (l, function)
            })
            .collect();
        let leading: Locals = leading.into();
        self.locals.insert(key, leading.clone());
        leading
    }

    fn name_of(&mut self, frame: &Frame) -> Arc<str> {
        let tables = self.grounds.tables;
        self.names
            .entry(frame.func.entry)
            .or_insert_with(|| Arc::from(&*tables.name(&frame.func)))
            .clone()
    }
}

/// What a word may be the address of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// The start of an object of the size and pointer pattern of a map's header.
    Header,
    /// Any other place in an object of the heap.
    Other,
}
