//! One core against its truth: addresses, types, lengths, digests of entries, verdicts, crash, exit.

use crate::corpus::files::CoreEntry;
use crate::corpus::files::CoreFiles;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::check::registry::find_rule;
use badmap::check::rule::Verdict;
use badmap::file::scratch::Scratch;
use badmap::find::search::find_maps;
use badmap::maps::value::Values;
use badmap::survey::exit::check_exit;
use badmap::survey::exit::totals;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::result::MapRow;
use badmap::survey::result::Survey;
use badmap::survey::run::crash;
use badmap::survey::run::survey;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub struct Truth {
    pub maps: Vec<TrueMap>,
    /// Maps that are too many to be listed.
    #[serde(default)]
    pub counts: Vec<Count>,
}

/// So many maps of a type, with so many entries, below a package variable.
#[derive(Deserialize)]
pub struct Count {
    pub prefix: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub maps: u64,
    pub entries: u64,
}

impl Count {
    fn counts(&self, row: &MapRow) -> bool {
        row.ty == self.ty && below(row).starts_with(&self.prefix)
    }
}

/// The owner path without the parentheses of what it dereferences.
fn below(row: &MapRow) -> &str {
    row.owner.trim_start_matches("(*")
}

#[derive(Deserialize, Clone)]
pub struct TrueMap {
    pub addr: String,
    pub kind: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub len: Option<i64>,
    pub held: String,
    pub reach: String,
    #[serde(default)]
    pub state: Vec<String>,
    /// Ways of which badmap must report at least one; empty where nobody can find it.
    #[serde(default)]
    pub found_by: Option<Vec<String>>,
    #[serde(default)]
    pub reachable: Option<String>,
    pub digest: Option<String>,
    pub expect: String,
    pub damage: Option<Damage>,
}

#[derive(Deserialize, Clone)]
pub struct Damage {
    pub kind: String,
    pub rules: Vec<String>,
    pub needs_hash: bool,
}

/// Wounds that break no rule for sure, with the rule that warns: a pointer to memory that the process does not have
/// may be one to C memory that was unmapped since, and that nobody follows.
const ONLY_SUSPICIOUS: [(&str, &str); 1] = [("elem-pointer", "MAP-PTRWILD")];

/// The scenario that goes on making maps when its truth is written; those have to be sound all the same.
const MAKES_MAPS_ANEW: &str = "live-churn";

#[derive(Default)]
pub struct Outcome {
    /// Maps badmap found.
    pub maps: usize,
    /// Maps of the truth among them.
    pub found: usize,
    /// Wounds for which one of the named rules fired.
    pub wounds: usize,
    /// Those of them that only the hashes of keys can show.
    pub by_hash: usize,
    /// Wounds that none of today's rules is about.
    pub later: usize,
    pub failures: Vec<String>,
}

pub fn request(files: &CoreFiles) -> Request {
    Request {
        files: vec![files.core.clone(), files.binary_path.clone()],
        binary: None,
        binary_dirs: Vec::new(),
        allow_mismatch: false,
        scratch: Scratch::new(std::env::temp_dir(), None),
        values: ValueMode::Clear,
        digest_key: None,
        index: None,
    }
}

pub fn compare(core: &CoreEntry, files: &CoreFiles) -> Outcome {
    let mut out = Outcome::default();
    let truth: Truth = serde_json::from_str(&files.truth).unwrap();
    let req = request(files);
    let digests = digests(&req);
    let result = match survey(&req, &Silent) {
        Ok(s) => s,
        Err(e) => {
            out.failures.push(format!("cannot be read: {e}"));
            return out;
        }
    };
    let by_addr: HashMap<(u64, bool), Vec<&MapRow>> =
        result.maps.iter().fold(HashMap::new(), |mut m, r| {
            m.entry((r.addr.0, r.kind == "syncmap"))
                .or_insert_with(Vec::new)
                .push(r);
            m
        });
    out.maps = result.maps.len();
    let mut known: HashMap<u64, &TrueMap> = HashMap::new();
    for t in &truth.maps {
        let addr = u64::from_str_radix(t.addr.trim_start_matches("0x"), 16).unwrap();
        let rows = by_addr
            .get(&(addr, t.kind == "syncmap"))
            .cloned()
            .unwrap_or_default();
        if addr == 0 {
            if !rows.is_empty() {
                out.failures
                    .push(format!("a nil map was found: {}", t.held));
            }
            continue;
        }
        if t.kind == "map" {
            known.insert(addr, t);
        }
        match rows.as_slice() {
            [] if t.is_due() => out
                .failures
                .push(format!("not found: {} {} {}", t.addr, t.ty, t.held)),
            [] => {}
            [row] => {
                out.found += 1;
                compare_ways(t, row, &mut out);
                compare_row(&core.scenario, t, row, digests.get(&Addr(addr)), &mut out);
            }
            _ => out
                .failures
                .push(format!("found {} times: {}", rows.len(), t.held)),
        }
    }
    for count in &truth.counts {
        let rows = || result.maps.iter().filter(|r| count.counts(r));
        let entries: u64 = rows().map(MapRow::entries).sum();
        // The map that holds the counted ones may be of the same type; it is listed.
        let listed = rows().filter(|r| known.contains_key(&r.addr.0));
        let (held, held_entries) = listed.fold((0, 0), |(n, e), r| (n + 1, e + r.entries()));
        let maps = rows().count() as u64 - held;
        if (maps, entries - held_entries) != (count.maps, count.entries) {
            out.failures.push(format!(
                "below {}: {maps} maps with {} entries, not {} with {}",
                count.prefix,
                entries - held_entries,
                count.maps,
                count.entries
            ));
        }
    }
    for row in result.maps.iter().filter(|r| r.kind != "syncmap") {
        let inner = row.ty == "map[interface {}]*sync.entry";
        let counted = || truth.counts.iter().any(|c| c.counts(row));
        // What only the sweep finds must be a map that the program knows of, or had: one that the collector
        // has given up, one that a sync.Map has replaced, or one of the standard library's.
        let swept = row.found_by == ["sweep"]
            && !row.flags.contains(&"dead")
            && !row.type_candidates.iter().any(|t| is_of_library(t))
            && !is_of_library(&row.ty);
        if core.scenario != MAKES_MAPS_ANEW
            && (below(row).starts_with("main.") || swept)
            && !known.contains_key(&row.addr.0)
            && !inner
            && !counted()
        {
            out.failures.push(format!(
                "called a map, but is none: {} {} {}",
                row.addr, row.ty, row.owner
            ));
        }
        if !known.contains_key(&row.addr.0) {
            expect_clean(row, &mut out);
        }
    }
    let stackless = !files.binary.has_stacks();
    let gaps = if stackless {
        check_stackless(&result, &mut out);
        3
    } else {
        0
    };
    if result.find_gaps_total > 0 && !stackless {
        out.failures
            .push(format!("gaps on the way: {:?}", result.find_gaps));
    }
    // How the process ended must not depend on what may be shown of its values.
    let hidden = Request {
        values: ValueMode::Digest,
        ..req.clone()
    };
    match crash(&hidden, &Silent) {
        Ok(seen) if seen.crash.kind == result.crash.kind => {}
        other => out
            .failures
            .push(format!("redacted, the crash is {other:?}")),
    }
    let expect = &core.expect;
    if result.crash.kind.as_str() != expect.crash {
        out.failures
            .push(format!("crash is {:?}, not {}", result.crash, expect.crash));
    }
    // qemu's cores do not tell which signal it was. What the manifest has are the first of the last words; of
    // several panics, badmap names the last.
    let want = core.said.as_ref().filter(|_| core.dumped != "qemu");
    let got = result.crash.message.as_ref();
    let first = |w: &&String| expect.crash == "map" || w.starts_with("SIGABRT");
    let told = |w: &String| got.is_some_and(|g| g.contains(w));
    if want.is_some() != got.is_some() || !want.filter(first).is_none_or(told) {
        out.failures
            .push(format!("message is {got:?}, not {want:?}"));
    }
    let exit = check_exit(&totals(&result), &result.crash, result.find_gaps_total).code();
    let due = expect.exit.max(gaps);
    if exit != due && !(expect.broken.is_none() && exit == 1) {
        out.failures.push(format!("exit is {exit}, not {due}"));
    }
    out
}

/// A process of another machine: all stacks are missing, and nothing else is.
fn check_stackless(result: &Survey, out: &mut Outcome) {
    let why = "stacks of this process cannot be unwound";
    let all = result.find_gaps.iter().all(|g| g.contains(why));
    if !all || result.find_gaps.is_empty() || result.find_gaps_total == 0 {
        out.failures.push(format!(
            "gaps that are not about stacks, or none: {:?}",
            result.find_gaps
        ));
    }
    let judged = result.maps.iter().filter_map(|r| r.verdict.as_ref());
    let unsound = judged.filter(|v| v.verdict != Verdict::Ok).count();
    if unsound > 0 {
        out.failures.push(format!("{unsound} maps are not ok"));
    }
}

impl TrueMap {
    /// Whether badmap has to find it.
    fn is_due(&self) -> bool {
        match &self.found_by {
            // An empty map that never had storage is a few numbers: only what leads there tells that it is one,
            // and garbage whose own type is guessed is no witness.
            Some(ways) if ways == &["sweep"] => !self.state.iter().any(|s| s == "no-storage"),
            Some(ways) => !ways.is_empty(),
            None => self.reach == "global",
        }
    }
}

/// Whether a map type can be the standard library's own: it names a type of another package than main.
fn is_of_library(ty: &str) -> bool {
    [
        "runtime.", "sync.", "reflect.", "syscall.", "unique.", "abi.",
    ]
    .iter()
    .any(|p| ty.contains(p))
}

/// How a map was found, and whether the program could still get at it.
fn compare_ways(t: &TrueMap, row: &MapRow, out: &mut Outcome) {
    if let Some(ways) = &t.found_by
        && !ways.is_empty()
        && !ways.iter().any(|w| row.found_by.contains(&w.as_str()))
    {
        out.failures.push(format!(
            "{} {}: found by {:?}, not by any of {ways:?}; owner {}",
            t.addr, t.held, row.found_by, row.owner
        ));
    }
    if let Some(reachable) = &t.reachable
        && reachable != "any"
        && reachable != row.reachable
    {
        out.failures.push(format!(
            "{} {}: {}, not {reachable}; owner {}",
            t.addr, t.held, row.reachable, row.owner
        ));
    }
}

fn compare_row(
    scenario: &str,
    t: &TrueMap,
    row: &MapRow,
    digest: Option<&String>,
    out: &mut Outcome,
) {
    let mut fail = |what: String| out.failures.push(format!("{}: {what}", t.held));
    let fits = row.ty == t.ty || row.type_candidates.contains(&t.ty);
    if !fits {
        fail(format!(
            "type is {} ({}), not {}; found by {:?}",
            row.ty, row.type_sure, t.ty, row.found_by
        ));
    }
    if let Some(len) = t.len
        && row.len != Some(len)
    {
        fail(format!("len is {:?}, not {len}", row.len));
    }
    if let Some(want) = &t.digest
        && row.ty == t.ty
        && digest != Some(want)
    {
        fail(format!("digest of entries is {digest:?}, not {want}"));
    }
    let Some(verdict) = &row.verdict else { return };
    let fired: Vec<&str> = verdict.findings.iter().map(|f| f.rule).collect();
    match (t.expect.as_str(), &t.damage) {
        ("ok", _) => expect_clean(row, out),
        ("mid-write-possible", _)
            if verdict.verdict == Verdict::Ok && verdict.findings.is_empty() => {}
        ("mid-write-possible", _) => fail(format!("a healthy map under a writer is {verdict:?}")),
        (expect, Some(damage)) => {
            let known: Vec<_> = damage
                .rules
                .iter()
                .filter(|r| find_rule(r).is_some())
                .collect();
            // The map of a throw was being written when the process died, and half moved: what is
            // left of the wound looks like a write under way. The crash names it.
            let suspicious = |(kind, rule): &(&str, &str)| *kind == damage.kind && fired == [*rule];
            if ONLY_SUSPICIOUS.iter().any(suspicious) {
                out.wounds += 1;
            } else if known.is_empty() || scenario.starts_with("throw-") {
                out.later += 1;
            } else if !known.iter().any(|r| fired.contains(&r.as_str())) {
                fail(format!(
                    "wound {} not seen: {:?} fired, not {:?}",
                    damage.kind, fired, damage.rules
                ));
            } else {
                out.wounds += 1;
                out.by_hash += usize::from(damage.needs_hash);
                if expect == "broken" && verdict.verdict != Verdict::Broken {
                    fail(format!(
                        "wound {} seen, but the verdict is {:?}",
                        damage.kind, verdict.verdict
                    ));
                }
            }
        }
        _ => {}
    }
}

fn expect_clean(row: &MapRow, out: &mut Outcome) {
    let Some(v) = &row.verdict else { return };
    if v.verdict != Verdict::Ok || v.findings_total > 0 {
        out.failures.push(format!(
            "a healthy map is {:?}: {} {} {}: {:?} {:?} {:?}",
            v.verdict, row.addr, row.ty, row.owner, v.findings, v.unknown_rules, row.gaps
        ));
    }
}

/// The digest of each map's entries as corpora/README.md defines it: the sum of FNV-1a over the
/// canonical forms of key and elem.
fn digests(req: &Request) -> HashMap<Addr, String> {
    with_session(req, &Silent, |s| {
        let found = find_maps(&s.grounds(), &Silent);
        let mut out = HashMap::new();
        for m in &found.maps {
            let Some(slots) = s.reader.slots(m.ty) else {
                continue;
            };
            let image = s.reader.read(m.addr, slots.clone());
            let mut sum = Some(0u64);
            image.for_each_entry(|e| {
                let mut canon = Vec::new();
                let whole = half(s, slots.key, e.key, slots.indirect_key, &mut canon).is_some()
                    && half(s, slots.elem, e.elem, slots.indirect_elem, &mut canon).is_some();
                sum = if whole {
                    sum.map(|v| v.wrapping_add(fnv(&canon)))
                } else {
                    None
                };
            });
            if let Some(sum) = sum {
                out.insert(m.addr, format!("{sum:016x}"));
            }
        }
        let any = s
            .reader
            .program
            .type_named("interface {}")
            .expect("interface {} is everywhere");
        for m in &found.sync_maps {
            let mut sum = 0u64;
            let size = s.reader.program.graph.get(any).size;
            for (key, value) in &m.image.entries {
                let mut canon = Vec::new();
                for at in [key, value] {
                    let bytes = s.reader.program.mem.bytes(*at, size);
                    let bytes = bytes.expect("an interface");
                    s.values.canon(any, &bytes, &mut canon).expect("a value");
                }
                sum = sum.wrapping_add(fnv(&canon));
            }
            out.insert(m.addr, format!("{sum:016x}"));
        }
        Ok(out)
    })
    .unwrap_or_default()
}

fn half(
    s: &Session<'_, '_>,
    ty: badmap::types::graph::TypeId,
    stored: &[u8],
    indirect: bool,
    out: &mut Vec<u8>,
) -> Option<()> {
    let values: &Values<'_, '_> = &s.values;
    let program = &s.reader.program;
    if !indirect {
        return values.canon(ty, stored, out).ok().map(|_| ());
    }
    let at = Addr(program.mem.abi.uptr(stored, 0)?);
    let bytes = program.mem.bytes(at, program.graph.get(ty).size).ok()?;
    values.canon(ty, &bytes, out).ok().map(|_| ())
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
