//! Sizes in bytes as people read them.
//! In: a number of bytes. Out: text.

/// A size in bytes as people read it: `304 B`, `12.3 KiB`, `1.2 GiB`; rounded down, one digit.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut whole = bytes;
    let mut part = 0;
    let mut name = "B";
    for unit in UNITS {
        if whole < 1024 {
            break;
        }
        part = whole % 1024;
        whole /= 1024;
        name = unit;
    }
    format!("{whole}.{} {name}", part.saturating_mul(10) / 1024)
}
