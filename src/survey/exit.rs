//! Totals over the maps of a survey, and the exit code they lead to.
//! In: a finished survey. Out: `Totals`, and 0, 1 or 3 by the contract of the commands.

use crate::check::rule::Verdict;
use crate::survey::ending::CrashInfo;
use crate::survey::result::GoroutineList;
use crate::survey::result::ProcessInfo;
use crate::survey::result::Survey;
use crate::survey::result::Totals;

/// How a command ends. What badmap could not do at all is 2, and decided at the command line's edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: everything asked was found in order.
    Sound,
    /// 1: a broken map, or a crash that is about a map.
    Broken,
    /// 3: nothing broken, but something could not be read.
    Unproven,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Sound => 0,
            Exit::Broken => 1,
            Exit::Unproven => 3,
        }
    }
}

/// Adds up the maps of a survey.
pub fn totals(survey: &Survey) -> Totals {
    let mut t = survey.rest;
    for row in &survey.maps {
        let Some(v) = &row.verdict else { continue };
        t.total = t.total.saturating_add(1);
        let kind = match v.verdict {
            Verdict::Ok => &mut t.sound,
            Verdict::Broken => &mut t.broken,
            Verdict::Unknown => &mut t.unknown,
        };
        *kind = kind.saturating_add(1);
        t.mid_write = t.mid_write.saturating_add(u64::from(v.mid_write));
        // The entries of a sync.Map up to go1.23 are those of its inner maps.
        if row.kind != "syncmap" {
            t.entries = t.entries.saturating_add(row.entries());
        }
        t.bytes = t.bytes.saturating_add(row.bytes);
        t.findings = t.findings.saturating_add(v.findings_total);
    }
    t
}

/// How `check` ends. A crash in map code counts even when every map is whole: of the crashes that the
/// runtime stops in time, hardly one leaves damage behind.
pub fn check_exit(totals: &Totals, crash: &CrashInfo, find_gaps_total: u64) -> Exit {
    if totals.broken > 0 || crash.kind.about_map() {
        Exit::Broken
    } else if totals.unknown > 0 || find_gaps_total > 0 {
        Exit::Unproven
    } else {
        Exit::Sound
    }
}

/// How `check --crash-only` ends: it says nothing of the other maps, but 3 where a goroutine could not be
/// looked at.
pub fn crash_exit(survey: &Survey) -> Exit {
    let blame = survey.crash.blame.as_ref();
    if survey.crash.kind.about_map() || totals(survey).broken > 0 {
        Exit::Broken
    } else if blame.is_none_or(|b| !b.gaps.is_empty()) || survey.process.missing_bytes > 0 {
        Exit::Unproven
    } else {
        Exit::Sound
    }
}

/// How `info` ends: 3 when the core file ends before its own table of contents says, or the list of
/// goroutines could not be read.
pub fn info_exit(process: &ProcessInfo) -> Exit {
    if process.missing_bytes > 0 || process.goroutines.is_none() {
        Exit::Unproven
    } else {
        Exit::Sound
    }
}

/// How `list` and `show` end: 3 when maps may be missing, or one of those shown could not be read in
/// full. They judge nothing, so a broken map alone is no reason.
pub fn read_exit(find_gaps_total: u64, map_gaps_total: u64) -> Exit {
    if find_gaps_total > 0 || map_gaps_total > 0 {
        Exit::Unproven
    } else {
        Exit::Sound
    }
}

/// How `goroutines` ends: 3 when a stack that was asked for could not be followed to its end, a goroutine
/// could not be read, or the core is cut short. The crash is no reason, whatever it is about.
pub fn goroutines_exit(list: &GoroutineList) -> Exit {
    let whole = list.unreadable == 0
        && list.gaps.is_empty()
        && list.process.missing_bytes == 0
        && list.goroutines.iter().all(|g| g.broken.is_none());
    if whole { Exit::Sound } else { Exit::Unproven }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::ending::CrashKind;
    use crate::survey::samples::goroutine_rows;
    use crate::survey::samples::process;

    fn crash(kind: CrashKind) -> CrashInfo {
        CrashInfo {
            kind,
            ..CrashInfo::default()
        }
    }

    fn totals_of(broken: u64, unknown: u64) -> Totals {
        Totals {
            total: 10,
            broken,
            unknown,
            ..Totals::default()
        }
    }

    #[test]
    fn all_sound_and_no_map_crash_is_0() {
        assert_eq!(
            check_exit(&totals_of(0, 0), &crash(CrashKind::None), 0).code(),
            0
        );
        assert_eq!(
            check_exit(&totals_of(0, 0), &crash(CrashKind::Other), 0).code(),
            0
        );
    }

    #[test]
    fn a_broken_map_or_a_map_crash_is_1_whatever_else_is_unknown() {
        assert_eq!(
            check_exit(&totals_of(1, 0), &crash(CrashKind::None), 0).code(),
            1
        );
        assert_eq!(
            check_exit(&totals_of(1, 5), &crash(CrashKind::Other), 3).code(),
            1
        );
        assert_eq!(
            check_exit(&totals_of(0, 0), &crash(CrashKind::Map), 0).code(),
            1
        );
        assert_eq!(
            check_exit(&totals_of(0, 2), &crash(CrashKind::Map), 0).code(),
            1
        );
    }

    #[test]
    fn what_could_not_be_read_is_3() {
        assert_eq!(
            check_exit(&totals_of(0, 1), &crash(CrashKind::None), 0).code(),
            3
        );
        assert_eq!(
            check_exit(&totals_of(0, 0), &crash(CrashKind::None), 1).code(),
            3
        );
        assert_eq!(read_exit(0, 1).code(), 3);
        assert_eq!(read_exit(1, 0).code(), 3);
        assert_eq!(read_exit(0, 0).code(), 0);
    }

    #[test]
    fn a_stack_not_followed_to_its_end_is_3_and_a_map_crash_is_not_1() {
        let mut rows = goroutine_rows();
        rows.retain(|r| r.broken.is_none());
        let whole = GoroutineList {
            process: process(),
            crash: crash(CrashKind::Map),
            goroutines: rows,
            unreadable: 0,
            gaps: Vec::new(),
        };
        let code = |change: &dyn Fn(&mut GoroutineList)| {
            let mut list = whole.clone();
            change(&mut list);
            goroutines_exit(&list).code()
        };
        assert_eq!(code(&|_| {}), 0);
        assert_eq!(code(&|l| l.goroutines.clear()), 0);
        assert_eq!(code(&|l| l.goroutines = goroutine_rows()), 3);
        assert_eq!(code(&|l| l.unreadable = 1), 3);
        assert_eq!(code(&|l| l.gaps = vec!["no function tables".into()]), 3);
        assert_eq!(code(&|l| l.process.missing_bytes = 1), 3);
    }
}
