//! A map as one row: names, counts and sizes.
//! In: an image and its verdict. Out: a `MapRow`.

use crate::base::addr::Addr;
use crate::check::registry::check_sync_map;
use crate::check::rule::MapVerdict;
use crate::find::found::FoundMap;
use crate::find::found::FoundSyncMap;
use crate::find::found::Reach;
use crate::find::found::Ways;
use crate::maps::glance::Glance;
use crate::maps::glance::Header;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hands;
use crate::maps::image::Hmap;
use crate::maps::image::MapImage;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::reader::MapReader;
use crate::survey::brief::Brief;
use crate::survey::brief::Flags;
use crate::survey::brief::Measures;
use crate::survey::result::MapRow;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;

/// The row of a map.
pub fn map_row(
    graph: &TypeGraph<'_>,
    image: &MapImage<'_>,
    map: &FoundMap,
    alternatives: &[TypeId],
    verdict: Option<MapVerdict>,
    owner: String,
) -> MapRow {
    let ty = map.ty;
    let name = |id: TypeId| graph.declared(id).name.to_string();
    let m = measure(image, map.dead);
    MapRow {
        addr: image.addr,
        kind: kind_of(image),
        ty: name(ty),
        key_type: name(image.slots.key),
        elem_type: name(image.slots.elem),
        owner,
        holder: String::new(),
        found_by: map.ways.names(),
        reachable: map.reach.as_str(),
        type_sure: map.sure.as_str(),
        type_candidates: alternatives.iter().map(|ty| name(*ty)).collect(),
        len: m.len,
        capacity: m.capacity,
        bytes: m.bytes,
        waste: m.waste,
        flags: m.flags.words(),
        verdict,
        causes: Vec::new(),
        hands: image.hands.clone(),
        gaps: image
            .gaps
            .list
            .iter()
            .map(|g| format!("{}: {}", g.what, g.fault))
            .collect(),
        gaps_total: image.gaps.total,
    }
}

/// A row with what all maps of a type have in common.
pub(crate) fn empty_row(reader: &MapReader<'_, '_>, ty: TypeId) -> Option<MapRow> {
    let name = |id: TypeId| reader.program.graph.declared(id).name.to_string();
    let slots = reader.slots(ty)?;
    Some(MapRow {
        addr: Addr::NIL,
        kind: reader.layouts.family.as_str(),
        ty: name(ty),
        key_type: name(slots.key),
        elem_type: name(slots.elem),
        owner: String::new(),
        holder: String::new(),
        found_by: Vec::new(),
        reachable: "",
        type_sure: "",
        type_candidates: Vec::new(),
        len: None,
        capacity: None,
        bytes: 0,
        waste: 0,
        flags: Vec::new(),
        verdict: None,
        causes: Vec::new(),
        hands: Hands::default(),
        gaps: Vec::new(),
        gaps_total: 0,
    })
}

/// The words of a row, in their short form.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words {
    ways: Ways,
    flags: Flags,
}

/// Makes it the row of one map, but for owner and verdict.
pub(crate) fn fill_row(row: &mut MapRow, words: &mut Words, map: &FoundMap, brief: &Brief) {
    let m = brief.measures();
    row.addr = map.addr;
    row.reachable = map.reach.as_str();
    row.type_sure = map.sure.as_str();
    (row.len, row.capacity, row.bytes, row.waste) = (m.len, m.capacity, m.bytes, m.waste);
    let new = Words {
        ways: map.ways,
        flags: m.flags,
    };
    if *words != new {
        *words = new;
        row.found_by.clear();
        row.found_by.extend(map.ways.iter());
        row.flags.clear();
        row.flags.extend(m.flags.iter());
    }
}

fn kind_of(image: &MapImage<'_>) -> &'static str {
    match &image.body {
        Body::Classic(_) => "classic",
        Body::Swiss(_) => "swiss",
        Body::Unreadable => "unreadable",
    }
}

/// The numbers of a map. `dead`: the garbage collector has given it up.
pub(crate) fn measure(image: &MapImage<'_>, dead: bool) -> Measures {
    let mut flags = Flags::default();
    let sizes = match &image.body {
        Body::Classic(c) => {
            classic_flags(&c.hmap, &mut flags);
            classic_sizes(image, c)
        }
        Body::Swiss(s) => {
            swiss_flags(&s.map, &mut flags);
            swiss_sizes(image, s)
        }
        Body::Unreadable => Sizes::default(),
    };
    if image.mid_write() {
        flags.add("mid-write");
    }
    if dead {
        flags.add("dead");
    }
    measures(&image.slots, image.claimed_len(), &sizes, flags)
}

/// The same of a map that was seen at a glance.
pub(crate) fn measure_glance(g: &Glance<'_, '_>) -> Measures {
    let mut flags = Flags::default();
    let len = match &g.header {
        Header::Classic(h) => {
            classic_flags(h, &mut flags);
            h.count
        }
        Header::Swiss(m) => {
            swiss_flags(m, &mut flags);
            m.used.cast_signed()
        }
    };
    let slots = g.len().saturating_mul(SLOTS);
    let records = g.len().saturating_mul(g.slots.size);
    let mut sizes = Sizes {
        capacity: Some(slots),
        slots,
        bytes: records.saturating_add(g.header_size),
    };
    if g.table.is_some() {
        let directory_and_table = g
            .abi
            .word()
            .saturating_mul(WORDS_OF_TABLE.saturating_add(1));
        sizes.bytes = sizes.bytes.saturating_add(directory_and_table);
        sizes.capacity = Some(limit_of(slots));
    }
    measures(g.slots, Some(len), &sizes, flags)
}

fn measures(slots: &SlotLayout, len: Option<i64>, sizes: &Sizes, flags: Flags) -> Measures {
    let live = len.and_then(|l| u64::try_from(l).ok()).unwrap_or(0);
    let entry = slots.key_size.saturating_add(slots.elem_size);
    let empty = sizes.slots.saturating_sub(live).saturating_mul(entry);
    Measures {
        len,
        capacity: sizes.capacity,
        bytes: sizes.bytes,
        waste: empty.min(sizes.bytes),
        flags,
    }
}

/// Bytes of a map's header and storage, as far as its header can be believed.
pub(crate) fn bytes_of(image: &MapImage<'_>) -> u64 {
    match &image.body {
        Body::Classic(c) => classic_sizes(image, c).bytes,
        Body::Swiss(s) => swiss_sizes(image, s).bytes,
        Body::Unreadable => image.header_size,
    }
}

/// The row of a `sync.Map`: one thing, whatever it is made of.
pub fn sync_row(map: &FoundSyncMap, owner: String) -> MapRow {
    let image = &map.image;
    MapRow {
        addr: map.addr,
        kind: "syncmap",
        ty: "sync.Map".into(),
        key_type: "interface {}".into(),
        elem_type: "interface {}".into(),
        owner,
        holder: String::new(),
        found_by: map.ways.names(),
        reachable: map.reach.as_str(),
        type_sure: "typed",
        type_candidates: Vec::new(),
        len: i64::try_from(image.entries.len())
            .ok()
            .filter(|_| image.gaps.is_empty()),
        capacity: None,
        bytes: 0,
        waste: 0,
        flags: if image.entries.is_empty() {
            vec!["empty"]
        } else {
            Vec::new()
        },
        // What the collector has given up may be freed in part.
        verdict: (map.reach != Reach::Garbage).then(|| check_sync_map(image)),
        causes: Vec::new(),
        hands: Hands::default(),
        gaps: image
            .gaps
            .list
            .iter()
            .map(|g| format!("{}: {}", g.what, g.fault))
            .collect(),
        gaps_total: image.gaps.total,
    }
}

#[derive(Default)]
struct Sizes {
    /// Entries until the map must grow.
    capacity: Option<u64>,
    /// Slots of all storage.
    slots: u64,
    /// Bytes of header and storage.
    bytes: u64,
}

/// Words of a table's own fields. Source: `internal/runtime/maps/table.go`, `table`, from go1.24.
const WORDS_OF_TABLE: u64 = 4;

/// Entries until a table with so many slots must grow. Source: the same, `maxAvgGroupLoad`.
fn limit_of(slots: u64) -> u64 {
    (slots / 8).saturating_mul(7)
}

/// Capacity is 8 times the buckets: what fits before cells run out, not the load limit.
fn classic_sizes(image: &MapImage<'_>, c: &ClassicImage<'_>) -> Sizes {
    let mut out = Sizes {
        bytes: image.header_size,
        ..Sizes::default()
    };
    let mut add = |array: &BucketArray<'_>| {
        let separate = array
            .overflow
            .iter()
            .filter(|o| matches!(o.seat, crate::maps::image::Seat::Elsewhere(_)))
            .count() as u64;
        let in_array = array
            .main
            .count
            .saturating_add(array.prealloc.as_ref().map_or(0, |p| p.count));
        let buckets = in_array.saturating_add(separate);
        out.slots = out.slots.saturating_add(buckets.saturating_mul(SLOTS));
        out.bytes = out
            .bytes
            .saturating_add(buckets.saturating_mul(array.main.stride));
    };
    for array in [&c.new, &c.old].into_iter().flatten() {
        add(array);
    }
    out.capacity = match &c.new {
        Some(a) => Some(a.main.count.saturating_mul(SLOTS)),
        None if c.hmap.buckets.is_nil() => Some(0),
        None => None,
    };
    out
}

fn swiss_sizes(image: &MapImage<'_>, s: &SwissImage<'_>) -> Sizes {
    let word = image.abi.word();
    let mut out = Sizes {
        bytes: image.header_size,
        capacity: Some(0),
        slots: 0,
    };
    match &s.shape {
        Shape::Empty => {}
        Shape::Nonsense => out.capacity = None,
        Shape::Small(g) => {
            out.slots = SLOTS;
            out.capacity = Some(SLOTS);
            out.bytes = out.bytes.saturating_add(g.stride);
        }
        Shape::Tables(d) => {
            out.bytes = out.bytes.saturating_add(d.claimed.saturating_mul(word));
            for t in &d.tables {
                let groups = t.groups.as_ref();
                let slots = groups.map_or(0, |g| g.count.saturating_mul(SLOTS));
                out.slots = out.slots.saturating_add(slots);
                let table = word.saturating_mul(WORDS_OF_TABLE);
                let storage = groups.map_or(0, |g| g.count.saturating_mul(g.stride));
                out.bytes = out.bytes.saturating_add(table).saturating_add(storage);
            }
            out.capacity = Some(limit_of(out.slots));
        }
    }
    out
}

fn classic_flags(h: &Hmap, out: &mut Flags) {
    if h.count == 0 {
        out.add("empty");
    }
    if h.growing() {
        out.add("growing");
    }
    for (bit, word) in [
        (Hmap::SAME_SIZE_GROW, "same-size-grow"),
        (Hmap::ITERATOR, "iterator"),
        (Hmap::OLD_ITERATOR, "old-iterator"),
    ] {
        if h.flags & bit != 0 {
            out.add(word);
        }
    }
}

fn swiss_flags(m: &SwissMap, out: &mut Flags) {
    if m.used == 0 {
        out.add("empty");
    }
    if m.dir_len == 0 {
        out.add("small");
    }
    if m.tombstone_possible.is_some_and(|t| t != 0) {
        out.add("tombstones");
    }
}
