//! The owner of one map, when nothing else is asked: a search that ends when it meets it.
//! In: a process, opened, and a map's header. Out: what was found up to there; within limits, or not at all.

use crate::base::addr::Addr;
use crate::base::limits::MAX_OWNER_NODES;
use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::find::found::Ways;
use crate::find::search::Grounds;
use crate::find::stacks::StackRoots;
use crate::find::trace::Tracer;

/// Looks for the way to the map at `header`: from package variables first, then from the stack of
/// `goroutine`. `None` when it is not met within the limits, which says nothing of the map.
pub fn find_owner(
    grounds: &Grounds<'_, '_, '_>,
    header: Addr,
    goroutine: Option<u64>,
    progress: &dyn Progress,
) -> Option<Found> {
    let mut tracer = Tracer::new(grounds.reader, grounds.modules, progress);
    tracer.limit(MAX_OWNER_NODES);
    tracer.by(Ways::VARIABLE);
    tracer.push_variables();
    if tracer.drain_until(header) {
        return Some(tracer.finish());
    }
    let mut tracer = Tracer::new(grounds.reader, grounds.modules, progress);
    tracer.limit(MAX_OWNER_NODES);
    StackRoots::follow(grounds, &mut tracer, Some(goroutine?), progress);
    tracer.known.has(header).then(|| tracer.finish())
}
