//! Looks one key up as the process would: hashed, then along the way that a lookup takes.
//! In: an image with hashes, and a key as a user writes it. Out: where it would be looked for, and whether it
//! is there.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::bytes::Endian;
use crate::hash::place;
use crate::hash::plan::Plan;
use crate::hash::plan::Step;
use crate::hash::run::KeyHash;
use crate::hash::run::KeyHasher;
use crate::maps::image::Body;
use crate::maps::image::BucketArray;
use crate::maps::image::ClassicImage;
use crate::maps::image::DirEntry;
use crate::maps::image::EntryRef;
use crate::maps::image::MapImage;
use crate::maps::image::Place;
use crate::maps::image::Shape;
use crate::maps::image::SwissImage;
use crate::maps::image::ctrl;
use crate::maps::image::group_ctrls;
use crate::survey::result::EntryText;
use crate::survey::result::Lookup;
use crate::survey::session::Session;
use crate::types::graph::Kind;

/// A key that was written down.
enum Written {
    /// The bytes of a string.
    Text(Vec<u8>),
    /// The key as it lies in memory.
    Plain(Vec<u8>),
}

/// Looks `text` up in the map of `image`. `Err`: why it cannot be a key of this map, or not be hashed.
pub(crate) fn lookup(
    s: &Session<'_, '_>,
    image: &MapImage<'_>,
    text: &str,
    render: &mut dyn FnMut(&EntryRef<'_>) -> (String, String),
) -> Result<Lookup, String> {
    let written = parse(s, image, text)?;
    let key_type = s.reader.hashers.key_type(image.slots.map_type);
    let unknown = || "how the keys of this map are hashed is not known".to_string();
    let plan = key_type.plan.as_ref().ok_or_else(unknown)?;
    let seed = image.seed().ok_or_else(unknown)?;
    let hash = hash_of(s, plan, &written, seed).ok_or_else(unknown)?;
    let visited = match &image.body {
        Body::Classic(c) => classic_way(c, hash),
        Body::Swiss(m) => swiss_way(image.abi, m, hash),
        Body::Unreadable => return Err("the map cannot be read".into()),
    };
    let mem = s.reader.program.mem;
    let is_it = |e: &EntryRef<'_>| match &written {
        Written::Plain(bytes) => e.key == bytes.as_slice(),
        Written::Text(bytes) => {
            let data = Addr(image.abi.uptr(e.key, 0).unwrap_or(0));
            let len = image.abi.uptr(e.key, usize::from(image.abi.ptr_size));
            len == Some(bytes.len() as u64)
                && (bytes.is_empty()
                    || mem
                        .bytes(data, bytes.len() as u64)
                        .is_ok_and(|b| b.as_ref() == bytes.as_slice()))
        }
    };
    let (mut found, mut elsewhere) = (None, None);
    let mut looked = visited.len();
    let mark = image.mark_of(hash);
    let by_key = goes_by_key(image, &written);
    let mut best = usize::MAX;
    image.for_each_key(|e, known| {
        if !is_it(&e) {
            return;
        }
        let step = visited.iter().position(|v| is_in(*v, e.place));
        let on_way = step.filter(|_| by_key || e.mark == mark);
        if let Some(step) = on_way.filter(|s| *s < best) {
            best = step;
            looked = step.saturating_add(1);
            let (key, elem) = render(&e);
            found = Some(EntryText {
                place: e.place.to_string(),
                mark: e.mark,
                hash: known.known(),
                key,
                elem,
            });
        } else if elsewhere.is_none() {
            elsewhere = Some(e.place.to_string());
        }
    });
    Ok(Lookup {
        hash,
        mark,
        way: visited.iter().take(looked).map(Place::to_string).collect(),
        found,
        elsewhere,
    })
}

/// Whether such a lookup compares keys without looking at their marks, as the fast paths do.
/// Source: `runtime/map_fast32.go`, `map_fast64.go` and `map_faststr.go`, up to go1.23;
/// `internal/runtime/maps/runtime_fast64.go` and its like, from go1.24.
fn goes_by_key(image: &MapImage<'_>, written: &Written) -> bool {
    let short = match written {
        Written::Plain(bytes) => matches!(bytes.len(), 4 | 8),
        Written::Text(_) => false,
    };
    match &image.body {
        Body::Classic(c) => short || (matches!(written, Written::Text(_)) && c.hmap.b == 0),
        Body::Swiss(m) => m.map.dir_len == 0 && (short || matches!(written, Written::Text(_))),
        Body::Unreadable => false,
    }
}

/// The bytes of a key that a user wrote, by the map's key type.
fn parse(s: &Session<'_, '_>, image: &MapImage<'_>, text: &str) -> Result<Written, String> {
    let graph = s.reader.program.graph;
    let ty = graph.get(image.slots.key);
    let bad = |what: &str| format!("{text:?} is no {}: {what}", ty.name);
    let number = |signed: bool| -> Result<u64, String> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let value = match digits {
            Some(hex) => u64::from_str_radix(hex, 16).map_err(|e| bad(&e.to_string()))?,
            None if signed => text
                .parse::<i64>()
                .map_err(|e| bad(&e.to_string()))?
                .cast_unsigned(),
            None => text.parse::<u64>().map_err(|e| bad(&e.to_string()))?,
        };
        Ok(value)
    };
    let plain = |value: u64| put(image.abi, value, ty.size).map(Written::Plain);
    match &ty.kind {
        Kind::String => Ok(Written::Text(text.as_bytes().to_vec())),
        Kind::Bool => match text {
            "true" => Ok(Written::Plain(vec![1])),
            "false" => Ok(Written::Plain(vec![0])),
            _ => Err(bad("write true or false")),
        },
        Kind::Int { signed } => plain(number(*signed)?).ok_or_else(|| bad("it does not fit")),
        Kind::Pointer { .. } | Kind::Chan { .. } => {
            plain(number(false)?).ok_or_else(|| bad("it does not fit"))
        }
        Kind::Float => {
            let value: f64 = text.parse().map_err(|_| bad("write a number"))?;
            let bits = if ty.size == 4 {
                let narrow: f32 = text.parse().map_err(|_| bad("write a number"))?;
                u64::from(narrow.to_bits())
            } else {
                value.to_bits()
            };
            plain(bits).ok_or_else(|| bad("it does not fit"))
        }
        _ => Err(format!(
            "keys of type {} cannot be written on a command line",
            ty.name
        )),
    }
}

/// An integer of `size` bytes in the process's byte order; `None` if it does not fit, sign extension aside.
fn put(abi: Abi, value: u64, size: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|s| *s <= 8)?;
    let bytes = value.to_le_bytes();
    let (low, high) = bytes.split_at_checked(size)?;
    let negative = low.last().is_some_and(|b| b & 0x80 != 0);
    let fits = high.iter().all(|b| *b == 0) || (negative && high.iter().all(|b| *b == 0xff));
    let mut out = low.to_vec();
    if abi.endian == Endian::Big {
        out.reverse();
    }
    fits.then_some(out)
}

fn hash_of(s: &Session<'_, '_>, plan: &Plan, key: &Written, seed: u64) -> Option<u64> {
    match (key, plan.steps.as_ref()) {
        (Written::Text(bytes), [Step::Text { off: 0 }]) => {
            Some(s.reader.hashers.memhash()?.memhash(bytes, seed))
        }
        (Written::Text(_), _) => None,
        (Written::Plain(bytes), _) => {
            let mut hasher = KeyHasher::new(s.reader.hashers, s.reader.program.mem)?;
            match hasher.hash(plan, bytes, seed) {
                KeyHash::Known(hash) => Some(hash),
                _ => None,
            }
        }
    }
}

/// The buckets that a lookup visits. Source: `runtime/map.go`, `mapaccess1`, up to go1.23.
fn classic_way(c: &ClassicImage<'_>, hash: u64) -> Vec<Place> {
    let mut visited = Vec::new();
    let mut add = |old: bool, array: &BucketArray<'_>| {
        let chain = place::bucket(hash, array.main.claimed);
        let overflow = array.chain_overflow(chain).iter().map(|o| o.position);
        visited.extend(
            std::iter::once(0)
                .chain(overflow)
                .map(|position| Place::Bucket {
                    old,
                    chain,
                    position,
                }),
        );
    };
    let waiting = c
        .old
        .as_ref()
        .filter(|old| old.evacuated(place::bucket(hash, old.main.claimed)) == Some(false));
    match (waiting, &c.new) {
        (Some(old), _) => add(true, old),
        (None, Some(new)) => add(false, new),
        (None, None) => {}
    }
    visited
}

/// The groups that a lookup visits: up to the first with an empty slot.
/// Source: `internal/runtime/maps/table.go`, `(*table).getWithKey`, from go1.24.
fn swiss_way(abi: Abi, m: &SwissImage<'_>, hash: u64) -> Vec<Place> {
    let mut visited = Vec::new();
    match &m.shape {
        Shape::Small(_) => visited.push(Place::Group {
            dir: None,
            group: 0,
        }),
        Shape::Tables(d) => {
            let index = place::directory_index(abi, hash, u64::from(m.map.global_depth));
            let entry = usize::try_from(index).ok().and_then(|i| d.entries.get(i));
            let table = match entry {
                Some(DirEntry::Table(t)) => usize::try_from(*t).ok().and_then(|t| d.tables.get(t)),
                _ => None,
            };
            if let Some((t, header, groups)) =
                table.and_then(|t| Some((t, t.header.as_ref()?, t.groups.as_ref()?)))
            {
                for group in place::probe(hash, header.length_mask) {
                    visited.push(Place::Group {
                        dir: Some(t.first),
                        group,
                    });
                    let record = groups.record(group);
                    if record.is_none_or(|b| group_ctrls(abi, b).contains(&ctrl::EMPTY)) {
                        break;
                    }
                }
            }
        }
        Shape::Empty | Shape::Nonsense => {}
    }
    visited
}

/// Whether an entry stands in a bucket or group.
fn is_in(record: Place, entry: Place) -> bool {
    match (record, entry) {
        (
            Place::Bucket {
                old: o,
                chain: c,
                position: p,
            },
            Place::Cell {
                old,
                chain,
                position,
                ..
            },
        ) => (o, c, p) == (old, chain, position),
        (Place::Group { dir: d, group: g }, Place::Slot { dir, group, .. }) => {
            (d, g) == (dir, group)
        }
        _ => false,
    }
}
