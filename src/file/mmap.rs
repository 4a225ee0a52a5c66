//! Opens a file, unpacks it if it is compressed, and maps it.
//! In: a path. Out: its bytes. The only unsafe code of the crate is the call that maps.

use crate::base::progress::Progress;
use crate::file::error::FileError;
use crate::file::kind::Kind;
use crate::file::kind::sniff;
use crate::file::scratch::Scratch;
use crate::file::scratch::ScratchError;
use crate::file::scratch::Share;
use crate::file::unpack::FORMATS;
use crate::file::unpack::UnpackError;
use crate::file::unpack::first_unpacked;
use crate::file::unpack::unpack;
use memmap2::Mmap;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Unpacked bytes of a file that tell what it is: an executable has its program headers and notes there.
const START: usize = 1 << 16;

/// A file whose bytes are mapped into memory, read-only.
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    file: File,
    opened: Metadata,
    map: Option<Mmap>,
    compressed: Option<&'static str>,
    cut_short: bool,
    /// What it takes of the place for unpacked files; given back when this is dropped.
    _share: Option<Share>,
}

impl MappedFile {
    /// Opens and maps `path`. A compressed file is unpacked into a temporary file without a name in
    /// `scratch`, with holes for runs of zeros; one that ends too early gives what it holds.
    /// # Errors
    /// `Open`, `NotAFile`; `Unpack` when the compressed data is damaged, `Scratch` when it cannot be written anywhere, and
    /// `Full` when it would take more than it may.
    pub fn open(
        path: &Path,
        scratch: &Scratch,
        progress: &dyn Progress,
    ) -> Result<MappedFile, FileError> {
        let mut out = MappedFile::open_as_is(path)?;
        let Some(format) = format_of(out.bytes()) else {
            return Ok(out);
        };
        let path = || path.to_path_buf();
        let dir = || scratch.dir().to_path_buf();
        let scratch_error = |source| FileError::Scratch {
            path: path(),
            dir: dir(),
            source,
        };
        let unpacked = unpack(out.bytes(), format, scratch, progress).map_err(|e| match e {
            UnpackError::Packed(source) => FileError::Unpack {
                path: path(),
                format,
                source,
            },
            UnpackError::Scratch(ScratchError::Io(source)) => scratch_error(source),
            UnpackError::Scratch(ScratchError::Full(allowed)) => FileError::Full {
                path: path(),
                dir: dir(),
                allowed,
            },
        })?;
        out.map = map_file(&unpacked.file, unpacked.size).map_err(scratch_error)?;
        out.compressed = Some(format);
        out.cut_short = unpacked.cut_short;
        out._share = Some(unpacked.share);
        Ok(out)
    }

    /// Maps a file without unpacking it.
    pub(crate) fn open_as_is(path: &Path) -> Result<MappedFile, FileError> {
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
        Ok(MappedFile {
            path: path.to_path_buf(),
            file,
            opened,
            map,
            compressed: None,
            cut_short: false,
            _share: None,
        })
    }

    /// What a file is, or would be unpacked, by its first bytes; no more of it is read than they take.
    /// # Errors
    /// `Open` and `NotAFile`.
    pub fn peek(path: &Path) -> Result<Kind, FileError> {
        Ok(sniff(&MappedFile::peek_start(path)?))
    }

    /// The first bytes of a file, unpacked if it is compressed: 64 KiB, or fewer where it is shorter or damaged.
    /// Nothing is written, and no more of it is read than they take.
    /// # Errors
    /// `Open` and `NotAFile`.
    pub fn peek_start(path: &Path) -> Result<Vec<u8>, FileError> {
        let file = MappedFile::open_as_is(path)?;
        let bytes = file.bytes();
        Ok(match format_of(bytes) {
            Some(format) => first_unpacked(bytes, format, START),
            None => bytes.get(..START).unwrap_or(bytes).to_vec(),
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

/// The compression of these bytes, if they have one that can be unpacked.
fn format_of(bytes: &[u8]) -> Option<&'static str> {
    match sniff(bytes) {
        Kind::Compressed(format) if FORMATS.contains(&format) => Some(format),
        _ => None,
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
