//! Stacks of a stripped binary: unwinding needs nothing but the linker's function tables.
//! In: the golden core of a binary without DWARF and symbols, and the text its process printed. Out: the
//! stack of the goroutine that died. The command itself still asks for DWARF, for the types; so this test
//! finds the module and the goroutines by hand, with offsets of go1.27 that are not taken from `src`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub
)] // in a test a failed unwrap is a failed test, and its output is for people

use badmap::base::addr::Addr;
use badmap::base::addr::AddrRange;
use badmap::base::progress::Silent;
use badmap::file::binary::Binary;
use badmap::file::corefile::CoreFile;
use badmap::file::mmap::MappedFile;
use badmap::process::memory::Memory;
use badmap::process::threads::read_threads;
use badmap::runtime::goroutines::Goroutine;
use badmap::runtime::goroutines::Goroutines;
use badmap::runtime::goroutines::Machine;
use badmap::runtime::goroutines::Saved;
use badmap::runtime::goroutines::Status;
use badmap::runtime::pclntab::PcTables;
use badmap::runtime::pclntab::TablePlaces;
use badmap::runtime::unwind::Unwinder;
use std::path::Path;

/// `user_regs_struct` word of fs_base; Go keeps `g` in front of what it points to.
const FS_BASE: usize = 21;

fn word(mem: &Memory<'_>, at: u64) -> u64 {
    mem.read_u64(Addr(at)).unwrap_or(0)
}

/// The function tables of the one module: its `moduledata` is the word in writable memory that leads to
/// a `pcHeader`, with the code's bounds where they belong. Offsets of go1.27.
fn tables(mem: &Memory<'_>, binary: &Binary<'_>) -> TablePlaces {
    let is_header = |at: u64| word(mem, at) == 0x0801_0000_ffff_fff1;
    for segment in binary.segments.iter().filter(|s| s.writable) {
        let start = segment.addr.0;
        for at in (start..start + segment.bytes.len() as u64).step_by(8) {
            let header = word(mem, at);
            let field = |off: u64| Addr(word(mem, at + off));
            let slice = |off: u64| (field(off), field(off + 8).0);
            if header == 0 || !is_header(header) || field(176) >= field(184) {
                continue;
            }
            return TablePlaces {
                header: Addr(header),
                pcs: AddrRange {
                    start: field(160),
                    end: field(168),
                },
                text: field(176),
                ftab: slice(128),
                pclntable: slice(104),
                funcnametab: slice(8),
                cutab: slice(32),
                filetab: slice(56),
                pctab: slice(80),
                gofunc: field(344),
                rodata: field(336),
            };
        }
    }
    panic!("no moduledata");
}

fn stack_of(mem: &Memory<'_>, g: u64) -> AddrRange {
    AddrRange {
        start: Addr(word(mem, g)),
        end: Addr(word(mem, g + 8)),
    }
}

#[test]
fn the_dead_goroutine_of_a_stripped_binary_has_its_stack() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/golden");
    let open = |name: &str| MappedFile::open(&golden.join(name), &std::env::temp_dir(), &Silent);
    let name = "go1.27-stripped-fatal-writes";
    let core_file = open(&format!("cores/{name}.zst")).unwrap();
    let binary_file = open("bin/go1.27-stripped.zst").unwrap();
    let core = CoreFile::parse(core_file.bytes(), core_file.path()).unwrap();
    let binary = Binary::parse(binary_file.bytes(), binary_file.path()).unwrap();
    assert!(!binary.has_dwarf());
    let mem = Memory::new(&core, Some(&binary), 0);
    let threads = read_threads(&core);
    let tables = PcTables::open(&mem, &[tables(&mem, &binary)]);
    assert!(!tables.is_empty());

    let mut all = Goroutines::default();
    for thread in &threads {
        let m = word(&mem, word(&mem, thread.regs[FS_BASE] - 8) + 48);
        let g = word(&mem, m + 184);
        let machine = Machine {
            addr: Addr(m),
            tid: word(&mem, m + 64),
            curg: Addr(g),
            system: stack_of(&mem, word(&mem, m)),
            signal: stack_of(&mem, word(&mem, m + 72)),
            dying: word(&mem, m + 268) & 0xffff_ffff,
            throwing: word(&mem, m + 244) & 0xffff_ffff,
            in_c: false,
            vdso: Saved::default(),
        };
        assert_eq!(machine.tid, u64::from(thread.tid), "m.procid");
        all.machines.push(machine);
        let saved = |pc: u64, sp: u64| Saved {
            pc: Addr(word(&mem, g + pc)),
            sp: Addr(word(&mem, g + sp)),
        };
        if g != 0 && word(&mem, g + 144) & 0xffff_ffff == 2 {
            all.list.push(Goroutine {
                addr: Addr(g),
                id: word(&mem, g + 152),
                status: Status::Running,
                wait_reason: 0,
                stack: stack_of(&mem, g),
                sched: saved(64, 56),
                ctxt: Addr(g + 80),
                syscall: saved(112, 104),
                m: Addr(m),
                gopc: Addr(word(&mem, g + 288)),
                startpc: Addr(word(&mem, g + 304)),
                parent: None,
                waiting: Addr::NIL,
                locked: false,
                panic: Addr::NIL,
                signal: 0,
                sigpc: Addr::NIL,
            });
        }
    }
    let dying = all.dying().expect("a thread stopped the program");
    let g = all.list.iter().find(|g| Some(g.id) == dying.goid).unwrap();
    let unwinder = Unwinder::new(&tables, &all, &threads, core.machine);
    let stack = unwinder.unwind(g);
    assert_eq!(stack.broken, None);
    let functions: Vec<String> = stack
        .frames
        .iter()
        .flat_map(|f| tables.source(&f.func, f.lookup()))
        .map(|s| s.function)
        .collect();
    println!("{functions:#?}");
    let at = |wanted: &str| functions.iter().position(|f| f == wanted);
    let order = [
        at("runtime.sigtramp"),
        at("runtime.systemstack"),
        at("runtime.fatalthrow"),
        at("internal/runtime/maps.fatal"),
        functions
            .iter()
            .position(|f| f.starts_with("main.runFatalWrites")),
        at("runtime.goexit"),
    ];
    assert!(order.iter().all(Option::is_some), "{order:?}");
    assert!(order.is_sorted(), "{order:?}");

    // What the process itself printed of that goroutine, function by function.
    let packed = golden.join(format!("stderr/{name}.txt.zst"));
    let plain = golden.join(format!("stderr/{name}.txt"));
    let text = match std::fs::read(&plain) {
        Ok(text) => text,
        Err(_) => zstd::stream::decode_all(std::fs::File::open(packed).unwrap()).unwrap(),
    };
    let text = String::from_utf8(text).unwrap();
    let head = format!("goroutine {} ", g.id);
    let section = text.split("\n\n").find(|s| s.starts_with(&head)).unwrap();
    let printed: Vec<&str> = section
        .lines()
        .skip(1)
        .filter(|l| !l.starts_with('\t') && !l.starts_with("created by"))
        .map(|l| &l[..l.rfind('(').unwrap()])
        .collect();
    let shown: Vec<&str> = functions.iter().map(String::as_str).collect();
    assert!(printed.len() > 3, "{section}");
    assert!(shown.ends_with(&printed), "{printed:#?}");
}
