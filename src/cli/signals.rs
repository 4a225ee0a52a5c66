//! Ctrl-C and its like: the first one ends the work in good order, the second one at once.
//! In: signals. Out: a flag that the work looks at, and which signal it was.

use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::flag::register;
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::flag::register_usize;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Signals that are caught.
#[derive(Debug)]
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    which: Arc<AtomicUsize>,
}

impl Signals {
    /// Catches them from now on.
    pub(super) fn catch() -> io::Result<Signals> {
        let (stop, seen) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let which = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal finds the flag of the second not yet set.
            register_conditional_shutdown(signal, signal.saturating_add(128), Arc::clone(&seen))?;
            register(signal, Arc::clone(&seen))?;
            register(signal, Arc::clone(&stop))?;
            let number = usize::try_from(signal).unwrap_or(0);
            register_usize(signal, Arc::clone(&which), number)?;
        }
        Ok(Signals { stop, which })
    }

    /// Lets none of them end this process: it is for the one that started it to do so.
    pub(super) fn ignore() -> io::Result<()> {
        let nobody_looks = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            register(signal, Arc::clone(&nobody_looks))?;
        }
        Ok(())
    }

    /// Set by the first signal; the work may set it too, to end itself.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// The number of the signal that was caught.
    pub(super) fn caught(&self) -> Option<u8> {
        let which = self.which.load(Ordering::Relaxed);
        u8::try_from(which).ok().filter(|n| *n > 0)
    }
}
