//! A batch as JUnit XML, as servers of continuous integration read it: one test case a core.
//! In: lines of cores. Out: one document. The head of a suite has its totals, so that the cases are kept as text until
//! the last line is in: a few hundred bytes a core that passed, at most some kilobytes of one that did not.
//!
//! A core of which somebody said what is to be expected fails only if it gave something else. Of others, broken maps and
//! map crashes are failures, and what has no result is an error; what was not proven sound is skipped, since nothing was
//! found wrong with it. The only user of quick-xml.

use crate::batch::facts::Outcome;
use crate::batch::line::Line;
use crate::report::batch_text::detail;
use crate::report::escape::clean;
use crate::report::style::Style;
use quick_xml::Writer;
use quick_xml::events::BytesDecl;
use quick_xml::events::BytesEnd;
use quick_xml::events::BytesStart;
use quick_xml::events::BytesText;
use quick_xml::events::Event;
use std::io;
use std::io::Write;

/// Bytes of an attribute.
const ATTRIBUTE: usize = 1 << 10;
/// Bytes of a line of the text of a failure.
const LINE: usize = 512;
/// Lines of it.
const LINES: usize = 32;

/// What a test case is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Case {
    Passed,
    Failure,
    Error,
    Skipped,
}

impl Case {
    fn of(line: &Line) -> Case {
        let outcome = Outcome::of(line);
        let has_result = !matches!(
            outcome,
            Outcome::Failed | Outcome::Timeout | Outcome::OutOfMemory | Outcome::Crashed
        );
        match (&line.expected, outcome) {
            (Some(expected), _) if expected.met => Case::Passed,
            (Some(_), _) if has_result => Case::Failure,
            (_, Outcome::Broken | Outcome::MapCrash) => Case::Failure,
            (_, Outcome::Unproven) => Case::Skipped,
            (_, Outcome::Sound | Outcome::Ok) => Case::Passed,
            (_, Outcome::Failed | Outcome::Timeout | Outcome::OutOfMemory | Outcome::Crashed) => {
                Case::Error
            }
        }
    }

    /// The element that says so.
    fn element(self) -> Option<&'static str> {
        match self {
            Case::Passed => None,
            Case::Failure => Some("failure"),
            Case::Error => Some("error"),
            Case::Skipped => Some("skipped"),
        }
    }
}

/// How many there are of each.
#[derive(Default)]
struct Counts {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    ms: u64,
}

/// Writes one document of one suite with a case for each line.
pub fn write_junit(out: &mut dyn Write, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
    let mut counts = Counts::default();
    let mut cases = Writer::new_with_indent(Vec::new(), b' ', 2);
    for line in lines {
        write_case(&mut cases, &line, &mut counts)?;
    }
    let mut doc = Writer::new_with_indent(&mut *out, b' ', 2);
    doc.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = [
        ("name", "badmap".to_owned()),
        ("tests", counts.tests.to_string()),
        ("failures", counts.failures.to_string()),
        ("errors", counts.errors.to_string()),
        ("skipped", counts.skipped.to_string()),
        ("time", seconds(counts.ms)),
    ];
    for element in ["testsuites", "testsuite"] {
        let mut start = BytesStart::new(element);
        for (name, value) in &totals {
            // The element around all suites knows nothing of those that were skipped.
            if element == "testsuite" || *name != "skipped" {
                start.push_attribute((*name, value.as_str()));
            }
        }
        doc.write_event(Event::Start(start))?;
    }
    let cases = cases.into_inner();
    if !cases.is_empty() {
        out.write_all(b"\n")?;
        out.write_all(&cases)?;
    }
    out.write_all(b"\n  </testsuite>\n</testsuites>\n")
}

fn write_case(out: &mut Writer<Vec<u8>>, line: &Line, counts: &mut Counts) -> io::Result<()> {
    let case = Case::of(line);
    counts.tests = counts.tests.saturating_add(1);
    let count = match case {
        Case::Passed => None,
        Case::Failure => Some(&mut counts.failures),
        Case::Error => Some(&mut counts.errors),
        Case::Skipped => Some(&mut counts.skipped),
    };
    if let Some(count) = count {
        *count = count.saturating_add(1);
    }
    let ms = line.resources.map_or(0, |r| r.wall_ms);
    counts.ms = counts.ms.saturating_add(ms);
    let (dir, file) = match line.core.rsplit_once('/') {
        Some(("", file)) => ("/", file),
        Some((dir, file)) => (dir, file),
        None => (".", &*line.core),
    };
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("classname", &*attribute(dir)));
    start.push_attribute(("name", &*attribute(file)));
    start.push_attribute(("time", &*seconds(ms)));
    let Some(element) = case.element() else {
        return out.write_event(Event::Empty(start));
    };
    out.write_event(Event::Start(start))?;
    let mut why = BytesStart::new(element);
    why.push_attribute(("message", &*attribute(&message(line))));
    if case == Case::Skipped {
        out.write_event(Event::Empty(why))?;
    } else {
        let kind = match &line.expected {
            Some(_) => "expectation",
            None => Outcome::of(line).as_str(),
        };
        why.push_attribute(("type", kind));
        out.write_event(Event::Start(why))?;
        let body = body(line);
        out.write_event(Event::Text(BytesText::new(&body)))?;
        out.write_event(Event::End(BytesEnd::new(element)))?;
    }
    out.write_event(Event::End(BytesEnd::new("testcase")))
}

/// Nothing is shortened: who reads this has room.
const WHOLE: Style = Style {
    color: false,
    verbose: true,
};

/// What went wrong, in one line.
fn message(line: &Line) -> String {
    if let Some(expected) = line.expected.as_ref().filter(|e| !e.met) {
        let differences = expected.differences.join("; ");
        if !differences.is_empty() {
            return differences;
        }
    }
    let said = detail(line, WHOLE);
    match said.is_empty() {
        true => Outcome::of(line).as_str().to_owned(),
        false => format!("{}: {}", Outcome::of(line).as_str(), said.join("; ")),
    }
}

/// What went wrong, in full.
fn body(line: &Line) -> String {
    let mut lines = vec![format!("core: {}", line.core)];
    lines.push(format!("outcome: {}", Outcome::of(line).as_str()));
    if let Some(expected) = &line.expected {
        lines.extend(expected.differences.iter().cloned());
    }
    lines.extend(detail(line, WHOLE));
    if let Some(hint) = line.error.as_ref().and_then(|e| e.hint.as_deref()) {
        lines.push(format!("hint: {hint}"));
    }
    if let Some(signature) = &line.signature {
        lines.push(format!("signature: {}", signature.id));
        lines.extend(signature.text.lines().map(str::to_owned));
    }
    let mut out = String::new();
    for line in lines.iter().take(LINES) {
        out.push('\n');
        out.push_str(&legal(line, LINE));
    }
    out.push('\n');
    out
}

/// Seconds with three digits.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn attribute(text: &str) -> String {
    legal(text, ATTRIBUTE)
}

/// The text, at most so many bytes of it, with escapes in place of what XML 1.0 does not allow, or a terminal should not
/// see. A file of XML cannot hold most control characters, not even as references.
fn legal(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let (start, rest) = text.split_at(end);
    let mut out = clean(start)
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff");
    if !rest.is_empty() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
