//! The causes of broken maps, and who is at work on maps, as JSON.
//! In: rows of maps. Out: the elements of `causes` and `writers` of the document of `check`.

use crate::cause::explain::Cause;
use crate::cause::explain::Clobbered;
use crate::survey::result::MapRow;
use serde::Serialize;

/// A cause of one map.
#[derive(Serialize)]
pub(crate) struct CauseOut<'a> {
    map: String,
    class: &'a str,
    probability: f64,
    explains: u64,
    of: u64,
    words: Vec<WordOut<'a>>,
    text: &'a str,
}

/// A word that is not what it should be.
#[derive(Serialize)]
struct WordOut<'a> {
    addr: String,
    size: u64,
    what: &'a str,
    claimed: Option<String>,
    would_be: Option<String>,
    bit: Option<u32>,
    looks_like: &'a str,
}

impl<'a> CauseOut<'a> {
    /// The causes of a map, likeliest first.
    pub(crate) fn of(row: &'a MapRow) -> impl Iterator<Item = CauseOut<'a>> {
        row.causes.iter().map(|c| CauseOut::one(row, c))
    }

    fn one(row: &MapRow, c: &'a Cause) -> CauseOut<'a> {
        CauseOut {
            map: row.addr.to_string(),
            class: c.class.as_str(),
            probability: f64::from(c.percent) / 100.0,
            explains: c.explains,
            of: c.of,
            words: c.words.iter().map(WordOut::of).collect(),
            text: &c.text,
        }
    }
}

impl<'a> WordOut<'a> {
    fn of(w: &'a Clobbered) -> WordOut<'a> {
        let hex = |v: Option<u64>| v.map(|v| format!("{v:#x}"));
        WordOut {
            addr: w.addr.to_string(),
            size: w.size,
            what: &w.what,
            claimed: hex(w.claimed),
            would_be: hex(w.would_be),
            bit: w.bit,
            looks_like: w.looks.as_str(),
        }
    }
}

/// A goroutine inside an operation on a map.
#[derive(Serialize)]
pub(crate) struct WriterOut<'a> {
    map: String,
    goroutine: u64,
    op: &'static str,
    function: &'a str,
    throwing: bool,
}

impl<'a> WriterOut<'a> {
    /// Those at work on one map.
    pub(crate) fn of(row: &'a MapRow) -> impl Iterator<Item = WriterOut<'a>> {
        let hands = &row.hands;
        let writes = hands.writers.iter().map(|h| ("write", h));
        let reads = hands.readers.iter().map(|h| ("read", h));
        writes.chain(reads).map(|(op, h)| WriterOut {
            map: row.addr.to_string(),
            goroutine: h.goroutine,
            op,
            function: &h.function,
            throwing: h.throwing,
        })
    }
}
