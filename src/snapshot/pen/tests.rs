//! Lines written and read field by field against those that serde writes and reads.
#![allow(clippy::expect_used)] // a failed expectation is a failed test

use super::*;
use crate::base::addr::Addr;
use crate::check::rule::MapVerdict;
use crate::check::rule::Verdict;
use crate::maps::image::Hands;
use crate::snapshot::line::MapLine;
use crate::snapshot::plain::plain_map;
use crate::snapshot::rows::digest;
use crate::snapshot::rows::header;
use crate::snapshot::rows::map_row;
use crate::snapshot::rows::marks;
use crate::snapshot::rows::plain_row;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::ExtraFields;
use crate::survey::detail::Marks;

fn row() -> MapRow {
    MapRow {
        addr: Addr(0xc000_0001_21e0),
        kind: "classic",
        ty: "map[string]int".into(),
        key_type: "string".into(),
        elem_type: "int".into(),
        owner: "main.m".into(),
        holder: String::new(),
        found_by: vec!["variable", "stack"],
        reachable: "reachable",
        type_sure: "typed",
        type_candidates: Vec::new(),
        len: Some(5),
        capacity: Some(8),
        bytes: 256,
        waste: 72,
        flags: vec!["growing", "old-iterator"],
        verdict: Some(MapVerdict {
            verdict: Verdict::Ok,
            mid_write: true,
            findings: Vec::new(),
            findings_total: 0,
            unknown_rules: Vec::new(),
        }),
        causes: Vec::new(),
        hands: Hands {
            complete: true,
            cloning: true,
            ..Hands::default()
        },
        gaps: Vec::new(),
        gaps_total: 3,
    }
}

fn hmap() -> Hmap {
    Hmap {
        count: -5,
        flags: 12,
        b: 200,
        noverflow: 65_535,
        hash0: 0xa22d_909e,
        buckets: Addr(0xc0_0009_2270),
        nevacuate: u64::MAX >> 1,
        clear_seq: Some(7),
        ..Hmap::default()
    }
}

fn details() -> Vec<MapDetail> {
    let swiss = SwissMap {
        used: 5,
        seed: u64::MAX,
        dir_len: -1,
        tombstone_possible: Some(1),
        ..SwissMap::default()
    };
    let padded = SwissMap {
        tombstone_possible: None,
        padding: Some(255),
        ..swiss
    };
    let extra = Some(Box::new(ExtraFields::default()));
    let headers = [
        Header::None,
        Header::Classic(Hmap::default(), None),
        Header::Classic(hmap(), None),
        Header::Classic(hmap(), extra),
        Header::Swiss(swiss),
        Header::Swiss(padded),
    ];
    let all = headers.into_iter().map(|header| MapDetail {
        header,
        marks: Marks {
            live: 5,
            empty: 3,
            deleted: 1,
            evacuated: 2,
            illegal: 4,
        },
        chains: vec![1, 0, 12],
        old_chains: vec![9],
        tables_total: 2,
        digest: Some(ContentDigest {
            keys: 1,
            entries: u128::MAX,
            key_addresses: true,
            elem_addresses: true,
        }),
        ..MapDetail::default()
    });
    let table = TableDetail {
        first: 3,
        addr: Addr(0xc000_1000),
        used: u16::MAX,
        capacity: 1024,
        growth_left: 7,
        local_depth: u8::MAX,
        tombstones: 5,
    };
    let tables = [vec![table], vec![TableDetail::default(), table]];
    let with_tables = tables.map(|tables| MapDetail {
        header: Header::Swiss(swiss),
        tables_total: 9,
        tables,
        ..MapDetail::default()
    });
    let others = [MapDetail::default()].into_iter().chain(with_tables);
    all.chain(others).collect()
}

/// Rows that differ from the first in one thing each.
fn rows() -> Vec<MapRow> {
    let mut out = vec![row(); 12];
    let changes: [fn(&mut MapRow); 12] = [
        |_| {},
        |r| r.owner = String::new(),
        |r| r.owner = "main.m[\"\\\u{1b}é\"]".into(),
        |r| r.ty = "map[string]é".into(),
        |r| (r.found_by, r.flags) = (Vec::new(), Vec::new()),
        |r| (r.len, r.capacity) = (None, None),
        |r| (r.len, r.capacity) = (Some(i64::MIN), Some(u64::MAX)),
        |r| (r.len, r.capacity) = (Some(0), Some(1)),
        |r| r.verdict = None,
        |r| r.hands = Hands::default(),
        |r| r.gaps = vec!["a gap".into()],
        |r| r.type_candidates = vec!["map[int]int".into(), "map[uint]int".into()],
    ];
    for (row, change) in out.iter_mut().zip(changes) {
        change(row);
    }
    out
}

fn lines(row: &MapRow, detail: &MapDetail, entries: Option<&'static str>) -> (Vec<u8>, Vec<u8>) {
    let (mut ours, mut serde) = (Vec::new(), Vec::new());
    write_map_line(&mut ours, row, detail, entries).expect("memory takes all");
    write_jsonl(&mut serde, &map_line(row, detail, entries)).expect("memory takes all");
    (ours, serde)
}

#[test]
fn a_line_is_written_as_serde_writes_it_and_read_as_serde_reads_it() {
    let mut plain_ones = 0;
    for row in rows() {
        for detail in details() {
            for entries in [None, Some("digest")] {
                let (ours, serde) = lines(&row, &detail, entries);
                let text = String::from_utf8_lossy(&ours);
                assert_eq!(text, String::from_utf8_lossy(&serde));
                let Some(plain) = plain_map(&ours) else {
                    continue;
                };
                plain_ones += 1;
                let line: MapLine<'_> = serde_json::from_slice(&ours).expect("it is JSON");
                let shape = line.shape.as_ref();
                assert_eq!(
                    plain.header,
                    line.header.as_ref().map(header).unwrap_or_default()
                );
                assert_eq!(plain.marks, shape.map(marks).unwrap_or_default());
                assert_eq!(plain.tables_total, shape.map_or(0, |s| s.tables_total));
                assert_eq!(plain.digest, line.digest.as_ref().and_then(digest));
                assert_eq!(plain.entries, line.entries.as_deref());
                let (ours, serde) = (plain_row(&plain), map_row(line).0);
                assert_eq!(format!("{ours:?}"), format!("{serde:?}"));
            }
        }
    }
    assert!(plain_ones > 80, "only {plain_ones} were plain");
}

#[test]
fn shares_have_the_digits_that_serde_gives_them() {
    let mut row = row();
    let detail = MapDetail {
        header: Header::Classic(hmap(), None),
        ..MapDetail::default()
    };
    for (len, slots) in (0..200).flat_map(|len| [1, 3, 7, 8, 64, 10_000, 99_991].map(|s| (len, s)))
    {
        (row.len, row.capacity) = (Some(len * len * 37), Some(slots));
        let (ours, serde) = lines(&row, &detail, None);
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&serde)
        );
    }
}

#[test]
fn what_is_not_of_the_very_form_is_left_to_serde() {
    let (line, _) = lines(&row(), &MapDetail::default(), None);
    let line = String::from_utf8(line).expect("JSON is UTF-8");
    assert!(plain_map(line.as_bytes()).is_some());
    for (from, to) in [
        ("\"len\":5", "\"len\":05"),
        ("\"len\":5", "\"len\":-0"),
        ("\"len\":5", "\"len\":5.0"),
        ("\"len\":5", "\"len\": 5"),
        ("\"len\":5", "\"len\":99999999999999999999"),
        ("\"bytes\":256", "\"bytes\":18446744073709551616"),
        ("main.m", "main.\\u0041"),
        ("main.m", "main.é"),
        ("main.m", "main.\u{1}"),
        ("\"stack\"", "\"a,b\""),
        ("\"stack\"", "5"),
        ("\"addr\":\"0xc", "\"addr\":\"0xC"),
        ("\"addr\":\"0x", "\"addr\":\"0x00000"),
        ("\"kind\":\"classic\"", "\"kind\":\"classic\",\"new\":1"),
        ("}\n", ",\"new\":1}\n"),
        ("}\n", "}"),
        ("}\n", "} \n"),
    ] {
        let other = line.replacen(from, to, 1);
        assert_ne!(line, other, "{from}");
        assert!(plain_map(other.as_bytes()).is_none(), "{other}");
    }
    for end in 0..line.len() {
        assert!(plain_map(line.as_bytes().get(..end).unwrap_or_default()).is_none());
    }
}
