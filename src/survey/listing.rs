//! Maps for a list: rows that are there, or made one after the other as they are written.
//! In: what was found out about all maps. Out: numbers to sort by, rows, and lines made of rows on all processors.

use crate::base::addr::Addr;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::path::Above;
use crate::find::path::Paths;
use crate::maps::reader::MapReader;
use crate::survey::brief::Brief;
use crate::survey::judge_all::Judged;
use crate::survey::result::MapRow;
use crate::survey::row::Words;
use crate::survey::row::empty_row;
use crate::survey::row::fill_row;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use rayon::prelude::ParallelSlice;
use rayon::prelude::ParallelSliceMut;
use std::io;
use std::io::Write;

/// Rows that are made into lines before the first of them is written.
const TOGETHER: usize = 1 << 15;

/// Rows that one thread takes at a time, and bytes that their lines often have.
const CHUNK: usize = 512;
const LINES: usize = CHUNK * 160;

/// What rows are sorted and filtered by without making them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    /// Address of the header.
    pub addr: Addr,
    /// `len(m)` as the header claims; `None` when unreadable.
    pub len: Option<i64>,
    /// As in `MapRow`.
    pub bytes: u64,
    /// As in `MapRow`.
    pub waste: u64,
}

/// Maps that can be listed, by number.
pub trait Rows: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// The numbers of one; `None` where there is no such map.
    fn numbers(&self, i: u32) -> Option<Numbers>;
    /// Whether they were judged, and not only read.
    fn are_judged(&self) -> bool {
        true
    }
    /// Places of one that could not be read.
    fn gaps(&self, i: u32) -> u64;
    /// Calls `work` with the rows of some, in order; their owners are left out if they are not wanted.
    fn each(&self, some: &[u32], owner: bool, work: &mut dyn FnMut(u32, &MapRow));
}

impl Rows for Vec<MapRow> {
    fn count(&self) -> usize {
        self.len()
    }

    fn numbers(&self, i: u32) -> Option<Numbers> {
        let row = self.get(usize::try_from(i).ok()?)?;
        Some(Numbers {
            addr: row.addr,
            len: row.len,
            bytes: row.bytes,
            waste: row.waste,
        })
    }

    fn gaps(&self, i: u32) -> u64 {
        let row = usize::try_from(i).ok().and_then(|i| self.get(i));
        row.map_or(0, |row| row.gaps_total)
    }

    fn each(&self, some: &[u32], _: bool, work: &mut dyn FnMut(u32, &MapRow)) {
        for i in some {
            if let Some(row) = usize::try_from(*i).ok().and_then(|i| self.get(i)) {
                work(*i, row);
            }
        }
    }
}

/// Types that are found without a look at the others.
const NEAR: usize = 64;

/// One row for each type, of which only what differs is written anew.
struct TypeRows {
    rows: Vec<(TypeId, MapRow, Words)>,
    /// By the low bits of a type's number, its position: right nearly always.
    near: [usize; NEAR],
}

impl Default for TypeRows {
    fn default() -> TypeRows {
        TypeRows {
            rows: Vec::new(),
            near: [0; NEAR],
        }
    }
}

impl TypeRows {
    /// The row of a type, made now if there is none yet.
    fn of(
        &mut self,
        ty: TypeId,
        make: impl FnOnce() -> Option<MapRow>,
    ) -> Option<(&mut MapRow, &mut Words)> {
        let near = usize::try_from(ty.0).unwrap_or(0) % NEAR;
        let near = self.near.get_mut(near)?;
        if self.rows.get(*near).is_none_or(|(other, ..)| *other != ty) {
            let known = self.rows.iter().position(|(other, ..)| *other == ty);
            *near = known.unwrap_or(self.rows.len());
            if known.is_none() {
                self.rows.push((ty, make()?, Words::default()));
            }
        }
        let (_, row, words) = self.rows.get_mut(*near)?;
        Some((row, words))
    }
}

/// The maps of a core, most of them kept brief.
pub(crate) struct BriefRows<'b, 'v, 'a> {
    pub(crate) reader: &'b MapReader<'v, 'a>,
    pub(crate) found: &'b Found,
    pub(crate) paths: &'b Paths<'b, 'b>,
    pub(crate) judged: Judged,
    /// Whether the maps were judged, or only read.
    pub(crate) with_verdicts: bool,
}

impl Rows for BriefRows<'_, '_, '_> {
    fn count(&self) -> usize {
        let rows = self.judged.rows.len();
        rows.saturating_add(self.judged.briefs.len())
    }

    fn numbers(&self, i: u32) -> Option<Numbers> {
        let Some((map, brief)) = self.brief(i) else {
            return self.judged.rows.numbers(i);
        };
        let m = brief.measures();
        Some(Numbers {
            addr: map.addr,
            len: m.len,
            bytes: m.bytes,
            waste: m.waste,
        })
    }

    fn are_judged(&self) -> bool {
        self.with_verdicts
    }

    fn gaps(&self, i: u32) -> u64 {
        self.judged.rows.gaps(i) // those kept brief have none
    }

    fn each(&self, some: &[u32], owner: bool, work: &mut dyn FnMut(u32, &MapRow)) {
        let mut rows = TypeRows::default();
        let mut above = Above::default();
        for number in some {
            let Some((map, brief)) = self.brief(*number) else {
                self.judged.rows.each(&[*number], owner, work);
                continue;
            };
            let Some((row, words)) = rows.of(map.ty, || empty_row(self.reader, map.ty)) else {
                continue;
            };
            fill_row(row, words, &map, brief);
            row.verdict = brief.verdict().filter(|_| self.with_verdicts);
            if owner {
                self.paths.write_owner(map.node, &mut above, &mut row.owner);
            }
            work(*number, row);
        }
    }
}

impl BriefRows<'_, '_, '_> {
    /// The map of this number, if it is one of those kept brief.
    fn brief(&self, i: u32) -> Option<(FoundMap, &Brief)> {
        let i = usize::try_from(i).ok()?;
        let brief = self
            .judged
            .briefs
            .get(i.checked_sub(self.judged.rows.len())?)?;
        let map = self.found.maps.get(usize::try_from(brief.number).ok()?)?;
        Some((map, brief))
    }
}

/// These maps in order of address, on all processors.
pub fn by_address(rows: &dyn Rows, maps: Vec<u32>) -> Vec<u32> {
    let addr = |i: u32| rows.numbers(i).map_or(Addr::NIL, |n| n.addr);
    let mut keyed: Vec<(Addr, u32)> = maps.into_par_iter().map(|i| (addr(i), i)).collect();
    keyed.par_sort_unstable();
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Some maps of a list, in order.
#[derive(Clone, Copy)]
pub struct Selected<'r> {
    /// All of them.
    pub rows: &'r dyn Rows,
    /// The numbers of those selected, in order.
    pub order: &'r [u32],
}

impl std::fmt::Debug for Selected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} maps", self.order.len(), self.rows.count())
    }
}

impl<'r> Selected<'r> {
    /// Calls `work` with the rows, in order.
    pub fn each(&self, mut work: impl FnMut(&MapRow)) {
        self.rows.each(self.order, true, &mut |_, row| work(row));
    }

    /// What `each` makes of all rows, without their owners, and `join` of that.
    pub fn fold<T: Send>(
        &self,
        start: impl Fn() -> T + Sync,
        each: impl Fn(&mut T, &MapRow) + Sync,
        join: impl Fn(T, T) -> T + Sync,
    ) -> T {
        self.order
            .par_chunks(CHUNK)
            .map(|some| {
                let mut out = start();
                self.rows
                    .each(some, false, &mut |_, row| each(&mut out, row));
                out
            })
            .reduce(&start, &join)
    }

    /// Places of these maps that could not be read.
    pub fn gaps_total(&self) -> u64 {
        let count = |i: &u32| self.rows.gaps(*i);
        self.order.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Writes what `line` makes of each row, in order.
    /// # Errors
    /// Those of the output.
    pub fn write_lines(
        &self,
        out: &mut dyn Write,
        line: impl Fn(&mut Vec<u8>, &MapRow) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        for some in self.order.chunks(TOGETHER) {
            let texts: Vec<io::Result<Vec<u8>>> = some
                .par_chunks(CHUNK)
                .map(|some| {
                    let mut text = Vec::with_capacity(LINES);
                    let mut written = Ok(());
                    self.rows.each(some, true, &mut |_, row| {
                        if written.is_ok() {
                            written = line(&mut text, row);
                        }
                    });
                    written.map(|()| text)
                })
                .collect();
            for text in texts {
                out.write_all(&text?)?;
            }
        }
        Ok(())
    }
}
