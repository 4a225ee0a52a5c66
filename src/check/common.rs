//! Rules that hold for maps of both kinds: the header's count, and what free slots may hold.
//! In: an image. Out: findings.

use crate::base::bytes::Abi;
use crate::base::bytes::all_zero;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::swiss_tables::count_swiss;
use crate::check::tally::count_classic;
use crate::check::trust::Stored;
use crate::check::trust::each_storage;
use crate::maps::image::Body;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Record;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::slots_of;

/// Entries that no map can reach: 2^48 bytes of address space hold fewer.
const ABSURD_LEN: i64 = 1 << 48;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "MAP-SHARED",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "No two map headers lead to the same bucket array, group, directory, table or group array.",
        source: "`runtime/map.go`, `makeBucketArray`, up to go1.23; `internal/runtime/maps/table.go`, `newTable`, and \
            `internal/runtime/maps/map.go`, `NewMap`, from go1.24: storage is allocated for one header and never handed on.",
        breaks: "An insert through one map moves or overwrites the other's entries without its counters knowing. The \
            causes are a header copied through `unsafe`, a stray write that copied a pointer, or an array that was \
            freed and allocated again while a map still used it. Both maps are named; the one whose counters do \
            not fit is usually the one that was damaged.",
        innocent: "A map and its own iterators, or its own old array, may share storage; only different headers are \
            compared. `maps.Clone` from go1.25 copies the header first and the storage next, in a copy that nobody \
            but the cloning goroutine can reach.",
        example: "buckets: claimed storage of its own at 0xc000068480, found the map at 0xc00017e090 leads there too",
        check: Check::Map(check_shared),
    },
    Rule {
        id: "MAP-LEN",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "The number of entries in the header is not negative, is below 2^48, and is 0 while the map \
            has no storage.",
        source: "`runtime/map.go`, `hmap.count`, up to go1.23; `internal/runtime/maps/map.go`, `Map.used`, from \
            go1.24.",
        breaks: "`len` returns nonsense, and lookups in a map with entries but without storage fault. A small \
            negative number is what unsynchronised deletes leave behind; a huge one comes from a stray write or a \
            flipped bit.",
        innocent: "None. No operation lets the number leave this range even for a moment.",
        example: "count: claimed -1, found possible are 0 to 2^48",
        check: Check::Map(check_len),
    },
    Rule {
        id: "MAP-COUNT",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "The number of entries in the header equals the number of live entries that a walk over the \
            whole storage finds.",
        source: "`runtime/map.go`, `mapassign` and `mapdelete`, up to go1.23; `internal/runtime/maps/map.go`, \
            `(*Map).PutSlot` and `(*Map).Delete`, from go1.24.",
        breaks: "`len` disagrees with what a range over the map yields, and the map grows too early or too late. \
            This is the usual trace of goroutines that wrote to the map without a lock; a stray write or a flipped \
            bit in the header, a tophash or a control byte does it too.",
        innocent: "An insert or delete in progress is one entry ahead or behind; its write flag is set and the map \
            is not judged. A `maps.Clone` in progress up to go1.23 fills the copy without the flag: look for a \
            goroutine in `runtime.mapclone2`. In a growing classic map the entries of old buckets that were not \
            evacuated count too. Where a mark has no meaning or part of the storage is missing or in doubt, the \
            rule is undecided.",
        example: "used: claimed 63 entries, found 64 live entries",
        check: Check::Map(check_count),
    },
    Rule {
        id: "MAP-FREEELEM",
        severity: Severity::Warning,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "The elem of every slot that holds no entry is all zero bytes.",
        source: "`runtime/map.go`, `mapdelete`, up to go1.23; `internal/runtime/maps/table.go`, `(*table).Delete`, \
            from go1.24. Both clear the elem whatever its type.",
        breaks: "A later insert that only updates part of the elem, such as `m[k] += 1` or `m[k] = append(m[k], …)`, \
            starts from the left-over instead of from zero. Causes: a write through an elem pointer that outlived \
            its entry, a racing delete, a stray write, or a mark byte that was changed from live to empty: then \
            the left-over is the lost entry itself.",
        innocent: "Evacuated cells of a growing classic map may keep or lose their bytes and are not looked at. \
            Compiled code stores the elem after the map function has returned, so a race between that store and a \
            delete leaves such bytes; it is a race, but one that damages nothing else.",
        example: "buckets[0].cell[0]: claimed a slot without an entry, found elem bytes that are not zero",
        check: Check::Map(check_free_elem),
    },
    Rule {
        id: "MAP-FREEKEY",
        severity: Severity::Warning,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "The pointer words of the key in every slot that holds no entry are nil.",
        source: "`runtime/map.go`, `mapdelete`, and `runtime/map_faststr.go`, `mapdelete_faststr`, up to go1.23; \
            `internal/runtime/maps/table.go`, `(*table).Delete`, from go1.24.",
        breaks: "The left-over pointer keeps an object alive that nobody can reach through the map. It shows that \
            something besides the map code wrote to the slot or to its mark byte.",
        innocent: "Words that are not pointers are never cleared: old integers stay, and a string key deleted from \
            a classic map keeps its length. Evacuated cells of a growing classic map are not looked at.",
        example: "buckets[0].cell[1]: claimed a slot without an entry, found pointers in the key that are not zero",
        check: Check::Map(check_free_key),
    },
];

fn check_len(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let (field, len) = match &s.image.body {
        Body::Classic(c) => ("count", c.hmap.count),
        Body::Swiss(m) => ("used", m.map.used.cast_signed()),
        Body::Unreadable => return out.unknown(),
    };
    if !(0..ABSURD_LEN).contains(&len) {
        out.broken(Place::Header(field), len, "possible are 0 to 2^48");
    } else if len != 0 && has_no_storage(s.image) {
        out.broken(
            Place::Header(field),
            len,
            "no storage: the pointer to it is nil",
        );
    }
}

/// The map never had storage. A header that speaks of more than one bucket or table beside a nil
/// pointer is another rule's affair.
fn has_no_storage(image: &MapImage<'_>) -> bool {
    match &image.body {
        Body::Classic(c) => c.hmap.buckets.is_nil() && c.hmap.b == 0 && !c.hmap.growing(),
        Body::Swiss(m) => matches!(m.shape, Shape::Empty) && m.map.dir_len == 0,
        Body::Unreadable => false,
    }
}

fn check_count(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let image = s.image;
    let (field, claimed, found) = match &image.body {
        Body::Classic(c) => ("count", c.hmap.count, count_classic(c, s.tallies.cells)),
        Body::Swiss(m) => ("used", m.map.used.cast_signed(), count_swiss(s)),
        Body::Unreadable => return out.unknown(),
    };
    let nonsense = !(0..ABSURD_LEN).contains(&claimed) || (claimed != 0 && has_no_storage(image));
    match found {
        Some(found) if !nonsense && claimed.cast_unsigned() != found => out.broken(
            Place::Header(field),
            format_args!("{claimed} entries"),
            format_args!("{found} live entries"),
        ),
        Some(_) => {}
        None => out.unknown(),
    }
}

/// Calls `each` for every bucket and group of the storage that can be believed.
fn each_record(image: &MapImage<'_>, mut each: impl FnMut(Record<'_>)) {
    each_storage(image, |stored| match stored {
        Stored::Buckets { old, array } => {
            for b in array.buckets() {
                each(Record::Bucket {
                    old,
                    chain: b.chain,
                    position: b.position,
                    bytes: b.bytes,
                });
            }
        }
        Stored::Groups { dir, groups } => {
            for (group, bytes) in groups.records() {
                each(Record::Group { dir, group, bytes });
            }
        }
    });
}

fn check_free_elem(s: &Subject<'_, '_>, out: &mut Verdicts) {
    if s.image.slots.elem_size > 0 {
        check_free(s, out, s.tallies.stale_elem, "elem bytes", is_stale_elem);
    }
}

fn check_free_key(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let abi = s.image.abi;
    let slots = &s.image.slots;
    let what = match slots.indirect_key {
        true => "the key pointer",
        false if slots.key_ptr_words.is_empty() => return,
        false => "pointers in the key",
    };
    check_free(s, out, s.tallies.stale_key, what, |slots, record, i| {
        is_stale_key(abi, slots, record, i)
    });
}

/// Whether the elem of slot `i`, which holds no entry, is not all zero.
pub fn is_stale_elem(slots: &SlotLayout, record: &[u8], i: u64) -> bool {
    slots.elem(record, i).is_some_and(|elem| !all_zero(elem))
}

/// Whether the key of slot `i`, which holds no entry, has pointers that are not nil.
pub fn is_stale_key(abi: Abi, slots: &SlotLayout, record: &[u8], i: u64) -> bool {
    let Some(key) = slots.key(record, i) else {
        return false;
    };
    if slots.indirect_key {
        return !all_zero(key);
    }
    slots.key_ptr_words.iter().any(|off| {
        let word = usize::try_from(*off)
            .ok()
            .and_then(|off| abi.uptr(key, off));
        word.is_some_and(|w| w != 0)
    })
}

/// Reports every slot without an entry in which `is_dirty` sees left-overs; `some`: there are such slots, though
/// perhaps only where the storage is in doubt.
fn check_free(
    s: &Subject<'_, '_>,
    out: &mut Verdicts,
    some: bool,
    what: &str,
    is_dirty: impl Fn(&SlotLayout, &[u8], u64) -> bool,
) {
    if !s.tallies.whole {
        out.unknown();
    }
    if !some {
        return;
    }
    let slots = &*s.image.slots;
    each_record(s.image, |record| {
        for i in slots_of(record.free(s.image.abi)) {
            if is_dirty(slots, record.bytes(), u64::from(i)) {
                out.broken(
                    record.place(i),
                    "a slot without an entry",
                    format_args!("{what} that are not zero"),
                );
            }
        }
    });
}

fn check_shared(s: &Subject<'_, '_>, out: &mut Verdicts) {
    for shared in &s.image.shared {
        out.broken(
            shared.place,
            format_args!("storage of its own at {}", shared.addr),
            format_args!("the map at {} leads there too", shared.other),
        );
    }
}
