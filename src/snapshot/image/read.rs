//! An image is made again, line by line. Nothing in the lines is trusted.
//! In: an `image` line, then `facts` and `slots` lines of the same map. Out: an image for the rules, or why there is none.
//! Over 400 lines because what is held against what was said before is all here.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::base::limits::MAX_PAINTED;
use crate::hash::run::KeyHash;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ChainFault;
use crate::maps::image::Directory;
use crate::maps::image::Gaps;
use crate::maps::image::Hands;
use crate::maps::image::KeyFacts;
use crate::maps::image::MapImage;
use crate::maps::image::OverflowBucket;
use crate::maps::image::Place;
use crate::maps::image::Run;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::Storage;
use crate::maps::image::SwissImage;
use crate::maps::image::TypeFacts;
use crate::schema::number;
use crate::schema::places::place;
use crate::schema::words::known;
use crate::snapshot::image::ArrayOut;
use crate::snapshot::image::DescriptorOut;
use crate::snapshot::image::FORMAT;
use crate::snapshot::image::FactsLine;
use crate::snapshot::image::ImageError;
use crate::snapshot::image::ImageLine;
use crate::snapshot::image::LayoutOut;
use crate::snapshot::image::facts::charge;
use crate::snapshot::image::facts::home;
use crate::snapshot::image::facts::read_facts;
use crate::snapshot::image::facts::storage;
use crate::snapshot::image::header::addr;
use crate::snapshot::image::header::read_classic;
use crate::snapshot::image::header::read_swiss;
use crate::snapshot::image::paint::Eye;
use crate::snapshot::image::paint::Sight;
use crate::snapshot::image::words;
use crate::snapshot::line::SlotsLine;
use crate::types::graph::TypeId;
use std::borrow::Cow;
use std::sync::Arc;

/// A type of which a snapshot has nothing but the name.
const NO_TYPE: TypeId = TypeId(u32::MAX);

/// Makes an image of its lines. After an error it is of no use any more.
#[derive(Debug)]
pub struct ImageBuilder {
    image: MapImage<'static>,
    /// Every entry comes with a hash, or a reason for none.
    hashed: bool,
    /// Bytes that may still be painted.
    left: u64,
    /// What that was when somebody last said how much it may be, and what had been painted by then.
    allowed: u64,
    /// See `allowed`.
    before: u64,
    /// The table whose groups come now.
    table: usize,
    /// A bucket of `buckets` has come: `oldbuckets` is over.
    past_old: bool,
    /// A bucket or group has come: the lists are over.
    past_facts: bool,
}

impl ImageBuilder {
    /// Begins with the `image` line.
    /// # Errors
    /// If it makes no sense.
    pub fn new(line: &ImageLine<'_>) -> Result<ImageBuilder, ImageError> {
        if line.format != FORMAT {
            return Err(ImageError::Form(line.format));
        }
        let state = words::hash_state(&line.hashes);
        let global = |text: &Cow<'_, str>| words::global(text);
        let slots = layout(&line.layout);
        if slots.size < 8 {
            return Err(ImageError::Lie("the size of a bucket or group"));
        }
        let image = MapImage {
            addr: addr(&line.map, "the map's address")?,
            abi: abi(line)?,
            home: home(&line.home)?,
            header_size: line.header_size,
            body: body(line, slots.size)?,
            slots: Arc::new(slots),
            bad_refs: Vec::new(),
            bad_refs_total: line.refs_total,
            shared: Vec::new(),
            keys: KeyFacts {
                state: state.ok_or(ImageError::Text("the state of hashes"))?,
                duplicates_total: line.duplicates_total,
                wrong_half_total: line.halves_total,
                descriptor: descriptor(&line.descriptor)?.into(),
                global: match &line.global {
                    Some(text) => Some(global(text).ok_or(ImageError::Text("the hash keys"))?),
                    None => None,
                },
                ..KeyFacts::default()
            },
            hands: Hands {
                complete: line.hands_complete,
                cloning: line.cloning,
                ..Hands::default()
            },
            heap_types: Vec::new(),
            misplaced: Vec::new(),
            gaps: Gaps {
                list: Vec::new(),
                total: line.gaps_total,
            },
        };
        Ok(ImageBuilder {
            image,
            hashed: line.hashed,
            left: MAX_PAINTED,
            allowed: MAX_PAINTED,
            before: 0,
            table: 0,
            past_old: false,
            past_facts: false,
        })
    }

    /// The map's header.
    pub fn map(&self) -> Addr {
        self.image.addr
    }

    /// From here on it may take so many bytes more, if that is less than any map may.
    pub fn allow(&mut self, bytes: u64) {
        self.before = self.painted();
        self.left = bytes.min(MAX_PAINTED.saturating_sub(self.before));
        self.allowed = self.left;
    }

    /// Bytes it takes so far.
    pub fn painted(&self) -> u64 {
        let since = self.allowed.saturating_sub(self.left);
        self.before.saturating_add(since)
    }

    /// Adds lists.
    /// # Errors
    /// If they make no sense.
    pub fn facts(&mut self, line: &FactsLine<'_>) -> Result<(), ImageError> {
        if self.past_facts {
            return Err(ImageError::Order("a line of lists"));
        }
        self.belongs(&line.map)?;
        read_facts(&mut self.image, line, &mut self.left)
    }

    /// Adds buckets or groups.
    /// # Errors
    /// If they make no sense, or are too many.
    pub fn slots(&mut self, line: &SlotsLine<'_>) -> Result<(), ImageError> {
        self.belongs(&line.map)?;
        self.past_facts = true;
        let part = place(&line.part).ok_or(ImageError::Text("a bucket or group"))?;
        let sight = sight(line)?;
        let slots = self.image.slots.clone();
        let eye = Eye {
            abi: self.image.abi,
            slots: &slots,
            is_swiss: matches!(self.image.body, Body::Swiss(_)),
        };
        let count = line.count.unwrap_or(1);
        let live = sight.marks.map(|m| eye.is_live(m));
        let lone = live.contains(&true) || sight.overflow != 0;
        if count == 0 || (count > 1 && lone) {
            return Err(ImageError::Lie("a number of buckets or groups"));
        }
        let bytes = count.checked_mul(slots.size.max(1));
        charge(&mut self.left, bytes)?;
        let stride = usize::try_from(slots.size).map_err(|_| ImageError::TooLarge)?;
        let mut record = vec![0u8; stride];
        eye.paint(&mut record, &sight);
        let has_entries = self.put(part, line, record, count, &sight)?;
        if has_entries && self.hashed {
            self.hashes(line, live)?;
        }
        Ok(())
    }

    /// The image.
    pub fn finish(self) -> MapImage<'static> {
        self.image
    }

    fn belongs(&self, map: &str) -> Result<(), ImageError> {
        match number(map) == Some(self.image.addr.0) {
            true => Ok(()),
            false => Err(ImageError::Order("a line of another map")),
        }
    }

    /// Puts buckets or groups where they belong. Returns whether entries can be in them.
    fn put(
        &mut self,
        part: Place,
        line: &SlotsLine<'_>,
        record: Vec<u8>,
        count: u64,
        sight: &Sight,
    ) -> Result<bool, ImageError> {
        match (&mut self.image.body, part) {
            (
                Body::Classic(c),
                Place::Bucket {
                    old,
                    chain,
                    position,
                },
            ) => {
                if old && self.past_old {
                    return Err(ImageError::Order("a bucket of oldbuckets"));
                }
                self.past_old |= !old;
                let array = if old { &mut c.old } else { &mut c.new };
                let array = array.as_mut().ok_or(ImageError::Order("a bucket"))?;
                let is_unused = position == 0 && chain >= array.main.claimed;
                if is_unused {
                    let prealloc = array.prealloc.as_mut();
                    let prealloc = prealloc.ok_or(ImageError::Order("an unused bucket"))?;
                    let first = chain.saturating_sub(array.main.claimed);
                    push(prealloc, first, count, record)?;
                } else if position == 0 {
                    push(&mut array.main, chain, count, record)?;
                } else {
                    push_overflow(array, (chain, position), line, count, record)?;
                }
                if let Some(what) = &line.fault {
                    let what = words::chain_fault(what);
                    array.chain_faults.push(ChainFault {
                        chain,
                        position,
                        from: addr(&line.addr, "the address of a bucket")?,
                        to: Addr(sight.overflow),
                        what: what.ok_or(ImageError::Text("a fault of a chain"))?,
                    });
                }
                Ok(!is_unused)
            }
            (Body::Swiss(s), Place::Group { dir, group }) => {
                let groups = match (&mut s.shape, dir) {
                    (Shape::Small(small), None) => Some(small),
                    (Shape::Tables(d), Some(first)) => {
                        // Tables come in their order, so none before this one is looked at again.
                        let mut rest = d.tables.iter_mut().skip(self.table);
                        let at = rest.position(|t| t.first == first);
                        let at = at.ok_or(ImageError::Order("a group"))?;
                        self.table = self.table.saturating_add(at);
                        let table = d.tables.get_mut(self.table);
                        table.and_then(|t| t.groups.as_mut())
                    }
                    _ => None,
                };
                let groups = groups.ok_or(ImageError::Order("a group"))?;
                push(groups, group, count, record)?;
                Ok(true)
            }
            _ => Err(ImageError::Order("a line of slots")),
        }
    }

    /// Takes the hashes of the slots in use, in order.
    fn hashes(&mut self, line: &SlotsLine<'_>, live: [bool; 8]) -> Result<(), ImageError> {
        let mut entries = line.entries.iter();
        for (slot, _) in (0u8..).zip(live).filter(|(_, live)| *live) {
            let entry = entries.next().filter(|e| e.slot == slot);
            let entry = entry.ok_or(ImageError::Missing("an entry"))?;
            let keys = &mut self.image.keys;
            let hash = match (&entry.hash, &entry.odd) {
                (Some(hash), None) => number(hash).ok_or(ImageError::Text("a hash"))?,
                (None, Some(why)) => {
                    let why: Option<KeyHash> = words::odd(why);
                    let why = why.ok_or(ImageError::Text("why there is no hash"))?;
                    keys.odd.push((keys.hashes.len() as u64, why));
                    0
                }
                _ => return Err(ImageError::Missing("a hash")),
            };
            keys.hashes.push(hash);
        }
        Ok(())
    }
}

/// Adds so many records alike behind those there are.
fn push(
    storage: &mut Storage<'static>,
    first: u64,
    count: u64,
    record: Vec<u8>,
) -> Result<(), ImageError> {
    let end = first.checked_add(count).filter(|end| *end <= storage.count);
    if end.is_none() {
        return Err(ImageError::Lie("the number of a bucket or group"));
    }
    let stride = storage.stride.max(1);
    let last = storage.runs.last_mut();
    let next = last.as_ref().map_or(0, |run| {
        let records = (run.bytes.len() as u64).checked_div(stride);
        run.first.saturating_add(records.unwrap_or(0))
    });
    if first < next {
        return Err(ImageError::Order("a bucket or group"));
    }
    let bytes = match last {
        Some(run) if first == next => run.bytes.to_mut(),
        _ => {
            storage.runs.push(Run {
                first,
                bytes: Cow::Owned(Vec::new()),
            });
            match storage.runs.last_mut() {
                Some(run) => run.bytes.to_mut(),
                None => return Ok(()),
            }
        }
    };
    for _ in 0..count {
        bytes.extend_from_slice(&record);
    }
    Ok(())
}

/// Adds an overflow bucket, which stands right behind the bucket that leads to it.
fn push_overflow(
    array: &mut BucketArray<'static>,
    (chain, position): (u64, u32),
    line: &SlotsLine<'_>,
    count: u64,
    record: Vec<u8>,
) -> Result<(), ImageError> {
    let before = array.overflow.last().filter(|o| o.chain == chain);
    let before = before.map_or(0, |o| o.position);
    let main = array.main.runs.last().and_then(|run| {
        let records = (run.bytes.len() as u64).checked_div(array.main.stride.max(1));
        run.first.checked_add(records?)?.checked_sub(1)
    });
    if count != 1 || main != Some(chain) || before.checked_add(1) != Some(position) {
        return Err(ImageError::Order("an overflow bucket"));
    }
    let seat = line.seat.as_ref();
    let seat = seat.ok_or(ImageError::Missing("where an overflow bucket lies"))?;
    array.overflow.push(OverflowBucket {
        chain,
        position,
        addr: addr(&line.addr, "the address of a bucket")?,
        bytes: Cow::Owned(record),
        seat: words::seat(seat).ok_or(ImageError::Text("where an overflow bucket lies"))?,
    });
    Ok(())
}

fn sight(line: &SlotsLine<'_>) -> Result<Sight, ImageError> {
    let overflow = line.overflow.as_ref().map(|text| number(text));
    Ok(Sight {
        marks: words::marks(&line.marks).ok_or(ImageError::Text("marks"))?,
        overflow: match overflow {
            Some(pointer) => pointer.ok_or(ImageError::Text("an overflow pointer"))?,
            None => 0,
        },
        stale_keys: line.stale_keys.unwrap_or(0),
        stale_elems: line.stale_elems.unwrap_or(0),
        rest: line.rest,
    })
}

fn abi(line: &ImageLine<'_>) -> Result<Abi, ImageError> {
    if !matches!(line.ptr_size, 4 | 8) {
        return Err(ImageError::Lie("the size of pointers"));
    }
    Ok(Abi {
        endian: if line.big_endian {
            Endian::Big
        } else {
            Endian::Little
        },
        ptr_size: line.ptr_size,
    })
}

fn layout(l: &LayoutOut) -> SlotLayout {
    SlotLayout {
        map_type: NO_TYPE,
        key: NO_TYPE,
        elem: NO_TYPE,
        key_size: l.key_size,
        elem_size: l.elem_size,
        indirect_key: l.indirect_key,
        indirect_elem: l.indirect_elem,
        size: l.size,
        keys_off: l.keys_off,
        key_stride: l.key_stride,
        elems_off: l.elems_off,
        elem_stride: l.elem_stride,
        overflow_off: l.overflow_off,
        has_pointers: l.has_pointers,
        key_ptr_words: l.key_ptr_words.clone(),
    }
}

fn descriptor(d: &DescriptorOut<'_>) -> Result<TypeFacts, ImageError> {
    let at = d.addr.as_ref().map(|a| addr(a, "the type's address"));
    let wrong = d.wrong.iter();
    Ok(TypeFacts {
        addr: at.transpose()?,
        wrong: wrong.map(|(f, c, n)| (known(f), *c, *n)).collect(),
        hasher: words::hasher(&d.hasher).ok_or(ImageError::Text("the hash function"))?,
        reflexive: d.reflexive,
    })
}

fn body(line: &ImageLine<'_>, size: u64) -> Result<Body<'static>, ImageError> {
    let header = line.header.as_ref();
    let header = || header.ok_or(ImageError::Missing("the header"));
    let array = |a: &Option<ArrayOut<'_>>| -> Result<Option<BucketArray<'static>>, ImageError> {
        let Some(a) = a else { return Ok(None) };
        let prealloc = a.prealloc.as_ref().map(|p| storage(p, size));
        Ok(Some(BucketArray {
            main: storage(&a.main, size)?,
            room: a.room,
            prealloc: prealloc.transpose()?,
            overflow: Vec::new(),
            chain_faults: Vec::new(),
        }))
    };
    Ok(match &*line.body {
        "classic" => {
            let mut c = read_classic(header()?)?;
            c.new = array(&line.buckets)?;
            c.old = array(&line.oldbuckets)?;
            Body::Classic(c)
        }
        "swiss" => Body::Swiss(SwissImage {
            map: read_swiss(header()?)?,
            shape: shape(line, size)?,
        }),
        "unreadable" => Body::Unreadable,
        _ => return Err(ImageError::Text("the kind of map")),
    })
}

fn shape(line: &ImageLine<'_>, size: u64) -> Result<Shape<'static>, ImageError> {
    Ok(match line.shape.as_deref().unwrap_or_default() {
        "empty" => Shape::Empty,
        "small" => {
            let group = line.group.as_ref();
            Shape::Small(storage(
                group.ok_or(ImageError::Missing("the group"))?,
                size,
            )?)
        }
        "tables" => {
            let dir = line.directory.as_ref();
            let (where_, claimed) = dir.ok_or(ImageError::Missing("the directory"))?;
            Shape::Tables(Directory {
                home: home(where_)?,
                claimed: *claimed,
                entries: Vec::new(),
                tables: Vec::new(),
            })
        }
        "nonsense" => Shape::Nonsense,
        _ => return Err(ImageError::Text("the shape of a map")),
    })
}
