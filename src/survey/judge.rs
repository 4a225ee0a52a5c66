//! One map is read, judged, and made a row.
//! In: a map that was found, and what is known beside it. Out: its verdict, its row, what may have broken it.

use crate::base::addr::Addr;
use crate::base::limits::MAX_ALONE;
use crate::base::limits::MAX_EXPLAINED;
use crate::base::progress::Progress;
use crate::cause::explain::Cause;
use crate::cause::explain::explain;
use crate::cause::flips::Again;
use crate::check::registry::check_map;
use crate::check::rule::MapVerdict;
use crate::crash::parties::Around;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::Reach;
use crate::find::found::Sure;
use crate::find::found::Ways;
use crate::find::path::Above;
use crate::find::path::Paths;
use crate::maps::image::HashState;
use crate::maps::image::MapImage;
use crate::maps::image::Shared;
use crate::maps::reader::Recall;
use crate::survey::hands::AllHands;
use crate::survey::proof::prove_hashes;
use crate::survey::result::MapRow;
use crate::survey::row;
use crate::survey::session::Session;
use crate::survey::sharing::Sharing;
use crate::survey::sharing::pairs;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Range;

/// Maps that one thread takes at a time to look for one of them.
const CHUNK: usize = 1 << 14;

/// A range in pieces of `most`.
pub(crate) fn ranges(all: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let end = all.end;
    all.step_by(most)
        .map(move |from| from..from.saturating_add(most).min(end))
}

/// Some maps, each with its number.
pub(crate) fn numbered(found: &Found, some: Range<usize>) -> impl Iterator<Item = (u32, FoundMap)> {
    some.filter_map(|i| Some((u32::try_from(i).ok()?, found.maps.get(i)?)))
}

/// Calls `each` with the storage of a map that is judged.
pub(crate) fn for_each_storage(s: &Session<'_, '_>, map: &FoundMap, mut each: impl FnMut(Addr)) {
    let slots = s.reader.slots(map.ty);
    if let Some(slots) = slots.filter(|_| !map.dead) {
        let image = s.reader.read(map.addr, slots);
        image.for_each_storage(|_, addr| each(addr));
    }
}

/// What one map shares with all others, as `judge_all` would find it.
pub(crate) fn shared_with(s: &Session<'_, '_>, found: &Found, map: &FoundMap) -> Vec<(Addr, Addr)> {
    let number = found.maps.iter().position(|m| m.addr == map.addr);
    let Some(number) = number.and_then(|i| u32::try_from(i).ok()) else {
        return Vec::new();
    };
    let mut own = BTreeSet::new();
    for_each_storage(s, map, |addr| {
        own.insert(addr);
    });
    let shared: Vec<Vec<(Addr, u32)>> = ranges(0..found.maps.len(), CHUNK)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|some| {
            let mut out = Vec::new();
            for (i, m) in numbered(found, some) {
                for_each_storage(s, &m, |addr| {
                    if own.contains(&addr) {
                        out.push((addr, i));
                    }
                });
            }
            out
        })
        .collect();
    pairs(found, shared.concat())
        .remove(&number)
        .unwrap_or_default()
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
pub(crate) fn explain_rows(
    s: &Session<'_, '_>,
    found: &Found,
    hands: &AllHands,
    sharing: &Sharing,
    rows: &mut [MapRow],
    progress: &dyn Progress,
) {
    let mut broken: Vec<&mut MapRow> = rows.iter_mut().filter(|r| r.is_broken()).collect();
    broken.sort_by_key(|r| r.addr);
    broken.truncate(MAX_EXPLAINED);
    if broken.is_empty() {
        return;
    }
    progress.phase("looking for causes", Some(broken.len() as u64));
    let addrs: BTreeSet<Addr> = broken.iter().map(|r| r.addr).collect();
    let by_addr: HashMap<Addr, (u32, FoundMap)> = (0u32..)
        .zip(found.maps.iter())
        .filter(|(_, m)| addrs.contains(&m.addr))
        .map(|(i, m)| (m.addr, (i, m)))
        .collect();
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

/// Writes owners, and remembers the way above the last of them.
type Owners<'o, 'p> = (&'o Paths<'o, 'p>, &'o mut Above);

/// Reads and checks one map, and makes its row. `shared`: storage it has in common with others, and their headers.
pub(crate) fn map_row<'a>(
    s: &Session<'_, 'a>,
    found: &Found,
    hands: &AllHands,
    map: &FoundMap,
    owners: Owners<'_, '_>,
    shared: &[(Addr, Addr)],
) -> Option<(MapRow, MapImage<'a>)> {
    let (image, verdict) = read_and_judge(s, hands, map, shared)?;
    Some((row_of(s, found, map, &image, verdict, owners), image))
}

/// Reads one map for what its header and storage say of its size.
pub(crate) fn read_only<'a>(s: &Session<'_, 'a>, map: &FoundMap) -> Option<MapImage<'a>> {
    Some(s.reader.read(map.addr, s.reader.slots(map.ty)?))
}

/// The verdict is `None` for what the collector has given up: it may be freed in part, and nothing can be held
/// against it.
pub(crate) fn read_and_judge<'a>(
    s: &Session<'_, 'a>,
    hands: &AllHands,
    map: &FoundMap,
    shared: &[(Addr, Addr)],
) -> Option<(MapImage<'a>, Option<MapVerdict>)> {
    let mut image = s.reader.read(map.addr, s.reader.slots(map.ty)?);
    let verdict = judge_image(s, hands, (map, shared), &mut image, &mut Recall::default());
    Some((image, verdict))
}

/// Calls `each` with the image and verdict of one map, where they are.
pub(crate) fn with_judged<'s, 'a, R>(
    s: &Session<'s, 'a>,
    hands: &AllHands,
    map: &FoundMap,
    recall: &mut Recall<'s>,
    each: impl FnOnce(&MapImage<'a>, Option<MapVerdict>) -> R,
) -> Option<R> {
    // An image is a thousand bytes: it stays where it is made.
    let mut image = s.reader.read(map.addr, s.reader.slots(map.ty)?);
    let verdict = judge_image(s, hands, (map, &[]), &mut image, recall);
    Some(each(&image, verdict))
}

fn judge_image<'s, 'a>(
    s: &Session<'s, 'a>,
    hands: &AllHands,
    (map, shared): (&FoundMap, &[(Addr, Addr)]),
    image: &mut MapImage<'a>,
    recall: &mut Recall<'s>,
) -> Option<MapVerdict> {
    if !map.dead {
        s.reader.look_closer(image, recall);
    }
    tell(image, map, hands, shared);
    (!map.dead).then(|| check_map(image))
}

pub(crate) fn row_of(
    s: &Session<'_, '_>,
    found: &Found,
    map: &FoundMap,
    image: &MapImage<'_>,
    verdict: Option<MapVerdict>,
    (paths, above): Owners<'_, '_>,
) -> MapRow {
    let alternatives = found.alternatives.get(&map.addr);
    let mut row = row::map_row(
        s.reader.program.graph,
        image,
        map,
        alternatives.map(Vec::as_slice).unwrap_or_default(),
        verdict,
        String::new(),
    );
    paths.write_owner(map.node, above, &mut row.owner);
    if row.is_broken() {
        row.holder = paths.holder(map.node);
    }
    row
}
