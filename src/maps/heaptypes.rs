//! Whether the allocator's books agree with what a map takes its storage for.
//! In: an image whose body is read. Out: the arrays of which they say something else.

use crate::maps::image::Body;
use crate::maps::image::Books;
use crate::maps::image::HeapType;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::runtime::heap::Heap;
use crate::runtime::spans::SlotState;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::TypeGraph;

/// Holds each bucket array and group array that begins a live object against the span it lies in, and, from
/// go1.22, against the type that was recorded when it was allocated.
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
        if !is_array(image, place) {
            return;
        }
        let Some(obj) = spans.object(addr).filter(|o| o.start == addr) else {
            return;
        };
        let Some(span) = spans.list().get(obj.span) else {
            return;
        };
        if spans.state(&obj) != Some(SlotState::Allocated) {
            return;
        }
        // Classic buckets hold an overflow pointer, but the collector does not look at it where key and
        // elem have none. Source: `cmd/compile/internal/reflectdata/reflect.go`, `MapBucketType`.
        let has_pointers = !span.noscan;
        let books = if has_pointers != slots.has_pointers {
            Books::Pointers(has_pointers)
        } else {
            let Some(ty) = heap.recorded_type(&obj).and_then(|d| meta.type_at(d)) else {
                return;
            };
            let recorded = graph.get(ty);
            if recorded.size == slots.size || recorded.size == 0 {
                return;
            }
            Books::Type(recorded.name.clone())
        };
        out.push(HeapType { place, addr, books });
    });
    out
}

/// Whether a place refers to an array of buckets or groups, not to a directory or a table.
fn is_array(image: &MapImage<'_>, place: Place) -> bool {
    match (&image.body, place) {
        (Body::Classic(_), _) => true,
        (Body::Swiss(s), Place::Header(_)) => s.map.dir_len == 0,
        (Body::Swiss(_), Place::Table { .. }) => true,
        _ => false,
    }
}
