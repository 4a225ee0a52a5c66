//! The results of a batch in a file: one line a core, added as they come, so that a batch that was stopped goes on where
//! it was.
//! In: lines. Out: the same lines again, by core; a file that anything ended in the middle of a line is mended.

use crate::base::limits::MAX_LINE;
use crate::batch::error::BatchError;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::batch::run::Stamp;
use crate::file::stream::nameless;
use crate::schema::SCHEMA;
use crate::schema::safe::write_jsonl;
use rustix::fs::FlockOperation;
use rustix::fs::flock;
use std::collections::HashMap;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of one line; `work.rs` sees to it that lines have fewer.
pub const MAX_RESULT: u64 = MAX_LINE;

/// How every line begins.
const BEGINNING: &[u8] = b"{\"schema\":\"badmap/";

/// Where the line of a core stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    off: u64,
    len: usize,
    stamp: Stamp,
    status: Status,
}

/// A file of results.
#[derive(Debug)]
pub struct Store {
    file: File,
    end: u64,
    /// The last line of each core.
    lines: HashMap<String, Place>,
    /// Bytes of half a line that were cut off.
    mended: u64,
}

impl Store {
    /// Opens the file, or makes it with mode 0600. Nobody else can do so at the same time.
    /// # Errors
    /// `Busy`; `File` when it cannot be read or written, or holds something else than results.
    pub fn open(path: &Path) -> Result<Store, BatchError> {
        let error = |source| BatchError::File {
            doing: "reading results from",
            path: path.to_path_buf(),
            source,
        };
        if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            return Err(error(io::Error::other("it is not a file")));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(error)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| BatchError::Busy {
            path: path.to_path_buf(),
        })?;
        let mut out = Store {
            file,
            end: 0,
            lines: HashMap::new(),
            mended: 0,
        };
        out.scan().map_err(error)?;
        Ok(out)
    }

    /// A file that is gone with the program.
    /// # Errors
    /// When none can be made in `dir`.
    pub fn temporary(dir: &Path) -> io::Result<Store> {
        Ok(Store {
            file: nameless(dir)?,
            end: 0,
            lines: HashMap::new(),
            mended: 0,
        })
    }

    fn scan(&mut self) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 17, self.file.try_clone()?);
        let mut text = Vec::new();
        let mut number = 0u64;
        loop {
            text.clear();
            let n = reader
                .by_ref()
                .take(MAX_RESULT)
                .read_until(b'\n', &mut text)?;
            number = number.saturating_add(1);
            if n == 0 {
                return Ok(());
            }
            let whole = text.last() == Some(&b'\n');
            let line = serde_json::from_slice::<Line>(&text).ok();
            let Some(line) = line.filter(|l| whole && l.schema == SCHEMA) else {
                let is_last = reader.fill_buf()?.is_empty();
                let is_ours = text.starts_with(BEGINNING) || BEGINNING.starts_with(&text);
                if is_last && !whole && is_ours {
                    self.mended = n as u64;
                    return self.file.set_len(self.end);
                }
                return Err(io::Error::other(format!(
                    "line {number} is no result of a batch"
                )));
            };
            self.put(&line, n);
        }
    }

    fn put(&mut self, line: &Line, len: usize) {
        let place = Place {
            off: self.end,
            len,
            stamp: Stamp {
                file_bytes: line.file_bytes,
                time: line.time,
                time_ns: line.time_ns,
            },
            status: line.status,
        };
        self.lines.insert(line.core.clone(), place);
        self.end = self.end.saturating_add(len as u64);
    }

    /// Bytes of half a line that were found at its end, and cut off.
    pub fn mended(&self) -> u64 {
        self.mended
    }

    /// Adds a line, whole.
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, line: &Line) -> io::Result<()> {
        let mut text = Vec::new();
        write_jsonl(&mut text, line)?;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&text)?;
        self.put(line, text.len());
        Ok(())
    }

    /// Whether a core is done: it has a line, and its file is the one that was looked at. With `retry`, one that gave no
    /// result is not.
    pub fn is_done(&self, core: &str, stamp: Stamp, retry: bool) -> bool {
        let place = self.lines.get(core);
        place.is_some_and(|p| p.stamp == stamp && !(retry && p.status != Status::Ok))
    }

    /// Makes sure that the lines went where they can be found: to the file that has this name now.
    /// # Errors
    /// `File` if another one has it, or none.
    pub fn verify(&self, path: &Path) -> Result<(), BatchError> {
        let mine = self.file.metadata().map(|m| (m.dev(), m.ino())).ok();
        let named = std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
        if mine == named {
            return Ok(());
        }
        Err(BatchError::File {
            doing: "keeping results in",
            path: path.to_path_buf(),
            source: io::Error::other("it was removed or replaced meanwhile, and they are lost"),
        })
    }

    /// The last line of a core.
    /// # Errors
    /// When it cannot be read.
    pub fn line(&self, core: &str) -> io::Result<Option<Line>> {
        let Some(place) = self.lines.get(core) else {
            return Ok(None);
        };
        let mut text = vec![0; place.len];
        self.file.read_exact_at(&mut text, place.off)?;
        Ok(Some(serde_json::from_slice(&text)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test
    use super::*;

    fn line(core: &str, exit: u8) -> Line {
        Line {
            schema: SCHEMA.into(),
            core: core.into(),
            file_bytes: Some(7),
            status: if exit == 2 {
                Status::Failed
            } else {
                Status::Ok
            },
            exit,
            ..Line::default()
        }
    }

    #[test]
    fn lines_come_back_and_half_a_line_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        let mut store = Store::open(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(BatchError::Busy { .. })));
        store.add(&line("a", 0)).unwrap();
        store.add(&line("b", 2)).unwrap();
        store.add(&line("a", 1)).unwrap();
        drop(store);
        let whole = std::fs::read(&path).unwrap();
        for half in [1, 17, 18, 40] {
            let mut cut = whole.clone();
            cut.extend(whole.iter().take(half));
            std::fs::write(&path, &cut).unwrap();
            let store = Store::open(&path).unwrap();
            assert_eq!(store.mended(), half as u64);
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert_eq!(store.line("a").unwrap().unwrap().exit, 1);
        assert!(store.line("c").unwrap().is_none());
        let stamp = |file_bytes, time_ns| Stamp {
            file_bytes: Some(file_bytes),
            time: None,
            time_ns,
        };
        assert!(store.is_done("b", stamp(7, None), false));
        assert!(!store.is_done("b", stamp(7, None), true));
        assert!(!store.is_done("b", stamp(8, None), false));
        assert!(!store.is_done("b", stamp(7, Some(1)), false));
        assert!(!store.is_done("c", stamp(7, None), false));
        assert!(store.verify(&path).is_ok());
        std::fs::rename(&path, dir.path().join("away")).unwrap();
        assert!(store.verify(&path).is_err());
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        for text in [
            "my notes",
            "my notes\n",
            "{\"schema\":\"other/1\"}\n",
            "{}\n{\"schema\":\"badmap/1",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(Store::open(&path).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert!(Store::open(dir.path()).is_err());
    }
}
