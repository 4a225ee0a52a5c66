//! One line of a batch's results: everything that is known of one core, whatever happened to it.
//! In: what the core's own process found, and what became of that process. Out: a struct that serde writes as one
//! line of JSON Lines and reads back; `docs/JSON.md` documents it field by field.

use crate::batch::signature::Signature;
use crate::schema::check::Check;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;

/// What became of a core.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Debug,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was read, and its maps were checked; `verdict` says how that ended.
    Ok,
    /// It could not be read, or it has no binary; `error` says why.
    #[default]
    Failed,
    /// Its process did not end in time, and was killed.
    Timeout,
    /// Its process had no more memory.
    Memory,
    /// Its process crashed.
    Crashed,
}

impl Status {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
            Status::Memory => "memory",
            Status::Crashed => "crashed",
        }
    }
}

/// What was found of a core that could be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// At least one map is broken.
    Broken,
    /// No map is broken, but the crash (or hang) is about one.
    MapCrash,
    /// Nothing is broken, but not everything could be read.
    Unproven,
    /// Every map is sound, and the process did not die in map code.
    Sound,
}

impl Verdict {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Broken => "broken",
            Verdict::MapCrash => "map-crash",
            Verdict::Unproven => "unproven",
            Verdict::Sound => "sound",
        }
    }
}

/// One core.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Line {
    /// `badmap/1`.
    pub schema: String,
    /// Version of the badmap that wrote it.
    pub version: String,
    /// Path of the core file, as it was listed.
    pub core: String,
    /// Its size in bytes as it lies on disk, packed or not.
    pub file_bytes: Option<u64>,
    /// When it was last written, in seconds since 1970: about when the process died.
    pub time: Option<u64>,
    /// And nanoseconds: so a file that was written again is told from the one that was looked at.
    pub time_ns: Option<u32>,
    /// Path of the binary that was used.
    pub binary: Option<String>,
    /// Where the process ran: what the manifest says, else what the core does.
    pub host: Option<String>,
    /// The kind of CPU it ran on.
    pub cpu: Option<String>,
    /// What names the process, in all dumps of it.
    pub identity: Option<String>,
    /// What became of it.
    pub status: Status,
    /// What was found.
    pub verdict: Option<Verdict>,
    /// The exit code of `badmap check` of this core.
    pub exit: u8,
    /// Why there is no result.
    pub error: Option<Trouble>,
    /// The rules that are broken, worst map or not, each with its findings in all maps.
    pub rules: Vec<RuleCount>,
    /// What tells this bug from others.
    pub signature: Option<Signature>,
    /// What `check` found; lists are capped, their totals are not.
    pub check: Option<Check<'static>>,
    /// The snapshot that was written on the way.
    pub snapshot: Option<String>,
    /// Whether that is what was to be expected; `None` where nobody said what is.
    pub expected: Option<Expected>,
    /// What it took.
    pub resources: Option<Resources>,
}

/// Why a core has no result.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Trouble {
    /// What went wrong.
    pub what: String,
    /// What the user can try.
    pub hint: Option<String>,
    /// Of a core without its binary: what was looked for.
    pub looked_for: Option<LookedFor>,
}

/// What a binary would be known by.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct LookedFor {
    /// Go's build ID.
    pub go_build_id: Option<String>,
    /// The GNU build ID, in hex.
    pub gnu_build_id: Option<String>,
    /// The path in the core's own notes.
    pub path: Option<String>,
}

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct RuleCount {
    /// Its id.
    pub rule: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// Maps it is broken in.
    pub maps: u64,
}

/// Whether a core gave what it had to give.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Expected {
    /// It did.
    pub met: bool,
    /// What differs, in words: `verdict: expected sound, got broken`.
    pub differences: Vec<String>,
}

/// What a core took.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Resources {
    /// From start to end of its process, in milliseconds.
    pub wall_ms: u64,
    /// Processor time, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory it had at a time, in bytes, pages of the mapped files among them.
    pub peak_rss: u64,
}

impl Line {
    /// The Go version, where it is known.
    pub fn go(&self) -> Option<&str> {
        let check = self.check.as_ref()?;
        Some(&*check.process.go).filter(|go| !go.is_empty())
    }

    /// The core's build ID, where it is known.
    pub fn build_id(&self) -> Option<&str> {
        self.check.as_ref()?.process.build_id.as_deref()
    }

    /// How the process ended, in the runtime's words.
    pub fn message(&self) -> Option<&str> {
        self.check.as_ref()?.crash.message.as_deref()
    }

    /// The likeliest class of causes: of the crash, else of the first broken map.
    pub fn cause(&self) -> Option<&str> {
        let check = self.check.as_ref()?;
        let of_crash = check.crash.cause.as_ref().map(|c| &*c.class);
        of_crash.or_else(|| {
            check
                .causes
                .first()
                .map(|c: &crate::schema::causes::Cause<'_>| &*c.class)
        })
    }
}

/// The word of a status or a verdict, whichever says more.
pub fn outcome(line: &Line) -> Cow<'static, str> {
    match line.verdict {
        Some(verdict) if line.status == Status::Ok => verdict.as_str().into(),
        _ => line.status.as_str().into(),
    }
}
