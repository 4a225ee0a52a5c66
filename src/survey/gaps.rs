//! What keeps a survey from being complete.
//! In: a session and a search's result. Out: words, and how many there would be.

use crate::find::found::Found;
use crate::survey::session::Session;

impl Session<'_, '_> {
    /// Whether neither goroutines nor threads could be read.
    pub(crate) fn goroutines_lost(&self) -> bool {
        self.goroutines
            .as_ref()
            .is_none_or(|g| g.list.is_empty() || g.machines.is_empty())
    }

    /// What could not be bound: without it no map can be proven sound.
    pub(crate) fn unbound_gaps(&self) -> Vec<String> {
        let mut out = self.missing.clone();
        if !self.reader.heap.is_bound() {
            out.push("the allocator's books (runtime.mheap_) could not be bound".to_string());
        }
        if !self.reader.heap.spans().is_complete() {
            out.push("not all of the heap's spans could be read".to_string());
        }
        if !self.specials.get().complete {
            out.push("not all finalizers and cleanups could be read".to_string());
        }
        match &self.goroutines {
            None => {
                out.push("the list of goroutines (runtime.allgs) could not be read".to_string())
            }
            Some(g) if g.unreadable > 0 => {
                out.push(format!("{} goroutines could not be read", g.unreadable));
            }
            Some(_) => {}
        }
        if self.modules.list.is_empty() {
            out.push("runtime.firstmoduledata could not be read".to_string());
        }
        if self.reader.program.index.damaged_units > 0 {
            out.push(format!(
                "{} units of the DWARF are damaged",
                self.reader.program.index.damaged_units
            ));
        }
        out
    }
}

/// What the search could not look at, first ones.
pub(crate) fn find_gaps(s: &Session<'_, '_>, found: &Found) -> Vec<String> {
    let mut out = s.unbound_gaps();
    if let Some((id, why)) = &found.broken_stack {
        let more = match found.broken_stacks.saturating_sub(1) {
            0 => String::new(),
            n => format!(", and {n} more"),
        };
        out.push(format!("the stack of goroutine {id}: {why}{more}"));
    }
    out.extend(
        found
            .gaps
            .iter()
            .map(|f| format!("on the way to maps: {f}")),
    );
    out
}

/// How many of those there would be, were they not cut off.
pub(crate) fn find_gaps_total(s: &Session<'_, '_>, found: &Found) -> u64 {
    found
        .gaps_total
        .saturating_add(s.unbound_gaps().len() as u64)
        .saturating_add(found.broken_stacks)
        .saturating_add(u64::from(found.cut_short))
}
