//! Files of lines, packed with zstd or plain: written whole or not at all, read one line at a time.
//! In: a path. Out: a writer whose file appears when it is finished; a reader that holds a few lines, or a long one.
//! Over 400 lines: one format, one file.

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

/// How hard to pack. Of lines like these the lowest level makes smaller files than those up to 5, in less time.
const LEVEL: i32 = 1;
/// How the name of a file in the making ends.
const PART: &str = ".part";
/// Bytes at a time.
const BUFFER: usize = 1 << 17;
/// Bytes of a block that are kept for the next one.
const LARGE: usize = 1 << 20;

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

/// The lines of a file, one at a time or in blocks.
pub struct Lines {
    reader: Box<dyn Read + Send>,
    /// Bytes that may still come.
    left: u64,
    /// What was read and not given out: part of a line.
    rest: Vec<u8>,
    /// Why nothing comes behind what was given out.
    failed: Option<LineError>,
    /// The block whose lines are given out one at a time, and where the next one begins.
    block: Block,
    at: usize,
}

/// Whole lines, one behind the other; the last one of a file may lack its line break.
#[derive(Default, Debug)]
pub struct Block {
    /// Longer than what is used of it: it is made once.
    room: Vec<u8>,
    used: usize,
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

impl Block {
    /// The lines, as one.
    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or_default()
    }

    /// Takes what the reader has next; how many bytes that was.
    fn read_from(&mut self, reader: &mut dyn Read) -> io::Result<usize> {
        let end = self.used.saturating_add(BUFFER);
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        let room = self.room.get_mut(self.used..end).unwrap_or_default();
        let read = loop {
            match reader.read(room) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.used = self.used.saturating_add(read).min(end);
        Ok(read)
    }

    fn clear(&mut self) {
        self.used = 0;
        if self.room.len() > LARGE {
            self.room = Vec::new(); // lines as long as that are rare
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.room.truncate(self.used);
        self.room.extend_from_slice(bytes);
        self.used = self.room.len();
    }
}

/// The line at the start of `text`, with its line break if it has one, and what follows.
pub fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = text;
    let n = rest.skip_until(b'\n').unwrap_or(text.len()); // of bytes in memory there is no error
    text.split_at_checked(n).unwrap_or((text, &[]))
}

/// How many line breaks there are.
pub fn count_lines(text: &[u8]) -> u64 {
    // So few that a byte can count them: many bytes are compared at once.
    let few = text.chunks(usize::from(u8::MAX));
    let count = |few: &[u8]| {
        let ends = few.iter().map(|b| u8::from(*b == b'\n'));
        ends.fold(0u8, u8::wrapping_add)
    };
    few.map(|few| u64::from(count(few)))
        .fold(0, u64::saturating_add)
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
        Ok(if packed {
            let mut unpacker = zstd::stream::read::Decoder::with_buffer(file)?;
            unpacker.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            let most = size.saturating_mul(MAX_PACKING).max(MIN_UNPACKED);
            Lines::new(Box::new(unpacker), most)
        } else {
            Lines::new(Box::new(file), u64::MAX)
        })
    }

    /// The lines of what is open already, and not packed.
    pub fn plain(reader: Box<dyn Read + Send>) -> Lines {
        Lines::new(reader, u64::MAX)
    }

    fn new(reader: Box<dyn Read + Send>, left: u64) -> Lines {
        Lines {
            reader,
            left,
            rest: Vec::new(),
            failed: None,
            block: Block::default(),
            at: 0,
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
        if self.at >= self.block.used {
            let mut block = std::mem::take(&mut self.block);
            let more = self.next_block(&mut block);
            self.block = block;
            self.at = 0;
            if !more? {
                return Ok(None);
            }
        }
        let rest = self.block.bytes().get(self.at..).unwrap_or_default();
        let (line, _) = split_line(rest);
        self.at = self.at.saturating_add(line.len());
        Ok(Some(line))
    }

    /// Fills a block with the next lines, some `BUFFER` bytes of them; whether there were any. Lines before one that
    /// cannot be had come first, and its error with the next block.
    /// # Errors
    /// `LineError`.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, LineError> {
        block.clear();
        if let Some(why) = self.failed.take() {
            return Err(why);
        }
        block.extend(&self.rest);
        self.rest.clear();
        let most = usize::try_from(MAX_LINE).unwrap_or(usize::MAX);
        // Of what stood there before no line ends.
        let mut looked = block.used;
        let whole = loop {
            let read = match block.read_from(&mut *self.reader) {
                Ok(read) => read,
                Err(e) => {
                    self.failed = Some(LineError::Io(e)); // what came of its line says nothing
                    break 0;
                }
            };
            let new = block.bytes().get(looked..).unwrap_or_default();
            let (line, _) = split_line(new);
            let line_break = usize::from(line.last() == Some(&b'\n'));
            if looked.saturating_add(line.len()) > most.saturating_add(line_break) {
                return Err(LineError::TooLong);
            }
            if read == 0 {
                break block.used; // the last line may have no line break
            }
            if let Some(at) = new.iter().rposition(|b| *b == b'\n') {
                break looked.saturating_add(at).saturating_add(1);
            }
            looked = block.used;
        };
        self.give(block, whole)
    }

    /// Leaves the first `whole` bytes in the block, as far as so many may come.
    fn give(&mut self, block: &mut Block, whole: usize) -> Result<bool, LineError> {
        let rest = block.bytes().get(whole..).unwrap_or_default();
        self.rest.extend_from_slice(rest);
        block.used = whole;
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        if whole > left {
            let fits = block.bytes().get(..left).unwrap_or_default();
            let lines = fits.iter().rposition(|b| *b == b'\n');
            block.used = lines.map_or(0, |at| at.saturating_add(1));
            self.failed = Some(LineError::TooMuch);
        }
        self.left = self.left.saturating_sub(block.used as u64);
        match self.failed.take_if(|_| block.used == 0) {
            Some(why) => Err(why),
            None => Ok(block.used > 0),
        }
    }
}

#[cfg(test)]
mod tests;
