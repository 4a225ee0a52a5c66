//! The results in Markdown, and as JSON.
//! In: what was measured, and the targets. Out: text.

use crate::measure::Measured;
use crate::series::Row;
use crate::series::Series;
use crate::targets::Target;
use serde_json::Value;
use serde_json::json;

/// Sizes in the order in which they are compared.
const SIZES: [&str; 3] = ["100m", "1g", "4g"];

/// One core: every command against the yardstick.
pub fn of_core(series: &Series, runs: u32) -> String {
    let mut out = format!(
        "\n## {}: {} bytes\n\nMedians of {runs} runs, one command after the other; memory: the most of any run; peers: one run.\n\n",
        series.core.name(),
        series.core.bytes()
    );
    out += "| command | wall s | CPU s | wall, yardsticks | CPU, yardsticks | anonymous MiB | |\n";
    out += "|---|--:|--:|--:|--:|--:|---|\n";
    for row in &series.rows {
        let (wall, cpu) = match series.ratios(row) {
            Some((wall, cpu)) => (format!("{wall:.2}"), format!("{cpu:.2}")),
            None => ("–".to_owned(), "–".to_owned()),
        };
        out += &format!(
            "| {} | {:.3} | {:.3} | {wall} | {cpu} | {:.1} | {} |\n",
            row.name,
            row.wall().as_secs_f64(),
            row.cpu().as_secs_f64(),
            row.mib(),
            row.trouble()
                .map_or_else(String::new, |t| format!("FAILED: {}", t.replace('|', "/"))),
        );
    }
    out
}

/// How time and memory grow with the size of the core.
pub fn of_scaling(all: &[Series]) -> String {
    let mut out = String::new();
    for small in all {
        let Some(i) = SIZES.iter().position(|s| *s == small.core.size) else {
            continue;
        };
        let next = |s: &&Series| SIZES[i + 1..].contains(&s.core.size.as_str());
        let same_go = |s: &&Series| s.core.go == small.core.go;
        let Some(large) = all.iter().filter(same_go).find(next) else {
            continue;
        };
        if out.is_empty() {
            out += "\n## Scaling\n\n| Go | command | from | to | wall | CPU | anonymous |\n|---|---|---|---|--:|--:|--:|\n";
        }
        let (from, to) = (&small.core.size, &large.core.size);
        let bytes = large.core.bytes() as f64 / small.core.bytes() as f64;
        out += &format!(
            "| {} | (bytes of the core: {bytes:.2}) | {from} | {to} | | | |\n",
            small.core.go
        );
        for row in &small.rows {
            let (Some(a), Some(b)) = (small.sound(row.name), large.sound(row.name)) else {
                continue;
            };
            let ratio = |f: &dyn Fn(&Row) -> f64| f(b) / f(a);
            out += &format!(
                "| {} | {} | {from} | {to} | {:.2} | {:.2} | {:.2} |\n",
                small.core.go,
                row.name,
                ratio(&|r| r.wall().as_secs_f64()),
                ratio(&|r| r.cpu().as_secs_f64()),
                ratio(&Row::mib),
            );
        }
    }
    out
}

/// The targets, met and not met.
pub fn of_targets(targets: &[Target]) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let mut out =
        "\n## Targets\n\n| core | target | at most | measured | |\n|---|---|--:|--:|---|\n"
            .to_owned();
    for t in targets {
        let (figure, verdict) = match t.met {
            Some(true) => (format!("{:.2}", t.figure), "met"),
            Some(false) => (format!("{:.2}", t.figure), "**not met**"),
            None => ("–".to_owned(), "not measured"),
        };
        out += &format!(
            "| {} | {} | {} {} | {figure} | {verdict} |\n",
            t.core, t.what, t.bound, t.unit
        );
    }
    let count = |met| targets.iter().filter(|t| t.met == met).count();
    let (met, unmet, unknown) = (count(Some(true)), count(Some(false)), count(None));
    out += &format!("\n{met} met, {unmet} not met, {unknown} not measured\n");
    out
}

/// Everything, run by run.
pub fn json(all: &[Series], targets: &[Target]) -> Value {
    let runs = |row: &Row| -> Vec<Value> {
        let run = |r: &Measured| {
            json!({
                "wall_s": r.wall.as_secs_f64(),
                "cpu_s": r.cpu.as_secs_f64(),
                "anon_bytes": r.anon,
                "ended": format!("{:?}", r.ended),
            })
        };
        row.runs.iter().map(run).collect()
    };
    let cores = all.iter().map(|s| {
        let rows = s
            .rows
            .iter()
            .map(|r| json!({"command": r.name, "failed": r.trouble(), "runs": runs(r)}));
        json!({
            "core": s.core.name(),
            "bytes": s.core.bytes(),
            "commands": rows.collect::<Vec<Value>>(),
        })
    });
    let targets = targets.iter().map(|t| {
        json!({
            "core": t.core,
            "target": t.what,
            "figure": t.figure,
            "bound": t.bound,
            "unit": t.unit,
            "met": t.met,
        })
    });
    json!({
        "cores": cores.collect::<Vec<Value>>(),
        "targets": targets.collect::<Vec<Value>>(),
    })
}
