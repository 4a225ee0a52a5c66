//! Goroutines that wait at channels, and the values they hold out there.
//! In: a channel's queue of senders, or a goroutine's own list. Out: addresses of values.

use crate::base::addr::Addr;
use crate::process::memory::Memory;
use crate::runtime::claims::FieldAt;
use crate::runtime::claims::HCHAN;
use crate::runtime::claims::SUDOG;
use crate::runtime::claims::WAITQ;
use crate::runtime::program::Program;
use std::collections::HashSet;

/// Where the parts of waiting goroutines are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sudogs {
    fields: Option<Fields>,
}

#[derive(Clone, Copy, Debug)]
struct Fields {
    /// The first waiting sender, in a channel.
    first: u64,
    /// The type of what is sent, in a channel.
    elemtype: u64,
    elem: FieldAt,
    chan: FieldAt,
    next: u64,
    waitlink: FieldAt,
}

impl Sudogs {
    pub(crate) fn bind(program: &Program<'_, '_>) -> Sudogs {
        let fields = || {
            let (chan, sudog) = (HCHAN.bind(program)?, SUDOG.bind(program)?);
            Some(Fields {
                first: chan
                    .off("sendq")?
                    .checked_add(WAITQ.bind(program)?.off("first")?)?,
                elemtype: chan.off("elemtype")?,
                elem: sudog.field("elem")?,
                chan: sudog.field("c")?,
                next: sudog.off("next")?,
                waitlink: sudog.field("waitlink")?,
            })
        };
        Sudogs { fields: fields() }
    }

    /// The values that blocked senders wait to hand over to a channel, the longest waiting first.
    pub(crate) fn senders(&self, mem: &Memory<'_>, chan: Addr) -> Vec<Addr> {
        let Some(f) = &self.fields else {
            return Vec::new();
        };
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        let mut at = word(mem, chan, f.first);
        while let Some(sudog) = at.filter(|a| !a.is_nil() && seen.insert(*a)) {
            out.extend(pointer(mem, sudog, f.elem).filter(|a| !a.is_nil()));
            at = word(mem, sudog, f.next);
        }
        out
    }

    /// The values that a goroutine holds out or waits for, each with the descriptor of its type.
    /// `first`: `g.waiting`.
    pub(crate) fn of(&self, mem: &Memory<'_>, first: Addr) -> Vec<(Addr, Addr)> {
        let Some(f) = &self.fields else {
            return Vec::new();
        };
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        let mut at = Some(first);
        while let Some(sudog) = at.filter(|a| !a.is_nil() && seen.insert(*a)) {
            let elem = pointer(mem, sudog, f.elem).filter(|a| !a.is_nil());
            let chan = pointer(mem, sudog, f.chan).filter(|a| !a.is_nil());
            let descriptor = chan.and_then(|c| word(mem, c, f.elemtype));
            out.extend(elem.zip(descriptor));
            at = pointer(mem, sudog, f.waitlink);
        }
        out
    }
}

fn word(mem: &Memory<'_>, at: Addr, off: u64) -> Option<Addr> {
    mem.read_addr(at.checked_add(off)?).ok()
}

/// A pointer of a sudog. From go1.26 some are kept twice, as what the collector sees and as a number, of
/// which the number is always true. Source: `runtime/runtime2.go`, `maybeTraceablePtr`.
fn pointer(mem: &Memory<'_>, at: Addr, field: FieldAt) -> Option<Addr> {
    let size = mem.abi.word();
    let off = if field.size > size {
        field.off.checked_add(size)?
    } else {
        field.off
    };
    word(mem, at, off)
}
