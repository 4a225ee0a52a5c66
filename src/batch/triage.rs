//! What the lines of many runs come to: each core once, in groups, against what was known before.
//! In: lines of results, and of a baseline. Out: the groups, and which of their bugs are new. A core keeps a small
//! record here, since a later line of it takes the place of an earlier one.

use crate::batch::facts::Facts;
use crate::batch::facts::Outcomes;
use crate::batch::facts::Trait;
use crate::batch::facts::WordId;
use crate::batch::facts::Words;
use crate::batch::facts::clip;
use crate::batch::group::Group;
use crate::batch::group::GroupBy;
use crate::batch::line::Line;
use crate::batch::results::Results;
use crate::batch::summary::Summary;
use std::collections::HashMap;
use std::collections::HashSet;

/// Lines of one path that are looked at to find an earlier one of the same core, where not all of them say which
/// process it was.
const LOOKS: usize = 16;

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Its path.
    pub path: String,
    /// Its lines.
    pub lines: u64,
    /// Whether its last line is cut off, and not counted.
    pub cut_off: bool,
}

impl Read {
    /// Of a file that was read to its end.
    pub fn of(results: &Results) -> Read {
        Read {
            path: results.path().display().to_string(),
            lines: results.count(),
            cut_off: results.is_cut_off(),
        }
    }
}

/// What was known before.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Baseline {
    /// The files that say so.
    pub files: Vec<Read>,
    /// How many bugs that were.
    pub signatures: u64,
}

/// The result.
#[derive(Debug)]
pub struct Triage {
    /// By what cores are grouped.
    pub by: GroupBy,
    /// How many there are, each once.
    pub cores: u64,
    /// Lines that a later one of the same core took the place of.
    pub doubled: u64,
    /// How the cores ended.
    pub outcomes: Outcomes,
    /// How many bugs there are.
    pub signatures: u64,
    /// The files.
    pub files: Vec<Read>,
    /// The groups with most cores, then those without a key.
    pub groups: Vec<Group>,
    /// Groups that have a key, those that are not listed too.
    pub groups_total: u64,
    /// What was known before, where that was given.
    pub baseline: Option<Baseline>,
    /// How many bugs are new against it.
    pub new_total: Option<u64>,
}

impl Triage {
    /// The exit code: 1 where there is something new.
    pub fn exit(&self) -> u8 {
        u8::from(self.new_total.is_some_and(|n| n > 0))
    }
}

/// One core as it was seen last.
struct Record {
    bytes: Option<u64>,
    identity: WordId,
    facts: Facts,
}

/// Which core a line is of, where it says so in full.
type Exact = (WordId, u64, WordId);

/// Lines in the making of a triage.
#[derive(Default)]
pub struct Collector {
    words: Words,
    records: Vec<Record>,
    exact: HashMap<Exact, usize>,
    by_path: HashMap<WordId, Vec<usize>>,
    doubled: u64,
    files: Vec<Read>,
    known: HashSet<Box<str>>,
    baseline: Option<Baseline>,
}

impl Collector {
    /// Of no line yet.
    pub fn new() -> Collector {
        Collector::default()
    }

    /// One more line. The same core is told by its path, its size, and what names the process; where one of two lines
    /// lacks one of these, as that of a core that could not be read does, the others must do.
    pub fn add(&mut self, line: &Line) {
        let facts = Facts::of(line, &mut self.words);
        let path = self.words.id(&line.core);
        let identity = line.identity.as_deref().filter(|i| !i.is_empty());
        let record = Record {
            bytes: line.file_bytes,
            identity: identity.map_or(0, |i| self.words.id(i)),
            facts,
        };
        let exact = record.exact(path);
        let of_path = self.by_path.entry(path).or_default();
        let same = match exact.and_then(|e| self.exact.get(&e).copied()) {
            Some(at) => Some(at),
            None => of_path.iter().rev().take(LOOKS).copied().find(|at| {
                self.records
                    .get(*at)
                    .is_some_and(|earlier| earlier.may_be(&record))
            }),
        };
        let at = match same.and_then(|at| Some((at, self.records.get_mut(at)?))) {
            Some((at, earlier)) => {
                self.doubled = self.doubled.saturating_add(1);
                *earlier = record;
                at
            }
            None => {
                let at = self.records.len();
                of_path.push(at);
                self.records.push(record);
                at
            }
        };
        if let Some(exact) = exact {
            self.exact.insert(exact, at);
        }
    }

    /// One more line of what was known before.
    pub fn add_known(&mut self, line: &Line) {
        let id = line.signature.as_ref().map(|s| clip(&s.id));
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.known.insert(id.into());
        }
    }

    /// A file of results was read.
    pub fn end_file(&mut self, file: Read) {
        self.files.push(file);
    }

    /// A file of what was known before was read.
    pub fn end_known(&mut self, file: Read) {
        let baseline = self.baseline.get_or_insert_default();
        baseline.files.push(file);
    }

    /// Groups them; of the groups that have a key, at most `top` are listed.
    pub fn finish(self, by: GroupBy, top: Option<usize>) -> Triage {
        let against = self.baseline.is_some();
        let mut summary = Summary::new(by);
        let mut new: HashSet<WordId> = HashSet::new();
        for record in &self.records {
            let bug = record.facts.value(Trait::Signature);
            let is_new = against && bug != 0 && !self.known.contains(self.words.word(bug));
            if is_new {
                new.insert(bug);
            }
            summary.add_facts(&record.facts, is_new);
        }
        summary.words = self.words;
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let known = size(self.known.len());
        Triage {
            by,
            cores: summary.cores,
            doubled: self.doubled,
            outcomes: summary.outcomes,
            signatures: summary.signatures(),
            files: self.files,
            groups: summary.asked(top, against),
            groups_total: summary.group_keys(),
            baseline: self.baseline.map(|b| Baseline {
                signatures: known,
                ..b
            }),
            new_total: against.then_some(size(new.len())),
        }
    }
}

impl Record {
    fn exact(&self, path: WordId) -> Option<Exact> {
        let named = Some(self.identity).filter(|i| *i != 0);
        Some((path, self.bytes?, named?))
    }

    /// Whether a line of the same path may be of the same core: nothing that both say differs.
    fn may_be(&self, later: &Record) -> bool {
        let host = |r: &Record| r.facts.value(Trait::Host);
        let word = |a: WordId, b: WordId| a == b || a == 0 || b == 0;
        let bytes = match (self.bytes, later.bytes) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let sure = self.identity != 0 && self.identity == later.identity;
        let hosts = sure || word(host(self), host(later));
        bytes && hosts && word(self.identity, later.identity)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::batch::line::Status;
    use crate::batch::samples;

    fn line(core: &str, bytes: u64, identity: &str) -> Line {
        Line {
            file_bytes: Some(bytes).filter(|b| *b > 0),
            identity: Some(identity.to_owned()).filter(|i| !i.is_empty()),
            ..samples::sound(core)
        }
    }

    fn collect(lines: &[Line]) -> Triage {
        let mut all = Collector::new();
        lines.iter().for_each(|l| all.add(l));
        all.finish(GroupBy::Signature, None)
    }

    #[test]
    fn a_core_counts_once_and_its_later_line_wins() {
        let failed = Line {
            status: Status::Failed,
            verdict: None,
            ..line("a", 7, "")
        };
        let t = collect(&[
            failed,
            line("b", 7, "x"),
            line("a", 7, "y"),
            line("a", 7, "y"),
        ]);
        assert_eq!((t.cores, t.doubled), (2, 2));
        let words: Vec<_> = t.outcomes.iter().map(|(o, n)| (o.as_str(), n)).collect();
        assert_eq!(words, [("sound", 2)]);
        assert_eq!(t.exit(), 0);
    }

    #[test]
    fn one_path_may_be_of_several_cores() {
        let t = collect(&[line("a", 7, "x"), line("a", 7, "y"), line("a", 8, "x")]);
        assert_eq!((t.cores, t.doubled), (3, 0));
        let many: Vec<Line> = (0..100)
            .map(|i| line("a", 7, &format!("x{}", i % 50)))
            .collect();
        let t = collect(&many);
        assert_eq!((t.cores, t.doubled), (50, 50));
        let at = |host: &str| Line {
            host: Some(host.into()),
            ..line("a", 7, "")
        };
        let t = collect(&[at("p"), at("q"), at("p")]);
        assert_eq!((t.cores, t.doubled), (2, 1));
    }

    #[test]
    fn what_the_baseline_does_not_have_is_new() {
        let lines = samples::fleet();
        let known = lines.iter().filter(|l| l.signature.is_some()).count();
        assert!(known > 2);
        let run = |by, baseline: &[Line]| {
            let mut all = Collector::new();
            lines.iter().for_each(|l| all.add(l));
            baseline.iter().for_each(|l| all.add_known(l));
            all.end_known(Read {
                path: "b".into(),
                lines: 0,
                cut_off: false,
            });
            all.finish(by, None)
        };
        let t = run(GroupBy::Signature, &lines);
        assert_eq!((t.new_total, t.exit()), (Some(0), 0));
        assert!(t.groups.iter().all(|g| g.new == Some(false)));
        for by in [GroupBy::Signature, GroupBy::Host, GroupBy::Go] {
            let t = run(by, &[]);
            assert_eq!((t.new_total, t.exit()), (Some(t.signatures), 1));
            assert!(t.groups.iter().any(|g| g.new == Some(true)));
        }
    }

    #[test]
    fn one_host_stands_out() {
        let t = collect(&samples::fleet());
        let first = t.groups.first().expect("there are groups");
        let odd: Vec<&str> = first
            .common
            .iter()
            .filter(|c| c.stands_out())
            .map(|c| &*c.value)
            .collect();
        assert_eq!(odd, ["web-7"]);
    }

    #[test]
    fn many_lines_take_little_time() {
        let mut all = Collector::new();
        let long = "x".repeat(1 << 20);
        let mut sample = samples::flipped(0);
        for i in 0..100_000_u64 {
            sample.core = format!("cores/core.{}", i % 90_000);
            sample.host = Some(format!("web-{}", i % 1000));
            if i % 10_000 == 0 {
                sample.host = Some(long.clone());
            }
            sample.time = Some(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            sample.identity = None;
            sample.signature.get_or_insert_default().id = format!("{:012x}", i % 5000);
            all.add(&sample);
        }
        let t = all.finish(GroupBy::Signature, Some(10));
        assert_eq!((t.cores, t.signatures, t.groups.len()), (90_000, 5000, 10));
    }
}
