//! `sync.Map`: two ordinary maps up to go1.23, a trie of hashes from go1.24; here one thing.
//! In: the address of a `sync.Map`. Out: where its live keys and elems lie, its inner maps, and gaps.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::maps::image::Gaps;
use crate::maps::reader::MapReader;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use crate::types::view::View;
use std::collections::HashMap;
use std::collections::HashSet;

/// Nodes of one trie at most.
const MAX_NODES: usize = 1 << 28;
/// Children of an inner node. Source: `internal/sync/hashtriemap.go`, `nChildren`, from go1.24.
const CHILDREN: u64 = 16;

/// The content of a `sync.Map`.
#[derive(Clone, Default, Debug)]
pub struct SyncMapImage {
    /// Addresses of the interface values of key and elem of each live entry.
    pub entries: Vec<(Addr, Addr)>,
    /// Its inner maps, with the field that holds each: (`read.m` or `dirty`, header, map type).
    pub inner: Vec<(&'static str, Addr, TypeId)>,
    /// What could not be read.
    pub gaps: Gaps,
}

/// Whether a type of this name is a `sync.Map`.
pub fn is_sync_map(name: &str) -> bool {
    name == "sync.Map"
}

/// The type an `atomic.Pointer[T]` points to: it has a field `_ [0]*T` for this very purpose.
/// Source: `sync/atomic/type.go`, `Pointer`, from go1.19.
pub fn atomic_pointer_elem(graph: &TypeGraph<'_>, ty: TypeId) -> Option<TypeId> {
    let t = graph.get(ty);
    if !t.name.starts_with("sync/atomic.Pointer[") && !t.name.starts_with("atomic.Pointer[") {
        return None;
    }
    let Kind::Struct { fields } = &t.kind else {
        return None;
    };
    fields.iter().find_map(|f| match graph.get(f.ty).kind {
        Kind::Array { elem, len: 0 } => match graph.get(elem).kind {
            Kind::Pointer { elem } => elem,
            _ => None,
        },
        _ => None,
    })
}

/// Reads the `sync.Map` at `view`.
pub fn read_sync_map(reader: &MapReader<'_, '_>, view: View<'_, '_>) -> SyncMapImage {
    let mut out = SyncMapImage::default();
    let trie = view.kind().field("m").is_some() && view.kind().field("dirty").is_none();
    let result = if trie {
        read_trie(reader, view, &mut out)
    } else {
        read_two_maps(reader, view, &mut out)
    };
    if let Err(fault) = result {
        out.gaps.push("sync.Map", fault);
    }
    out
}

/// A part of the type that should be there is not: the layout is one badmap does not know.
fn unknown_layout(at: Addr) -> Fault {
    Fault {
        addr: at,
        size: 0,
        why: Why::TooLarge,
    }
}

/// Up to go1.23: `read` holds a `readOnly{m, amended}`, by atomic.Value in go1.19 and by
/// atomic.Pointer later; `dirty` counts where `amended` is set. Source: `sync/map.go`.
fn read_two_maps(
    reader: &MapReader<'_, '_>,
    view: View<'_, '_>,
    out: &mut SyncMapImage,
) -> Result<(), Fault> {
    let mem = reader.program.mem;
    let bad = || unknown_layout(view.addr);
    let word = mem.abi.word();
    let read = view.field("read").ok_or_else(bad)?;
    let (read_only_ty, data) = match atomic_pointer_elem(view.graph, read.ty) {
        Some(ty) => {
            let off = read.kind().field("v").ok_or_else(bad)?.off;
            (
                ty,
                mem.read_addr(read.addr.checked_add(off).ok_or_else(bad)?)?,
            )
        }
        None => {
            let holder = mem.read_addr(read.addr)?;
            if holder.is_nil() {
                (view.ty, Addr::NIL)
            } else {
                let dynamic = reader.meta.dynamic(holder, true).ok_or_else(bad)?;
                (
                    dynamic.ty,
                    mem.read_addr(read.addr.checked_add(word).ok_or_else(bad)?)?,
                )
            }
        }
    };
    let mut amended = true;
    let mut found: HashMap<Addr, (Addr, Addr)> = HashMap::new();
    if !data.is_nil() {
        let read_only = View {
            addr: data,
            ty: read_only_ty,
            ..view
        };
        let m = read_only.field("m").ok_or_else(bad)?;
        amended = read_only.field("amended").ok_or_else(bad)?.uint()? != 0;
        push_inner(reader, m, "read.m", out, &mut found)?;
    }
    let dirty = view.field("dirty").ok_or_else(bad)?;
    // Without `amended` the dirty map holds nothing that `read` does not; it is a map all the same.
    let mut ignored = HashMap::new();
    push_inner(
        reader,
        dirty,
        "dirty",
        out,
        if amended { &mut found } else { &mut ignored },
    )?;
    let expunged = reader
        .program
        .variable("sync.expunged")
        .and_then(|v| v.word().ok())
        .unwrap_or(0);
    for (key, entry) in found.into_values() {
        let p = mem.read_addr(entry)?;
        if !p.is_nil() && p.0 != expunged {
            out.entries.push((key, p));
        }
    }
    out.entries.sort_unstable();
    Ok(())
}

/// Notes an inner map, and where its keys and `*entry` values are, by the entry's address: the two
/// maps share their entries, so each counts once.
fn push_inner(
    reader: &MapReader<'_, '_>,
    field: View<'_, '_>,
    name: &'static str,
    out: &mut SyncMapImage,
    found: &mut HashMap<Addr, (Addr, Addr)>,
) -> Result<(), Fault> {
    let header = reader.program.mem.read_addr(field.addr)?;
    if header.is_nil() {
        return Ok(());
    }
    out.inner.push((name, header, field.ty));
    let Some(slots) = reader.slots(field.ty) else {
        return Err(unknown_layout(field.addr));
    };
    let image = reader.read(header, slots.clone());
    for gap in &image.gaps.list {
        out.gaps.push(gap.what, gap.fault);
    }
    let abi = image.abi;
    image.for_each_entry(|e| {
        let entry = Addr(abi.uptr(e.elem, 0).unwrap_or(0));
        if let Some(key) = e
            .record_addr
            .checked_add(slots.key_off(e.idx.into()))
            .filter(|_| !entry.is_nil())
        {
            found.entry(entry).or_insert((key, entry));
        }
    });
    Ok(())
}

/// From go1.24: `HashTrieMap[any, any]`; inner nodes have 16 children, leaves are entries, and
/// entries with one hash hang on each other. Source: `internal/sync/hashtriemap.go`.
fn read_trie(
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
    let mut stack = vec![mem.read_addr(root.addr)?];
    let mut seen = HashSet::new();
    let mut first = true;
    while let Some(node) = stack.pop() {
        if node.is_nil() || !seen.insert(node) || seen.len() > MAX_NODES {
            continue;
        }
        // `node.isEntry` is the first byte; an inner node's root pointer is known to be one.
        let is_entry = !first && mem.read_u8(node)? != 0;
        first = false;
        if is_entry {
            // entry[K, V]: node, overflow, key, value; for any, any the key is at word 2, the value at 4.
            let key = node.element(2, word).ok_or_else(bad)?;
            let value = node.element(4, word).ok_or_else(bad)?;
            out.entries.push((key, value));
            stack.push(mem.read_addr(node.checked_add(word).ok_or_else(bad)?)?);
            continue;
        }
        for i in 0..CHILDREN {
            let at = node
                .checked_add(children)
                .and_then(|a| a.element(i, word))
                .ok_or_else(bad)?;
            match mem.read_addr(at) {
                Ok(child) => stack.push(child),
                Err(fault) => out.gaps.push("sync.Map node", fault),
            }
        }
    }
    out.entries.sort_unstable();
    Ok(())
}
