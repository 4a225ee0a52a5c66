//! Places inside a map, and facts tied to them: bad references, shared storage, gaps.
//! In: what the readers stumbled over. Out: small values, rendered only for a finding.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::base::limits::MAX_GAPS;

/// Storage that two maps claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shared {
    /// Where this map refers to it.
    pub place: Place,
    /// Its address.
    pub addr: Addr,
    /// Header of the other map.
    pub other: Addr,
}

/// Which half of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Half {
    /// The key.
    Key,
    /// The elem.
    Elem,
}

/// A place inside a map, cheap to make and rendered only for a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The header as a whole, or one of its fields.
    Header(&'static str),
    /// A cell of a classic bucket.
    Cell {
        /// In `oldbuckets` rather than `buckets`.
        old: bool,
        /// Index of the main bucket.
        chain: u64,
        /// Position in the chain, 0 for the main bucket.
        position: u32,
        /// Index of the cell.
        cell: u8,
    },
    /// A classic bucket as a whole.
    Bucket {
        /// In `oldbuckets` rather than `buckets`.
        old: bool,
        /// Index of the main bucket.
        chain: u64,
        /// Position in the chain, 0 for the main bucket.
        position: u32,
    },
    /// An entry of the directory.
    Dir(u64),
    /// A field of a table; tables are numbered as in `Directory::tables`, shown by first directory index.
    Table {
        /// First directory index that leads to it.
        dir: u64,
        /// The field, or empty for the table as a whole.
        field: &'static str,
    },
    /// A group of a table, or of a small map when `dir` is `None`.
    Group {
        /// First directory index of the table.
        dir: Option<u64>,
        /// Index of the group.
        group: u64,
    },
    /// A node or entry of a `sync.Map`.
    Node(Addr),
    /// A slot of a group.
    Slot {
        /// First directory index of the table; `None` in a small map.
        dir: Option<u64>,
        /// Index of the group.
        group: u64,
        /// Index of the slot.
        slot: u8,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let array = |old| if old { "oldbuckets" } else { "buckets" };
        match *self {
            Place::Header(field) => f.write_str(field),
            Place::Bucket {
                old,
                chain,
                position: 0,
            } => write!(f, "{}[{chain}]", array(old)),
            Place::Bucket {
                old,
                chain,
                position,
            } => write!(f, "{}[{chain}].overflow[{position}]", array(old)),
            Place::Cell {
                old,
                chain,
                position,
                cell,
            } => {
                write!(
                    f,
                    "{}.cell[{cell}]",
                    Place::Bucket {
                        old,
                        chain,
                        position
                    }
                )
            }
            Place::Node(at) => write!(f, "node {at}"),
            Place::Dir(i) => write!(f, "dir[{i}]"),
            Place::Table { dir, field: "" } => write!(f, "dir[{dir}].table"),
            Place::Table { dir, field } => write!(f, "dir[{dir}].table.{field}"),
            Place::Group {
                dir: None,
                group: _,
            } => f.write_str("group"),
            Place::Group {
                dir: Some(dir),
                group,
            } => write!(f, "dir[{dir}].table.groups[{group}]"),
            Place::Slot { dir, group, slot } => {
                write!(f, "{}.slot[{slot}]", Place::Group { dir, group })
            }
        }
    }
}

/// A directory, a table, or an array of buckets or groups that the allocator has in its books as something
/// else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeapType {
    /// Where the map refers to it.
    pub place: Place,
    /// Its address.
    pub addr: Addr,
    /// What the books say.
    pub books: Books,
}

/// A small object of the runtime's own that does not lie where such objects do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Misplaced {
    /// The field that refers to it.
    pub place: Place,
    /// Its address.
    pub addr: Addr,
    /// What is there.
    pub home: Home,
}

/// What the allocator's books say of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Books {
    /// Whether it holds pointers, other than the map's type.
    Pointers(bool),
    /// The name of the type it was allocated as, which is laid out otherwise.
    Type(Box<str>),
    /// An object of another size class: bytes of the slot that it should have, and of the one it has.
    Class {
        /// Should have.
        wants: u64,
        /// Has.
        has: u64,
    },
}

/// A reference in a live entry that leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRef {
    /// The entry.
    pub place: Place,
    /// Key or elem.
    pub half: Half,
    /// Offset of the reference inside the key or elem (behind the indirection, where there is one).
    pub off: u64,
    /// What kind of reference it is, and what is wrong.
    pub what: BadRefKind,
}

/// What kind of reference is bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRefKind {
    /// A string: its data pointer and length. The bytes are not all mapped, or the length is absurd.
    Str {
        /// Data pointer.
        data: Addr,
        /// Length in bytes.
        len: i64,
    },
    /// A string all of whose bytes are mapped, but not inside one live object.
    StrHome {
        /// Data pointer.
        data: Addr,
        /// Length in bytes.
        len: i64,
        /// Where the data pointer leads.
        home: Home,
    },
    /// A pointer into the heap where no live object is.
    Freed {
        /// The pointer.
        ptr: Addr,
        /// Where it leads.
        home: Home,
    },
    /// A pointer to memory that the process does not have.
    Wild {
        /// The pointer.
        ptr: Addr,
    },
    /// An interface: its first word is no type descriptor and no itab.
    Iface {
        /// The type or itab word.
        word: Addr,
    },
    /// An interface whose type is known: its data word leads to memory the process does not have.
    IfaceData {
        /// The data word.
        data: Addr,
    },
    /// The pointer to an indirect key or elem is nil, or leads to no live object large enough.
    Indirect {
        /// The pointer.
        ptr: Addr,
    },
}

/// One place that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// What should have stood there.
    pub what: &'static str,
    /// Where, how much, and why not.
    pub fault: Fault,
}

/// What of a map could not be read. An empty list is a promise: everything was.
#[derive(Clone, Default, Debug)]
pub struct Gaps {
    /// The first ones.
    pub list: Vec<Gap>,
    /// How many there were in all.
    pub total: u64,
}

impl Gaps {
    /// Notes a gap.
    pub fn push(&mut self, what: &'static str, fault: Fault) {
        self.total = self.total.saturating_add(1);
        if self.list.len() < MAX_GAPS {
            self.list.push(Gap { what, fault });
        }
    }

    /// Adds the gaps of a later part.
    pub fn append(&mut self, later: Gaps) {
        self.total = self.total.saturating_add(later.total);
        let room = MAX_GAPS.saturating_sub(self.list.len());
        self.list.extend(later.list.into_iter().take(room));
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}
