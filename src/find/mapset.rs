//! The maps that a search found: 8 bytes each, as a map's place has its address and type already.
//! In: maps, one after another, and what is learned of them later. Out: the same by number, in order.

use crate::base::addr::Addr;
use crate::find::blocks::Blocks;
use crate::find::found::FoundMap;
use crate::find::found::Reach;
use crate::find::found::Sure;
use crate::find::found::Ways;
use crate::find::nodes::Nodes;
use crate::types::graph::TypeId;

/// In `Kept::state`: a stray, dead, then two bits each for how sure the type is and for the reach.
const STRAY: u8 = 1;
const DEAD: u8 = 2;
const SURE_AT: u8 = 2;
const REACH_AT: u8 = 4;

/// A map as it is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Its node; of a stray the position among the strays.
    node: u32,
    ways: Ways,
    state: u8,
}

/// A map whose node does not tell what it is: that of a map judged by itself, or one behind the last place kept.
#[derive(Clone, Copy, Debug)]
struct Stray {
    addr: Addr,
    ty: TypeId,
    node: u32,
}

/// The maps, and the places on the way to them.
#[derive(Default, Debug)]
pub struct Maps {
    pub(crate) nodes: Nodes,
    list: Blocks<Kept>,
    strays: Vec<Stray>,
}

impl Maps {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Map `i`.
    pub fn get(&self, i: usize) -> Option<FoundMap> {
        self.list.get(i).map(|kept| self.unpack(kept))
    }

    /// All of them, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = FoundMap> {
        self.list.iter().map(|kept| self.unpack(kept))
    }

    /// Adds a map behind the last.
    pub fn push(&mut self, map: FoundMap) {
        let kept = self.pack(&map, None);
        self.list.push(kept);
    }

    /// Adds a way in which map `i` was found.
    pub(crate) fn add_way(&mut self, i: usize, way: Ways) {
        if let Some(kept) = self.list.get_mut(i) {
            kept.ways.add(way);
        }
    }

    /// Notes what was learned of map `i`.
    pub(crate) fn change(&mut self, i: usize, change: impl FnOnce(&mut FoundMap)) {
        let Some(old) = self.list.get(i).copied() else {
            return;
        };
        let mut map = self.unpack(&old);
        change(&mut map);
        let stray = (old.state & STRAY != 0).then_some(old.node);
        let new = self.pack(&map, stray);
        if let Some(kept) = self.list.get_mut(i) {
            *kept = new;
        }
    }

    /// `stray`: the map's position among the strays, if it has one.
    fn pack(&mut self, map: &FoundMap, stray: Option<u32>) -> Kept {
        let mut kept = Kept {
            node: map.node,
            ways: map.ways,
            state: (map.sure as u8) << SURE_AT | (map.reach as u8) << REACH_AT,
        };
        if map.dead {
            kept.state |= DEAD;
        }
        if self.nodes.place(map.node) != Some((map.addr, map.ty)) {
            let at = stray.or_else(|| u32::try_from(self.strays.len()).ok());
            let at = at.unwrap_or(u32::MAX);
            let apart = Stray {
                addr: map.addr,
                ty: map.ty,
                node: map.node,
            };
            match self
                .strays
                .get_mut(usize::try_from(at).unwrap_or(usize::MAX))
            {
                Some(place) => *place = apart,
                None => self.strays.push(apart),
            }
            (kept.node, kept.state) = (at, kept.state | STRAY);
        }
        kept
    }

    fn unpack(&self, kept: &Kept) -> FoundMap {
        let (addr, ty, node) = if kept.state & STRAY == 0 {
            let place = self.nodes.place(kept.node);
            let (addr, ty) = place.unwrap_or((Addr::NIL, TypeId(u32::MAX)));
            (addr, ty, kept.node)
        } else {
            let at = usize::try_from(kept.node).unwrap_or(usize::MAX);
            let stray = self.strays.get(at);
            stray.map_or((Addr::NIL, TypeId(u32::MAX), u32::MAX), |s| {
                (s.addr, s.ty, s.node)
            })
        };
        FoundMap {
            addr,
            ty,
            node,
            ways: kept.ways,
            reach: match kept.state >> REACH_AT & 3 {
                0 => Reach::Reachable,
                1 => Reach::UnknownPath,
                _ => Reach::Garbage,
            },
            sure: match kept.state >> SURE_AT & 3 {
                0 => Sure::Typed,
                1 => Sure::Inferred,
                _ => Sure::Ambiguous,
            },
            dead: kept.state & DEAD != 0,
        }
    }
}

impl FromIterator<FoundMap> for Maps {
    fn from_iter<I: IntoIterator<Item = FoundMap>>(maps: I) -> Maps {
        let mut out = Maps::default();
        maps.into_iter().for_each(|map| out.push(map));
        out
    }
}

impl<'m> IntoIterator for &'m Maps {
    type Item = FoundMap;
    type IntoIter = Box<dyn Iterator<Item = FoundMap> + 'm>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::found::Node;
    use crate::find::found::Via;

    #[test]
    fn a_map_is_given_back_as_it_was_with_a_node_or_without() {
        let mut maps = Maps::default();
        maps.nodes.push(Node {
            parent: u32::MAX,
            ty: TypeId(3),
            addr: Addr(0x1000),
            count: 1,
            via: Via::At(0),
        });
        let all_reach = [Reach::Reachable, Reach::UnknownPath, Reach::Garbage];
        let all_sure = [Sure::Typed, Sure::Inferred, Sure::Ambiguous];
        let mut want = Vec::new();
        for (addr, ty, node) in [(0x1000, 3, 0), (0x1000, 4, 0), (0x2000, 3, 9)] {
            for (reach, sure) in all_reach.into_iter().zip(all_sure) {
                for dead in [false, true] {
                    want.push(FoundMap {
                        addr: Addr(addr),
                        ty: TypeId(ty),
                        node,
                        ways: Ways::SWEEP,
                        reach,
                        sure,
                        dead,
                    });
                }
            }
        }
        want.iter().for_each(|map| maps.push(*map));
        assert_eq!(maps.len(), want.len());
        assert!(maps.iter().eq(want.iter().copied()));
        for i in 0..want.len() {
            let ways = Ways::STACK;
            maps.change(i, |m| (m.ty, m.ways) = (TypeId(4), ways));
            maps.add_way(i, Ways::CLEANUP);
            let got = maps.get(i);
            assert_eq!(got.map(|m| m.ty), Some(TypeId(4)));
            assert!(got.is_some_and(|m| m.ways.has(Ways::CLEANUP) && m.ways.has(ways)));
            let old = want
                .get(i)
                .map(|m| (m.addr, m.node, m.reach, m.sure, m.dead));
            assert_eq!(got.map(|m| (m.addr, m.node, m.reach, m.sure, m.dead)), old);
        }
    }
}
