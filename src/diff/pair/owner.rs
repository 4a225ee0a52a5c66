//! Pairs between two processes: a map is known by the way to it, and by its type.
//! In: the maps of two sides. Out: pairs of maps that are alone at their path, and groups of those that are not.

use crate::diff::pair::Ambiguous;
use crate::diff::pair::How;
use crate::diff::pair::NO_OWNER;
use crate::diff::pair::One;
use crate::diff::pair::Pair;
use crate::diff::pair::Sole;
use crate::diff::pair::Work;
use crate::diff::pair::at;
use crate::diff::pair::indices;
use crate::diff::pair::is_garbage;
use crate::diff::side::SideMap;
use crate::diff::sums::Sums;
use crate::find::fold_path::Fold;
use crate::find::fold_path::Keys;
use crate::find::fold_path::fold_path;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Maps of OLD and of NEW by folded path and type.
type Alike<'w> = HashMap<(Cow<'w, str>, &'w str), (Vec<u32>, Vec<u32>)>;

/// Maps that are not garbage, with their indices.
fn live(maps: &[SideMap]) -> impl Iterator<Item = (u32, &SideMap)> {
    indices(maps).zip(maps).filter(|(_, m)| !is_garbage(m))
}

impl<'w> Work<'w> {
    pub(super) fn by_owner(&mut self) {
        let sides = [(true, self.old), (false, self.new)];
        let mut texts: HashMap<(&'w str, &'w str), Sole> = HashMap::with_capacity(self.old.len());
        for (is_old, maps) in sides {
            for (i, m) in live(maps).filter(|(_, m)| self.is_plain(m)) {
                let sole = texts.entry((&*m.owner, &*m.ty)).or_default();
                let one = if is_old { &mut sole.old } else { &mut sole.new };
                one.add(usize::try_from(i).unwrap_or(usize::MAX));
            }
        }
        let mut taken = (vec![false; self.old.len()], vec![false; self.new.len()]);
        for sole in texts.into_values() {
            let (One::Only(o), One::Only(n)) = (sole.old, sole.new) else {
                continue;
            };
            for (taken, i) in [(&mut taken.0, o), (&mut taken.1, n)] {
                if let Some(t) = taken.get_mut(i) {
                    *t = true;
                }
            }
            self.out.pairs.push(Pair {
                old: u32::try_from(o).ok(),
                new: u32::try_from(n).ok(),
                how: Some(How::Owner),
                ..Pair::default()
            });
        }
        let mut folded: Alike<'w> = HashMap::new();
        for (is_old, maps) in sides {
            let taken = if is_old { &taken.0 } else { &taken.1 };
            let is_free = |i: u32| {
                let i = usize::try_from(i).unwrap_or(usize::MAX);
                taken.get(i) == Some(&false)
            };
            for (i, m) in live(maps).filter(|(i, _)| is_free(*i)) {
                let path = fold_path(&m.owner, self.fold);
                let (olds, news) = folded.entry((path, &*m.ty)).or_default();
                if is_old { olds } else { news }.push(i);
            }
        }
        self.folded(folded);
    }

    /// Whether nothing in a map's owner path depends on the run: then its text as it is names the map.
    fn is_plain(&self, m: &SideMap) -> bool {
        // An index of a slice is one on both sides, also where keys are shown in two ways.
        let keys = if self.fold.keys == Keys::All {
            Keys::Redacted
        } else {
            self.fold.keys
        };
        let fold = Fold { keys, ..self.fold };
        !m.owner.is_empty() && fold_path(&m.owner, fold) == *m.owner
    }

    fn folded(&mut self, folded: Alike<'w>) {
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
            let sums = |maps: &[&SideMap], kind| {
                let mut sums = Sums::default();
                maps.iter().for_each(|m| sums.add(m, kind));
                sums
            };
            self.out.ambiguous.push(Ambiguous {
                owner: if owner.is_empty() {
                    NO_OWNER.to_owned()
                } else {
                    owner.into_owned()
                },
                ty,
                old: sums(&olds, self.kinds.0),
                new: sums(&news, self.kinds.1),
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
