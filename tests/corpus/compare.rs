//! One core against its truth: addresses, types, lengths, digests of entries, verdicts, crash, exit.

use crate::corpus::files::CoreEntry;
use crate::corpus::files::CoreFiles;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::check::registry::find_rule;
use badmap::check::rule::Verdict;
use badmap::find::trace::trace;
use badmap::maps::value::Values;
use badmap::survey::exit::check_exit;
use badmap::survey::exit::totals;
use badmap::survey::request::Request;
use badmap::survey::request::ValueMode;
use badmap::survey::result::MapRow;
use badmap::survey::run::info;
use badmap::survey::run::survey;
use badmap::survey::session::Session;
use badmap::survey::session::with_session;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub struct Truth {
    pub maps: Vec<TrueMap>,
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

#[derive(Default)]
pub struct Outcome {
    /// Maps badmap found.
    pub maps: usize,
    /// Maps of the truth among them.
    pub found: usize,
    /// Wounds for which one of the named rules fired.
    pub wounds: usize,
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
        tmp_dir: std::env::temp_dir(),
        values: ValueMode::Clear,
        digest_key: None,
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
            [] if t.reach == "global" => out
                .failures
                .push(format!("not found: {} {} {}", t.addr, t.ty, t.held)),
            [] => {}
            [row] => {
                out.found += 1;
                compare_row(&core.scenario, t, row, digests.get(&Addr(addr)), &mut out);
            }
            _ => out
                .failures
                .push(format!("found {} times: {}", rows.len(), t.held)),
        }
    }
    for row in result.maps.iter().filter(|r| r.kind != "syncmap") {
        let inner = row.ty == "map[interface {}]*sync.entry";
        if row.owner.trim_start_matches("(*").starts_with("main.")
            && !known.contains_key(&row.addr.0)
            && !inner
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
    if result.find_gaps_total > 0 {
        out.failures
            .push(format!("gaps on the way: {:?}", result.find_gaps));
    }
    // How the process ended must not depend on what may be shown of its values.
    let hidden = Request {
        values: ValueMode::Digest,
        ..req.clone()
    };
    match info(&hidden, &Silent) {
        Ok((_, crash)) if crash.kind == result.crash.kind => {}
        other => out
            .failures
            .push(format!("redacted, the crash is {other:?}")),
    }
    let expect = &core.expect;
    if result.crash.kind.as_str() != expect.crash {
        out.failures
            .push(format!("crash is {:?}, not {}", result.crash, expect.crash));
    }
    if let (Some(want), Some(got)) = (&expect.message, &result.crash.message)
        && expect.crash == "map"
        && !got.contains(want.as_str())
    {
        out.failures
            .push(format!("message is {got:?}, not {want:?}"));
    }
    let exit = check_exit(&totals(&result), &result.crash, result.find_gaps_total).code();
    if exit != expect.exit && !(expect.broken.is_none() && exit == 1) {
        out.failures
            .push(format!("exit is {exit}, not {}", expect.exit));
    }
    out
}

fn compare_row(
    scenario: &str,
    t: &TrueMap,
    row: &MapRow,
    digest: Option<&String>,
    out: &mut Outcome,
) {
    let mut fail = |what: String| out.failures.push(format!("{}: {what}", t.held));
    if row.ty != t.ty {
        fail(format!("type is {}, not {}", row.ty, t.ty));
    }
    if let Some(len) = t.len
        && row.len != Some(len)
    {
        fail(format!("len is {:?}, not {len}", row.len));
    }
    if let Some(want) = &t.digest
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
            if damage.needs_hash || known.is_empty() || scenario.starts_with("throw-") {
                out.later += 1;
            } else if !known.iter().any(|r| fired.contains(&r.as_str())) {
                fail(format!(
                    "wound {} not seen: {:?} fired, not {:?}",
                    damage.kind, fired, damage.rules
                ));
            } else {
                out.wounds += 1;
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
        let found = trace(s.reader, s.modules, &Silent);
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
            for (key, value) in &m.image.entries {
                let mut canon = Vec::new();
                for at in [key, value] {
                    let bytes = s.reader.program.mem.bytes(*at, 16).expect("an interface");
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
        return values.canon(ty, stored, out).ok();
    }
    let at = Addr(program.mem.abi.uptr(stored, 0)?);
    let bytes = program.mem.bytes(at, program.graph.get(ty).size).ok()?;
    values.canon(ty, &bytes, out).ok()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
