//! What a batch comes to, while it runs: counts for the summary, and the worst of its cores for the exit code.
//! In: lines, new ones and those of before. Out: the summary as text, and a code.

use crate::batch::inputs::Inputs;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::batch::line::Verdict;
use crate::batch::run::Origin;
use crate::batch::summary::Summary;
use crate::cli::batch::Args;
use crate::report::batch_text;
use crate::report::style::count;
use std::io::Write;

/// What the batch comes to.
pub(super) struct Tally {
    pub(super) summary: Summary,
    /// Cores of these that were done before.
    before: u64,
    /// Of those, cores that gave no result.
    failed_before: u64,
    strict: bool,
    worst: u8,
}

impl Tally {
    pub(super) fn new(args: &Args) -> Tally {
        Tally {
            summary: Summary::new(args.group_by.group_by()),
            before: 0,
            failed_before: 0,
            strict: args.strict,
            worst: 0,
        }
    }

    pub(super) fn add(&mut self, line: &mut Line, origin: Origin) {
        match origin {
            Origin::Now => self.summary.add(line),
            Origin::Before => {
                // What it took was taken another time.
                let took = line.resources.take();
                self.summary.add(line);
                line.resources = took;
                self.before = self.before.saturating_add(1);
                let has_failed = line.status != Status::Ok;
                self.failed_before = self.failed_before.saturating_add(u64::from(has_failed));
            }
        }
        let code = match (&line.expected, line.status) {
            (Some(expected), _) => u8::from(!expected.met),
            // What it said, and not the number that stands beside it: lines of before come from a file.
            (None, Status::Ok) if line.error.is_none() || is_bad(line) => match line.verdict {
                Some(Verdict::Broken | Verdict::MapCrash) => 1,
                Some(Verdict::Sound) => 0,
                Some(Verdict::Unproven) | None => 3,
            },
            (None, _) if self.strict => 2,
            (None, _) => 3,
        };
        self.worsen(code);
    }

    fn worsen(&mut self, code: u8) {
        let rank = |code| [0, 3, 1, 2].iter().position(|c| *c == code);
        if rank(code) > rank(self.worst) {
            self.worst = code;
        }
    }

    /// The worst of the cores; what could not be seen at all may hide more of them.
    pub(super) fn exit(mut self, inputs: &Inputs, absent: u64) -> u8 {
        if absent > 0 {
            self.worsen(1);
        }
        if !inputs.unreadable.is_empty() {
            self.worsen(3);
        }
        self.worst
    }

    pub(super) fn text(&self, args: &Args) -> anyhow::Result<String> {
        let mut text = Vec::new();
        if self.before > 0 {
            let done = count(self.before, "core was", "cores were");
            let failed = match self.failed_before {
                0 => String::new(),
                n => format!(", {n} without a result: --retry-failed does them again"),
            };
            writeln!(text, "badmap: {done} done before{failed}")?;
        }
        batch_text::write_summary(&mut text, &self.summary, args.look.style_of_stderr())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn is_bad(line: &Line) -> bool {
    matches!(line.verdict, Some(Verdict::Broken | Verdict::MapCrash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::line::Expected;
    use crate::cli::triage::By;

    fn exit_of(strict: bool, lines: &[(Status, u8, Option<bool>)]) -> u8 {
        let mut tally = Tally {
            summary: Summary::new(By::Signature.group_by()),
            before: 0,
            failed_before: 0,
            strict,
            worst: 0,
        };
        for (status, exit, met) in lines {
            let mut line = Line {
                status: *status,
                exit: *exit,
                verdict: match (status, exit) {
                    (Status::Ok, 0) => Some(Verdict::Sound),
                    (Status::Ok, 1) => Some(Verdict::Broken),
                    (Status::Ok, _) => Some(Verdict::Unproven),
                    _ => None,
                },
                expected: met.map(|met| Expected {
                    met,
                    differences: Vec::new(),
                }),
                ..Line::default()
            };
            tally.add(&mut line, Origin::Now);
        }
        tally.exit(&Inputs::default(), 0)
    }

    #[test]
    fn the_worst_of_the_cores_counts() {
        let (ok, failed) = (Status::Ok, Status::Failed);
        assert_eq!(exit_of(false, &[]), 0);
        assert_eq!(exit_of(false, &[(ok, 0, None), (ok, 3, None)]), 3);
        assert_eq!(
            exit_of(false, &[(ok, 3, None), (ok, 1, None), (ok, 0, None)]),
            1
        );
        assert_eq!(exit_of(false, &[(failed, 2, None), (ok, 0, None)]), 3);
        assert_eq!(exit_of(true, &[(failed, 2, None), (ok, 1, None)]), 2);
        assert_eq!(
            exit_of(false, &[(Status::Timeout, 2, None), (ok, 1, None)]),
            1
        );
    }

    #[test]
    fn what_is_expected_is_no_bad_news() {
        let (ok, failed) = (Status::Ok, Status::Failed);
        assert_eq!(
            exit_of(true, &[(ok, 1, Some(true)), (failed, 2, Some(true))]),
            0
        );
        assert_eq!(exit_of(true, &[(ok, 0, Some(false))]), 1);
        assert_eq!(exit_of(false, &[(ok, 1, Some(true)), (ok, 3, None)]), 3);
    }
}
