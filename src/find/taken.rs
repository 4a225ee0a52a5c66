//! Which storage is a known map's already, so that nothing else can be what it belongs to.
//! In: the maps with a known way to them, and storage that others claim. Out: what of it is taken.

use crate::base::addr::Addr;
use crate::find::headers::read_header;
use crate::find::mapset::Maps;
use crate::find::search::Grounds;
use crate::maps::layout::Family;
use crate::maps::reader::MapReader;
use crate::runtime::claims::Bound;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::collections::HashMap;
use std::collections::HashSet;

/// Of the storage that is claimed, what maps with a known way to them refer to.
pub(crate) fn taken_by_known(
    grounds: &Grounds<'_, '_, '_>,
    maps: &Maps,
    claims: &HashMap<Addr, u32>,
) -> HashSet<Addr> {
    let reader = &grounds.reader;
    let glance = Glance::of(reader);
    (0..maps.len())
        .into_par_iter()
        .filter_map(|i| maps.get(i))
        .flat_map_iter(|m| {
            if glance.finds_none(reader, m.addr, claims) {
                return Vec::new();
            }
            let classic = reader.hmap(m.addr).map(|h| vec![h.buckets, h.oldbuckets]);
            let header = || Some(read_header(reader, m.addr)?.storage);
            let swiss = || header().map(|s| s.iter().map(|a| a.addr).collect());
            classic.or_else(swiss).unwrap_or_default()
        })
        .filter(|a| claims.contains_key(a))
        .collect()
}

/// Tells by two fields of a header that its map refers to none of the storage that is claimed: so it is with nearly
/// all maps of a process, and they need no closer look.
enum Glance {
    /// Where `buckets` and `oldbuckets` stand, and the bytes of a header.
    Classic(usize, usize, u64),
    /// Where `dirPtr` and `dirLen` stand, likewise.
    Swiss(usize, usize, u64),
    /// Nothing can be told.
    Nothing,
}

impl Glance {
    fn of(reader: &MapReader<'_, '_>) -> Glance {
        let places = |bound: &Bound, first: &str, second: &str| {
            let place = |name: &str| usize::try_from(bound.off(name)?).ok();
            place(first).zip(place(second))
        };
        match &reader.layouts.family {
            Family::Classic { hmap, .. } => places(hmap, "buckets", "oldbuckets")
                .map_or(Glance::Nothing, |(a, b)| Glance::Classic(a, b, hmap.size)),
            Family::Swiss { map, .. } => places(map, "dirPtr", "dirLen")
                .map_or(Glance::Nothing, |(a, b)| Glance::Swiss(a, b, map.size)),
        }
    }

    fn finds_none(
        &self,
        reader: &MapReader<'_, '_>,
        header: Addr,
        claims: &HashMap<Addr, u32>,
    ) -> bool {
        let mem = reader.program.mem;
        let (Glance::Classic(first, second, size) | Glance::Swiss(first, second, size)) = self
        else {
            return false;
        };
        let words = mem.slice(header, *size).ok().and_then(|bytes| {
            let word = |at: &usize| mem.abi.uptr(bytes, *at);
            word(first).zip(word(second))
        });
        let is_free = |at: u64| !claims.contains_key(&Addr(at));
        words.is_some_and(|(a, b)| match self {
            Glance::Classic(..) => is_free(a) && is_free(b),
            _ => b == 0 && is_free(a),
        })
    }
}
