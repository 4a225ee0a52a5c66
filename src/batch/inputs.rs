//! Which cores a batch is about: files, directories, patterns, lists and manifests become one list.
//! In: what was named, and whatever stands on standard input. Out: cores in a fixed order, each once, and the executables
//! that lay beside them. Files are told by their first bytes; nothing else of them is read.

use crate::batch::candidate::Candidate;
use crate::batch::candidate::text_of;
use crate::batch::error::BatchError;
use crate::batch::manifest::read_manifest;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::mmap::MappedFile;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// Files below one directory. A file system with more of them is hardly what was meant.
const MAX_FILES: u64 = 50_000_000;
/// Directories within directories.
const MAX_DEPTH: usize = 200;
/// Bytes of a list on standard input: a path each for that many files.
pub const MAX_LIST: u64 = 8 << 30;

/// What a batch is about.
#[derive(Default, Debug)]
pub struct Inputs {
    /// The cores, in the order they were named; those of a directory by path.
    pub cores: Vec<Candidate>,
    /// Executables that were found on the way.
    pub binaries: Vec<PathBuf>,
    /// Files in directories that are neither.
    pub others: u64,
    /// Directories that could not be read: path and why.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Cores that were named more than once.
    pub doubled: u64,
}

/// Makes the list. `-` among `paths` stands for the paths in `list`, one a line, or each ended by a zero byte.
/// # Errors
/// `BatchError` when a pattern is none or fits nothing, or a manifest cannot be read. A file that is not there is no
/// error: it gets a result like any other.
pub fn gather(paths: &[PathBuf], list: &[u8]) -> Result<Inputs, BatchError> {
    let mut out = Inputs::default();
    for path in paths {
        if path == Path::new("-") {
            for listed in split(list) {
                out.named(Path::new(OsStr::from_bytes(listed)), false)?;
            }
        } else {
            out.named(path, true)?;
        }
    }
    let mut seen = HashSet::new();
    let all = out.cores.len();
    out.cores.retain(|c| {
        // However it is spelled, and by whatever link it was found.
        let path = std::fs::canonicalize(&c.path);
        seen.insert(path.unwrap_or_else(|_| c.path.clone()))
    });
    out.doubled = all.saturating_sub(out.cores.len()) as u64;
    Ok(out)
}

/// The paths of a list.
fn split(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = if list.contains(&0) { 0 } else { b'\n' };
    list.split(move |b| *b == end)
        .map(move |line| match line.strip_suffix(b"\r") {
            Some(line) if end == b'\n' => line,
            _ => line,
        })
        .filter(|line| !line.is_empty())
}

impl Inputs {
    /// What somebody has named: by hand, or in a list, in which there are no patterns: others may choose the names.
    fn named(&mut self, path: &Path, by_hand: bool) -> Result<(), BatchError> {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {
                self.walk(path);
                Ok(())
            }
            Ok(meta) if meta.is_file() => self.file(path),
            Ok(_) => {
                self.cores.push(Candidate::listed(path));
                Ok(())
            }
            Err(_) if by_hand && is_pattern(path) && std::fs::symlink_metadata(path).is_err() => {
                self.pattern(path)
            }
            Err(_) => {
                self.cores.push(Candidate::listed(path));
                Ok(())
            }
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), BatchError> {
        match MappedFile::peek(path) {
            Ok(Kind::Executable | Kind::Shared) => self.binaries.push(path.to_path_buf()),
            Ok(Kind::Text) if path.extension() == Some(OsStr::new("toml")) => {
                self.cores.extend(read_manifest(path)?);
            }
            _ => self.cores.push(Candidate::listed(path)),
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &Path) -> Result<(), BatchError> {
        let error = |why: String| BatchError::Pattern {
            pattern: pattern.to_path_buf(),
            why,
        };
        let text = pattern
            .to_str()
            .ok_or_else(|| error("it is not UTF-8".into()))?;
        let paths = glob::glob(text).map_err(|e| error(e.to_string()))?;
        let mut any = false;
        for path in paths {
            any = true;
            match path {
                Ok(path) if path.is_dir() => self.walk(&path),
                Ok(path) => self.file(&path)?,
                Err(e) => {
                    let why = e.error().to_string();
                    self.unreadable.push((e.path().to_path_buf(), why));
                }
            }
        }
        if any {
            Ok(())
        } else {
            Err(error("nothing fits it".into()))
        }
    }

    /// A directory and all below it. Links to directories are not followed: they may lead in a circle.
    fn walk(&mut self, root: &Path) {
        let mut seen = 0u64;
        let mut dirs = vec![(root.to_path_buf(), 0usize)];
        let mut found: Vec<Candidate> = Vec::new();
        while let Some((dir, depth)) = dirs.pop() {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(e) => {
                    self.unreadable.push((dir, e.to_string()));
                    continue;
                }
            };
            for entry in entries.filter_map(Result::ok) {
                seen = seen.saturating_add(1);
                if seen > MAX_FILES {
                    let why = format!("it has more than {MAX_FILES} files");
                    self.unreadable.push((root.to_path_buf(), why));
                    break;
                }
                let path = entry.path();
                match entry.file_type() {
                    Ok(t) if t.is_dir() && depth < MAX_DEPTH => {
                        dirs.push((path, depth.saturating_add(1)));
                    }
                    Ok(t) if t.is_dir() => {
                        let why = format!("it lies more than {MAX_DEPTH} directories deep");
                        self.unreadable.push((path, why));
                    }
                    _ => self.entry(root, path, &mut found),
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        self.cores.append(&mut found);
        self.binaries.sort();
    }

    /// A file in a directory: a core, an executable, or nothing that concerns us. What has the name of a core and is
    /// none is looked at too: it is one that could not be written.
    fn entry(&mut self, root: &Path, path: PathBuf, found: &mut Vec<Candidate>) {
        let is_core = match MappedFile::peek(&path) {
            Ok(Kind::Core) => true,
            Ok(Kind::Executable | Kind::Shared) => {
                self.binaries.push(path);
                return;
            }
            // It may be one, and nobody could tell: its own process says why.
            Err(FileError::Open { source, .. }) if source.kind() != ErrorKind::NotFound => true,
            _ => is_named_core(&path),
        };
        if !is_core {
            self.others = self.others.saturating_add(1);
            return;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        found.push(Candidate {
            name: text_of(name),
            path,
            ..Candidate::default()
        });
    }
}

fn is_pattern(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.iter().any(|b| b"*?[".contains(b))
}

/// Whether a file has the name of a core: `core`, `core.4711`, `server.core`, `core.4711.zst`. Source: core(5), and
/// what systemd-coredump and gcore call theirs.
fn is_named_core(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    if name.ends_with(b".badmap") || name.ends_with(b".jsonl") {
        return false; // what badmap itself has made of one
    }
    let packed = [".zst", ".lz4", ".gz", ".xz"];
    let name = packed
        .iter()
        .find_map(|ext| name.strip_suffix(ext.as_bytes()))
        .unwrap_or(name);
    name == b"core" || name.starts_with(b"core.") || name.ends_with(b".core")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failed unwrap is a failed test
    use super::*;

    /// The first bytes of an ELF file of this type.
    fn elf(e_type: u8) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\x3e\0".to_vec();
        bytes[16] = e_type;
        bytes.resize(64, 0);
        bytes
    }

    fn names(inputs: &Inputs) -> Vec<&str> {
        inputs.cores.iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn a_directory_gives_what_is_a_core_or_is_called_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("b/core")).unwrap();
        for (name, bytes) in [
            ("b/core/dump", elf(4)),
            ("a.core", Vec::new()),
            ("core.7.zst", b"no such thing".to_vec()),
            ("server", elf(2)),
            ("lib.so", elf(3)),
            ("notes.txt", b"core".to_vec()),
            ("score", Vec::new()),
        ] {
            std::fs::write(at(name), bytes).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), at("circle")).unwrap();
        let inputs = gather(&[dir.path().to_path_buf()], b"").unwrap();
        assert_eq!(names(&inputs), ["a.core", "b/core/dump", "core.7.zst"]);
        assert_eq!(inputs.binaries, [at("lib.so"), at("server")]);
        assert_eq!(inputs.others, 3);
        assert_eq!(inputs.unreadable, []);
    }

    #[test]
    fn what_is_named_is_looked_at_whatever_it_is_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("x"), b"text").unwrap();
        std::fs::write(at("bin"), elf(2)).unwrap();
        let list = format!("{}\n\n{}\r\n", at("x").display(), at("gone").display());
        let paths = [PathBuf::from("-"), at("x"), at("bin")];
        let inputs = gather(&paths, list.as_bytes()).unwrap();
        let found: Vec<&Path> = inputs.cores.iter().map(|c| c.path.as_path()).collect();
        assert_eq!(found, [at("x"), at("gone")]);
        assert_eq!(inputs.doubled, 1);
        assert_eq!(inputs.binaries, [at("bin")]);
        let zero = format!("{}\0odd\nname\0", at("x").display());
        let inputs = gather(&[PathBuf::from("-")], zero.as_bytes()).unwrap();
        assert_eq!(inputs.cores[1].name, "odd\nname");
    }

    #[test]
    fn patterns_are_expanded_and_must_fit_something() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["c1", "c2", "d1"] {
            std::fs::write(dir.path().join(name), elf(4)).unwrap();
        }
        let pattern = |p: &str| vec![dir.path().join(p)];
        let inputs = gather(&pattern("c*"), b"").unwrap();
        assert_eq!(inputs.cores.len(), 2);
        for (bad, why) in [("e*", "nothing fits it"), ("***", "")] {
            let err = gather(&pattern(bad), b"").unwrap_err();
            assert!(matches!(&err, BatchError::Pattern { why: w, .. } if w.contains(why)));
        }
    }
}
