//! One map's image as lines to show: header fields, buckets or groups, entries.
//! In: a `MapImage` and a window. Out: `Part`s and `EntryText`s, rendered by Go's names; only what
//! the window holds is rendered, the rest is counted. Over 400 lines for its hand-made images only.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::hash::run::KeyHash;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ChainFault;
use crate::maps::image::ChainFaultKind;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::EntryRef;
use crate::maps::image::Hmap;
use crate::maps::image::MapImage;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::Storage;
use crate::maps::image::SwissMap;
use crate::maps::image::TableImage;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;
use crate::maps::image::tophash;
use crate::survey::detail::ExtraFields;
use crate::survey::detail::Header;
use crate::survey::request::Window;
use crate::survey::result::EntryText;
use crate::survey::result::Part;

/// Takes what the window holds, counts everything.
struct Windowed<T> {
    window: Window,
    total: u64,
    taken: Vec<T>,
}

impl<T> Windowed<T> {
    fn new(window: Window) -> Self {
        Windowed {
            window,
            total: 0,
            taken: Vec::new(),
        }
    }

    fn push(&mut self, make: impl FnOnce() -> T) {
        let end = self.window.offset.saturating_add(self.window.limit);
        if (self.window.offset..end).contains(&self.total) {
            self.taken.push(make());
        }
        self.total = self.total.saturating_add(1);
    }

    fn finish(self) -> (Vec<T>, u64) {
        (self.taken, self.total)
    }
}

type Fields = Vec<(&'static str, String)>;

/// The header's fields by Go's names.
pub fn header(header: &Header) -> Vec<(&'static str, String)> {
    match header {
        Header::Classic(hmap, extra) => classic_header(hmap, extra.as_deref()),
        Header::Swiss(map) => swiss_header(map),
        Header::None => Vec::new(),
    }
}

fn ptr(addr: Addr) -> String {
    if addr.is_nil() {
        "nil".to_owned()
    } else {
        addr.to_string()
    }
}

fn flag_names(flags: u8) -> String {
    let mut text = format!("{flags:#x}");
    let names = [
        (Hmap::ITERATOR, "iterator"),
        (Hmap::OLD_ITERATOR, "oldIterator"),
        (Hmap::HASH_WRITING, "hashWriting"),
        (Hmap::SAME_SIZE_GROW, "sameSizeGrow"),
    ];
    for (bit, name) in names {
        if flags & bit != 0 {
            text.push(' ');
            text.push_str(name);
        }
    }
    if flags & 0xf0 != 0 {
        text.push_str(" (and bits that Go never sets)");
    }
    text
}

fn classic_header(h: &Hmap, extra: Option<&ExtraFields>) -> Fields {
    let mut fields = vec![
        ("count", h.count.to_string()),
        ("flags", flag_names(h.flags)),
        ("B", h.b.to_string()),
        ("noverflow", h.noverflow.to_string()),
        ("hash0", format!("{:#010x}", h.hash0)),
        ("buckets", ptr(h.buckets)),
        ("oldbuckets", ptr(h.oldbuckets)),
        ("nevacuate", h.nevacuate.to_string()),
        ("extra", ptr(h.extra)),
    ];
    if let Some(seq) = h.clear_seq {
        fields.push(("clearSeq", seq.to_string()));
    }
    if let Some(ExtraFields {
        overflow,
        oldoverflow,
        next_overflow,
    }) = extra
    {
        let lists = [
            ("extra.overflow", overflow),
            ("extra.oldoverflow", oldoverflow),
        ];
        for (name, list) in lists {
            let text = list.map_or_else(
                || "nil".to_owned(),
                |(addr, len)| format!("{addr} len {len}"),
            );
            fields.push((name, text));
        }
        fields.push(("extra.nextOverflow", ptr(*next_overflow)));
    }
    fields
}

fn swiss_header(m: &SwissMap) -> Fields {
    let mut fields = vec![
        ("used", m.used.to_string()),
        ("seed", format!("{:#x}", m.seed)),
        ("dirPtr", ptr(m.dir_ptr)),
        ("dirLen", m.dir_len.to_string()),
        ("globalDepth", m.global_depth.to_string()),
        ("globalShift", m.global_shift.to_string()),
        ("writing", m.writing.to_string()),
    ];
    if let Some(possible) = m.tombstone_possible {
        fields.push(("tombstonePossible", possible.to_string()));
    }
    fields.push(("clearSeq", m.clear_seq.to_string()));
    fields
}

/// The map's parts in order, those of the window, and how many there are in all: buckets chain by
/// chain (old ones first), or directory, tables and groups.
pub fn parts(image: &MapImage<'_>, window: Window) -> (Vec<Part>, u64) {
    let mut out = Windowed::new(window);
    match &image.body {
        Body::Classic(c) => {
            for (old, array) in [(true, c.old.as_ref()), (false, c.new.as_ref())] {
                if let Some(array) = array {
                    bucket_parts(image.abi, &image.slots, old, array, &mut out);
                }
            }
        }
        Body::Swiss(s) => match &s.shape {
            Shape::Small(group) => group_parts(image.abi, "", group, &mut out),
            Shape::Tables(dir) => directory_parts(image.abi, s.map.dir_ptr, dir, &mut out),
            Shape::Empty | Shape::Nonsense => {}
        },
        Body::Unreadable => {}
    }
    out.finish()
}

/// A run of records that could not be read, as one part.
fn unread(path: &str, storage: &Storage<'_>, from: u64, to: u64) -> Part {
    let count = to.saturating_sub(from);
    let inside = storage.count.saturating_sub(from).min(count);
    let mut fields = Vec::new();
    if inside > 0 {
        fields.push(("unread", inside.to_string()));
    }
    if count > inside {
        fields.push((
            "outside the array's object",
            count.saturating_sub(inside).to_string(),
        ));
    }
    let name = if count == 1 {
        format!("{path}[{from}]")
    } else {
        format!("{path}[{from}..{to}]")
    };
    Part {
        path: name,
        addr: storage.record_addr(from).unwrap_or_default(),
        fields,
        slots: None,
    }
}

fn bucket_parts(
    abi: Abi,
    slots: &SlotLayout,
    old: bool,
    array: &BucketArray<'_>,
    out: &mut Windowed<Part>,
) {
    let name = if old { "oldbuckets" } else { "buckets" };
    let mut expected = 0;
    for b in array.buckets() {
        if b.chain > expected {
            out.push(|| unread(name, &array.main, expected, b.chain));
        }
        expected = b.chain.saturating_add(1);
        out.push(|| {
            let path = match b.position {
                0 => format!("{name}[{}]", b.chain),
                n => format!("{name}[{}].overflow[{n}]", b.chain),
            };
            let next = slots
                .overflow_off
                .and_then(|off| abi.uptr(b.bytes, usize::try_from(off).ok()?));
            let mut fields = Vec::new();
            if let Some(next) = next {
                let fault = array
                    .chain_faults
                    .iter()
                    .find(|f| f.chain == b.chain && f.position == b.position);
                let wrong = fault
                    .map(|f| format!(" ({})", fault_text(f)))
                    .unwrap_or_default();
                fields.push(("overflow", ptr(Addr(next)) + &wrong));
            }
            Part {
                path,
                addr: b.addr,
                fields,
                slots: Some(b.tophash().map(|t| cell_mark(t, old)).iter().collect()),
            }
        });
    }
    if expected < array.main.claimed {
        out.push(|| unread(name, &array.main, expected, array.main.claimed));
    }
}

fn cell_mark(t: u8, old: bool) -> char {
    match t {
        tophash::EMPTY_REST => '.',
        tophash::EMPTY_ONE => '-',
        t if tophash::is_evacuated(t) => {
            if old {
                '>'
            } else {
                '?'
            }
        }
        _ => '#',
    }
}

fn fault_text(fault: &ChainFault) -> String {
    match fault.what {
        ChainFaultKind::Cycle => "back into its own chain".to_owned(),
        ChainFaultKind::Shared { chain } => format!("a bucket of chain {chain}"),
        ChainFaultKind::IntoArray => "into a bucket array".to_owned(),
        ChainFaultKind::Nowhere(_) => "leads nowhere".to_owned(),
        ChainFaultKind::Unreadable(f) => f.why.to_string(),
        ChainFaultKind::TooLong => "the chain is too long to follow".to_owned(),
    }
}

fn directory_parts(abi: Abi, dir_ptr: Addr, dir: &Directory<'_>, out: &mut Windowed<Part>) {
    out.push(|| Part {
        path: "dir".to_owned(),
        addr: dir_ptr,
        fields: vec![
            ("len", dir.claimed.to_string()),
            ("read", dir.entries.len().to_string()),
            ("tables", dir.tables.len().to_string()),
        ],
        slots: None,
    });
    let word = abi.word();
    for (i, entry) in (0u64..).zip(&dir.entries) {
        let bad = |text: &str| Part {
            path: format!("dir[{i}]"),
            addr: dir_ptr.element(i, word).unwrap_or_default(),
            fields: vec![("table", text.to_owned())],
            slots: None,
        };
        match entry {
            DirEntry::Nil => out.push(|| bad("nil")),
            DirEntry::Unread => out.push(|| bad("unread")),
            DirEntry::Table(n) => {
                let table = usize::try_from(*n).ok().and_then(|n| dir.tables.get(n));
                // A table stands once, at its first directory index.
                if let Some(table) = table.filter(|t| t.first == i) {
                    table_parts(abi, table, out);
                }
            }
        }
    }
}

fn table_parts(abi: Abi, table: &TableImage<'_>, out: &mut Windowed<Part>) {
    let path = format!("dir[{}].table", table.first);
    out.push(|| {
        let mut fields = Vec::new();
        match &table.header {
            None => fields.push(("header", "unread".to_owned())),
            Some(h) => fields.extend([
                ("used", h.used.to_string()),
                ("capacity", h.capacity.to_string()),
                ("growthLeft", h.growth_left.to_string()),
                ("localDepth", h.local_depth.to_string()),
                ("index", h.index.to_string()),
                ("groups.data", ptr(h.groups_data)),
                ("groups.lengthMask", format!("{:#x}", h.length_mask)),
            ]),
        }
        fields.push(("entries in dir", table.seen.to_string()));
        Part {
            path: path.clone(),
            addr: table.addr,
            fields,
            slots: None,
        }
    });
    if let Some(groups) = &table.groups {
        group_parts(abi, &path, groups, out);
    }
}

/// The groups of a table, or the one group of a small map where `table` is empty.
fn group_parts(abi: Abi, table: &str, groups: &Storage<'_>, out: &mut Windowed<Part>) {
    let name = if table.is_empty() {
        "group".to_owned()
    } else {
        format!("{table}.groups")
    };
    let mut expected = 0;
    for (i, bytes) in groups.records() {
        if i > expected {
            out.push(|| unread(&name, groups, expected, i));
        }
        expected = i.saturating_add(1);
        out.push(|| Part {
            path: if table.is_empty() {
                name.clone()
            } else {
                format!("{name}[{i}]")
            },
            addr: groups.record_addr(i).unwrap_or_default(),
            fields: Vec::new(),
            slots: Some(group_ctrls(abi, bytes).map(slot_mark).iter().collect()),
        });
    }
    if expected < groups.claimed {
        out.push(|| unread(&name, groups, expected, groups.claimed));
    }
}

fn slot_mark(c: u8) -> char {
    match c {
        ctrl::EMPTY => '.',
        ctrl::DELETED => '-',
        c if ctrl::is_full(c) => '#',
        _ => '?',
    }
}

/// The live entries of the window, and how many could be read in all. `render` makes the texts of
/// key and elem; it is called for the window's entries only.
pub fn entries(
    image: &MapImage<'_>,
    window: Window,
    render: &mut dyn FnMut(&EntryRef<'_>) -> (String, String),
) -> (Vec<EntryText>, u64) {
    let mut out = Windowed::new(window);
    let mut hashes = Vec::with_capacity(image.keys.hashes.len());
    image.for_each_key(|_, hash| hashes.push(hash));
    let mut hashes = hashes.into_iter();
    image.for_each_entry(|entry| {
        let hash = hashes.next();
        out.push(|| {
            let (key, elem) = render(&entry);
            EntryText {
                place: entry.place.to_string(),
                mark: entry.mark,
                hash: hash.and_then(KeyHash::known),
                key,
                elem,
            }
        });
    });
    out.finish()
}

#[cfg(test)]
mod tests;
