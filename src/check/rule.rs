//! What a rule is, and what it says of one map.
//! In: a `MapImage` and facts of the process. Out: an outcome and findings, never an error.

use crate::base::limits::MAX_FINDINGS_PER_RULE;
use crate::check::tally::Tallies;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::syncmap::SyncMapImage;
use std::fmt::Display;

/// How bad a broken rule is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing, proves nothing.
    Info,
    /// Suspicious; a legal explanation cannot be excluded. Does not make a map broken.
    Warning,
    /// Impossible in a correct program on good hardware. Makes a map broken.
    Error,
}

impl Severity {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// Which maps a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every map.
    All,
    /// Classic maps.
    Classic,
    /// Swiss maps.
    Swiss,
    /// Swiss maps with a directory of tables: nothing is to be said of one whose header leads to a single group.
    Tables,
    /// `sync.Map`.
    Sync,
}

/// One rule of the catalogue: its manual and its check.
#[derive(Debug)]
pub struct Rule {
    /// Its stable id, e.g. `SW-USED`: never reused, never renamed.
    pub id: &'static str,
    /// How bad it is when broken.
    pub severity: Severity,
    /// Which maps it is about.
    pub scope: Scope,
    /// Whether it must hold even while a goroutine is in the middle of writing the map.
    pub holds_mid_write: bool,
    /// One sentence: what must be true.
    pub statement: &'static str,
    /// Where in Go's source this follows from: file, symbol, versions.
    pub source: &'static str,
    /// What goes wrong in the process when it is broken, and what breaks it.
    pub breaks: &'static str,
    /// Innocent states that look alike, and how they are told apart.
    pub innocent: &'static str,
    /// A finding as `check` prints it: place, what is claimed, what was found.
    pub example: &'static str,
    /// The check: a pure function of the image.
    pub check: Check,
}

/// What a rule is a function of.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// An ordinary map.
    Map(fn(&Subject<'_, '_>, &mut Verdicts)),
    /// A `sync.Map` as a whole.
    Sync(fn(&SyncMapImage, &mut Verdicts)),
}

/// What a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'i, 'a> {
    /// The map.
    pub image: &'i MapImage<'a>,
    /// The slots of a Swiss map by state, counted once for all rules.
    pub tallies: &'i Tallies,
}

/// Collects what one rule says of one map.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// The findings kept in full.
    pub findings: Vec<Broken>,
    /// Findings in all, kept or not.
    pub total: u64,
    /// Something the rule needed could not be read.
    pub unknown: bool,
}

/// One place where a rule is broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Where in the map.
    pub place: Place,
    /// What the process says.
    pub claimed: String,
    /// What badmap counted or saw.
    pub found: String,
}

impl Verdicts {
    /// The rule is broken at `place`: the process says `claimed`, badmap found `found`. The texts
    /// are only made when the finding is kept.
    pub fn broken(&mut self, place: Place, claimed: impl Display, found: impl Display) {
        self.total = self.total.saturating_add(1);
        if self.findings.len() < MAX_FINDINGS_PER_RULE {
            self.findings.push(Broken {
                place,
                claimed: claimed.to_string(),
                found: found.to_string(),
            });
        }
    }

    /// There are `n` more that nobody kept.
    pub fn more(&mut self, n: u64) {
        self.total = self.total.saturating_add(n);
    }

    /// What the rule needs could not be read: it can be neither proven nor refuted in full.
    pub fn unknown(&mut self) {
        self.unknown = true;
    }

    /// The plain comparison most rules are: `claimed` against `found`, unless `complete` is false.
    pub fn compare<T: PartialEq + Display>(
        &mut self,
        complete: bool,
        place: Place,
        claimed: T,
        found: T,
    ) {
        if !complete {
            self.unknown();
        } else if claimed != found {
            self.broken(place, claimed, found);
        }
    }
}

/// A finding: one broken rule at one place of one map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The place inside the map.
    pub place: Place,
    /// What the process says.
    pub claimed: String,
    /// What badmap found.
    pub found: String,
}

/// What the rules say of a map together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Verdict {
    #[default]
    /// Every rule that applies was proven.
    Ok,
    /// At least one rule of severity error is broken.
    Broken,
    /// Nothing is broken, but something could not be read.
    Unknown,
}

impl Verdict {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Broken => "broken",
            Verdict::Unknown => "unknown",
        }
    }
}

/// The result of all rules on one map.
#[derive(Clone, Default, Debug)]
pub struct MapVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The map's write flag is set: rules that need not hold then were not applied.
    pub mid_write: bool,
    /// Findings in the order of the registry, capped per rule.
    pub findings: Vec<Finding>,
    /// Findings in all.
    pub findings_total: u64,
    /// Ids of the rules that could not be decided in full.
    pub unknown_rules: Vec<&'static str>,
}
