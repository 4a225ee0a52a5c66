//! All runs of all commands on one core.
//! In: what single processes took. Out: medians, peaks, and ratios to the yardstick.

use crate::commands::YARDSTICK;
use crate::cores::LoadCore;
use crate::measure::Ended;
use crate::measure::Measured;
use std::time::Duration;

/// Everything that was measured on one core.
pub struct Series {
    pub core: LoadCore,
    pub rows: Vec<Row>,
}

/// All runs of one command.
pub struct Row {
    pub name: &'static str,
    pub expected: i32,
    pub runs: Vec<Measured>,
}

impl Series {
    pub fn new(core: &LoadCore) -> Series {
        Series {
            core: core.clone(),
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, name: &'static str, expected: i32, measured: Measured) {
        match self.rows.iter_mut().find(|r| r.name == name) {
            Some(row) => row.runs.push(measured),
            None => self.rows.push(Row {
                name,
                expected,
                runs: vec![measured],
            }),
        }
    }

    /// A command's row, if it did what it was to do.
    pub fn sound(&self, name: &str) -> Option<&Row> {
        let row = self.rows.iter().find(|r| r.name == name);
        row.filter(|r| r.trouble().is_none())
    }

    /// How many yardsticks of wall and processor time a command took.
    pub fn ratios(&self, row: &Row) -> Option<(f64, f64)> {
        let unit = self.sound(YARDSTICK)?;
        let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
        Some((ratio(row.wall(), unit.wall()), ratio(row.cpu(), unit.cpu())))
    }

    /// Whether one of our own commands failed. Of peers it is told in the table.
    pub fn failed(&self) -> bool {
        let own = |r: &&Row| !matches!(r.name, "viewcore" | "grf" | "delve");
        self.rows.iter().filter(own).any(|r| r.trouble().is_some())
    }
}

impl Row {
    pub fn wall(&self) -> Duration {
        median(self.runs.iter().map(|r| r.wall))
    }

    pub fn cpu(&self) -> Duration {
        median(self.runs.iter().map(|r| r.cpu))
    }

    /// The most that any run took, in MiB.
    pub fn mib(&self) -> f64 {
        let most = self.runs.iter().map(|r| r.anon).max().unwrap_or_default();
        most as f64 / f64::from(1 << 20)
    }

    /// What went wrong, if anything did.
    pub fn trouble(&self) -> Option<String> {
        let failed = |r: &&Measured| r.ended != Ended::Code(self.expected);
        let run = self.runs.iter().find(failed)?;
        let how = match run.ended {
            Ended::Code(code) => format!("exit code {code}, not {}", self.expected),
            Ended::Signal(signal) => format!("signal {signal}"),
            Ended::TooLong => "given up: it takes too long".into(),
            Ended::TooLarge => "given up: it takes too much memory".into(),
            Ended::NotStarted => "not started".into(),
        };
        Some(match run.words.as_str() {
            "" => how,
            words => format!("{how}: {words}"),
        })
    }
}

/// The middle one; of two, the smaller.
fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[(times.len() - 1) / 2]
}
