//! The line of a plain map, written field by field straight into bytes: of a million maps nearly all are plain.
//! In: a row with its details. Out: the very bytes that serde makes of its `MapLine`, or a word that it takes serde.

use crate::base::digits::Digits;
use crate::base::digits::digit_of;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::schema::safe::write_jsonl;
use crate::snapshot::rows::load;
use crate::snapshot::rows::map_line;
use crate::survey::detail::Header;
use crate::survey::detail::MapDetail;
use crate::survey::detail::TableDetail;
use crate::survey::result::MapRow;
use std::io;
use std::io::Write;

/// Bytes that a plain line mostly has no more of.
const LINE: usize = 1 << 10;
/// A share in ten thousandths up to which its digits are those of the number.
const MAX_LOAD: f64 = 1e9;

/// Writes the line of a map. `entries`: how its entries are in the file, if they are.
/// # Errors
/// What `out` says.
pub fn write_map_line(
    out: &mut dyn Write,
    row: &MapRow,
    detail: &MapDetail,
    entries: Option<&'static str>,
) -> io::Result<()> {
    let mut pen = Pen(Vec::with_capacity(LINE));
    match is_plain(row, detail).then(|| pen.map(row, detail, entries)) {
        Some(Some(())) => out.write_all(&pen.0),
        _ => write_jsonl(out, &map_line(row, detail, entries)),
    }
}

/// Whether the line has no lists but those that most maps have.
fn is_plain(row: &MapRow, detail: &MapDetail) -> bool {
    let found = row
        .verdict
        .as_ref()
        .is_some_and(|v| !v.findings.is_empty() || !v.unknown_rules.is_empty());
    let hands = !row.hands.writers.is_empty() || !row.hands.readers.is_empty();
    let extra = matches!(detail.header, Header::Classic(_, Some(_)));
    let lists = !row.type_candidates.is_empty() || !row.causes.is_empty() || !row.gaps.is_empty();
    !(found || hands || extra || lists || detail.misplaced)
}

/// Writes JSON.
struct Pen(Vec<u8>);

impl Pen {
    /// `None` where serde knows better.
    fn map(&mut self, row: &MapRow, detail: &MapDetail, entries: Option<&str>) -> Option<()> {
        self.raw(r#"{"schema":"badmap/1","line":"map","addr":"#);
        self.hex(row.addr.0);
        self.texts([
            (r#","kind":"#, row.kind),
            (r#","type":"#, &row.ty),
            (r#","key_type":"#, &row.key_type),
            (r#","elem_type":"#, &row.elem_type),
        ])?;
        if !row.owner.is_empty() {
            self.text(r#","owner":"#, &row.owner)?;
        }
        self.raw(r#","found_by":"#);
        self.words(&row.found_by)?;
        self.texts([
            (r#","reachable":"#, row.reachable),
            (r#","type_sure":"#, row.type_sure),
        ])?;
        self.raw(r#","len":"#);
        match row.len {
            Some(len) => self.signed(len),
            None => self.raw("null"),
        }
        match row.capacity {
            Some(slots) => self.number(r#","capacity":"#, slots),
            None => self.raw(r#","capacity":null"#),
        }
        self.number(r#","bytes":"#, row.bytes);
        self.number(r#","waste":"#, row.waste);
        self.load(load(row, detail))?;
        if !row.flags.is_empty() {
            self.raw(r#","flags":"#);
            self.words(&row.flags)?;
        }
        match &detail.header {
            Header::None => {}
            Header::Classic(hmap, _) => self.classic(hmap),
            Header::Swiss(map) => self.swiss(map),
        }
        self.shape(detail);
        if let Some(d) = &detail.digest {
            self.raw(r#","digest":{"keys":""#);
            self.digits(d.keys);
            self.raw(r#"","entries":""#);
            self.digits(d.entries);
            self.raw("\"");
            self.flag(r#","key_addresses":true"#, d.key_addresses);
            self.flag(r#","elem_addresses":true"#, d.elem_addresses);
            self.raw("}");
        }
        if let Some(v) = &row.verdict {
            self.text(r#","verdict":"#, v.verdict.as_str())?;
            self.flag(r#","mid_write":true"#, v.mid_write);
            self.count(r#","findings_total":"#, v.findings_total);
        }
        self.flag(r#","hands_complete":true"#, row.hands.complete);
        self.flag(r#","cloning":true"#, row.hands.cloning);
        self.count(r#","gaps_total":"#, row.gaps_total);
        if let Some(entries) = entries {
            self.text(r#","entries":"#, entries)?;
        }
        self.raw("}\n");
        Some(())
    }

    fn classic(&mut self, h: &Hmap) {
        self.raw(r#","header":{"count":"#);
        self.signed(h.count);
        self.number(r#","flags":"#, h.flags.into());
        self.number(r#","B":"#, h.b.into());
        self.number(r#","noverflow":"#, h.noverflow.into());
        for (name, value) in [
            (r#","hash0":"#, u64::from(h.hash0)),
            (r#","buckets":"#, h.buckets.0),
            (r#","oldbuckets":"#, h.oldbuckets.0),
        ] {
            self.raw(name);
            self.hex(value);
        }
        self.number(r#","nevacuate":"#, h.nevacuate);
        self.raw(r#","extra":"#);
        self.hex(h.extra.0);
        if let Some(seq) = h.clear_seq {
            self.number(r#","clearSeq":"#, seq);
        }
        self.raw("}");
    }

    fn swiss(&mut self, m: &SwissMap) {
        self.number(r#","header":{"used":"#, m.used);
        for (name, value) in [(r#","seed":"#, m.seed), (r#","dirPtr":"#, m.dir_ptr.0)] {
            self.raw(name);
            self.hex(value);
        }
        self.raw(r#","dirLen":"#);
        self.signed(m.dir_len);
        self.number(r#","globalDepth":"#, m.global_depth.into());
        self.number(r#","globalShift":"#, m.global_shift.into());
        self.number(r#","writing":"#, m.writing.into());
        for (name, byte) in [
            (r#","tombstonePossible":"#, m.tombstone_possible),
            (r#","padding":"#, m.padding),
        ] {
            if let Some(byte) = byte {
                self.number(name, byte.into());
            }
        }
        self.number(r#","clearSeq":"#, m.clear_seq);
        self.raw("}");
    }

    fn shape(&mut self, d: &MapDetail) {
        if d.marks.total() == 0 && d.tables_total == 0 {
            return;
        }
        self.number(r#","shape":{"live":"#, d.marks.live);
        self.number(r#","empty":"#, d.marks.empty);
        self.number(r#","deleted":"#, d.marks.deleted);
        self.count(r#","evacuated":"#, d.marks.evacuated);
        self.count(r#","illegal":"#, d.marks.illegal);
        for (name, chains) in [
            (r#","chains":["#, &d.chains),
            (r#","old_chains":["#, &d.old_chains),
        ] {
            let mut before = name;
            for n in chains {
                self.number(before, *n);
                before = ",";
            }
            self.flag("]", !chains.is_empty());
        }
        let mut before = r#","tables":["#;
        for t in &d.tables {
            self.raw(before);
            self.table(t);
            before = ",";
        }
        self.flag("]", !d.tables.is_empty());
        self.count(r#","tables_total":"#, d.tables_total);
        self.raw("}");
    }

    fn table(&mut self, t: &TableDetail) {
        self.number(r#"{"dir":"#, t.first);
        self.raw(r#","addr":"#);
        self.hex(t.addr.0);
        self.number(r#","used":"#, t.used.into());
        self.number(r#","capacity":"#, t.capacity.into());
        self.number(r#","growthLeft":"#, t.growth_left.into());
        self.number(r#","localDepth":"#, t.local_depth.into());
        self.number(r#","tombstones":"#, t.tombstones);
        self.raw("}");
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn flag(&mut self, text: &str, is: bool) {
        if is {
            self.raw(text);
        }
    }

    /// A name and a string; `None` if something in it must be escaped.
    fn text(&mut self, name: &str, text: &str) -> Option<()> {
        let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
        if !text.bytes().fold(true, |all, b| all & plain(b)) {
            return None;
        }
        self.raw(name);
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
        Some(())
    }

    fn texts<const N: usize>(&mut self, texts: [(&str, &str); N]) -> Option<()> {
        texts
            .into_iter()
            .try_for_each(|(name, text)| self.text(name, text))
    }

    fn words(&mut self, words: &[&str]) -> Option<()> {
        let mut before = "[";
        for word in words {
            self.text(before, word)?;
            before = ",";
        }
        self.flag("[", words.is_empty());
        self.raw("]");
        Some(())
    }

    fn number(&mut self, name: &str, n: u64) {
        self.raw(name);
        self.decimal(n);
    }

    /// The same, unless it is 0.
    fn count(&mut self, name: &str, n: u64) {
        if n != 0 {
            self.number(name, n);
        }
    }

    fn signed(&mut self, n: i64) {
        self.flag("-", n < 0);
        self.decimal(n.unsigned_abs());
    }

    fn decimal(&mut self, n: u64) {
        self.0.extend_from_slice(Digits::decimal(n).bytes());
    }

    /// Hex as addresses and seeds are written.
    fn hex(&mut self, n: u64) {
        self.raw("\"0x");
        self.0.extend_from_slice(Digits::hex(n).bytes());
        self.raw("\"");
    }

    /// Half of a digest.
    fn digits(&mut self, n: u128) {
        for byte in n.to_be_bytes() {
            self.0.push(digit_of(u64::from(byte >> 4)));
            self.0.push(digit_of(u64::from(byte & 0xf)));
        }
    }

    /// A share of four digits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a whole number below `MAX_LOAD`
    fn load(&mut self, load: Option<f64>) -> Option<()> {
        let Some(load) = load else { return Some(()) };
        let parts = (load * 1e4).round();
        if !(0.0..MAX_LOAD).contains(&parts) || load.is_sign_negative() {
            return None;
        }
        let parts = parts as u64;
        self.number(r#","load":"#, parts / 10_000);
        self.raw(".");
        let mut rest = parts % 10_000;
        loop {
            let digit = rest.saturating_mul(10);
            self.decimal(digit / 10_000);
            rest = digit % 10_000;
            if rest == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
