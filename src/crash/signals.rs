//! The signals that end a process, in the words of Go's runtime.
//! In: a number from a core's notes or from a goroutine. Out: its name on Linux, and what the runtime
//! prints of it.

/// Name and words of a signal; `None` for real-time signals and nonsense. Source:
/// `runtime/sigtab_linux_generic.go`, `sigtable`, all versions; the numbers are those of amd64, arm64
/// and all others that Go runs on except mips.
fn signal(number: i32) -> Option<(&'static str, &'static str)> {
    Some(match number {
        1 => ("SIGHUP", "terminal line hangup"),
        2 => ("SIGINT", "interrupt"),
        3 => ("SIGQUIT", "quit"),
        4 => ("SIGILL", "illegal instruction"),
        5 => ("SIGTRAP", "trace trap"),
        6 => ("SIGABRT", "abort"),
        7 => ("SIGBUS", "bus error"),
        8 => ("SIGFPE", "floating-point exception"),
        9 => ("SIGKILL", "kill"),
        10 => ("SIGUSR1", "user-defined signal 1"),
        11 => ("SIGSEGV", "segmentation violation"),
        12 => ("SIGUSR2", "user-defined signal 2"),
        13 => ("SIGPIPE", "write to broken pipe"),
        14 => ("SIGALRM", "alarm clock"),
        15 => ("SIGTERM", "termination"),
        16 => ("SIGSTKFLT", "stack fault"),
        17 => ("SIGCHLD", "child status has changed"),
        18 => ("SIGCONT", "continue"),
        19 => ("SIGSTOP", "stop, unblockable"),
        20 => ("SIGTSTP", "keyboard stop"),
        21 => ("SIGTTIN", "background read from tty"),
        22 => ("SIGTTOU", "background write to tty"),
        23 => ("SIGURG", "urgent condition on socket"),
        24 => ("SIGXCPU", "cpu limit exceeded"),
        25 => ("SIGXFSZ", "file size limit exceeded"),
        26 => ("SIGVTALRM", "virtual alarm clock"),
        27 => ("SIGPROF", "profiling alarm clock"),
        28 => ("SIGWINCH", "window size change"),
        29 => ("SIGIO", "i/o now possible"),
        30 => ("SIGPWR", "power failure restart"),
        31 => ("SIGSYS", "bad system call"),
        _ => return None,
    })
}

/// The Linux name of a signal, e.g. `SIGSEGV`.
pub fn signal_name(number: i32) -> Option<&'static str> {
    signal(number).map(|(name, _)| name)
}

/// What the runtime prints when the signal ends the process, e.g. `SIGABRT: abort`.
pub fn signal_words(number: i32) -> String {
    signal(number).map_or_else(
        || format!("signal {number}"),
        |(name, words)| format!("{name}: {words}"),
    )
}
