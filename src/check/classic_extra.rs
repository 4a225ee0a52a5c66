//! Rules on `mapextra`, the overflow buckets a classic map keeps in reserve or alive: `CL-EXTRA` to `CL-OLDEXTRA`.
//! In: the image of a classic map. Out: findings.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::bytes::all_zero;
use crate::check::classic::classic;
use crate::check::classic_chains::ESTIMATE_B;
use crate::check::classic_chains::arrays;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::trust::Whereabouts;
use crate::check::trust::new_buckets;
use crate::maps::image::BucketArray;
use crate::maps::image::MIN_B_PREALLOC;
use crate::maps::image::OverflowList;
use crate::maps::image::Place;
use crate::maps::image::Seat;
use crate::maps::image::Storage;

/// From this B on arrays have preallocated overflow buckets. Source: `runtime/map.go`, `makeBucketArray`.
const PREALLOC_B: u8 = 4;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "CL-EXTRA",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "If keys and elems hold no pointers, `extra.overflow` and `extra.oldoverflow` list exactly the \
            overflow buckets of `buckets` and `oldbuckets`; otherwise both are nil.",
        source: "`runtime/map.go`, `mapextra`, `(*hmap).newoverflow` and `hashGrow`, up to go1.23.",
        breaks: "The garbage collector does not look into such buckets, so a bucket that is missing from the list can \
            be freed and reused while it is still in a chain. Typical for two goroutines that appended to the list \
            at once, or for a stray write.",
        innocent: "Starting an iteration over a map without pointers creates an empty list. While a bucket is being \
            added the list is one ahead of the chain, with the write flag set.",
        example: "extra.overflow: claimed 3 buckets in the list at 0xc000014018, found 4 in the chains",
        check: Check::Map(check_extra),
    },
    Rule {
        id: "CL-NEXTOVF",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "`extra.nextOverflow` is nil or leads to a preallocated bucket of `buckets`; from there on all \
            preallocated buckets are unused and zero, and the last one carries the end mark. From B = 16 on all \
            those before it are in chains.",
        source: "`runtime/map.go`, `makeBucketArray` and `(*hmap).newoverflow`, up to go1.23.",
        breaks: "The next overflow bucket that a chain needs is taken from memory that is in use or not the map's: \
            entries are overwritten, or the allocator's neighbours are. Causes: racing writers, a stray write.",
        innocent: "Below B = 4 nothing is preallocated. `makemap` allocates `extra` after the array, so a new map may \
            have no nextOverflow yet. With the address sanitizer the object is larger than the array; what lies \
            behind the bucket with the end mark is not looked at.",
        example: "extra.nextOverflow: claimed 0xc000123c98, found no bucket from 64 to 71 of the array begins there",
        check: Check::Map(check_nextovf),
    },
    Rule {
        id: "CL-OLDEXTRA",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "`extra.oldoverflow` is nil while the map does not grow.",
        source: "`runtime/map.go`, `hashGrow` and `advanceEvacuationMark`, up to go1.23.",
        breaks: "The next grow stops the program with `fatal error: oldoverflow is not nil`. Causes: racing writers \
            that ended a grow twice, or `oldbuckets` or `extra` overwritten.",
        innocent: "The end of a grow clears `oldbuckets` first and the list next, with the write flag set.",
        example: "extra.oldoverflow: claimed 0xc000014030, found nil is right: the map does not grow",
        check: Check::Map(check_oldextra),
    },
];

fn check_extra(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    for m in &s.image.misplaced {
        out.broken(
            m.place,
            format_args!("an object at {}", m.addr),
            Whereabouts {
                addr: m.addr,
                home: m.home,
            },
        );
    }
    if !s.image.misplaced.is_empty() {
        return;
    }
    // `makemap` stores the array first and `extra` next, before there is any entry.
    let b = c.hmap.b;
    if c.hmap.extra.is_nil() && b >= MIN_B_PREALLOC && c.hmap.count > 0 {
        if new_buckets(c).sound().is_some() {
            out.broken(
                Place::Header("extra"),
                "nil",
                format_args!("B is {b}: overflow buckets were preallocated"),
            );
        }
        return;
    }
    if c.extra.is_none() && !c.hmap.extra.is_nil() {
        let at = s
            .image
            .gaps
            .list
            .iter()
            .find(|g| g.fault.addr == c.hmap.extra && g.fault.why.is_the_process());
        return match at {
            Some(gap) => out.broken(Place::Header("extra"), c.hmap.extra, gap.fault.why),
            None => out.unknown(),
        };
    }
    let lists = c
        .extra
        .as_ref()
        .map(|e| (e.overflow.as_ref(), e.oldoverflow.as_ref()))
        .unwrap_or_default();
    let fields = [
        ("extra.overflow", lists.0, false),
        ("extra.oldoverflow", lists.1, true),
    ];
    if s.image.slots.has_pointers {
        for (field, list, old) in fields {
            // Outside of a grow oldoverflow is the affair of CL-OLDEXTRA.
            if let Some(list) = list.filter(|_| !old || c.hmap.growing()) {
                out.broken(
                    Place::Header(field),
                    list.addr,
                    "nil is right for buckets with pointers",
                );
            }
        }
        return;
    }
    for (old, array) in arrays(s.image, out) {
        for (field, list, of_old) in fields {
            if of_old == old {
                compare_list(field, old, list, array, out);
            }
        }
    }
}

/// Compares the list that keeps overflow buckets alive with those in the chains.
fn compare_list(
    field: &'static str,
    old: bool,
    list: Option<&OverflowList>,
    array: &BucketArray<'_>,
    out: &mut Verdicts,
) {
    let found = array.overflow.len() as u64;
    let claimed = list.map_or(0, |l| l.claimed);
    if !array.is_complete() {
        return out.unknown();
    }
    if let Some(list) = list.filter(|l| !l.is_complete()) {
        return if claimed == found {
            out.unknown();
        } else {
            out.broken(
                Place::Header(field),
                format_args!("{claimed} buckets in the list at {}", list.addr),
                format_args!("{found} in the chains"),
            );
        };
    }
    let mut listed: Vec<Addr> = list.map(|l| l.buckets.clone()).unwrap_or_default();
    let mut chained: Vec<Addr> = array.overflow.iter().map(|o| o.addr).collect();
    listed.sort_unstable();
    chained.sort_unstable();
    if listed == chained {
        return;
    }
    for bucket in array
        .overflow
        .iter()
        .filter(|o| listed.binary_search(&o.addr).is_err())
    {
        out.broken(
            Place::Bucket {
                old,
                chain: bucket.chain,
                position: bucket.position,
            },
            format_args!("an overflow bucket at {}", bucket.addr),
            format_args!("not in {field}: the collector may free it"),
        );
    }
    let mut before = None;
    for addr in listed {
        if chained.binary_search(&addr).is_err() || before == Some(addr) {
            let twice = if before == Some(addr) {
                "listed twice"
            } else {
                "in no chain"
            };
            out.broken(
                Place::Header(field),
                format_args!("an overflow bucket at {addr}"),
                twice,
            );
        }
        before = Some(addr);
    }
}

fn check_nextovf(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let Some(extra) = &c.extra else {
        if !c.hmap.extra.is_nil() {
            out.unknown();
        }
        return;
    };
    let next = extra.next_overflow;
    if next.is_nil() {
        return;
    }
    let Some(array) = new_buckets(c).sound() else {
        return out.unknown();
    };
    let place = Place::Header("extra.nextOverflow");
    if c.hmap.b < PREALLOC_B {
        return out.broken(
            place,
            next,
            format_args!("B is {}: nothing is preallocated", c.hmap.b),
        );
    }
    let (Some(prealloc), Some(room)) = (&array.prealloc, array.room) else {
        return out.unknown();
    };
    let (main, stride) = (array.main.claimed, array.main.stride);
    let idx = next
        .offset_from(array.main.addr)
        .filter(|off| off.checked_rem(stride) == Some(0));
    let idx = idx
        .and_then(|off| off.checked_div(stride))
        .filter(|i| (main..room).contains(i));
    let Some(idx) = idx else {
        return out.broken(
            place,
            next,
            format_args!("no bucket from {main} to {room} of the array begins there"),
        );
    };
    let (mut taken, mut late) = (0u64, 0u64);
    for bucket in &array.overflow {
        if let Seat::Prealloc(seat) = bucket.seat {
            taken = taken.saturating_add(1);
            late = late.saturating_add(u64::from(seat >= idx));
        }
    }
    let claimed = format_args!("bucket {idx} is the next unused one").to_string();
    if late > 0 {
        return out.broken(
            place,
            claimed,
            format_args!("{late} buckets from there on are in chains"),
        );
    }
    if c.hmap.b >= ESTIMATE_B {
        let gone = idx.saturating_sub(main);
        if !array.is_complete() {
            out.unknown();
        } else if taken != gone {
            out.broken(
                place,
                format_args!("{gone} preallocated buckets taken"),
                format_args!("{taken} in chains"),
            );
        }
    }
    check_unused(
        s.image.abi,
        array,
        prealloc,
        idx.saturating_sub(main),
        s.image.slots.overflow_off,
        out,
    );
}

/// The preallocated buckets from `first` on are zero, and the last of them carries the end mark.
fn check_unused(
    abi: Abi,
    array: &BucketArray<'_>,
    prealloc: &Storage<'_>,
    first: u64,
    overflow_off: Option<u64>,
    out: &mut Verdicts,
) {
    let Some(off) = overflow_off.and_then(|o| usize::try_from(o).ok()) else {
        return out.unknown();
    };
    let main = array.main.claimed;
    for (i, bytes) in prealloc.records() {
        if i < first {
            continue;
        }
        let link = abi.uptr(bytes, off).unwrap_or_default();
        let place = Place::Bucket {
            old: false,
            chain: main.saturating_add(i),
            position: 0,
        };
        if !bytes.get(..off).is_some_and(all_zero) {
            out.broken(
                place,
                "an unused overflow bucket",
                "bytes that are not zero",
            );
        }
        if link == array.main.addr.0 {
            return;
        }
        if link != 0 {
            out.broken(
                place,
                "an unused overflow bucket",
                format_args!("an overflow pointer to {link:#x}"),
            );
        }
    }
    if !prealloc.is_complete() {
        out.unknown();
    } else if out.total == 0 {
        let last = main.saturating_add(prealloc.count).saturating_sub(1);
        let place = Place::Bucket {
            old: false,
            chain: last,
            position: 0,
        };
        out.broken(
            place,
            "the last unused overflow bucket",
            "an overflow pointer of nil, not the end mark",
        );
    }
}

fn check_oldextra(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    if c.hmap.growing() {
        return;
    }
    match &c.extra {
        Some(extra) => {
            if let Some(list) = &extra.oldoverflow {
                out.broken(
                    Place::Header("extra.oldoverflow"),
                    list.addr,
                    "nil is right: the map does not grow",
                );
            }
        }
        None if c.hmap.extra.is_nil() => {}
        None => out.unknown(),
    }
}
