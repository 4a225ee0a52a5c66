//! Rules on the header of a classic map and the size and progress of its arrays: `CL-FLAGS` to `CL-LOAD`.
//! In: the image of a classic map. Out: findings.

use crate::base::addr::Addr;
use crate::base::limits::MAX_B;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::tally::count_classic;
use crate::check::tally::each_chain;
use crate::check::trust::Part;
use crate::check::trust::Whereabouts;
use crate::check::trust::may_lack_buckets;
use crate::check::trust::misfit;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hmap;
use crate::maps::image::Home;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::SLOTS;
use crate::maps::image::tophash;

/// Old buckets that one evacuation may move the mark by.
const MAX_ADVANCE: u64 = 1024;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "CL-FLAGS",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: true,
        statement: "Only the four lowest bits of `flags` are ever set: iterator, oldIterator, hashWriting and \
            sameSizeGrow.",
        source: "`runtime/map.go`, the flags constants, up to go1.23; `runtime/map_noswiss.go` in go1.24 and go1.25.",
        breaks: "Nothing by itself: the runtime ignores the other bits. Since no Go code can set them, the byte was \
            written by something else, and its neighbours `B` and `noverflow` may have been hit too.",
        innocent: "None.",
        example: "flags: claimed 0x40, found bits 0x40, which mean nothing",
        check: Check::Map(check_flags),
    },
    Rule {
        id: "CL-B",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "`B` is at most 48, and the object that holds the bucket array has room for 2^B buckets but not \
            for more than twice as many.",
        source: "`runtime/map.go`, `makemap`, `makeBucketArray` and `hashGrow`, up to go1.23.",
        breaks: "With a `B` that is too large, lookups and inserts run past the end of the array into other objects. \
            With one that is too small, most entries cannot be found any more. Usually a flipped bit or a stray \
            write over the header.",
        innocent: "Rounding to a size class and the preallocated overflow buckets, one in sixteen from B = 4 on, \
            make the object larger than 2^B buckets, but never twice as large. `hashGrow` raises `B` before it \
            replaces the array, with the write flag set. A bucket on a stack is always alone, so B must be 0 there. \
            When this rule is broken, rules on buckets and entries are undecided.",
        example: "B: claimed 5: 32 buckets, found an object of 2688 bytes, room for 18 buckets",
        check: Check::Map(check_b),
    },
    Rule {
        id: "CL-BUCKETS",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "`buckets` and `oldbuckets` each lead to the first byte of an allocated object; `buckets` may \
            only be nil in a map that is still empty.",
        source: "`runtime/map.go`, `makemap`, `makeBucketArray` and `mapassign`, up to go1.23.",
        breaks: "Lookups read, and inserts overwrite, memory that belongs to others, or fault. Causes: a stray write \
            over the header, or an array freed while the map still used it.",
        innocent: "`makemap` sets `B` before it allocates the array, without the write flag, so nil `buckets` with \
            a `B` above 0 is accepted while every other field is still zero. The first bucket of a map that does not \
            escape lies on the stack.",
        example: "buckets: claimed an array at 0xc0000f7590, found 144 bytes into an object of 5376 bytes at 0xc0000f7500",
        check: Check::Map(check_buckets),
    },
    Rule {
        id: "CL-GROWFLAG",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "The sameSizeGrow flag is only set while `oldbuckets` is not nil.",
        source: "`runtime/map.go`, `hashGrow` and `advanceEvacuationMark`, up to go1.23.",
        breaks: "The next grow takes the number of old buckets to be twice what it is and evacuates past the end of \
            the old array. Causes: racing writers, a stray write, a flipped bit.",
        innocent: "`hashGrow` sets the flag before `oldbuckets`, with the write flag set; such a map is not judged.",
        example: "flags: claimed 0x08: sameSizeGrow, found oldbuckets is nil: no grow is under way",
        check: Check::Map(check_growflag),
    },
    Rule {
        id: "CL-OLDSIZE",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "While the map grows, the object that holds the old array has room for 2^(B-1) buckets, or 2^B in \
            a grow to the same size, but not for more than twice as many.",
        source: "`runtime/map.go`, `(*hmap).noldbuckets` and `(*hmap).oldbucketmask`, up to go1.23.",
        breaks: "Evacuation reads past the end of the old array or leaves part of it behind. The sameSizeGrow flag, \
            `oldbuckets` or `B` was changed by something other than `hashGrow`.",
        innocent: "The old array has its own preallocated overflow buckets behind the main ones and is rounded to a \
            size class; neither makes it twice as large. It is undecided when `B` itself is in doubt.",
        example: "oldbuckets: claimed 8 old buckets (B is 4), found an object of 640 bytes, room for 4 buckets",
        check: Check::Map(check_oldsize),
    },
    Rule {
        id: "CL-NEVAC",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "While the map grows, `nevacuate` is below the number of old buckets, every old bucket below it is \
            evacuated, and the one it names is not.",
        source: "`runtime/map.go`, `evacuate`, `advanceEvacuationMark` and `bucketEvacuated`, up to go1.23.",
        breaks: "The grow ends too early and drops the entries of the buckets that were left out, or it never ends. \
            Causes: two goroutines evacuating at once, a stray write.",
        innocent: "Old buckets above `nevacuate` may be evacuated already, since each write also evacuates the bucket it \
            needs. The mark moves on by at most 1024 at a time, so from there on the bucket it names may be, too. After a grow the field keeps its last value, so it means nothing in a map that does not \
            grow.",
        example: "oldbuckets[9]: claimed evacuated: nevacuate is 15, found not evacuated, 3 live cells",
        check: Check::Map(check_nevac),
    },
    Rule {
        id: "CL-LOAD",
        severity: Severity::Warning,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "A map has at most 8 live entries per main bucket on average.",
        source: "`runtime/map.go`, `overLoadFactor` and `mapassign`, up to go1.23.",
        breaks: "Lookups become slow. The map should have grown long ago, so `B`, `count` or the array was changed \
            by something other than the map code, or writers raced.",
        innocent: "The runtime grows at 6.5 entries per bucket (6.0 in go1.21), but not while a grow to the same \
            size is under way, and a clone of such a map starts just as full; both stay below 8.",
        example: "B: claimed 0: 1 buckets, found 12 live entries, more than 8 a bucket",
        check: Check::Map(check_load),
    },
];

/// The classic part of an image; the registry asks these rules about classic maps only.
pub fn classic<'i, 'a>(image: &'i MapImage<'a>) -> Option<&'i ClassicImage<'a>> {
    match &image.body {
        Body::Classic(c) => Some(c),
        _ => None,
    }
}

fn check_flags(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let known = Hmap::ITERATOR | Hmap::OLD_ITERATOR | Hmap::HASH_WRITING | Hmap::SAME_SIZE_GROW;
    let strange = c.hmap.flags & !known;
    if strange != 0 {
        out.broken(
            Place::Header("flags"),
            format_args!("{:#04x}", c.hmap.flags),
            format_args!("bits {strange:#04x}, which mean nothing"),
        );
    }
}

fn check_b(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let b = c.hmap.b;
    if b > MAX_B {
        return out.broken(
            Place::Header("B"),
            b,
            format_args!("possible are 0 to {MAX_B}"),
        );
    }
    if c.hmap.buckets.is_nil() {
        return; // CL-BUCKETS says whether it may be
    }
    let Some(array) = &c.new else {
        return out.unknown();
    };
    match array.main.home.holds(array.main.addr, 0) {
        None => out.unknown(),
        Some(false) => {} // CL-BUCKETS says so
        Some(true) => {
            if let Some(room) = misfit(array) {
                let claimed = array.main.claimed;
                out.broken(
                    Place::Header("B"),
                    format_args!("{b}: {claimed} buckets"),
                    Room(room, array),
                );
            }
        }
    }
}

/// Says how many buckets an array has room for.
struct Room<'i, 'a>(u64, &'i BucketArray<'a>);

impl std::fmt::Display for Room<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1.main.home {
            Home::Stack => f.write_str("a bucket on a stack, where there is only one"),
            Home::Object { size, .. } => {
                write!(f, "an object of {size} bytes, room for {} buckets", self.0)
            }
            _ => write!(f, "room for {} buckets", self.0),
        }
    }
}

fn check_buckets(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let h = &c.hmap;
    if h.buckets.is_nil() {
        if !may_lack_buckets(h) {
            out.broken(
                Place::Header("buckets"),
                "nil",
                format_args!("B is {}: the map has been in use", h.b),
            );
        }
    } else if h.b <= MAX_B {
        check_start(out, "buckets", h.buckets, c.new.as_ref());
    }
    if h.growing() && h.old_buckets().is_some() && h.b <= MAX_B {
        check_start(out, "oldbuckets", h.oldbuckets, c.old.as_ref());
    }
}

fn check_start(
    out: &mut Verdicts,
    field: &'static str,
    addr: Addr,
    array: Option<&BucketArray<'_>>,
) {
    let home = array.map_or(Home::Unknown, |a| a.main.home);
    match home.holds(addr, 0) {
        None => out.unknown(),
        Some(true) => {}
        Some(false) => {
            out.broken(
                Place::Header(field),
                format_args!("an array at {addr}"),
                Whereabouts { addr, home },
            );
        }
    }
}

fn check_growflag(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    if c.hmap.flags & Hmap::SAME_SIZE_GROW != 0 && !c.hmap.growing() {
        out.broken(
            Place::Header("flags"),
            format_args!("{:#04x}: sameSizeGrow", c.hmap.flags),
            "oldbuckets is nil: no grow is under way",
        );
    }
}

fn check_oldsize(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    if !c.hmap.growing() {
        return;
    }
    if c.hmap.old_buckets().is_none() {
        let addr = c.hmap.oldbuckets;
        return out.broken(
            Place::Header("oldbuckets"),
            addr,
            "B is 0: there was no smaller array",
        );
    }
    if new_buckets(c).is_doubtful() {
        return out.unknown();
    }
    let Some(array) = &c.old else {
        return out.unknown();
    };
    match array.main.home.holds(array.main.addr, 0) {
        None => out.unknown(),
        Some(false) => {} // CL-BUCKETS says so
        Some(true) => {
            if let Some(room) = misfit(array) {
                let same = if c.hmap.flags & Hmap::SAME_SIZE_GROW != 0 {
                    ", sameSizeGrow"
                } else {
                    ""
                };
                out.broken(
                    Place::Header("oldbuckets"),
                    format_args!(
                        "{} old buckets (B is {}{same})",
                        array.main.claimed, c.hmap.b
                    ),
                    Room(room, array),
                );
            }
        }
    }
}

fn check_nevac(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let array = match old_buckets(c) {
        Part::Absent => return,
        Part::Doubtful => return out.unknown(),
        Part::Sound(array) => array,
    };
    let (mark, old) = (c.hmap.nevacuate, array.main.claimed);
    if mark >= old {
        return out.broken(
            Place::Header("nevacuate"),
            mark,
            format_args!("there are {old} old buckets"),
        );
    }
    // The mark moves on until it meets a bucket that is not evacuated, but by no more than 1024 at a time.
    // Source: `runtime/map.go`, `advanceEvacuationMark`.
    if mark < MAX_ADVANCE && array.evacuated(mark) == Some(true) {
        let first = array.main.record(mark).and_then(|b| b.first_chunk::<8>());
        if first.is_some_and(|marks| marks.iter().all(|t| tophash::is_evacuated(*t))) {
            out.broken(
                Place::Header("nevacuate"),
                mark,
                format_args!("oldbuckets[{mark}] is evacuated already"),
            );
        }
    }
    let mut seen = 0u64;
    each_chain(array, |sum| {
        if sum.chain < mark {
            seen = seen.saturating_add(1);
            if sum.is_untouched() {
                out.broken(
                    Place::Bucket {
                        old: true,
                        chain: sum.chain,
                        position: 0,
                    },
                    format_args!("evacuated: nevacuate is {mark}"),
                    format_args!("not evacuated, {} live cells", sum.live),
                );
            }
        }
    });
    if seen < mark {
        out.unknown();
    }
}

fn check_load(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let Some(array) = new_buckets(c).sound() else {
        return;
    };
    let limit = array.main.claimed.saturating_mul(SLOTS);
    if c.hmap.count <= 0 || c.hmap.count.cast_unsigned() <= limit {
        return;
    }
    match count_classic(c, s.tallies.cells) {
        None => out.unknown(),
        Some(found) if found > limit => out.broken(
            Place::Header("B"),
            format_args!("{}: {} buckets", c.hmap.b, array.main.claimed),
            format_args!("{found} live entries, more than 8 a bucket"),
        ),
        Some(_) => {} // the count is wrong: MAP-COUNT says so
    }
}
