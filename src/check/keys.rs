//! Rules on the keys of maps of both kinds and on what their hashes depend on: `MAP-TYPE` to `MAP-KEYEQ`.
//! In: an image with the hashes of its keys. Out: findings.

use crate::check::census::Judged;
use crate::check::rule::Check;
use crate::check::rule::Rule;
use crate::check::rule::Scope;
use crate::check::rule::Severity;
use crate::check::rule::Subject;
use crate::check::rule::Verdicts;
use crate::check::trust::is_sound_place;
use crate::hash::hasher::HasherFact;
use crate::hash::memhash::GlobalFault;
use crate::hash::place;
use crate::hash::run::KeyHash;
use crate::maps::image::Body;
use crate::maps::image::HashState;
use crate::maps::image::MapImage;
use crate::maps::image::Place;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "MAP-TYPE",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "The sizes and flags in the map type's descriptor agree with its key and elem types and with its \
            bucket or group.",
        source: "`internal/abi/map.go`, `MapType`, from go1.26; `map_noswiss.go` and `map_swiss.go` in go1.24 and go1.25; \
            `runtime/type.go`, `maptype`, up to go1.20. Written by `cmd/compile/internal/reflectdata/map.go`, and by \
            `reflect.MapOf` for types made at run time.",
        breaks: "Every operation on every map of the type computes wrong offsets. Descriptors of compiled types lie in \
            read-only memory, so this is the sign of a binary that does not belong to the core, or of a descriptor \
            that a program made by itself; in types made by `reflect` a stray write.",
        innocent: "None. Where there is no descriptor, or it is not in the core, nothing is claimed.",
        example: "type: claimed GroupSize 136 in the type's descriptor, found 200, by the key and elem types",
        check: Check::Map(check_type),
    },
    Rule {
        id: "MAP-HASHER",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "The `Hasher` in the map type's descriptor is a function of the program that hashes keys of the \
            map's key type.",
        source: "`internal/abi/map.go`, `MapType.Hasher`; `cmd/compile/internal/reflectdata/alg.go`, `genhash`; \
            `reflect.MapOf`. All versions.",
        breaks: "Lookups jump to a wild address, or hash keys as something else and find nothing. The word is in \
            read-only memory for compiled types; see MAP-TYPE.",
        innocent: "Hash functions are recognised by the names the linker keeps, in stripped binaries too. In a Go that \
            badmap does not know, a name it has never seen makes no finding.",
        example: "type: claimed a hash function for the key type, found 0x123456789000, where no function begins",
        check: Check::Map(check_hasher),
    },
    Rule {
        id: "MAP-GLOBALKEY",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: true,
        statement: "The process's hash keys (`aeskeysched` or `hashkey`) are not all zero, and `useAeshash` is 0 or 1.",
        source: "`runtime/alg.go`, `alginit`, up to go1.26; `internal/runtime/maps/runtime_alg.go` in go1.27.",
        breaks: "No key of any map can be found any more, since all hashes changed when the keys did. The variables \
            are written once at start, so a stray write hit them.",
        innocent: "Only maps with entries are named: in others nothing was hashed. Before `alginit` has run there is no \
            map with entries.",
        example: "aeskeysched: claimed random bytes, found all zero",
        check: Check::Map(check_globalkey),
    },
    Rule {
        id: "MAP-KEYHASH",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "Every key, hashed with the map's seed and the process's hash keys, gives the tophash or control \
            byte that its slot has.",
        source: "`runtime/map.go`, `mapassign` and `tophash`, up to go1.23; `internal/runtime/maps/map.go`, `h2`, and \
            `internal/runtime/maps/table.go`, `(*table).PutSlot`, from go1.24. The hashes: `runtime/alg.go` and the \
            assembly beside it.",
        breaks: "Most lookups do not find the entry by its key, though a range yields it (the fast paths for short keys go \
            by the key alone); an insert of the same key makes a second one. One wrong key is the sign of a key whose bytes changed after it was inserted (a string made by \
            `unsafe` over a buffer that was reused, an array behind a pointer key cast), of a stray write or a flipped \
            bit. If no key of a map fits, its seed was overwritten, and if none of one table does, the directory leads to \
            another map's table: then the seed or the table alone is named.",
        innocent: "A key with a NaN in it has a new hash each time it is hashed, and is left out. Fast paths store the \
            mark before the key while they insert, with the write flag set. If the whole type is hashed unlike badmap \
            believes, no key of any of its maps fits: unless other maps have proven the hash, the rule is undecided.",
        example: "buckets[2].cell[0]: claimed tophash 0x89, found its key hashes to 0xe2, bucket 3",
        check: Check::Map(check_keyhash),
    },
    Rule {
        id: "MAP-DUP",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "No two live entries of a map have equal keys, by Go's `==`.",
        source: "`runtime/map.go`, `mapassign`, up to go1.23; `internal/runtime/maps/table.go`, `(*table).PutSlot`, from \
            go1.24: an insert first looks for the key.",
        breaks: "`len` counts the key twice, a delete removes one of the two and the other comes back to life. Typical \
            for two goroutines that inserted one key at the same time, and for a key that became another's equal by \
            a change of its bytes.",
        innocent: "NaN keys are never equal. Keys are compared within one chain or one table, where a lookup would meet \
            both; an equal key elsewhere stands in a place that its hash does not lead to, and is named for that.",
        example: "buckets[0].cell[1]: claimed the only entry of its key, found buckets[0].cell[0]: the key there is the same",
        check: Check::Map(check_dup),
    },
    Rule {
        id: "MAP-NEGZERO",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "No map holds both a key with +0 and one that differs only by having -0 there.",
        source: "`runtime/alg.go`, `f64hash` and `f64equal`, all versions: both zeros are one key and have one hash.",
        breaks: "As MAP-DUP; it is told apart because such keys look different in a listing.",
        innocent: "None: NaN aside, keys that differ only in the sign of zeros are equal.",
        example: "group.slot[2]: claimed the only entry of its key, found group.slot[0]: the key there differs only in the sign of a zero",
        check: Check::Map(check_negzero),
    },
    Rule {
        id: "MAP-KEYEQ",
        severity: Severity::Error,
        scope: Scope::All,
        holds_mid_write: false,
        statement: "A map whose type says that every key equals itself holds no key with a NaN in it.",
        source: "`internal/abi/map.go`, `MapReflexiveKey`, up to go1.23; `cmd/compile/internal/types/type.go`, \
            `IsReflexive`.",
        breaks: "Growing a map leaves such keys where no lookup would go. The type's flag or the key's type is wrong, \
            which is the affair of an unsafe cast between map types.",
        innocent: "Only classic maps have the flag. Keys that may hold a NaN (floats, complex numbers, interfaces) have \
            it clear.",
        example: "buckets[0].cell[3]: claimed a key that equals itself, found a NaN in the key",
        check: Check::Map(check_keyeq),
    },
];

fn check_type(s: &Subject<'_, '_>, out: &mut Verdicts) {
    for (field, claimed, found) in &s.image.keys.descriptor.wrong {
        out.broken(
            Place::Header("type"),
            format_args!("{field} {claimed} in the type's descriptor"),
            format_args!("{found}, by the key and elem types"),
        );
    }
}

fn check_hasher(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let found = match &s.image.keys.descriptor.hasher {
        HasherFact::Unknown | HasherFact::Fits(_) => return,
        HasherFact::NoCode { to } => format!("{to}, where no function begins"),
        HasherFact::Foreign(name) => name.clone(),
    };
    out.broken(
        Place::Header("type"),
        "a hash function for the key type",
        found,
    );
}

fn check_globalkey(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let has_entries = !s.image.keys.hashes.is_empty();
    match s.image.keys.global.filter(|_| has_entries) {
        None => {}
        Some(GlobalFault::Flag(flag)) => out.broken(
            Place::Header("useAeshash"),
            format_args!("{flag:#04x}"),
            "possible are 0 and 1",
        ),
        Some(GlobalFault::ZeroKeys(name)) => {
            out.broken(Place::Header(name), "random bytes", "all zero")
        }
    }
}

/// The field of the header that holds the seed.
pub(crate) fn seed_field(image: &MapImage<'_>) -> &'static str {
    match image.body {
        Body::Classic(_) => "hash0",
        _ => "seed",
    }
}

fn check_keyhash(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let image = s.image;
    let census = &s.tallies.keys;
    match census.judged {
        Judged::NotAsked => return,
        Judged::Unknown => return out.unknown(),
        Judged::Seed => {
            let n = census.known;
            return out.broken(
                Place::Header(seed_field(image)),
                format_args!("the seed of the {n} hashes of the map's keys"),
                format_args!(
                    "{} of the {n} keys hash to their marks",
                    n.saturating_sub(census.wrong)
                ),
            );
        }
        Judged::Keys => {}
    }
    if !census.complete {
        out.unknown();
    }
    if census.wrong == 0 {
        return;
    }
    for (dir, keys) in &census.foreign {
        out.broken(
            Place::Table {
                dir: *dir,
                field: "",
            },
            format_args!("a table of this map, with {keys} keys"),
            "none of them hashes to its control byte: another map's, or overwritten",
        );
    }
    let name = match image.body {
        Body::Classic(_) => "tophash",
        _ => "control byte",
    };
    image.for_each_key(|e, hash| {
        let Some(hash) = hash.known() else { return };
        let mark = image.mark_of(hash);
        if mark == e.mark
            || census.is_foreign(e.place)
            || census.is_zero_word(e.place)
            || !is_sound_place(image, e.place)
        {
            return;
        }
        out.broken(
            e.place,
            format_args!("{name} {:#04x}", e.mark),
            format_args!("its key hashes to {mark:#04x}{}", Belongs(image, hash)),
        );
    });
}

/// Says where a hash leads.
pub(crate) struct Belongs<'i, 'a>(pub(crate) &'i MapImage<'a>, pub(crate) u64);

impl std::fmt::Display for Belongs<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0.body {
            Body::Classic(c) => {
                let buckets = c.hmap.main_buckets().unwrap_or(1);
                write!(f, ", bucket {}", place::bucket(self.1, buckets))
            }
            Body::Swiss(m) if m.map.dir_len > 0 => {
                let depth = u64::from(m.map.global_depth);
                let index = place::directory_index(self.0.abi, self.1, depth);
                write!(f, ", dir[{index}]")
            }
            _ => Ok(()),
        }
    }
}

fn check_dup(s: &Subject<'_, '_>, out: &mut Verdicts) {
    check_equal(s, out, false);
}

fn check_negzero(s: &Subject<'_, '_>, out: &mut Verdicts) {
    check_equal(s, out, true);
}

fn check_equal(s: &Subject<'_, '_>, out: &mut Verdicts, by_sign_of_zero: bool) {
    let keys = &s.image.keys;
    match s.tallies.keys.judged {
        Judged::NotAsked => return,
        // Which keys are equal does not hang on whether the hash is right, but which were compared does.
        Judged::Unknown => out.unknown(),
        Judged::Seed | Judged::Keys if !s.tallies.keys.complete => out.unknown(),
        Judged::Seed | Judged::Keys => {}
    }
    if !by_sign_of_zero {
        let listed = keys.duplicates.len() as u64;
        out.more(keys.duplicates_total.saturating_sub(listed));
    }
    for d in &keys.duplicates {
        if d.by_sign_of_zero == by_sign_of_zero
            && is_sound_place(s.image, d.place)
            && is_sound_place(s.image, d.other)
        {
            let found = if by_sign_of_zero {
                "the key there differs only in the sign of a zero"
            } else {
                "the key there is the same"
            };
            out.broken(
                d.place,
                "the only entry of its key",
                format_args!("{}: {found}", d.other),
            );
        }
    }
}

fn check_keyeq(s: &Subject<'_, '_>, out: &mut Verdicts) {
    let keys = &s.image.keys;
    if keys.state == HashState::NotAsked || keys.descriptor.reflexive != Some(true) {
        return;
    }
    if keys.odd.is_empty() {
        return;
    }
    s.image.for_each_key(|e, hash| {
        if hash == KeyHash::Nan {
            out.broken(e.place, "a key that equals itself", "a NaN in the key");
        }
    });
}
