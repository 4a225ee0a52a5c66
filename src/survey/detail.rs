//! What of a map is worth keeping beyond its row: the header as it was, how its slots are used.
//! In: an image. Out: plain data; no byte of a key or elem is in it. Over 400 lines: one file for all
//! that is kept.

use crate::base::addr::Addr;
use crate::check::trust::header_is_misplaced;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hmap;
use crate::maps::image::MapImage;
use crate::maps::image::OverflowList;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;
use crate::maps::image::tophash;
use crate::maps::syncmap::SyncMapImage;
use crate::survey::redact::Redactor;
use crate::types::graph::TypeId;

/// Lengths of chains that are counted apart; longer ones are counted with the last.
const CHAIN_LENGTHS: usize = 64;
/// Tables of one map that are kept; the others are only counted.
pub const MAX_TABLES: usize = 4096;

/// What is kept of a map.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct MapDetail {
    /// Its header.
    pub header: Header,
    /// No header can lie there: what was read as one, and what that leads to, says nothing.
    pub misplaced: bool,
    /// Its slots by their marks, those of `oldbuckets` included.
    pub marks: Marks,
    /// Classic maps: how many chains of `buckets` have 1, 2, … buckets; the last counts longer ones too.
    pub chains: Vec<u64>,
    /// The same of `oldbuckets`.
    pub old_chains: Vec<u64>,
    /// Swiss maps: the tables in the order of the directory, the first ones.
    pub tables: Vec<TableDetail>,
    /// Tables in all.
    pub tables_total: u64,
    /// What stands for its entries; `None` where not all of them could be read, and where nobody wanted one.
    pub digest: Option<ContentDigest>,
}

/// A map's header as the process had it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Header {
    /// Of a classic map; few have what is in the box.
    Classic(Hmap, Option<Box<ExtraFields>>),
    /// Of a Swiss map.
    Swiss(SwissMap),
    /// It has none (`sync.Map`), or it could not be read.
    #[default]
    None,
}

/// `mapextra`. Source: `runtime/map.go`, up to go1.23.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ExtraFields {
    /// `overflow`: address of the slice and its len.
    pub overflow: Option<(Addr, u64)>,
    /// `oldoverflow`, likewise.
    pub oldoverflow: Option<(Addr, u64)>,
    /// `nextOverflow`.
    pub next_overflow: Addr,
}

/// Slots by what their tophash or control byte says.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Marks {
    /// Hold an entry.
    pub live: u64,
    /// Hold none: `emptyRest`, or an empty control byte.
    pub empty: u64,
    /// Had one: `emptyOne`, or a tombstone.
    pub deleted: u64,
    /// Moved to the new array; classic maps only.
    pub evacuated: u64,
    /// Mean nothing.
    pub illegal: u64,
}

/// One table of a Swiss map. Source: `internal/runtime/maps/table.go`, `table`, from go1.24.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TableDetail {
    /// First directory index that leads to it.
    pub first: u64,
    /// Its address.
    pub addr: Addr,
    /// Its fields; zero where they could not be read.
    pub used: u16,
    /// Slots.
    pub capacity: u16,
    /// Empty slots that may still be filled.
    pub growth_left: u16,
    /// How many top bits of the hash its keys share.
    pub local_depth: u8,
    /// Deleted slots, counted.
    pub tombstones: u64,
}

/// What stands for the entries of a map, in whatever order they lie: sums over all of them of keyed
/// digests, modulo 2^128. Comparable between digests of one key only.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ContentDigest {
    /// Of the keys.
    pub keys: u128,
    /// Of the entries: each key together with its elem.
    pub entries: u128,
    /// A key is made of addresses: of pointers, channels.
    pub key_addresses: bool,
    /// An elem is: of pointers, slices, maps, channels, functions.
    pub elem_addresses: bool,
}

/// Makes digests of values, and remembers some of the last: maps that are alike have keys in common. For digests of
/// one key only.
#[derive(Default)]
pub struct Digester {
    /// Room to work in.
    room: Vec<u8>,
    known: Vec<Known>,
}

/// A value, and its digest.
#[derive(Clone, Copy)]
struct Known {
    /// Its canonical form, and how long that is: 0 of none.
    canon: [u8; SHORT],
    len: u8,
    half: u128,
}

impl Known {
    const NONE: Known = Known {
        canon: [0; SHORT],
        len: 0,
        half: 0,
    };
}

/// Bytes of a value that is remembered.
const SHORT: usize = 24;
/// Values that are: a power of two.
const KNOWN: usize = 1 << 12;

impl Digester {
    /// The first half of the digest of a key or elem, and whether it is made of addresses.
    fn half(
        &mut self,
        redactor: &Redactor<'_, '_, '_>,
        ty: TypeId,
        stored: &[u8],
        indirect: bool,
    ) -> Option<(u128, bool)> {
        let addresses = redactor
            .canon_of(ty, stored, indirect, &mut self.room)
            .ok()?;
        Some((self.half_of(redactor, addresses), addresses))
    }

    /// The same of what lies in the room. Addresses come once, and are not remembered.
    fn half_of(&mut self, redactor: &Redactor<'_, '_, '_>, addresses: bool) -> u128 {
        let digest = |canon: &[u8]| {
            let bytes = redactor.digest_of_canon(canon);
            u128::from_le_bytes(bytes.first_chunk::<16>().copied().unwrap_or_default())
        };
        let canon = self.room.as_slice();
        if addresses || canon.is_empty() || canon.len() > SHORT {
            return digest(canon);
        }
        self.known.resize(KNOWN, Known::NONE);
        let mut padded = [0u8; SHORT];
        for (to, from) in padded.iter_mut().zip(canon) {
            *to = *from;
        }
        let len = u8::try_from(canon.len()).unwrap_or(0);
        let at = place(&padded, len);
        let Some(known) = self.known.get_mut(at) else {
            return digest(canon);
        };
        if known.len != len || known.canon != padded {
            *known = Known {
                canon: padded,
                len,
                half: digest(canon),
            };
        }
        known.half
    }
}

/// Where a value is remembered.
fn place(canon: &[u8; SHORT], len: u8) -> usize {
    let mut sum = u64::from(len);
    for word in canon.as_chunks::<8>().0 {
        sum = (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^= sum >> 32;
    }
    usize::try_from(sum).unwrap_or(0) & KNOWN.saturating_sub(1)
}

impl ContentDigest {
    /// What stands for the entries of a map; `None` where not all of it could be read. A pointer counts as the
    /// address it holds, so that digests of two processes agree on elems that are none.
    pub fn of(
        image: &MapImage<'_>,
        redactor: &Redactor<'_, '_, '_>,
        digester: &mut Digester,
    ) -> Option<ContentDigest> {
        if !image.gaps.is_empty() || matches!(image.body, Body::Unreadable) {
            return None;
        }
        let slots = &image.slots;
        let mut sum = Some(ContentDigest::default());
        image.for_each_entry(|e| {
            let Some(so_far) = sum else { return };
            let key = digester.half(redactor, slots.key, e.key, slots.indirect_key);
            let elem = digester.half(redactor, slots.elem, e.elem, slots.indirect_elem);
            sum = key.zip(elem).map(|(key, elem)| so_far.with(key, elem));
        });
        sum
    }

    /// The same of a `sync.Map`.
    pub fn of_sync(
        image: &SyncMapImage,
        redactor: &Redactor<'_, '_, '_>,
        digester: &mut Digester,
    ) -> Option<ContentDigest> {
        if !image.gaps.is_empty() {
            return None;
        }
        let mut sum = ContentDigest::default();
        let mut half = |at: Addr| {
            let (ty, stored) = redactor.any_at(at)?;
            digester.half(redactor, ty, &stored, false)
        };
        for (key, elem) in &image.entries {
            sum = sum.with(half(*key)?, half(*elem)?);
        }
        Some(sum)
    }

    /// With one entry more. A key and its elem are multiplied, so that elems that change places are noticed.
    fn with(self, (k, key): (u128, bool), (e, elem): (u128, bool)) -> ContentDigest {
        ContentDigest {
            keys: self.keys.wrapping_add(k),
            entries: self.entries.wrapping_add(k.wrapping_mul(e | 1)),
            key_addresses: self.key_addresses || key,
            elem_addresses: self.elem_addresses || elem,
        }
    }
}

impl MapDetail {
    /// Of a map; the digest is for others to add.
    pub fn of(image: &MapImage<'_>) -> MapDetail {
        let mut out = MapDetail {
            misplaced: header_is_misplaced(image),
            ..MapDetail::default()
        };
        match &image.body {
            Body::Classic(c) => out.classic(c),
            Body::Swiss(s) => out.swiss(image, s),
            Body::Unreadable => {}
        }
        out
    }

    fn classic(&mut self, c: &ClassicImage<'_>) {
        let list = |l: &Option<OverflowList>| l.as_ref().map(|l| (l.addr, l.claimed));
        let extra = c.extra.as_ref().map(|e| {
            Box::new(ExtraFields {
                overflow: list(&e.overflow),
                oldoverflow: list(&e.oldoverflow),
                next_overflow: e.next_overflow,
            })
        });
        self.header = Header::Classic(c.hmap, extra);
        for (array, chains) in [(&c.new, &mut self.chains), (&c.old, &mut self.old_chains)] {
            if let Some(array) = array {
                buckets(array, chains, &mut self.marks);
            }
        }
    }

    fn swiss(&mut self, image: &MapImage<'_>, s: &SwissImage<'_>) {
        self.header = Header::Swiss(s.map);
        let groups = |groups: &Storage<'_>| {
            let mut marks = Marks::default();
            for (_, bytes) in groups.records() {
                for c in group_ctrls(image.abi, bytes) {
                    marks.add_ctrl(c);
                }
            }
            marks
        };
        match &s.shape {
            Shape::Small(group) => self.marks = groups(group),
            Shape::Tables(dir) => {
                self.tables_total = dir.tables.len() as u64;
                for t in &dir.tables {
                    let marks = t.groups.as_ref().map(groups).unwrap_or_default();
                    self.marks.add(&marks);
                    if self.tables.len() < MAX_TABLES {
                        let h = t.header.unwrap_or_default();
                        self.tables.push(TableDetail {
                            first: t.first,
                            addr: t.addr,
                            used: h.used,
                            capacity: h.capacity,
                            growth_left: h.growth_left,
                            local_depth: h.local_depth,
                            tombstones: marks.deleted,
                        });
                    }
                }
            }
            Shape::Empty | Shape::Nonsense => {}
        }
    }
}

fn buckets(array: &BucketArray<'_>, chains: &mut Vec<u64>, marks: &mut Marks) {
    let mut long = None; // the chain at hand and its buckets so far
    let mut count = |chain: Option<(u64, usize)>| {
        if let Some((_, len)) = chain {
            let at = len.clamp(1, CHAIN_LENGTHS).saturating_sub(1);
            if chains.len() <= at {
                chains.resize(at.saturating_add(1), 0);
            }
            if let Some(n) = chains.get_mut(at) {
                *n = n.saturating_add(1);
            }
        }
    };
    for b in array.buckets() {
        long = match long {
            Some((chain, len)) if chain == b.chain => Some((chain, usize::saturating_add(len, 1))),
            done => {
                count(done);
                Some((b.chain, 1))
            }
        };
        for t in b.tophash() {
            marks.add_tophash(t);
        }
    }
    count(long);
}

impl Marks {
    /// Slots of all kinds.
    pub fn total(&self) -> u64 {
        [
            self.live,
            self.empty,
            self.deleted,
            self.evacuated,
            self.illegal,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    fn add(&mut self, other: &Marks) {
        for (sum, n) in [
            (&mut self.live, other.live),
            (&mut self.empty, other.empty),
            (&mut self.deleted, other.deleted),
            (&mut self.evacuated, other.evacuated),
            (&mut self.illegal, other.illegal),
        ] {
            *sum = sum.saturating_add(n);
        }
    }

    fn add_ctrl(&mut self, c: u8) {
        let kind = match c {
            c if ctrl::is_full(c) => &mut self.live,
            ctrl::EMPTY => &mut self.empty,
            ctrl::DELETED => &mut self.deleted,
            _ => &mut self.illegal,
        };
        *kind = kind.saturating_add(1);
    }

    fn add_tophash(&mut self, t: u8) {
        let kind = match t {
            t if tophash::is_live(t) => &mut self.live,
            t if tophash::is_evacuated(t) => &mut self.evacuated,
            tophash::EMPTY_ONE => &mut self.deleted,
            _ => &mut self.empty,
        };
        *kind = kind.saturating_add(1);
    }
}
