//! The search for one flipped bit: each bit of the suspect words is turned, and the map read and checked
//! again as if the process had had it so.
//! In: suspects. Out: the flips that leave the fewest findings.

use crate::base::addr::Addr;
use crate::base::limits::MAX_CAUSE_WORK;
use crate::cause::words::Suspect;
use crate::check::registry::check_map;
use crate::check::rule::MapVerdict;
use crate::check::rule::Verdict;
use crate::maps::image::MapImage;
use crate::maps::image::SlotLayout;
use crate::maps::reader::MapReader;
use std::sync::Arc;

/// A map that can be read again with other bytes.
pub(crate) struct Again<'r, 'v, 'a> {
    pub(crate) reader: &'r MapReader<'v, 'a>,
    pub(crate) addr: Addr,
    pub(crate) slots: Arc<SlotLayout>,
    /// Gives an image the facts that do not come from reading it.
    pub(crate) tell: &'r (dyn Fn(&mut MapImage<'_>) + Sync),
    /// Bytes that reading the map once looks at, about.
    pub(crate) bytes: u64,
}

/// One bit turned.
#[derive(Clone, Debug)]
pub(crate) struct Flip {
    pub(crate) suspect: Suspect,
    /// Number of the bit in the word's value.
    pub(crate) bit: u32,
    /// The word as it is.
    pub(crate) claimed: u64,
    /// The word as it would be.
    pub(crate) would_be: u64,
    /// Findings that remain.
    pub(crate) left: u64,
}

/// What the search gave.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// The flips that leave the fewest findings, and fewer than there are.
    pub(crate) best: Vec<Flip>,
    /// Bits that were turned.
    pub(crate) tried: u64,
    /// The map is too large for every bit to be tried.
    pub(crate) cut_short: bool,
}

/// Turns every bit of every suspect.
pub(crate) fn search(
    again: &Again<'_, '_, '_>,
    suspects: &[Suspect],
    before: &MapVerdict,
) -> Search {
    let mut out = Search::default();
    let mut fewest = before.findings_total;
    let mem = again.reader.program.mem;
    let abi = mem.abi;
    for suspect in suspects {
        let Ok(bytes) = mem.bytes(suspect.addr, suspect.size) else {
            continue;
        };
        let whole = abi.uint(&bytes, 0, suspect.size);
        for at in 0..bytes.len() {
            for bit in 0..8u32 {
                if again.bytes.saturating_mul(out.tried) > MAX_CAUSE_WORK {
                    out.cut_short = true;
                    return out;
                }
                out.tried += 1;
                let mut turned = bytes.to_vec();
                if let Some(b) = turned.get_mut(at) {
                    *b ^= 1 << bit;
                }
                let Some(verdict) = again.check(suspect.addr, &turned) else {
                    continue;
                };
                let left = verdict.findings_total;
                let sound = verdict.verdict != Verdict::Broken || left > 0;
                // A map that fewer rules are applied to is not healed by that.
                let surer = verdict.unknown_rules.len() <= before.unknown_rules.len()
                    && (!verdict.mid_write || before.mid_write);
                if !sound || !surer || left > fewest || left == before.findings_total {
                    continue;
                }
                if left < fewest {
                    fewest = left;
                    out.best.clear();
                }
                let now = abi.uint(&turned, 0, suspect.size);
                let (claimed, would_be) = (whole.unwrap_or(0), now.unwrap_or(0));
                out.best.push(Flip {
                    suspect: suspect.clone(),
                    bit: if whole.is_some() {
                        (claimed ^ would_be).trailing_zeros()
                    } else {
                        u32::try_from(at).unwrap_or(0) * 8 + bit
                    },
                    claimed,
                    would_be,
                    left,
                });
            }
        }
    }
    out
}

impl Again<'_, '_, '_> {
    /// The verdict on the map, had the process had these bytes at `addr`.
    pub(crate) fn check(&self, addr: Addr, bytes: &[u8]) -> Option<MapVerdict> {
        let mem = self.reader.program.mem.patched(addr, bytes)?;
        let reader = self.reader.with_memory(&mem);
        let mut image = reader.read_for_check(self.addr, self.slots.clone());
        (self.tell)(&mut image);
        Some(check_map(&image))
    }
}
