//! What badmap is meant to take at most.
//! In: what was measured. Out: each target with its figure, and whether it is met.

use crate::series::Row;
use crate::series::Series;

/// A figure with a bound.
pub struct Target {
    pub core: String,
    pub what: String,
    pub figure: f64,
    pub bound: f64,
    pub unit: &'static str,
    /// Whether the figure is within the bound; nothing if it was not measured.
    pub met: Option<bool>,
}

const YARDSTICKS: &str = "yardsticks";
const SECONDS: &str = "s";
const MIB: &str = "MiB";
const TIMES: &str = "times";

/// Judges all that can be judged: targets of cores that were not measured do not appear.
pub fn judge(all: &[Series]) -> Vec<Target> {
    let mut out = Vec::new();
    for series in all {
        judge_core(series, &mut out);
    }
    for series in all.iter().filter(|s| s.core.size == "1g") {
        let large = |s: &&Series| s.core.size == "4g" && s.core.go == series.core.go;
        if let Some(large) = all.iter().find(large) {
            judge_growth(series, large, &mut out);
        }
    }
    out
}

fn judge_core(series: &Series, out: &mut Vec<Target>) {
    let core = series.core.name();
    let mut add = |what: &str, figure: Option<f64>, bound: f64, unit| {
        out.push(Target {
            core: core.clone(),
            what: what.to_owned(),
            figure: figure.unwrap_or(f64::NAN),
            bound,
            unit,
            met: figure.map(|f| f <= bound),
        });
    };
    let row = |name| series.sound(name);
    let ratios = |name| row(name).and_then(|r| series.ratios(r));
    for name in ["info", "crash-only"] {
        add(
            &format!("{name}: wall time"),
            row(name).map(|r| r.wall().as_secs_f64()),
            0.15,
            SECONDS,
        );
        add(
            &format!("{name}: memory"),
            row(name).map(Row::mib),
            60.0,
            MIB,
        );
    }
    match series.core.size.as_str() {
        "1g" => {
            for (name, part) in [("check", 1.0), ("list", 0.5), ("list-no-check", 0.5)] {
                let (wall, cpu) = (ratios(name).map(|r| r.0), ratios(name).map(|r| r.1));
                add(&format!("{name}: CPU time"), cpu, 8.0 * part, YARDSTICKS);
                add(&format!("{name}: wall time"), wall, 5.0 * part, YARDSTICKS);
                add(
                    &format!("{name}: memory"),
                    row(name).map(Row::mib),
                    150.0 * part,
                    MIB,
                );
            }
            let both = row("snapshot").zip(row("check"));
            let wall = both.map(|(s, c)| s.wall().as_secs_f64() / c.wall().as_secs_f64());
            let cpu = both.map(|(s, c)| s.cpu().as_secs_f64() / c.cpu().as_secs_f64());
            add("snapshot: wall time against check's", wall, 1.5, TIMES);
            add("snapshot: CPU time against check's", cpu, 1.5, TIMES);
            let diff = row("diff").map(|r| r.wall().as_secs_f64());
            add("diff: wall time", diff, 4.0, SECONDS);
        }
        "plain-4g" => {
            let cpu = ratios("check").map(|r| r.1);
            add("check: CPU time", cpu, 0.1, YARDSTICKS);
            let gigabytes = series.core.bytes() as f64 / 1e9;
            let each = cpu.map(|c| c / gigabytes);
            add("check: CPU time for a gigabyte", each, 0.1, YARDSTICKS);
        }
        _ => {}
    }
}

/// From 1g to 4g there is four times as much of everything.
fn judge_growth(small: &Series, large: &Series, out: &mut Vec<Target>) {
    for name in ["check", "list", "snapshot"] {
        let both = small.sound(name).zip(large.sound(name));
        let grown = |f: &dyn Fn(&Row) -> f64| both.map(|(a, b)| f(b) / f(a));
        let figures = [
            ("CPU time", grown(&|r| r.cpu().as_secs_f64()), 4.4),
            ("wall time", grown(&|r| r.wall().as_secs_f64()), 4.4),
            ("memory", grown(&Row::mib), 3.0),
        ];
        for (of, figure, bound) in figures {
            out.push(Target {
                core: format!("go{}-load", small.core.go),
                what: format!("{name}: {of} from 1g to 4g"),
                figure: figure.unwrap_or(f64::NAN),
                bound,
                unit: TIMES,
                met: figure.map(|f| f <= bound),
            });
        }
    }
}
