//! How text looks: colour, numbers, sizes, widths.
//! In: values and the reader's choices. Out: strings, safe to print.

pub use crate::base::size::size;
use crate::report::escape::clean;
use std::borrow::Cow;
use std::io;
use std::io::Write;

/// Columns that text is laid out for, whatever the terminal: equal runs give equal bytes.
pub const WIDTH: usize = 80;

/// Columns of the labels on the left.
pub const LABEL: usize = 9;

/// Writes a label and its lines, the lines below one another. The label may be coloured: `label` is
/// its plain text.
pub fn write_field(
    out: &mut dyn Write,
    label: &str,
    inked: &str,
    lines: &[String],
) -> io::Result<()> {
    for (i, line) in lines.iter().enumerate() {
        if i == 0 {
            writeln!(
                out,
                "{inked}{}{line}",
                spaces(LABEL.saturating_sub(columns(label)))
            )?;
        } else {
            writeln!(out, "{}{line}", spaces(LABEL))?;
        }
    }
    Ok(())
}

/// The reader's choices.
#[derive(Clone, Copy, Default, Debug)]
pub struct Style {
    /// Whether verdict words and rule ids are coloured.
    pub color: bool,
    /// Show everything, shorten nothing.
    pub verbose: bool,
}

/// What a coloured word stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// Proven sound.
    Good,
    /// Broken.
    Bad,
    /// Unknown, or a warning.
    Doubt,
    /// A rule id.
    Rule,
}

impl Style {
    /// The word in its colour, or plain.
    pub fn ink(self, ink: Ink, word: &str) -> String {
        if !self.color {
            return word.to_owned();
        }
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "1;31",
            Ink::Doubt => "33",
            Ink::Rule => "36",
        };
        format!("\x1b[{code}m{word}\x1b[0m")
    }

    /// The word in its colour, padded to `width` columns by its plain length.
    pub fn ink_padded(self, ink: Ink, word: &str, width: usize) -> String {
        format!(
            "{}{}",
            self.ink(ink, word),
            spaces(width.saturating_sub(columns(word)))
        )
    }

    /// The text cleaned, and shortened in the middle to `max` columns unless all is to be shown.
    pub fn fit(self, text: &str, max: usize) -> String {
        self.fitted(text, max).into_owned()
    }

    /// The same; nothing is copied where the text is safe and fits.
    pub fn fitted(self, text: &str, max: usize) -> Cow<'_, str> {
        let text = clean(text);
        if self.verbose || columns(&text) <= max {
            text
        } else {
            shorten(&text, max).into()
        }
    }
}

/// Columns a text takes, as far as counting characters tells.
pub fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().count()
}

/// So many spaces.
pub fn spaces(n: usize) -> String {
    " ".repeat(n)
}

/// The text padded on the right to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", spaces(width.saturating_sub(columns(text))))
}

/// The text cleaned, and shortened in the middle to at most `max` columns: both ends of a type name
/// or an owner path tell more than its middle.
pub fn shorten(text: &str, max: usize) -> String {
    let text = clean(text);
    let len = columns(&text);
    if len <= max {
        return text.into_owned();
    }
    let room = max.saturating_sub(1);
    let tail = room / 2;
    let head = room.saturating_sub(tail);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(len.saturating_sub(tail)).collect();
    format!("{start}…{end}")
}

/// A number with commas between thousands.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len().saturating_add(8));
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && digits.len().saturating_sub(i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 map`, `2 maps`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// The text broken into lines of at most `width` columns between words; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty()
            && columns(&line)
                .saturating_add(columns(word))
                .saturating_add(1)
                > width
        {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// A path or word as a POSIX shell takes it: quoted where it holds anything unusual.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    let word = clean(word);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down_to_one_digit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1_048_575), "1023.9 KiB");
        assert_eq!(size(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_000), "1,000");
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn both_ends_of_a_long_name_are_kept() {
        assert_eq!(shorten("map[string]int", 14), "map[string]int");
        assert_eq!(shorten("map[string]*main.Session", 13), "map[st…ession");
        assert_eq!(columns(&shorten("日本日本日本日本", 5)), 5);
    }

    #[test]
    fn odd_paths_are_quoted_for_the_shell() {
        assert_eq!(shell_word("/tmp/core.4711"), "/tmp/core.4711");
        assert_eq!(shell_word("my core's"), "'my core'\\''s'");
    }

    #[test]
    fn words_are_coloured_only_when_asked() {
        let on = Style {
            color: true,
            verbose: false,
        };
        assert_eq!(
            on.ink_padded(Ink::Bad, "BROKEN", 8),
            "\x1b[1;31mBROKEN\x1b[0m  "
        );
        assert_eq!(
            Style::default().ink_padded(Ink::Bad, "BROKEN", 8),
            "BROKEN  "
        );
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakably long", 4), ["unbreakably", "long"]);
    }
}
