//! An image for tests of the rooms that work on images: no facts, and slots of a byte.
//! In: a body. Out: the image of a map that nobody has looked at more closely.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::maps::image::Body;
use crate::maps::image::Gaps;
use crate::maps::image::Hands;
use crate::maps::image::Home;
use crate::maps::image::KeyFacts;
use crate::maps::image::MapImage;
use crate::maps::image::SlotLayout;
use crate::types::graph::TypeId;
use std::sync::Arc;

/// Records of 32 bytes: eight marks, eight keys and eight elems of a byte, and a word for the overflow pointer.
pub(crate) fn sample(body: Body<'static>) -> MapImage<'static> {
    MapImage {
        addr: Addr(0xc000),
        abi: Abi::AMD64,
        slots: Arc::new(SlotLayout {
            map_type: TypeId(0),
            key: TypeId(1),
            elem: TypeId(1),
            key_size: 1,
            elem_size: 1,
            indirect_key: false,
            indirect_elem: false,
            size: 32,
            keys_off: 8,
            key_stride: 1,
            elems_off: 16,
            elem_stride: 1,
            overflow_off: Some(24),
            has_pointers: false,
            key_ptr_words: Vec::new(),
        }),
        home: Home::Unknown,
        header_size: 48,
        body,
        bad_refs: Vec::new(),
        bad_refs_total: 0,
        shared: Vec::new(),
        keys: KeyFacts::default(),
        hands: Hands::default(),
        heap_types: Vec::new(),
        misplaced: Vec::new(),
        gaps: Gaps::default(),
    }
}
