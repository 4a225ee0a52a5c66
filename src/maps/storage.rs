//! Arrays of buckets or groups: as many whole records as can be read, borrowed where they lie.
//! In: an address, a stride and a claimed count. Out: a `Storage`, and gaps.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::maps::image::Gaps;
use crate::maps::image::Run;
use crate::maps::image::Runs;
use crate::maps::image::Storage;
use crate::process::memory::Memory;
use crate::process::memory::MemoryRun;
use std::borrow::Cow;

/// Reads the array at `addr`. Where the allocator's books say how large its object is, nothing
/// beyond it is read; where they say that no such array can begin here, nothing at all.
pub(crate) fn read_storage<'a>(
    mem: &Memory<'a>,
    gaps: &mut Gaps,
    what: &'static str,
    home: Home,
    (addr, stride, claimed): (Addr, u64, u64),
) -> Storage<'a> {
    let mut out = Storage {
        addr,
        stride,
        claimed,
        count: claimed,
        home,
        runs: Runs::default(),
    };
    if home.holds(addr, 0) == Some(false) {
        return out;
    }
    if let Some(room) = home.room_at(addr) {
        out.count = claimed.min(room.checked_div(stride).unwrap_or(0));
    }
    // In one piece, as nearly always.
    if let Ok(bytes) = mem.slice(addr, out.count.saturating_mul(stride))
        && !bytes.is_empty()
    {
        out.runs.push(Run {
            first: 0,
            bytes: Cow::Borrowed(bytes),
        });
        return out;
    }
    let mut next = 0u64; // first record that is not in a run yet
    for run in mem.runs(addr, out.count.saturating_mul(stride)) {
        match run {
            MemoryRun::Gap(fault) => gaps.push(what, fault),
            MemoryRun::Bytes(start, bytes) => push_records(mem, &mut out, &mut next, start, bytes),
        }
    }
    out
}

/// Adds the whole records of a run of bytes, and the one that reaches over its end into the next.
fn push_records<'a>(
    mem: &Memory<'a>,
    out: &mut Storage<'a>,
    next: &mut u64,
    start: Addr,
    bytes: &'a [u8],
) {
    let stride = out.stride.max(1);
    let off = start.offset_from(out.addr).unwrap_or(0);
    let first = off.div_ceil(stride).max(*next);
    let skip = first.saturating_mul(stride).saturating_sub(off);
    let n = (bytes.len() as u64)
        .saturating_sub(skip)
        .checked_div(stride)
        .unwrap_or(0);
    let from = usize::try_from(skip).unwrap_or(usize::MAX);
    let to = usize::try_from(skip.saturating_add(n.saturating_mul(stride))).unwrap_or(0);
    if let Some(whole) = bytes.get(from..to).filter(|b| !b.is_empty()) {
        out.runs.push(Run {
            first,
            bytes: Cow::Borrowed(whole),
        });
        *next = first.saturating_add(n);
    }
    let crossing = first.saturating_add(n);
    let begins_here = crossing.saturating_mul(stride) < off.saturating_add(bytes.len() as u64);
    if begins_here
        && crossing < out.count
        && let Some(at) = out.record_addr(crossing)
        && let Ok(record) = mem.bytes(at, stride)
    {
        out.runs.push(Run {
            first: crossing,
            bytes: record,
        });
        *next = crossing.saturating_add(1);
    }
}
