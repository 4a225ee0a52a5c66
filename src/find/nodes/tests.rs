//! Places are given back as they were put in, whatever they hold.
//! In: nodes with small and large numbers. Out: the same, with their ranks.

use super::*;

fn round_trip(node: Node) {
    let mut nodes = Nodes::default();
    nodes.push(node);
    nodes.push_as(node, Role::Header);
    for i in [0, 1] {
        let got = nodes.get(i);
        let parts = |n: Node| (n.parent, n.ty, n.addr, n.count, n.via);
        assert_eq!(got.map(parts), Some(parts(node)));
        assert_eq!(nodes.place(i), Some((node.addr, node.ty)));
    }
    assert_eq!((nodes.role(0), nodes.role(1)), (Role::Values, Role::Header));
    nodes.set_role(1, Role::DeadHeader);
    assert_eq!(nodes.role(1), Role::DeadHeader);
    assert_eq!(nodes.get(1).map(|n| n.via), Some(node.via));
    assert!(nodes.get(2).is_none());
}

#[test]
fn every_place_is_given_back_as_it_was() {
    let small = [0, 1, mask(HALF_BITS), mask(HALF_BITS).saturating_add(1)];
    let large = [
        8,
        mask(WORD_BITS),
        mask(WORD_BITS).saturating_add(1),
        u64::MAX,
    ];
    let mut vias = vec![Via::Variable(u32::MAX), Via::Root(7), Via::Inner("dirty")];
    for n in small.into_iter().chain(large) {
        let (off, idx, len, key) = (n, 3, n, Addr(n));
        let name = u32::try_from(n & 0xffff_ffff).unwrap_or(0);
        vias.extend([
            Via::At(n),
            Via::Iface(n),
            Via::Recv { off, idx },
            Via::Send { off: 8, idx: n },
            Via::Capture { off: 8, name },
            Via::Beyond { off: 16, len },
        ]);
        for half in [Half::Key, Half::Elem] {
            vias.push(Via::Entry { half, key });
            vias.push(Via::SyncEntry { half, key });
        }
    }
    for via in vias {
        for addr in [0, 0xc000_0123_4560, mask(WORD_BITS), u64::MAX] {
            for count in [0, 1, mask(COUNT_BITS), mask(COUNT_BITS).saturating_add(1)] {
                round_trip(Node {
                    parent: u32::MAX,
                    ty: TypeId(u32::MAX),
                    addr: Addr(addr),
                    count,
                    via,
                });
            }
        }
    }
}

#[test]
fn a_rank_is_the_parents_and_one_more_however_deep() {
    let mut nodes = Nodes::default();
    let n = u32::try_from(BLOCK).unwrap_or(0).saturating_add(100);
    for i in 0..n {
        nodes.push(Node {
            parent: i.checked_sub(1).unwrap_or(u32::MAX),
            ty: TypeId(1),
            addr: Addr(0x1000),
            count: 1,
            via: Via::At(0),
        });
    }
    let last = DEEP.saturating_sub(1);
    for i in 0..n {
        let head = i.min(last);
        assert_eq!(nodes.rank(i), Some(Rank { depth: i, head }));
    }
    assert_eq!(nodes.rank(n), None);
}
