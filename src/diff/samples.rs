//! Sides made by hand, for tests here and of the renderers.
//! In: nothing. Out: dumps of the shapes that real processes give.

#![allow(clippy::arithmetic_side_effects)] // small numbers by hand

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::diff::entries::Entry;
use crate::diff::entries::EntryDiff;
use crate::diff::entries::EntryDigests;
use crate::diff::entries::EntrySink;
use crate::diff::entries::Which;
use crate::diff::side::MapState;
use crate::diff::side::Side;
use crate::diff::side::SideMap;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::Header;
use crate::survey::detail::Marks;
use crate::survey::ending::CrashKind;
use crate::survey::result::Match;
use crate::survey::samples::process;
use std::ops::DerefMut;
use std::sync::Arc;

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
        owner: owner.into(),
        header: Header::Classic(hmap, None),
        digest: Some(ContentDigest {
            keys: 7,
            entries: 77,
            ..ContentDigest::default()
        }),
        state: Arc::new(MapState {
            kind: "classic",
            ty: ty.into(),
            reachable: "reachable",
            len: Some(5),
            capacity: Some(8),
            bytes: 256,
            waste: 48,
            marks: Marks {
                live: 5,
                empty: 3,
                ..Marks::default()
            },
            tables: 0,
            verdict: Some(Verdict::Ok),
            broken_rules: Vec::new(),
            gaps_total: 0,
            has_entries: true,
        }),
    }
}

/// What tests change of a map is its own.
impl DerefMut for SideMap {
    fn deref_mut(&mut self) -> &mut MapState {
        Arc::make_mut(&mut self.state)
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
    let mut m = map(addr, ty, owner);
    m.kind = "swiss";
    m.header = Header::Swiss(header);
    m
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

/// Two dumps of one run in which everything happened that can.
pub(crate) fn story() -> (Side, Side) {
    let sessions = "map[string]*example.com/session/server.Session";
    let sized = |m: SideMap, bytes, waste, len| {
        let mut m = m;
        m.bytes = bytes;
        m.waste = waste;
        m.len = Some(len);
        m
    };
    let grown = |b: u8, noverflow: u16, m: SideMap| {
        let mut m = m;
        if let Header::Classic(h, _) = &mut m.header {
            (h.b, h.noverflow, h.buckets) = (b, noverflow, Addr(0xc0_0100_0000 + u64::from(b)));
        }
        m
    };
    let srv = map(0xc0_0001_21e0, sessions, "main.srv.sessions");
    let names = map(0xc0_0001_2240, "map[int]string", "main.names");
    let attrs = |i: u64| {
        let owner = format!("main.srv.sessions[#{:012x}].attrs", i * 0x0a1b_2c3d);
        map(0xc0_000f_4240 + i * 0x60, "map[string]int", &owner)
    };
    let mut limits = attrs(9);
    limits.owner = "main.limits".into();
    let mut old = side(vec![
        grown(10, 0, sized(srv.clone(), 1 << 20, 9_000, 12_000)),
        sized(names.clone(), 65_536, 30_000, 900),
        attrs(1),
        attrs(2),
        limits.clone(),
        reseeded(map(0xc0_0020_0000, "map[int]int", "main.cache")),
        garbage(attrs(7)),
    ]);
    let mut broken = limits;
    broken.verdict = Some(Verdict::Broken);
    broken.broken_rules = vec!["MAP-COUNT", "CL-TOPHASH"];
    broken.len = Some(4101);
    let mut emptier = sized(names, 65_536, 60_000, 20);
    emptier.marks.deleted = 880;
    let other = ContentDigest {
        keys: 8,
        entries: 99,
        ..ContentDigest::default()
    };
    emptier.digest = Some(other);
    let mut grown_srv = grown(11, 3, sized(srv, 2_400_000, 800_000, 14_201));
    grown_srv.digest = Some(other);
    let mut elems = attrs(2);
    elems.digest = Some(ContentDigest {
        keys: 7,
        entries: 99,
        ..ContentDigest::default()
    });
    let mut new = side(vec![
        grown_srv,
        emptier,
        elems,
        attrs(3),
        broken,
        map(0xc0_0030_0000, "map[int]int", "main.cache"),
        garbage(attrs(1)),
    ]);
    new.file = "core.4711".into();
    new.is_snapshot = false;
    new.uptime = Some(9_000_000_000_000);
    new.crash = (
        CrashKind::Map,
        Some("fatal error: concurrent map writes".into()),
    );
    old.maps.sort_by_key(|m| m.addr);
    new.maps.sort_by_key(|m| m.addr);
    (old, new)
}

/// What happened to the entries of a map in that story: all five kinds, in clear.
pub(crate) fn entry_story() -> EntryDiff {
    let told = |key, elem, key_text, elem_text| Entry {
        key: Some(key),
        elem,
        place: "buckets[3].cell[2]",
        key_text: Some(key_text),
        elem_text: Some(elem_text),
    };
    let all = [
        (Which::Old, told(1, Some(1), "\"u-1\"", "1")),
        (Which::Old, told(2, Some(2), "\"u-\u{1b}[2J\"", "2")),
        (Which::Old, told(3, None, "\"u-3\"", "?")),
        (Which::Old, told(5, Some(5), "\"u-5\"", "5")),
        (Which::New, told(2, Some(9), "\"u-\u{1b}[2J\"", "9")),
        (Which::New, told(3, Some(3), "\"u-3\"", "3")),
        (Which::New, told(4, Some(4), "\"u-4\"", "4")),
        (Which::New, told(5, Some(5), "\"u-5\"", "5")),
        (Which::New, told(6, Some(6), "\"u-6\"", "6")),
    ];
    let mut digests = EntryDigests::new(1);
    all.iter().for_each(|(w, e)| digests.feed(*w, e));
    let mut out = digests.finish();
    all.iter().for_each(|(w, e)| out.feed(*w, e));
    out
}

/// Two runs of one program, seen through digests under two keys: much cannot be told.
pub(crate) fn strangers() -> (Side, Side) {
    let shard = |i: u64, owner: &str| map(0xc0_0040_0000 + i * 48, "map[string]int", owner);
    let old = side(vec![
        shard(0, "main.a"),
        shard(1, "main.m[#00].x"),
        shard(2, "main.m[#01].x"),
        shard(3, "main.f(goroutine 18).m"),
        shard(4, ""),
    ]);
    let mut new = other_run(vec![
        shard(8, "main.a"),
        shard(2, "main.m[#0f].x"),
        shard(3, "main.m[#02].x"),
        shard(4, "main.m[#03].x"),
        shard(5, "main.f(goroutine 7).m"),
        shard(6, ""),
    ]);
    new.file = "after.badmap".into();
    new.key_id = Some("k2".into());
    new.entries = "none".into();
    new.gaps_total = 3;
    new.process.core_build_id = None;
    new.process.matched = Match::Unverified;
    (old, new)
}
