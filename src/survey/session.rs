//! Opens a process and binds everything that later steps ask: files, memory, types, heap, layouts.
//! In: a request. Out: a `Session` that borrows all of it, handed to the caller's work. Over 400 lines: one
//! sequence, in which each step needs those before it.

use crate::base::progress::Progress;
use crate::dwarf::build::DwarfTypes;
use crate::dwarf::error::DwarfError;
use crate::dwarf::index::DwarfIndex;
use crate::dwarf::sections::DwarfData;
use crate::file::binary::Binary;
use crate::file::binary::GoBuildInfo;
use crate::file::corefile::CoreFile;
use crate::file::error::FileError;
use crate::file::mmap::MappedFile;
use crate::find::search::Grounds;
use crate::hash::hasher::Hashers;
use crate::maps::layout::MapLayouts;
use crate::maps::reader::MapReader;
use crate::maps::value::Values;
use crate::process::cpu::Cpu;
use crate::process::image;
use crate::process::memory::Memory;
use crate::process::threads::Thread;
use crate::process::threads::read_threads;
use crate::runtime::globals::Globals;
use crate::runtime::goroutines::Dying;
use crate::runtime::goroutines::Goroutines;
use crate::runtime::goroutines::read_goroutines;
use crate::runtime::heap::Heap;
use crate::runtime::known::KnownTypes;
use crate::runtime::machine::read_cpuid;
use crate::runtime::machine::read_host;
use crate::runtime::modules::Modules;
use crate::runtime::pclntab::PcTables;
use crate::runtime::program::Program;
use crate::runtime::specials::LateSpecials;
use crate::runtime::typemeta::TypeMeta;
use crate::runtime::version::is_untested;
use crate::runtime::version::is_version;
use crate::survey::error::SurveyError;
use crate::survey::inputs::Given;
use crate::survey::inputs::Identity;
use crate::survey::inputs::Pairing;
use crate::survey::inputs::find_binary;
use crate::survey::inputs::open_given;
use crate::survey::redact::process_identity;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use crate::survey::result::BinaryFrom;
use crate::survey::result::Match;
use crate::survey::result::ProcessInfo;
use crate::types::graph::TypeGraph;
use std::path::Path;
use std::sync::Arc;

/// A process, opened and bound.
#[derive(Debug)]
pub struct Session<'s, 'a> {
    /// Reads maps; holds the program.
    pub reader: MapReader<'s, 'a>,
    /// The modules.
    pub modules: &'s Modules,
    /// Reads values.
    pub values: Values<'s, 'a>,
    /// What the notes say.
    pub identity: &'s Identity,
    /// The threads.
    pub threads: &'s [Thread],
    /// Finalizers and cleanups.
    pub specials: &'s LateSpecials<'s, 'a>,
    /// The function tables.
    pub tables: &'s PcTables<'s, 'a>,
    /// The goroutines, if their list could be read.
    pub goroutines: Option<Goroutines>,
    /// The thread that stopped the process, if one did.
    pub dying: Option<Dying>,
    /// Whether the program's types are known. Without DWARF they are not: the runtime's own structs
    /// stand in a table, what can be found of its variables is bound, and no map can be looked for.
    pub typed: bool,
    /// What was opened.
    pub process: ProcessInfo,
    /// What was linked into the binary: the lines of its build information.
    pub modinfo: String,
    /// What of the files or of the runtime's variables is missing, in words: no survey of such a process
    /// is complete.
    pub missing: Vec<String>,
}

impl<'s, 'a> Session<'s, 'a> {
    /// For work that is nothing without the program's types.
    /// # Errors
    /// `DwarfError::Stripped` when there are none.
    pub fn require_types(&self) -> Result<(), SurveyError> {
        match self.typed {
            true => Ok(()),
            false => Err(SurveyError::Dwarf(DwarfError::Stripped {
                path: self.process.binary.clone(),
            })),
        }
    }

    /// What a search for maps is made in.
    pub fn grounds(&self) -> Grounds<'_, 's, 'a> {
        Grounds {
            reader: self.reader,
            modules: self.modules,
            tables: self.tables,
            goroutines: self.goroutines.as_ref(),
            threads: self.threads,
            specials: self.specials,
        }
    }
}

/// Opens the process of a request and does `work` on it; at the end the inputs must not have changed.
/// # Errors
/// Whatever keeps badmap from reading the process, and `work`'s own.
pub fn with_session<R>(
    req: &Request,
    progress: &dyn Progress,
    work: impl FnOnce(&Session<'_, '_>) -> Result<R, SurveyError>,
) -> Result<R, SurveyError> {
    let Given {
        core: core_file,
        binary: named,
    } = open_given(req, progress)?;
    let core = CoreFile::parse(core_file.bytes(), core_file.path())?;
    let identity = Identity::read(&core);
    let (binary_file, binary_from) = match named {
        Some(file) => (file, BinaryFrom::Given),
        None => find_binary(req, core_file.path(), &identity)?,
    };
    let binary = Binary::parse(binary_file.bytes(), binary_file.path())?;
    let pairing = pair(req, core_file.path(), &core, &identity, &binary)?;
    let Some(go) = &binary.go else {
        return Err(SurveyError::NotGo {
            path: binary.path().to_path_buf(),
        });
    };
    progress.phase("reading types", None);
    let known = known_types(&binary, go)?;
    let data = match known {
        None => Some(DwarfData::load(&binary)?),
        Some(_) => None,
    };
    let index = Arc::new(match &data {
        Some(data) => DwarfIndex::new(data, binary.abi.ptr_size, binary.path())?,
        None => DwarfIndex::empty(binary.abi.ptr_size),
    });
    let graph = TypeGraph::new(match &known {
        None => Box::new(DwarfTypes::new(index.clone())),
        Some(known) => Box::new(known.clone()),
    });
    let slide = image::slide(&identity.notes, &binary);
    let mut memory = Memory::new(&core, Some(&binary), slide);
    memory.set_leaves_out(identity.notes.how_dumped == "gcore");
    let threads = read_threads(&core);
    let program = Program {
        mem: &memory,
        graph: &graph,
        index: &index,
        slide,
        machine: core.machine,
        globals: None,
    };
    let globals = known
        .as_ref()
        .map(|known| Globals::find(program, known, &binary, &threads));
    let program = Program {
        globals: globals.as_ref(),
        ..program
    };
    let not_found = known.iter().zip(&globals).flat_map(|(k, g)| g.lacks(k));
    let not_found: Vec<&str> = not_found.collect();
    let claimed = program.build_version().filter(|v| is_version(v));
    // Equal build IDs prove more than a string in memory that anything may have written over.
    if let Some(claimed) = claimed
        .as_ref()
        .filter(|c| !go.version.is_empty() && **c != go.version)
        && pairing.matched == Match::Unverified
        && !req.allow_mismatch
    {
        let what = format!(
            "the process was built with {claimed}, the binary with {}",
            go.version
        );
        return Err(mismatch(core_file.path(), &binary, what));
    }
    let version = claimed.unwrap_or_else(|| go.version.clone());
    let modules = Modules::read(&program);
    let heap = Heap::bind(&program, &modules);
    let meta = TypeMeta::bind(program, &modules);
    let no_maps = || SurveyError::NoMaps {
        path: binary.path().to_path_buf(),
        go: version.clone(),
    };
    let layouts = MapLayouts::bind(&program).ok_or_else(no_maps)?;
    let tables = PcTables::open(&memory, &modules.tables());
    let hashers = Hashers::new(program, &meta, &tables, &version);
    let specials = LateSpecials::new(program, &heap);
    let goroutines = read_goroutines(&program);
    let files = Opened {
        core_file: &core_file,
        binary: &binary,
        binary_from,
        pairing: &pairing,
    };
    let mut process = describe(
        &files,
        &core,
        &identity,
        &program,
        &version,
        &layouts,
        &threads,
        goroutines.as_ref(),
        hashers.setup().name,
    );
    if req.values != ValueMode::Clear {
        process.command = None; // the name of a thread, which programs may choose
    }
    let values = Values {
        program,
        meta: &meta,
    };
    process.identity = process_identity(&values, &identity.notes);
    let session = Session {
        reader: MapReader {
            program,
            heap: &heap,
            meta: &meta,
            layouts: &layouts,
            hashers: &hashers,
        },
        modules: &modules,
        values,
        identity: &identity,
        threads: &threads,
        tables: &tables,
        specials: &specials,
        dying: goroutines.as_ref().and_then(Goroutines::dying),
        goroutines,
        missing: missing(&[&core_file, &binary_file], &process, &not_found),
        modinfo: go.modinfo.clone(),
        typed: known.is_none(),
        process,
    };
    let result = work(&session)?;
    core_file.verify_unchanged()?;
    binary_file.verify_unchanged()?;
    Ok(result)
}

/// The table of the runtime's structs, for a binary without DWARF; `None` for one that has it.
/// # Errors
/// `StrippedUnknown` where there is neither.
fn known_types(binary: &Binary<'_>, go: &GoBuildInfo) -> Result<Option<KnownTypes>, SurveyError> {
    if binary.has_dwarf() {
        return Ok(None);
    }
    match KnownTypes::of(&go.version, binary.machine, binary.abi) {
        None => Err(SurveyError::Dwarf(DwarfError::StrippedUnknown {
            path: binary.path().to_path_buf(),
            go: format!("{} for {}", go.version, binary.machine.goarch(binary.abi)),
        })),
        known => Ok(known),
    }
}

/// What of the files is missing, and which variables of the runtime could not be found without symbols.
fn missing(files: &[&MappedFile], process: &ProcessInfo, not_found: &[&str]) -> Vec<String> {
    let cut = files.iter().filter(|f| f.cut_short());
    let mut out: Vec<String> = cut
        .map(|f| format!("the packed file {} ends too early", f.path().display()))
        .collect();
    if process.missing_bytes > 0 {
        out.push(format!(
            "{} bytes are cut off the core file",
            process.missing_bytes
        ));
    }
    if !not_found.is_empty() {
        out.push(format!(
            "the binary has no symbols, and without them these variables could not be found: {}",
            not_found.join(", ")
        ));
    }
    out
}

fn mismatch(core: &Path, binary: &Binary<'_>, what: String) -> SurveyError {
    SurveyError::Mismatch {
        core: core.to_path_buf(),
        binary: binary.path().to_path_buf(),
        what,
    }
}

/// Makes sure that core and binary belong together, unless the user wants to go on regardless.
fn pair(
    req: &Request,
    core_path: &Path,
    core: &CoreFile<'_>,
    identity: &Identity,
    binary: &Binary<'_>,
) -> Result<Pairing, SurveyError> {
    if core.machine != binary.machine || core.abi != binary.abi {
        let (c, b) = (
            core.machine.goarch(core.abi),
            binary.machine.goarch(binary.abi),
        );
        return Err(mismatch(
            core_path,
            binary,
            format!("the core is of {c}, the binary of {b}"),
        ));
    }
    let pairing = identity.matches(binary);
    if pairing.matched == Match::Mismatch && !req.allow_mismatch {
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let what = format!(
            "build IDs differ: core {}, binary {}",
            id(&pairing.core),
            id(&pairing.binary)
        );
        return Err(mismatch(core_path, binary, what));
    }
    let fits = image::entry_fits(&identity.notes, binary);
    if pairing.matched == Match::Unverified && !fits && !req.allow_mismatch {
        let what = match (&pairing.core, &pairing.binary) {
            (_, None) => {
                "the binary holds no build ID, as every Go program does, and its entry point is not the core's"
            }
            (None, Some(_)) => {
                "the core holds no build ID, and its entry point is not this binary's"
            }
            (Some(_), Some(_)) => {
                "the core's build ID is Go's, the binary's is not, and the entry points differ"
            }
        };
        return Err(mismatch(core_path, binary, what.into()));
    }
    Ok(pairing)
}

/// The files of a session.
struct Opened<'o, 'a> {
    core_file: &'o MappedFile,
    binary: &'o Binary<'a>,
    binary_from: BinaryFrom,
    pairing: &'o Pairing,
}

#[allow(clippy::too_many_arguments)] // it gathers what all the others found, in one place
fn describe(
    files: &Opened<'_, '_>,
    core: &CoreFile<'_>,
    identity: &Identity,
    program: &Program<'_, '_>,
    version: &str,
    layouts: &MapLayouts,
    threads: &[Thread],
    goroutines: Option<&Goroutines>,
    hash: &'static str,
) -> ProcessInfo {
    let coverage = program.mem.coverage();
    let notes = &identity.notes;
    ProcessInfo {
        go: version.to_string(),
        untested: is_untested(version),
        os: "linux",
        arch: core.machine.goarch(core.abi),
        maps: layouts.family.as_str(),
        hash,
        core: files.core_file.path().to_path_buf(),
        snapshot: None,
        core_size: core.bytes.len() as u64,
        compressed: files.core_file.compressed(),
        binary: files.binary.path().to_path_buf(),
        binary_from: files.binary_from,
        matched: files.pairing.matched,
        core_build_id: files.pairing.core.clone(),
        binary_build_id: files.pairing.binary.clone(),
        identity: None,
        pid: notes.pid,
        command: notes.command.clone(),
        cpu: Cpu::read(core, notes, program.mem, read_cpuid(program)),
        host: read_host(program, notes),
        how_dumped: notes.how_dumped,
        threads: threads.len(),
        goroutines: goroutines.map(|g| g.list.len() as u64),
        slide: program.slide,
        dwarf: program.index.version,
        dumped_bytes: coverage.dumped,
        missing_bytes: coverage.truncated,
        missing: coverage
            .truncated_ranges
            .iter()
            .map(|r| (r.start, r.size()))
            .collect(),
        from_binary_bytes: coverage.from_binary,
        not_dumped_bytes: coverage.not_dumped,
    }
}

impl From<FileError> for Box<SurveyError> {
    fn from(e: FileError) -> Self {
        Box::new(SurveyError::File(e))
    }
}
