//! Which map of one dump is which of the other: by address in one process, by owner path between two.
//! In: two sides. Out: pairs of indices with what shows each, groups that nobody can tell apart, and notes.

use crate::base::addr::Addr;
use crate::diff::same::same_process;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::diff::sums::Sums;
use crate::find::fold_path::Fold;
use crate::find::fold_path::Keys;
use crate::find::fold_path::fold_path;
use crate::maps::image::Hmap;
use crate::survey::detail::Header;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// The owner of maps that nothing leads to, as a group.
pub const NO_OWNER: &str = "(no owner)";

/// What shows that two maps are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Address, type and seed of one process, or address and type where one of the two has no seed and no owner.
    Address,
    /// Address, type and owner path of one process; the seed is another, as after `clear`.
    AddressOwner,
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
    fold: Fold,
    out: &'w mut Pairing,
}

/// Indices of maps, in order of address and type.
fn by_place(maps: &[SideMap]) -> Vec<u32> {
    let mut out: Vec<u32> = indices(maps).collect();
    // Sides come in order of address already: this only looks.
    out.sort_by(|a, b| place(maps, *a).cmp(&place(maps, *b)));
    out
}

fn indices(maps: &[SideMap]) -> std::ops::Range<u32> {
    0..u32::try_from(maps.len()).unwrap_or(u32::MAX)
}

fn at(maps: &[SideMap], i: u32) -> Option<&SideMap> {
    maps.get(usize::try_from(i).ok()?)
}

fn place(maps: &[SideMap], i: u32) -> Option<(Addr, &str)> {
    at(maps, i).map(|m| (m.addr, &*m.ty))
}

impl<'w> Work<'w> {
    fn by_address(&mut self) {
        let (old, new) = (by_place(self.old), by_place(self.new));
        let (mut o, mut n) = (
            old.iter().copied().peekable(),
            new.iter().copied().peekable(),
        );
        loop {
            let order = match (o.peek(), n.peek()) {
                (Some(a), Some(b)) => place(self.old, *a).cmp(&place(self.new, *b)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            match order {
                Ordering::Less => self.alone(o.next(), None),
                Ordering::Greater => self.alone(None, n.next()),
                Ordering::Equal => self.meet(o.next(), n.next()),
            }
        }
        self.mark_reused();
        self.mark_replaced();
    }

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

    /// Two maps of equal address and type.
    fn meet(&mut self, old: Option<u32>, new: Option<u32>) {
        let maps = old
            .and_then(|i| at(self.old, i))
            .zip(new.and_then(|i| at(self.new, i)));
        let Some((a, b)) = maps else { return };
        let (path_a, path_b) = (
            fold_path(&a.owner, self.fold),
            fold_path(&b.owner, self.fold),
        );
        let same_owner = !a.owner.is_empty() && path_a == path_b;
        let how = match (seed(a), seed(b)) {
            (Some(x), Some(y)) if x == y => Some(How::Address),
            _ if same_owner => Some(How::AddressOwner),
            (Some(_), Some(_)) => None,
            // A sync.Map has no seed, nor has what could not be read: the type must do unless owners differ.
            _ => (a.owner.is_empty() || b.owner.is_empty()).then_some(How::Address),
        };
        let Some(how) = how else {
            self.alone(old, None);
            self.alone(None, new);
            return;
        };
        match (is_garbage(a), is_garbage(b)) {
            (true, true) => {}
            (false, true) => self.out.pairs.push(Pair {
                old,
                now_garbage: true,
                ..Pair::default()
            }),
            (was_garbage, false) => self.out.pairs.push(Pair {
                old,
                new,
                how: Some(how),
                was_garbage,
                keys_ignored: how == How::AddressOwner && a.owner != b.owner,
                ..Pair::default()
            }),
        }
    }

    /// Marks maps whose header's memory holds another map on the other side. Pairs are in order of address.
    fn mark_reused(&mut self) {
        let addr = |p: &Pair| {
            let old = p.old.and_then(|i| at(self.old, i));
            old.or(p.new.and_then(|i| at(self.new, i))).map(|m| m.addr)
        };
        let (mut last, mut marks) = (None, Vec::new());
        for (i, p) in self.out.pairs.iter().enumerate() {
            if p.how.is_none() {
                let here = (addr(p), p.old.is_some());
                match last {
                    Some((j, (a, side))) if a == here.0 && side != here.1 => marks.extend([j, i]),
                    _ => {}
                }
                last = Some((i, here));
            }
        }
        for i in marks {
            if let Some(p) = self.out.pairs.get_mut(i) {
                p.reused = true;
            }
        }
    }

    /// Marks maps that went and came at one owner path with one type, where they are the only ones.
    fn mark_replaced(&mut self) {
        let mut seen: HashMap<(Cow<'w, str>, &'w str), Sole> = HashMap::new();
        for (i, p) in self.out.pairs.iter().enumerate() {
            let (maps, index) = match (p.old, p.new) {
                (Some(i), None) => (self.old, i),
                (None, Some(i)) => (self.new, i),
                _ => continue,
            };
            let Some(m) = at(maps, index).filter(|m| !m.owner.is_empty()) else {
                continue;
            };
            let sole = seen
                .entry((fold_path(&m.owner, self.fold), &*m.ty))
                .or_default();
            if p.old.is_some() {
                sole.old.add(i);
            } else {
                sole.new.add(i);
            }
        }
        for sole in seen.into_values() {
            let (One::Only(o), One::Only(n)) = (sole.old, sole.new) else {
                continue;
            };
            let went = self.out.pairs.get(o).and_then(|p| p.old);
            let came = self.out.pairs.get(n).and_then(|p| p.new);
            for (i, other) in [(o, came), (n, went)] {
                if let Some(p) = self.out.pairs.get_mut(i) {
                    p.replaced = other;
                }
            }
        }
    }

    fn by_owner(&mut self) {
        let lives = |maps: &'w [SideMap]| {
            indices(maps).filter(move |i| at(maps, *i).is_some_and(|m| !is_garbage(m)))
        };
        // The text as it is, where nothing in it depends on the run.
        let mut texts: HashMap<(&'w str, &'w str), Sole> = HashMap::new();
        let mut folded: HashMap<(Cow<'w, str>, &'w str), (Vec<u32>, Vec<u32>)> = HashMap::new();
        let plain = |m: &SideMap| {
            // An index of a slice is one on both sides, also where keys are shown in two ways.
            let keys = if self.fold.keys == Keys::All {
                Keys::Redacted
            } else {
                self.fold.keys
            };
            let fold = Fold { keys, ..self.fold };
            !m.owner.is_empty() && fold_path(&m.owner, fold) == *m.owner
        };
        for (is_old, maps) in [(true, self.old), (false, self.new)] {
            for i in lives(maps) {
                if let Some(m) = at(maps, i).filter(|m| plain(m)) {
                    let sole = texts.entry((&*m.owner, &*m.ty)).or_default();
                    let one = if is_old { &mut sole.old } else { &mut sole.new };
                    one.add(usize::try_from(i).unwrap_or(usize::MAX));
                }
            }
        }
        let paired = |m: &'w SideMap| match texts.get(&(&*m.owner, &*m.ty)) {
            Some(Sole {
                old: One::Only(o),
                new: One::Only(n),
            }) => Some((*o, *n)),
            _ => None,
        };
        for (is_old, maps) in [(true, self.old), (false, self.new)] {
            for i in lives(maps) {
                let Some(m) = at(maps, i) else { continue };
                match paired(m) {
                    // Said once, by the map of OLD.
                    Some((_, n)) if is_old => self.out.pairs.push(Pair {
                        old: Some(i),
                        new: u32::try_from(n).ok(),
                        how: Some(How::Owner),
                        ..Pair::default()
                    }),
                    Some(_) => {}
                    None => {
                        let path = fold_path(&m.owner, self.fold);
                        let (olds, news) = folded.entry((path, &*m.ty)).or_default();
                        if is_old { olds } else { news }.push(i);
                    }
                }
            }
        }
        self.folded(folded);
    }

    fn folded(&mut self, folded: HashMap<(Cow<'w, str>, &'w str), (Vec<u32>, Vec<u32>)>) {
        for ((owner, _), (olds, news)) in folded {
            let maps = |side: &'w [SideMap], of: &[u32]| -> Vec<&'w SideMap> {
                of.iter().filter_map(|i| at(side, *i)).collect()
            };
            match (&*olds, &*news) {
                _ if owner.is_empty() => {}
                ([o], [n]) => {
                    let keys = self.fold.keys != Keys::Keep;
                    let without = |i: &u32, maps| {
                        at(maps, *i).is_some_and(|m: &SideMap| {
                            let volatile = Fold {
                                keys: Keys::Keep,
                                volatile: true,
                            };
                            fold_path(&m.owner, volatile) != owner
                        })
                    };
                    self.out.pairs.push(Pair {
                        old: Some(*o),
                        new: Some(*n),
                        how: Some(How::OwnerFolded),
                        keys_ignored: keys && (without(o, self.old) || without(n, self.new)),
                        ..Pair::default()
                    });
                    continue;
                }
                ([], _) | (_, []) => {
                    olds.iter().for_each(|i| self.alone(Some(*i), None));
                    news.iter().for_each(|i| self.alone(None, Some(*i)));
                    continue;
                }
                _ => {}
            }
            let (olds, news) = (maps(self.old, &olds), maps(self.new, &news));
            let Some(ty) = olds.first().or(news.first()).map(|m| Arc::clone(&m.ty)) else {
                continue;
            };
            let sums = |maps: &[&SideMap]| {
                let mut sums = Sums::default();
                maps.iter().for_each(|m| sums.add(m));
                sums
            };
            self.out.ambiguous.push(Ambiguous {
                owner: if owner.is_empty() {
                    NO_OWNER.to_owned()
                } else {
                    owner.into_owned()
                },
                ty,
                old: sums(&olds),
                new: sums(&news),
            });
        }
        // A hash map has no order; what is shown has one.
        self.out
            .pairs
            .sort_by_key(|p| (p.old.is_none(), p.old, p.new));
        self.out
            .ambiguous
            .sort_by(|a, b| (&a.owner, &a.ty).cmp(&(&b.owner, &b.ty)));
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
