//! Every map found is read and judged, on all processors.
//! In: a search's result. Out: rows by address of the maps there is something to say of, and totals of the others.

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
use crate::survey::brief::Brief;
use crate::survey::brief::add_plain;
use crate::survey::brief::is_plain;
use crate::survey::brief::subtract_plain;
use crate::survey::hands::AllHands;
use crate::survey::owners::with_paths;
use crate::survey::proof::prove_hashes;
use crate::survey::request::Request;
use crate::survey::result::MapRow;
use crate::survey::result::Totals;
use crate::survey::row;
use crate::survey::session::Session;
use crate::survey::sharing::Seen;
use crate::survey::sharing::Sharing;
use crate::survey::sharing::pairs;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Maps that are read and judged before the next are begun: what is known of them is kept apart until then.
const TOGETHER: usize = 1 << 14;

/// Maps that one thread takes at a time.
const CHUNK: usize = 64;

/// Of which maps a row is kept. All others are in the totals only, or brief.
#[derive(Clone, Copy)]
pub(crate) enum Keep<'k> {
    /// Those of which there is more to say than numbers, and those at these addresses.
    Odd(&'k (dyn Fn(Addr) -> bool + Sync)),
    /// Those of which there is more to say than numbers; the others are kept brief.
    Brief,
    /// The same, but no map is judged: they are only read.
    Unjudged,
}

/// What was found out about the maps of a process.
#[derive(Default)]
pub(crate) struct Judged {
    /// Rows by address.
    pub(crate) rows: Vec<MapRow>,
    /// Maps without a row, in the order they were found; only where that was asked for.
    pub(crate) briefs: Vec<Brief>,
    /// Totals of the maps without a row.
    pub(crate) rest: Totals,
}

/// Reads and checks every map found, on all processors.
pub(crate) fn judge_all(
    s: &Session<'_, '_>,
    req: &Request,
    found: &Found,
    around: &Around,
    keep: Keep<'_>,
    progress: &dyn Progress,
) -> Judged {
    progress.phase("checking maps", Some(found.maps.len() as u64));
    let hands = AllHands::sort(s, found, around);
    let work = Work {
        s,
        found,
        hands: &hands,
        keep,
        seen: Seen::new(s.reader.heap),
        done: AtomicU64::new(0),
        progress,
    };
    with_paths(s, req, found, |paths, _| {
        let mut out = Judged::default();
        if !matches!(keep, Keep::Odd(_)) {
            out.briefs.reserve_exact(found.maps.len());
        }
        for all in ranges(0..found.maps.len(), TOGETHER) {
            let parts: Vec<Judged> = ranges(all, CHUNK)
                .collect::<Vec<_>>()
                .into_par_iter()
                .map(|some| work.judge_some(some, paths))
                .collect();
            for part in parts {
                out.rows.extend(part.rows);
                out.briefs.extend(part.briefs);
                out.rest.add(&part.rest);
            }
        }
        let sharing = work.sharing();
        work.judge_again(&sharing, &mut out, paths);
        explain_rows(s, found, &hands, &sharing, &mut out.rows, progress);
        out.rows.extend(
            found
                .sync_maps
                .iter()
                .map(|m| row::sync_row(m, paths.owner(m.node))),
        );
        out.rows.sort_by_key(|r| (r.addr, r.kind));
        out
    })
}

/// What the judging of maps needs.
struct Work<'w, 's, 'a> {
    s: &'w Session<'s, 'a>,
    found: &'w Found,
    hands: &'w AllHands,
    keep: Keep<'w>,
    seen: Seen,
    done: AtomicU64,
    progress: &'w dyn Progress,
}

impl Work<'_, '_, '_> {
    /// Judges the maps of these numbers.
    fn judge_some(&self, some: Range<usize>, paths: &Paths<'_, '_>) -> Judged {
        let mut out = Judged::default();
        let mut above = Above::default();
        let maps = some.len() as u64;
        for (number, map) in numbered(self.found, some) {
            let map = &map;
            let looked = match self.keep {
                Keep::Unjudged => read_only(self.s, map).map(|image| (image, None)),
                _ => read_and_judge(self.s, self.hands, map, &[]),
            };
            let Some((image, verdict)) = looked else {
                continue;
            };
            if !map.dead && verdict.is_some() {
                image.for_each_storage(|_, addr| self.seen.add(number, addr));
            }
            if self.is_plain(map, &image, verdict.as_ref()) {
                let measures = row::measure(&image, map.dead);
                match self.keep {
                    Keep::Odd(_) => {
                        add_plain(&mut out.rest, map, &measures);
                        continue;
                    }
                    Keep::Brief | Keep::Unjudged => {
                        if let Some(brief) = Brief::pack(number, &measures) {
                            add_plain(&mut out.rest, map, &measures);
                            out.briefs.push(brief);
                            continue;
                        }
                    }
                }
            }
            let owners = (paths, &mut above);
            out.rows
                .push(row_of(self.s, self.found, map, &image, verdict, owners));
        }
        let n = self.done.fetch_add(maps, Ordering::Relaxed);
        self.progress.at(n.saturating_add(maps));
        out
    }

    fn is_plain(&self, map: &FoundMap, image: &MapImage<'_>, verdict: Option<&MapVerdict>) -> bool {
        let asked = match self.keep {
            Keep::Odd(asked) => asked(map.addr),
            Keep::Brief | Keep::Unjudged => false,
        };
        !asked && !self.found.alternatives.contains_key(&map.addr) && is_plain(image, verdict)
    }

    /// The maps that share storage.
    fn sharing(&self) -> Sharing {
        self.seen.sharing(self.found, |each| {
            for (number, map) in (0u32..).zip(self.found.maps.iter()) {
                for_each_storage(self.s, &map, |addr| each(number, addr));
            }
        })
    }

    /// Judges those maps once more that share storage: only now it is known with whom.
    fn judge_again(&self, sharing: &Sharing, out: &mut Judged, paths: &Paths<'_, '_>) {
        let mut rows: HashMap<Addr, usize> = HashMap::new();
        if !sharing.is_empty() {
            rows.extend(out.rows.iter().enumerate().map(|(i, r)| (r.addr, i)));
        }
        let mut without: HashSet<u32> = HashSet::new();
        for (number, others) in sharing {
            let map = usize::try_from(*number).ok();
            let Some(map) = map.and_then(|i| self.found.maps.get(i)) else {
                continue;
            };
            let map = &map;
            let Some((image, verdict)) = read_and_judge(self.s, self.hands, map, others) else {
                continue;
            };
            let owners = (paths, &mut Above::default());
            let new = row_of(self.s, self.found, map, &image, verdict, owners);
            match rows.get(&map.addr).and_then(|i| out.rows.get_mut(*i)) {
                Some(row) => *row = new,
                None => {
                    // It was one of those without a row.
                    without.insert(*number);
                    subtract_plain(&mut out.rest, map, &row::measure(&image, map.dead));
                    out.rows.push(new);
                }
            }
        }
        if !without.is_empty() {
            out.briefs.retain(|b| !without.contains(&b.number));
        }
    }
}

/// A range in pieces of `most`.
fn ranges(all: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let end = all.end;
    all.step_by(most)
        .map(move |from| from..from.saturating_add(most).min(end))
}

/// Some maps, each with its number.
fn numbered(found: &Found, some: Range<usize>) -> impl Iterator<Item = (u32, FoundMap)> {
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
    let shared: Vec<Vec<(Addr, u32)>> = ranges(0..found.maps.len(), TOGETHER)
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
fn explain_rows(
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
fn read_only<'a>(s: &Session<'_, 'a>, map: &FoundMap) -> Option<MapImage<'a>> {
    Some(s.reader.read(map.addr, s.reader.slots(map.ty)?))
}

/// The verdict is `None` for what the collector has given up: it may be freed in part, and nothing can be held
/// against it.
fn read_and_judge<'a>(
    s: &Session<'_, 'a>,
    hands: &AllHands,
    map: &FoundMap,
    shared: &[(Addr, Addr)],
) -> Option<(MapImage<'a>, Option<MapVerdict>)> {
    let slots = s.reader.slots(map.ty)?;
    let mut image = if map.dead {
        s.reader.read(map.addr, slots)
    } else {
        s.reader.read_for_check(map.addr, slots)
    };
    tell(&mut image, map, hands, shared);
    let verdict = (!map.dead).then(|| check_map(&image));
    Some((image, verdict))
}

fn row_of(
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
