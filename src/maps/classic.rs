//! Classic maps: hmap, buckets, overflow chains, oldbuckets and mapextra become an image.
//! In: memory, the allocator's books, the header's address. Out: a `ClassicImage`; gaps for what is absent.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::base::limits::MAX_B;
use crate::base::limits::MAX_CHAIN;
use crate::base::limits::MAX_OVERFLOW;
use crate::maps::headers::ClassicFields;
use crate::maps::image::BucketArray;
use crate::maps::image::ChainFault;
use crate::maps::image::ChainFaultKind;
use crate::maps::image::ClassicImage;
use crate::maps::image::Gaps;
use crate::maps::image::Hmap;
use crate::maps::image::MIN_B_PREALLOC;
use crate::maps::image::MapExtra;
use crate::maps::image::OverflowBucket;
use crate::maps::image::OverflowList;
use crate::maps::image::Runs;
use crate::maps::image::Seat;
use crate::maps::image::SlotLayout;
use crate::maps::image::Storage;
use crate::maps::storage::read_storage;
use crate::process::memory::Memory;
use crate::runtime::heap::Heap;
use std::collections::HashMap;

/// Reads classic maps.
pub(crate) struct ClassicReader<'r, 'v, 'a> {
    pub(crate) mem: &'r Memory<'a>,
    pub(crate) heap: &'r Heap<'v, 'a>,
    pub(crate) fields: &'r ClassicFields,
}

impl<'a> ClassicReader<'_, '_, 'a> {
    /// Reads the map whose header is at `addr`. `Err` when not even the header can be read.
    pub(crate) fn read(
        &self,
        addr: Addr,
        slots: &SlotLayout,
        gaps: &mut Gaps,
    ) -> Result<ClassicImage<'a>, Fault> {
        let hmap = self.read_header(addr)?;
        let (new_len, old_len) = if hmap.b <= MAX_B {
            (hmap.main_buckets(), hmap.old_buckets())
        } else {
            (None, None)
        };
        let new = self.read_array(hmap.buckets, new_len, slots, hmap.b >= MIN_B_PREALLOC, gaps);
        let old = self.read_array(hmap.oldbuckets, old_len, slots, false, gaps);
        let extra = if hmap.extra.is_nil() {
            None
        } else {
            self.read_extra(hmap.extra, gaps)
        };
        Ok(ClassicImage {
            hmap,
            new,
            old,
            extra,
        })
    }

    pub(crate) fn read_header(&self, addr: Addr) -> Result<Hmap, Fault> {
        let bytes = self.mem.bytes(addr, self.fields.size)?;
        Ok(self.fields.hmap(self.mem.abi, &bytes))
    }

    fn read_array(
        &self,
        addr: Addr,
        len: Option<u64>,
        slots: &SlotLayout,
        prealloc: bool,
        gaps: &mut Gaps,
    ) -> Option<BucketArray<'a>> {
        let len = len.filter(|_| !addr.is_nil())?;
        len.checked_mul(slots.size)?;
        let home = self.heap.home(addr);
        let main = read_storage(self.mem, gaps, "buckets", home, (addr, slots.size, len));
        let starts_here = home.holds(addr, 0) == Some(true);
        let room = home
            .room_at(addr)
            .filter(|_| starts_here)
            .and_then(|r| r.checked_div(slots.size));
        let behind = room
            .and_then(|r| r.checked_sub(len))
            .zip(addr.element(len, slots.size));
        let prealloc = behind.filter(|_| prealloc).map(|(n, at)| {
            // The same object as the main buckets: its home counts from the object's own start.
            let rest = Home::Object {
                start: at,
                size: n.saturating_mul(slots.size),
                allocated: true,
            };
            let mut s = read_storage(
                self.mem,
                gaps,
                "preallocated overflow buckets",
                rest,
                (at, slots.size, n),
            );
            s.home = home;
            s
        });
        let mut array = BucketArray {
            main,
            room,
            prealloc,
            overflow: Vec::new(),
            chain_faults: Vec::new(),
        };
        self.walk_chains(&mut array, slots, gaps);
        Some(array)
    }

    /// Follows every chain of the array. Each bucket is visited once: a second visit is a fault.
    fn walk_chains(&self, array: &mut BucketArray<'a>, slots: &SlotLayout, gaps: &mut Gaps) {
        let Some(overflow_off) = slots.overflow_off.and_then(|o| usize::try_from(o).ok()) else {
            return;
        };
        let main = std::mem::replace(&mut array.main, empty_storage());
        let mut seen: HashMap<Addr, u64> = HashMap::new();
        let in_array = in_array(&main, array.room);
        main.records().for_each(|(chain, bytes)| {
            let mut from = main.record_addr(chain).unwrap_or_default();
            let mut to = Addr(self.mem.abi.uptr(bytes, overflow_off).unwrap_or(0));
            let mut position = 0u32;
            while !to.is_nil() {
                match self.step(&main, in_array, slots, &mut seen, chain, to) {
                    Ok((bytes, seat))
                        if position < MAX_CHAIN && (array.overflow.len() as u64) < MAX_OVERFLOW =>
                    {
                        position = position.saturating_add(1);
                        from = to;
                        to = Addr(self.mem.abi.uptr(&bytes, overflow_off).unwrap_or(0));
                        array.overflow.push(OverflowBucket {
                            chain,
                            position,
                            addr: from,
                            bytes,
                            seat,
                        });
                    }
                    Ok(_) => {
                        array.chain_faults.push(ChainFault {
                            chain,
                            position,
                            from,
                            to,
                            what: ChainFaultKind::TooLong,
                        });
                        break;
                    }
                    Err(what) => {
                        if let ChainFaultKind::Unreadable(fault) = what {
                            gaps.push("overflow bucket", fault);
                        }
                        array.chain_faults.push(ChainFault {
                            chain,
                            position,
                            from,
                            to,
                            what,
                        });
                        break;
                    }
                }
            }
        });
        array.main = main;
    }

    /// Looks at one overflow pointer.
    fn step(
        &self,
        main: &Storage<'a>,
        in_array: Option<AddrRange>,
        slots: &SlotLayout,
        seen: &mut HashMap<Addr, u64>,
        chain: u64,
        to: Addr,
    ) -> Result<(std::borrow::Cow<'a, [u8]>, Seat), ChainFaultKind> {
        let seat = if in_array.is_some_and(|r| r.contains(to)) {
            let off = to.offset_from(main.addr).unwrap_or(0);
            let idx = off.checked_div(slots.size).unwrap_or(0);
            if idx < main.claimed || off.checked_rem(slots.size) != Some(0) {
                return Err(ChainFaultKind::IntoArray);
            }
            Seat::Prealloc(idx)
        } else {
            let home = self.heap.home(to);
            if home.holds(to, slots.size) == Some(false) {
                return Err(ChainFaultKind::Nowhere(home));
            }
            Seat::Elsewhere(home)
        };
        if let Some(other) = seen.insert(to, chain) {
            return Err(if other == chain {
                ChainFaultKind::Cycle
            } else {
                ChainFaultKind::Shared { chain: other }
            });
        }
        match self.mem.bytes(to, slots.size) {
            Ok(bytes) => Ok((bytes, seat)),
            Err(f) if f.why.is_the_process() => Err(ChainFaultKind::Nowhere(Home::Unmapped)),
            Err(f) => Err(ChainFaultKind::Unreadable(f)),
        }
    }

    fn read_extra(&self, addr: Addr, gaps: &mut Gaps) -> Option<MapExtra> {
        let bytes = match self.mem.bytes(addr, self.fields.extra_size) {
            Ok(b) => b,
            Err(fault) => {
                gaps.push("mapextra", fault);
                return None;
            }
        };
        let [overflow, oldoverflow, next_overflow] = self.fields.extra(self.mem.abi, &bytes);
        Some(MapExtra {
            overflow: self.read_list(overflow, "mapextra.overflow", gaps),
            oldoverflow: self.read_list(oldoverflow, "mapextra.oldoverflow", gaps),
            next_overflow,
        })
    }

    /// A `*[]*bmap`; nil is `None`.
    fn read_list(&self, addr: Addr, what: &'static str, gaps: &mut Gaps) -> Option<OverflowList> {
        if addr.is_nil() {
            return None;
        }
        let word = self.mem.abi.word();
        let header = self.mem.bytes(addr, word.saturating_mul(2));
        let header = match header {
            Ok(h) => h,
            Err(fault) => {
                gaps.push(what, fault);
                return Some(OverflowList {
                    addr,
                    claimed: u64::MAX,
                    buckets: Vec::new(),
                });
            }
        };
        let size = usize::from(self.mem.abi.ptr_size);
        let data = Addr(self.mem.abi.uptr(&header, 0).unwrap_or(0));
        let claimed = self.mem.abi.uptr(&header, size).unwrap_or(0);
        let mut out = OverflowList {
            addr,
            claimed,
            buckets: Vec::new(),
        };
        if claimed == 0 || claimed > MAX_OVERFLOW {
            return Some(out);
        }
        match self.mem.bytes(data, claimed.saturating_mul(word)) {
            Ok(b) => {
                out.buckets = b
                    .chunks_exact(size)
                    .filter_map(|w| self.mem.abi.uptr(w, 0))
                    .map(Addr)
                    .collect()
            }
            Err(fault) => gaps.push(what, fault),
        }
        Some(out)
    }
}

/// The addresses of the array's buckets, preallocated ones included where the room is known.
fn in_array(main: &Storage<'_>, room: Option<u64>) -> Option<AddrRange> {
    let buckets = room.unwrap_or(0).max(main.claimed);
    AddrRange::of_size(main.addr, buckets.checked_mul(main.stride)?)
}

fn empty_storage<'a>() -> Storage<'a> {
    Storage {
        addr: Addr::NIL,
        stride: 1,
        claimed: 0,
        count: 0,
        home: Home::Unknown,
        runs: Runs::default(),
    }
}
