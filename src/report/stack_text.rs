//! A stack as text, much as Go's own tracebacks have it.
//! In: a goroutine. Out: its frames, each with its place below it; who made it; why there is no more.

use crate::report::escape::clean;
use crate::report::style::Ink;
use crate::report::style::Style;
use crate::report::style::number;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::result::FrameRow;
use crate::survey::result::GoroutineRow;
use std::io;
use std::io::Write;

/// Frames shown at either end of a long stack. Source: `runtime/traceback.go`, `tracebackInnerFrames`
/// and `tracebackOuterFrames`, from go1.21 on.
const END: usize = 50;

/// What a goroutine is doing, as Go's tracebacks say it.
pub fn state(row: &GoroutineRow) -> String {
    let mut text = match &row.wait_reason {
        Some(reason) => clean(reason).into_owned(),
        None => row.state.to_owned(),
    };
    if row.wait_reason.is_some() && row.state == "leaked" {
        text.push_str(" (leaked)");
    }
    if row.locked {
        text.push_str(", locked");
    }
    text
}

/// Function, file and line, on one line.
pub fn place(s: &SourceFrame, style: Style) -> String {
    format!("{} {}", name(s, style), file_and_line(s, style))
}

/// The function; its type arguments as `[...]`, as Go prints them, unless everything is to be shown.
fn name(s: &SourceFrame, style: Style) -> String {
    let all = s.function.as_str();
    let shortened = || {
        let (before, arguments) = all.split_once('[')?;
        let (_, after) = arguments.rsplit_once(']')?;
        Some(format!("{before}[...]{after}"))
    };
    match shortened().filter(|_| !style.verbose) {
        Some(short) => clean(&short).into_owned(),
        None => clean(all).into_owned(),
    }
}

/// File and line; of the path only the last directory, unless everything is to be shown.
fn file_and_line(s: &SourceFrame, style: Style) -> String {
    let file = match style.verbose {
        true => s.file.as_str(),
        false => short(&s.file),
    };
    match s.line {
        0 => clean(file).into_owned(),
        line => format!("{}:{line}", clean(file)),
    }
}

/// The last directory and the file.
fn short(path: &str) -> &str {
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
    slashes
        .nth(1)
        .and_then(|at| path.get(at.saturating_add(1)..))
        .unwrap_or(path)
}

/// Writes the frames of a goroutine, innermost first, its maker, and where its stack was left if
/// that is not its end. `addresses` adds the program counter and stack pointer of each frame.
pub fn write_stack(
    out: &mut dyn Write,
    row: &GoroutineRow,
    indent: &str,
    addresses: bool,
    style: Style,
) -> io::Result<()> {
    let frames: Vec<(&FrameRow, &SourceFrame)> = row
        .frames
        .iter()
        .flat_map(|f| f.source.iter().map(move |s| (f, s)))
        .collect();
    let left_out = match style.verbose {
        true => 0,
        false => frames.len().saturating_sub(END.saturating_mul(2)),
    };
    let mut part = "goroutine";
    for (i, (f, s)) in frames.iter().enumerate() {
        if left_out > 0 && i == END {
            writeln!(out, "{indent}…{} frames elided…", number(left_out as u64))?;
        }
        if (END..END.saturating_add(left_out)).contains(&i) {
            continue;
        }
        if f.part != part {
            part = f.part;
            writeln!(out, "{indent}{}:", heading(part))?;
        }
        let inlined = if s.inlined { " (inlined)" } else { "" };
        writeln!(out, "{indent}{}{inlined}", name(s, style))?;
        write!(out, "{indent}    {}", file_and_line(s, style))?;
        if addresses && !s.inlined {
            write!(out, " pc={} sp={}", f.pc, f.sp)?;
        }
        writeln!(out)?;
    }
    if let Some(why) = &row.broken {
        let left = match (row.frames.is_empty(), &row.started_with) {
            (false, _) => format!("here the stack is lost: {}", clean(why)),
            (true, Some(f)) => format!(
                "no frame is known: {}; it began with {}",
                clean(why),
                clean(f)
            ),
            (true, None) => format!("no frame is known: {}", clean(why)),
        };
        writeln!(out, "{indent}{}", style.ink(Ink::Doubt, &left))?;
    }
    if let Some(by) = &row.created_by {
        write!(out, "{indent}created by {}", name(by, style))?;
        if let Some(parent) = row.parent {
            write!(out, " in goroutine {parent}")?;
        }
        writeln!(out)?;
        writeln!(out, "{indent}    {}", file_and_line(by, style))?;
    }
    Ok(())
}

/// What stands above frames that lie on another stack than those before.
fn heading(part: &str) -> &'static str {
    match part {
        "system" => "on the thread's system stack",
        "signal" => "on the thread's signal stack",
        _ => "on the goroutine's own stack",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a failed expectation is a failed test

    use super::*;
    use crate::survey::samples;
    use insta::assert_snapshot;

    fn text(row: &GoroutineRow, addresses: bool, style: Style) -> String {
        let mut out = Vec::new();
        write_stack(&mut out, row, "", addresses, style).expect("a Vec takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    fn row(id: u64) -> GoroutineRow {
        let rows = samples::goroutine_rows();
        rows.into_iter()
            .find(|r| r.id == id)
            .expect("a sample has this number")
    }

    const ALL: Style = Style {
        color: false,
        verbose: true,
    };

    #[test]
    fn every_change_of_stacks_has_its_heading() {
        assert_snapshot!(text(&row(17), false, Style::default()));
        assert_snapshot!(text(&row(21), true, ALL));
    }

    #[test]
    fn inlined_frames_are_marked() {
        let text = text(&row(18), false, Style::default());
        assert!(
            text.contains(
                "main.(*Queue[...]).Next (inlined)\n    queue/queue.go:17\nmain.worker\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_stack_that_is_lost_says_where_and_why() {
        assert_snapshot!(text(&row(31), false, Style::default()));
        let mut none = row(31);
        none.frames.clear();
        assert_snapshot!(text(&none, false, Style::default()));
    }

    #[test]
    fn the_middle_of_a_long_stack_is_left_out() {
        let lines = |frames, style| {
            let text = text(&samples::deep(7, frames), false, style);
            (text.matches("main.down\n").count(), text)
        };
        let (n, text) = lines(98, Style::default());
        assert_eq!(n, 98, "a hundred with gopark and goexit");
        assert!(!text.contains("elided"), "{text}");
        let (n, text) = lines(1_300, Style::default());
        assert_eq!(n, 98);
        assert!(text.contains("\n…1,202 frames elided…\n"), "{text}");
        let (n, text) = lines(1_300, ALL);
        assert_eq!(n, 1_300);
        assert!(!text.contains("elided"), "{text}");
    }

    #[test]
    fn of_a_path_the_last_directory_is_kept() {
        assert_eq!(short("/build/src/zoo/crash.go"), "zoo/crash.go");
        assert_eq!(short("zoo/crash.go"), "zoo/crash.go");
        assert_eq!(short("crash.go"), "crash.go");
        assert_eq!(short("/crash.go"), "/crash.go");
        assert_eq!(short("?"), "?");
    }

    #[test]
    fn type_arguments_are_shortened() {
        let mut s = row(18).created_by.expect("it has a creator");
        s.function = "main.(*G[go.shape.[]int,map[string]int]).f.func1".into();
        assert_eq!(name(&s, Style::default()), "main.(*G[...]).f.func1");
        assert_eq!(name(&s, ALL), s.function);
        s.function = "main.odd]name[".into();
        assert_eq!(name(&s, Style::default()), "main.odd]name[");
    }

    #[test]
    fn states_are_what_go_writes() {
        let mut row = row(18);
        assert_eq!(state(&row), "chan receive");
        row.locked = true;
        assert_eq!(state(&row), "chan receive, locked");
        row.state = "leaked";
        row.locked = false;
        assert_eq!(state(&row), "chan receive (leaked)");
        row.wait_reason = None;
        assert_eq!(state(&row), "leaked");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let mut row = row(17);
        row.wait_reason = Some("\u{1b}[2J".into());
        row.broken = Some("\u{1b}[2J".into());
        for f in &mut row.frames {
            f.source = f
                .source
                .iter()
                .map(|s| SourceFrame {
                    function: "main.\u{1b}]0;x\u{7}f\n".into(),
                    file: "/a/\u{202e}b/\u{9b}c.go".into(),
                    ..s.clone()
                })
                .collect();
        }
        row.created_by = row.frames.last().and_then(|f| f.source.last().cloned());
        let all = text(&row, true, ALL) + &text(&row, false, Style::default()) + &state(&row);
        let acts = |c: char| c != '\n' && crate::schema::safe::is_unsafe(c);
        assert!(!all.contains(acts), "{all:?}");
    }
}
