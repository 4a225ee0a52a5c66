//! A map as a line, and a line as a map.
//! In: a row with its details, or a `MapLine`. Out: the other; what a line says in words that no badmap writes is
//! taken as the least that it can mean. Over 400 lines: one file for both ways.

use crate::base::addr::Addr;
use crate::base::limits::MAX_HANDS;
use crate::cause::explain::Cause;
use crate::cause::explain::Class;
use crate::cause::explain::Clobbered;
use crate::cause::looks::Looks;
use crate::check::registry::find_rule;
use crate::check::rule::Finding;
use crate::check::rule::MapVerdict;
use crate::check::rule::Severity;
use crate::check::rule::Verdict;
use crate::maps::image::Hand;
use crate::maps::image::Hands;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::schema::number;
use crate::schema::percent;
use crate::schema::places::place;
use crate::schema::words::known;
use crate::snapshot::image::header::classic;
use crate::snapshot::image::header::swiss;
use crate::snapshot::line::CauseOut;
use crate::snapshot::line::DigestOut;
use crate::snapshot::line::ExtraOut;
use crate::snapshot::line::FindingOut;
use crate::snapshot::line::HandOut;
use crate::snapshot::line::HeaderOut;
use crate::snapshot::line::MapLine;
use crate::snapshot::line::ShapeOut;
use crate::snapshot::line::TableOut;
use crate::snapshot::line::Tag;
use crate::snapshot::line::Text;
use crate::snapshot::line::WordOut;
use crate::snapshot::line::kind;
use crate::snapshot::plain::PlainMap;
use crate::snapshot::plain::Words;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::ExtraFields;
use crate::survey::detail::Header;
use crate::survey::detail::MapDetail;
use crate::survey::detail::Marks;
use crate::survey::detail::TableDetail;
use crate::survey::result::MapRow;
use std::borrow::Cow;

/// The line of a map. `entries`: how its entries are in the file, if they are.
pub fn map_line<'a>(
    row: &'a MapRow,
    detail: &'a MapDetail,
    entries: Option<&'static str>,
) -> MapLine<'a> {
    let (schema, line) = Tag::of(kind::MAP);
    let verdict = row.verdict.as_ref();
    let texts = |all: &'a [String]| all.iter().map(|t| Cow::Borrowed(t.as_str())).collect();
    let words = |all: &'a [&'static str]| all.iter().map(|t| Cow::Borrowed(*t)).collect();
    MapLine {
        schema,
        line,
        addr: row.addr.to_string().into(),
        kind: row.kind.into(),
        r#type: Cow::Borrowed(&row.ty),
        key_type: Cow::Borrowed(&row.key_type),
        elem_type: Cow::Borrowed(&row.elem_type),
        owner: Some(row.owner.as_str())
            .filter(|o| !o.is_empty())
            .map(Cow::Borrowed),
        found_by: words(&row.found_by),
        reachable: row.reachable.into(),
        type_sure: row.type_sure.into(),
        type_candidates: texts(&row.type_candidates),
        len: row.len,
        capacity: row.capacity,
        bytes: row.bytes,
        waste: row.waste,
        load: load(row, detail),
        flags: words(&row.flags),
        // What lies where no header can be is anything's memory.
        header: header_out(&detail.header).filter(|_| !detail.misplaced),
        shape: shape_out(detail).filter(|_| !detail.misplaced),
        digest: detail.digest.map(|d| DigestOut {
            keys: format!("{:032x}", d.keys).into(),
            entries: format!("{:032x}", d.entries).into(),
            key_addresses: d.key_addresses,
            elem_addresses: d.elem_addresses,
        }),
        verdict: verdict.map(|v| v.verdict.as_str().into()),
        mid_write: verdict.is_some_and(|v| v.mid_write),
        findings: verdict
            .iter()
            .flat_map(|v| &v.findings)
            .map(finding_out)
            .collect(),
        findings_total: verdict.map_or(0, |v| v.findings_total),
        unknown_rules: verdict.map(|v| words(&v.unknown_rules)).unwrap_or_default(),
        causes: row.causes.iter().map(cause_out).collect(),
        hands: hands_out(&row.hands),
        hands_complete: row.hands.complete,
        cloning: row.hands.cloning,
        gaps: texts(&row.gaps),
        gaps_total: row.gaps_total,
        entries: entries.map(Cow::Borrowed),
    }
}

/// Entries by slot of the storage in use, rounded to four digits.
#[allow(clippy::cast_precision_loss)] // a share
pub(crate) fn load(row: &MapRow, detail: &MapDetail) -> Option<f64> {
    let slots = match detail.header {
        Header::Classic(..) => row.capacity?,
        Header::Swiss(_) => detail.marks.total(),
        Header::None => 0,
    };
    let len = row.len.filter(|_| slots > 0)?;
    Some((len as f64 / slots as f64 * 1e4).round() / 1e4)
}

fn hex<'a>(n: u64) -> Option<Text<'a>> {
    Some(format!("{n:#x}").into())
}

fn header_out<'a>(header: &Header) -> Option<HeaderOut<'a>> {
    let list = |l: Option<(Addr, u64)>| l.map(|(at, len)| (at.to_string().into(), len));
    match header {
        Header::None => None,
        Header::Classic(hmap, extra) => Some(HeaderOut {
            mapextra: extra.as_ref().map(|e| ExtraOut {
                overflow: list(e.overflow),
                oldoverflow: list(e.oldoverflow),
                next_overflow: e.next_overflow.to_string().into(),
            }),
            ..classic(hmap)
        }),
        Header::Swiss(map) => Some(swiss(map)),
    }
}

fn shape_out(d: &MapDetail) -> Option<ShapeOut<'_>> {
    let tables = d.tables.iter().map(|t| TableOut {
        dir: t.first,
        addr: t.addr.to_string().into(),
        used: t.used,
        capacity: t.capacity,
        growth_left: t.growth_left,
        local_depth: t.local_depth,
        tombstones: t.tombstones,
    });
    (d.marks.total() > 0 || d.tables_total > 0).then(|| ShapeOut {
        live: d.marks.live,
        empty: d.marks.empty,
        deleted: d.marks.deleted,
        evacuated: d.marks.evacuated,
        illegal: d.marks.illegal,
        chains: d.chains.clone(),
        old_chains: d.old_chains.clone(),
        tables: tables.collect(),
        tables_total: d.tables_total,
    })
}

fn finding_out(f: &Finding) -> FindingOut<'_> {
    FindingOut {
        rule: f.rule.into(),
        severity: f.severity.as_str().into(),
        r#where: f.place.to_string().into(),
        claimed: Cow::Borrowed(&f.claimed),
        found: Cow::Borrowed(&f.found),
    }
}

fn cause_out(c: &Cause) -> CauseOut<'_> {
    CauseOut {
        class: c.class.as_str().into(),
        probability: f64::from(c.percent) / 100.0,
        explains: c.explains,
        of: c.of,
        words: c
            .words
            .iter()
            .map(|w| WordOut {
                addr: w.addr.to_string().into(),
                size: w.size,
                what: Cow::Borrowed(&w.what),
                claimed: w.claimed.and_then(hex),
                would_be: w.would_be.and_then(hex),
                bit: w.bit,
                looks_like: w.looks.as_str().into(),
            })
            .collect(),
        text: Cow::Borrowed(&c.text),
    }
}

fn hands_out(hands: &Hands) -> Vec<HandOut<'_>> {
    let writes = hands.writers.iter().map(|h| ("write", h));
    let reads = hands.readers.iter().map(|h| ("read", h));
    let out = writes.chain(reads).map(|(op, h)| HandOut {
        goroutine: h.goroutine,
        op: op.into(),
        function: Cow::Borrowed(&h.function),
        throwing: h.throwing,
    });
    out.take(MAX_HANDS).collect()
}

/// What a line says of a map.
pub fn map_row(line: MapLine<'_>) -> (MapRow, MapDetail) {
    let detail = MapDetail {
        header: line.header.as_ref().map(header).unwrap_or_default(),
        digest: line.digest.as_ref().and_then(digest),
        ..line.shape.map(shape).unwrap_or_default()
    };
    let texts = |all: Vec<Text<'_>>| all.into_iter().map(Cow::into_owned).collect();
    let words = |all: Vec<Text<'_>>| all.iter().map(|t| known(t)).collect();
    let verdict = line.verdict.map(|v| MapVerdict {
        verdict: verdict(&v),
        mid_write: line.mid_write,
        findings: line.findings.into_iter().filter_map(finding).collect(),
        findings_total: line.findings_total,
        unknown_rules: line.unknown_rules.iter().map(|r| rule_id(r)).collect(),
    });
    let row = MapRow {
        addr: addr(&line.addr),
        kind: known(&line.kind),
        ty: line.r#type.into_owned(),
        key_type: line.key_type.into_owned(),
        elem_type: line.elem_type.into_owned(),
        owner: line.owner.map(Cow::into_owned).unwrap_or_default(),
        holder: String::new(),
        found_by: words(line.found_by),
        reachable: known(&line.reachable),
        type_sure: known(&line.type_sure),
        type_candidates: texts(line.type_candidates),
        len: line.len,
        capacity: line.capacity,
        bytes: line.bytes,
        waste: line.waste,
        flags: words(line.flags),
        verdict,
        causes: line.causes.into_iter().map(cause).collect(),
        hands: hands(line.hands, line.hands_complete, line.cloning),
        gaps: texts(line.gaps),
        gaps_total: line.gaps_total,
    };
    (row, detail)
}

/// The same of a plain map's line.
pub(crate) fn plain_row(line: &PlainMap<'_>) -> MapRow {
    // A million lists of one word each: none has room for more than it holds.
    let words = |words: Words<'_>| {
        let mut all = Vec::with_capacity(words.iter().count());
        all.extend(words.iter().map(known));
        all
    };
    MapRow {
        addr: line.addr,
        kind: known(line.kind),
        ty: line.ty.into(),
        key_type: line.key_type.into(),
        elem_type: line.elem_type.into(),
        owner: line.owner.unwrap_or_default().into(),
        holder: String::new(),
        found_by: words(line.found_by),
        reachable: known(line.reachable),
        type_sure: known(line.type_sure),
        type_candidates: Vec::new(),
        len: line.len,
        capacity: line.capacity,
        bytes: line.bytes,
        waste: line.waste,
        flags: words(line.flags),
        verdict: line.verdict.map(|v| MapVerdict {
            verdict: verdict(v),
            mid_write: line.mid_write,
            findings: Vec::new(),
            findings_total: line.findings_total,
            unknown_rules: Vec::new(),
        }),
        causes: Vec::new(),
        hands: Hands {
            complete: line.hands_complete,
            cloning: line.cloning,
            ..Hands::default()
        },
        gaps: Vec::new(),
        gaps_total: line.gaps_total,
    }
}

/// An address in hex; nil where it is none.
pub(crate) fn addr(text: &str) -> Addr {
    Addr(number(text).unwrap_or(0))
}

/// The verdict of this name; unknown, where it is none.
pub(crate) fn verdict(name: &str) -> Verdict {
    let all = [Verdict::Ok, Verdict::Broken];
    let found = all.into_iter().find(|v| v.as_str() == name);
    found.unwrap_or(Verdict::Unknown)
}

fn rule_id(id: &str) -> &'static str {
    find_rule(id).map_or_else(|| known(id), |rule| rule.id)
}

/// Header fields as the process had them.
pub(crate) fn header(h: &HeaderOut<'_>) -> Header {
    let at = |text: &Option<Text<'_>>| addr(text.as_deref().unwrap_or_default());
    let list = |l: &Option<(Text<'_>, u64)>| l.as_ref().map(|(at, len)| (addr(at), *len));
    if let Some(count) = h.count {
        let extra = h.mapextra.as_ref().map(|e| {
            Box::new(ExtraFields {
                overflow: list(&e.overflow),
                oldoverflow: list(&e.oldoverflow),
                next_overflow: addr(&e.next_overflow),
            })
        });
        let hmap = Hmap {
            count,
            flags: h.flags.unwrap_or(0),
            b: h.b.unwrap_or(0),
            noverflow: h.noverflow.unwrap_or(0),
            hash0: u32::try_from(at(&h.hash0).0).unwrap_or(0),
            buckets: at(&h.buckets),
            oldbuckets: at(&h.oldbuckets),
            nevacuate: h.nevacuate.unwrap_or(0),
            extra: at(&h.extra),
            clear_seq: h.clear_seq,
        };
        return Header::Classic(hmap, extra);
    }
    let Some(used) = h.used else {
        return Header::None;
    };
    Header::Swiss(SwissMap {
        used,
        seed: at(&h.seed).0,
        dir_ptr: at(&h.dir_ptr),
        dir_len: h.dir_len.unwrap_or(0),
        global_depth: h.global_depth.unwrap_or(0),
        global_shift: h.global_shift.unwrap_or(0),
        writing: h.writing.unwrap_or(0),
        tombstone_possible: h.tombstone_possible,
        padding: h.padding,
        clear_seq: h.clear_seq.unwrap_or(0),
    })
}

/// Slots by mark, as a line has them.
pub(crate) fn marks(s: &ShapeOut<'_>) -> Marks {
    Marks {
        live: s.live,
        empty: s.empty,
        deleted: s.deleted,
        evacuated: s.evacuated,
        illegal: s.illegal,
    }
}

fn shape(s: ShapeOut<'_>) -> MapDetail {
    let tables = s.tables.iter().map(|t| TableDetail {
        first: t.dir,
        addr: addr(&t.addr),
        used: t.used,
        capacity: t.capacity,
        growth_left: t.growth_left,
        local_depth: t.local_depth,
        tombstones: t.tombstones,
    });
    MapDetail {
        marks: marks(&s),
        tables: tables.collect(),
        tables_total: s.tables_total,
        chains: s.chains,
        old_chains: s.old_chains,
        ..MapDetail::default()
    }
}

/// What stands for the entries; `None` where that is no such thing.
pub(crate) fn digest(d: &DigestOut<'_>) -> Option<ContentDigest> {
    let sum = |text: &str| u128::from_str_radix(text, 16).ok();
    Some(ContentDigest {
        keys: sum(&d.keys)?,
        entries: sum(&d.entries)?,
        key_addresses: d.key_addresses,
        elem_addresses: d.elem_addresses,
    })
}

fn finding(f: FindingOut<'_>) -> Option<Finding> {
    let all = [Severity::Info, Severity::Warning];
    let severity = all.into_iter().find(|s| s.as_str() == f.severity);
    Some(Finding {
        rule: rule_id(&f.rule),
        severity: severity.unwrap_or(Severity::Error),
        place: place(&f.r#where)?,
        claimed: f.claimed.into_owned(),
        found: f.found.into_owned(),
    })
}

fn cause(c: CauseOut<'_>) -> Cause {
    let word = |w: WordOut<'_>| Clobbered {
        addr: addr(&w.addr),
        size: w.size,
        what: w.what.into_owned(),
        claimed: w.claimed.as_deref().and_then(number),
        would_be: w.would_be.as_deref().and_then(number),
        bit: w.bit,
        looks: Looks::named(&w.looks_like),
    };
    Cause {
        class: Class::named(&c.class),
        percent: percent(c.probability).min(99),
        explains: c.explains,
        of: c.of,
        words: c.words.into_iter().map(word).collect(),
        text: c.text.into_owned(),
    }
}

fn hands(all: Vec<HandOut<'_>>, complete: bool, cloning: bool) -> Hands {
    let mut out = Hands {
        complete,
        cloning,
        ..Hands::default()
    };
    for h in all {
        let list = match &*h.op {
            "write" => &mut out.writers,
            _ => &mut out.readers,
        };
        list.push(Hand {
            goroutine: h.goroutine,
            function: h.function.into_owned(),
            throwing: h.throwing,
        });
    }
    out
}
