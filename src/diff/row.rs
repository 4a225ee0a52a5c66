//! What happened to one map, in full.
//! In: a pair and its maps. Out: a `Row`, made when it is read, as there may be a million.

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::diff::change::Changes;
use crate::diff::compare;
use crate::diff::compare::Basis;
use crate::diff::compare::Contents;
use crate::diff::compare::Field;
use crate::diff::entries::EntryDiff;
use crate::diff::pair::How;
use crate::diff::pair::Pair;
use crate::diff::side::SideMap;
use crate::diff::sums::gained;

/// What a map gained.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Delta {
    /// Entries; a length that could not be read counts as 0.
    pub len: i64,
    /// Bytes; `None` where they are not known, as of a `sync.Map`.
    pub bytes: Option<i64>,
    /// Of these, bytes of empty slots.
    pub waste: i64,
    /// Deleted slots.
    pub tombstones: i64,
}

impl Delta {
    /// Between two states of a map; one that is not there has nothing.
    pub fn of(old: Option<&SideMap>, new: Option<&SideMap>) -> Delta {
        let gain = |get: fn(&SideMap) -> u64| gained(old.map_or(0, get), new.map_or(0, get));
        let len = |m: Option<&SideMap>| m.and_then(|m| m.len).unwrap_or(0);
        Delta {
            len: len(new).saturating_sub(len(old)),
            bytes: [old, new]
                .into_iter()
                .flatten()
                .all(|m| m.known_bytes().is_some())
                .then(|| gain(|m| m.bytes)),
            waste: gain(|m| m.waste),
            tombstones: gain(|m| m.marks.deleted),
        }
    }
}

/// What happened to one map.
#[derive(Clone, Debug)]
pub struct Row<'d> {
    /// All that did.
    pub changes: Changes,
    /// What shows that the two are one; `None` for a map of one side.
    pub how: Option<How>,
    /// The map in OLD.
    pub old: Option<&'d SideMap>,
    /// In NEW.
    pub new: Option<&'d SideMap>,
    /// What it gained; a map that came gained all it has.
    pub delta: Delta,
    /// Fields that differ; of a map of both sides only.
    pub fields: Vec<Field<'d>>,
    /// Rules that are broken now.
    pub broke: Vec<&'static str>,
    /// Rules that were.
    pub healed: Vec<&'static str>,
    /// Of a map that went: the map that stands at its owner path now.
    pub replaced_by: Option<Addr>,
    /// Of a map that came: the map that stood there.
    pub replaces: Option<Addr>,
    /// What else there is to know, in words.
    pub notes: Vec<String>,
    /// Whether it holds the same; `None` for a map of one side.
    pub contents: Option<Contents>,
    /// Its entries, where they were compared.
    pub entries: Option<&'d EntryDiff>,
}

impl<'d> Row<'d> {
    /// Of a pair; who replaced it and its entries are for others to add.
    pub fn of(
        p: &Pair,
        old: Option<&'d SideMap>,
        new: Option<&'d SideMap>,
        changes: Changes,
        basis: Basis,
    ) -> Row<'d> {
        let both = old.zip(new);
        let (broke, healed) = match (old, new) {
            (Some(o), Some(n)) => compare::rules(o, n),
            (None, Some(n)) => (n.broken_rules.clone(), Vec::new()),
            _ => Default::default(),
        };
        Row {
            changes,
            how: p.how,
            old,
            new,
            delta: Delta::of(old, new),
            fields: both.map_or_else(Vec::new, |(o, n)| compare::fields(o, n, basis)),
            broke,
            healed,
            replaced_by: None,
            replaces: None,
            notes: notes(p, old, new, basis),
            contents: both.map(|(o, n)| compare::contents(o, n, basis)),
            entries: None,
        }
    }
}

fn notes(p: &Pair, old: Option<&SideMap>, new: Option<&SideMap>, basis: Basis) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |is: bool, what: &str| {
        if is {
            out.push(what.to_owned());
        }
    };
    say(p.now_garbage, "still in memory as garbage");
    say(p.was_garbage, "it was garbage in OLD");
    say(
        p.reused && p.old.is_some(),
        "the memory of its header holds another map now",
    );
    say(
        p.reused && p.new.is_some(),
        "the memory of its header held another map",
    );
    say(
        p.how == Some(How::Seed),
        "its header is at another address, as when a stack grows: its seed is the same",
    );
    say(p.keys_ignored, "paired without the keys in its owner path");
    if let Some((o, n)) = old.zip(new) {
        say(
            p.how == Some(How::AddressOwner) && compare::reseeded(o, n),
            "its seed is another: it was emptied in between, or is another map at the same place",
        );
        let was_broken = o.verdict == Some(Verdict::Broken);
        let judged = |m: &SideMap| matches!(m.verdict, Some(Verdict::Ok | Verdict::Broken));
        say(
            was_broken && !judged(n),
            "it was broken, and cannot be judged in NEW",
        );
        say(
            n.verdict == Some(Verdict::Broken) && !judged(o),
            "it could not be judged in OLD",
        );
        say(
            compare::only_len_differs(o, n, basis),
            "its entries are the same: it is the count that differs",
        );
        match compare::contents(o, n, basis) {
            Contents::KeysSame => say(true, "same keys, other elems"),
            Contents::KeysOnly => say(
                true,
                "same keys; elems are or have pointers, which differ between any two processes",
            ),
            Contents::Same | Contents::Differ | Contents::Unknown => {}
        }
    }
    out
}
