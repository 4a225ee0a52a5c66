//! Every map found is read and judged, on all processors.
//! In: a search's result. Out: rows of the maps there is something to say of, and totals of the others, which are kept
//! brief if somebody wants to list them.

use crate::base::addr::Addr;
use crate::base::progress::Progress;
use crate::check::rule::MapVerdict;
use crate::check::sound::is_plain_shape;
use crate::check::sound::is_sound_at_a_glance;
use crate::crash::parties::Around;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::Sure;
use crate::find::path::Above;
use crate::find::path::Paths;
use crate::maps::glance::Glancer;
use crate::maps::image::MapImage;
use crate::maps::reader::Recall;
use crate::survey::brief::Brief;
use crate::survey::brief::Measures;
use crate::survey::brief::add_plain;
use crate::survey::brief::is_plain;
use crate::survey::brief::subtract_plain;
use crate::survey::hands::AllHands;
use crate::survey::judge::explain_rows;
use crate::survey::judge::for_each_storage;
use crate::survey::judge::numbered;
use crate::survey::judge::ranges;
use crate::survey::judge::read_and_judge;
use crate::survey::judge::read_only;
use crate::survey::judge::row_of;
use crate::survey::judge::with_judged;
use crate::survey::owners::with_paths;
use crate::survey::request::Request;
use crate::survey::result::MapRow;
use crate::survey::result::Totals;
use crate::survey::row;
use crate::survey::session::Session;
use crate::survey::sharing::Seen;
use crate::survey::sharing::Sharing;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Maps that are read and judged before the next are begun, as at the end of each lot one thread waits for the other.
const TOGETHER: usize = 1 << 20;
/// The same where something of each is kept: until then that is kept twice.
const TOGETHER_BRIEF: usize = 1 << 17;

/// Maps that one thread takes at a time.
const CHUNK: usize = 128;

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
        let is_brief = !matches!(keep, Keep::Odd(_));
        if is_brief {
            out.briefs.reserve_exact(found.maps.len());
        }
        let together = if is_brief { TOGETHER_BRIEF } else { TOGETHER };
        for all in ranges(0..found.maps.len(), together) {
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
        out.rows.extend(found.sync_maps.iter().map(|m| {
            let mut row = row::sync_row(m, paths.owner(m.node));
            if matches!(keep, Keep::Unjudged) {
                row.verdict = None;
            }
            row
        }));
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
        let (mut above, mut recall) = (Above::default(), Recall::default());
        let mut glancer = Glancer::new(&self.s.reader);
        let maps = some.len() as u64;
        for (number, map) in numbered(self.found, some) {
            let map = &map;
            if self.is_told_at_a_glance(number, map, &mut glancer, &mut out) {
                continue;
            }
            let mut keep = |image: &MapImage<'_>, verdict: Option<MapVerdict>| {
                if !map.dead && verdict.is_some() {
                    image.for_each_storage(|_, addr| self.seen.add(number, addr));
                }
                let is_plain = !self.needs_a_row(map) && is_plain(image, verdict.as_ref());
                let measures = is_plain.then(|| row::measure(image, map.dead));
                if !measures.is_some_and(|m| self.keep_brief(number, map, &m, &mut out)) {
                    let owners = (paths, &mut above);
                    let row = row_of(self.s, self.found, map, image, verdict, owners);
                    out.rows.push(row);
                }
            };
            match self.keep {
                Keep::Unjudged => read_only(self.s, map).map(|image| keep(&image, None)),
                _ => with_judged(self.s, self.hands, map, &mut recall, keep),
            };
        }
        let n = self.done.fetch_add(maps, Ordering::Relaxed);
        self.progress.at(n.saturating_add(maps));
        out
    }

    /// Looks at a map for a moment: whether that is enough, as it nearly always is.
    fn is_told_at_a_glance(
        &self,
        number: u32,
        map: &FoundMap,
        glancer: &mut Glancer<'_, '_>,
        out: &mut Judged,
    ) -> bool {
        let is_usual = !map.dead && map.sure == Sure::Typed && !self.needs_a_row(map);
        if !is_usual || self.hands.are_on(map.addr) {
            return false;
        }
        let glance = match self.keep {
            Keep::Unjudged => glancer.shape(map.addr, map.ty).filter(is_plain_shape),
            Keep::Odd(_) | Keep::Brief => glancer
                .look(map.addr, map.ty, is_plain_shape)
                .filter(is_sound_at_a_glance),
        };
        let Some(glance) = glance else { return false };
        if !matches!(self.keep, Keep::Unjudged) {
            glance.for_each_storage(|addr| self.seen.add(number, addr));
        }
        self.keep_brief(number, map, &row::measure_glance(&glance), out)
    }

    /// Adds a map of which there is nothing to say but numbers to the totals, and to the brief ones if they are wanted;
    /// false if it needs a row.
    fn keep_brief(&self, number: u32, map: &FoundMap, m: &Measures, out: &mut Judged) -> bool {
        if !matches!(self.keep, Keep::Odd(_)) {
            let Some(brief) = Brief::pack(number, m) else {
                return false;
            };
            out.briefs.push(brief);
        }
        add_plain(&mut out.rest, map, m);
        true
    }

    /// Whether a row of the map is wanted, whatever there is to say of it.
    fn needs_a_row(&self, map: &FoundMap) -> bool {
        let asked = match self.keep {
            Keep::Odd(asked) => asked(map.addr),
            Keep::Brief | Keep::Unjudged => false,
        };
        asked || self.found.alternatives.contains_key(&map.addr)
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
