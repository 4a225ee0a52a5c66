//! Go's own tracebacks, read from what a dying process wrote to stderr.
//! In: the text. Out: for each goroutine in it the frames, in words and in numbers.

/// A goroutine as the runtime printed it.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    pub id: u64,
    /// Its state or wait reason: the first words in brackets.
    pub state: String,
    pub locked: bool,
    /// It was printed by the thread that ran it, or that had just stopped running it: it cannot have
    /// moved since, for that thread was busy dying.
    pub own: bool,
    pub frames: Vec<Printed>,
    /// Where frames were left out: behind so many, and how many if that was said.
    pub elided: Option<(usize, Option<usize>)>,
    pub created_by: Option<Creator>,
}

/// A frame as the runtime printed it.
#[derive(Clone, PartialEq, Debug)]
pub struct Printed {
    pub function: String,
    pub file: String,
    pub line: u32,
    /// Inlined frames are printed without arguments: `f(...)`.
    pub inlined: bool,
    /// Only frames that are not inlined have them, and only with GOTRACEBACK=crash or system.
    pub regs: Option<Regs>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Regs {
    pub fp: u64,
    pub sp: u64,
    pub pc: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Creator {
    pub function: String,
    pub parent: Option<u64>,
    pub file: String,
    pub line: u32,
}

/// The traces of a text in their order, one goroutine perhaps several times; and the lines inside of
/// traces that could not be read.
pub fn traces(text: &str) -> (Vec<Trace>, Vec<String>) {
    let (mut out, mut odd): (Vec<Trace>, Vec<String>) = (Vec::new(), Vec::new());
    // Behind a line of dashes another thread prints what it was running, and nothing else.
    let mut sections = 0;
    let mut inside = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("-----") {
            sections += 1;
            inside = false;
        } else if let Some(header) = header(line) {
            inside = header.id != 0;
            if inside {
                let own = sections > 0 || out.is_empty();
                out.push(Trace { own, ..header });
            }
        } else if !inside || line.is_empty() {
            inside = false; // registers, messages, `goroutine 0` and `runtime stack:`
        } else if !read_line(out.last_mut().unwrap(), line, lines.peek().copied()) {
            // Registers follow without an empty line.
            inside = false;
            if !is_register(line) {
                odd.push(line.to_owned());
            }
        }
    }
    (out, odd)
}

/// Reads a line of a trace; that with its place, which follows most, was looked at by then.
fn read_line(trace: &mut Trace, line: &str, next: Option<&str>) -> bool {
    if line.starts_with('\t') {
        return true;
    }
    if let Some(by) = line.strip_prefix("created by ") {
        let (function, parent) = match by.split_once(" in goroutine ") {
            Some((f, parent)) => (f, Some(parent.parse().unwrap())),
            None => (by, None),
        };
        let (file, line, _) = place(next.unwrap_or_default()).unwrap();
        trace.created_by = Some(Creator {
            function: function.to_owned(),
            parent,
            file,
            line,
        });
        return true;
    }
    if line.starts_with("...") && line.ends_with("elided...") {
        let words = line.trim_matches('.');
        let n = words.split(' ').next().unwrap();
        trace.elided = Some((trace.frames.len(), n.parse().ok()));
        return true;
    }
    let (Some(function), Some((file, number, regs))) = (
        line.strip_suffix(')').and_then(|l| l.rsplit_once('(')),
        next.and_then(place),
    ) else {
        return false;
    };
    let (name, args) = function;
    trace.frames.push(Printed {
        // Source: `runtime/traceback.go`, `printFuncName`.
        function: if name == "panic" {
            "runtime.gopanic"
        } else {
            name
        }
        .to_owned(),
        file,
        line: number,
        inlined: args == "..." && regs.is_none(),
        regs,
    });
    true
}

/// `goroutine 18 gp=0xc000184380 m=4 mp=0xc00011f108 [chan receive, 2 minutes, locked to thread]:`
fn header(line: &str) -> Option<Trace> {
    let rest = line.strip_prefix("goroutine ")?.strip_suffix("]:")?;
    let (before, state) = rest.split_once('[')?;
    let id = before.split(' ').next()?.parse().ok()?;
    let mut parts = state.split(", ");
    let first = parts.next()?;
    Some(Trace {
        id,
        state: first.trim_end_matches(" (scan)").to_owned(),
        locked: parts.any(|p| p == "locked to thread"),
        own: false,
        frames: Vec::new(),
        elided: None,
        created_by: None,
    })
}

/// `\truntime/proc.go:363 +0xfd fp=0xc000032f88 sp=0xc000032f58 pc=0x43c83d`
fn place(line: &str) -> Option<(String, u32, Option<Regs>)> {
    let line = line.strip_prefix('\t')?;
    let end = [" +0x", " fp=0x"].iter().filter_map(|m| line.find(m)).min();
    let (file, number) = line[..end.unwrap_or(line.len())].rsplit_once(':')?;
    let hex = |name: &str| {
        let digits = line.rsplit_once(&format!(" {name}=0x"))?.1;
        u64::from_str_radix(digits.split(' ').next()?, 16).ok()
    };
    let regs = hex("fp").map(|fp| Regs {
        fp,
        sp: hex("sp").unwrap(),
        pc: hex("pc").unwrap(),
    });
    // Lines below 0 occur in cgo programs; badmap knows of no such line.
    let line: i64 = number.parse().ok()?;
    Some((file.to_owned(), line.max(0) as u32, regs))
}

/// `rax    0x2bf6514`
fn is_register(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let value = words.next().unwrap_or_default();
    name.len() <= 6 && value.starts_with("0x") && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "\
SIGABRT: abort
PC=0x402dce m=0 sigcode=0

goroutine 53 [syscall, 3 minutes]:
main.(*T).nap(0xc000289f80?, {0x496d66, 0x2})
	/a b/zoo/sys.go:72 +0x3b fp=0xc000289f90 sp=0xc000289f60 pc=0x4a143b
...additional frames elided...
created by main.start
	zoo/roots.go:79 +0x19

goroutine 18 [running, locked to thread]:
	goroutine running on other thread; stack unavailable
created by main.start
	zoo/roots.go:80

rax    0x0
";

    const NEW: &str = "\
panic: goroutine 3 [running]: is no header

goroutine 1 gp=0xc0000061c0 m=2 mp=0xc00003e708 [running]:
panic({0x4d5b20?, 0x52ee60?})
	runtime/panic.go:785 +0x132 fp=0xc0000e3720 sp=0xc0000e3678 pc=0x43a0b2
main.fall[...](...)
	zoo/roots_panic.go:119
...1202 frames elided...
runtime.goexit({})
	runtime/asm_amd64.s:1700 +0x1 fp=0xc0000e3fe8 sp=0xc0000e3fe0 pc=0x46f321

goroutine 2 gp=0xc0000068c0 m=nil [force gc (idle)]:
runtime.gopark(0x0?)
	runtime/proc.go:424 +0xce fp=0xc00003ffa8 sp=0xc00003ff88 pc=0x46a5ae
created by runtime.init.7 in goroutine 1
	runtime/proc.go:325 +0x1a

-----

SIGQUIT: quit
PC=0x46f4c3 m=1 sigcode=0

goroutine 0 gp=0xc000006e00 m=1 mp=0xc00003e008 [idle]:
runtime.futex(0x0)
	runtime/sys_linux_amd64.s:557 +0x21 fp=0xc000049e38 sp=0xc000049e30 pc=0x46f4c3

goroutine 7 gp=0xc0000068c0 m=1 mp=0xc00003e008 [running]:
main.spin()
	zoo/spin.go:4 +0x1 fp=0xc00003ffa8 sp=0xc00003ff88 pc=0x46a5ae
rax    0xca
";

    #[test]
    fn go_1_19_prints_no_pointers_and_no_parent() {
        let (traces, odd) = traces(OLD);
        assert_eq!((traces.len(), odd), (2, Vec::new()));
        let first = &traces[0];
        assert_eq!((first.id, first.state.as_str()), (53, "syscall"));
        assert!(first.own && !first.locked);
        assert_eq!(first.elided, Some((1, None)));
        let regs = Regs {
            fp: 0xc0_0028_9f90,
            sp: 0xc0_0028_9f60,
            pc: 0x4a_143b,
        };
        let frame = Printed {
            function: "main.(*T).nap".into(),
            file: "/a b/zoo/sys.go".into(),
            line: 72,
            inlined: false,
            regs: Some(regs),
        };
        assert_eq!(first.frames, [frame]);
        let by = traces[1].created_by.as_ref().unwrap();
        assert_eq!(
            (by.function.as_str(), by.parent, by.line),
            ("main.start", None, 80)
        );
        assert!(traces[1].frames.is_empty() && traces[1].locked && !traces[1].own);
    }

    #[test]
    fn lines_below_0_are_no_lines() {
        let place = place("\tcgo/main.go:-2 +0x1");
        assert_eq!(place, Some(("cgo/main.go".to_owned(), 0, None)));
    }

    #[test]
    fn each_thread_has_its_section() {
        let (traces, odd) = traces(NEW);
        let ids: Vec<_> = traces.iter().map(|t| (t.id, t.own)).collect();
        assert_eq!(
            (ids, odd),
            (vec![(1, true), (2, false), (7, true)], Vec::new())
        );
        let first = &traces[0];
        assert_eq!(first.elided, Some((2, Some(1202))));
        let frames: Vec<_> = first
            .frames
            .iter()
            .map(|f| (f.function.as_str(), f.inlined))
            .collect();
        let want = [
            ("runtime.gopanic", false),
            ("main.fall[...]", true),
            ("runtime.goexit", false),
        ];
        assert_eq!(frames, want);
        assert_eq!(traces[1].state, "force gc (idle)");
        assert_eq!(traces[1].created_by.as_ref().unwrap().parent, Some(1));
    }
}
