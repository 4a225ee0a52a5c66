//! Rules on the tables that the directory of a Swiss map leads to: `SW-RUN`, `SW-STALE` and `SW-DEPTH`.
//! In: the image of a Swiss map. Out: findings.

use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::swiss::swiss;
use crate::check::trust::Part;
use crate::check::trust::directory;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::Place;
use crate::maps::image::TableHeader;
use crate::maps::image::TableImage;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "SW-RUN",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "A table of local depth d stands in 2^(globalDepth-d) directory entries in a row, which begin at \
            its `index`, a multiple of that number.",
        source: "`internal/runtime/maps/map.go`, `replaceTable` and `installTableSplit`, from go1.24.",
        breaks: "Keys are looked up in, and inserted into, a table that is not theirs, and the next split overwrites \
            entries of other tables. Typical for two goroutines that grew or split tables at once.",
        innocent: "A grow replaces the entries one by one with the write flag set. A stale table (index -1) is named \
            by SW-STALE and a depth that is too large by SW-DEPTH, not here.",
        example: "dir[0].table.localDepth: claimed 1: 1 entries, found dir[0..2] lead to it",
        check: Check::Map(check_run),
    },
    Rule {
        id: "SW-STALE",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "No table that the directory leads to has index -1, the mark of a table that was replaced.",
        source: "`internal/runtime/maps/table.go`, `(*table).grow` and `(*table).split`, from go1.24.",
        breaks: "The map works on an outdated table: entries inserted since are missing and deleted ones return. \
            Typical for two goroutines growing the same table.",
        innocent: "An iterator may hold a stale table, but the directory does not. During a split the new tables have \
            index -1 until they are installed, with the write flag set.",
        example: "dir[0].table.index: claimed -1: replaced, found dir[0] still leads to it",
        check: Check::Map(check_stale),
    },
    Rule {
        id: "SW-DEPTH",
        severity: Severity::Error,
        scope: Scope::Tables,
        holds_mid_write: false,
        statement: "No table's `localDepth` is larger than the depth of the directory.",
        source: "`internal/runtime/maps/table.go`, `table.localDepth`, and `internal/runtime/maps/map.go`, \
            `installTableSplit`, from go1.24.",
        breaks: "The number of directory entries of the table comes out as nonsense, and the next grow of it writes \
            outside of its run. Causes: racing splits, a stray write, a flipped bit.",
        innocent: "None outside of a write.",
        example: "dir[0].table.localDepth: claimed 5, found the directory has depth 0",
        check: Check::Map(check_depth),
    },
];

/// The directory and its depth. Says unknown when it is in doubt or not all read.
fn sound_dir<'i, 'a>(s: &Subject<'i, 'a>, out: &mut Verdicts) -> Option<(&'i Directory<'a>, u64)> {
    let part = directory(s.image, swiss(s.image)?);
    let complete = match &part {
        Part::Absent => true,
        Part::Doubtful => false,
        Part::Sound((dir, _)) => dir.is_complete(),
    };
    if !complete {
        out.unknown();
    }
    part.sound()
}

fn check_stale(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((dir, _)) = sound_dir(s, out) else {
        return;
    };
    for t in &dir.tables {
        match &t.header {
            None => out.unknown(),
            Some(h) if h.index == -1 => {
                let found = format_args!("dir[{}] still leads to it", t.first);
                out.broken(
                    Place::Table {
                        dir: t.first,
                        field: "index",
                    },
                    "-1: replaced",
                    found,
                );
            }
            Some(_) => {}
        }
    }
}

fn check_depth(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((dir, depth)) = sound_dir(s, out) else {
        return;
    };
    for t in &dir.tables {
        match &t.header {
            None => out.unknown(),
            Some(h) if u64::from(h.local_depth) > depth => out.broken(
                Place::Table {
                    dir: t.first,
                    field: "localDepth",
                },
                h.local_depth,
                format_args!("the directory has depth {depth}"),
            ),
            Some(_) => {}
        }
    }
}

fn check_run(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let Some((dir, depth)) = sound_dir(s, out) else {
        return;
    };
    let all_lead = dir.entries.iter().all(|e| table_idx(e).is_some());
    if !dir.is_complete() || !all_lead || dir.tables.iter().any(|t| t.header.is_none()) {
        return out.unknown();
    }
    if is_plain(dir, depth) {
        return;
    }
    let runs = Runs::of(dir, depth);
    let mut victims = false;
    for (n, (t, run)) in (0usize..).zip(dir.tables.iter().zip(&runs.tables)) {
        let (Some(h), Some(size)) = (&t.header, run.size) else {
            continue;
        };
        let in_a_row = run.last.checked_sub(t.first).and_then(|d| d.checked_add(1)) == Some(t.seen);
        let starts = h.index == t.first.cast_signed() && t.first.checked_rem(size) == Some(0);
        if t.seen == size && run.inside == size && starts {
            continue;
        }
        let over = runs.held_in(h.index, size) > run.inside;
        let span = format!(
            "dir[{}..{}] lead to it",
            t.first,
            run.last.saturating_add(1)
        );
        if in_a_row && t.seen == size && !starts {
            out.broken(
                Place::Table {
                    dir: t.first,
                    field: "index",
                },
                h.index,
                span,
            );
        } else if (run.outside > 0 && run.claimed_outside == 0 && in_a_row && starts)
            || (run.outside == 0 && over)
        {
            let place = Place::Table {
                dir: t.first,
                field: "localDepth",
            };
            out.broken(
                place,
                format_args!("{}: {size} entries", h.local_depth),
                span,
            );
        } else if run.outside > 0 {
            check_strays(dir, n, h.index, size, out);
        } else {
            victims = true; // another table stands in its entries, and is named
        }
    }
    if victims && out.total == 0 {
        out.broken(
            Place::Header("dirPtr"),
            "one run of entries a table",
            "runs of the wrong length",
        );
    }
}

/// Whether every table stands in exactly the entries that it claims, as nearly always.
fn is_plain(dir: &Directory<'_>, depth: u64) -> bool {
    let run = |t: &TableImage<'_>| {
        let h = t.header.as_ref()?;
        Some((u64::try_from(h.index).ok()?, run_size(h, depth)?))
    };
    let tables = dir.tables.iter().all(|t| {
        run(t).is_some_and(|(index, size)| {
            index == t.first && t.seen == size && index.checked_rem(size) == Some(0)
        })
    });
    // As many entries as it claims lead to each table: if all of them are claimed ones, those are all.
    let mut entries = (0u64..).zip(&dir.entries);
    tables
        && entries.all(|(i, entry)| {
            let table = table_idx(entry).and_then(|n| dir.tables.get(n));
            table
                .and_then(run)
                .is_some_and(|(index, size)| i.checked_sub(index).is_some_and(|at| at < size))
        })
}

/// What the directory and the headers of its tables say of one table.
#[derive(Clone, Copy, Default)]
struct TableRun {
    /// Entries that the table should stand in; `None` when another rule names its header.
    size: Option<u64>,
    /// The last entry that leads to it.
    last: u64,
    /// Entries of its own run that lead to it.
    inside: u64,
    /// Other entries that lead to it, and how many of those another table claims.
    outside: u64,
    claimed_outside: u64,
}

/// The runs of all tables.
struct Runs {
    tables: Vec<TableRun>,
    /// For each entry, how many entries before it lead to a table that claims them.
    held: Vec<u64>,
}

impl Runs {
    fn of(dir: &Directory<'_>, depth: u64) -> Runs {
        let mut tables: Vec<TableRun> = dir
            .tables
            .iter()
            .map(|t| TableRun {
                size: t.header.as_ref().and_then(|h| run_size(h, depth)),
                ..TableRun::default()
            })
            .collect();
        let claims = claims(dir, &tables);
        let mut held = vec![0u64];
        let mut sum = 0u64;
        for ((i, entry), claims) in (0u64..).zip(&dir.entries).zip(claims) {
            let table = table_idx(entry);
            let index = table
                .and_then(|n| dir.tables.get(n))
                .and_then(|t| t.header.as_ref())
                .map(|h| h.index);
            if let (Some(run), Some(index)) = (table.and_then(|n| tables.get_mut(n)), index) {
                run.last = i;
                let inside = i
                    .cast_signed()
                    .checked_sub(index)
                    .and_then(|d| u64::try_from(d).ok());
                if run
                    .size
                    .is_some_and(|size| inside.is_some_and(|at| at < size))
                {
                    run.inside = run.inside.saturating_add(1);
                    sum = sum.saturating_add(1);
                } else {
                    run.outside = run.outside.saturating_add(1);
                    run.claimed_outside = run.claimed_outside.saturating_add(u64::from(claims > 0));
                }
            }
            held.push(sum);
        }
        Runs { tables, held }
    }

    /// How many of the entries from `index` on lead to a table that claims them.
    fn held_in(&self, index: i64, size: u64) -> u64 {
        let Ok(from) = u64::try_from(index) else {
            return 0;
        };
        let at = |i: u64| {
            usize::try_from(i)
                .ok()
                .and_then(|i| self.held.get(i))
                .or(self.held.last())
                .copied()
        };
        let until = at(from.saturating_add(size)).unwrap_or_default();
        until.saturating_sub(at(from).unwrap_or_default())
    }
}

/// Entries of a table by its header; `None` for a stale table or a depth that is too large.
fn run_size(h: &TableHeader, depth: u64) -> Option<u64> {
    let log = depth.checked_sub(u64::from(h.local_depth))?;
    let size = 1u64.checked_shl(u32::try_from(log).ok()?)?;
    (h.index != -1).then_some(size)
}

/// For each entry, how many tables claim it by their header. Linear, whatever the headers say.
fn claims(dir: &Directory<'_>, runs: &[TableRun]) -> Vec<i64> {
    let mut steps = vec![0i64; dir.entries.len()];
    let mut step = |at: u64, by: i64| {
        if let Some(s) = usize::try_from(at).ok().and_then(|at| steps.get_mut(at)) {
            *s = s.saturating_add(by);
        }
    };
    for (t, run) in dir.tables.iter().zip(runs) {
        let index = t.header.as_ref().and_then(|h| u64::try_from(h.index).ok());
        if let (Some(index), Some(size)) = (index, run.size) {
            step(index, 1);
            step(index.saturating_add(size), -1);
        }
    }
    let mut now = 0i64;
    for s in &mut steps {
        now = now.saturating_add(*s);
        *s = now;
    }
    steps
}

/// Reports the directory entries outside of its run that lead to table `n`.
fn check_strays(dir: &Directory<'_>, n: usize, index: i64, size: u64, out: &mut Verdicts) {
    let end = index.saturating_add_unsigned(size);
    for (i, entry) in (0u64..).zip(&dir.entries) {
        if table_idx(entry) == Some(n) && !(index..end).contains(&i.cast_signed()) {
            out.broken(
                Place::Dir(i),
                format_args!("the table of dir[{index}]"),
                format_args!("that table's run is dir[{index}..{end}]"),
            );
        }
    }
}

fn table_idx(entry: &DirEntry) -> Option<usize> {
    match entry {
        DirEntry::Table(t) => usize::try_from(*t).ok(),
        DirEntry::Nil | DirEntry::Unread => None,
    }
}

/// Whether the directory's tables are exactly those of the map, as far as `SW-RUN`, `SW-STALE` and
/// `SW-DEPTH` tell.
pub fn directory_is_right(s: &Subject<'_, '_>) -> bool {
    *s.tallies.directory.get_or_init(|| {
        [check_stale, check_depth, check_run].into_iter().all(
            |check: fn(&Subject<'_, '_>, &mut Verdicts)| {
                let mut out = Verdicts::default();
                check(s, &mut out);
                out.total == 0 && !out.unknown
            },
        )
    })
}
