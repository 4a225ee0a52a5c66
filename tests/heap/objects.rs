//! Headers and storage of maps, finalizers and cleanups: what the books say of objects whose type is known.

use crate::Seen;
use crate::heap::spans::largest_with_bits;
use badmap::base::addr::Addr;
use badmap::base::home::Home;
use badmap::base::progress::Silent;
use badmap::find::search::find_maps;
use badmap::maps::image::Body;
use badmap::maps::image::Seat;
use badmap::maps::image::Shape;
use badmap::maps::image::SlotLayout;
use badmap::maps::layout::Family;
use badmap::runtime::spans::Object;
use badmap::runtime::spans::SlotState;
use badmap::runtime::specials::SpecialKind;
use badmap::runtime::specials::read_specials;
use badmap::survey::session::Session;
use badmap::types::graph::Kind;
use badmap::types::graph::TypeId;
use std::collections::HashMap;

/// What is known of a piece of map storage.
struct Piece<'p> {
    what: &'static str,
    addr: Addr,
    /// Bytes of one bucket, group or directory entry, and how many were asked for.
    record: u64,
    count: u64,
    /// Offsets of the pointers in one of them.
    pointers: &'p [u64],
    /// The descriptor of its type, if that is known, and how its name begins.
    ty: Option<Addr>,
    name: &'static str,
    /// The type of the map.
    map: String,
}

/// Bucket or group type by map type, as the map type's own descriptor has it: its third word.
fn storage_types(s: &Session<'_, '_>) -> HashMap<TypeId, Addr> {
    let program = s.reader.program;
    let start = s.modules.list[0].types.start;
    // Behind the common head, of four words and 16 bytes. Source: `internal/abi/type.go`, `Type`.
    let third = 4 * program.mem.abi.word() + 16 + 2 * program.mem.abi.word();
    let mut out = HashMap::new();
    for (off, ty) in program.index.descriptors() {
        let ty = program.graph.strip(TypeId(ty));
        if let Kind::Map { .. } = program.graph.get(ty).kind {
            let storage = program.mem.read_addr(Addr(start.0 + off + third)).unwrap();
            out.insert(ty, storage);
        }
    }
    out
}

/// Offsets of the pointers in a bucket or group.
fn record_pointers(s: &Session<'_, '_>, l: &SlotLayout) -> Vec<u64> {
    let words = |ty, indirect| {
        if indirect {
            vec![0]
        } else {
            let word = s.reader.program.mem.abi.word();
            s.reader.program.graph.pointer_words(ty, word)
        }
    };
    let (key, elem) = (words(l.key, l.indirect_key), words(l.elem, l.indirect_elem));
    let mut out = Vec::new();
    for i in 0..8 {
        out.extend(key.iter().map(|w| l.key_off(i) + w));
        out.extend(elem.iter().map(|w| l.elem_off(i) + w));
    }
    if !out.is_empty() {
        out.extend(l.overflow_off);
    }
    out.sort_unstable();
    out
}

pub fn hold_maps(s: &Session<'_, '_>, seen: &mut Seen) {
    let found = find_maps(&s.grounds(), &Silent);
    let types = storage_types(s);
    let spans = s.reader.heap.spans();
    for n in found.nodes().iter() {
        let Some(obj) = spans.object(n.addr) else {
            continue;
        };
        let state = spans.state(&obj);
        seen.hold(
            "reachable objects",
            state == Some(SlotState::Allocated),
            || format!("{} is {state:?}", n.addr),
        );
    }
    for m in &found.maps {
        header(s, seen, m.addr);
        let Some(slots) = s.reader.slots(m.ty) else {
            seen.failures.push(format!("{}: no layout", m.addr));
            continue;
        };
        let image = s.reader.read(m.addr, slots.clone());
        let pointers = record_pointers(s, &slots);
        let ty = types.get(&s.reader.program.graph.strip(m.ty)).copied();
        let map = s.reader.program.graph.declared(m.ty).name.to_string();
        match &image.body {
            Body::Classic(c) => {
                let b = u64::from(c.hmap.b);
                for (array, b) in [(&c.new, Some(b)), (&c.old, b.checked_sub(1))] {
                    let Some(array) = array else { continue };
                    let b = if c.hmap.flags & 8 != 0 {
                        Some(u64::from(c.hmap.b))
                    } else {
                        b
                    };
                    // Source: runtime/map.go, makeBucketArray: spare overflow buckets from B = 4.
                    let main = 1 << b.unwrap();
                    let count = if main >= 16 { main + main / 16 } else { main };
                    let piece = |addr, count, what| Piece {
                        what,
                        addr,
                        record: slots.size,
                        count,
                        pointers: &pointers,
                        ty,
                        name: "map.bucket[",
                        map: map.clone(),
                    };
                    storage(s, seen, &piece(array.main.addr, count, "bucket arrays"));
                    for o in &array.overflow {
                        if matches!(o.seat, Seat::Elsewhere(_)) {
                            storage(s, seen, &piece(o.addr, 1, "overflow buckets"));
                        }
                    }
                }
            }
            Body::Swiss(w) => {
                let piece = |addr, count, what| Piece {
                    what,
                    addr,
                    record: slots.size,
                    count,
                    pointers: &pointers,
                    ty,
                    name: "map.group[",
                    map: map.clone(),
                };
                match &w.shape {
                    Shape::Small(g) => storage(s, seen, &piece(g.addr, 1, "groups of small maps")),
                    Shape::Tables(d) => {
                        let dir = Piece {
                            what: "directories",
                            addr: w.map.dir_ptr,
                            record: s.reader.program.mem.abi.word(),
                            count: d.claimed,
                            pointers: &[0],
                            ty: None,
                            name: "*internal/runtime/maps.table",
                            map: map.clone(),
                        };
                        storage(s, seen, &dir);
                        for t in &d.tables {
                            table(s, seen, t.addr);
                            let Some(g) = &t.groups else { continue };
                            storage(s, seen, &piece(g.addr, g.claimed, "groups of tables"));
                        }
                    }
                    Shape::Empty | Shape::Nonsense => {}
                }
            }
            Body::Unreadable => seen.failures.push(format!("{}: unreadable", m.addr)),
        }
    }
}

/// The allocated object that begins at `addr`.
fn object(s: &Session<'_, '_>, seen: &mut Seen, what: &'static str, addr: Addr) -> Option<Object> {
    let spans = s.reader.heap.spans();
    let Some(obj) = spans.object(addr) else {
        seen.count("parts of maps outside the heap");
        let elsewhere = s.modules.contains(addr) || s.reader.heap.home(addr) == Home::Stack;
        seen.hold(what, elsewhere, || format!("{addr}: nowhere"));
        return None;
    };
    let state = spans.state(&obj);
    seen.hold(
        what,
        obj.start == addr && state == Some(SlotState::Allocated),
        || format!("{addr}: {state:?} {obj:x?}"),
    );
    Some(obj)
}

fn header(s: &Session<'_, '_>, seen: &mut Seen, addr: Addr) {
    let Some(obj) = object(s, seen, "map headers", addr) else {
        return;
    };
    let size = s.reader.layouts.family.header_size();
    let mask = match (&s.reader.layouts.family, size) {
        (Family::Swiss { .. }, 48) => 0b100,        // dirPtr
        (Family::Swiss { .. }, 32) => 0b1000,       // the same on 32 bits
        (Family::Classic { .. }, 48) => 0b10_1100,  // buckets, oldbuckets, extra
        (Family::Classic { .. }, 56) => 0b100_1100, // the same, with clearSeq before extra
        (Family::Classic { .. }, 28) => 0b101_1000, // buckets, oldbuckets, extra on 32 bits
        other => panic!("{other:?}"),
    };
    plain(s, seen, "masks of map headers", &obj, size, mask);
}

fn table(s: &Session<'_, '_>, seen: &mut Seen, addr: Addr) {
    if let Some(obj) = object(s, seen, "tables", addr) {
        let (size, mask) = match s.reader.program.mem.abi.ptr_size {
            8 => (32, 0b100), // groups.data
            _ => (24, 0b1000),
        };
        plain(s, seen, "masks of tables", &obj, size, mask);
    }
}

/// An object of a plain struct: may be the first field of something larger.
fn plain(
    s: &Session<'_, '_>,
    seen: &mut Seen,
    what: &'static str,
    obj: &Object,
    size: u64,
    mask: u64,
) {
    let heap = s.reader.heap;
    let slot = heap.slot_size(size, true);
    let got = heap.pointer_mask(obj);
    let elem = heap.spans().list()[obj.span].elem_size;
    seen.hold(what, slot == Some(elem) && got == Some(mask), || {
        format!("{obj:x?}: slot of {elem} bytes, not {slot:?}; mask {got:?}, not {mask:#b}")
    });
}

fn storage(s: &Session<'_, '_>, seen: &mut Seen, p: &Piece<'_>) {
    let Some(obj) = object(s, seen, p.what, p.addr) else {
        return;
    };
    let heap = s.reader.heap;
    let span = &heap.spans().list()[obj.span];
    let scan = !p.pointers.is_empty();
    let bytes = p.record * p.count;
    let slot = heap.slot_size(bytes, scan);
    seen.hold(
        "sizes of storages",
        slot == Some(span.elem_size) && span.noscan != scan,
        || {
            let (what, count, record) = (p.what, p.count, p.record);
            format!("{what} of {count} times {record} bytes: slot {slot:?}, but {span:x?}")
        },
    );
    if span.class == 0 {
        // Bucket arrays are rounded up to whole buckets in the room there is.
        let asked = span.limit.0 - span.pages.start.0;
        let fits = asked == bytes || p.name == "map.bucket[" && asked > bytes;
        seen.hold("limits of large storages", fits, || {
            format!("{bytes} bytes in {span:x?}")
        });
    }
    if !scan {
        seen.count("pointer-free storages");
        let none = heap.recorded_type(&obj).is_none()
            && heap.pointer_words(s.reader.meta, &obj, &mut |_| panic!("a pointer"));
        seen.hold("pointer-free storages without a type", none, || {
            format!("{obj:x?}")
        });
        return;
    }
    seen.count("storages with pointers");
    let mut got = Vec::new();
    let whole = heap.pointer_words(s.reader.meta, &obj, &mut |at| {
        got.push(at.0 - obj.start.0);
    });
    let mut behind = got.iter().filter(|o| **o >= bytes);
    let mem = s.reader.program.mem;
    let word = mem.abi.word();
    seen.hold(
        "words behind storages",
        behind.all(|o| mem.read_uptr(Addr(obj.start.0 + o)) == Ok(0)) || p.name == "map.bucket[",
        || format!("{obj:x?}"),
    );
    let want: Vec<u64> = (0..p.count)
        .flat_map(|i| p.pointers.iter().map(move |w| i * p.record + w))
        .collect();
    let got: Vec<u64> = got.into_iter().filter(|o| *o < bytes).collect();
    // What `reflect` makes has no descriptor in the binary.
    let (got, want) = if p.ty.is_none() && is_of_map(p) {
        seen.count("storages of types that reflect made");
        (without_type_words(got, &want, word), want)
    } else {
        (got, want)
    };
    seen.hold("pointers of storages", whole && got == want, || {
        let other = got.iter().zip(&want).find(|(g, w)| g != w);
        let (g, w) = (got.len(), want.len());
        let (what, at, map) = (p.what, p.addr, &p.map);
        format!("{what} at {at} of {map}: {whole}, {g} words, not {w}; {other:x?}")
    });
    if span.elem_size <= largest_with_bits(s) {
        let mask = |words: &[u64]| words.iter().fold(0u64, |m, o| m | 1 << (o / word));
        let mut mask = mask(&want);
        let got = heap
            .pointer_mask(&obj)
            .map(|m| m & u64::MAX >> (64 - bytes.div_ceil(word)));
        if p.ty.is_none() && is_of_map(p) {
            mask |= got.unwrap_or(0) & (mask >> 1); // see `without_type_words`
        }
        seen.hold("masks of storages", got == Some(mask), || {
            format!("{} at {}: {got:x?}, not {mask:x}", p.what, p.addr)
        });
    }
    types(s, seen, p, &obj);
}

/// Whether this is a bucket array or groups.
fn is_of_map(p: &Piece<'_>) -> bool {
    p.name.starts_with("map.")
}

/// In types that `reflect` makes both words of an interface are pointers, in the compiler's only the second.
/// Source: `reflect/type.go`, `addTypeBits`; `cmd/compile/internal/typebits`, `SetNoCheck`.
pub fn without_type_words(got: Vec<u64>, want: &[u64], word: u64) -> Vec<u64> {
    let of_iface =
        |o: &u64| want.binary_search(o).is_err() && want.binary_search(&(o + word)).is_ok();
    got.into_iter().filter(|o| !of_iface(o)).collect()
}

fn types(s: &Session<'_, '_>, seen: &mut Seen, p: &Piece<'_>, obj: &Object) {
    let heap = s.reader.heap;
    let span = &heap.spans().list()[obj.span];
    let recorded = heap.recorded_type(obj);
    let minor = badmap::runtime::version::minor(&s.process.go).unwrap();
    if minor < 22 || (span.class != 0 && span.elem_size <= largest_with_bits(s)) {
        seen.hold(
            "objects without a recorded type",
            recorded.is_none(),
            || format!("{obj:x?}: {recorded:?}"),
        );
        return;
    }
    seen.count(if span.class == 0 {
        "types recorded in a span"
    } else {
        "types recorded in a header"
    });
    let ty = recorded.and_then(|d| s.reader.meta.type_at(d));
    let name = ty.map(|t| s.reader.program.graph.declared(t).name.to_string());
    let same = p.ty.is_none() || p.ty == recorded;
    // The compiler marks types of which it needs no hash and no comparison.
    let plain = name.as_ref().map(|n| n.trim_start_matches("noalg."));
    // Source: `reflect/map.go`, `groupAndSlotOf`, from go1.24; `bucketOf`, up to go1.23, makes a descriptor that
    // says struct and is none, so that badmap knows no type there.
    let by_reflect = |n: &str| {
        let made = n.starts_with("struct { Ctrl uint64; ") || n == "?";
        p.ty.is_none() && is_of_map(p) && made
    };
    seen.hold(
        "recorded types",
        same && plain.is_some_and(|n| n.starts_with(p.name) || by_reflect(n)),
        || {
            let want = p.ty;
            format!(
                "{} at {}: {recorded:?} {name:?}, not {want:?}",
                p.what, p.addr
            )
        },
    );
}

pub fn hold_specials(s: &Session<'_, '_>, seen: &mut Seen) {
    let program = s.reader.program;
    let specials = read_specials(&program, s.reader.heap);
    seen.hold("lists of specials", specials.complete, || {
        "not complete".into()
    });
    let spans = s.reader.heap.spans();
    for special in &specials.list {
        let Some(obj) = spans.object(special.object) else {
            seen.failures.push(format!("{special:x?}: no object"));
            continue;
        };
        // The closure's first word is code, be it in the binary or on the heap.
        let code = program.mem.read_addr(special.closure);
        seen.hold("closures", code.is_ok_and(|c| s.modules.is_text(c)), || {
            format!("{special:x?}: {code:?}")
        });
        match special.kind {
            SpecialKind::Finalizer { pointer_type } => {
                seen.hold("finalizers", obj.start == special.object, || {
                    format!("{special:x?}: {obj:x?}")
                });
                let ty = s.reader.meta.type_at(pointer_type);
                let Some(Kind::Pointer { elem: Some(elem) }) =
                    ty.map(|t| program.graph.get(t).kind.clone())
                else {
                    seen.failures.push(format!("{special:x?}: {ty:?}"));
                    continue;
                };
                let size = program.graph.get(elem).size;
                let elem_size = spans.list()[obj.span].elem_size;
                let word = program.mem.abi.word();
                let pointers = !program.graph.pointer_words(elem, word).is_empty();
                let slot = s.reader.heap.slot_size(size, pointers);
                seen.hold(
                    "finalizers on objects of their type",
                    slot == Some(elem_size),
                    || format!("{special:x?}: {obj:x?}, not {slot:?}"),
                );
            }
            SpecialKind::Cleanup { arg: None } => seen.count("cleanups"),
            SpecialKind::Cleanup { arg: Some(_) } => seen.count("cleanups with an argument"),
        }
    }
}
