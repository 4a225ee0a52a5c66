//! Which map a user means.
//! In: an address or an owner path, and all maps. Out: the map, or why there is none.

use crate::base::addr::Addr;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::found::FoundSyncMap;
use crate::survey::error::SurveyError;
use crate::survey::owners::with_paths;
use crate::survey::request::Request;
use crate::survey::request::Target;
use crate::survey::request::ValueMode;
use crate::survey::session::Session;

/// The map a user means: by address, or by owner path in this run's mode or in clear.
pub(crate) fn find_target(
    s: &Session<'_, '_>,
    req: &Request,
    found: &Found,
    target: &Target,
) -> Result<FoundMap, SurveyError> {
    let picked = match target {
        Target::Addr(wanted) => pick(found, |addr, _| addr == *wanted),
        Target::Path(path) => [req.values, ValueMode::Clear]
            .into_iter()
            .find_map(|values| {
                let req = Request {
                    values,
                    ..req.clone()
                };
                with_paths(s, &req, found, |paths, _| {
                    pick(found, |_, node| paths.owner(node) == *path)
                })
            }),
    };
    let why = match picked {
        Some(Picked::Map(map)) => return Ok(map),
        Some(Picked::Sync(m)) if m.image.inner.is_empty() => {
            "it is a sync.Map, which has no buckets to show".into()
        }
        Some(Picked::Sync(m)) => {
            let inner: Vec<String> = m
                .image
                .inner
                .iter()
                .map(|(name, at, _)| format!("{name} at {at}"))
                .collect();
            format!(
                "it is a sync.Map; its inner maps can be shown: {}",
                inner.join(", ")
            )
        }
        None => format!("none of the {} maps found is it", found.maps.len()),
    };
    Err(no_such(target, why))
}

/// What a target turned out to be.
enum Picked<'f> {
    Map(FoundMap),
    Sync(&'f FoundSyncMap),
}

/// The first map, or else `sync.Map`, whose address and node pass the test.
fn pick(found: &Found, test: impl Fn(Addr, u32) -> bool) -> Option<Picked<'_>> {
    let map = found.maps.iter().find(|m| test(m.addr, m.node));
    map.map(Picked::Map).or_else(|| {
        found
            .sync_maps
            .iter()
            .find(|m| test(m.addr, m.node))
            .map(Picked::Sync)
    })
}

pub(crate) fn no_such(target: &Target, found: String) -> SurveyError {
    let target = match target {
        Target::Addr(a) => format!("at {a}"),
        Target::Path(p) => p.clone(),
    };
    SurveyError::NoSuchMap { target, found }
}
