//! Owner paths of a list that is made by hand: however long it is, its ends are written.
//! In: nodes of a linked list. Out: its maps' owner paths.

use super::*;
use crate::base::addr::LinkAddr;
use crate::types::graph::Field;
use crate::types::graph::Type;
use crate::types::graph::TypeLoader;

/// `type node struct { next *node; m map[int]int }`.
struct Lists;

impl TypeLoader for Lists {
    fn len(&self) -> u32 {
        4
    }

    fn load(&self, idx: u32) -> Type {
        let field = |name: &str, ty, off| Field {
            name: name.into(),
            ty: TypeId(ty),
            off,
            embedded: false,
        };
        let (name, size, kind) = match idx {
            0 => {
                let fields = [field("next", 1, 0), field("m", 2, 8)];
                let fields = Box::new(fields);
                ("main.node", 16, Kind::Struct { fields })
            }
            1 => {
                let elem = Some(TypeId(0));
                ("*main.node", 8, Kind::Pointer { elem })
            }
            2 => (
                "map[int]int",
                8,
                Kind::Map {
                    key: TypeId(3),
                    elem: TypeId(3),
                    storage: None,
                },
            ),
            _ => ("int", 8, Kind::Int { signed: true }),
        };
        let name = name.into();
        Type { name, size, kind }
    }
}

/// The owner path of the map in element `n` of a list.
fn owner(n: u32) -> String {
    let node = |ty, parent: Option<u32>, via| Node {
        parent: parent.unwrap_or(u32::MAX),
        ty: TypeId(ty),
        addr: Addr(0x1000),
        count: 1,
        via,
    };
    let mut found = Found::default();
    let nodes = &mut found.maps.nodes;
    nodes.push(node(0, None, Via::Variable(0)));
    (0..n).for_each(|i| nodes.push(node(0, Some(i), Via::At(0))));
    nodes.push(node(2, Some(n), Via::At(8)));
    let graph = TypeGraph::new(Box::new(Lists));
    let variables = [Variable {
        name: "main.list".into(),
        addr: LinkAddr(0x1000),
        ty: 0,
    }];
    let paths = Paths {
        found: &found,
        graph: &graph,
        variables: &variables,
        key: &|_, _| String::new(),
        any: None,
    };
    paths.owner(n.saturating_add(1))
}

#[test]
fn of_a_long_chain_the_start_and_the_end_are_written() {
    assert_eq!(owner(2), "main.list.next.next.m");
    let whole = owner(62);
    assert_eq!(whole.matches(".next").count(), 62);
    assert!(whole.ends_with(".m") && !whole.contains('…'));
    let long = owner(1000);
    assert!(long.contains(".…(938 more)…"), "{long}");
    assert_eq!(long.matches(".next").count(), 62);
    assert!(long.starts_with("main.list.next") && long.ends_with(".next.m"));
}
