//! Reads a snapshot line by line, as hostile input.
//! In: a path. Out: its lines, each once, in order; an error if it is not whole. Nothing is kept here.

use crate::file::stream::Block;
use crate::file::stream::LineError;
use crate::file::stream::Lines;
use crate::file::stream::count_lines;
use crate::file::stream::split_line;
use crate::schema::SCHEMA;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::line::EndLine;
use crate::snapshot::line::HeadLine;
use crate::snapshot::line::Tag;
use crate::snapshot::line::kind;
use rayon::prelude::IndexedParallelIterator;
use rayon::prelude::IntoParallelRefIterator;
use rayon::prelude::ParallelIterator;
use serde::Deserialize;
use std::path::Path;

/// Bytes by which a file is told to be a snapshot.
const HEAD: u64 = 256;

/// A line of a snapshot.
#[derive(Debug)]
pub enum Line<'l> {
    /// The first.
    Head(Box<HeadLine<'l>>),
    /// A map: a `MapLine`, or a `MapKey` for who wants no more. Not parsed yet.
    Map(Part<'l>),
    /// What belongs to the map before: its image, lists, slots. Not parsed: few commands want it.
    Part(Part<'l>),
}

/// A line that is not parsed yet.
#[derive(Clone, Copy, Debug)]
pub struct Part<'l> {
    /// Its kind.
    pub kind: &'l str,
    /// The line.
    pub text: &'l [u8],
    number: u64,
    path: &'l Path,
}

impl<'l> Part<'l> {
    /// The line as what its kind says.
    /// # Errors
    /// When it is not of that shape.
    pub fn parse<T: Deserialize<'l>>(&self) -> Result<T, SnapshotError> {
        parse(self.path, self.number, self.text)
    }

    /// The error that something is wrong with this line.
    pub fn wrong(&self, what: String) -> SnapshotError {
        SnapshotError::Line {
            path: self.path.to_path_buf(),
            line: self.number,
            what,
        }
    }
}

fn parse<'l, T: Deserialize<'l>>(
    path: &Path,
    line: u64,
    text: &'l [u8],
) -> Result<T, SnapshotError> {
    serde_json::from_slice(text).map_err(|e| SnapshotError::Line {
        path: path.to_path_buf(),
        line,
        what: e.to_string(),
    })
}

/// Whether a file begins as snapshots do, of whatever schema. Says no to what cannot be read.
pub fn is_snapshot(path: &Path) -> bool {
    let regular = std::fs::metadata(path).is_ok_and(|m| m.is_file());
    let start = regular.then(|| Lines::open(path).and_then(|mut lines| lines.start(HEAD)));
    let Some(Ok(start)) = start else {
        return false;
    };
    let kind = b"\"line\":\"header\"";
    start.starts_with(b"{\"schema\":\"badmap/") && start.windows(kind.len()).any(|w| w == kind)
}

/// Opens a snapshot.
/// # Errors
/// `Io`.
pub fn open(path: &Path) -> Result<Lines, SnapshotError> {
    Lines::open(path).map_err(|source| SnapshotError::Io {
        path: path.to_path_buf(),
        source,
    })
}

/// Reads a snapshot to its end, and calls `each` for every line but the last, which is returned. `path` is for
/// errors.
/// # Errors
/// Whatever keeps it from being a whole snapshot, and what `each` says.
pub fn read_lines(
    mut lines: Lines,
    path: &Path,
    each: &mut dyn FnMut(Line<'_>) -> Result<(), SnapshotError>,
) -> Result<EndLine<'static>, SnapshotError> {
    let mut so_far = SoFar::new(path);
    let mut block = Block::default();
    while so_far.goes_on() {
        match lines.next_block(&mut block) {
            Ok(true) => {
                let first = so_far.next_line();
                let scanned = scan(path, first, block.bytes(), each);
                so_far.take(block.bytes(), scanned)?;
            }
            Ok(false) => break,
            Err(e) => so_far.fail(e)?,
        }
    }
    so_far.finish()
}

/// Blocks of lines that are read while as many are parsed.
const AT_ONCE: usize = 16;

/// Reads a snapshot to its end, on all processors: `head` gets the header, and `make` each line of a map, with
/// something of its own to work with. Returns what was made, in order, and the last line.
/// # Errors
/// Whatever keeps it from being a whole snapshot, and what `make` says: of all that is wrong, what comes first.
pub fn read_maps<T: Send, W: Default>(
    mut lines: Lines,
    path: &Path,
    head: &(dyn Fn(HeadLine<'_>) + Sync),
    make: &(impl Fn(&mut W, Part<'_>) -> Result<T, SnapshotError> + Sync),
) -> Result<(Vec<T>, EndLine<'static>), SnapshotError> {
    let mut so_far = SoFar::new(path);
    let mut out = Vec::new();
    let (mut now, mut next) = (Batch::default(), Batch::default());
    now.read(&mut lines, 1);
    while so_far.goes_on() && !now.is_empty() {
        let (parsed, ()) = rayon::join(
            || {
                let blocks = now.blocks.par_iter().take(now.used);
                let parsed = blocks.map(|(first, block)| {
                    let mut maps = Vec::new();
                    let mut with = W::default();
                    let scanned = scan(path, *first, block.bytes(), &mut |line| {
                        match line {
                            Line::Head(line) => head(*line),
                            Line::Map(line) => maps.push(make(&mut with, line)?),
                            Line::Part(_) => {}
                        }
                        Ok(())
                    });
                    (maps, scanned)
                });
                parsed.collect::<Vec<_>>()
            },
            || match now.failed {
                None => next.read(&mut lines, now.behind),
                Some(_) => next.used = 0,
            },
        );
        for ((_, block), (maps, scanned)) in now.blocks.iter().zip(parsed) {
            so_far.take(block.bytes(), scanned)?;
            out.extend(maps);
        }
        if let Some(why) = now.failed.take() {
            so_far.fail(why)?;
        }
        std::mem::swap(&mut now, &mut next);
    }
    Ok((out, so_far.finish()?))
}

/// Some blocks of lines, which are read before they are parsed.
#[derive(Default)]
struct Batch {
    /// Each with the number of its first line. They are made once.
    blocks: Vec<(u64, Block)>,
    /// How many of them hold something.
    used: usize,
    /// Why no more were read.
    failed: Option<LineError>,
    /// The number of the line behind them.
    behind: u64,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.used == 0 && self.failed.is_none()
    }

    /// Takes the next blocks; the first line of them has this number.
    fn read(&mut self, lines: &mut Lines, mut number: u64) {
        self.blocks.resize_with(AT_ONCE, Default::default);
        self.used = 0;
        for (first, block) in &mut self.blocks {
            match lines.next_block(block) {
                Ok(false) => break,
                Err(why) => {
                    self.failed = Some(why);
                    break;
                }
                Ok(true) => {}
            }
            *first = number;
            number = number.saturating_add(count_lines(block.bytes()));
            self.used = self.used.saturating_add(1);
        }
        self.behind = number;
    }
}

/// What lines that follow each other say together.
#[derive(Default)]
struct Scanned {
    /// How many there are.
    lines: u64,
    /// Of these, of maps.
    maps: u64,
    /// Their bytes.
    bytes: usize,
    /// The line that ends the snapshot came behind them.
    end: Option<EndLine<'static>>,
    /// It is cut in the middle of a line.
    cut: bool,
}

/// Calls `each` for every line but the last one of the snapshot; the first one has this number.
fn scan<'l>(
    path: &'l Path,
    first: u64,
    mut text: &'l [u8],
    each: &mut dyn FnMut(Line<'l>) -> Result<(), SnapshotError>,
) -> Result<Scanned, SnapshotError> {
    let mut out = Scanned::default();
    while !text.is_empty() {
        let (line, behind) = split_line(text);
        let number = first.saturating_add(out.lines);
        if out.end.is_some() {
            return Err(behind_end(path, number));
        }
        text = behind;
        if line.last() != Some(&b'\n') {
            out.cut = true;
            break;
        }
        let kind = kind_of(path, number, line)?;
        let part = Part {
            kind,
            text: line,
            number,
            path,
        };
        match (kind, number) {
            (kind::HEADER, 1) => each(Line::Head(Box::new(part.parse()?)))?,
            (_, 1) => return Err(wrong(path, number, "a snapshot begins with its header")),
            (kind::HEADER, _) => {
                let what = "a second header; a file holds one snapshot";
                return Err(wrong(path, number, what));
            }
            (kind::MAP, _) => {
                out.maps = out.maps.saturating_add(1);
                each(Line::Map(part))?;
            }
            (kind::END, _) => {
                out.end = Some(part.parse::<EndLine<'_>>()?.into_owned());
                continue; // it is not part of what it sums up
            }
            _ => each(Line::Part(part))?,
        }
        out.lines = out.lines.saturating_add(1);
        out.bytes = out.bytes.saturating_add(line.len());
    }
    Ok(out)
}

fn wrong(path: &Path, line: u64, what: &str) -> SnapshotError {
    SnapshotError::Line {
        path: path.to_path_buf(),
        line,
        what: what.to_owned(),
    }
}

fn behind_end(path: &Path, line: u64) -> SnapshotError {
    let what = "it comes behind the line that ends the snapshot; a file holds one";
    wrong(path, line, what)
}

/// What was read so far, in order.
struct SoFar<'p> {
    path: &'p Path,
    lines: u64,
    maps: u64,
    bytes: u64,
    hasher: blake3::Hasher,
    end: Option<EndLine<'static>>,
    cut: bool,
}

impl<'p> SoFar<'p> {
    fn new(path: &'p Path) -> SoFar<'p> {
        SoFar {
            path,
            lines: 0,
            maps: 0,
            bytes: 0,
            hasher: blake3::Hasher::new(),
            end: None,
            cut: false,
        }
    }

    /// Whether more lines can come.
    fn goes_on(&self) -> bool {
        !self.cut
    }

    /// The number of the next line.
    fn next_line(&self) -> u64 {
        self.lines.saturating_add(1)
    }

    /// Takes a block and what it says.
    fn take(
        &mut self,
        text: &[u8],
        scanned: Result<Scanned, SnapshotError>,
    ) -> Result<(), SnapshotError> {
        if self.end.is_some() && !text.is_empty() {
            return Err(behind_end(self.path, self.next_line()));
        }
        let scanned = scanned?;
        self.lines = self.lines.saturating_add(scanned.lines);
        self.maps = self.maps.saturating_add(scanned.maps);
        self.bytes = self.bytes.saturating_add(scanned.bytes as u64);
        // A block at once: of many bytes BLAKE3 is several times as fast as of a line.
        self.hasher
            .update(text.get(..scanned.bytes).unwrap_or_default());
        self.end = scanned.end;
        self.cut = scanned.cut;
        Ok(())
    }

    /// No more lines can be had: an error, unless the file is just cut short there.
    fn fail(&mut self, why: LineError) -> Result<(), SnapshotError> {
        let path = self.path.to_path_buf();
        match why {
            LineError::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.cut = true;
                Ok(())
            }
            LineError::Io(source) => Err(SnapshotError::Io { path, source }),
            LineError::TooLong => Err(SnapshotError::LongLine {
                path,
                line: self.next_line(),
            }),
            LineError::TooMuch => Err(SnapshotError::Bomb { path }),
        }
    }

    /// The last line, if all that it says is so.
    fn finish(self) -> Result<EndLine<'static>, SnapshotError> {
        let path = self.path.to_path_buf();
        let differs = self.end.as_ref().and_then(|end| self.differs_from(end));
        match (self.end, differs) {
            (None, _) => Err(SnapshotError::CutShort {
                path,
                lines: self.lines,
            }),
            (Some(_), Some(what)) => Err(SnapshotError::Damaged { path, what }),
            (Some(end), None) => Ok(end),
        }
    }

    fn differs_from(&self, end: &EndLine<'_>) -> Option<String> {
        for (what, said, is) in [
            ("lines", end.lines, self.lines),
            ("maps", end.maps, self.maps),
            ("bytes", end.bytes, self.bytes),
        ] {
            if said != is {
                return Some(format!("it says {said} {what}, and there are {is}"));
            }
        }
        let checksum = self.hasher.finalize().to_hex();
        (end.checksum != checksum.as_str()).then(|| "the checksum is another".to_owned())
    }
}

/// The kind of a line, which belongs to a schema that is known.
fn kind_of<'l>(path: &Path, line: u64, text: &'l [u8]) -> Result<&'l str, SnapshotError> {
    // As badmap writes it; other programs may put fields in another order.
    let ours = text
        .strip_prefix(b"{\"schema\":\"badmap/1\",\"line\":\"")
        .and_then(|rest| rest.split(|b| *b == b'"').next())
        .and_then(|kind| std::str::from_utf8(kind).ok());
    if let Some(kind) = ours {
        return Ok(kind);
    }
    let tag: Tag<'l> = match serde_json::from_slice(text) {
        Ok(tag) => tag,
        Err(_) if line == 1 => {
            return Err(SnapshotError::NotOne {
                path: path.to_path_buf(),
                what: "its first line is no JSON".into(),
            });
        }
        Err(e) => {
            return Err(SnapshotError::Line {
                path: path.to_path_buf(),
                line,
                what: e.to_string(),
            });
        }
    };
    if tag.schema != SCHEMA {
        return Err(match tag.schema.starts_with("badmap/") {
            true => SnapshotError::Version {
                path: path.to_path_buf(),
                found: tag.schema.chars().take(40).collect(),
            },
            false => SnapshotError::NotOne {
                path: path.to_path_buf(),
                what: "its lines name no schema of badmap".into(),
            },
        });
    }
    match tag.line {
        std::borrow::Cow::Borrowed(kind) => Ok(kind),
        std::borrow::Cow::Owned(_) => Err(SnapshotError::Line {
            path: path.to_path_buf(),
            line,
            what: "the kind of line is written in a strange way".into(),
        }),
    }
}

#[cfg(test)]
mod tests;
