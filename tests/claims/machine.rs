//! What the runtime noted of its machine, held against real programs and cores.
//! In: the unstripped binaries and all cores of the corpora. Out: variables that are not what `claims.rs` says, and
//! cores that do not tell their CPU, or tell another host than the one that is written into them.

use crate::BinaryEntry;
use crate::corpora;
use crate::minor;
use crate::request;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::dwarf::build::DwarfTypes;
use badmap::dwarf::index::DwarfIndex;
use badmap::dwarf::sections::DwarfData;
use badmap::file::binary::Binary;
use badmap::file::mmap::MappedFile;
use badmap::file::scratch::Scratch;
use badmap::process::environ::host_on_stack;
use badmap::process::notes::AT_RANDOM;
use badmap::runtime::claims::ENVS;
use badmap::runtime::claims::VARIABLES;
use badmap::runtime::machine::host_by_go;
use badmap::runtime::program::Program;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use badmap::types::graph::TypeGraph;
use badmap::types::graph::TypeId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const AT_EXECFN: u64 = 31;

/// What the variables of one binary are that should be others.
fn wrong_variables(entry: &BinaryEntry, path: &Path) -> Vec<String> {
    let file = MappedFile::open(path, &Scratch::new(std::env::temp_dir(), None), &Silent).unwrap();
    let binary = Binary::parse(file.bytes(), path).unwrap();
    let data = DwarfData::load(&binary).unwrap();
    let index = Arc::new(DwarfIndex::new(&data, binary.abi.ptr_size, path).unwrap());
    let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
    let mut wrong = Vec::new();
    for claim in VARIABLES {
        let here = claim.machines.is_empty() || claim.machines.contains(&&*entry.goarch);
        let due = here && (claim.since..=claim.until).contains(&minor(&entry.go));
        let found = index.variable(claim.name);
        let ty = found.map(|v| graph.declared(TypeId(v.ty)).name.to_string());
        println!("{} ({}): {} {ty:?}", entry.name, entry.goarch, claim.name);
        match ty {
            None if due => wrong.push(format!("{}: no {}", entry.name, claim.name)),
            Some(ty) if ty != claim.ty => {
                wrong.push(format!("{}: {} is of type {ty}", entry.name, claim.name));
            }
            _ => {}
        }
    }
    wrong
}

#[test]
fn every_variable_is_in_the_versions_it_names_and_of_its_type() {
    let (mut wrong, mut held) = (Vec::new(), 0);
    for corpus in corpora() {
        for entry in corpus.binaries.iter().filter(|b| !b.stripped) {
            let path = corpus.dir.join(&entry.file);
            if path.exists() {
                wrong.extend(wrong_variables(entry, &path));
                held += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held > 0, "no binary at all");
}

/// Asks for the host after a host's name was written over a string of the environment, in memory: what was
/// written, and what comes back.
fn planted<R>(
    s: &Session<'_, '_>,
    place: Option<(Addr, usize)>,
    ask: impl FnOnce(&Program<'_, '_>) -> R,
) -> Option<(String, R)> {
    let (at, len) = place?;
    let program = s.reader.program;
    let name = "h".repeat(len - "HOSTNAME=".len());
    let text = format!("HOSTNAME={name}");
    let patched = program.mem.patched(at, text.as_bytes())?;
    let program = Program {
        mem: &patched,
        ..program
    };
    Some((name, ask(&program)))
}

/// The last string on the first stack that belongs to the environment: the path of the program lies behind it.
fn string_on_stack(s: &Session<'_, '_>) -> Option<(Addr, usize)> {
    let notes = &s.identity.notes;
    let (start, end) = (notes.aux(AT_RANDOM)? + 16, notes.aux(AT_EXECFN)?);
    let bytes = s.reader.program.mem.bytes(Addr(start), end - start).ok()?;
    let (mut at, mut place) = (start, None);
    for text in bytes.split(|b| *b == 0) {
        if text.len() > 12 && text.contains(&b'=') {
            place = Some((Addr(at), text.len()));
        }
        at += text.len() as u64 + 1;
    }
    place
}

/// A string of `runtime.envs`: the runtime has copies of its own.
fn string_of_go(s: &Session<'_, '_>) -> Option<(Addr, usize)> {
    let program = s.reader.program;
    let mem = program.mem;
    let (data, count, _) = program.variable(ENVS.name)?.slice().ok()?;
    let mut all = (0..count).map(|i| {
        let at = data.element(i, 2 * mem.abi.word()).unwrap();
        let len = mem.read_uptr(at.checked_add(mem.abi.word()).unwrap());
        (mem.read_addr(at).unwrap(), len.unwrap() as usize)
    });
    all.rfind(|(_, len)| *len > 12)
}

/// What is wrong with what a core says of its machine.
fn wrong_machine(s: &Session<'_, '_>, entry: &BinaryEntry, seen: &mut Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let cpu = s.process.cpu.as_ref();
    let name = cpu.map(|c| c.name.as_str());
    let x86 = matches!(&*entry.goarch, "amd64" | "386");
    let told = match name {
        Some(n) if x86 && !entry.stripped => n.contains("intel family ") && n.contains("stepping"),
        Some(n) => n.starts_with("hwcap 0x"),
        None => entry.goarch == "mips", // qemu gives the process a vector without it
    };
    if !told {
        wrong.push(format!("its CPU is {name:?}"));
    }
    if cpu.is_some_and(|c| c.xcr0.is_some() != x86 || (x86 && c.platform.is_none())) {
        wrong.push(format!("its CPU is {cpu:?}"));
    }
    let what = format!(
        "{} {} {} {} {} {}",
        s.process.go,
        entry.goarch,
        s.process.how_dumped,
        if entry.stripped { "stripped" } else { "DWARF" },
        name.unwrap_or("-"),
        cpu.and_then(|c| c.platform.as_deref()).unwrap_or("-"),
    );
    *seen.entry(what).or_default() += 1;
    let notes = &s.identity.notes;
    let by_stack = planted(s, string_on_stack(s), |p| host_on_stack(p.mem, notes));
    if by_stack
        .as_ref()
        .is_none_or(|(name, got)| got.as_ref() != Some(name))
    {
        wrong.push(format!("the host on its stack is {by_stack:?}"));
    }
    let by_go = planted(s, string_of_go(s), host_by_go);
    let told = by_go
        .as_ref()
        .is_some_and(|(name, got)| got.as_ref() == Some(name));
    if told == entry.stripped {
        wrong.push(format!("the host by Go is {by_go:?}"));
    }
    wrong
}

/// How many cores say what.
type Seen = BTreeMap<String, u32>;

#[test]
fn every_core_tells_its_cpu_and_its_host() {
    let (mut wrong, mut seen) = (Vec::new(), Seen::new());
    for corpus in corpora() {
        for core in &corpus.cores {
            let entry = corpus.binaries.iter().find(|b| b.name == core.binary);
            let entry = entry.expect("a core has its binary in the manifest");
            let (path, binary) = (corpus.dir.join(&core.file), corpus.dir.join(&entry.file));
            if !path.exists() || !binary.exists() {
                println!("missing: {}", core.file);
                continue;
            }
            let found = with_session(&request(path, binary), &Silent, |s| {
                Ok(wrong_machine(s, entry, &mut seen))
            });
            let found = found.unwrap_or_else(|e| vec![e.to_string()]);
            wrong.extend(found.into_iter().map(|w| format!("{}: {w}", core.file)));
        }
    }
    for (what, cores) in &seen {
        println!("{cores} cores: {what}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!seen.is_empty(), "no core at all");
}
