//! Whether two dumps are of one run of a program.
//! In: two sides. Out: yes or no, and what says so.

use crate::diff::pair::is_garbage;
use crate::diff::pair::seed;
use crate::diff::side::Side;
use crate::diff::side::SideMap;

/// Whether both sides are of one process, and why in words. Identities decide where both are there. Where one is
/// missing, pid and build ID must be known and equal, and half of the maps of the side that has fewer (at least one)
/// must be at the same address with the same type and seed on the other.
pub(crate) fn same_process(old: &Side, new: &Side) -> (bool, String) {
    if let (Some(a), Some(b)) = (&old.identity, &new.identity) {
        return if a == b {
            (true, "one process: its identity is the same".to_owned())
        } else {
            (false, "two processes: their identities differ".to_owned())
        };
    }
    let of = |what: &str| {
        (
            false,
            format!("taken for two processes: one has no identity, and {what}"),
        )
    };
    let known = |a: bool, b: bool, what: &str| {
        if a && b {
            format!("the {what} differ")
        } else {
            format!("not both {what} are known")
        }
    };
    let (p, q) = (&old.process, &new.process);
    if p.pid.is_none() || p.pid != q.pid {
        return of(&known(p.pid.is_some(), q.pid.is_some(), "pids"));
    }
    let (id, other) = (&p.core_build_id, &q.core_build_id);
    if id.is_none() || id != other {
        return of(&known(id.is_some(), other.is_some(), "build IDs"));
    }
    let (a, b) = (places(&old.maps), places(&new.maps));
    let agree = common(&a, &b);
    let fewer = a.len().min(b.len());
    let maps = if fewer == 1 { "map" } else { "maps" };
    let agrees = if agree == 1 { "agrees" } else { "agree" };
    let said = format!("{agree} of {fewer} {maps} {agrees} in address, type and seed");
    if agree > 0 && agree.saturating_mul(2) >= fewer {
        (
            true,
            format!("taken for one process: pid and build ID are the same, and {said}"),
        )
    } else {
        of(&format!("only {said}"))
    }
}

type Place<'m> = (u64, &'m str, u64);

fn places(maps: &[SideMap]) -> Vec<Place<'_>> {
    let live = maps.iter().filter(|m| !is_garbage(m));
    let mut out: Vec<Place<'_>> = live
        .filter_map(|m| Some((m.addr.0, &*m.ty, seed(m)?)))
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// How many two sorted lists have in common.
fn common(a: &[Place<'_>], b: &[Place<'_>]) -> usize {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut out = 0usize;
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => {
                a.next();
            }
            std::cmp::Ordering::Greater => {
                b.next();
            }
            std::cmp::Ordering::Equal => {
                out = out.saturating_add(1);
                a.next();
                b.next();
            }
        }
    }
    out
}
