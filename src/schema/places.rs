//! Places inside a map, from their text.
//! In: what `Place` displays. Out: the place again; `None` for text that is none.

use crate::base::addr::Addr;
use crate::maps::image::Place;
use crate::schema::number;
use crate::schema::words::known;

/// The place that is written so.
pub fn parse_place(text: &str) -> Option<Place> {
    if let Some(node) = text.strip_prefix("node ") {
        return number(node).map(|at| Place::Node(Addr(at)));
    }
    for (array, old) in [("buckets[", false), ("oldbuckets[", true)] {
        if let Some(rest) = text.strip_prefix(array) {
            return bucket(old, rest);
        }
    }
    if let Some(rest) = text.strip_prefix("dir[") {
        return below_dir(rest);
    }
    match text.strip_prefix("group") {
        Some("") => Some(Place::Group {
            dir: None,
            group: 0,
        }),
        Some(rest) if rest.starts_with('.') => slot(None, 0, rest),
        _ => Some(Place::Header(known(text))),
    }
}

/// A number up to a bracket, and what follows.
fn index(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_once(']')?;
    Some((digits.parse().ok()?, rest))
}

fn bucket(old: bool, text: &str) -> Option<Place> {
    let (chain, mut rest) = index(text)?;
    let mut position = 0u32;
    if let Some(overflow) = rest.strip_prefix(".overflow[") {
        let (at, after) = index(overflow)?;
        position = u32::try_from(at).ok()?;
        rest = after;
    }
    if rest.is_empty() {
        return Some(Place::Bucket {
            old,
            chain,
            position,
        });
    }
    let (cell, rest) = index(rest.strip_prefix(".cell[")?)?;
    rest.is_empty().then_some(Place::Cell {
        old,
        chain,
        position,
        cell: u8::try_from(cell).ok()?,
    })
}

fn below_dir(text: &str) -> Option<Place> {
    let (dir, rest) = index(text)?;
    if rest.is_empty() {
        return Some(Place::Dir(dir));
    }
    let rest = rest.strip_prefix(".table")?;
    let Some(groups) = rest.strip_prefix(".groups[") else {
        let field = rest.strip_prefix('.').unwrap_or(rest);
        return Some(Place::Table {
            dir,
            field: known(field),
        });
    };
    let (group, rest) = index(groups)?;
    match rest {
        "" => Some(Place::Group {
            dir: Some(dir),
            group,
        }),
        rest => slot(Some(dir), group, rest),
    }
}

fn slot(dir: Option<u64>, group: u64, text: &str) -> Option<Place> {
    let (slot, rest) = index(text.strip_prefix(".slot[")?)?;
    let slot = u8::try_from(slot).ok()?;
    rest.is_empty().then_some(Place::Slot { dir, group, slot })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_comes_back_from_its_text() {
        let (old, chain) = (true, 7);
        for place in [
            Place::Header("count"),
            Place::Header(""),
            Place::Header("extra.overflow"),
            Place::Bucket {
                old,
                chain,
                position: 0,
            },
            Place::Bucket {
                old: false,
                chain,
                position: 3,
            },
            Place::Cell {
                old,
                chain,
                position: 0,
                cell: 7,
            },
            Place::Cell {
                old: false,
                chain,
                position: 2,
                cell: 0,
            },
            Place::Dir(5),
            Place::Table { dir: 4, field: "" },
            Place::Table {
                dir: 4,
                field: "groups",
            },
            Place::Table {
                dir: 4,
                field: "groups.data",
            },
            Place::Group {
                dir: None,
                group: 0,
            },
            Place::Group {
                dir: Some(2),
                group: 9,
            },
            Place::Slot {
                dir: None,
                group: 0,
                slot: 1,
            },
            Place::Slot {
                dir: Some(2),
                group: 9,
                slot: 6,
            },
            Place::Node(Addr(0xc000)),
        ] {
            assert_eq!(parse_place(&place.to_string()), Some(place));
        }
    }

    #[test]
    fn text_that_is_no_place_is_refused() {
        for text in [
            "buckets[",
            "buckets[x]",
            "buckets[1].cell[300]",
            "dir[1].tab",
            "node 12",
            "group.slot[1]x",
            "buckets[1]z",
        ] {
            assert_eq!(parse_place(text), None, "{text}");
        }
    }
}
