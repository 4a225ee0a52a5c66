//! `goroutines` as JSON: one document, or one line a goroutine.
//! In: the goroutines of a process. Out: their states and frames; addresses are hex strings.

use crate::report::json::Line;
use crate::runtime::pclntab::SourceFrame;
use crate::schema::SCHEMA;
use crate::schema::TOOL;
use crate::schema::Tool;
use crate::schema::crash::Crash;
use crate::schema::process::Process;
use crate::schema::safe::write_document;
use crate::schema::safe::write_jsonl;
use crate::survey::exit::Exit;
use crate::survey::result::GoroutineList;
use crate::survey::result::GoroutineRow;
use crate::survey::result::Match;
use serde::Serialize;
use std::io;
use std::io::Write;

#[derive(Serialize)]
struct PlaceOut<'a> {
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

impl<'a> PlaceOut<'a> {
    fn of(s: &'a SourceFrame) -> Self {
        PlaceOut {
            function: &s.function,
            file: Some(s.file.as_str()).filter(|f| *f != "?"),
            line: Some(s.line).filter(|n| *n != 0),
        }
    }
}

#[derive(Serialize)]
struct FrameOut<'a> {
    #[serde(flatten)]
    place: PlaceOut<'a>,
    pc: String,
    sp: String,
    stack: &'a str,
    inlined: bool,
}

#[derive(Serialize)]
struct GoroutineOut<'a> {
    id: u64,
    state: &'a str,
    wait_reason: Option<&'a str>,
    thread: Option<u32>,
    locked: bool,
    created_by: Option<PlaceOut<'a>>,
    parent: Option<u64>,
    started_with: Option<&'a str>,
    user_frame: Option<PlaceOut<'a>>,
    frames: Vec<FrameOut<'a>>,
    broken: Option<&'a str>,
}

impl<'a> GoroutineOut<'a> {
    fn of(row: &'a GoroutineRow) -> Self {
        let frames = row.frames.iter().flat_map(|f| {
            f.source.iter().map(move |s| FrameOut {
                place: PlaceOut::of(s),
                pc: f.pc.to_string(),
                sp: f.sp.to_string(),
                stack: f.part,
                inlined: s.inlined,
            })
        });
        GoroutineOut {
            id: row.id,
            state: row.state,
            wait_reason: row.wait_reason.as_deref(),
            thread: row.thread,
            locked: row.locked,
            created_by: row.created_by.as_ref().map(PlaceOut::of),
            parent: row.parent,
            started_with: row.started_with.as_deref(),
            user_frame: row.top_user_frame().map(PlaceOut::of),
            frames: frames.collect(),
            broken: row.broken.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct GoroutinesOut<'a> {
    schema: &'a str,
    tool: Tool<'static>,
    process: Process<'a>,
    crash: Crash<'a>,
    goroutines: Vec<GoroutineOut<'a>>,
    unreadable: u64,
    gaps: &'a [String],
    exit: u8,
}

/// Writes the document of `goroutines`.
pub fn write_goroutines(out: &mut dyn Write, list: &GoroutineList, exit: Exit) -> io::Result<()> {
    let doc = GoroutinesOut {
        schema: SCHEMA,
        tool: TOOL,
        process: Process::of(&list.process),
        crash: Crash::of(&list.crash),
        goroutines: list.goroutines.iter().map(GoroutineOut::of).collect(),
        unreadable: list.unreadable,
        gaps: &list.gaps,
        exit: exit.code(),
    };
    write_document(out, &doc)
}

/// Writes `goroutines` as JSON Lines: one object a goroutine.
pub fn write_goroutine_lines(out: &mut dyn Write, list: &GoroutineList) -> io::Result<()> {
    let matched = list.process.matched;
    list.goroutines.iter().try_for_each(|row| {
        write_jsonl(
            out,
            &Line {
                schema: SCHEMA,
                r#match: Some(matched.as_str()).filter(|_| matched != Match::Yes),
                row: GoroutineOut::of(row),
            },
        )
    })
}
