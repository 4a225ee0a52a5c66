//! What a side of a diff is read from: a snapshot, or a core, of which one is made for the time being.
//! In: paths. Out: sides, and the comparison of the entries of those maps of which it is wanted.

use crate::base::addr::Addr;
use crate::base::progress::Progress;
use crate::diff::entries::EntryDiff;
use crate::diff::entries::EntryDigests;
use crate::diff::entries::EntrySink;
use crate::diff::entries::Which;
use crate::diff::load::Source;
use crate::diff::load::load_side;
use crate::diff::load::read_entries;
use crate::diff::result::Diff;
use crate::diff::side::Side;
use crate::file::stream::PackedWriter;
use crate::file::stream::TemporaryFile;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::write::Wish;
use crate::snapshot::write::write_snapshot;
use crate::survey::error::SurveyError;
use crate::survey::inspect::inspect;
use crate::survey::request::Request;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// A dump.
pub enum Dump {
    /// A snapshot.
    Snapshot(PathBuf),
    /// A core.
    Core {
        /// Its path.
        path: PathBuf,
        /// A snapshot of it.
        snapshot: TemporaryFile,
        /// The digest key of that.
        key: [u8; 32],
    },
}

/// A dump cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The core cannot be read.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// No snapshot of it can be written.
    #[error("writing a snapshot of {} below {}", path.display(), dir.display())]
    Write {
        /// The core.
        path: PathBuf,
        /// Where.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl DumpError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            DumpError::Survey(e) => e.hint(),
            DumpError::Write { .. } => Some(
                "another place can be named with --tmp-dir; --entries none takes less room".into(),
            ),
        }
    }
}

impl Dump {
    /// Opens a core: all of it is read once, and what was found lies in a temporary snapshot from then on.
    /// # Errors
    /// `DumpError`.
    pub fn of_core(
        path: &Path,
        req: &Request,
        wish: &Wish,
        progress: &dyn Progress,
    ) -> Result<Dump, DumpError> {
        let write = |source| DumpError::Write {
            path: path.to_path_buf(),
            dir: req.scratch.dir().to_path_buf(),
            source,
        };
        let mut out = PackedWriter::temporary(req.scratch.dir()).map_err(write)?;
        let (written, key) = inspect(req, progress, |all| {
            let written = write_snapshot(all, wish, &mut out, progress);
            (written, all.redactor.key)
        })?;
        written.map_err(write)?;
        Ok(Dump::Core {
            path: path.to_path_buf(),
            snapshot: out.finish_temporary().map_err(write)?,
            key,
        })
    }

    /// Its maps.
    /// # Errors
    /// Whatever keeps it from being a whole snapshot.
    pub fn side(&self) -> Result<Side, SnapshotError> {
        load_side(self.source())
    }

    fn source(&self) -> Source<'_> {
        match self {
            Dump::Snapshot(path) => Source::File(path),
            Dump::Core { path, snapshot, .. } => Source::OfCore(path, snapshot),
        }
    }
}

/// The maps of both, read at once.
/// # Errors
/// Whatever keeps one from being a whole snapshot.
pub fn both_sides(old: &Dump, new: &Dump) -> Result<(Side, Side), SnapshotError> {
    let (old, new) = rayon::join(|| old.side(), || new.side());
    Ok((old?, new?))
}

/// Compares the entries of those maps of which the diff wants it, in two passes: the first over digests, the second
/// for the texts of what is listed, so many of each change. By index of the pair, as `Diff::entries` has it.
/// # Errors
/// Whatever keeps a file from being a whole snapshot.
pub fn compare_entries(
    diff: &Diff<'_>,
    dumps: (&Dump, &Dump),
    most: usize,
) -> Result<BTreeMap<u32, EntryDiff>, SnapshotError> {
    let mut digests: BTreeMap<u32, EntryDigests> = BTreeMap::new();
    let mut pairs = [HashMap::new(), HashMap::new()];
    for wanted in diff.entries_wanted() {
        digests.insert(wanted.pair, EntryDigests::new(most));
        let [old, new] = &mut pairs;
        old.insert(wanted.old.addr, wanted.pair);
        new.insert(wanted.new.addr, wanted.pair);
    }
    if digests.is_empty() {
        return Ok(BTreeMap::new());
    }
    let foreign = !diff.pairing.same_process;
    let files = [(Which::Old, dumps.0), (Which::New, dumps.1)];
    for ((which, dump), pairs) in files.iter().zip(&pairs) {
        feed(dump, (*which, foreign), pairs, &mut digests)?;
    }
    let mut out: BTreeMap<u32, EntryDiff> = digests
        .into_iter()
        .map(|(pair, digests)| (pair, digests.finish()))
        .collect();
    for ((which, dump), pairs) in files.iter().zip(&mut pairs) {
        pairs.retain(|_, pair| out.get(pair).is_some_and(|d| !d.listed.is_empty()));
        if !pairs.is_empty() {
            feed(dump, (*which, foreign), pairs, &mut out)?;
        }
    }
    out.values_mut().for_each(EntryDiff::sort_by_text);
    Ok(out)
}

/// Feeds the entries of these maps to what takes them, by pair.
fn feed<S: EntrySink>(
    dump: &Dump,
    (which, foreign): (Which, bool),
    pairs: &HashMap<Addr, u32>,
    sinks: &mut BTreeMap<u32, S>,
) -> Result<(), SnapshotError> {
    let sinks = std::cell::RefCell::new(sinks);
    let wants = |map: Addr, key: Option<u64>| {
        let sinks = sinks.borrow();
        Some(sinks.get(pairs.get(&map)?)?.wants(key))
    };
    read_entries(dump.source(), foreign, &wants, &mut |map, entry| {
        let mut sinks = sinks.borrow_mut();
        if let Some(sink) = pairs.get(&map).and_then(|p| sinks.get_mut(p)) {
            sink.feed(which, entry);
        }
    })
}
