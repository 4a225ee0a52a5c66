//! Reads one side of a diff from a snapshot: first its maps, later the entries of some of them.
//! In: a path. Out: a `Side`, or entries one by one; nothing but small records is kept.

use crate::base::addr::Addr;
use crate::diff::entries::Entry;
use crate::diff::entries::digest;
use crate::diff::side::MapState;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::file::stream::Lines;
use crate::file::stream::TemporaryFile;
use crate::schema::words::known;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::line::EntryOut;
use crate::snapshot::line::MapFacts;
use crate::snapshot::line::MapKey;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::Text;
use crate::snapshot::line::kind;
use crate::snapshot::load::Head;
use crate::snapshot::load::read_lines_with_head;
use crate::snapshot::load::read_maps_with_head;
use crate::snapshot::plain::PlainMap;
use crate::snapshot::plain::plain_map;
use crate::snapshot::read::Line;
use crate::snapshot::read::Part;
use crate::snapshot::read::open;
use crate::snapshot::rows;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// A snapshot: a file of its own, or one that was made of a core for the time being.
#[derive(Clone, Copy)]
pub enum Source<'s> {
    /// By its path.
    File(&'s Path),
    /// Of the core at this path.
    OfCore(&'s Path, &'s TemporaryFile),
}

impl Source<'_> {
    fn path(&self) -> &Path {
        match self {
            Source::File(path) | Source::OfCore(path, _) => path,
        }
    }

    fn lines(&self) -> Result<Lines, SnapshotError> {
        match self {
            Source::File(path) => open(path),
            Source::OfCore(path, file) => file.lines().map_err(|source| SnapshotError::Io {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn read(
        &self,
        each: &mut dyn FnMut(&Head, Line<'_>) -> Result<(), SnapshotError>,
    ) -> Result<Head, SnapshotError> {
        read_lines_with_head(self.lines()?, self.path(), each).map(|(head, _)| head)
    }
}

/// Reads the maps of a snapshot.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn load_side(source: Source<'_>) -> Result<Side, SnapshotError> {
    let make = |before: &mut Before, line: Part<'_>| match plain_map(line.text) {
        Some(plain) => Ok(plain_side_map(plain, before)),
        None => Ok(side_map(line.parse()?, before)),
    };
    let (head, mut maps) = read_maps_with_head(source.lines()?, source.path(), &make)?;
    maps.sort_by_key(|m: &SideMap| (m.addr, m.kind == "syncmap"));
    let mut process = head.process;
    let is_snapshot = matches!(source, Source::File(_));
    if !is_snapshot {
        process.snapshot = None;
    }
    Ok(Side {
        file: source.path().display().to_string(),
        is_snapshot,
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

/// What the maps before had in common, which is mostly what the next one has too.
#[derive(Default)]
struct Before {
    kind: &'static str,
    reachable: &'static str,
    types: HashSet<Arc<str>>,
    states: HashSet<Arc<MapState>>,
}

impl Before {
    fn ty(&mut self, name: &str) -> Arc<str> {
        match self.types.get(name) {
            Some(ty) => Arc::clone(ty),
            None => {
                let ty: Arc<str> = Arc::from(name);
                self.types.insert(Arc::clone(&ty));
                ty
            }
        }
    }

    fn state(&mut self, state: MapState) -> Arc<MapState> {
        match self.states.get(&state) {
            Some(state) => Arc::clone(state),
            None => {
                let state = Arc::new(state);
                self.states.insert(Arc::clone(&state));
                state
            }
        }
    }
}

fn word(last: &mut &'static str, text: &str) -> &'static str {
    if *last != text {
        *last = known(text);
    }
    last
}

fn side_map(line: MapFacts<'_>, before: &mut Before) -> SideMap {
    let mut broken_rules: Vec<&'static str> = line
        .findings
        .iter()
        .filter(|f| f.severity == "error")
        .map(|f| known(&f.rule))
        .collect();
    broken_rules.dedup();
    let state = MapState {
        kind: known(&line.kind),
        ty: before.ty(&line.r#type),
        reachable: known(&line.reachable),
        len: line.len,
        capacity: line.capacity,
        bytes: line.bytes,
        waste: line.waste,
        marks: line.shape.as_ref().map(rows::marks).unwrap_or_default(),
        tables: line.shape.as_ref().map_or(0, |s| s.tables_total),
        verdict: line.verdict.as_deref().map(rows::verdict),
        broken_rules,
        gaps_total: line.gaps_total,
        has_entries: line.entries.is_some(),
    };
    SideMap {
        addr: rows::addr(&line.addr),
        owner: line.owner.as_deref().unwrap_or_default().into(),
        header: line.header.as_ref().map(rows::header).unwrap_or_default(),
        digest: line.digest.as_ref().and_then(rows::digest),
        state: before.state(state),
    }
}

/// The same of a plain map's line.
fn plain_side_map(line: PlainMap<'_>, before: &mut Before) -> SideMap {
    let state = MapState {
        kind: word(&mut before.kind, line.kind),
        ty: before.ty(line.ty),
        reachable: word(&mut before.reachable, line.reachable),
        len: line.len,
        capacity: line.capacity,
        bytes: line.bytes,
        waste: line.waste,
        marks: line.marks,
        tables: line.tables_total,
        verdict: line.verdict.map(rows::verdict),
        broken_rules: Vec::new(),
        gaps_total: line.gaps_total,
        has_entries: line.entries.is_some(),
    };
    SideMap {
        addr: line.addr,
        owner: line.owner.unwrap_or_default().into(),
        header: line.header,
        digest: line.digest,
        state: before.state(state),
    }
}

/// Calls `each` for every entry of these maps, with its map's address. Where it stands and its texts are only
/// there if `wants` says so. `foreign`: they are compared with those of another process, in which addresses mean
/// nothing, so that what is made of them counts as not readable.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn read_entries(
    source: Source<'_>,
    foreign: bool,
    wants: &dyn Fn(Addr, Option<u64>) -> Option<bool>,
    each: &mut dyn FnMut(Addr, &Entry<'_>),
) -> Result<(), SnapshotError> {
    let mut cell: Option<&'static str> = None; // of the map at hand, if it is wanted
    source.read(&mut |_, line| match line {
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
                feed(map, &slots, e, (cell, foreign), wants, each);
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
    (cell, foreign): (&str, bool),
    wants: &dyn Fn(Addr, Option<u64>) -> Option<bool>,
    each: &mut dyn FnMut(Addr, &Entry<'_>),
) {
    let half = |text: &Option<Text<'_>>, addresses: bool| {
        let known = text.as_deref().filter(|_| !(foreign && addresses));
        known.and_then(digest)
    };
    let key = half(&e.key, e.key_addresses);
    let entry = Entry {
        key,
        elem: half(&e.elem, e.elem_addresses),
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
