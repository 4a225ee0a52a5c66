//! Rules on the tophash bytes of a classic map: `CL-TOPRANGE` to `CL-ONE`.
//! In: the image of a classic map. Out: findings.
//! Long for its manuals; the rules share one walk over the chains, so they stay in one file.

use crate::base::bytes::all_zero;
use crate::check::census::Judged;
use crate::check::classic::classic;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::tally::each_chain;
use crate::check::trust::Part;
use crate::check::trust::is_about_to_grow;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::maps::image::BucketArray;
use crate::maps::image::BucketRef;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hmap;
use crate::maps::image::Place;
use crate::maps::image::tophash;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "CL-TOPRANGE",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: true,
        statement: "The tophash values 2, 3 and 4 appear only in old chains that are evacuated.",
        source: "`runtime/map.go`, the tophash constants, `evacuated` and `evacuate`, up to go1.23.",
        breaks: "The next evacuation of the bucket stops the program with `fatal error: bad map state`; until then \
            the entry of such a cell is skipped by lookups. Causes: two goroutines evacuating one bucket, a stray \
            write, a flipped bit in a tophash.",
        innocent: "A chain counts as evacuated by the first cell of its main bucket alone, and the runtime marks that \
            cell first, so the rule holds in the middle of a write as well. A writer about to store an array of twice the size \
            has raised B already, and the old one has but half of the buckets. When most cells of a chain are marked \
            and only the first is not, the first cell is named instead of all the others.",
        example: "buckets[2].cell[0]: claimed 0x03: evacuated, found a cell of the current array",
        check: Check::Map(check_toprange),
    },
    Rule {
        id: "CL-EVACALL",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "In an old chain whose first cell is marked as evacuated, every cell is.",
        source: "`runtime/map.go`, `evacuate`, up to go1.23: it marks all cells of a chain in one go.",
        breaks: "The entries of the cells that are not marked are lost, since nobody looks into an evacuated chain \
            again. Causes: two goroutines evacuating one bucket, an insert into an array that was already replaced, \
            a flipped bit.",
        innocent: "After evacuation the key and elem area and the overflow pointer of the main bucket may be \
            cleared, so that the chain is only one bucket long; the tophash bytes stay. When only the first cell is \
            marked and most others are not, the first cell alone is named.",
        example: "oldbuckets[0].cell[1]: claimed 0x77, found a cell of an evacuated chain: possible are 0x02, 0x03 and 0x04",
        check: Check::Map(check_evacall),
    },
    Rule {
        id: "CL-EVACSIDE",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "A cell of an evacuated chain is marked as moved to the half that the hash of its key leads to; in a \
            grow to the same size there is no upper half, and only the values 2 and 4 appear.",
        source: "`runtime/map.go`, `evacuate`, up to go1.23.",
        breaks: "A running iterator looks for the entry in a bucket that does not exist. Causes: a stray write, a \
            flipped bit, or a sameSizeGrow flag that was set later.",
        innocent: "Where buckets hold pointers the keys of evacuated cells may be cleared, and NaN keys go to either half \
            by chance; neither is looked at.",
        example: "oldbuckets[0].cell[4]: claimed 0x02: moved to the lower half, found its key hashes to the upper half",
        check: Check::Map(check_evacside),
    },
    Rule {
        id: "CL-UNEVACDST",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "While an old bucket is not evacuated, the new buckets that it will be moved to are all zero.",
        source: "`runtime/map.go`, `growWork` and `evacuate`, up to go1.23: every write evacuates the old bucket \
            before it touches the new one.",
        breaks: "Evacuation overwrites the entries that are already there, and lookups do not find them before that. \
            Typical for a goroutine that wrote with a stale view of the map, or for a stray write.",
        innocent: "None outside of a write: a new array comes zeroed from the allocator and is not touched earlier. \
            Old buckets that another rule already names are skipped.",
        example: "buckets[15]: claimed untouched: oldbuckets[15] is not evacuated, found 1 live cells, first byte that is not zero at 0",
        check: Check::Map(check_unevacdst),
    },
    Rule {
        id: "CL-REST",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "Behind a cell with tophash 0 (emptyRest) every cell of the chain has tophash 0.",
        source: "`runtime/map.go`, `emptyRest`, `mapaccess1` and `mapdelete`, since go1.12, up to go1.23.",
        breaks: "Lookups stop at the first such cell, so the entries behind it cannot be found although a range \
            still yields them, and an insert of the same key makes a second copy. Causes: racing deletes and \
            inserts, a tophash that was zeroed by a stray write or changed by a flipped bit.",
        innocent: "A delete fills the marks backwards from the end of the chain with the write flag set. Evacuated \
            old chains have no such marks and are skipped.",
        example: "buckets[0].cell[7]: claimed 0x00: nothing follows in the chain, found 1 later cells are in use",
        check: Check::Map(check_rest),
    },
    Rule {
        id: "CL-ONE",
        severity: Severity::Warning,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "The last cell of a chain that is not emptyRest is never emptyOne (tophash 1).",
        source: "`runtime/map.go`, `mapdelete`, since go1.12, up to go1.23: it turns the emptyOne cells at the end \
            of a chain into emptyRest.",
        breaks: "Nothing but speed: lookups walk further than they need to. Correct code never leaves it so; it \
            shows racing deletes, or a live tophash that was changed to 1, which loses the entry.",
        innocent: "A delete in progress passes through this state with the write flag set. The end of a chain that \
            could not be read to its end is not judged.",
        example: "buckets[0].cell[4]: claimed 0x01: something live follows, found nothing live follows in the chain",
        check: Check::Map(check_one),
    },
];

/// Tophash of the first cell, as it is shown.
fn byte(t: u8) -> String {
    format!("{t:#04x}")
}

/// Looks at the marks of all buckets of one chain.
fn each_cell(
    array: &BucketArray<'_>,
    chain: u64,
    pick: impl Fn(u8) -> bool,
    mut each: impl FnMut(u32, u8, u8),
) {
    let Some(main) = array.main.record(chain) else {
        return;
    };
    let head = BucketRef {
        chain,
        position: 0,
        addr: array.main.addr,
        bytes: main,
    };
    let tail = array.chain_overflow(chain).iter().map(|o| BucketRef {
        chain,
        position: o.position,
        addr: o.addr,
        bytes: &o.bytes,
    });
    for bucket in std::iter::once(head).chain(tail) {
        for (cell, mark) in (0u8..).zip(bucket.tophash()) {
            if pick(mark) {
                each(bucket.position, cell, mark);
            }
        }
    }
}

fn check_toprange(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(c) = classic(s.image) else { return };
    let half_made = s.image.is_changing() && is_about_to_grow(c);
    for (old, part) in [(true, old_buckets(c)), (false, new_buckets(c))] {
        let array = match part {
            Part::Absent => continue,
            Part::Doubtful => {
                if !half_made {
                    out.unknown();
                }
                continue;
            }
            Part::Sound(array) => array,
        };
        if !array.is_complete() {
            out.unknown();
        }
        if !old && !s.tallies.cells.evacuated {
            continue;
        }
        each_chain(array, |sum| {
            if sum.is_untouched() || (old && tophash::is_evacuated(sum.first)) {
                return;
            }
            let chain = sum.chain;
            let others = sum.cells.saturating_sub(sum.evacuated);
            if old && sum.evacuated > others {
                return out.broken(
                    Place::Cell {
                        old,
                        chain,
                        position: 0,
                        cell: 0,
                    },
                    format_args!("{}: not evacuated", byte(sum.first)),
                    format_args!(
                        "{} of {} cells of the chain are marked as evacuated",
                        sum.evacuated, sum.cells
                    ),
                );
            }
            each_cell(
                array,
                chain,
                tophash::is_evacuated,
                |position, cell, mark| {
                    let found = if old {
                        "a chain that is not evacuated"
                    } else {
                        "a cell of the current array"
                    };
                    out.broken(
                        Place::Cell {
                            old,
                            chain,
                            position,
                            cell,
                        },
                        format_args!("{}: evacuated", byte(mark)),
                        found,
                    );
                },
            );
        });
    }
}

fn check_evacall(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((_, array)) = old_array(s, out) else {
        return;
    };
    each_chain(array, |sum| {
        if !tophash::is_evacuated(sum.first) || sum.is_evacuated() {
            return;
        }
        let chain = sum.chain;
        let others = sum.cells.saturating_sub(sum.evacuated);
        if others > sum.evacuated {
            return out.broken(
                Place::Cell {
                    old: true,
                    chain,
                    position: 0,
                    cell: 0,
                },
                format_args!("{}: the chain is evacuated", byte(sum.first)),
                format_args!("{others} of {} cells are not", sum.cells),
            );
        }
        each_cell(
            array,
            chain,
            |t| !tophash::is_evacuated(t),
            |position, cell, mark| {
                out.broken(
                    Place::Cell {
                        old: true,
                        chain,
                        position,
                        cell,
                    },
                    byte(mark),
                    "a cell of an evacuated chain: possible are 0x02, 0x03 and 0x04",
                );
            },
        );
    });
}

fn check_evacside(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((c, array)) = old_array(s, out) else {
        return;
    };
    if c.hmap.flags & Hmap::SAME_SIZE_GROW == 0 {
        return check_halves(s, out);
    }
    each_chain(array, |sum| {
        if sum.is_evacuated() {
            each_cell(
                array,
                sum.chain,
                |t| t == tophash::EVACUATED_Y,
                |position, cell, mark| {
                    out.broken(
                        Place::Cell {
                            old: true,
                            chain: sum.chain,
                            position,
                            cell,
                        },
                        format_args!("{}: moved to the upper half", byte(mark)),
                        "a grow to the same size: possible are 0x02 and 0x04",
                    );
                },
            );
        }
    });
}

/// The other part of CL-EVACSIDE: a grow to twice the size.
fn check_halves(s: &Subject<'_, '_>, out: &mut Verdicts) {
    match s.tallies.keys.judged {
        Judged::NotAsked => return,
        Judged::Unknown | Judged::Seed => return out.unknown(),
        Judged::Keys => {}
    }
    let keys = &s.image.keys;
    let listed = keys.wrong_half.len() as u64;
    out.more(keys.wrong_half_total.saturating_sub(listed));
    for (place, mark) in &keys.wrong_half {
        let (claimed, found) = if *mark == tophash::EVACUATED_X {
            ("lower", "upper")
        } else {
            ("upper", "lower")
        };
        out.broken(
            *place,
            format_args!("{}: moved to the {claimed} half", byte(*mark)),
            format_args!("its key hashes to the {found} half"),
        );
    }
}

/// The old array, if there is one to judge. Says unknown where part of it is missing.
fn old_array<'i, 'a>(
    s: &Subject<'i, 'a>,
    out: &mut Verdicts,
) -> Option<(&'i ClassicImage<'a>, &'i BucketArray<'a>)> {
    let c = classic(s.image)?;
    match old_buckets(c) {
        Part::Absent => None,
        Part::Doubtful => {
            out.unknown();
            None
        }
        Part::Sound(array) => {
            if !array.is_complete() {
                out.unknown();
            }
            Some((c, array))
        }
    }
}

fn check_unevacdst(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((c, old)) = old_array(s, out) else {
        return;
    };
    let Some(new) = new_buckets(c).sound() else {
        return out.unknown();
    };
    let (step, mark) = (old.main.claimed, c.hmap.nevacuate);
    each_chain(old, |sum| {
        if !sum.is_untouched() || (mark < step && sum.chain < mark) {
            return; // evacuated, or named by CL-NEVAC
        }
        let upper = sum.chain.saturating_add(step);
        for chain in [sum.chain, upper] {
            if chain >= new.main.claimed {
                continue; // a grow to the same size has no upper half
            }
            match new.main.record(chain) {
                None => out.unknown(),
                Some(bytes) if all_zero(bytes) => {}
                Some(bytes) => {
                    let marks = bytes.first_chunk::<8>().copied().unwrap_or_default();
                    let live = marks.iter().filter(|t| tophash::is_live(**t)).count();
                    let at = bytes.iter().position(|b| *b != 0).unwrap_or_default();
                    out.broken(
                        Place::Bucket {
                            old: false,
                            chain,
                            position: 0,
                        },
                        format_args!("untouched: oldbuckets[{}] is not evacuated", sum.chain),
                        format_args!("{live} live cells, first byte that is not zero at {at}"),
                    );
                }
            }
        }
    });
}

/// A cell of the chain at hand.
#[derive(Clone, Copy)]
struct At {
    position: u32,
    cell: u8,
    mark: u8,
}

/// The order of the marks along one chain.
#[derive(Clone, Copy, Default)]
struct Order {
    chain: u64,
    /// The first emptyRest cell.
    rest: Option<At>,
    /// How many emptyRest cells follow each other from there.
    rest_run: u32,
    /// The first cell behind `rest` that is not emptyRest, and how many there are.
    behind: Option<At>,
    behind_n: u32,
    /// The last cell that is not emptyRest.
    last: Option<At>,
    /// Some cell is marked as evacuated.
    evacuated: bool,
}

impl Order {
    fn add(&mut self, bucket: &BucketRef<'_>) {
        let marks = bucket.tophash();
        if self.rest.is_some() && self.behind.is_none() && marks == [tophash::EMPTY_REST; 8] {
            self.rest_run = self.rest_run.saturating_add(8);
            return;
        }
        for (cell, mark) in (0u8..).zip(marks) {
            let at = At {
                position: bucket.position,
                cell,
                mark,
            };
            if mark == tophash::EMPTY_REST {
                self.rest.get_or_insert(at);
                if self.behind.is_none() {
                    self.rest_run = self.rest_run.saturating_add(1);
                }
                continue;
            }
            self.evacuated |= tophash::is_evacuated(mark);
            self.last = Some(at);
            if self.rest.is_some() {
                self.behind.get_or_insert(at);
                self.behind_n = self.behind_n.saturating_add(1);
            }
        }
    }
}

/// Calls `each` for every chain that lookups still use, with whether it is `oldbuckets`.
fn each_order(
    s: &Subject<'_, '_>,
    out: &mut Verdicts,
    mut each: impl FnMut(bool, &BucketArray<'_>, Order, &mut Verdicts),
) {
    let Some(c) = classic(s.image) else { return };
    for (old, part) in [(true, old_buckets(c)), (false, new_buckets(c))] {
        if part.is_doubtful() {
            out.unknown();
        }
        let Some(array) = part.sound() else { continue };
        if !array.is_complete() {
            out.unknown();
        }
        if !old && !s.tallies.cells.disordered {
            continue; // neither rule has anything to say
        }
        let mut now: Option<Order> = None;
        let mut finish = |done: Option<Order>, out: &mut Verdicts| {
            if let Some(order) = done.filter(|o| !(old && o.evacuated)) {
                each(old, array, order, out);
            }
        };
        for bucket in array.buckets() {
            if bucket.position == 0 {
                finish(
                    now.replace(Order {
                        chain: bucket.chain,
                        ..Order::default()
                    }),
                    out,
                );
            }
            if let Some(order) = &mut now {
                order.add(&bucket);
            }
        }
        finish(now, out);
    }
}

fn check_rest(s: &Subject<'_, '_>, out: &mut Verdicts) {
    each_order(s, out, |old, _, order, out| {
        let (Some(rest), Some(behind)) = (order.rest, order.behind) else {
            return;
        };
        let chain = order.chain;
        if order.rest_run == 1 || order.behind_n > 1 {
            out.broken(
                Place::Cell {
                    old,
                    chain,
                    position: rest.position,
                    cell: rest.cell,
                },
                format_args!("{}: nothing follows in the chain", byte(rest.mark)),
                format_args!("{} later cells are in use", order.behind_n),
            );
        } else {
            out.broken(
                Place::Cell {
                    old,
                    chain,
                    position: behind.position,
                    cell: behind.cell,
                },
                byte(behind.mark),
                format_args!(
                    "behind the end of the chain at {}",
                    Place::Cell {
                        old,
                        chain,
                        position: rest.position,
                        cell: rest.cell
                    }
                ),
            );
        }
    });
}

fn check_one(s: &Subject<'_, '_>, out: &mut Verdicts) {
    each_order(s, out, |old, array, order, out| {
        let Some(last) = order.last.filter(|l| l.mark == tophash::EMPTY_ONE) else {
            return;
        };
        let chain = order.chain;
        let cut = order.rest.is_none() && array.chain_faults.iter().any(|f| f.chain == chain);
        if order.behind.is_none() && !cut {
            out.broken(
                Place::Cell {
                    old,
                    chain,
                    position: last.position,
                    cell: last.cell,
                },
                format_args!("{}: something live follows", byte(last.mark)),
                "nothing live follows in the chain",
            );
        }
    });
}
