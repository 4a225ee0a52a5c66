//! The map operations of the runtime, by the names of their functions.
//! In: a function's name. Out: what it does to a map, and which of its arguments leads there.

/// What a goroutine does to a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Op {
    /// A lookup.
    Read,
    /// A step of a loop over it.
    Iterate,
    /// `maps.Clone` copies it.
    Clone,
    /// An assignment, a deletion, `clear`, or growth on the way.
    Write,
}

impl Op {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Read => "read",
            Op::Iterate => "iterate",
            Op::Clone => "clone",
            Op::Write => "write",
        }
    }
}

/// Which argument leads to the map; arguments are counted from 0, interfaces taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leads {
    /// The map's type at the first number, its header at the second.
    Map {
        /// Number of the type, if it is an argument.
        ty: Option<usize>,
        /// Number of the header.
        map: usize,
    },
    /// An iterator (`hiter`, `Iter`), which has both.
    Iterator(usize),
    /// A `sync.Map` or another `HashTrieMap`.
    Trie(usize),
    /// None of them: whoever called it knows.
    None,
}

/// One operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// Where the map is.
    pub leads: Leads,
}

const TYPE_MAP: Leads = Leads::Map {
    ty: Some(0),
    map: 1,
};
const MAP_TYPE: Leads = Leads::Map {
    ty: Some(1),
    map: 0,
};
/// `(*table).PutSlot(typ, m, …)` and its like: table, type, map.
const TABLE_TYPE_MAP: Leads = Leads::Map {
    ty: Some(1),
    map: 2,
};

/// Functions of the runtime by the start of their names, the longer names first where one begins
/// another. Source: `runtime/map*.go`, go1.19 to go1.27 (`mapIterStart` from go1.24, `mapclone2`,
/// `moveToBmap`, `keys` and `values` go1.21 to go1.23).
const RUNTIME: [(&str, Op, Leads); 22] = [
    ("mapaccess", Op::Read, TYPE_MAP),
    ("mapassign", Op::Write, TYPE_MAP),
    ("mapdelete", Op::Write, TYPE_MAP),
    ("mapclear", Op::Write, TYPE_MAP),
    ("mapiterinit", Op::Iterate, TYPE_MAP),
    ("mapIterStart", Op::Iterate, TYPE_MAP),
    ("mapiternext", Op::Iterate, Leads::Iterator(0)),
    ("mapIterNext", Op::Iterate, Leads::Iterator(0)),
    ("mapclone", Op::Clone, TYPE_MAP),
    ("moveToBmap", Op::Clone, TYPE_MAP),
    ("copyKeys", Op::Read, TYPE_MAP),
    ("copyValues", Op::Read, TYPE_MAP),
    ("hashGrow", Op::Write, TYPE_MAP),
    ("growWork", Op::Write, TYPE_MAP),
    ("evacuated", Op::Read, Leads::None), // who looks something up asks it too
    ("evacuate", Op::Write, TYPE_MAP),
    ("bucketEvacuated", Op::Write, TYPE_MAP),
    ("makeBucketArray", Op::Write, Leads::None),
    ("advanceEvacuationMark", Op::Write, MAP_TYPE),
    ("(*hmap).newoverflow", Op::Write, MAP_TYPE),
    ("(*hmap).createOverflow", Op::Write, MAP_ONLY),
    ("(*hmap).incrnoverflow", Op::Write, MAP_ONLY),
];
/// The type is no argument.
const MAP_ONLY: Leads = Leads::Map { ty: None, map: 0 };

/// The same of what other packages call by names of their own. Source: the `//go:linkname` lines of
/// `runtime/map*.go` and `runtime/linkname_swiss.go`, go1.19 to go1.27; and `reflect/map*.go`.
const LINKED: [(&str, Op, Leads); 12] = [
    ("reflect.mapaccess", Op::Read, TYPE_MAP),
    ("reflect.mapassign", Op::Write, TYPE_MAP),
    ("reflect.mapdelete", Op::Write, TYPE_MAP),
    ("reflect.mapclear", Op::Write, TYPE_MAP),
    ("reflect.mapclone", Op::Clone, TYPE_MAP),
    ("reflect.mapiterinit", Op::Iterate, TYPE_MAP),
    ("reflect.mapIterStart", Op::Iterate, TYPE_MAP),
    // Up to go1.23 and from go1.27 it gets an iterator; between, one that holds another.
    ("reflect.mapiternext", Op::Iterate, Leads::None),
    ("reflect.mapIterNext", Op::Iterate, Leads::Iterator(0)),
    ("maps.clone", Op::Clone, TYPE_MAP),
    ("maps.keys", Op::Read, TYPE_MAP),
    ("maps.values", Op::Read, TYPE_MAP),
];

/// Functions of package `internal/runtime/maps`. Source: `internal/runtime/maps/*.go`, go1.24 to go1.27.
const SWISS: [(&str, Op, Leads); 29] = [
    ("runtime_mapaccess", Op::Read, TYPE_MAP),
    ("runtime_mapassign", Op::Write, TYPE_MAP),
    ("runtime_mapdelete", Op::Write, TYPE_MAP),
    ("mapaccess", Op::Read, TYPE_MAP),
    ("mapassign", Op::Write, TYPE_MAP),
    ("mapdelete", Op::Write, TYPE_MAP),
    ("(*Map).get", Op::Read, MAP_TYPE),
    ("(*Map).Get", Op::Read, MAP_TYPE),
    ("(*Map).Put", Op::Write, MAP_TYPE),
    ("(*Map).put", Op::Write, MAP_TYPE),
    ("(*Map).Delete", Op::Write, MAP_TYPE),
    ("(*Map).delete", Op::Write, MAP_TYPE),
    ("(*Map).Clear", Op::Write, MAP_TYPE),
    ("(*Map).clear", Op::Write, MAP_TYPE),
    ("(*Map).growTo", Op::Write, MAP_TYPE),
    ("(*Map).installTableSplit", Op::Write, MAP_ONLY),
    ("(*Map).replaceTable", Op::Write, MAP_ONLY),
    ("(*Map).Clone", Op::Clone, MAP_TYPE),
    ("(*table).Get", Op::Read, TABLE_TYPE_MAP),
    ("(*table).get", Op::Read, Leads::None),
    ("(*table).PutSlot", Op::Write, TABLE_TYPE_MAP),
    ("(*table).Delete", Op::Write, TABLE_TYPE_MAP),
    ("(*table).pruneTombstones", Op::Write, TABLE_TYPE_MAP),
    ("(*table).rehash", Op::Write, TABLE_TYPE_MAP),
    ("(*table).split", Op::Write, TABLE_TYPE_MAP),
    ("(*table).grow", Op::Write, TABLE_TYPE_MAP),
    ("(*table).clone", Op::Clone, Leads::None),
    ("(*Iter).Init", Op::Iterate, ITER_TYPE_MAP),
    ("(*Iter).", Op::Iterate, Leads::Iterator(0)),
];
/// `(*Iter).Init(typ, m)`.
const ITER_TYPE_MAP: Leads = Leads::Map {
    ty: Some(1),
    map: 2,
};

/// Methods of `(*table)` that write and say nothing of the map.
const TABLE_WRITES: [&str; 4] = [
    "(*table).Clear",
    "(*table).reset",
    "(*table).uncheckedPutSlot",
    "(*table).resetGrowthLeft",
];

/// Methods of `internal/sync.HashTrieMap`, which `sync.Map` is from go1.24. Source:
/// `internal/sync/hashtriemap.go`.
const TRIE_READS: [&str; 3] = ["Load", "find", "valEqual"];

/// What a function does to a map; `None` for functions that are no map operation.
pub fn operation(function: &str) -> Option<Operation> {
    // A closure in it has arguments of its own: `mapclear.func1`, go1.21 to go1.23.
    let closure = function.contains(".func");
    let pick = |list: &[(&str, Op, Leads)], name: &str| {
        list.iter()
            .find(|(start, _, _)| name.starts_with(start))
            .map(|(_, op, leads)| Operation {
                op: *op,
                leads: if closure { Leads::None } else { *leads },
            })
    };
    if let Some(name) = function.strip_prefix("internal/runtime/maps.") {
        return pick(&SWISS, name).or_else(|| {
            TABLE_WRITES
                .iter()
                .any(|w| name.starts_with(w))
                .then_some(Operation {
                    op: Op::Write,
                    leads: Leads::None,
                })
        });
    }
    if let Some(name) = function.strip_prefix("runtime.") {
        return pick(&RUNTIME, name);
    }
    if let Some(name) = function.strip_prefix("internal/sync.(*HashTrieMap[") {
        return trie(name);
    }
    pick(&LINKED, function)
}

fn trie(name: &str) -> Option<Operation> {
    let method = name.rsplit_once(").")?.1;
    let op = match method {
        "Range" | "iter" | "All" => Op::Iterate,
        // These begin like a read, and write.
        "LoadAndDelete" | "LoadOrStore" => Op::Write,
        "init" | "initSlow" => return None,
        _ if TRIE_READS.iter().any(|r| method.starts_with(r)) => Op::Read,
        _ => Op::Write,
    };
    Some(Operation {
        op,
        leads: Leads::Trie(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(function: &str) -> Option<Op> {
        operation(function).map(|o| o.op)
    }

    #[test]
    fn map_functions_are_told_by_their_names() {
        assert_eq!(op("runtime.mapassign_faststr"), Some(Op::Write));
        assert_eq!(op("runtime.mapaccess2_fast64"), Some(Op::Read));
        assert_eq!(op("runtime.mapiternext"), Some(Op::Iterate));
        assert_eq!(op("runtime.evacuate_fast32"), Some(Op::Write));
        assert_eq!(op("runtime.(*hmap).newoverflow"), Some(Op::Write));
        assert_eq!(op("reflect.mapassign_faststr0"), Some(Op::Write));
        assert_eq!(op("maps.clone"), Some(Op::Clone));
        assert_eq!(op("internal/runtime/maps.(*table).grow"), Some(Op::Write));
        assert_eq!(op("internal/runtime/maps.(*Iter).Next"), Some(Op::Iterate));
        assert_eq!(
            op("internal/runtime/maps.(*table).uncheckedPutSlot"),
            Some(Op::Write)
        );
        assert_eq!(
            op("internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}]).Load"),
            Some(Op::Read)
        );
        assert_eq!(
            op("internal/sync.(*HashTrieMap[…]).LoadOrStore"),
            Some(Op::Write)
        );
    }

    #[test]
    fn what_only_sounds_like_one_is_none() {
        for other in [
            "main.mapassign",
            "internal/runtime/maps.NewMap",
            "runtime.makemap_small",
            "runtime.memhash64",
            "maps.Keys",
            "reflect.Value.SetMapIndex",
        ] {
            assert_eq!(op(other), None, "{other}");
        }
    }

    #[test]
    fn the_map_stands_where_the_signature_has_it() {
        let leads = |f| operation(f).map(|o| o.leads);
        assert_eq!(leads("runtime.mapdelete_faststr"), Some(TYPE_MAP));
        assert_eq!(leads("runtime.advanceEvacuationMark"), Some(MAP_TYPE));
        assert_eq!(
            leads("internal/runtime/maps.(*Map).putSlotSmallFast64"),
            Some(MAP_TYPE)
        );
        assert_eq!(
            leads("internal/runtime/maps.(*table).PutSlot"),
            Some(TABLE_TYPE_MAP)
        );
        assert_eq!(leads("runtime.mapIterNext"), Some(Leads::Iterator(0)));
        assert_eq!(leads("runtime.mapclear.func1"), Some(Leads::None));
        assert_eq!(op("runtime.mapclear.func1"), Some(Op::Write));
        assert_eq!(leads("runtime.evacuated"), Some(Leads::None));
    }
}
