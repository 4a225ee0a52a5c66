//! Spans against the runtime's own tables, and every pointer of every object against its target.

use crate::Seen;
use crate::heap::objects::without_type_words;
use badmap::base::addr::Addr;
use badmap::runtime::spans::Object;
use badmap::runtime::spans::SlotState;
use badmap::runtime::spans::Spans;
use badmap::runtime::spans::Sweep;
use badmap::survey::session::Session;
use badmap::types::graph::Kind;
use badmap::types::view::View;

/// A package variable by the first of its names that there is.
fn variable<'v, 'a>(s: &Session<'v, 'a>, names: &[&str]) -> View<'v, 'a> {
    let program = s.reader.program;
    names
        .iter()
        .find_map(|n| program.variable(n))
        .unwrap_or_else(|| panic!("no {names:?}"))
}

/// The size classes as the process has them.
fn class_to_size(s: &Session<'_, '_>) -> Vec<u64> {
    let table = variable(
        s,
        &[
            "internal/runtime/gc.SizeClassToSize",
            "runtime.class_to_size",
        ],
    );
    let Kind::Array { len, .. } = table.kind().kind else {
        panic!("an array")
    };
    (0..len)
        .map(|i| table.index(i).unwrap().uint().unwrap())
        .collect()
}

pub fn hold_spans(s: &Session<'_, '_>, seen: &mut Seen) {
    let spans = s.reader.heap.spans();
    let classes = class_to_size(s);
    seen.hold("lists of spans", spans.is_complete(), || {
        format!("{} spans are unusable", spans.unusable())
    });
    let mem = s.reader.program.mem;
    // The list again, by its type rather than by what the library binds.
    let all = variable(s, &["runtime.mheap_"]).field("allspans").unwrap();
    let (data, len, _) = all.slice().unwrap();
    let mspan = s.reader.program.type_named("runtime.mspan").unwrap();
    let (mut in_use, mut by_count) = (0, 0);
    for i in 0..len {
        let at = mem
            .read_addr(data.element(i, mem.abi.word()).unwrap())
            .unwrap();
        let span = s.reader.program.view(at, mspan);
        let byte = |name| mem.read_u8(span.field(name).unwrap().addr).unwrap();
        if !matches!(byte("state"), 1 | 2) {
            continue;
        }
        in_use += 1;
        let start = Addr(span.field("startAddr").unwrap().uint().unwrap());
        let found = spans.find(start);
        seen.hold(
            "spans found by their own start",
            found.is_some_and(|(i, f)| f.pages.start == start && spans.list()[i] == *f),
            || format!("{start}: {found:?}"),
        );
        let Some((idx, found)) = found else { continue };
        seen.hold(
            "spans found by their last byte",
            spans.find(Addr(found.pages.end.0 - 1)).map(|f| f.0) == Some(idx),
            || format!("{found:?}"),
        );
        if found.manual {
            seen.count("spans managed by hand");
            continue;
        }
        seen.count("spans of objects");
        if found.class != 0 {
            seen.hold(
                "spans of a size class",
                classes.get(usize::from(found.class)) == Some(&found.elem_size),
                || format!("{found:?}"),
            );
        }
        if found.sweep == Sweep::Unswept {
            seen.count("spans to be swept");
        }
        seen.hold("sweep states", found.sweep != Sweep::Unknown, || {
            format!("{found:?}")
        });
        // The runtime's own count of objects, which it does not keep up in spans that a thread has cached.
        if found.sweep == Sweep::Swept {
            let mut n = 0;
            let read = spans.for_each_allocated(idx, |_| n += 1);
            let claimed = span.field("allocCount").unwrap().uint().unwrap();
            seen.hold("spans with readable bits", read, || format!("{found:?}"));
            by_count += u64::from(n != claimed);
        }
        inline_marks(s, seen, start, found.elem_size, found.class);
    }
    seen.hold("span counts", in_use == spans.list().len() as u64, || {
        format!("{in_use} in allspans, {} in the list", spans.list().len())
    });
    // Only the spans that threads allocate from are ahead of their count: one a class and thread.
    let threads = s.threads.len() as u64 + 1;
    seen.hold("counts of objects", by_count <= threads * 136, || {
        format!("{by_count} spans of {in_use} hold another number of objects than allocCount")
    });
}

/// The largest slots whose span keeps a bit for each word of it. Source: `runtime/mbitmap.go`, `heapBitsInSpan`
/// (`minSizeForMallocHeader`, a bitmap of one word for each object), from go1.22.
pub fn largest_with_bits(s: &Session<'_, '_>) -> u64 {
    let word = s.reader.program.mem.abi.word();
    word * word * 8
}

/// Whether the runtime's own bitmap of pages with inline marks says what the rule by size says.
fn inline_marks(s: &Session<'_, '_>, seen: &mut Seen, start: Addr, elem_size: u64, class: u8) {
    let program = s.reader.program;
    if program.type_named("runtime.spanInlineMarkBits").is_none() {
        return;
    }
    let by_size = class != 0 && (16..=largest_with_bits(s)).contains(&elem_size);
    // One L1 entry; arenas of 64 MiB, of 4 MiB on 32 bits, from 0, on amd64 from -2^47.
    // Source: `runtime/malloc.go`, `arenaL1Bits`, `logHeapArenaBytes`, `arenaBaseOffset`.
    let base = if s.process.arch == "amd64" {
        1 << 47
    } else {
        0
    };
    let log_arena = if program.mem.abi.ptr_size == 8 {
        26
    } else {
        22
    };
    let from_base = start.0.wrapping_add(base);
    let arenas = variable(s, &["runtime.mheap_"]).field("arenas").unwrap();
    let l2 = arenas.index(0).unwrap().deref().unwrap().unwrap();
    let arena = l2.index(from_base >> log_arena).unwrap();
    let arena = arena.deref().unwrap().unwrap();
    let bits = arena.field("pageUseSpanInlineMarkBits").unwrap();
    let page = (from_base % (1 << log_arena)) >> 13;
    let byte = program.mem.read_u8(Addr(bits.addr.0 + page / 8)).unwrap();
    let claimed = byte >> (page % 8) & 1 == 1;
    if by_size {
        seen.count("spans with inline marks");
    }
    seen.hold(
        "pages with or without inline marks",
        claimed == by_size,
        || format!("span {start} of {elem_size}-byte slots: the arena says {claimed}"),
    );
}

/// What an allocated object points to is allocated: it was reachable when the object last was marked, or
/// has been since. Objects of a running allocation may still hold what was there before.
pub fn hold_pointers(s: &Session<'_, '_>, seen: &mut Seen) {
    let (heap, mem, meta) = (s.reader.heap, s.reader.program.mem, s.reader.meta);
    let (spans, word) = (heap.spans(), mem.abi.word());
    let (mut wrong, mut first) = (0, None);
    for (i, span) in spans.list().iter().enumerate().filter(|(_, s)| !s.manual) {
        let mut objects = Vec::new();
        assert!(spans.for_each_allocated(i, |o| objects.push(o)), "{span:?}");
        spans.for_each_dead(i, |_| seen.count("dead objects"));
        for obj in objects {
            seen.count("allocated objects");
            if span.class == 0 {
                seen.count("large objects");
            }
            if span.header > 0 {
                seen.count("objects with a malloc header");
            }
            if span.noscan {
                continue;
            }
            let mut last = None;
            hold_type(s, seen, &obj);
            let whole = heap.pointer_words(meta, &obj, &mut |at| {
                assert!(at >= obj.start && at.0 + word <= obj.start.0 + obj.size);
                assert!(last < Some(at), "ascending");
                last = Some(at);
                seen.count("pointer words");
                let to = mem.read_addr(at).unwrap();
                if let Some(what) = target(&spans, to) {
                    seen.count("pointers to objects");
                    if what != SlotState::Allocated {
                        wrong += 1;
                        first.get_or_insert((obj, at, to, what));
                    }
                }
            });
            if !whole {
                undescribed(s, seen, &obj);
            }
        }
    }
    seen.hold("pointers to what is not allocated", wrong == 0, || {
        let span = first.map(|f| spans.list()[f.0.span].clone());
        format!("{wrong}, the first: {first:x?} in {span:x?}")
    });
}

fn target(spans: &Spans<'_, '_>, to: Addr) -> Option<SlotState> {
    spans.state(&spans.object(to)?)
}

/// An object whose pointers the books do not tell: only one whose type was not yet recorded.
fn undescribed(s: &Session<'_, '_>, seen: &mut Seen, obj: &Object) {
    let span = &s.reader.heap.spans().list()[obj.span];
    let header = || s.reader.program.mem.read_uptr(obj.slot_start) == Ok(0);
    let nothing = match span.class {
        0 => span.large_type.is_nil(),
        _ => span.header > 0 && header(),
    };
    seen.hold("objects without a type yet", nothing, || {
        format!("{obj:x?} in {span:x?}")
    });
}

/// The pointers of an object with a recorded type, by its mask and by the structure of the type.
fn hold_type(s: &Session<'_, '_>, seen: &mut Seen, obj: &Object) {
    let (program, heap) = (s.reader.program, s.reader.heap);
    let Some(descriptor) = heap.recorded_type(obj) else {
        return;
    };
    let Some(ty) = s.reader.meta.type_at(descriptor) else {
        return;
    };
    let size = program.graph.get(ty).size;
    let mut got = Vec::new();
    heap.pointer_words(s.reader.meta, obj, &mut |at| {
        let off = at.0 - obj.start.0;
        if off < size {
            got.push(off);
        }
    });
    let word = program.mem.abi.word();
    let want = program.graph.pointer_words(ty, word);
    if !s.modules.contains(descriptor) {
        seen.count("objects of types that reflect made");
        got = without_type_words(got, &want, word);
    }
    seen.hold("types whose mask fits their structure", got == want, || {
        let name = &program.graph.declared(ty).name;
        let other = got.iter().zip(&want).find(|(g, w)| g != w);
        let (g, w) = (got.len(), want.len());
        format!("{name} at {}: {g} words, not {w}; {other:x?}", obj.start)
    });
}
