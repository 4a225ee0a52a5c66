//! An image is taken apart into lines, one bucket or group after the other; nothing is collected.
//! In: an image, what shows its entries, and somewhere to put lines. Out: an `image` line, `facts` lines, `slots` lines
//! in the order of `MapImage::for_each_entry`. Over 400 lines because the line, what goes on it and its order are one thing.

use crate::base::addr::Addr;
use crate::base::bytes::Endian;
use crate::base::bytes::all_zero;
use crate::check::trust::header_is_misplaced;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::check::trust::small_group;
use crate::check::trust::sound_table;
use crate::hash::run::KeyHash;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ChainFault;
use crate::maps::image::ClassicImage;
use crate::maps::image::EntryRef;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Seat;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::ctrl;
use crate::maps::image::tophash;
use crate::snapshot::image::ArrayOut;
use crate::snapshot::image::DescriptorOut;
use crate::snapshot::image::FORMAT;
use crate::snapshot::image::ImageLine;
use crate::snapshot::image::LayoutOut;
use crate::snapshot::image::Line;
use crate::snapshot::image::facts::storage_out;
use crate::snapshot::image::facts::write_facts;
use crate::snapshot::image::header::flag_of;
use crate::snapshot::image::header::header_of;
use crate::snapshot::image::header::hex;
use crate::snapshot::image::paint::Eye;
use crate::snapshot::image::paint::Sight;
use crate::snapshot::image::paint::first_rest;
use crate::snapshot::image::words;
use crate::snapshot::line::EntryOut;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::Tag;
use crate::snapshot::line::Text;
use crate::snapshot::line::kind;
use std::io;

/// An entry as it is to be shown.
#[derive(Clone, Default, Debug)]
pub struct Rendered {
    /// The digest of the key; `None` where its bytes could not be read.
    pub key: Option<String>,
    /// The digest of the elem.
    pub elem: Option<String>,
    /// The key in clear.
    pub key_text: Option<String>,
    /// The elem in clear.
    pub elem_text: Option<String>,
    /// The key is made of addresses.
    pub key_addresses: bool,
    /// The elem is.
    pub elem_addresses: bool,
}

/// Writes the image and all its entries. Returns how many entries were written.
/// # Errors
/// What `out` says.
pub fn write_image(
    image: &MapImage<'_>,
    render: &mut dyn FnMut(&EntryRef<'_>) -> Rendered,
    out: &mut dyn FnMut(Line<'_>) -> io::Result<()>,
) -> io::Result<u64> {
    // What lies behind a header that is none is no storage of a map, and no rule looks at it.
    let is_header = !header_is_misplaced(image);
    out(Line::Image(image_line(image, is_header)))?;
    write_facts(image, is_header, out)?;
    if !is_header {
        return Ok(0);
    }
    let mut writer = Writer {
        image,
        eye: Eye {
            abi: image.abi,
            slots: &image.slots,
            is_swiss: matches!(image.body, Body::Swiss(_)),
        },
        map: image.addr.to_string(),
        hashes: image.keys.hashes.iter(),
        odd: image.keys.odd.iter().peekable(),
        number: 0,
        written: 0,
        alike: None,
        render,
        out,
    };
    match &image.body {
        Body::Classic(c) => writer.classic(c)?,
        Body::Swiss(s) => match &s.shape {
            Shape::Small(group) => {
                let trusted = small_group(image, s).sound().is_some();
                writer.groups(None, group, trusted)?;
            }
            Shape::Tables(dir) => {
                for t in &dir.tables {
                    if let Some(groups) = &t.groups {
                        let trusted = sound_table(image, t).is_some();
                        writer.groups(Some(t.first), groups, trusted)?;
                    }
                }
            }
            Shape::Empty | Shape::Nonsense => {}
        },
        Body::Unreadable => {}
    }
    Ok(writer.written)
}

fn image_line<'a>(image: &MapImage<'_>, is_header: bool) -> ImageLine<'a> {
    let (schema, line) = Tag::of(kind::IMAGE);
    let keys = &image.keys;
    let slots = &image.slots;
    let mut out = ImageLine {
        schema,
        line,
        format: FORMAT,
        map: hex(image.addr.0),
        big_endian: image.abi.endian == Endian::Big,
        ptr_size: image.abi.ptr_size,
        home: Text::Owned(words::home_text(image.home)),
        header_size: image.header_size,
        layout: LayoutOut {
            size: slots.size,
            key_size: slots.key_size,
            elem_size: slots.elem_size,
            indirect_key: slots.indirect_key,
            indirect_elem: slots.indirect_elem,
            keys_off: slots.keys_off,
            key_stride: slots.key_stride,
            elems_off: slots.elems_off,
            elem_stride: slots.elem_stride,
            overflow_off: slots.overflow_off,
            has_pointers: slots.has_pointers,
            key_ptr_words: slots.key_ptr_words.clone(),
        },
        header: match is_header {
            true => header_of(&image.body),
            false => flag_of(&image.body),
        },
        hashes: Text::Borrowed(words::hash_state_text(keys.state)),
        hashed: is_header && !keys.hashes.is_empty(),
        global: keys.global.map(|g| Text::Owned(words::global_text(g))),
        descriptor: DescriptorOut {
            addr: keys.descriptor.addr.map(|a| hex(a.0)),
            wrong: keys
                .descriptor
                .wrong
                .iter()
                .map(|(field, claimed, found)| (Text::Borrowed(*field), *claimed, *found))
                .collect(),
            hasher: Text::Owned(words::hasher_text(&keys.descriptor.hasher)),
            reflexive: keys.descriptor.reflexive,
        },
        hands_complete: image.hands.complete,
        cloning: image.hands.cloning,
        refs_total: image.bad_refs_total,
        duplicates_total: keys.duplicates_total,
        halves_total: keys.wrong_half_total,
        gaps_total: image.gaps.total,
        ..ImageLine::default()
    };
    put_body(image, is_header, &mut out);
    out
}

/// Fills in what the header leads to.
fn put_body(image: &MapImage<'_>, is_header: bool, out: &mut ImageLine<'_>) {
    let array = |a: &BucketArray<'_>| ArrayOut {
        main: storage_out(&a.main),
        room: a.room,
        prealloc: a.prealloc.as_ref().map(storage_out),
    };
    let body = match &image.body {
        Body::Classic(c) => {
            out.buckets = c.new.as_ref().filter(|_| is_header).map(array);
            out.oldbuckets = c.old.as_ref().filter(|_| is_header).map(array);
            "classic"
        }
        Body::Swiss(s) => {
            let shape = match &s.shape {
                _ if !is_header => "empty",
                Shape::Empty => "empty",
                Shape::Small(group) => {
                    out.group = Some(storage_out(group));
                    "small"
                }
                Shape::Tables(dir) => {
                    let home = Text::Owned(words::home_text(dir.home));
                    out.directory = Some((home, dir.claimed));
                    "tables"
                }
                Shape::Nonsense => "nonsense",
            };
            out.shape = Some(Text::Borrowed(shape));
            "swiss"
        }
        Body::Unreadable => "unreadable",
    };
    out.body = Text::Borrowed(body);
}

/// A bucket or group on its way into a line.
struct Record<'b> {
    place: Place,
    /// Its number in the array; `None` for overflow buckets.
    number: Option<u64>,
    addr: Addr,
    bytes: &'b [u8],
    /// The array can be believed, so that rules look at it.
    trusted: bool,
    /// It has entries; buckets that are preallocated have none.
    has_entries: bool,
    /// A rule wants all of it to be zero.
    wants_zero: bool,
    seat: Option<Seat>,
    /// Its overflow pointer was not followed.
    fault: Option<ChainFault>,
}

/// Buckets or groups that follow each other, look the same and hold no entry.
struct Alike {
    first: u64,
    count: u64,
    place: Place,
    addr: Addr,
    sight: Sight,
}

struct Writer<'w, 'i, 'a> {
    image: &'i MapImage<'a>,
    eye: Eye<'i>,
    map: String,
    hashes: std::slice::Iter<'i, u64>,
    odd: std::iter::Peekable<std::slice::Iter<'i, (u64, KeyHash)>>,
    /// Entries met so far.
    number: u64,
    written: u64,
    alike: Option<Alike>,
    render: &'w mut dyn FnMut(&EntryRef<'_>) -> Rendered,
    out: &'w mut dyn FnMut(Line<'_>) -> io::Result<()>,
}

impl Writer<'_, '_, '_> {
    fn classic(&mut self, c: &ClassicImage<'_>) -> io::Result<()> {
        let parts = [
            (true, c.old.as_ref(), old_buckets(c)),
            (false, c.new.as_ref(), new_buckets(c)),
        ];
        for (old, array, part) in parts {
            if let Some(array) = array {
                let trusted = part.sound().is_some();
                self.chains(old, array, trusted, !old && c.hmap.growing())?;
            }
        }
        Ok(())
    }

    fn chains(
        &mut self,
        old: bool,
        array: &BucketArray<'_>,
        trusted: bool,
        wants_zero: bool,
    ) -> io::Result<()> {
        // No rule looks at the links of an array that may be none.
        let mut faults = array.chain_faults.iter().filter(|_| trusted).peekable();
        let mut fault_at = |chain: u64, position: u32| {
            let here = faults.next_if(|f| (f.chain, f.position) == (chain, position));
            here.copied()
        };
        for (chain, bytes) in array.main.records() {
            self.record(Record {
                place: Place::Bucket {
                    old,
                    chain,
                    position: 0,
                },
                number: Some(chain),
                addr: array.main.record_addr(chain).unwrap_or_default(),
                bytes,
                trusted,
                has_entries: true,
                wants_zero,
                seat: None,
                fault: fault_at(chain, 0),
            })?;
            for o in array.chain_overflow(chain) {
                self.record(Record {
                    place: Place::Bucket {
                        old,
                        chain,
                        position: o.position,
                    },
                    number: None,
                    addr: o.addr,
                    bytes: &o.bytes,
                    trusted,
                    has_entries: true,
                    wants_zero: false,
                    seat: Some(o.seat),
                    fault: fault_at(chain, o.position),
                })?;
            }
        }
        self.flush()?;
        for (i, bytes) in array.prealloc.iter().flat_map(Storage::records) {
            let chain = array.main.claimed.saturating_add(i);
            self.record(Record {
                place: Place::Bucket {
                    old,
                    chain,
                    position: 0,
                },
                number: Some(chain),
                addr: array.main.record_addr(chain).unwrap_or_default(),
                bytes,
                trusted,
                has_entries: false,
                wants_zero: true,
                seat: None,
                fault: None,
            })?;
        }
        self.flush()
    }

    fn groups(&mut self, dir: Option<u64>, groups: &Storage<'_>, trusted: bool) -> io::Result<()> {
        for (group, bytes) in groups.records() {
            self.record(Record {
                place: Place::Group { dir, group },
                number: Some(group),
                addr: groups.record_addr(group).unwrap_or_default(),
                bytes,
                trusted,
                has_entries: true,
                wants_zero: false,
                seat: None,
                fault: None,
            })?;
        }
        self.flush()
    }

    fn record(&mut self, r: Record<'_>) -> io::Result<()> {
        let (sight, entries) = if r.has_entries {
            self.look(&r)
        } else {
            (self.look_unused(&r), Vec::new())
        };
        let lone = !entries.is_empty() || sight.overflow != 0 || r.fault.is_some();
        let Some(number) = r.number.filter(|_| !lone && !self.has_live(&sight)) else {
            self.flush()?;
            return self.line(&r, &sight, 1, entries);
        };
        if let Some(alike) = &mut self.alike
            && alike.first.checked_add(alike.count) == Some(number)
            && alike.sight == sight
        {
            alike.count = alike.count.saturating_add(1);
            return Ok(());
        }
        self.flush()?;
        self.alike = Some(Alike {
            first: number,
            count: 1,
            place: r.place,
            addr: r.addr,
            sight,
        });
        Ok(())
    }

    fn has_live(&self, sight: &Sight) -> bool {
        sight.marks.iter().any(|m| self.eye.is_live(*m))
    }

    /// A bucket that is preallocated: rules only want to know whether it is zero.
    fn look_unused(&self, r: &Record<'_>) -> Sight {
        let off = self.image.slots.overflow_off;
        let off = off.and_then(|off| usize::try_from(off).ok());
        let body = off.and_then(|off| r.bytes.get(..off));
        if !r.trusted {
            return Sight::default();
        }
        Sight {
            overflow: self.eye.overflow(r.bytes),
            rest: body.is_some_and(|b| !all_zero(b)).then_some(8),
            ..Sight::default()
        }
    }

    /// What rules see of a bucket or group, and its entries.
    fn look(&mut self, r: &Record<'_>) -> (Sight, Vec<EntryOut<'static>>) {
        let mut sight = match r.trusted {
            true => self.eye.look(r.bytes),
            false => Sight {
                marks: self.eye.marks(r.bytes),
                ..Sight::default()
            },
        };
        if let Some(fault) = r.fault {
            sight.overflow = fault.to.0;
        }
        if r.trusted && r.wants_zero && sight.marks == [0; 8] {
            sight.rest = first_rest(r.bytes);
        }
        let mut entries = Vec::new();
        for (slot, mark) in (0u8..).zip(&mut sight.marks) {
            let hash = match self.eye.is_live(*mark) {
                true => self.entry(r, slot, *mark, &mut entries),
                false => None,
            };
            if !r.trusted {
                *mark = self.vague(*mark, hash);
            }
        }
        (sight, entries)
    }

    /// What stands for the mark in an array that may be none, whose bytes may be anything: as much as is counted
    /// there of a map's keys.
    fn vague(&self, mark: u8, hash: Option<u64>) -> u8 {
        let (free, live, other) = match self.eye.is_swiss {
            true => (ctrl::EMPTY, 0, 1),
            false => (tophash::EMPTY_REST, tophash::MIN, u8::MAX),
        };
        if !self.eye.is_live(mark) {
            return free;
        }
        match hash.map(|hash| self.image.mark_of(hash)) {
            Some(right) if right == mark => mark,
            Some(right) if right == live => other,
            _ => live,
        }
    }

    /// Adds the entry in a slot, if it can be read. Returns its hash.
    fn entry(
        &mut self,
        r: &Record<'_>,
        slot: u8,
        mark: u8,
        entries: &mut Vec<EntryOut<'static>>,
    ) -> Option<u64> {
        let slots = &self.image.slots;
        let i = u64::from(slot);
        let (key, elem) = (slots.key(r.bytes, i)?, slots.elem(r.bytes, i)?);
        let shown = (self.render)(&EntryRef {
            place: slot_of(r.place, slot),
            record_addr: r.addr,
            idx: slot,
            mark,
            key,
            elem,
        });
        let number = self.number;
        self.number = number.saturating_add(1);
        self.written = self.written.saturating_add(1);
        let hash = self.hashes.next().copied();
        let odd = self.odd.next_if(|(n, _)| *n == number);
        let odd = odd.and_then(|(_, why)| words::odd_text(*why));
        let hash = hash.filter(|_| odd.is_none());
        entries.push(EntryOut {
            slot,
            hash: hash.map(hex),
            odd: odd.map(Text::Owned),
            key: shown.key.map(Text::Owned),
            elem: shown.elem.map(Text::Owned),
            key_text: shown.key_text.map(Text::Owned),
            elem_text: shown.elem_text.map(Text::Owned),
            key_addresses: shown.key_addresses,
            elem_addresses: shown.elem_addresses,
        });
        hash
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(alike) = self.alike.take() else {
            return Ok(());
        };
        let r = Record {
            place: alike.place,
            number: None,
            addr: alike.addr,
            bytes: &[],
            trusted: true,
            has_entries: false,
            wants_zero: false,
            seat: None,
            fault: None,
        };
        self.line(&r, &alike.sight, alike.count, Vec::new())
    }

    fn line(
        &mut self,
        r: &Record<'_>,
        sight: &Sight,
        count: u64,
        entries: Vec<EntryOut<'_>>,
    ) -> io::Result<()> {
        let (schema, line) = Tag::of(kind::SLOTS);
        (self.out)(Line::Slots(SlotsLine {
            schema,
            line,
            map: Text::Borrowed(&self.map),
            part: Text::Owned(r.place.to_string()),
            addr: hex(r.addr.0),
            count: (count > 1).then_some(count),
            marks: Text::Owned(words::marks_text(sight.marks)),
            overflow: (sight.overflow != 0).then(|| hex(sight.overflow)),
            fault: r
                .fault
                .map(|f| Text::Owned(words::chain_fault_text(f.what))),
            seat: r.seat.map(|s| Text::Owned(words::seat_text(s))),
            rest: sight.rest,
            stale_keys: (sight.stale_keys != 0).then_some(sight.stale_keys),
            stale_elems: (sight.stale_elems != 0).then_some(sight.stale_elems),
            entries,
        }))
    }
}

/// A slot of a bucket or group.
fn slot_of(record: Place, slot: u8) -> Place {
    match record {
        Place::Bucket {
            old,
            chain,
            position,
        } => Place::Cell {
            old,
            chain,
            position,
            cell: slot,
        },
        Place::Group { dir, group } => Place::Slot { dir, group, slot },
        other => other,
    }
}
