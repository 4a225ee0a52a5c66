//! Rules on where a map and the things its entries refer to lie: `MAP-PTR` to `MAP-HEAPTYPE`.
//! Over 400 lines for its manuals; the checks share how a bad reference is told.
//! In: an image with the allocator's facts. Out: findings.

use crate::base::addr::Addr;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::trust::Whereabouts;
use crate::check::trust::is_sound_place;
use crate::hash::run::KeyHash;
use crate::maps::image::BadRef;
use crate::maps::image::BadRefKind;
use crate::maps::image::Books;
use crate::maps::image::Half;
use crate::maps::image::Home;
use crate::maps::image::Place;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "MAP-PTR",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "A map pointer that is not nil leads to the first byte of an allocated heap object large \
            enough for the header, to a stack, or to the binary's own data.",
        source: "`runtime/map.go`, `makemap`, and `cmd/compile/internal/walk/builtin.go`, `walkMakeMap`, up to \
            go1.23; `internal/runtime/maps/map.go`, `NewMap` and `NewEmptyMap`, from go1.24.",
        breaks: "Every operation on the map reads or writes memory that belongs to something else. The usual \
            causes are a map hidden from the garbage collector behind a uintptr or in C memory and freed while in \
            use, an unsafe cast from a type that holds no map, and a stray write over the variable. When this rule \
            is broken the other rules are not applied, because the header's fields mean nothing.",
        innocent: "A map that does not escape has its header on the goroutine's stack; that is accepted, and so \
            are headers in the data of the binary and in memory that is not Go's. A variable that is no longer in \
            use can hold a pointer to a map that was freed: check how the map was found before blaming the program.",
        example: "header: claimed a map header of 48 bytes at 0xc000012030, found in a free slot of 48 bytes at 0xc000012030",
        check: Check::Map(check_ptr),
    },
    Rule {
        id: "MAP-INDIRECT",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "Where keys or elems are stored behind a pointer, the pointer in every live entry leads to a \
            live heap object that is large enough.",
        source: "`runtime/map.go`, `mapassign`, up to go1.23; `internal/runtime/maps/table.go`, \
            `(*table).PutSlot`, from go1.24. Keys and elems of more than 128 bytes are stored so.",
        breaks: "The next lookup that meets the entry faults, or reads another object's bytes as its own. Causes: \
            a stray write over the slot, memory freed too early, or a second writer in the middle of an insert.",
        innocent: "While a key is inserted the pointers are stored one after the other; such a map has its write \
            flag set and is not judged. A `maps.Clone` in progress up to go1.23 fills the copy without any flag: \
            look for a goroutine in `runtime.mapclone2` before trusting this finding.",
        example: "buckets[0].cell[2]: claimed the key at 0x123456789000, found no live heap object of its size",
        check: Check::Map(check_indirect),
    },
    Rule {
        id: "MAP-STRPTR",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "Every string inside a live entry has a length that is neither negative nor absurd, all its bytes are \
            mapped, and if they are on the heap they lie inside one live object.",
        source: "`runtime/string.go`, `stringStruct`, all versions.",
        breaks: "Hashing, comparing or printing the string faults or reads foreign memory. Causes: a stray write or \
            a flipped bit in the slot, a string made by `unsafe` over memory that was unmapped since, or a race on \
            the string's two words.",
        innocent: "The string in a slot that was deleted from a classic map keeps its length next to a nil pointer; \
            slots without an entry are not looked at. Compiled code stores the elem after the map function has \
            returned, length first, pointer second, so a goroutine stopped in between leaves one elem with a length \
            and a nil pointer: a single such elem in a map is accepted.",
        example: "group.slot[1]: claimed a string of -9223372036854775803 bytes at 0xc0000832d8 (byte 0 of the key), found a negative length",
        check: Check::Map(check_strptr),
    },
    Rule {
        id: "MAP-IFACE",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "The first word of every interface inside a live entry is nil, a type descriptor, or an itab, and the \
            second leads to memory that can hold a value of that type.",
        source: "`runtime/runtime2.go`, `iface` and `eface`, all versions; `internal/abi/iface.go` from go1.22.",
        breaks: "Hashing or comparing the interface calls through the word and jumps to a wild address. Causes: a \
            stray write or flipped bit in the slot, or two goroutines storing different interfaces into one elem \
            without a lock, which mixes the words of both.",
        innocent: "An entry that was inserted but whose elem is not stored yet holds a nil interface, and one that \
            was stopped between the two stores of its elem a type without a value; both are accepted. Types made at \
            run time by `reflect` live in the heap and are valid type descriptors.",
        example: "buckets[1].cell[0]: claimed an interface of type 0x123456789000 (byte 0 of the key), found no type descriptor and no itab",
        check: Check::Map(check_iface),
    },
    Rule {
        id: "MAP-PTRVALID",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "No pointer inside a live entry leads to a part of the heap where no live object is.",
        source: "`runtime/mbitmap.go`, `findObject` and `badPointer`, all versions: the collector keeps alive whatever a \
            live entry points to.",
        breaks: "Whoever follows the pointer reads or overwrites the next object that is allocated there; if its whole span \
            is free, the collector stops with `found bad pointer in Go heap`. Causes: a pointer that was hidden from the \
            collector in a uintptr and came back, an object freed too early, a stray write or a flipped bit in the slot.",
        innocent: "Pointers to types that never lie on the heap count as integers. Maps that the collector itself has given \
            up are not judged. Pointers into stacks, into the binary and to C memory are accepted.",
        example: "group.slot[3]: claimed a pointer to 0xc000123450 (byte 0 of the elem), found in a free slot of 16 bytes at 0xc000123450",
        check: Check::Map(check_ptrvalid),
    },
    Rule {
        id: "MAP-PTRWILD",
        severity: Severity::Warning,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "Every typed pointer inside a live entry is nil or leads to memory that the process has.",
        source: "`unsafe` package, the rules of `unsafe.Pointer`: a typed pointer that is not nil points to a variable.",
        breaks: "Whoever follows the pointer faults. Causes: a stray write or a flipped bit in the slot, or a pointer to C \
            memory that was unmapped since.",
        innocent: "Numbers below 4096, which programs use as marks, and `unsafe.Pointer`, which may hold anything by \
            agreement, are not looked at. A dangling pointer to C memory that nobody follows is legal.",
        example: "group.slot[3]: claimed a pointer to 0x123456789000 (byte 0 of the elem), found memory that is not mapped",
        check: Check::Map(check_ptrwild),
    },
    Rule {
        id: "MAP-HEAPTYPE",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "The allocator has the storage of a map in its books as what the map takes it for: with or without \
            pointers, of elements of that size, and of the size class that so many bytes get.",
        source: "`runtime/malloc.go`, `mallocgc`, all versions; `runtime/mbitmap.go`, `heapSetType`, from go1.22, for the \
            recorded type.",
        breaks: "The collector overlooks what the entries point to, or takes integers for pointers. Causes: a header that \
            points to another map's storage, memory that was freed and allocated again as something else, a cast \
            between map types through `unsafe`.",
        innocent: "Storage on a stack or outside the heap is in no books. How many buckets an array was made for is not known \
            exactly, so that its class is not compared; see CL-B. Up to go1.21, and for objects that are small or \
            without pointers, no type was recorded, and nothing is claimed about it.",
        example: "dirPtr: claimed storage without pointers at 0xc0000b8198, found the allocator made it with pointers",
        check: Check::Map(check_heaptype),
    },
];

fn check_ptr(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let (addr, home) = (s.image.addr, s.image.home);
    match home.holds(addr, s.image.header_size) {
        None => out.unknown(),
        Some(true) => {}
        Some(false) => out.broken(
            Place::Header("header"),
            format_args!("a map header of {} bytes at {addr}", s.image.header_size),
            Whereabouts { addr, home },
        ),
    }
}

fn check_indirect(s: &Subject<'_, '_>, out: &mut Verdicts) {
    if s.image.slots.indirect_key || s.image.slots.indirect_elem {
        check_refs(s, out, |r| match r.what {
            BadRefKind::Indirect { ptr } => Some(Told::Indirect(ptr)),
            _ => None,
        });
    }
}

fn check_iface(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let forgiven = one_half_stored(s);
    check_refs(s, out, |r| match r.what {
        BadRefKind::Iface { word } => Some(Told::Iface(word)),
        BadRefKind::IfaceData { .. } if forgiven && is_half_stored(r) => None,
        BadRefKind::IfaceData { data } => Some(Told::IfaceData(data)),
        _ => None,
    });
    if s.image.keys.odd.is_empty() {
        return;
    }
    s.image.for_each_key(|e, hash| {
        if let KeyHash::Unhashable { word } = hash
            && is_sound_place(s.image, e.place)
        {
            out.broken(
                e.place,
                format_args!("a key that holds a value of type {word}"),
                "a type that has no hash: no insert can have put it there",
            );
        }
    });
}

fn check_strptr(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let forgiven = one_half_stored(s);
    check_refs(s, out, |r| match r.what {
        BadRefKind::Str { .. } if forgiven && is_half_stored(r) => None,
        BadRefKind::Str { data, len } => Some(Told::Str(data, len)),
        BadRefKind::StrHome { data, len, home } => Some(Told::StrHome(data, len, home)),
        _ => None,
    });
}

fn check_ptrvalid(s: &Subject<'_, '_>, out: &mut Verdicts) {
    check_refs(s, out, |r| match r.what {
        BadRefKind::Freed { ptr, home } => Some(Told::Freed(ptr, home)),
        _ => None,
    });
}

fn check_ptrwild(s: &Subject<'_, '_>, out: &mut Verdicts) {
    check_refs(s, out, |r| match r.what {
        BadRefKind::Wild { ptr } => Some(Told::Wild(ptr)),
        _ => None,
    });
}

fn check_heaptype(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let pointers = |has: bool| {
        if has {
            "with pointers"
        } else {
            "without pointers"
        }
    };
    let slots = &s.image.slots;
    for t in &s.image.heap_types {
        match &t.books {
            Books::Pointers(has) => out.broken(
                t.place,
                format_args!("storage {} at {}", pointers(slots.has_pointers), t.addr),
                format_args!("the allocator made it {}", pointers(*has)),
            ),
            Books::Class { wants, has } => out.broken(
                t.place,
                format_args!("an object of the class of {wants} bytes at {}", t.addr),
                format_args!("the allocator made it in a slot of {has}"),
            ),
            Books::Type(name) => out.broken(
                t.place,
                format_args!("storage of {} bytes each at {}", slots.size, t.addr),
                format_args!("the allocator made it as {name}"),
            ),
        }
    }
}

/// Whether just one elem of the map looks as if its store was under way. Compiled code stores an elem
/// after the map function has returned and cleared the write flag, and one goroutine stores one elem
/// at a time. Seen in live dumps of writers, go1.22: `map[int]struct{…; string}` with a length and no
/// data pointer yet.
fn one_half_stored(s: &Subject<'_, '_>) -> bool {
    let refs = &s.image.bad_refs;
    refs.iter().filter(|r| is_half_stored(r)).count() == 1
        && s.image.bad_refs_total == refs.len() as u64
}

/// An elem's string whose length, or interface whose type, stands beside a nil pointer, as between
/// the two stores of it.
fn is_half_stored(r: &BadRef) -> bool {
    let nil_data = match r.what {
        BadRefKind::Str { data, len } => data.is_nil() && len > 0,
        BadRefKind::IfaceData { data } => data.is_nil(),
        _ => false,
    };
    nil_data && r.half == Half::Elem
}

/// What the process says at a bad reference.
enum Told {
    Indirect(Addr),
    Str(Addr, i64),
    StrHome(Addr, i64, Home),
    Freed(Addr, Home),
    Wild(Addr),
    Iface(Addr),
    IfaceData(Addr),
}

fn check_refs(s: &Subject<'_, '_>, out: &mut Verdicts, pick: impl Fn(&BadRef) -> Option<Told>) {
    if !s.image.slots.has_pointers {
        return;
    }
    let image = s.image;
    for r in &image.bad_refs {
        let Some(told) = pick(r) else { continue };
        if !is_sound_place(image, r.place) {
            continue;
        }
        let (half, off) = (half_name(r.half), r.off);
        match told {
            Told::Indirect(ptr) if ptr.is_nil() => {
                out.broken(r.place, format_args!("a pointer to the {half}"), "nil");
            }
            Told::Indirect(ptr) => {
                out.broken(
                    r.place,
                    format_args!("the {half} at {ptr}"),
                    "no live heap object of its size",
                );
            }
            Told::Str(data, len) => out.broken(
                r.place,
                format_args!("a string of {len} bytes at {data} (byte {off} of the {half})"),
                if len < 0 {
                    "a negative length"
                } else {
                    "memory that is not all mapped"
                },
            ),
            Told::StrHome(addr, len, home) => out.broken(
                r.place,
                format_args!("a string of {len} bytes at {addr} (byte {off} of the {half})"),
                format_args!("not inside one live object: {}", Whereabouts { addr, home }),
            ),
            Told::Freed(addr, home) => out.broken(
                r.place,
                format_args!("a pointer to {addr} (byte {off} of the {half})"),
                Whereabouts { addr, home },
            ),
            Told::Wild(addr) => out.broken(
                r.place,
                format_args!("a pointer to {addr} (byte {off} of the {half})"),
                "memory that is not mapped",
            ),
            Told::Iface(word) => out.broken(
                r.place,
                format_args!("an interface of type {word} (byte {off} of the {half})"),
                "no type descriptor and no itab",
            ),
            Told::IfaceData(data) => out.broken(
                r.place,
                format_args!("an interface's value at {data} (byte {off} of the {half})"),
                "memory that is not mapped",
            ),
        }
    }
    let listed = image.bad_refs.len() as u64;
    if !s.tallies.whole || (image.bad_refs_total > listed && out.total == 0) {
        out.unknown();
    }
}

fn half_name(half: Half) -> &'static str {
    match half {
        Half::Key => "key",
        Half::Elem => "elem",
    }
}
