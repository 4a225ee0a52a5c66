//! Reads a snapshot line by line, as hostile input.
//! In: a path. Out: its lines, each once, in order; an error if it is not whole. Nothing is kept here.

use crate::file::stream::LineError;
use crate::file::stream::Lines;
use crate::schema::SCHEMA;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::line::EndLine;
use crate::snapshot::line::HeadLine;
use crate::snapshot::line::Tag;
use crate::snapshot::line::kind;
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
    let io = |source| SnapshotError::Io {
        path: path.to_path_buf(),
        source,
    };
    let mut so_far = SoFar::default();
    let mut end: Option<EndLine<'static>> = None;
    loop {
        let number = so_far.lines.saturating_add(1);
        let text = match lines.next_line() {
            Ok(Some(text)) => text,
            Ok(None) => break,
            Err(LineError::Io(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(LineError::Io(e)) => return Err(io(e)),
            Err(LineError::TooLong) => {
                return Err(SnapshotError::LongLine {
                    path: path.to_path_buf(),
                    line: number,
                });
            }
            Err(LineError::TooMuch) => {
                return Err(SnapshotError::Bomb {
                    path: path.to_path_buf(),
                });
            }
        };
        let wrong = |what: &str| SnapshotError::Line {
            path: path.to_path_buf(),
            line: number,
            what: what.to_owned(),
        };
        if end.is_some() {
            return Err(wrong(
                "it comes behind the line that ends the snapshot; a file holds one",
            ));
        }
        if text.last() != Some(&b'\n') {
            break; // cut in the middle of a line
        }
        let kind = kind_of(path, number, text)?;
        match (kind, so_far.lines) {
            (kind::HEADER, 0) => each(Line::Head(parse(path, number, text)?))?,
            (_, 0) => return Err(wrong("a snapshot begins with its header")),
            (kind::HEADER, _) => return Err(wrong("a second header; a file holds one snapshot")),
            (kind::MAP, _) => {
                so_far.maps = so_far.maps.saturating_add(1);
                each(Line::Map(Part {
                    kind,
                    text,
                    number,
                    path,
                }))?;
            }
            (kind::END, _) => {
                end = Some(parse::<EndLine<'_>>(path, number, text)?.into_owned());
                continue; // it is not part of what it sums up
            }
            (kind, _) => each(Line::Part(Part {
                kind,
                text,
                number,
                path,
            }))?,
        }
        so_far.take(text);
    }
    let Some(end) = end else {
        return Err(SnapshotError::CutShort {
            path: path.to_path_buf(),
            lines: so_far.lines,
        });
    };
    match so_far.differs_from(&end) {
        None => Ok(end),
        Some(what) => Err(SnapshotError::Damaged {
            path: path.to_path_buf(),
            what,
        }),
    }
}

/// What was read so far.
#[derive(Default)]
struct SoFar {
    lines: u64,
    maps: u64,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl SoFar {
    fn take(&mut self, text: &[u8]) {
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        self.hasher.update(text);
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
