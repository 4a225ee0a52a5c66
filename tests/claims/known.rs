//! The table of the runtime's structs that serves stripped binaries, held against the DWARF of all others.
//! In: the unstripped binaries of the corpora. Out: fields and variables that lie elsewhere or are of
//! another size than `src/runtime/known.rs` has it.

use crate::BinaryEntry;
use crate::corpora;
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
use badmap::runtime::claims::FieldAt;
use badmap::runtime::globals::Globals;
use badmap::runtime::known::KnownTypes;
use badmap::runtime::program::Program;
use badmap::types::graph::Kind;
use badmap::types::graph::TypeGraph;
use badmap::types::graph::TypeId;
use std::path::Path;
use std::sync::Arc;

/// Claims that nothing needs of a binary without DWARF, so that `known.rs` leaves them out.
const WITH_DWARF_ONLY: [&str; 10] = [
    "_func",
    "inlinedCall",
    "stackObjectRecord",
    "special",
    "specialfinalizer",
    "specialCleanup",
    "cleanupFn",
    "hchan",
    "waitq",
    "sudog",
];

/// What the table of known structs says of one binary, against its DWARF. How many fields there were.
fn hold_known(entry: &BinaryEntry, path: &Path, failures: &mut Vec<String>) -> u32 {
    let file = MappedFile::open(path, &Scratch::new(std::env::temp_dir(), None), &Silent).unwrap();
    let binary = Binary::parse(file.bytes(), path).unwrap();
    let mut fail = |what: String| failures.push(format!("{} ({}): {what}", entry.name, entry.go));
    let known = KnownTypes::of(&entry.go, binary.machine, binary.abi);
    let Some(known) = known.filter(|_| binary.abi.ptr_size == 8) else {
        if binary.abi.ptr_size == 8 {
            fail("nothing is known of this version".into());
        }
        return 0;
    };
    let data = DwarfData::load(&binary).unwrap();
    let index = Arc::new(DwarfIndex::new(&data, binary.abi.ptr_size, path).unwrap());
    let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
    let table = TypeGraph::new(Box::new(known.clone()));
    let nothing = CoreFile {
        bytes: &[],
        abi: binary.abi,
        machine: binary.machine,
        segments: Vec::new(),
        notes: Vec::new(),
        notes_cut: false,
    };
    let memory = Memory::new(&nothing, Some(&binary), 0);
    let told = Program {
        mem: &memory,
        graph: &graph,
        index: &index,
        slide: 0,
        machine: binary.machine,
        globals: None,
    };
    let no_variables = Globals::default();
    let by_table = Program {
        graph: &table,
        globals: Some(&no_variables),
        ..told
    };
    let mut compared = 0;
    for claim in CLAIMS {
        if WITH_DWARF_ONLY.contains(&claim.name) {
            continue;
        }
        let padded = claim.name.starts_with("mheap") && entry.goarch != "amd64";
        let (want, got) = match (claim.bind(&told), claim.bind(&by_table)) {
            (None, None) => continue,
            (Some(_), None) if padded => continue,
            (Some(want), Some(got)) => (want, got),
            (want, got) => {
                let [want, got] = [want, got].map(|b| b.is_some());
                fail(format!("{}: in DWARF {want}, known {got}", claim.name));
                continue;
            }
        };
        if want.size != got.size {
            fail(format!(
                "{}: {} bytes, not {}",
                claim.name, got.size, want.size
            ));
        }
        for field in want.names() {
            let [w, g] = [&want, &got].map(|b| b.field(field));
            let place = |f: Option<FieldAt>| f.map(|f| (f.off, f.size));
            if place(w) != place(g) {
                fail(format!("{}.{field}: {g:?}, not {w:?}", claim.name));
            }
            if let (Some(w), Some(g)) = (w, g)
                && lens(&graph, w.ty) != lens(&table, g.ty)
            {
                fail(format!("{}.{field} has other elements", claim.name));
            }
            compared += 1;
        }
    }
    for name in known.variables() {
        let ty = known.variable_type(name).unwrap();
        match index.variable(name) {
            Some(v) if graph.get(TypeId(v.ty)).size == table.get(ty).size => compared += 1,
            Some(v) => fail(format!("{name} has {} bytes", graph.get(TypeId(v.ty)).size)),
            None => fail(format!("{name} is not there")),
        }
    }
    compared
}

/// Elements of an array, and of the array it leads to by a pointer, and so on.
fn lens(graph: &TypeGraph<'_>, mut ty: TypeId) -> Vec<u64> {
    let mut out = Vec::new();
    loop {
        match graph.get(ty).kind {
            Kind::Array { elem, len } => {
                out.push(len);
                ty = elem;
            }
            Kind::Pointer { elem: Some(elem) } if !out.is_empty() => ty = elem,
            _ => return out,
        }
    }
}

#[test]
fn the_table_for_stripped_binaries_is_what_the_dwarf_of_others_says() {
    let (mut failures, mut held) = (Vec::new(), 0);
    for corpus in corpora() {
        for entry in corpus.binaries.iter().filter(|b| !b.stripped) {
            let path = corpus.dir.join(&entry.file);
            if !path.exists() {
                println!("missing: {}", entry.file);
                continue;
            }
            let compared = hold_known(entry, &path, &mut failures);
            println!("{} ({}): {compared} as known", entry.name, entry.go);
            held += u32::from(compared > 80);
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(held > 0, "no binary at all");
}
