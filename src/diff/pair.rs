//! Which map of one dump is which of the other: by address in one process, by owner path between two.
//! In: two sides. Out: pairs of indices with what shows each, groups that nobody can tell apart, and notes.

use crate::diff::same::same_process;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::diff::sums::Sums;
use crate::find::fold_path::Fold;
use crate::find::fold_path::Keys;
use crate::maps::image::Hmap;
use crate::survey::detail::Header;
use std::sync::Arc;

mod address;
mod owner;

/// The owner of maps that nothing leads to, as a group.
pub const NO_OWNER: &str = "(no owner)";

/// What shows that two maps are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Address, type and seed of one process, or address and type where one of the two has no seed and no owner.
    Address,
    /// Address, type and owner path of one process; the seed is another, as after `clear`.
    AddressOwner,
    /// Type and seed, which no other map of either side has: the header moved with its stack.
    Seed,
    /// Owner path and type, which are the only ones of that kind on both sides.
    Owner,
    /// The same, after what differs between processes was folded.
    OwnerFolded,
}

impl How {
    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Address => "address",
            How::AddressOwner => "address+owner",
            How::Seed => "seed",
            How::Owner => "owner",
            How::OwnerFolded => "owner-folded",
        }
    }
}

/// A map of both sides, or of one of them. Indices are those of `Side::maps`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Pair {
    /// In OLD.
    pub old: Option<u32>,
    /// In NEW.
    pub new: Option<u32>,
    /// What shows it; `None` for a map of one side.
    pub how: Option<How>,
    /// Of a map of one side: the map of the other that stands at its owner path now, or stood there.
    pub replaced: Option<u32>,
    /// Of a map of one side: its address holds another map on the other side.
    pub reused: bool,
    /// Of a map of OLD: it is garbage in NEW.
    pub now_garbage: bool,
    /// Of both: it was garbage in OLD.
    pub was_garbage: bool,
    /// The owner paths were compared without their keys.
    pub keys_ignored: bool,
}

/// Maps that share what they could be told apart by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ambiguous {
    /// Their folded owner path, or `(no owner)`.
    pub owner: String,
    /// Their type.
    pub ty: Arc<str>,
    /// Those of OLD.
    pub old: Sums,
    /// Those of NEW.
    pub new: Sums,
}

/// How two sides belong together.
#[derive(Clone, Default, Debug)]
pub struct Pairing {
    /// Both are of one run of a program: maps were paired by address, and seeds and pointers mean something.
    pub same_process: bool,
    /// Keys in owner paths can be compared.
    pub keys: bool,
    /// Digests of contents can be compared.
    pub contents: bool,
    /// Maps that are not garbage on both sides: each stands in one pair, or in an ambiguous group.
    pub pairs: Vec<Pair>,
    /// Groups that were not taken apart, by owner and type.
    pub ambiguous: Vec<Ambiguous>,
    /// What a reader has to know, in words.
    pub notes: Vec<String>,
}

/// The seed of a map's hashes; `None` for those without a header.
pub fn seed(map: &SideMap) -> Option<u64> {
    match &map.header {
        Header::Classic(Hmap { hash0, .. }, _) => Some(u64::from(*hash0)),
        Header::Swiss(s) => Some(s.seed),
        Header::None => None,
    }
}

/// Whether nothing leads to a map any more.
pub fn is_garbage(map: &SideMap) -> bool {
    map.reachable == "garbage"
}

/// Whether an owner path is a word of a frame that no variable has, and nothing behind it: `main.f(goroutine 7).frame[-0x40]`.
pub(crate) fn is_nameless(owner: &str) -> bool {
    let word = owner.split_once(").frame[").map(|(_, word)| word);
    on_stack(owner) && word.is_some_and(|w| w.find(']') == w.len().checked_sub(1))
}

/// Whether the way to a map begins on a goroutine's stack, where the map itself may lie too.
pub fn on_stack(owner: &str) -> bool {
    owner.contains("(goroutine ")
}

/// Pairs the maps of two sides.
pub fn pair(old: &Side, new: &Side) -> Pairing {
    let (same, why) = same_process(old, new);
    let both_clear = old.values == "clear" && new.values == "clear";
    let contents = old.key_id.is_some() && old.key_id == new.key_id;
    let mut out = Pairing {
        same_process: same,
        keys: both_clear || (old.values == "digest" && new.values == "digest" && contents),
        contents,
        notes: vec![why],
        ..Pairing::default()
    };
    let mut work = Work {
        old: &old.maps,
        new: &new.maps,
        kinds: (old.process.maps, new.process.maps),
        fold: folding(old, new, &out),
        out: &mut out,
    };
    if same {
        work.by_address();
    } else {
        work.by_owner();
    }
    notes(old, new, &mut out);
    out
}

/// How owner paths are folded before they are compared.
fn folding(old: &Side, new: &Side, pairing: &Pairing) -> Fold {
    Fold {
        keys: if pairing.keys {
            Keys::Keep
        } else if old.values == new.values {
            Keys::Redacted
        } else {
            // A key in clear here is a digest there, and an integer key looks like an index.
            Keys::All
        },
        volatile: !pairing.same_process,
    }
}

fn notes(old: &Side, new: &Side, out: &mut Pairing) {
    let keys_folded = out.pairs.iter().any(|p| p.keys_ignored)
        || (!out.keys && out.ambiguous.iter().any(|a| a.owner.contains('*')));
    if keys_folded {
        let why = if old.values != new.values {
            format!(
                "they are shown as {} in OLD and as {} in NEW",
                old.values, new.values
            )
        } else if old.values == "none" {
            "they are not shown".to_owned()
        } else {
            "their digests were made with different keys".to_owned()
        };
        out.notes.push(format!(
            "keys in owner paths could not be compared: {why}; such paths were paired without them"
        ));
    }
    if old.process.go != new.process.go {
        out.notes.push(format!(
            "Go differs: {} and {}; sizes and headers may differ for that alone",
            old.process.go, new.process.go
        ));
    }
    let builds = (&old.process.core_build_id, &new.process.core_build_id);
    if let (Some(a), Some(b)) = builds
        && a != b
    {
        let said = "builds differ: types and layouts may have changed with them";
        out.notes.push(said.to_owned());
    }
    let earlier = old.uptime.zip(new.uptime).is_some_and(|(o, n)| o > n);
    if out.same_process && earlier {
        out.notes
            .push("OLD is of a later time than NEW: are the two the right way round?".to_owned());
    }
}

/// What the steps of pairing share.
struct Work<'w> {
    old: &'w [SideMap],
    new: &'w [SideMap],
    /// `classic` or `swiss`, of each process.
    kinds: (&'static str, &'static str),
    fold: Fold,
    out: &'w mut Pairing,
}

fn indices(maps: &[SideMap]) -> std::ops::Range<u32> {
    0..u32::try_from(maps.len()).unwrap_or(u32::MAX)
}

fn at(maps: &[SideMap], i: u32) -> Option<&SideMap> {
    maps.get(usize::try_from(i).ok()?)
}

impl Work<'_> {
    /// A map of one side.
    fn alone(&mut self, old: Option<u32>, new: Option<u32>) {
        let map = old
            .and_then(|i| at(self.old, i))
            .or(new.and_then(|i| at(self.new, i)));
        if map.is_some_and(|m| !is_garbage(m)) {
            self.out.pairs.push(Pair {
                old,
                new,
                ..Pair::default()
            });
        }
    }
}

/// Whether there is one of a thing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum One {
    #[default]
    None,
    Only(usize),
    Many,
}

impl One {
    fn add(&mut self, i: usize) {
        *self = match self {
            One::None => One::Only(i),
            One::Only(_) | One::Many => One::Many,
        };
    }
}

/// Whether there is one of a thing on each side.
#[derive(Clone, Copy, Default)]
struct Sole {
    old: One,
    new: One,
}

#[cfg(test)]
mod tests;
