//! Whether the allocator's books agree with what a map takes its storage for.
//! In: an image whose body is read. Out: the arrays of which they say something else.

use crate::maps::image::Body;
use crate::maps::image::Books;
use crate::maps::image::HeapType;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Shape;
use crate::runtime::heap::Heap;
use crate::runtime::spans::Object;
use crate::runtime::spans::SlotState;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;

/// What a piece of storage should be.
struct Wanted {
    /// Bytes; `None` where rounding and preallocation leave it open (bucket arrays).
    size: Option<u64>,
    has_pointers: bool,
    /// It is an array of buckets or groups.
    is_array: bool,
}

/// Holds each piece of storage that begins a live object against the span it lies in, and, from go1.22,
/// against the type that was recorded when it was allocated.
/// Source: `runtime/malloc.go`, `mallocgc`; `runtime/mbitmap.go`, `heapSetType`.
pub(crate) fn heap_types(
    heap: &Heap<'_, '_>,
    meta: &TypeMeta<'_, '_>,
    graph: &TypeGraph<'_>,
    image: &MapImage<'_>,
) -> Vec<HeapType> {
    let mut out = Vec::new();
    let spans = heap.spans();
    let slots = &image.slots;
    image.for_each_storage(|place, addr| {
        let Some(wanted) = wanted(image, place) else {
            return;
        };
        if heap.is_slot_of(addr, wanted.size, wanted.has_pointers) {
            return;
        }
        let Some(obj) = spans.object(addr).filter(|o| o.start == addr) else {
            return;
        };
        let Some(span) = spans.list().get(obj.span) else {
            return;
        };
        let has_pointers = !span.noscan;
        let class = wanted
            .size
            .and_then(|size| heap.slot_size(size, wanted.has_pointers))
            .filter(|wants| *wants != span.elem_size);
        let books = if has_pointers != wanted.has_pointers {
            Books::Pointers(has_pointers)
        } else if let Some(wants) = class {
            Books::Class {
                wants,
                has: span.elem_size,
            }
        } else {
            let other = other_type(heap, meta, graph, &obj, slots.size);
            let Some(other) = other.filter(|_| wanted.is_array) else {
                return;
            };
            Books::Type(graph.get(other).name.clone())
        };
        // Bits are looked at last: nearly always there is nothing to say.
        if spans.state(&obj) == Some(SlotState::Allocated) {
            out.push(HeapType { place, addr, books });
        }
    });
    out
}

/// The type that is recorded for an array of buckets or groups of `size` bytes, if they cannot be of it.
pub(crate) fn other_type(
    heap: &Heap<'_, '_>,
    meta: &TypeMeta<'_, '_>,
    graph: &TypeGraph<'_>,
    obj: &Object,
    size: u64,
) -> Option<TypeId> {
    let ty = meta.type_at(heap.recorded_type(obj)?)?;
    let recorded = graph.get(ty).size;
    (recorded != size && recorded != 0).then_some(ty)
}

/// What the storage that a place refers to should be; `None` where another rule speaks of its size.
/// Source: `internal/runtime/maps/table.go`, `newTable` and `(*table).reset`, `internal/runtime/maps/map.go`,
/// `NewMap`, `growToSmall` and `expandDirectory`, from go1.24; `runtime/map.go`, `makeBucketArray`, up to go1.23.
fn wanted(image: &MapImage<'_>, place: Place) -> Option<Wanted> {
    let slots = &image.slots;
    let word = image.abi.word();
    let array = |size| Wanted {
        size,
        has_pointers: slots.has_pointers,
        is_array: true,
    };
    let pointers = |size: u64| Wanted {
        size: Some(size),
        has_pointers: true,
        is_array: false,
    };
    match (&image.body, place) {
        // Classic buckets hold an overflow pointer, but the collector does not look at it where key and
        // elem have none. Source: `cmd/compile/internal/reflectdata/reflect.go`, `MapBucketType`.
        (Body::Classic(_), _) => Some(array(None)),
        (Body::Swiss(s), Place::Header(_)) => match &s.shape {
            Shape::Small(_) => Some(array(Some(slots.size))),
            Shape::Tables(d) => Some(pointers(d.claimed.checked_mul(word)?)),
            Shape::Empty | Shape::Nonsense => None,
        },
        (Body::Swiss(_), Place::Dir(_)) => {
            // Source: `internal/runtime/maps/table.go`, `table`: 32 bytes, 24 in 32-bit processes.
            Some(pointers(if word == 4 { 24 } else { 32 }))
        }
        (Body::Swiss(s), Place::Table { dir: first, .. }) => {
            let Shape::Tables(d) = &s.shape else {
                return None;
            };
            let table = d.tables.get(d.table_of(first)?)?;
            let groups = table.groups.as_ref()?;
            Some(array(Some(groups.claimed.checked_mul(groups.stride)?)))
        }
        _ => None,
    }
}
