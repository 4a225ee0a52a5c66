//! Rules on who may be at work on a map: `MAP-WRITER` and `MAP-TWOWRITERS`.
//! In: an image that was told who is. Out: findings.

use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::maps::image::Body;
use crate::maps::image::Hand;
use crate::maps::image::MapImage;
use crate::maps::image::Place;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "MAP-WRITER",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "While a map's write flag is set, a goroutine is inside a function that writes the map.",
        source: "`runtime/map.go`, `hashWriting` in `mapassign`, `mapdelete` and `mapclear`, up to go1.23; \
            `internal/runtime/maps/map.go`, `Map.writing`, from go1.24.",
        breaks: "The next operation on the map stops the program with `fatal error: concurrent map writes` or one of its \
            like, though nobody else is there. Causes: two writers that toggled the flag against each other and left it \
            set, a stray write or a flipped bit in the header.",
        innocent: "A goroutine that was stopped inside the write, by a signal, a throw or for the garbage collector, is \
            still on its stack. In go1.24 `maps.Clone` sets the flag of the copy: who clones is at work. The rule only \
            speaks when every stack was walked to its end and the map of every map operation on them is known. The map \
            is then judged like one that nobody writes.",
        example: "flags: claimed a goroutine is writing the map, found no goroutine is inside a function that writes it",
        check: Check::Map(check_writer),
    },
    Rule {
        id: "MAP-TWOWRITERS",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "While a goroutine is inside a function that writes a map, no other goroutine is inside an operation on \
            the same map.",
        source: "`runtime/map.go`, `mapassign`, up to go1.23; `internal/runtime/maps/map.go`, from go1.24: a map is not safe \
            for concurrent use.",
        breaks: "Anything: lost entries, entries that are there twice, counts that are wrong, tables that were replaced, \
            faults. The runtime notices some of it and stops with `fatal error: concurrent map writes`.",
        innocent: "Only goroutines whose frames of a map operation hold this map's address count, and of several maps in such \
            a frame none. Since a frame may hold words from before, the rule only speaks where the runtime has stopped the \
            program over this very map. Two readers are no danger.",
        example: "flags: claimed one goroutine at work: goroutine 18 in runtime.mapassign_fast64, found goroutine 21 in runtime.mapassign_fast64 too",
        check: Check::Map(check_twowriters),
    },
];

fn flag_field(image: &MapImage<'_>) -> &'static str {
    match image.body {
        Body::Classic(_) => "flags",
        _ => "writing",
    }
}

fn check_writer(s: &Subject<'_, '_>, out: &mut Verdicts) {
    if s.image.mid_write() && s.image.hands.is_nobody_writing() {
        out.broken(
            Place::Header(flag_field(s.image)),
            "a goroutine is writing the map",
            "no goroutine is inside a function that writes it",
        );
    }
}

fn check_twowriters(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let hands = &s.image.hands;
    // Words on a stack may be left over: only where the runtime itself has caught one of the two is it
    // certain that there were two.
    let all = || hands.writers.iter().chain(&hands.readers);
    if !all().any(|h| h.throwing) {
        return;
    }
    let Some(writer) = hands.writers.first() else {
        return;
    };
    let other = hands
        .writers
        .iter()
        .skip(1)
        .chain(&hands.readers)
        .find(|h| h.goroutine != writer.goroutine);
    if let Some(other) = other {
        out.broken(
            Place::Header(flag_field(s.image)),
            format_args!("one goroutine at work: {}", Told(writer)),
            format_args!("{} too", Told(other)),
        );
    }
}

/// Says who is where.
struct Told<'h>(&'h Hand);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "goroutine {} in {}", self.0.goroutine, self.0.function)
    }
}
