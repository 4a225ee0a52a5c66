//! Owner paths with what sets alike maps apart left out: elements, keys, numbers of goroutines, addresses.
//! In: a path as `find/path.rs` writes it. Out: the same path with `*` in those places.

use std::borrow::Cow;

/// Which of the keys and indices in a path become `*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// None.
    Keep,
    /// Those that are not shown in clear: `[#0a1b2c3d4e5f]`, `[…]`. Indices like `[3]` stay.
    Redacted,
    /// All of them.
    All,
}

/// What becomes `*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fold {
    /// Which keys and indices.
    pub keys: Keys,
    /// Numbers of goroutines and addresses too: they mean nothing in another run of the program.
    pub volatile: bool,
}

impl Fold {
    /// Whatever can: maps that are elements of one container have one path.
    pub const ALL: Fold = Fold {
        keys: Keys::All,
        volatile: true,
    };
}

/// The path folded: with all keys, `main.srv.sessions["u]17"].attrs` becomes `main.srv.sessions[*].attrs`.
/// Brackets inside quotes belong to the key. `main.serve(goroutine 18).conn` becomes `main.serve(goroutine *).conn`,
/// and the keys of a `sync.Map` in `.Load(…)` and `.key(…)` are keys like others. Types in `.(…)` stay as they are.
pub fn fold_path(path: &str, how: Fold) -> Cow<'_, str> {
    if !path.contains(['[', '(']) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['[', '(']) {
        let (before, opened) = rest.split_at(at);
        out.push_str(before);
        let square = opened.starts_with('[');
        let inside = opened.get(1..).unwrap_or_default();
        if square {
            let (key, behind) = bracketed(inside, ']');
            out.push('[');
            out.push_str(if folds(key, how.keys) { "*" } else { key });
            out.push(']');
            rest = behind;
            continue;
        }
        if (out.ends_with(".Load") || out.ends_with(".key")) && !inside.starts_with(')') {
            let (key, behind) = bracketed(inside, ')');
            out.push('(');
            out.push_str(if folds(key, how.keys) { "*" } else { key });
            out.push(')');
            rest = behind;
            continue;
        }
        out.push('(');
        if out.ends_with(".(") {
            // The type of an interface's value, `.(map[string]int)`: its brackets are no keys.
            let (ty, behind) = bracketed(inside, ')');
            out.push_str(ty);
            out.push_str(closing(inside, ty, behind));
            rest = behind;
            continue;
        }
        rest = inside;
        if how.volatile
            && let Some((folded, behind)) = volatile(inside)
        {
            out.push_str(folded);
            rest = behind;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What stands for an address or a goroutine's number behind a bracket, and what follows it. Only as much is looked at
/// as is passed over then, so that a path is read once however many brackets are in it.
fn volatile(inside: &str) -> Option<(&'static str, &str)> {
    if inside.starts_with("0x") {
        let end = inside.find(')').unwrap_or(inside.len());
        return Some(("*", inside.get(end..).unwrap_or_default()));
    }
    let number = inside.strip_prefix("goroutine ")?;
    let behind = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let ends = behind.is_empty() || behind.starts_with(')');
    ends.then_some(("goroutine *", behind))
}

/// The bracket that closes `word`, if there is one.
fn closing<'p>(inside: &'p str, word: &str, behind: &str) -> &'p str {
    let end = inside.len().saturating_sub(behind.len());
    inside.get(word.len()..end).unwrap_or_default()
}

fn folds(key: &str, keys: Keys) -> bool {
    match keys {
        Keys::Keep => false,
        // `#? (…)` and `? (…)` stand for keys that could not be read.
        Keys::Redacted => key.starts_with(['#', '…', '?']),
        Keys::All => true,
    }
}

/// What stands before the bracket that closes, and what behind it. Brackets may be nested, and those inside quotes
/// close nothing.
fn bracketed(inside: &str, close: char) -> (&str, &str) {
    let open = if close == ']' { '[' } else { '(' };
    let mut depth = 0u32;
    let mut quote: Option<char> = None;
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some('"' | '\''), '\\') => {
                chars.next();
            }
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(c),
            (None, c) if c == open => depth = depth.saturating_add(1),
            (None, c) if c == close => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => {
                    let behind = inside.get(at.saturating_add(c.len_utf8())..);
                    return (
                        inside.get(..at).unwrap_or_default(),
                        behind.unwrap_or_default(),
                    );
                }
            },
            _ => {}
        }
    }
    (inside, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &str) -> Cow<'_, str> {
        fold_path(path, Fold::ALL)
    }

    #[test]
    fn brackets_inside_quotes_do_not_end_a_key() {
        assert_eq!(all("main.m[\"a]b\\\"]\"].x[3][`]`]"), "main.m[*].x[*][*]");
        assert_eq!(all("main.m[main.K[int]{1}].y"), "main.m[*].y");
        assert_eq!(all("main.plain"), "main.plain");
        assert_eq!(
            all("(*main.serve(goroutine 18).conns[3])"),
            "(*main.serve(goroutine *).conns[*])"
        );
        assert_eq!(
            all("(0xc000012340+0x18).(map[int]int)"),
            "(*).(map[int]int)"
        );
        assert_eq!(
            all("finalizer(0xc000012340).(func).m"),
            "finalizer(*).(func).m"
        );
        assert_eq!(all("main.m[\"unclosed"), "main.m[*]");
        assert_eq!(all("main.it's[']'].k"), "main.it's[*].k");
    }

    #[test]
    fn keys_of_a_sync_map_are_keys_and_atomic_pointers_have_none() {
        assert_eq!(
            all("main.c.Load(#0a1b2c3d4e5f).m.Load().x"),
            "main.c.Load(*).m.Load().x"
        );
        assert_eq!(all("main.c.key(\"a)b\").m"), "main.c.key(*).m");
    }

    #[test]
    fn types_of_interface_values_stay() {
        for path in [
            "main.v.(map[string]int).x",
            "main.v.(func(map[[2]int]string) (chan int, error)).x",
            "main.v.(struct { A [4]int \"json:\\\")]\\\"\" }).x",
            "main.(*T[int]).run(goroutine *).m",
            "main.v.(map[string",
        ] {
            assert_eq!(all(path), path);
        }
        assert_eq!(
            all("main.s[3].v.(map[string]int)[\"k\"].w.(main.T[int]).m[1]"),
            "main.s[*].v.(map[string]int)[*].w.(main.T[int]).m[*]"
        );
    }

    #[test]
    fn a_megabyte_of_brackets_is_read_once() {
        let started = std::time::Instant::now();
        for part in [
            "((*",
            "(goroutine 1",
            "(0x1",
            "(0x(goroutine ",
            ".(",
            ".((",
            "[",
            "[(",
            ".Load(",
            ".key(\"",
            "(goroutine 1)",
            "[]",
            ".(a)",
            "(\"",
        ] {
            let path = part.repeat((1 << 20) / part.len());
            for keys in [Keys::Keep, Keys::Redacted, Keys::All] {
                for volatile in [false, true] {
                    assert!(fold_path(&path, Fold { keys, volatile }).len() <= path.len() * 2);
                }
            }
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn what_can_be_compared_stays() {
        let path = "main.f(goroutine 7).s[3][#0a1b2c3d4e5f].x[…][\"k\"].Load(#00)[#? (cut off)]";
        let fold = |keys, volatile| fold_path(path, Fold { keys, volatile });
        assert_eq!(fold(Keys::Keep, false), path);
        assert_eq!(
            fold(Keys::Keep, true),
            path.replace("goroutine 7", "goroutine *")
        );
        assert_eq!(
            fold(Keys::Redacted, false),
            "main.f(goroutine 7).s[3][*].x[*][\"k\"].Load(*)[*]"
        );
        assert_eq!(
            fold(Keys::Redacted, true),
            "main.f(goroutine *).s[3][*].x[*][\"k\"].Load(*)[*]"
        );
    }
}
