//! Files of lines, packed with zstd or plain: written whole or not at all, read one line at a time.
//! In: a path. Out: a writer whose file appears when it is finished; a reader that never holds more than a line.

use crate::base::limits::MAX_LINE;
use crate::base::limits::MAX_PACKING;
use crate::base::limits::MAX_ZSTD_WINDOW_LOG;
use crate::base::limits::MIN_UNPACKED;
use std::fs::File;
use std::fs::Permissions;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use tempfile::NamedTempFile;

/// How hard to pack: the default of zstd. Higher levels cost more time than they save room.
const LEVEL: i32 = 3;
/// How the name of a file in the making ends.
const PART: &str = ".part";
/// Bytes at a time.
const BUFFER: usize = 1 << 17;

/// A packed file in the making. It has mode 0600 and a name of its own until `finish`; dropped before
/// that, it is gone.
pub struct PackedWriter {
    packer: zstd::stream::write::Encoder<'static, BufWriter<Sink>>,
}

/// Where the packed bytes go.
enum Sink {
    File { temp: NamedTempFile, path: PathBuf },
    Nameless(File),
    Other(Box<dyn Write + Send>),
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File { temp, .. } => temp.write(buf),
            Sink::Nameless(file) => file.write(buf),
            Sink::Other(out) => out.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File { temp, .. } => temp.flush(),
            Sink::Nameless(file) => file.flush(),
            Sink::Other(out) => out.flush(),
        }
    }
}

impl PackedWriter {
    /// Begins the file `path`, beside which its parts are collected.
    /// # Errors
    /// When no file can be made there.
    pub fn create(path: &Path) -> io::Result<PackedWriter> {
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        if !dir.is_dir() {
            let what = "there is no such directory";
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(PART)
            .tempfile_in(dir)?;
        PackedWriter::new(Sink::File {
            temp,
            path: path.to_path_buf(),
        })
    }

    /// Begins a file that has no name, and is gone with the program whatever ends it.
    /// # Errors
    /// When no file can be made there.
    pub fn temporary(dir: &Path) -> io::Result<PackedWriter> {
        PackedWriter::new(Sink::Nameless(tempfile::tempfile_in(dir)?))
    }

    /// Ends the stream of a temporary file.
    /// # Errors
    /// When it cannot be written to its end.
    pub fn finish_temporary(self) -> io::Result<TemporaryFile> {
        match self.end()? {
            Sink::Nameless(file) => Ok(TemporaryFile(file)),
            Sink::File { .. } | Sink::Other(_) => Err(io::Error::other("it is no temporary file")),
        }
    }

    fn end(self) -> io::Result<Sink> {
        let out = self.packer.finish()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    /// Packs into something that is open already.
    /// # Errors
    /// When the packer cannot be set up.
    pub fn to(out: Box<dyn Write + Send>) -> io::Result<PackedWriter> {
        PackedWriter::new(Sink::Other(out))
    }

    fn new(sink: Sink) -> io::Result<PackedWriter> {
        let out = BufWriter::with_capacity(BUFFER, sink);
        let mut packer = zstd::stream::write::Encoder::new(out, LEVEL)?;
        packer.include_checksum(true)?;
        Ok(PackedWriter { packer })
    }

    /// Ends the stream, and gives the file its name; one of that name is replaced.
    /// # Errors
    /// When it cannot be written to its end, or not be named.
    pub fn finish(self) -> io::Result<()> {
        match self.end()? {
            Sink::File { temp, path } => {
                temp.as_file().sync_all()?;
                temp.persist(path).map_err(|e| e.error)?;
                Ok(())
            }
            Sink::Nameless(_) => Ok(()),
            Sink::Other(mut out) => out.flush(),
        }
    }
}

impl Write for PackedWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.packer.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packer.flush()
    }
}

/// Opens a file that has no name, and is gone with the program whatever ends it.
/// # Errors
/// When no file can be made in `dir`.
pub fn nameless(dir: &Path) -> io::Result<File> {
    tempfile::tempfile_in(dir)
}

/// Writes a file at once: beside its place first, then under its name. It holds no secrets: its mode is 0644.
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut temp = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(PART)
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(dir.unwrap_or(Path::new(".")))?;
    temp.write_all(bytes)?;
    temp.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Removes what `PackedWriter::create` of this path has left behind in a process that was killed.
pub fn remove_parts(path: &Path) {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let begin = format!(".{name}.");
    let entries = std::fs::read_dir(dir.unwrap_or(Path::new(".")));
    for entry in entries.into_iter().flatten().filter_map(Result::ok) {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        if found.starts_with(&begin) && found.ends_with(PART) {
            let _ = std::fs::remove_file(entry.path()); // somebody else has done so
        }
    }
}

/// A file without a name.
pub struct TemporaryFile(File);

impl TemporaryFile {
    /// Its lines from the first on. One reader at a time: they share where the file stands.
    /// # Errors
    /// When it cannot be read.
    pub fn lines(&self) -> io::Result<Lines> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Lines::of(file)
    }
}

/// The lines of a file, one at a time.
pub struct Lines {
    reader: BufReader<Box<dyn Read>>,
    /// Bytes that may still come.
    left: u64,
    line: Vec<u8>,
}

/// Why there is no next line.
#[derive(Debug)]
pub enum LineError {
    /// The system, or the packing.
    Io(io::Error),
    /// A line has more than `MAX_LINE` bytes.
    TooLong,
    /// The file unpacks to more than files of its size do.
    TooMuch,
}

impl Lines {
    /// Opens a file, packed or not.
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Lines> {
        Lines::of(File::open(path)?)
    }

    /// The lines of a file from where it stands.
    fn of(file: File) -> io::Result<Lines> {
        let size = file.metadata()?.len();
        let mut file = BufReader::with_capacity(BUFFER, file);
        let packed = file.fill_buf()?.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        let (reader, left): (Box<dyn Read>, u64) = if packed {
            let mut unpacker = zstd::stream::read::Decoder::with_buffer(file)?;
            unpacker.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            let most = size.saturating_mul(MAX_PACKING).max(MIN_UNPACKED);
            (Box::new(unpacker), most)
        } else {
            (Box::new(file), u64::MAX)
        };
        Ok(Lines {
            reader: BufReader::with_capacity(BUFFER, reader),
            left,
            line: Vec::new(),
        })
    }

    /// The lines of what is open already, and not packed.
    pub fn plain(reader: Box<dyn Read>) -> Lines {
        Lines {
            reader: BufReader::with_capacity(BUFFER, reader),
            left: u64::MAX,
            line: Vec::new(),
        }
    }

    /// The first bytes of the file, at most so many.
    /// # Errors
    /// When they cannot be read.
    pub fn start(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        let read = self.reader.by_ref().take(most).read_to_end(&mut start);
        // One that is cut short has what it has.
        match read {
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(e),
            _ => Ok(start),
        }
    }

    /// The next line with its line break, which only one that is cut short lacks; `None` at the end.
    /// # Errors
    /// `LineError`.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineError> {
        self.line.clear();
        let most = MAX_LINE.saturating_add(1);
        let n = self
            .reader
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)
            .map_err(LineError::Io)? as u64;
        if n == most && self.line.last() != Some(&b'\n') {
            return Err(LineError::TooLong);
        }
        self.left = self.left.checked_sub(n).ok_or(LineError::TooMuch)?;
        Ok((n > 0).then_some(self.line.as_slice()))
    }
}
