//! Which words of a goroutine's stack are pointers: what the garbage collector would scan.
//! In: a stack's frames and the compiler's tables (stack maps, stack objects). Out: words that are live
//! pointers, words that may be, and the objects that lie in the frames.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::word_mask;
use crate::base::limits::MAX_FUNCDATA;
use crate::process::memory::Memory;
use crate::process::memory::MemoryRun;
use crate::runtime::pclntab::FUNCDATA_ARGS;
use crate::runtime::pclntab::FUNCDATA_LOCALS;
use crate::runtime::pclntab::FUNCDATA_STACK_OBJECTS;
use crate::runtime::pclntab::Func;
use crate::runtime::pclntab::PCDATA_STACK_MAP;
use crate::runtime::pclntab::PcTables;
use crate::runtime::pclntab::StackMap;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Part;
use crate::runtime::unwind::Stack;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Bytes of one `stackObjectRecord`: off, size, ptrdata and gcdataoff, 4 each. Source:
/// `runtime/stack.go`, all versions.
const RECORD: u64 = 16;
/// Objects described for one function at most.
const MAX_OBJECTS: u64 = 1 << 16;
/// Words of all stacks together that are read, however small the core.
const MIN_WORDS: u64 = 1 << 20;
/// Largest object whose mask is kept as one word: 64 words.
const MASK_WORDS: u64 = 64;

/// A word of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot {
    /// Where.
    pub addr: Addr,
    /// What stands there.
    pub value: Addr,
    /// The frame it belongs to, by position in the stack.
    pub frame: u32,
}

/// An object that lies in a frame because something holds its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackObject {
    /// Where.
    pub at: AddrRange,
    /// Bit i: word i is a pointer; `None` for objects of more than 64 words.
    pub mask: Option<u64>,
    /// The frame it lies in.
    pub frame: u32,
    /// Something live leads to it, or the compiler says that it is live itself.
    pub live: bool,
}

/// What of a stack is pointers.
#[derive(Clone, Default, Debug)]
pub struct LiveSlots {
    /// Words that are live pointers, by address. Nil ones are left out.
    pub sure: Vec<Slot>,
    /// Words of interrupted frames, where the compiler's tables do not hold: any of them may be a
    /// pointer, or left from before. By address; nil ones are left out.
    pub doubtful: Vec<Slot>,
    /// The objects, by address.
    pub objects: Vec<StackObject>,
    /// Words that could not be read.
    pub unread: u64,
}

impl LiveSlots {
    /// Whether the word at `addr` is a live pointer, by the compiler's own tables.
    pub fn is_sure(&self, addr: Addr) -> bool {
        self.sure.binary_search_by_key(&addr, |s| s.addr).is_ok()
    }
}

/// Reads stacks; keeps what the tables say of each pc.
pub struct SlotReader<'s, 'v, 'a> {
    tables: &'s PcTables<'v, 'a>,
    mem: &'v Memory<'a>,
    /// Words that may still be read: frames do not overlap, so all of them have no more than the core.
    left: u64,
    frames: HashMap<(Addr, bool), Arc<FrameMap>>,
}

/// What the tables say of a frame at one pc.
#[derive(Default)]
struct FrameMap {
    /// Live words of the locals, in bytes below `varp`; `None` where nothing is known of them.
    locals: Option<Vec<u64>>,
    /// Live words of the arguments, in bytes from the canonical frame address.
    args: Option<Vec<u64>>,
    /// Bytes of arguments.
    args_size: u64,
    /// Words that the tables speak of, all together.
    cost: u64,
    objects: Vec<Record>,
}

/// A stack object's record.
struct Record {
    /// Bytes from `varp` where negative, from the arguments otherwise.
    off: i32,
    size: u32,
    mask: Option<u64>,
    /// Offsets of its pointer words.
    words: Vec<u64>,
}

impl<'s, 'v, 'a> SlotReader<'s, 'v, 'a> {
    /// A reader over the function tables.
    pub fn new(tables: &'s PcTables<'v, 'a>) -> SlotReader<'s, 'v, 'a> {
        SlotReader {
            tables,
            mem: tables.memory(),
            left: (tables.memory().coverage().dumped / 4).saturating_add(MIN_WORDS),
            frames: HashMap::new(),
        }
    }

    /// The pointers of a goroutine's own stack, whose memory is `bounds`.
    pub fn read(&mut self, stack: &Stack, bounds: AddrRange) -> LiveSlots {
        let mut out = LiveSlots::default();
        let mut words: Vec<Vec<u64>> = Vec::new();
        for (frame, idx) in stack.frames.iter().zip(0u32..) {
            if frame.part == Part::Goroutine {
                self.read_frame(frame, idx, &mut out, &mut words);
            }
        }
        out.sure.sort_unstable();
        out.sure.dedup_by_key(|s| s.addr);
        out.doubtful.sort_unstable();
        out.doubtful.dedup_by_key(|s| s.addr);
        self.reach_objects(&mut out, &words, bounds);
        out
    }

    fn read_frame(
        &mut self,
        frame: &Frame,
        idx: u32,
        out: &mut LiveSlots,
        words: &mut Vec<Vec<u64>>,
    ) {
        let word = self.mem.abi.word();
        let map = self.map_of(frame);
        let Some(ret) = frame.cfa.0.checked_sub(word).map(Addr) else {
            return;
        };
        // Source: `runtime/stkframe.go`, `stkframe.varp`: the saved frame pointer lies on top of the
        // locals wherever there is a frame at all (amd64).
        let varp = if ret > frame.sp {
            Addr(ret.0.saturating_sub(word))
        } else {
            ret
        };
        let interrupted = frame.is_interrupted();
        let cost = map.cost.max(ret.0.saturating_sub(frame.sp.0) / 8);
        let Some(left) = self.left.checked_sub(cost) else {
            out.unread = out.unread.saturating_add(cost);
            return;
        };
        self.left = left;
        match (&map.locals, interrupted) {
            (Some(live), false) => {
                for off in live {
                    if let Some(at) = varp.0.checked_sub(*off) {
                        self.push(&mut out.sure, &mut out.unread, Addr(at), idx);
                    }
                }
            }
            _ => self.push_all(frame.sp, ret, idx, out),
        }
        match (&map.args, interrupted) {
            (Some(live), false) => {
                for off in live {
                    if let Some(at) = frame.cfa.checked_add(*off) {
                        self.push(&mut out.sure, &mut out.unread, at, idx);
                    }
                }
            }
            _ => {
                if let Some(end) = frame.cfa.checked_add(map.args_size) {
                    self.push_all(frame.cfa, end, idx, out);
                }
            }
        }
        for r in &map.objects {
            let base = if r.off < 0 { varp } else { frame.cfa };
            let start = base.0.checked_add_signed(i64::from(r.off)).map(Addr);
            if let Some(at) = start.and_then(|s| AddrRange::of_size(s, u64::from(r.size))) {
                out.objects.push(StackObject {
                    at,
                    mask: r.mask,
                    frame: idx,
                    live: false,
                });
                words.push(r.words.clone());
            }
        }
    }

    fn push(&self, list: &mut Vec<Slot>, unread: &mut u64, addr: Addr, frame: u32) {
        match self.mem.read_addr(addr) {
            Ok(value) if value.is_nil() => {}
            Ok(value) => list.push(Slot { addr, value, frame }),
            Err(_) => *unread = unread.saturating_add(1),
        }
    }

    /// Every word from `start` to `end`.
    fn push_all(&self, start: Addr, end: Addr, frame: u32, out: &mut LiveSlots) {
        let word = self.mem.abi.word();
        let size = end.0.saturating_sub(start.0).min(MAX_FUNCDATA);
        for run in self.mem.runs(start, size) {
            let (at, bytes) = match run {
                MemoryRun::Bytes(at, bytes) => (at, bytes),
                MemoryRun::Gap(fault) => {
                    out.unread = out.unread.saturating_add(fault.size.div_ceil(word.max(1)));
                    continue;
                }
            };
            let step = usize::from(self.mem.abi.ptr_size).max(1);
            for (raw, i) in bytes.chunks_exact(step).zip(0u64..) {
                let value = Addr(self.mem.abi.uptr(raw, 0).unwrap_or(0));
                if let Some(addr) = at.element(i, word).filter(|_| !value.is_nil()) {
                    out.doubtful.push(Slot { addr, value, frame });
                }
            }
        }
    }

    /// Finds out which objects are live, and adds their pointers. Source: `runtime/mgcstack.go`.
    fn reach_objects(&self, out: &mut LiveSlots, words: &[Vec<u64>], bounds: AddrRange) {
        let mut order: Vec<(StackObject, &Vec<u64>)> =
            out.objects.iter().copied().zip(words).collect();
        order.sort_by_key(|(o, _)| (o.at.start, o.at.end));
        // An object whose own words are live is live itself.
        let mut todo: Vec<usize> = Vec::new();
        for (i, (o, offs)) in order.iter().enumerate() {
            let own = offs
                .iter()
                .filter_map(|w| o.at.start.checked_add(*w))
                .any(|at| out.sure.binary_search_by_key(&at, |s| s.addr).is_ok());
            if own {
                todo.push(i);
            }
        }
        let held_by = |value: Addr| {
            let i = order
                .partition_point(|(o, _)| o.at.start <= value)
                .checked_sub(1)?;
            let (o, _) = order.get(i)?;
            o.at.contains(value).then_some(i)
        };
        let lead = out.sure.iter().chain(&out.doubtful);
        todo.extend(
            lead.filter(|s| bounds.contains(s.value))
                .filter_map(|s| held_by(s.value)),
        );
        let mut live = HashSet::new();
        let mut more = Vec::new();
        while let Some(i) = todo.pop() {
            let Some((o, offs)) = order.get(i).filter(|_| live.insert(i)) else {
                continue;
            };
            for at in offs.iter().filter_map(|w| o.at.start.checked_add(*w)) {
                match self.mem.read_addr(at) {
                    Ok(value) if value.is_nil() => {}
                    Ok(value) => {
                        more.push(Slot {
                            addr: at,
                            value,
                            frame: o.frame,
                        });
                        todo.extend(held_by(value));
                    }
                    Err(_) => out.unread = out.unread.saturating_add(1),
                }
            }
        }
        out.objects = order
            .iter()
            .enumerate()
            .map(|(i, (o, _))| StackObject {
                live: live.contains(&i),
                ..*o
            })
            .collect();
        out.sure.extend(more);
        out.sure.sort_unstable();
        out.sure.dedup_by_key(|s| s.addr);
    }

    fn map_of(&mut self, frame: &Frame) -> Arc<FrameMap> {
        let key = (frame.pc, frame.exact);
        if let Some(known) = self.frames.get(&key) {
            return known.clone();
        }
        let map = Arc::new(self.make_map(&frame.func, frame.lookup()));
        self.frames.insert(key, map.clone());
        map
    }

    /// Source: `runtime/stkframe.go`, `getStackMap` (go1.19: `runtime/stack.go`).
    fn make_map(&self, f: &Func, pc: Addr) -> FrameMap {
        let word = self.mem.abi.word();
        let index = self.tables.pcdata(f, PCDATA_STACK_MAP, pc).unwrap_or(-1);
        let map = |which| StackMap::read(self.mem, self.tables.funcdata(f, which)?, index);
        let args_size = self.tables.args_size(f).unwrap_or(0);
        let locals = map(FUNCDATA_LOCALS).map(|m| {
            let words = u64::from(m.words);
            m.live()
                .map(|i| words.saturating_sub(i).saturating_mul(word))
                .collect()
        });
        let args = if args_size == 0 {
            Some(Vec::new())
        } else {
            map(FUNCDATA_ARGS).map(|m| m.live().map(|i| i.saturating_mul(word)).collect())
        };
        let objects = self.records(f, pc).unwrap_or_default();
        let count = |v: &Option<Vec<u64>>| v.as_ref().map_or(0, |v| v.len() as u64);
        let words = objects.iter().map(|o| o.words.len() as u64);
        let cost = words
            .fold(objects.len() as u64, u64::saturating_add)
            .saturating_add(count(&locals))
            .saturating_add(count(&args));
        FrameMap {
            locals,
            args,
            args_size: args_size.min(MAX_FUNCDATA),
            cost,
            objects,
        }
    }

    /// The stack objects of a function. Source: `runtime/stack.go`, `stackObjectRecord`, and
    /// `gcdata`: the mask lies `gcdataoff` bytes behind the module's rodata.
    ///
    /// Objects lie in the frame, one beside the other: together they are no larger than it is.
    fn records(&self, f: &Func, pc: Addr) -> Option<Vec<Record>> {
        let at = self.tables.funcdata(f, FUNCDATA_STACK_OBJECTS)?;
        let word = self.mem.abi.word();
        let n = self.mem.read_uptr(at).ok().filter(|n| *n <= MAX_OBJECTS)?;
        let list = at.checked_add(word)?;
        let raw = self.mem.bytes(list, n.checked_mul(RECORD)?).ok()?;
        let rodata = self.tables.rodata(f)?;
        let abi = self.mem.abi;
        let each = usize::try_from(RECORD).ok()?;
        let args = self.tables.args_size(f).unwrap_or(0);
        let frame = self.tables.sp_delta(f, pc)?.saturating_add(args);
        let mut left = frame.min(MAX_FUNCDATA);
        let record = |r: &[u8]| {
            let off = abi.u32(r, 0)?.cast_signed();
            let size = abi.u32(r, 4)?;
            left = left.checked_sub(u64::from(size))?;
            let pointers = abi.u32(r, 8)?.cast_signed();
            let bits = rodata.checked_add(u64::from(abi.u32(r, 12)?))?;
            let words = u64::from(size).checked_div(word)?;
            let offs: Vec<u64> = if pointers < 0 {
                // A mask that is a program to be run: every word may be a pointer.
                (0..words).map(|i| i.saturating_mul(word)).collect()
            } else {
                let n = u64::from(pointers.unsigned_abs()).checked_div(word)?;
                let mask = self.mem.bytes(bits, n.min(words).div_ceil(8)).ok()?;
                (0..n.min(words))
                    .filter(|i| {
                        let byte = usize::try_from(i / 8).ok().and_then(|at| mask.get(at));
                        byte.is_some_and(|b| b >> (i % 8) & 1 == 1)
                    })
                    .map(|i| i.saturating_mul(word))
                    .collect()
            };
            let mask = (words <= MASK_WORDS && pointers >= 0).then(|| word_mask(&offs, word));
            Some(Record {
                off,
                size,
                mask,
                words: offs,
            })
        };
        Some(raw.chunks_exact(each).filter_map(record).collect())
    }
}
