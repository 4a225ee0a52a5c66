//! Weighs the causes of a broken map against each other.
//! In: a broken map and its verdict. Out: the causes that explain something, likeliest first.

use crate::base::addr::Addr;
use crate::cause::flips::Again;
use crate::cause::flips::search;
use crate::cause::looks::Looks;
use crate::cause::looks::looks;
use crate::cause::words::Suspect;
use crate::cause::words::Suspects;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::reader::MapReader;

/// Rules about pointers.
pub(crate) const POINTERS: [&str; 11] = [
    "MAP-PTR",
    "MAP-SHARED",
    "MAP-STRPTR",
    "MAP-IFACE",
    "MAP-INDIRECT",
    "MAP-PTRVALID",
    "CL-BUCKETS",
    "CL-CHAIN",
    "CL-OVFPTR",
    "CL-NEXTOVF",
    "SW-DIROBJ",
];

/// A class of causes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// One bit is not what it was: bad memory, radiation.
    BitFlip,
    /// Bytes that map code never writes.
    StrayWrite,
    /// The header itself was overwritten.
    OverwrittenHeader,
    /// A key's bytes changed after it was inserted.
    MutatedKey,
    /// Goroutines that used the map at once.
    ConcurrentUse,
    /// A goroutine was in the middle of a write, and the rest follows from that.
    MidWrite,
    /// Nothing explains enough.
    Unknown,
}

impl Class {
    /// The class of this name; `Unknown` for a name that no class has.
    pub fn named(name: &str) -> Class {
        [
            Class::BitFlip,
            Class::StrayWrite,
            Class::OverwrittenHeader,
            Class::MutatedKey,
            Class::ConcurrentUse,
            Class::MidWrite,
        ]
        .into_iter()
        .find(|c| c.as_str() == name)
        .unwrap_or(Class::Unknown)
    }

    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::BitFlip => "bit-flip",
            Class::StrayWrite => "stray-write",
            Class::OverwrittenHeader => "overwritten-header",
            Class::MutatedKey => "mutated-key",
            Class::ConcurrentUse => "concurrent-use",
            Class::MidWrite => "mid-write",
            Class::Unknown => "unknown",
        }
    }
}

/// One cause.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Its class.
    pub class: Class,
    /// How likely it is, in percent; never 100. The percentages of a map's causes need not add up.
    pub percent: u8,
    /// Findings it explains.
    pub explains: u64,
    /// Findings there are.
    pub of: u64,
    /// The words it is about.
    pub words: Vec<Clobbered>,
    /// What speaks for it, in words.
    pub text: String,
}

/// A word that is not what it should be.
#[derive(Clone, Debug)]
pub struct Clobbered {
    /// Its address.
    pub addr: Addr,
    /// Its size in bytes.
    pub size: u64,
    /// What it is: a header or table field, `control word`, `tophash`, `key`, `key bytes`, `overflow`.
    pub what: String,
    /// Its value; `None` where it is part of a key, which is a secret, or not readable.
    pub claimed: Option<u64>,
    /// The value that would heal the map; `None` likewise, and where no value is known.
    pub would_be: Option<u64>,
    /// The bit that would have to be turned, counted from the least significant one.
    pub bit: Option<u32>,
    /// What the word looks like.
    pub looks: Looks,
}

/// Explains the findings of one broken map. `again`: how to read it again.
pub(crate) fn explain<'a>(
    reader: &MapReader<'_, 'a>,
    image: &MapImage<'a>,
    verdict: &MapVerdict,
    again: &Again<'_, '_, '_>,
) -> Vec<Cause> {
    let key_type = reader.hashers.key_type(image.slots.map_type);
    let suspects = Suspects::of(reader, image, verdict, key_type.plan.as_ref());
    let search = search(again, &suspects, verdict);
    let case = Case {
        reader,
        image,
        verdict,
        suspects: &suspects,
    };
    let mut out: Vec<Cause> = [
        case.bit_flip(&search),
        case.mutated_key(),
        case.concurrent_use(),
        case.mid_write(),
        case.stray_write(),
    ]
    .into_iter()
    .flatten()
    .collect();
    if out.iter().all(|c| c.percent < 50 || c.explains < c.of) {
        out.extend(case.overwritten_word(&search));
    }
    out.sort_by_key(|c| (std::cmp::Reverse(c.percent), c.class));
    if out.is_empty() {
        let text = if search.cut_short {
            "nothing explains the findings; the map is too large for every bit to be tried"
        } else {
            "nothing that was tried explains the findings"
        };
        out.push(case.cause(Class::Unknown, 0, 0, Vec::new(), text.into()));
    }
    out
}

/// One broken map, and what is suspected.
pub(crate) struct Case<'c, 'v, 'a> {
    pub(crate) reader: &'c MapReader<'v, 'a>,
    pub(crate) image: &'c MapImage<'a>,
    pub(crate) verdict: &'c MapVerdict,
    pub(crate) suspects: &'c [Suspect],
}

impl<'a> Case<'_, '_, 'a> {
    pub(crate) fn cause(
        &self,
        class: Class,
        percent: u8,
        explains: u64,
        words: Vec<Clobbered>,
        text: String,
    ) -> Cause {
        Cause {
            class,
            percent,
            explains,
            of: self.verdict.findings_total,
            words,
            text,
        }
    }

    pub(crate) fn is_broken(&self, rules: &[&str]) -> bool {
        self.verdict
            .findings
            .iter()
            .any(|f| rules.contains(&f.rule))
    }

    pub(crate) fn count(&self, test: impl Fn(&Finding) -> bool) -> u64 {
        self.verdict.findings.iter().filter(|f| test(f)).count() as u64
    }

    pub(crate) fn looks_of(&self, addr: Addr, size: u64) -> Looks {
        let mem = self.reader.program.mem;
        mem.bytes(addr, size).map_or(Looks::Other, |b| {
            looks(mem.abi, &b, |a| self.reader.heap.home(a))
        })
    }

    pub(crate) fn clobbered(&self, s: &Suspect) -> Clobbered {
        let mem = self.reader.program.mem;
        let looks = self.looks_of(s.addr, s.size);
        let value = || mem.abi.uint(&mem.bytes(s.addr, s.size).ok()?, 0, s.size);
        Clobbered {
            addr: s.addr,
            size: s.size,
            what: s.what.clone(),
            // Text is what secrets are made of, wherever it came to lie.
            claimed: value().filter(|_| !s.secret && looks != Looks::Ascii),
            would_be: None,
            bit: None,
            looks,
        }
    }

    /// Bits of evidence in what a flip heals: how unlikely it is that a wrong one heals it as well.
    pub(crate) fn evidence(&self) -> u32 {
        let each = |f: &Finding| match f.rule {
            "MAP-KEYHASH" if matches!(f.place, Place::Header(_)) => 40,
            "MAP-KEYHASH" => 7,
            "MAP-PLACE" | "SW-REACH" | "SW-DIRBITS" => 3,
            rule if POINTERS.contains(&rule) => 24,
            // Of all values that the word could have, few are one bit away from the right one.
            _ => 12,
        };
        self.verdict.findings.iter().map(each).sum::<u32>().min(60)
    }
}

/// A probability as a whole number of percent, never 0 or 100: nothing is ever certain.
pub(crate) fn percent(p: f64) -> u8 {
    let whole = (p * 100.0).round().clamp(1.0, 99.0);
    (1..=99u8).find(|n| f64::from(*n) >= whole).unwrap_or(99)
}
