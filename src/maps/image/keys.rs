//! What was found out about a map's keys: their hashes, and what of the map's type they depend on.
//! In: what `maps/keys.rs` computed. Out: facts for the rules on hashes.

use crate::base::addr::Addr;
use crate::hash::hasher::HasherFact;
use crate::hash::memhash::GlobalFault;
use crate::hash::run::KeyHash;
use crate::maps::image::EntryRef;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Record;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

/// How far the hashes of a map can be believed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum HashState {
    /// Nobody asked for hashes.
    #[default]
    NotAsked,
    /// How such keys are hashed is not known.
    Unknown,
    /// It is known, but no other map of the process has confirmed it: if no key fits, the fault may be
    /// badmap's.
    Doubtful,
    /// Other keys of the process confirm it.
    Proven,
}

/// Facts on the keys of a map.
#[derive(Clone, Default, Debug)]
pub struct KeyFacts {
    /// Whether the hashes can be believed.
    pub state: HashState,
    /// The hash of each live entry, in the order of `MapImage::for_each_entry`; of no meaning where
    /// `odd` has the entry.
    pub hashes: Vec<u64>,
    /// Entries without a hash: their number in that order, ascending, and why.
    pub odd: Vec<(u64, KeyHash)>,
    /// Entries whose keys are equal to one that stands elsewhere in the same chain or table.
    pub duplicates: Vec<Duplicate>,
    /// How many of those there were in all.
    pub duplicates_total: u64,
    /// Cells of evacuated chains that are marked as moved to the half where their key does not belong,
    /// with their mark.
    pub wrong_half: Vec<(Place, u8)>,
    /// How many of those there were in all.
    pub wrong_half_total: u64,
    /// Bytes behind the keys that were hashed: what it costs to hash them again.
    pub work: u64,
    /// What the map type's descriptor says.
    pub descriptor: SharedFacts,
    /// What is impossible about the process's hash keys.
    pub global: Option<GlobalFault>,
}

/// Two entries with equal keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate {
    /// The later one, in the order of the walk.
    pub place: Place,
    /// The earlier one.
    pub other: Place,
    /// They differ in their bytes: +0 and -0.
    pub by_sign_of_zero: bool,
}

/// What the descriptor of the map's type says, beside what the type is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeFacts {
    /// Its address, if there is one.
    pub addr: Option<Addr>,
    /// Numbers in it that disagree with the type: field, claimed, found.
    pub wrong: Vec<(&'static str, u64, u64)>,
    /// What its `Hasher` is.
    pub hasher: HasherFact,
    /// It says that every key equals itself; classic maps only.
    pub reflexive: Option<bool>,
}

/// The facts on a type, as its maps have them in common. `None` says nothing.
#[derive(Clone, Default, Debug)]
pub struct SharedFacts(Option<Arc<TypeFacts>>);

/// What a map without a descriptor has.
static NO_FACTS: TypeFacts = TypeFacts {
    addr: None,
    wrong: Vec::new(),
    hasher: HasherFact::Unknown,
    reflexive: None,
};

impl From<TypeFacts> for SharedFacts {
    fn from(facts: TypeFacts) -> SharedFacts {
        SharedFacts(Some(Arc::new(facts)))
    }
}

impl Deref for SharedFacts {
    type Target = TypeFacts;

    fn deref(&self) -> &TypeFacts {
        self.0.as_deref().unwrap_or(&NO_FACTS)
    }
}

impl DerefMut for SharedFacts {
    fn deref_mut(&mut self) -> &mut TypeFacts {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl Default for TypeFacts {
    fn default() -> TypeFacts {
        NO_FACTS.clone()
    }
}

impl MapImage<'_> {
    /// Calls `each` for every bucket or group with the hashes of its live entries, in their order. False, and nothing
    /// was called, unless every live entry has one.
    pub fn for_each_hashed_record<'i>(
        &'i self,
        mut each: impl FnMut(Record<'i>, &'i [u64]),
    ) -> bool {
        if !self.keys.odd.is_empty() || self.keys.hashes.is_empty() {
            return false;
        }
        let mut rest = self.keys.hashes.as_slice();
        self.for_each_unit(|unit| {
            unit.for_each_record(|record| {
                let (_, live) = record.marks(self.abi);
                let n = usize::try_from(live.count_ones())
                    .unwrap_or(0)
                    .min(rest.len());
                let (own, behind) = rest.split_at(n);
                rest = behind;
                each(record, own);
            });
        });
        true
    }

    /// Calls `each` for every live entry with its hash, if hashes were asked for and are known.
    pub fn for_each_key<'i>(&'i self, mut each: impl FnMut(EntryRef<'i>, KeyHash)) {
        let mut hashes = self.keys.hashes.iter();
        let mut odd = self.keys.odd.iter().peekable();
        let mut number = 0u64;
        self.for_each_entry(|e| {
            let hash = hashes.next().copied();
            let special = odd.next_if(|(n, _)| *n == number).map(|(_, why)| *why);
            number = number.saturating_add(1);
            if let Some(hash) = hash {
                each(e, special.unwrap_or(KeyHash::Known(hash)));
            }
        });
    }
}
