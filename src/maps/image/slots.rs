//! How keys and elems lie in a bucket or group, and arrays of these.
//! In: layouts and readable runs of memory. Out: records, keys and elems as slices.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::types::graph::TypeId;
use std::borrow::Cow;
use std::ops::Deref;
use std::ops::DerefMut;
use std::ops::Range;

/// Cells of a classic bucket, slots of a Swiss group. Source: `internal/abi/map.go`, all versions.
pub const SLOTS: u64 = 8;

/// Layout of one bucket or group of a map type, in bytes from its start. One per map type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotLayout {
    /// The map type.
    pub map_type: TypeId,
    /// The key type, as the Go program names it (also where the slot holds a pointer to it).
    pub key: TypeId,
    /// The elem type, likewise.
    pub elem: TypeId,
    /// Bytes of one key as stored in a slot.
    pub key_size: u64,
    /// Bytes of one elem as stored in a slot.
    pub elem_size: u64,
    /// The slot holds a pointer to a heap copy of the key (keys over 128 bytes).
    pub indirect_key: bool,
    /// The slot holds a pointer to a heap copy of the elem (elems over 128 bytes).
    pub indirect_elem: bool,
    /// Bytes of a whole bucket or group.
    pub size: u64,
    /// Offset of key 0.
    pub keys_off: u64,
    /// Distance from one key to the next.
    pub key_stride: u64,
    /// Offset of elem 0.
    pub elems_off: u64,
    /// Distance from one elem to the next.
    pub elem_stride: u64,
    /// Offset of the overflow pointer; classic maps only.
    pub overflow_off: Option<u64>,
    /// Whether key or elem holds pointers, so that the garbage collector scans the storage.
    pub has_pointers: bool,
    /// Offsets inside a stored key of its pointer words.
    pub key_ptr_words: Vec<u64>,
}

impl SlotLayout {
    /// Offset of key `i` inside a bucket or group.
    pub fn key_off(&self, i: u64) -> u64 {
        self.keys_off
            .saturating_add(i.saturating_mul(self.key_stride))
    }

    /// Offset of elem `i` inside a bucket or group.
    pub fn elem_off(&self, i: u64) -> u64 {
        self.elems_off
            .saturating_add(i.saturating_mul(self.elem_stride))
    }

    /// The stored key `i` of the bucket or group `record`.
    pub fn key<'b>(&self, record: &'b [u8], i: u64) -> Option<&'b [u8]> {
        part(record, self.key_off(i), self.key_size)
    }

    /// The stored elem `i` of the bucket or group `record`.
    pub fn elem<'b>(&self, record: &'b [u8], i: u64) -> Option<&'b [u8]> {
        part(record, self.elem_off(i), self.elem_size)
    }
}

fn part(record: &[u8], off: u64, size: u64) -> Option<&[u8]> {
    let off = usize::try_from(off).ok()?;
    record.get(off..off.checked_add(usize::try_from(size).ok()?)?)
}

/// An array of equal records: buckets or groups.
#[derive(Clone, Debug)]
pub struct Storage<'a> {
    /// Address of record 0.
    pub addr: Addr,
    /// Bytes of one record.
    pub stride: u64,
    /// How many records the header claims.
    pub claimed: u64,
    /// How many of them lie inside the array's object (all of them, where the books say nothing).
    pub count: u64,
    /// Where the array lies.
    pub home: Home,
    /// The bytes that could be read: runs of whole records, ascending, not overlapping.
    pub runs: Runs<'a>,
}

/// Runs of records. There is nearly always one, for which nothing is allocated.
#[derive(Clone, Default, Debug)]
pub struct Runs<'a>(Few<'a>);

#[derive(Clone, Debug)]
enum Few<'a> {
    One([Run<'a>; 1]),
    Any(Vec<Run<'a>>),
}

impl Default for Few<'_> {
    fn default() -> Self {
        Few::Any(Vec::new())
    }
}

impl<'a> Runs<'a> {
    /// Adds one behind the others.
    pub fn push(&mut self, run: Run<'a>) {
        self.0 = match std::mem::take(&mut self.0) {
            Few::One([first]) => Few::Any(vec![first, run]),
            Few::Any(runs) if runs.is_empty() => Few::One([run]),
            Few::Any(mut runs) => {
                runs.push(run);
                Few::Any(runs)
            }
        };
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        *self = Runs::default();
    }
}

impl<'a> Deref for Runs<'a> {
    type Target = [Run<'a>];

    fn deref(&self) -> &[Run<'a>] {
        match &self.0 {
            Few::One(one) => one,
            Few::Any(runs) => runs,
        }
    }
}

impl<'a> DerefMut for Runs<'a> {
    fn deref_mut(&mut self) -> &mut [Run<'a>] {
        match &mut self.0 {
            Few::One(one) => one,
            Few::Any(runs) => runs,
        }
    }
}

impl<'a> FromIterator<Run<'a>> for Runs<'a> {
    fn from_iter<I: IntoIterator<Item = Run<'a>>>(runs: I) -> Runs<'a> {
        let mut out = Runs::default();
        runs.into_iter().for_each(|run| out.push(run));
        out
    }
}

impl<'r, 'a> IntoIterator for &'r Runs<'a> {
    type Item = &'r Run<'a>;
    type IntoIter = std::slice::Iter<'r, Run<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'r, 'a> IntoIterator for &'r mut Runs<'a> {
    type Item = &'r mut Run<'a>;
    type IntoIter = std::slice::IterMut<'r, Run<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// Whole records that lie one behind the other.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Index of the first record.
    pub first: u64,
    /// The records' bytes; a multiple of the stride.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Storage<'a> {
    /// The bytes of record `i`, or `None` when they could not be read.
    pub fn record(&self, i: u64) -> Option<&[u8]> {
        let at = self.runs.partition_point(|r| r.first <= i).checked_sub(1)?;
        let run = self.runs.get(at)?;
        part(
            &run.bytes,
            i.checked_sub(run.first)?.checked_mul(self.stride)?,
            self.stride,
        )
    }

    /// All records that could be read, with their index, ascending.
    pub fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let stride = usize::try_from(self.stride).unwrap_or(usize::MAX).max(1);
        self.runs
            .iter()
            .flat_map(move |run| (run.first..).zip(run.bytes.chunks_exact(stride)))
    }

    /// The same of the records in `range` only.
    pub fn records_in(&self, range: Range<u64>) -> impl Iterator<Item = (u64, &[u8])> {
        let stride = usize::try_from(self.stride).unwrap_or(usize::MAX).max(1);
        let before = self.runs.partition_point(|run| run.first <= range.start);
        let runs = self.runs.iter().skip(before.saturating_sub(1));
        let runs = runs.take_while(move |run| run.first < range.end);
        runs.flat_map(move |run| {
            let first = run.first.max(range.start);
            let skip = first.saturating_sub(run.first).saturating_mul(self.stride);
            let from = usize::try_from(skip).unwrap_or(usize::MAX);
            let most = usize::try_from(range.end.saturating_sub(first)).unwrap_or(usize::MAX);
            let bytes = run.bytes.get(from..).unwrap_or_default();
            (first..).zip(bytes.chunks_exact(stride).take(most))
        })
    }

    /// The indices of the records that could be read, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        self.runs.iter().map(|run| {
            let records = (run.bytes.len() as u64).checked_div(self.stride.max(1));
            run.first..run.first.saturating_add(records.unwrap_or(0))
        })
    }

    /// Whether an array can begin at its address, as far as the books tell.
    pub fn is_somewhere(&self) -> bool {
        self.home.holds(self.addr, 0) != Some(false)
    }

    /// Whether every record inside the array's object could be read.
    pub fn is_complete(&self) -> bool {
        // An array may lie in several segments of the core, one behind the other.
        let mut next = 0u64;
        for run in &self.runs {
            if run.first != next {
                return false;
            }
            let records = (run.bytes.len() as u64).checked_div(self.stride.max(1));
            next = next.saturating_add(records.unwrap_or(0));
        }
        next == self.count
    }

    /// Address of record `i`.
    pub fn record_addr(&self, i: u64) -> Option<Addr> {
        self.addr.element(i, self.stride)
    }
}
