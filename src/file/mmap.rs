//! Opens a file, unpacks it if it is compressed, and maps it.
//! In: a path. Out: its bytes. The only unsafe code of the crate is the call that maps.

use crate::base::progress::Progress;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use crate::file::unpack::first_unpacked;
use crate::file::unpack::unpack_zstd;
use memmap2::Mmap;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Bytes of a file that tell what it is, packed or not.
const PEEK: u64 = 1 << 18;

/// A file whose bytes are mapped into memory, read-only.
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    file: File,
    opened: Metadata,
    map: Option<Mmap>,
    compressed: Option<&'static str>,
    cut_short: bool,
}

impl MappedFile {
    /// Opens and maps `path`. A zstd file is unpacked into a temporary file without a name in
    /// `tmp_dir`, with holes for runs of zeros; one that ends too early gives what it holds.
    /// # Errors
    /// `Open`, `NotAFile`, and `Unpack` when the compressed data is damaged.
    pub fn open(
        path: &Path,
        tmp_dir: &Path,
        progress: &dyn Progress,
    ) -> Result<MappedFile, FileError> {
        let open_error = |source| FileError::Open {
            path: path.to_path_buf(),
            source,
        };
        let meta = std::fs::metadata(path).map_err(open_error)?;
        if !meta.is_file() {
            let what = if meta.is_dir() {
                "a directory"
            } else {
                "a pipe, socket or device"
            };
            return Err(FileError::NotAFile {
                path: path.to_path_buf(),
                what,
            });
        }
        let file = File::open(path).map_err(open_error)?;
        let opened = file.metadata().map_err(open_error)?;
        let map = map_file(&file, opened.len()).map_err(open_error)?;
        let mut out = MappedFile {
            path: path.to_path_buf(),
            file,
            opened,
            map,
            compressed: None,
            cut_short: false,
        };
        if sniff(out.bytes()) == Kind::Compressed("zstd") {
            let unpack_error = |source| FileError::Unpack {
                path: path.to_path_buf(),
                format: "zstd",
                source,
            };
            let unpacked = unpack_zstd(out.bytes(), tmp_dir, progress).map_err(unpack_error)?;
            out.map = map_file(&unpacked.file, unpacked.size).map_err(unpack_error)?;
            out.compressed = Some("zstd");
            out.cut_short = unpacked.cut_short;
        }
        Ok(out)
    }

    /// What a file is, or would be unpacked, by its first bytes; nothing else of it is read.
    /// # Errors
    /// `Open` and `NotAFile`.
    pub fn peek(path: &Path) -> Result<Kind, FileError> {
        let open_error = |source| FileError::Open {
            path: path.to_path_buf(),
            source,
        };
        if !std::fs::metadata(path).map_err(open_error)?.is_file() {
            return Err(FileError::NotAFile {
                path: path.to_path_buf(),
                what: "not a file",
            });
        }
        let mut head = Vec::new();
        File::open(path)
            .and_then(|f| f.take(PEEK).read_to_end(&mut head))
            .map_err(open_error)?;
        Ok(match sniff(&head) {
            Kind::Compressed("zstd") => sniff(&first_unpacked(&head)),
            other => other,
        })
    }

    /// The file's bytes, unpacked.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The compression it came in, if any.
    pub fn compressed(&self) -> Option<&'static str> {
        self.compressed
    }

    /// Whether a compressed file ended before its data did.
    pub fn cut_short(&self) -> bool {
        self.cut_short
    }

    /// Makes sure that the file is still the one that was mapped. To be called when all is read.
    /// # Errors
    /// `Changed` when its size or modification time is another one; `Open` when it cannot be asked.
    pub fn verify_unchanged(&self) -> Result<(), FileError> {
        let error = |source| FileError::Open {
            path: self.path.clone(),
            source,
        };
        let now = self.file.metadata().map_err(error)?;
        let same_time = match (now.modified(), self.opened.modified()) {
            (Ok(a), Ok(b)) => a == b,
            _ => true,
        };
        if now.len() == self.opened.len() && same_time {
            Ok(())
        } else {
            Err(FileError::Changed {
                path: self.path.clone(),
            })
        }
    }
}

/// Maps `size` bytes of `file`; an empty file has no mapping.
#[allow(unsafe_code)] // the one place: see the SAFETY comment
fn map_file(file: &File, size: u64) -> io::Result<Option<Mmap>> {
    if size == 0 {
        return Ok(None);
    }
    // SAFETY: a mapping of a file is only as constant as the file. Nobody but the user can change
    // it: badmap never writes to its inputs, and a temporary file has no name for others to open.
    // If the file is written while it is mapped, badmap reads other bytes than before, which every
    // reader above must survive anyway because the bytes are hostile (they are only ever copied
    // or compared, never trusted to stay equal for memory safety: slices into them are checked
    // against the mapping's length, which does not change). If it is cut short, reading the lost
    // part raises SIGBUS and the process ends; `verify_unchanged` reports changes that did not.
    let map = unsafe { Mmap::map(file)? };
    Ok(Some(map))
}
