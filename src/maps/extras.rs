//! Whether `mapextra` and its lists lie where the runtime allocates such things.
//! In: an image whose body is read. Out: those that do not.

use crate::base::addr::Addr;
use crate::base::home::Home;
use crate::maps::image::Body;
use crate::maps::image::MapImage;
use crate::maps::image::Misplaced;
use crate::maps::image::Place;
use crate::process::memory::Memory;
use crate::runtime::heap::Heap;

/// Looks at `extra`, at the slice headers its lists are kept in, and at the slices' arrays: each begins an
/// object of the heap that is large enough. Source: `runtime/map.go`, `(*hmap).createOverflow` and
/// `(*hmap).newoverflow`, up to go1.23.
pub(crate) fn misplaced(
    mem: &Memory<'_>,
    heap: &Heap<'_, '_>,
    extra_size: u64,
    image: &MapImage<'_>,
) -> Vec<Misplaced> {
    let mut out = Vec::new();
    let Body::Classic(c) = &image.body else {
        return out;
    };
    let word = mem.abi.word();
    let mut look = |field: &'static str, addr: Addr, size: u64| {
        let home = heap.home(addr);
        let right = match home {
            Home::Stack | Home::Module => false,
            _ => home.holds(addr, size) != Some(false),
        };
        if !right {
            out.push(Misplaced {
                place: Place::Header(field),
                addr,
                home,
            });
        }
        right
    };
    if c.hmap.extra.is_nil() || !look("extra", c.hmap.extra, extra_size) {
        return out;
    }
    let Some(extra) = &c.extra else { return out };
    for (field, list) in [
        ("extra.overflow", &extra.overflow),
        ("extra.oldoverflow", &extra.oldoverflow),
    ] {
        let Some(list) = list else { continue };
        if !look(field, list.addr, word.saturating_mul(3)) || list.claimed == 0 {
            continue;
        }
        if let Ok(data) = mem.read_addr(list.addr) {
            look(field, data, list.claimed.saturating_mul(word));
        }
    }
    out
}
