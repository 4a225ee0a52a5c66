//! Images as lines: what the rules say of an image made again must be what they say of the first.
//! In: the cores of the corpora, damaged ones included. Out: every map of which they say something else, and what the
//! lines take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

#[allow(dead_code)] // the truth of a core is for tests/corpus.rs
#[path = "corpus/files.rs"]
mod files;

use badmap::base::progress::Silent;
use badmap::check::registry::check_map;
use badmap::check::rule::MapVerdict;
use badmap::file::scratch::Scratch;
use badmap::maps::image::EntryRef;
use badmap::maps::image::MapImage;
use badmap::schema::safe::write_jsonl;
use badmap::snapshot::image::ImageBuilder;
use badmap::snapshot::image::Rendered;
use badmap::snapshot::image::write_image;
use badmap::snapshot::line::Tag;
use badmap::survey::inspect::inspect;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use files::CoreFiles;
use files::corpora;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Mutex;

fn request(files: &CoreFiles) -> Request {
    Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::None,
        digest_key: None,
        index: None,
    }
}

/// The lines of an image as text, and how many entries are in them.
fn lines_of(image: &MapImage<'_>, digests: Option<&RandomState>) -> (Vec<u8>, u64) {
    let mut text = Vec::new();
    let digest = |bytes: &[u8]| digests.map(|d| format!("#{:016x}", d.hash_one(bytes)));
    let mut render = |e: &EntryRef<'_>| Rendered {
        key: digest(e.key),
        elem: digest(e.elem),
        ..Rendered::default()
    };
    let written = write_image(image, &mut render, &mut |line| {
        write_jsonl(&mut text, &line)
    });
    (text, written.unwrap())
}

/// The image that the lines stand for.
fn image_of(text: &[u8]) -> MapImage<'static> {
    let mut lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let first = serde_json::from_slice(lines.next().unwrap()).unwrap();
    let mut builder = ImageBuilder::new(&first).unwrap();
    for line in lines {
        let tag: Tag<'_> = serde_json::from_slice(line).unwrap();
        assert_eq!(tag.schema, "badmap/1");
        let taken = match &*tag.line {
            "facts" => builder.facts(&serde_json::from_slice(line).unwrap()),
            "slots" => builder.slots(&serde_json::from_slice(line).unwrap()),
            other => panic!("a line of kind {other}"),
        };
        taken.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line)));
    }
    builder.finish()
}

fn told(v: &MapVerdict) -> Vec<String> {
    let findings = v.findings.iter().map(|f| {
        let (rule, place) = (f.rule, f.place);
        format!("{rule} at {place}: {} / {}", f.claimed, f.found)
    });
    let sums = format!(
        "{:?} {} {} {:?}",
        v.verdict, v.mid_write, v.findings_total, v.unknown_rules
    );
    findings.chain([sums]).collect()
}

/// What was seen in one core.
#[derive(Default)]
struct Seen {
    maps: u64,
    broken: u64,
    findings: u64,
    entries: u64,
    bytes: u64,
    longest: usize,
    /// The map with the most entries: how many, bytes of its lines, the same packed.
    largest: (u64, usize, usize),
    failures: Vec<String>,
}

fn look(
    name: &str,
    files: &CoreFiles,
    digests: &RandomState,
    rules: &Mutex<BTreeMap<&str, u64>>,
) -> Seen {
    let seen = Mutex::new(Seen::default());
    let render = |image: &MapImage<'_>| {
        let (text, entries) = lines_of(image, Some(digests));
        let mut met = 0;
        image.for_each_entry(|_| met += 1);
        let again = image_of(&text);
        let mut bare = true;
        again.for_each_entry(|e| bare &= e.key.iter().chain(e.elem).all(|b| *b == 0));
        let (first, second) = (check_map(image), check_map(&again));
        let same = lines_of(image, None).0 == lines_of(&again, None).0;
        let mut seen = seen.lock().unwrap();
        let (a, b) = (told(&first), told(&second));
        if a != b {
            let at = image.addr;
            seen.failures
                .push(format!("{name} {at}:\n  {a:#?}\n  {b:#?}"));
        }
        if met != entries && !first.findings.iter().any(|f| f.rule == "MAP-PTR") {
            seen.failures
                .push(format!("{name} {}: {entries} of {met} entries", image.addr));
        }
        if !bare || !same {
            let at = image.addr;
            let why =
                format!("{name} {at}: without keys and elems {bare}, same lines again {same}");
            seen.failures.push(why);
        }
        for f in &first.findings {
            *rules.lock().unwrap().entry(f.rule).or_default() += 1;
        }
        seen.maps += 1;
        seen.broken += u64::from(!first.findings.is_empty());
        seen.findings += first.findings.len() as u64;
        seen.entries += entries;
        seen.bytes += text.len() as u64;
        let longest = text.split(|b| *b == b'\n').map(<[u8]>::len).max();
        seen.longest = seen.longest.max(longest.unwrap_or(0));
        if entries > seen.largest.0 {
            let packed = zstd::bulk::compress(&text, 3).unwrap().len();
            seen.largest = (entries, text.len(), packed);
        }
    };
    inspect(&request(files), &Silent, |all| {
        let mut sink = Vec::new();
        let each = all.write_each(
            &mut sink,
            &Silent,
            |_| true,
            |map, _| {
                if let Some(image) = map.image {
                    render(image);
                }
                Ok(())
            },
        );
        each.unwrap();
    })
    .unwrap();
    seen.into_inner().unwrap()
}

#[test]
fn the_rules_say_the_same_of_an_image_made_again() {
    let digests = RandomState::new();
    let rules = Mutex::new(BTreeMap::new());
    let (mut cores, mut missing) = (0, 0);
    let mut all = Seen::default();
    let started = std::time::Instant::now();
    for corpus in corpora() {
        for core in &corpus.cores {
            let Some(files) = corpus.files_of(core) else {
                println!("missing: {}", core.file);
                missing += 1;
                continue;
            };
            if files.binary.stripped {
                continue; // without types no map is found
            }
            cores += 1;
            let seen = look(&core.name, &files, &digests, &rules);
            println!(
                "{}: {} maps, {} with findings, {} entries, {} bytes, longest line {}, largest map {:?} ({:?})",
                core.name,
                seen.maps,
                seen.broken,
                seen.entries,
                seen.bytes,
                seen.longest,
                seen.largest,
                started.elapsed()
            );
            all.maps += seen.maps;
            all.broken += seen.broken;
            all.findings += seen.findings;
            all.entries += seen.entries;
            all.bytes += seen.bytes;
            all.longest = all.longest.max(seen.longest);
            all.failures.extend(seen.failures);
        }
    }
    println!(
        "{cores} cores, {missing} missing: {} maps, {} with findings, {} findings, {} entries, {} bytes, longest line {}",
        all.maps, all.broken, all.findings, all.entries, all.bytes, all.longest
    );
    println!("{:?}", rules.into_inner().unwrap());
    let n = all.failures.len();
    let first: Vec<String> = all.failures.into_iter().take(5).collect();
    assert!(n == 0, "{n} images are not the same:\n{}", first.join("\n"));
    assert!(all.broken > 10 && all.entries > 1000);
}
