//! The one list of rules, and the loop that applies them.
//! In: an image. Out: its verdict with all findings; one finding never stops the next rule,
//! except that a header which is none leaves nothing to check.

use crate::check::classic;
use crate::check::classic_cells;
use crate::check::classic_chains;
use crate::check::classic_extra;
use crate::check::common;
use crate::check::hands;
use crate::check::heap;
use crate::check::keys;
use crate::check::places;
use crate::check::rule::Check;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdict;
use crate::check::rule::Verdicts;
use crate::check::sound::is_sound;
use crate::check::swiss;
use crate::check::swiss_dir;
use crate::check::swiss_tables;
use crate::check::sync;
use crate::check::tally::Tallies;
use crate::check::trust::header_is_misplaced;
use crate::maps::image::Body;
use crate::maps::image::Gaps;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::maps::image::SwissImage;
use crate::maps::syncmap::SyncMapImage;
use std::sync::LazyLock;

/// Every rule, in the order findings are shown.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let classic = [
        classic::RULES,
        classic_cells::RULES,
        classic_chains::RULES,
        classic_extra::RULES,
    ];
    let swiss = [swiss::RULES, swiss_dir::RULES, swiss_tables::RULES];
    [
        heap::RULES,
        hands::RULES,
        common::RULES,
        keys::RULES,
        places::RULES,
        sync::RULES,
    ]
    .into_iter()
    .chain(classic)
    .chain(swiss)
    .flatten()
}

/// The rule of this id, whatever its case.
pub fn find_rule(id: &str) -> Option<&'static Rule> {
    rules().find(|r| r.id.eq_ignore_ascii_case(id))
}

/// Applies every rule that concerns this map.
pub fn check_map(image: &MapImage<'_>) -> MapVerdict {
    // A flag that nobody can have set does not keep the map from being judged.
    let mid_write = image.is_changing();
    let tallies = Tallies::of(image);
    let subject = Subject {
        image,
        tallies: &tallies,
    };
    if is_sound(&subject) {
        return MapVerdict::default();
    }
    // The fields of a misplaced header say nothing: only the rule that names it is applied.
    let misplaced = header_is_misplaced(image);
    let mut out = MapVerdict {
        mid_write,
        ..MapVerdict::default()
    };
    let mut said = Verdicts::default();
    let applying = match image.body {
        Body::Classic(_) => &APPLYING.classic,
        Body::Swiss(SwissImage {
            shape: Shape::Small(_),
            ..
        }) => &APPLYING.small,
        Body::Swiss(_) => &APPLYING.swiss,
        Body::Unreadable => &APPLYING.unreadable,
    };
    for (rule, check) in applying {
        if mid_write && !rule.holds_mid_write {
            continue;
        }
        if misplaced && rule.id != "MAP-PTR" {
            if rule.severity == Severity::Error {
                out.unknown_rules.push(rule.id);
            }
            continue;
        }
        check(&subject, &mut said);
        if said.total > 0 || said.unknown {
            out.take(rule, &mut said);
        }
    }
    out.settle(&image.gaps);
    out
}

/// Applies every rule that concerns a `sync.Map` as a whole; its inner maps are judged for themselves.
pub fn check_sync_map(image: &SyncMapImage) -> MapVerdict {
    let mut out = MapVerdict::default();
    let mut said = Verdicts::default();
    for rule in rules() {
        if let Check::Sync(check) = rule.check {
            check(image, &mut said);
            out.take(rule, &mut said);
        }
    }
    out.settle(&image.gaps);
    out
}

impl MapVerdict {
    /// Adds what one rule said, and empties it for the next.
    fn take(&mut self, rule: &'static Rule, said: &mut Verdicts) {
        if said.unknown && rule.severity == Severity::Error {
            self.unknown_rules.push(rule.id);
        }
        if said.total > 0 && rule.severity == Severity::Error {
            self.verdict = Verdict::Broken;
        }
        self.findings_total = self.findings_total.saturating_add(said.total);
        self.findings
            .extend(said.findings.drain(..).map(|b| Finding {
                rule: rule.id,
                severity: rule.severity,
                place: b.place,
                claimed: b.claimed,
                found: b.found,
            }));
        said.total = 0;
        said.unknown = false;
    }

    /// What was not decided, or not read, keeps a verdict from being ok.
    fn settle(&mut self, gaps: &Gaps) {
        let doubtful = !self.unknown_rules.is_empty() || !gaps.is_empty();
        if self.verdict == Verdict::Ok && doubtful {
            self.verdict = Verdict::Unknown;
        }
    }
}

/// The rules for each kind of map, in their order.
struct Applying {
    classic: Vec<(&'static Rule, MapCheck)>,
    swiss: Vec<(&'static Rule, MapCheck)>,
    small: Vec<(&'static Rule, MapCheck)>,
    unreadable: Vec<(&'static Rule, MapCheck)>,
}

/// What a rule looks at, and where it says what it sees.
type MapCheck = fn(&Subject<'_, '_>, &mut Verdicts);

static APPLYING: LazyLock<Applying> = LazyLock::new(|| {
    let of = |scopes: &[Scope]| {
        let concerned = rules().filter(|r| r.scope == Scope::All || scopes.contains(&r.scope));
        let check = |rule: &'static Rule| match rule.check {
            Check::Map(check) => Some((rule, check)),
            Check::Sync(_) => None,
        };
        concerned.filter_map(check).collect()
    };
    Applying {
        classic: of(&[Scope::Classic]),
        swiss: of(&[Scope::Swiss, Scope::Tables]),
        small: of(&[Scope::Swiss]),
        unreadable: of(&[]),
    }
});
