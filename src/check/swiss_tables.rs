//! Rules on the tables and groups of a Swiss map: `SW-CAP` to `SW-TOMB`.
//! In: the image of a Swiss map. Out: findings.
//! Long for its manuals; the rules share one walk over the tables, so they stay in one file.

use crate::base::bytes::Abi;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::swiss::swiss;
use crate::check::swiss_dir::directory_is_right;
use crate::check::tally::Tally;
use crate::check::trust::CapFault;
use crate::check::trust::Part;
use crate::check::trust::cap_fault;
use crate::check::trust::directory;
use crate::check::trust::is_heap_start;
use crate::check::trust::small_group;
use crate::check::trust::sound_table;
use crate::maps::image::Directory;
use crate::maps::image::Place;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::Storage;
use crate::maps::image::TableHeader;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "SW-CAP",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: true,
        statement: "A table's `capacity` is a power of two from 8 to 1024, `lengthMask` is the number of its groups \
            minus one, and the group array has room for them.",
        source: "`internal/runtime/maps/table.go`, `newTable`, `(*table).reset` and `maxTableCapacity`, from go1.24.",
        breaks: "Probing runs past the group array into other objects, or never reaches some of the groups. These \
            fields are set once when the table is made, so a stray write or a flipped bit changed them.",
        innocent: "Tables that come from a size hint may be smaller than 1024 although the map has several. The array \
            may be larger than needed by the rounding to a size class. When this rule is broken for a table, the \
            other rules do not look into it.",
        example: "dir[0].table.capacity: claimed 128, found lengthMask 7: 64 slots",
        check: Check::Map(check_cap),
    },
    Rule {
        id: "SW-CTRL",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: true,
        statement: "Every control byte is 0x80 (empty), 0xfe (deleted) or below 0x80 (full).",
        source: "`internal/runtime/maps/group.go`, the ctrl constants, from go1.24.",
        breaks: "The slot is neither free nor in use: lookups may take it for one or the other depending on the bit \
            tricks of the machine, and the entry in it may be lost. No code writes such a byte, so a stray write or \
            a flipped bit did.",
        innocent: "None, not even during a write. Rules that count slots are undecided where such a byte stands.",
        example: "dir[0].table.groups[2].slot[5]: claimed 0xc1, found possible are 0x80, 0xfe and 0x00 to 0x7f",
        check: Check::Map(check_ctrl),
    },
    Rule {
        id: "SW-USED",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "A table's `used` equals the number of its full control bytes.",
        source: "`internal/runtime/maps/table_debug.go`, `(*table).checkInvariants`, from go1.24.",
        breaks: "The table grows too early or too late, and a grow can panic with `invariant failed: growthLeft is \
            unexpectedly 0`. Typical for racing inserts or deletes; a changed control byte does it too, and then \
            MAP-COUNT is broken as well.",
        innocent: "Inserts and deletes change byte and counter one after the other, with the write flag set. The sum \
            over all tables is compared with the header by MAP-COUNT.",
        example: "dir[0].table.used: claimed 62 entries, found 61 full slots",
        check: Check::Map(check_used),
    },
    Rule {
        id: "SW-GROWTH",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "A table's `growthLeft` is seven eighths of its capacity, minus its entries, minus its deleted \
            slots.",
        source: "`internal/runtime/maps/table_debug.go`, `(*table).checkInvariants`, and \
            `internal/runtime/maps/table.go`, `(*table).maxGrowthLeft`, from go1.24.",
        breaks: "Too large, and the table is filled up until no slot is empty, so that lookups of absent keys never \
            end; too small, and it grows too early. Typical for racing inserts or deletes.",
        innocent: "Deleted slots that were pruned (from go1.25) count as empty again. If `used` and the number of full \
            slots differ, which SW-USED names, agreement with either of them is enough here.",
        example: "dir[0].table.growthLeft: claimed 48, found 47: 112 - 64 full - 1 deleted slots",
        check: Check::Map(check_growth),
    },
    Rule {
        id: "SW-EMPTY",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "At least one eighth of a table's slots are empty; deleted slots do not count as empty.",
        source: "`internal/runtime/maps/table_debug.go`, `(*table).checkInvariants`, and \
            `internal/runtime/maps/table.go`, `maxAvgGroupLoad`, from go1.24.",
        breaks: "With no empty slot at all, a lookup of a key that is not in the map never ends: the thread hangs at \
            full load. With too few, probing gets slow. Typical for racing inserts.",
        innocent: "A small map, which has no table, may be full.",
        example: "dir[0].table: claimed at least 2 of 16 slots empty, found 0 empty slots",
        check: Check::Map(check_empty),
    },
    Rule {
        id: "SW-NOMIX",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "No group of a table holds both an empty and a deleted slot.",
        source: "`internal/runtime/maps/table.go`, `(*table).Delete` from go1.24 and `(*table).pruneTombstones` from \
            go1.25.",
        breaks: "A slot was emptied in a group that lookups had to pass, so entries in later groups may not be found \
            any more. Causes: racing deletes, a control byte changed by a stray write.",
        innocent: "Pruning turns the deleted slots of a group into empty ones one by one, with the write flag set. \
            Groups with a byte that SW-CTRL names are skipped.",
        example: "dir[0].table.groups[0]: claimed empty or deleted slots, not both, found 3 empty and 1 deleted slots",
        check: Check::Map(check_nomix),
    },
    Rule {
        id: "SW-TOMB",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "From go1.25 on, a map that has a deleted slot in any table has `tombstonePossible` set.",
        source: "`internal/runtime/maps/map.go`, `Map.tombstonePossible`, `(*Map).Delete` and `(*Map).Clear`, from \
            go1.25.",
        breaks: "Clearing the map while it is empty does nothing, so the deleted slots stay for good. Causes: a stray \
            write, a flipped bit, racing deletes.",
        innocent: "The flag may be set without any deleted slot left, after a grow or a pruning. In go1.24 it does not \
            exist, and deleted slots survive a clear of an empty map.",
        example: "tombstonePossible: claimed 0: no deleted slot, found 1 deleted slots",
        check: Check::Map(check_tomb),
    },
];

/// Live entries of a Swiss map by a full walk; `None` when that number cannot be had, because
/// something was not read or because a more basic rule is broken.
pub fn count_swiss(s: &Subject<'_, '_>) -> Option<u64> {
    let m = swiss(s.image)?;
    let small = match small_group(s.image, m) {
        Part::Absent => 0,
        Part::Sound(_) if s.tallies.small.is_certain() && s.tallies.small.deleted == 0 => {
            s.tallies.small.full
        }
        Part::Sound(_) | Part::Doubtful => return None,
    };
    let Part::Sound((dir, _)) = directory(s.image, m) else {
        return (!directory(s.image, m).is_doubtful()).then_some(small);
    };
    let mut total = small;
    for (t, sum) in dir.tables.iter().zip(&s.tallies.tables) {
        sound_table(s.image, t).filter(|_| sum.is_certain())?;
        total = total.saturating_add(sum.full);
    }
    directory_is_right(s).then_some(total)
}

/// The directory whose tables are to be checked; says unknown when it is in doubt or not all read.
/// During a write its depth is in flux, so it does not count then.
fn tables<'i, 'a>(s: &Subject<'i, 'a>, out: &mut Verdicts) -> Option<&'i Directory<'a>> {
    let m = swiss(s.image)?;
    let doubtful = directory(s.image, m).is_doubtful();
    if doubtful {
        out.unknown();
    }
    match &m.shape {
        Shape::Tables(dir) if !doubtful || s.image.mid_write() => {
            if !dir.is_complete() {
                out.unknown();
            }
            Some(dir)
        }
        _ => None,
    }
}

/// A table that can be believed.
struct Table<'i, 'a> {
    /// First directory index that leads to it.
    dir: u64,
    header: &'i TableHeader,
    groups: &'i Storage<'a>,
    sum: Tally,
}

impl Table<'_, '_> {
    fn place(&self, field: &'static str) -> Place {
        Place::Table {
            dir: self.dir,
            field,
        }
    }
}

/// Calls `each` for every table that can be believed; says unknown for the others.
fn each_table<'i, 'a>(
    s: &Subject<'i, 'a>,
    out: &mut Verdicts,
    mut each: impl FnMut(Table<'i, 'a>, &mut Verdicts),
) {
    let Some(dir) = tables(s, out) else { return };
    for (t, sum) in dir.tables.iter().zip(&s.tallies.tables) {
        match sound_table(s.image, t) {
            Some((header, groups)) => each(
                Table {
                    dir: t.first,
                    header,
                    groups,
                    sum: *sum,
                },
                out,
            ),
            None => out.unknown(),
        }
    }
}

/// Calls `each` for every table whose slots can all be counted; says unknown for the others.
fn each_counted<'i, 'a>(
    s: &Subject<'i, 'a>,
    out: &mut Verdicts,
    mut each: impl FnMut(Table<'i, 'a>, &mut Verdicts),
) {
    each_table(s, out, |t, out| {
        if t.sum.is_certain() {
            each(t, out);
        } else {
            out.unknown();
        }
    });
}

fn check_cap(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(dir) = tables(s, out) else { return };
    for t in &dir.tables {
        let known = t
            .header
            .as_ref()
            .filter(|_| is_heap_start(t.home, t.addr) != Some(false));
        let Some(h) = known else {
            out.unknown();
            continue;
        };
        let place = |field| Place::Table {
            dir: t.first,
            field,
        };
        let (capacity, mask) = (h.capacity, h.length_mask);
        match cap_fault(t, h, s.image.slots.size) {
            None if t.groups.is_none() => out.unknown(),
            None => {}
            Some(CapFault::Capacity) => {
                out.broken(
                    place("capacity"),
                    capacity,
                    "possible are the powers of two from 8 to 1024",
                );
            }
            Some(CapFault::Disagree) => {
                let slots = mask.saturating_add(1).saturating_mul(SLOTS);
                out.broken(
                    place("capacity"),
                    capacity,
                    format_args!("lengthMask {mask}: {slots} slots"),
                );
            }
            Some(CapFault::Mask) => out.broken(
                place("groups.lengthMask"),
                format_args!("{mask:#x}"),
                format_args!(
                    "{:#x}: capacity is {capacity}",
                    u64::from(capacity / 8).saturating_sub(1)
                ),
            ),
            Some(CapFault::Room(room)) => out.broken(
                place("capacity"),
                format_args!("{capacity}: {} groups", capacity / 8),
                format_args!("the group array has room for {room}"),
            ),
        }
    }
}

fn check_ctrl(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let abi = s.image.abi;
    if let Some(m) = swiss(s.image) {
        match small_group(s.image, m) {
            Part::Absent => {}
            Part::Doubtful => out.unknown(),
            Part::Sound(group) => check_ctrl_bytes(abi, None, group, s.tallies.small, out),
        }
    }
    each_table(s, out, |t, out| {
        check_ctrl_bytes(abi, Some(t.dir), t.groups, t.sum, out)
    });
}

fn check_ctrl_bytes(
    abi: Abi,
    dir: Option<u64>,
    groups: &Storage<'_>,
    sum: Tally,
    out: &mut Verdicts,
) {
    if !sum.complete {
        out.unknown();
    }
    if sum.illegal == 0 {
        return;
    }
    for (group, bytes) in groups.records() {
        for (slot, mark) in (0u8..).zip(group_ctrls(abi, bytes)) {
            if !ctrl::is_full(mark) && mark != ctrl::EMPTY && mark != ctrl::DELETED {
                let place = Place::Slot { dir, group, slot };
                out.broken(
                    place,
                    format_args!("{mark:#04x}"),
                    "possible are 0x80, 0xfe and 0x00 to 0x7f",
                );
            }
        }
    }
}

fn check_used(s: &Subject<'_, '_>, out: &mut Verdicts) {
    each_counted(s, out, |t, out| {
        let (claimed, full) = (t.header.used, t.sum.full);
        if u64::from(claimed) != full {
            out.broken(
                t.place("used"),
                format_args!("{claimed} entries"),
                format_args!("{full} full slots"),
            );
        }
    });
}

fn check_growth(s: &Subject<'_, '_>, out: &mut Verdicts) {
    each_counted(s, out, |t, out| {
        let (full, deleted, claimed) = (t.sum.full, t.sum.deleted, t.header.growth_left);
        let most = u64::from(t.header.capacity / 8).saturating_mul(7);
        let left = |used: u64| most.checked_sub(used)?.checked_sub(deleted);
        let (by_slots, by_used) = (left(full), left(u64::from(t.header.used)));
        if [by_slots, by_used].contains(&Some(u64::from(claimed))) {
            return;
        }
        let place = t.place("growthLeft");
        match by_slots {
            Some(n) => {
                out.broken(
                    place,
                    claimed,
                    format_args!("{n}: {most} - {full} full - {deleted} deleted slots"),
                );
            }
            None => {
                out.broken(
                    place,
                    claimed,
                    format_args!("{full} full and {deleted} deleted slots, more than {most}"),
                );
            }
        }
    });
}

fn check_empty(s: &Subject<'_, '_>, out: &mut Verdicts) {
    each_counted(s, out, |t, out| {
        let (capacity, empty) = (t.header.capacity, t.sum.empty);
        let least = u64::from(capacity / 8);
        if empty < least {
            let claimed = format_args!("at least {least} of {capacity} slots empty").to_string();
            out.broken(t.place(""), claimed, format_args!("{empty} empty slots"));
        }
    });
}

fn check_nomix(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let abi = s.image.abi;
    each_table(s, out, |t, out| {
        if !t.sum.complete {
            out.unknown();
        }
        if t.sum.mixed == 0 {
            return;
        }
        for (group, bytes) in t.groups.records() {
            let sum = Tally::of_group(abi, bytes);
            if sum.mixed > 0 && sum.illegal == 0 {
                out.broken(
                    Place::Group {
                        dir: Some(t.dir),
                        group,
                    },
                    "empty or deleted slots, not both",
                    format_args!("{} empty and {} deleted slots", sum.empty, sum.deleted),
                );
            }
        }
    });
}

fn check_tomb(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    if m.map.tombstone_possible != Some(0) {
        return;
    }
    let mut deleted = 0u64;
    each_counted(s, out, |t, _| {
        deleted = deleted.saturating_add(t.sum.deleted)
    });
    if deleted > 0 {
        out.broken(
            Place::Header("tombstonePossible"),
            "0: no deleted slot",
            format_args!("{deleted} deleted slots"),
        );
    }
}
