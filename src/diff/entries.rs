//! What happened to the entries of one map, by digests of keys and elems.
//! In: the entries of OLD's map and of NEW's, in any order. Out: counts, and the first ones of each kind. Two passes:
//! the first takes digests only, 24 bytes an entry; only what is to be shown gets its texts, in a second one.

/// Bytes of a text that are kept.
const MAX_TEXT: usize = 1024;

/// Which dump an entry is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// OLD.
    Old,
    /// NEW.
    New,
}

/// An entry as it is fed.
#[derive(Clone, Copy, Default, Debug)]
pub struct Entry<'t> {
    /// Digest of its key: `None` where its bytes could not be read.
    pub key: Option<u64>,
    /// Digest of its elem, likewise.
    pub elem: Option<u64>,
    /// Where it stands.
    pub place: &'t str,
    /// Its key in clear, where the file has it.
    pub key_text: Option<&'t str>,
    /// Its elem in clear.
    pub elem_text: Option<&'t str>,
}

/// A digest as snapshots write it: `#` and 16 hex digits.
pub fn digest(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 16)?;
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| hex)
}

/// What takes entries, so that they can be streamed.
pub trait EntrySink {
    /// Whether place and texts of an entry with this key are wanted; without them it need not be fed.
    fn wants(&self, key: Option<u64>) -> bool;
    /// Takes an entry.
    fn feed(&mut self, which: Which, entry: &Entry<'_>);
}

/// What happened to an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EntryChange {
    /// Its key is in NEW only.
    Added,
    /// Its key is in OLD only.
    Removed,
    /// Its elem is another.
    Changed,
    /// Its key is in both, and an elem could not be read.
    Unknown,
}

impl EntryChange {
    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            EntryChange::Added => "added",
            EntryChange::Removed => "removed",
            EntryChange::Changed => "changed",
            EntryChange::Unknown => "unknown",
        }
    }
}

/// An entry that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRow {
    /// How.
    pub change: EntryChange,
    /// Digest of its key.
    pub key: u64,
    /// Digest of its elem in OLD; `None` if it was not there or could not be read.
    pub old_elem: Option<u64>,
    /// In NEW.
    pub new_elem: Option<u64>,
    /// Its key in clear.
    pub key_text: Option<String>,
    /// Its elem in clear, in OLD.
    pub old_text: Option<String>,
    /// In NEW.
    pub new_text: Option<String>,
    /// Where it stands in NEW, or stood in OLD where it was removed.
    pub place: Option<String>,
}

/// What happened to the entries of a map.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct EntryDiff {
    /// Keys of NEW only.
    pub added: u64,
    /// Keys of OLD only.
    pub removed: u64,
    /// Keys of both with another elem.
    pub changed: u64,
    /// Entries of both.
    pub same: u64,
    /// Keys of both whose elem could not be read in one, and entries of either whose key could not be.
    pub unknown: u64,
    /// The first ones of each change, by change, then by the digest of the key.
    pub listed: Vec<EntryRow>,
    /// What of `listed` is in OLD.
    in_old: Index,
    /// What is in NEW.
    in_new: Index,
}

/// Which rows the entries of one side belong to, for the second pass.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Index(Vec<Place>);

/// A row by the item that it has on one side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    item: Item,
    /// Index in `listed`.
    row: usize,
    /// In the first place of an item: how many of its rows have their texts.
    told: usize,
}

impl Index {
    fn of(items: impl Iterator<Item = (usize, Item)>) -> Index {
        let place = |(row, item)| Place { item, row, told: 0 };
        let mut places: Vec<Place> = items.map(place).collect();
        places.sort_unstable();
        Index(places)
    }

    fn has(&self, key: u64) -> bool {
        let at = self.0.partition_point(|p| p.item.0 < key);
        self.0.get(at).is_some_and(|p| p.item.0 == key)
    }

    /// The first row with this item that has not been given out.
    fn take(&mut self, item: Item) -> Option<usize> {
        let first = self.0.partition_point(|p| p.item < item);
        let told = self.0.get(first)?.told;
        let found = self.0.get(first.checked_add(told)?)?;
        let row = (found.item == item).then_some(found.row)?;
        self.0.get_mut(first)?.told = told.saturating_add(1);
        Some(row)
    }
}

/// Digest of a key, digest of its elem.
type Item = (u64, Option<u64>);

/// The first pass.
#[derive(Debug)]
pub struct EntryDigests {
    old: Vec<Item>,
    new: Vec<Item>,
    unknown: u64,
    most: usize,
}

impl EntryDigests {
    /// Nothing yet; of each change so many will be listed.
    pub fn new(most: usize) -> EntryDigests {
        EntryDigests {
            old: Vec::new(),
            new: Vec::new(),
            unknown: 0,
            most,
        }
    }

    /// Ends the first pass. Keys may be there more than once (NaN, or a broken map): then as many as there are on both
    /// sides are paired, equal elems first.
    pub fn finish(mut self) -> EntryDiff {
        self.old.sort_unstable();
        self.new.sort_unstable();
        let mut out = EntryDiff {
            unknown: self.unknown,
            ..EntryDiff::default()
        };
        let mut lists: [Vec<EntryRow>; 4] = Default::default();
        let (mut old, mut new) = (&*self.old, &*self.new);
        while let Some(key) = old
            .first()
            .map(|i| i.0)
            .into_iter()
            .chain(new.first().map(|i| i.0))
            .min()
        {
            let (o, n);
            (o, old) = run(old, key);
            (n, new) = run(new, key);
            one_key(o, n, &mut |change, old_elem, new_elem| {
                let (count, list) = match change {
                    None => (&mut out.same, None),
                    Some(EntryChange::Added) => (&mut out.added, Some(0)),
                    Some(EntryChange::Removed) => (&mut out.removed, Some(1)),
                    Some(EntryChange::Changed) => (&mut out.changed, Some(2)),
                    Some(EntryChange::Unknown) => (&mut out.unknown, Some(3)),
                };
                *count = count.saturating_add(1);
                let list = list.and_then(|i: usize| lists.get_mut(i));
                if let (Some(change), Some(list)) = (change, list)
                    && list.len() < self.most
                {
                    list.push(EntryRow {
                        change,
                        key,
                        old_elem,
                        new_elem,
                        key_text: None,
                        old_text: None,
                        new_text: None,
                        place: None,
                    });
                }
            });
        }
        out.listed = lists.into_iter().flatten().collect();
        let rows = || out.listed.iter().enumerate();
        let old = rows().filter(|(_, r)| r.change != EntryChange::Added);
        out.in_old = Index::of(old.map(|(i, r)| (i, (r.key, r.old_elem))));
        let new = rows().filter(|(_, r)| r.change != EntryChange::Removed);
        out.in_new = Index::of(new.map(|(i, r)| (i, (r.key, r.new_elem))));
        out
    }
}

impl EntrySink for EntryDigests {
    /// Digests are all that is taken.
    fn wants(&self, _: Option<u64>) -> bool {
        false
    }

    fn feed(&mut self, which: Which, entry: &Entry<'_>) {
        match (entry.key, which) {
            (None, _) => self.unknown = self.unknown.saturating_add(1),
            (Some(key), Which::Old) => self.old.push((key, entry.elem)),
            (Some(key), Which::New) => self.new.push((key, entry.elem)),
        }
    }
}

impl EntryDiff {
    /// Puts what is listed in the order of its keys in clear, numbers by value, where there are any; to be called when
    /// all has been fed.
    pub fn sort_by_text(&mut self) {
        (self.in_old, self.in_new) = Default::default(); // rows are about to move
        let number = |e: &EntryRow| e.key_text.as_ref().and_then(|t| t.parse::<i128>().ok());
        self.listed.sort_by(|a, b| {
            (a.change, number(a), &a.key_text).cmp(&(b.change, number(b), &b.key_text))
        });
    }
}

/// The items of one key at the start of a sorted list, and what follows.
fn run(items: &[Item], key: u64) -> (&[Item], &[Item]) {
    items.split_at(items.partition_point(|i| i.0 <= key))
}

/// Pairs the items of one key, both lists sorted: elems that cannot be read come first in each.
fn one_key(
    old: &[Item],
    new: &[Item],
    each: &mut dyn FnMut(Option<EntryChange>, Option<u64>, Option<u64>),
) {
    if let ([(_, a)], [(_, b)]) = (old, new) {
        return each(change(*a, *b), *a, *b);
    }
    let (mut o, mut n) = (old.iter().peekable(), new.iter().peekable());
    let (mut left_old, mut left_new) = (Vec::new(), Vec::new());
    while let (Some((_, a)), Some((_, b))) = (o.peek(), n.peek()) {
        if a == b && a.is_some() {
            each(None, *a, *b);
            o.next();
            n.next();
        } else if (a, b) <= (b, a) {
            left_old.push(*a);
            o.next();
        } else {
            left_new.push(*b);
            n.next();
        }
    }
    let mut left_old = left_old.into_iter().chain(o.map(|i| i.1));
    let mut left_new = left_new.into_iter().chain(n.map(|i| i.1));
    loop {
        match (left_old.next(), left_new.next()) {
            (Some(a), Some(b)) => each(change(a, b), a, b),
            (Some(a), None) => each(Some(EntryChange::Removed), a, None),
            (None, Some(b)) => each(Some(EntryChange::Added), None, b),
            (None, None) => break,
        }
    }
}

fn change(a: Option<u64>, b: Option<u64>) -> Option<EntryChange> {
    match (a, b) {
        (Some(a), Some(b)) if a == b => None,
        (Some(_), Some(_)) => Some(EntryChange::Changed),
        _ => Some(EntryChange::Unknown),
    }
}

/// The second pass: places and texts for what is listed.
impl EntrySink for EntryDiff {
    fn wants(&self, key: Option<u64>) -> bool {
        key.is_some_and(|k| self.in_old.has(k) || self.in_new.has(k))
    }

    fn feed(&mut self, which: Which, entry: &Entry<'_>) {
        let Some(key) = entry.key else { return };
        let index = match which {
            Which::Old => &mut self.in_old,
            Which::New => &mut self.in_new,
        };
        let row = index.take((key, entry.elem));
        let Some(row) = row.and_then(|i| self.listed.get_mut(i)) else {
            return;
        };
        let text = |t: Option<&str>| t.map(bounded);
        row.key_text = text(entry.key_text).or(row.key_text.take());
        let elem = match which {
            Which::Old => &mut row.old_text,
            Which::New => &mut row.new_text,
        };
        *elem = text(entry.elem_text);
        if which == Which::New || row.change == EntryChange::Removed {
            row.place = Some(bounded(entry.place));
        }
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests;
