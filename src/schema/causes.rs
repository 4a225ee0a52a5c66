//! The causes of broken maps, and who is at work on maps, as JSON.
//! In: rows of maps. Out: the elements of `causes` and `writers` of the document of `check`, written and read back.

use crate::cause::explain;
use crate::cause::explain::Clobbered;
use crate::survey::result::MapRow;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;

/// A cause of one map.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Cause<'a> {
    pub(crate) map: String,
    pub(crate) class: Cow<'a, str>,
    pub(crate) probability: f64,
    explains: u64,
    of: u64,
    words: Vec<Word<'a>>,
    text: Cow<'a, str>,
}

/// A word that is not what it should be.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
struct Word<'a> {
    addr: String,
    size: u64,
    what: Cow<'a, str>,
    claimed: Option<String>,
    would_be: Option<String>,
    bit: Option<u32>,
    looks_like: Cow<'a, str>,
}

impl<'a> Cause<'a> {
    /// The causes of a map, likeliest first.
    pub fn all(row: &'a MapRow) -> impl Iterator<Item = Cause<'a>> {
        row.causes.iter().map(|c| Cause::of(row, c))
    }

    fn of(row: &MapRow, c: &'a explain::Cause) -> Cause<'a> {
        Cause {
            map: row.addr.to_string(),
            class: c.class.as_str().into(),
            probability: f64::from(c.percent) / 100.0,
            explains: c.explains,
            of: c.of,
            words: c.words.iter().map(Word::of).collect(),
            text: Cow::Borrowed(&c.text),
        }
    }
}

impl<'a> Word<'a> {
    fn of(w: &'a Clobbered) -> Word<'a> {
        let hex = |v: Option<u64>| v.map(|v| format!("{v:#x}"));
        Word {
            addr: w.addr.to_string(),
            size: w.size,
            what: Cow::Borrowed(&w.what),
            claimed: hex(w.claimed),
            would_be: hex(w.would_be),
            bit: w.bit,
            looks_like: w.looks.as_str().into(),
        }
    }
}

/// A goroutine inside an operation on a map.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Writer<'a> {
    map: String,
    goroutine: u64,
    op: Cow<'a, str>,
    function: Cow<'a, str>,
    throwing: bool,
}

impl<'a> Writer<'a> {
    /// Those at work on one map.
    pub fn all(row: &'a MapRow) -> impl Iterator<Item = Writer<'a>> {
        let hands = &row.hands;
        let writes = hands.writers.iter().map(|h| ("write", h));
        let reads = hands.readers.iter().map(|h| ("read", h));
        writes.chain(reads).map(|(op, h)| Writer {
            map: row.addr.to_string(),
            goroutine: h.goroutine,
            op: op.into(),
            function: Cow::Borrowed(&h.function),
            throwing: h.throwing,
        })
    }
}
