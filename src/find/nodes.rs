//! The places of a search as they are kept: 24 bytes each, and what does not fit them apart.
//! In: nodes, each behind its parent. Out: the same by number, with how far each is from its root.

use crate::base::addr::Addr;
use crate::find::blocks::BLOCK;
use crate::find::blocks::Blocks;
use crate::find::found::Node;
use crate::find::found::Rank;
use crate::find::found::Via;
use crate::find::path::HEAD;
use crate::maps::image::Half;
use crate::types::graph::TypeId;

/// Bits of an address, and of what says how a node was led to.
const WORD_BITS: u32 = 48;
/// Bits of each, where two numbers say it.
const HALF_BITS: u32 = 24;
/// Where in `Packed::rest` the parts begin: the way of leading there, the role, the depth, and the count.
const ROLE_AT: u32 = 4;
const DEPTH_AT: u32 = 6;
const COUNT_AT: u32 = 12;
/// Bits of a count.
const COUNT_BITS: u32 = 32 - COUNT_AT;
/// Depths from here on stand with the ranks: `HEAD` as it fits six bits.
const DEEP: u32 = 32;
const _: () = assert!(DEEP as usize == HEAD);

/// What a place is to the search.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Role {
    /// Values of its type.
    #[default]
    Values,
    /// The header of a map that is in the list of maps.
    Header,
    /// The same, and the collector has given the map up: nothing is followed.
    DeadHeader,
}

/// A place as it is kept.
#[derive(Clone, Copy, Debug)]
struct Packed {
    parent: u32,
    ty: u32,
    addr_low: u32,
    data_low: u32,
    /// 16 more bits of the address, then of the data.
    high: u32,
    rest: u32,
}

/// What does not fit a packed place.
#[derive(Clone, Copy, Debug)]
struct Wide {
    addr: Addr,
    count: u64,
    via: Via,
}

/// How a node was led to, as a number; those with a half of an entry have two.
mod tag {
    pub(super) const VARIABLE: u32 = 0;
    pub(super) const ROOT: u32 = 1;
    pub(super) const AT: u32 = 2;
    pub(super) const IFACE: u32 = 3;
    pub(super) const RECV: u32 = 4;
    pub(super) const SEND: u32 = 5;
    pub(super) const CAPTURE: u32 = 6;
    pub(super) const KEY: u32 = 7;
    pub(super) const ELEM: u32 = 8;
    pub(super) const SYNC_KEY: u32 = 9;
    pub(super) const SYNC_ELEM: u32 = 10;
    pub(super) const BEYOND: u32 = 11;
    /// All of it is in the list of wide ones.
    pub(super) const WIDE: u32 = 15;
    pub(super) const MASK: u32 = 15;
}

/// All places of a search. A place's parent comes before it.
#[derive(Default, Debug)]
pub struct Nodes {
    packed: Blocks<Packed>,
    wide: Blocks<Wide>,
    /// By block: the ranks of its nodes, if one of them is deep.
    deep: Vec<Option<Box<[Rank]>>>,
}

impl Nodes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Node `i`.
    pub fn get(&self, i: u32) -> Option<Node> {
        Some(self.unpack(self.packed.get(usize::try_from(i).ok()?)?))
    }

    /// All nodes, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = Node> {
        self.packed.iter().map(|p| self.unpack(p))
    }

    /// How far node `i` is from its root.
    pub fn rank(&self, i: u32) -> Option<Rank> {
        let at = usize::try_from(i).ok()?;
        let depth = self.packed.get(at)?.depth();
        if depth < DEEP {
            return Some(Rank { depth, head: i });
        }
        let ranks = self.deep.get(at / BLOCK)?.as_ref()?;
        ranks.get(at % BLOCK).copied()
    }

    /// Adds a node; its rank is its parent's and one more.
    pub fn push(&mut self, node: Node) {
        self.push_as(node, Role::Values);
    }

    /// The same for a node of another role.
    pub(crate) fn push_as(&mut self, node: Node, role: Role) {
        let own = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let above = self.rank(node.parent);
        let depth = above.map_or(0, |a| a.depth.saturating_add(1));
        if depth >= DEEP {
            let head = above.map_or(own, |a| a.head);
            self.set_rank(Rank { depth, head });
        }
        let (tag, data) = match pack(&node) {
            Some(fits) => fits,
            None => {
                let at = self.wide.len() as u64;
                self.wide.push(Wide {
                    addr: node.addr,
                    count: node.count,
                    via: node.via,
                });
                (tag::WIDE, at)
            }
        };
        let (addr, count) = if tag == tag::WIDE {
            (0, 0)
        } else {
            (node.addr.0, node.count)
        };
        self.packed.push(Packed {
            parent: node.parent,
            ty: node.ty.0,
            addr_low: low(addr),
            data_low: low(data),
            high: low(addr >> 32) << 16 | low(data >> 32),
            rest: tag
                | (role as u32) << ROLE_AT
                | depth.min(DEEP) << DEPTH_AT
                | low(count) << COUNT_AT,
        });
    }

    /// What node `i` is to the search.
    pub(crate) fn role(&self, i: u32) -> Role {
        let at = usize::try_from(i).unwrap_or(usize::MAX);
        let bits = self.packed.get(at).map_or(0, |p| p.rest >> ROLE_AT & 3);
        match bits {
            0 => Role::Values,
            1 => Role::Header,
            _ => Role::DeadHeader,
        }
    }

    /// Gives node `i` another role.
    pub(crate) fn set_role(&mut self, i: u32, role: Role) {
        let at = usize::try_from(i).unwrap_or(usize::MAX);
        if let Some(p) = self.packed.get_mut(at) {
            p.rest = p.rest & !(3 << ROLE_AT) | (role as u32) << ROLE_AT;
        }
    }

    /// Address and type of node `i`, without the rest of it.
    pub(crate) fn place(&self, i: u32) -> Option<(Addr, TypeId)> {
        let p = self.packed.get(usize::try_from(i).ok()?)?;
        let addr = match p.tag() {
            tag::WIDE => self.wide_of(p)?.addr,
            _ => p.addr(),
        };
        Some((addr, TypeId(p.ty)))
    }

    fn set_rank(&mut self, rank: Rank) {
        let at = self.len();
        let block = at / BLOCK;
        if self.deep.len() <= block {
            self.deep.resize(block.saturating_add(1), None);
        }
        let ranks = self
            .deep
            .get_mut(block)
            .map(|b| b.get_or_insert_with(|| vec![Rank::default(); BLOCK].into_boxed_slice()));
        if let Some(place) = ranks.and_then(|r| r.get_mut(at % BLOCK)) {
            *place = rank;
        }
    }

    fn wide_of(&self, p: &Packed) -> Option<&Wide> {
        self.wide.get(usize::try_from(p.data()).ok()?)
    }

    fn unpack(&self, p: &Packed) -> Node {
        let data = p.data();
        let (first, second) = (data & mask(HALF_BITS), data >> HALF_BITS);
        let key = Addr(data);
        let via = match p.tag() {
            tag::VARIABLE => Via::Variable(low(data)),
            tag::ROOT => Via::Root(low(data)),
            tag::AT => Via::At(data),
            tag::IFACE => Via::Iface(data),
            tag::RECV => Via::Recv {
                off: first,
                idx: second,
            },
            tag::SEND => Via::Send {
                off: first,
                idx: second,
            },
            tag::CAPTURE => Via::Capture {
                off: first,
                name: low(second),
            },
            tag::KEY => Via::Entry {
                half: Half::Key,
                key,
            },
            tag::ELEM => Via::Entry {
                half: Half::Elem,
                key,
            },
            tag::SYNC_KEY => Via::SyncEntry {
                half: Half::Key,
                key,
            },
            tag::SYNC_ELEM => Via::SyncEntry {
                half: Half::Elem,
                key,
            },
            tag::BEYOND => Via::Beyond {
                off: first,
                len: second,
            },
            _ => Via::At(0),
        };
        let wide = match p.tag() {
            tag::WIDE => self.wide_of(p).copied(),
            _ => None,
        };
        let kept = wide.unwrap_or(Wide {
            addr: p.addr(),
            count: u64::from(p.rest >> COUNT_AT),
            via,
        });
        Node {
            parent: p.parent,
            ty: TypeId(p.ty),
            addr: kept.addr,
            count: kept.count,
            via: kept.via,
        }
    }
}

impl Packed {
    fn tag(&self) -> u32 {
        self.rest & tag::MASK
    }

    fn depth(&self) -> u32 {
        self.rest >> DEPTH_AT & 63
    }

    fn addr(&self) -> Addr {
        Addr(u64::from(self.high >> 16) << 32 | u64::from(self.addr_low))
    }

    fn data(&self) -> u64 {
        u64::from(self.high & 0xffff) << 32 | u64::from(self.data_low)
    }
}

/// How a node was led to, in 4 and 48 bits; `None` if that, its address or its count needs more.
fn pack(node: &Node) -> Option<(u32, u64)> {
    let fits = |n: u64, bits: u32| n <= mask(bits);
    if !fits(node.addr.0, WORD_BITS) || !fits(node.count, COUNT_BITS) {
        return None;
    }
    let two =
        |a: u64, b: u64| (fits(a, HALF_BITS) && fits(b, HALF_BITS)).then_some(a | b << HALF_BITS);
    let one = |n: u64| fits(n, WORD_BITS).then_some(n);
    let (tag, data) = match node.via {
        Via::Variable(i) => (tag::VARIABLE, one(i.into())),
        Via::Root(i) => (tag::ROOT, one(i.into())),
        Via::At(off) => (tag::AT, one(off)),
        Via::Iface(off) => (tag::IFACE, one(off)),
        Via::Recv { off, idx } => (tag::RECV, two(off, idx)),
        Via::Send { off, idx } => (tag::SEND, two(off, idx)),
        Via::Capture { off, name } => (tag::CAPTURE, two(off, name.into())),
        Via::Entry { half, key } => (by_half(half, tag::KEY, tag::ELEM), one(key.0)),
        Via::SyncEntry { half, key } => {
            let tag = by_half(half, tag::SYNC_KEY, tag::SYNC_ELEM);
            (tag, one(key.0))
        }
        Via::Beyond { off, len } => (tag::BEYOND, two(off, len)),
        Via::Inner(_) => return None,
    };
    Some((tag, data?))
}

fn by_half(half: Half, key: u32, elem: u32) -> u32 {
    match half {
        Half::Key => key,
        Half::Elem => elem,
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX
        .checked_shr(64u32.saturating_sub(bits))
        .unwrap_or(0)
}

/// The low 32 bits.
fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests;
