//! Two dumps compared: totals, what happened to each map, and the exit code.
//! In: two sides and what of them is wanted. Out: a `Diff`, plain data beside the sides it refers to; the rows of
//! maps are made when they are read, as there may be a million.

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::diff::change::Change;
use crate::diff::change::Changes;
use crate::diff::compare;
use crate::diff::compare::Basis;
use crate::diff::compare::Contents;
use crate::diff::entries::EntryDiff;
use crate::diff::pair::NO_OWNER;
use crate::diff::pair::Pair;
use crate::diff::pair::Pairing;
use crate::diff::pair::is_garbage;
use crate::diff::pair::pair;
use crate::diff::row::Delta;
use crate::diff::row::Row;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::diff::sums::Sums;
use crate::diff::sums::gained;
use crate::find::fold_path::Fold;
use crate::find::fold_path::fold_path;
use crate::survey::request::Target;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Which maps are listed. Counts, totals and groups are always of all maps.
#[derive(Clone, Default, Debug)]
pub struct Options {
    /// Those with any of these words. Empty: all that are not `same`; of one map, those too.
    pub only: Vec<Change>,
    /// The map with this address or owner path, on either side.
    pub map: Option<Target>,
    /// The first so many.
    pub top: Option<usize>,
}

/// How a diff ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: everything was compared, and nothing differs.
    Same,
    /// 1: something differs.
    Differs,
    /// 3: nothing differs as far as that can be told, but not everything could be compared.
    Unsure,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Same => 0,
            Exit::Differs => 1,
            Exit::Unsure => 3,
        }
    }
}

/// Totals of one side.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct SideTotals {
    /// Maps that were compared: all but garbage.
    pub live: Sums,
    /// Garbage, which is not.
    pub garbage: Sums,
}

/// Maps of one type, or of one owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The type, or the owner path with all elements of a container as one.
    pub name: String,
    /// In OLD.
    pub old: Sums,
    /// In NEW.
    pub new: Sums,
}

impl Group {
    /// Bytes gained.
    pub fn bytes(&self) -> i64 {
        gained(self.old.bytes, self.new.bytes)
    }
}

/// A pair that is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Index in `Pairing::pairs`.
    pub pair: u32,
    /// What happened to the map.
    pub changes: Changes,
}

/// A map of both sides whose entries are worth comparing.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'d> {
    /// Index in `Pairing::pairs`, for `Diff::entries`.
    pub pair: u32,
    /// The map in OLD.
    pub old: &'d SideMap,
    /// In NEW.
    pub new: &'d SideMap,
}

/// Two dumps compared.
#[derive(Clone, Debug)]
pub struct Diff<'s> {
    /// The earlier dump.
    pub old: &'s Side,
    /// The later one.
    pub new: &'s Side,
    /// How they belong together.
    pub pairing: Pairing,
    /// Totals of OLD.
    pub old_totals: SideTotals,
    /// Totals of NEW.
    pub new_totals: SideTotals,
    /// How many maps each word is true of, in order of `Change::ALL`; several may be true of one.
    pub counts: Vec<(Change, u64)>,
    /// The maps that are listed, in order: what broke, then by bytes gained, those whose bytes are not known by entries
    /// gained, by bytes lost, entries gained or lost, address.
    pub listed: Vec<Listed>,
    /// With `Options::map`: a side has such a map, garbage aside. It may stand in an ambiguous group.
    pub map_found: bool,
    /// With `Options::map`: there is such a map, and it is garbage.
    pub map_is_garbage: bool,
    /// With `Options::map`: there is such a map, and it stands in ambiguous groups alone.
    pub map_in_group: bool,
    /// How many would be without `Options::top`.
    pub maps_total: u64,
    /// Types of which maps, entries or bytes differ, by bytes gained.
    pub by_type: Vec<Group>,
    /// Owners, likewise.
    pub by_owner: Vec<Group>,
    /// Entries that were compared, by index of the pair; filled by the caller.
    pub entries: BTreeMap<u32, EntryDiff>,
    /// How it ends.
    pub exit: Exit,
}

/// Compares two dumps.
pub fn diff<'s>(old: &'s Side, new: &'s Side, options: &Options) -> Diff<'s> {
    let (pairing, (by_type, by_owner)) = rayon::join(
        || pair(old, new),
        || {
            let by_type = groups(old, new, |m| Cow::Borrowed(&*m.ty));
            let by_owner = groups(old, new, |m| match &*m.owner {
                "" => Cow::Borrowed(NO_OWNER),
                path => fold_path(path, Fold::ALL),
            });
            (by_type, by_owner)
        },
    );
    let basis = basis(&pairing);
    let mut counts = Change::ALL.map(|c| (c, 0u64)).to_vec();
    let mut listed = Vec::new();
    let mut all = Changes::default(); // of the maps that were asked for
    let wanted = if options.only.is_empty() {
        None
    } else {
        Some(Changes::of(&options.only))
    };
    for (i, p) in (0u32..).zip(&pairing.pairs) {
        let (o, n) = (at(old, p.old), at(new, p.new));
        let changes = changes(o, n, basis);
        for (change, count) in &mut counts {
            *count = count.saturating_add(u64::from(changes.has(*change)));
        }
        let is_it = match &options.map {
            None => true,
            Some(target) => [o, n].into_iter().flatten().any(|m| is_target(m, target)),
        };
        if !is_it {
            continue;
        }
        changes.words().for_each(|c| all.add(c));
        let passes = match wanted {
            Some(words) => changes.meets(words),
            None => options.map.is_some() || changes.primary() != Change::Same,
        };
        if passes {
            let key = order(changes, &Delta::of(o, n), n.or(o).map(|m| m.addr));
            listed.push((key, Listed { pair: i, changes }));
        }
    }
    listed.sort_by_key(|(key, l)| (*key, l.pair));
    let maps_total = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    listed.truncate(options.top.unwrap_or(usize::MAX));
    let (mut map_found, mut map_is_garbage) = (false, false);
    if let Some(target) = &options.map {
        for m in [old, new].into_iter().flat_map(|s| &s.maps) {
            if is_target(m, target) {
                *(if is_garbage(m) {
                    &mut map_is_garbage
                } else {
                    &mut map_found
                }) = true;
            }
        }
    }
    let exit = exit(all, options.map.is_some(), old, new, &pairing);
    Diff {
        old,
        new,
        old_totals: totals(old),
        new_totals: totals(new),
        counts,
        listed: listed.into_iter().map(|(_, l)| l).collect(),
        map_found,
        map_is_garbage,
        map_in_group: map_found && all.is_empty(),
        maps_total,
        by_type,
        by_owner,
        entries: BTreeMap::new(),
        exit,
        pairing,
    }
}

impl Diff<'_> {
    /// The maps that are listed, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.listed.iter().filter_map(|l| self.row(l))
    }

    /// Maps that are listed, whose entries are in both files under one key and may differ.
    pub fn entries_wanted(&self) -> impl Iterator<Item = Wanted<'_>> {
        let basis = basis(&self.pairing);
        self.listed.iter().filter_map(move |l| {
            let p = self.pair(l)?;
            let old = at(self.old, p.old).filter(|m| m.has_entries)?;
            let new = at(self.new, p.new).filter(|m| m.has_entries)?;
            let same = compare::contents(old, new, basis) == Contents::Same;
            (basis.contents && !same).then_some(Wanted {
                pair: l.pair,
                old,
                new,
            })
        })
    }

    /// How many maps a word is true of.
    pub fn count(&self, change: Change) -> u64 {
        let found = self.counts.iter().find(|(c, _)| *c == change);
        found.map_or(0, |(_, n)| *n)
    }

    fn pair(&self, listed: &Listed) -> Option<&Pair> {
        self.pairing.pairs.get(usize::try_from(listed.pair).ok()?)
    }

    fn row(&self, listed: &Listed) -> Option<Row<'_>> {
        let p = self.pair(listed)?;
        let (old, new) = (at(self.old, p.old), at(self.new, p.new));
        let addr = |side, i| at(side, i).map(|m| m.addr);
        Some(Row {
            replaced_by: addr(self.new, p.replaced.filter(|_| new.is_none())),
            replaces: addr(self.old, p.replaced.filter(|_| old.is_none())),
            entries: self.entries.get(&listed.pair),
            ..Row::of(p, old, new, listed.changes, basis(&self.pairing))
        })
    }
}

/// By what maps can be compared once they are paired.
pub fn basis(pairing: &Pairing) -> Basis {
    Basis {
        same_process: pairing.same_process,
        contents: pairing.contents,
        owners: pairing.same_process && pairing.keys,
    }
}

fn at(side: &Side, i: Option<u32>) -> Option<&SideMap> {
    side.maps.get(usize::try_from(i?).ok()?)
}

fn changes(old: Option<&SideMap>, new: Option<&SideMap>, basis: Basis) -> Changes {
    match (old, new) {
        (Some(o), Some(n)) => compare::compare(o, n, basis),
        (Some(_), None) => Changes::of(&[Change::Went]),
        (None, Some(n)) if n.verdict == Some(Verdict::Broken) => {
            Changes::of(&[Change::Came, Change::Broke])
        }
        (None, _) => Changes::of(&[Change::Came]),
    }
}

fn is_target(map: &SideMap, target: &Target) -> bool {
    match target {
        Target::Addr(addr) => map.addr == *addr,
        Target::Path(path) => *map.owner == **path,
    }
}

/// Where a map stands in the list.
type Order = (bool, u8, Reverse<i64>, Option<Addr>);

fn order(changes: Changes, delta: &Delta, addr: Option<Addr>) -> Order {
    let (class, amount) = match (delta.bytes, delta.len) {
        (Some(bytes), _) if bytes > 0 => (0, bytes),
        (None, len) => (1, len),
        (Some(bytes), _) if bytes < 0 => (2, bytes.saturating_neg()),
        (_, len) if len != 0 => (3, len.saturating_abs()),
        _ => (4, 0),
    };
    (!changes.has(Change::Broke), class, Reverse(amount), addr)
}

/// 1 if anything differs; else 3 if contents could not be compared, if a group of maps that cannot be told apart
/// exists (though it has equal sums), or if maps may be missing on a side; else 0. Of one map, only that map counts.
fn exit(all: Changes, one_map: bool, old: &Side, new: &Side, pairing: &Pairing) -> Exit {
    let groups = &pairing.ambiguous;
    let unsure = all.has(Change::Unknown)
        || (!one_map && (!groups.is_empty() || old.gaps_total > 0 || new.gaps_total > 0))
        || all.is_empty() && one_map;
    if all.differs() || (!one_map && groups.iter().any(|g| g.old != g.new)) {
        Exit::Differs
    } else if unsure {
        Exit::Unsure
    } else {
        Exit::Same
    }
}

fn totals(side: &Side) -> SideTotals {
    let mut out = SideTotals::default();
    for m in &side.maps {
        if is_garbage(m) {
            out.garbage.add(m, side.process.maps);
        } else {
            out.live.add(m, side.process.maps);
        }
    }
    out
}

fn groups<'s>(
    old: &'s Side,
    new: &'s Side,
    name: impl Fn(&'s SideMap) -> Cow<'s, str>,
) -> Vec<Group> {
    let mut groups: HashMap<Cow<'s, str>, (Sums, Sums)> = HashMap::new();
    for (is_old, side) in [(true, old), (false, new)] {
        for m in side.maps.iter().filter(|m| !is_garbage(m)) {
            let sums = groups.entry(name(m)).or_default();
            let sums = if is_old { &mut sums.0 } else { &mut sums.1 };
            sums.add(m, side.process.maps);
        }
    }
    let differ = groups.into_iter().filter(|(_, (o, n))| o != n);
    let mut out: Vec<Group> = differ
        .map(|(name, (old, new))| Group {
            name: name.into_owned(),
            old,
            new,
        })
        .collect();
    out.sort_by(|a, b| (Reverse(a.bytes()), &a.name).cmp(&(Reverse(b.bytes()), &b.name)));
    out
}

#[cfg(test)]
mod tests;
