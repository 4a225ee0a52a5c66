//! Who is inside an operation on a map, as the stacks tell.
//! In: what the survey saw on them. Out: a fact for the rules on the write flag.

/// A goroutine inside an operation on the map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hand {
    /// Its number.
    pub goroutine: u64,
    /// The function of the runtime that it is in, e.g. `runtime.mapassign_faststr`.
    pub function: String,
    /// It has stopped the program there: it had noticed that somebody else was at work.
    pub throwing: bool,
}

/// All goroutines inside an operation on the map.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Hands {
    /// Every stack was walked to its end, and for every map operation on any of them it is known which map
    /// it is on: who is not listed here is not at work.
    pub complete: bool,
    /// A goroutine is copying it, or into it, which no flag tells.
    pub cloning: bool,
    /// Those that change it.
    pub writers: Vec<Hand>,
    /// Those that look something up or iterate.
    pub readers: Vec<Hand>,
}

impl Hands {
    /// Whether it is certain that nobody changes the map.
    pub fn is_nobody_writing(&self) -> bool {
        self.complete && self.writers.is_empty() && !self.cloning
    }
}
