//! Which goroutines are inside an operation on which map.
//! In: stacks, and the headers of all maps. Out: `Hands` by header.

use crate::base::addr::Addr;
use crate::base::limits::MAX_OP_FRAME;
use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::maps::image::Hand;
use crate::maps::image::Hands;
use crate::maps::image::MapImage;
use crate::runtime::goroutines::Goroutine;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;
use crate::survey::session::Session;
use std::collections::BTreeSet;
use std::collections::HashMap;

/// What a function of the runtime does to a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Op {
    Read,
    Write,
}

/// The map operations. Source: `runtime/map*.go`, `internal/runtime/maps/*.go`, all versions.
fn op_of(function: &str) -> Option<Op> {
    const WRITES: [&str; 7] = [
        "runtime.mapassign",
        "runtime.mapdelete",
        "runtime.mapclear",
        "runtime.hashGrow",
        "runtime.growWork",
        "runtime.evacuate",
        "runtime.advanceEvacuationMark",
    ];
    const READS: [&str; 3] = ["runtime.mapaccess", "runtime.mapiter", "runtime.mapIter"];
    const SWISS_WRITES: [&str; 20] = [
        "(*Map).PutSlot",
        "(*Map).putSlotSmall",
        "(*Map).Delete",
        "(*Map).deleteSmall",
        "(*Map).Clear",
        "(*Map).clearSmall",
        "(*Map).growTo",
        "(*Map).installTableSplit",
        "(*Map).replaceTable",
        "(*Map).expandDirectory",
        "(*table).PutSlot",
        "(*table).Delete",
        "(*table).Clear",
        "(*table).rehash",
        "(*table).grow",
        "(*table).split",
        "(*table).reset",
        "(*table).pruneTombstones",
        "(*table).uncheckedPutSlot",
        "runtime_mapassign",
    ];
    const SWISS_READS: [&str; 6] = [
        "(*Map).get",
        "(*Map).Get",
        "(*table).get",
        "(*table).Get",
        "(*Iter).",
        "runtime_mapaccess",
    ];
    let is = |names: &[&str], text: &str| names.iter().any(|n| text.starts_with(n));
    if let Some(name) = function.strip_prefix("internal/runtime/maps.") {
        return match name {
            _ if is(&SWISS_WRITES, name) => Some(Op::Write),
            _ if is(&SWISS_READS, name) => Some(Op::Read),
            _ => None,
        };
    }
    match function {
        _ if is(&WRITES, function) => Some(Op::Write),
        _ if is(&READS, function) => Some(Op::Read),
        _ => None,
    }
}

/// Functions in whose frames a map is being filled that says nothing of it.
/// Source: `runtime/map.go`, `mapclone2` and `moveToBmap`, go1.21 to go1.23; `internal/runtime/maps/map.go`,
/// `(*Map).Clone`, from go1.25.
const CLONES: [&str; 3] = [
    "runtime.mapclone",
    "runtime.moveToBmap",
    "internal/runtime/maps.(*Map).Clone",
];

/// The goroutines at work, by map. Nothing is asked of the stacks unless some map says that it is being
/// written, for then alone a rule wants to know.
#[derive(Default, Debug)]
pub(crate) struct AllHands {
    by_map: HashMap<Addr, Hands>,
    /// Nobody is left out.
    complete: bool,
    /// The stacks were looked at.
    pub(crate) looked: bool,
}

impl AllHands {
    /// Looks at all stacks, if it matters: some map says that it is being written, or `anyway`.
    pub(crate) fn look(
        s: &Session<'_, '_>,
        found: &Found,
        anyway: bool,
        progress: &dyn Progress,
    ) -> AllHands {
        let writing = |addr| {
            let reader = &s.reader;
            reader.hmap(addr).map_or_else(
                || reader.swiss_map(addr).is_some_and(|m| m.writing != 0),
                |h| h.flags & crate::maps::image::Hmap::HASH_WRITING != 0,
            )
        };
        if !anyway && !found.maps.iter().any(|m| !m.dead && writing(m.addr)) {
            return AllHands::default();
        }
        let Some(goroutines) = &s.goroutines else {
            return AllHands::default();
        };
        let headers: BTreeSet<Addr> = found.maps.iter().map(|m| m.addr).collect();
        let machine = s.reader.program.machine;
        let unwinder = Unwinder::new(s.tables, goroutines, s.threads, machine);
        progress.phase("looking who writes", Some(goroutines.list.len() as u64));
        let mut out = AllHands {
            complete: goroutines.unreadable == 0,
            looked: true,
            ..AllHands::default()
        };
        for (g, done) in goroutines.list.iter().zip(1u64..) {
            let stack = unwinder.unwind(g);
            out.complete &= stack.broken.is_none();
            out.add(s, &headers, g, &stack, &writing);
            progress.at(done);
        }
        out
    }

    fn add(
        &mut self,
        s: &Session<'_, '_>,
        headers: &BTreeSet<Addr>,
        g: &Goroutine,
        stack: &Stack,
        writing: &impl Fn(Addr) -> bool,
    ) {
        let mut op: Option<(Op, String)> = None;
        let (mut throwing, mut panicking) = (false, false);
        let mut cloning = false;
        let mut maps = BTreeSet::new();
        for f in &stack.frames {
            let name = s.tables.name(&f.func);
            if CLONES.iter().any(|c| name.starts_with(c)) {
                cloning = true;
                maps.extend(
                    words(s, stack, f)
                        .into_iter()
                        .filter(|w| headers.contains(w)),
                );
                continue;
            }
            let Some(this) = op_of(&name) else {
                if op.is_some() {
                    break; // the caller of the outermost map function
                }
                throwing |= [
                    "runtime.fatal",
                    "runtime.throw",
                    "internal/runtime/maps.fatal",
                ]
                .contains(&name.as_ref());
                // What a deferred function does after a panic is no part of the operation that panicked.
                panicking |= ["runtime.gopanic", "runtime.sigpanic"].contains(&name.as_ref());
                continue;
            };
            let worse = op.as_ref().map_or(this, |(o, _)| (*o).max(this));
            op = Some((worse, name.into_owned()));
            maps.extend(
                words(s, stack, f)
                    .into_iter()
                    .filter(|w| headers.contains(w)),
            );
        }
        if cloning {
            // The copy is filled without its flag being set, and which of the two it is does not matter.
            for map in maps {
                self.by_map.entry(map).or_default().cloning = true;
            }
            return;
        }
        let Some((op, function)) = op else { return };
        if panicking {
            self.complete = false;
            return;
        }
        if maps.len() > 1 {
            // Words left over from before: a writer's own map is one that is being written.
            if op == Op::Read {
                return;
            }
            maps.retain(|m| writing(*m));
        }
        let (Some(map), 1) = (maps.first(), maps.len()) else {
            self.complete = false; // at work, but who knows on which map
            return;
        };
        let hands = self.by_map.entry(*map).or_default();
        let list = match op {
            Op::Write => &mut hands.writers,
            Op::Read => &mut hands.readers,
        };
        list.push(Hand {
            goroutine: g.id,
            function,
            throwing,
        });
    }

    /// Tells an image who is at work on it.
    pub(crate) fn tell(&self, image: &mut MapImage<'_>) {
        image.hands = self.by_map.get(&image.addr).cloned().unwrap_or_default();
        image.hands.complete = self.complete;
    }
}

/// The words of a frame, its arguments' places and its registers.
fn words(s: &Session<'_, '_>, stack: &Stack, f: &Frame) -> Vec<Addr> {
    let mem = s.reader.program.mem;
    let args = s.tables.args_size(&f.func).unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_functions_are_told_by_their_names() {
        assert_eq!(op_of("runtime.mapassign_faststr"), Some(Op::Write));
        assert_eq!(
            op_of("internal/runtime/maps.(*table).grow"),
            Some(Op::Write)
        );
        assert_eq!(op_of("runtime.mapaccess2_fast64"), Some(Op::Read));
        assert_eq!(op_of("internal/runtime/maps.(*Iter).Next"), Some(Op::Read));
        assert_eq!(op_of("main.mapassign"), None);
        assert_eq!(op_of("internal/runtime/maps.NewMap"), None);
    }
}
