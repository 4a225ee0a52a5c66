//! Cores in groups: of one bug, one host, one build, and what those of a group have in common.
//! In: facts, one core after the other. Out: groups with their counts, times, examples and shared traits, and how
//! special each of these is. What is kept is as much as there are groups and words, however many cores there are.

use crate::batch::facts::Facts;
use crate::batch::facts::Outcome;
use crate::batch::facts::Outcomes;
use crate::batch::facts::TRAITS;
use crate::batch::facts::Trait;
use crate::batch::facts::WordId;
use crate::batch::facts::Words;
use crate::batch::signature::Signature;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Cores of a group that are named.
const EXAMPLES: usize = 3;

/// By what cores are grouped.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum GroupBy {
    /// The bug.
    #[default]
    Signature,
    /// The Go version.
    Go,
    /// The build ID.
    Build,
    /// Where the process ran.
    Host,
    /// On what kind of CPU.
    Cpu,
}

impl GroupBy {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        self.of().as_str()
    }

    /// The trait that decides.
    pub fn of(self) -> Trait {
        match self {
            GroupBy::Signature => Trait::Signature,
            GroupBy::Go => Trait::Go,
            GroupBy::Build => Trait::Build,
            GroupBy::Host => Trait::Host,
            GroupBy::Cpu => Trait::Cpu,
        }
    }
}

/// What the cores of a group have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct Common {
    /// Which trait.
    pub of: Trait,
    /// The value that all cores of the group have of which it is known.
    pub value: String,
    /// How many cores of the group have it.
    pub here: u64,
    /// How many of all cores have it.
    pub cores: u64,
    /// How many cores there are of which it is known.
    pub known: u64,
}

impl Common {
    /// How likely it is that they have it in common by chance, between 0 and 1: that all but the first of them
    /// happen to have what so many of all cores have. Those of the group are counted among all, so that this
    /// is rather too much than too little.
    #[allow(clippy::cast_precision_loss)] // counts of cores
    pub fn chance(&self) -> f64 {
        if self.known == 0 {
            return 1.0;
        }
        let share = self.cores as f64 / self.known as f64;
        share.powf(self.here.saturating_sub(1) as f64)
    }

    /// Whether it says anything: there are others that have another value, and more than one core that has this.
    pub fn is_worth_a_line(&self) -> bool {
        self.cores < self.known && (self.here > 1 || self.of == Trait::Cause)
    }

    /// Whether chance is out of the question: less than one in a thousand. Never of a cause: that cores of one bug
    /// have one is no wonder.
    pub fn stands_out(&self) -> bool {
        self.of != Trait::Cause && self.chance() < 0.001
    }
}

/// Cores that belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// What they were grouped by; `None` where that is not known of them.
    pub key: Option<String>,
    /// Their bug, where they were grouped by it and have one.
    pub signature: Option<Signature>,
    /// Of cores without a signature, grouped by it: how they ended.
    pub without: Option<Outcome>,
    /// How many there are.
    pub cores: u64,
    /// How they ended.
    pub outcomes: Outcomes,
    /// When the first of them died, in seconds since 1970.
    pub first_seen: Option<u64>,
    /// When the last did.
    pub last_seen: Option<u64>,
    /// The paths of the first of them, by time and then by path.
    pub examples: Vec<String>,
    /// Why there is no result of the first of them that has none.
    pub error: Option<String>,
    /// What they have in common.
    pub common: Vec<Common>,
    /// Whether there is a signature among them that the baseline has not; `None` without a baseline.
    pub new: Option<bool>,
}

impl Group {
    /// The text that names it: its key, or in parentheses why there is none.
    pub fn name(&self) -> String {
        match (&self.key, self.without) {
            (Some(key), _) => key.clone(),
            (None, Some(outcome)) => format!("({})", outcome.as_str()),
            (None, None) => "(none)".to_owned(),
        }
    }
}

/// Which group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Value(WordId),
    Without(Outcome),
    Unknown,
}

/// Whether all have the same.
#[derive(Clone, Copy, Default, Debug)]
enum Shared {
    #[default]
    Nothing,
    One(WordId, u64),
    Several,
}

/// A group in the making.
#[derive(Default, Debug)]
struct Growing {
    cores: u64,
    outcomes: Outcomes,
    first_seen: Option<u64>,
    last_seen: Option<u64>,
    /// By time and path, the first ones.
    examples: Vec<(u64, Box<str>)>,
    /// The first of those with an error, and that.
    error: Option<(u64, Box<str>, WordId)>,
    shared: [Shared; TRAITS],
    text: WordId,
    new: bool,
}

impl Growing {
    fn add(&mut self, facts: &Facts, is_new: bool) {
        self.cores = self.cores.saturating_add(1);
        self.outcomes.add(facts.outcome);
        if let Some(time) = facts.time {
            self.first_seen = Some(self.first_seen.map_or(time, |t| t.min(time)));
            self.last_seen = Some(self.last_seen.map_or(time, |t| t.max(time)));
        }
        // Those of which nobody knows when come last.
        let at = (facts.time.unwrap_or(u64::MAX), &*facts.core);
        let place = self.examples.partition_point(|(t, c)| (*t, &**c) <= at);
        if place < EXAMPLES {
            self.examples.insert(place, (at.0, at.1.into()));
            self.examples.truncate(EXAMPLES);
        }
        let is_first = self.error.as_ref().is_none_or(|(t, c, _)| at < (*t, &**c));
        if facts.error != 0 && is_first {
            self.error = Some((at.0, at.1.into(), facts.error));
        }
        for (shared, value) in self.shared.iter_mut().zip(facts.values) {
            *shared = match *shared {
                _ if value == 0 => *shared,
                Shared::Nothing => Shared::One(value, 1),
                Shared::One(one, n) if one == value => Shared::One(one, n.saturating_add(1)),
                Shared::One(..) | Shared::Several => Shared::Several,
            };
        }
        if self.text == 0 {
            self.text = facts.text;
        }
        self.new |= is_new;
    }
}

/// Cores grouped by one thing.
#[derive(Debug)]
pub(crate) struct Groups {
    by: GroupBy,
    groups: BTreeMap<Key, Growing>,
}

impl Groups {
    pub(crate) fn new(by: GroupBy) -> Groups {
        let groups = BTreeMap::new();
        Groups { by, groups }
    }

    pub(crate) fn by(&self) -> GroupBy {
        self.by
    }

    pub(crate) fn add(&mut self, facts: &Facts, is_new: bool) {
        let key = match (facts.value(self.by.of()), self.by) {
            (0, GroupBy::Signature) => Key::Without(facts.outcome),
            (0, _) => Key::Unknown,
            (value, _) => Key::Value(value),
        };
        self.groups.entry(key).or_default().add(facts, is_new);
    }

    /// How many groups have a key.
    pub(crate) fn keys(&self) -> u64 {
        let keys = self.groups.keys().filter(|k| matches!(k, Key::Value(_)));
        u64::try_from(keys.count()).unwrap_or(u64::MAX)
    }

    /// The groups, new ones before others, then those with most cores first and then by key, at most `top` of those that have a key; those without
    /// are last. `against`: whether a baseline was given.
    pub(crate) fn finish(
        &self,
        totals: &Totals,
        words: &Words,
        top: Option<usize>,
        against: bool,
    ) -> Vec<Group> {
        let word = |id| words.word(id);
        let mut all: Vec<(Key, &Growing)> = self.groups.iter().map(|(k, g)| (*k, g)).collect();
        let name = |key: &Key| match key {
            Key::Value(id) => (0, word(*id)),
            Key::Without(_) | Key::Unknown => (1, ""),
        };
        all.sort_by(|(a, x), (b, y)| {
            let (a_name, b_name) = (name(a), name(b));
            // Of those without a key, by how they ended.
            let kept = a_name.0.cmp(&b_name.0);
            let count = Reverse(x.cores).cmp(&Reverse(y.cores));
            let count = if a_name.0 == 0 {
                count
            } else {
                std::cmp::Ordering::Equal
            };
            let new = y.new.cmp(&x.new);
            kept.then(new)
                .then(count)
                .then_with(|| a_name.1.cmp(b_name.1))
                .then_with(|| a.cmp(b))
        });
        let mut left = top.unwrap_or(usize::MAX);
        all.retain(|(key, _)| {
            let has_key = matches!(key, Key::Value(_));
            let keep = !has_key || left > 0;
            left = left.saturating_sub(usize::from(has_key));
            keep
        });
        all.into_iter()
            .map(|(key, g)| {
                let id = match key {
                    Key::Value(id) => Some(word(id).to_owned()),
                    Key::Without(_) | Key::Unknown => None,
                };
                let is_bug = self.by == GroupBy::Signature && id.is_some();
                Group {
                    signature: id.clone().filter(|_| is_bug).map(|id| Signature {
                        id,
                        text: word(g.text).to_owned(),
                    }),
                    key: id,
                    without: match key {
                        Key::Without(outcome) => Some(outcome),
                        Key::Value(_) | Key::Unknown => None,
                    },
                    cores: g.cores,
                    outcomes: g.outcomes,
                    first_seen: g.first_seen,
                    last_seen: g.last_seen,
                    examples: g.examples.iter().map(|(_, c)| c.to_string()).collect(),
                    error: g.error.as_ref().map(|(_, _, id)| word(*id).to_owned()),
                    common: self.common(g, totals, words),
                    new: against.then_some(g.new),
                }
            })
            .collect()
    }

    fn common(&self, g: &Growing, totals: &Totals, words: &Words) -> Vec<Common> {
        let traits = Trait::ALL.into_iter().zip(&g.shared);
        let others = traits.filter(|(of, _)| *of != self.by.of());
        let shared = others.filter_map(|(of, shared)| match *shared {
            Shared::One(id, here) => Some((of, id, here)),
            Shared::Nothing | Shared::Several => None,
        });
        let common = shared.map(|(of, id, here)| {
            let (cores, known) = totals.of(of, id);
            let value = words.word(id).to_owned();
            Common {
                of,
                value,
                here,
                cores,
                known,
            }
        });
        common.collect()
    }
}

/// How many of all cores have which value.
#[derive(Default, Debug)]
pub(crate) struct Totals {
    cores: [HashMap<WordId, u64>; TRAITS],
    known: [u64; TRAITS],
}

impl Totals {
    pub(crate) fn add(&mut self, facts: &Facts) {
        let all = facts
            .values
            .iter()
            .zip(&mut self.cores)
            .zip(&mut self.known);
        for ((value, cores), known) in all.filter(|((v, _), _)| **v != 0) {
            let n = cores.entry(*value).or_default();
            *n = n.saturating_add(1);
            *known = known.saturating_add(1);
        }
    }

    /// Cores with this value, and cores with any.
    fn of(&self, of: Trait, value: WordId) -> (u64, u64) {
        let all = Trait::ALL.iter().zip(self.cores.iter().zip(self.known));
        let mut found = all.filter(|(t, _)| **t == of);
        found.next().map_or((0, 0), |(_, (cores, known))| {
            (cores.get(&value).copied().unwrap_or(0), known)
        })
    }
}
