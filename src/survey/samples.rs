//! A process and goroutines made by hand, for tests here and of the renderers.
//! In: nothing. Out: rows of the shapes that real cores give.

pub(crate) mod screens;

use crate::base::addr::Addr;
use crate::process::cpu::Cpu;
use crate::runtime::pclntab::SourceFrame;
use crate::survey::result::BinaryFrom;
use crate::survey::result::FrameRow;
use crate::survey::result::GoroutineRow;
use crate::survey::result::Match;
use crate::survey::result::ProcessInfo;
use std::path::PathBuf;

fn source(function: &str, file: &str, line: u32) -> SourceFrame {
    SourceFrame {
        function: function.into(),
        file: file.into(),
        line,
        inlined: false,
    }
}

/// A frame at a made-up place; those behind the first were called by it being inlined into them.
fn frame(part: &'static str, pc: u64, source: &[SourceFrame]) -> FrameRow {
    let mut source = source.to_vec();
    let last = source.len().saturating_sub(1);
    for s in source.iter_mut().take(last) {
        s.inlined = true;
    }
    FrameRow {
        pc: Addr(pc),
        sp: Addr(0xc000_0f00_0000u64.saturating_add(pc)),
        part,
        source: source.into(),
    }
}

fn park() -> FrameRow {
    let gopark = source("runtime.gopark", "runtime/proc.go", 425);
    frame("goroutine", 0x43c8ca, &[gopark])
}

fn goexit() -> FrameRow {
    let goexit = source("runtime.goexit", "runtime/asm_amd64.s", 1700);
    frame("goroutine", 0x46f321, &[goexit])
}

fn waiting(id: u64, reason: &str, middle: Vec<FrameRow>) -> GoroutineRow {
    let mut frames = vec![park()];
    frames.extend(middle);
    frames.push(goexit());
    GoroutineRow {
        id,
        state: "waiting",
        wait_reason: Some(reason.into()),
        thread: None,
        locked: false,
        created_by: Some(source(
            "main.(*Server).Start",
            "/build/src/example.com/session/server/start.go",
            41,
        )),
        parent: Some(1),
        started_with: Some("main.worker".into()),
        frames,
        broken: None,
    }
}

fn worker(id: u64) -> GoroutineRow {
    let chanrecv = source("runtime.chanrecv1", "runtime/chan.go", 489);
    let next = source(
        "main.(*Queue[...]).Next",
        "/build/src/example.com/session/queue/queue.go",
        17,
    );
    let worker = source(
        "main.worker",
        "/build/src/example.com/session/server/worker.go",
        88,
    );
    let mut row = waiting(
        id,
        "chan receive",
        vec![
            frame("goroutine", 0x40a1b2, &[chanrecv]),
            frame("goroutine", 0x4a1000, &[next, worker]),
        ],
    );
    for f in &mut row.frames {
        f.sp = Addr(f.sp.0.saturating_add(id << 16));
    }
    row
}

/// Runs on a thread: a signal stopped it there.
fn running(id: u64, thread: u32) -> GoroutineRow {
    let write = source(
        "main.(*Sessions).Put",
        "/build/src/example.com/session/store/put.go",
        30,
    );
    let handler = source("runtime.sighandler", "runtime/signal_unix.go", 805);
    let tramp = source("runtime.sigtramp", "runtime/sys_linux_amd64.s", 352);
    let frames = vec![
        frame("signal", 0x44d0a1, &[handler]),
        frame("signal", 0x471be6, &[tramp]),
        frame("goroutine", 0x4a2000, &[write]),
        goexit(),
    ];
    GoroutineRow {
        state: "running",
        wait_reason: None,
        thread: Some(thread),
        locked: true,
        frames,
        ..worker(id)
    }
}

/// The one that the runtime stopped the process for.
fn thrower(id: u64, thread: u32) -> GoroutineRow {
    let fatal = source("runtime.fatalthrow.func1", "runtime/panic.go", 1236);
    let system = source("runtime.systemstack", "runtime/asm_amd64.s", 514);
    let switch = source("runtime.systemstack_switch", "runtime/asm_amd64.s", 479);
    let throw = source("runtime.fatal", "runtime/panic.go", 1073);
    let assign = source("runtime.mapassign_faststr", "runtime/map_faststr.go", 212);
    let put = source(
        "main.(*Sessions).Put",
        "/build/src/example.com/session/store/put.go",
        31,
    );
    let frames = vec![
        frame("system", 0x434db5, &[fatal]),
        frame("system", 0x46d1aa, &[system]),
        frame("goroutine", 0x46d140, &[switch]),
        frame("goroutine", 0x434e3e, &[throw]),
        frame("goroutine", 0x413f95, &[assign]),
        frame("goroutine", 0x4a2040, &[put]),
        goexit(),
    ];
    GoroutineRow {
        locked: false,
        frames,
        ..running(id, thread)
    }
}

fn runtimes(id: u64, reason: &str, function: &str) -> GoroutineRow {
    let middle = frame(
        "goroutine",
        0x427351,
        &[source(function, "runtime/mgcsweep.go", 297)],
    );
    GoroutineRow {
        created_by: Some(source("runtime.gcenable", "runtime/mgc.go", 178)),
        started_with: Some("runtime.gcenable.func1".into()),
        ..waiting(id, reason, vec![middle])
    }
}

fn first(id: u64) -> GoroutineRow {
    let main = source("main.main", "/build/src/example.com/session/main.go", 93);
    let runtime = source("runtime.main", "runtime/proc.go", 272);
    let middle = vec![
        frame("goroutine", 0x495988, &[main]),
        frame("goroutine", 0x43640b, &[runtime]),
    ];
    GoroutineRow {
        created_by: None,
        parent: None,
        started_with: Some("runtime.main".into()),
        ..waiting(id, "select (no cases)", middle)
    }
}

/// One whose stack could be followed only to a page that was not dumped.
fn broken(id: u64) -> GoroutineRow {
    GoroutineRow {
        frames: vec![park()],
        broken: Some("8 bytes at 0xc000100000: not dumped".into()),
        ..waiting(id, "semacquire", Vec::new())
    }
}

/// Thirteen goroutines: 17 stopped the process, seven workers wait at the same place.
pub(crate) fn goroutine_rows() -> Vec<GoroutineRow> {
    vec![
        first(1),
        runtimes(2, "force gc (idle)", "runtime.forcegchelper"),
        runtimes(3, "finalizer wait", "runtime.runfinq"),
        thrower(17, 4711),
        worker(18),
        worker(19),
        worker(20),
        running(21, 4713),
        worker(22),
        worker(23),
        worker(24),
        worker(25),
        broken(31),
    ]
}

/// A stack of so many equal frames.
pub(crate) fn deep(id: u64, frames: usize) -> GoroutineRow {
    let main = source("main.down", "/build/src/example.com/session/main.go", 7);
    let mut middle = vec![frame("goroutine", 0x495988, &[main]); frames];
    for (i, f) in middle.iter_mut().enumerate() {
        f.sp = Addr(0xc000_0000_1000u64.saturating_add((i as u64) << 5));
    }
    waiting(id, "sleep", middle)
}

/// A process that was dumped whole.
pub(crate) fn process() -> ProcessInfo {
    ProcessInfo {
        go: "go1.23.9".into(),
        untested: false,
        os: "linux",
        arch: "amd64",
        maps: "classic",
        hash: "aes",
        core: PathBuf::from("core.4711"),
        snapshot: None,
        core_size: 1_288_490_188,
        compressed: None,
        binary: PathBuf::from("/srv/bin/sessiond"),
        binary_from: BinaryFrom::CoreNotes,
        matched: Match::Yes,
        core_build_id: Some("5f3a0c9d".into()),
        binary_build_id: Some("5f3a0c9d".into()),
        identity: None,
        pid: Some(4711),
        command: Some("sessiond".into()),
        cpu: Some(Cpu {
            name: "intel family 6 model 85 stepping 7".into(),
            hwcap: Some(0xbfeb_fbff),
            hwcap2: Some(2),
            xcr0: Some(0xe7),
            platform: Some("x86_64".into()),
        }),
        host: Some("sessions-7.example.com".into()),
        how_dumped: "kernel",
        threads: 12,
        goroutines: Some(340),
        slide: 0,
        dwarf: 5,
        dumped_bytes: 1_288_000_000,
        missing_bytes: 0,
        missing: Vec::new(),
        from_binary_bytes: 3_565_158,
        not_dumped_bytes: 0,
    }
}
