//! How long work tells how far it is.
//! In: phases and counts from the library. Out: whatever the caller makes of them; by default nothing.

/// Receives progress. The library calls it from several threads.
pub trait Progress: Sync {
    /// A phase begins, e.g. `finding maps`, with its size where that is known.
    fn phase(&self, what: &'static str, total: Option<u64>);
    /// `done` units of the phase are done, in all.
    fn at(&self, done: u64);
}

/// Nobody is watching.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &'static str, _: Option<u64>) {}
    fn at(&self, _: u64) {}
}
