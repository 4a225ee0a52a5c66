//! Rules on the header and directory of a Swiss map: `SW-WRITING` to `SW-SMALL`.
//! In: the image of a Swiss map. Out: findings.

use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::trust::Whereabouts;
use crate::check::trust::dir_depth;
use crate::check::trust::dir_log;
use crate::check::trust::has_table_depth;
use crate::check::trust::is_heap_start;
use crate::check::trust::shift_depth;
use crate::check::trust::small_group;
use crate::check::trust::word_bits;
use crate::maps::image::Body;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::Home;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Shape;
use crate::maps::image::SwissImage;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "SW-WRITING",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: true,
        statement: "`writing` and, from go1.25 on, `tombstonePossible` are 0 or 1; in go1.24 the byte behind `writing` \
            is padding and 0.",
        source: "`internal/runtime/maps/map.go`, `Map.writing` from go1.24, `Map.tombstonePossible` from go1.25.",
        breaks: "With any other value in `writing` every operation stops the program with a fatal error about \
            concurrent use, since writers only flip its lowest bit. Causes: a stray write or a flipped bit in the \
            header.",
        innocent: "None. A map whose `writing` is not 0 counts as being written, so the rules that need not hold \
            during a write are not applied to it.",
        example: "writing: claimed 0x02, found possible are 0 and 1",
        check: Check::Map(check_writing),
    },
    Rule {
        id: "SW-DIRLEN",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: false,
        statement: "`dirLen` is 0 in a map without a directory, and 2^globalDepth in a map with one.",
        source: "`internal/runtime/maps/map.go`, `NewMap`, `growToTable` and `installTableSplit`, from go1.24.",
        breaks: "Lookups index past the end of the directory, or take a directory for a group of entries. Causes: \
            two goroutines growing the map at once, a stray write, a flipped bit. `globalShift` is the witness that \
            tells which of the two fields is wrong.",
        innocent: "`NewMap` fills in the depth fields before it stores the directory, without the write flag: a map \
            without entries and without a directory may have them, and one stopped between the stores of `dirPtr` \
            and `dirLen` makes this rule undecided. When `dirLen` is wrong, rules on tables are undecided.",
        example: "dirLen: claimed 3, found globalDepth 0: 2^0 entries",
        check: Check::Map(check_dirlen),
    },
    Rule {
        id: "SW-SHIFT",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: false,
        statement: "`globalShift` is 64 (32 in 32-bit processes) minus globalDepth in a map with a directory; in a \
            map without one both are 0.",
        source: "`internal/runtime/maps/map.go`, `depthToShift` and `directoryIndex`, from go1.24.",
        breaks: "Lookups take the wrong bits of the hash for the directory index: keys seem to be gone, or the index \
            runs past the directory and faults. Causes: racing writers, a stray write, a flipped bit.",
        innocent: "A map that `NewMap` is still building has both fields set and no directory yet. A map with a \
            directory of one table has depth 0 and shift 64, not 0. A wrong `globalDepth` is named by SW-DIRLEN.",
        example: "globalShift: claimed 63, found 64: globalDepth is 0",
        check: Check::Map(check_shift),
    },
    Rule {
        id: "SW-DIROBJ",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: false,
        statement: "The directory is an allocated object with room for `dirLen` pointers; none of them is nil, and \
            every table and every table's group array begins an allocated heap object.",
        source: "`internal/runtime/maps/map.go`, `NewMap` and `expandDirectory`, and \
            `internal/runtime/maps/table.go`, `newTable`, from go1.24.",
        breaks: "Operations on the keys of that part of the map fault or corrupt other objects. Causes: a stray \
            write, memory freed too early, a flipped bit in a pointer.",
        innocent: "Rounding to a size class makes objects larger than needed. What is not in the core makes the rule \
            undecided.",
        example: "dir[1]: claimed a table, found nil",
        check: Check::Map(check_dirobj),
    },
    Rule {
        id: "SW-SMALL",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: false,
        statement: "The single group of a small map lies in an allocated object of its size or on a stack, and none \
            of its slots is marked as deleted.",
        source: "`internal/runtime/maps/map.go`, `growToSmall`, `putSlotSmall` and `deleteSmall`, from go1.24.",
        breaks: "A slot marked as deleted is never filled again, until an insert finds no empty slot and go1.24 to \
            go1.26 stop with `fatal error: small map with no empty slot`. A misplaced group corrupts other memory. \
            Causes: a stray write, a flipped bit, a race with the growth to a table.",
        innocent: "All eight slots may be full. A map that does not escape has its group on the stack. Whether the \
            number of full slots is right is the affair of MAP-COUNT.",
        example: "group.slot[6]: claimed 0xfe: deleted, found a small map, whose deleted slots become empty",
        check: Check::Map(check_small),
    },
];

/// The Swiss part of an image; the registry asks these rules about Swiss maps only.
pub fn swiss<'i, 'a>(image: &'i MapImage<'a>) -> Option<&'i SwissImage<'a>> {
    match &image.body {
        Body::Swiss(s) => Some(s),
        _ => None,
    }
}

fn check_writing(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let tombs = m.map.tombstone_possible.unwrap_or_default();
    for (field, value) in [("writing", m.map.writing), ("tombstonePossible", tombs)] {
        if value > 1 {
            out.broken(
                Place::Header(field),
                format_args!("{value:#04x}"),
                "possible are 0 and 1",
            );
        }
    }
    if let Some(padding) = m.map.padding.filter(|p| *p != 0) {
        out.broken(
            Place::Header("padding behind writing"),
            format_args!("{padding:#04x}"),
            "no code writes there: 0",
        );
    }
}

fn check_dirlen(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let (map, abi) = (&m.map, s.image.abi);
    let (len, depth) = (map.dir_len, u64::from(map.global_depth));
    if len == 0 {
        if matches!(m.shape, Shape::Empty) || !has_table_depth(abi, map) {
            return;
        }
        return match map.used {
            0 => out.unknown(),
            used => out.broken(
                Place::Header("dirLen"),
                "0: a small map",
                format_args!(
                    "{used} entries, globalDepth {depth} and globalShift {}: a directory",
                    map.global_shift
                ),
            ),
        };
    }
    let log = dir_log(map);
    if log == Some(depth) {
        return;
    }
    if let Some(log) = log.filter(|l| shift_depth(abi, map) == Some(*l)) {
        let found = format_args!(
            "{log}: dirLen is {len} and globalShift {}",
            map.global_shift
        );
        return out.broken(Place::Header("globalDepth"), depth, found);
    }
    out.broken(
        Place::Header("dirLen"),
        len,
        format_args!("globalDepth {depth}: 2^{depth} entries"),
    );
}

fn check_shift(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let (map, abi) = (&m.map, s.image.abi);
    let (depth, shift) = (map.global_depth, map.global_shift);
    if map.dir_len != 0 {
        let by = shift_depth(abi, map);
        let right = word_bits(abi).saturating_sub(u64::from(depth));
        if by != Some(u64::from(depth)) && (by.is_none() || by != dir_log(map)) {
            out.broken(
                Place::Header("globalShift"),
                shift,
                format_args!("{right}: globalDepth is {depth}"),
            );
        }
        return;
    }
    if has_table_depth(abi, map) {
        return; // a map under construction, or SW-DIRLEN
    }
    for (field, value) in [("globalDepth", depth), ("globalShift", shift)] {
        if value != 0 {
            out.broken(Place::Header(field), value, "0: the map has no directory");
        }
    }
}

fn check_dirobj(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let (map, abi) = (&m.map, s.image.abi);
    let Shape::Tables(dir) = &m.shape else {
        match m.shape {
            Shape::Empty if map.dir_len != 0 => {
                out.broken(
                    Place::Header("dirPtr"),
                    "nil",
                    format_args!("dirLen is {}", map.dir_len),
                );
            }
            Shape::Nonsense => out.unknown(),
            _ => {}
        }
        return;
    };
    if dir_depth(abi, map).is_none() {
        return out.unknown();
    }
    match dir
        .home
        .holds(map.dir_ptr, dir.claimed.saturating_mul(abi.word()))
    {
        None => out.unknown(),
        Some(true) => {}
        Some(false) => {
            return out.broken(
                Place::Header("dirPtr"),
                format_args!("{} table pointers at {}", dir.claimed, map.dir_ptr),
                Whereabouts {
                    addr: map.dir_ptr,
                    home: dir.home,
                },
            );
        }
    }
    for (i, entry) in (0u64..).zip(&dir.entries) {
        if *entry == DirEntry::Nil {
            out.broken(Place::Dir(i), "a table", "nil");
        }
    }
    if !dir.is_complete() {
        out.unknown();
    }
    check_tables(s.image, dir, out);
}

fn check_tables(image: &MapImage<'_>, dir: &Directory<'_>, out: &mut Verdicts) {
    // Source: `internal/runtime/maps/table.go`, `table`: 32 bytes, 24 in 32-bit processes.
    let size = if image.abi.ptr_size == 4 { 24 } else { 32 };
    for t in &dir.tables {
        let fits = t.home.room_at(t.addr).is_none_or(|room| room >= size);
        match is_heap_start(t.home, t.addr) {
            None => out.unknown(),
            Some(true) if fits => {}
            Some(_) => {
                out.broken(
                    Place::Dir(t.first),
                    format_args!("a table at {}", t.addr),
                    Whereabouts {
                        addr: t.addr,
                        home: t.home,
                    },
                );
                continue;
            }
        }
        let Some(header) = &t.header else {
            out.unknown();
            continue;
        };
        let (addr, home) = (header.groups_data, t.groups.as_ref().map(|g| g.home));
        match home.map(|h| is_heap_start(h, addr)) {
            Some(Some(false)) => out.broken(
                Place::Table {
                    dir: t.first,
                    field: "groups.data",
                },
                format_args!("groups at {addr}"),
                Whereabouts {
                    addr,
                    home: home.unwrap_or(Home::Unknown),
                },
            ),
            Some(Some(true)) => {}
            Some(None) | None => out.unknown(),
        }
    }
}

fn check_small(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let (Shape::Small(group), size) = (&m.shape, s.image.slots.size) else {
        return;
    };
    if has_table_depth(s.image.abi, &m.map) {
        return out.unknown();
    }
    match group.home.holds(group.addr, size) {
        None => out.unknown(),
        Some(true) => {}
        Some(false) => {
            return out.broken(
                Place::Header("dirPtr"),
                format_args!("a group of {size} bytes at {}", group.addr),
                Whereabouts {
                    addr: group.addr,
                    home: group.home,
                },
            );
        }
    }
    if small_group(s.image, m).is_doubtful() || !group.is_complete() {
        out.unknown();
    }
    for (_, bytes) in group.records() {
        for (slot, mark) in (0u8..).zip(group_ctrls(s.image.abi, bytes)) {
            if mark == ctrl::DELETED {
                out.broken(
                    Place::Slot {
                        dir: None,
                        group: 0,
                        slot,
                    },
                    format_args!("{mark:#04x}: deleted"),
                    "a small map, whose deleted slots become empty",
                );
            }
        }
    }
}
