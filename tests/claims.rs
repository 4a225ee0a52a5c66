//! What badmap claims to know of Go's runtime, held against the binaries and cores of every version.
//! In: the unstripped binaries of the corpora, and one zoo core of each. Out: claims that do not bind
//! where they should or bind where they should not, and layouts on which DWARF and the process differ.
//! The program of a binary is the zoo or "hashes"; both hold a map type of every kind.
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

#[path = "claims/known.rs"]
mod known;
#[path = "claims/machine.rs"]
mod machine;

use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::dwarf::build::DwarfTypes;
use badmap::dwarf::index::DwarfIndex;
use badmap::dwarf::sections::DwarfData;
use badmap::file::binary::Binary;
use badmap::file::corefile::CoreFile;
use badmap::file::mmap::MappedFile;
use badmap::file::scratch::Scratch;
use badmap::process::memory::Memory;
use badmap::runtime::claims::CLAIMS;
use badmap::runtime::claims::Claim;
use badmap::runtime::program::Program;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use badmap::types::graph::Kind;
use badmap::types::graph::TypeGraph;
use badmap::types::graph::TypeId;
use serde::Deserialize;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

const CLASSIC_ONLY: [&str; 3] = ["hmap", "mapextra", "abi.MapType (classic)"];
const SWISS_ONLY: [&str; 4] = [
    "maps.Map",
    "maps.table",
    "maps.groupsReference",
    "abi.MapType (Swiss)",
];

/// Offsets of map headers and tables as compiled programs show them on 64-bit machines:
/// claim, field, offset by (first Go minor version, last, noswissmap). Not taken from `src`.
const OFFSETS: &[(&str, &str, u64, u32, u32)] = &[
    ("_func", "nameOff", 4, 19, 27),
    ("_func", "args", 8, 19, 27),
    ("_func", "pcsp", 16, 19, 27),
    ("_func", "pcfile", 20, 19, 27),
    ("_func", "pcln", 24, 19, 27),
    ("_func", "npcdata", 28, 19, 27),
    ("_func", "cuOffset", 32, 19, 27),
    ("_func", "flag", 37, 19, 19),
    ("_func", "flag", 41, 20, 27),
    ("_func", "nfuncdata", 39, 19, 19),
    ("_func", "nfuncdata", 43, 20, 27),
    ("inlinedCall", "nameOff", 12, 19, 19),
    ("inlinedCall", "nameOff", 4, 20, 27),
    ("inlinedCall", "parentPc", 16, 19, 19),
    ("inlinedCall", "parentPc", 8, 20, 27),
    ("stackObjectRecord", "off", 0, 19, 27),
    ("stackObjectRecord", "size", 4, 19, 27),
    ("stackObjectRecord", "ptrBytes", 8, 19, 27),
    ("stackObjectRecord", "gcdataoff", 12, 19, 27),
    ("hmap", "count", 0, 19, 25),
    ("hmap", "flags", 8, 19, 25),
    ("hmap", "B", 9, 19, 25),
    ("hmap", "noverflow", 10, 19, 25),
    ("hmap", "hash0", 12, 19, 25),
    ("hmap", "buckets", 16, 19, 25),
    ("hmap", "oldbuckets", 24, 19, 25),
    ("hmap", "nevacuate", 32, 19, 25),
    ("hmap", "extra", 40, 19, 23),
    ("hmap", "clearSeq", 40, 24, 25),
    ("hmap", "extra", 48, 24, 25),
    ("mapextra", "overflow", 0, 19, 25),
    ("mapextra", "oldoverflow", 8, 19, 25),
    ("mapextra", "nextOverflow", 16, 19, 25),
    ("maps.Map", "used", 0, 24, 27),
    ("maps.Map", "seed", 8, 24, 27),
    ("maps.Map", "dirPtr", 16, 24, 27),
    ("maps.Map", "dirLen", 24, 24, 27),
    ("maps.Map", "globalDepth", 32, 24, 27),
    ("maps.Map", "globalShift", 33, 24, 27),
    ("maps.Map", "writing", 34, 24, 27),
    ("maps.Map", "tombstonePossible", 35, 25, 27),
    ("maps.Map", "clearSeq", 40, 24, 27),
    ("maps.table", "used", 0, 24, 27),
    ("maps.table", "capacity", 2, 24, 27),
    ("maps.table", "growthLeft", 4, 24, 27),
    ("maps.table", "localDepth", 6, 24, 27),
    ("maps.table", "index", 8, 24, 27),
    ("maps.table", "groups", 16, 24, 27),
    ("maps.groupsReference", "data", 0, 24, 27),
    ("maps.groupsReference", "lengthMask", 8, 24, 27),
    ("abi.MapType (classic)", "KeySize", 80, 19, 25),
    ("abi.MapType (classic)", "ValueSize", 81, 19, 25),
    ("abi.MapType (classic)", "BucketSize", 82, 19, 25),
    ("abi.MapType (classic)", "Flags", 84, 19, 25),
    ("abi.MapType (Swiss)", "GroupSize", 80, 24, 27),
    ("abi.MapType (Swiss)", "Flags", 104, 24, 26),
    ("abi.MapType (Swiss)", "Flags", 128, 27, 27),
    ("abi.Type (pointers)", "Size_", 0, 19, 27),
    ("abi.Type (pointers)", "PtrBytes", 8, 19, 27),
    ("abi.Type (pointers)", "TFlag", 20, 19, 27),
    ("abi.Type (pointers)", "Kind_", 23, 19, 27),
    ("abi.Type (pointers)", "GCData", 32, 19, 27),
    ("heapArena", "bitmap", 0, 19, 21),
    ("heapArena", "spans", 2_097_152, 19, 19),
    ("heapArena", "spans", 1_064_960, 21, 21),
    ("heapArena", "spans", 0, 22, 27),
    ("mheap (spans)", "sweepgen", 65_848, 19, 19),
    ("mheap (spans)", "sweepgen", 65_856, 21, 27),
    ("mheap (spans)", "allspans", 65_856, 19, 19),
    ("mheap (spans)", "allspans", 65_864, 21, 27),
    ("mspan", "startAddr", 24, 19, 27),
    ("mspan", "npages", 32, 19, 27),
    ("mspan", "freeindex", 48, 19, 27),
    ("mspan", "nelems", 56, 19, 21),
    ("mspan", "nelems", 50, 22, 27),
    ("mspan", "allocBits", 72, 19, 21),
    ("mspan", "allocBits", 64, 22, 27),
    ("mspan", "gcmarkBits", 80, 19, 21),
    ("mspan", "gcmarkBits", 72, 22, 27),
    ("mspan", "spanclass", 98, 19, 19),
    ("mspan", "spanclass", 106, 21, 21),
    ("mspan", "spanclass", 98, 22, 27),
    ("mspan", "elemsize", 104, 19, 19),
    ("mspan", "elemsize", 112, 21, 21),
    ("mspan", "elemsize", 104, 22, 27),
    ("mspan", "largeType", 152, 22, 27),
    ("mspan (sweep)", "sweepgen", 88, 19, 19),
    ("mspan (sweep)", "sweepgen", 96, 21, 21),
    ("mspan (sweep)", "sweepgen", 88, 22, 27),
    ("mspan (sweep)", "specials", 128, 19, 19),
    ("mspan (sweep)", "specials", 136, 21, 21),
    ("mspan (sweep)", "specials", 128, 22, 27),
    ("mspan (sweep)", "isUserArenaChunk", 109, 21, 21),
    ("mspan (sweep)", "isUserArenaChunk", 101, 22, 27),
    ("spanInlineMarkBits", "marks", 64, 26, 27),
    ("special", "next", 0, 19, 27),
    ("special", "offset", 8, 19, 27),
    ("special", "kind", 10, 19, 23),
    ("special", "kind", 16, 24, 27),
    ("specialfinalizer", "special", 0, 19, 27),
    ("specialfinalizer", "fn", 16, 19, 23),
    ("specialfinalizer", "fn", 24, 24, 27),
    ("specialfinalizer", "ot", 40, 19, 23),
    ("specialfinalizer", "ot", 48, 24, 27),
    ("specialCleanup", "special", 0, 24, 27),
    ("specialCleanup", "fn", 24, 24, 25),
    ("specialCleanup", "cleanup", 24, 26, 27),
    ("cleanupFn", "fn", 8, 26, 27),
    ("cleanupFn", "arg", 16, 26, 27),
];

/// The same on 32-bit machines, as far as maps depend on it: there `uint64` is aligned to 4 bytes.
const OFFSETS_32: &[(&str, &str, u64, u32, u32)] = &[
    ("hmap", "count", 0, 19, 25),
    ("hmap", "flags", 4, 19, 25),
    ("hmap", "B", 5, 19, 25),
    ("hmap", "noverflow", 6, 19, 25),
    ("hmap", "hash0", 8, 19, 25),
    ("hmap", "buckets", 12, 19, 25),
    ("hmap", "oldbuckets", 16, 19, 25),
    ("hmap", "nevacuate", 20, 19, 25),
    ("hmap", "extra", 24, 19, 23),
    ("mapextra", "overflow", 0, 19, 25),
    ("mapextra", "oldoverflow", 4, 19, 25),
    ("mapextra", "nextOverflow", 8, 19, 25),
    ("maps.Map", "used", 0, 24, 27),
    ("maps.Map", "seed", 8, 24, 27),
    ("maps.Map", "dirPtr", 12, 24, 27),
    ("maps.Map", "dirLen", 16, 24, 27),
    ("maps.Map", "globalDepth", 20, 24, 27),
    ("maps.Map", "globalShift", 21, 24, 27),
    ("maps.Map", "writing", 22, 24, 27),
    ("maps.Map", "tombstonePossible", 23, 25, 27),
    ("maps.Map", "clearSeq", 24, 24, 27),
    ("maps.table", "used", 0, 24, 27),
    ("maps.table", "capacity", 2, 24, 27),
    ("maps.table", "growthLeft", 4, 24, 27),
    ("maps.table", "localDepth", 6, 24, 27),
    ("maps.table", "index", 8, 24, 27),
    ("maps.table", "groups", 12, 24, 27),
    ("maps.groupsReference", "data", 0, 24, 27),
    ("maps.groupsReference", "lengthMask", 4, 24, 27),
    ("abi.MapType (classic)", "KeySize", 48, 19, 25),
    ("abi.MapType (classic)", "ValueSize", 49, 19, 25),
    ("abi.MapType (classic)", "BucketSize", 50, 19, 25),
    ("abi.MapType (classic)", "Flags", 52, 19, 25),
    ("abi.MapType (Swiss)", "GroupSize", 48, 24, 27),
    ("abi.MapType (Swiss)", "Flags", 60, 24, 26),
    ("abi.MapType (Swiss)", "Flags", 72, 27, 27),
    ("abi.Type (pointers)", "Size_", 0, 19, 27),
    ("abi.Type (pointers)", "PtrBytes", 4, 19, 27),
    ("abi.Type (pointers)", "TFlag", 12, 19, 27),
    ("abi.Type (pointers)", "Kind_", 15, 19, 27),
    ("abi.Type (pointers)", "GCData", 20, 19, 27),
];

/// Structs of 32-bit numbers alone: their offsets are the same on every machine.
const NO_WORDS: [&str; 3] = ["_func", "inlinedCall", "stackObjectRecord"];

/// What is known of the offsets on machines of this word.
fn offsets(word: u8) -> impl Iterator<Item = &'static (&'static str, &'static str, u64, u32, u32)> {
    let wide = OFFSETS
        .iter()
        .filter(move |o| word == 8 || NO_WORDS.contains(&o.0));
    wide.chain(OFFSETS_32.iter().filter(move |_| word == 4))
}

/// Claims that hold in programs that use the thing, and are silent in others: (claim, minor version, one machine
/// if not all). The linker drops what is not used.
const IF_USED: [(&str, u32, &str); 2] = [("specialCleanup", 24, ""), ("inlinedCall", 19, "s390x")];
/// Claims that an experiment brings before its version: (claim, part of the binary's version).
const BY_EXPERIMENT: [(&str, &str); 1] = [("spanInlineMarkBits", "greenteagc")];

/// What these tests want of a MANIFEST.toml; `corpora/README.md` says what the fields mean.
#[derive(Deserialize)]
struct Corpus {
    #[serde(skip)]
    dir: PathBuf,
    #[serde(rename = "binary")]
    binaries: Vec<BinaryEntry>,
    #[serde(rename = "core")]
    cores: Vec<CoreEntry>,
}

#[derive(Deserialize)]
struct BinaryEntry {
    name: String,
    file: String,
    go: String,
    goarch: String,
    maps: String,
    stripped: bool,
}

#[derive(Deserialize)]
struct CoreEntry {
    file: String,
    binary: String,
    scenario: String,
    size: u64,
}

/// The golden corpus, and those named in `BADMAP_CORPUS` (separated by colons).
fn corpora() -> Vec<Corpus> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/golden");
    let more = std::env::var("BADMAP_CORPUS").unwrap_or_default();
    let mut dirs = vec![golden];
    dirs.extend(more.split(':').filter(|d| !d.is_empty()).map(PathBuf::from));
    let read = |dir: PathBuf| {
        let path = dir.join("MANIFEST.toml");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let corpus: Corpus =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Corpus { dir, ..corpus }
    };
    dirs.into_iter().map(read).collect()
}

/// `go1.27.3-X:mapsplitgroup` is 27.
fn minor(go: &str) -> u32 {
    let digits: String = go
        .strip_prefix("go1.")
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

/// Whether the binary of this entry may have what the claim says or not, as it happens to be.
fn is_open(claim: &Claim, binary: &BinaryEntry) -> bool {
    let here = |(name, of, machine): &(&str, u32, &str)| {
        *name == claim.name && *of == minor(&binary.go) && binary.goarch.starts_with(*machine)
    };
    IF_USED.iter().any(here)
        || BY_EXPERIMENT
            .iter()
            .any(|(name, by)| *name == claim.name && binary.go.contains(by))
}

/// Whether the binary of this entry has to have what the claim says.
fn is_due(claim: &Claim, binary: &BinaryEntry) -> bool {
    let classic = binary.maps == "classic";
    if CLASSIC_ONLY.contains(&claim.name) {
        return classic; // up to go1.23 all, then with noswissmap
    }
    let in_range = (claim.since..=claim.until).contains(&minor(&binary.go));
    in_range && !(classic && SWISS_ONLY.contains(&claim.name))
}

/// Binds every claim in one binary, without any process.
fn hold_claims(entry: &BinaryEntry, path: &Path, failures: &mut Vec<String>) {
    let file = MappedFile::open(path, &Scratch::new(std::env::temp_dir(), None), &Silent).unwrap();
    let binary = Binary::parse(file.bytes(), path).unwrap();
    let data = DwarfData::load(&binary).unwrap();
    let index = Arc::new(DwarfIndex::new(&data, binary.abi.ptr_size, path).unwrap());
    let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
    let nothing = CoreFile {
        bytes: &[],
        abi: binary.abi,
        machine: binary.machine,
        segments: Vec::new(),
        notes: Vec::new(),
        notes_cut: false,
    };
    let memory = Memory::new(&nothing, Some(&binary), 0);
    let program = Program {
        mem: &memory,
        graph: &graph,
        index: &index,
        slide: 0,
        machine: binary.machine,
        globals: None,
    };
    let mut fail = |what: String| failures.push(format!("{} ({}): {what}", entry.name, entry.go));
    if index.damaged_units > 0 {
        fail(format!(
            "{} units of its DWARF count as damaged",
            index.damaged_units
        ));
    }
    let (mut bound, mut compared) = (0, 0);
    for claim in CLAIMS {
        let found = claim.bind(&program);
        match (&found, is_due(claim, entry)) {
            _ if is_open(claim, entry) => bound += u32::from(found.is_some()),
            (None, true) => fail(missing_part(claim, &program)),
            (Some(_), false) => fail(format!(
                "{} binds, though this program has no such maps",
                claim.name
            )),
            (Some(_), true) => bound += 1,
            (None, false) => {}
        }
        let Some(found) = found else { continue };
        for (_, field, off, since, until) in
            offsets(binary.abi.ptr_size).filter(|o| o.0 == claim.name)
        {
            let here = (*since..=*until).contains(&minor(&entry.go));
            match found.off(field) {
                Some(got) if here && got != *off => {
                    fail(format!("{}.{field} at {got}, not at {off}", claim.name))
                }
                None if here => fail(format!("{}.{field} is not there", claim.name)),
                _ => compared += u32::from(here),
            }
        }
        // What exists in some versions only is asked for by name, so a slip of the pen is silent.
        let optional: Vec<&str> = claim
            .optional
            .iter()
            .copied()
            .filter(|f| found.field(f).is_some())
            .collect();
        if !optional.is_empty() {
            println!("{}: {} has {}", entry.name, claim.name, optional.join(", "));
        }
    }
    println!(
        "{} ({}): {bound} of {} claims bind, {compared} offsets as known",
        entry.name,
        entry.go,
        CLAIMS.len()
    );
}

/// Which type or field of a claim this program lacks.
fn missing_part(claim: &Claim, program: &Program<'_, '_>) -> String {
    let Some(ty) = claim.types.iter().find_map(|t| program.type_named(t)) else {
        return format!("{}: no type {}", claim.name, claim.types.join(" or "));
    };
    let ty = program.graph.get(ty);
    let lacks = claim
        .fields
        .iter()
        .filter(|f| f.iter().all(|s| ty.field(s).is_none()));
    let lacks: Vec<String> = lacks.map(|f| f.join(" or ")).collect();
    format!(
        "{}: {} has no field {}",
        claim.name,
        ty.name,
        lacks.join(", ")
    )
}

#[test]
fn every_claim_binds_in_the_versions_it_names_and_no_others() {
    let (mut failures, mut held, mut missing) = (Vec::new(), 0, 0);
    for corpus in corpora() {
        for entry in corpus.binaries.iter().filter(|b| !b.stripped) {
            let path = corpus.dir.join(&entry.file);
            if !path.exists() {
                println!("missing: {}", entry.file);
                missing += 1;
                continue;
            }
            hold_claims(entry, &path, &mut failures);
            held += 1;
        }
    }
    println!("{held} binaries, {missing} missing");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(held > 0, "no binary at all");
}

#[test]
fn every_optional_field_exists_in_some_version() {
    let mut never: Vec<String> = CLAIMS
        .iter()
        .flat_map(|c| c.optional.iter().map(|f| format!("{}.{f}", c.name)))
        .collect();
    for corpus in corpora() {
        for entry in corpus
            .binaries
            .iter()
            .filter(|b| !b.stripped && corpus.dir.join(&b.file).exists())
        {
            let path = corpus.dir.join(&entry.file);
            let file = MappedFile::open(&path, &Scratch::new(std::env::temp_dir(), None), &Silent)
                .unwrap();
            let binary = Binary::parse(file.bytes(), &path).unwrap();
            let data = DwarfData::load(&binary).unwrap();
            let index = Arc::new(DwarfIndex::new(&data, binary.abi.ptr_size, &path).unwrap());
            let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
            never.retain(|name| {
                let claim = CLAIMS
                    .iter()
                    .find(|c| name.starts_with(&format!("{}.", c.name)))
                    .unwrap();
                let field = &name[claim.name.len() + 1..];
                let types = claim.types.iter().filter_map(|t| index.type_by_name(t));
                !types
                    .map(TypeId)
                    .any(|t| graph.get(t).field(field).is_some())
            });
        }
    }
    assert!(
        never.is_empty(),
        "claimed as optional, but in no version of the corpus: {}",
        never.join(", ")
    );
}

/// A map type as its own descriptor tells it, in the words of `SlotLayout`.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    size: u64,
    keys_off: Option<u64>,
    key_stride: u64,
    elems_off: Option<u64>,
    elem_stride: u64,
    indirect_key: bool,
    indirect_elem: bool,
}

/// Reads a map descriptor by literal offsets. Source: `internal/abi/type.go` and `map*.go`,
/// `MapType`, `OldMapType`, `SwissMapType`; up to go1.19 `runtime/type.go`, `maptype`.
fn told_by_descriptor(
    mem: &Memory<'_>,
    at: Addr,
    classic: bool,
    minor: u32,
) -> Result<Told, String> {
    let w = mem.abi.word();
    let addr = |off: u64| at.checked_add(off).unwrap();
    let fault = |f: badmap::base::fault::Fault| f.to_string();
    let byte = |off| mem.read_u8(addr(off)).map(u64::from).map_err(fault);
    let word = |off| mem.read_uptr(addr(off)).map_err(fault);
    let kind = byte(2 * w + 7)? & 31;
    if kind != 21 {
        return Err(format!("its kind is {kind}, not 21"));
    }
    // Behind the common head of 4 words and 16 bytes: key, elem, bucket or group, hash function.
    let own = 4 * w + 16 + 4 * w;
    if classic {
        let (key, elem) = (byte(own)?, byte(own + 1)?);
        let bucket = mem.read_u16(addr(own + 2)).map_err(fault)?;
        let flags = mem.read_u32(addr(own + 4)).map_err(fault)?;
        return Ok(Told {
            size: u64::from(bucket),
            keys_off: Some(8),
            key_stride: key,
            elems_off: Some(8 + 8 * key),
            elem_stride: elem,
            indirect_key: flags & 1 != 0,
            indirect_elem: flags & 2 != 0,
        });
    }
    let words = if minor >= 27 { 6 } else { 3 };
    let flags = mem.read_u32(addr(own + words * w)).map_err(fault)?;
    let (indirect_key, indirect_elem) = (flags & 4 != 0, flags & 8 != 0);
    let size = word(own)?;
    if minor >= 27 {
        return Ok(Told {
            size,
            keys_off: Some(word(own + w)?),
            key_stride: word(own + 2 * w)?,
            elems_off: Some(word(own + 3 * w)?),
            elem_stride: word(own + 4 * w)?,
            indirect_key,
            indirect_elem,
        });
    }
    let (slot, elem_off) = (word(own + w)?, word(own + 2 * w)?);
    Ok(Told {
        size,
        keys_off: Some(8),
        key_stride: slot,
        elems_off: Some(8 + elem_off),
        elem_stride: slot,
        indirect_key,
        indirect_elem,
    })
}

/// Compares every map type that has a descriptor; how many there were.
fn compare_types(s: &Session<'_, '_>, entry: &BinaryEntry, failures: &mut Vec<String>) -> u32 {
    let program = &s.reader.program;
    let start = s
        .modules
        .list
        .first()
        .expect("the first module")
        .types
        .start;
    let mut compared = 0;
    for (off, ty) in program.index.descriptors() {
        let ty = TypeId(ty);
        let Kind::Map { .. } = program.graph.get(ty).kind else {
            continue;
        };
        let name = program.graph.declared(ty).name.to_string();
        let mut fail = |what: String| failures.push(format!("{}: {name}: {what}", entry.name));
        let at = start.checked_add(off).unwrap();
        let told =
            match told_by_descriptor(program.mem, at, entry.maps == "classic", minor(&entry.go)) {
                Ok(told) => told,
                Err(why) => {
                    fail(format!("descriptor at {at}: {why}"));
                    continue;
                }
            };
        let Some(l) = s.reader.slots(ty) else {
            fail("DWARF gives no slot layout".into());
            continue;
        };
        let ours = Told {
            size: l.size,
            keys_off: Some(l.keys_off),
            key_stride: l.key_stride,
            elems_off: Some(l.elems_off),
            elem_stride: l.elem_stride,
            indirect_key: l.indirect_key,
            indirect_elem: l.indirect_elem,
        };
        if ours != told {
            fail(format!("\n    DWARF   {ours:?}\n    process {told:?}"));
        }
        let word = program.mem.abi.word();
        if entry.maps == "classic" && l.overflow_off != Some(told.size - word) {
            fail(format!(
                "overflow pointer at {:?} of {} bytes",
                l.overflow_off, told.size
            ));
        }
        if (l.key_size, l.elem_size) != sizes_in_slot(program, ty, &told) {
            fail(format!(
                "key of {} and elem of {} bytes in the slot",
                l.key_size, l.elem_size
            ));
        }
        compared += 1;
    }
    compared
}

/// Bytes of key and elem in a slot: their types' sizes, or a pointer's.
fn sizes_in_slot(program: &Program<'_, '_>, ty: TypeId, told: &Told) -> (u64, u64) {
    let Kind::Map { key, elem, .. } = program.graph.get(ty).kind else {
        panic!("a map")
    };
    let size = |t: TypeId, indirect| {
        if indirect {
            program.mem.abi.word()
        } else {
            program.graph.get(t).size
        }
    };
    (size(key, told.indirect_key), size(elem, told.indirect_elem))
}

fn request(core: PathBuf, binary: PathBuf) -> Request {
    Request {
        files: vec![core, binary],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::None,
        digest_key: None,
        index: None,
    }
}

/// A core of this binary whose program holds a map type of every kind.
fn all_types_of<'c>(corpus: &'c Corpus, binary: &BinaryEntry) -> Option<&'c CoreEntry> {
    let of_it = |c: &&CoreEntry| {
        let has_all = c.scenario == "zoo" || c.scenario.starts_with("hashes");
        c.binary == binary.name && has_all && corpus.dir.join(&c.file).exists()
    };
    corpus.cores.iter().filter(of_it).min_by_key(|c| c.size)
}

#[test]
fn dwarf_and_the_process_agree_on_every_map_type() {
    let (mut failures, mut versions) = (Vec::new(), 0);
    for corpus in corpora() {
        for entry in corpus.binaries.iter().filter(|b| !b.stripped) {
            let Some(core) = all_types_of(&corpus, entry) else {
                println!("missing: a zoo or hashes core of {}", entry.name);
                continue;
            };
            let req = request(corpus.dir.join(&core.file), corpus.dir.join(&entry.file));
            let compared = with_session(&req, &Silent, |s| {
                Ok(compare_types(s, entry, &mut failures))
            })
            .unwrap();
            println!("{}: {compared} map types compared", entry.name);
            if compared <= 100 {
                failures.push(format!(
                    "{}: only {compared} map types with a descriptor",
                    entry.name
                ));
            }
            versions += 1;
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{versions} binaries");
    assert!(versions > 0, "no zoo core at all");
}
