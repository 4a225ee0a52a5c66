//! The whole way once: open, find, read, check, name.
//! In: a request. Out: the results of each command, ready to be rendered.

use crate::base::addr::Addr;
use crate::base::progress::Progress;
use crate::crash::parties::Around;
use crate::crash::parties::look_around;
use crate::find::found::Found;
use crate::find::path::Above;
use crate::find::search::find_maps;
use crate::find::search::find_maps_of;
use crate::find::search::find_maps_unmarked;
use crate::survey::crash::ending;
use crate::survey::crash::judge;
use crate::survey::crash::look;
use crate::survey::detail::MapDetail;
use crate::survey::ending::CrashInfo;
use crate::survey::error::SurveyError;
use crate::survey::gaps::find_gaps;
use crate::survey::gaps::find_gaps_total;
use crate::survey::hands::AllHands;
use crate::survey::judge::explain_map;
use crate::survey::judge::judge_one;
use crate::survey::judge::map_row;
use crate::survey::judge::shared_with;
use crate::survey::judge_all::Judged;
use crate::survey::judge_all::Keep;
use crate::survey::judge_all::judge_all;
use crate::survey::listing::BriefRows;
use crate::survey::listing::Rows;
use crate::survey::lookup::lookup;
use crate::survey::marking::is_due;
use crate::survey::marking::names_one;
use crate::survey::owners::with_paths;
use crate::survey::proof::prove_hashes;
use crate::survey::request::Request;
use crate::survey::request::Target;
use crate::survey::request::Window;
use crate::survey::result::GoroutineList;
use crate::survey::result::MapRow;
use crate::survey::result::ProcessInfo;
use crate::survey::result::Shown;
use crate::survey::result::Survey;
use crate::survey::result::Totals;
use crate::survey::session::Session;
use crate::survey::session::with_session;
use crate::survey::show;
use crate::survey::stacks::goroutine_rows;
use crate::survey::target::find_target;
use crate::survey::target::no_such;
use crate::types::graph::TypeId;
use std::collections::HashMap;

/// Bytes of an elem or key shown in a listing of entries.
const ENTRY_TEXT: usize = 200;

/// How many threads badmap uses; to be called once, before anything else. Does nothing later.
pub fn set_jobs(n: usize) {
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build_global();
}

/// What was opened, and how the process ended. No map is looked for.
/// # Errors
/// Whatever keeps badmap from reading the process.
pub fn info(
    req: &Request,
    progress: &dyn Progress,
) -> Result<(ProcessInfo, CrashInfo), SurveyError> {
    with_session(req, progress, |s| Ok((s.process.clone(), ending(s, req))))
}

/// The goroutines and their stacks; of one goroutine only, if `only` names it. No map is looked for.
/// # Errors
/// Whatever keeps badmap from reading the process, and `NoSuchGoroutine`.
pub fn goroutines(
    req: &Request,
    only: Option<u64>,
    progress: &dyn Progress,
) -> Result<GoroutineList, SurveyError> {
    with_session(req, progress, |s| {
        if let Some(id) = only {
            s.require_goroutine(id)?;
        }
        let goroutines = goroutine_rows(s, only, progress);
        let mut gaps = s.missing.clone();
        if s.goroutines.is_none() {
            gaps.push("the list of goroutines (runtime.allgs) could not be read".to_string());
        }
        if s.tables.is_empty() {
            gaps.push("the function tables (pclntab) could not be read".to_string());
        }
        Ok(GoroutineList {
            process: s.process.clone(),
            crash: ending(s, req),
            goroutines,
            unreadable: s.goroutines.as_ref().map_or(0, |g| g.unreadable),
            gaps,
        })
    })
}

/// Finds and checks every map; each has a row.
/// # Errors
/// Whatever keeps badmap from reading the process, and `Stripped`.
pub fn survey(req: &Request, progress: &dyn Progress) -> Result<Survey, SurveyError> {
    with_session(req, progress, |s| {
        s.require_types()?;
        Ok(survey_all(s, req, &|_| true, progress))
    })
}

/// Finds every map, checks them if that is wanted, and lends them to `work`, to be listed. The survey beside them has
/// the rows of none.
/// # Errors
/// Whatever keeps badmap from reading the process, and `Stripped`.
pub fn list<R>(
    req: &Request,
    check: bool,
    progress: &dyn Progress,
    work: impl FnOnce(&Survey, &dyn Rows) -> R,
) -> Result<R, SurveyError> {
    with_session(req, progress, |s| {
        s.require_types()?;
        let found = find_maps(&s.grounds(), progress);
        let (keep, around) = match check {
            true => {
                prove_hashes(s, &found, progress);
                (Keep::Brief, look_around(&s.grounds(), None, None, progress))
            }
            false => (Keep::Unjudged, Around::default()),
        };
        let judged = judge_all(s, req, &found, &around, keep, progress);
        let survey = survey_of(s, &found, CrashInfo::default(), Judged::default());
        Ok(with_paths(s, req, &found, |paths, _| {
            let rows = BriefRows {
                reader: &s.reader,
                found: &found,
                paths,
                judged,
                with_verdicts: check,
            };
            work(&survey, &rows)
        }))
    })
}

/// The same, but only maps of which there is more to say than that they are sound have rows. Of a process without
/// DWARF it tells the crash, and checks no other map.
/// # Errors
/// Whatever keeps badmap from reading the process.
pub fn check(req: &Request, progress: &dyn Progress) -> Result<Survey, SurveyError> {
    with_session(req, progress, |s| {
        Ok(if s.typed {
            survey_all(s, req, &|_| false, progress)
        } else {
            crash_of(s, req, progress)
        })
    })
}

fn survey_all(
    s: &Session<'_, '_>,
    req: &Request,
    wanted: &(dyn Fn(Addr) -> bool + Sync),
    progress: &dyn Progress,
) -> Survey {
    let (mut found, unmarked) = find_maps_unmarked(&s.grounds(), progress);
    prove_hashes(s, &found, progress);
    let mut looked = look(s, req, Some(&found), progress);
    let blamed = map_of(&looked.crash);
    let asked = |addr| wanted(addr) || Some(addr) == blamed;
    let named = names_one(&looked.crash, &unmarked);
    let marked = named || is_due(s, &found, &unmarked, &looked.around, &asked);
    if marked {
        unmarked.mark(&s.grounds(), &mut found, progress);
    }
    if named {
        looked = look(s, req, Some(&found), progress);
    }
    let keep = Keep::Odd(&asked);
    let mut judged = judge_all(s, req, &found, &looked.around, keep, progress);
    if !marked && judged.rows.iter().any(|row| unmarked.has(row.addr)) {
        // That maps share storage is seen only now.
        unmarked.mark(&s.grounds(), &mut found, progress);
        judged = judge_all(s, req, &found, &looked.around, keep, progress);
    }
    judge(s, &mut looked.crash, &looked.around, &judged.rows);
    survey_of(s, &found, looked.crash, judged)
}

/// The map that the crash is about, if that is known.
fn map_of(crash: &CrashInfo) -> Option<Addr> {
    Some(crash.blame.as_ref()?.map.as_ref()?.addr)
}

/// The crash part alone: the message, its map, who else had to do with it. Of the maps, only that one is
/// checked, and only if it is not large.
/// # Errors
/// Whatever keeps badmap from reading the process.
pub fn crash(req: &Request, progress: &dyn Progress) -> Result<Survey, SurveyError> {
    with_session(req, progress, |s| Ok(crash_of(s, req, progress)))
}

fn crash_of(s: &Session<'_, '_>, req: &Request, progress: &dyn Progress) -> Survey {
    let mut looked = look(s, req, None, progress);
    let row = looked.map.and_then(|(addr, ty)| {
        let owner = looked.crash.blame.as_ref()?.map.as_ref()?.owner.clone();
        judge_one(s, addr, ty, owner, &looked.around, progress)
    });
    let maps: Vec<MapRow> = row.into_iter().collect();
    judge(s, &mut looked.crash, &looked.around, &maps);
    let unlooked = "other maps were not looked for: that needs an unstripped binary";
    let find_gaps: Vec<String> = (!s.typed)
        .then(|| unlooked.to_owned())
        .into_iter()
        .collect();
    Survey {
        process: s.process.clone(),
        crash: looked.crash,
        maps,
        rest: Totals::default(),
        find_gaps_total: find_gaps.len() as u64,
        find_gaps,
    }
}

/// The same, but only the maps that one goroutine's stack and registers lead to, each with the way
/// from there as its owner.
/// # Errors
/// Whatever keeps badmap from reading the process, and `NoSuchGoroutine`.
pub fn survey_goroutine(
    req: &Request,
    goroutine: u64,
    progress: &dyn Progress,
) -> Result<Survey, SurveyError> {
    with_session(req, progress, |s| {
        s.require_types()?;
        s.require_goroutine(goroutine)?;
        let found = find_maps(&s.grounds(), progress);
        prove_hashes(s, &found, progress);
        let mut looked = look(s, req, Some(&found), progress);
        let held = find_maps_of(&s.grounds(), goroutine, progress);
        let ways: HashMap<(Addr, bool), u32> = held
            .maps
            .iter()
            .map(|m| ((m.addr, false), m.node))
            .chain(held.sync_maps.iter().map(|m| ((m.addr, true), m.node)))
            .collect();
        let blamed = map_of(&looked.crash);
        let asked = |addr| ways.contains_key(&(addr, false)) || Some(addr) == blamed;
        let keep = Keep::Odd(&asked);
        let mut judged = judge_all(s, req, &found, &looked.around, keep, progress);
        judge(s, &mut looked.crash, &looked.around, &judged.rows);
        judged.rest = Totals::default();
        with_paths(s, req, &held, |paths, _| {
            judged
                .rows
                .retain_mut(|row| match ways.get(&(row.addr, row.kind == "syncmap")) {
                    Some(node) => {
                        row.owner = paths.owner(*node);
                        true
                    }
                    None => false,
                });
        });
        Ok(survey_of(s, &found, looked.crash, judged))
    })
}

fn survey_of(s: &Session<'_, '_>, found: &Found, crash: CrashInfo, judged: Judged) -> Survey {
    Survey {
        process: s.process.clone(),
        crash,
        maps: judged.rows,
        rest: judged.rest,
        find_gaps: find_gaps(s, found),
        find_gaps_total: find_gaps_total(s, found),
    }
}

/// Shows one map down to its slots.
/// # Errors
/// Whatever keeps badmap from reading the process, `NoSuchMap`, and `BadKey`.
pub fn show(
    req: &Request,
    target: &Target,
    parts: Window,
    entries: Option<Window>,
    key: Option<&str>,
    progress: &dyn Progress,
) -> Result<Shown, SurveyError> {
    with_session(req, progress, |s| {
        s.require_types()?;
        let found = find_maps(&s.grounds(), progress);
        prove_hashes(s, &found, progress);
        let around = look_around(&s.grounds(), None, None, progress);
        let hands = AllHands::sort(s, &found, &around);
        let map = find_target(s, req, &found, target)?;
        with_paths(s, req, &found, |paths, redactor| {
            let shared = shared_with(s, &found, &map);
            let owners = (paths, &mut Above::default());
            let Some((mut row, image)) = map_row(s, &found, &hands, &map, owners, &shared) else {
                return Err(no_such(
                    target,
                    "its type is not one badmap can read".into(),
                ));
            };
            if row.is_broken() {
                row.causes = explain_map(s, &hands, &map, &shared).unwrap_or_default();
            }
            let (part_list, parts_total) = show::parts(&image, parts);
            let mut render = |e: &crate::maps::image::EntryRef<'_>| {
                let half = |ty: TypeId, stored: &[u8], indirect: bool| {
                    if indirect {
                        let at = Addr(image.abi.uptr(stored, 0).unwrap_or(0));
                        redactor.show_at(ty, at)
                    } else {
                        redactor.show(ty, stored, ENTRY_TEXT)
                    }
                };
                let l = &image.slots;
                (
                    half(l.key, e.key, l.indirect_key),
                    half(l.elem, e.elem, l.indirect_elem),
                )
            };
            let lookup = key
                .map(|text| lookup(s, &image, text, &mut render))
                .transpose()
                .map_err(|why| SurveyError::BadKey {
                    map: row.ty.clone(),
                    why,
                })?;
            let none = Window {
                offset: 0,
                limit: 0,
            };
            let (entry_list, entries_total) =
                show::entries(&image, entries.unwrap_or(none), &mut render);
            Ok(Shown {
                process: s.process.clone(),
                header: show::header(&MapDetail::of(&image).header),
                row,
                parts: part_list,
                parts_total,
                entries: entry_list,
                entries_total,
                lookup,
            })
        })
    })
}

impl Session<'_, '_> {
    fn require_goroutine(&self, id: u64) -> Result<(), SurveyError> {
        let list = self.goroutines.as_ref().map_or([].as_slice(), |g| &g.list);
        if list.iter().any(|g| g.id == id) {
            return Ok(());
        }
        Err(SurveyError::NoSuchGoroutine {
            id,
            live: list.len(),
            unreadable: self.goroutines.as_ref().map(|g| g.unreadable),
        })
    }
}
