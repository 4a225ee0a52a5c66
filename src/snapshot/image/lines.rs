//! The lines from which a map's image is made again, but for its slots: those are in `line.rs`.
//! In: nothing. Out: structs that serde writes and reads. What is null or absent in a file is the default here.

use crate::snapshot::line::HeaderOut;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::Text;
use serde::Deserialize;
use serde::Serialize;

/// A line of an image.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant)] // one line at a time, on the stack
pub enum Line<'a> {
    /// The first one.
    Image(ImageLine<'a>),
    /// Lists, or parts of them.
    Facts(FactsLine<'a>),
    /// A bucket or group.
    Slots(SlotsLine<'a>),
}

/// The form of images that this badmap writes and reads. A change of what a field means gives another number.
pub const FORMAT: u32 = 1;

/// What the rules need of a map, but for lists and slots.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageLine<'a> {
    /// `badmap/1`.
    pub schema: Text<'a>,
    /// `image`.
    pub line: Text<'a>,
    /// Number of this form of images; only a badmap of the same number makes images of them again.
    pub format: u32,
    /// Address of the map's header.
    pub map: Text<'a>,
    /// `classic`, `swiss`, `unreadable`.
    pub body: Text<'a>,
    /// The most significant byte of an integer comes first.
    #[serde(skip_serializing_if = "is_false")]
    pub big_endian: bool,
    /// Bytes of a pointer.
    pub ptr_size: u8,
    /// Where the header lies.
    pub home: Text<'a>,
    /// Bytes of the header.
    pub header_size: u64,
    /// How keys and elems lie in a bucket or group.
    pub layout: LayoutOut,
    /// The header's fields.
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    pub header: Option<HeaderOut<'a>>,
    /// Classic: the array `buckets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<ArrayOut<'a>>,
    /// Classic: the array `oldbuckets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldbuckets: Option<ArrayOut<'a>>,
    /// Swiss: `empty`, `small`, `tables`, `nonsense`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Text<'a>>,
    /// Swiss: the group of a small map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<StorageOut<'a>>,
    /// Swiss: where the directory lies, and how many entries it claims to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<(Text<'a>, u64)>,
    /// How far hashes can be believed: `not-asked`, `unknown`, `doubtful`, `proven`.
    pub hashes: Text<'a>,
    /// Every entry has a hash, or a reason for none.
    #[serde(skip_serializing_if = "is_false")]
    pub hashed: bool,
    /// What is impossible about the process's hash keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<Text<'a>>,
    /// What the map type's descriptor says.
    pub descriptor: DescriptorOut<'a>,
    /// Every goroutine at work on the map is listed.
    #[serde(skip_serializing_if = "is_false")]
    pub hands_complete: bool,
    /// A goroutine is copying it, or into it.
    #[serde(skip_serializing_if = "is_false")]
    pub cloning: bool,
    /// Bad references in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub refs_total: u64,
    /// Equal keys in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates_total: u64,
    /// Cells moved to the wrong half in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub halves_total: u64,
    /// Gaps in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub gaps_total: u64,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// How keys and elems lie in a bucket or group: bytes, and offsets from its start.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LayoutOut {
    /// Of the whole.
    pub size: u64,
    /// Of a key as stored.
    pub key_size: u64,
    /// Of an elem as stored.
    pub elem_size: u64,
    /// The slot holds a pointer to the key.
    #[serde(skip_serializing_if = "is_false")]
    pub indirect_key: bool,
    /// The slot holds a pointer to the elem.
    #[serde(skip_serializing_if = "is_false")]
    pub indirect_elem: bool,
    /// Of key 0.
    pub keys_off: u64,
    /// From one key to the next.
    pub key_stride: u64,
    /// Of elem 0.
    pub elems_off: u64,
    /// From one elem to the next.
    pub elem_stride: u64,
    /// Of the overflow pointer; classic maps only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow_off: Option<u64>,
    /// Key or elem holds pointers.
    #[serde(skip_serializing_if = "is_false")]
    pub has_pointers: bool,
    /// Of the pointers inside a stored key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_ptr_words: Vec<u64>,
}

/// An array of buckets or groups.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageOut<'a> {
    /// Its address.
    pub addr: Text<'a>,
    /// Buckets or groups that the header claims.
    pub claimed: u64,
    /// How many of them lie inside the array's object.
    pub count: u64,
    /// Where it lies.
    pub home: Text<'a>,
}

/// An array of buckets, and those preallocated behind it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrayOut<'a> {
    /// The main buckets.
    pub main: StorageOut<'a>,
    /// Buckets for which its object has room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<u64>,
    /// Buckets preallocated for overflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prealloc: Option<StorageOut<'a>>,
}

/// What the map type's descriptor says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DescriptorOut<'a> {
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addr: Option<Text<'a>>,
    /// Numbers that disagree with the type: field, claimed, found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<(Text<'a>, u64, u64)>,
    /// What its `Hasher` is: `unknown`, `fits` and a name, `no-code` and an address, `foreign` and a name.
    pub hasher: Text<'a>,
    /// It says that every key equals itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reflexive: Option<bool>,
}

/// Lists that belong to an image, or parts of them: those of all such lines, one behind the other.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FactsLine<'a> {
    /// `badmap/1`.
    pub schema: Text<'a>,
    /// `facts`.
    pub line: Text<'a>,
    /// Address of the map's header.
    pub map: Text<'a>,
    /// Swiss: entries of the directory as runs of equal ones: how many, and which table of all tables; -1 is nil,
    /// -2 could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<(u64, i64)>,
    /// Swiss: the tables, in order of first appearance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableFact<'a>>,
    /// Classic: the addresses in the list `extra.overflow`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overflow: Vec<Text<'a>>,
    /// Classic: the addresses in the list `extra.oldoverflow`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub oldoverflow: Vec<Text<'a>>,
    /// References that lead nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefFact<'a>>,
    /// Equal keys: the later one, the earlier one, whether they differ in the sign of a zero.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<(Text<'a>, Text<'a>, bool)>,
    /// Cells moved to the wrong half, with their marks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub halves: Vec<(Text<'a>, u8)>,
    /// Storage that another map leads to as well: where this one does, its address, the other map.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<(Text<'a>, Text<'a>, Text<'a>)>,
    /// Storage that the allocator has in its books as something else: where, its address, what the books say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heap_types: Vec<(Text<'a>, Text<'a>, Text<'a>)>,
    /// Parts of `extra` that are not where they should be: where, their address, what is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misplaced: Vec<(Text<'a>, Text<'a>, Text<'a>)>,
    /// What could not be read: what it is, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<(Text<'a>, Text<'a>)>,
    /// Goroutines that change the map.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<HandFact<'a>>,
    /// Goroutines that read it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<HandFact<'a>>,
}

/// A table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TableFact<'a> {
    /// Its address.
    pub addr: Text<'a>,
    /// Where it lies.
    pub home: Text<'a>,
    /// First entry of the directory that leads to it.
    pub first: u64,
    /// Entries that do in all.
    pub seen: u64,
    /// Its fields; absent where they could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<TableHeaderOut<'a>>,
    /// Its groups; absent where their number makes no sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<StorageOut<'a>>,
}

/// The fields of a table by Go's names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TableHeaderOut<'a> {
    /// `used`.
    pub used: u16,
    /// `capacity`.
    pub capacity: u16,
    /// `growthLeft`.
    pub growth_left: u16,
    /// `localDepth`.
    pub local_depth: u8,
    /// `index`.
    pub index: i64,
    /// `groups.data`.
    pub data: Text<'a>,
    /// `groups.lengthMask`.
    pub length_mask: u64,
}

/// A reference that leads nowhere.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RefFact<'a> {
    /// The entry.
    pub place: Text<'a>,
    /// It is in the elem rather than in the key.
    pub elem: bool,
    /// Its offset there.
    pub off: u64,
    /// What is wrong with it.
    pub what: Text<'a>,
}

/// A goroutine inside an operation on the map.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HandFact<'a> {
    /// Its number.
    pub goroutine: u64,
    /// The map function.
    pub function: Text<'a>,
    /// It stopped the program there.
    #[serde(skip_serializing_if = "is_false")]
    pub throwing: bool,
}
