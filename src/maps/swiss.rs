//! Swiss maps: Map, directory, tables and groups become an image.
//! In: memory, the allocator's books, the header's address. Out: a `SwissImage`; gaps for what is absent.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::home::Home;
use crate::base::limits::MAX_DIRECTORY;
use crate::base::limits::MAX_TABLE_CAPACITY;
use crate::maps::headers::SwissFields;
use crate::maps::image::DirEntry;
use crate::maps::image::Directory;
use crate::maps::image::Gaps;
use crate::maps::image::SLOTS;
use crate::maps::image::Shape;
use crate::maps::image::SlotLayout;
use crate::maps::image::Storage;
use crate::maps::image::SwissImage;
use crate::maps::image::SwissMap;
use crate::maps::image::TableImage;
use crate::maps::storage::read_storage;
use crate::process::memory::Memory;
use crate::runtime::heap::Heap;
use std::collections::HashMap;

/// Reads Swiss maps.
pub(crate) struct SwissReader<'r, 'v, 'a> {
    pub(crate) mem: &'r Memory<'a>,
    pub(crate) heap: &'r Heap<'v, 'a>,
    pub(crate) fields: &'r SwissFields,
}

impl<'a> SwissReader<'_, '_, 'a> {
    /// Reads the map whose header is at `addr`. `Err` when not even the header can be read.
    pub(crate) fn read(
        &self,
        addr: Addr,
        slots: &SlotLayout,
        gaps: &mut Gaps,
    ) -> Result<SwissImage<'a>, Fault> {
        let map = self.read_header(addr)?;
        let shape = match u64::try_from(map.dir_len) {
            Ok(0) if map.dir_ptr.is_nil() => Shape::Empty,
            Ok(0) => Shape::Small(self.storage(gaps, "group", map.dir_ptr, slots.size, 1)),
            Ok(len) if len.is_power_of_two() && len <= MAX_DIRECTORY => {
                Shape::Tables(self.read_directory(map.dir_ptr, len, slots, gaps))
            }
            _ => Shape::Nonsense,
        };
        Ok(SwissImage { map, shape })
    }

    fn storage(
        &self,
        gaps: &mut Gaps,
        what: &'static str,
        addr: Addr,
        stride: u64,
        count: u64,
    ) -> Storage<'a> {
        read_storage(
            self.mem,
            gaps,
            what,
            self.heap.home(addr),
            (addr, stride, count),
        )
    }

    pub(crate) fn read_header(&self, addr: Addr) -> Result<SwissMap, Fault> {
        let bytes = self.mem.bytes(addr, self.fields.size)?;
        Ok(self.fields.map(self.mem.abi, &bytes))
    }

    fn read_directory(
        &self,
        addr: Addr,
        len: u64,
        slots: &SlotLayout,
        gaps: &mut Gaps,
    ) -> Directory<'a> {
        let word = self.mem.abi.word();
        let home = self.heap.home(addr);
        let pointers = read_storage(self.mem, gaps, "directory", home, (addr, word, len));
        let mut out = Directory {
            home,
            claimed: len,
            entries: Vec::new(),
            tables: Vec::new(),
        };
        let mut known: HashMap<Addr, u32> = HashMap::new();
        for (i, raw) in pointers.records() {
            // Entries before this one that could not be read.
            while (out.entries.len() as u64) < i {
                out.entries.push(DirEntry::Unread);
            }
            let to = Addr(self.mem.abi.uptr(raw, 0).unwrap_or(0));
            if to.is_nil() {
                out.entries.push(DirEntry::Nil);
                continue;
            }
            let next = u32::try_from(out.tables.len()).unwrap_or(u32::MAX);
            let table = *known.entry(to).or_insert(next);
            if table == next {
                let image = self.read_table(to, i, slots, gaps);
                out.tables.push(image);
            }
            if let Some(t) = usize::try_from(table)
                .ok()
                .and_then(|t| out.tables.get_mut(t))
            {
                t.seen = t.seen.saturating_add(1);
            }
            out.entries.push(DirEntry::Table(table));
        }
        out
    }

    fn read_table(
        &self,
        addr: Addr,
        first: u64,
        slots: &SlotLayout,
        gaps: &mut Gaps,
    ) -> TableImage<'a> {
        let home = self.heap.home(addr);
        let mut out = TableImage {
            addr,
            home,
            first,
            seen: 0,
            header: None,
            groups: None,
        };
        if home.holds(addr, self.fields.table_size) == Some(false) {
            return out;
        }
        let bytes = match self.mem.bytes(addr, self.fields.table_size) {
            Ok(b) => b,
            Err(f) if f.why.is_the_process() => {
                out.home = Home::Unmapped;
                return out;
            }
            Err(fault) => {
                gaps.push("table", fault);
                return out;
            }
        };
        let header = self.fields.table(self.mem.abi, &bytes);
        out.header = Some(header);
        let count = header.length_mask.checked_add(1);
        if header.capacity.is_power_of_two()
            && header.capacity <= MAX_TABLE_CAPACITY
            && let Some(count) =
                count.filter(|c| c.checked_mul(SLOTS) == Some(u64::from(header.capacity)))
        {
            out.groups = Some(self.storage(gaps, "groups", header.groups_data, slots.size, count));
        }
        out
    }
}
