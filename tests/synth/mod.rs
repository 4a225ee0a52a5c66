//! Painted maps: images of sound classic and Swiss maps, built from literals.
//! In: a layout and a few words on what the map holds. Out: a `MapImage` that every rule accepts.
//! All offsets and byte values are written out here; none is taken from the crate.

#![allow(dead_code, reason = "each test crate uses its own part")]

pub mod again;
pub mod classic;
pub mod hashed;
pub mod sound;
pub mod swiss;

use badmap::base::addr::Addr;
use badmap::base::bytes::Abi;
use badmap::base::bytes::Endian;
use badmap::base::fault::Fault;
use badmap::base::fault::Why;
use badmap::maps::image::Body;
use badmap::maps::image::Gap;
use badmap::maps::image::Hand;
use badmap::maps::image::Hands;
use badmap::maps::image::Home;
use badmap::maps::image::MapImage;
use badmap::maps::image::SlotLayout;
use badmap::types::graph::TypeId;
use std::sync::Arc;

/// Where the header of every painted map lies.
pub const HEADER: u64 = 0x4001_0000;

/// Byte order and word size of linux/amd64.
pub const AMD64: Abi = Abi {
    endian: Endian::Little,
    ptr_size: 8,
};
/// Those of linux/s390x.
pub const S390X: Abi = Abi {
    endian: Endian::Big,
    ptr_size: 8,
};
/// Those of linux/mips.
pub const MIPS: Abi = Abi {
    endian: Endian::Big,
    ptr_size: 4,
};

/// The layout of one map type in one process.
#[derive(Clone, Debug)]
pub struct Layout {
    pub abi: Abi,
    pub slots: SlotLayout,
}

#[allow(clippy::too_many_arguments, reason = "a row of numbers from one place")]
fn layout(
    abi: Abi,
    sizes: [u64; 3],
    keys: [u64; 2],
    elems: [u64; 2],
    overflow_off: Option<u64>,
    indirect_key: bool,
    has_pointers: bool,
    key_ptr_words: &[u64],
) -> Layout {
    Layout {
        abi,
        slots: SlotLayout {
            map_type: TypeId(1),
            key: TypeId(2),
            elem: TypeId(3),
            key_size: sizes[0],
            elem_size: sizes[1],
            indirect_key,
            indirect_elem: false,
            size: sizes[2],
            keys_off: keys[0],
            key_stride: keys[1],
            elems_off: elems[0],
            elem_stride: elems[1],
            overflow_off,
            has_pointers,
            key_ptr_words: key_ptr_words.to_vec(),
        },
    }
}

/// Classic `map[uint64]int` on amd64: buckets of 144 bytes.
pub fn ints() -> Layout {
    layout(
        AMD64,
        [8, 8, 144],
        [8, 8],
        [72, 8],
        Some(136),
        false,
        false,
        &[],
    )
}

/// Classic `map[string]int` on amd64: buckets of 208 bytes.
pub fn strings() -> Layout {
    layout(
        AMD64,
        [16, 8, 208],
        [8, 16],
        [136, 8],
        Some(200),
        false,
        true,
        &[0],
    )
}

/// Classic `map[uint32]uint32` on mips: buckets of 76 bytes.
pub fn ints_mips() -> Layout {
    layout(
        MIPS,
        [4, 4, 76],
        [8, 4],
        [40, 4],
        Some(72),
        false,
        false,
        &[],
    )
}

/// Classic `map[[200]byte]int` on amd64: the cells hold pointers to the keys.
pub fn big_keys() -> Layout {
    layout(
        AMD64,
        [8, 8, 144],
        [8, 8],
        [72, 8],
        Some(136),
        true,
        true,
        &[0],
    )
}

/// Swiss `map[int64]int64` on amd64: groups of 136 bytes, slots of 16.
pub fn swiss_ints() -> Layout {
    layout(
        AMD64,
        [8, 8, 136],
        [8, 16],
        [16, 16],
        None,
        false,
        false,
        &[],
    )
}

/// Swiss `map[string]int` on amd64: groups of 200 bytes, slots of 24.
pub fn swiss_strings() -> Layout {
    layout(
        AMD64,
        [16, 8, 200],
        [8, 24],
        [24, 24],
        None,
        false,
        true,
        &[0],
    )
}

/// Swiss `map[string]int` on s390x.
pub fn swiss_s390x() -> Layout {
    layout(
        S390X,
        [16, 8, 200],
        [8, 24],
        [24, 24],
        None,
        false,
        true,
        &[0],
    )
}

/// Swiss `map[uint32]uint32` on mips: groups of 72 bytes, slots of 8.
pub fn swiss_mips() -> Layout {
    layout(MIPS, [4, 4, 72], [8, 8], [12, 8], None, false, false, &[])
}

/// Swiss `map[int64]int64` with keys and elems in two rows (go1.27, mapsplitgroup).
pub fn swiss_split() -> Layout {
    layout(AMD64, [8, 8, 136], [8, 8], [72, 8], None, false, false, &[])
}

/// A live object of `size` bytes at `start`.
pub fn object(start: u64, size: u64) -> Home {
    Home::Object {
        start: Addr(start),
        size,
        allocated: true,
    }
}

/// An image around a body, with its header in an object of 48 bytes.
pub fn image_of(layout: &Layout, body: Body<'static>) -> MapImage<'static> {
    MapImage {
        addr: Addr(HEADER),
        abi: layout.abi,
        slots: Arc::new(layout.slots.clone()),
        home: object(HEADER, 48),
        header_size: if layout.abi.ptr_size == 4 { 28 } else { 48 },
        body,
        bad_refs: Vec::new(),
        bad_refs_total: 0,
        keys: Default::default(),
        hands: Default::default(),
        heap_types: Vec::new(),
        misplaced: Vec::new(),
        shared: Vec::new(),
        gaps: Default::default(),
    }
}

/// Notes that `size` bytes at `addr` are not in the core.
pub fn gap(image: &mut MapImage<'_>, addr: Addr, size: u64) {
    image.gaps.total += 1;
    image.gaps.list.push(Gap {
        what: "bytes",
        fault: Fault {
            addr,
            size,
            why: Why::NotDumped,
        },
    });
}

/// A goroutine in a function of the runtime.
pub fn hand(goroutine: u64, function: &str) -> Hand {
    Hand {
        goroutine,
        function: function.into(),
        throwing: false,
    }
}

/// Every stack was walked, and these are at work.
pub fn told(writers: &[Hand], readers: &[Hand]) -> Hands {
    Hands {
        complete: true,
        writers: writers.to_vec(),
        readers: readers.to_vec(),
        ..Hands::default()
    }
}

/// A goroutine that has stopped the program there, because it had noticed another one.
pub fn throwing(goroutine: u64, function: &str) -> Hand {
    Hand {
        throwing: true,
        ..hand(goroutine, function)
    }
}

/// Writes a pointer-sized number.
pub fn put_word(abi: Abi, bytes: &mut [u8], off: usize, value: u64) {
    match (abi.endian, abi.ptr_size) {
        (Endian::Little, 8) => bytes[off..off + 8].copy_from_slice(&value.to_le_bytes()),
        (Endian::Big, 8) => bytes[off..off + 8].copy_from_slice(&value.to_be_bytes()),
        (Endian::Little, _) => bytes[off..off + 4].copy_from_slice(&(value as u32).to_le_bytes()),
        (Endian::Big, _) => bytes[off..off + 4].copy_from_slice(&(value as u32).to_be_bytes()),
    }
}

/// Fills key and elem `i` of a bucket or group with something that is not zero.
pub fn put_entry(layout: &Layout, bytes: &mut [u8], i: usize, seed: u64) {
    let s = &layout.slots;
    let key = s.keys_off as usize + i * s.key_stride as usize;
    let elem = s.elems_off as usize + i * s.elem_stride as usize;
    let word = usize::from(layout.abi.ptr_size);
    put_word(layout.abi, bytes, key, 0x4200_0000 + seed * 16);
    if s.key_size as usize > word {
        put_word(layout.abi, bytes, key + word, 5);
    }
    put_word(layout.abi, bytes, elem, seed + 1);
}

/// Clears key pointers and elem `i`, as a delete does; other words of the key stay.
pub fn clear_entry(layout: &Layout, bytes: &mut [u8], i: usize) {
    let s = &layout.slots;
    let key = s.keys_off as usize + i * s.key_stride as usize;
    let elem = s.elems_off as usize + i * s.elem_stride as usize;
    if s.has_pointers {
        put_word(layout.abi, bytes, key, 0);
    }
    bytes[elem..elem + s.elem_size as usize].fill(0);
}
