//! Whether a goroutine hangs in a map.
//! In: what every goroutine is doing to which map. Out: the one that never comes back, and the map.

use crate::base::addr::Addr;
use crate::base::limits::MAX_HANG_MAPS;
use crate::crash::atwork::How;
use crate::crash::atwork::Left;
use crate::crash::atwork::Touch;
use crate::crash::clues::Headers;
use crate::crash::endless;
use crate::crash::parties::Around;
use crate::runtime::goroutines::Status;
use crate::survey::crash::type_of;
use crate::survey::session::Session;
use crate::types::graph::TypeId;
use std::collections::HashMap;
use std::collections::HashSet;

/// The goroutine that is in an operation on a map which can never end, and that map. It runs, or it was
/// stopped on the way and is to run on; one that has only just called the operation tells nothing.
pub(crate) fn hanging(
    s: &Session<'_, '_>,
    around: &Around,
    headers: &Headers<'_, '_, '_>,
) -> Option<(u64, Addr)> {
    let goroutines = s.goroutines.as_ref()?;
    let runs = [Status::Running, Status::Runnable, Status::Preempted];
    let running: HashSet<u64> = goroutines
        .list
        .iter()
        .filter(|g| runs.contains(&g.status))
        .map(|g| g.id)
        .collect();
    let mut looked: HashMap<Addr, bool> = HashMap::new();
    let mut is_endless = |map: Addr, ty: Option<TypeId>| {
        if looked.len() >= MAX_HANG_MAPS && !looked.contains_key(&map) {
            return false;
        }
        *looked
            .entry(map)
            .or_insert_with(|| ty.is_some_and(|ty| endless::is_endless(&s.reader, map, ty)))
    };
    for (id, work) in around.works.iter().filter(|(id, _)| running.contains(id)) {
        let begun = |t: &&Touch| !matches!(t.how, Some(How::Entry | How::Register)) && !t.trie;
        if work.left != Left::No || !work.touches.iter().any(|t| begun(&t)) {
            continue;
        }
        let mut said = work.touches.iter().filter(begun);
        if let Some(touch) = said.find(|t| t.map.is_some()) {
            let map = touch.map.filter(|m| !m.is_nil());
            if let Some(map) = map.filter(|m| is_endless(*m, type_of(s, headers, touch))) {
                return Some((*id, map));
            }
            continue;
        }
        // No frame says which map; one that it has the address of may be it.
        let ty = work.touches.iter().find_map(|t| t.ty);
        let ty = ty.and_then(|t| s.reader.meta.type_at(t));
        for word in work.words.iter().filter(|w| headers.is(**w)) {
            if is_endless(*word, headers.type_of(*word).or(ty)) {
                return Some((*id, *word));
            }
        }
    }
    None
}
