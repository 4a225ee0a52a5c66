//! Sizes and times as people type them.
//! In: the text of an argument. Out: bytes, a duration, or what is wrong with it.

use std::time::Duration;

/// Bytes: `1000`, `512M`, `1.5GiB`. `K`, `KB` and `KiB` are all 1,024 bytes, and so on up to `T`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(not_a_size()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && (part.is_empty() || shift == 0)) {
        return Err(not_a_size());
    }
    let too_large = || "it is larger than any disk".to_owned();
    let whole: u64 = whole.parse().map_err(|_| match digits(whole) {
        true => too_large(),
        false => not_a_size(),
    })?;
    let whole = whole.checked_mul(1 << shift).ok_or_else(too_large)?;
    Ok(whole.saturating_add(fraction(part, shift).ok_or_else(not_a_size)?))
}

fn not_a_size() -> String {
    "a size is a number of bytes, or one with K, M, G or T, as in 512M or 1.5GiB".to_owned()
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The digits behind a point, of a unit of 2^`shift`; rounded down. Beyond the ninth they do not count.
fn fraction(digits_behind: &str, shift: u32) -> Option<u64> {
    if digits_behind.is_empty() {
        return Some(0);
    }
    if !digits(digits_behind) {
        return None;
    }
    let (mut sum, mut scale) = (0u128, 1u128);
    for b in digits_behind.bytes().take(9) {
        sum = sum.saturating_mul(10).saturating_add(u128::from(b & 0xf));
        scale = scale.saturating_mul(10);
    }
    u64::try_from(sum.checked_shl(shift)?.checked_div(scale)?).ok()
}

/// A time: `90` and `90s` are seconds; `10m`, `2h`, `1h30m`: larger units first, each once.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        "a time is a number of seconds, or numbers with h, m and s, as in 90s or 1h30m".to_owned()
    };
    let too_long = || "it is longer than anybody waits".to_owned();
    let text = text.trim();
    let number = |digits_of: &str| match digits_of.parse::<u64>() {
        Ok(n) if digits(digits_of) => Ok(n),
        Err(_) if digits(digits_of) => Err(too_long()),
        _ => Err(wrong()),
    };
    if digits(text) {
        return Ok(Duration::from_secs(number(text)?));
    }
    let mut rest = text;
    let (mut seconds, mut below) = (0u64, u64::MAX);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (n, tail) = rest.split_at(end);
        let mut units = tail.chars();
        let unit: u64 = match units.next().map(|c| c.to_ascii_lowercase()) {
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        if unit >= below {
            return Err(wrong());
        }
        below = unit;
        let more = number(n)?.checked_mul(unit).ok_or_else(too_long)?;
        seconds = seconds.checked_add(more).ok_or_else(too_long)?;
        rest = units.as_str();
    }
    match below {
        u64::MAX => Err(wrong()),
        _ => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test
    use super::*;

    #[test]
    fn sizes_are_in_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("12b", 12),
            ("4K", 4096),
            ("4kb", 4096),
            ("512M", 512 << 20),
            ("4 GiB", 4 << 30),
            ("1.5GiB", 3 << 29),
            ("0.25k", 256),
            ("1.0000000009999T", 1 << 40),
            ("2T", 2 << 40),
            (" 7 ", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_what_one_is() {
        for text in [
            "", " ", "M", "-1", "+1", "1.5", "1.", ".5G", "1..5G", "1.2.3G", "1,5G", "12Q", "1e6",
            "0x10", "4G4", "１",
        ] {
            let said = parse_size(text).unwrap_err();
            assert!(said.starts_with("a size is"), "{text}: {said}");
        }
        for text in ["99999999999999999999", "18446744073709551615K", "16777216T"] {
            let said = parse_size(text).unwrap_err();
            assert!(said.contains("larger"), "{text}: {said}");
        }
        assert_eq!(parse_size("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn times_are_seconds_unless_they_say_otherwise() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("10m", 600),
            ("2h", 7200),
            ("1h30m", 5400),
            ("1H2M3S", 3723),
            ("1h5s", 3605),
            ("100m", 6000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_told_what_one_is() {
        for text in [
            "", "m", "-5", "+5s", "1.5h", "1h30", "30m1h", "1m1m", "5d", "1h 30m", "10ms", "s10",
        ] {
            let said = parse_duration(text).unwrap_err();
            assert!(said.starts_with("a time is"), "{text}: {said}");
        }
        for text in [
            "99999999999999999999s",
            "9999999999999999999h",
            "18446744073709551615s1",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
