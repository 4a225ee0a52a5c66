//! `sync.Map`: two ordinary maps up to go1.23, a trie of hashes from go1.24; here one thing.
//! In: the address of a `sync.Map`. Out: where its live keys and elems lie, its inner maps, and gaps.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::home::Home;
use crate::base::limits::MAX_FINDINGS_PER_RULE;
use crate::maps::image::Gaps;
use crate::maps::reader::MapReader;
use crate::maps::synctrie::read_trie;
use crate::types::graph::Kind;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;
use crate::types::view::View;
use std::collections::HashMap;
use std::collections::HashSet;

/// The content of a `sync.Map`.
#[derive(Clone, Default, Debug)]
pub struct SyncMapImage {
    /// Addresses of the interface values of key and elem of each live entry.
    pub entries: Vec<(Addr, Addr)>,
    /// Its inner maps, with the field that holds each: (`read.m` or `dirty`, header, map type).
    pub inner: Vec<(&'static str, Addr, TypeId)>,
    /// What is wrong with it as a whole: facts for the rules `SY-…`.
    pub faults: Vec<SyncFault>,
    /// How many of those there were in all.
    pub faults_total: u64,
    /// Keys of the trie whose hash is known, and those of them that stand where it does not lead.
    pub hashed: (u64, u64),
    /// Keys whose hash should be known and is not.
    pub unhashed: u64,
    /// Its mutex is held: what two writers must not see may stand there.
    pub locked: bool,
    /// What could not be read.
    pub gaps: Gaps,
}

/// Something wrong at one place of a `sync.Map`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyncFault {
    /// The node, entry or struct.
    pub at: Addr,
    /// What is wrong there.
    pub what: SyncFaultKind,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncFaultKind {
    /// `amended` is set, but there is no dirty map.
    AmendedAlone,
    /// `amended` is not set, but the dirty map has an entry that `read` lacks.
    NotAmended,
    /// An entry of `read` that is not expunged is missing in the dirty map.
    NotInDirty,
    /// An entry's pointer leads to no value.
    BadEntry {
        /// The pointer.
        p: Addr,
    },
    /// An entry of the trie stands where its hash does not lead.
    OffPath {
        /// The hash of its key.
        hash: u64,
        /// Inner nodes above it.
        depth: u32,
    },
    /// An inner node names another parent than the one it hangs on.
    Parent {
        /// The parent it names.
        claimed: Addr,
        /// The one it hangs on.
        right: Addr,
    },
    /// An inner node is marked as removed, but still hangs on its parent, which nobody has locked.
    Dead,
}

impl SyncMapImage {
    pub(crate) fn fault(&mut self, at: Addr, what: SyncFaultKind) {
        self.faults_total = self.faults_total.saturating_add(1);
        let kind = std::mem::discriminant(&what);
        let alike = self
            .faults
            .iter()
            .filter(|f| std::mem::discriminant(&f.what) == kind);
        if alike.count() < MAX_FINDINGS_PER_RULE {
            self.faults.push(SyncFault { at, what });
        }
    }
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
pub(crate) fn unknown_layout(at: Addr) -> Fault {
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
    let read_entries: HashSet<Addr> = found.keys().copied().collect();
    let dirty = view.field("dirty").ok_or_else(bad)?;
    let mut in_dirty = HashMap::new();
    let has_dirty = push_dirty(reader, dirty, &mut in_dirty)?;
    let dirty_entries: Option<HashSet<Addr>> = has_dirty.then(|| in_dirty.into_keys().collect());
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
        .and_then(|v| v.word().ok());
    out.locked = view
        .field("mu")
        .and_then(|mu| mem.read_u32(mu.addr).ok())
        .is_none_or(|state| state != 0);
    if let Some(expunged) = expunged.filter(|_| !out.locked) {
        compare_maps(
            reader,
            out,
            view.addr,
            (amended, expunged),
            &read_entries,
            &dirty_entries,
        )?;
    }
    let mut found: Vec<(Addr, Addr)> = found.into_values().collect();
    found.sort_unstable();
    for (key, entry) in found {
        let p = mem.read_addr(entry)?;
        if !p.is_nil() && Some(p.0) != expunged {
            if matches!(
                reader.heap.home(p),
                Home::FreeSpan
                    | Home::Unmapped
                    | Home::Object {
                        allocated: false,
                        ..
                    }
            ) {
                out.fault(entry, SyncFaultKind::BadEntry { p });
            }
            out.entries.push((key, p));
        }
    }
    out.entries.sort_unstable();
    Ok(())
}

/// The entries of the dirty map; false if there is none.
fn push_dirty(
    reader: &MapReader<'_, '_>,
    dirty: View<'_, '_>,
    found: &mut HashMap<Addr, (Addr, Addr)>,
) -> Result<bool, Fault> {
    let mut ignored = SyncMapImage::default();
    push_inner(reader, dirty, "dirty", &mut ignored, found)?;
    Ok(!ignored.inner.is_empty())
}

/// Holds the two maps against each other. Source: `sync/map.go`, `(*Map).dirtyLocked`, `missLocked` and
/// `Store`, up to go1.23.
fn compare_maps(
    reader: &MapReader<'_, '_>,
    out: &mut SyncMapImage,
    at: Addr,
    (amended, expunged): (bool, u64),
    read: &HashSet<Addr>,
    dirty: &Option<HashSet<Addr>>,
) -> Result<(), Fault> {
    let Some(dirty) = dirty else {
        if amended && !read.is_empty() {
            out.fault(at, SyncFaultKind::AmendedAlone);
        }
        return Ok(());
    };
    if !amended {
        let mut extra: Vec<Addr> = dirty.difference(read).copied().collect();
        extra.sort_unstable();
        for entry in extra {
            out.fault(entry, SyncFaultKind::NotAmended);
        }
        return Ok(());
    }
    let mut missing: Vec<Addr> = read.difference(dirty).copied().collect();
    missing.sort_unstable();
    for entry in missing {
        if reader.program.mem.read_addr(entry)?.0 != expunged {
            out.fault(entry, SyncFaultKind::NotInDirty);
        }
    }
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
