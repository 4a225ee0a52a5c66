//! Snapshots read on all processors and on one: what is found, and what is wrong with them.
#![allow(clippy::expect_used, clippy::arithmetic_side_effects)] // a failed expectation is a failed test

use super::*;
use std::sync::Mutex;

const MANY: usize = 20_000;

fn header() -> String {
    r#"{"schema":"badmap/1","line":"header"}"#.to_owned()
}

fn map(i: usize) -> String {
    let filler = "x".repeat(i % 300);
    format!(r#"{{"schema":"badmap/1","line":"map","addr":"0x{i:x}","owner":"{filler}"}}"#)
}

/// A whole snapshot of these lines.
fn sealed(lines: &[String]) -> String {
    let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
    let maps = lines.iter().filter(|l| l.contains(r#""line":"map""#));
    let (maps, count, bytes) = (maps.count(), lines.len(), text.len());
    let sum = blake3::hash(text.as_bytes()).to_hex();
    format!(
        "{text}{{\"schema\":\"badmap/1\",\"line\":\"end\",\"maps\":{maps},\"lines\":{count},\"bytes\":{bytes},\"checksum\":\"{sum}\"}}\n"
    )
}

fn many() -> Vec<String> {
    let maps = (1..=MANY).map(map);
    std::iter::once(header()).chain(maps).collect()
}

fn lines(text: &str) -> Lines {
    Lines::plain(Box::new(std::io::Cursor::new(text.to_owned())))
}

type Found = Result<(usize, Vec<u64>), String>;

fn addr(line: Part<'_>) -> Result<u64, SnapshotError> {
    let key: crate::snapshot::line::MapKey<'_> = line.parse()?;
    Ok(crate::schema::number(&key.addr).unwrap_or(0))
}

/// How many headers there are and which maps, or what is wrong: read on all processors, and line by line.
fn both(text: &str) -> (Found, Found) {
    let path = Path::new("s.badmap");
    let heads = Mutex::new(0);
    let take = |_: HeadLine<'_>| *heads.lock().expect("nobody panics") += 1;
    let parallel = read_maps(lines(text), path, &take, &|(): &mut (), line| addr(line));
    let parallel = parallel.map(|(maps, _)| (*heads.lock().expect("nobody panics"), maps));
    let (mut heads, mut maps) = (0, Vec::new());
    let serial = read_lines(lines(text), path, &mut |line| {
        match line {
            Line::Head(_) => heads += 1,
            Line::Map(line) => maps.push(addr(line)?),
            Line::Part(_) => {}
        }
        Ok(())
    });
    let serial = serial.map(|_| (heads, maps));
    let text = |e: SnapshotError| format!("{e:?}");
    (parallel.map_err(text), serial.map_err(text))
}

#[test]
fn all_processors_find_the_same_in_the_same_order() {
    let (parallel, serial) = both(&sealed(&many()));
    let all = (1..).take(MANY).collect();
    assert_eq!(parallel, Ok((1, all)));
    assert_eq!(parallel, serial);
}

#[test]
fn of_all_that_is_wrong_the_first_is_told_with_its_line() {
    let bad = |at: &[usize], with: &str| {
        let mut lines = many();
        for at in at {
            with.clone_into(lines.get_mut(*at).expect("a line"));
        }
        both(&sealed(&lines))
    };
    let map = r#"{"schema":"badmap/1","line":"map","addr":5}"#;
    for (at, with, line) in [
        (&[MANY, 17_000][..], map, "line: 17001"),
        (&[12_345, 12_346], "{", "line: 12346"),
        (&[19_999], &*header(), "line: 20000"),
        (&[9], r#"{"schema":"badmap/1","line":"end"}"#, "line: 10"),
    ] {
        let (parallel, serial) = bad(at, with);
        assert!(
            parallel.as_ref().is_err_and(|e| e.contains(line)),
            "{parallel:?}"
        );
        assert_eq!(parallel, serial);
    }
}

#[test]
fn a_file_that_is_cut_or_goes_on_is_told_alike() {
    let whole = sealed(&many());
    let cut = whole.get(..whole.len() / 2).expect("ASCII");
    let behind = format!("{whole}{}\n", map(1));
    let long = whole.replace(r#""0x3039""#, &"y".repeat(5 << 20));
    let changed = whole.replace(r#""0x3039""#, r#""0x3038""#);
    for (text, says) in [
        (cut, "CutShort"),
        (whole.get(..whole.len() - 1).expect("ASCII"), "CutShort"),
        (&behind, "it comes behind"),
        (&long, "LongLine"),
        (&changed, "checksum"),
        ("", "CutShort"),
    ] {
        let (parallel, serial) = both(text);
        assert!(
            parallel.as_ref().is_err_and(|e| e.contains(says)),
            "{parallel:?}"
        );
        assert_eq!(parallel, serial);
    }
}
