//! The value of a named variable, gathered from where its parts are: frame and registers.
//! In: a variable's pieces, its frame, the registers of that. Out: its bytes, and for each run of them
//! where it stands, so that somebody can say whether it is still in use.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::dwarf::locals::Local;
use crate::dwarf::locals::Place;
use crate::find::plan::Leaf;
use crate::process::memory::Memory;
use crate::runtime::liveslots::LiveSlots;
use crate::runtime::unwind::Frame;
use crate::runtime::unwind::Stack;

/// The bytes of a variable of `size` bytes, and where each run of them stands; those that are nowhere
/// are zero, and in no run.
pub(crate) fn gather(
    mem: &Memory<'_>,
    stack: &Stack,
    frame: &Frame,
    local: &Local,
    size: u64,
) -> Option<(Vec<u8>, Vec<Spot>)> {
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    let mut spots = Vec::new();
    for piece in &local.pieces {
        let end = piece.off.checked_add(piece.size)?;
        let into = bytes.get_mut(usize::try_from(piece.off).ok()?..usize::try_from(end).ok()?)?;
        let place = match piece.place {
            Place::Frame(off) => {
                let addr = Addr(frame.cfa.0.checked_add_signed(off)?);
                let Ok(read) = mem.bytes(addr, piece.size) else {
                    continue;
                };
                into.copy_from_slice(&read);
                SpotPlace::Memory(addr)
            }
            Place::Register(r) => {
                let regs = frame
                    .regs
                    .and_then(|i| stack.regs.get(usize::try_from(i).ok()?));
                let Some(value) = regs.and_then(|regs| regs.general.get(usize::from(r))) else {
                    continue; // a caller's registers are gone
                };
                let raw = value.to_le_bytes();
                let Some(raw) = raw.get(..into.len()) else {
                    continue;
                };
                into.copy_from_slice(raw);
                SpotPlace::Register
            }
            Place::Static(_) | Place::Value(_) | Place::Lost => continue,
        };
        spots.push(Spot {
            range: (piece.off, end),
            place,
        });
    }
    (!spots.is_empty()).then_some((bytes, spots))
}

/// A run of a variable's bytes.
pub(crate) struct Spot {
    /// From and to, in bytes from the start of the variable.
    range: (u64, u64),
    place: SpotPlace,
}

#[derive(Clone, Copy)]
enum SpotPlace {
    Memory(Addr),
    Register,
}

impl Spot {
    pub(crate) fn holds(&self, off: u64) -> bool {
        self.range.0 <= off && off < self.range.1
    }

    pub(crate) fn addr_of(&self, off: u64) -> Option<Addr> {
        match self.place {
            SpotPlace::Memory(at) => at.checked_add(off.saturating_sub(self.range.0)),
            SpotPlace::Register => None,
        }
    }

    /// Whether the compiler says that the word is in use at this pc. The debug information alone does
    /// not: it tells where a value is, be it needed any more or not, and the object behind one that is
    /// not needed may be gone. In an interrupted frame nobody knows.
    pub(crate) fn is_live(&self, leaf: &Leaf, slots: &LiveSlots, frame: &Frame) -> bool {
        let Some(addr) = self.addr_of(leaf.off) else {
            return true;
        };
        if leaf.is_word() {
            return frame.is_interrupted() || slots.is_sure(addr);
        }
        let inside = |r: AddrRange| r.contains(addr);
        slots.objects.iter().any(|o| o.live && inside(o.at))
    }
}
