//! The causes that a map itself can tell of: a flipped bit, a mutated key, goroutines at once.
//! In: one broken map. Out: each cause with how much speaks for it.

use crate::base::home::Home;
use crate::cause::explain::Case;
use crate::cause::explain::Cause;
use crate::cause::explain::Class;
use crate::cause::explain::Clobbered;
use crate::cause::explain::percent;
use crate::cause::flips::Flip;
use crate::cause::flips::Search;
use crate::cause::words::Suspect;
use crate::check::rule::Finding;
use crate::hash::plan::Step;
use crate::maps::image::Place;

impl Case<'_, '_, '_> {
    pub(crate) fn bit_flip(&self, search: &Search) -> Option<Cause> {
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
    pub(crate) fn mutated_key(&self) -> Option<Cause> {
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

    pub(crate) fn concurrent_use(&self) -> Option<Cause> {
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

    pub(crate) fn mid_write(&self) -> Option<Cause> {
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
}
