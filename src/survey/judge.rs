//! Every map found is read and judged, on all processors.
//! In: a search's result. Out: rows by address; storage that two maps claim is noticed here.

use crate::base::addr::Addr;
use crate::base::limits::MAX_ALONE;
use crate::base::limits::MAX_EXPLAINED;
use crate::base::progress::Progress;
use crate::cause::explain::Cause;
use crate::cause::explain::explain;
use crate::cause::flips::Again;
use crate::check::registry::check_map;
use crate::crash::parties::Around;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::Reach;
use crate::find::found::Sure;
use crate::find::found::Ways;
use crate::find::path::Paths;
use crate::maps::image::HashState;
use crate::maps::image::MapImage;
use crate::maps::image::Shared;
use crate::survey::hands::AllHands;
use crate::survey::owners::with_paths;
use crate::survey::proof::prove_hashes;
use crate::survey::request::Request;
use crate::survey::result::MapRow;
use crate::survey::row;
use crate::survey::session::Session;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::IntoParallelRefIterator;
use rayon::prelude::ParallelIterator;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Reads and checks every map found, on all processors; the rows are by address.
pub(crate) fn rows(
    s: &Session<'_, '_>,
    req: &Request,
    found: &Found,
    around: &Around,
    progress: &dyn Progress,
) -> Vec<MapRow> {
    progress.phase("checking maps", Some(found.maps.len() as u64));
    let hands = AllHands::sort(s, found, around);
    let done = AtomicU64::new(0);
    with_paths(s, req, found, |paths, _| {
        let checked: Vec<(Option<MapRow>, Storages)> = (0u32..u32::MAX)
            .zip(&found.maps)
            .collect::<Vec<_>>()
            .par_iter()
            .map(|(i, m)| {
                let checked = map_row(s, found, &hands, m, paths, &[]);
                progress.at(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
                let mut storages = Vec::new();
                let Some((row, image)) = checked else {
                    return (None, storages);
                };
                if !m.dead {
                    image.for_each_storage(|_, addr| storages.push((addr, *i)));
                }
                (Some(row), storages)
            })
            .collect();
        let sharing = sharing(
            found,
            checked
                .iter()
                .flat_map(|(_, storages)| storages.iter().copied()),
        );
        let hands = &hands;
        let none = Vec::new();
        let mut rows: Vec<MapRow> = (0u32..)
            .zip(checked)
            .filter_map(|(i, (row, _))| Some((i, row?)))
            .map(|(i, row)| {
                let others = sharing.get(&i);
                let map = usize::try_from(i).ok().and_then(|i| found.maps.get(i));
                match map.filter(|_| others.is_some()) {
                    // Only now it is known whom else the storage belongs to.
                    Some(m) => map_row(s, found, hands, &m, paths, others.unwrap_or(&none))
                        .map_or(row, |(row, _)| row),
                    None => row,
                }
            })
            .collect();
        explain_rows(s, found, hands, &sharing, &mut rows, progress);
        rows.extend(
            found
                .sync_maps
                .iter()
                .map(|m| row::sync_row(m, paths.owner(m.node))),
        );
        rows.sort_by_key(|r| (r.addr, r.kind));
        rows
    })
}

/// Addresses of storage, each with the number of the map that refers to it.
type Storages = Vec<(Addr, u32)>;

/// The maps that share storage, by number: each with the storage and the other map's header.
pub(crate) fn sharing(
    found: &Found,
    storages: impl Iterator<Item = (Addr, u32)>,
) -> HashMap<u32, Vec<(Addr, Addr)>> {
    let mut all: Storages = storages.collect();
    all.sort_unstable();
    all.dedup();
    let header = |i: u32| {
        usize::try_from(i)
            .ok()
            .and_then(|i| found.maps.get(i))
            .map_or(Addr::NIL, |m| m.addr)
    };
    let mut out: HashMap<u32, Vec<(Addr, Addr)>> = HashMap::new();
    for pair in all.windows(2) {
        if let [(a, i), (b, j)] = pair
            && a == b
        {
            out.entry(*i).or_default().push((*a, header(*j)));
            out.entry(*j).or_default().push((*a, header(*i)));
        }
    }
    out
}

/// What one map shares with all others, as `rows` would find it.
pub(crate) fn shared_with(s: &Session<'_, '_>, found: &Found, map: &FoundMap) -> Vec<(Addr, Addr)> {
    let storages: Vec<Storages> = (0u32..)
        .zip(&found.maps)
        .collect::<Vec<_>>()
        .par_iter()
        .map(|(i, m)| {
            let mut out = Vec::new();
            if let Some(slots) = s.reader.slots(m.ty) {
                s.reader
                    .read(m.addr, slots)
                    .for_each_storage(|_, addr| out.push((addr, *i)));
            }
            out
        })
        .collect();
    let number = found
        .maps
        .iter()
        .position(|m| m.addr == map.addr)
        .and_then(|i| u32::try_from(i).ok());
    let mut sharing = sharing(found, storages.into_iter().flatten());
    number.and_then(|n| sharing.remove(&n)).unwrap_or_default()
}

/// Gives an image the facts that do not come from reading it.
fn tell(image: &mut MapImage<'_>, map: &FoundMap, hands: &AllHands, shared: &[(Addr, Addr)]) {
    let mut common = Vec::new();
    if !shared.is_empty() {
        image.for_each_storage(|place, addr| {
            common.extend(
                shared
                    .iter()
                    .filter(|(a, _)| *a == addr)
                    .map(|(addr, other)| Shared {
                        place,
                        addr: *addr,
                        other: *other,
                    }),
            );
        });
    }
    image.shared = common;
    hands.tell(image);
    // Keys of a guessed type that fit prove something, keys that do not fit prove nothing.
    if map.sure != Sure::Typed && image.keys.state == HashState::Proven {
        image.keys.state = HashState::Doubtful;
    }
}

/// Explains the broken maps among `rows`, the first ones by address.
fn explain_rows(
    s: &Session<'_, '_>,
    found: &Found,
    hands: &AllHands,
    sharing: &HashMap<u32, Vec<(Addr, Addr)>>,
    rows: &mut [MapRow],
    progress: &dyn Progress,
) {
    let by_addr: HashMap<Addr, (u32, FoundMap)> = (0u32..)
        .zip(&found.maps)
        .map(|(i, m)| (m.addr, (i, m)))
        .collect();
    let mut broken: Vec<&mut MapRow> = rows.iter_mut().filter(|r| r.is_broken()).collect();
    broken.sort_by_key(|r| r.addr);
    broken.truncate(MAX_EXPLAINED);
    if broken.is_empty() {
        return;
    }
    progress.phase("looking for causes", Some(broken.len() as u64));
    broken.into_par_iter().for_each(|row| {
        let Some((i, map)) = by_addr.get(&row.addr) else {
            return;
        };
        let shared = sharing.get(i).map(Vec::as_slice).unwrap_or_default();
        row.causes = explain_map(s, hands, map, shared).unwrap_or_default();
    });
}

/// Reads and judges one map by itself, whose owner is known; `None` if it is too large for that, or of no type
/// that can be read.
pub(crate) fn judge_one(
    s: &Session<'_, '_>,
    addr: Addr,
    ty: TypeId,
    owner: String,
    around: &Around,
    progress: &dyn Progress,
) -> Option<MapRow> {
    let slots = s.reader.slots(ty)?;
    let small = s.reader.read(addr, slots.clone());
    if row::bytes_of(&small) > MAX_ALONE {
        return None;
    }
    let map = FoundMap {
        addr,
        ty,
        node: u32::MAX,
        ways: Ways::default(),
        reach: Reach::default(),
        sure: Sure::Typed,
        dead: false,
    };
    let found = Found {
        maps: [map].into_iter().collect(),
        ..Found::default()
    };
    prove_hashes(s, &found, progress);
    let hands = AllHands::sort(s, &found, around);
    let mut image = s.reader.read_for_check(addr, slots);
    tell(&mut image, &map, &hands, &[]);
    let verdict = Some(check_map(&image));
    let graph = s.reader.program.graph;
    let mut row = row::map_row(graph, &image, &map, &[], verdict, owner);
    if row.is_broken() {
        row.causes = explain_map(s, &hands, &map, &[]).unwrap_or_default();
    }
    Some(row)
}

/// What may have broken one map.
pub(crate) fn explain_map(
    s: &Session<'_, '_>,
    hands: &AllHands,
    map: &FoundMap,
    shared: &[(Addr, Addr)],
) -> Option<Vec<Cause>> {
    let slots = s.reader.slots(map.ty)?;
    let mut image = s.reader.read_for_check(map.addr, slots.clone());
    let tell = |image: &mut MapImage<'_>| tell(image, map, hands, shared);
    tell(&mut image);
    let again = Again {
        reader: &s.reader,
        addr: map.addr,
        slots,
        tell: &tell,
        bytes: row::bytes_of(&image).saturating_add(image.keys.work),
    };
    Some(explain(&s.reader, &image, &check_map(&image), &again))
}

/// Reads and checks one map. `shared`: storage it has in common with others, and their headers.
pub(crate) fn map_row<'a>(
    s: &Session<'_, 'a>,
    found: &Found,
    hands: &AllHands,
    map: &FoundMap,
    paths: &Paths<'_, '_>,
    shared: &[(Addr, Addr)],
) -> Option<(MapRow, MapImage<'a>)> {
    let slots = s.reader.slots(map.ty)?;
    let mut image = if map.dead {
        s.reader.read(map.addr, slots)
    } else {
        s.reader.read_for_check(map.addr, slots)
    };
    tell(&mut image, map, hands, shared);
    let alternatives = found.alternatives.get(&map.addr);
    // What the collector has given up may be freed in part: nothing can be held against it.
    let verdict = (!map.dead).then(|| check_map(&image));
    let mut row = row::map_row(
        s.reader.program.graph,
        &image,
        map,
        alternatives.map(Vec::as_slice).unwrap_or_default(),
        verdict,
        paths.owner(map.node),
    );
    if row.is_broken() {
        row.holder = paths.holder(map.node);
    }
    Some((row, image))
}
