//! Sizes in bytes as people read them.
//! In: a number of bytes. Out: text.

use crate::base::digits::Digits;
use crate::base::digits::decimal_width;

/// A size in bytes as people read it: `304 B`, `12.3 KiB`, `1.2 GiB`; rounded down, one digit.
pub fn size(bytes: u64) -> String {
    let mut out = Vec::with_capacity(16);
    push_size(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

/// The same, written behind other text.
pub fn push_size(out: &mut Vec<u8>, bytes: u64) {
    let (whole, tenths, unit) = split(bytes);
    out.extend_from_slice(Digits::decimal(whole).bytes());
    if let Some(tenths) = tenths {
        out.push(b'.');
        out.extend_from_slice(Digits::decimal(tenths).bytes());
    }
    out.push(b' ');
    out.extend_from_slice(unit.as_bytes());
}

/// How many columns it takes.
pub fn size_width(bytes: u64) -> usize {
    let (whole, tenths, unit) = split(bytes);
    let part = if tenths.is_some() { 2 } else { 0 };
    decimal_width(whole)
        .saturating_add(part)
        .saturating_add(1)
        .saturating_add(unit.len())
}

/// What stands before the point, what behind it if there is one, and the unit.
fn split(bytes: u64) -> (u64, Option<u64>, &'static str) {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut whole, mut part, mut name) = (bytes, None, "B");
    for unit in UNITS {
        if whole < 1024 {
            break;
        }
        part = Some((whole % 1024).saturating_mul(10) / 1024);
        (whole, name) = (whole / 1024, unit);
    }
    (whole, part, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down_to_one_digit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
            assert_eq!(size_width(bytes), text.len());
        }
    }
}
