//! Go versions as numbers, for the few facts that no field tells.
//! In: a version string. Out: its minor version.

/// The newest Go that badmap's facts were verified with.
pub const NEWEST_KNOWN: u32 = 27;
/// The oldest.
pub const OLDEST_KNOWN: u32 = 19;

/// The minor version of `go1.N…`: 23 for `go1.23.9`. `None` for development builds (`devel …`) and
/// anything else.
pub fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("go1.")?;
    let digits: &str = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Whether a string read from the process can be its version at all.
pub fn is_version(text: &str) -> bool {
    (text.starts_with("go1.") || text.starts_with("devel "))
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// Whether badmap's facts were never verified with this version.
pub fn is_untested(version: &str) -> bool {
    minor(version).is_none_or(|m| !(OLDEST_KNOWN..=NEWEST_KNOWN).contains(&m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiments_and_point_releases_do_not_matter() {
        assert_eq!(minor("go1.27.3-X:mapsplitgroup"), Some(27));
        assert_eq!(minor("go1.24.11 X:noswissmap"), Some(24));
        assert_eq!(minor("go1.19"), Some(19));
        assert_eq!(minor("devel go1.28-abcdef"), None);
        assert!(is_untested("go1.28rc1") && !is_untested("go1.21.13"));
    }
}
