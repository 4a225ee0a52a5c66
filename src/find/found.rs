//! What a search for maps found: the maps, and the places on the way to them.
//! In: what `trace.rs` followed. Out: flat arrays; a place knows its parent, and how that led to it.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::find::mapset::Maps;
use crate::find::nodes::Nodes;
use crate::maps::image::Half;
use crate::maps::syncmap::SyncMapImage;
use crate::types::graph::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Places on the way to one map that are of use.
const MAX_WAY: usize = 64;

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

/// Where a node stands on the way from its root.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rank {
    /// Nodes above it.
    pub depth: u32,
    /// The last of the first nodes of the way that are always written out, or the node itself.
    pub head: u32,
}

/// How a node led to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// A root: a package variable, by number.
    Variable(u32),
    /// Another root, by number in `Found::roots`.
    Root(u32),
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
    /// The channel at this offset; the value that the sender `idx` in order of waiting is to hand over.
    Send {
        /// Offset of the channel in the parent's memory.
        off: u64,
        /// Position in the queue, longest waiting first.
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
    /// The elements between len and cap of the slice at this offset: dead for the program, but kept.
    Beyond {
        /// Offset of the slice in the parent's memory.
        off: u64,
        /// The slice's length: the index of the first of these elements.
        len: u64,
    },
}

/// Where a search begins, other than at package variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Root {
    /// A named variable or argument in a frame.
    Local {
        /// The goroutine's number.
        goroutine: u64,
        /// The function, as the source has it: the inlined one where the variable belongs to one.
        function: Arc<str>,
        /// The variable; `&x` for the address of an `x` that was moved to the heap.
        name: String,
    },
    /// A word of a frame that no variable's name is known for.
    Slot {
        /// The goroutine's number.
        goroutine: u64,
        /// The function.
        function: Arc<str>,
        /// Bytes from the canonical frame address.
        off: i64,
    },
    /// A register of a frame that was interrupted.
    Register {
        /// The goroutine's number.
        goroutine: u64,
        /// The function.
        function: Arc<str>,
        /// The register.
        name: &'static str,
    },
    /// A value that a goroutine waits to send.
    Waiting {
        /// The goroutine's number.
        goroutine: u64,
    },
    /// The function of a go statement that was not run yet.
    Start {
        /// The goroutine's number.
        goroutine: u64,
    },
    /// An object that a finalizer was set on, and all that it leads to.
    Finalized(Addr),
    /// The finalizer of the object at this address.
    Finalizer(Addr),
    /// A cleanup of the object at this address.
    Cleanup(Addr),
    /// A map that only the sweep over the heap found.
    Swept {
        /// The map's header.
        map: Addr,
        /// What leads there, where something does.
        held: Option<Held>,
    },
}

/// A word that no type says to be a map, and that leads to one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// In a package variable.
    Variable {
        /// Its number.
        variable: u32,
        /// Bytes from its start.
        off: u64,
    },
    /// In an object of the heap.
    Object {
        /// Its address.
        object: Addr,
        /// Bytes from its start.
        off: u64,
    },
}

/// The ways a map was found, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ways(u8);

impl Ways {
    /// From a package variable through typed memory.
    pub const VARIABLE: Ways = Ways(1);
    /// From a goroutine's stack.
    pub const STACK: Ways = Ways(2);
    /// From a register.
    pub const REGISTER: Ways = Ways(4);
    /// From the function of a go statement that was not run yet.
    pub const GOROUTINE: Ways = Ways(8);
    /// From a finalizer, or from an object that has one.
    pub const FINALIZER: Ways = Ways(16);
    /// From a cleanup.
    pub const CLEANUP: Ways = Ways(32);
    /// By the sweep over the heap.
    pub const SWEEP: Ways = Ways(64);

    /// All ways with their words, in the order they are tried.
    pub const ALL: [(Ways, &'static str); 7] = [
        (Ways::VARIABLE, "variable"),
        (Ways::STACK, "stack"),
        (Ways::REGISTER, "register"),
        (Ways::GOROUTINE, "goroutine"),
        (Ways::FINALIZER, "finalizer"),
        (Ways::CLEANUP, "cleanup"),
        (Ways::SWEEP, "sweep"),
    ];

    /// Adds the ways of another set.
    pub fn add(&mut self, other: Ways) {
        self.0 |= other.0;
    }

    /// Whether a way is among them.
    pub fn has(self, way: Ways) -> bool {
        self.0 & way.0 == way.0
    }

    /// The way that was tried first of those in the set.
    pub fn first(self) -> Ways {
        Ways(self.0 & self.0.wrapping_neg())
    }

    /// The words shown in text and JSON.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        let has = Self::ALL.iter().filter(move |(way, _)| self.has(*way));
        has.map(|(_, name)| *name)
    }

    /// The same as a list.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().collect()
    }
}

/// Whether the program could still get at a map.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Reach {
    /// A root leads there through typed memory, or a word of a stack or a register holds it.
    #[default]
    Reachable,
    /// The garbage collector would keep it, but no typed way to it is known (`unsafe.Pointer`).
    UnknownPath,
    /// Nothing that the garbage collector knows leads there.
    Garbage,
}

impl Reach {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Reachable => "reachable",
            Reach::UnknownPath => "reachable-unknown-path",
            Reach::Garbage => "garbage",
        }
    }
}

/// How sure it is of which type a map is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Sure {
    /// What leads there has a type, or a type descriptor stands beside it.
    #[default]
    Typed,
    /// The allocator recorded the type of its storage, or only one type of the program fits.
    Inferred,
    /// Several types fit; `Found::alternatives` has them.
    Ambiguous,
}

impl Sure {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Sure::Typed => "typed",
            Sure::Inferred => "inferred",
            Sure::Ambiguous => "ambiguous",
        }
    }
}

/// A map that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundMap {
    /// Address of the header.
    pub addr: Addr,
    /// Its type.
    pub ty: TypeId,
    /// Its node: the shortest way to it.
    pub node: u32,
    /// Every way it was found.
    pub ways: Ways,
    /// Whether the program could still get at it.
    pub reach: Reach,
    /// How sure its type is.
    pub sure: Sure,
    /// The garbage collector has found it dead and may have freed parts of it: it cannot be judged.
    pub dead: bool,
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
    /// Every way it was found.
    pub ways: Ways,
    /// Whether the program could still get at it.
    pub reach: Reach,
}

/// What the search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The maps, in the order they were found, and all places on the way to them.
    pub maps: Maps,
    /// The sync.Maps.
    pub sync_maps: Vec<FoundSyncMap>,
    /// Roots other than package variables.
    pub roots: Vec<Root>,
    /// The types that fit a map whose type is ambiguous, the one it is shown as first; by header.
    pub alternatives: BTreeMap<Addr, Vec<TypeId>>,
    /// Names of captured variables, for owner paths.
    pub capture_names: Vec<String>,
    /// What could not be read on the way, first ones.
    pub gaps: Vec<Fault>,
    /// How many there were.
    pub gaps_total: u64,
    /// Goroutines whose stack could not be read to its end: maps that only they hold may be missing.
    pub broken_stacks: u64,
    /// The first of them, with why.
    pub broken_stack: Option<(u64, String)>,
    /// More places than a process of this size can have: the search was left, and maps may be missing.
    pub cut_short: bool,
}

impl Found {
    /// All places on the way, for owner paths.
    pub fn nodes(&self) -> &Nodes {
        &self.maps.nodes
    }

    /// The nodes above one, nearest first, roots left out.
    pub fn way(&self, node: u32) -> impl Iterator<Item = Node> {
        let above = |n: &Node| self.nodes().get(n.parent);
        std::iter::successors(self.nodes().get(node), above)
            .skip(1)
            .take(MAX_WAY)
            .filter(|n| !matches!(n.via, Via::Variable(_) | Via::Root(_)))
    }

    /// The package variable from which the way to a node begins, by number, and the bytes from its start to
    /// the word that leads on.
    pub fn variable_of(&self, node: u32) -> Option<(u32, u64)> {
        let (mut at, mut off) = (node, 0);
        for _ in 0..self.nodes().len() {
            let n = self.nodes().get(at)?;
            off = match n.via {
                Via::Variable(i) => return Some((i, off)),
                Via::At(off) | Via::Iface(off) => off,
                _ => 0,
            };
            at = n.parent;
        }
        None
    }
}
