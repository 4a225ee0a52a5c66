//! Keys for painted maps: hashes that lead every entry to where it stands.
//! In: a painted image. Out: the same with what a reader would have found out about its keys. What a hash says is
//! written out here, as Go's source has it; none of it is asked of the crate.

use super::sound::Image;
use super::swiss;
use super::swiss::Table;
use super::swiss::table;
use badmap::base::addr::Addr;
use badmap::hash::hasher::HasherFact;
use badmap::hash::run::KeyHash;
use badmap::maps::image::Body;
use badmap::maps::image::HashState;
use badmap::maps::image::KeyFacts;
use badmap::maps::image::Place;
use badmap::maps::image::Shape;
use badmap::maps::image::TypeFacts;

/// A hash that gives the entry `number` its mark and its place. Source: `runtime/map.go`, `tophash` and
/// `bucketMask`, up to go1.23: the top byte, and the low bits. `internal/runtime/maps/map.go`, `h1`, `h2` and
/// `directoryIndex`, from go1.24: the low 7 bits, the bits above them, and the top bits. What is left over differs
/// from entry to entry.
pub fn hash_at(image: &Image, place: Place, mark: u8, number: u64) -> u64 {
    let word_bits = u64::from(image.abi.ptr_size) * 8;
    let rest = number % 61;
    match (&image.body, place) {
        (Body::Classic(_), Place::Cell { chain, .. }) => {
            assert!(mark >= 5, "the mark of a live cell");
            u64::from(mark) << (word_bits - 8) | rest << 17 | chain
        }
        (Body::Swiss(s), Place::Slot { dir, group, .. }) => {
            assert!(mark < 0x80, "the mark of a full slot");
            let depth = match &s.shape {
                Shape::Tables(d) => u64::from(d.entries.len().ilog2()),
                _ => 0,
            };
            let low = rest << 14 | group << 7 | u64::from(mark);
            match dir {
                Some(first) if depth > 0 => first << (word_bits - depth) | low,
                _ => low,
            }
        }
        other => panic!("{other:?}"),
    }
}

/// The image with a proven hash for each of its keys.
pub fn hashed(mut image: Image) -> Image {
    let mut hashes = Vec::new();
    image.for_each_entry(|e| {
        hashes.push(hash_at(&image, e.place, e.mark, hashes.len() as u64));
    });
    let classic = matches!(image.body, Body::Classic(_));
    image.keys = KeyFacts {
        state: HashState::Proven,
        hashes,
        descriptor: TypeFacts {
            addr: Some(Addr(0x4a_0000)),
            wrong: Vec::new(),
            hasher: HasherFact::Fits("runtime.memhash64".into()),
            reflexive: classic.then_some(true),
        }
        .into(),
        ..KeyFacts::default()
    };
    image
}

/// The places of all live entries, in the order of their hashes.
pub fn places(image: &Image) -> Vec<Place> {
    let mut out = Vec::new();
    image.for_each_entry(|e| out.push(e.place));
    out
}

/// Which entry stands at this place.
pub fn number_at(image: &Image, place: Place) -> usize {
    let found = places(image).iter().position(|p| *p == place);
    found.unwrap_or_else(|| panic!("no entry at {place}"))
}

/// Another hash for the entry at this place.
pub fn rehash(image: &mut Image, place: Place, change: impl Fn(u64) -> u64) {
    let n = number_at(image, place);
    image.keys.hashes[n] = change(image.keys.hashes[n]);
}

/// Another hash for every entry.
pub fn rehash_all(image: &mut Image, change: impl Fn(u64) -> u64) {
    for hash in &mut image.keys.hashes {
        *hash = change(*hash);
    }
}

/// The entry at this place has no hash, and this is why.
pub fn unhash(image: &mut Image, place: Place, why: KeyHash) {
    let n = number_at(image, place) as u64;
    image.keys.odd.push((n, why));
    image.keys.odd.sort_by_key(|(n, _)| *n);
}

/// A cell of the current array.
pub fn cell(chain: u64, position: u32, cell: u8) -> Place {
    let old = false;
    Place::Cell {
        old,
        chain,
        position,
        cell,
    }
}

/// A cell of the old array.
pub fn old_cell(chain: u64, position: u32, cell: u8) -> Place {
    let old = true;
    Place::Cell {
        old,
        chain,
        position,
        cell,
    }
}

/// A slot of the table that begins at this index of the directory.
pub fn slot(first: u64, group: u64, slot: u8) -> Place {
    let dir = Some(first);
    Place::Slot { dir, group, slot }
}

/// A slot of a small map.
pub fn small_slot(slot: u8) -> Place {
    let dir = None;
    Place::Slot {
        dir,
        group: 0,
        slot,
    }
}

/// A table of four groups: the first is full but for one deleted slot, and an entry of the second begins its way in
/// the first.
pub fn behind_a_tombstone() -> Image {
    let mut marks = vec![0x80u8; 32];
    marks[..8].fill(0x21);
    marks[5] = 0xfe;
    marks[8] = 0x22;
    let local_depth = 0;
    let tables = [Table { local_depth, marks }];
    let mut m = hashed(swiss::map(&super::swiss_ints(), 0, &tables));
    rehash(&mut m, slot(0, 1, 0), |h| h & !(3 << 7));
    m
}

/// One group in which eight keys have H2 0, and one beside it as usual.
pub fn zeros() -> Image {
    let marks = [[0; 8], [0x80; 8]].concat();
    let mut t = table(0, 16, 0);
    t.marks = marks;
    t.marks[8..12].fill(0x33);
    hashed(swiss::map(&super::swiss_ints(), 0, &[t]))
}
