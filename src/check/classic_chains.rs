//! Rules on the overflow buckets of a classic map: `CL-CHAIN` to `CL-NOVERFLOW2`.
//! In: the image of a classic map. Out: findings.

use crate::check::classic::classic;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::trust::Whereabouts;
use crate::check::trust::is_heap_start;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::maps::image::BucketArray;
use crate::maps::image::ChainFault;
use crate::maps::image::ChainFaultKind;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Seat;

/// From this B on `noverflow` is an estimate. Source: `runtime/map.go`, `(*hmap).incrnoverflow`.
pub const ESTIMATE_B: u8 = 16;

/// Estimates below this are too small to judge: the counter is a random sample.
const LARGE: u64 = 64;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "CL-CHAIN",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "Every chain of overflow buckets ends, no bucket is in two chains or twice in one, and each \
            overflow bucket is either a preallocated one of its array or a heap object of its own.",
        source: "`runtime/map.go`, `(*hmap).newoverflow` and `(*bmap).overflow`, up to go1.23.",
        breaks: "A cycle makes lookups of absent keys spin for ever; a shared bucket makes one chain's writes appear \
            in another; a pointer to foreign memory faults or corrupts it. Causes: two goroutines adding overflow \
            buckets at once, a stray write, or a bucket freed because a pointer-free map lost it from its list.",
        innocent: "Evacuation may clear the overflow pointer of an old main bucket, which only shortens the chain. \
            Chains longer than badmap follows, and buckets that are not in the core, make the rule undecided. A \
            pointer to the start of the array is the affair of CL-OVFPTR.",
        example: "buckets[1]: claimed overflow bucket at 0x123456789000, found not mapped in the process",
        check: Check::Map(check_chain),
    },
    Rule {
        id: "CL-OVFPTR",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "No overflow pointer of a bucket in use leads to the start of its own bucket array.",
        source: "`runtime/map.go`, `makeBucketArray` and `(*hmap).newoverflow`, up to go1.23: that address marks the \
            last preallocated bucket while it is unused, and is removed when the bucket is taken.",
        breaks: "The chain runs on into bucket 0: lookups see foreign entries and evacuation copies them twice. \
            Typical for two goroutines that took the last preallocated bucket at once.",
        innocent: "The last unused preallocated bucket carries the mark rightly; it is in no chain.",
        example: "buckets[3]: claimed overflow bucket at 0xc0000f7500, found the start of the array: the end mark of an unused bucket",
        check: Check::Map(check_ovfptr),
    },
    Rule {
        id: "CL-NOVERFLOW",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "Up to B = 15, `noverflow` equals the number of overflow buckets in the chains of `buckets`.",
        source: "`runtime/map.go`, `(*hmap).incrnoverflow`, `hashGrow` and `mapclear`, up to go1.23.",
        breaks: "The map grows to the same size too early or too late. A number that is too large means that an \
            overflow bucket was lost from its chain, together with its entries: typical for two goroutines that \
            added one to the same chain.",
        innocent: "Deletes never unlink overflow buckets. While a bucket is being added the counter is one ahead, \
            with the write flag set. The chains of `oldbuckets` do not count.",
        example: "noverflow: claimed 6, found 4 overflow buckets",
        check: Check::Map(check_noverflow),
    },
    Rule {
        id: "CL-NOVERFLOW2",
        severity: Severity::Info,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "From B = 16 on, `noverflow` is within a factor of 4 of the number of overflow buckets divided by \
            2^(B-15).",
        source: "`runtime/map.go`, `(*hmap).incrnoverflow`, up to go1.23: it counts each bucket with that \
            probability.",
        breaks: "The map grows to the same size too early or too late. A large gap hints at a changed counter or at \
            lost overflow buckets.",
        innocent: "The counter is a random sample, so the rule proves nothing; samples below 64 are not judged from \
            below.",
        example: "noverflow: claimed 900, found 310 overflow buckets, about 155 expected",
        check: Check::Map(check_noverflow2),
    },
];

/// The arrays that can be believed, old first. Says unknown for those that cannot.
pub fn arrays<'i, 'a>(
    image: &'i MapImage<'a>,
    out: &mut Verdicts,
) -> impl Iterator<Item = (bool, &'i BucketArray<'a>)> + use<'i, 'a> {
    let parts = classic(image).map(|c| [(true, old_buckets(c)), (false, new_buckets(c))]);
    if parts.iter().flatten().any(|(_, part)| part.is_doubtful()) {
        out.unknown();
    }
    parts
        .into_iter()
        .flatten()
        .filter_map(|(old, part)| Some((old, part.sound()?)))
}

/// The pointer leads to the start of the array whose bucket holds it.
fn is_end_mark(array: &BucketArray<'_>, fault: &ChainFault) -> bool {
    use ChainFaultKind::Cycle;
    use ChainFaultKind::IntoArray;
    use ChainFaultKind::Shared;
    fault.to == array.main.addr && matches!(fault.what, Cycle | IntoArray | Shared { .. })
}

fn check_chain(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let size = s.image.slots.size;
    for (old, array) in arrays(s.image, out) {
        if !array.main.is_complete() || array.main.count != array.main.claimed {
            out.unknown();
        }
        for fault in &array.chain_faults {
            let place = Place::Bucket {
                old,
                chain: fault.chain,
                position: fault.position,
            };
            let claimed = format_args!("overflow bucket at {}", fault.to);
            match fault.what {
                ChainFaultKind::TooLong => out.unknown(),
                ChainFaultKind::Unreadable(f) if !f.why.is_the_process() => out.unknown(),
                _ if is_end_mark(array, fault) => {}
                ChainFaultKind::Unreadable(f) => out.broken(place, claimed, f.why),
                ChainFaultKind::Cycle => {
                    out.broken(place, claimed, "a bucket of this chain: a cycle")
                }
                ChainFaultKind::Shared { chain } => {
                    out.broken(
                        place,
                        claimed,
                        format_args!("a bucket of the chain of bucket {chain}"),
                    );
                }
                ChainFaultKind::IntoArray => {
                    out.broken(place, claimed, "inside a bucket array, not a free bucket")
                }
                ChainFaultKind::Nowhere(home) => {
                    out.broken(
                        place,
                        claimed,
                        Whereabouts {
                            addr: fault.to,
                            home,
                        },
                    );
                }
            }
        }
        for bucket in &array.overflow {
            let Seat::Elsewhere(home) = bucket.seat else {
                continue;
            };
            let place = Place::Bucket {
                old,
                chain: bucket.chain,
                position: bucket.position,
            };
            let fits = home.room_at(bucket.addr).is_none_or(|room| room >= size);
            match is_heap_start(home, bucket.addr) {
                None => out.unknown(),
                Some(true) if fits => {}
                Some(_) => out.broken(
                    place,
                    format_args!("a bucket of {size} bytes at {}", bucket.addr),
                    Whereabouts {
                        addr: bucket.addr,
                        home,
                    },
                ),
            }
        }
    }
}

fn check_ovfptr(s: &Subject<'_, '_>, out: &mut Verdicts) {
    for (old, array) in arrays(s.image, out) {
        if !array.is_complete() {
            out.unknown();
        }
        for fault in array.chain_faults.iter().filter(|f| is_end_mark(array, f)) {
            out.broken(
                Place::Bucket {
                    old,
                    chain: fault.chain,
                    position: fault.position,
                },
                format_args!("overflow bucket at {}", fault.to),
                "the start of the array: the end mark of an unused bucket",
            );
        }
    }
}

fn check_noverflow(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    if c.hmap.b >= ESTIMATE_B {
        return;
    }
    let part = new_buckets(c);
    if part.is_doubtful() {
        return out.unknown();
    }
    let (complete, found) = part
        .sound()
        .map_or((true, 0), |a| (a.is_complete(), a.overflow.len()));
    if !complete {
        out.unknown();
    } else if usize::from(c.hmap.noverflow) != found {
        out.broken(
            Place::Header("noverflow"),
            c.hmap.noverflow,
            format_args!("{found} overflow buckets"),
        );
    }
}

fn check_noverflow2(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let Some(shift) = c.hmap.b.checked_sub(ESTIMATE_B.saturating_sub(1)) else {
        return;
    };
    let Some(array) = new_buckets(c).sound() else {
        return;
    };
    if c.hmap.b < ESTIMATE_B {
        return;
    }
    if !array.is_complete() {
        return out.unknown();
    }
    let found = array.overflow.len() as u64;
    let expected = found.checked_shr(u32::from(shift)).unwrap_or_default();
    let claimed = u64::from(c.hmap.noverflow);
    let too_few = expected >= LARGE && claimed < expected.checked_div(4).unwrap_or_default();
    if too_few || claimed > expected.max(LARGE).saturating_mul(4) {
        out.broken(
            Place::Header("noverflow"),
            claimed,
            format_args!("{found} overflow buckets, about {expected} expected"),
        );
    }
}
