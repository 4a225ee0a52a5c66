//! Rules on a `sync.Map` as a whole: `SY-READ`, `SY-ENTRY` and `SY-TRIE`.
//! In: what was read of it. Out: findings.

use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Verdicts;
use crate::maps::image::Place;
use crate::maps::syncmap::SyncFaultKind;
use crate::maps::syncmap::SyncMapImage;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "SY-READ",
        severity: Severity::Error,
        scope: Scope::Sync,
        holds_mid_write: true,
        statement: "Up to go1.23: `amended` is set exactly if the dirty map may hold what `read` does not, and every entry of \
            `read` that is not expunged is in the dirty map while there is one.",
        source: "`sync/map.go`, `(*Map).dirtyLocked`, `missLocked` and `Store`, up to go1.23.",
        breaks: "Keys are not found, or come back after the dirty map was promoted. Causes: a copied `sync.Map`, a stray write.",
        innocent: "While the mutex is held the two maps may disagree, and nothing is said. An entry that was deleted stays in \
            both maps with a nil pointer until the next promotion. The inner maps have rules of their own.",
        example: "node 0xc000010038: claimed an entry of the dirty map as well, found not in it",
        check: Check::Sync(check_read),
    },
    Rule {
        id: "SY-ENTRY",
        severity: Severity::Error,
        scope: Scope::Sync,
        holds_mid_write: true,
        statement: "Up to go1.23: the pointer in every entry is nil, the expunged mark, or leads to a live value.",
        source: "`sync/map.go`, `entry`, up to go1.23.",
        breaks: "A load of the key reads memory that belongs to something else, or faults. Causes: memory freed too early, a \
            stray write.",
        innocent: "None: the pointer is only ever changed as a whole, by atomic operations.",
        example: "node 0xc000010038: claimed a value at 0x123456789000, found no live object",
        check: Check::Sync(check_entry),
    },
    Rule {
        id: "SY-TRIE",
        severity: Severity::Error,
        scope: Scope::Sync,
        holds_mid_write: true,
        statement: "From go1.24: every entry stands on the way through the trie that its key's hash names, four bits a level; \
            every inner node names the node it hangs on as its parent, and is not marked as removed.",
        source: "`internal/sync/hashtriemap.go`, `(*HashTrieMap).Load`, `expand` and `indirect`, from go1.24.",
        breaks: "The key is not found though a range yields it, or an operation on it panics with `ran out of hash bits`. Causes: \
            a key whose bytes changed after it was stored, a stray write, a flipped bit.",
        innocent: "A key with a NaN in it has no hash of its own and is left out. A node that is being removed is marked while \
            its mutex or its parent's is held.",
        example: "node 0xc0000720c0: claimed an entry below 2 inner nodes, found its key hashes to 0x9f3b000000000000, another way",
        check: Check::Sync(check_trie),
    },
];

fn check_read(m: &SyncMapImage, out: &mut Verdicts) {
    for f in &m.faults {
        let (claimed, found) = match f.what {
            SyncFaultKind::AmendedAlone => {
                ("amended: the dirty map has more", "there is no dirty map")
            }
            SyncFaultKind::NotAmended => {
                ("not amended: read has every entry", "in the dirty map only")
            }
            SyncFaultKind::NotInDirty => ("an entry of the dirty map as well", "not in it"),
            _ => continue,
        };
        out.broken(Place::Node(f.at), claimed, found);
    }
}

fn check_entry(m: &SyncMapImage, out: &mut Verdicts) {
    for f in &m.faults {
        if let SyncFaultKind::BadEntry { p } = f.what {
            out.broken(
                Place::Node(f.at),
                format_args!("a value at {p}"),
                "no live object",
            );
        }
    }
}

fn check_trie(m: &SyncMapImage, out: &mut Verdicts) {
    if m.unhashed > 0 {
        out.unknown();
    }
    let (hashed, off) = m.hashed;
    // If no key is where its hash leads, the seed or badmap is wrong, not each of them.
    let none = hashed > 1 && off == hashed;
    if none {
        out.broken(
            Place::Header("m.seed"),
            format_args!("the seed of the {hashed} hashes of the map's keys"),
            "none of the keys stands where its hash leads",
        );
    }
    for f in &m.faults {
        match f.what {
            SyncFaultKind::OffPath { hash, depth } if !none => out.broken(
                Place::Node(f.at),
                format_args!("an entry below {depth} inner nodes"),
                format_args!("its key hashes to {hash:#x}, another way"),
            ),
            SyncFaultKind::Parent { claimed, right } => out.broken(
                Place::Node(f.at),
                format_args!("a child of {claimed}"),
                format_args!("it hangs on {right}"),
            ),
            SyncFaultKind::Dead => out.broken(
                Place::Node(f.at),
                "an inner node in use",
                "it is marked as removed",
            ),
            _ => {}
        }
    }
}
