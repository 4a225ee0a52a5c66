//! Writes a snapshot: header, maps, their entries if they are wanted, and the line that ends it.
//! In: an inspected process. Out: lines, as they come; nothing is collected.

use crate::base::progress::Progress;
use crate::file::stream::count_lines;
use crate::maps::image::EntryRef;
use crate::schema::TOOL;
use crate::schema::crash::Crash;
use crate::schema::crash::Gc;
use crate::schema::process::Process;
use crate::schema::safe::write_jsonl;
use crate::snapshot::entries::Shower;
use crate::snapshot::image::write_image;
use crate::snapshot::line::EndLine;
use crate::snapshot::line::HeadLine;
use crate::snapshot::line::Redaction;
use crate::snapshot::line::Selection;
use crate::snapshot::line::Tag;
use crate::snapshot::line::kind;
use crate::snapshot::pen::write_map_line;
use crate::survey::inspect::Inspected;
use crate::survey::inspect::Inspection;
use crate::survey::redact::key_id;
use crate::survey::request::Target;
use crate::survey::request::ValueMode;
use crate::survey::result::MapRow;
use std::borrow::Cow;
use std::io;
use std::io::Write;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What goes into a snapshot beside every map.
#[derive(Clone, Default, Debug)]
pub struct Wish {
    /// How entries go in; `None`: not at all.
    pub entries: ValueMode,
    /// Of this map only. It must be an address, or a path as rows of this run have it.
    pub map: Option<Target>,
    /// Of maps whose type contains this only.
    pub ty: Option<String>,
    /// Of maps whose owner path contains this only.
    pub owner: Option<String>,
    /// The digest key was not made from the core.
    pub key_from_file: bool,
}

impl Wish {
    /// Whether the entries of this map go in.
    pub fn takes(&self, row: &MapRow) -> bool {
        let this = match &self.map {
            None => true,
            Some(Target::Addr(addr)) => row.addr == *addr,
            Some(Target::Path(path)) => row.owner == *path,
        };
        self.entries != ValueMode::None
            && this
            && self.ty.as_ref().is_none_or(|part| row.ty.contains(part))
            && self
                .owner
                .as_ref()
                .is_none_or(|part| row.owner.contains(part))
    }
}

/// What was written.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Written {
    /// Maps.
    pub maps: u64,
    /// Of these, broken ones.
    pub broken: u64,
    /// Maps whose entries went in.
    pub with_entries: u64,
    /// Entries.
    pub entries: u64,
    /// Places that could not be read.
    pub gaps: u64,
    /// Lines, the last one included.
    pub lines: u64,
    /// Bytes, before they were packed.
    pub bytes: u64,
}

/// Writes the snapshot of a process.
/// # Errors
/// What `out` says.
pub fn write_snapshot(
    all: &Inspection<'_, '_, '_>,
    wish: &Wish,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> io::Result<Written> {
    let mut out = Counting {
        out,
        lines: 0,
        bytes: 0,
        hasher: blake3::Hasher::new(),
    };
    write_jsonl(&mut out, &head(all, wish))?;
    out.flush()?; // so that a file cut short later can still be told to be a snapshot
    let counts = Counts::default();
    all.write_each(
        &mut out,
        progress,
        |row| wish.takes(row),
        |map, out| write_map(all, wish, map, &counts, out),
    )?;
    let (schema, line) = Tag::of(kind::END);
    let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
    let end = EndLine {
        schema,
        line,
        maps: read(&counts.maps),
        entries: read(&counts.entries),
        lines: out.lines,
        bytes: out.bytes,
        checksum: out.hasher.finalize().to_hex().as_str().to_owned().into(),
    };
    write_jsonl(&mut out, &end)?;
    Ok(Written {
        maps: end.maps,
        broken: read(&counts.broken),
        with_entries: read(&counts.with_entries),
        entries: end.entries,
        gaps: read(&counts.gaps),
        lines: out.lines,
        bytes: out.bytes,
    })
}

/// What is counted on all processors.
#[derive(Default)]
struct Counts {
    maps: AtomicU64,
    broken: AtomicU64,
    with_entries: AtomicU64,
    entries: AtomicU64,
    gaps: AtomicU64,
}

fn count(sum: &AtomicU64, n: u64) {
    sum.fetch_add(n, Ordering::Relaxed);
}

fn head<'a>(all: &'a Inspection<'_, '_, '_>, wish: &'a Wish) -> HeadLine<'a> {
    let (schema, line) = Tag::of(kind::HEADER);
    let values = all.redactor.mode;
    let has_digests = values != ValueMode::None || wish.entries != ValueMode::None;
    let text = |t: &'a Option<String>| t.as_deref().map(Cow::Borrowed);
    HeadLine {
        schema,
        line,
        tool: Some(TOOL),
        process: Process::of(all.process),
        identity: text(&all.identity),
        crash: Crash::of(all.crash),
        gc: Gc::of(all.crash),
        redaction: Redaction {
            values: values.as_str().into(),
            entries: wish.entries.as_str().into(),
            key_id: has_digests.then(|| key_id(&all.redactor.key).into()),
            key_from: has_digests.then(|| if wish.key_from_file { "file" } else { "core" }.into()),
        },
        selection: Selection {
            map: wish.map.as_ref().map(|target| match target {
                Target::Addr(addr) => addr.to_string().into(),
                Target::Path(path) => Cow::Borrowed(path.as_str()),
            }),
            r#type: text(&wish.ty),
            owner: text(&wish.owner),
        },
        gaps: all.gaps.iter().map(|g| Cow::Borrowed(g.as_str())).collect(),
        gaps_total: all.gaps_total,
    }
}

fn write_map(
    all: &Inspection<'_, '_, '_>,
    wish: &Wish,
    map: &Inspected<'_, '_>,
    counts: &Counts,
    out: &mut dyn Write,
) -> io::Result<()> {
    count(&counts.maps, 1);
    count(&counts.gaps, map.row.gaps_total);
    count(&counts.broken, u64::from(map.row.is_broken()));
    let takes = wish.takes(&map.row);
    let entries = takes.then_some(wish.entries.as_str());
    write_map_line(out, &map.row, &map.detail, entries)?;
    if !takes {
        return Ok(());
    }
    count(&counts.with_entries, 1);
    let mut shower = Shower::new(all.redactor, wish.entries == ValueMode::Clear);
    let mut written = 0;
    if let Some(image) = map.image {
        let slots = &image.slots;
        let mut render = |e: &EntryRef<'_>| shower.entry(slots, e);
        written = write_image(image, &mut render, &mut |line| write_jsonl(out, &line))?;
    } else if let Some(sync) = map.sync {
        written = shower.write_sync(map.row.addr, sync, out)?;
    }
    count(&counts.entries, written);
    Ok(())
}

/// Counts and sums up what is written through it.
struct Counting<'o> {
    out: &'o mut (dyn Write + Send),
    lines: u64,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl Write for Counting<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.write_all(buf)?;
        self.hasher.update(buf);
        self.bytes = self.bytes.saturating_add(buf.len() as u64);
        self.lines = self.lines.saturating_add(count_lines(buf));
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
