//! Which of the given files is the core, which the binary, and whether they belong together.
//! In: a request. Out: mapped files, told apart by content and paired by build ID.

use crate::base::progress::Progress;
use crate::base::progress::Silent;
use crate::file::binary::Binary;
use crate::file::binary::BuildIds;
use crate::file::binary::ids_from_start;
use crate::file::corefile::CoreFile;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use crate::file::mmap::MappedFile;
use crate::process::image;
use crate::process::memory::Memory;
use crate::process::notes::AT_PHDR;
use crate::process::notes::Notes;
use crate::survey::error::SurveyError;
use crate::survey::error::Wanted;
use crate::survey::request::Request;
use crate::survey::result::BinaryFrom;
use crate::survey::result::Match;
use std::path::Path;
use std::path::PathBuf;

/// Files looked at in one `--binary-dir`.
const MAX_DIR_FILES: usize = 100_000;

/// The core file and, if it was named, the binary.
#[derive(Debug)]
pub struct Given {
    /// The core file.
    pub core: MappedFile,
    /// The binary.
    pub binary: Option<MappedFile>,
}

/// Opens what was named, and tells which is which.
/// # Errors
/// When a file cannot be opened or unpacked, or there is no core, or more than one of a kind.
pub fn open_given(req: &Request, progress: &dyn Progress) -> Result<Given, SurveyError> {
    let (mut core, mut binary): (Option<MappedFile>, Option<MappedFile>) = (None, None);
    if let Some(path) = &req.binary {
        let file = MappedFile::open(path, &req.scratch, progress)?;
        require(
            &file,
            |k| matches!(k, Kind::Executable | Kind::Shared),
            "an ELF executable",
        )?;
        binary = Some(file);
    }
    for path in &req.files {
        let file = MappedFile::open(path, &req.scratch, progress)?;
        let two = |what| SurveyError::Arguments {
            path: path.clone(),
            what,
        };
        match sniff(file.bytes()) {
            Kind::Core if core.is_some() => {
                return Err(two("it is a core file, and so is the one before"));
            }
            Kind::Core => core = Some(file),
            Kind::Executable | Kind::Shared if binary.is_some() => {
                return Err(two("it is an executable, and another one was given"));
            }
            Kind::Executable | Kind::Shared => binary = Some(file),
            found => {
                let wanted = if core.is_some() {
                    "an ELF executable"
                } else {
                    "a core file"
                };
                return Err(FileError::WrongKind {
                    path: path.clone(),
                    found,
                    wanted,
                }
                .into());
            }
        }
    }
    match core {
        Some(core) => Ok(Given { core, binary }),
        None => {
            let path = req.files.first().cloned().unwrap_or_default();
            let found = binary.as_ref().map_or(Kind::Unknown, |b| sniff(b.bytes()));
            Err(FileError::WrongKind {
                path,
                found,
                wanted: "a core file",
            }
            .into())
        }
    }
}

fn require(
    file: &MappedFile,
    test: impl Fn(Kind) -> bool,
    wanted: &'static str,
) -> Result<(), SurveyError> {
    let found = sniff(file.bytes());
    if test(found) {
        return Ok(());
    }
    Err(FileError::WrongKind {
        path: file.path().to_path_buf(),
        found,
        wanted,
    }
    .into())
}

/// A GNU build ID as people write it.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

/// What the core says of its own executable.
#[derive(Debug)]
pub struct Identity {
    /// The notes.
    pub notes: Notes,
    /// Build IDs the process carried.
    pub ids: BuildIds,
    /// Path of its executable.
    pub exe: Option<PathBuf>,
}

impl Identity {
    /// Reads it from the core alone.
    pub fn read(core: &CoreFile<'_>) -> Identity {
        let notes = Notes::read(core);
        let memory = Memory::new(core, None, 0);
        let ids = image::build_ids(&memory, &notes);
        let headers = notes.aux(AT_PHDR).unwrap_or(0);
        let exe = notes
            .files
            .iter()
            .find(|f| f.range.start.0 <= headers && headers < f.range.end.0);
        let exe = exe.map(|f| PathBuf::from(f.path.trim_end_matches(" (deleted)")));
        Identity { ids, exe, notes }
    }

    /// Whether a binary is the one that made the core.
    pub fn matches(&self, binary: &Binary<'_>) -> Pairing {
        self.matches_ids(&binary.build_ids)
    }

    /// The same, given the build IDs of the binary.
    fn matches_ids(&self, binary: &BuildIds) -> Pairing {
        let pairs = [
            (
                self.ids.gnu.as_deref().map(hex),
                binary.gnu.as_deref().map(hex),
            ),
            (self.ids.go.clone(), binary.go.clone()),
        ];
        for (core, bin) in pairs.iter().rev() {
            if let (Some(core), Some(bin)) = (core, bin) {
                let matched = if core == bin {
                    Match::Yes
                } else {
                    Match::Mismatch
                };
                return Pairing {
                    matched,
                    core: Some(core.clone()),
                    binary: Some(bin.clone()),
                };
            }
        }
        let [gnu, go] = pairs;
        Pairing {
            matched: Match::Unverified,
            core: go.0.or(gnu.0),
            binary: go.1.or(gnu.1),
        }
    }
}

/// The result of comparing build IDs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pairing {
    /// Whether they belong together.
    pub matched: Match,
    /// The core's build ID.
    pub core: Option<String>,
    /// The binary's, of the same kind where both have one.
    pub binary: Option<String>,
}

/// Finds a binary that was not named: by the core's own notes, then by build ID in the directories.
/// # Errors
/// `NoBinary` with what was tried; `File` when there is no room to unpack one that may be it.
pub fn find_binary(
    req: &Request,
    core: &Path,
    identity: &Identity,
) -> Result<(MappedFile, BinaryFrom), SurveyError> {
    let mut tried = Vec::new();
    match &identity.exe {
        Some(exe) => match try_binary(req, exe, identity)? {
            Ok(file) => return Ok((file, BinaryFrom::CoreNotes)),
            Err(why) => tried.push(format!("{} (named in the core) {why}", exe.display())),
        },
        None => tried.push("the core does not name it".to_string()),
    }
    if let Some(index) = req.index.as_ref().filter(|i| !i.is_empty()) {
        match index.find(&identity.ids) {
            Some(path) => match try_binary(req, path, identity)? {
                Ok(file) => return Ok((file, BinaryFrom::BinaryDir)),
                Err(why) => tried.push(format!("{} has its build ID, but {why}", path.display())),
            },
            None if identity.ids == BuildIds::default() => {
                tried.push("the core holds no build ID to look for".to_string());
            }
            None => tried.push(format!(
                "none of the {} executables that were listed has its build ID",
                index.len()
            )),
        }
    }
    for dir in &req.binary_dirs {
        if identity.ids == BuildIds::default() {
            tried.push(format!(
                "{} could not be searched: the core holds no build ID",
                dir.display()
            ));
            continue;
        }
        if let Err(e) = std::fs::read_dir(dir) {
            tried.push(format!("{} cannot be read: {e}", dir.display()));
            continue;
        }
        let (found, looked_at) = search_dir(req, dir, identity)?;
        if let Some(file) = found {
            return Ok((file, BinaryFrom::BinaryDir));
        }
        tried.push(format!(
            "none of {looked_at} executables in {} has the core's build ID",
            dir.display()
        ));
    }
    Err(SurveyError::NoBinary {
        core: core.to_path_buf(),
        tried: tried.join("; "),
        wanted: Box::new(Wanted {
            go: identity.ids.go.clone(),
            gnu: identity.ids.gnu.as_deref().map(hex),
            path: identity.exe.clone(),
        }),
    })
}

/// A binary, or why it is not the one.
type Tried = Result<MappedFile, &'static str>;

fn try_binary(req: &Request, path: &Path, identity: &Identity) -> Result<Tried, SurveyError> {
    let file = match MappedFile::open(path, &req.scratch, &Silent) {
        Ok(file) => file,
        Err(e) if no_room(&e) => return Err(e.into()),
        Err(_) => return Ok(Err("cannot be opened here")),
    };
    let pairing = Binary::parse(file.bytes(), path).map(|b| identity.matches(&b).matched);
    Ok(match pairing {
        Ok(Match::Yes | Match::Unverified) => Ok(file),
        Ok(Match::Mismatch) => Err("is another build now"),
        Err(_) => Err("is not an ELF executable"),
    })
}

/// Whether a file could not be unpacked for reasons that lie not in the file but in the place for it.
fn no_room(e: &FileError) -> bool {
    matches!(e, FileError::Scratch { .. } | FileError::Full { .. })
}

/// Searches a directory and what is below it; the file with the core's build ID, and how many
/// executables were looked at.
fn search_dir(
    req: &Request,
    dir: &Path,
    identity: &Identity,
) -> Result<(Option<MappedFile>, usize), SurveyError> {
    let (mut looked_at, mut seen) = (0usize, 0usize);
    // One that could not be unpacked may be the one, if no other is.
    let mut refused = None;
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        paths.sort();
        for path in paths {
            seen = seen.saturating_add(1);
            if seen > MAX_DIR_FILES {
                dirs.clear();
                break;
            }
            if std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir()) {
                dirs.push(path);
                continue;
            }
            // A directory may hold any number of packed binaries: those that show another ID in their first bytes are
            // not unpacked.
            let Ok(start) = MappedFile::peek_start(&path) else {
                continue;
            };
            if !matches!(sniff(&start), Kind::Executable | Kind::Shared) {
                continue;
            }
            looked_at = looked_at.saturating_add(1);
            if ids_from_start(&start)
                .is_some_and(|ids| identity.matches_ids(&ids).matched == Match::Mismatch)
            {
                continue;
            }
            let file = match MappedFile::open(&path, &req.scratch, &Silent) {
                Ok(file) => file,
                Err(e) if no_room(&e) => {
                    refused.get_or_insert(e);
                    continue;
                }
                Err(_) => continue,
            };
            let same = Binary::parse(file.bytes(), &path)
                .is_ok_and(|b| identity.matches(&b).matched == Match::Yes);
            if same {
                return Ok((Some(file), looked_at));
            }
        }
    }
    refused.map_or(Ok((None, looked_at)), |e: FileError| Err(e.into()))
}
