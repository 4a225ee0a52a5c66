//! Every map of a process, one after the other: read, judged, lent to somebody, let go.
//! In: a request. Out: rows with their images, in order of address; memory stays flat however many there are.
//! Over 400 lines: one file for the one walk over all maps.

use crate::base::addr::Addr;
use crate::base::limits::MAX_EXPLAINED;
use crate::base::progress::Progress;
use crate::cause::explain::Cause;
use crate::find::found::Found;
use crate::find::found::FoundMap;
use crate::find::path::Above;
use crate::find::path::Paths;
use crate::find::search::find_maps;
use crate::maps::image::MapImage;
use crate::maps::syncmap::SyncMapImage;
use crate::survey::crash::judge;
use crate::survey::crash::look;
use crate::survey::detail::ContentDigest;
use crate::survey::detail::Digester;
use crate::survey::detail::MapDetail;
use crate::survey::ending::CrashInfo;
use crate::survey::error::SurveyError;
use crate::survey::gaps::find_gaps;
use crate::survey::gaps::find_gaps_total;
use crate::survey::hands::AllHands;
use crate::survey::judge::explain_map;
use crate::survey::judge::for_each_storage;
use crate::survey::judge::map_row;
use crate::survey::owners::with_paths;
use crate::survey::proof::prove_hashes;
use crate::survey::redact::Redactor;
use crate::survey::request::Request;
use crate::survey::request::Target;
use crate::survey::request::ValueMode;
use crate::survey::result::MapRow;
use crate::survey::result::ProcessInfo;
use crate::survey::row;
use crate::survey::session::Session;
use crate::survey::session::with_session;
use crate::survey::sharing::Seen;
use crate::survey::sharing::Sharing;
use crate::survey::target::find_target;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::IntoParallelRefIterator;
use rayon::prelude::ParallelIterator;
use rayon::slice::ParallelSlice;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Maps that are worked on at once.
const AT_ONCE: usize = 2048;
/// Of these, maps that one processor works on.
const GROUP: usize = 64;
/// Bytes that are collected before they are written, of a map that is worked on alone.
const BUFFER: usize = 1 << 16;
/// Bytes of a map beyond which it is worked on alone, where its entries are wanted.
const LARGE: u64 = 1 << 20;

/// A process all of whose maps are found.
pub struct Inspection<'i, 's, 'a> {
    /// What was opened.
    pub process: &'i ProcessInfo,
    /// The same for all dumps of one process.
    pub identity: Option<String>,
    /// How it ended, its cause included.
    pub crash: &'i CrashInfo,
    /// What went wrong while looking for maps, in words.
    pub gaps: Vec<String>,
    /// How many such gaps there were.
    pub gaps_total: u64,
    /// Shows keys and elems.
    pub redactor: &'i Redactor<'i, 's, 'a>,
    req: &'i Request,
    session: &'i Session<'s, 'a>,
    found: &'i Found,
    hands: &'i AllHands,
    paths: &'i Paths<'i, 'i>,
    sharing: Sharing,
    /// What makes digests, one for each map that is worked on.
    digesters: Mutex<Vec<Digester>>,
}

/// One map, for as long as somebody looks at it.
#[derive(Debug)]
pub struct Inspected<'m, 'a> {
    /// As in a list.
    pub row: MapRow,
    /// Its header, and how its slots are used.
    pub detail: MapDetail,
    /// Its image; a `sync.Map` has none.
    pub image: Option<&'m MapImage<'a>>,
    /// What a `sync.Map` holds.
    pub sync: Option<&'m SyncMapImage>,
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
        let mut looked = look(s, req, Some(&found), progress);
        let hands = AllHands::sort(s, &found, &looked.around);
        let sharing = first_look(s, &found, progress);
        Ok(with_paths(s, req, &found, |paths, redactor| {
            let mut all = Inspection {
                process: &s.process,
                identity: s.process.identity.clone(),
                crash: &CrashInfo::default(),
                gaps: find_gaps(s, &found),
                gaps_total: find_gaps_total(s, &found),
                redactor,
                req,
                session: s,
                found: &found,
                hands: &hands,
                paths,
                sharing,
                digesters: Mutex::default(),
            };
            let row = all.row_of_crash(&looked.crash);
            judge(s, &mut looked.crash, &looked.around, row.as_slice());
            all.crash = &looked.crash;
            work(&all)
        }))
    })
}

/// Looks at the header of every map: which storage belongs to more than one. Only maps with tables, and those that
/// name a place that another names too, are read.
fn first_look(s: &Session<'_, '_>, found: &Found, progress: &dyn Progress) -> Sharing {
    progress.phase("looking at maps", Some(found.maps.len() as u64));
    let seen = Seen::new(s.reader.heap);
    numbered(found)
        .filter(|(_, m)| !m.dead)
        .for_each(|(number, m)| {
            let named = named_storage(s, &m).map(|all| all.into_iter().filter(|a| !a.is_nil()));
            // What lies far from the heap may be no storage at all.
            let near = named.is_some_and(|mut all| all.all(|addr| seen.add_near(addr)));
            if !near {
                for_each_storage(s, &m, |addr| seen.add(number, addr));
            }
        });
    seen.sharing(found, |each| {
        for (number, m) in (0u32..).zip(found.maps.iter()) {
            for_each_storage(s, &m, |addr| each(number, addr));
        }
    })
}

/// The maps with their numbers, for all processors.
fn numbered(found: &Found) -> impl ParallelIterator<Item = (u32, FoundMap)> {
    let all = (0..found.maps.len()).into_par_iter();
    all.filter_map(|i| Some((u32::try_from(i).ok()?, found.maps.get(i)?)))
}

/// What the header of a map names as its storage, which may lie nowhere; `None` where tables have more.
fn named_storage(s: &Session<'_, '_>, m: &FoundMap) -> Option<[Addr; 2]> {
    if let Some(h) = s.reader.hmap(m.addr) {
        return Some([h.buckets, h.oldbuckets]);
    }
    let h = s.reader.swiss_map(m.addr)?;
    (h.dir_len == 0).then_some([h.dir_ptr, Addr::NIL])
}

/// Which map: its number among those of the kind.
#[derive(Clone, Copy)]
enum Which {
    Map(u32),
    Sync(usize),
}

impl<'a> Inspection<'_, '_, 'a> {
    /// Maps there are, each `sync.Map` included.
    pub fn maps(&self) -> u64 {
        (self.found.maps.len() as u64).saturating_add(self.found.sync_maps.len() as u64)
    }

    /// The map that is meant, by its address.
    /// # Errors
    /// `NoSuchMap`.
    pub fn find(&self, target: &Target) -> Result<Target, SurveyError> {
        find_target(self.session, self.req, self.found, target).map(|m| Target::Addr(m.addr))
    }

    /// Writes what `render` makes of each map to `out`, in order of address. `render` is called on all processors;
    /// for a map that `wants_entries` and is large it writes straight to `out`.
    /// # Errors
    /// What `render` and `out` say.
    pub fn write_each<W: io::Write + Send>(
        &self,
        out: &mut W,
        progress: &dyn Progress,
        wants_entries: impl Fn(&MapRow) -> bool + Sync,
        render: impl Fn(&Inspected<'_, 'a>, &mut dyn io::Write) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        progress.phase("checking maps", Some(self.maps()));
        let mut done = 0u64;
        let mut to_explain = MAX_EXPLAINED;
        let order = self.in_order();
        let mut before: Option<Vec<io::Result<Group>>> = None;
        // One chunk is packed and written while the next is worked on.
        let chunks = order.chunks(AT_ONCE).map(Some).chain([None]);
        for chunk in chunks {
            let ready = before.take();
            let (written, next) = rayon::join(
                || match ready {
                    Some(groups) => self.put(out, groups, &mut to_explain, &render),
                    None => Ok(()),
                },
                || {
                    let each = |group: &[Which]| self.render(group, &wants_entries, &render);
                    chunk.map(|chunk| chunk.par_chunks(GROUP).map(each).collect())
                },
            );
            written?;
            before = next;
            done = done.saturating_add(chunk.map_or(0, |c| c.len() as u64));
            progress.at(done);
        }
        Ok(())
    }

    /// Writes what was made of some maps, and works on those that want to be alone.
    fn put<W: io::Write>(
        &self,
        out: &mut W,
        groups: Vec<io::Result<Group>>,
        to_explain: &mut usize,
        render: &(impl Fn(&Inspected<'_, 'a>, &mut dyn io::Write) -> io::Result<()> + Sync),
    ) -> io::Result<()> {
        let groups = groups.into_iter().collect::<io::Result<Vec<Group>>>()?;
        let mut causes = self.explain(&groups, to_explain).into_iter();
        for group in groups {
            let mut rest = group.bytes.as_slice();
            let mut written = 0usize;
            for (at, which, later) in group.later {
                let before = rest.split_at_checked(at.saturating_sub(written));
                let (before, behind) = before.unwrap_or((rest, &[]));
                (rest, written) = (behind, at);
                out.write_all(before)?;
                let causes = match later {
                    Later::Broken => causes.next().unwrap_or_default(),
                    Later::Large => Vec::new(),
                };
                self.with_map(which, &mut Above::default(), |mut map| {
                    map.row.causes = causes;
                    let mut buffer = io::BufWriter::with_capacity(BUFFER, &mut *out);
                    render(&map, &mut buffer)?;
                    let rest = buffer.into_inner().map_err(io::IntoInnerError::into_error);
                    rest.map(|_| ())
                })?;
            }
            out.write_all(rest)?;
        }
        Ok(())
    }

    fn in_order(&self) -> Vec<Which> {
        let maps = (0u32..)
            .zip(&self.found.maps)
            .map(|(i, m)| (m.addr, false, Which::Map(i)));
        let sync = self.found.sync_maps.iter().enumerate();
        let sync = sync.map(|(i, m)| (m.addr, true, Which::Sync(i)));
        let mut all: Vec<(Addr, bool, Which)> = maps.chain(sync).collect();
        all.sort_by_key(|(addr, is_sync, _)| (*addr, *is_sync));
        all.into_iter().map(|(_, _, which)| which).collect()
    }

    /// What is written of some maps that follow each other.
    fn render(
        &self,
        maps: &[Which],
        wants_entries: &(impl Fn(&MapRow) -> bool + Sync),
        render: &(impl Fn(&Inspected<'_, 'a>, &mut dyn io::Write) -> io::Result<()> + Sync),
    ) -> io::Result<Group> {
        let mut out = Group::default();
        let mut above = Above::default();
        for which in maps {
            self.with_map(*which, &mut above, |map| {
                let large = map.row.bytes > LARGE && map.image.is_some();
                let later = match map.row.is_broken() {
                    true => Some(Later::Broken),
                    false => (large && wants_entries(&map.row)).then_some(Later::Large),
                };
                match later {
                    None => render(&map, &mut out.bytes),
                    Some(later) => {
                        out.later.push((out.bytes.len(), *which, later));
                        Ok(())
                    }
                }
            })?;
        }
        Ok(out)
    }

    fn map(&self, number: u32) -> Option<FoundMap> {
        self.found.maps.get(usize::try_from(number).ok()?)
    }

    fn shared(&self, number: u32) -> &[(Addr, Addr)] {
        let shared = self.sharing.get(&number);
        shared.map(Vec::as_slice).unwrap_or_default()
    }

    /// Reads and judges a map; nothing is done with one of a type that cannot be read.
    fn with_map(
        &self,
        which: Which,
        above: &mut Above,
        work: impl FnOnce(Inspected<'_, 'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        match which {
            Which::Sync(i) => {
                let Some(map) = self.found.sync_maps.get(i) else {
                    return Ok(());
                };
                let digest = self.digest(|d| ContentDigest::of_sync(&map.image, self.redactor, d));
                let detail = MapDetail {
                    digest,
                    ..MapDetail::default()
                };
                work(Inspected {
                    row: row::sync_row(map, self.paths.owner(map.node)),
                    detail,
                    image: None,
                    sync: Some(&map.image),
                })
            }
            Which::Map(number) => {
                let looked = self.map(number).and_then(|m| {
                    let shared = self.shared(number);
                    let owners = (self.paths, above);
                    map_row(self.session, self.found, self.hands, &m, owners, shared)
                });
                let Some((row, image)) = looked else {
                    return Ok(());
                };
                let mut detail = MapDetail::of(&image);
                detail.digest = self.digest(|d| ContentDigest::of(&image, self.redactor, d));
                work(Inspected {
                    row,
                    detail,
                    image: Some(&image),
                    sync: None,
                })
            }
        }
    }

    /// A digest, if digests are wanted, with a digester that nobody else uses.
    fn digest(
        &self,
        make: impl FnOnce(&mut Digester) -> Option<ContentDigest>,
    ) -> Option<ContentDigest> {
        if self.redactor.mode == ValueMode::None {
            return None;
        }
        let lock = || {
            let digesters = self.digesters.lock();
            digesters.unwrap_or_else(PoisonError::into_inner)
        };
        let free = lock().pop();
        let mut digester = free.unwrap_or_default();
        let digest = make(&mut digester);
        lock().push(digester);
        digest
    }

    /// The causes of the broken maps among these, as far as so many may still be explained.
    fn explain(&self, groups: &[Group], most: &mut usize) -> Vec<Vec<Cause>> {
        let later = groups.iter().flat_map(|g| &g.later);
        let broken: Vec<Which> = later
            .filter(|(_, _, later)| matches!(later, Later::Broken))
            .map(|(_, which, _)| *which)
            .take(*most)
            .collect();
        *most = most.saturating_sub(broken.len());
        broken.par_iter().map(|which| self.causes(*which)).collect()
    }

    fn causes(&self, which: Which) -> Vec<Cause> {
        let Which::Map(number) = which else {
            return Vec::new();
        };
        let causes = self
            .map(number)
            .and_then(|m| explain_map(self.session, self.hands, &m, self.shared(number)));
        causes.unwrap_or_default()
    }

    /// The map the crash is about, with its causes: the crash is judged by it.
    fn row_of_crash(&self, crash: &CrashInfo) -> Option<MapRow> {
        let addr = crash.blame.as_ref()?.map.as_ref()?.addr;
        let (number, map) = (0u32..)
            .zip(&self.found.maps)
            .find(|(_, m)| m.addr == addr)?;
        let shared = self.shared(number);
        let (mut row, _) = map_row(
            self.session,
            self.found,
            self.hands,
            &map,
            (self.paths, &mut Above::default()),
            shared,
        )?;
        if row.is_broken() {
            row.causes = self.causes(Which::Map(number));
        }
        Some(row)
    }
}

/// What became of some maps that follow each other.
#[derive(Default)]
struct Group {
    /// Bytes to be written.
    bytes: Vec<u8>,
    /// Maps that are worked on when those bytes are written: how many of them come before, and why.
    later: Vec<(usize, Which, Later)>,
}

/// Why a map is worked on later.
enum Later {
    /// It is broken: its causes are looked for in order, and only those of the first ones.
    Broken,
    /// It is to be worked on alone.
    Large,
}
