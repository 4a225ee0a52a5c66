//! Reads one side of a diff from a snapshot: first its maps, later the entries of some of them.
//! In: a path. Out: a `Side`, or entries one by one; nothing but small records is kept.

use crate::base::addr::Addr;
use crate::diff::entries::Entry;
use crate::diff::entries::digest;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::schema::words::known;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::line::EntryOut;
use crate::snapshot::line::MapKey;
use crate::snapshot::line::MapLine;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::kind;
use crate::snapshot::load::read_with_head;
use crate::snapshot::read::Line;
use crate::snapshot::rows;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Reads the maps of a snapshot. `file`: what the user called it, where that is not its path.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn load_side(path: &Path, file: Option<&Path>) -> Result<Side, SnapshotError> {
    let mut maps = Vec::new();
    let mut types: HashSet<Arc<str>> = HashSet::new();
    let (head, _) = read_with_head(path, &mut |_, line| {
        if let Line::Map(line) = line {
            maps.push(side_map(line.parse()?, &mut types));
        }
        Ok(())
    })?;
    maps.sort_by_key(|m: &SideMap| (m.addr, m.kind == "syncmap"));
    let mut process = head.process;
    if file.is_some() {
        process.snapshot = None;
    }
    Ok(Side {
        file: file.unwrap_or(path).display().to_string(),
        is_snapshot: file.is_none(),
        process,
        identity: head.identity,
        uptime: head.crash.blame.as_ref().and_then(|b| b.gc.uptime),
        crash: (head.crash.kind, head.crash.message),
        values: head.values,
        entries: head.entries,
        key_id: head.key_id,
        gaps_total: head.gaps_total,
        maps,
    })
}

fn side_map(line: MapLine<'_>, types: &mut HashSet<Arc<str>>) -> SideMap {
    let ty = match types.get(&*line.r#type) {
        Some(ty) => ty.clone(),
        None => {
            let ty: Arc<str> = Arc::from(&*line.r#type);
            types.insert(ty.clone());
            ty
        }
    };
    let mut broken_rules: Vec<&'static str> = line
        .findings
        .iter()
        .filter(|f| f.severity == "error")
        .map(|f| known(&f.rule))
        .collect();
    broken_rules.dedup();
    SideMap {
        addr: rows::addr(&line.addr),
        kind: known(&line.kind),
        ty,
        owner: line.owner.as_deref().unwrap_or_default().into(),
        reachable: known(&line.reachable),
        len: line.len,
        capacity: line.capacity,
        bytes: line.bytes,
        waste: line.waste,
        header: line.header.as_ref().map(rows::header).unwrap_or_default(),
        marks: line.shape.as_ref().map(rows::marks).unwrap_or_default(),
        tables: line.shape.as_ref().map_or(0, |s| s.tables_total),
        digest: line.digest.as_ref().and_then(rows::digest),
        verdict: line.verdict.as_deref().map(rows::verdict),
        broken_rules,
        gaps_total: line.gaps_total,
        has_entries: line.entries.is_some(),
    }
}

/// Calls `each` for every entry of these maps, with its map's address. Where it stands and its texts are only
/// there if `wants` says so.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn read_entries(
    path: &Path,
    wants: &dyn Fn(Addr, Option<u64>) -> Option<bool>,
    each: &mut dyn FnMut(Addr, &Entry<'_>),
) -> Result<(), SnapshotError> {
    let mut cell: Option<&'static str> = None; // of the map at hand, if it is wanted
    read_with_head(path, &mut |_, line| match line {
        Line::Map(line) => {
            let key: MapKey<'_> = line.parse()?;
            let wanted = key.entries.is_some() && wants(rows::addr(&key.addr), None).is_some();
            let word = if key.kind == "classic" {
                "cell"
            } else {
                "slot"
            };
            cell = wanted.then_some(word);
            Ok(())
        }
        Line::Part(part) if part.kind == kind::SLOTS => {
            let Some(cell) = cell else { return Ok(()) };
            let slots: SlotsLine<'_> = part.parse()?;
            let map = rows::addr(&slots.map);
            for e in &slots.entries {
                feed(map, &slots, e, cell, wants, each);
            }
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(())
}

fn feed(
    map: Addr,
    slots: &SlotsLine<'_>,
    e: &EntryOut<'_>,
    cell: &str,
    wants: &dyn Fn(Addr, Option<u64>) -> Option<bool>,
    each: &mut dyn FnMut(Addr, &Entry<'_>),
) {
    let key = e.key.as_deref().and_then(digest);
    let entry = Entry {
        key,
        elem: e.elem.as_deref().and_then(digest),
        ..Entry::default()
    };
    match wants(map, key) {
        None => {}
        Some(false) => each(map, &entry),
        Some(true) => {
            let place = format!("{}.{cell}[{}]", slots.part, e.slot);
            let entry = Entry {
                place: &place,
                key_text: e.key_text.as_deref(),
                elem_text: e.elem_text.as_deref(),
                ..entry
            };
            each(map, &entry);
        }
    }
}
