//! Lines in blocks, long ones, and files that end too early or too late.
#![allow(clippy::expect_used, clippy::arithmetic_side_effects)] // a failed expectation is a failed test

use super::*;

/// A reader that gives few bytes at a time, and then perhaps an error.
struct Slow<'t> {
    left: &'t [u8],
    step: usize,
    fails: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.step.min(self.left.len()).min(buf.len());
        if n == 0 && self.fails {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut"));
        }
        let (now, behind) = self.left.split_at(n);
        buf.get_mut(..n).expect("room").copy_from_slice(now);
        self.left = behind;
        Ok(n)
    }
}

fn lines(text: &'static [u8], step: usize, fails: bool) -> Lines {
    Lines::plain(Box::new(Slow {
        left: text,
        step,
        fails,
    }))
}

fn all(lines: &mut Lines) -> (Vec<Vec<u8>>, Option<LineError>) {
    let mut out = Vec::new();
    loop {
        match lines.next_line() {
            Ok(Some(line)) => out.push(line.to_vec()),
            Ok(None) => return (out, None),
            Err(e) => return (out, Some(e)),
        }
    }
}

#[test]
fn lines_are_the_same_however_they_come() {
    let text = b"a\n\nbb\n\nlast";
    for step in 1..=text.len() {
        let (found, error) = all(&mut lines(text, step, false));
        assert_eq!(found, [&b"a\n"[..], b"\n", b"bb\n", b"\n", b"last"]);
        assert!(error.is_none());
    }
    assert!(all(&mut lines(b"", 1, false)).0.is_empty());
}

#[test]
fn what_comes_before_an_error_is_given_out() {
    for step in 1..9 {
        let (found, error) = all(&mut lines(b"a\nbb\ncc", step, true));
        assert_eq!(found, [&b"a\n"[..], b"bb\n"]);
        assert!(matches!(error, Some(LineError::Io(_))));
    }
}

#[test]
fn a_line_of_most_bytes_is_one_and_a_longer_one_is_not() {
    let most = usize::try_from(MAX_LINE).expect("small");
    for (len, line_break, fits) in [
        (most, true, true),
        (most, false, true),
        (most + 1, true, false),
        (most + 1, false, false),
    ] {
        let mut text = b"first\n".to_vec();
        text.resize(6 + len, b'x');
        text.extend(line_break.then_some(b'\n'));
        let (found, error) = all(&mut Lines::plain(Box::new(io::Cursor::new(text))));
        assert_eq!(found.len(), 1 + usize::from(fits), "{len} {line_break}");
        assert_eq!(error.is_none(), fits);
        assert!(fits || matches!(error, Some(LineError::TooLong)));
    }
}

#[test]
fn lines_that_fit_come_before_the_one_that_is_too_much() {
    let mut few = lines(b"aa\nbb\ncc\n", 100, false);
    few.left = 7;
    let (found, error) = all(&mut few);
    assert_eq!(found, [&b"aa\n"[..], b"bb\n"]);
    assert!(matches!(error, Some(LineError::TooMuch)));
    let mut none = lines(b"aa\n", 100, false);
    none.left = 2;
    assert!(matches!(all(&mut none), (found, Some(LineError::TooMuch)) if found.is_empty()));
    let mut whole = lines(b"aa\nbb\n", 1, false);
    whole.left = 6;
    assert!(all(&mut whole).1.is_none());
}

#[test]
fn blocks_hold_whole_lines_and_are_counted() {
    let text: String = (0..100_000).map(|i| format!("line {i}\n")).collect();
    let mut lines = Lines::plain(Box::new(io::Cursor::new(text.clone())));
    let (mut block, mut found, mut count) = (Block::default(), Vec::new(), 0);
    while lines.next_block(&mut block).expect("no error") {
        assert_eq!(block.bytes().last(), Some(&b'\n'));
        found.extend_from_slice(block.bytes());
        count += count_lines(block.bytes());
    }
    assert_eq!((found, count), (text.into_bytes(), 100_000));
}
