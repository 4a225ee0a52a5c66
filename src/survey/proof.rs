//! Whether the hashes badmap computes are those of the process: held against maps that the search found.
//! In: a search's result. Out: the map types whose hashes may be believed, told to the `Hashers`.

use crate::base::addr::Addr;
use crate::base::progress::Progress;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::Sure;
use crate::hash::hasher::HasherFact;
use crate::survey::session::Session;
use crate::types::graph::TypeId;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::collections::BTreeMap;
use std::collections::HashSet;

/// Maps of one type that are looked at.
const SAMPLED_MAPS: usize = 16;
/// Keys of one map that are looked at.
const SAMPLED_KEYS: u64 = 32;
/// Keys that must fit, over all types, before a type with nothing but misfits is held against the process.
const ENOUGH: u64 = 16;

/// What a few maps of one type said.
#[derive(Default)]
struct Said {
    /// Maps most of whose keys hash to their marks.
    agree: u64,
    /// Maps with keys of which that is not so.
    disagree: u64,
    /// Keys that fit, in maps that agree.
    fitting: u64,
    /// The hash function is one of the runtime's own, by name.
    is_runtimes: bool,
}

/// Samples every map type, and says which are proven. A type none of whose maps fits may be one that badmap
/// hashes wrongly: it is only believed if the rest of the process shows that the hash itself is right, and
/// either the function is the runtime's own, or there is just one such map.
pub(crate) fn prove_hashes(s: &Session<'_, '_>, found: &Found, progress: &dyn Progress) {
    let mut by_type: BTreeMap<TypeId, Vec<Addr>> = BTreeMap::new();
    let sure = |m: &FoundMap| !m.dead && m.sure == Sure::Typed;
    // Maps of one type are often found one after the other: they are added together.
    let mut run: (TypeId, Vec<Addr>) = (TypeId(0), Vec::new());
    let mut add = |(ty, addrs): &mut (TypeId, Vec<Addr>)| {
        if let Some(slots) = s.reader.slots(*ty).filter(|_| !addrs.is_empty()) {
            by_type.entry(slots.map_type).or_default().append(addrs);
        }
        addrs.clear();
    };
    for m in found.maps.iter().filter(sure) {
        if m.ty != run.0 {
            add(&mut run);
            run.0 = m.ty;
        }
        run.1.push(m.addr);
    }
    add(&mut run);
    progress.phase("proving hashes", None);
    let said: Vec<(TypeId, Said)> = by_type
        .into_iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(ty, maps)| (ty, ask(s, ty, &maps)))
        .collect();
    let fitting: u64 = said.iter().map(|(_, x)| x.fitting).sum();
    let untested = s.reader.hashers.is_untested();
    let plain = s.reader.hashers.is_plain_machine();
    let proven: HashSet<TypeId> = said
        .into_iter()
        .filter(|(_, x)| {
            let sole = x.disagree <= 1 && !untested && plain;
            x.agree > 0 || (fitting >= ENOUGH && (x.is_runtimes || sole))
        })
        .map(|(ty, _)| ty)
        .collect();
    s.reader.hashers.set_proven(proven);
}

fn ask(s: &Session<'_, '_>, ty: TypeId, maps: &[Addr]) -> Said {
    let key_type = s.reader.hashers.key_type(ty);
    let mut out = Said {
        is_runtimes: matches!(&key_type.hasher, HasherFact::Fits(name) if name.starts_with("runtime.")),
        ..Said::default()
    };
    if key_type.plan.is_none() {
        return out;
    }
    let Some(slots) = s.reader.slots(ty) else {
        return out;
    };
    let mut with_keys = 0usize;
    for addr in maps {
        let (right, all) = s.reader.sample_keys(*addr, slots.clone(), SAMPLED_KEYS);
        if all == 0 {
            continue;
        }
        if right.saturating_mul(2) > all {
            out.agree = out.agree.saturating_add(1);
            out.fitting = out.fitting.saturating_add(right);
        } else {
            out.disagree = out.disagree.saturating_add(1);
        }
        with_keys = with_keys.saturating_add(1);
        if with_keys >= SAMPLED_MAPS {
            break;
        }
    }
    out
}
