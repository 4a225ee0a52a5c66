//! References inside live entries that lead nowhere: strings, interfaces, indirect keys and elems.
//! In: an image whose body is read. Out: the bad ones, as facts for the rules that are about them.
//! Over 400 lines in one file: what is wrong with a reference is one case distinction over its kinds.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::home::Home;
use crate::base::limits::MAX_FINDINGS_PER_RULE;
use crate::base::parts::of_parts;
use crate::base::recent::Recent;
use crate::maps::image::BadRef;
use crate::maps::image::BadRefKind;
use crate::maps::image::Gaps;
use crate::maps::image::Half;
use crate::maps::image::MapImage;
use crate::maps::image::SlotOffsets;
use crate::maps::image::Stretch;
use crate::maps::image::slots_of;
use crate::maps::layout::MapLayouts;
use crate::maps::refplan::HalfPlan;
use crate::maps::refplan::Ref;
use crate::maps::refplan::refs_of;
use crate::process::memory::Memory;
use crate::runtime::heap::Heap;
use crate::runtime::homes::Near;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::TypeGraph;

/// Longest string that a 64-bit process can hold: 128 TiB of user address space.
const MAX_STRING: i64 = 1 << 47;

/// Bytes of the first page.
const FIRST_PAGE: u64 = 4096;

/// Looks at every reference of every live entry.
pub(crate) struct RefChecker<'r, 'v, 'a> {
    pub(crate) mem: &'r Memory<'a>,
    pub(crate) heap: &'r Heap<'v, 'a>,
    pub(crate) graph: &'r TypeGraph<'v>,
    pub(crate) layouts: &'r MapLayouts,
    pub(crate) meta: &'r TypeMeta<'v, 'a>,
}

/// What was found in a part of a map.
#[derive(Default)]
struct Found {
    /// The first bad references.
    bad: Vec<BadRef>,
    /// How many there were in all.
    total: u64,
    /// What could not be read.
    gaps: Gaps,
}

impl Found {
    /// Adds what was found in a later part.
    fn append(&mut self, later: Found) {
        let room = MAX_FINDINGS_PER_RULE.saturating_sub(self.bad.len());
        self.bad.extend(later.bad.into_iter().take(room));
        self.total = self.total.saturating_add(later.total);
        self.gaps.append(later.gaps);
    }
}

/// What the first word of an interface says of its data word.
#[derive(Debug)]
struct Said {
    /// Whether the word can be what it should be, as far as that is known.
    plausible: Option<bool>,
    /// Bytes of the value that the data word leads to; 0 where it is the value itself, or where nothing is known.
    size: u64,
    /// Where in the value strings are.
    texts: Vec<u64>,
}

/// By first word, and whether that is a descriptor.
type Words = Recent<(Addr, bool), Said>;

/// What was learned of the process from the entries looked at so far: those of the next map are often alike.
#[derive(Default, Debug)]
pub(crate) struct Recall<'r> {
    words: Words,
    /// Of keys, and of elems.
    near: [Near<'r>; 2],
}

/// What is at hand while entries are looked at.
struct Aids<'g> {
    gaps: &'g mut Gaps,
    words: &'g mut Words,
}

impl<'r> RefChecker<'r, '_, '_> {
    fn said(&self, word: Addr, empty: bool) -> Said {
        let held = self.meta.dynamic(word, empty);
        let held = held.filter(|held| !word.is_nil() && !held.direct);
        let texts = held.map(|held| refs_of(self.graph, held.ty));
        let texts = texts.unwrap_or_default().into_iter();
        Said {
            plausible: self.meta.is_plausible(word, empty),
            size: held.map_or(0, |held| self.graph.get(held.ty).size),
            texts: texts
                .filter_map(|r| match r {
                    Ref::Str { off } => Some(off),
                    _ => None,
                })
                .collect(),
        }
    }

    /// Fills the image's `bad_refs`.
    pub(crate) fn check(&self, image: &mut MapImage<'_>, recall: &mut Recall<'r>) {
        let Some(plans) = self.layouts.refs(self.graph, &image.slots) else {
            return;
        };
        if plans.iter().all(|p| p.refs.is_empty() && !p.indirect) {
            return;
        }
        let mut found = Found {
            gaps: std::mem::take(&mut image.gaps),
            ..Found::default()
        };
        match image.pieces() {
            None => image.for_each_stretch(u64::MAX, |stretch| {
                self.check_stretch(image, plans, &stretch, (&mut found, recall));
            }),
            Some(pieces) => {
                let parts = of_parts(&pieces, |piece| {
                    let (mut found, mut recall) = (Found::default(), Recall::default());
                    for stretch in piece {
                        self.check_stretch(image, plans, stretch, (&mut found, &mut recall));
                    }
                    found
                });
                parts.into_iter().for_each(|part| found.append(part));
            }
        }
        image.gaps = found.gaps;
        image.bad_refs = found.bad;
        image.bad_refs_total = found.total;
    }

    fn check_stretch(
        &self,
        image: &MapImage<'_>,
        plans: &[HalfPlan; 2],
        stretch: &Stretch<'_, '_>,
        (found, recall): (&mut Found, &mut Recall<'r>),
    ) {
        let slots = image.slots.offsets();
        let Found { bad, total, gaps } = found;
        stretch.for_each_unit(|unit| {
            unit.for_each_record(|record| {
                let (_, live) = record.marks(image.abi);
                if self.are_sound(plans, &slots, (record.bytes(), live), recall) {
                    return; // as nearly always
                }
                let Recall { words, near } = &mut *recall;
                let mut aids = Aids { gaps, words };
                for slot in slots_of(live) {
                    for (plan, near) in plans.iter().zip(near.iter_mut()) {
                        let Some(stored) = stored(plan, &slots, record.bytes(), slot) else {
                            continue;
                        };
                        self.check_half(plan, stored, (&mut aids, near), &mut |off, what| {
                            *total = total.saturating_add(1);
                            if bad.len() < MAX_FINDINGS_PER_RULE {
                                bad.push(BadRef {
                                    place: record.place(slot),
                                    half: plan.half,
                                    off,
                                    what,
                                });
                            }
                        });
                    }
                }
            });
        });
    }

    /// Whether a key or elem is a string and nothing else, and its bytes are all of one allocated object: most are.
    #[inline]
    fn is_one_whole_string(&self, plan: &HalfPlan, stored: &[u8], near: &mut Near<'r>) -> bool {
        let (abi, [Ref::Str { off }], false) = (self.mem.abi, plan.refs.as_slice(), plan.indirect)
        else {
            return false;
        };
        let Ok(at) = usize::try_from(*off) else {
            return false;
        };
        let len = abi.int(stored, at.saturating_add(usize::from(abi.ptr_size)));
        let size = len.and_then(|len| u64::try_from(len).ok());
        match (abi.uptr(stored, at), size) {
            (_, Some(0)) => true,
            (Some(data), Some(size)) => {
                let room = self.heap.room(near, Addr(data));
                room.is_some_and(|room| room >= size) && self.mem.is_mapped(Addr(data), size)
            }
            _ => false,
        }
    }

    /// Whether every reference of the live entries of a record leads where it should, as far as that could be looked
    /// at.
    pub(crate) fn are_sound(
        &self,
        plans: &[HalfPlan; 2],
        slots: &SlotOffsets,
        (record, live): (&[u8], u64),
        recall: &mut Recall<'r>,
    ) -> bool {
        let mut gaps = Gaps::default();
        let Recall { words, near } = recall;
        // What keys refer to often lies together, and so does what elems do.
        for (plan, near) in plans.iter().zip(near.iter_mut()) {
            if plan.refs.is_empty() && !plan.indirect {
                continue;
            }
            for slot in slots_of(live) {
                let Some(stored) = stored(plan, slots, record, slot) else {
                    return false;
                };
                if self.is_one_whole_string(plan, stored, near) {
                    continue;
                }
                let (mut sound, gaps) = (true, &mut gaps);
                let mut aids = Aids { gaps, words };
                self.check_half(plan, stored, (&mut aids, near), &mut |_, _| sound = false);
                if !sound || !aids.gaps.is_empty() {
                    return false;
                }
            }
        }
        true
    }

    fn check_half(
        &self,
        plan: &HalfPlan,
        stored: &[u8],
        (aids, near): (&mut Aids<'_>, &mut Near<'r>),
        bad: &mut impl FnMut(u64, BadRefKind),
    ) {
        let (abi, half) = (self.mem.abi, plan.half);
        if !plan.indirect {
            self.check_refs(plan, stored, (aids, near), bad);
            return;
        }
        let ptr = Addr(abi.uptr(stored, 0).unwrap_or(0));
        let lost = BadRefKind::Indirect { ptr };
        if self.heap.home(ptr).holds(ptr, plan.size) == Some(false) {
            return bad(0, lost);
        }
        match self.mem.bytes(ptr, plan.size) {
            Ok(value) => self.check_refs(plan, &value, (aids, near), bad),
            Err(f) if f.why.is_the_process() => bad(0, lost),
            Err(fault) => aids.gaps.push(
                if half == Half::Key {
                    "indirect key"
                } else {
                    "indirect elem"
                },
                fault,
            ),
        }
    }

    fn check_refs(
        &self,
        plan: &HalfPlan,
        value: &[u8],
        (aids, near): (&mut Aids<'_>, &mut Near<'r>),
        bad: &mut impl FnMut(u64, BadRefKind),
    ) {
        let abi = self.mem.abi;
        let word = usize::from(abi.ptr_size);
        for r in &plan.refs {
            let (off, what) = match *r {
                Ref::Str { off } => {
                    let at = usize::try_from(off).unwrap_or(usize::MAX);
                    let data = Addr(abi.uptr(value, at).unwrap_or(0));
                    let len = abi.int(value, at.saturating_add(word)).unwrap_or(0);
                    if len == 0 {
                        continue;
                    }
                    match self.string_fault(near, data, len) {
                        None => continue,
                        Some(what) => (off, what),
                    }
                }
                Ref::Iface { off, empty } => {
                    let at = usize::try_from(off).unwrap_or(usize::MAX);
                    let first = Addr(abi.uptr(value, at).unwrap_or(0));
                    let data = Addr(abi.uptr(value, at.saturating_add(word)).unwrap_or(0));
                    let make = || self.said(first, empty);
                    let Some(said) = aids.words.get((first, empty), make) else {
                        continue;
                    };
                    let what = if said.plausible == Some(false) {
                        Some(BadRefKind::Iface { word: first })
                    } else if said.size > 0 && !self.mem.is_mapped(data, said.size) {
                        Some(BadRefKind::IfaceData { data })
                    } else {
                        self.pointer_fault(near, data, false)
                            .or_else(|| self.inside(near, said, data))
                    };
                    match what {
                        None => continue,
                        Some(what) => (off, what),
                    }
                }
                Ref::Pointer { off, typed } => {
                    let at = usize::try_from(off).unwrap_or(usize::MAX);
                    let ptr = Addr(abi.uptr(value, at).unwrap_or(0));
                    match self.pointer_fault(near, ptr, typed) {
                        None => continue,
                        Some(what) => (off, what),
                    }
                }
                Ref::Slice { off } => {
                    let at = usize::try_from(off).unwrap_or(usize::MAX);
                    let cap = abi.int(value, at.saturating_add(word).saturating_add(word));
                    let data = Addr(abi.uptr(value, at).unwrap_or(0));
                    match self.pointer_fault(near, data, true) {
                        Some(what) if cap != Some(0) => (off, what),
                        _ => continue,
                    }
                }
            };
            let lost = match what {
                BadRefKind::Str { data, len } if len > 0 => Some(data),
                BadRefKind::IfaceData { data } => Some(data),
                BadRefKind::Wild { ptr } => Some(ptr),
                _ => None,
            };
            match lost.filter(|at| self.mem.may_be_left_out(*at)) {
                Some(addr) => aids.gaps.push(
                    "what an entry refers to",
                    Fault {
                        addr,
                        size: 1,
                        why: Why::NotDumped,
                    },
                ),
                None => bad(off, what),
            }
        }
    }

    /// The first bad string inside the value that an interface holds.
    fn inside(&self, near: &mut Near<'r>, said: &Said, data: Addr) -> Option<BadRefKind> {
        if said.texts.is_empty() {
            return None;
        }
        let abi = self.mem.abi;
        let bytes = self.mem.bytes(data, said.size).ok()?;
        said.texts.iter().find_map(|off| {
            let at = usize::try_from(*off).ok()?;
            let data = Addr(abi.uptr(&bytes, at)?);
            let len = abi.int(&bytes, at.checked_add(usize::from(abi.ptr_size))?)?;
            if len == 0 {
                return None;
            }
            self.string_fault(near, data, len)
        })
    }

    /// What is wrong with a string that is not empty.
    fn string_fault(&self, near: &mut Near<'r>, data: Addr, len: i64) -> Option<BadRefKind> {
        let size = len.unsigned_abs();
        if !(0..MAX_STRING).contains(&len) || !self.mem.is_mapped(data, size) {
            return Some(BadRefKind::Str { data, len });
        }
        if self.heap.room(near, data).is_some_and(|room| room >= size) {
            return None;
        }
        let home = self.heap.home(data);
        let whole = match home {
            Home::Object { allocated, .. } => {
                allocated && home.room_at(data).is_some_and(|room| room >= size)
            }
            Home::FreeSpan => false,
            _ => true,
        };
        (!whole).then_some(BadRefKind::StrHome { data, len, home })
    }

    /// What is wrong with a pointer. That one may lead nowhere at all is only said where it is `typed`.
    fn pointer_fault(&self, near: &mut Near<'r>, ptr: Addr, typed: bool) -> Option<BadRefKind> {
        if self.heap.room(near, ptr).is_some() {
            return None;
        }
        match self.heap.home(ptr) {
            home @ (Home::FreeSpan
            | Home::Object {
                allocated: false, ..
            }) => Some(BadRefKind::Freed { ptr, home }),
            // The first page is never mapped: small numbers are marks that programs make of pointers.
            Home::Unmapped if typed && ptr.0 >= FIRST_PAGE && !self.mem.is_mapped(ptr, 1) => {
                Some(BadRefKind::Wild { ptr })
            }
            _ => None,
        }
    }
}

/// The half of an entry that a plan is about.
fn stored<'b>(
    plan: &HalfPlan,
    slots: &SlotOffsets,
    record: &'b [u8],
    slot: u8,
) -> Option<&'b [u8]> {
    match plan.half {
        Half::Key => slots.key(record, slot),
        Half::Elem => slots.elem(record, slot),
    }
}
