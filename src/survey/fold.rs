//! Goroutines with equal stacks as one, and those first that matter most.
//! In: the goroutines of a process. Out: folds in the order they are shown, the runtime's own apart.

use crate::survey::result::GoroutineRow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::hash::Hasher;

/// Goroutines that do the same at the same place.
#[derive(Clone, Debug)]
pub struct Fold<'a> {
    /// The one with the lowest number; the others differ in addresses and threads only.
    pub first: &'a GoroutineRow,
    /// All of them by number, the first included.
    pub rows: Vec<&'a GoroutineRow>,
    /// It is the one that stopped the process. It never stands together with others.
    pub stopped: bool,
}

/// The goroutines of a process, folded.
#[derive(Clone, Default, Debug)]
pub struct Folded<'a> {
    /// The program's own.
    pub folds: Vec<Fold<'a>>,
    /// Those that the runtime keeps for itself: garbage collection, finalizers and the like.
    pub runtimes: Vec<Fold<'a>>,
}

impl Folded<'_> {
    /// Goroutines that the runtime keeps for itself.
    pub fn runtimes_total(&self) -> u64 {
        self.runtimes.iter().map(|f| f.rows.len() as u64).sum()
    }
}

/// Folds goroutines that are equal but for their number, parent, thread and addresses; none with
/// another unless `together`. First the one that stopped the process (`stopper`), then those that
/// ran, then by how many there are, then by number.
pub fn fold(rows: &[GoroutineRow], stopper: Option<u64>, together: bool) -> Folded<'_> {
    let mut folds: Vec<Fold<'_>> = Vec::new();
    let mut known: HashMap<Same<'_>, usize> = HashMap::new();
    for row in rows {
        let stopped = stopper == Some(row.id);
        let next = folds.len();
        let at = match together && !stopped {
            true => *known.entry(Same(row)).or_insert(next),
            false => next,
        };
        match folds.get_mut(at) {
            Some(fold) => fold.rows.push(row),
            None => folds.push(Fold {
                first: row,
                rows: vec![row],
                stopped,
            }),
        }
    }
    folds.sort_by_key(|f| {
        (
            !f.stopped,
            f.first.state != "running",
            Reverse(f.rows.len()),
            f.first.id,
        )
    });
    let (runtimes, folds) = folds
        .into_iter()
        .partition(|f| !f.stopped && is_runtimes_own(f.first));
    Folded { folds, runtimes }
}

/// Whether the runtime made a goroutine, and all it does is the runtime's.
fn is_runtimes_own(row: &GoroutineRow) -> bool {
    let creator = row.created_by.as_ref().map(|c| c.function.as_str());
    creator.is_some_and(is_runtime)
        && row.started_with.as_deref().is_none_or(is_runtime)
        && row
            .frames
            .iter()
            .flat_map(|f| f.source.iter())
            .all(|s| is_runtime(&s.function))
}

/// Whether a function is the runtime's: its package, or one below that only the runtime uses.
fn is_runtime(function: &str) -> bool {
    ["runtime.", "runtime/internal/", "internal/"]
        .iter()
        .any(|start| function.starts_with(start))
}

/// A goroutine, compared by what it does and where.
struct Same<'a>(&'a GoroutineRow);

impl PartialEq for Same<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0, other.0);
        (a.state, &a.wait_reason, a.locked) == (b.state, &b.wait_reason, b.locked)
            && a.broken.is_some() == b.broken.is_some()
            && (&a.created_by, &a.started_with) == (&b.created_by, &b.started_with)
            && a.frames.len() == b.frames.len()
            && a.frames
                .iter()
                .zip(&b.frames)
                .all(|(x, y)| (x.part, &x.source) == (y.part, &y.source))
    }
}

impl Eq for Same<'_> {}

impl Hash for Same<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let row = self.0;
        (row.state, &row.wait_reason, row.frames.len()).hash(state);
        for s in row.frames.iter().flat_map(|f| f.source.iter()) {
            (s.line, &s.function).hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::samples::goroutine_rows;

    fn numbers(folds: &[Fold<'_>]) -> Vec<Vec<u64>> {
        folds
            .iter()
            .map(|f| f.rows.iter().map(|r| r.id).collect())
            .collect()
    }

    #[test]
    fn equal_stacks_are_one_whatever_their_addresses() {
        let rows = goroutine_rows();
        let folded = fold(&rows, Some(17), true);
        assert_eq!(
            numbers(&folded.folds),
            [
                vec![17],
                vec![21],
                vec![18, 19, 20, 22, 23, 24, 25],
                vec![1],
                vec![31],
            ]
        );
        assert_eq!(numbers(&folded.runtimes), [vec![2], vec![3]]);
        assert_eq!(folded.runtimes_total(), 2);
        let flat = fold(&rows, Some(17), false);
        assert!(flat.folds.iter().all(|f| f.rows.len() == 1));
        assert_eq!(flat.folds.len(), 11);
    }

    #[test]
    fn another_line_state_creator_or_end_is_another_fold() {
        let mut rows = goroutine_rows();
        for row in &mut rows {
            match row.id {
                18 => row.locked = true,
                19 => row.wait_reason = Some("chan send".into()),
                20 => row.created_by = None,
                22 => row.broken = Some("8 bytes at 0xc000100000: not dumped".into()),
                23 => row.frames = row.frames.iter().skip(1).cloned().collect(),
                _ => {}
            }
        }
        let folds = numbers(&fold(&rows, None, true).folds);
        assert!(folds.contains(&vec![24, 25]), "{folds:?}");
        for id in [18, 19, 20, 22, 23] {
            assert!(folds.contains(&vec![id]), "{id} in {folds:?}");
        }
    }

    #[test]
    fn the_one_that_stopped_the_process_is_first_and_alone_though_it_be_the_runtimes() {
        let rows = goroutine_rows();
        // Others are equal to it.
        let folds = fold(&rows, Some(18), true).folds;
        assert_eq!(numbers(&folds).first(), Some(&vec![18]));
        let folded = fold(&rows, Some(2), true);
        assert_eq!(numbers(&folded.folds).first(), Some(&vec![2]));
        assert_eq!(numbers(&folded.runtimes), [vec![3]]);
    }

    #[test]
    fn a_finalizer_of_the_program_is_no_longer_the_runtimes_own() {
        let mut rows = goroutine_rows();
        let user = rows.iter().find(|r| r.id == 1).cloned();
        for row in rows.iter_mut().filter(|r| r.id == 3) {
            let more = user.iter().flat_map(|u| u.frames.iter().take(2).cloned());
            row.frames.splice(0..0, more);
        }
        assert_eq!(numbers(&fold(&rows, None, true).runtimes), [vec![2]]);
    }
}
