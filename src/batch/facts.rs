//! What of a core's line counts when many are counted.
//! In: a line. Out: how it ended, when, where, and its values as numbers of words that are kept once.

use crate::base::limits::MAX_KEPT;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::batch::line::Verdict;
use std::collections::HashMap;
use std::sync::Arc;

/// How a core ended: its verdict, else what became of it. In the order in which they are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// At least one map is broken.
    Broken,
    /// No map is, but the crash is about one.
    MapCrash,
    /// Its process crashed.
    Crashed,
    /// Its process had no more memory.
    OutOfMemory,
    /// Its process did not end in time.
    Timeout,
    /// It could not be read.
    Failed,
    /// Nothing is broken, but not everything could be read.
    Unproven,
    /// It was read, and nothing more is said.
    Ok,
    /// Every map is sound.
    Sound,
}

impl Outcome {
    /// All of them, in order.
    pub const ALL: [Outcome; 9] = [
        Outcome::Broken,
        Outcome::MapCrash,
        Outcome::Crashed,
        Outcome::OutOfMemory,
        Outcome::Timeout,
        Outcome::Failed,
        Outcome::Unproven,
        Outcome::Ok,
        Outcome::Sound,
    ];

    /// Of this line.
    pub fn of(line: &Line) -> Outcome {
        match (line.status, line.verdict) {
            (Status::Ok, Some(Verdict::Broken)) => Outcome::Broken,
            (Status::Ok, Some(Verdict::MapCrash)) => Outcome::MapCrash,
            (Status::Ok, Some(Verdict::Unproven)) => Outcome::Unproven,
            (Status::Ok, Some(Verdict::Sound)) => Outcome::Sound,
            (Status::Ok, None) => Outcome::Ok,
            (Status::Failed, _) => Outcome::Failed,
            (Status::Timeout, _) => Outcome::Timeout,
            (Status::Memory, _) => Outcome::OutOfMemory,
            (Status::Crashed, _) => Outcome::Crashed,
        }
    }

    /// The word shown in text and JSON, that of its verdict or status.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Broken => Verdict::Broken.as_str(),
            Outcome::MapCrash => Verdict::MapCrash.as_str(),
            Outcome::Unproven => Verdict::Unproven.as_str(),
            Outcome::Sound => Verdict::Sound.as_str(),
            Outcome::Ok => Status::Ok.as_str(),
            Outcome::Failed => Status::Failed.as_str(),
            Outcome::Timeout => Status::Timeout.as_str(),
            Outcome::OutOfMemory => Status::Memory.as_str(),
            Outcome::Crashed => Status::Crashed.as_str(),
        }
    }
}

/// How many cores ended how.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcomes([u64; Outcome::ALL.len()]);

impl Outcomes {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        let all = Outcome::ALL.iter().zip(&mut self.0);
        for (_, n) in all.filter(|(o, _)| **o == outcome) {
            *n = n.saturating_add(1);
        }
    }

    /// Those that there are, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        let all = Outcome::ALL.iter().copied().zip(self.0.iter().copied());
        all.filter(|(_, n)| *n > 0)
    }

    /// How many ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.iter()
            .find(|(o, _)| *o == outcome)
            .map_or(0, |(_, n)| n)
    }
}

/// What cores may have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trait {
    /// The bug.
    Signature,
    /// Where the process ran.
    Host,
    /// On what kind of CPU.
    Cpu,
    /// The Go version.
    Go,
    /// The build ID.
    Build,
    /// The architecture, in Go's words.
    Arch,
    /// The likeliest class of causes.
    Cause,
}

/// How many traits there are.
pub const TRAITS: usize = 7;

impl Trait {
    /// All of them, in the order of their fields.
    pub const ALL: [Trait; TRAITS] = [
        Trait::Signature,
        Trait::Host,
        Trait::Cpu,
        Trait::Go,
        Trait::Build,
        Trait::Arch,
        Trait::Cause,
    ];

    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Trait::Signature => "signature",
            Trait::Host => "host",
            Trait::Cpu => "cpu",
            Trait::Go => "go",
            Trait::Build => "build",
            Trait::Arch => "arch",
            Trait::Cause => "cause",
        }
    }

    /// Its value in a line; `None` where that is not known.
    fn value(self, line: &Line) -> Option<&str> {
        let check = line.check.as_ref();
        let value = match self {
            Trait::Signature => line.signature.as_ref().map(|s| &*s.id),
            Trait::Host => line.host.as_deref(),
            Trait::Cpu => line.cpu.as_deref(),
            Trait::Go => line.go(),
            Trait::Build => line.build_id(),
            Trait::Arch => check.map(|c| &*c.process.arch),
            Trait::Cause => line.cause(),
        };
        value.filter(|v| !v.is_empty())
    }
}

/// A word among `Words`; 0 is none.
pub(crate) type WordId = u32;

/// Words, each kept once.
#[derive(Default, Debug)]
pub(crate) struct Words {
    ids: HashMap<Arc<str>, WordId>,
    words: Vec<Arc<str>>,
}

impl Words {
    /// The number of a word.
    pub(crate) fn id(&mut self, word: &str) -> WordId {
        let word = clip(word);
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let kept: Arc<str> = word.into();
        let id = WordId::try_from(self.words.len().saturating_add(1)).unwrap_or(0);
        if id != 0 {
            self.words.push(Arc::clone(&kept));
            self.ids.insert(kept, id);
        }
        id
    }

    /// The word of this number.
    pub(crate) fn word(&self, id: WordId) -> &str {
        let at = usize::try_from(id).unwrap_or(0).checked_sub(1);
        at.and_then(|at| self.words.get(at)).map_or("", |w| w)
    }
}

/// As much of a text as is kept.
pub(crate) fn clip(text: &str) -> &str {
    let most = MAX_KEPT.min(text.len());
    let starts = most.saturating_sub(3)..=most; // a character has at most four bytes
    let end = starts.rev().find(|at| text.is_char_boundary(*at));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// What counts of one core.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) outcome: Outcome,
    pub(crate) time: Option<u64>,
    pub(crate) core: Box<str>,
    pub(crate) values: [WordId; TRAITS],
    /// The signature's long form.
    pub(crate) text: WordId,
    /// Why there is no result.
    pub(crate) error: WordId,
}

impl Facts {
    pub(crate) fn of(line: &Line, words: &mut Words) -> Facts {
        let mut id = |text: Option<&str>| text.map_or(0, |t| words.id(t));
        Facts {
            outcome: Outcome::of(line),
            time: line.time,
            core: clip(&line.core).into(),
            values: Trait::ALL.map(|t| id(t.value(line))),
            text: id(line.signature.as_ref().map(|s| &*s.text)),
            error: id(line.error.as_ref().map(|e| &*e.what)),
        }
    }

    /// The word's number for a trait; 0 where that is not known.
    pub(crate) fn value(&self, of: Trait) -> WordId {
        let mut all = Trait::ALL.iter().zip(self.values);
        all.find(|(t, _)| **t == of).map_or(0, |(_, v)| v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_the_words_of_lines() {
        for line in crate::batch::samples::fleet() {
            assert_eq!(
                Outcome::of(&line).as_str(),
                crate::batch::line::outcome(&line)
            );
        }
        let mut all = Outcomes::default();
        Outcome::ALL.iter().for_each(|o| all.add(*o));
        assert!(all.iter().eq(Outcome::ALL.map(|o| (o, 1))));
    }

    #[test]
    fn long_words_are_kept_in_part() {
        let mut words = Words::default();
        let id = words.id(&"é".repeat(1 << 20));
        assert_eq!(words.word(id).len(), MAX_KEPT);
        assert_eq!(words.word(0), "");
        assert_eq!(words.id(""), 2);
    }
}
