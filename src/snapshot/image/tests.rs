//! Lines made by hand, hostile ones among them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)] // in a test a failed unwrap is a failed test

use crate::base::home::Home;
use crate::check::registry::check_map;
use crate::maps::image::Body;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::schema::safe::write_jsonl;
use crate::snapshot::image::FORMAT;
use crate::snapshot::image::FactsLine;
use crate::snapshot::image::ImageBuilder;
use crate::snapshot::image::ImageError;
use crate::snapshot::image::ImageLine;
use crate::snapshot::image::Rendered;
use crate::snapshot::image::write_image;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::Tag;
use std::borrow::Cow;

/// A small map: one entry, one left-over elem.
const SMALL: &[&str] = &[
    r#"{"schema":"badmap/1","line":"image","format":1,"map":"0xc000010000","body":"swiss","ptr_size":8,"home":"object 0xc000010000 48 allocated","header_size":48,"layout":{"size":136,"key_size":8,"elem_size":8,"keys_off":8,"key_stride":16,"elems_off":16,"elem_stride":16},"header":{"used":1,"seed":"0x1234","dirPtr":"0xc000020000","dirLen":0,"globalDepth":0,"globalShift":0,"writing":0,"clearSeq":0},"shape":"small","group":{"addr":"0xc000020000","claimed":1,"count":1,"home":"object 0xc000020000 144 allocated"},"hashes":"proven","hashed":true,"descriptor":{"hasher":"fits runtime.memhash64"}}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0xc000010000","part":"group","addr":"0xc000020000","marks":"2180808080808080","stale_elems":2,"entries":[{"slot":0,"hash":"0x21","key":"\#0123456789abcdef","elem":"\#0123456789abcdef"}]}"#,
];

/// A map of two tables.
const TABLES: &[&str] = &[
    r#"{"schema":"badmap/1","line":"image","format":1,"map":"0xc000010000","body":"swiss","ptr_size":8,"home":"object 0xc000010000 48 allocated","header_size":48,"layout":{"size":136,"key_size":8,"elem_size":8,"keys_off":8,"key_stride":16,"elems_off":16,"elem_stride":16},"header":{"used":1,"seed":"0x1234","dirPtr":"0xc000020000","dirLen":2,"globalDepth":1,"globalShift":63,"writing":0,"clearSeq":0},"shape":"tables","directory":["object 0xc000020000 16 allocated",2],"hashes":"unknown","descriptor":{"hasher":"unknown"}}"#,
    r#"{"schema":"badmap/1","line":"facts","map":"0xc000010000","entries":[[1,0],[1,1]],"tables":[{"addr":"0xc000030000","home":"object 0xc000030000 32 allocated","first":0,"seen":1,"header":{"used":1,"capacity":16,"growthLeft":13,"localDepth":1,"index":0,"data":"0xc000040000","lengthMask":1},"groups":{"addr":"0xc000040000","claimed":2,"count":2,"home":"object 0xc000040000 288 allocated"}},{"addr":"0xc000030020","home":"object 0xc000030020 32 allocated","first":1,"seen":1,"header":{"used":0,"capacity":16,"growthLeft":14,"localDepth":1,"index":1,"data":"0xc000050000","lengthMask":1},"groups":{"addr":"0xc000050000","claimed":2,"count":2,"home":"object 0xc000050000 288 allocated"}}],"shared":[["dir[0].table.groups","0xc000040000","0xc000099000"]],"gaps":[["key","0x5 8 not-dumped"]]}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0xc000010000","part":"dir[0].table.groups[0]","addr":"0xc000040000","marks":"2180808080808080","entries":[{"slot":0}]}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0xc000010000","part":"dir[0].table.groups[1]","addr":"0xc000040088","marks":"8080808080808080"}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0xc000010000","part":"dir[1].table.groups[0]","addr":"0xc000050000","count":2,"marks":"8080808080808080"}"#,
];

/// A big-endian 32-bit map in the middle of a grow, with overflow buckets and bytes where none should be.
const CLASSIC: &[&str] = &[
    r#"{"schema":"badmap/1","line":"image","format":1,"map":"0x10000","body":"classic","big_endian":true,"ptr_size":4,"home":"object 0x10000 28 allocated","header_size":28,"layout":{"size":76,"key_size":4,"elem_size":4,"keys_off":8,"key_stride":4,"elems_off":40,"elem_stride":4,"overflow_off":72,"has_pointers":true,"key_ptr_words":[0]},"header":{"count":2,"flags":0,"B":1,"noverflow":1,"hash0":"0x5","buckets":"0x20000","oldbuckets":"0x30000","nevacuate":0,"extra":"0x40000","mapextra":{"overflow":["0x50000",1],"nextOverflow":"0x0"}},"buckets":{"main":{"addr":"0x20000","claimed":2,"count":2,"home":"object 0x20000 152 allocated"},"room":2},"oldbuckets":{"main":{"addr":"0x30000","claimed":1,"count":1,"home":"object 0x30000 76 allocated"},"room":1},"hashes":"not-asked","descriptor":{"hasher":"unknown"}}"#,
    r#"{"schema":"badmap/1","line":"facts","map":"0x10000","overflow":["0x60000"],"refs":[{"place":"oldbuckets[0].cell[0]","elem":false,"off":0,"what":"wild 0x99"}],"misplaced":[["extra.overflow","0x50000","stack"]],"readers":[{"goroutine":7,"function":"runtime.mapaccess1"}]}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0x10000","part":"oldbuckets[0]","addr":"0x30000","marks":"0900000000000000","overflow":"0x70000","stale_keys":4,"stale_elems":128,"entries":[{"slot":0}]}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0x10000","part":"oldbuckets[0].overflow[1]","addr":"0x70000","marks":"0a01000000000000","overflow":"0x71000","fault":"nowhere unmapped","seat":"object 0x70000 80 allocated","entries":[{"slot":0}]}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0x10000","part":"buckets[0]","addr":"0x20000","marks":"0000000000000000","rest":33,"stale_keys":64}"#,
    r#"{"schema":"badmap/1","line":"slots","map":"0x10000","part":"buckets[1]","addr":"0x2004c","marks":"0000000000000000"}"#,
];

fn build(lines: &[String]) -> Result<MapImage<'static>, ImageError> {
    let mut builder: Option<ImageBuilder> = None;
    for line in lines {
        let bad = |_| ImageError::Text("JSON");
        let tag: Tag<'_> = serde_json::from_str(line).map_err(bad)?;
        match (&*tag.line, &mut builder) {
            ("image", None) => {
                let line: ImageLine<'_> = serde_json::from_str(line).map_err(bad)?;
                builder = Some(ImageBuilder::new(&line)?);
            }
            ("facts", Some(b)) => {
                let line: FactsLine<'_> = serde_json::from_str(line).map_err(bad)?;
                b.facts(&line)?;
            }
            ("slots", Some(b)) => {
                let line: SlotsLine<'_> = serde_json::from_str(line).map_err(bad)?;
                b.slots(&line)?;
            }
            _ => return Err(ImageError::Order("a line")),
        }
    }
    let builder = builder.ok_or(ImageError::Missing("the image"))?;
    Ok(builder.finish())
}

fn lines(of: &[&str]) -> Vec<String> {
    // In a raw string of Rust `"#` would end it.
    of.iter().map(|l| l.replace("\\#", "#")).collect()
}

fn written(image: &MapImage<'_>) -> Vec<String> {
    let mut text = Vec::new();
    let mut render = |_: &crate::maps::image::EntryRef<'_>| Rendered::default();
    write_image(image, &mut render, &mut |line| {
        write_jsonl(&mut text, &line)
    })
    .unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn told(image: &MapImage<'_>) -> Vec<String> {
    let verdict = check_map(image);
    let findings = verdict.findings.iter();
    findings
        .map(|f| format!("{} {}: {} / {}", f.rule, f.place, f.claimed, f.found))
        .collect()
}

#[test]
fn what_was_read_is_written_again() {
    for map in [SMALL, TABLES, CLASSIC] {
        let image = build(&lines(map)).unwrap();
        let again = written(&image);
        let plain = lines(map)
            .iter()
            .map(|l| {
                l.replace(
                    r##","key":"#0123456789abcdef","elem":"#0123456789abcdef""##,
                    "",
                )
            })
            .collect::<Vec<_>>();
        let value = |l: &String| serde_json::from_str::<serde_json::Value>(l).unwrap();
        let (a, b): (Vec<_>, Vec<_>) = (
            again.iter().map(value).collect(),
            plain.iter().map(value).collect(),
        );
        assert_eq!(a.len(), b.len(), "{again:#?}");
        for (a, b) in a.into_iter().zip(b) {
            assert_eq!(fields(&a), fields(&b));
        }
        assert_eq!(told(&build(&again).unwrap()), told(&image));
    }
}

/// The fields of a line by name, but for those that are what they are when absent.
fn fields(line: &serde_json::Value) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut todo = vec![(String::new(), line)];
    while let Some((name, value)) = todo.pop() {
        match value {
            serde_json::Value::Object(fields) => {
                todo.extend(fields.iter().map(|(k, v)| (format!("{name}.{k}"), v)));
            }
            serde_json::Value::Bool(false) => {}
            other => out.push((name, other.to_string())),
        }
    }
    out.sort();
    out
}

#[test]
fn the_rules_see_marks_pointers_and_left_overs() {
    let small = build(&lines(SMALL)).unwrap();
    assert_eq!(
        told(&small),
        ["MAP-FREEELEM group.slot[1]: a slot without an entry / elem bytes that are not zero"]
    );
    let tables = build(&lines(TABLES)).unwrap();
    assert_eq!(
        told(&tables),
        [
            "MAP-SHARED dir[0].table.groups: storage of its own at 0xc000040000 / the map at 0xc000099000 leads there too"
        ]
    );
    let classic = told(&build(&lines(CLASSIC)).unwrap());
    for due in [
        "MAP-PTRWILD oldbuckets[0].cell[0]: a pointer to 0x99 (byte 0 of the key)",
        "MAP-FREEKEY oldbuckets[0].cell[2]",
        "MAP-FREEELEM oldbuckets[0].cell[7]",
        "CL-CHAIN oldbuckets[0].overflow[1]: overflow bucket at 0x71000 / not mapped",
        "CL-UNEVACDST buckets[0]: untouched: oldbuckets[0] is not evacuated / 0 live cells, first byte that is not zero at 33",
        "CL-EXTRA extra.overflow",
        "CL-REST oldbuckets[0].cell[1]",
    ] {
        assert!(
            classic.iter().any(|f| f.starts_with(due)),
            "{due}: {classic:#?}"
        );
    }
}

/// The bytes of all keys and elems, and of what else is in no line, become this.
const SECRET: u8 = 0x5e;

#[test]
fn no_byte_of_keys_and_elems_is_in_a_line() {
    for map in [SMALL, TABLES, CLASSIC] {
        let mut image = build(&lines(map)).unwrap();
        let without = written(&image);
        let slots = image.slots.clone();
        let hide = |records: &mut Cow<'_, [u8]>, live: &dyn Fn(u8) -> bool| {
            for record in records.to_mut().chunks_exact_mut(slots.size as usize) {
                for i in 0..8u64 {
                    if live(record[i as usize]) {
                        let (k, e) = (slots.key_off(i) as usize, slots.elem_off(i) as usize);
                        record[k..k + slots.key_size as usize].fill(SECRET);
                        record[e..e + slots.elem_size as usize].fill(SECRET);
                    }
                }
            }
        };
        match &mut image.body {
            Body::Classic(c) => {
                for array in [&mut c.old, &mut c.new].into_iter().flatten() {
                    let runs = array.main.runs.iter_mut().map(|r| &mut r.bytes);
                    let overflow = array.overflow.iter_mut().map(|o| &mut o.bytes);
                    runs.chain(overflow).for_each(|b| hide(b, &|m| m >= 5));
                }
            }
            Body::Swiss(s) => {
                let groups: Vec<_> = match &mut s.shape {
                    Shape::Small(g) => vec![g],
                    Shape::Tables(d) => d
                        .tables
                        .iter_mut()
                        .filter_map(|t| t.groups.as_mut())
                        .collect(),
                    _ => Vec::new(),
                };
                for run in groups.into_iter().flat_map(|g| &mut g.runs) {
                    hide(&mut run.bytes, &|m| m < 0x80);
                }
            }
            Body::Unreadable => {}
        }
        assert_eq!(written(&image), without);
    }
}

#[test]
fn where_no_storage_can_be_no_byte_is_shown() {
    let mut image = build(&lines(SMALL)).unwrap();
    let Body::Swiss(s) = &mut image.body else {
        panic!("a Swiss map")
    };
    let Shape::Small(group) = &mut s.shape else {
        panic!("a small map")
    };
    group.runs[0].bytes.to_mut().fill(SECRET);
    group.home = Home::FreeSpan;
    image.keys.hashes = vec![SECRET.into(), 1, 2, 3, 4, 5, 6, 7];
    let text = written(&image).join("\n");
    // That the hash of a key fits its mark is known, and so is that of others it does not.
    assert!(text.contains(r#""marks":"5e00000000000000""#), "{text}");
    let again = build(&written(&image)).unwrap();
    assert_eq!(told(&again), told(&image));
    image.home = Home::FreeSpan;
    let text = written(&image).join("\n");
    assert!(!text.contains("5e") && !text.contains("slots"), "{text}");
    assert_eq!(told(&build(&written(&image)).unwrap()), told(&image));
}

/// The lines with one text put for another, which must be there.
fn changed(map: &[&str], from: &str, to: &str) -> Vec<String> {
    let lines = lines(map);
    assert!(lines.iter().any(|l| l.contains(from)), "{from}");
    lines.iter().map(|l| l.replacen(from, to, 1)).collect()
}

fn fails(map: &[&str], from: &str, to: &str) -> ImageError {
    match build(&changed(map, from, to)) {
        Ok(image) => panic!("{from} -> {to}: {:?}", told(&image)),
        Err(e) => e,
    }
}

#[test]
fn hostile_numbers_are_refused() {
    use ImageError::Lie;
    use ImageError::TooLarge;
    let huge = "1152921504606846976";
    let count = |n: &str| format!(r#""count":{n},"marks":"8080808080808080""#);
    let two = r#""count":2,"marks":"8080808080808080""#;
    for n in [huge, "18446744073709551615", "99999999"] {
        assert_eq!(fails(TABLES, two, &count(n)), TooLarge);
    }
    let too_many = Lie("the number of a bucket or group");
    assert_eq!(fails(TABLES, two, &count("3")), too_many);
    assert!(matches!(fails(TABLES, two, &count("0")), Lie(_)));
    assert!(matches!(
        fails(TABLES, two, &count("-1")),
        ImageError::Text(_)
    ));
    for size in [huge, "18446744073709551615"] {
        assert_eq!(
            fails(SMALL, r#""size":136"#, &format!(r#""size":{size}"#)),
            TooLarge
        );
    }
    assert!(matches!(
        fails(SMALL, r#""size":136"#, r#""size":0"#),
        Lie(_)
    ));
    let run = format!(r#""entries":[[{huge},0]"#);
    assert_eq!(fails(TABLES, r#""entries":[[1,0]"#, &run), TooLarge);
    let lots = format!(r#""claimed":1,"count":{huge}1"#);
    assert!(fails(SMALL, r#""claimed":1,"count":1"#, &lots) != TooLarge);
    assert!(matches!(
        fails(SMALL, r#""ptr_size":8"#, r#""ptr_size":3"#),
        Lie(_)
    ));
    assert_eq!(
        fails(
            CLASSIC,
            r#""marks":"0900000000000000""#,
            r#""count":2,"marks":"0900000000000000""#
        ),
        Lie("a number of buckets or groups")
    );
    let many = vec![r#"{"place":"buckets[0]","what":"wild 0x99"}"#; 17].join(",");
    assert!(matches!(
        fails(CLASSIC, r#""refs":["#, &format!(r#""refs":[{many},"#)),
        Lie(_)
    ));
}

#[test]
fn lies_that_cost_nothing_are_judged() {
    let huge = "1152921504606846976";
    for (map, from, to) in [
        (
            SMALL,
            r#""key_stride":16"#,
            r#""key_stride":18446744073709551615"#,
        ),
        (
            SMALL,
            r#""keys_off":8"#,
            r#""keys_off":18446744073709551615"#,
        ),
        (
            SMALL,
            r#""elem_size":8"#,
            r#""elem_size":18446744073709551615"#,
        ),
        (
            SMALL,
            r#""stale_elems":2"#,
            r#""stale_elems":255,"stale_keys":255,"rest":18446744073709551615"#,
        ),
        (
            TABLES,
            r#"["object 0xc000020000 16 allocated",2]"#,
            r#"["unknown",18446744073709551615]"#,
        ),
        (
            TABLES,
            r#""claimed":2,"count":2"#,
            r#""claimed":1152921504606846976,"count":1152921504606846976"#,
        ),
        (TABLES, r#"[1,1]]"#, r#"[1,4294967295],[1,-1],[9,-2]]"#),
        (TABLES, r#""seen":1"#, r#""seen":18446744073709551615"#),
        (TABLES, r#""index":0"#, r#""index":-9223372036854775808"#),
        (
            TABLES,
            r#""lengthMask":1"#,
            r#""lengthMask":18446744073709551615"#,
        ),
        (TABLES, r#""first":0"#, r#""first":0,"x":{"y":[1]}"#),
        (CLASSIC, r#""room":2"#, r#""room":18446744073709551615"#),
        (CLASSIC, r#""B":1"#, r#""B":255"#),
        (CLASSIC, r#""count":2"#, r#""count":-9223372036854775808"#),
        (
            CLASSIC,
            r#""overflow_off":72"#,
            r#""overflow_off":18446744073709551615"#,
        ),
        (
            CLASSIC,
            r#""overflow":["0x50000",1]"#,
            r#""overflow":["0x50000",18446744073709551615]"#,
        ),
        (
            CLASSIC,
            r#""key_ptr_words":[0]"#,
            r#""key_ptr_words":[18446744073709551615,3]"#,
        ),
        (
            CLASSIC,
            r#""nevacuate":0"#,
            r#""nevacuate":18446744073709551615"#,
        ),
    ] {
        let image = build(&changed(map, from, to)).unwrap();
        told(&image);
        written(&image);
    }
    let mut far = changed(
        SMALL,
        r#""claimed":1,"count":1"#,
        &format!(r#""claimed":{huge},"count":{huge}"#),
    );
    far[1] = far[1].replace(r#""part":"group""#, r#""part":"group.slot[1]""#);
    assert!(build(&far).is_err());
}

#[test]
fn hostile_texts_are_refused() {
    use ImageError::Missing;
    use ImageError::Text;
    for marks in [
        "",
        "21",
        "218080808080808080",
        "+180808080808080",
        "2180808080808Ω",
    ] {
        let to = format!(r#""marks":"{marks}""#);
        assert_eq!(
            fails(SMALL, r#""marks":"2180808080808080""#, &to),
            Text("marks")
        );
    }
    for part in [
        "",
        "group[1]",
        "dir[18446744073709551616].table.groups[0]",
        "node 0x1",
        "nowhere",
    ] {
        let e = fails(SMALL, r#""part":"group""#, &format!(r#""part":"{part}""#));
        assert!(matches!(e, Text(_) | ImageError::Order(_)), "{part}");
    }
    for (map, from, to) in [
        (
            SMALL,
            r#""map":"0xc000010000","body""#,
            r#""map":"12","body""#,
        ),
        (
            SMALL,
            r#""home":"object 0xc000010000 48 allocated""#,
            r#""home":"object""#,
        ),
        (SMALL, r#""hash":"0x21""#, r#""hash":"21""#),
        (SMALL, r#""hashes":"proven""#, r#""hashes":"sure""#),
        (SMALL, "fits runtime.memhash64", "fits"),
        (SMALL, r#""body":"swiss""#, r#""body":"sparse""#),
        (SMALL, r#""shape":"small""#, r#""shape":"flat""#),
        (TABLES, "0x5 8 not-dumped", "0x5 8 lost"),
        (
            TABLES,
            "dir[0].table.groups\"",
            "dir[0].table.grooves and more of them than anybody should care to keep for long\"",
        ),
        (CLASSIC, "wild 0x99", "tame 0x99"),
        (CLASSIC, "nowhere unmapped", "somewhere"),
        (
            CLASSIC,
            r#""seat":"object 0x70000 80 allocated""#,
            r#""seat":"chair""#,
        ),
        (CLASSIC, r#""overflow":"0x70000""#, r#""overflow":"70000""#),
    ] {
        assert!(matches!(fails(map, from, to), Text(_)), "{from} -> {to}");
    }
    for (map, from, to) in [
        (SMALL, r#""hash":"0x21","#, ""),
        (SMALL, r#""slot":0"#, r#""slot":1"#),
        (SMALL, r#""dirLen":0"#, r#""dirLength":0"#),
        (SMALL, r#""group":{"#, r#""groups":{"#),
        (SMALL, r#""header":{"#, r#""head":{"#),
        (TABLES, r#""directory":"#, r#""dictionary":"#),
        (CLASSIC, r#""seat":"#, r#""chair":"#),
    ] {
        assert!(matches!(fails(map, from, to), Missing(_)), "{from} -> {to}");
    }
}

#[test]
fn lines_out_of_order_are_refused() {
    let order = |lines: &[String]| matches!(build(lines), Err(ImageError::Order(_)));
    for map in [SMALL, TABLES, CLASSIC] {
        let mut twice = lines(map);
        twice.push(twice.last().unwrap().clone());
        assert!(order(&twice), "a record twice");
        let mut foreign = lines(map);
        let last = foreign.last_mut().unwrap();
        *last = last.replacen(r#""map":"0x"#, r#""map":"0x9"#, 1);
        assert!(order(&foreign), "a line of another map");
    }
    for map in [TABLES, CLASSIC] {
        let all = lines(map);
        let mut late = all.clone();
        late.push(all[1].clone());
        assert!(order(&late), "lists behind slots");
        for i in 2..all.len() - 1 {
            let mut swapped = all.clone();
            swapped.swap(i, i + 1);
            assert!(order(&swapped), "{i} and {}", i + 1);
        }
    }
    let mut bare = lines(CLASSIC);
    bare.remove(2);
    assert!(order(&bare), "an overflow bucket without its main bucket");
    let mut no_tables = lines(TABLES);
    no_tables.remove(1);
    assert!(order(&no_tables), "groups of no table");
}

#[test]
fn lines_with_any_byte_changed_do_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let signs = b"0123456789abcdefx-[],\":{} ";
    let mut built = 0;
    for round in 0..30_000 {
        let mut all = lines([SMALL, TABLES, CLASSIC][round % 3]);
        for _ in 0..=next(3) {
            let line = next(all.len());
            let at = next(all[line].len());
            let sign = char::from(signs[next(signs.len())]).to_string();
            match next(3) {
                0 => all[line].replace_range(at..=at, &sign),
                1 => all[line].insert_str(at, &sign.repeat(1 + next(12))),
                _ => all[line].replace_range(at..=at, ""),
            }
        }
        if let Ok(image) = build(&all) {
            built += 1;
            let again = build(&written(&image));
            // Where the first is consistent enough to be written, both are judged alike.
            if let Ok(again) = again {
                let _ = (told(&again), told(&image));
            }
        }
    }
    assert!(
        built > 1000,
        "only {built} of the changed images could be made"
    );
}

#[test]
fn images_of_another_form_are_left_alone() {
    let of = |format: u32| ImageLine {
        format,
        ..ImageLine::default()
    };
    let err = |line| ImageBuilder::new(&line).err();
    assert_eq!(err(of(FORMAT + 1)), Some(ImageError::Form(FORMAT + 1)));
    assert_ne!(err(of(FORMAT)), Some(ImageError::Form(FORMAT)));
}
