//! The lists of an image, cut into lines of bounded length, and put together again.
//! In: an image, or such lines. Out: the lines, or the image's lists. Over 400 lines because what is written and what
//! is read must stay side by side.

use crate::base::addr::Addr;
use crate::base::limits::MAX_FINDINGS_PER_RULE;
use crate::base::limits::MAX_GAPS;
use crate::check::trust::is_sound_place;
use crate::maps::image::BadRef;
use crate::maps::image::BadRefKind;
use crate::maps::image::Body;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::Duplicate;
use crate::maps::image::Gap;
use crate::maps::image::Half;
use crate::maps::image::Hand;
use crate::maps::image::HeapType;
use crate::maps::image::MapImage;
use crate::maps::image::Misplaced;
use crate::maps::image::Place;
use crate::maps::image::Runs;
use crate::maps::image::Shape;
use crate::maps::image::Shared;
use crate::maps::image::Storage;
use crate::maps::image::TableHeader;
use crate::maps::image::TableImage;
use crate::schema::places::place;
use crate::schema::words::known;
use crate::snapshot::image::FactsLine;
use crate::snapshot::image::HandFact;
use crate::snapshot::image::ImageError;
use crate::snapshot::image::Line;
use crate::snapshot::image::RefFact;
use crate::snapshot::image::StorageOut;
use crate::snapshot::image::TableFact;
use crate::snapshot::image::TableHeaderOut;
use crate::snapshot::image::header::addr;
use crate::snapshot::image::header::hex;
use crate::snapshot::image::words;
use crate::snapshot::line::Tag;
use crate::snapshot::line::Text;
use crate::snapshot::line::kind;
use std::io;

/// Facts on one line.
const ON_A_LINE: usize = 512;
/// Buckets, groups or entries of one array that any process can have.
const MAX_COUNT: u64 = 1 << 60;

const NIL: i64 = -1;
const UNREAD: i64 = -2;

/// Writes facts as they come, as many on a line as fit.
struct Facts<'o> {
    map: String,
    line: FactsLine<'static>,
    on_line: usize,
    out: &'o mut dyn FnMut(Line<'_>) -> io::Result<()>,
}

impl Facts<'_> {
    fn add(&mut self, put: impl FnOnce(&mut FactsLine<'static>)) -> io::Result<()> {
        put(&mut self.line);
        self.on_line = self.on_line.saturating_add(1);
        if self.on_line >= ON_A_LINE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.on_line == 0 {
            return Ok(());
        }
        let mut line = std::mem::take(&mut self.line);
        (line.schema, line.line) = Tag::of(kind::FACTS);
        line.map = Text::Owned(self.map.clone());
        self.on_line = 0;
        (self.out)(Line::Facts(line))
    }
}

fn text<'a>(shown: impl std::fmt::Display) -> Text<'a> {
    Text::Owned(shown.to_string())
}

pub(super) fn storage_out<'a>(s: &Storage<'_>) -> StorageOut<'a> {
    StorageOut {
        addr: hex(s.addr.0),
        claimed: s.claimed,
        count: s.count,
        home: Text::Owned(words::home_text(s.home)),
    }
}

pub(super) fn storage<'a>(s: &StorageOut<'_>, stride: u64) -> Result<Storage<'a>, ImageError> {
    if s.count > MAX_COUNT || s.claimed > MAX_COUNT {
        return Err(ImageError::Lie("the size of an array"));
    }
    Ok(Storage {
        addr: addr(&s.addr, "the address of an array")?,
        stride,
        claimed: s.claimed,
        count: s.count,
        home: home(&s.home)?,
        runs: Runs::default(),
    })
}

pub(super) fn home(text: &str) -> Result<crate::base::home::Home, ImageError> {
    words::home(text).ok_or(ImageError::Text("where something lies"))
}

/// Writes all lists of the image. Those that tell of storage are left out where the header is none.
pub(super) fn write_facts(
    image: &MapImage<'_>,
    with_storage: bool,
    out: &mut dyn FnMut(Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut facts = Facts {
        map: image.addr.to_string(),
        line: FactsLine::default(),
        on_line: 0,
        out,
    };
    if with_storage {
        write_parts(image, &mut facts)?;
    }
    for r in &image.bad_refs {
        let fact = RefFact {
            place: text(r.place),
            elem: r.half == Half::Elem,
            off: r.off,
            what: Text::Owned(words::ref_text(shown_ref(image, r))),
        };
        facts.add(|l| l.refs.push(fact))?;
    }
    for d in &image.keys.duplicates {
        let fact = (text(d.place), text(d.other), d.by_sign_of_zero);
        facts.add(|l| l.duplicates.push(fact))?;
    }
    for (place, mark) in &image.keys.wrong_half {
        facts.add(|l| l.halves.push((text(place), *mark)))?;
    }
    for s in &image.shared {
        let fact = (text(s.place), text(s.addr), text(s.other));
        facts.add(|l| l.shared.push(fact))?;
    }
    for t in &image.heap_types {
        let books = words::books_text(&t.books);
        let fact = (text(t.place), text(t.addr), Text::Owned(books));
        facts.add(|l| l.heap_types.push(fact))?;
    }
    for m in &image.misplaced {
        let home = words::home_text(m.home);
        let fact = (text(m.place), text(m.addr), Text::Owned(home));
        facts.add(|l| l.misplaced.push(fact))?;
    }
    for g in &image.gaps.list {
        let why = words::fault_text(g.fault);
        facts.add(|l| l.gaps.push((text(g.what), Text::Owned(why))))?;
    }
    for hand in &image.hands.writers {
        facts.add(|l| l.writers.push(hand_fact(hand)))?;
    }
    for hand in &image.hands.readers {
        facts.add(|l| l.readers.push(hand_fact(hand)))?;
    }
    facts.flush()
}

/// What no rule tells of a reference in an array that may be none need not be in a file. `check/heap.rs`, `is_half_stored`,
/// counts such references wherever they are.
fn shown_ref(image: &MapImage<'_>, r: &BadRef) -> BadRefKind {
    let counts = match r.what {
        BadRefKind::Str { data, .. } | BadRefKind::IfaceData { data } => data.is_nil(),
        _ => false,
    };
    if counts || is_sound_place(image, r.place) {
        r.what
    } else {
        BadRefKind::Wild { ptr: Addr::NIL }
    }
}

fn hand_fact<'a>(hand: &Hand) -> HandFact<'a> {
    HandFact {
        goroutine: hand.goroutine,
        function: Text::Owned(hand.function.clone()),
        throwing: hand.throwing,
    }
}

fn write_parts(image: &MapImage<'_>, facts: &mut Facts<'_>) -> io::Result<()> {
    match &image.body {
        Body::Classic(c) => {
            let Some(extra) = &c.extra else { return Ok(()) };
            for bucket in extra.overflow.iter().flat_map(|l| &l.buckets) {
                facts.add(|l| l.overflow.push(text(bucket)))?;
            }
            for bucket in extra.oldoverflow.iter().flat_map(|l| &l.buckets) {
                facts.add(|l| l.oldoverflow.push(text(bucket)))?;
            }
        }
        Body::Swiss(s) => {
            if let Shape::Tables(dir) = &s.shape {
                write_directory(dir, facts)?;
            }
        }
        Body::Unreadable => {}
    }
    Ok(())
}

fn write_directory(dir: &Directory<'_>, facts: &mut Facts<'_>) -> io::Result<()> {
    let mut run: Option<(u64, i64)> = None;
    for entry in &dir.entries {
        let value = match entry {
            DirEntry::Table(t) => i64::from(*t),
            DirEntry::Nil => NIL,
            DirEntry::Unread => UNREAD,
        };
        match &mut run {
            Some((n, same)) if *same == value => *n = n.saturating_add(1),
            _ => {
                if let Some(done) = run.replace((1, value)) {
                    facts.add(|l| l.entries.push(done))?;
                }
            }
        }
    }
    if let Some(done) = run {
        facts.add(|l| l.entries.push(done))?;
    }
    for t in &dir.tables {
        let header = t.header.map(|h| TableHeaderOut {
            used: h.used,
            capacity: h.capacity,
            growth_left: h.growth_left,
            local_depth: h.local_depth,
            index: h.index,
            data: hex(h.groups_data.0),
            length_mask: h.length_mask,
        });
        let fact = TableFact {
            addr: hex(t.addr.0),
            home: Text::Owned(words::home_text(t.home)),
            first: t.first,
            seen: t.seen,
            header,
            groups: t.groups.as_ref().map(storage_out),
        };
        facts.add(|l| l.tables.push(fact))?;
    }
    Ok(())
}

/// Adds the facts of a line to the image; takes what they need from `left` bytes.
pub(super) fn read_facts(
    image: &mut MapImage<'static>,
    line: &FactsLine<'_>,
    left: &mut u64,
) -> Result<(), ImageError> {
    read_parts(image, line, left)?;
    for r in &line.refs {
        image.bad_refs.push(BadRef {
            place: at(&r.place)?,
            half: if r.elem { Half::Elem } else { Half::Key },
            off: r.off,
            what: words::reference(&r.what).ok_or(ImageError::Text("a bad reference"))?,
        });
    }
    for (place, other, by_sign_of_zero) in &line.duplicates {
        image.keys.duplicates.push(Duplicate {
            place: at(place)?,
            other: at(other)?,
            by_sign_of_zero: *by_sign_of_zero,
        });
    }
    for (place, mark) in &line.halves {
        image.keys.wrong_half.push((at(place)?, *mark));
    }
    for (place, storage, other) in &line.shared {
        image.shared.push(Shared {
            place: at(place)?,
            addr: addr(storage, "the address of shared storage")?,
            other: addr(other, "the address of another map")?,
        });
    }
    for (place, storage, books) in &line.heap_types {
        image.heap_types.push(HeapType {
            place: at(place)?,
            addr: addr(storage, "the address of storage")?,
            books: words::books(books).ok_or(ImageError::Text("what the books say"))?,
        });
    }
    for (place, part, where_) in &line.misplaced {
        image.misplaced.push(Misplaced {
            place: at(place)?,
            addr: addr(part, "the address of a part of extra")?,
            home: home(where_)?,
        });
    }
    for (what, why) in &line.gaps {
        image.gaps.list.push(Gap {
            what: known(what),
            fault: words::fault(why).ok_or(ImageError::Text("why something was not read"))?,
        });
    }
    image.hands.writers.extend(line.writers.iter().map(hand));
    image.hands.readers.extend(line.readers.iter().map(hand));
    // Rules look at each of these in turn, and at the tables for each; a reader keeps no more of them either.
    let most = [
        image.bad_refs.len(),
        image.keys.duplicates.len(),
        image.keys.wrong_half.len(),
    ];
    if most.iter().any(|n| *n > MAX_FINDINGS_PER_RULE) || image.gaps.list.len() > MAX_GAPS {
        return Err(ImageError::Lie("the length of a list"));
    }
    Ok(())
}

fn at(text: &str) -> Result<Place, ImageError> {
    place(text).ok_or(ImageError::Text("a place in the map"))
}

fn hand(fact: &HandFact<'_>) -> Hand {
    Hand {
        goroutine: fact.goroutine,
        function: fact.function.to_string(),
        throwing: fact.throwing,
    }
}

fn read_parts(
    image: &mut MapImage<'static>,
    line: &FactsLine<'_>,
    left: &mut u64,
) -> Result<(), ImageError> {
    let lists = [&line.overflow, &line.oldoverflow];
    if lists.iter().any(|l| !l.is_empty()) {
        let extra = match &mut image.body {
            Body::Classic(c) => c.extra.as_mut(),
            _ => None,
        };
        let extra = extra.ok_or(ImageError::Order("a list of overflow buckets"))?;
        for (list, buckets) in [&mut extra.overflow, &mut extra.oldoverflow]
            .into_iter()
            .zip(lists)
            .filter(|(_, buckets)| !buckets.is_empty())
        {
            let list = list
                .as_mut()
                .ok_or(ImageError::Order("a list of overflow buckets"))?;
            for bucket in buckets {
                list.buckets.push(addr(bucket, "an overflow bucket")?);
            }
        }
    }
    if line.entries.is_empty() && line.tables.is_empty() {
        return Ok(());
    }
    let size = image.slots.size;
    let Body::Swiss(s) = &mut image.body else {
        return Err(ImageError::Order("a table"));
    };
    let Shape::Tables(dir) = &mut s.shape else {
        return Err(ImageError::Order("a table"));
    };
    for (n, value) in &line.entries {
        let entry = match *value {
            NIL => DirEntry::Nil,
            UNREAD => DirEntry::Unread,
            t => DirEntry::Table(u32::try_from(t).map_err(|_| ImageError::Lie("a table"))?),
        };
        let bytes = n.checked_mul(size_of::<DirEntry>() as u64);
        charge(left, bytes)?;
        let n = usize::try_from(*n).map_err(|_| ImageError::TooLarge)?;
        dir.entries.extend(std::iter::repeat_n(entry, n));
    }
    for t in &line.tables {
        if dir
            .tables
            .last()
            .is_some_and(|before| before.first >= t.first)
        {
            return Err(ImageError::Order("a table"));
        }
        dir.tables.push(read_table(t, size)?);
    }
    Ok(())
}

fn read_table<'a>(t: &TableFact<'_>, size: u64) -> Result<TableImage<'a>, ImageError> {
    let header = |h: &TableHeaderOut<'_>| -> Result<TableHeader, ImageError> {
        Ok(TableHeader {
            used: h.used,
            capacity: h.capacity,
            growth_left: h.growth_left,
            local_depth: h.local_depth,
            index: h.index,
            groups_data: addr(&h.data, "the address of groups")?,
            length_mask: h.length_mask,
        })
    };
    Ok(TableImage {
        addr: addr(&t.addr, "the address of a table")?,
        home: home(&t.home)?,
        first: t.first,
        seen: t.seen,
        header: t.header.as_ref().map(header).transpose()?,
        groups: t.groups.as_ref().map(|g| storage(g, size)).transpose()?,
    })
}

/// Takes bytes from what is left.
pub(super) fn charge(left: &mut u64, bytes: Option<u64>) -> Result<(), ImageError> {
    *left = bytes
        .and_then(|bytes| left.checked_sub(bytes))
        .ok_or(ImageError::TooLarge)?;
    Ok(())
}
