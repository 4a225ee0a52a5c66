//! What a batch comes to, while it runs.
//! In: its lines, one after the other. Out: counts, bugs, missed expectations, and what it took. No line is kept: memory
//! grows with the bugs, hosts and builds there are, not with the cores.

use crate::batch::facts::Facts;
use crate::batch::facts::Outcomes;
use crate::batch::facts::Words;
use crate::batch::facts::clip;
use crate::batch::group::Group;
use crate::batch::group::GroupBy;
use crate::batch::group::Groups;
use crate::batch::group::Totals;
use crate::batch::line::Line;

/// Cores with missed expectations that are named.
const MISSED: usize = 10;
/// Differences that are named of each.
const DIFFERENCES: usize = 8;

/// A core that did not give what it had to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Its path.
    pub core: String,
    /// What differs; at most 8.
    pub differences: Vec<String>,
}

/// Counts of cores, and their groups.
#[derive(Debug)]
pub struct Summary {
    /// How many cores there are.
    pub cores: u64,
    /// How they ended.
    pub outcomes: Outcomes,
    /// Cores of which somebody said what is to be expected.
    pub expected: u64,
    /// Of these, cores that gave something else.
    pub missed: u64,
    /// The first of them, in the order they came; at most 10.
    pub missed_first: Vec<Missed>,
    /// The sum of what they took, from start to end, in milliseconds.
    pub wall_ms: u64,
    /// The sum of processor time, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that any of them had, in bytes.
    pub peak_rss: u64,
    /// How long the whole took, in milliseconds, where whoever ran it says so.
    pub took_ms: Option<u64>,
    pub(crate) words: Words,
    totals: Totals,
    bugs: Groups,
    others: Option<Groups>,
}

impl Summary {
    /// Of no core yet. `by`: a second way to group them, beside that by bug.
    pub fn new(by: GroupBy) -> Summary {
        Summary {
            cores: 0,
            outcomes: Outcomes::default(),
            expected: 0,
            missed: 0,
            missed_first: Vec::new(),
            wall_ms: 0,
            cpu_ms: 0,
            peak_rss: 0,
            took_ms: None,
            words: Words::default(),
            totals: Totals::default(),
            bugs: Groups::new(GroupBy::Signature),
            others: Some(by)
                .filter(|by| *by != GroupBy::Signature)
                .map(Groups::new),
        }
    }

    /// Counts one more core.
    pub fn add(&mut self, line: &Line) {
        let facts = Facts::of(line, &mut self.words);
        self.add_facts(&facts, false);
        if let Some(expected) = &line.expected {
            self.expected = self.expected.saturating_add(1);
            if !expected.met {
                self.missed = self.missed.saturating_add(1);
                if self.missed_first.len() < MISSED {
                    let differences = expected.differences.iter().take(DIFFERENCES);
                    self.missed_first.push(Missed {
                        core: clip(&line.core).to_owned(),
                        differences: differences.map(|d| clip(d).to_owned()).collect(),
                    });
                }
            }
        }
        if let Some(took) = line.resources {
            self.wall_ms = self.wall_ms.saturating_add(took.wall_ms);
            self.cpu_ms = self.cpu_ms.saturating_add(took.cpu_ms);
            self.peak_rss = self.peak_rss.max(took.peak_rss);
        }
    }

    /// Counts one more, of which only this is left.
    pub(crate) fn add_facts(&mut self, facts: &Facts, is_new: bool) {
        self.cores = self.cores.saturating_add(1);
        self.outcomes.add(facts.outcome);
        self.totals.add(facts);
        self.bugs.add(facts, is_new);
        if let Some(others) = &mut self.others {
            others.add(facts, is_new);
        }
    }

    /// How many bugs there are.
    pub fn signatures(&self) -> u64 {
        self.bugs.keys()
    }

    /// Groups of cores with one bug, those with most cores first, at most `top` of them; then those without, by how
    /// they ended.
    pub fn bugs(&self, top: Option<usize>) -> Vec<Group> {
        self.groups_of(&self.bugs, top, false)
    }

    /// By what else they were to be grouped.
    pub fn group_by(&self) -> GroupBy {
        self.others.as_ref().map_or(GroupBy::Signature, Groups::by)
    }

    /// The groups that were asked for: by bug, unless by something else.
    pub fn groups(&self, top: Option<usize>) -> Vec<Group> {
        self.asked(top, false)
    }

    /// How many of these have a key.
    pub fn group_keys(&self) -> u64 {
        self.others.as_ref().unwrap_or(&self.bugs).keys()
    }

    pub(crate) fn asked(&self, top: Option<usize>, against: bool) -> Vec<Group> {
        let groups = self.others.as_ref().unwrap_or(&self.bugs);
        self.groups_of(groups, top, against)
    }

    fn groups_of(&self, groups: &Groups, top: Option<usize>, against: bool) -> Vec<Group> {
        groups.finish(&self.totals, &self.words, top, against)
    }
}
