//! Lines as a batch writes them, for the tests of what reads and renders them.
//! In: nothing. Out: a small fleet with one bad host, and lines that are as hostile as a file can make them.

#![allow(clippy::expect_used, clippy::arithmetic_side_effects)] // a failed expectation, or sum, is a failed test

use crate::batch::line::Line;
use serde_json::Value;
use serde_json::json;

/// Midnight of the first day of 2026.
const DAY: u64 = 1_767_225_600;

fn line(value: Value) -> Line {
    serde_json::from_value(value).expect("the samples are lines")
}

fn sound_value(core: &str) -> Value {
    json!({
        "schema": "badmap/1", "version": "0.1.0", "core": core, "file_bytes": 4096, "time": DAY,
        "binary": "bin/server", "host": "web-1", "cpu": "AMD EPYC 7763", "identity": format!("id of {core}"),
        "status": "ok", "verdict": "sound", "exit": 0,
        "check": {
            "process": {"go": "go1.24.1", "os": "linux", "arch": "amd64", "maps": "swiss", "build_id": "Xa0/Yb1"},
            "crash": {"kind": "other", "message": "panic: no such user", "signal": 6},
            "maps": {"total": 12, "sound": 12},
        },
        "resources": {"wall_ms": 1234, "cpu_ms": 2000, "peak_rss": 123_456_789},
    })
}

fn change(mut base: Value, with: Value) -> Line {
    let object = base.as_object_mut().expect("an object");
    object.extend(with.as_object().expect("an object").clone());
    line(base)
}

/// A core with nothing wrong.
pub(crate) fn sound(core: &str) -> Line {
    line(sound_value(core))
}

/// A core of the bad host: one map with a flipped bit.
pub(crate) fn flipped(i: u64) -> Line {
    let finding = |rule: &str, claimed: &str, found: &str| {
        json!({
            "rule": rule, "severity": "error", "map": "0xc000012340", "type": "map[string]int",
            "owner": "main.srv.hits", "where": "used", "claimed": claimed, "found": found, "cause": "bit-flip",
        })
    };
    change(
        sound_value(&format!("web-7/core.{i}")),
        json!({
            "host": "web-7", "time": DAY + 3600 * i, "verdict": "broken", "exit": 1,
            "rules": [
                {"rule": "SW-USED", "severity": "error", "maps": 1},
                {"rule": "MAP-COUNT", "severity": "error", "maps": 1},
            ],
            "signature": {"id": "3fa1bc009d21", "text": "broken map[string]int at main.srv.hits\nrules MAP-COUNT SW-USED"},
            "check": {
                "process": {"go": "go1.24.1", "os": "linux", "arch": "amd64", "maps": "swiss", "build_id": "Xa0/Yb1"},
                "crash": {"kind": "other", "message": "panic: index out of range", "signal": 6},
                "maps": {"total": 12, "sound": 11, "broken": 1},
                "findings": [
                    finding("SW-USED", "70", "6"), finding("MAP-COUNT", "70", "6"),
                    finding("MAP-COUNT", "7", "6"),
                ],
                "findings_total": 3,
                "causes": [{"map": "0xc000012340", "class": "bit-flip", "probability": 0.97, "explains": 3, "of": 3}],
            },
        }),
    )
}

/// A core that died in map code.
pub(crate) fn crashed_in_map(i: u64) -> Line {
    change(
        sound_value(&format!("web-{i}/core.crash")),
        json!({
            "host": format!("web-{i}"), "time": DAY + 86_400 * i, "verdict": "map-crash", "exit": 1,
            "signature": {
                "id": "0c0ffee00123",
                "text": "fatal error: concurrent map writes\nmap[string]*main.Session at main.srv.sessions\nmain.(*server).put main.(*server).serve",
            },
            "check": {
                "process": {"go": format!("go1.2{}.1", i % 3 + 2), "os": "linux", "arch": "amd64", "maps": "swiss",
                    "build_id": format!("Xa0/Yb{i}")},
                "crash": {
                    "kind": "map", "message": "fatal error: concurrent map writes", "goroutine": 17, "op": "write",
                    "map_function": "runtime.mapassign_faststr",
                    "frames": [
                        {"function": "main.(*server).put", "file": "/src/my app/server.go", "line": 42},
                        {"function": "main.(*server).serve", "file": "/src/my app/server.go", "line": 99},
                    ],
                    "cause": {"class": "concurrent-use", "confidence": 0.9},
                    "map": {"addr": "0xc000012350", "type": "map[string]*main.Session", "owner": "main.srv.sessions"},
                    "parties": [
                        {"goroutine": 18, "grade": "in-map-code", "op": "write", "function": "main.(*server).drop",
                            "file": "example.com/app/server.go", "line": 51, "evidence": "argument"},
                        {"goroutine": 19, "grade": "reaches"},
                    ],
                },
                "maps": {"total": 12, "sound": 12},
            },
        }),
    )
}

/// A core that could not be read to its end.
pub(crate) fn unproven(core: &str) -> Line {
    change(
        sound_value(core),
        json!({"verdict": "unproven", "exit": 3, "host": null, "time": null}),
    )
}

/// A core that has no result.
pub(crate) fn failed(core: &str, status: &str, what: &str) -> Line {
    line(json!({
        "schema": "badmap/1", "version": "0.1.0", "core": core, "file_bytes": 17, "time": DAY + 5,
        "status": status, "exit": 2, "error": {"what": what, "hint": "look at it"},
        "resources": {"wall_ms": 5},
    }))
}

/// The same with what was expected of it.
pub(crate) fn expecting(of: Line, differences: &[&str]) -> Line {
    let expected = crate::batch::line::Expected {
        met: differences.is_empty(),
        differences: differences.iter().map(|d| (*d).to_owned()).collect(),
    };
    Line {
        expected: Some(expected),
        ..of
    }
}

/// Thirty cores: one host with twelve flips of one bit, four map crashes, and what else there is.
pub(crate) fn fleet() -> Vec<Line> {
    let mut all: Vec<Line> = (0..12).map(flipped).collect();
    all.extend((1..5).map(crashed_in_map));
    all.extend((0..9).map(|i| sound(&format!("web-1/core.{i}"))));
    all.push(Line {
        host: Some("web-7".into()),
        ..sound("web-7/core.sound")
    });
    all.push(unproven("web-2/core.short"));
    all.push(failed(
        "web-3/notes.txt",
        "failed",
        "opening web-3/notes.txt: not an ELF file",
    ));
    all.push(failed(
        "web-3/core.huge",
        "timeout",
        "it took longer than 60 s",
    ));
    let missed = ["verdict: expected broken, got sound"];
    all.push(expecting(sound("web-4/core.kept"), &missed));
    all
}

/// A line in which every text is long and holds what no terminal and no XML should see.
pub(crate) fn hostile() -> Line {
    let evil = format!(
        "\u{1b}[2J\u{0}\u{202e}\u{9b}<&\"']]>\n\u{fffe}\u{ffff}\u{7f}{}",
        "y".repeat(1 << 20)
    );
    let mut line = change(
        sound_value(&format!("dir\u{1b}/{evil}")),
        json!({
            "host": evil, "cpu": evil, "identity": evil, "time": u64::MAX, "file_bytes": u64::MAX,
            "verdict": "broken", "exit": 1, "version": evil, "binary": evil,
            "rules": [{"rule": evil, "severity": evil, "maps": u64::MAX}, {"rule": evil}],
            "signature": {"id": evil, "text": evil},
            "error": {"what": evil, "hint": evil},
            "check": {
                "process": {"go": evil, "arch": evil, "build_id": evil},
                "crash": {
                    "kind": "map", "message": evil, "goroutine": u64::MAX,
                    "frames": [{"function": evil, "file": evil, "line": u32::MAX}],
                    "cause": {"class": evil},
                    "map": {"addr": evil, "type": evil, "owner": evil},
                    "parties": [{"goroutine": 1, "function": evil, "file": evil, "line": 0}],
                },
                "findings": [{"rule": evil, "severity": evil, "map": evil, "type": evil, "owner": evil, "where": evil,
                    "claimed": evil, "found": evil}],
            },
            "resources": {"wall_ms": u64::MAX, "cpu_ms": u64::MAX, "peak_rss": u64::MAX},
        }),
    );
    line.expected = Some(crate::batch::line::Expected {
        met: false,
        differences: vec![evil.clone(), evil],
    });
    line
}
