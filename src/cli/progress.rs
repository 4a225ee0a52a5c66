//! Progress on a terminal's stderr.
//! In: phases and counts from the library. Out: one line that is gone when the work is done.

use crate::base::progress::Progress;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use std::io;
use std::io::IsTerminal;

/// A progress bar, or nothing where stderr is no terminal or the user wants quiet.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub(super) fn new(quiet: bool) -> Bar {
        let seen = !quiet && io::stderr().is_terminal();
        let target = if seen {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        Bar {
            bar: ProgressBar::with_draw_target(None, target),
        }
    }
}

impl Progress for Bar {
    fn phase(&self, what: &'static str, total: Option<u64>) {
        self.bar.set_message(what);
        let template = if total.is_some() {
            "{msg} [{bar:30}] {percent}%"
        } else {
            "{msg} {human_pos}"
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style.progress_chars("=> "));
        self.bar.set_position(0);
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
    }

    fn at(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
