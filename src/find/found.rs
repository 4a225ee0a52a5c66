//! What a search for maps found: the maps, and the places on the way to them.
//! In: what `trace.rs` followed. Out: flat arrays; a place knows its parent, and how that led to it.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::maps::image::Half;
use crate::maps::syncmap::SyncMapImage;
use crate::types::graph::TypeId;

/// A place in the process from which the search goes on.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The node that led here; `u32::MAX` for roots.
    pub parent: u32,
    /// Type of one element.
    pub ty: TypeId,
    /// Where the elements begin.
    pub addr: Addr,
    /// How many elements lie here, one behind the other.
    pub count: u64,
    /// How the parent led here.
    pub via: Via,
}

/// How a node led to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// A root: a package variable, by number.
    Variable(u32),
    /// The pointer, slice, map … at this offset of the parent's memory.
    At(u64),
    /// An interface at this offset held a value of this node's type.
    Iface(u64),
    /// The channel at this offset; element `idx` in order of receiving.
    Recv {
        /// Offset of the channel in the parent's memory.
        off: u64,
        /// Position in the buffer, oldest first.
        idx: u64,
    },
    /// A variable captured by the func value at this offset.
    Capture {
        /// Offset of the func value in the parent's memory.
        off: u64,
        /// Number of the name in the closures' list of names.
        name: u32,
    },
    /// A half of a map's entry.
    Entry {
        /// Key or elem.
        half: Half,
        /// Address of the key as stored (behind an indirection, where there is one).
        key: Addr,
    },
    /// The same for a `sync.Map`, whose keys are interfaces.
    SyncEntry {
        /// Key or elem.
        half: Half,
        /// Address of the key.
        key: Addr,
    },
    /// A field that holds an inner map of a `sync.Map`.
    Inner(&'static str),
}

/// A map that was found.
#[derive(Clone, Copy, Debug)]
pub struct FoundMap {
    /// Address of the header.
    pub addr: Addr,
    /// Its type.
    pub ty: TypeId,
    /// Its node: the shortest way to it.
    pub node: u32,
}

/// A `sync.Map` that was found.
#[derive(Clone, Debug)]
pub struct FoundSyncMap {
    /// Address of the struct.
    pub addr: Addr,
    /// Its node.
    pub node: u32,
    /// Its content.
    pub image: SyncMapImage,
}

/// What the search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The maps, in the order they were found.
    pub maps: Vec<FoundMap>,
    /// The sync.Maps.
    pub sync_maps: Vec<FoundSyncMap>,
    /// All places on the way, for owner paths.
    pub nodes: Vec<Node>,
    /// Names of captured variables, for owner paths.
    pub capture_names: Vec<String>,
    /// What could not be read on the way, first ones.
    pub gaps: Vec<Fault>,
    /// How many there were.
    pub gaps_total: u64,
    /// More places than a process of this size can have: the search was left, and maps may be missing.
    pub cut_short: bool,
}
