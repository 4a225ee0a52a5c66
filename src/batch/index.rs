//! The executables of a batch by build ID, listed once for all cores.
//! In: directories, and executables found beside the cores. Out: a `BinaryIndex`, and how many executables show no
//! build ID. Of a packed executable only the start is unpacked, so that no file can keep the whole batch busy.

use crate::batch::error::BatchError;
use crate::file::binary::Binary;
use crate::file::binary::BuildIds;
use crate::file::binary::ids_from_start;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use crate::file::mmap::MappedFile;
use crate::file::stream::write_whole;
use crate::survey::binaries::BinaryIndex;
use crate::survey::inputs::hex;
use serde::Deserialize;
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// The file in a directory of executables that remembers their build IDs.
pub const CACHE: &str = ".badmap-index.jsonl";
/// Bytes of that file that are read.
const MAX_CACHE: u64 = 1 << 30;
/// Files looked at below one directory.
const MAX_FILES: usize = 1_000_000;

/// One executable, as the index keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Entry {
    /// Its path; in a cache, below the directory.
    pub path: String,
    /// Its size in bytes when it was looked at.
    #[serde(default)]
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    #[serde(default)]
    pub mtime: i64,
    /// Go's build ID.
    pub go: Option<String>,
    /// The GNU build ID in hex.
    pub gnu: Option<String>,
}

/// The executables of a batch.
#[derive(Default, Debug)]
pub struct Listed {
    /// Those with a build ID, in order of their paths, directory by directory.
    pub entries: Vec<Entry>,
    /// Executables without one at their start.
    pub nameless: u64,
}

impl Listed {
    /// Lists what lies below a directory. With `cache`, what stands in its `.badmap-index.jsonl` is believed of files
    /// that have not changed since, and the file is written anew if any has. Why it could not be is no error: fleets
    /// share such directories, and cannot write to them.
    /// # Errors
    /// `File` when the directory cannot be read.
    pub fn add_dir(&mut self, dir: &Path, cache: bool) -> Result<Option<io::Error>, BatchError> {
        std::fs::read_dir(dir).map_err(|source| BatchError::File {
            doing: "reading the directory",
            path: dir.to_path_buf(),
            source,
        })?;
        let known = if cache {
            read_cache(dir)
        } else {
            HashMap::new()
        };
        let mut found = Vec::new();
        for path in files_below(dir) {
            let Some(below) = path.strip_prefix(dir).ok().and_then(Path::to_str) else {
                continue;
            };
            let Some((size, mtime)) = stamp(&path) else {
                continue;
            };
            let same = known
                .get(below)
                .filter(|e| (e.size, e.mtime) == (size, mtime));
            let entry = match same {
                Some(entry) => Some(entry.clone()),
                None => look(&path).map(|ids| Entry {
                    path: below.to_owned(),
                    size,
                    mtime,
                    go: ids.go,
                    gnu: ids.gnu.as_deref().map(hex),
                }),
            };
            found.extend(entry);
        }
        let is_new =
            found.len() != known.len() || found.iter().any(|e| known.get(&e.path) != Some(e));
        let written = (cache && is_new).then(|| write_cache(dir, &found));
        for entry in found {
            self.take(Entry {
                path: dir.join(&entry.path).to_string_lossy().into_owned(),
                ..entry
            });
        }
        Ok(written.and_then(Result::err))
    }

    /// Adds one executable.
    pub fn add_file(&mut self, path: &Path) {
        if let (Some(ids), Some(text)) = (look(path), path.to_str()) {
            self.take(Entry {
                path: text.to_owned(),
                size: 0,
                mtime: 0,
                go: ids.go,
                gnu: ids.gnu.as_deref().map(hex),
            });
        }
    }

    fn take(&mut self, entry: Entry) {
        if entry.go.is_none() && entry.gnu.is_none() {
            self.nameless = self.nameless.saturating_add(1);
        } else {
            self.entries.push(entry);
        }
    }
}

/// The index that these entries make.
pub fn index_of(entries: impl IntoIterator<Item = Entry>) -> BinaryIndex {
    let mut out = BinaryIndex::default();
    for e in entries {
        out.add(e.go, e.gnu, Path::new(&e.path));
    }
    out
}

fn stamp(path: &Path) -> Option<(u64, i64)> {
    let meta = std::fs::metadata(path).ok()?;
    let mtime = meta
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(meta.mtime_nsec());
    Some((meta.len(), mtime))
}

/// The build IDs of an executable; `None` of anything else. None of them are there where a packed one does not show
/// them at its start.
fn look(path: &Path) -> Option<BuildIds> {
    let start = MappedFile::peek_start(path).ok()?;
    if !matches!(sniff(&start), Kind::Executable | Kind::Shared) {
        return None;
    }
    if let Some(ids) = ids_from_start(&start) {
        return Some(ids);
    }
    // Not packed: mapping it costs nothing, however large it is.
    let file = MappedFile::open_as_is(path).ok()?;
    let ids = Binary::parse(file.bytes(), path).map(|b| b.build_ids.clone());
    Some(ids.unwrap_or_default())
}

/// Files below a directory, by path; links to directories are not followed.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(t) if t.is_dir() => dirs.push(entry.path()),
                _ if out.len() < MAX_FILES && entry.file_name() != CACHE => out.push(entry.path()),
                _ => {}
            }
        }
    }
    out.sort();
    out
}

/// What the cache says, by path below the directory. A line that makes no sense is no line.
fn read_cache(dir: &Path) -> HashMap<String, Entry> {
    let path = dir.join(CACHE);
    let small = std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= MAX_CACHE);
    let text = small.then(|| std::fs::read_to_string(&path).ok()).flatten();
    let lines = text.as_deref().unwrap_or_default().lines();
    lines
        .filter_map(|line| serde_json::from_str::<Entry>(line).ok())
        .map(|e| (e.path.clone(), e))
        .collect()
}

fn write_cache(dir: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    write_whole(&dir.join(CACHE), &text)
}
