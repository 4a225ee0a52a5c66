//! The whole search: package variables, goroutines, finalizers and cleanups, and a sweep for the rest.
//! In: a process, opened. Out: every map in it, each once, with every way it was found.

use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::find::found::Ways;
use crate::find::mark::Unmarked;
use crate::find::specials::push_specials;
use crate::find::stacks::StackRoots;
use crate::find::sweep::sweep;
use crate::find::trace::Tracer;
use crate::maps::reader::MapReader;
use crate::process::threads::Thread;
use crate::runtime::goroutines::Goroutines;
use crate::runtime::modules::Modules;
use crate::runtime::pclntab::PcTables;
use crate::runtime::specials::LateSpecials;

/// What a search is made in.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'s, 'v, 'a> {
    /// Reads maps.
    pub reader: MapReader<'v, 'a>,
    /// The modules.
    pub modules: &'s Modules,
    /// The function tables.
    pub tables: &'s PcTables<'v, 'a>,
    /// The goroutines, if their list could be read.
    pub goroutines: Option<&'s Goroutines>,
    /// The threads in the core.
    pub threads: &'s [Thread],
    /// Finalizers and cleanups.
    pub specials: &'s LateSpecials<'v, 'a>,
}

/// Finds every map of the process.
pub fn find_maps(grounds: &Grounds<'_, '_, '_>, progress: &dyn Progress) -> Found {
    let (mut found, unmarked) = find_maps_unmarked(grounds, progress);
    unmarked.mark(grounds, &mut found, progress);
    found
}

/// The same, but for the mark, which takes as long as the heap is large: who says nothing of the maps that only the
/// sweep found does not need it.
pub fn find_maps_unmarked(
    grounds: &Grounds<'_, '_, '_>,
    progress: &dyn Progress,
) -> (Found, Unmarked) {
    let mut tracer = Tracer::new(grounds.reader, grounds.modules, progress);
    progress.phase("finding maps", None);
    tracer.by(Ways::VARIABLE);
    tracer.push_variables();
    tracer.drain();
    let stacks = StackRoots::follow(grounds, &mut tracer, None, progress);
    push_specials(grounds, &mut tracer);
    let swept = sweep(grounds, &mut tracer, &stacks, progress);
    let unmarked = Unmarked::new(&tracer, swept, stacks.words);
    (tracer.finish(), unmarked)
}

/// Finds the maps that one goroutine's stack and registers lead to, and no others.
pub fn find_maps_of(
    grounds: &Grounds<'_, '_, '_>,
    goroutine: u64,
    progress: &dyn Progress,
) -> Found {
    let mut tracer = Tracer::new(grounds.reader, grounds.modules, progress);
    progress.phase("finding maps", None);
    StackRoots::follow(grounds, &mut tracer, Some(goroutine), progress);
    tracer.finish()
}
