//! One map in two dumps: what happened to it.
//! In: the two records of it. Out: words, the fields that differ, and whether its contents are the same. Nothing is
//! made into text until somebody wants to read it.

use crate::base::addr::Addr;
use crate::check::rule::Verdict;
use crate::diff::change::Change;
use crate::diff::change::Changes;
use crate::diff::pair::on_stack;
use crate::diff::pair::seed;
use crate::diff::side::SideMap;
use crate::diff::sums::gained;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::survey::detail::ExtraFields;
use crate::survey::detail::Header;
use std::fmt;

/// What two maps can be compared by.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    /// Both are of one process: addresses and seeds mean something.
    pub same_process: bool,
    /// Digests were made with one key.
    pub contents: bool,
    /// Both are of one process, and keys in owner paths are shown alike: another path is news.
    pub owners: bool,
}

/// Whether two maps hold the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contents {
    /// The same entries.
    Same,
    /// The same keys, with other elems.
    KeysSame,
    /// The same keys; of their elems nobody can tell, for they are made of addresses of two processes.
    KeysOnly,
    /// Other keys, or not as many.
    Differ,
    /// Nobody can tell.
    Unknown,
}

impl Contents {
    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Contents::Same => "same",
            Contents::KeysSame => "keys-same",
            Contents::KeysOnly => "keys-only",
            Contents::Differ => "differ",
            Contents::Unknown => "unknown",
        }
    }
}

/// The value of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'m> {
    /// A count, or a size in bytes.
    Number(u64),
    /// A count that a broken map may have below zero.
    Signed(i64),
    /// Bits, or a seed.
    Hex(u64),
    /// A pointer.
    Pointer(Addr),
    /// A word.
    Word(&'static str),
    /// An owner path.
    Text(&'m str),
    /// It is not there, or could not be read.
    None,
}

impl<'m> Value<'m> {
    fn number(n: Option<u64>) -> Value<'m> {
        n.map_or(Value::None, Value::Number)
    }

    fn signed(n: Option<i64>) -> Value<'m> {
        n.map_or(Value::None, Value::Signed)
    }

    fn byte(n: Option<u8>) -> Value<'m> {
        Value::number(n.map(u64::from))
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) => write!(f, "{n}"),
            Value::Signed(n) => write!(f, "{n}"),
            Value::Hex(n) => write!(f, "{n:#x}"),
            Value::Pointer(a) if a.is_nil() => f.write_str("nil"),
            Value::Pointer(a) => write!(f, "{a}"),
            Value::Word(w) | Value::Text(w) => f.write_str(w),
            Value::None => f.write_str("none"),
        }
    }
}

/// A field that differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'m> {
    /// Its name in Go; `kind`, `len`, `capacity`, `bytes`, `waste`, `tombstones`, `tables`, `owner` are badmap's.
    pub name: &'static str,
    /// In OLD.
    pub old: Value<'m>,
    /// In NEW.
    pub new: Value<'m>,
}

/// What happened to a map that is on both sides.
pub fn compare(old: &SideMap, new: &SideMap, basis: Basis) -> Changes {
    let mut out = Changes::default();
    let broken = |m: &SideMap| m.verdict == Some(Verdict::Broken);
    if !broken(old) && broken(new) {
        out.add(Change::Broke);
    }
    if broken(old) && new.verdict == Some(Verdict::Ok) {
        out.add(Change::Healed);
    }
    let len = old.len.zip(new.len).map_or(0, |(o, n)| n.saturating_sub(o));
    match gained(old.bytes, new.bytes) {
        0 if len > 0 => out.add(Change::Grew),
        0 if len < 0 => out.add(Change::Shrank),
        0 => {}
        more if more > 0 => out.add(Change::Grew),
        _ => out.add(Change::Shrank),
    }
    if more_tombstones(old, new, basis) {
        out.add(Change::Tombstones);
    }
    if !out.is_empty() {
        return out;
    }
    let contents = contents(old, new, basis);
    let mut differs = matches!(contents, Contents::Differ | Contents::KeysSame)
        || broken(old) != broken(new)
        || (broken(old) && old.broken_rules != new.broken_rules);
    // With a header on a stack, its storage may have moved.
    let moved = old.addr != new.addr;
    each_field(old, new, basis, &mut |f| {
        differs |= if basis.same_process {
            !moved || !matches!(f.new, Value::Pointer(_))
        } else {
            !LUCK.contains(&f.name)
        };
    });
    out.add(if differs {
        Change::Changed
    } else if matches!(contents, Contents::Unknown | Contents::KeysOnly) {
        Change::Unknown
    } else {
        Change::Same
    });
    out
}

/// What two processes with the same entries differ in by the luck of their seeds, and by what was in the map before.
const LUCK: [&str; 14] = [
    "flags",
    "noverflow",
    "nevacuate",
    "clearSeq",
    "len(extra.overflow)",
    "len(extra.oldoverflow)",
    "dirLen",
    "globalDepth",
    "globalShift",
    "tombstonePossible",
    "padding",
    "waste",
    "tombstones",
    "tables",
];

/// Whether deletes have left more slots behind. Between processes a few more are luck.
fn more_tombstones(old: &SideMap, new: &SideMap, basis: Basis) -> bool {
    let more = new.marks.deleted.saturating_sub(old.marks.deleted);
    let least = match basis.same_process {
        true => 1,
        false => (new.marks.total() / 8).max(8),
    };
    more >= least
}

/// Whether two maps hold the same. Digests decide where both have one and both were made with one key; without
/// them only lens speak, and empty maps are equal.
///
/// A digest of a pointer, slice, map, channel or function is one of its address: within one process, what it leads to
/// may have changed without the map; between two processes, nothing that is made of addresses can be compared, and
/// keys or elems that are decide nothing.
pub fn contents(old: &SideMap, new: &SideMap, basis: Basis) -> Contents {
    let lens = old.len.zip(new.len);
    if let (Some(a), Some(b), true) = (old.digest, new.digest, basis.contents) {
        let foreign = |x: bool, y: bool| !basis.same_process && (x || y);
        return match lens {
            Some((x, y)) if x != y => Contents::Differ,
            _ if a.entries == b.entries => Contents::Same,
            _ if foreign(a.key_addresses, b.key_addresses) => Contents::Unknown,
            _ if a.keys != b.keys => Contents::Differ,
            _ if foreign(a.elem_addresses, b.elem_addresses) => Contents::KeysOnly,
            _ => Contents::KeysSame,
        };
    }
    let empty = |m: &SideMap| m.len == Some(0) && m.marks.live == 0 && m.gaps_total == 0;
    match lens {
        _ if empty(old) && empty(new) => Contents::Same,
        Some((x, y)) if x != y => Contents::Differ,
        _ => Contents::Unknown,
    }
}

/// Whether the entries are the same although the lens are not: then a header lies.
pub fn only_len_differs(old: &SideMap, new: &SideMap, basis: Basis) -> bool {
    basis.contents && old.len != new.len && old.digest.zip(new.digest).is_some_and(|(a, b)| a == b)
}

/// Whether the seed is another although nothing says that the map was cleared.
pub fn reseeded(old: &SideMap, new: &SideMap) -> bool {
    let cleared = |m: &SideMap| match &m.header {
        Header::Classic(h, _) => h.clear_seq,
        Header::Swiss(s) => Some(s.clear_seq),
        Header::None => None,
    };
    let seeds = seed(old).zip(seed(new));
    seeds.is_some_and(|(a, b)| a != b) && cleared(new) <= cleared(old)
}

/// The fields that differ: those of the header but for the count, which is `len`, and then what follows from the
/// storage. Pointers and seeds are left out between processes, where they say nothing.
pub fn fields<'m>(old: &'m SideMap, new: &'m SideMap, basis: Basis) -> Vec<Field<'m>> {
    let mut out = Vec::new();
    each_field(old, new, basis, &mut |f| out.push(f));
    out
}

/// Rules that are broken in NEW and were not in OLD, and those of which it is the other way round. A rule that
/// nobody could decide in NEW has not healed.
pub fn rules(old: &SideMap, new: &SideMap) -> (Vec<&'static str>, Vec<&'static str>) {
    let without = |a: &SideMap, b: &SideMap| -> Vec<&'static str> {
        let rules = a.broken_rules.iter().copied();
        rules.filter(|r| !b.broken_rules.contains(r)).collect()
    };
    let decided = matches!(new.verdict, Some(Verdict::Ok | Verdict::Broken));
    let healed = if decided {
        without(old, new)
    } else {
        Vec::new()
    };
    (without(new, old), healed)
}

/// Calls `each` with every field that differs.
fn each_field<'m>(
    old: &'m SideMap,
    new: &'m SideMap,
    basis: Basis,
    each: &mut dyn FnMut(Field<'m>),
) {
    let mut differ = Differ { basis, each };
    match (&old.header, &new.header) {
        (Header::Classic(a, x), Header::Classic(b, y)) => {
            differ.hmap(a, b);
            differ.extra(x.as_deref(), y.as_deref());
        }
        (Header::Swiss(a), Header::Swiss(b)) => differ.swiss(a, b),
        _ => {}
    }
    differ.say("kind", Value::Word(old.kind), Value::Word(new.kind));
    differ.say("len", Value::signed(old.len), Value::signed(new.len));
    let numbers = [
        ("capacity", old.capacity, new.capacity),
        ("bytes", Some(old.bytes), Some(new.bytes)),
        ("waste", Some(old.waste), Some(new.waste)),
        (
            "tombstones",
            Some(old.marks.deleted),
            Some(new.marks.deleted),
        ),
        ("tables", Some(old.tables), Some(new.tables)),
    ];
    for (name, a, b) in numbers {
        differ.say(name, Value::number(a), Value::number(b));
    }
    let known = |m: &SideMap| !m.owner.is_empty() && !on_stack(&m.owner);
    if basis.owners && known(old) && known(new) {
        differ.say("owner", Value::Text(&old.owner), Value::Text(&new.owner));
    }
}

struct Differ<'e, 'm> {
    basis: Basis,
    each: &'e mut dyn FnMut(Field<'m>),
}

impl<'m> Differ<'_, 'm> {
    fn say(&mut self, name: &'static str, old: Value<'m>, new: Value<'m>) {
        if old != new {
            (self.each)(Field { name, old, new });
        }
    }

    /// What means nothing between processes.
    fn here(&mut self, name: &'static str, old: Value<'m>, new: Value<'m>) {
        if self.basis.same_process {
            self.say(name, old, new);
        }
    }

    fn hmap(&mut self, a: &Hmap, b: &Hmap) {
        let number = |n: u64| Value::Number(n);
        let small = |n: u16| Value::Number(u64::from(n));
        self.say("flags", hex(a.flags), hex(b.flags));
        self.say("B", small(a.b.into()), small(b.b.into()));
        self.say("noverflow", small(a.noverflow), small(b.noverflow));
        let seed = |h: &Hmap| Value::Hex(u64::from(h.hash0));
        self.here("hash0", seed(a), seed(b));
        self.here(
            "buckets",
            Value::Pointer(a.buckets),
            Value::Pointer(b.buckets),
        );
        self.here(
            "oldbuckets",
            Value::Pointer(a.oldbuckets),
            Value::Pointer(b.oldbuckets),
        );
        self.say("nevacuate", number(a.nevacuate), number(b.nevacuate));
        self.here("extra", Value::Pointer(a.extra), Value::Pointer(b.extra));
        self.say(
            "clearSeq",
            Value::number(a.clear_seq),
            Value::number(b.clear_seq),
        );
    }

    fn extra(&mut self, a: Option<&ExtraFields>, b: Option<&ExtraFields>) {
        let next =
            |e: Option<&ExtraFields>| e.map_or(Value::None, |e| Value::Pointer(e.next_overflow));
        for (name, len, get) in [
            (
                "extra.overflow",
                "len(extra.overflow)",
                (|e| e.overflow) as fn(&ExtraFields) -> Option<(Addr, u64)>,
            ),
            (
                "extra.oldoverflow",
                "len(extra.oldoverflow)",
                |e: &ExtraFields| e.oldoverflow,
            ),
        ] {
            let (a, b) = (a.and_then(get), b.and_then(get));
            let slice = |s: Option<(Addr, u64)>| s.map_or(Value::None, |s| Value::Pointer(s.0));
            self.here(name, slice(a), slice(b));
            self.say(
                len,
                Value::number(a.map(|s| s.1)),
                Value::number(b.map(|s| s.1)),
            );
        }
        self.here("extra.nextOverflow", next(a), next(b));
    }

    fn swiss(&mut self, a: &SwissMap, b: &SwissMap) {
        self.here("seed", Value::Hex(a.seed), Value::Hex(b.seed));
        self.here(
            "dirPtr",
            Value::Pointer(a.dir_ptr),
            Value::Pointer(b.dir_ptr),
        );
        self.say("dirLen", Value::Signed(a.dir_len), Value::Signed(b.dir_len));
        let byte = |n: u8| Value::Number(u64::from(n));
        self.say("globalDepth", byte(a.global_depth), byte(b.global_depth));
        self.say("globalShift", byte(a.global_shift), byte(b.global_shift));
        self.say("writing", byte(a.writing), byte(b.writing));
        self.say(
            "tombstonePossible",
            Value::byte(a.tombstone_possible),
            Value::byte(b.tombstone_possible),
        );
        self.say("padding", Value::byte(a.padding), Value::byte(b.padding));
        self.say(
            "clearSeq",
            Value::Number(a.clear_seq),
            Value::Number(b.clear_seq),
        );
    }
}

fn hex(n: u8) -> Value<'static> {
    Value::Hex(u64::from(n))
}

#[cfg(test)]
mod tests;
