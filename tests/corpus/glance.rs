//! What is told of most maps at a glance, against what the rules say of their images.
//! In: a core. Out: where the commands that look at most maps only for a moment say something else than a survey, for
//! which every map is made an image.

use crate::corpus::compare::request;
use crate::corpus::files::CoreFiles;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::survey::exit::totals;
use badmap::survey::result::MapRow;
use badmap::survey::run::check;
use badmap::survey::run::list;
use badmap::survey::run::survey;
use std::collections::HashMap;

#[derive(Default)]
pub struct Glanced {
    pub maps: usize,
    pub failures: Vec<String>,
}

/// Holds `list`, `list --no-check` and `check` against a survey.
pub fn glance_at(files: &CoreFiles) -> Glanced {
    let req = request(files);
    let mut out = Glanced::default();
    let images = match survey(&req, &Silent) {
        Ok(survey) => survey,
        Err(e) => {
            out.failures.push(format!("cannot be read: {e}"));
            return out;
        }
    };
    let by_map: HashMap<(Addr, &str), &MapRow> =
        images.maps.iter().map(|r| ((r.addr, r.kind), r)).collect();
    out.maps = images.maps.len();
    for judged in [true, false] {
        let mut rows = 0;
        let listed = list(&req, judged, &Silent, |_, all| {
            let numbers: Vec<u32> = (0..).take(all.count()).collect();
            all.each(&numbers, true, &mut |_, row| {
                rows += 1;
                let image = by_map.get(&(row.addr, row.kind));
                let (image, glance) = (image.map(|i| told(i, judged)), Some(told(row, judged)));
                if image != glance {
                    out.failures
                        .push(format!("listed as {glance:?}, its image says {image:?}"));
                }
            });
        });
        if let Err(e) = listed {
            out.failures.push(format!("cannot be listed: {e}"));
        }
        if rows != out.maps {
            out.failures
                .push(format!("{rows} of {} maps are listed", out.maps));
        }
    }
    match check(&req, &Silent).map(|checked| totals(&checked)) {
        Ok(told) if told == totals(&images) => {}
        told => out
            .failures
            .push(format!("{told:?}, by images {:?}", totals(&images))),
    }
    out
}

/// All that is said of a map; of one that is not judged, only what its header and storage say.
fn told(row: &MapRow, judged: bool) -> String {
    let mut row = row.clone();
    row.hands.complete = false; // of a row without any it says nothing
    if !judged {
        row.verdict = None;
        row.causes.clear();
        row.hands = Default::default();
        row.holder.clear();
        row.gaps.clear();
        row.gaps_total = 0;
    }
    format!("{row:?}")
}
