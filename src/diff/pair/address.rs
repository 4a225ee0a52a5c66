//! Pairs within one process: maps stay where they are as long as they live.
//! In: the maps of two sides. Out: pairs in order of address, with marks for what was reused and replaced.

use crate::base::addr::Addr;
use crate::diff::pair::How;
use crate::diff::pair::One;
use crate::diff::pair::Pair;
use crate::diff::pair::Sole;
use crate::diff::pair::Work;
use crate::diff::pair::at;
use crate::diff::pair::indices;
use crate::diff::pair::is_garbage;
use crate::diff::pair::is_nameless;
use crate::diff::pair::on_stack;
use crate::diff::pair::seed;
use crate::diff::side::SideMap;
use crate::find::fold_path::fold_path;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::HashSet;

/// Indices of maps, in order of address and type.
fn by_place(maps: &[SideMap]) -> Vec<u32> {
    let mut out: Vec<u32> = indices(maps).collect();
    // Sides come in order of address already: this only looks.
    out.sort_by(|a, b| place(maps, *a).cmp(&place(maps, *b)));
    out
}

fn place(maps: &[SideMap], i: u32) -> Option<(Addr, &str)> {
    at(maps, i).map(|m| (m.addr, &*m.ty))
}

impl<'w> Work<'w> {
    pub(super) fn by_address(&mut self) {
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
        self.pair_moved();
        self.mark_reused();
        self.mark_replaced();
    }

    /// Two maps of equal address and type.
    fn meet(&mut self, old: Option<u32>, new: Option<u32>) {
        let maps = old
            .and_then(|i| at(self.old, i))
            .zip(new.and_then(|i| at(self.new, i)));
        let Some((a, b)) = maps else { return };
        let how = match (seed(a), seed(b)) {
            (Some(x), Some(y)) if x == y => Some(How::Address),
            // A word of a frame without a name is used for one thing after the other.
            (Some(_), Some(_)) if is_nameless(&a.owner) || is_nameless(&b.owner) => None,
            _ if self.same_owner(a, b) => Some(How::AddressOwner),
            (Some(_), Some(_)) => None,
            // A sync.Map has no seed, nor has what could not be read: the type must do unless owners differ. What was
            // garbage may have been freed, and its memory hold another by now.
            _ => {
                let no_owner = a.owner.is_empty() || b.owner.is_empty();
                (no_owner && !is_garbage(a)).then_some(How::Address)
            }
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

    /// Pairs maps whose headers moved, as those on stacks do when a stack grows: what went and what came with one type
    /// and seed, which no other map of either side has. Maps on the heap do not move; of them one owner path must lead
    /// to both.
    fn pair_moved(&mut self) {
        type Key<'m> = (&'m str, u64);
        let key =
            |m: &'w SideMap| -> Option<Key<'w>> { Some((&*m.ty, seed(m).filter(|s| *s != 0)?)) };
        let mut found: HashMap<Key<'w>, Sole> = HashMap::new();
        for (i, p) in self.out.pairs.iter().enumerate() {
            let (maps, index) = match (p.old, p.new) {
                (Some(i), None) if !p.now_garbage => (self.old, i),
                (None, Some(i)) => (self.new, i),
                _ => continue,
            };
            if let Some(key) = at(maps, index).and_then(key) {
                let sole = found.entry(key).or_default();
                let one = if p.old.is_some() {
                    &mut sole.old
                } else {
                    &mut sole.new
                };
                one.add(i);
            }
        }
        found.retain(|_, s| matches!((s.old, s.new), (One::Only(_), One::Only(_))));
        if found.is_empty() {
            return;
        }
        let mut all: HashMap<Key<'w>, Sole> = HashMap::new();
        for (is_old, maps) in [(true, self.old), (false, self.new)] {
            for (i, m) in maps.iter().enumerate().filter(|(_, m)| !is_garbage(m)) {
                if let Some(key) = key(m).filter(|k| found.contains_key(k)) {
                    let sole = all.entry(key).or_default();
                    if is_old { &mut sole.old } else { &mut sole.new }.add(i);
                }
            }
        }
        let mut gone = HashSet::new();
        for (key, sole) in found {
            let Some((One::Only(o), One::Only(n))) = all.get(&key).map(|s| (s.old, s.new)) else {
                continue;
            };
            let (Some(a), Some(b)) = (self.old.get(o), self.new.get(n)) else {
                continue;
            };
            let stack = on_stack(&a.owner) || on_stack(&b.owner);
            if !stack && !self.same_owner(a, b) {
                continue;
            }
            let (One::Only(went), One::Only(came)) = (sole.old, sole.new) else {
                continue;
            };
            if let Some(p) = self.out.pairs.get_mut(went) {
                (p.new, p.how) = (u32::try_from(n).ok(), Some(How::Seed));
                p.keys_ignored = !stack && a.owner != b.owner;
                gone.insert(came);
            }
        }
        let mut i = 0usize;
        self.out.pairs.retain(|_| {
            let stays = !gone.contains(&i);
            i = i.saturating_add(1);
            stays
        });
    }

    fn same_owner(&self, a: &SideMap, b: &SideMap) -> bool {
        !a.owner.is_empty() && fold_path(&a.owner, self.fold) == fold_path(&b.owner, self.fold)
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
}
