//! Every map of a process, one after the other: read, judged, lent to somebody, let go.
//! In: a request. Out: rows with their images, in order of address.

use crate::base::progress::Progress;
use crate::crash::parties::look_around;
use crate::find::found::Found;
use crate::find::path::Paths;
use crate::find::search::find_maps;
use crate::maps::image::MapImage;
use crate::survey::error::SurveyError;
use crate::survey::hands::AllHands;
use crate::survey::judge::map_row;
use crate::survey::judge::sharing;
use crate::survey::owners::with_paths;
use crate::survey::proof::prove_hashes;
use crate::survey::request::Request;
use crate::survey::result::MapRow;
use crate::survey::session::Session;
use crate::survey::session::with_session;
use rayon::prelude::IntoParallelRefIterator;
use rayon::prelude::ParallelIterator;
use std::io;

/// A process all of whose maps are found.
pub struct Inspection<'i, 's, 'a> {
    session: &'i Session<'s, 'a>,
    found: &'i Found,
    hands: &'i AllHands,
    paths: &'i Paths<'i, 'i>,
}

/// One map, for as long as somebody looks at it.
#[derive(Debug)]
pub struct Inspected<'m, 'a> {
    /// As in a list.
    pub row: MapRow,
    /// Its image.
    pub image: Option<&'m MapImage<'a>>,
}

/// Finds every map and lends them to `work`.
/// # Errors
/// Whatever keeps badmap from reading the process, and `Stripped`.
pub fn inspect<R>(
    req: &Request,
    progress: &dyn Progress,
    work: impl FnOnce(&Inspection<'_, '_, '_>) -> R,
) -> Result<R, SurveyError> {
    with_session(req, progress, |s| {
        s.require_types()?;
        let found = find_maps(&s.grounds(), progress);
        prove_hashes(s, &found, progress);
        let around = look_around(&s.grounds(), None, None, progress);
        let hands = AllHands::sort(s, &found, &around);
        Ok(with_paths(s, req, &found, |paths, _| {
            work(&Inspection {
                session: s,
                found: &found,
                hands: &hands,
                paths,
            })
        }))
    })
}

impl<'a> Inspection<'_, '_, 'a> {
    /// Writes what `render` makes of each map to `out`, in order of address.
    /// # Errors
    /// What `render` and `out` say.
    pub fn write_each<W: io::Write>(
        &self,
        out: &mut W,
        _progress: &dyn Progress,
        _wants_entries: impl Fn(&MapRow) -> bool + Sync,
        render: impl Fn(&Inspected<'_, 'a>, &mut dyn io::Write) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let s = self.session;
        let mut storages = Vec::new();
        for (i, m) in (0u32..).zip(&self.found.maps).filter(|(_, m)| !m.dead) {
            if let Some(slots) = s.reader.slots(m.ty) {
                let image = s.reader.read(m.addr, slots);
                image.for_each_storage(|_, addr| storages.push((addr, i)));
            }
        }
        let sharing = sharing(self.found, storages.into_iter());
        let mut order: Vec<_> = (0u32..).zip(&self.found.maps).collect();
        order.sort_by_key(|(_, m)| m.addr);
        let rendered: Vec<io::Result<Vec<u8>>> = order
            .par_iter()
            .map(|(i, m)| {
                let mut out = Vec::new();
                let shared = sharing.get(i).map(Vec::as_slice).unwrap_or_default();
                let looked = map_row(s, self.found, self.hands, m, self.paths, shared);
                if let Some((row, image)) = looked {
                    let image = Some(&image);
                    render(&Inspected { row, image }, &mut out)?;
                }
                Ok(out)
            })
            .collect();
        for bytes in rendered {
            out.write_all(&bytes?)?;
        }
        Ok(())
    }
}
