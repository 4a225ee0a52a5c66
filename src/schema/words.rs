//! Words of the schema as the library's own constants.
//! In: text that was read back. Out: the same text with a static life, found among the known words or kept.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

/// Words beyond those this badmap knows that are kept: sets of words may grow, and no file decides how
/// much memory that takes.
const MAX_NEW: usize = 256;
/// Bytes of such a word.
const MAX_WORD: usize = 64;
/// What stands for a word that is not kept.
const STRANGE: &str = "?";

/// The words of all sets, by set.
const KNOWN: &[&[&str]] = &[
    // process
    &[
        "aes", "fallback", "classic", "swiss", "linux", "kernel", "gcore", "delve", "unknown",
    ],
    &[
        "amd64", "arm64", "386", "arm", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le",
        "riscv64", "s390x", "loong64",
    ],
    &["zstd", "lz4", "gzip", "xz"],
    // crash
    &[
        "print-backlog",
        "panic",
        "signal",
        "read",
        "write",
        "iterate",
        "clone",
    ],
    &[
        "in-map-code",
        "holds-pointer",
        "reaches",
        "off",
        "mark",
        "mark termination",
    ],
    &[
        "idle",
        "runnable",
        "running",
        "syscall",
        "waiting",
        "dead",
        "copystack",
        "preempted",
        "leaked",
        "???",
    ],
    // maps
    &["syncmap", "unreadable", "typed", "inferred", "ambiguous"],
    &["reachable", "reachable-unknown-path", "garbage"],
    &[
        "variable",
        "stack",
        "register",
        "goroutine",
        "finalizer",
        "cleanup",
        "sweep",
    ],
    &[
        "mid-write",
        "growing",
        "same-size-grow",
        "iterator",
        "old-iterator",
        "small",
        "tombstones",
        "empty",
        "dead",
    ],
    // places in maps: fields of headers
    &[
        "header",
        "type",
        "count",
        "flags",
        "B",
        "noverflow",
        "hash0",
        "buckets",
        "oldbuckets",
        "nevacuate",
        "extra",
        "extra.overflow",
        "extra.oldoverflow",
        "extra.nextOverflow",
        "used",
        "seed",
        "dirPtr",
        "dirLen",
        "globalDepth",
        "globalShift",
        "writing",
        "tombstonePossible",
        "padding behind writing",
        "useAeshash",
        "aeskeysched",
        "hashkey",
        "m.seed",
    ],
    // and of tables
    &[
        "groups",
        "groups.data",
        "groups.lengthMask",
        "index",
        "localDepth",
        "capacity",
        "growthLeft",
    ],
    // fields of a map type's descriptor
    &["KeySize", "ValueSize", "BucketSize", "GroupSize", "Flags"],
    // what could not be read of a map
    &[
        "preallocated overflow buckets",
        "overflow bucket",
        "mapextra",
        "mapextra.overflow",
        "mapextra.oldoverflow",
        "group",
        "directory",
        "table",
        "key",
        "indirect key",
        "indirect elem",
        "what an entry refers to",
        "sync.Map",
        "sync.Map node",
    ],
];

/// The word itself where it is a known one, or one of the first so many others; else `?`. Words are printed as they
/// are, so that one with more than letters, digits, dots, dashes and spaces in it is none.
pub fn known(word: &str) -> &'static str {
    static NEW: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    static ALL: OnceLock<HashSet<&'static str>> = OnceLock::new();
    let all = ALL.get_or_init(|| KNOWN.iter().flat_map(|set| set.iter().copied()).collect());
    if let Some(found) = all.get(word) {
        return found;
    }
    if word.is_empty() {
        return "";
    }
    let mut new = NEW.lock().unwrap_or_else(PoisonError::into_inner);
    let new = new.get_or_insert_with(HashSet::new);
    if let Some(found) = new.get(word) {
        return found;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_() ".contains(c);
    if new.len() >= MAX_NEW || word.len() > MAX_WORD || !word.chars().all(plain) {
        return STRANGE;
    }
    let kept: &'static str = Box::leak(word.to_owned().into_boxed_str());
    new.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_text_and_strange_ones_are_bounded() {
        assert_eq!(known("swiss"), "swiss");
        assert_eq!(
            known("a-word-of-a-later-version"),
            "a-word-of-a-later-version"
        );
        assert_eq!(known(&"x".repeat(MAX_WORD + 1)), STRANGE);
        for bad in ["a\u{1b}[2J", "a\nb", "\u{202e}", "é", "a\u{0}"] {
            assert_eq!(known(bad), STRANGE);
        }
        for i in 0..2 * MAX_NEW {
            known(&format!("word {i}"));
        }
        assert_eq!(known("one more"), STRANGE);
        assert_eq!(known("swiss"), "swiss");
    }
}
