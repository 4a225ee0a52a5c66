//! Weighs the causes of a broken map against each other.
//! In: a broken map and its verdict. Out: the causes that explain something, likeliest first.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::cause::flips::Again;
use crate::cause::flips::Flip;
use crate::cause::flips::Search;
use crate::cause::flips::search;
use crate::cause::looks::Looks;
use crate::cause::looks::looks;
use crate::cause::words::Suspect;
use crate::cause::words::Suspects;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::hash::plan::Step;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::reader::MapReader;

/// Rules about pointers.
const POINTERS: [&str; 11] = [
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

struct Case<'c, 'v, 'a> {
    reader: &'c MapReader<'v, 'a>,
    image: &'c MapImage<'a>,
    verdict: &'c MapVerdict,
    suspects: &'c [Suspect],
}

impl<'a> Case<'_, '_, 'a> {
    fn cause(
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

    fn is_broken(&self, rules: &[&str]) -> bool {
        self.verdict
            .findings
            .iter()
            .any(|f| rules.contains(&f.rule))
    }

    fn count(&self, test: impl Fn(&Finding) -> bool) -> u64 {
        self.verdict.findings.iter().filter(|f| test(f)).count() as u64
    }

    fn looks_of(&self, addr: Addr, size: u64) -> Looks {
        let mem = self.reader.program.mem;
        mem.bytes(addr, size).map_or(Looks::Other, |b| {
            looks(mem.abi, &b, |a| self.reader.heap.home(a))
        })
    }

    fn clobbered(&self, s: &Suspect) -> Clobbered {
        let mem = self.reader.program.mem;
        let value = || mem.abi.uint(&mem.bytes(s.addr, s.size).ok()?, 0, s.size);
        Clobbered {
            addr: s.addr,
            size: s.size,
            what: s.what.clone(),
            claimed: if s.secret { None } else { value() },
            would_be: None,
            bit: None,
            looks: self.looks_of(s.addr, s.size),
        }
    }

    /// Bits of evidence in what a flip heals: how unlikely it is that a wrong one heals it as well.
    fn evidence(&self) -> u32 {
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

    fn bit_flip(&self, search: &Search) -> Option<Cause> {
        // The likeliest first: fields and marks that findings name outright, keys last.
        let named = |f: &Flip| {
            let direct = self
                .verdict
                .findings
                .iter()
                .any(|x| matches!(x.place, Place::Header(field) if field == f.suspect.what));
            (!direct, f.suspect.secret, f.suspect.addr, f.bit)
        };
        let mut flips: Vec<&Flip> = search.best.iter().collect();
        flips.sort_by_key(|f| named(f));
        let best = *flips.first()?;
        let total = self.verdict.findings_total;
        let explains = total.saturating_sub(best.left);
        if best.left > explains {
            return None; // the rest would need another cause
        }
        let by_chance = search.tried as f64 / 2f64.powi(self.evidence().try_into().unwrap_or(60));
        let mut p = 0.95 / (1.0 + by_chance);
        if best.left > 0 {
            p *= 0.3 * explains as f64 / total.max(1) as f64;
        }
        // One step of a counter is what lost updates leave as well.
        if self.is_step(best) {
            p = p.min(0.45);
        }
        if search.cut_short {
            p *= 0.8;
        }
        let words = flips
            .iter()
            .take(4)
            .map(|f| Clobbered {
                claimed: (!f.suspect.secret).then_some(f.claimed),
                would_be: (!f.suspect.secret).then_some(f.would_be),
                bit: Some(f.bit),
                ..self.clobbered(&f.suspect)
            })
            .collect();
        let mut text = format!(
            "bit {} of the {} at {}",
            best.bit, best.suspect.what, best.suspect.addr
        );
        if !best.suspect.secret {
            text.push_str(&format!(": {:#x} for {:#x}", best.claimed, best.would_be));
        }
        match flips.len() {
            1 => text.push_str(&format!(
                "; none of {} other bits does it",
                search.tried - 1
            )),
            n => text.push_str(&format!(", or {} other bits of {}", n - 1, search.tried)),
        }
        Some(self.cause(Class::BitFlip, percent(p), explains, words, text))
    }

    /// The flip changes a counter by one or two.
    fn is_step(&self, f: &Flip) -> bool {
        let counter = [
            "count",
            "used",
            "noverflow",
            "table.used",
            "table.growthLeft",
        ];
        counter.contains(&f.suspect.what.as_str()) && f.claimed.abs_diff(f.would_be) <= 2
    }

    /// A string key that no longer hashes to its place, and whose bytes something may write to.
    fn mutated_key(&self) -> Option<Cause> {
        const HASH: [&str; 5] = [
            "MAP-KEYHASH",
            "MAP-PLACE",
            "SW-REACH",
            "SW-DIRBITS",
            "MAP-DUP",
        ];
        let key_type = self.reader.hashers.key_type(self.image.slots.map_type);
        let has_text = key_type
            .plan
            .iter()
            .flat_map(|p| &p.steps)
            .any(|s| matches!(s, Step::Text { .. } | Step::Iface { .. }));
        let is_hash = |f: &Finding| HASH.contains(&f.rule) && !matches!(f.place, Place::Header(_));
        let explains = self.count(is_hash);
        if explains == 0 {
            return None;
        }
        let bytes = self.suspects.iter().filter(|s| s.what == "key bytes");
        let mut best: Option<(f64, String, &Suspect)> = None;
        for s in bytes {
            let (p, text) = match self.reader.heap.home(s.addr) {
                Home::Object { start, size, .. } if size <= 16 => (
                    0.3,
                    format!(
                        "the key's bytes at {} are in a small object of {size} bytes at {start}",
                        s.addr
                    ),
                ),
                Home::Object { start, size, .. } => {
                    let at_start = s.addr == start;
                    let text = format!(
                        "the key's bytes at {} lie {} bytes into an object of {size} bytes at {start}: a \
                         string made over a buffer",
                        s.addr,
                        s.addr.offset_from(start).unwrap_or(0)
                    );
                    (if at_start { 0.6 } else { 0.9 }, text)
                }
                Home::Stack => (
                    0.8,
                    format!(
                        "the key's bytes at {} are on a stack, which is reused",
                        s.addr
                    ),
                ),
                Home::Foreign => (
                    0.7,
                    format!(
                        "the key's bytes at {} are in memory that is not Go's",
                        s.addr
                    ),
                ),
                _ => continue,
            };
            if best.as_ref().is_none_or(|(q, _, _)| p > *q) {
                best = Some((p, text, s));
            }
        }
        let others = self.verdict.findings_total.saturating_sub(explains);
        match best {
            Some((mut p, text, s)) => {
                if others > 0 {
                    p *= 0.4;
                }
                let words = vec![self.clobbered(s)];
                Some(self.cause(Class::MutatedKey, percent(p), explains, words, text))
            }
            None if has_text && others == 0 => Some(self.cause(
                Class::MutatedKey,
                20,
                explains,
                Vec::new(),
                "the key may have changed after it was inserted".into(),
            )),
            None => None,
        }
    }

    fn concurrent_use(&self) -> Option<Cause> {
        const RACES: [&str; 23] = [
            "MAP-TWOWRITERS",
            "MAP-WRITER",
            "MAP-COUNT",
            "MAP-DUP",
            "MAP-PLACE",
            "MAP-FREEELEM",
            "MAP-LEN",
            "SW-USED",
            "SW-GROWTH",
            "SW-EMPTY",
            "SW-NOMIX",
            "SW-REACH",
            "SW-DIRBITS",
            "SW-STALE",
            "SW-RUN",
            "SW-TOMB",
            "CL-REST",
            "CL-ONE",
            "CL-NOVERFLOW",
            "CL-UNEVACDST",
            "CL-NEVAC",
            "CL-EVACALL",
            "CL-EXTRA",
        ];
        let explains = self.count(|f| RACES.contains(&f.rule));
        if explains == 0 {
            return None;
        }
        let total = self.verdict.findings.len() as u64;
        let hands = &self.image.hands;
        if self.is_broken(&["MAP-TWOWRITERS"]) {
            let who = hands.writers.len() + hands.readers.len();
            let text = format!("{who} goroutines are at work on the map");
            return Some(self.cause(Class::ConcurrentUse, 97, explains, Vec::new(), text));
        }
        let share = explains as f64 / total.max(1) as f64;
        let counters = self.count(|f| ["MAP-COUNT", "SW-USED", "SW-GROWTH"].contains(&f.rule));
        // One counter alone is what a stray byte leaves, several that disagree are what races leave.
        let p = match (counters, total) {
            (0, 1) => 0.3,
            (_, 1) => 0.5,
            _ => 0.6,
        };
        let text = "lost or doubled updates are what unsynchronised writers leave".to_string();
        Some(self.cause(
            Class::ConcurrentUse,
            percent(p * share * share),
            explains,
            Vec::new(),
            text,
        ))
    }

    fn mid_write(&self) -> Option<Cause> {
        let writer = self.image.hands.writers.first()?;
        if !self.image.mid_write() || self.image.hands.writers.len() > 1 {
            return None;
        }
        let text = format!(
            "goroutine {} is in {}, but what is broken must hold even then",
            writer.goroutine, writer.function
        );
        Some(self.cause(Class::MidWrite, 10, 0, Vec::new(), text))
    }

    /// What is left when no bit heals a word that must be wrong.
    fn overwritten_word(&self, search: &Search) -> Option<Cause> {
        if search.best.iter().any(|f| f.left == 0) {
            return None;
        }
        let hash_only =
            |f: &Finding| ["MAP-KEYHASH", "MAP-DUP", "MAP-COUNT", "MAP-LEN"].contains(&f.rule);
        let explains = self.count(|f| !hash_only(f));
        if explains == 0 {
            return None;
        }
        let pointer = self.is_broken(&POINTERS);
        let word = self.verdict.findings.iter().find_map(|f| {
            let what = named_word(f)?;
            self.suspects.iter().find(|s| s.what == what)
        });
        let text = "a word was overwritten: no single bit of it heals the map".to_string();
        let words = word.map(|s| self.clobbered(s)).into_iter().collect();
        let p = if pointer { 0.6 } else { 0.4 };
        Some(self.cause(Class::StrayWrite, percent(p), explains, words, text))
    }

    /// Words that nothing in the map code would have written.
    fn stray_write(&self) -> Option<Cause> {
        let foreign: Vec<Clobbered> = self
            .suspects
            .iter()
            .filter(|s| !s.secret)
            .map(|s| self.clobbered(s))
            .filter(|c| self.is_foreign(c))
            .collect();
        let first = foreign.first()?;
        let header = AddrSpan {
            start: self.image.addr,
            size: self.image.header_size,
        };
        let in_header = foreign.iter().filter(|c| header.holds(c.addr)).count();
        let (class, what) = if in_header > 0 && in_header * 2 >= foreign.len() {
            (Class::OverwrittenHeader, "the header")
        } else {
            (Class::StrayWrite, "the map's storage")
        };
        let extent = self.extent(first);
        let mut text = format!(
            "{} bytes of {what} at {} look like {}",
            extent.size,
            extent.start,
            first.looks.as_str()
        );
        if class == Class::OverwrittenHeader
            && let Home::Object { start, size, .. } = self.image.home
            && (start != self.image.addr || size > self.image.header_size.saturating_mul(2))
        {
            text.push_str(&format!(
                "; it overlaps an object of {size} bytes at {start}"
            ));
        }
        let p = match foreign.len() {
            1 if extent.size <= 8 => 0.5,
            1 => 0.7,
            _ => 0.85,
        };
        Some(self.cause(
            class,
            percent(p),
            self.verdict.findings_total,
            foreign,
            text,
        ))
    }

    /// Whether map code never leaves such a word in such a place.
    fn is_foreign(&self, c: &Clobbered) -> bool {
        const PLACES: [&str; 7] = [
            "dirPtr",
            "buckets",
            "oldbuckets",
            "extra",
            "overflow",
            "list",
            "list element",
        ];
        let pointer = PLACES.contains(&c.what.as_str())
            || c.what.starts_with("dir[")
            || c.what.ends_with("groups.data")
            || c.what.starts_with("extra.");
        match c.looks {
            Looks::HeapPointer | Looks::StackPointer => !pointer && c.size >= 8,
            // An index of -1 is the mark of a table that was replaced.
            Looks::Ones => c.what != "table.index" && c.size >= 4,
            // Hashes look like anything; eight tophashes that are all letters do not.
            Looks::Ascii => c.size >= 8 || (c.size >= 4 && c.what != "hash0"),
            _ => false,
        }
    }

    /// The run of words around `c` that look like it.
    fn extent(&self, c: &Clobbered) -> AddrSpan {
        let word = self.image.abi.word();
        let like = |at: Addr| self.looks_of(at, word) == c.looks;
        let (mut start, mut end) = (c.addr, c.addr.0.saturating_add(c.size));
        for _ in 0..64 {
            match start.0.checked_sub(word).map(Addr) {
                Some(before) if like(before) => start = before,
                _ => break,
            }
        }
        for _ in 0..64 {
            if !like(Addr(end)) {
                break;
            }
            end = end.saturating_add(word);
        }
        AddrSpan {
            start,
            size: end.saturating_sub(start.0),
        }
    }
}

/// The word that a finding is about, by the name suspects have.
fn named_word(f: &Finding) -> Option<String> {
    Some(match f.place {
        Place::Header(field) => field.to_string(),
        Place::Dir(i) => format!("dir[{i}]"),
        Place::Table { field, .. } => format!("table.{field}"),
        Place::Bucket { .. } => "overflow".into(),
        Place::Group { .. } => "control word".into(),
        Place::Node(_) => return None,
        Place::Cell { .. } | Place::Slot { .. } => match f.rule {
            "SW-CTRL" => "control word".into(),
            rule if rule.starts_with("CL-") => "tophash".into(),
            _ if f.claimed.contains("elem") => "elem".into(),
            _ => "key".into(),
        },
    })
}

/// Some bytes.
#[derive(Clone, Copy)]
struct AddrSpan {
    start: Addr,
    size: u64,
}

impl AddrSpan {
    fn holds(self, at: Addr) -> bool {
        at.offset_from(self.start)
            .is_some_and(|off| off < self.size)
    }
}

/// A probability as a whole number of percent, never 0 or 100: nothing is ever certain.
fn percent(p: f64) -> u8 {
    let whole = (p * 100.0).round().clamp(1.0, 99.0);
    (1..=99u8).find(|n| f64::from(*n) >= whole).unwrap_or(99)
}
