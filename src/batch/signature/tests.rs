//! Tests of signatures: processes made by hand.
//! In: surveys as real cores give them. Out: texts that agree or differ.

use super::*;
use crate::base::addr::Addr;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::check::rule::Verdict;
use crate::maps::image::Hands;
use crate::maps::image::Place;
use crate::survey::result::Totals;
use crate::survey::samples::process;

fn row(addr: u64, holder: &str, rules: &[&'static str]) -> MapRow {
    let finding = |rule: &&'static str| Finding {
        rule,
        severity: Severity::Error,
        place: Place::Header("count"),
        claimed: "5".into(),
        found: "3".into(),
    };
    MapRow {
        addr: Addr(addr),
        kind: "classic",
        ty: "map[string]int".into(),
        key_type: "string".into(),
        elem_type: "int".into(),
        owner: "main.srv.caches[\"secret\"].items".into(),
        holder: holder.into(),
        found_by: vec!["variable"],
        reachable: "reachable",
        type_sure: "typed",
        type_candidates: Vec::new(),
        len: Some(5),
        capacity: Some(8),
        bytes: 48,
        waste: 0,
        flags: Vec::new(),
        verdict: Some(MapVerdict {
            verdict: if rules.is_empty() {
                Verdict::Ok
            } else {
                Verdict::Broken
            },
            mid_write: false,
            findings: rules.iter().map(finding).collect(),
            findings_total: rules.len() as u64,
            unknown_rules: Vec::new(),
        }),
        causes: Vec::new(),
        hands: Hands::default(),
        gaps: Vec::new(),
        gaps_total: 0,
    }
}

fn survey(maps: Vec<MapRow>) -> Survey {
    Survey {
        process: process(),
        crash: CrashInfo {
            kind: CrashKind::Map,
            ..CrashInfo::default()
        },
        maps,
        rest: Totals::default(),
        find_gaps: Vec::new(),
        find_gaps_total: 0,
    }
}

/// Two maps, both broken; the second by address has the first name.
fn damaged() -> Survey {
    survey(vec![
        row(0x1000, "main.Z.m", &["CL-B"]),
        row(0x2000, "main.A[int].m", &["MAP-COUNT", "CL-B"]),
        row(0x3000, "", &[]),
    ])
}

fn party(state: &'static str, grade: &'static str, functions: &[&str]) -> PartyRow {
    PartyRow {
        goroutine: 5,
        state,
        wait_reason: None,
        waiting: None,
        grade,
        op: None,
        entering: false,
        live: true,
        evidence: String::new(),
        at: None,
        holds_at: None,
        functions: functions.iter().map(|f| (*f).to_owned()).collect(),
    }
}

fn crash(message: &str, functions: &[&str], parties: Vec<PartyRow>) -> Survey {
    let mut s = survey(vec![row(0x3000, "", &[])]);
    s.crash.message = Some(message.into());
    s.crash.plain = Some(message.into());
    s.crash.functions = functions.iter().map(|f| (*f).to_owned()).collect();
    s.crash.blame = Some(Blame {
        map: Some(MapAtCrash {
            addr: Addr(0xc0_0001_21e0),
            ty: "map[string]int".into(),
            owner: "main.srv.caches[\"secret\"].items".into(),
            holder: "main.Cache[string,int].items".into(),
            ..MapAtCrash::default()
        }),
        parties,
        ..Blame::default()
    });
    s
}

fn text(s: &Survey) -> String {
    signature(s).map(|s| s.text).unwrap_or_default()
}

const GET: [&str; 3] = [
    "main.(*Cache[go.shape.string]).Get",
    "main.look",
    "main.main.func2",
];
const READ_WRITE: &str = "fatal error: concurrent map read and map write";

#[test]
fn of_a_read_and_a_write_the_reader_has_a_stack_and_the_writer_a_beginning() {
    let waits = party("waiting", "holds-pointer", &["main.idle"]);
    let writes = party(
        "runnable",
        "reaches",
        &["main.key", "main.fill", "main.main.func1"],
    );
    let s = crash(READ_WRITE, &GET, vec![waits, writes]);
    assert_eq!(
        text(&s),
        "fatal: concurrent map read and map write\n\
         map: map[string]int\n\
         owner: main.Cache[...].items\n\
         frames: main.(*Cache[...]).Get < main.look < main.main.func\n\
         goroutine: main.main.func"
    );
    let id = signature(&s).map(|s| s.id).unwrap_or_default();
    assert_eq!(id.len(), ID_DIGITS);
    assert!(blake3::hash(text(&s).as_bytes()).to_hex().starts_with(&id));
}

#[test]
fn where_the_other_one_was_stopped_and_what_the_runtime_calls_it_changes_nothing() {
    let at = |functions: &[&str], message| {
        text(&crash(
            message,
            &GET,
            vec![party("running", "in-map-code", functions)],
        ))
    };
    let one = at(&["main.put", "main.fill"], READ_WRITE);
    let other = at(
        &["main.fill"],
        "fatal error: concurrent map iteration and map write",
    );
    assert_eq!(one, other);
}

#[test]
fn of_two_writes_it_does_not_matter_who_notices() {
    let race = |own: &[&str], theirs: &[&str], message| {
        text(&crash(
            message,
            own,
            vec![party("running", "reaches", theirs)],
        ))
    };
    let writes = "fatal error: concurrent map writes";
    let small = "fatal error: small map with no empty slot (concurrent map writes?)";
    let (put, drop) = (["main.put", "main.fill"], ["main.drop", "main.clean"]);
    assert_eq!(race(&put, &drop, writes), race(&drop, &put, small));
    assert!(race(&put, &drop, writes).ends_with("\ngoroutine: main.clean\ngoroutine: main.fill"));
    let alike = race(&put, &["main.key", "main.fill"], writes);
    assert!(alike.ends_with("\nframes: main.put < main.fill"), "{alike}");
    // Closures of one function are told apart in a core, not in a text.
    let closures = race(&["main.put", "main.f.func1"], &["main.f.func2"], writes);
    assert!(closures.ends_with("\ngoroutine: main.f.func"), "{closures}");
}

#[test]
fn a_local_map_and_an_unknown_one_say_so() {
    let mut s = crash(READ_WRITE, &GET, Vec::new());
    if let Some(map) = s.crash.blame.as_mut().and_then(|b| b.map.as_mut()) {
        map.holder.clear();
    }
    assert!(text(&s).contains("\nowner: a local variable, or not known\n"));
    s.crash.blame = None;
    assert!(text(&s).contains("\nmap: not known\n"));
}

#[test]
fn candidates_tell_what_they_have_in_common() {
    let mut s = crash(READ_WRITE, &GET, Vec::new());
    if let Some(blame) = s.crash.blame.as_mut() {
        blame.candidates = blame.map.take().into_iter().collect();
        blame.candidates.extend(blame.candidates.clone());
        if let Some(other) = blame.candidates.last_mut() {
            other.holder = "main.other".into();
        }
    }
    assert!(text(&s).contains("\nmap: map[string]int\nowner: a local variable, or not known\n"));
}

#[test]
fn numbers_and_what_stands_behind_a_line_are_left_out() {
    let said = |message| {
        let all = text(&crash(message, &GET, Vec::new()));
        all.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        said("panic: runtime error: hash of unhashable type [4]int64"),
        "fatal: panic: runtime error: hash of unhashable type [N]int64"
    );
    assert_eq!(
        said("fatal error: unexpected fault address 0xdeadbeef\nmore"),
        "fatal: unexpected fault address N"
    );
    assert_eq!(
        said("fatal error: runtime: out of memory: cannot allocate 4194304-byte block"),
        "fatal: out of memory"
    );
}

#[test]
fn what_a_collision_left_in_its_map_is_luck_and_other_damage_is_not() {
    let mut s = damaged();
    s.maps.truncate(1);
    let bad = s.maps.iter().find(|m| m.is_broken()).map(|m| m.addr);
    let race = crash(READ_WRITE, &GET, Vec::new());
    s.crash = race.crash;
    assert!(text(&s).contains("\nrules: "));
    if let Some(map) = s.crash.blame.as_mut().and_then(|b| b.map.as_mut()) {
        map.addr = bad.unwrap_or_default();
    }
    assert!(!text(&s).contains("rules: "));
    s.crash.plain = Some("fatal error: bad map state".into());
    assert!(text(&s).contains("\nrules: "));
}

#[test]
fn damage_is_known_again_however_the_process_died() {
    let mut s = damaged();
    s.crash.kind = CrashKind::Other;
    let one = text(&s);
    assert_eq!(
        one,
        "map: map[string]int\nowner: main.A[...].m\nrules: CL-B MAP-COUNT"
    );
    s.crash.message = Some("panic: something else".into());
    s.maps.reverse();
    assert_eq!(text(&s), one);
}

#[test]
fn where_nothing_is_wrong_there_is_no_signature() {
    let mut s = survey(vec![row(0x3000, "", &[])]);
    s.crash.kind = CrashKind::Other;
    assert_eq!(signature(&s), None);
}

#[test]
fn a_line_has_an_end_and_stays_one() {
    let mut t = Text::default();
    t.line("map", &"é\n".repeat(MAX_LINE));
    assert_eq!(t.0.lines().count(), 1);
    assert_eq!(t.0.chars().count(), "map: …".chars().count() + MAX_LINE);
}

#[test]
fn a_gist_is_one_line_of_what_matters() {
    let gist = |text: &str| {
        let signature = Signature {
            text: text.to_owned(),
            ..Signature::default()
        };
        signature.gist()
    };
    assert_eq!(
        gist(
            "fatal: concurrent map writes\nmap: map[string]int\nowner: main.a.b\nframes: main.f < main.g\nrules: MAP-COUNT"
        ),
        "concurrent map writes · main.a.b · main.f"
    );
    assert_eq!(
        gist(&format!(
            "fatal: hang\nmap: map[string]int\nowner: {NOBODY}\ngoroutine: main.w"
        )),
        "hang · map[string]int · main.w"
    );
    assert_eq!(
        gist("map: map[int]int\nowner: main.m\nrules: A B"),
        "main.m · A B"
    );
    assert_eq!(gist("of a later version\nx"), "of a later version");
}
