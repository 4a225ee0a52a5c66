//! One side of a diff: what is kept of each map of a dump while it is compared.
//! In: lines of a snapshot, one by one. Out: small records; a million of them have to fit into memory.

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::Header;
use crate::survey::detail::Marks;
use std::hash::Hash;
use std::hash::Hasher;
use std::ops::Deref;
use std::sync::Arc;

/// A dump as a whole.
#[derive(Clone, Debug)]
pub struct Side {
    /// The file it was read from, as given.
    pub file: String,
    /// A snapshot, not a core.
    pub is_snapshot: bool,
    /// What was opened.
    pub process: crate::survey::result::ProcessInfo,
    /// The same for all dumps of one run of a program.
    pub identity: Option<String>,
    /// How it ended, in one word, and the message.
    pub crash: (crate::survey::ending::CrashKind, Option<String>),
    /// How long the process had been running, in nanoseconds.
    pub uptime: Option<u64>,
    /// Keys in owner paths: `none`, `digest`, `clear`.
    pub values: String,
    /// Entries in the file: `none`, `digest`, `clear`.
    pub entries: String,
    /// The id of the digest key; `None` where there are no digests.
    pub key_id: Option<String>,
    /// Maps may be missing.
    pub gaps_total: u64,
    /// Its maps, by address.
    pub maps: Vec<SideMap>,
}

/// One map of a dump. What it has in common with others is kept once for many of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SideMap {
    /// Address of its header.
    pub addr: Addr,
    /// Its owner path; empty where there is none.
    pub owner: Box<str>,
    /// Its header.
    pub header: Header,
    /// What stands for its entries.
    pub digest: Option<ContentDigest>,
    /// The rest.
    pub state: Arc<MapState>,
}

/// What many maps of a dump have in common: their type, sizes, how they fare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapState {
    /// `classic`, `swiss`, `syncmap`, `unreadable`.
    pub kind: &'static str,
    /// Its type.
    pub ty: Arc<str>,
    /// `reachable`, `reachable-unknown-path`, `garbage`.
    pub reachable: &'static str,
    /// Its len as it claims.
    pub len: Option<i64>,
    /// Entries it has room for.
    pub capacity: Option<u64>,
    /// Bytes of header and storage.
    pub bytes: u64,
    /// Of these, of empty slots.
    pub waste: u64,
    /// Its slots by mark.
    pub marks: Marks,
    /// Tables of a Swiss map.
    pub tables: u64,
    /// What the rules say; `None` where nobody judged.
    pub verdict: Option<Verdict>,
    /// Ids of the rules that are broken, each once.
    pub broken_rules: Vec<&'static str>,
    /// Something of it could not be read.
    pub gaps_total: u64,
    /// Its entries are in the file.
    pub has_entries: bool,
}

impl Hash for MapState {
    /// Of what tells most maps apart; equality looks at the rest.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let parts = (self.len, self.bytes, self.waste, self.marks.deleted);
        (parts, self.ty.len()).hash(state);
    }
}

impl Deref for SideMap {
    type Target = MapState;

    fn deref(&self) -> &MapState {
        &self.state
    }
}

impl SideMap {
    /// Its bytes, where they are known: those of a `sync.Map` are not.
    pub fn known_bytes(&self) -> Option<u64> {
        (self.kind != "syncmap").then_some(self.bytes)
    }
}
