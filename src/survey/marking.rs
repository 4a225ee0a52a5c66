//! Whether it has to be told what holds the maps that only the sweep found, which takes a mark of the whole heap.
//! In: a search's result without it. Out: yes, if something will be said of one of these maps; most are sound.

use crate::base::addr::Addr;
use crate::crash::parties::Around;
use crate::find::found::Found;
use crate::find::found::Ways;
use crate::find::mark::Unmarked;
use crate::maps::reader::Recall;
use crate::survey::brief::is_plain;
use crate::survey::ending::Blame;
use crate::survey::ending::CrashInfo;
use crate::survey::hands::AllHands;
use crate::survey::judge::with_judged;
use crate::survey::session::Session;

/// So many such maps are judged to see whether there is anything to say of them.
const FEW: usize = 1 << 10;

/// Whether one of these maps, or a `sync.Map` like them, will have a row. `asked`: which maps have one in any case.
pub(crate) fn is_due(
    s: &Session<'_, '_>,
    found: &Found,
    unmarked: &Unmarked,
    around: &Around,
    asked: &dyn Fn(Addr) -> bool,
) -> bool {
    let numbers = unmarked.numbers();
    let swept = |ways: Ways| ways.first() == Ways::SWEEP;
    if numbers.is_empty() {
        return false;
    }
    if numbers.len() > FEW || found.sync_maps.iter().any(|m| swept(m.ways)) {
        return true;
    }
    let hands = AllHands::sort(s, found, around);
    let mut recall = Recall::default();
    numbers
        .iter()
        .filter_map(|i| found.maps.get(*i))
        .any(|map| {
            let mut is_odd = || {
                with_judged(s, &hands, &map, &mut recall, |image, verdict| {
                    !is_plain(image, verdict.as_ref())
                })
            };
            asked(map.addr) || found.alternatives.contains_key(&map.addr) || is_odd() == Some(true)
        })
}

/// Whether the crash part names one of these maps.
pub(crate) fn names_one(crash: &CrashInfo, unmarked: &Unmarked) -> bool {
    let blame = crash.blame.as_ref();
    let named = |b: &Blame| {
        b.map
            .iter()
            .chain(&b.candidates)
            .any(|m| unmarked.has(m.addr))
    };
    blame.is_some_and(named)
}
