//! Causes from outside of the map code: bytes that it never writes.
//! In: one broken map. Out: a stray write or an overwritten header, with how much speaks for it.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::cause::explain::Case;
use crate::cause::explain::Cause;
use crate::cause::explain::Class;
use crate::cause::explain::Clobbered;
use crate::cause::explain::POINTERS;
use crate::cause::explain::percent;
use crate::cause::flips::Search;
use crate::cause::looks::Looks;
use crate::check::rule::Finding;
use crate::maps::image::Place;

impl Case<'_, '_, '_> {
    /// What is left when no bit heals a word that must be wrong.
    pub(crate) fn overwritten_word(&self, search: &Search) -> Option<Cause> {
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
    pub(crate) fn stray_write(&self) -> Option<Cause> {
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
            "SW-CTRL" | "SW-SMALL" => "control word".into(),
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
