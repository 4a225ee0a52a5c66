//! Reads any map of the process into an image.
//! In: a header's address and the map's type. Out: a `MapImage`; never an error.

use crate::base::addr::Addr;
use crate::maps::classic::ClassicReader;
use crate::maps::image::Body;
use crate::maps::image::Gaps;
use crate::maps::image::MapImage;
use crate::maps::image::SlotLayout;
use crate::maps::layout::Family;
use crate::maps::layout::MapLayouts;
use crate::maps::refs::RefChecker;
use crate::maps::swiss::SwissReader;
use crate::runtime::heap::Heap;
use crate::runtime::program::Program;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::TypeId;
use std::sync::Arc;

/// Reads maps.
#[derive(Clone, Copy, Debug)]
pub struct MapReader<'v, 'a> {
    /// The program.
    pub program: Program<'v, 'a>,
    /// The allocator's books.
    pub heap: &'v Heap<'v, 'a>,
    /// Type descriptors.
    pub meta: &'v TypeMeta<'v, 'a>,
    /// Layouts of headers and slots.
    pub layouts: &'v MapLayouts,
}

impl<'a> MapReader<'_, 'a> {
    /// The slot layout of a map type; `None` when it is no map type that badmap understands.
    pub fn slots(&self, map_type: TypeId) -> Option<Arc<SlotLayout>> {
        self.layouts.slots(self.program.graph, map_type)
    }

    /// Reads the map whose header is at `addr`, references in its entries not looked at.
    pub fn read(&self, addr: Addr, slots: Arc<SlotLayout>) -> MapImage<'a> {
        let (mem, heap) = (self.program.mem, self.heap);
        let mut gaps = Gaps::default();
        let body = match &self.layouts.family {
            Family::Classic { hmap, extra } => ClassicReader {
                mem,
                heap,
                hmap,
                extra,
            }
            .read(addr, &slots, &mut gaps)
            .map(Body::Classic),
            Family::Swiss { map, table, groups } => SwissReader {
                mem,
                heap,
                map,
                table,
                groups,
            }
            .read(addr, &slots, &mut gaps)
            .map(Body::Swiss),
        };
        let body = body.unwrap_or_else(|fault| {
            gaps.push("header", fault);
            Body::Unreadable
        });
        MapImage {
            addr,
            abi: mem.abi,
            slots,
            home: heap.home(addr),
            header_size: self.layouts.family.header_size(),
            body,
            bad_refs: Vec::new(),
            bad_refs_total: 0,
            shared: Vec::new(),
            gaps,
        }
    }

    /// Reads the map with everything the rules want to know.
    pub fn read_for_check(&self, addr: Addr, slots: Arc<SlotLayout>) -> MapImage<'a> {
        let mut image = self.read(addr, slots);
        RefChecker {
            mem: self.program.mem,
            heap: self.heap,
            graph: self.program.graph,
            meta: self.meta,
        }
        .check(&mut image);
        image
    }
}
