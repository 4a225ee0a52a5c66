//! Text from the dead process, made safe for a terminal.
//! In: type names, owner paths, messages, keys: whatever a hostile core may hold. Out: the same text
//! with control characters, terminal escapes and invisible direction marks written as escapes.

use crate::schema::safe::is_printable;
use crate::schema::safe::is_unsafe;
use std::borrow::Cow;

/// The text with every unsafe character written as Go would write it in a string: `\n`, `\x1b`, `\u202e`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_printable(text.as_bytes()) || !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) && u32::from(c) < 0x80 => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)))
            }
            c if is_unsafe(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_lose_their_power() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m"), "a\\x1b[31mred\\x1b[0m");
        assert_eq!(clean("one\ntwo\tthree\r"), "one\\ntwo\\tthree\\r");
        assert_eq!(
            clean("\u{9b}2J \u{202e}txt\u{7f}"),
            "\\u009b2J \\u202etxt\\x7f"
        );
        assert_eq!(clean("main.ключ[\"日本\"]"), "main.ключ[\"日本\"]");
    }
}
