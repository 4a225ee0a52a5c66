//! Surveys made by hand, for the renderers' tests.
//! In: nothing. Out: results of the shapes that real cores give.

#![allow(clippy::expect_used)] // a failed expectation is a failed test

use crate::base::addr::Addr;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::check::rule::Severity;
use crate::check::rule::Verdict;
use crate::maps::image::Place;
use crate::survey::ending::CrashInfo;
use crate::survey::ending::CrashKind;
use crate::survey::result::BinaryFrom;
use crate::survey::result::EntryText;
use crate::survey::result::GoroutineList;
use crate::survey::result::MapRow;
use crate::survey::result::Match;
use crate::survey::result::Part;
use crate::survey::result::Shown;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use crate::survey::samples::goroutine_rows;
use crate::survey::samples::process;
use std::path::PathBuf;

pub(crate) fn crash_in_map() -> CrashInfo {
    CrashInfo {
        kind: CrashKind::Map,
        message: Some("fatal error: concurrent map writes".into()),
        source: Some("print-backlog"),
        signal: Some(6),
        goroutine: Some(17),
        thread: Some(4711),
        ..CrashInfo::default()
    }
}

fn alive() -> CrashInfo {
    CrashInfo::default()
}

pub(crate) fn row(addr: u64, ty: &str, owner: &str) -> MapRow {
    MapRow {
        addr: Addr(addr),
        kind: "classic",
        ty: ty.into(),
        key_type: "string".into(),
        elem_type: "int".into(),
        owner: owner.into(),
        holder: String::new(),
        found_by: vec!["variable", "stack"],
        reachable: "reachable",
        type_sure: "typed",
        type_candidates: Vec::new(),
        len: Some(1_204),
        capacity: Some(1_664),
        bytes: 43_056,
        waste: 9_200,
        flags: Vec::new(),
        verdict: Some(MapVerdict {
            verdict: Verdict::Ok,
            mid_write: false,
            findings: Vec::new(),
            findings_total: 0,
            unknown_rules: Vec::new(),
        }),
        gaps: Vec::new(),
        causes: Vec::new(),
        hands: Default::default(),
        gaps_total: 0,
    }
}

fn finding(
    rule: &'static str,
    severity: Severity,
    place: Place,
    claimed: &str,
    found: &str,
) -> Finding {
    Finding {
        rule,
        severity,
        place,
        claimed: claimed.into(),
        found: found.into(),
    }
}

fn break_it(row: &mut MapRow, findings: Vec<Finding>, total: u64) {
    let broken = findings.iter().any(|f| f.severity == Severity::Error);
    let v = row.verdict.as_mut().expect("sample rows have verdicts");
    v.verdict = if broken { Verdict::Broken } else { v.verdict };
    v.findings = findings;
    v.findings_total = total;
}

fn sound_maps() -> Vec<MapRow> {
    let mut maps = vec![
        row(
            0xc0_0001_21e0,
            "map[string]*main.Session",
            "main.srv.sessions",
        ),
        row(0xc0_0001_2240, "map[int]string", "main.names"),
        row(
            0xc0_000f_4240,
            "map[string]int",
            "main.srv.sessions[\"#9f3ab2c1\"].attrs",
        ),
        row(
            0xc0_000f_4300,
            "map[string]int",
            "main.srv.sessions[\"#77aa01ff\"].attrs",
        ),
    ];
    maps.push(MapRow {
        kind: "syncmap",
        verdict: None,
        ..row(0x5_6e40, "sync.Map", "main.cache")
    });
    maps
}

fn survey(crash: CrashInfo, maps: Vec<MapRow>) -> Survey {
    Survey {
        process: process(),
        crash,
        maps,
        rest: Totals::default(),
        find_gaps: Vec::new(),
        find_gaps_total: 0,
    }
}

pub(crate) fn map_crash_all_sound() -> Survey {
    survey(crash_in_map(), sound_maps())
}

pub(crate) fn broken_classic() -> Survey {
    let mut maps = sound_maps();
    let mut bad = row(
        0xc0_0010_0000,
        "map[main.Key]map[string][]*main.LongTypeName",
        "main.srv.index",
    );
    bad.flags = vec!["mid-write", "growing"];
    let cell = |cell| Place::Cell {
        old: false,
        chain: 3,
        position: 0,
        cell,
    };
    let hash = |i| {
        finding(
            "CL-TOPHASH",
            Severity::Error,
            cell(i),
            "tophash 0x5a",
            "hash 0x9300000000000017, tophash 0x93",
        )
    };
    let findings = vec![
        finding(
            "MAP-COUNT",
            Severity::Error,
            Place::Header("count"),
            "5",
            "6",
        ),
        finding(
            "CL-CHAIN",
            Severity::Error,
            Place::Bucket {
                old: true,
                chain: 1023,
                position: 2,
            },
            "overflow 0xc000207000",
            "a bucket that chain 17 uses already",
        ),
        hash(0),
        hash(1),
        hash(2),
        finding(
            "CL-NOVERFLOW",
            Severity::Warning,
            Place::Header("noverflow"),
            "3",
            "1",
        ),
    ];
    break_it(&mut bad, findings, 44);
    bad.verdict.as_mut().expect("has one").mid_write = true;
    maps.insert(2, bad);
    survey(crash_in_map(), maps)
}

pub(crate) fn broken_swiss() -> Survey {
    let mut maps = sound_maps();
    let mut bad = row(0xc0_0010_0000, "map[string]int", "main.m");
    let used = Place::Table {
        dir: 3,
        field: "used",
    };
    break_it(
        &mut bad,
        vec![finding("SW-USED", Severity::Error, used, "12", "11")],
        1,
    );
    let mut odd = row(0xc0_0010_0060, "map[string]int", "main.odd");
    let place = Place::Slot {
        dir: Some(0),
        group: 2,
        slot: 7,
    };
    break_it(
        &mut odd,
        vec![finding(
            "MAP-NAN",
            Severity::Warning,
            place,
            "one NaN",
            "a thousand",
        )],
        1,
    );
    maps.extend([bad, odd]);
    let mut s = survey(
        CrashInfo {
            kind: CrashKind::Other,
            ..crash_in_map()
        },
        maps,
    );
    s.crash.message = Some("panic: runtime error: index out of range [5] with length 3".into());
    s.process.go = "go1.26.1".into();
    s.process.maps = "swiss";
    s.process.binary_from = BinaryFrom::Given;
    s.process.matched = Match::Unverified;
    s.process.untested = true;
    for m in &mut s.maps {
        m.kind = "swiss";
    }
    s
}

pub(crate) fn truncated() -> Survey {
    let mut maps = sound_maps();
    for m in &mut maps {
        if let Some(v) = &mut m.verdict {
            v.verdict = Verdict::Unknown;
            v.unknown_rules = vec!["MAP-COUNT", "CL-CHAIN"];
            m.gaps = vec![
                "buckets: 53248 bytes at 0xc000400000: cut off: the core file ends before it"
                    .into(),
            ];
            m.gaps_total = 3;
        }
    }
    let mut s = survey(alive(), maps);
    s.process.missing_bytes = 900_000_000;
    s.process.missing = vec![(Addr(0xc0_0040_0000), 900_000_000)];
    s.find_gaps = vec![
        "goroutine stacks: 8 bytes at 0xc000400010: cut off: the core file ends before it".into(),
    ];
    s.find_gaps_total = 12;
    s.process.goroutines = None;
    s
}

pub(crate) fn hundred_broken() -> Survey {
    let mut maps = Vec::new();
    for i in 0..100u64 {
        let owner = format!("main.server.shards[{i}].byTenant[\"#0a1b2c3d\"].sessions.attributes");
        let mut bad = row(
            0xc0_0010_0000u64.saturating_add(i.saturating_mul(48)),
            "map[string]*example.com/internal/store.Attribute",
            &owner,
        );
        let place = Place::Cell {
            old: false,
            chain: i,
            position: 1,
            cell: 3,
        };
        let findings = vec![
            finding(
                "MAP-COUNT",
                Severity::Error,
                Place::Header("count"),
                "5",
                "6",
            ),
            finding("CL-TOPHASH", Severity::Error, place, "tophash 0x5a", "0x93"),
        ];
        break_it(&mut bad, findings, 2);
        maps.push(bad);
    }
    survey(crash_in_map(), maps)
}

pub(crate) fn hostile() -> Survey {
    let mut s = broken_classic();
    s.crash.message = Some("panic: \u{1b}[2J\u{1b}]0;owned\u{7}\nfatal error: fake".into());
    for m in &mut s.maps {
        m.owner = "main.m[\"\u{1b}[2J\u{9b}1m\r\"]".into();
        m.ty = "map[\u{202e}gnirts]int".into();
        m.gaps = vec!["\u{1b}[31m".into()];
    }
    s.process.command = Some("se\u{1b}[2Jd".into());
    s.process.binary = PathBuf::from("/srv/\u{1b}[2J\nbin");
    s.find_gaps = vec!["\u{1b}".into()];
    s.find_gaps_total = 1;
    s
}

pub(crate) fn shown() -> Shown {
    let part = |path: &str, addr: u64, slots: &str, overflow: &str| Part {
        path: path.into(),
        addr: Addr(addr),
        fields: vec![("overflow", overflow.into())],
        slots: Some(slots.into()),
    };
    let mut row = row(0xc0_0010_0000, "map[string]int", "main.m");
    row.flags = vec!["growing"];
    Shown {
        process: process(),
        row,
        header: vec![
            ("count", "9".into()),
            ("flags", "0x4 hashWriting".into()),
            ("B", "1".into()),
        ],
        parts: vec![
            part("buckets[0]", 0xc0_0020_0000, "####-##.", "0xc000210000"),
            part("buckets[0].overflow[1]", 0xc0_0021_0000, "##......", "nil"),
            Part {
                slots: None,
                fields: vec![("unread", "1 bucket".into())],
                ..part("buckets[1]", 0xc0_0020_00d0, "", "")
            },
        ],
        parts_total: 7,
        entries: vec![EntryText {
            place: "buckets[0].cell[0]".into(),
            mark: 0x5a,
            hash: Some(0x5a12_3456_789a_bcde),
            key: "\"u-\u{1b}17\"".into(),
            elem: "17".into(),
        }],
        entries_total: 9,
        lookup: None,
    }
}

pub(crate) fn goroutines() -> GoroutineList {
    GoroutineList {
        process: process(),
        crash: crash_in_map(),
        goroutines: goroutine_rows(),
        unreadable: 0,
        gaps: Vec::new(),
    }
}
