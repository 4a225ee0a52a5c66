//! What badmap knows of a process when it is done: plain data, ready for any renderer.
//! In: the survey's own findings. Out: structs that text, JSON and tests read; nothing borrows the core.

use crate::base::addr::Addr;
use crate::cause::explain::Cause;
use crate::check::rule::MapVerdict;
use crate::check::rule::Verdict;
use crate::maps::image::Hands;
use crate::process::cpu::Cpu;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::ending::CrashInfo;
use std::path::PathBuf;
use std::sync::Arc;

/// What was opened and how much of it is there.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// How it hashes keys: `aes` or `fallback`; empty when that is not known.
    pub hash: &'static str,
    /// Go version as the process says, e.g. `go1.23.9`, experiments included.
    pub go: String,
    /// badmap's newest known Go is older than this one: read by its fields, marked untested.
    pub untested: bool,
    /// Operating system, e.g. `linux`.
    pub os: &'static str,
    /// Architecture in Go's words, e.g. `amd64`.
    pub arch: &'static str,
    /// `classic` or `swiss`.
    pub maps: &'static str,
    /// Path of the core file as given.
    pub core: PathBuf,
    /// The snapshot that stood for the core, if one did.
    pub snapshot: Option<PathBuf>,
    /// Size of the core file in bytes, unpacked.
    pub core_size: u64,
    /// Name of the compression it came in.
    pub compressed: Option<&'static str>,
    /// Path of the binary that was used.
    pub binary: PathBuf,
    /// How the binary was found.
    pub binary_from: BinaryFrom,
    /// Whether core and binary belong together.
    pub matched: Match,
    /// Build ID read from the core (GNU build ID in hex, else Go's).
    pub core_build_id: Option<String>,
    /// Build ID of the binary, of the same kind.
    pub binary_build_id: Option<String>,
    /// What names the process, in all dumps of it, and says nothing of it; `None` where its random bytes cannot be
    /// read, and of a snapshot.
    pub identity: Option<String>,
    /// Process id.
    pub pid: Option<u32>,
    /// Command name of the process, which may be a thread's; only where values are shown in clear.
    pub command: Option<String>,
    /// The kind of CPU it ran on.
    pub cpu: Option<Cpu>,
    /// The host it ran on: `HOSTNAME` of its environment, if that looks like a host name.
    pub host: Option<String>,
    /// Who wrote the core: `kernel`, `gcore`, `delve`, `unknown`.
    pub how_dumped: &'static str,
    /// Threads with registers in the core.
    pub threads: usize,
    /// Goroutines that are not dead; `None` when their list could not be read.
    pub goroutines: Option<u64>,
    /// Bytes that the position-independent executable was moved; 0 for others.
    pub slide: u64,
    /// DWARF version of the Go code, e.g. 4 or 5.
    pub dwarf: u16,
    /// Memory of the process whose bytes the core holds.
    pub dumped_bytes: u64,
    /// Bytes that should be in the core file but are cut off.
    pub missing_bytes: u64,
    /// Address ranges cut off, first ones: (start, bytes).
    pub missing: Vec<(Addr, u64)>,
    /// Read-only bytes of the process that are taken from the binary.
    pub from_binary_bytes: u64,
    /// Anonymous memory of the process that the dump leaves out.
    pub not_dumped_bytes: u64,
}

/// How the binary was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryFrom {
    /// Named on the command line.
    Given,
    /// The path in the core's own list of mapped files.
    CoreNotes,
    /// Found by build ID in a directory given with `--binary-dir`.
    BinaryDir,
}

impl BinaryFrom {
    /// The word shown in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryFrom::Given => "given",
            BinaryFrom::CoreNotes => "core",
            BinaryFrom::BinaryDir => "binary-dir",
        }
    }
}

/// Whether core and binary belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    /// Build IDs are equal.
    Yes,
    /// The core does not hold the page with the build ID, or the binary has none.
    Unverified,
    /// Build IDs differ, and the user allowed it.
    Mismatch,
}

impl Match {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Match::Yes => "match",
            Match::Unverified => "unverified",
            Match::Mismatch => "mismatch",
        }
    }
}

/// One map of the process.
#[derive(Clone, Debug)]
pub struct MapRow {
    /// Address of the header (of the `sync.Map` for that kind).
    pub addr: Addr,
    /// `classic`, `swiss` or `syncmap`.
    pub kind: &'static str,
    /// Type as Go prints it.
    pub ty: String,
    /// Key type.
    pub key_type: String,
    /// Elem type.
    pub elem_type: String,
    /// Owner path, keys by redaction mode.
    pub owner: String,
    /// What holds it in every run: a package variable, or a field of a type. Only of broken maps.
    pub holder: String,
    /// How it was found: every way, in the order of `find::found::Ways::ALL`.
    pub found_by: Vec<&'static str>,
    /// `reachable`, `reachable-unknown-path` or `garbage`.
    pub reachable: &'static str,
    /// How sure its type is: `typed`, `inferred` or `ambiguous`.
    pub type_sure: &'static str,
    /// The types that fit, where that is ambiguous; the one it is shown as first.
    pub type_candidates: Vec<String>,
    /// `len(m)` as the header claims; `None` when unreadable.
    pub len: Option<i64>,
    /// Classic: slots of the main buckets. Swiss: entries it has room for before it must grow.
    pub capacity: Option<u64>,
    /// Bytes of header, storage and directory, without what keys and elems point to.
    pub bytes: u64,
    /// Of these, bytes of slots that hold no entry.
    pub waste: u64,
    /// Words for its state: `mid-write`, `growing`, `same-size-grow`, `iterator`, `small`, `tombstones`,
    /// `empty`; `dead` when the garbage collector has given it up.
    pub flags: Vec<&'static str>,
    /// What the rules say; `None` for kinds that have none of their own (`syncmap`), and for maps that
    /// the garbage collector has given up, of which parts may be freed.
    pub verdict: Option<MapVerdict>,
    /// What may have broken it, likeliest first; only of broken maps, and of so many of them.
    pub causes: Vec<Cause>,
    /// Who is inside an operation on it; only looked for if some map of the process is being written.
    pub hands: Hands,
    /// What could not be read, first ones: "what: where and why".
    pub gaps: Vec<String>,
    /// Gaps in all.
    pub gaps_total: u64,
}

impl MapRow {
    /// Whether a rule of severity error is broken.
    pub fn is_broken(&self) -> bool {
        let verdict = self.verdict.as_ref();
        verdict.is_some_and(|v| v.verdict == Verdict::Broken)
    }

    /// Entries for totals: what the header claims, but of a map that is broken, or was not judged, no more than its
    /// storage has room for, so that one wild counter does not drown the sum.
    pub fn entries(&self) -> u64 {
        let claimed = self.len.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        match (self.is_broken(), self.capacity) {
            (true, room) => claimed.min(room.unwrap_or(0)),
            (false, Some(room)) if self.verdict.is_none() => claimed.min(room),
            (false, _) => claimed,
        }
    }
}

/// Everything about one process.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What was opened.
    pub process: ProcessInfo,
    /// How it ended.
    pub crash: CrashInfo,
    /// Maps, by address: all of them, or those of which there is more to say than that they are sound.
    pub maps: Vec<MapRow>,
    /// Totals of the sound maps that are not among them.
    pub rest: Totals,
    /// What went wrong while looking for maps (not while reading one), in words: makes the whole
    /// survey incomplete.
    pub find_gaps: Vec<String>,
    /// How many such gaps there were.
    pub find_gaps_total: u64,
}

/// Totals over the maps of a survey.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Totals {
    /// Maps with storage rules (without `syncmap` rows, whose inner maps count).
    pub total: u64,
    /// Proven sound.
    pub sound: u64,
    /// Broken.
    pub broken: u64,
    /// Neither.
    pub unknown: u64,
    /// With the write flag set.
    pub mid_write: u64,
    /// Entries, by `MapRow::entries`.
    pub entries: u64,
    /// Bytes.
    pub bytes: u64,
    /// Findings of all severities.
    pub findings: u64,
}

impl Totals {
    /// Adds others.
    pub fn add(&mut self, other: &Totals) {
        for (sum, more) in [
            (&mut self.total, other.total),
            (&mut self.sound, other.sound),
            (&mut self.broken, other.broken),
            (&mut self.unknown, other.unknown),
            (&mut self.mid_write, other.mid_write),
            (&mut self.entries, other.entries),
            (&mut self.bytes, other.bytes),
            (&mut self.findings, other.findings),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// One goroutine of the process, with its stack.
#[derive(Clone, Debug)]
pub struct GoroutineRow {
    /// Its number.
    pub id: u64,
    /// What it is doing, in the runtime's word: `running`, `waiting`, …
    pub state: &'static str,
    /// Why it waits, in the runtime's words, e.g. `chan receive`; only while it waits.
    pub wait_reason: Option<String>,
    /// Thread (tid) that runs it.
    pub thread: Option<u32>,
    /// Whether it is locked to a thread.
    pub locked: bool,
    /// The go statement that made it; `None` for the first one, and where it cannot be told.
    pub created_by: Option<SourceFrame>,
    /// The goroutine that made it; from go1.21.
    pub parent: Option<u64>,
    /// The function it began with.
    pub started_with: Option<String>,
    /// Its stack, innermost frame first.
    pub frames: Vec<FrameRow>,
    /// Why the stack ends before its outermost function.
    pub broken: Option<String>,
}

/// One frame of a stack. Rows of equal pc share their source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FrameRow {
    /// The program counter: a return address, but for innermost and interrupted frames.
    pub pc: Addr,
    /// The stack pointer.
    pub sp: Addr,
    /// Which stack: `goroutine`, `system`, `signal`.
    pub part: &'static str,
    /// What a debugger would show for it: inlined functions first, the function itself last; never empty.
    pub source: Arc<[SourceFrame]>,
}

/// The goroutines of a process.
#[derive(Clone, Debug)]
pub struct GoroutineList {
    /// What was opened.
    pub process: ProcessInfo,
    /// How it ended.
    pub crash: CrashInfo,
    /// Goroutines that are not dead, by number.
    pub goroutines: Vec<GoroutineRow>,
    /// Goroutines on the runtime's list whose record could not be read.
    pub unreadable: u64,
    /// What of the process is missing, in words.
    pub gaps: Vec<String>,
}

impl GoroutineRow {
    /// The innermost frame of the program's own code: the first outside of the runtime and of what
    /// it is called through, else the outermost but for the runtime's own entry.
    pub fn top_user_frame(&self) -> Option<&SourceFrame> {
        self.user_frames()
            .next()
            .or_else(|| self.own_frames().rfind(|s| s.function != "runtime.goexit"))
    }

    /// The frames of the program's own code, innermost first.
    pub fn user_frames(&self) -> impl Iterator<Item = &SourceFrame> {
        self.own_frames().filter(|s| !is_plumbing(&s.function))
    }

    /// The frames on the goroutine's own stack.
    fn own_frames(&self) -> impl DoubleEndedIterator<Item = &SourceFrame> {
        self.frames
            .iter()
            .filter(|f| f.part == "goroutine")
            .flat_map(|f| f.source.iter())
    }
}

/// One map from its header down to its slots, as `badmap show` prints it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What was opened.
    pub process: ProcessInfo,
    /// The map as in a list.
    pub row: MapRow,
    /// Header fields by Go's names, rendered (addresses and flags in hex, with the names of set bits).
    pub header: Vec<(&'static str, String)>,
    /// Buckets and chains, or directory, tables and groups, in order.
    pub parts: Vec<Part>,
    /// Parts there are in all; `parts` may be cut by the window.
    pub parts_total: u64,
    /// The entries asked for.
    pub entries: Vec<EntryText>,
    /// Live entries that could be read, in all.
    pub entries_total: u64,
    /// The key that was looked up, if one was asked for.
    pub lookup: Option<Lookup>,
}

/// One bucket, table or group.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its place in the map, e.g. `buckets[3]` or `dir[0].table.groups[2]`.
    pub path: String,
    /// Its address.
    pub addr: Addr,
    /// Its fields by Go's names, rendered.
    pub fields: Vec<(&'static str, String)>,
    /// One character a slot where the part has slots: `#` live, `.` empty, `-` deleted (emptyOne or
    /// tombstone), `>` evacuated, `?` an impossible mark. Groups of eight are separated by a space.
    pub slots: Option<String>,
}

/// What a lookup of one key in a map does.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The key's hash.
    pub hash: u64,
    /// The tophash or control byte it has to have.
    pub mark: u8,
    /// The buckets or groups that are looked through, in order.
    pub way: Vec<String>,
    /// The entry, if it is found there.
    pub found: Option<EntryText>,
    /// Where an entry of this key stands that a lookup does not find.
    pub elsewhere: Option<String>,
}

/// One entry as text, by redaction mode.
#[derive(Clone, Debug)]
pub struct EntryText {
    /// Its place in the map.
    pub place: String,
    /// Its tophash or control byte.
    pub mark: u8,
    /// The hash of the key, as the process computes it; `None` where it cannot be known.
    pub hash: Option<u64>,
    /// The key.
    pub key: String,
    /// The elem.
    pub elem: String,
}
