//! A snapshot as the survey it was written from.
//! In: a path. Out: the same plain results that a core gives, and what the header says of the file itself.

use crate::file::stream::Lines;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::line::EndLine;
use crate::snapshot::line::HeadLine;
use crate::snapshot::plain::plain_map;
use crate::snapshot::read::Line;
use crate::snapshot::read::Part;
use crate::snapshot::read::open;
use crate::snapshot::read::read_lines;
use crate::snapshot::read::read_maps;
use crate::snapshot::rows::map_row;
use crate::snapshot::rows::plain_row;
use crate::survey::ending::CrashInfo;
use crate::survey::result::MapRow;
use crate::survey::result::ProcessInfo;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

/// What the header says.
#[derive(Clone, Debug)]
pub struct Head {
    /// Version of the badmap that wrote the file.
    pub version: String,
    /// What was opened.
    pub process: ProcessInfo,
    /// The same for all dumps of one run of a program.
    pub identity: Option<String>,
    /// How it ended.
    pub crash: CrashInfo,
    /// How keys in owner paths were treated: `none`, `digest`, `clear`.
    pub values: String,
    /// How entries are in the file, likewise; `none`: not at all.
    pub entries: String,
    /// The id of the key of its digests.
    pub key_id: Option<String>,
    /// What went wrong while looking for maps.
    pub gaps: Vec<String>,
    /// How many such things.
    pub gaps_total: u64,
}

/// What is in a snapshot, for who asks about the file and not about the process.
#[derive(Clone, Debug)]
pub struct Holds {
    /// Version of the badmap that wrote it.
    pub version: String,
    /// How keys in owner paths were treated: `none`, `digest`, `clear`.
    pub values: String,
    /// How entries are in it, likewise; `none`: not at all.
    pub entries: String,
    /// The id of the key of its digests.
    pub key_id: Option<String>,
    /// The same for all dumps of one run of a program.
    pub identity: Option<String>,
    /// Maps.
    pub maps: u64,
    /// Entries whose digests or texts are there.
    pub entries_total: u64,
}

impl Holds {
    /// What header and last line say.
    pub fn of(head: Head, end: &EndLine<'_>) -> Holds {
        Holds {
            version: head.version,
            values: head.values,
            entries: head.entries,
            key_id: head.key_id,
            identity: head.identity,
            maps: end.maps,
            entries_total: end.entries,
        }
    }
}

impl Head {
    fn of(line: HeadLine<'_>, path: &Path) -> Head {
        let text = |t: Option<Cow<'_, str>>| t.map(Cow::into_owned);
        let mut process = line.process.into_info();
        process.snapshot = Some(path.to_path_buf());
        Head {
            version: line
                .tool
                .map(|t| t.version.into_owned())
                .unwrap_or_default(),
            process,
            identity: text(line.identity),
            crash: line.crash.into_info(line.gc),
            values: line.redaction.values.into_owned(),
            entries: line.redaction.entries.into_owned(),
            key_id: text(line.redaction.key_id),
            gaps: line.gaps.into_iter().map(Cow::into_owned).collect(),
            gaps_total: line.gaps_total,
        }
    }

    /// Whether keys or elems are in the file as they were.
    pub fn is_clear(&self) -> bool {
        [&self.values, &self.entries].iter().any(|m| *m == "clear")
    }

    /// The survey of the process, with these maps.
    pub fn into_survey(self, maps: Vec<MapRow>) -> Survey {
        Survey {
            process: self.process,
            crash: self.crash,
            maps,
            rest: Totals::default(),
            find_gaps: self.gaps,
            find_gaps_total: self.gaps_total,
        }
    }
}

/// Reads a snapshot to its end: `each` gets the header once, then every other line.
/// # Errors
/// Whatever keeps it from being a whole snapshot, and what `each` says.
pub fn read_with_head(
    path: &Path,
    each: &mut dyn FnMut(&Head, Line<'_>) -> Result<(), SnapshotError>,
) -> Result<(Head, EndLine<'static>), SnapshotError> {
    read_lines_with_head(open(path)?, path, each)
}

/// The same of lines that are open; `path` is for errors.
/// # Errors
/// The same.
pub fn read_lines_with_head(
    lines: Lines,
    path: &Path,
    each: &mut dyn FnMut(&Head, Line<'_>) -> Result<(), SnapshotError>,
) -> Result<(Head, EndLine<'static>), SnapshotError> {
    let mut head: Option<Head> = None;
    let end = read_lines(lines, path, &mut |line| match (line, &head) {
        (Line::Head(line), _) => {
            head = Some(Head::of(*line, path));
            Ok(())
        }
        (line, Some(head)) => each(head, line),
        (_, None) => Ok(()),
    })?;
    match head {
        Some(head) => Ok((head, end)),
        None => Err(SnapshotError::CutShort {
            path: path.to_path_buf(),
            lines: 0,
        }),
    }
}

/// Reads a snapshot to its end, on all processors: what `make` makes of each map's line, in their order.
/// # Errors
/// Whatever keeps it from being a whole snapshot, and what `make` says.
pub fn read_maps_with_head<T: Send, W: Default>(
    lines: Lines,
    path: &Path,
    make: &(impl Fn(&mut W, Part<'_>) -> Result<T, SnapshotError> + Sync),
) -> Result<(Head, Vec<T>), SnapshotError> {
    let head = OnceLock::new();
    let take = |line: HeadLine<'_>| {
        head.get_or_init(|| Head::of(line, path));
    };
    let (maps, _) = read_maps(lines, path, &take, make)?;
    match head.into_inner() {
        Some(head) => Ok((head, maps)),
        None => Err(SnapshotError::CutShort {
            path: path.to_path_buf(),
            lines: 0,
        }),
    }
}

/// The survey that a snapshot was written from; the verdicts are those of then.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn load(path: &Path) -> Result<(Head, Vec<MapRow>), SnapshotError> {
    let make = |(): &mut (), line: Part<'_>| match plain_map(line.text) {
        Some(plain) => Ok(plain_row(&plain)),
        None => Ok(map_row(line.parse()?).0),
    };
    read_maps_with_head(open(path)?, path, &make)
}
