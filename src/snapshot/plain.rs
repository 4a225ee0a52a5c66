//! The line of a plain map, read field by field as `pen.rs` writes it: of a million maps nearly all are plain.
//! In: a line. Out: what it says, or nothing if it is not of that very form; then serde says what is in it, or
//! what is wrong with it.

use crate::base::addr::Addr;
use crate::maps::image::Hmap;
use crate::maps::image::SwissMap;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::Header;
use crate::survey::detail::Marks;

/// What the line of a plain map says: it has no lists but those that most maps have. Fields are those of `MapLine`.
#[derive(Debug)]
pub struct PlainMap<'l> {
    /// Address of the header.
    pub addr: Addr,
    /// Its kind.
    pub kind: &'l str,
    /// Its type.
    pub ty: &'l str,
    /// Key type.
    pub key_type: &'l str,
    /// Elem type.
    pub elem_type: &'l str,
    /// Owner path.
    pub owner: Option<&'l str>,
    /// How it was found.
    pub found_by: Words<'l>,
    /// Whether the program could still get at it.
    pub reachable: &'l str,
    /// How sure its type is.
    pub type_sure: &'l str,
    /// `len(m)` as it claims.
    pub len: Option<i64>,
    /// Entries it has room for.
    pub capacity: Option<u64>,
    /// Bytes of header and storage.
    pub bytes: u64,
    /// Of these, bytes of empty slots.
    pub waste: u64,
    /// Words for its state.
    pub flags: Words<'l>,
    /// Its header.
    pub header: Header,
    /// How its slots are used.
    pub marks: Marks,
    /// Tables in all.
    pub tables_total: u64,
    /// What stands for its entries.
    pub digest: Option<ContentDigest>,
    /// What the rules say.
    pub verdict: Option<&'l str>,
    /// Being written.
    pub mid_write: bool,
    /// Findings in all.
    pub findings_total: u64,
    /// Every goroutine inside an operation on it is known.
    pub hands_complete: bool,
    /// A goroutine is copying it.
    pub cloning: bool,
    /// How many places of it could not be read.
    pub gaps_total: u64,
    /// Its entries follow.
    pub entries: Option<&'l str>,
}

/// A list of words, as JSON has them between its brackets.
#[derive(Clone, Copy, Default, Debug)]
pub struct Words<'l>(&'l str);

impl<'l> Words<'l> {
    /// The words.
    pub fn iter(self) -> impl Iterator<Item = &'l str> {
        let words = self.0.split(',').filter(|w| !w.is_empty());
        words.map(|w| w.trim_matches('"'))
    }
}

/// Reads a line with its line break; `None` if it is not that of a plain map as badmap writes it.
pub fn plain_map(line: &[u8]) -> Option<PlainMap<'_>> {
    let mut eye = Eye(line);
    eye.expect(r#"{"schema":"badmap/1","line":"map","addr":"#)?;
    let addr = Addr(eye.hex()?);
    let kind = eye.text(r#","kind":"#)?;
    let ty = eye.text(r#","type":"#)?;
    let key_type = eye.text(r#","key_type":"#)?;
    let elem_type = eye.text(r#","elem_type":"#)?;
    let owner = eye.maybe_text(r#","owner":"#)?;
    eye.expect(r#","found_by":["#)?;
    let found_by = eye.words()?;
    let reachable = eye.text(r#","reachable":"#)?;
    let type_sure = eye.text(r#","type_sure":"#)?;
    eye.expect(r#","len":"#)?;
    let len = match eye.takes("null") {
        true => None,
        false => Some(eye.signed()?),
    };
    eye.expect(r#","capacity":"#)?;
    let capacity = match eye.takes("null") {
        true => None,
        false => Some(eye.decimal()?),
    };
    let bytes = eye.number(r#","bytes":"#)?;
    let waste = eye.number(r#","waste":"#)?;
    if eye.takes(r#","load":"#) {
        eye.decimal()?;
        eye.expect(".")?;
        eye.digits()?;
    }
    let flags = match eye.takes(r#","flags":["#) {
        true => eye.words()?,
        false => Words::default(),
    };
    let header = match eye.takes(r#","header":{"#) {
        true => eye.header()?,
        false => Header::None,
    };
    let (marks, tables_total) = eye.shape()?;
    Some(PlainMap {
        addr,
        kind,
        ty,
        key_type,
        elem_type,
        owner,
        found_by,
        reachable,
        type_sure,
        len,
        capacity,
        bytes,
        waste,
        flags,
        header,
        marks,
        tables_total,
        digest: eye.digest()?,
        verdict: eye.maybe_text(r#","verdict":"#)?,
        mid_write: eye.takes(r#","mid_write":true"#),
        findings_total: eye.count(r#","findings_total":"#)?,
        hands_complete: eye.takes(r#","hands_complete":true"#),
        cloning: eye.takes(r#","cloning":true"#),
        gaps_total: eye.count(r#","gaps_total":"#)?,
        entries: eye.maybe_text(r#","entries":"#)?,
    })
    .filter(|_| eye.0 == b"}\n")
}

/// What of a line has not been read.
struct Eye<'l>(&'l [u8]);

impl<'l> Eye<'l> {
    #[inline(always)] // the names are constants
    fn takes(&mut self, text: &str) -> bool {
        match self.0.split_at_checked(text.len()) {
            Some((start, rest)) if start == text.as_bytes() => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn expect(&mut self, text: &str) -> Option<()> {
        self.takes(text).then_some(())
    }

    /// As many bytes as are alike.
    fn run(&mut self, alike: impl Fn(u8) -> bool) -> &'l [u8] {
        let n = self.0.iter().position(|b| !alike(*b));
        let (run, rest) = self.0.split_at(n.unwrap_or(self.0.len()));
        self.0 = rest;
        run
    }

    /// A name and a string without escapes, all of it ASCII.
    #[inline(always)]
    fn text(&mut self, name: &str) -> Option<&'l str> {
        self.expect(name)?;
        self.expect("\"")?;
        let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
        let text = std::str::from_utf8(self.run(plain)).ok()?;
        self.expect("\"")?;
        Some(text)
    }

    /// The same, if the name is there.
    #[inline(always)]
    fn maybe_text(&mut self, name: &str) -> Option<Option<&'l str>> {
        match self.0.starts_with(name.as_bytes()) {
            true => Some(Some(self.text(name)?)),
            false => Some(None),
        }
    }

    /// Words and the bracket that ends them.
    fn words(&mut self) -> Option<Words<'l>> {
        let all = self.0;
        let mut first = true;
        while !self.takes("]") {
            self.text(if first { "" } else { "," })
                .filter(|word| !word.is_empty() && !word.contains(','))?;
            first = false;
        }
        let n = all.len().checked_sub(self.0.len())?.checked_sub(1)?;
        std::str::from_utf8(all.get(..n)?).ok().map(Words)
    }

    fn digits(&mut self) -> Option<&'l [u8]> {
        Some(self.run(|b| b.is_ascii_digit())).filter(|d| !d.is_empty())
    }

    /// A number that cannot be too large.
    #[inline(always)]
    fn decimal(&mut self) -> Option<u64> {
        let digits = self.digits()?;
        if digits.len() > 19 || (digits.len() > 1 && digits.first() == Some(&b'0')) {
            return None;
        }
        let digits = digits.iter().map(|d| u64::from(d.wrapping_sub(b'0')));
        Some(digits.fold(0, |n: u64, d| n.wrapping_mul(10).wrapping_add(d)))
    }

    fn signed(&mut self) -> Option<i64> {
        let minus = self.takes("-");
        let n = i64::try_from(self.decimal()?).ok()?;
        match (minus, n) {
            (true, 0) => None,
            (true, n) => n.checked_neg(),
            (false, n) => Some(n),
        }
    }

    #[inline(always)]
    fn number(&mut self, name: &str) -> Option<u64> {
        self.expect(name)?;
        self.decimal()
    }

    /// The same, or 0 if the name is not there.
    #[inline(always)]
    fn count(&mut self, name: &str) -> Option<u64> {
        match self.takes(name) {
            true => self.decimal(),
            false => Some(0),
        }
    }

    fn small<T: TryFrom<u64>>(&mut self, name: &str) -> Option<T> {
        T::try_from(self.number(name)?).ok()
    }

    fn maybe_byte(&mut self, name: &str) -> Option<Option<u8>> {
        match self.0.starts_with(name.as_bytes()) {
            true => Some(Some(self.small(name)?)),
            false => Some(None),
        }
    }

    /// So many hex digits at most; their number, and how many they are.
    fn hex_digits(&mut self, most: usize) -> Option<(u128, usize)> {
        let digits = self.run(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if digits.len() > most {
            return None;
        }
        let digit = |b: u8| match b {
            b'a'.. => b.wrapping_sub(b'a').wrapping_add(10),
            _ => b.wrapping_sub(b'0'),
        };
        let n = digits
            .iter()
            .fold(0, |n: u128, b| n << 4 | u128::from(digit(*b)));
        Some((n, digits.len()))
    }

    /// A string that is an address or a seed.
    #[inline(always)]
    fn hex(&mut self) -> Option<u64> {
        self.expect("\"0x")?;
        let (n, digits) = self.hex_digits(16)?;
        self.expect("\"")?;
        u64::try_from(n).ok().filter(|_| digits > 0)
    }

    fn header(&mut self) -> Option<Header> {
        let header = if self.takes(r#""count":"#) {
            let mut h = Hmap {
                count: self.signed()?,
                flags: self.small(r#","flags":"#)?,
                b: self.small(r#","B":"#)?,
                noverflow: self.small(r#","noverflow":"#)?,
                ..Hmap::default()
            };
            self.expect(r#","hash0":"#)?;
            h.hash0 = u32::try_from(self.hex()?).ok()?;
            self.expect(r#","buckets":"#)?;
            h.buckets = Addr(self.hex()?);
            self.expect(r#","oldbuckets":"#)?;
            h.oldbuckets = Addr(self.hex()?);
            h.nevacuate = self.number(r#","nevacuate":"#)?;
            self.expect(r#","extra":"#)?;
            h.extra = Addr(self.hex()?);
            h.clear_seq = match self.takes(r#","clearSeq":"#) {
                true => Some(self.decimal()?),
                false => None,
            };
            Header::Classic(h, None)
        } else {
            let used = self.number(r#""used":"#)?;
            self.expect(r#","seed":"#)?;
            let seed = self.hex()?;
            self.expect(r#","dirPtr":"#)?;
            let dir_ptr = Addr(self.hex()?);
            self.expect(r#","dirLen":"#)?;
            Header::Swiss(SwissMap {
                used,
                seed,
                dir_ptr,
                dir_len: self.signed()?,
                global_depth: self.small(r#","globalDepth":"#)?,
                global_shift: self.small(r#","globalShift":"#)?,
                writing: self.small(r#","writing":"#)?,
                tombstone_possible: self.maybe_byte(r#","tombstonePossible":"#)?,
                padding: self.maybe_byte(r#","padding":"#)?,
                clear_seq: self.number(r#","clearSeq":"#)?,
            })
        };
        self.expect("}")?;
        Some(header)
    }

    /// Slots by mark, and how many tables there are.
    fn shape(&mut self) -> Option<(Marks, u64)> {
        if !self.takes(r#","shape":{"live":"#) {
            return Some((Marks::default(), 0));
        }
        let marks = Marks {
            live: self.decimal()?,
            empty: self.number(r#","empty":"#)?,
            deleted: self.number(r#","deleted":"#)?,
            evacuated: self.count(r#","evacuated":"#)?,
            illegal: self.count(r#","illegal":"#)?,
        };
        for name in [r#","chains":["#, r#","old_chains":["#] {
            if self.takes(name) {
                self.decimal()?;
                while self.takes(",") {
                    self.decimal()?;
                }
                self.expect("]")?;
            }
        }
        let tables = self.count(r#","tables_total":"#)?;
        self.expect("}")?;
        Some((marks, tables))
    }

    fn digest(&mut self) -> Option<Option<ContentDigest>> {
        if !self.takes(r#","digest":{"keys":""#) {
            return Some(None);
        }
        let whole = |(n, digits): (u128, usize)| (digits == 32).then_some(n);
        let keys = whole(self.hex_digits(32)?)?;
        self.expect(r#"","entries":""#)?;
        let entries = whole(self.hex_digits(32)?)?;
        self.expect("\"")?;
        let digest = ContentDigest {
            keys,
            entries,
            key_addresses: self.takes(r#","key_addresses":true"#),
            elem_addresses: self.takes(r#","elem_addresses":true"#),
        };
        self.expect("}")?;
        Some(Some(digest))
    }
}
