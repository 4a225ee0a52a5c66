//! JSON that can be printed on a terminal, whatever the dead process put into it.
//! In: what serde can write. Out: a document, or one line; unsafe characters are `\u` escapes, so that the
//! value stays the same.

use serde::Serialize;
use serde_json::ser::CompactFormatter;
use serde_json::ser::PrettyFormatter;
use std::io;
use std::io::BufWriter;
use std::io::Write;

/// Whether a character could do anything to a terminal but appear: C0 and C1 controls, DEL, line and
/// paragraph separators, marks that turn the direction of text or take no room.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// Whether every byte is a printable character of ASCII, as nearly every text is.
pub fn is_printable(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let mut words = text.chunks_exact(8);
    let mut odd = 0u64;
    for word in &mut words {
        let word = word.first_chunk().map_or(0, |w| u64::from_le_bytes(*w));
        // The highest bit of the first byte below 0x20, above 0x7f, or 0x7f itself; a sound byte disturbs no neighbour.
        odd |= word | word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES);
    }
    let is_plain = |b: &u8| (0x20..0x7f).contains(b);
    odd & (ONES << 7) == 0 && words.remainder().iter().all(is_plain)
}

/// Writes JSON in which unsafe characters beyond ASCII are `\u` escapes too: the value stays the same,
/// and a terminal it is printed on stays untouched. serde_json itself escapes only C0.
#[derive(Debug)]
pub struct SafeJson<F>(pub F);

macro_rules! forward {
    ($($name:ident ( $($arg:ident : $ty:ty),* );)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $arg: $ty)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        })*
    };
}

impl<F: serde_json::ser::Formatter> serde_json::ser::Formatter for SafeJson<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_printable(fragment.as_bytes()) || !fragment.contains(is_unsafe) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0u16; 2];
        for c in fragment.chars() {
            if is_unsafe(c) {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                write!(writer, "{c}")?;
            }
        }
        Ok(())
    }

    // How arrays and objects are laid out is left to the formatter inside.
    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

/// Bytes that are written together.
const BUFFER: usize = 1 << 16;

/// Writes a document of its own.
pub fn write_document(out: &mut dyn Write, doc: &impl Serialize) -> io::Result<()> {
    // Serde writes a few bytes at a time.
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let mut ser =
        serde_json::Serializer::with_formatter(&mut out, SafeJson(PrettyFormatter::new()));
    doc.serialize(&mut ser).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes one line of JSON Lines.
pub fn write_jsonl<W: Write + ?Sized>(mut out: &mut W, line: &impl Serialize) -> io::Result<()> {
    let mut ser = serde_json::Serializer::with_formatter(&mut out, SafeJson(CompactFormatter));
    line.serialize(&mut ser).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;

    #[test]
    fn json_keeps_the_value_and_hides_the_escape() {
        let mut out = Vec::new();
        let mut ser = serde_json::Serializer::with_formatter(
            &mut out,
            SafeJson(serde_json::ser::CompactFormatter),
        );
        let text = "a\u{9b}2J\u{1b}\u{202e}é";
        text.serialize(&mut ser).expect("a string serializes");
        let json = String::from_utf8(out).expect("JSON is UTF-8");
        assert_eq!(json, "\"a\\u009b2J\\u001b\\u202eé\"");
        assert_eq!(
            serde_json::from_str::<String>(&json).expect("valid JSON"),
            text
        );
    }
}
