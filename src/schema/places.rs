//! Places inside a map, read back from the text that findings show.
//! In: a `Place` as `Display` writes it. Out: the same place; names of fields are looked up among the known words.

use crate::base::addr::Addr;
use crate::maps::image::Place;
use crate::schema::number;
use crate::schema::words::known;

/// The place that is shown as `text`; `None` if there is no such place. A single word is a field of the header, be it a
/// new one.
pub fn place(text: &str) -> Option<Place> {
    if let Some(at) = text.strip_prefix("node ") {
        return number(at).map(|at| Place::Node(Addr(at)));
    }
    if let Some(rest) = text.strip_prefix("dir[") {
        return table(rest);
    }
    if let Some(rest) = text.strip_prefix("buckets[") {
        return bucket(false, rest);
    }
    if let Some(rest) = text.strip_prefix("oldbuckets[") {
        return bucket(true, rest);
    }
    if text == "group" {
        return Some(Place::Group {
            dir: None,
            group: 0,
        });
    }
    match text.strip_prefix("group.slot[") {
        Some(rest) => Some(Place::Slot {
            dir: None,
            group: 0,
            slot: slot(rest)?,
        }),
        None => field(text).map(Place::Header),
    }
}

/// What follows `dir[`.
fn table(text: &str) -> Option<Place> {
    let (dir, rest) = index(text)?;
    if rest.is_empty() {
        return Some(Place::Dir(dir));
    }
    if rest == ".table" {
        return Some(Place::Table { dir, field: "" });
    }
    let rest = rest.strip_prefix(".table.")?;
    let Some(rest) = rest.strip_prefix("groups[") else {
        let field = field(rest)?;
        return Some(Place::Table { dir, field });
    };
    let (group, rest) = index(rest)?;
    let dir = Some(dir);
    if rest.is_empty() {
        return Some(Place::Group { dir, group });
    }
    let slot = slot(rest.strip_prefix(".slot[")?)?;
    Some(Place::Slot { dir, group, slot })
}

/// What follows `buckets[`.
fn bucket(old: bool, text: &str) -> Option<Place> {
    let (chain, rest) = index(text)?;
    let (position, rest) = match rest.strip_prefix(".overflow[") {
        Some(rest) => {
            let (n, rest) = index(rest)?;
            (u32::try_from(n).ok().filter(|n| *n > 0)?, rest)
        }
        None => (0, rest),
    };
    if rest.is_empty() {
        return Some(Place::Bucket {
            old,
            chain,
            position,
        });
    }
    let cell = slot(rest.strip_prefix(".cell[")?)?;
    Some(Place::Cell {
        old,
        chain,
        position,
        cell,
    })
}

/// A decimal number before `]`, and what follows.
fn index(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_once(']')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| plain)?, rest))
}

/// The number of a slot at the end.
fn slot(text: &str) -> Option<u8> {
    let (slot, rest) = index(text)?;
    let slot = u8::try_from(slot).ok().filter(|s| *s < 8)?;
    rest.is_empty().then_some(slot)
}

fn field(text: &str) -> Option<&'static str> {
    Some(known(text)).filter(|word| *word == text && !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_read_back() {
        let (dir, group) = (Some(17), 3);
        let (old, chain) = (true, u64::MAX);
        let places = [
            Place::Header("padding behind writing"),
            Place::Header("extra.nextOverflow"),
            Place::Header("buckets"),
            Place::Node(Addr(0xc0_0001_2340)),
            Place::Dir(5),
            Place::Table { dir: 4, field: "" },
            Place::Table {
                dir: 4,
                field: "groups.lengthMask",
            },
            Place::Group { dir, group },
            Place::Slot {
                dir,
                group,
                slot: 7,
            },
            Place::Group {
                dir: None,
                group: 0,
            },
            Place::Slot {
                dir: None,
                group: 0,
                slot: 0,
            },
            Place::Bucket {
                old,
                chain,
                position: 0,
            },
            Place::Bucket {
                old: false,
                chain: 0,
                position: u32::MAX,
            },
            Place::Cell {
                old,
                chain,
                position: 9,
                cell: 6,
            },
            Place::Cell {
                old,
                chain,
                position: 0,
                cell: 6,
            },
        ];
        for p in places {
            assert_eq!(place(&p.to_string()), Some(p), "{p}");
        }
    }

    #[test]
    fn what_is_no_place_is_none() {
        let long = "x".repeat(1000);
        for text in [
            "",
            "node 12",
            "dir[",
            "dir[]",
            "dir[+1]",
            "dir[18446744073709551616]",
            "dir[1].table.",
            "dir[1].table.groups[2]x",
            "dir[1].table.groups[2].slot[8]",
            "buckets[1].overflow[0]",
            "buckets[1].overflow[4294967296]",
            "buckets[1].cell[9]",
            "buckets[1].cell[1].cell[1]",
            "group.slot[1]x",
            long.as_str(),
        ] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
