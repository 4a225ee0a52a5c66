//! What is still possible without DWARF and without symbols.
//! In: the golden cores, above all the one of a stripped binary. Out: its goroutines and its crash as the
//! commands tell them; the runtime's variables, found in every amd64 process as if it were stripped and held
//! against its DWARF; the names of types as their descriptors tell them.
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

#[allow(dead_code)] // other tests want the rest of it
#[path = "corpus/files.rs"]
mod files;

use badmap::base::home::Home;
use badmap::base::progress::Silent;
use badmap::dwarf::error::DwarfError;
use badmap::dwarf::index::DwarfIndex;
use badmap::dwarf::sections::DwarfData;
use badmap::file::binary::Binary;
use badmap::file::corefile::CoreFile;
use badmap::file::mmap::MappedFile;
use badmap::file::scratch::Scratch;
use badmap::process::image::slide;
use badmap::process::memory::Memory;
use badmap::process::notes::Notes;
use badmap::process::threads::read_threads;
use badmap::runtime::globals::Globals;
use badmap::runtime::known::KnownTypes;
use badmap::runtime::program::Program;
use badmap::survey::ending::CrashKind;
use badmap::survey::error::SurveyError;
use badmap::survey::request::Request;
use badmap::survey::request::Target;
use badmap::survey::request::ValueMode;
use badmap::survey::request::Window;
use badmap::survey::run::check;
use badmap::survey::run::goroutines;
use badmap::survey::run::info;
use badmap::survey::run::show;
use badmap::survey::run::survey;
use badmap::survey::session::with_session;
use badmap::types::graph::Kind;
use badmap::types::graph::TypeGraph;
use badmap::types::graph::TypeId;
use files::CoreFiles;
use files::corpora;
use std::collections::BTreeMap;
use std::path::Path;

const STRIPPED: &str = "go1.27-stripped-fatal-writes";

fn request(core: &Path, binary: &Path) -> Request {
    Request {
        files: vec![core.to_path_buf(), binary.to_path_buf()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::None,
        digest_key: None,
        index: None,
    }
}

/// Does `test` with the files of every core whose manifest entry passes `wanted`.
fn each(wanted: impl Fn(&str, &CoreFiles) -> bool, mut test: impl FnMut(&str, &CoreFiles)) {
    let mut tested = 0;
    for corpus in corpora() {
        for core in &corpus.cores {
            match corpus.files_of(core) {
                Some(files) if wanted(&core.name, &files) => {
                    test(&core.name, &files);
                    tested += 1;
                }
                Some(_) => {}
                None => println!("missing: {}", core.file),
            }
        }
    }
    println!("{tested} cores");
    assert!(tested > 0, "no such core at all");
}

#[test]
fn crash_and_goroutines_are_told_without_dwarf() {
    each(
        |name, _| name == STRIPPED,
        |_, files| {
            let req = request(&files.core, &files.binary_path);
            let (process, crash) = info(&req, &Silent).unwrap();
            assert_eq!(process.dwarf, 0);
            assert_eq!(crash.kind, CrashKind::Map);
            let message = "fatal error: concurrent map writes";
            assert_eq!(crash.message.as_deref(), Some(message));
            let list = goroutines(&req, None, &Silent).unwrap();
            assert_eq!(list.gaps, [""; 0]);
            assert_eq!(list.unreadable, 0);
            let mut rows = list.goroutines.iter();
            let dead = rows.find(|g| Some(g.id) == crash.goroutine).unwrap();
            assert_eq!(dead.broken, None);
            let sources = dead.frames.iter().flat_map(|f| f.source.iter());
            let names: Vec<&str> = sources.map(|s| s.function.as_str()).collect();
            println!("{names:#?}");
            let at = |wanted: &str| {
                let is_it = |f: &str| f == wanted || f.starts_with(&format!("{wanted}."));
                names.iter().rposition(|f| is_it(f))
            };
            let order = [
                at("runtime.sigtramp"),
                at("runtime.systemstack"),
                at("runtime.fatalthrow"),
                at("internal/runtime/maps.fatal"),
                at("main.runFatalWrites"),
                at("runtime.goexit"),
            ];
            assert!(order.iter().all(Option::is_some), "{order:?}");
            assert!(order.is_sorted(), "{order:?}");
            let waits = list
                .goroutines
                .iter()
                .filter_map(|g| g.wait_reason.as_ref());
            assert!(waits.count() > 3, "texts of wait reasons");
        },
    );
}

#[test]
fn what_needs_types_says_that_there_are_none() {
    each(
        |name, _| name == STRIPPED,
        |_, files| {
            let req = request(&files.core, &files.binary_path);
            let target = Target::Path("main.m".into());
            let none = Window {
                offset: 0,
                limit: 0,
            };
            let refused = show(&req, &target, none, None, None, &Silent).unwrap_err();
            let stripped = matches!(refused, SurveyError::Dwarf(DwarfError::Stripped { .. }));
            assert!(stripped, "{refused}");
            // The crash is told all the same; of the maps nothing is proven.
            let told = check(&req, &Silent).unwrap();
            assert_eq!(told.crash.kind, CrashKind::Map);
            assert_eq!(told.maps.len(), 1);
            assert!(told.find_gaps_total > 0 && !told.crash.blame.unwrap().gaps.is_empty());
        },
    );
}

/// Every variable that was looked for: where it is by its users' code, and by the DWARF.
#[test]
fn variables_found_by_code_are_where_the_dwarf_has_them() {
    let mut wrong = Vec::new();
    each(
        |_, f| f.binary.goarch == "amd64" && !f.binary.stripped,
        |name, files| {
            let open = |path: &Path| {
                MappedFile::open(path, &Scratch::new(std::env::temp_dir(), None), &Silent).unwrap()
            };
            let (core_file, binary_file) = (open(&files.core), open(&files.binary_path));
            let core = CoreFile::parse(core_file.bytes(), core_file.path()).unwrap();
            let binary = Binary::parse(binary_file.bytes(), binary_file.path()).unwrap();
            let slide = slide(&Notes::read(&core), &binary);
            let version = &binary.go.as_ref().unwrap().version;
            let known = KnownTypes::of(version, binary.machine, binary.abi).unwrap();
            let program = Program {
                mem: &Memory::new(&core, Some(&binary), slide),
                graph: &TypeGraph::new(Box::new(known.clone())),
                index: &DwarfIndex::empty(8),
                slide,
                machine: core.machine,
                globals: None,
            };
            let found = Globals::find(program, &known, &binary, &read_threads(&core));
            let data = DwarfData::load(&binary).unwrap();
            let index = DwarfIndex::new(&data, 8, binary_file.path()).unwrap();
            for variable in known.variables() {
                let at = found.get(variable).map(|(addr, _)| addr);
                let told = index.variable(variable).map(|v| v.addr.slid(slide));
                if at != told {
                    wrong.push(format!("{name}: {variable} at {at:?}, not {told:?}"));
                }
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A copy of a binary in which no DWARF can be found: its section has another name.
fn as_if_stripped(binary: &Path) -> tempfile::NamedTempFile {
    let packed = std::fs::read(binary).unwrap();
    let mut bytes = zstd::stream::decode_all(packed.as_slice()).unwrap();
    for name in [b"\0.debug_info\0".as_slice(), b"\0.zdebug_info\0"] {
        let at = bytes.windows(name.len()).position(|w| w == name);
        if let Some(at) = at {
            bytes[at + 1] = b'-';
        }
    }
    let mut out = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut out, &bytes).unwrap();
    out
}

/// All cores of 64-bit machines: on amd64 nothing is missing, elsewhere it is said what is.
#[test]
fn goroutines_and_crash_are_the_same_without_dwarf() {
    let mut wrong = Vec::new();
    each(
        |_, f| !f.binary.stripped && !["386", "mips", "arm"].contains(&f.binary.goarch.as_str()),
        |name, files| {
            let copy = as_if_stripped(&files.binary_path);
            let req = request(&files.core, copy.path());
            let without = goroutines(&req, None, &Silent).unwrap();
            assert_eq!(without.process.dwarf, 0, "{name}");
            if files.binary.goarch != "amd64" {
                assert!(without.goroutines.is_empty());
                let said = without.gaps.iter().any(|g| g.contains("runtime.allm"));
                assert!(said, "{name}: {:?}", without.gaps);
                return;
            }
            let req = request(&files.core, &files.binary_path);
            let with = goroutines(&req, None, &Silent).unwrap();
            let text = |part: &dyn std::fmt::Debug| format!("{part:?}");
            if text(&with.goroutines) != text(&without.goroutines) {
                wrong.push(format!("{name}: other goroutines"));
            }
            if text(&with.crash) != text(&without.crash) {
                wrong.push(format!("{name}: {:?}, not {:?}", without.crash, with.crash));
            }
            if with.gaps != without.gaps {
                wrong.push(format!("{name}: {:?}, not {:?}", without.gaps, with.gaps));
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without what leads to a package, which DWARF has in full.
fn without_paths(name: &str) -> String {
    let mut out = String::new();
    for c in name.replace("noalg.", "").chars() {
        if c == '/' {
            let kept = out.trim_end_matches(|c: char| c.is_alphanumeric() || "._-%~".contains(c));
            out.truncate(kept.len());
        } else {
            out.push(c);
        }
    }
    out
}

#[test]
fn descriptors_tell_names_and_maps_as_the_dwarf_does() {
    let (mut maps, mut others, mut wrong) = (0, 0, Vec::new());
    each(
        |name, f| !f.binary.stripped && (name.ends_with("-zoo") || name.ends_with("-hashes")),
        |name, files| {
            let req = request(&files.core, &files.binary_path);
            with_session(&req, &Silent, |s| {
                assert!(s.typed);
                let (program, meta) = (&s.reader.program, s.reader.meta);
                let types = s.modules.list[0].types.start;
                for (off, ty) in program.index.descriptors() {
                    let at = types.checked_add(off).unwrap();
                    // Up to go1.22 the linker writes an address where an offset belongs, for this type.
                    if &*program.graph.get(TypeId(ty)).name == "uintptr" {
                        continue;
                    }
                    let ty = program.graph.get(TypeId(ty));
                    let is_map = matches!(ty.kind, Kind::Map { .. });
                    if is_map != meta.is_map_type(at) {
                        wrong.push(format!("{name}: {} a map: {}", ty.name, !is_map));
                    }
                    let told = meta.name_at(at);
                    let plain = !ty.name.contains(['{', '(', '·', '\u{b7}', '%']);
                    if told.as_deref().map(without_paths) != Some(without_paths(&ty.name))
                        && (plain || told.is_none())
                    {
                        wrong.push(format!("{name}: {} is told as {told:?}", ty.name));
                    }
                    maps += u32::from(is_map);
                    others += u32::from(!is_map);
                }
                Ok(())
            })
            .unwrap();
        },
    );
    println!("{maps} maps, {others} other types");
    assert!(maps > 500 && others > 5000, "too few");
    let some = wrong.len().min(40);
    assert!(
        wrong.is_empty(),
        "{}: {}",
        wrong.len(),
        wrong[..some].join("\n")
    );
}

/// With its address and the descriptor of its type, a map is read as with DWARF.
#[test]
fn maps_at_a_known_address_are_read_without_dwarf() {
    let mut wrong = Vec::new();
    each(
        |name, f| f.binary.goarch == "amd64" && name.ends_with("-zoo"),
        |name, files| {
            let maps = survey(&request(&files.core, &files.binary_path), &Silent).unwrap();
            let copy = as_if_stripped(&files.binary_path);
            let (mut read, mut entries) = (0, 0);
            with_session(&request(&files.core, copy.path()), &Silent, |s| {
                let meta = s.reader.meta;
                let types: BTreeMap<String, TypeId> = meta
                    .map_types()
                    .into_iter()
                    .map(|(at, ty)| (meta.name_at(at).unwrap(), ty))
                    .collect();
                for row in maps.maps.iter().filter(|m| m.kind != "syncmap") {
                    let Some(ty) = types.get(&row.ty) else {
                        continue; // of a package with a path, or made by reflect
                    };
                    let image = s.reader.read(row.addr, s.reader.slots(*ty).unwrap());
                    let home = s.reader.heap.home(row.addr);
                    if !image.gaps.is_empty() || image.claimed_len() != row.len {
                        wrong.push(format!("{name}: {} at {}", row.ty, row.addr));
                    }
                    if matches!(home, Home::Unknown | Home::Unmapped | Home::FreeSpan) {
                        wrong.push(format!("{name}: {} lies in {home:?}", row.addr));
                    }
                    read += 1;
                    entries += row.len.unwrap_or(0);
                }
                Ok(())
            })
            .unwrap();
            println!("{name}: {read} maps, {entries} entries");
            assert!(read > 100, "{name}: only {read} maps");
        },
    );
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn map_types_have_names_without_dwarf() {
    each(
        |name, _| name == STRIPPED,
        |_, files| {
            let req = request(&files.core, &files.binary_path);
            with_session(&req, &Silent, |s| {
                assert!(!s.typed);
                let meta = s.reader.meta;
                let found = meta.map_types();
                let named: Vec<String> = found
                    .iter()
                    .filter_map(|(at, _)| meta.name_at(*at))
                    .collect();
                assert!(named.len() > 50 && named.len() == found.len());
                assert!(named.iter().any(|n| n == "map[string]int"), "{named:?}");
                assert!(found.iter().all(|(at, _)| meta.is_map_type(*at)));
                let laid_out = found.iter().filter(|(_, ty)| s.reader.slots(*ty).is_some());
                assert_eq!(laid_out.count(), found.len());
                assert!(s.reader.heap.is_bound() && s.reader.heap.spans().is_complete());
                Ok(())
            })
            .unwrap();
        },
    );
}
