//! The place for unpacked files: where it is, how much of it they may take, and how much they have.
//! In: a directory and a cap. Out: temporary files without a name, with holes for zeros; only what is written counts.

use crate::base::bytes::all_zero;
use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Smallest run of zeros that becomes a hole, at offsets that are a multiple of it.
const HOLE: usize = 1 << 16;

/// Where files are unpacked, and how many bytes of disk all of them together may take at one time. Clones share the
/// count: there is one of these in a run.
#[derive(Clone, Debug)]
pub struct Scratch {
    dir: PathBuf,
    limit: Option<u64>,
    used: Arc<AtomicU64>,
}

impl Scratch {
    /// A place with a cap in bytes, or without one.
    pub fn new(dir: PathBuf, limit: Option<u64>) -> Scratch {
        Scratch {
            dir,
            limit,
            used: Arc::default(),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes of disk that files there may take together; `None` is no cap.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Bytes of disk that they take now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Begins a file, which has no name and is gone with the program whatever ends it.
    pub(crate) fn file(&self) -> Result<ScratchFile, ScratchError> {
        Ok(ScratchFile {
            file: tempfile::tempfile_in(&self.dir)?,
            size: 0,
            share: Share {
                scratch: self.clone(),
                bytes: 0,
            },
        })
    }
}

/// Half of what is free to this user where `dir` lies, in bytes; `None` where that cannot be asked.
pub fn half_of_free(dir: &Path) -> Option<u64> {
    free(dir).map(|bytes| bytes / 2)
}

#[cfg(unix)]
fn free(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(crate) enum ScratchError {
    /// The cap would be passed, so many bytes.
    Full(u64),
    /// What the system said.
    Io(io::Error),
}

impl From<io::Error> for ScratchError {
    fn from(e: io::Error) -> ScratchError {
        ScratchError::Io(e)
    }
}

/// What one file takes of the place; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    scratch: Scratch,
    bytes: u64,
}

impl Share {
    fn take(&mut self, more: u64) -> Result<(), ScratchError> {
        let limit = self.scratch.limit.unwrap_or(u64::MAX);
        let add = |used: u64| used.checked_add(more).filter(|sum| *sum <= limit);
        let used = &self.scratch.used;
        match used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => {
                self.bytes = self.bytes.saturating_add(more);
                Ok(())
            }
            Err(_) => Err(ScratchError::Full(limit)),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.scratch.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A file in the making.
pub(crate) struct ScratchFile {
    file: File,
    size: u64,
    share: Share,
}

impl ScratchFile {
    /// Bytes that it holds so far, holes among them.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Puts bytes at its end, with holes for runs of zeros.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), ScratchError> {
        for run in bytes.chunks(HOLE) {
            let len = run.len() as u64;
            self.size = self.size.saturating_add(len);
            if all_zero(run) {
                self.file.seek(SeekFrom::Start(self.size))?;
            } else {
                self.share.take(len)?;
                self.file.write_all(run)?;
            }
        }
        Ok(())
    }

    /// The finished file, its size in bytes, and what it takes of the place.
    pub(crate) fn finish(self) -> io::Result<(File, u64, Share)> {
        self.file.set_len(self.size)?;
        Ok((self.file, self.size, self.share))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test
    use super::*;

    const RUN: u64 = HOLE as u64;

    fn place(limit: Option<u64>) -> Scratch {
        Scratch::new(std::env::temp_dir(), limit)
    }

    #[test]
    fn only_what_is_written_counts_and_it_is_given_back() {
        let scratch = place(Some(2 * RUN));
        let mut file = scratch.file().unwrap();
        file.append(&vec![0; 100 * HOLE]).unwrap();
        assert_eq!((scratch.used(), file.size()), (0, 100 * RUN));
        file.append(&vec![1; HOLE]).unwrap();
        assert_eq!(scratch.used(), RUN);
        let (file, size, share) = file.finish().unwrap();
        assert_eq!(size, 101 * RUN);
        assert_eq!(file.metadata().unwrap().len(), size);
        assert_eq!(scratch.used(), RUN);
        drop(share);
        assert_eq!(scratch.used(), 0);
    }

    #[test]
    fn the_cap_is_for_all_files_together_and_for_all_clones() {
        let scratch = place(Some(2 * RUN));
        let (mut one, mut two) = (scratch.file().unwrap(), scratch.clone().file().unwrap());
        one.append(&vec![1; HOLE]).unwrap();
        two.append(&vec![1; HOLE]).unwrap();
        let full = two.append(&[1]).unwrap_err();
        assert!(matches!(full, ScratchError::Full(n) if n == 2 * RUN));
        drop(one);
        two.append(&[1]).unwrap();
        assert_eq!(scratch.used(), RUN + 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn zeros_take_no_disk() {
        use std::os::unix::fs::MetadataExt;
        let mut file = place(Some(0)).file().unwrap();
        for _ in 0..64 {
            file.append(&vec![0; 1 << 20]).unwrap();
        }
        let (file, size, _) = file.finish().unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!((meta.len(), size), (64 << 20, 64 << 20));
        assert!(meta.blocks() < 64, "{} blocks", meta.blocks());
    }

    #[test]
    fn what_is_free_is_asked_where_it_can_be() {
        assert_eq!(half_of_free(Path::new("no/such/dir")), None);
        if cfg!(unix) {
            assert!(half_of_free(&std::env::temp_dir()).is_some());
        }
    }
}
