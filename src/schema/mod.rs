//! Schema `badmap/1`: the parts that JSON documents and snapshots share, written and read back.
//! In: plain results. Out: structs that serde writes as `docs/JSON.md` documents them, and the same results
//! again from what was read. Nothing here touches a file.

pub mod causes;
pub mod check;
pub mod crash;
pub mod places;
pub mod process;
pub mod safe;
pub mod words;

use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;

/// The name of the schema, in every document and every line.
pub const SCHEMA: &str = "badmap/1";

/// Which program wrote a document.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Tool<'a> {
    /// `badmap`.
    pub name: Cow<'a, str>,
    /// Its version.
    pub version: Cow<'a, str>,
}

/// This program.
pub const TOOL: Tool<'static> = Tool {
    name: Cow::Borrowed("badmap"),
    version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
};

/// A number that was written in hex, as addresses and hashes are: `0xc000012345`.
pub fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Percent of a share between 0 and 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what is cast lies between 0 and 100
pub fn percent(share: f64) -> u8 {
    (share * 100.0).round().clamp(0.0, 100.0) as u8
}
