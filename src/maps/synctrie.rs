//! `sync.Map` from go1.24: a trie of hashes.
//! In: the address of a `sync.Map`. Out: its entries, and what stands where it must not.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::hash::plan::Plan;
use crate::hash::plan::Step;
use crate::hash::run::KeyHash;
use crate::hash::run::KeyHasher;
use crate::maps::reader::MapReader;
use crate::maps::syncmap::SyncFaultKind;
use crate::maps::syncmap::SyncMapImage;
use crate::maps::syncmap::atomic_pointer_elem;
use crate::maps::syncmap::unknown_layout;
use crate::types::view::View;
use std::collections::HashSet;

/// Nodes of one trie at most.
const MAX_NODES: usize = 1 << 28;
/// Children of an inner node. Source: `internal/sync/hashtriemap.go`, `nChildren`, from go1.24.
const CHILDREN: u64 = 16;

/// From go1.24: `HashTrieMap[any, any]`; inner nodes have 16 children, leaves are entries, and
/// entries with one hash hang on each other. Source: `internal/sync/hashtriemap.go`.
pub(crate) fn read_trie(
    reader: &MapReader<'_, '_>,
    view: View<'_, '_>,
    out: &mut SyncMapImage,
) -> Result<(), Fault> {
    let mem = reader.program.mem;
    let bad = || unknown_layout(view.addr);
    let word = mem.abi.word();
    let trie = view.field("m").ok_or_else(bad)?;
    let root = trie.field("root").ok_or_else(bad)?;
    let indirect = atomic_pointer_elem(view.graph, root.ty).ok_or_else(bad)?;
    let children = view
        .graph
        .get(indirect)
        .field("children")
        .ok_or_else(bad)?
        .off;
    let seed = trie.field("seed").and_then(|s| s.word().ok());
    let field = |name| view.graph.get(indirect).field(name).map(|f| f.off);
    let inner = Inner {
        parent: field("parent"),
        dead: field("dead"),
        mu: field("mu"),
    };
    // Keys are interfaces, whatever a sync.Map is used for.
    let plan = Plan {
        steps: Box::new([Step::Iface {
            off: 0,
            empty: true,
        }]),
    };
    let mut hasher = KeyHasher::new(reader.hashers, mem);
    // Of a Go that nobody has seen, and with impossible hash keys, nothing is claimed.
    let is_claimed = !reader.hashers.is_untested() && reader.hashers.fault().is_none();
    let bits = word.saturating_mul(8);
    let top = mem.read_addr(root.addr)?;
    let mut stack = vec![Visit {
        node: top,
        parent: Addr::NIL,
        path: 0,
        depth: 0,
    }];
    let mut seen = HashSet::new();
    while let Some(step) = stack.pop() {
        let node = step.node;
        if node.is_nil() || !seen.insert(node) || seen.len() > MAX_NODES {
            continue;
        }
        // `node.isEntry` is the first byte; an inner node's root pointer is known to be one.
        let is_entry = node != top && mem.read_u8(node)? != 0;
        if is_entry {
            // entry[K, V]: node, overflow, key, value; for any, any the key is at word 2, the value at 4.
            let key = node.element(2, word).ok_or_else(bad)?;
            let value = node.element(4, word).ok_or_else(bad)?;
            out.entries.push((key, value));
            if !is_claimed {
                // Nothing is said of its place.
            } else if let (Some(seed), Some(hasher)) = (seed, hasher.as_mut()) {
                let bytes = mem.bytes(key, word.saturating_mul(2))?;
                match hasher.hash(&plan, &bytes, seed) {
                    KeyHash::Known(hash) => {
                        let used = step.depth.saturating_mul(4);
                        let shift = bits.saturating_sub(u64::from(used));
                        let top = u32::try_from(shift).ok().and_then(|s| hash.checked_shr(s));
                        let right = top.unwrap_or(0) == step.path;
                        let (all, off) = out.hashed;
                        out.hashed = (all.saturating_add(1), off.saturating_add(u64::from(!right)));
                        if !right {
                            let depth = step.depth;
                            out.fault(node, SyncFaultKind::OffPath { hash, depth });
                        }
                    }
                    KeyHash::Nan => {}
                    _ => out.unhashed = out.unhashed.saturating_add(1),
                }
            } else {
                out.unhashed = out.unhashed.saturating_add(1);
            }
            stack.push(Visit {
                node: mem.read_addr(node.checked_add(word).ok_or_else(bad)?)?,
                ..step
            });
            continue;
        }
        inner.check(reader, out, step);
        for i in 0..CHILDREN {
            let at = node
                .checked_add(children)
                .and_then(|a| a.element(i, word))
                .ok_or_else(bad)?;
            match mem.read_addr(at) {
                Ok(child) => stack.push(Visit {
                    node: child,
                    parent: node,
                    path: step.path.wrapping_mul(CHILDREN).wrapping_add(i),
                    depth: step.depth.saturating_add(1),
                }),
                Err(fault) => out.gaps.push("sync.Map node", fault),
            }
        }
    }
    out.entries.sort_unstable();
    Ok(())
}

/// A node on the way through a trie.
#[derive(Clone, Copy)]
struct Visit {
    node: Addr,
    /// The inner node that leads to it.
    parent: Addr,
    /// The child indices on the way, four bits each.
    path: u64,
    /// How many those are.
    depth: u32,
}

/// Offsets of an inner node's fields; `None` for those that this Go does not have.
struct Inner {
    parent: Option<u64>,
    dead: Option<u64>,
    mu: Option<u64>,
}

impl Inner {
    /// Looks at what an inner node says of itself.
    fn check(&self, reader: &MapReader<'_, '_>, out: &mut SyncMapImage, step: Visit) {
        let mem = reader.program.mem;
        let at = |node: Addr, off: Option<u64>| off.and_then(|o| node.checked_add(o));
        let claimed = at(step.node, self.parent).and_then(|a| mem.read_addr(a).ok());
        if let Some(claimed) = claimed.filter(|c| *c != step.parent) {
            let right = step.parent;
            out.fault(step.node, SyncFaultKind::Parent { claimed, right });
        }
        let locked = |node: Addr| {
            !at(node, self.mu).is_some_and(|a| mem.read_u32(a).is_ok_and(|state| state == 0))
        };
        let dead = at(step.node, self.dead).and_then(|a| mem.read_u32(a).ok());
        if dead.is_some_and(|d| d != 0)
            && !locked(step.node)
            && (step.parent.is_nil() || !locked(step.parent))
        {
            out.fault(step.node, SyncFaultKind::Dead);
        }
    }
}
