//! The words for what happened to a map.
//! In: nothing. Out: `Change`, and small sets of them in order of importance.

/// What happened to a map, most important first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// It is in NEW only.
    Came,
    /// It is in OLD only.
    Went,
    /// It is broken, and was not.
    Broke,
    /// It was broken, and is proven sound.
    Healed,
    /// It takes more bytes, or as many and holds more entries.
    Grew,
    /// It takes fewer bytes, or as many and holds fewer entries.
    Shrank,
    /// It has more deleted slots.
    Tombstones,
    /// Something else of it differs.
    Changed,
    /// Nothing differs, but its contents could not be compared.
    Unknown,
    /// Nothing differs.
    Same,
}

impl Change {
    /// All of them, in order.
    pub const ALL: [Change; 10] = [
        Change::Came,
        Change::Went,
        Change::Broke,
        Change::Healed,
        Change::Grew,
        Change::Shrank,
        Change::Tombstones,
        Change::Changed,
        Change::Unknown,
        Change::Same,
    ];

    /// The word of `--only`, text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Came => "came",
            Change::Went => "went",
            Change::Broke => "broke",
            Change::Healed => "healed",
            Change::Grew => "grew",
            Change::Shrank => "shrank",
            Change::Tombstones => "tombstones",
            Change::Changed => "changed",
            Change::Unknown => "unknown",
            Change::Same => "same",
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// All that happened to a map.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Changes(u16);

impl Changes {
    /// Of these words.
    pub fn of(words: &[Change]) -> Changes {
        Changes(words.iter().fold(0, |set, c| set | c.bit()))
    }

    /// Adds a word.
    pub fn add(&mut self, change: Change) {
        self.0 |= change.bit();
    }

    /// Whether a word is among them.
    pub fn has(self, change: Change) -> bool {
        self.0 & change.bit() != 0
    }

    /// Whether any word is in both.
    pub fn meets(self, other: Changes) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing happened yet.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words, most important first.
    pub fn words(self) -> impl Iterator<Item = Change> {
        Change::ALL.into_iter().filter(move |c| self.has(*c))
    }

    /// The most important word.
    pub fn primary(self) -> Change {
        self.words().next().unwrap_or(Change::Same)
    }

    /// Whether anything is proven to differ.
    pub fn differs(self) -> bool {
        self.words()
            .any(|c| !matches!(c, Change::Unknown | Change::Same))
    }
}
