//! Small facts of an image as words on a line, and back.
//! In: what images are made of, or text. Out: text, or the same facts; `None` for what no badmap writes.
//! Over 400 lines with its tests: each form is beside its reader.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::home::Home;
use crate::hash::hasher::HasherFact;
use crate::hash::memhash::GlobalFault;
use crate::hash::run::KeyHash;
use crate::maps::image::BadRefKind;
use crate::maps::image::Books;
use crate::maps::image::ChainFaultKind;
use crate::maps::image::HashState;
use crate::maps::image::Seat;
use crate::schema::number;
use crate::schema::words::known;
use std::str::FromStr;
use std::str::SplitWhitespace;

const HASH_STATES: [(HashState, &str); 4] = [
    (HashState::NotAsked, "not-asked"),
    (HashState::Unknown, "unknown"),
    (HashState::Doubtful, "doubtful"),
    (HashState::Proven, "proven"),
];

const HOMES: [(Home, &str); 6] = [
    (Home::Stack, "stack"),
    (Home::Module, "module"),
    (Home::FreeSpan, "free-span"),
    (Home::Foreign, "foreign"),
    (Home::Unmapped, "unmapped"),
    (Home::Unknown, "unknown"),
];

const WHYS: [(Why, &str); 7] = [
    (Why::Nil, "nil"),
    (Why::Unmapped, "unmapped"),
    (Why::NotDumped, "not-dumped"),
    (Why::Truncated, "truncated"),
    (Why::OtherFile, "other-file"),
    (Why::TooLarge, "too-large"),
    (Why::Overflow, "overflow"),
];

fn word_of<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    let found = table.iter().find(|(v, _)| *v == value);
    found.map_or("", |(_, word)| word)
}

fn value_of<T: Copy>(table: &[(T, &'static str)], word: &str) -> Option<T> {
    let found = table.iter().find(|(_, w)| *w == word);
    found.map(|(value, _)| *value)
}

/// Reads a text word by word; it must end where the fact does.
fn whole<T>(text: &str, read: impl FnOnce(&mut SplitWhitespace<'_>) -> Option<T>) -> Option<T> {
    let mut words = text.split_whitespace();
    let fact = read(&mut words)?;
    words.next().is_none().then_some(fact)
}

fn addr(words: &mut SplitWhitespace<'_>) -> Option<Addr> {
    number(words.next()?).map(Addr)
}

fn plain<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

pub(super) fn hash_state_text(state: HashState) -> &'static str {
    word_of(&HASH_STATES, state)
}

pub(super) fn hash_state(text: &str) -> Option<HashState> {
    value_of(&HASH_STATES, text)
}

pub(super) fn home_text(home: Home) -> String {
    match home {
        Home::Object {
            start,
            size,
            allocated,
        } => {
            let state = if allocated { "allocated" } else { "free" };
            format!("object {start} {size} {state}")
        }
        other => word_of(&HOMES, other).to_owned(),
    }
}

pub(super) fn home(text: &str) -> Option<Home> {
    whole(text, home_words)
}

fn home_words(words: &mut SplitWhitespace<'_>) -> Option<Home> {
    match words.next()? {
        "object" => Some(Home::Object {
            start: addr(words)?,
            size: plain(words)?,
            allocated: match words.next()? {
                "allocated" => true,
                "free" => false,
                _ => return None,
            },
        }),
        other => value_of(&HOMES, other),
    }
}

pub(super) fn fault_text(fault: Fault) -> String {
    let why = word_of(&WHYS, fault.why);
    format!("{} {} {why}", fault.addr, fault.size)
}

pub(super) fn fault(text: &str) -> Option<Fault> {
    whole(text, fault_words)
}

fn fault_words(words: &mut SplitWhitespace<'_>) -> Option<Fault> {
    Some(Fault {
        addr: addr(words)?,
        size: plain(words)?,
        why: value_of(&WHYS, words.next()?)?,
    })
}

pub(super) fn seat_text(seat: Seat) -> String {
    match seat {
        Seat::Prealloc(i) => format!("prealloc {i}"),
        Seat::Elsewhere(home) => home_text(home),
    }
}

pub(super) fn seat(text: &str) -> Option<Seat> {
    match text.strip_prefix("prealloc ") {
        Some(i) => i.parse().ok().map(Seat::Prealloc),
        None => home(text).map(Seat::Elsewhere),
    }
}

pub(super) fn chain_fault_text(what: ChainFaultKind) -> String {
    match what {
        ChainFaultKind::Cycle => "cycle".to_owned(),
        ChainFaultKind::Shared { chain } => format!("shared {chain}"),
        ChainFaultKind::IntoArray => "into-array".to_owned(),
        ChainFaultKind::Nowhere(home) => format!("nowhere {}", home_text(home)),
        ChainFaultKind::Unreadable(fault) => format!("unreadable {}", fault_text(fault)),
        ChainFaultKind::TooLong => "too-long".to_owned(),
    }
}

pub(super) fn chain_fault(text: &str) -> Option<ChainFaultKind> {
    whole(text, |words| {
        Some(match words.next()? {
            "cycle" => ChainFaultKind::Cycle,
            "shared" => ChainFaultKind::Shared {
                chain: plain(words)?,
            },
            "into-array" => ChainFaultKind::IntoArray,
            "nowhere" => ChainFaultKind::Nowhere(home_words(words)?),
            "unreadable" => ChainFaultKind::Unreadable(fault_words(words)?),
            "too-long" => ChainFaultKind::TooLong,
            _ => return None,
        })
    })
}

/// Why a key has no hash; `None` if it has one.
pub(super) fn odd_text(hash: KeyHash) -> Option<String> {
    match hash {
        KeyHash::Known(_) => None,
        KeyHash::Nan => Some("nan".to_owned()),
        KeyHash::Unhashable { word } => Some(format!("unhashable {word}")),
        KeyHash::Fault(fault) => Some(format!("fault {}", fault_text(fault))),
    }
}

pub(super) fn odd(text: &str) -> Option<KeyHash> {
    whole(text, |words| {
        Some(match words.next()? {
            "nan" => KeyHash::Nan,
            "unhashable" => KeyHash::Unhashable { word: addr(words)? },
            "fault" => KeyHash::Fault(fault_words(words)?),
            _ => return None,
        })
    })
}

pub(super) fn ref_text(what: BadRefKind) -> String {
    match what {
        BadRefKind::Str { data, len } => format!("str {data} {len}"),
        BadRefKind::StrHome { data, len, home } => {
            format!("str-home {data} {len} {}", home_text(home))
        }
        BadRefKind::Freed { ptr, home } => format!("freed {ptr} {}", home_text(home)),
        BadRefKind::Wild { ptr } => format!("wild {ptr}"),
        BadRefKind::Iface { word } => format!("iface {word}"),
        BadRefKind::IfaceData { data } => format!("iface-data {data}"),
        BadRefKind::Indirect { ptr } => format!("indirect {ptr}"),
    }
}

pub(super) fn reference(text: &str) -> Option<BadRefKind> {
    whole(text, |words| {
        Some(match words.next()? {
            "str" => BadRefKind::Str {
                data: addr(words)?,
                len: plain(words)?,
            },
            "str-home" => BadRefKind::StrHome {
                data: addr(words)?,
                len: plain(words)?,
                home: home_words(words)?,
            },
            "freed" => BadRefKind::Freed {
                ptr: addr(words)?,
                home: home_words(words)?,
            },
            "wild" => BadRefKind::Wild { ptr: addr(words)? },
            "iface" => BadRefKind::Iface { word: addr(words)? },
            "iface-data" => BadRefKind::IfaceData { data: addr(words)? },
            "indirect" => BadRefKind::Indirect { ptr: addr(words)? },
            _ => return None,
        })
    })
}

pub(super) fn books_text(books: &Books) -> String {
    match books {
        Books::Pointers(has) => format!("pointers {has}"),
        Books::Class { wants, has } => format!("class {wants} {has}"),
        Books::Type(name) => format!("type {name}"),
    }
}

pub(super) fn books(text: &str) -> Option<Books> {
    if let Some(name) = text.strip_prefix("type ") {
        return Some(Books::Type(name.into()));
    }
    whole(text, |words| {
        Some(match words.next()? {
            "pointers" => Books::Pointers(plain(words)?),
            "class" => Books::Class {
                wants: plain(words)?,
                has: plain(words)?,
            },
            _ => return None,
        })
    })
}

pub(super) fn hasher_text(fact: &HasherFact) -> String {
    match fact {
        HasherFact::Unknown => "unknown".to_owned(),
        HasherFact::Fits(name) => format!("fits {name}"),
        HasherFact::NoCode { to } => format!("no-code {to}"),
        HasherFact::Foreign(name) => format!("foreign {name}"),
    }
}

pub(super) fn hasher(text: &str) -> Option<HasherFact> {
    if text == "unknown" {
        return Some(HasherFact::Unknown);
    }
    let (kind, rest) = text.split_once(' ')?;
    Some(match kind {
        "fits" => HasherFact::Fits(rest.to_owned()),
        "no-code" => HasherFact::NoCode {
            to: Addr(number(rest)?),
        },
        "foreign" => HasherFact::Foreign(rest.to_owned()),
        _ => return None,
    })
}

pub(super) fn global_text(fault: GlobalFault) -> String {
    match fault {
        GlobalFault::Flag(flag) => format!("flag {flag}"),
        GlobalFault::ZeroKeys(name) => format!("zero-keys {name}"),
    }
}

pub(super) fn global(text: &str) -> Option<GlobalFault> {
    whole(text, |words| {
        Some(match words.next()? {
            "flag" => GlobalFault::Flag(plain(words)?),
            "zero-keys" => GlobalFault::ZeroKeys(known(words.next()?)),
            _ => return None,
        })
    })
}

/// Eight marks, slot 0 first.
pub(super) fn marks_text(marks: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(marks))
}

pub(super) fn marks(text: &str) -> Option<[u8; 8]> {
    let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let word = u64::from_str_radix(text, 16).ok().filter(|_| hex)?;
    Some(word.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_back() {
        let object = Home::Object {
            start: Addr(0xc000),
            size: 64,
            allocated: false,
        };
        let lost = Fault {
            addr: Addr(5),
            size: u64::MAX,
            why: Why::OtherFile,
        };
        for h in HOMES.iter().map(|(h, _)| *h).chain([object]) {
            assert_eq!(home(&home_text(h)), Some(h));
            assert_eq!(
                seat(&seat_text(Seat::Elsewhere(h))),
                Some(Seat::Elsewhere(h))
            );
        }
        let prealloc = Seat::Prealloc(u64::MAX);
        assert_eq!(seat(&seat_text(prealloc)), Some(prealloc));
        for why in WHYS.map(|(why, _)| why) {
            let fault_here = Fault { why, ..lost };
            assert_eq!(fault(&fault_text(fault_here)), Some(fault_here));
        }
        for what in [
            ChainFaultKind::Cycle,
            ChainFaultKind::Shared { chain: 7 },
            ChainFaultKind::IntoArray,
            ChainFaultKind::Nowhere(object),
            ChainFaultKind::Unreadable(lost),
            ChainFaultKind::TooLong,
        ] {
            assert_eq!(chain_fault(&chain_fault_text(what)), Some(what));
        }
        let (data, ptr, word, home_of) = (Addr(1), Addr(2), Addr(3), object);
        for what in [
            BadRefKind::Str { data, len: -1 },
            BadRefKind::StrHome {
                data,
                len: i64::MAX,
                home: home_of,
            },
            BadRefKind::Freed { ptr, home: home_of },
            BadRefKind::Wild { ptr },
            BadRefKind::Iface { word },
            BadRefKind::IfaceData { data },
            BadRefKind::Indirect { ptr },
        ] {
            assert_eq!(reference(&ref_text(what)), Some(what));
        }
        for hash in [
            KeyHash::Nan,
            KeyHash::Unhashable { word },
            KeyHash::Fault(lost),
        ] {
            assert_eq!(odd(&odd_text(hash).unwrap_or_default()), Some(hash));
        }
        assert_eq!(odd_text(KeyHash::Known(0)), None);
        for fact in [
            Books::Pointers(true),
            Books::Class { wants: 8, has: 16 },
            Books::Type("struct { a int; b string }".into()),
        ] {
            assert_eq!(books(&books_text(&fact)), Some(fact));
        }
        for fact in [
            HasherFact::Unknown,
            HasherFact::Fits("runtime.strhash".into()),
            HasherFact::NoCode { to: Addr(9) },
            HasherFact::Foreign("main.f in two words".into()),
        ] {
            assert_eq!(hasher(&hasher_text(&fact)), Some(fact));
        }
        for fact in [GlobalFault::Flag(7), GlobalFault::ZeroKeys("hashkey")] {
            assert_eq!(global(&global_text(fact)), Some(fact));
        }
        assert_eq!(marks_text([1, 0, 0, 0, 0, 0, 0, 0xfe]), "01000000000000fe");
        assert_eq!(marks("01000000000000fe"), Some([1, 0, 0, 0, 0, 0, 0, 0xfe]));
    }

    #[test]
    fn nonsense_is_none() {
        for text in [
            "",
            "object",
            "object 0x1 -5 free",
            "stack stack",
            "object 0x1 5 lost",
        ] {
            assert_eq!(home(text), None, "{text}");
        }
        for text in [
            "",
            "+000000000000000",
            "0",
            "00000000000000000",
            "000000000000000g",
        ] {
            assert_eq!(marks(text), None, "{text}");
        }
        assert_eq!(hasher("fits"), None);
        assert_eq!(seat("prealloc -1"), None);
    }
}
