//! Rules on where entries stand: `MAP-PLACE`, `SW-REACH`, `SW-DIRBITS` and `SW-CTRLZERO`.
//! In: an image with the hashes of its keys. Out: findings.

use crate::check::census::Judged;
use crate::check::census::stops;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::swiss::swiss;
use crate::check::swiss_dir::directory_is_right;
use crate::check::trust::Part;
use crate::check::trust::directory;
use crate::check::trust::new_buckets;
use crate::check::trust::old_buckets;
use crate::check::trust::sound_table;
use crate::hash::place;
use crate::maps::image::Body;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::Place;
use crate::maps::image::Storage;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "MAP-PLACE",
        severity: Severity::Error,
        scope: Scope::Classic,
        holds_mid_write: false,
        statement: "Every entry stands in the chain of the bucket that the low bits of its key's hash name; in an old \
            array that is not evacuated yet, by one bit less.",
        source: "`runtime/map.go`, `mapaccess1` and `evacuate`, up to go1.23.",
        breaks: "A lookup goes to another bucket, so the entry cannot be found although a range yields it. Typical for \
            a goroutine that inserted into an array which another one had just replaced; a changed key does it if \
            its tophash happens to stay the same; a damaged overflow pointer hangs a chain on a foreign bucket.",
        innocent: "NaN keys stand anywhere. Keys that do not even hash to their tophash are named by MAP-KEYHASH. For \
            Swiss maps the same is proven by SW-DIRBITS and SW-REACH.",
        example: "buckets[0].overflow[1].cell[0]: claimed bucket 0, found its key hashes to bucket 7",
        check: Check::Map(check_place),
    },
    Rule {
        id: "SW-DIRBITS",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "Every entry stands in the table that the top bits of its key's hash lead to.",
        source: "`internal/runtime/maps/map.go`, `directoryIndex`, and `internal/runtime/maps/table.go`, \
            `(*table).split`, from go1.24.",
        breaks: "A lookup goes to another table, so the entry cannot be found although a range yields it. Typical for \
            an insert into a table that another goroutine was splitting.",
        innocent: "NaN keys stand anywhere. While the directory itself is in doubt the rule is undecided.",
        example: "dir[0].table.groups[3].slot[5]: claimed the table of dir[0], found its key hashes to dir[2]",
        check: Check::Map(check_dirbits),
    },
    Rule {
        id: "SW-REACH",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "On the way that a lookup takes through the groups of a table, no group before the entry's own has an \
            empty slot.",
        source: "`internal/runtime/maps/table.go`, `probeSeq`, `(*table).getWithKey` and \
            `internal/runtime/maps/table_debug.go`, `(*table).checkInvariants`, from go1.24.",
        breaks: "A lookup stops at the empty slot, so the entry cannot be found although a range yields it, and an \
            insert of the same key makes a second one. Typical for racing inserts and deletes; a control byte that \
            was changed to empty does it to all entries behind it.",
        innocent: "Slots marked as deleted do not stop a lookup; a delete only leaves an empty slot in a group that had \
            one already. NaN keys stand anywhere. A small map has no such way.",
        example: "dir[0].table.groups[5].slot[0]: claimed found from group 3, found group 4 on the way there has an empty slot",
        check: Check::Map(check_reach),
    },
    Rule {
        id: "SW-CTRLZERO",
        severity: Severity::Error,
        scope: Scope::Swiss,
        holds_mid_write: false,
        statement: "A control word is only zero if all eight slots of the group hold keys whose H2 is 0.",
        source: "`internal/runtime/maps/group.go`, `ctrlGroup.setEmpty`, from go1.24: new groups are set to empty, 0x80 in \
            every byte.",
        breaks: "Eight entries appear that nobody inserted, with whatever bytes the group holds as keys; inserts run past \
            the group. The usual cause is memory that was cleared, or taken from the allocator and not set up.",
        innocent: "Eight keys of one group share H2 = 0 by chance once in 2^56.",
        example: "dir[0].table.groups[0]: claimed 0: eight entries of H2 0, found keys that hash to something else",
        check: Check::Map(check_ctrlzero),
    },
];

/// Whether each key is to be judged; says unknown where that cannot be said.
fn judges_keys(s: &Subject<'_, '_>, out: &mut Verdicts) -> bool {
    match s.tallies.keys.judged {
        Judged::NotAsked => false,
        Judged::Unknown | Judged::Seed => {
            out.unknown();
            false
        }
        Judged::Keys => {
            if !s.tallies.keys.complete {
                out.unknown();
            }
            true
        }
    }
}

fn check_place(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Body::Classic(c) = &s.image.body else {
        return;
    };
    if !judges_keys(s, out) {
        return;
    }
    if !s.tallies.keys.astray {
        return;
    }
    let (new, old) = (new_buckets(c).sound(), old_buckets(c).sound());
    s.image.for_each_key(|e, hash| {
        let (
            Some(hash),
            Place::Cell {
                old: in_old, chain, ..
            },
        ) = (hash.known(), e.place)
        else {
            return;
        };
        let Some(array) = (if in_old { old } else { new }) else {
            return;
        };
        let right = place::bucket(hash, array.main.claimed);
        if s.image.mark_of(hash) == e.mark && right != chain {
            out.broken(
                e.place,
                format_args!("bucket {chain}"),
                format_args!("its key hashes to bucket {right}"),
            );
        }
    });
}

/// A table, kept while its slots go by.
struct Current<'i, 'a> {
    first: u64,
    number: usize,
    groups: Option<&'i Storage<'a>>,
    length_mask: u64,
}

/// Calls `each` with every key of a table that hashes to its control byte: its table, hash, place, group.
fn each_placed<'i>(
    s: &Subject<'i, '_>,
    dir: &'i Directory<'_>,
    mut each: impl FnMut(&Current<'i, '_>, u64, Place, u64),
) {
    let mut current: Option<Current<'_, '_>> = None;
    s.image.for_each_key(|e, hash| {
        let (
            Some(hash),
            Place::Slot {
                dir: Some(first),
                group,
                ..
            },
        ) = (hash.known(), e.place)
        else {
            return;
        };
        if s.image.mark_of(hash) != e.mark || s.tallies.keys.is_foreign(e.place) {
            return;
        }
        if current.as_ref().is_none_or(|c| c.first != first) {
            current = dir.table_of(first).and_then(|number| {
                let sound = sound_table(s.image, dir.tables.get(number)?);
                Some(Current {
                    first,
                    number,
                    groups: sound.map(|(_, groups)| groups),
                    length_mask: sound.map_or(0, |(header, _)| header.length_mask),
                })
            });
        }
        if let Some(current) = current.as_ref().filter(|c| c.groups.is_some()) {
            each(current, hash, e.place, group);
        }
    });
}

fn check_dirbits(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let (dir, depth) = match directory(s.image, m) {
        Part::Absent => return,
        Part::Doubtful => return out.unknown(),
        Part::Sound(sound) => sound,
    };
    if !judges_keys(s, out) {
        return;
    }
    if !directory_is_right(s) {
        return out.unknown();
    }
    if !s.tallies.keys.astray {
        return;
    }
    each_placed(s, dir, |table, hash, place, _| {
        let index = place::directory_index(s.image.abi, hash, depth);
        let entry = usize::try_from(index).ok().and_then(|i| dir.entries.get(i));
        let leads_here =
            matches!(entry, Some(DirEntry::Table(t)) if usize::try_from(*t) == Ok(table.number));
        if !leads_here {
            out.broken(
                place,
                format_args!("the table of dir[{}]", table.first),
                format_args!("its key hashes to dir[{index}]"),
            );
        }
    });
}

fn check_reach(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some(m) = swiss(s.image) else { return };
    let dir = match directory(s.image, m) {
        Part::Absent => return,
        Part::Doubtful => return out.unknown(),
        Part::Sound((dir, _)) => dir,
    };
    if !judges_keys(s, out) {
        return;
    }
    if !s.tallies.keys.unreachable {
        return;
    }
    let abi = s.image.abi;
    each_placed(s, dir, |table, hash, place, group| {
        let stops = |g: &u64| table.groups.is_some_and(|groups| stops(abi, groups, *g));
        let stop = place::probe(hash, table.length_mask)
            .take_while(|g| *g != group)
            .find(stops);
        if let Some(stop) = stop {
            out.broken(
                place,
                format_args!("found from group {}", place::h1(hash) & table.length_mask),
                format_args!("group {stop} on the way there has an empty slot"),
            );
        }
    });
}

fn check_ctrlzero(s: &Subject<'_, '_>, out: &mut Verdicts) {
    match s.tallies.keys.judged {
        Judged::NotAsked => {}
        Judged::Unknown => out.unknown(),
        Judged::Seed | Judged::Keys => {
            for (dir, group) in &s.tallies.keys.zero_words {
                out.broken(
                    Place::Group {
                        dir: *dir,
                        group: *group,
                    },
                    "0: eight entries of H2 0",
                    "keys that hash to something else",
                );
            }
        }
    }
}
