//! The named variables of functions, as the unstripped binaries of the corpora give them.
//! In: those binaries, whole and damaged. Out: variables whose names, types or places are not as the
//! source and the calling convention have them.
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

use badmap::base::addr::LinkAddr;
use badmap::base::progress::Silent;
use badmap::dwarf::build::DwarfTypes;
use badmap::dwarf::index::DwarfIndex;
use badmap::dwarf::locals::Local;
use badmap::dwarf::locals::Place;
use badmap::dwarf::sections::DwarfData;
use badmap::file::binary::Binary;
use badmap::file::corefile::Machine;
use badmap::file::mmap::MappedFile;
use badmap::file::scratch::Scratch;
use badmap::types::graph::Kind;
use badmap::types::graph::TypeGraph;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
struct Corpus {
    #[serde(rename = "binary")]
    binaries: Vec<BinaryEntry>,
}

#[derive(Deserialize)]
struct BinaryEntry {
    name: String,
    file: String,
    go: String,
    goarch: String,
    stripped: bool,
}

impl BinaryEntry {
    /// Whether the program is the zoo and the machine linux/amd64, of which most tests here know something.
    fn is_zoo(&self) -> bool {
        let other = ["hashes", "blame", "change", "bugs"]
            .iter()
            .any(|p| self.name.contains(p));
        !other && self.goarch == "amd64"
    }
}

/// A binary and what was read of its DWARF.
struct Program<'p, 'd> {
    name: &'p str,
    /// `go1.27.3` is 27.
    minor: u32,
    is_zoo: bool,
    binary: &'p Binary<'d>,
    index: &'p DwarfIndex<'d>,
    graph: &'p TypeGraph<'d>,
    entries: Vec<u64>,
}

/// Does `test` with every unstripped binary of the golden corpus.
fn each(mut test: impl FnMut(&Program<'_, '_>)) {
    let mut tested = 0;
    each_file(|entry, path, bytes| {
        let binary = Binary::parse(bytes, path).unwrap();
        let data = DwarfData::load(&binary).unwrap();
        let index = Arc::new(DwarfIndex::new(&data, binary.abi.ptr_size, path).unwrap());
        let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
        let entries: BTreeSet<u64> = index.entries().map(|e| e.0).collect();
        let minor = entry.go["go1.".len()..].split(['.', '-']).next().unwrap();
        test(&Program {
            name: &entry.name,
            minor: minor.parse().unwrap(),
            is_zoo: entry.is_zoo(),
            binary: &binary,
            index: &index,
            graph: &graph,
            entries: entries.into_iter().collect(),
        });
        tested += 1;
    });
    assert!(tested > 0, "no binary at all");
}

/// Does `test` with every unstripped zoo on amd64 of the golden corpus, and says how many binaries there were besides.
fn each_zoo(mut test: impl FnMut(&Program<'_, '_>)) {
    let (mut tested, mut skipped) = (0, 0);
    each(|p| {
        if p.is_zoo {
            test(p);
            tested += 1;
        } else {
            skipped += 1;
        }
    });
    println!("{tested} binaries, {skipped} of another program or machine left out");
    assert!(tested > 0, "no zoo at all");
}

fn each_file(mut test: impl FnMut(&BinaryEntry, &Path, &[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/golden");
    let manifest = std::fs::read_to_string(dir.join("MANIFEST.toml")).unwrap();
    let corpus: Corpus = toml::from_str(&manifest).unwrap();
    for entry in corpus.binaries.iter().filter(|b| !b.stripped) {
        let path = dir.join(&entry.file);
        if !path.exists() {
            println!("missing: {}", entry.file);
            continue;
        }
        let file =
            MappedFile::open(&path, &Scratch::new(std::env::temp_dir(), None), &Silent).unwrap();
        test(entry, &path, file.bytes());
    }
}

impl Program<'_, '_> {
    /// First instruction of a function, and the first of the next one.
    fn function(&self, name: &str) -> (u64, u64) {
        let named = |e: &u64| self.index.function_named_at(LinkAddr(*e)).as_deref() == Some(name);
        let i = self.entries.iter().position(named);
        let i = i.unwrap_or_else(|| panic!("{}: no function {name}", self.name));
        (self.entries[i], self.entries[i + 1])
    }

    fn at(&self, pc: u64) -> Vec<Local> {
        self.index.locals(LinkAddr(pc))
    }

    fn type_name(&self, local: &Local) -> &str {
        &self.graph.declared(local.ty).name
    }

    /// The bytes of code at a link-time address.
    fn code(&self, at: u64, len: u64) -> &[u8] {
        let covers = |s: &&badmap::file::binary::LoadSegment<'_>| {
            s.addr.0 <= at && at + len <= s.addr.0 + s.bytes.len() as u64
        };
        let segment = self.binary.segments.iter().find(covers).unwrap();
        let off = (at - segment.addr.0) as usize;
        &segment.bytes[off..off + len as usize]
    }

    /// The return addresses of the direct calls in a function, and who is called.
    fn calls(&self, name: &str) -> Vec<(u64, String)> {
        let (start, end) = self.function(name);
        let mut out = Vec::new();
        for pc in start..end - 5 {
            let code = self.code(pc, 5);
            let rel = i32::from_le_bytes(code[1..].try_into().unwrap());
            let target = (pc + 5).wrapping_add_signed(i64::from(rel));
            if code[0] == 0xe8 && self.entries.binary_search(&target).is_ok() {
                let callee = self.index.function_named_at(LinkAddr(target)).unwrap();
                out.push((pc + 5, callee));
            }
        }
        out
    }
}

/// What a test knows of an argument: name, type, register at entry, and the slot the caller left for it.
type Argument = (&'static str, &'static str, u16, i64);

const HIDDEN: Argument = ("h", "*main.hidden", 0, 0);
const READY: Argument = ("ready", "chan bool", 3, 8);
const COUNT: Argument = ("n", "int", 2, 16);

/// Functions of `corpora/src/zoo_hidden.go`.
const FUNCTIONS: &[(&str, &[Argument])] = &[
    ("main.onHeap", &[HIDDEN, READY]),
    ("main.onStack", &[HIDDEN, READY]),
    ("main.inFrames", &[HIDDEN, READY]),
    ("main.middle", &[HIDDEN, READY, COUNT]),
    ("main.lowest", &[HIDDEN, READY]),
];

#[test]
fn arguments_are_in_the_registers_of_the_abi_at_entry() {
    each_zoo(|p| {
        for (function, arguments) in FUNCTIONS {
            let found = p.at(p.function(function).0);
            let found: Vec<_> = found
                .iter()
                .map(|l| {
                    assert!(l.parameter && l.inlined.is_none(), "{}: {l:?}", p.name);
                    let [piece] = l.pieces[..] else {
                        panic!("{}: {l:?}", p.name)
                    };
                    (
                        l.name.as_str(),
                        p.type_name(l),
                        piece.off,
                        piece.size,
                        piece.place,
                    )
                })
                .collect();
            let expected: Vec<_> = arguments
                .iter()
                .map(|(name, ty, register, _)| (*name, *ty, 0, 8, Place::Register(*register)))
                .collect();
            assert_eq!(found, expected, "{}: {function}", p.name);
        }
    });
}

#[test]
fn a_frame_that_waits_in_a_call_has_its_arguments_in_their_slots() {
    each_zoo(|p| {
        let mut calls = 0;
        for (function, arguments) in FUNCTIONS {
            for (ret, callee) in p.calls(function) {
                let found = p.index.locals_in_call(LinkAddr(ret));
                let in_register = |l: &&Local| {
                    let mut places = l.pieces.iter().map(|p| p.place);
                    places.any(|p| matches!(p, Place::Register(_)))
                };
                assert_eq!(found.iter().find(in_register), None, "{}", p.name);
                if callee.starts_with("runtime.morestack") || *function == "main.middle" {
                    continue; // before the arguments are spilled, and where none need be
                }
                for (name, ty, _, slot) in *arguments {
                    let own = |l: &&Local| l.name == *name && l.inlined.is_none();
                    let Some(found) = found.iter().find(own) else {
                        panic!("{}: {function} calls {callee}: no {name}", p.name)
                    };
                    assert_eq!(p.type_name(found), *ty, "{}: {function}", p.name);
                    // Spilled to the slot the caller left for it, or to one of the frame's own.
                    assert!(
                        matches!(found.pieces[0].place, Place::Frame(off) if off == *slot || off < 0),
                        "{}: {function} calls {callee}: {found:?}",
                        p.name
                    );
                }
                calls += 1;
            }
        }
        println!("{}: {calls} calls", p.name);
        assert!(calls > 10, "{}: only {calls} calls", p.name);
    });
}

#[test]
fn maps_that_are_used_after_a_call_are_in_the_frame() {
    each_zoo(|p| {
        let mut calls = p.calls("main.onStack").into_iter();
        let (ret, _) = calls
            .rfind(|(_, callee)| callee == "runtime.chanrecv1")
            .unwrap();
        let found = p.index.locals_in_call(LinkAddr(ret));
        for (name, ty) in [
            ("m", "map[int]int"),
            ("n", "map[string]string"),
            ("grown", "map[int]int"),
        ] {
            let Some(found) = found.iter().find(|l| l.name == name) else {
                panic!("{}: no {name}", p.name)
            };
            assert_eq!(p.type_name(found), ty, "{}", p.name);
            assert!(!found.parameter && found.inlined.is_none(), "{}", p.name);
            let in_frame = matches!(found.pieces[0].place, Place::Frame(off) if off < 0);
            assert!(in_frame, "{}: {found:?}", p.name);
        }
    });
}

#[test]
fn variables_of_inlined_functions_name_their_function() {
    each_zoo(|p| {
        // `main.str` is one expression, which every compiler here inlines.
        let (mut own, mut inlined) = (0, BTreeMap::<String, u64>::new());
        for (i, entry) in p.entries.iter().enumerate() {
            let function = p.index.function_named_at(LinkAddr(*entry)).unwrap();
            if !function.starts_with("main.") {
                continue;
            }
            let end = p.entries.get(i + 1).copied().unwrap_or(*entry);
            for local in (*entry..end).step_by(16).flat_map(|pc| p.at(pc)) {
                match local.inlined {
                    None => own += 1,
                    Some(name) => *inlined.entry(name).or_default() += 1,
                }
            }
        }
        let total: u64 = inlined.values().sum();
        println!(
            "{}: {own} of their own, {total} of {} inlined functions",
            p.name,
            inlined.len()
        );
        assert!(own > 1000 && total > 100, "{}", p.name);
        let one = ["main.str", "main.(*server).put"];
        let known = one.iter().any(|n| inlined.contains_key(*n));
        assert!(known, "{}: {inlined:?}", p.name);
        let nameless = inlined.keys().find(|n| !n.contains('.'));
        assert_eq!(nameless, None, "{}", p.name);
    });
}

#[test]
fn every_function_gives_sound_variables_at_every_place() {
    each(|p| {
        let (mut pcs, mut locals, mut places) = (0u64, 0u64, BTreeMap::<&str, u64>::new());
        let (mut in_parts, mut several) = (0u64, 0u64);
        let started = Instant::now();
        for (i, entry) in p.entries.iter().enumerate() {
            let end = p.entries.get(i + 1).copied().unwrap_or(entry + 256);
            let further = (*entry..end).step_by(64).skip(1);
            for pc in [*entry, entry + 1, entry + 5].into_iter().chain(further) {
                pcs += 1;
                for l in p.at(pc) {
                    locals += 1;
                    let ty = p.graph.get(l.ty);
                    let what = format!("{}: {pc:#x}: {l:?} {ty:?}", p.name);
                    assert!(ty.kind != Kind::Opaque && !l.name.is_empty(), "{what}");
                    let mut end = 0;
                    for piece in &l.pieces {
                        assert_eq!(piece.off, end, "{what}");
                        assert!(piece.size > 0 || ty.size == 0, "{what}");
                        end += piece.size;
                        *places.entry(kind_of(piece.place)).or_default() += 1;
                    }
                    assert_eq!(end, ty.size, "{what}");
                    assert!(
                        l.pieces.iter().any(|p| p.place != Place::Lost),
                        "{what} leads nowhere"
                    );
                    if matches!(
                        ty.kind,
                        Kind::String | Kind::Slice { .. } | Kind::Interface { .. }
                    ) {
                        several += 1;
                        in_parts += u64::from(l.pieces.len() > 1);
                    }
                }
            }
        }
        println!(
            "{}: {} functions, {pcs} places, {locals} variables ({in_parts} of {several} strings, slices \
             and interfaces in parts), pieces {places:?}, {:?}",
            p.name,
            p.entries.len(),
            started.elapsed()
        );
        // The program of the hashes is compiled without inlining and without lists of places.
        let enough = if p.is_zoo { pcs } else { pcs / 4 };
        assert!(locals > enough, "{}", p.name);
        assert!(in_parts > 100 || !p.is_zoo, "{}", p.name);
    });
}

fn kind_of(place: Place) -> &'static str {
    match place {
        Place::Register(_) => "register",
        Place::Frame(_) => "frame",
        Place::Static(_) => "static",
        Place::Value(_) => "value",
        Place::Lost => "lost",
    }
}

#[test]
fn between_functions_there_are_no_variables() {
    each(|p| {
        let mut gaps = 0;
        // The linker fills up with breakpoints, on x86.
        let has_breakpoints = matches!(p.binary.machine, Machine::Amd64 | Machine::I386);
        for pair in p.entries.windows(2) {
            let last = pair[1] - 1;
            let filled = has_breakpoints && p.code(last - 1, 2) == [0xcc; 2];
            if last - pair[0] > 32 && filled {
                assert_eq!(p.at(last), [], "{}: {last:#x}", p.name);
                gaps += 1;
            }
        }
        println!("{}: {gaps} gaps", p.name);
        assert!(
            gaps > 500 || !has_breakpoints,
            "{}: only {gaps} gaps",
            p.name
        );
        for nowhere in [0, 1, p.entries[0] - 1, u64::MAX] {
            assert_eq!(p.at(nowhere), [], "{}", p.name);
            assert_eq!(p.index.locals_in_call(LinkAddr(nowhere)), [], "{}", p.name);
        }
    });
}

#[test]
fn the_map_types_are_the_types_that_are_maps() {
    each(|p| {
        let is_map = |id: &_| matches!(p.graph.declared(*id).kind, Kind::Map { .. });
        let maps: Vec<u32> = p.graph.known_ids().filter(is_map).map(|id| id.0).collect();
        let listed: Vec<u32> = p.index.map_types().collect();
        assert_eq!(listed, maps, "{}", p.name);
        println!("{}: {} map types", p.name, maps.len());
        assert!(maps.len() > if p.is_zoo { 100 } else { 5 }, "{}", p.name);
    });
}

#[test]
fn constants_of_the_runtime_have_the_values_of_their_version() {
    each(|p| {
        let constant = |name| p.index.constant(name);
        let since = |minor, value| (p.minor >= minor).then_some(value);
        let moved = |before, after| if p.minor >= 25 { after } else { before };
        let wide = p.binary.abi.ptr_size == 8;
        let dead = 0xdead_dead_dead_dead_u64.cast_signed();
        for (name, value) in [
            // runtime/mheap.go
            ("runtime._KindSpecialFinalizer", Some(moved(1, 2))),
            ("runtime._KindSpecialCleanup", since(24, moved(6, 7))),
            ("runtime._KindSpecialBubble", since(25, 9)),
            ("runtime.mSpanDead", Some(0)),
            ("runtime.mSpanInUse", Some(1)),
            ("runtime.mSpanManual", Some(2)),
            // runtime/malloc.go, sizeclasses.go, stack.go, runtime2.go
            ("runtime._PageSize", Some(8192)),
            (
                "runtime.heapArenaBytes",
                Some(if wide { 64 << 20 } else { 4 << 20 }),
            ),
            ("runtime.mallocHeaderSize", since(22, 8)),
            ("runtime.fixedStack", since(21, 2048)),
            ("runtime._Gscan", Some(0x1000)),
            // an unsigned one that no int64 holds
            (
                "runtime.clobberdeadPtr",
                Some(if wide { dead } else { dead & 0xffff_ffff }),
            ),
            // none
            ("runtime.nothing", None),
            ("runtime.", None),
            ("internal/abi.MapBucketCount", None),
        ] {
            assert_eq!(constant(name), value, "{}: {name}", p.name);
        }
    });
}

#[test]
fn damaged_dwarf_gives_fewer_variables_and_no_panic() {
    let (mut tried, mut opened, mut found) = (0, 0, 0u64);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    each_file(|entry, path, bytes| {
        let binary = Binary::parse(bytes, path).unwrap();
        let regions: Vec<(usize, usize)> = [
            ".debug_info",
            ".debug_abbrev",
            ".debug_loc",
            ".debug_loclists",
            ".debug_ranges",
            ".debug_rnglists",
            ".debug_addr",
        ]
        .iter()
        .filter_map(|name| {
            let section = binary.section(name).ok()??;
            let start = (section.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
            let inside = start + section.len() <= bytes.len() && !section.is_empty();
            inside.then_some((start, section.len())) // else it was unpacked
        })
        .collect();
        println!("{}: {} sections to damage", entry.name, regions.len());
        for (start, len) in regions {
            for density in [20_000, 400] {
                let mut damaged = bytes.to_vec();
                for _ in 0..=len / density {
                    let at = start + (random() % len as u64) as usize;
                    let fill = [random() as u8, 0xff, 0x00, 0x80];
                    damaged[at] = fill[(random() % 4) as usize];
                }
                tried += 1;
                let binary = Binary::parse(&damaged, path).unwrap();
                let data = DwarfData::load(&binary).unwrap();
                let Ok(index) = DwarfIndex::new(&data, binary.abi.ptr_size, path) else {
                    continue;
                };
                opened += 1;
                for entry in index.entries().step_by(3) {
                    for off in [0, 40, 200] {
                        let pc = LinkAddr(entry.0.wrapping_add(off));
                        found += index.locals(pc).len() as u64;
                        found += index.locals_in_call(pc).len() as u64;
                    }
                }
            }
        }
    });
    println!("{tried} damaged, {opened} could be opened, {found} variables");
    assert!(tried > 20 && opened > 10 && found > 1000);
}
