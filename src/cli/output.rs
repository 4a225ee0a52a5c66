//! Results on stdout: one locked and buffered writer, and whether it may be coloured.
//! In: a renderer. Out: its bytes, or why they could not be written.

use crate::cli::options::Color;
use std::io;
use std::io::BufWriter;
use std::io::IsTerminal;
use std::io::Write;

/// Bytes collected before they are written.
const BUFFER: usize = 1 << 16;

/// The result could not be written.
#[derive(thiserror::Error, Debug)]
#[error("writing the result")]
pub(super) struct OutputError(#[source] io::Error);

impl OutputError {
    /// Whether the reader has simply gone, as `head` does.
    pub(super) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Lets `render` write the whole result to stdout.
pub(super) fn write_out(
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    render(&mut out)
        .and_then(|()| out.flush())
        .map_err(OutputError)?;
    Ok(())
}

/// Whether results are coloured.
pub(super) fn colored(choice: Color) -> bool {
    colored_on(choice, io::stdout().is_terminal())
}

/// Whether what goes to stderr is coloured.
pub(super) fn colored_stderr(choice: Color) -> bool {
    colored_on(choice, io::stderr().is_terminal())
}

fn colored_on(choice: Color, is_terminal: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && is_welcome(),
    }
}

/// Whether colour is welcome when nobody said so: a terminal, and no wish to the contrary.
pub(super) fn colored_help() -> bool {
    io::stdout().is_terminal() && is_welcome()
}

/// Whether nobody has said that colour is not.
fn is_welcome() -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    unset("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
