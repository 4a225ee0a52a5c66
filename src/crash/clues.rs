//! Which map a goroutine may have been working on, where its frames no longer say so.
//! In: its stack, the map functions on it, and what a map's header looks like. Out: candidates with what
//! speaks for each, likeliest first. They are never more than candidates: any word may be left from before.

use crate::base::addr::Addr;
use crate::base::limits::MAX_OP_FRAME;
use crate::crash::atwork::AtWork;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::guard::Guard;
use crate::find::search::Grounds;
use crate::maps::image::Hmap;
use crate::runtime::liveslots::LiveSlots;
use crate::runtime::unwind::Regs;
use crate::runtime::unwind::Stack;
use crate::types::graph::TypeId;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Frames of the program above the map functions that are looked at as well.
const CALLERS: usize = 3;

/// Tells which words are addresses of map headers.
pub struct Headers<'h, 'v, 'a> {
    grounds: &'h Grounds<'h, 'v, 'a>,
    guard: Guard<'h, 'v, 'a>,
    /// All maps, if they were looked for.
    known: Option<&'h Found>,
    /// Their positions, by address; sorted when first asked for, as most crashes ask for none.
    by_addr: OnceLock<Vec<u32>>,
}

impl<'h, 'v, 'a> Headers<'h, 'v, 'a> {
    /// With the maps that a search found; without one, the allocator is asked what could be a header.
    pub fn new(grounds: &'h Grounds<'h, 'v, 'a>, known: Option<&'h Found>) -> Headers<'h, 'v, 'a> {
        Headers {
            grounds,
            guard: Guard::new(grounds),
            known,
            by_addr: OnceLock::new(),
        }
    }

    /// The map that was found at this address.
    fn known_at(&self, found: &Found, addr: Addr) -> Option<FoundMap> {
        let map = |i: &u32| found.maps.get(usize::try_from(*i).ok()?);
        let at = |i: &u32| map(i).map(|m| m.addr);
        let all = self.by_addr.get_or_init(|| {
            let mut all: Vec<u32> = (0u32..).zip(found.maps.iter()).map(|(i, _)| i).collect();
            all.sort_unstable_by_key(at);
            all
        });
        let i = all.partition_point(|i| at(i) < Some(addr));
        all.get(i).and_then(map).filter(|m| m.addr == addr)
    }

    /// Whether the word may be one.
    pub fn is(&self, addr: Addr) -> bool {
        match &self.known {
            Some(found) => self.known_at(found, addr).is_some(),
            None => self.guard.is_header_at(addr),
        }
    }

    /// The type of a map that was found.
    pub fn type_of(&self, addr: Addr) -> Option<TypeId> {
        Some(self.known_at(self.known?, addr)?.ty)
    }

    /// Whether the map says that it is being written.
    pub fn writing(&self, addr: Addr) -> Option<bool> {
        let reader = &self.grounds.reader;
        reader
            .hmap(addr)
            .map(|h| h.flags & Hmap::HASH_WRITING != 0)
            .or_else(|| reader.swiss_map(addr).map(|m| m.writing != 0))
    }
}

/// A map that a goroutine may have been working on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clue {
    /// Its header.
    pub map: Addr,
    /// The map type's descriptor that stands beside it.
    pub ty: Option<Addr>,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// How much.
    weight: u32,
}

/// The candidates, likeliest first: what the words of the frames lead to, and maps of the type of the call that
/// others (`writers`) are writing.
pub fn clues(
    headers: &Headers<'_, '_, '_>,
    stack: &Stack,
    slots: &LiveSlots,
    work: &AtWork,
    writers: &[(u64, &AtWork)],
) -> Vec<Clue> {
    let mut found: BTreeMap<Addr, Clue> = BTreeMap::new();
    let grounds = headers.grounds;
    let wanted = work.touches.iter().find_map(|t| t.ty);
    let first = work.touches.first().map_or(0, |t| t.frame);
    let last = work.touches.last().map_or(0, |t| t.frame);
    let mut note = |word: Addr, weight: u32, ty: Option<Addr>, what: String| {
        if !headers.is(word) {
            return;
        }
        let clue = found.entry(word).or_insert_with(|| Clue {
            map: word,
            ty: None,
            evidence: Vec::new(),
            weight: 0,
        });
        clue.ty = clue.ty.or(ty);
        if !clue.evidence.contains(&what) {
            clue.weight = clue.weight.saturating_add(weight);
            clue.evidence.push(what);
        }
    };
    let mem = grounds.reader.program.mem;
    let word_size = mem.abi.word();
    for (i, frame) in stack.frames.iter().enumerate().skip(first) {
        if i > last.saturating_add(CALLERS) {
            break;
        }
        let name = grounds.tables.name(&frame.func);
        let own = i <= last;
        let regs = frame
            .regs
            .and_then(|r| stack.regs.get(usize::try_from(r).ok()?));
        for (value, number) in regs.iter().flat_map(|r| r.general).zip(0usize..) {
            let what = format!("register {} in {name}", Regs::name(number));
            note(Addr(value), 4, None, what);
        }
        let args = grounds.tables.args_size(&frame.func).unwrap_or(0);
        let size = frame.cfa.0.saturating_sub(frame.sp.0).saturating_add(args);
        let Ok(bytes) = mem.bytes(frame.sp, size.min(MAX_OP_FRAME)) else {
            continue;
        };
        let step = usize::from(mem.abi.ptr_size).max(1);
        let mut before = Addr::NIL;
        for (raw, n) in bytes.chunks_exact(step).zip(0u64..) {
            let value = Addr(mem.abi.uptr(raw, 0).unwrap_or(0));
            let beside = Some(before).filter(|b| grounds.reader.meta.is_map_type(*b));
            before = value;
            let live = frame
                .sp
                .element(n, word_size)
                .is_some_and(|at| slots.is_sure(at));
            let (weight, words) = match (own, live) {
                (true, _) => (4, "a word of the frame of"),
                (false, true) => (3, "a live word of the frame of"),
                (false, false) => (1, "a word left in the frame of"),
            };
            note(value, weight, beside, format!("{words} {name}"));
        }
    }
    // The map of the call need not have left a word; whoever writes it has.
    for (id, w) in writers {
        let Some(touch) = w.innermost().filter(|t| !t.trie) else {
            continue;
        };
        if let (Some(map), Some(ty)) = (touch.map.filter(|m| !m.is_nil()), touch.ty)
            && wanted.is_none_or(|want| want == ty)
        {
            let doing = if w.begun() {
                "writing"
            } else {
                "about to write"
            };
            let clue = found.entry(map).or_insert_with(|| Clue {
                map,
                ty: Some(ty),
                evidence: Vec::new(),
                weight: 0,
            });
            clue.weight = clue.weight.saturating_add(6);
            clue.evidence.push(format!("goroutine {id} is {doing} it"));
        }
    }
    let mut out: Vec<Clue> = found.into_values().collect();
    out.retain_mut(|clue| weigh(headers, clue, wanted));
    out.sort_by_key(|c| (std::cmp::Reverse(c.weight), c.map));
    out
}

/// Adds what the map itself says; `false` if it is of another type than the call needs.
fn weigh(headers: &Headers<'_, '_, '_>, clue: &mut Clue, wanted: Option<Addr>) -> bool {
    let reader = &headers.grounds.reader;
    let wanted_type = wanted.and_then(|w| reader.meta.type_at(w));
    let beside = clue.ty.and_then(|t| reader.meta.type_at(t));
    if let (Some(want), Some(have)) = (wanted_type, headers.type_of(clue.map).or(beside)) {
        let name = |ty: TypeId| reader.program.graph.get(ty).name.clone();
        if want != have && name(want) != name(have) {
            return false;
        }
        clue.weight = clue.weight.saturating_add(4);
        clue.evidence.push("it is of the type of the call".into());
    } else if clue.ty.is_some() {
        clue.weight = clue.weight.saturating_add(2);
        clue.evidence.push("its type stands beside it".into());
    }
    clue.ty = clue.ty.or(wanted);
    if headers.writing(clue.map) == Some(true) {
        clue.weight = clue.weight.saturating_add(3);
        clue.evidence.push("its write flag is set".into());
    }
    true
}
