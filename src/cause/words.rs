//! Which words of the process a finding is about.
//! Over 400 lines: one walk from places to words, with all that it asks of layouts.
//! In: findings and the image they are about. Out: words by address, each with the name of what it is.

use crate::base::addr::Addr;
use crate::check::rule::MapVerdict;
use crate::hash::plan::Plan;
use crate::hash::plan::Step;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::Directory;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::layout::Family;
use crate::maps::reader::MapReader;
use std::collections::BTreeMap;

/// Words that are looked at for one map.
const MAX_WORDS: usize = 96;
/// Bytes of one key, and of one string, that are looked at.
const MAX_KEY: u64 = 64;

/// What a word is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Suspect {
    /// Its address.
    pub(crate) addr: Addr,
    /// Its bytes, at most a word of the machine (8 for control words).
    pub(crate) size: u64,
    /// What it is: a field, `control word`, `key`, `key bytes` (of a string), …
    pub(crate) what: String,
    /// It is part of a key or elem, and so a secret.
    pub(crate) secret: bool,
}

/// Collects suspects, each once.
pub(crate) struct Suspects<'r, 'i, 'v, 'a> {
    reader: &'r MapReader<'v, 'a>,
    image: &'i MapImage<'a>,
    found: BTreeMap<Addr, Suspect>,
}

impl<'r, 'i, 'v, 'a> Suspects<'r, 'i, 'v, 'a> {
    /// The words that the findings of a map are about.
    pub(crate) fn of(
        reader: &'r MapReader<'v, 'a>,
        image: &'i MapImage<'a>,
        verdict: &MapVerdict,
        plan: Option<&Plan>,
    ) -> Vec<Suspect> {
        let mut out = Suspects {
            reader,
            image,
            found: BTreeMap::new(),
        };
        for f in &verdict.findings {
            out.add_place(f.place, plan);
            if REFERENCES.contains(&f.rule) {
                out.add_elem(f.place);
            }
            match f.rule {
                "CL-EXTRA" => out.add_extra(),
                "CL-NEXTOVF" | "CL-UNEVACDST" => out.add_bucket(f.place),
                _ => {}
            }
        }
        // A counter that is wrong may be right, and the mark or the other counter wrong.
        if verdict.findings.iter().any(|f| counts(f.rule)) {
            out.add_header();
            out.add_tables();
        }
        out.found.into_values().collect()
    }

    fn add(&mut self, addr: Option<Addr>, size: u64, what: String, secret: bool) {
        if let Some(addr) = addr.filter(|a| !a.is_nil())
            && size > 0
            && self.found.len() < MAX_WORDS
        {
            self.found.entry(addr).or_insert(Suspect {
                addr,
                size,
                what,
                secret,
            });
        }
    }

    fn add_place(&mut self, place: Place, plan: Option<&Plan>) {
        let image = self.image;
        match place {
            Place::Header(field) => self.add_field(field),
            Place::Cell {
                old,
                chain,
                position,
                cell,
            } => {
                if let Some(at) = self.bucket(old, chain, position) {
                    self.add(Some(at), 8, "tophash".into(), false);
                    self.add_key(at, u64::from(cell), plan);
                    self.add_overflow(at);
                }
            }
            Place::Bucket {
                old,
                chain,
                position,
            } => {
                if let Some(at) = self.bucket(old, chain, position) {
                    self.add(Some(at), 8, "tophash".into(), false);
                    self.add_overflow(at);
                }
                if let Some(before) = position
                    .checked_sub(1)
                    .and_then(|p| self.bucket(old, chain, p))
                {
                    self.add_overflow(before);
                }
            }
            Place::Dir(i) => {
                if let Body::Swiss(s) = &image.body {
                    let word = image.abi.word();
                    let at = s.map.dir_ptr.element(i, word);
                    self.add(at, word, format!("dir[{i}]"), false);
                }
                self.add_table(i);
            }
            Place::Table { dir, .. } => self.add_table(dir),
            Place::Node(_) => {}
            Place::Group { dir, group } => {
                let at = self.groups(dir).and_then(|g| g.record_addr(group));
                self.add(at, 8, "control word".into(), false);
            }
            Place::Slot { dir, group, slot } => {
                if let Some(at) = self.groups(dir).and_then(|g| g.record_addr(group)) {
                    self.add(Some(at), 8, "control word".into(), false);
                    self.add_key(at, u64::from(slot), plan);
                }
            }
        }
    }

    fn add_field(&mut self, field: &str) {
        let layouts = self.reader.layouts;
        let bound = match &layouts.family {
            Family::Classic { hmap, .. } => hmap,
            Family::Swiss { map, .. } => map,
        };
        match bound.field(field) {
            Some(f) => {
                let at = self.image.addr.checked_add(f.off);
                self.add(at, f.size.min(8), field.to_string(), false);
            }
            None => self.add_header(),
        }
        if let (Family::Classic { extra, .. }, Body::Classic(c), Some(name)) = (
            &layouts.family,
            &self.image.body,
            field.strip_prefix("extra."),
        ) && let Some(f) = extra.field(name)
        {
            let at = c.hmap.extra.checked_add(f.off);
            self.add(at, f.size.min(8), field.to_string(), false);
        }
    }

    /// Every field of the header.
    fn add_header(&mut self) {
        let layouts = self.reader.layouts;
        let bound = match &layouts.family {
            Family::Classic { hmap, .. } => hmap,
            Family::Swiss { map, .. } => map,
        };
        for name in bound.names() {
            if let Some(f) = bound.field(name) {
                let at = self.image.addr.checked_add(f.off);
                self.add(at, f.size.min(8), name.to_string(), false);
            }
        }
    }

    fn directory(&self) -> Option<&'i Directory<'a>> {
        match &self.image.body {
            Body::Swiss(s) => match &s.shape {
                Shape::Tables(d) => Some(d),
                _ => None,
            },
            _ => None,
        }
    }

    /// The tables of a map that has few.
    fn add_tables(&mut self) {
        let few = self.directory().filter(|d| d.tables.len() <= 4);
        let firsts: Vec<u64> = few
            .iter()
            .flat_map(|d| &d.tables)
            .map(|t| t.first)
            .collect();
        for first in firsts {
            self.add_table(first);
        }
    }

    /// The fields of the table that directory entry `first` leads to.
    fn add_table(&mut self, first: u64) {
        let Family::Swiss { table, groups, .. } = &self.reader.layouts.family else {
            return;
        };
        let Some(t) = self
            .directory()
            .and_then(|d| d.tables.iter().find(|t| t.first == first))
        else {
            return;
        };
        for name in table.names() {
            let Some(f) = table.field(name) else { continue };
            if name != "groups" {
                let at = t.addr.checked_add(f.off);
                self.add(at, f.size.min(8), format!("table.{name}"), false);
                continue;
            }
            for part in groups.names() {
                let Some(g) = groups.field(part) else {
                    continue;
                };
                let at = t.addr.checked_add(f.off.saturating_add(g.off));
                self.add(at, g.size.min(8), format!("table.groups.{part}"), false);
            }
        }
    }

    fn groups(&self, dir: Option<u64>) -> Option<&'i Storage<'a>> {
        let Body::Swiss(s) = &self.image.body else {
            return None;
        };
        match (&s.shape, dir) {
            (Shape::Small(g), None) => Some(g),
            (Shape::Tables(d), Some(first)) => {
                d.tables.iter().find(|t| t.first == first)?.groups.as_ref()
            }
            _ => None,
        }
    }

    fn array(&self, old: bool) -> Option<&'i BucketArray<'a>> {
        match &self.image.body {
            Body::Classic(c) if old => c.old.as_ref(),
            Body::Classic(c) => c.new.as_ref(),
            _ => None,
        }
    }

    fn bucket(&self, old: bool, chain: u64, position: u32) -> Option<Addr> {
        let array = self.array(old)?;
        if position == 0 {
            return array.main.record_addr(chain);
        }
        let overflow = array.chain_overflow(chain);
        overflow
            .iter()
            .find(|o| o.position == position)
            .map(|o| o.addr)
    }

    fn add_overflow(&mut self, bucket: Addr) {
        let word = self.image.abi.word();
        let off = self.image.slots.overflow_off;
        let at = off.and_then(|o| bucket.checked_add(o));
        self.add(at, word, "overflow".into(), false);
    }

    /// The words of a key, and those of the strings in it.
    fn add_key(&mut self, record: Addr, slot: u64, plan: Option<&Plan>) {
        let slots = &self.image.slots;
        let word = self.image.abi.word();
        let Some(at) = record.checked_add(slots.key_off(slot)) else {
            return;
        };
        let size = slots.key_size.min(MAX_KEY);
        self.add_words(at, size, "key");
        let texts = plan.iter().flat_map(|p| &p.steps).filter_map(|s| match s {
            Step::Text { off } => Some(*off),
            _ => None,
        });
        let mem = self.reader.program.mem;
        if slots.indirect_key {
            if let Ok(key) = mem.read_addr(at)
                && !key.is_nil()
            {
                self.add_words(key, MAX_KEY, "key");
            }
            return;
        }
        for off in texts {
            let Some(data_at) = at.checked_add(off) else {
                continue;
            };
            let (Ok(data), Ok(len)) = (
                mem.read_addr(data_at),
                mem.read_uptr(data_at.checked_add(word).unwrap_or_default()),
            ) else {
                continue;
            };
            self.add_words(data, len.min(MAX_KEY), "key bytes");
        }
    }

    /// The words of an elem.
    fn add_elem(&mut self, place: Place) {
        let (record, slot) = match place {
            Place::Cell {
                old,
                chain,
                position,
                cell,
            } => (self.bucket(old, chain, position), cell),
            Place::Slot { dir, group, slot } => {
                (self.groups(dir).and_then(|g| g.record_addr(group)), slot)
            }
            _ => return,
        };
        let slots = &self.image.slots;
        let size = slots.elem_size.min(MAX_KEY);
        let at = record.and_then(|r| r.checked_add(slots.elem_off(u64::from(slot))));
        if let Some(at) = at {
            self.add_words(at, size, "elem");
        }
    }

    /// Every word of a bucket that should be all zero.
    fn add_bucket(&mut self, place: Place) {
        if let Place::Bucket {
            old,
            chain,
            position,
        } = place
            && let Some(at) = self.bucket(old, chain, position)
        {
            let (word, size) = (self.image.abi.word(), self.image.slots.size);
            let mut off = 0;
            while off < size.min(512) {
                self.add(at.checked_add(off), word, "unused bucket".into(), true);
                off = off.saturating_add(word);
            }
        }
    }

    /// `mapextra`, its lists and their elements.
    fn add_extra(&mut self) {
        let (Family::Classic { extra, .. }, Body::Classic(c)) =
            (&self.reader.layouts.family, &self.image.body)
        else {
            return;
        };
        let word = self.image.abi.word();
        self.add_field("extra");
        for name in extra.names() {
            let off = extra.off(name);
            let at = off.and_then(|o| c.hmap.extra.checked_add(o));
            self.add(at, word, format!("extra.{name}"), false);
        }
        let lists = c.extra.as_ref().map(|e| [&e.overflow, &e.oldoverflow]);
        let mem = self.reader.program.mem;
        for list in lists.into_iter().flatten().flatten() {
            self.add(Some(list.addr), word, "list".into(), false);
            self.add(list.addr.checked_add(word), word, "list len".into(), false);
            let data = mem.read_addr(list.addr).unwrap_or_default();
            for i in 0..list.claimed.min(16) {
                self.add(data.element(i, word), word, "list element".into(), false);
            }
        }
    }

    fn add_words(&mut self, at: Addr, size: u64, what: &str) {
        let word = self.image.abi.word();
        let mut off = 0;
        while off < size {
            let n = word.min(size.saturating_sub(off));
            self.add(at.checked_add(off), n, what.to_string(), true);
            off = off.saturating_add(n.max(1));
        }
    }
}

/// Rules on what keys and elems refer to, and what free slots hold.
const REFERENCES: [&str; 7] = [
    "MAP-STRPTR",
    "MAP-IFACE",
    "MAP-INDIRECT",
    "MAP-PTRVALID",
    "MAP-PTRWILD",
    "MAP-FREEELEM",
    "MAP-FREEKEY",
];

/// Rules that compare counters with what is there.
fn counts(rule: &str) -> bool {
    [
        "MAP-COUNT",
        "SW-USED",
        "SW-GROWTH",
        "SW-EMPTY",
        "CL-NOVERFLOW",
        "CL-LOAD",
    ]
    .contains(&rule)
}
