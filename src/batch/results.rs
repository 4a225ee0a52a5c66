//! Files of results, read back.
//! In: a path, or what is open already. Out: the lines of cores, one at a time. Whatever is no such line is an error,
//! but for a last line that is cut off: a run that was stopped leaves one behind.

use crate::base::limits::MAX_RESULTS;
use crate::batch::error::BatchError;
use crate::batch::line::Line;
use crate::file::stream::LineError;
use crate::file::stream::Lines;
use crate::schema::SCHEMA;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Bytes of a foreign line's schema that an error shows.
const SHOWN: usize = 40;

/// The lines of one file of results.
pub struct Results {
    path: PathBuf,
    /// What is read, or why it cannot be; `None` at the end.
    lines: Option<io::Result<Lines>>,
    /// The number of the line read last, from 1.
    no: u64,
    /// Lines that are results.
    read: u64,
    cut_off: bool,
}

/// Reads a file of results: JSON Lines, plain or packed with zstd. One that cannot be opened gives that error first.
pub fn read_results(path: &Path) -> Results {
    Results::new(path, Lines::open(path))
}

/// Reads results from what is open already, and not packed; errors call it `name`.
pub fn read_results_from(reader: Box<dyn Read + Send>, name: &str) -> Results {
    Results::new(Path::new(name), Ok(Lines::plain(reader)))
}

impl Results {
    fn new(path: &Path, lines: io::Result<Lines>) -> Results {
        Results {
            path: path.to_path_buf(),
            lines: Some(lines),
            no: 0,
            read: 0,
            cut_off: false,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many results were read so far.
    pub fn count(&self) -> u64 {
        self.read
    }

    /// Whether the last line is cut off, as far as was read.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    fn advance(&mut self) -> Result<Option<Line>, BatchError> {
        let lines = match &mut self.lines {
            None => return Ok(None),
            Some(Ok(lines)) => lines,
            Some(Err(e)) => {
                let source = std::mem::replace(e, io::ErrorKind::Other.into());
                let path = self.path.clone();
                return Err(BatchError::Io { path, source });
            }
        };
        loop {
            self.no = self.no.saturating_add(1);
            let (line, path) = (self.no, || self.path.clone());
            let bytes = match lines.next_line() {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(None),
                // What is packed ends where the run was stopped, too.
                Err(LineError::Io(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut_off = true;
                    return Ok(None);
                }
                Err(LineError::Io(source)) => {
                    return Err(BatchError::Io {
                        path: path(),
                        source,
                    });
                }
                Err(LineError::TooLong) => return Err(BatchError::LongLine { path: path(), line }),
                Err(LineError::TooMuch) => return Err(BatchError::Bomb { path: path() }),
            };
            if line > MAX_RESULTS {
                return Err(BatchError::TooMany { path: path() });
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let not_one = |what: String| {
                Err(BatchError::NotOne {
                    path: path(),
                    line,
                    what,
                })
            };
            let found: Line = match serde_json::from_slice(bytes) {
                Ok(found) => found,
                Err(e) if e.is_eof() && !bytes.ends_with(b"\n") => {
                    self.cut_off = true;
                    return Ok(None);
                }
                Err(e) if e.is_data() => return not_one(e.to_string()),
                Err(_) => return not_one("it is not JSON".into()),
            };
            if found.schema.is_empty() {
                return not_one("it names no schema".into());
            }
            if found.schema != SCHEMA {
                return Err(BatchError::Version {
                    path: path(),
                    line,
                    found: found.schema.chars().take(SHOWN).collect(),
                });
            }
            if found.core.is_empty() {
                return not_one("it names no core".into());
            }
            self.read = self.read.saturating_add(1);
            return Ok(Some(found));
        }
    }
}

impl Iterator for Results {
    type Item = Result<Line, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if !matches!(next, Ok(Some(_))) {
            self.lines = None;
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::schema::safe::write_jsonl;

    fn read(text: &[u8]) -> (Vec<String>, bool, Option<BatchError>) {
        let mut results = read_results_from(Box::new(io::Cursor::new(text.to_vec())), "r.jsonl");
        let (mut cores, mut error) = (Vec::new(), None);
        for line in &mut results {
            match line {
                Ok(line) => cores.push(line.core),
                Err(e) => error = Some(e),
            }
        }
        (cores, results.is_cut_off(), error)
    }

    fn said(text: &str) -> String {
        let (_, cut, error) = read(text.as_bytes());
        assert!(!cut);
        error.expect("it is none of ours").to_string()
    }

    fn sample() -> String {
        let mut out = Vec::new();
        for line in crate::batch::samples::fleet() {
            write_jsonl(&mut out, &line).expect("a Vec takes everything");
        }
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn what_was_written_is_read_back() {
        let text = sample();
        let mut again = Vec::new();
        for line in read_results_from(Box::new(io::Cursor::new(text.clone())), "r") {
            write_jsonl(&mut again, &line.expect("our own")).expect("a Vec takes everything");
        }
        assert_eq!(String::from_utf8(again).expect("JSON is UTF-8"), text);
    }

    #[test]
    fn a_last_line_may_be_cut_off_at_any_byte() {
        let text: String = sample()
            .split_inclusive('\n')
            .skip(10)
            .step_by(4)
            .take(3)
            .collect();
        let first = text.find('\n').expect("several lines").saturating_add(1);
        let (whole, _, _) = read(text.as_bytes());
        for end in first..text.len() {
            let bytes = text.as_bytes().get(..end).expect("within");
            let (cores, cut, error) = read(bytes);
            assert!(error.is_none(), "{error:?} at {end}");
            let ends = |b: u8| b == b'\n';
            let lines = bytes.iter().filter(|b| ends(**b)).count();
            assert!(whole.starts_with(&cores));
            // A line without only its line break is whole.
            let missing = text.as_bytes().get(end) == Some(&b'\n');
            let tail = !bytes.ends_with(b"\n");
            assert_eq!(
                (cores.len(), cut),
                (lines + usize::from(missing), tail && !missing),
                "{end}"
            );
        }
    }

    #[test]
    fn what_is_none_of_ours_is_named_with_its_line() {
        let good = "{\"schema\":\"badmap/1\",\"core\":\"c\",\"later\":[1]}\n";
        assert_eq!(read(format!("\n{good}\n{good}").as_bytes()).0.len(), 2);
        for (bad, what) in [
            ("core.1\n", "is no result of a batch: it is not JSON"),
            ("core.1", "is no result of a batch: it is not JSON"),
            (
                "{\"schema\":\"bad\n",
                "is no result of a batch: it is not JSON",
            ),
            ("{}\n", "is no result of a batch: it names no schema"),
            ("[]\n", "is no result of a batch: it names no schema"),
            ("17\n", "is no result of a batch: invalid type"),
            (
                "{\"schema\":\"badmap/1\",\"addr\":\"0x1\"}\n",
                "is no result of a batch: it names no core",
            ),
            (
                "{\"schema\":\"badmap/2\",\"core\":\"c\"}\n",
                "has the schema badmap/2, and",
            ),
            (
                "{\"schema\":\"badmap/1\",\"core\":\"c\",\"status\":\"odd\"}\n",
                "is no result of a batch: unknown variant",
            ),
        ] {
            let text = said(&format!("{good}{bad}"));
            assert!(
                text.starts_with(&format!("reading r.jsonl: line 2 {what}")),
                "{text}"
            );
        }
        let long = "x".repeat(5 << 20);
        assert_eq!(said(&long), "reading r.jsonl: line 1 is longer than 4 MiB");
    }

    #[test]
    fn a_file_that_is_not_there_is_one_error() {
        let mut results = read_results(Path::new("no/such/file"));
        assert!(matches!(results.next(), Some(Err(BatchError::Io { .. }))));
        assert!(results.next().is_none());
    }
}
