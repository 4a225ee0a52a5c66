//! Sides made by hand, for tests here and of the renderers.
//! In: nothing. Out: dumps of the shapes that real processes give.

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::Header;
use crate::survey::detail::Marks;
use crate::survey::ending::CrashKind;
use crate::survey::samples::process;

/// A small classic map whose seed is made of its address.
pub(crate) fn map(addr: u64, ty: &str, owner: &str) -> SideMap {
    let hmap = Hmap {
        count: 5,
        b: 0,
        hash0: u32::try_from(addr & 0xffff).unwrap_or(0) ^ 0x5eed,
        buckets: Addr(addr ^ 0x10_0000),
        ..Hmap::default()
    };
    SideMap {
        addr: Addr(addr),
        kind: "classic",
        ty: ty.into(),
        owner: owner.into(),
        reachable: "reachable",
        len: Some(5),
        capacity: Some(8),
        bytes: 256,
        waste: 48,
        header: Header::Classic(hmap, None),
        marks: Marks {
            live: 5,
            empty: 3,
            ..Marks::default()
        },
        tables: 0,
        digest: Some(ContentDigest {
            keys: 7,
            entries: 77,
        }),
        verdict: Some(Verdict::Ok),
        broken_rules: Vec::new(),
        gaps_total: 0,
        has_entries: true,
    }
}

/// The same as a Swiss map.
pub(crate) fn swiss(addr: u64, ty: &str, owner: &str) -> SideMap {
    let header = SwissMap {
        used: 5,
        seed: addr ^ 0x5eed,
        dir_ptr: Addr(addr ^ 0x10_0000),
        ..SwissMap::default()
    };
    SideMap {
        kind: "swiss",
        header: Header::Swiss(header),
        ..map(addr, ty, owner)
    }
}

/// The same map with another seed, as `clear` leaves it.
pub(crate) fn reseeded(mut m: SideMap) -> SideMap {
    match &mut m.header {
        Header::Classic(h, _) => h.hash0 ^= 0xffff,
        Header::Swiss(s) => s.seed ^= 0xffff,
        Header::None => {}
    }
    m
}

/// The same map as garbage.
pub(crate) fn garbage(mut m: SideMap) -> SideMap {
    m.reachable = "garbage";
    m.owner = "".into();
    m.verdict = None;
    m
}

/// A snapshot with these maps, of the process that all samples are of.
pub(crate) fn side(maps: Vec<SideMap>) -> Side {
    Side {
        file: "before.badmap".into(),
        is_snapshot: true,
        process: process(),
        identity: Some("run-1".into()),
        crash: (CrashKind::None, None),
        uptime: Some(7_380_000_000_000),
        values: "digest".into(),
        entries: "digest".into(),
        key_id: Some("k1".into()),
        gaps_total: 0,
        maps,
    }
}

/// The same of another run.
pub(crate) fn other_run(maps: Vec<SideMap>) -> Side {
    Side {
        identity: Some("run-2".into()),
        ..side(maps)
    }
}
