//! The lines of a snapshot, as `docs/SNAPSHOT.md` documents them field by field.
//! In: nothing. Out: structs that serde writes and reads. What is null or absent in a file is the default here;
//! fields that this badmap does not know are passed over. Over 400 lines: one schema, one file.

use crate::schema::SCHEMA;
use crate::schema::Tool;
use crate::schema::crash::Crash;
use crate::schema::crash::Gc;
use crate::schema::process::Process;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use std::borrow::Cow;

/// Text that is borrowed where it is written from, and owned where it was read.
pub type Text<'a> = Cow<'a, str>;

/// Says which schema a line has, and which kind of line it is; the first two fields of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag<'a> {
    /// `badmap/1`.
    #[serde(borrow, deserialize_with = "text")]
    pub schema: Text<'a>,
    /// `header`, `map`, `image`, `facts`, `slots`, `end`.
    #[serde(borrow, deserialize_with = "text")]
    pub line: Text<'a>,
}

/// The names of the kinds of lines.
pub mod kind {
    /// The first line.
    pub const HEADER: &str = "header";
    /// A map.
    pub const MAP: &str = "map";
    /// What the rules need of the map before, but for lists and slots.
    pub const IMAGE: &str = "image";
    /// Lists that belong to the image before, or parts of them.
    pub const FACTS: &str = "facts";
    /// A bucket or group of the map before, or some that are alike.
    pub const SLOTS: &str = "slots";
    /// The last line.
    pub const END: &str = "end";
}

/// The first line: the process, and what is in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HeadLine<'a> {
    /// `badmap/1`.
    pub schema: Text<'a>,
    /// `header`.
    pub line: Text<'a>,
    /// Who wrote it.
    pub tool: Option<Tool<'a>>,
    /// What was opened.
    pub process: Process<'a>,
    /// The same for all dumps of one run of a program, and for nothing else; null where the core does not tell.
    pub identity: Option<Text<'a>>,
    /// How it ended.
    pub crash: Crash<'a>,
    /// The collector and the clock.
    pub gc: Option<Gc<'a>>,
    /// How secrets were treated.
    pub redaction: Redaction<'a>,
    /// Whose entries are in the file.
    pub selection: Selection<'a>,
    /// What went wrong while looking for maps, in words.
    pub gaps: Vec<Text<'a>>,
    /// How many of those there were.
    pub gaps_total: u64,
}

/// How secrets were treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Redaction<'a> {
    /// Keys in owner paths: `none`, `digest`, `clear`.
    pub values: Text<'a>,
    /// Keys and elems of entries, likewise; `none`: no entries are in the file.
    pub entries: Text<'a>,
    /// The id of the key that digests were made with. Digests under equal ids can be compared.
    pub key_id: Option<Text<'a>>,
    /// Where the key is from: `file`, or `core`: made of secrets in the core.
    pub key_from: Option<Text<'a>>,
}

/// Whose entries are in the file: of maps that pass all of these. Null passes every map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection<'a> {
    /// Address of one map.
    pub map: Option<Text<'a>>,
    /// Part of the type.
    pub r#type: Option<Text<'a>>,
    /// Part of the owner path.
    pub owner: Option<Text<'a>>,
}

/// A map.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MapLine<'a> {
    /// `badmap/1`.
    #[serde(borrow, deserialize_with = "text")]
    pub schema: Text<'a>,
    /// `map`.
    #[serde(borrow, deserialize_with = "text")]
    pub line: Text<'a>,
    /// Address of the header, of the `sync.Map` for that kind.
    #[serde(borrow, deserialize_with = "text")]
    pub addr: Text<'a>,
    /// `classic`, `swiss`, `syncmap`, `unreadable`.
    #[serde(borrow, deserialize_with = "text")]
    pub kind: Text<'a>,
    /// Its type.
    #[serde(borrow, deserialize_with = "text")]
    pub r#type: Text<'a>,
    /// Key type.
    #[serde(borrow, deserialize_with = "text")]
    pub key_type: Text<'a>,
    /// Elem type.
    #[serde(borrow, deserialize_with = "text")]
    pub elem_type: Text<'a>,
    /// Owner path.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub owner: Option<Text<'a>>,
    /// How it was found.
    #[serde(borrow, deserialize_with = "texts")]
    pub found_by: Vec<Text<'a>>,
    /// Whether the program could still get at it.
    #[serde(borrow, deserialize_with = "text")]
    pub reachable: Text<'a>,
    /// How sure its type is.
    #[serde(borrow, deserialize_with = "text")]
    pub type_sure: Text<'a>,
    /// Types that fit.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        borrow,
        deserialize_with = "texts"
    )]
    pub type_candidates: Vec<Text<'a>>,
    /// `len(m)` as it claims.
    pub len: Option<i64>,
    /// Classic: slots of the main buckets. Swiss: entries it has room for before it must grow.
    pub capacity: Option<u64>,
    /// Bytes of header and storage.
    pub bytes: u64,
    /// Of these, bytes of empty slots.
    pub waste: u64,
    /// Entries by slot of the storage in use, of 1; null without storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Words for its state.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        borrow,
        deserialize_with = "texts"
    )]
    pub flags: Vec<Text<'a>>,
    /// Header fields by Go's names.
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    pub header: Option<HeaderOut<'a>>,
    /// How its slots are used.
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    pub shape: Option<ShapeOut<'a>>,
    /// What stands for its entries, as 32 hex digits each.
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    pub digest: Option<DigestOut<'a>>,
    /// `ok`, `broken`, `unknown`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub verdict: Option<Text<'a>>,
    /// Being written.
    #[serde(skip_serializing_if = "is_false")]
    pub mid_write: bool,
    /// Findings, capped for each rule.
    #[serde(skip_serializing_if = "Vec::is_empty", borrow)]
    pub findings: Vec<FindingOut<'a>>,
    /// Findings in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub findings_total: u64,
    /// Rules that could not be decided.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        borrow,
        deserialize_with = "texts"
    )]
    pub unknown_rules: Vec<Text<'a>>,
    /// What may have broken it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<CauseOut<'a>>,
    /// Goroutines inside an operation on it.
    #[serde(skip_serializing_if = "Vec::is_empty", borrow)]
    pub hands: Vec<HandOut<'a>>,
    /// Whether those are all.
    #[serde(skip_serializing_if = "is_false")]
    pub hands_complete: bool,
    /// A goroutine is copying it, or into it.
    #[serde(skip_serializing_if = "is_false")]
    pub cloning: bool,
    /// What could not be read, first ones.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        borrow,
        deserialize_with = "texts"
    )]
    pub gaps: Vec<Text<'a>>,
    /// How many of those there were.
    #[serde(skip_serializing_if = "is_zero")]
    pub gaps_total: u64,
    /// Its entries follow: `digest` or `clear`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub entries: Option<Text<'a>>,
}

/// What tells one map from another: a part of its line, for who looks for one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MapKey<'a> {
    /// Address of the header.
    #[serde(borrow, deserialize_with = "text")]
    pub addr: Text<'a>,
    /// Its kind.
    #[serde(borrow, deserialize_with = "text")]
    pub kind: Text<'a>,
    /// Its owner path.
    #[serde(borrow, deserialize_with = "maybe_text")]
    pub owner: Option<Text<'a>>,
    /// Its entries follow.
    #[serde(borrow, deserialize_with = "maybe_text")]
    pub entries: Option<Text<'a>>,
}

/// What two dumps are compared by: a part of a map's line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MapFacts<'a> {
    /// Address of the header.
    #[serde(borrow, deserialize_with = "text")]
    pub addr: Text<'a>,
    /// Its kind.
    #[serde(borrow, deserialize_with = "text")]
    pub kind: Text<'a>,
    /// Its type.
    #[serde(borrow, deserialize_with = "text")]
    pub r#type: Text<'a>,
    /// Its owner path.
    #[serde(borrow, deserialize_with = "maybe_text")]
    pub owner: Option<Text<'a>>,
    /// Whether the program could still get at it.
    #[serde(borrow, deserialize_with = "text")]
    pub reachable: Text<'a>,
    /// Its len as it claims.
    pub len: Option<i64>,
    /// Entries it has room for.
    pub capacity: Option<u64>,
    /// Bytes of header and storage.
    pub bytes: u64,
    /// Of these, bytes of empty slots.
    pub waste: u64,
    /// Header fields by Go's names.
    #[serde(borrow)]
    pub header: Option<HeaderOut<'a>>,
    /// How its slots are used.
    #[serde(borrow)]
    pub shape: Option<ShapeOut<'a>>,
    /// What stands for its entries.
    #[serde(borrow)]
    pub digest: Option<DigestOut<'a>>,
    /// What the rules say.
    #[serde(borrow, deserialize_with = "maybe_text")]
    pub verdict: Option<Text<'a>>,
    /// Findings.
    #[serde(borrow)]
    pub findings: Vec<FindingOut<'a>>,
    /// How many places of it could not be read.
    pub gaps_total: u64,
    /// Its entries follow.
    #[serde(borrow, deserialize_with = "maybe_text")]
    pub entries: Option<Text<'a>>,
}

/// Text that borrows from the line it is read from, but where an escape stands in it. (serde borrows no `Cow` inside
/// of something else, and knows none by another name.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

fn text<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Text<'a>, D::Error> {
    Borrowed::deserialize(from).map(|text| text.0)
}

fn maybe_text<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<Text<'a>>, D::Error> {
    Option::<Borrowed<'a>>::deserialize(from).map(|text| text.map(|t| t.0))
}

fn texts<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Vec<Text<'a>>, D::Error> {
    let texts = Vec::<Borrowed<'a>>::deserialize(from)?;
    Ok(texts.into_iter().map(|t| t.0).collect())
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_empty(text: &Text<'_>) -> bool {
    text.is_empty()
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Header fields by Go's names: those of `hmap` and `mapextra`, or of `maps.Map`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HeaderOut<'a> {
    /// Classic: `count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// Classic: `flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u8>,
    /// Classic: `B`.
    #[serde(rename = "B", skip_serializing_if = "Option::is_none")]
    pub b: Option<u8>,
    /// Classic: `noverflow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noverflow: Option<u16>,
    /// Classic: `hash0`, in hex.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub hash0: Option<Text<'a>>,
    /// Classic: `buckets`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub buckets: Option<Text<'a>>,
    /// Classic: `oldbuckets`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub oldbuckets: Option<Text<'a>>,
    /// Classic: `nevacuate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nevacuate: Option<u64>,
    /// Classic: `extra`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub extra: Option<Text<'a>>,
    /// Classic: what `extra` points to.
    #[serde(rename = "mapextra", skip_serializing_if = "Option::is_none", borrow)]
    pub mapextra: Option<ExtraOut<'a>>,
    /// Swiss: `used`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Swiss: `seed`, in hex.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub seed: Option<Text<'a>>,
    /// Swiss: `dirPtr`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub dir_ptr: Option<Text<'a>>,
    /// Swiss: `dirLen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir_len: Option<i64>,
    /// Swiss: `globalDepth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_depth: Option<u8>,
    /// Swiss: `globalShift`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_shift: Option<u8>,
    /// Swiss: `writing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writing: Option<u8>,
    /// Swiss, from go1.25: `tombstonePossible`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tombstone_possible: Option<u8>,
    /// Swiss, go1.24: the byte of padding that later became `tombstonePossible`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<u8>,
    /// Both: `clearSeq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_seq: Option<u64>,
}

/// Fields of `mapextra`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExtraOut<'a> {
    /// Address and len of the slice `overflow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<(Text<'a>, u64)>,
    /// Address and len of the slice `oldoverflow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldoverflow: Option<(Text<'a>, u64)>,
    /// `nextOverflow`.
    #[serde(borrow, deserialize_with = "text")]
    pub next_overflow: Text<'a>,
}

/// How the slots of a map are used.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShapeOut<'a> {
    /// Slots that hold an entry.
    pub live: u64,
    /// Slots that never held one since they were last cleared.
    pub empty: u64,
    /// Slots that had one: `emptyOne`, tombstones.
    pub deleted: u64,
    /// Slots of `oldbuckets` whose entry has moved.
    #[serde(skip_serializing_if = "is_zero")]
    pub evacuated: u64,
    /// Slots whose mark means nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub illegal: u64,
    /// Classic: how many chains of `buckets` have 1, 2, … buckets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<u64>,
    /// Classic: the same of `oldbuckets`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub old_chains: Vec<u64>,
    /// Swiss: tables in the order of the directory, the first 4,096.
    #[serde(skip_serializing_if = "Vec::is_empty", borrow)]
    pub tables: Vec<TableOut<'a>>,
    /// Swiss: tables in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub tables_total: u64,
}

/// One table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TableOut<'a> {
    /// First directory index that leads to it.
    pub dir: u64,
    /// Its address.
    #[serde(borrow, deserialize_with = "text")]
    pub addr: Text<'a>,
    /// `used`.
    pub used: u16,
    /// `capacity`.
    pub capacity: u16,
    /// `growthLeft`.
    pub growth_left: u16,
    /// `localDepth`.
    pub local_depth: u8,
    /// Tombstones, counted.
    pub tombstones: u64,
}

/// What stands for the entries of a map.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestOut<'a> {
    /// Sum of the digests of its keys, 32 hex digits.
    #[serde(borrow, deserialize_with = "text")]
    pub keys: Text<'a>,
    /// Sum of the digests of its entries, 32 hex digits.
    #[serde(borrow, deserialize_with = "text")]
    pub entries: Text<'a>,
    /// Keys are made of addresses, which mean nothing in another process.
    #[serde(skip_serializing_if = "is_false")]
    pub key_addresses: bool,
    /// Elems are.
    #[serde(skip_serializing_if = "is_false")]
    pub elem_addresses: bool,
}

/// A finding.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingOut<'a> {
    /// The rule.
    #[serde(borrow, deserialize_with = "text")]
    pub rule: Text<'a>,
    /// How bad it is.
    #[serde(borrow, deserialize_with = "text")]
    pub severity: Text<'a>,
    /// Where.
    #[serde(borrow, deserialize_with = "text")]
    pub r#where: Text<'a>,
    /// What the process says.
    #[serde(borrow, deserialize_with = "text")]
    pub claimed: Text<'a>,
    /// What was found.
    #[serde(borrow, deserialize_with = "text")]
    pub found: Text<'a>,
}

/// What may have broken a map.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CauseOut<'a> {
    /// Its class.
    pub class: Text<'a>,
    /// Between 0 and 0.99.
    pub probability: f64,
    /// Findings it explains.
    pub explains: u64,
    /// Findings there are.
    pub of: u64,
    /// The words it is about.
    pub words: Vec<WordOut<'a>>,
    /// What speaks for it.
    pub text: Text<'a>,
}

/// A word that is not what it should be.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WordOut<'a> {
    /// Its address.
    pub addr: Text<'a>,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub what: Text<'a>,
    /// Its value.
    pub claimed: Option<Text<'a>>,
    /// The value that would heal the map.
    pub would_be: Option<Text<'a>>,
    /// The bit that would have to be turned.
    pub bit: Option<u32>,
    /// What it looks like.
    pub looks_like: Text<'a>,
}

/// A goroutine inside an operation on a map.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HandOut<'a> {
    /// Its number.
    pub goroutine: u64,
    /// `write` or `read`.
    #[serde(borrow, deserialize_with = "text")]
    pub op: Text<'a>,
    /// The map function.
    #[serde(borrow, deserialize_with = "text")]
    pub function: Text<'a>,
    /// It stopped the program there.
    pub throwing: bool,
}

/// A bucket or group, or several alike that follow each other and hold no entry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlotsLine<'a> {
    /// `badmap/1`.
    #[serde(borrow, deserialize_with = "text")]
    pub schema: Text<'a>,
    /// `slots`.
    #[serde(borrow, deserialize_with = "text")]
    pub line: Text<'a>,
    /// Address of the map's header.
    #[serde(borrow, deserialize_with = "text")]
    pub map: Text<'a>,
    /// The first bucket or group: `buckets[3]`, `oldbuckets[0].overflow[1]`, `dir[0].table.groups[2]`, `group`.
    /// Main buckets from 2^B on are those that are preallocated for overflow.
    #[serde(borrow, deserialize_with = "text")]
    pub part: Text<'a>,
    /// Its address; absent for entries of a `sync.Map`, which have no bucket.
    #[serde(skip_serializing_if = "is_empty", borrow, deserialize_with = "text")]
    pub addr: Text<'a>,
    /// How many there are; absent for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The tophash or control bytes, slot 0 first, as 16 hex digits. Where the bucket or group is not certainly
    /// one, they say no more than which slots are in use, and which of those fit their hash. Absent likewise.
    #[serde(skip_serializing_if = "is_empty", borrow, deserialize_with = "text")]
    pub marks: Text<'a>,
    /// Classic: the overflow pointer; absent if nil.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub overflow: Option<Text<'a>>,
    /// Classic: why that pointer was not followed; absent if it was.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub fault: Option<Text<'a>>,
    /// Overflow buckets: where it lies.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub seat: Option<Text<'a>>,
    /// Classic: the first byte that is not zero, where all should be and the marks are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<u64>,
    /// Bit i: slot i holds no entry, and its key is not zero where it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_keys: Option<u8>,
    /// Bit i: slot i holds no entry, and its elem is not zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_elems: Option<u8>,
    /// The entries, by slot.
    #[serde(skip_serializing_if = "Vec::is_empty", borrow)]
    pub entries: Vec<EntryOut<'a>>,
}

/// An entry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryOut<'a> {
    /// Index of its slot, 0 to 7.
    pub slot: u8,
    /// The hash of its key, in hex; absent where there is none.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub hash: Option<Text<'a>>,
    /// Why there is none; absent where nobody asked.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub odd: Option<Text<'a>>,
    /// The digest of its key: `#` and 16 hex digits; absent where its bytes could not be read.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub key: Option<Text<'a>>,
    /// The digest of its elem, likewise.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub elem: Option<Text<'a>>,
    /// Its key is made of addresses.
    #[serde(skip_serializing_if = "is_false")]
    pub key_addresses: bool,
    /// Its elem is.
    #[serde(skip_serializing_if = "is_false")]
    pub elem_addresses: bool,
    /// Its key in clear; only under `clear`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub key_text: Option<Text<'a>>,
    /// Its elem in clear; only under `clear`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        borrow,
        deserialize_with = "maybe_text"
    )]
    pub elem_text: Option<Text<'a>>,
}

/// The last line: without it, the file is not whole.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndLine<'a> {
    /// `badmap/1`.
    #[serde(borrow, deserialize_with = "text")]
    pub schema: Text<'a>,
    /// `end`.
    #[serde(borrow, deserialize_with = "text")]
    pub line: Text<'a>,
    /// Lines of maps.
    pub maps: u64,
    /// Entries in lines of slots.
    pub entries: u64,
    /// All lines before this one.
    pub lines: u64,
    /// Bytes before this line, unpacked.
    pub bytes: u64,
    /// BLAKE3 of those bytes, 64 hex digits.
    #[serde(borrow, deserialize_with = "text")]
    pub checksum: Text<'a>,
}

impl<'a> Tag<'a> {
    /// The first two fields of a line.
    pub fn of(line: &'static str) -> (Text<'a>, Text<'a>) {
        (Cow::Borrowed(SCHEMA), Cow::Borrowed(line))
    }
}

impl EndLine<'_> {
    /// The same, on its own.
    pub fn into_owned(self) -> EndLine<'static> {
        EndLine {
            schema: Cow::Owned(self.schema.into_owned()),
            line: Cow::Owned(self.line.into_owned()),
            checksum: Cow::Owned(self.checksum.into_owned()),
            maps: self.maps,
            entries: self.entries,
            lines: self.lines,
            bytes: self.bytes,
        }
    }
}
