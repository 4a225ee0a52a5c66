//! A Swiss map's header, directory, tables and groups, as read.
//! In: what `maps/swiss.rs` read. Out: borrowed bytes, table by table.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::home::Home;
use crate::maps::image::slots::Storage;

/// The header of a Swiss map. Source: `internal/runtime/maps/map.go`, `Map`, from go1.24.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SwissMap {
    /// Live entries, `len(m)`.
    pub used: u64,
    /// Hash seed.
    pub seed: u64,
    /// nil, one group (small map), or the directory.
    pub dir_ptr: Addr,
    /// 0 for a small map, else 2^globalDepth.
    pub dir_len: i64,
    /// log2 of the directory's length.
    pub global_depth: u8,
    /// Word bits minus globalDepth; 0 while the map is small.
    pub global_shift: u8,
    /// 1 while a goroutine writes.
    pub writing: u8,
    /// Whether a delete ever left a tombstone; from go1.25.
    pub tombstone_possible: Option<u8>,
    /// The byte behind `writing` where that is padding: in go1.24, which has no `tombstonePossible`.
    pub padding: Option<u8>,
    /// Number of clears.
    pub clear_seq: u64,
}

/// Values of a control byte. Source: `internal/runtime/maps/group.go`, from go1.24.
pub mod ctrl {
    /// An empty slot.
    pub const EMPTY: u8 = 0x80;
    /// A deleted slot (tombstone).
    pub const DELETED: u8 = 0xfe;

    /// Whether a slot with this control byte holds an entry.
    pub fn is_full(c: u8) -> bool {
        c & 0x80 == 0
    }
}

/// A Swiss map's storage.
#[derive(Clone, Debug)]
pub struct SwissImage<'a> {
    /// The header.
    pub map: SwissMap,
    /// What `dirPtr` and `dirLen` lead to.
    pub shape: Shape<'a>,
}

/// The three shapes of a Swiss map.
#[derive(Clone, Debug)]
pub enum Shape<'a> {
    /// No storage yet: `dirPtr` is nil.
    Empty,
    /// `dirLen` is 0: one group of eight slots.
    Small(Storage<'a>),
    /// A directory of tables.
    Tables(Directory<'a>),
    /// `dirLen` is impossible, so nothing below the header was read.
    Nonsense,
}

/// A Swiss map's directory.
#[derive(Clone, Debug)]
pub struct Directory<'a> {
    /// Where it lies.
    pub home: Home,
    /// `dirLen`.
    pub claimed: u64,
    /// Its entries, as far as they lie inside its object and could be read.
    pub entries: Vec<DirEntry>,
    /// The tables they lead to, each once, in order of first appearance.
    pub tables: Vec<TableImage<'a>>,
}

impl Directory<'_> {
    /// The number of the table to which this entry is the first to lead.
    pub fn table_of(&self, first: u64) -> Option<usize> {
        // Tables are in order of first appearance, so these numbers ascend.
        self.tables.binary_search_by_key(&first, |t| t.first).ok()
    }

    /// Whether every directory entry could be read.
    pub fn is_complete(&self) -> bool {
        self.entries.len() as u64 == self.claimed
            && !self.entries.iter().any(|e| matches!(e, DirEntry::Unread))
    }
}

/// One entry of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirEntry {
    /// Index into `Directory::tables`.
    Table(u32),
    /// A nil pointer.
    Nil,
    /// The pointer could not be read.
    Unread,
}

/// A table's own fields. Source: `internal/runtime/maps/table.go`, `table`, from go1.24.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TableHeader {
    /// Live entries.
    pub used: u16,
    /// Slots; a power of two, 8 to 1024.
    pub capacity: u16,
    /// Empty slots that may still be filled.
    pub growth_left: u16,
    /// How many top hash bits all keys of the table share.
    pub local_depth: u8,
    /// First directory index; -1 when the table was replaced.
    pub index: i64,
    /// Array of groups.
    pub groups_data: Addr,
    /// Number of groups minus one.
    pub length_mask: u64,
}

/// One table.
#[derive(Clone, Debug)]
pub struct TableImage<'a> {
    /// Its address.
    pub addr: Addr,
    /// Where it lies.
    pub home: Home,
    /// First directory index that leads to it.
    pub first: u64,
    /// Directory entries that lead to it, in all.
    pub seen: u64,
    /// Its fields; `None` when they could not be read, or when its place is no table's.
    pub header: Option<TableHeader>,
    /// Its groups; `None` when the header or the group count makes no sense.
    pub groups: Option<Storage<'a>>,
}

/// The control bytes of a group, slot 0 first, whatever the byte order: the control word is read as
/// a native integer and slot i is its byte i by value. Source: `internal/runtime/maps/group.go`,
/// `ctrlGroup`, from go1.24.
pub fn group_ctrls(abi: Abi, group: &[u8]) -> [u8; 8] {
    abi.u64(group, 0).unwrap_or_default().to_le_bytes()
}
