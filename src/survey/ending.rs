//! How the process ended and who had to do with it: plain data, ready for any renderer.
//! In: what `survey/crash.rs` found. Out: structs that text, JSON and tests read; nothing borrows the core.

use crate::base::addr::Addr;
use crate::crash::class::CrashCause;
use crate::crash::clock::GcInfo;
use crate::crash::message::FaultAt;
use crate::crash::parties::PartyTotals;
use crate::runtime::pclntab::SourceFrame;

/// How the process ended.
#[derive(Clone, Default, Debug)]
pub struct CrashInfo {
    /// What it was about.
    pub kind: CrashKind,
    /// The runtime's own words, e.g. `fatal error: concurrent map writes`.
    pub message: Option<String>,
    /// The message without anything of the program's own, whatever may be shown: of a panic that the program raised
    /// itself, only what kind of value it was. Of several panics the first one about a map.
    pub plain: Option<String>,
    /// Where the message was found: `print-backlog`, `panic`, `signal`.
    pub source: Option<&'static str>,
    /// Panics that were not recovered, oldest first; the first is the message.
    pub panics: Vec<String>,
    /// Signal that ended the process: number.
    pub signal: Option<i32>,
    /// The access to memory that failed, where one did.
    pub fault: Option<FaultAt>,
    /// Goroutine that panicked or threw, or that hangs, where known.
    pub goroutine: Option<u64>,
    /// Thread (tid) that stopped the process, where known.
    pub thread: Option<u32>,
    /// The function of the runtime's map code that goroutine was in, as the program called it.
    pub map_function: Option<String>,
    /// What it was doing to the map: `read`, `write`, `iterate`, `clone`.
    pub op: Option<&'static str>,
    /// The lines of the program's own code on that goroutine's stack, innermost first.
    pub frames: Vec<SourceFrame>,
    /// The functions of these, without those that the compiler made to call others; so many of them.
    pub functions: Vec<String>,
    /// Whose map it was; `None` where that was not asked for.
    pub blame: Option<Blame>,
}

/// The map of a crash, and all who have to do with it.
#[derive(Clone, Default, Debug)]
pub struct Blame {
    /// The map, where the frame of the map function itself says which.
    pub map: Option<MapAtCrash>,
    /// Maps that it may have been, likeliest first; only where it is not known.
    pub candidates: Vec<MapAtCrash>,
    /// Other goroutines, those that may collide first; not all of them if they are many.
    pub parties: Vec<PartyRow>,
    /// All of them.
    pub totals: PartyTotals,
    /// The likeliest class of causes; `None` if the crash is not about a map.
    pub cause: Option<CrashCause>,
    /// The garbage collector and the clock.
    pub gc: GcInfo,
    /// What could not be looked at, in words.
    pub gaps: Vec<String>,
}

/// A map a crash is about.
#[derive(Clone, Default, Debug)]
pub struct MapAtCrash {
    /// Its header; nil for a nil map.
    pub addr: Addr,
    /// Its type; empty where that is not known.
    pub ty: String,
    /// The way to it from a variable; empty where none was found or looked for.
    pub owner: String,
    /// What holds it in every run: a package variable, or a field of a type; empty where nothing does.
    pub holder: String,
    /// Its write flag; `None` where it cannot be read.
    pub writing: Option<bool>,
    /// Its length as it claims.
    pub len: Option<i64>,
    /// What says that it is this one.
    pub evidence: Vec<String>,
}

/// A goroutine that has to do with the map.
#[derive(Clone, Debug)]
pub struct PartyRow {
    /// Its number.
    pub goroutine: u64,
    /// What it is doing, in the runtime's word.
    pub state: &'static str,
    /// Why it waits.
    pub wait_reason: Option<String>,
    /// Nanoseconds since it began to wait, at least; `None` where nobody noted when.
    pub waiting: Option<u64>,
    /// `in-map-code`, `holds-pointer` or `reaches`.
    pub grade: &'static str,
    /// What it does to the map: `read`, `write`, `iterate`, `clone`; `None` where that is not known.
    pub op: Option<&'static str>,
    /// It has only just called the operation.
    pub entering: bool,
    /// What shows it is in use by the compiler's own tables, not left from before.
    pub live: bool,
    /// What shows it.
    pub evidence: String,
    /// The innermost line of the program's own code.
    pub at: Option<SourceFrame>,
    /// The line of the frame that has the map's address, or what leads there; `None` where that is no
    /// frame of the program's.
    pub holds_at: Option<SourceFrame>,
    /// The functions of the program on its stack, innermost first; so many of them.
    pub functions: Vec<String>,
}

/// What a crash was about.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum CrashKind {
    /// Map code stopped the process.
    Map,
    /// Something else stopped it.
    Other,
    /// Nothing stopped it but somebody from outside, and a goroutine never comes back from a map.
    Hang,
    /// Something stopped it, and what of the core is there does not tell.
    Unknown,
    /// It was dumped alive.
    #[default]
    None,
}

impl CrashKind {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            CrashKind::Map => "map",
            CrashKind::Other => "other",
            CrashKind::Hang => "hang",
            CrashKind::Unknown => "unknown",
            CrashKind::None => "none",
        }
    }

    /// Whether it is about a map.
    pub fn about_map(self) -> bool {
        matches!(self, CrashKind::Map | CrashKind::Hang)
    }
}
