//! Images for the rules on who is at work, on where pointers lead, on the allocator's books, and on what the runtime
//! keeps beside a classic map.
//! In: painted maps. Out: pairs and gaps, for the tests that all rules share.

use crate::GapCase;
use crate::Pair;
use crate::bad_ref;
use crate::lose_buckets;
use crate::synth;
use crate::synth::classic::body;
use crate::synth::hand;
use crate::synth::sound::Image;
use crate::synth::sound::c_growing;
use crate::synth::sound::c_ints;
use crate::synth::sound::c_same_size;
use crate::synth::sound::c_strings;
use crate::synth::sound::s_many;
use crate::synth::sound::s_one;
use crate::synth::sound::s_small_strings;
use crate::synth::swiss;
use crate::synth::swiss::dir;
use crate::synth::throwing;
use crate::synth::told;
use badmap::base::addr::Addr;
use badmap::maps::image::BadRefKind;
use badmap::maps::image::Books;
use badmap::maps::image::Half;
use badmap::maps::image::HeapType;
use badmap::maps::image::Home;
use badmap::maps::image::Misplaced;
use badmap::maps::image::Place;

fn c_nobody() -> Image {
    let mut m = c_ints();
    m.hands = told(&[], &[]);
    m
}

fn s_nobody() -> Image {
    let mut m = s_many();
    m.hands = told(&[], &[]);
    m
}

/// A goroutine is writing, rightly.
fn c_written() -> Image {
    let mut m = c_ints();
    body(&mut m).hmap.flags |= 4;
    m.hands = told(&[hand(7, "runtime.mapassign_fast64")], &[]);
    m
}

fn s_written() -> Image {
    let mut m = s_one();
    swiss::body(&mut m).map.writing = 1;
    m.hands = told(&[hand(7, "runtime.mapdelete_fast64")], &[]);
    m
}

fn books(m: &mut Image, place: Place, books: Books) {
    let addr = Addr(0x4100_0000);
    m.heap_types.push(HeapType { place, addr, books });
}

fn misplaced(m: &mut Image, field: &'static str, home: Home) {
    m.misplaced.push(Misplaced {
        place: Place::Header(field),
        addr: Addr(0x4002_0008),
        home,
    });
}

const TABLE_GROUPS: Place = Place::Table {
    dir: 2,
    field: "groups",
};

pub const PAIRS: &[Pair] = &[
    ("MAP-WRITER", c_nobody, |m| body(m).hmap.flags |= 4, &[]),
    (
        "MAP-WRITER",
        s_nobody,
        |m| swiss::body(m).map.writing = 1,
        &[],
    ),
    (
        "MAP-WRITER", // one that reads clears nothing
        s_nobody,
        |m| {
            swiss::body(m).map.writing = 1;
            m.hands = told(&[], &[hand(3, "runtime.mapaccess1_faststr")]);
        },
        &[],
    ),
    (
        "MAP-TWOWRITERS",
        c_written,
        |m| m.hands.writers.push(throwing(9, "runtime.mapdelete")),
        &[],
    ),
    (
        "MAP-TWOWRITERS",
        s_written,
        |m| {
            let reader = throwing(9, "internal/runtime/maps.(*Iter).Next");
            m.hands.readers.push(reader);
        },
        &[],
    ),
    (
        "MAP-TWOWRITERS", // the flag was toggled twice; other stacks are lost
        c_ints,
        |m| {
            m.hands.writers = vec![
                throwing(9, "runtime.mapassign"),
                hand(10, "runtime.mapassign"),
            ];
        },
        &[],
    ),
    (
        "MAP-PTRVALID",
        c_strings,
        |m| {
            let (ptr, home) = (Addr(0x4300_0010), Home::FreeSpan);
            bad_ref(m, Half::Elem, BadRefKind::Freed { ptr, home });
        },
        &[],
    ),
    (
        "MAP-PTRVALID",
        c_strings,
        |m| {
            let ptr = Addr(0x4300_0010);
            let home = Home::Object {
                start: Addr(0x4300_0000),
                size: 32,
                allocated: false,
            };
            bad_ref(m, Half::Key, BadRefKind::Freed { ptr, home });
        },
        &[],
    ),
    (
        "MAP-PTRWILD",
        c_strings,
        |m| {
            let ptr = Addr(0x1234_5678_9000);
            bad_ref(m, Half::Elem, BadRefKind::Wild { ptr });
        },
        &[],
    ),
    (
        "MAP-STRPTR",
        c_strings,
        |m| {
            let what = BadRefKind::StrHome {
                data: Addr(0x4300_0000),
                len: 100,
                home: synth::object(0x4300_0000, 96),
            };
            bad_ref(m, Half::Key, what);
        },
        &[],
    ),
    (
        "MAP-IFACE",
        c_strings,
        |m| {
            let data = Addr(0x1234_5678_9000);
            bad_ref(m, Half::Elem, BadRefKind::IfaceData { data });
        },
        &[],
    ),
    (
        "MAP-HEAPTYPE",
        c_ints,
        |m| books(m, Place::Header("buckets"), Books::Pointers(true)),
        &[],
    ),
    (
        "MAP-HEAPTYPE",
        s_small_strings,
        |m| books(m, Place::Header("dirPtr"), Books::Pointers(false)),
        &[],
    ),
    (
        "MAP-HEAPTYPE",
        s_many,
        |m| books(m, TABLE_GROUPS, Books::Type("main.large".into())),
        &[],
    ),
    (
        "MAP-HEAPTYPE",
        s_many,
        |m| {
            let (wants, has) = (32, 48);
            books(m, Place::Dir(2), Books::Class { wants, has });
        },
        &[],
    ),
    (
        "CL-EXTRA",
        c_ints,
        |m| misplaced(m, "extra", Home::FreeSpan),
        &[],
    ),
    (
        "CL-EXTRA",
        c_ints,
        |m| misplaced(m, "extra.overflow", Home::Stack),
        &[],
    ),
    // The first old bucket is moved; the mark stands on it.
    ("CL-NEVAC", c_same_size, |m| body(m).hmap.nevacuate = 0, &[]),
    ("CL-NEVAC", c_growing, |m| body(m).hmap.nevacuate = 1, &[]),
];

pub const GAPS: &[GapCase] = &[
    ("MAP-PTRVALID", c_strings, lose_buckets),
    ("MAP-PTRVALID", c_strings, |m| m.bad_refs_total = 3),
    ("MAP-PTRVALID", s_many, |m| dir(m).tables[0].header = None),
];
